//! Signatures.

use super::{compose, identifier, letters, trigram, unaccent, unicode};
use crate::Base::{
    Bool, Bpchar, Bytea, Date, Float4, Float8, Int2, Int4, Int8, Interval, Json, Jsonb, Numeric, Text, Time, Timestamp,
    Timestamptz, Tsquery, Tsvector, Uuid,
};
use crate::Implementation::{Rust, Sqlite, Typed};
use crate::Kind::{Any, AnyArray, AnyElement, AnyEnum, AnyRange, ArrayOf, Is};
use crate::array::stored::spread;
use crate::function::AggregateImplementation;
use crate::{Aggregate, Function, Kind, Operator};

const TEXT: Kind = Is(Text);
const INT: Kind = Is(Int4);

/// `text || other` and `other || text`; not for arrays, to which `||` appends.
macro_rules! concatenations {
    ($($other:expr),* $(,)?) => {
        &[
            Operator::binary("||", TEXT, TEXT, TEXT, Sqlite("{0} || {1}")),
            Operator::binary("^@", TEXT, TEXT, Is(Bool), Rust(letters::starts_with)),
            Operator::binary("%", TEXT, TEXT, Is(Bool), Rust(trigram::is_similar)),
            Operator::binary("<->", TEXT, TEXT, Is(Float4), Rust(trigram::distance)),
            Operator::binary("<%", TEXT, TEXT, Is(Bool), Rust(trigram::has_similar_word)),
            $(
                Operator::binary("||", TEXT, $other, TEXT, Typed(compose::append)),
                Operator::binary("||", $other, TEXT, TEXT, Typed(compose::append)),
            )*
        ]
    };
}

pub(crate) const OPERATORS: &[Operator] = concatenations![
    Kind::Record,
    Is(Bool),
    Is(Int2),
    Is(Int4),
    Is(Int8),
    Is(Float4),
    Is(Float8),
    Is(Numeric),
    Is(Uuid),
    Is(Date),
    Is(Time),
    Is(Timestamp),
    Is(Timestamptz),
    Is(Interval),
    Is(Json),
    Is(Jsonb),
    Is(Bytea),
    Is(Tsvector),
    Is(Tsquery),
    AnyEnum,
    AnyRange,
];

pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("lower", &[TEXT], TEXT, Rust(letters::lower)),
    Function::new("upper", &[TEXT], TEXT, Rust(letters::upper)),
    Function::new("initcap", &[TEXT], TEXT, Rust(letters::initcap)),
    Function::new("length", &[TEXT], INT, Rust(letters::length)),
    Function::new("length", &[Is(Bpchar)], INT, Rust(letters::bpchar_length)),
    Function::new("char_length", &[TEXT], INT, Rust(letters::length)),
    Function::new("char_length", &[Is(Bpchar)], INT, Rust(letters::bpchar_length)),
    Function::new("character_length", &[TEXT], INT, Rust(letters::length)),
    Function::new("character_length", &[Is(Bpchar)], INT, Rust(letters::bpchar_length)),
    Function::new("octet_length", &[TEXT], INT, Rust(letters::octet_length)),
    Function::new("octet_length", &[Is(Bpchar)], INT, Rust(letters::octet_length)),
    Function::new("bit_length", &[TEXT], INT, Rust(letters::bit_length)),
    Function::new("substring", &[TEXT, INT, INT], TEXT, Rust(letters::substring)).optional(1),
    Function::new("substr", &[TEXT, INT, INT], TEXT, Rust(letters::substring)).optional(1),
    Function::new("left", &[TEXT, INT], TEXT, Rust(letters::left)),
    Function::new("right", &[TEXT, INT], TEXT, Rust(letters::right)),
    Function::new("lpad", &[TEXT, INT, TEXT], TEXT, Rust(letters::lpad)).optional(1),
    Function::new("rpad", &[TEXT, INT, TEXT], TEXT, Rust(letters::rpad)).optional(1),
    Function::new("btrim", &[TEXT, TEXT], TEXT, Rust(letters::btrim)).optional(1),
    Function::new("ltrim", &[TEXT, TEXT], TEXT, Rust(letters::ltrim)).optional(1),
    Function::new("rtrim", &[TEXT, TEXT], TEXT, Rust(letters::rtrim)).optional(1),
    Function::new("replace", &[TEXT, TEXT, TEXT], TEXT, Rust(letters::replace)),
    Function::new("translate", &[TEXT, TEXT, TEXT], TEXT, Rust(letters::translate)),
    Function::new("repeat", &[TEXT, INT], TEXT, Rust(letters::repeat)),
    Function::new("reverse", &[TEXT], TEXT, Rust(letters::reverse)),
    Function::new("position", &[TEXT, TEXT], INT, Rust(letters::position)),
    Function::new("strpos", &[TEXT, TEXT], INT, Rust(letters::position)),
    Function::new("overlay", &[TEXT, TEXT, INT, INT], TEXT, Rust(letters::overlay)).optional(1),
    Function::new("split_part", &[TEXT, TEXT, INT], TEXT, Rust(letters::split_part)),
    Function::new("starts_with", &[TEXT, TEXT], Is(Bool), Rust(letters::starts_with)),
    Function::new("ascii", &[TEXT], INT, Rust(letters::ascii)),
    Function::new("chr", &[INT], TEXT, Rust(letters::chr)),
    Function::new("unaccent", &[TEXT], TEXT, Rust(unaccent::unaccent)),
    Function::new("normalize", &[TEXT, TEXT], TEXT, Rust(unicode::normalize)).optional(1),
    Function::new("is_normalized", &[TEXT, TEXT], Is(Bool), Rust(unicode::is_normalized)).optional(1),
    Function::new("unistr", &[TEXT], TEXT, Rust(unicode::unistr)),
    Function::new("parse_ident", &[TEXT, Is(Bool)], ArrayOf(Text), Rust(identifier::parse_ident)).optional(1),
    Function::new("md5", &[TEXT], TEXT, Rust(letters::md5)),
    Function::new("concat", &[Any, Any], TEXT, Typed(compose::concat)).variadic().called_on_null().stable(),
    Function::new("concat_ws", &[TEXT, Any, Any], TEXT, Typed(compose::concat_ws)).variadic().called_on_null().stable(),
    Function::new("format", &[TEXT, Any], TEXT, Typed(compose::format)).variadic().called_on_null().stable(),
    Function::new("basalt_variadic_format", &[TEXT, AnyArray], TEXT, Typed(|c, t, a| spread(c, t, a, compose::format)))
        .called_on_null()
        .stable(),
    Function::new("quote_ident", &[TEXT], TEXT, Rust(compose::quote_ident)),
    Function::new("quote_literal", &[AnyElement], TEXT, Typed(compose::quote_literal)).stable(),
    Function::new("quote_nullable", &[AnyElement], TEXT, Typed(compose::quote_nullable)).called_on_null().stable(),
    Function::new("similarity", &[TEXT, TEXT], Is(Float4), Rust(trigram::similarity)),
    Function::new("word_similarity", &[TEXT, TEXT], Is(Float4), Rust(trigram::word_similarity)),
];

pub(crate) const AGGREGATES: &[Aggregate] = &[Aggregate {
    name: "string_agg",
    args: &[TEXT, TEXT],
    returns: TEXT,
    implementation: AggregateImplementation::Rust(|_| Box::<compose::Join>::default()),
}];
