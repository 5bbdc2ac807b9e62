//! Writes
use super::fixture::*;
use crate::ask::*;

fn body(json: &str, columns: &[&str]) -> Body {
    Body { json: json.into(), columns: columns.iter().map(|c| (*c).to_owned()).collect(), missing_default: false }
}

#[test]
fn dump() {
    let show = |label: &str, relation: &str, kind: WriteKind, level: Level, returning: bool| {
        let mut ask = write(relation, kind, level, returning);
        ask.returning_key = label.contains("key");
        let s = planner().prepare_write(&ask).unwrap();
        println!("-- {label}\n{}\n-- {:?} {:?}", s.sql, params(&s), s.hidden);
    };
    let insert = |json: &str, columns: &[&str]| WriteKind::Insert { body: body(json, columns), conflict: None };
    show(
        "one",
        "books",
        insert(
            r#"{"title":"a\"b","tags":["x","y,z",null],"data":{"a": [1]},"price":1.50}"#,
            &["title", "tags", "data", "price"],
        ),
        all(),
        false,
    );
    show("one key", "books", insert(r#"[{"title":null}]"#, &["title"]), all(), false);
    show(
        "one returning",
        "books",
        insert(r#"{"title":"a"}"#, &["title"]),
        fields(["id", "data->x", "full_title"]),
        true,
    );
    show(
        "many returning",
        "books",
        insert(r#"[{"title":"a","mood":"ok"},{"title":"b","mood":"sad"}]"#, &["title", "mood", "tags"]),
        fields(["id"]),
        true,
    );
    show(
        "missing",
        "books",
        WriteKind::Insert {
            body: Body {
                missing_default: true,
                ..body(r#"[{"title":"a","price":1},{"title":"b"}]"#, &["title", "price", "tags"])
            },
            conflict: None,
        },
        all(),
        false,
    );
    show(
        "missing one",
        "books",
        WriteKind::Insert {
            body: Body { missing_default: true, ..body(r#"[{"title":"a"}]"#, &["title", "price", "tags"]) },
            conflict: None,
        },
        all(),
        false,
    );
    show("empty object", "books", insert("{}", &[]), all(), false);
    show("empty objects", "books", insert("[{},{}]", &[]), all(), false);
    show("empty array", "books", insert("[]", &[]), all(), true);
    show("empty array minimal", "books", insert("[]", &[]), all(), false);
    let conflict = |columns: Option<&[&str]>, merge| {
        Some(Conflict { columns: columns.map(|c| c.iter().map(|c| (*c).to_owned()).collect()), merge })
    };
    show(
        "merge key",
        "books",
        WriteKind::Insert { body: body(r#"{"id":1,"title":"a"}"#, &["id", "title"]), conflict: conflict(None, true) },
        all(),
        false,
    );
    show(
        "merge many returning",
        "books",
        WriteKind::Insert {
            body: body(r#"[{"id":1,"title":"a"},{"id":2,"title":"a"}]"#, &["id", "title"]),
            conflict: conflict(None, true),
        },
        fields(["id"]),
        true,
    );
    show(
        "ignore",
        "books",
        WriteKind::Insert {
            body: body(r#"{"id":1,"title":"a"}"#, &["id", "title"]),
            conflict: conflict(Some(&["title"]), false),
        },
        all(),
        false,
    );
    show(
        "embed key",
        "books",
        WriteKind::Insert { body: body(r#"{"id":1,"title":"a"}"#, &["id", "title"]), conflict: conflict(None, true) },
        select([
            field("title"),
            field("full_title"),
            plain("authors", fields(["name"])),
            inner("genres", fields(["name"])),
            spread("details", fields(["pages"])),
        ]),
        true,
    );
    show(
        "order",
        "books",
        insert(r#"[{"title":"a"},{"title":"b"}]"#, &["title"]),
        ordered(fields(["id"]), [order("title")]),
        true,
    );
    show("agg", "books", insert(r#"[{"title":"a"},{"title":"b"}]"#, &["title"]), select([count()]), true);
    show("computed", "authors", insert(r#"{"name":"a"}"#, &["name"]), select([plain("fans", fields(["name"]))]), true);
    show(
        "update",
        "books",
        WriteKind::Update { body: body(r#"{"title":"x","data":null}"#, &["title", "data", "price"]) },
        filtered(fields(["id"]), [eq("id", "1"), eq("full_title", "y")]),
        true,
    );
    show(
        "update minimal",
        "books",
        WriteKind::Update { body: body(r#"{"title":"x"}"#, &["title"]) },
        filtered(all(), []),
        false,
    );
    show(
        "update default",
        "books",
        WriteKind::Update {
            body: Body { missing_default: true, ..body(r#"{"title":"x"}"#, &["title", "price", "tags"]) },
        },
        filtered(all(), []),
        false,
    );
    show(
        "update nothing",
        "books",
        WriteKind::Update { body: body("{}", &[]) },
        filtered(all(), [eq("id", "1")]),
        true,
    );
    show(
        "delete",
        "books",
        WriteKind::Delete,
        filtered(select([field("id"), plain("authors", all())]), [eq("id", "1")]),
        true,
    );
    show(
        "put",
        "books",
        WriteKind::Put { body: body(r#"{"id":1,"title":"a"}"#, &["id", "title"]) },
        filtered(all(), [eq("id", "1")]),
        true,
    );
    show(
        "put embed",
        "books",
        WriteKind::Put { body: body(r#"{"title":"a"}"#, &["title"]) },
        filtered(select([plain("authors", all())]), [eq("id", "1")]),
        true,
    );
}
