//! Whatever is read is written so that it can be read again; nothing panics.

use basalt_core::Result;
use proptest::prelude::*;

use super::parse::parse;
use super::{FUNCTIONS, normalize};
use crate::{Context, Implementation, Value, ValueRef};

/// Pieces of paths, put together at random.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "$",
        "@",
        "last",
        ".a",
        ".\"b c\"",
        ".*",
        ".**",
        ".**{1 to last}",
        "[*]",
        "[0]",
        "[0 to last]",
        "[1,2]",
        " ? (",
        ")",
        "(",
        " == ",
        " != ",
        " < ",
        " && ",
        " || ",
        "!",
        " is unknown",
        " starts with ",
        " like_regex ",
        "\"x.*\"",
        " flag \"i\"",
        "exists",
        "$v",
        "1",
        "2.5",
        "1e3",
        "-",
        "+",
        " * ",
        " / ",
        " % ",
        "null",
        "true",
        ".type()",
        ".size()",
        ".abs()",
        ".keyvalue()",
        "strict ",
        "lax ",
        "\\u00e9",
        "/* c */",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// A path that is one.
fn paths() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["$", "$.a", "$.a[*].b", "1", "\"s\"", "$v", "-2.50", "$.**{2}.c", "null"]);
    leaf.prop_map(str::to_owned).prop_recursive(6, 48, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            (pair.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]))
                .prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            (pair.clone(), inner.clone()).prop_map(|((a, b), c)| format!("({a}) ? (@.x == {b} && !($.y < {c}))")),
            pair.prop_map(|(a, b)| format!("({a}) ? (exists({b}) || (@ like_regex \"a\" flag \"im\") is unknown)")),
            inner.clone().prop_map(|a| format!("-({a})")),
            inner.clone().prop_map(|a| format!("({a}).keyvalue()[0, last].abs()")),
            inner.prop_map(|a| format!("($.z)[{a}]")),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_panics(text in pieces()) {
        let _ = normalize(&text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        let _ = normalize(&text);
    }

    #[test]
    fn what_is_read_is_written(text in paths()) {
        let path = parse(&text).expect("a path");
        let written = path.to_string();
        let again = parse(&written).map(|path| path.to_string());
        prop_assert_eq!(again.ok(), Some(written));
    }
}

#[test]
fn nesting_is_bounded() {
    for text in [
        format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("${}", ".a".repeat(10_000)),
        format!("1{}", " + 1".repeat(10_000)),
        format!("{}1", "-".repeat(10_000)),
        format!("${}", " ? (@".repeat(10_000)),
    ] {
        assert_eq!(normalize(&text).expect_err("too deep").code(), "54001", "{}", &text[..20]);
    }
}

#[test]
fn an_escape_that_is_no_character_is_refused() {
    assert_eq!(normalize(r#"$."\u{10ffff}""#).as_deref(), Ok("$.\"\u{10ffff}\""));
    let error = normalize(r#"$."\u{110000}""#).expect_err("no character");
    assert_eq!((error.code(), error.message()), ("42601", "invalid Unicode code point"));
}

/// Whether a path finds anything.
fn exists(document: &str, path: &str) -> Result<Value> {
    let function = FUNCTIONS.iter().find(|function| function.name == "jsonb_path_exists").expect("the function");
    let Implementation::Rust(code) = function.implementation else { panic!("it is Rust's") };
    code(&Context::default(), &[ValueRef::Text(document), ValueRef::Text(&normalize(path)?)])
}

#[test]
fn whatever_a_path_looks_at_is_counted() {
    let numbers = format!("[{}]", vec!["1"; 10_000].join(", "));
    let document = format!(r#"{{"a": {numbers}}}"#);
    for path in [
        // Members are looked for in each element.
        "$.a[*] ? (exists($.a.b))",
        // Elements are compared with all others, unwrapped.
        "$.a[*] ? (@ == $.a && @ == 2)",
        // All levels are gone through for those that are deep enough.
        "$.a[*] ? (exists($.**{9}))",
        // The pairs' values are copies.
        r#"$.a[*] ? (exists($.keyvalue() ? (@.key == "b")))"#,
        r#"$.a[*] ? (exists($.keyvalue().value ? (@.type() == "null")))"#,
    ] {
        assert_eq!(exists(&document, path).map_err(|error| error.code().to_owned()), Err("54000".to_owned()), "{path}");
    }
    // One element doesn't cost as much as all of them, nor a member as all of its object.
    let members: Vec<String> = (0..10_000).map(|i| format!(r#""m{i}": 1"#)).collect();
    let document = format!(r#"{{"a": {numbers}, "o": {{{}}}}}"#, members.join(", "));
    assert_eq!(exists(&document, "$.a[*] ? (@ == $.a[0] + $.a[last] || @ == $.o.m77 + 1)"), Ok(false.into()));
}
