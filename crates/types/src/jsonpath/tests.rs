//! Whatever is read is written so that it can be read again; nothing panics.

use proptest::prelude::*;

use super::normalize;
use super::parse::parse;

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
