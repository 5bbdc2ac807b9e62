//! Signatures, and the calls that make vectors and queries of text.

use std::rc::Rc;

use basalt_core::Result;

use super::cache::{self, Parsed};
use super::config::{self, Config};
use super::headline_options::Options;
use super::query::Query;
use super::{edit, headline, matching, query_text, rank, search};
use crate::Base::{Bool, Float4, Int4, Json, Jsonb, Text, Tsquery, Tsvector};
use crate::Implementation::Rust;
use crate::Kind::{ArrayOf, Is};
use crate::{Context, Function, Operator, Value, ValueRef};

pub(crate) const OPERATORS: &[Operator] = &[
    Operator::binary("@@", Is(Tsvector), Is(Tsquery), Is(Bool), Rust(vector_matches)),
    Operator::binary("@@", Is(Tsquery), Is(Tsvector), Is(Bool), Rust(query_matches)),
    Operator::binary("@@", Is(Text), Is(Tsquery), Is(Bool), Rust(text_matches)).stable(),
    Operator::binary("@@", Is(Text), Is(Text), Is(Bool), Rust(text_matches_text)).stable(),
    Operator::binary("||", Is(Tsvector), Is(Tsvector), Is(Tsvector), Rust(edit::concat)),
    Operator::binary("||", Is(Tsquery), Is(Tsquery), Is(Tsquery), Rust(edit::or)),
    Operator::binary("&&", Is(Tsquery), Is(Tsquery), Is(Tsquery), Rust(edit::and)),
    Operator::binary("<->", Is(Tsquery), Is(Tsquery), Is(Tsquery), Rust(edit::phrase)),
    Operator::prefix("!!", Is(Tsquery), Is(Tsquery), Rust(edit::not)),
];

/// With a configuration the result is the same for ever; without one it would follow a setting in PostgreSQL.
pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("to_tsvector", &[Is(Text)], Is(Tsvector), Rust(to_tsvector)).stable(),
    Function::new("to_tsvector", &[Is(Text), Is(Text)], Is(Tsvector), Rust(to_tsvector)),
    Function::new("to_tsvector", &[Is(Json)], Is(Tsvector), Rust(json_to_tsvector)).stable(),
    Function::new("to_tsvector", &[Is(Text), Is(Json)], Is(Tsvector), Rust(json_to_tsvector)),
    Function::new("to_tsvector", &[Is(Jsonb)], Is(Tsvector), Rust(json_to_tsvector)).stable(),
    Function::new("to_tsvector", &[Is(Text), Is(Jsonb)], Is(Tsvector), Rust(json_to_tsvector)),
    Function::new("to_tsquery", &[Is(Text)], Is(Tsquery), Rust(to_tsquery)).stable(),
    Function::new("to_tsquery", &[Is(Text), Is(Text)], Is(Tsquery), Rust(to_tsquery)),
    Function::new("plainto_tsquery", &[Is(Text)], Is(Tsquery), Rust(plainto_tsquery)).stable(),
    Function::new("plainto_tsquery", &[Is(Text), Is(Text)], Is(Tsquery), Rust(plainto_tsquery)),
    Function::new("phraseto_tsquery", &[Is(Text)], Is(Tsquery), Rust(phraseto_tsquery)).stable(),
    Function::new("phraseto_tsquery", &[Is(Text), Is(Text)], Is(Tsquery), Rust(phraseto_tsquery)),
    Function::new("websearch_to_tsquery", &[Is(Text)], Is(Tsquery), Rust(websearch_to_tsquery)).stable(),
    Function::new("websearch_to_tsquery", &[Is(Text), Is(Text)], Is(Tsquery), Rust(websearch_to_tsquery)),
    Function::new("ts_match_vq", &[Is(Tsvector), Is(Tsquery)], Is(Bool), Rust(vector_matches)),
    Function::new("ts_match_qv", &[Is(Tsquery), Is(Tsvector)], Is(Bool), Rust(query_matches)),
    Function::new("tsvector_concat", &[Is(Tsvector), Is(Tsvector)], Is(Tsvector), Rust(edit::concat)),
    Function::new("setweight", &[Is(Tsvector), Is(Text)], Is(Tsvector), Rust(edit::set_weight)),
    Function::new("setweight", &[Is(Tsvector), Is(Text), ArrayOf(Text)], Is(Tsvector), Rust(edit::set_weight)),
    Function::new("strip", &[Is(Tsvector)], Is(Tsvector), Rust(edit::strip)),
    Function::new("length", &[Is(Tsvector)], Is(Int4), Rust(edit::length)),
    Function::new("tsvector_to_array", &[Is(Tsvector)], ArrayOf(Text), Rust(edit::to_array)),
    Function::new("numnode", &[Is(Tsquery)], Is(Int4), Rust(edit::node_count)),
    Function::new("querytree", &[Is(Tsquery)], Is(Text), Rust(edit::query_tree)),
    Function::new("tsquery_and", &[Is(Tsquery), Is(Tsquery)], Is(Tsquery), Rust(edit::and)),
    Function::new("tsquery_or", &[Is(Tsquery), Is(Tsquery)], Is(Tsquery), Rust(edit::or)),
    Function::new("tsquery_not", &[Is(Tsquery)], Is(Tsquery), Rust(edit::not)),
    Function::new("tsquery_phrase", &[Is(Tsquery), Is(Tsquery), Is(Int4)], Is(Tsquery), Rust(edit::phrase)).optional(1),
    Function::new("ts_headline", &[Is(Text), Is(Tsquery)], Is(Text), Rust(headline)).stable(),
    Function::new("ts_headline", &[Is(Text), Is(Tsquery), Is(Text)], Is(Text), Rust(headline)).stable(),
    Function::new("ts_headline", &[Is(Text), Is(Text), Is(Tsquery)], Is(Text), Rust(headline_in)),
    Function::new("ts_headline", &[Is(Text), Is(Text), Is(Tsquery), Is(Text)], Is(Text), Rust(headline_in)),
    Function::new("ts_rank", rank::UNWEIGHTED, Is(Float4), Rust(rank::rank)).optional(1),
    Function::new("ts_rank", rank::WEIGHTED, Is(Float4), Rust(rank::rank)).optional(1),
    Function::new("ts_rank_cd", rank::UNWEIGHTED, Is(Float4), Rust(rank::rank_by_cover_density)).optional(1),
    Function::new("ts_rank_cd", rank::WEIGHTED, Is(Float4), Rust(rank::rank_by_cover_density)).optional(1),
];

