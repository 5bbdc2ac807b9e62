//! Signatures.

use super::{distance, edit};
use crate::Base::{Float8, Int4, Vector};
use crate::Implementation::Rust;
use crate::Kind::Is;
use crate::{Function, Operator};

pub(crate) const OPERATORS: &[Operator] = &[
    Operator::binary("<->", Is(Vector), Is(Vector), Is(Float8), Rust(distance::l2)),
    Operator::binary("<#>", Is(Vector), Is(Vector), Is(Float8), Rust(distance::negative_inner_product)),
    Operator::binary("<=>", Is(Vector), Is(Vector), Is(Float8), Rust(distance::cosine)),
    Operator::binary("<+>", Is(Vector), Is(Vector), Is(Float8), Rust(distance::l1)),
    Operator::binary("+", Is(Vector), Is(Vector), Is(Vector), Rust(edit::add)),
    Operator::binary("-", Is(Vector), Is(Vector), Is(Vector), Rust(edit::subtract)),
    Operator::binary("*", Is(Vector), Is(Vector), Is(Vector), Rust(edit::multiply)),
    Operator::binary("||", Is(Vector), Is(Vector), Is(Vector), Rust(edit::concat)),
];

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("l2_distance", &[Is(Vector), Is(Vector)], Is(Float8), Rust(distance::l2)),
    Function::new("l1_distance", &[Is(Vector), Is(Vector)], Is(Float8), Rust(distance::l1)),
    Function::new("inner_product", &[Is(Vector), Is(Vector)], Is(Float8), Rust(distance::inner_product)),
    Function::new("cosine_distance", &[Is(Vector), Is(Vector)], Is(Float8), Rust(distance::cosine)),
    Function::new("vector_dims", &[Is(Vector)], Is(Int4), Rust(edit::dimensions)).leakproof(),
    Function::new("vector_norm", &[Is(Vector)], Is(Float8), Rust(distance::norm)).leakproof(),
    Function::new("l2_normalize", &[Is(Vector)], Is(Vector), Rust(edit::normalize)),
    Function::new("subvector", &[Is(Vector), Is(Int4), Is(Int4)], Is(Vector), Rust(edit::part)),
];
