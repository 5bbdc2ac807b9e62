//! What bodies are read as, and what is refused.

use basalt_core::Error;
use proptest::prelude::*;

use super::ast::{RowName, Statement, Strict};
use super::parse;

/// A body's statements, in few words.
fn told(body: &str) -> Vec<String> {
    parse(body).unwrap_or_else(|error| panic!("{body}: {error}")).block.statements.iter().map(words).collect()
}

fn words(statement: &Statement) -> String {
    let all = |statements: &[Statement]| statements.iter().map(words).collect::<Vec<_>>().join("; ");
    match statement {
        Statement::Assign(target, sql) => {
            let row = target.row.as_ref().map(|row| format!("{row}.")).unwrap_or_default();
            format!("{row}{} <- {}", target.name, sql.text)
        }
        Statement::If(branches, otherwise) => {
            let branches = branches.iter().map(|(condition, then)| format!("{} -> [{}]", condition.text, all(then)));
            format!("{} else [{}]", branches.collect::<Vec<_>>().join(", "), all(otherwise))
        }
        Statement::Run(sql) => format!("run {}", sql.text),
        Statement::Perform(sql) => format!("perform {}", sql.text),
        Statement::Into(sql, targets, strict) => {
            let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
            let strict = if *strict == Strict::Yes { "strict " } else { "" };
            format!("{strict}{} <- {}", names.join(", "), sql.text.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        Statement::Raise(raise) => {
            let args: Vec<&str> = raise.args.iter().map(|sql| sql.text.as_str()).collect();
            let options: Vec<String> =
                raise.options.iter().map(|(option, sql)| format!("{option:?}={}", sql.text)).collect();
            format!(
                "raise {} {:?} {:?} {args:?} {options:?}",
                if raise.is_exception { "error" } else { "notice" },
                raise.code.as_deref().unwrap_or_default(),
                raise.format.as_deref().unwrap_or_default(),
            )
        }
        Statement::Return(rows) => format!("return {rows:?}"),
        Statement::Block(block) => {
            let handlers =
                block.handlers.iter().map(|one| format!(" when {:?} -> [{}]", one.codes, all(&one.statements)));
            format!("block [{}]{}", all(&block.statements), handlers.collect::<String>())
        }
        Statement::Nothing => "nothing".to_owned(),
    }
}

fn refused(body: &str) -> Error {
    match parse(body) {
        Ok(read) => panic!("{body} was read as {read:?}"),
        Err(error) => error,
    }
}

#[test]
fn statements() {
    let body = "
      DECLARE
        n integer := 1; -- how many
        mail constant text not null default lower('A');
        own public.people.id%type;
      BEGIN
        NEW.updated_at = now();
        new.b := TG_ARGV[1] || 'tg_argv[2]';
        n := (select count(*) from t where a = new.\"Id\");
        if n > 1 and new.x in (1, 2) then
          insert into public.log (what) values (';' || new.a);
        elsif case when n = 0 then true end is true then null;
        else perform f(new.id), 2;
        end if;
        SELECT a, b INTO STRICT n, mail FROM t where x = 'into';
        insert into t (a) select 1 returning a into n;
        with w as (select 1) update t set a = 2 where x = (select * from w);
        return coalesce(NEW, old);
      END;";
    // As in PostgreSQL, a CASE in a condition wants parentheses: the first THEN outside of them ends it.
    assert_eq!(refused(body).code(), "42601");
    let body = body.replace("case when n = 0 then true end is true", "(case when n = 0 then true end)");
    let read = told(&body);
    assert_eq!(
        read,
        [
            "new.updated_at <- now()",
            "new.b <- tg_argv1 || 'tg_argv[2]'",
            "n <- (select count(*) from t where a = new.\"Id\")",
            "n > 1 and new.x in (1, 2) -> [run insert into public.log (what) values (';' || new.a)], \
             (case when n = 0 then true end) -> [nothing] else [perform select f(new.id), 2]",
            "strict n, mail <- SELECT a, b FROM t where x = 'into'",
            "n <- insert into t (a) select 1 returning a",
            "run with w as (select 1) update t set a = 2 where x = (select * from w)",
            "return [New, Old]",
        ]
    );
    let block = parse(&body).expect("read").block;
    let declared: Vec<_> =
        block.declared.iter().map(|one| (one.name.as_str(), one.ty.trim(), one.not_null, one.constant)).collect();
    assert_eq!(
        declared,
        [("n", "integer", false, false), ("mail", "text", true, true), ("own", "public.people.id%type", false, false)]
    );
}

#[test]
fn what_is_raised_and_handled() {
    let body = "begin
        raise notice 'a % b %%', new.x;
        raise exception 'no' using errcode = 'unique_violation', detail = 'd' || 1, hint = f(1, 2);
        raise unique_violation using message = 'taken';
        raise sqlstate '23P01';
        raise;
        begin null; exception when division_by_zero or sqlstate '22003' then null; when others then return null; end;
        case new.kind when 'a', 'b' then null; when 'c' then return new; end case;
      end";
    assert_eq!(
        told(body),
        [
            r#"raise notice "" "a % b %%" ["new.x"] []"#,
            r#"raise error "" "no" [] ["Errcode='unique_violation'", "Detail='d' || 1", "Hint=f(1, 2)"]"#,
            r#"raise error "23505" "" [] ["Message='taken'"]"#,
            r#"raise error "23P01" "" [] []"#,
            r#"raise error "" "" [] []"#,
            r#"block [nothing] when ["22012", "22003"] -> [nothing] when [] -> [return []]"#,
            r#"(new.kind) in ('a', 'b') -> [nothing], (new.kind) in ('c') -> [return [New]] else [raise error "20000" "case not found" [] []]"#,
        ]
    );
    assert_eq!(parse("begin return new; end").expect("read").block.statements, [Statement::Return(vec![RowName::New])]);
}

#[test]
fn what_is_refused_says_where() {
    for (body, code, at) in [
        ("begin for r in select 1 loop null; end loop; return new; end", "0A000", "for"),
        ("begin execute 'select 1'; return new; end", "0A000", "execute"),
        ("begin get diagnostics n = row_count; return new; end", "0A000", "get"),
        ("begin return query select 1; end", "0A000", "query"),
        ("begin return row(1); end", "0A000", "row"),
        ("<<a>> begin return new; end", "0A000", "<<"),
        ("begin new.a[1] := 2; return new; end", "0A000", "new.a["),
        ("begin truncate t; return new; end", "0A000", "truncate"),
        ("declare new int; begin return new; end", "0A000", "new int"),
        ("declare c cursor for select 1; begin return new; end", "0A000", "cursor"),
        ("declare a int; begin declare a int; begin null; end; return new; end", "0A000", "a int; begin null"),
        ("begin select 1; return new; end", "42601", "select"),
        ("begin nothing; return new; end", "42601", "nothing"),
        ("begin if true then return new; end", "42601", "end"),
        ("begin return new; end; more", "42601", "more"),
        ("begin raise exception 'a %'; end", "42601", "'a %'"),
        ("begin raise exception 'a', 1; end", "42601", "'a', 1"),
        ("begin raise nonsense; end", "42704", "nonsense"),
        ("begin insert into t values (1; end", "42601", ";"),
        ("begin insert into t values (1)); end", "42601", "); end"),
        ("begin new.a = ; end", "42601", "; end"),
        ("begin new.a = tg_argv[new.b]; end", "0A000", "tg_argv"),
    ] {
        let error = refused(body);
        assert_eq!(error.code(), code, "{body}: {error}");
        let place = error.position().unwrap_or_else(|| panic!("{body}: no place"));
        assert!(body[place..].starts_with(at), "{body}: at {:?}", &body[place..]);
    }
}

#[test]
fn blocks_within_blocks_end_somewhere() {
    let deep = format!("{}{}", "begin ".repeat(2000), "end; ".repeat(2000));
    assert_eq!(refused(&deep).code(), "54001");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Pieces of bodies in any order: read or refused, and what is refused says where.
    #[test]
    fn any_body_is_read_or_refused(pieces in prop::collection::vec(
        prop_oneof![
            Just("begin"), Just("end"), Just(";"), Just("if"), Just("then"), Just("else"), Just("elsif"), Just("end if"),
            Just("declare"), Just("x int"), Just(":="), Just("="), Just("new.a"), Just("old"), Just("select"), Just("into"),
            Just("insert into t values (1)"), Just("("), Just(")"), Just("["), Just("exception"), Just("when"), Just("others"),
            Just("raise"), Just("'%'"), Just(","), Just("using"), Just("hint"), Just("return"), Just("null"), Just("case"),
            Just("perform"), Just("$$é$$"), Just("-- c\n"), Just("\"ü\""), Just("strict"), Just("coalesce(new, old)"),
        ],
        0..40,
    )) {
        let body = pieces.join(" ");
        if let Err(error) = parse(&body) {
            let place = error.position();
            prop_assert!(place.is_some_and(|at| body.is_char_boundary(at)) || error.code() == "42601", "{body}: {error}");
        }
    }
}
