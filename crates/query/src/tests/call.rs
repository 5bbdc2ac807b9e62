//! Calls: overloads, arguments, shapes.

use basalt_types::Base;

use super::fixture::*;
use super::is;
use crate::ask::*;
use crate::{CallStatement, FunctionSuggestion, PlanError, ResultShape, UnnamedParameter};

fn named(pairs: &[(&str, &[&str])]) -> Arguments {
    let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    Arguments::Named(pairs.iter().map(|(name, of)| ((*name).to_owned(), values(of))).collect())
}

fn json(json: &str, keys: &[&str]) -> Arguments {
    Arguments::Json { json: json.into(), keys: keys.iter().map(|key| (*key).to_owned()).collect() }
}

fn raw(base: Base) -> Arguments {
    Arguments::Raw { body: "hey".into(), takes: base.sql_name() }
}

fn ask(function: &str, arguments: Arguments, level: Level) -> Result<CallStatement, PlanError> {
    planner().prepare_call(&Call { function: name(function), arguments, level }, false)
}

#[track_caller]
fn call(function: &str, arguments: Arguments, level: Level, shape: ResultShape) -> crate::Statement {
    let call = ask(function, arguments, level).unwrap();
    assert_eq!(call.shape, shape);
    call.statement
}

#[test]
fn a_scalar_is_selected() {
    is(
        call("add", named(&[("a", &["1"]), ("b", &["2", "3"])]), all(), ResultShape::Scalar),
        r#"SELECT "public"."add"("a" => $1::integer, "b" => $2::integer) AS "value""#,
        &["1", "3"],
    );
    is(
        call("add", json(r#"[{"b":2,"a":"1"}]"#, &["a", "b"]), all(), ResultShape::Scalar),
        r#"SELECT "public"."add"("a" => $1::integer, "b" => $2::integer) AS "value""#,
        &["1", "2"],
    );
    is(call("tick", named(&[]), all(), ResultShape::Void), r#"SELECT "public"."tick"() AS "value""#, &[]);
    is(
        call("add", named(&[("a", &["1"]), ("b", &["2"])]), limited(all(), 0, None), ResultShape::Scalar),
        r#"SELECT "add"."value" FROM (SELECT * FROM "public"."add"("a" => $1::integer, "b" => $2::integer) AS "add"("value")) AS "add" LIMIT $3"#,
        &["1", "2", "0"],
    );
}

#[test]
fn a_set_of_scalars_can_be_limited() {
    is(
        call("numbers", named(&[]), limited(all(), 3, Some(1)), ResultShape::SetOfScalar),
        r#"SELECT "numbers"."value" FROM (SELECT * FROM "public"."numbers"() AS "numbers"("value")) AS "numbers" LIMIT $1 OFFSET $2"#,
        &["3", "1"],
    );
}

#[test]
fn rows_of_a_relation_are_read_like_it() {
    let level = select([field("title"), field("full_title"), plain("authors", fields(["name"]))]);
    let level = limited(ordered(filtered(level, [eq("id", "1")]), [order("title")]), 2, None);
    is(
        call("search_books", named(&[("term", &["x"])]), level, ResultShape::SetOfComposite),
        r#"SELECT "search_books"."title", "public"."full_title"("search_books".*) AS "full_title", (SELECT to_jsonb(_e.*)
        FROM (SELECT "authors_1"."name" FROM "public"."authors" AS "authors_1" WHERE "authors_1"."id" =
        "search_books"."author_id") AS _e) AS "authors" FROM "public"."search_books"("term" => $1::text) AS
        "search_books" WHERE "search_books"."id" = $2 ORDER BY "search_books"."title" LIMIT $3"#,
        &["x", "1", "2"],
    );
}

#[test]
fn columns_of_a_table_result_are_read() {
    let level = filtered(all(), [eq("copies", "1")]);
    is(
        call("sales", named(&[("year", &["2020"])]), level, ResultShape::SetOfComposite),
        r#"SELECT "sales"."title", "sales"."copies" FROM "public"."sales"("year" => $1::integer) AS "sales" WHERE
        "sales"."copies" = $2"#,
        &["2020", "1"],
    );
}

#[test]
fn a_variadic_parameter_takes_an_array() {
    let expected = r#"SELECT "public"."total"(VARIADIC "of" => $1::integer[]) AS "value""#;
    is(call("total", named(&[("of", &["1", "2"])]), all(), ResultShape::Scalar), expected, &[r#"{"1","2"}"#]);
    is(call("total", json(r#"{"of":[1,2]}"#, &["of"]), all(), ResultShape::Scalar), expected, &[r#"{"1","2"}"#]);
}

#[test]
fn a_single_unnamed_parameter_takes_the_body() {
    is(
        call("ingest", json(r#"{"x":[1,2]}"#, &["x"]), all(), ResultShape::Scalar),
        r#"SELECT "public"."ingest"($1::json) AS "value""#,
        &[r#"{"x":[1,2]}"#],
    );
    is(
        call("shout", raw(Base::Text), all(), ResultShape::Scalar),
        r#"SELECT "public"."shout"($1::text) AS "value""#,
        &["hey"],
    );
}

#[test]
fn a_volatile_function_is_called_once() {
    let counted = |function: &str, arguments| {
        let call = Call { function: name(function), arguments, level: fields(["id"]) };
        planner().prepare_call(&call, true).unwrap()
    };
    let volatile = counted("take_books", json(r#"{"n":2}"#, &["n"]));
    assert!(!volatile.read_only && volatile.statement.hidden.total && volatile.statement.count_sql.is_none());
    is(
        volatile.statement,
        r#"SELECT "take_books"."id", count(*) OVER () AS "basalt:total" FROM "public"."take_books"("n" => $1::integer) AS
        "take_books""#,
        &["2"],
    );
    let stable = counted("search_books", named(&[("term", &["x"])]));
    assert!(stable.read_only && !stable.statement.hidden.total);
    assert_eq!(
        stable.statement.count_sql.as_deref(),
        Some(r#"SELECT count(*) FROM "public"."search_books"("term" => $1::text) AS "search_books""#)
    );
}

#[test]
fn overloads_must_differ_in_names() {
    let expected = vec!["public.clash(a => integer)".to_owned(), "public.clash(a => text)".to_owned()];
    assert_eq!(ask("clash", named(&[("a", &["1"])]), all()).unwrap_err(), PlanError::AmbiguousFunction(expected));
}

#[test]
fn unknown_functions_suggest_the_nearest() {
    let unknown = |function: &str, arguments: &[&str], unnamed, suggestion| PlanError::UnknownFunction {
        schema: "public".into(),
        name: function.into(),
        arguments: arguments.iter().map(|name| (*name).to_owned()).collect(),
        unnamed,
        suggestion,
    };
    let params = |names: &[&str]| Some(FunctionSuggestion::Parameters(names.iter().map(|n| (*n).to_owned()).collect()));
    let refused = |function, arguments| ask(function, arguments, all()).unwrap_err();
    let (none, json_too) = (UnnamedParameter::None, UnnamedParameter::Json);
    assert_eq!(
        refused("search_books", named(&[("terms", &["x"]), ("page", &["1"])])),
        unknown("search_books", &["page", "terms"], none, params(&["page", "term"]))
    );
    assert_eq!(
        refused("add", json(r#"{"b":1,"a":1,"c":1}"#, &["b", "a", "c"])),
        unknown("add", &["a", "b", "c"], json_too, params(&["a", "b"]))
    );
    let near = Some(FunctionSuggestion::Name("search_books".into()));
    assert_eq!(refused("search_book", named(&[])), unknown("search_book", &[], none, near));
    assert_eq!(refused("shout", raw(Base::Bytea)), unknown("shout", &[], UnnamedParameter::Raw("bytea"), None));
    assert_eq!(refused("tick", json(r#"{"x":1}"#, &["x"])), unknown("tick", &["x"], json_too, None));
}
