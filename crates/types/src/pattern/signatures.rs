//! Signatures.

use super::functions;
use crate::Base::{Bool, Bpchar, Bytea, Int4, Text};
use crate::Implementation::Rust;
use crate::Kind::{ArrayOf, Is};
use crate::{Function, Kind, Operator, SetFunction};

const TEXT: Kind = Is(Text);
const INT: Kind = Is(Int4);

macro_rules! operator {
    ($name:literal, $code:expr) => {
        Operator::binary($name, TEXT, TEXT, Is(Bool), Rust($code))
    };
    // A `character` is matched with its padding.
    (padded $name:literal, $code:expr) => {
        Operator::binary($name, Is(Bpchar), TEXT, Is(Bool), Rust($code))
    };
}

pub(crate) const OPERATORS: &[Operator] = &[
    operator!(padded "~~", functions::like),
    operator!(padded "!~~", functions::not_like),
    operator!(padded "~~*", functions::ilike),
    operator!(padded "!~~*", functions::not_ilike),
    operator!(padded "~", functions::matches),
    operator!(padded "!~", functions::matches_not),
    operator!(padded "~*", functions::imatches),
    operator!(padded "!~*", functions::imatches_not),
    operator!("~~", functions::like),
    operator!("!~~", functions::not_like),
    Operator::binary("~~", Is(Bytea), Is(Bytea), Is(Bool), Rust(functions::like_bytes)),
    Operator::binary("!~~", Is(Bytea), Is(Bytea), Is(Bool), Rust(functions::not_like_bytes)),
    operator!("~~*", functions::ilike),
    operator!("!~~*", functions::not_ilike),
    operator!("~", functions::matches),
    operator!("!~", functions::matches_not),
    operator!("~*", functions::imatches),
    operator!("!~*", functions::imatches_not),
];

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("like", &[TEXT, TEXT], Is(Bool), Rust(functions::like)),
    Function::new("notlike", &[TEXT, TEXT], Is(Bool), Rust(functions::not_like)),
    Function::new("ilike", &[TEXT, TEXT], Is(Bool), Rust(functions::ilike)),
    Function::new("like_escape", &[TEXT, TEXT], TEXT, Rust(functions::like_escape)),
    Function::new("similar_to_escape", &[TEXT, TEXT], TEXT, Rust(functions::similar_to_escape)).optional(1),
    Function::new("substring", &[TEXT, TEXT], TEXT, Rust(functions::substring)),
    Function::new("substring", &[TEXT, TEXT, TEXT], TEXT, Rust(functions::substring_similar)).called_on_null(),
    Function::new("regexp_like", &[TEXT, TEXT, TEXT], Is(Bool), Rust(functions::regexp_like)).optional(1),
    Function::new("regexp_match", &[TEXT, TEXT, TEXT], ArrayOf(Text), Rust(functions::regexp_match)).optional(1),
    Function::new("regexp_count", &[TEXT, TEXT, INT, TEXT], INT, Rust(functions::regexp_count)).optional(2),
    Function::new("regexp_substr", &[TEXT, TEXT, INT, INT, TEXT, INT], TEXT, Rust(functions::regexp_substr))
        .optional(4),
    Function::new("regexp_instr", &[TEXT, TEXT, INT, INT, INT, TEXT, INT], INT, Rust(functions::regexp_instr))
        .optional(5),
    Function::new("regexp_replace", &[TEXT, TEXT, TEXT, TEXT], TEXT, Rust(functions::replace_first)).optional(1),
    Function::new("regexp_replace", &[TEXT, TEXT, TEXT, INT, INT, TEXT], TEXT, Rust(functions::replace_from))
        .optional(2),
    Function::new("regexp_split_to_array", &[TEXT, TEXT, TEXT], ArrayOf(Text), Rust(functions::split_to_array))
        .optional(1),
];

pub(crate) const SET_FUNCTIONS: &[SetFunction] = &[
    SetFunction {
        name: "regexp_matches",
        args: &[TEXT, TEXT, TEXT],
        names: &[],
        optional: 1,
        columns: &[("regexp_matches", ArrayOf(Text))],
        rows: functions::regexp_matches,
    },
    SetFunction {
        name: "regexp_split_to_table",
        args: &[TEXT, TEXT, TEXT],
        names: &[],
        optional: 1,
        columns: &[("regexp_split_to_table", TEXT)],
        rows: functions::split_to_rows,
    },
];
