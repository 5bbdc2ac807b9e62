//! Signatures.

use super::construct::construct;
use super::operate as op;
use crate::Base::{
    Bool, Date, Daterange, Int4, Int4range, Int8, Int8range, Numeric, Numrange, Text, Timestamp, Timestamptz, Tsrange,
    Tstzrange,
};
use crate::Implementation::{Rust, Typed};
use crate::Kind::{AnyElement, AnyRange, Is};
use crate::{Base, Function, Implementation, Kind, Operator};

pub(crate) const OPERATORS: &[Operator] = &[
    Operator::binary("@>", AnyRange, AnyRange, Is(Bool), Typed(op::contains)),
    Operator::binary("@>", AnyRange, AnyElement, Is(Bool), Typed(op::contains_element)),
    Operator::binary("<@", AnyRange, AnyRange, Is(Bool), Typed(op::contained)),
    Operator::binary("<@", AnyElement, AnyRange, Is(Bool), Typed(op::element_contained)),
    Operator::binary("&&", AnyRange, AnyRange, Is(Bool), Typed(op::overlaps)),
    Operator::binary("<<", AnyRange, AnyRange, Is(Bool), Typed(op::left_of)),
    Operator::binary(">>", AnyRange, AnyRange, Is(Bool), Typed(op::right_of)),
    Operator::binary("&<", AnyRange, AnyRange, Is(Bool), Typed(op::not_right_of)),
    Operator::binary("&>", AnyRange, AnyRange, Is(Bool), Typed(op::not_left_of)),
    Operator::binary("-|-", AnyRange, AnyRange, Is(Bool), Typed(op::adjacent)),
    Operator::binary("+", AnyRange, AnyRange, AnyRange, Typed(op::union)),
    Operator::binary("-", AnyRange, AnyRange, AnyRange, Typed(op::difference)),
    Operator::binary("*", AnyRange, AnyRange, AnyRange, Typed(op::intersection)),
];

const fn constructor(name: &'static str, args: &'static [Kind], range: Base) -> Function {
    Function::new(name, args, Is(range), Typed(construct)).optional(1).called_on_null()
}

const fn question(name: &'static str, code: Implementation) -> Function {
    Function::new(name, &[AnyRange], Is(Bool), code)
}

pub(crate) const FUNCTIONS: &[Function] = &[
    constructor("int4range", &[Is(Int4), Is(Int4), Is(Text)], Int4range),
    constructor("int8range", &[Is(Int8), Is(Int8), Is(Text)], Int8range),
    constructor("numrange", &[Is(Numeric), Is(Numeric), Is(Text)], Numrange),
    constructor("daterange", &[Is(Date), Is(Date), Is(Text)], Daterange),
    constructor("tsrange", &[Is(Timestamp), Is(Timestamp), Is(Text)], Tsrange),
    constructor("tstzrange", &[Is(Timestamptz), Is(Timestamptz), Is(Text)], Tstzrange),
    Function::new("lower", &[AnyRange], AnyElement, Typed(op::lower)),
    Function::new("upper", &[AnyRange], AnyElement, Typed(op::upper)),
    question("isempty", Rust(op::is_empty_range)),
    question("lower_inc", Rust(op::lower_inclusive)),
    question("upper_inc", Rust(op::upper_inclusive)),
    question("lower_inf", Rust(op::lower_infinite)),
    question("upper_inf", Rust(op::upper_infinite)),
    Function::new("range_merge", &[AnyRange, AnyRange], AnyRange, Typed(op::merge)),
    // What the operators stand for, under the names that PostgreSQL has for them.
    Function::new("range_contains", &[AnyRange, AnyRange], Is(Bool), Typed(op::contains)),
    Function::new("range_contained_by", &[AnyRange, AnyRange], Is(Bool), Typed(op::contained)),
    Function::new("range_overlaps", &[AnyRange, AnyRange], Is(Bool), Typed(op::overlaps)),
    Function::new("range_adjacent", &[AnyRange, AnyRange], Is(Bool), Typed(op::adjacent)),
];
