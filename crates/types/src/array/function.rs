//! Signatures.

use super::{collect, find, part, percentile, shape};
use crate::Base::{Bool, Float8, Int4, Text};
use crate::Implementation::{Rust, Typed};
use crate::Kind::{AnyArray, AnyElement, ArrayOf, Is};
use crate::function::AggregateImplementation;
use crate::{Aggregate, Function, Operator, SetFunction};

pub(crate) const OPERATORS: &[Operator] = &[
    Operator::binary("||", AnyArray, AnyArray, AnyArray, Typed(shape::concat)).called_on_null(),
    Operator::binary("||", AnyArray, AnyElement, AnyArray, Typed(shape::append)).called_on_null(),
    Operator::binary("||", AnyElement, AnyArray, AnyArray, Typed(shape::prepend)).called_on_null(),
    Operator::binary("@>", AnyArray, AnyArray, Is(Bool), Typed(find::contains)),
    Operator::binary("<@", AnyArray, AnyArray, Is(Bool), Typed(find::contained)),
    Operator::binary("&&", AnyArray, AnyArray, Is(Bool), Typed(find::overlaps)),
];

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("array_length", &[AnyArray, Is(Int4)], Is(Int4), Typed(shape::length)),
    Function::new("array_lower", &[AnyArray, Is(Int4)], Is(Int4), Typed(shape::lower)),
    Function::new("array_upper", &[AnyArray, Is(Int4)], Is(Int4), Typed(shape::length)),
    Function::new("cardinality", &[AnyArray], Is(Int4), Rust(shape::cardinality)),
    Function::new("array_ndims", &[AnyArray], Is(Int4), Typed(shape::dimension_count)),
    Function::new("array_dims", &[AnyArray], Is(Text), Typed(shape::bounds)),
    Function::new("array_append", &[AnyArray, AnyElement], AnyArray, Typed(shape::append)).called_on_null(),
    Function::new("array_prepend", &[AnyElement, AnyArray], AnyArray, Typed(shape::prepend)).called_on_null(),
    Function::new("array_cat", &[AnyArray, AnyArray], AnyArray, Typed(shape::concat)).called_on_null(),
    Function::new("array_fill", &[AnyElement, ArrayOf(Int4)], AnyArray, Typed(shape::fill)).called_on_null(),
    // `a[i] := x` of PL/pgSQL.
    Function::new("basalt_with_element", &[AnyArray, Is(Int4), AnyElement], AnyArray, Rust(part::with_element))
        .called_on_null(),
    // `x < any (array)` where no query may stand.
    Function::new(
        "basalt_compares_with_any",
        &[Is(Text), AnyElement, AnyArray],
        Is(Bool),
        Typed(find::compares_with_any),
    )
    .called_on_null(),
    Function::new("trim_array", &[AnyArray, Is(Int4)], AnyArray, Typed(shape::trim)),
    Function::new("array_position", &[AnyArray, AnyElement, Is(Int4)], Is(Int4), Typed(find::position))
        .optional(1)
        .called_on_null(),
    Function::new("array_positions", &[AnyArray, AnyElement], ArrayOf(Int4), Typed(find::all_positions))
        .called_on_null(),
    Function::new("array_remove", &[AnyArray, AnyElement], AnyArray, Typed(find::remove)).called_on_null(),
    Function::new("array_replace", &[AnyArray, AnyElement, AnyElement], AnyArray, Typed(find::replace))
        .called_on_null(),
    Function::new("array_to_string", &[AnyArray, Is(Text), Is(Text)], Is(Text), Typed(shape::join))
        .optional(1)
        .called_on_null()
        .stable(),
    // What collects the values for them is the compiler's: `percentile_cont(fraction) within group (order by x)`.
    Function::new("percentile_cont", &[Is(Float8), AnyArray], Is(Float8), Typed(percentile::continuous)),
    Function::new("percentile_disc", &[Is(Float8), AnyArray], AnyElement, Typed(percentile::discrete)),
    Function::new("mode", &[AnyArray], AnyElement, Typed(percentile::mode)),
    Function::new("string_to_array", &[Is(Text), Is(Text), Is(Text)], ArrayOf(Text), Rust(shape::split))
        .optional(1)
        .called_on_null(),
];

pub(crate) const AGGREGATES: &[Aggregate] = &[Aggregate {
    name: "array_agg",
    args: &[AnyElement],
    returns: AnyArray,
    implementation: AggregateImplementation::Rust(|types| Box::new(collect::Collect::of(types))),
}];

pub(crate) const SET_FUNCTIONS: &[SetFunction] = &[
    SetFunction {
        name: "unnest",
        args: &[AnyArray],
        names: &[],
        optional: 0,
        columns: &[("unnest", AnyElement)],
        rows: shape::unnest,
    },
    // `foreach x slice n in array a` of PL/pgSQL.
    SetFunction {
        name: "basalt_slices",
        args: &[AnyArray, Is(Int4)],
        names: &[],
        optional: 0,
        columns: &[("slice", AnyArray)],
        rows: part::slices,
    },
    SetFunction {
        name: "generate_subscripts",
        args: &[AnyArray, Is(Int4), Is(Bool)],
        names: &[],
        optional: 1,
        columns: &[("generate_subscripts", Is(Int4))],
        rows: shape::subscripts,
    },
    SetFunction {
        name: "string_to_table",
        args: &[Is(Text), Is(Text), Is(Text)],
        names: &[],
        optional: 1,
        columns: &[("string_to_table", Is(Text))],
        rows: shape::split_rows,
    },
];
