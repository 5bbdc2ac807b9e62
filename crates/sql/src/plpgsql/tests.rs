//! What bodies are read as, and what is refused.

use basalt_core::Error;
use proptest::prelude::*;

use super::ast::{Body, Over, Query, RowName, Statement};
use super::{Kind, parse};

/// A trigger function's body.
fn read(body: &str) -> Result<Body, Error> {
    parse(body, Kind::Trigger)
}

/// A body's statements, in few words.
fn told(body: &str) -> Vec<String> {
    read(body).unwrap_or_else(|error| panic!("{body}: {error}")).block.statements.iter().map(words).collect()
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
        Statement::Set(sql) => format!("set {}", sql.text),
        Statement::Into(sql, into) => {
            let names: Vec<&str> = into.targets.iter().map(|target| target.name.as_str()).collect();
            let strict = if into.strict { "strict " } else { "" };
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
        Statement::ReturnRow(rows) => format!("return {rows:?}"),
        Statement::Return(value) => format!("return {}", value.as_ref().map_or("", |sql| &sql.text)),
        Statement::ReturnNext(value) => format!("return next {}", value.as_ref().map_or("", |sql| &sql.text)),
        Statement::ReturnQuery(query) => format!("return query {}", asked(query)),
        Statement::Execute(dynamic, into) => {
            let using: Vec<&str> = dynamic.using.iter().map(|sql| sql.text.as_str()).collect();
            let names = into.iter().flat_map(|into| &into.targets).map(|target| target.name.as_str());
            format!("execute {} using {using:?} into {:?}", dynamic.text.text, names.collect::<Vec<_>>())
        }
        Statement::Loop(looped) => {
            let over = match &looped.over {
                Over::Ever => "ever".to_owned(),
                Over::While(sql) => format!("while {}", sql.text),
                Over::Range { reverse, from, to, by, .. } => {
                    let by = by.as_ref().map_or("1", |sql| &sql.text);
                    format!("from {} to {} by {by} {}", from.text, to.text, if *reverse { "down" } else { "up" })
                }
                Over::Rows(targets, query) => format!("{} rows of {}", targets.len(), asked(query)),
                Over::Elements(_, rows, _) => rows.text.clone(),
            };
            format!("{:?} {over} [{}]", looped.label.as_deref().unwrap_or_default(), all(&looped.statements))
        }
        Statement::Leave(leave) => {
            let word = if leave.continues { "continue" } else { "exit" };
            let when = leave.when.as_ref().map_or("", |sql| &sql.text);
            format!("{word} {:?} {when}", leave.label.as_deref().unwrap_or_default())
        }
        Statement::Define(sql) => format!("define {}", sql.text),
        Statement::Diagnostics(items) => format!("{:?}", items.iter().map(|(_, item)| item).collect::<Vec<_>>()),
        Statement::Block(block) => {
            let handlers =
                block.handlers.iter().map(|one| format!(" when {:?} -> [{}]", one.codes, all(&one.statements)));
            format!("block [{}]{}", all(&block.statements), handlers.collect::<String>())
        }
        Statement::Nothing => "nothing".to_owned(),
    }
}

fn asked(query: &Query) -> &str {
    match query {
        Query::Static(sql) => &sql.text,
        Query::Dynamic(dynamic) => &dynamic.text.text,
    }
}

