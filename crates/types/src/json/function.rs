//! Signatures.

use super::{access, build, edit};
use crate::Base::{Bool, Int4, Json, Jsonb, Text};
use crate::Implementation::{Rust, Typed};
use crate::Kind::{Any, AnyArray, AnyElement, ArrayOf, Is, Record};
use crate::array::stored::spread;
use crate::codec::JsonStyle;
use crate::function::AggregateImplementation;
use crate::{Aggregate, Function, Operator, SetFunction};

const JSON: crate::Kind = Is(Json);
const JSONB: crate::Kind = Is(Jsonb);
const TEXT: crate::Kind = Is(Text);
const TEXTS: crate::Kind = ArrayOf(Text);

pub(crate) const OPERATORS: &[Operator] = &[
    Operator::binary("->", JSON, TEXT, JSON, Rust(access::json_member)),
    Operator::binary("->", JSONB, TEXT, JSONB, Rust(access::jsonb_member)),
    Operator::binary("->", JSON, Is(Int4), JSON, Rust(access::element_at)),
    Operator::binary("->", JSONB, Is(Int4), JSONB, Rust(access::jsonb_element_at)),
    Operator::binary("->>", JSON, TEXT, TEXT, Rust(access::json_member_text)),
    Operator::binary("->>", JSONB, TEXT, TEXT, Rust(access::jsonb_member_text)),
    Operator::binary("->>", JSON, Is(Int4), TEXT, Rust(access::element_text_at)),
    Operator::binary("->>", JSONB, Is(Int4), TEXT, Rust(access::jsonb_element_text_at)),
    Operator::binary("#>", JSON, TEXTS, JSON, Rust(access::json_path)),
    Operator::binary("#>", JSONB, TEXTS, JSONB, Rust(access::jsonb_path)),
    Operator::binary("#>>", JSON, TEXTS, TEXT, Rust(access::json_path_text)),
    Operator::binary("#>>", JSONB, TEXTS, TEXT, Rust(access::jsonb_path_text)),
    Operator::binary("@>", JSONB, JSONB, Is(Bool), Rust(access::contains)),
    Operator::binary("<@", JSONB, JSONB, Is(Bool), Rust(access::contained)),
    Operator::binary("?", JSONB, TEXT, Is(Bool), Rust(access::has_key)),
    Operator::binary("?|", JSONB, TEXTS, Is(Bool), Rust(access::has_any)),
    Operator::binary("?&", JSONB, TEXTS, Is(Bool), Rust(access::has_all)),
    Operator::binary("||", JSONB, JSONB, JSONB, Rust(edit::concat)),
    Operator::binary("-", JSONB, TEXT, JSONB, Rust(edit::delete_key)),
    Operator::binary("-", JSONB, TEXTS, JSONB, Rust(edit::delete_keys)),
    Operator::binary("-", JSONB, Is(Int4), JSONB, Rust(edit::delete_index)),
    Operator::binary("#-", JSONB, TEXTS, JSONB, Rust(edit::delete_path)),
];

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("to_json", &[AnyElement], JSON, Typed(build::json_of)).stable(),
    Function::new("to_jsonb", &[AnyElement], JSONB, Typed(build::jsonb_of)).stable(),
    Function::new("row_to_json", &[Record, Is(Bool)], JSON, Typed(build::row_with_line_feeds)).stable(),
    Function::new("row_to_json", &[Record], JSON, Typed(build::json_of)).stable(),
    Function::new("array_to_json", &[AnyArray], JSON, Typed(build::json_of)).stable(),
    Function::new("json_build_object", &[Any], JSON, Typed(build::json_object)).variadic().called_on_null().stable(),
    Function::new("jsonb_build_object", &[Any], JSONB, Typed(build::jsonb_object)).variadic().called_on_null().stable(),
    Function::new("json_build_array", &[Any], JSON, Typed(build::json_array)).variadic().called_on_null().stable(),
    Function::new("jsonb_build_array", &[Any], JSONB, Typed(build::jsonb_array)).variadic().called_on_null().stable(),
    // `json_build_object(variadic array)` and its like.
    Function::new(
        "basalt_variadic_json_build_object",
        &[AnyArray],
        JSON,
        Typed(|c, t, a| spread(c, t, a, build::json_object)),
    )
    .stable(),
    Function::new(
        "basalt_variadic_jsonb_build_object",
        &[AnyArray],
        JSONB,
        Typed(|c, t, a| spread(c, t, a, build::jsonb_object)),
    )
    .stable(),
    Function::new(
        "basalt_variadic_json_build_array",
        &[AnyArray],
        JSON,
        Typed(|c, t, a| spread(c, t, a, build::json_array)),
    )
    .stable(),
    Function::new(
        "basalt_variadic_jsonb_build_array",
        &[AnyArray],
        JSONB,
        Typed(|c, t, a| spread(c, t, a, build::jsonb_array)),
    )
    .stable(),
    Function::new("json_object", &[TEXTS, TEXTS], JSON, Rust(build::json_of_texts)).optional(1),
    Function::new("jsonb_object", &[TEXTS, TEXTS], JSONB, Rust(build::jsonb_of_texts)).optional(1),
    Function::new("json_typeof", &[JSON], TEXT, Rust(access::type_of)),
    Function::new("jsonb_typeof", &[JSONB], TEXT, Rust(access::type_of)),
    Function::new("json_array_length", &[JSON], Is(Int4), Rust(access::array_length)),
    Function::new("jsonb_array_length", &[JSONB], Is(Int4), Rust(access::array_length)),
    Function::new("json_extract_path", &[JSON, TEXT], JSON, Rust(access::json_extract)).variadic(),
    Function::new("jsonb_extract_path", &[JSONB, TEXT], JSONB, Rust(access::jsonb_extract)).variadic(),
    Function::new("json_extract_path_text", &[JSON, TEXT], TEXT, Rust(access::json_extract_text)).variadic(),
    Function::new("jsonb_extract_path_text", &[JSONB, TEXT], TEXT, Rust(access::jsonb_extract_text)).variadic(),
    Function::new("json_strip_nulls", &[JSON], JSON, Rust(edit::strip_json)),
    Function::new("jsonb_strip_nulls", &[JSONB], JSONB, Rust(edit::strip_jsonb)),
    Function::new("jsonb_pretty", &[JSONB], TEXT, Rust(edit::pretty)),
    Function::new("jsonb_set", &[JSONB, TEXTS, JSONB, Is(Bool)], JSONB, Rust(edit::set)).optional(1),
    Function::new("jsonb_set_lax", &[JSONB, TEXTS, JSONB, Is(Bool), TEXT], JSONB, Rust(edit::set_lax))
        .optional(2)
        .called_on_null(),
    // `j[key] := x` of PL/pgSQL.
    Function::new("basalt_with_member", &[JSONB, TEXT, JSONB, Is(Bool)], JSONB, Rust(edit::with_member))
        .called_on_null(),
    Function::new("jsonb_insert", &[JSONB, TEXTS, JSONB, Is(Bool)], JSONB, Rust(edit::insert)).optional(1),
];