/// The configuration's name and the last argument, of one or two.
fn named<'a>(args: &[ValueRef<'a>]) -> (&'a str, &'a str) {
    match args {
        [name, text] => (name.text(), text.text()),
        args => (config::DEFAULT, args[0].text()),
    }
}

fn to_tsvector(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (name, text) = named(args);
    Ok(search::vector_of_text(Config::named(name)?, text).write().into())
}

fn json_to_tsvector(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (name, text) = named(args);
    Ok(search::vector_of_json(Config::named(name)?, text).write().into())
}

fn to_tsquery(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    query(args, "to_tsquery", search::query_of)
}

fn plainto_tsquery(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    query(args, "plainto_tsquery", search::plain_query_of)
}

fn phraseto_tsquery(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    query(args, "phraseto_tsquery", search::phrase_query_of)
}

fn websearch_to_tsquery(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    query(args, "websearch_to_tsquery", search::web_query_of)
}

fn query(
    args: &[ValueRef<'_>],
    reader: &'static str,
    read: fn(&Config, &str) -> Result<Option<Query>>,
) -> Result<Value> {
    let (name, text) = named(args);
    let parsed = cache::parsed(reader, name, text, || read(Config::named(name)?, text))?;
    Ok(parsed.text.as_str().into())
}

/// A stored `tsquery`, taken apart.
pub(super) fn stored_query(stored: &str) -> Result<Rc<Parsed>> {
    cache::parsed("tsquery", "", stored, || query_text::parse(stored))
}

fn matches(vector: &str, query: &Parsed) -> Value {
    query.query.as_ref().is_some_and(|query| matching::matches(vector, query)).into()
}

fn vector_matches(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(matches(args[0].text(), &*stored_query(args[1].text())?))
}

fn query_matches(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(matches(args[1].text(), &*stored_query(args[0].text())?))
}

fn text_matches(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let vector = search::vector_of_text(Config::named(config::DEFAULT)?, args[0].text()).write();
    Ok(matches(&vector, &*stored_query(args[1].text())?))
}

fn text_matches_text(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let config = Config::named(config::DEFAULT)?;
    let vector = search::vector_of_text(config, args[0].text()).write();
    let text = args[1].text();
    let query = cache::parsed("plainto_tsquery", config::DEFAULT, text, || search::plain_query_of(config, text))?;
    Ok(matches(&vector, &query))
}

fn headline(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    excerpt(config::DEFAULT, args)
}

fn headline_in(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    excerpt(args[0].text(), &args[1..])
}

fn excerpt(name: &str, args: &[ValueRef<'_>]) -> Result<Value> {
    let options = Options::parse(args.get(2).map_or("", |options| options.text()))?;
    let parsed = stored_query(args[1].text())?;
    Ok(headline::excerpt(Config::named(name)?, args[0].text(), parsed.query.as_ref(), &options).into())
}