fn refused(body: &str) -> Error {
    match read(body) {
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
    let read_as = told(&body);
    assert_eq!(
        read_as,
        [
            "new.updated_at <- now()",
            "new.b <- tg_argv1   || 'tg_argv[2]'",
            "n <- (select count(*) from t where a = new.\"Id\")",
            "n > 1 and new.x in (1, 2) -> [run insert into public.log (what) values (';' || new.a)], \
             (case when n = 0 then true end) -> [nothing] else [perform select f(new.id), 2]",
            "strict n, mail <- SELECT a, b FROM t where x = 'into'",
            "n <- insert into t (a) select 1 returning a",
            "run with w as (select 1) update t set a = 2 where x = (select * from w)",
            "return [New, Old]",
        ]
    );
    let variables = read(&body).expect("read").variables;
    let declared: Vec<_> =
        variables.iter().map(|one| (one.name.as_str(), one.ty.trim(), one.not_null, one.constant)).collect();
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
            r#"raise error "unique_violation" "" [] ["Message='taken'"]"#,
            r#"raise error "23P01" "" [] []"#,
            r#"raise error "" "" [] []"#,
            r#"block [nothing] when ["22012", "22003"] -> [nothing] when [] -> [return []]"#,
            concat!(
                "block [__Case__Variable__ <- row(new.kind); ",
                r#""__Case__Variable__".f1 in ('a', 'b') -> [nothing], "__Case__Variable__".f1 in ('c') -> [return [New]] "#,
                r#"else [raise error "20000" "case not found" [] ["Hint='CASE statement is missing ELSE part.'"]]]"#,
            ),
        ]
    );
    let statements = read("begin return new; end").expect("read").block.statements;
    assert_eq!(statements, [Statement::ReturnRow(vec![RowName::New])]);
    let statements = read("begin return (_new); end").expect("read").block.statements;
    assert!(matches!(statements.as_slice(), [Statement::Return(Some(sql))] if sql.text == "(_new)"));
}

#[test]
fn arguments_of_a_trigger_leave_literals_and_names_alone() {
    let literals = r#"|| 'it''s tg_argv[2]' || E'\'' || $a$tg_argv[3]$a$ || U&'\0041''' || new."a""b""#;
    for (argument, name) in [("tg_argv[0]", "tg_argv0  "), ("TG_ARGV [ 1 ]", "tg_argv1     ")] {
        let body = format!("begin new.a := {argument}{literals}; return new; end");
        assert_eq!(told(&body)[0], format!("new.a <- {name}{literals}"));
    }
}

#[test]
fn settings_and_elements_are_told_by_functions() {
    let body = "declare a int[]; b alias for a; begin
        set local app.tenant = 'acme';
        set search_path to public, \"My\";
        set time zone 'UTC';
        reset app.tenant;
        notify jobs, 'done';
        b[i + 1] := c[1];
        new.tags[1] = 'x';
        foreach r slice 1 in array a loop null; end loop;
        return new; end";
    assert_eq!(
        told(body),
        [
            "set select set_config('app.tenant', 'acme', true)",
            "set select set_config('search_path', 'public, My', true)",
            "set select set_config('timezone', 'UTC', true)",
            "set select set_config('app.tenant', '', true)",
            "set select pg_notify('jobs', 'done')",
            "b <- basalt_with_element(\"b\", (i + 1), (c[1]))",
            "new.tags <- basalt_with_element(\"new\".\"tags\", (1), ('x'))",
            "\"\" select basalt_slices(a, 1) [nothing]",
            "return [New]",
        ]
    );
}

