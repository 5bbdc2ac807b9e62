use proptest::prelude::*;

use super::*;

fn statements(text: &str) -> Vec<&str> {
    split(text)
        .unwrap()
        .into_iter()
        .map(|piece| match piece {
            Piece::Statement { sql, .. } | Piece::Copy { sql, .. } => sql,
            Piece::Meta { line, .. } => line,
        })
        .collect()
}

#[test]
fn semicolons_within_quotes_and_comments_do_not_cut() {
    let text = "select ';', E'\\';', \"a;\"\"b\" -- ; no\n, $x$ ; $$ ; $x$ /* ; /* ; */ ; */;\n\nselect 2 ; ; select N'x;y', U&'\\0041;'";
    assert_eq!(
        statements(text),
        ["select ';', E'\\';', \"a;\"\"b\" -- ; no\n, $x$ ; $$ ; $x$", "select 2", "select N'x;y', U&'\\0041;'"]
    );
}

#[test]
fn atomic_bodies_stay_whole() {
    let text = "create function f() returns int language sql begin atomic select case when true then 1 end; select 2; end; select 3";
    assert_eq!(statements(text).len(), 2);
    assert_eq!(statements("begin; select 1; end; commit").len(), 4);
}

#[test]
fn copy_blocks_carry_their_data() {
    let text = "COPY public.t (a, b) FROM stdin;\n1\tx;'y\n2\t\\N\n\\.\n\nselect 1;";
    let pieces = split(text).unwrap();
    assert_eq!(pieces[0], Piece::Copy { sql: "COPY public.t (a, b) FROM stdin", offset: 0, data: "1\tx;'y\n2\t\\N\n" });
    assert_eq!(pieces[1], Piece::Statement { sql: "select 1", offset: 49 });
}

#[test]
fn psql_lines_are_told_apart() {
    let text = "\\restrict abc\nselect 1;\n\\c chinook;\n\\set x 'y'\nselect 2;";
    assert_eq!(statements(text), ["\\restrict abc", "select 1", "\\c chinook;", "\\set x 'y'", "select 2"]);
    assert_eq!(split("select 1;\n\\i other.sql").unwrap_err().position(), Some(10));
}

#[test]
fn a_script_ends_where_psql_would_end_it() {
    assert_eq!(statements("select 1;\n\\q\nselect 'never"), ["select 1"]);
    assert_eq!(statements("\\quit\nselect 1;").len(), 0);
}

#[test]
fn a_statement_may_end_with_g() {
    assert_eq!(
        statements("select 1 \\g\nselect 2\n\\g\nselect 3\\gx\nselect 4;"),
        ["select 1", "select 2", "select 3", "select 4"]
    );
    for refused in ["select 1 \\g out.txt", "select 1 \\gset", "select 1 \\gexec\n;"] {
        let error = split(refused).unwrap_err();
        assert!(error.message().starts_with("psql command \\g") && error.position() == Some(9), "{error}");
    }
}

#[test]
fn a_statement_writes_what_its_verb_says() {
    for write in ["insert into t values (1)", "-- x\nDelete from t", "with a as (select 1) update t set x = 1"] {
        assert!(is_write(write), "{write}");
    }
    for read in [
        "select setval('s', 1)",
        "with a as (insert into t values (1) returning x) select * from a",
        "create table insert ()",
    ] {
        assert!(!is_write(read), "{read}");
    }
}

#[test]
fn psql_variables_are_refused_where_they_are_used() {
    let set = "\\set who 'x'\n";
    for used in ["select :who", "select :'who'", "select :\"who\" from t", "insert into t values (1,:who)"] {
        let text = format!("{set}{used};");
        let error = split(&text).unwrap_err();
        assert_eq!((error.code(), error.position()), ("0A000", text.find(':')), "{used}");
    }
    for plain in ["select 'a:who'", "select x::who", "select a[1:2]", "select :whom", "select $$ :who $$"] {
        assert_eq!(split(&format!("{set}{plain};")).unwrap().len(), 2, "{plain}");
    }
    assert_eq!(split("select a[1:who];").unwrap().len(), 1);
}

#[test]
fn what_never_ends_is_an_error_with_its_place() {
    for (text, at) in [("select 'abc", 7), ("select 1; /* x /* y */", 10), ("$a$ x $b$", 0), ("x \"y", 2)] {
        let error = split(text).unwrap_err();
        assert_eq!((error.code(), error.position()), ("42601", Some(at)), "{text}");
    }
}

#[test]
fn positions_count_lines_and_characters() {
    assert_eq!(position("a\nöb", 0), (1, 1));
    assert_eq!(position("a\nöb", 4), (2, 2));
    assert_eq!(position("a\nb", 99), (2, 2));
}

#[test]
fn the_chinook_script_splits() {
    let Ok(text) =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/chinook/chinook.sql"))
    else {
        return;
    };
    let all = statements(&text);
    assert_eq!(all[0], "DROP DATABASE IF EXISTS chinook");
    assert_eq!(all.iter().filter(|s| s.starts_with("CREATE TABLE")).count(), 11);
}

proptest! {
    /// Whatever the text, splitting neither panics nor loses anything but blanks, comments, semicolons and copy terminators.
    #[test]
    fn splitting_keeps_the_text(text in "([a-z;'\"$\\\\\n/*. -]|begin |atomic |end |copy |from stdin|é){0,60}") {
        let Ok(pieces) = split(&text) else { return Ok(()) };
        let mut at = 0;
        for piece in pieces {
            let (sql, offset, data) = match piece {
                Piece::Statement { sql, offset } | Piece::Meta { line: sql, offset } => (sql, offset, None),
                Piece::Copy { sql, offset, data } => (sql, offset, Some(data)),
            };
            prop_assert!(offset >= at);
            prop_assert!(split(&text[at..offset]).is_ok_and(|gap| gap.is_empty()) || text[at..offset].contains("\\."));
            prop_assert_eq!(&text[offset..offset + sql.len()], sql);
            at = offset + sql.len();
            if let Some(data) = data {
                let start = data.as_ptr() as usize - text.as_ptr() as usize;
                prop_assert!(start >= at);
                at = start + data.len();
            }
        }
    }
}
