//! Calls
use super::fixture::*;
use crate::ask::*;

#[test]
fn dump() {
    let show = |function: &str, arguments: Arguments, level: Level| match planner()
        .prepare_call(&Call { function: name(function), arguments, level }, true)
    {
        Ok(c) => println!(
            "{}\n-- {:?} {:?} {:?} {:?} {:?}",
            c.statement.sql,
            params(&c.statement),
            c.shape,
            c.read_only,
            c.statement.count_sql,
            c.statement.hidden
        ),
        Err(e) => println!("{e:?}"),
    };
    let named = |pairs: &[(&str, &[&str])]| {
        Arguments::Named(
            pairs.iter().map(|(n, v)| ((*n).to_owned(), v.iter().map(|v| (*v).to_owned()).collect())).collect(),
        )
    };
    let json = |json: &str, keys: &[&str]| Arguments::Json {
        json: json.into(),
        keys: keys.iter().map(|k| (*k).to_owned()).collect(),
    };
    show("add", named(&[("a", &["1"]), ("b", &["2", "3"])]), all());
    show("add", json(r#"{"b":2,"a":"1"}"#, &["a", "b"]), all());
    show("add", json(r#"{"b":2,"c":"1"}"#, &["b", "c"]), all());
    show("adds", json(r#"{}"#, &[]), all());
    show("tick", named(&[]), all());
    show(
        "search_books",
        named(&[("term", &["x"])]),
        limited(
            ordered(filtered(select([field("title"), plain("authors", all())]), [eq("id", "1")]), [order("title")]),
            2,
            None,
        ),
    );
    show("take_books", json(r#"{"n":2}"#, &["n"]), all());
    show("sales", named(&[("year", &["2020"])]), filtered(all(), [eq("copies", "1")]));
    show("numbers", named(&[]), limited(all(), 3, Some(1)));
    show("total", named(&[("of", &["1", "2"])]), all());
    show("total", json(r#"{"of":[1,2]}"#, &["of"]), all());
    show("clash", named(&[("a", &["1"])]), all());
    show("ingest", json(r#"{"x":[1,2]}"#, &["x"]), all());
    show("shout", Arguments::Raw { body: "hey".into(), takes: &[basalt_types::Base::Text] }, all());
    show("shout", Arguments::Raw { body: "hey".into(), takes: &[basalt_types::Base::Bytea] }, all());
}