#[test]
fn what_is_refused_says_where() {
    for (body, code, at) in [
        ("begin for r in c loop null; end loop; return new; end", "0A000", "loop"),
        ("begin foreach r slice n in array a loop null; end loop; return new; end", "42601", "n in"),
        ("begin open c; return new; end", "0A000", "open"),
        ("begin get diagnostics n = nothing; return new; end", "42601", "nothing"),
        ("begin get diagnostics n = message_text; return new; end", "42601", "message_text"),
        ("begin return query select 1; end", "42804", "query"),
        ("<<a>> begin return new; end b", "42601", "b"),
        ("<<a>> begin <<b>> new.x = 1; return new; end", "42601", "new.x"),
        ("begin loop exit a; end loop; end", "42601", "exit"),
        ("<<a>> begin loop continue a; end loop; end", "42601", "continue"),
        ("begin exit; end", "42601", "exit"),
        ("#variable_conflict maybe\nbegin return new; end", "42601", "#"),
        ("begin new.a[1][2] := 2; return new; end", "0A000", "new.a["),
        ("begin new.a[1:2] := b; return new; end", "0A000", "new.a["),
        ("begin set constraints all deferred; return new; end", "0A000", "set"),
        ("begin truncate t; return new; end", "0A000", "truncate"),
        ("declare new int; begin return new; end", "0A000", "new int"),
        ("declare c cursor for select 1; begin return new; end", "0A000", "cursor"),
        ("declare a int; a text; begin return new; end", "42601", "a text"),
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
fn loops_and_what_leaves_them() {
    let body = "
      #variable_conflict use_column
      <<outermost>>
      begin
        for i in 1..10 loop continue when i = 2; end loop;
        <<rows>> for i in reverse n..1 by 2 loop exit rows; end loop rows;
        for a, b in select x, y from t where z in (1, 2) loop null; end loop;
        for r in execute 'select ' || x using 1, f(2, 3) loop exit outermost when r.x > 1; end loop;
        while n < 2 loop n := n + 1; end loop;
        foreach x in array array[1, 2] loop null; end loop;
        loop exit; end loop;
        execute 'delete' into a, b using c;
        return next;
        return next n;
        return query execute 'select 1';
        get diagnostics n = row_count;
        return;
      end outermost";
    let read = parse(body, Kind::Function).expect("read");
    assert_eq!(
        read.block.statements.iter().map(words).collect::<Vec<_>>(),
        [
            r#""" from 1 to 10 by 1 up [continue "" i = 2]"#,
            r#""rows" from n to 1 by 2 down [exit "rows" ]"#,
            r#""" 2 rows of select x, y from t where z in (1, 2) [nothing]"#,
            r#""" 1 rows of 'select ' || x [exit "outermost" r.x > 1]"#,
            r#""" while n < 2 [n <- n + 1]"#,
            r#""" select * from unnest(array[1, 2]) [nothing]"#,
            r#""" ever [exit "" ]"#,
            r#"execute 'delete' using ["c"] into ["a", "b"]"#,
            "return next ",
            "return next n",
            "return query 'select 1'",
            "[RowCount]",
            "return ",
        ]
    );
}

#[test]
fn only_blocks_of_scripts_define() {
    let body = "begin create table t (a int); execute 'drop table t'; end";
    let words: Vec<String> = parse(body, Kind::Block).expect("read").block.statements.iter().map(words).collect();
    assert_eq!(words, ["define create table t (a int)", "execute 'drop table t' using [] into []"]);
    assert_eq!(parse(body, Kind::Function).expect_err("a function").code(), "0A000");
    let anonymous = |sql: &str| super::anonymous(sql).map(|block| block.map(|block| (block.body, block.at)));
    assert_eq!(anonymous("do $$ x $$"), Ok(Some((" x ".to_owned(), 5))));
    assert_eq!(anonymous("DO LANGUAGE plpgsql 'x'"), Ok(Some(("x".to_owned(), 21))));
    assert_eq!(anonymous("do $a$x$a$ language 'plpgsql'"), Ok(Some(("x".to_owned(), 6))));
    assert_eq!(anonymous("select 1"), Ok(None));
    for (sql, code) in [("do", "42601"), ("do 'x' 'y'", "42601"), ("do x", "42601"), ("do language sql 'x'", "0A000")] {
        assert_eq!(anonymous(sql).expect_err(sql).code(), code, "{sql}");
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
            Just("loop"), Just("end loop"), Just("for"), Just("in"), Just("1..2"), Just("reverse"), Just("foreach"), Just("array"),
            Just("exit"), Just("continue"), Just("<<é>>"), Just("execute"), Just("get diagnostics"), Just("row_count"),
            Just("perform"), Just("$$é$$"), Just("-- c\n"), Just("\"ü\""), Just("strict"), Just("coalesce(new, old)"),
        ],
        0..40,
    )) {
        let body = pieces.join(" ");
        for kind in [Kind::Trigger, Kind::Function] {
            let Err(error) = parse(&body, kind) else { continue };
            let place = error.position();
            prop_assert!(place.is_some_and(|at| body.is_char_boundary(at)) || error.code() == "42601", "{body}: {error}");
        }
    }
}
