//! Expected results are PostgreSQL 15's.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::*;

fn mood() -> Type {
    let labels = ["sad", "ok", "happy"].map(String::from).to_vec();
    Type::Enum(Arc::new(EnumType { schema: "public".into(), name: "mood".into(), labels }))
}

fn read(ty: &Type, text: &str) -> Value {
    from_text(ty, None, text, &Context::default()).unwrap_or_else(|e| panic!("{ty} {text}: {e}"))
}

fn text(ty: &Type, value: &Value) -> String {
    let mut out = String::new();
    to_text(ty, value.as_ref(), &Context::default(), &mut out);
    out
}

fn json(ty: &Type, value: &Value, style: JsonStyle) -> String {
    let mut out = String::new();
    to_json(ty, value.as_ref(), &Context::default(), style, &mut out);
    out
}

#[test]
fn a_value_is_read_and_written() {
    for (ty, input, stored, output, as_json, as_jsonb) in [
        (Type::BOOL, " TRUE ", Value::Int(1), "t", "true", "true"),
        (Type::BOOL, "of", Value::Int(0), "f", "false", "false"),
        (Type::INT4, " 42 ", Value::Int(42), "42", "42", "42"),
        (Type::FLOAT8, "1e20", Value::Real(1e20), "1e+20", "1e+20", "100000000000000000000"),
        (Type::FLOAT8, "-0", Value::Real(-0.0), "-0", "-0", "0"),
        (Type::FLOAT8, "nan", "NaN".into(), "NaN", "\"NaN\"", "\"NaN\""),
        (Type::FLOAT4, "0.1", Value::Real(f64::from(0.1_f32)), "0.1", "0.1", "0.1"),
        (Type::NUMERIC, "01.50", "1.50".into(), "1.50", "1.50", "1.50"),
        (Type::NUMERIC, "-inf", "-Infinity".into(), "-Infinity", "\"-Infinity\"", "\"-Infinity\""),
        (
            Type::TEXT,
            "a\"b\n\u{1}é/",
            "a\"b\n\u{1}é/".into(),
            "a\"b\n\u{1}é/",
            r#""a\"b\n\u0001é/""#,
            r#""a\"b\n\u0001é/""#,
        ),
        (
            Type::UUID,
            "{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".into(),
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"",
            "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"",
        ),
        (Type::BYTEA, "\\x01 fF", Value::Blob(vec![1, 255]), "\\x01ff", r#""\\x01ff""#, r#""\\x01ff""#),
        (
            Type::BYTEA,
            "a\\\\b\\001",
            Value::Blob(b"a\\b\x01".to_vec()),
            "\\x615c6201",
            r#""\\x615c6201""#,
            r#""\\x615c6201""#,
        ),
        (
            Type::JSON,
            "{\"b\" : 1.0,\"a\":1e1}",
            "{\"b\" : 1.0,\"a\":1e1}".into(),
            "{\"b\" : 1.0,\"a\":1e1}",
            "{\"b\" : 1.0,\"a\":1e1}",
            "{\"a\": 10, \"b\": 1.0}",
        ),
        (
            Type::JSONB,
            "{\"bb\":1,\"a\":2,\"bb\":3}",
            "{\"a\": 2, \"bb\": 3}".into(),
            "{\"a\": 2, \"bb\": 3}",
            "{\"a\": 2, \"bb\": 3}",
            "{\"a\": 2, \"bb\": 3}",
        ),
        (mood(), "ok", "ok".into(), "ok", "\"ok\"", "\"ok\""),
        (
            Type::INT4.array_of(),
            "{{1,2},{3,4}}",
            "[[1,2],[3,4]]".into(),
            "{{1,2},{3,4}}",
            "[[1,2],[3,4]]",
            "[[1, 2], [3, 4]]",
        ),
        (Type::INT4.array_of(), "{}", "[]".into(), "{}", "[]", "[]"),
        (
            Type::TEXT.array_of(),
            r#"{ a b , "c,\"d",NULL,"null","",x\,y }"#,
            r#"["a b","c,\"d",null,"null","","x,y"]"#.into(),
            r#"{"a b","c,\"d",NULL,"null","","x,y"}"#,
            r#"["a b","c,\"d",null,"null","","x,y"]"#,
            r#"["a b", "c,\"d", null, "null", "", "x,y"]"#,
        ),
        (Type::BOOL.array_of(), "{t,f}", "[1,0]".into(), "{t,f}", "[true,false]", "[true, false]"),
        (Type::NUMERIC.array_of(), "{1.50}", "[\"1.50\"]".into(), "{1.50}", "[1.50]", "[1.50]"),
        (Type::BYTEA.array_of(), r#"{"\\x01"}"#, "[\"01\"]".into(), r#"{"\\x01"}"#, r#"["\\x01"]"#, r#"["\\x01"]"#),
        (
            Type::FLOAT8.array_of(),
            "{1,inf}",
            "[1.0,\"Infinity\"]".into(),
            "{1,Infinity}",
            "[1,\"Infinity\"]",
            "[1, \"Infinity\"]",
        ),
        (
            Type::JSONB.array_of(),
            r#"{"{\"a\":1}"}"#,
            r#"["{\"a\": 1}"]"#.into(),
            r#"{"{\"a\": 1}"}"#,
            r#"[{"a": 1}]"#,
            r#"[{"a": 1}]"#,
        ),
        (Type::DATE.array_of(), "{2000-01-02}", "[1]".into(), "{2000-01-02}", "[\"2000-01-02\"]", "[\"2000-01-02\"]"),
    ] {
        let value = read(&ty, input);
        assert_eq!(value, stored, "{ty} {input}");
        assert_eq!(text(&ty, &value), output, "{ty} {input}");
        assert_eq!(json(&ty, &value, JsonStyle::Json), as_json, "{ty} {input}");
        assert_eq!(json(&ty, &value, JsonStyle::Jsonb), as_jsonb, "{ty} {input}");
    }
}

#[test]
fn bad_text_is_refused() {
    let detailed = |detail: &str| Some(detail.to_owned());
    for (ty, input, code, message, detail) in [
        (Type::BOOL, "o", "22P02", "invalid input syntax for type boolean: \"o\"", None),
        (Type::UUID, "x", "22P02", "invalid input syntax for type uuid: \"x\"", None),
        (mood(), "x", "22P02", "invalid input value for enum mood: \"x\"", None),
        (Type::BYTEA, "\\xz", "22023", "invalid hexadecimal digit: \"z\"", None),
        (Type::BYTEA, "\\x1", "22023", "invalid hexadecimal data: odd number of digits", None),
        (Type::BYTEA, "\\9", "22P02", "invalid input syntax for type bytea", None),
        (Type::INT4.array_of(), "{x}", "22P02", "invalid input syntax for type integer: \"x\"", None),
        (
            Type::INT4.array_of(),
            "{1,2",
            "22P02",
            "malformed array literal: \"{1,2\"",
            detailed("Unexpected end of input."),
        ),
        (
            Type::INT4.array_of(),
            "{1}x",
            "22P02",
            "malformed array literal: \"{1}x\"",
            detailed("Junk after closing right brace."),
        ),
        (
            Type::INT4.array_of(),
            "{1,,2}",
            "22P02",
            "malformed array literal: \"{1,,2}\"",
            detailed("Unexpected \",\" character."),
        ),
        (
            Type::INT4.array_of(),
            "{{1},2}",
            "22P02",
            "malformed array literal: \"{{1},2}\"",
            detailed("Unexpected array element."),
        ),
        (
            Type::INT4.array_of(),
            "{{1},{2,3}}",
            "22P02",
            "malformed array literal: \"{{1},{2,3}}\"",
            detailed("Multidimensional arrays must have sub-arrays with matching dimensions."),
        ),
        (
            Type::JSON,
            "",
            "22P02",
            "invalid input syntax for type json",
            detailed("The input string ended unexpectedly."),
        ),
        (
            Type::JSONB,
            "{\"a\" 1}",
            "22P02",
            "invalid input syntax for type json",
            detailed("Expected \":\", but found \"1\"."),
        ),
        (
            Type::JSONB,
            "[1,]",
            "22P02",
            "invalid input syntax for type json",
            detailed("Expected JSON value, but found \"]\"."),
        ),
        (Type::JSON, "abc", "22P02", "invalid input syntax for type json", detailed("Token \"abc\" is invalid.")),
        (Type::JSON, "01", "22P02", "invalid input syntax for type json", detailed("Token \"01\" is invalid.")),
        (
            Type::JSON,
            "[1] 2",
            "22P02",
            "invalid input syntax for type json",
            detailed("Expected end of input, but found \"2\"."),
        ),
        (
            Type::JSON,
            "\"a\nb\"",
            "22P02",
            "invalid input syntax for type json",
            detailed("Character with value 0x0a must be escaped."),
        ),
        (
            Type::JSONB,
            "\"\\u0000\"",
            "22P05",
            "unsupported Unicode escape sequence",
            detailed("\\u0000 cannot be converted to text."),
        ),
        (
            Type::JSONB,
            "\"\\ud800\"",
            "22P02",
            "invalid input syntax for type json",
            detailed("Unicode low surrogate must follow a high surrogate."),
        ),
    ] {
        let error = from_text(&ty, None, input, &Context::default()).expect_err(input);
        assert_eq!(
            (error.code(), error.message(), error.detail().map(str::to_owned)),
            (code, message, detail),
            "{ty} {input}"
        );
    }
}

#[test]
fn json_becomes_a_value() {
    for (ty, input, stored) in [
        (Type::INT4, "5", Some(Value::Int(5))),
        (Type::INT4, "\"5\"", Some(Value::Int(5))),
        (Type::INT4, "null", Some(Value::Null)),
        (Type::INT4, "[1]", None),
        (Type::TEXT, "true", Some("true".into())),
        (Type::TEXT, "\"a\\u00e9\\n\"", Some("aé\n".into())),
        (Type::TEXT, "{\"a\": [1]}", Some("{\"a\": [1]}".into())),
        (Type::JSONB, "\"x\"", Some("\"x\"".into())),
        (Type::JSONB, "{\"b\":1,\"a\":1}", Some("{\"a\": 1, \"b\": 1}".into())),
        (Type::INT4.array_of(), "[[1,2],[3,4]]", Some("[[1,2],[3,4]]".into())),
        (Type::INT4.array_of(), "[[1,2],[3]]", None),
        (Type::INT4.array_of(), "[[1],2]", None),
        (Type::INT4.array_of(), "\"{1,2}\"", Some("[1,2]".into())),
        (Type::INT4.array_of(), "{\"a\":1}", None),
        (Type::TEXT.array_of(), "[\"a,b\",null,1]", Some("[\"a,b\",null,\"1\"]".into())),
        (Type::TEXT.array_of(), "[]", Some("[]".into())),
    ] {
        let raw: &RawValue = serde_json::from_str(input).unwrap();
        assert_eq!(from_json(&ty, None, raw, &Context::default()).ok(), stored, "{ty} {input}");
    }
}

#[test]
fn a_cast_converts() {
    let context = Context::default();
    for (from, input, to, typmod, output) in [
        (Type::NUMERIC, "2.5", Type::INT4, None, Ok("3")),
        (Type::FLOAT8, "2.5", Type::INT4, None, Ok("2")),
        (Type::INT8, "99999", Type::INT2, None, Err("22003")),
        (Type::BOOL, "t", Type::TEXT, None, Ok("true")),
        (Type::BPCHAR, "a  ", Type::TEXT, None, Ok("a")),
        (Type::TEXT, "abcdef", Type::VARCHAR, Some(Typmod::Length(3)), Ok("abc")),
        (Type::TEXT, "ab", Type::BPCHAR, Some(Typmod::Length(4)), Ok("ab  ")),
        (Type::INT4, "12345", Type::VARCHAR, Some(Typmod::Length(2)), Ok("12")),
        (Type::FLOAT8, "1.23456789", Type::NUMERIC, Some(Typmod::Precision(5, 2)), Ok("1.23")),
        (Type::JSONB, "2.5", Type::INT4, None, Ok("3")),
        (Type::JSONB, "\"2\"", Type::INT4, None, Err("22023")),
        (Type::JSONB, "true", Type::BOOL, None, Ok("t")),
        (Type::TEXT, "{1,2}", Type::INT4.array_of(), None, Ok("{1,2}")),
        (Type::INT4.array_of(), "{1,NULL}", Type::TEXT.array_of(), None, Ok("{1,NULL}")),
        (Type::INT4.array_of(), "{1,2}", Type::TEXT, None, Ok("{1,2}")),
        (Type::TEXT, "ok", mood(), None, Ok("ok")),
        (Type::DATE, "2024-01-31", Type::TIMESTAMP, None, Ok("2024-01-31 00:00:00")),
        (Type::TIMESTAMPTZ, "2024-01-31 10:00:00+00", Type::DATE, None, Ok("2024-01-31")),
    ] {
        let value = read(&from, input);
        let cast = cast(&from, &to, typmod, value.as_ref(), &context).map(|value| text(&to, &value));
        assert_eq!(cast.as_deref().map_err(Error::code), output, "{input}::{from}::{to}");
    }
}

#[test]
fn casts_exist_in_contexts() {
    use CastContext::{Assignment, Explicit, Implicit};
    for (from, to, context) in [
        (Type::INT2, Type::INT8, Some(Implicit)),
        (Type::INT8, Type::FLOAT4, Some(Implicit)),
        (Type::NUMERIC, Type::FLOAT8, Some(Implicit)),
        (Type::FLOAT8, Type::NUMERIC, Some(Assignment)),
        (Type::NUMERIC, Type::INT4, Some(Assignment)),
        (Type::TEXT, Type::INT4, Some(Explicit)),
        (Type::INT4, Type::TEXT, Some(Assignment)),
        (Type::UNKNOWN, mood(), Some(Implicit)),
        (mood(), Type::TEXT, Some(Assignment)),
        (Type::TEXT, mood(), Some(Explicit)),
        (Type::TIMESTAMPTZ, Type::DATE, Some(Assignment)),
        (Type::JSON, Type::JSONB, Some(Assignment)),
        (Type::JSONB, Type::BOOL, Some(Explicit)),
        (Type::BOOL, Type::INT8, None),
        (Type::INT4, mood(), None),
        (Type::INT4.array_of(), Type::INT8.array_of(), Some(Implicit)),
        (Type::DATE, Type::INT4, None),
    ] {
        assert_eq!(castable(&from, &to), context, "{from} to {to}");
    }
}

#[test]
fn an_assignment_cuts_spaces_only() {
    let length = Some(Typmod::Length(3));
    assert_eq!(from_text(&Type::VARCHAR, length, "abc  ", &Context::default()), Ok("abc".into()));
    let error = from_text(&Type::VARCHAR, length, "abcd", &Context::default()).unwrap_err();
    assert_eq!((error.code(), error.message()), ("22001", "value too long for type character varying(3)"));
}

#[test]
fn a_row_becomes_an_object() {
    let columns = || {
        let names = ["name", "id", "doc", "id"];
        let types = [Type::TEXT, Type::INT4, Type::JSONB, Type::INT8];
        names.map(String::from).into_iter().zip(types).collect::<Vec<_>>()
    };
    let row = [Value::from("a"), Value::Int(1), Value::from("{\"x\": null, \"y\": [null]}"), Value::Null];
    let write = |style, strip| {
        let mut out = String::new();
        RowShape::new(columns(), style).write_object(|i| row[i].as_ref(), &Context::default(), strip, &mut out);
        out
    };
    let json = r#"{"name":"a","id":1,"doc":{"x": null, "y": [null]},"id":null}"#;
    assert_eq!(write(JsonStyle::Json, false), json);
    assert_eq!(write(JsonStyle::Json, true), r#"{"name":"a","id":1,"doc":{"y":[null]}}"#);
    assert_eq!(write(JsonStyle::Jsonb, false), r#"{"id": null, "doc": {"x": null, "y": [null]}, "name": "a"}"#);
}

#[test]
fn a_csv_cell_is_quoted_when_it_must_be() {
    for (text, cell) in [("a", "a"), ("", "\"\""), ("a b", "\"a b\""), ("a\"\\", "\"a\"\"\\\\\""), ("(", "\"(\"")] {
        let mut out = String::from("x,");
        write_csv_cell(&Type::TEXT, ValueRef::Text(text), &Context::default(), &mut out);
        assert_eq!(out, format!("x,{cell}"));
    }
}

#[test]
fn a_row_has_text_and_json() {
    let fields = [("a".to_owned(), Type::INT4), ("b".to_owned(), Type::TEXT)];
    let pair = Type::Record(Arc::new(fields.to_vec()));
    for (input, stored, output) in [
        ("(1,\"a b\")", r#"[1,"a b"]"#, "(1,\"a b\")"),
        ("(,)", "[null,null]", "(,)"),
        ("( 1 , x\\,y\"z\" )", r#"[1," x,yz "]"#, "(1,\" x,yz \")"),
        (r#"(1,"a""b\\c")"#, r#"[1,"a\"b\\c"]"#, r#"(1,"a""b\\c")"#),
    ] {
        let value = read(&pair, input);
        assert_eq!(value, stored.into(), "{input}");
        assert_eq!(text(&pair, &value), output, "{input}");
    }
    for (input, detail) in [
        ("1", "Missing left parenthesis."),
        ("(1)", "Too few columns."),
        ("(1,2,3)", "Too many columns."),
        ("(1,2", "Unexpected end of input."),
        ("(1,2)x", "Junk after right parenthesis."),
    ] {
        let error = from_text(&pair, None, input, &Context::default()).expect_err(input);
        assert_eq!((error.code(), error.detail()), ("22P02", Some(detail)), "{input}");
    }
    let raw: &RawValue = serde_json::from_str(r#"{"c":2,"a":"1"}"#).unwrap();
    let stored = from_json(&pair, None, raw, &Context::default()).unwrap();
    assert_eq!(stored, "[1,null]".into());
    assert_eq!(json(&pair, &stored, JsonStyle::Json), r#"{"a":1,"b":null}"#);
    assert_eq!(json(&pair, &stored, JsonStyle::Jsonb), r#"{"a": 1, "b": null}"#);
    let nested = Type::Record(Arc::new(vec![("p".to_owned(), pair.clone()), ("ps".to_owned(), pair.array_of())]));
    let both = read(&nested, r#"("(1,x)","{""(2,)"",NULL}")"#);
    assert_eq!(text(&nested, &both), r#"("(1,x)","{""(2,)"",NULL}")"#);
    assert_eq!(json(&nested, &both, JsonStyle::Json), r#"{"p":{"a":1,"b":"x"},"ps":[{"a":2,"b":null},null]}"#);
}

proptest::proptest! {
    #[test]
    fn an_array_reads_as_it_was_written(items in proptest::collection::vec(proptest::option::of("[^\0]{0,6}"), 0..5)) {
        let ty = Type::TEXT.array_of();
        let stored = Value::from(Array::of(items.into_iter().map(Value::from).collect()));
        proptest::prop_assert_eq!(read(&ty, &text(&ty, &stored)), stored);
    }

    #[test]
    fn a_json_string_reads_as_it_was_written(content in "[^\0]{0,12}") {
        let written = json(&Type::TEXT, &content.as_str().into(), JsonStyle::Json);
        proptest::prop_assert_eq!(serde_json::from_str::<String>(&written).ok(), Some(content.clone()));
        let raw: &RawValue = serde_json::from_str(&written).unwrap();
        proptest::prop_assert_eq!(from_json(&Type::TEXT, None, raw, &Context::default()), Ok(content.into()));
    }
}