macro_rules! expansion {
    ($name:literal, $from:expr, $columns:expr, $rows:expr) => {
        SetFunction { name: $name, args: &[$from], names: &[], optional: 0, columns: $columns, rows: $rows }
    };
}

pub(crate) const SET_FUNCTIONS: &[SetFunction] = &[
    expansion!("json_array_elements", JSON, &[("value", JSON)], access::json_elements),
    expansion!("json_array_elements_text", JSON, &[("value", TEXT)], access::json_elements_text),
    expansion!("json_each", JSON, &[("key", TEXT), ("value", JSON)], access::json_each),
    expansion!("json_each_text", JSON, &[("key", TEXT), ("value", TEXT)], access::json_each_text),
    expansion!("json_object_keys", JSON, &[("json_object_keys", TEXT)], access::json_keys),
    expansion!("jsonb_array_elements", JSONB, &[("value", JSONB)], access::jsonb_elements),
    expansion!("jsonb_array_elements_text", JSONB, &[("value", TEXT)], access::jsonb_elements_text),
    expansion!("jsonb_each", JSONB, &[("key", TEXT), ("value", JSONB)], access::jsonb_each),
    expansion!("jsonb_each_text", JSONB, &[("key", TEXT), ("value", TEXT)], access::jsonb_each_text),
    expansion!("jsonb_object_keys", JSONB, &[("jsonb_object_keys", TEXT)], access::jsonb_keys),
];

pub(crate) const AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "json_agg",
        args: &[AnyElement],
        returns: JSON,
        implementation: AggregateImplementation::Rust(|types| build::Elements::start(types, JsonStyle::Json)),
    },
    Aggregate {
        name: "jsonb_agg",
        args: &[AnyElement],
        returns: JSONB,
        implementation: AggregateImplementation::Rust(|types| build::Elements::start(types, JsonStyle::Jsonb)),
    },
    Aggregate {
        name: "json_object_agg",
        args: &[Any, Any],
        returns: JSON,
        implementation: AggregateImplementation::Rust(|types| build::Members::start(types, JsonStyle::Json)),
    },
    Aggregate {
        name: "jsonb_object_agg",
        args: &[Any, Any],
        returns: JSONB,
        implementation: AggregateImplementation::Rust(|types| build::Members::start(types, JsonStyle::Jsonb)),
    },
];
