//! `create ...`: tables, indexes, types, views, functions, triggers.

use basalt_types::{Type, Typmod};

use super::*;
use crate::catalog::{ConstraintKind, Identity, Name, ReferentialAction};

#[test]
fn a_table_has_what_its_definition_says() {
    let mut db = Database::new("create type mood as enum ('sad', 'ok')");
    let actions = db
        .run(
            "create table t (
               id bigint generated always as identity primary key,
               code varchar(8) not null unique,
               price numeric(10, 2) default 1.50 check (price > 0),
               feeling mood default 'ok',
               double numeric generated always as (price * 2) stored,
               n serial,
               unique (code, price),
               check (price > 0 and n > 0)
             )",
        )
        .unwrap();
    let t = db.relation("t");
    assert_eq!(db.constraints("t"), ["t_pkey", "t_code_key", "t_code_price_key", "t_price_check", "t_check"]);
    let id = t.column("id").unwrap();
    assert_eq!((id.identity, id.not_null, id.default.as_deref()), (Some(Identity::Always), true, None));
    assert_eq!(id.sequence, Some(Name::new("public", "t_id_seq")));
    assert_eq!(t.column("code").unwrap().typmod, Some(Typmod::Length(8)));
    assert_eq!(t.column("price").unwrap().typmod, Some(Typmod::Precision(10, 2)));
    assert!(matches!(&t.column("feeling").unwrap().ty, Type::Enum(e) if e.labels == ["sad", "ok"]));
    assert_eq!(t.column("double").unwrap().generated.as_deref(), Some("price * 2"));
    assert_eq!(t.column("n").unwrap().default.as_deref(), Some("nextval('public.t_n_seq')"));
    assert_eq!(db.catalog.sequences[&Name::new("public", "t_n_seq")].max, i64::from(i32::MAX));
    assert!(actions.contains(&Action::CreateSequence("public.t_id_seq".into())));

    let table = sql(&actions)[0];
    assert!(
        table.starts_with("CREATE TABLE \"t\" (\"id\" INTEGER NOT NULL CONSTRAINT \"t_pkey\" PRIMARY KEY, "),
        "{table}"
    );
    assert!(table.contains("\"price\" TEXT COLLATE \"pg_numeric\""), "{table}");
    assert!(table.contains("\"feeling\" TEXT COLLATE \"pg_enum_public.mood\""), "{table}");
    assert!(table.contains("CONSTRAINT \"t_code_price_key\" UNIQUE (\"code\", \"price\")"), "{table}");
    assert!(!table.contains("DEFAULT"), "{table}");
}

#[test]
fn foreign_keys_keep_their_actions() {
    let mut db = Database::new("create table a (id int primary key, x text unique)");
    let actions = db
        .run(
            "create table auth.b (a int references a on delete cascade on update set null deferrable initially deferred,
               x text, foreign key (x) references public.a (x) on delete restrict)",
        )
        .unwrap();
    let keys: Vec<_> = db.relation("auth.b").foreign_keys().collect();
    assert_eq!(keys[0].0, "b_a_fkey");
    assert_eq!(keys[0].1.target_columns, ["id"]);
    assert_eq!((keys[0].1.on_delete, keys[0].1.on_update), (ReferentialAction::Cascade, ReferentialAction::SetNull));
    let table = sql(&actions)[0];
    assert!(table.starts_with("CREATE TABLE \"auth.b\" ("), "{table}");
    assert!(
        table.contains("REFERENCES \"a\" (\"id\") ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED"),
        "{table}"
    );
    let error = db.error("create table c (y int references a (x))");
    assert_eq!(error.code(), "42804");
    let error = db.error("create table c (y int references auth.b (a))");
    assert_eq!(error.message(), "there is no unique constraint matching given keys for referenced table \"b\"");
    assert_eq!(error.position(), Some(22));
}

#[test]
fn mistakes_are_told_as_postgresql_tells_them() {
    let mut db = Database::new("create table t (a int)");
    for (statement, code, message) in [
        ("create table t (a int)", "42P07", "relation \"t\" already exists"),
        ("create table u (a int, a text)", "42701", "column \"a\" specified more than once"),
        ("create table u (a nosuch)", "42704", "type \"nosuch\" does not exist"),
        (
            "create table u (a int primary key, b int primary key)",
            "42P16",
            "multiple primary keys for table \"u\" are not allowed",
        ),
        ("create table nosuch.u (a int)", "3F000", "schema \"nosuch\" does not exist"),
        ("create table u (a int,)", "42601", "syntax error at or near \")\""),
        ("create table u (a int", "42601", "syntax error at end of input"),
        ("create index on nosuch (a)", "42P01", "relation \"nosuch\" does not exist"),
        ("create index on t (b)", "42703", "column \"b\" does not exist"),
        ("alter table t add a text", "42701", "column \"a\" of relation \"t\" already exists"),
        ("frobnicate t", "42601", "syntax error at or near \"frobnicate\""),
    ] {
        let error = db.error(statement);
        assert_eq!((error.code(), error.message()), (code, message), "{statement}");
        assert!(error.position().is_some(), "{statement}");
    }
    db.run("create table if not exists t (b text)").unwrap();
    assert_eq!(db.columns("t"), ["a"]);
}

#[test]
fn what_the_engine_lacks_is_refused_with_advice() {
    let mut db = Database::new("create table t (a int, b jsonb)");
    for statement in [
        "create temp table u (a int)",
        "create table u (a int) partition by range (a)",
        "create table u (a int) inherits (t)",
        "create table u (a inet)",
        "create table u (a text collate \"en_US\")",
        "create table u (\"A\" int, a int)",
        "create table u (r int4range, exclude using gist (r with &&) deferrable)",
        "create materialized view v as select 1",
        "create function f() returns trigger language plpgsql as $$ begin open c; return new; end $$",
        "create function f() returns int language plpgsql as $$ begin commit; return 1; end $$",
        "create function f() returns int language plpython3u as $$ return 1 $$",
        "create procedure p() language sql as ''",
        "create trigger x after insert on t for each statement execute function f()",
        "create trigger x after insert on t execute function f()",
        "create trigger x instead of insert on t for each row execute function f()",
        "create trigger x after truncate on t execute function f()",
        "create trigger x after insert on t referencing new table as n for each row execute function f()",
        "create constraint trigger x after insert on t for each row execute function f()",
        "create extension postgis",
        "create unique index on t (a) nulls not distinct",
        "set role anon",
    ] {
        let error = db.error(statement);
        assert_eq!(error.code(), "0A000", "{statement}: {error}");
        assert!(error.hint().is_some() && error.position().is_some(), "{statement}: {error}");
    }
}

#[test]
fn a_key_said_twice_is_one() {
    let db = Database::new(
        "create table t (id int primary key unique, a int unique, b int, unique (a), unique (a, b), constraint ab unique (a, b))",
    );
    assert_eq!(db.constraints("t"), ["t_pkey", "t_a_key", "ab"]);
}

#[test]
fn indexes_take_postgresqls_names() {
    let mut db = Database::new("create table t (a int, \"B c\" text, j jsonb)");
    let actions = db
        .run(
            "create index on t (a); create index on t (a); create index on t (lower(\"B c\"), a desc);
             create unique index u on t using btree (a text_ops) include (j) where a > 1;
             create index g on t using gin (j jsonb_path_ops)",
        )
        .unwrap();
    let names: Vec<&str> = db.relation("t").indexes.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["t_a_idx", "t_a_idx1", "t_lower_a_idx", "u", "g"]);
    assert_eq!(db.relation("t").indexes[2].keys, ["lower(\"B c\")", "a DESC"]);
    assert_eq!(db.relation("t").indexes[2].columns, None);
    assert!(sql(&actions).iter().all(|s| !s.contains("\"g\"")), "an index over documents is none in SQLite");
    assert!(sql(&actions).iter().any(|s| s.starts_with("CREATE UNIQUE INDEX \"u\"") && s.contains(" WHERE ")));
}

#[test]
fn like_copies_what_it_includes() {
    let db = Database::new(
        "create table a (id int primary key, x text not null default 'y' check (x <> ''), z int unique);
         create index on a (x);
         create table b (like a including all, more int);
         create table c (like a)",
    );
    assert_eq!(db.columns("b"), ["id", "x", "z", "more"]);
    assert_eq!(db.constraints("b"), ["b_pkey", "b_z_key", "a_x_check"]);
    assert_eq!(db.relation("b").indexes[0].name, "b_x_idx");
    assert_eq!(db.constraints("c"), [""; 0]);
    let x = db.relation("c").column("x").unwrap();
    assert!(x.not_null && x.default.is_none());
}

#[test]
fn domains_bring_their_checks_and_defaults() {
    let mut db = Database::new("create domain code as text default 'xx' not null check (char_length(value) = 2)");
    db.run("create table t (c code)").unwrap();
    let c = db.relation("t").column("c").unwrap();
    assert_eq!((&c.ty, c.not_null, c.default.as_deref()), (&Type::TEXT, true, Some("'xx'")));
    assert_eq!(db.catalog.domains[&Name::new("public", "code")].checks[0].0, "code_check");
    let actions = db.run("alter domain code add constraint upper check (value = upper(value))").unwrap();
    assert!(sql(&actions)[0].contains("column \"c\" of table \"t\" contains values that violate the new constraint"));
}

#[test]
fn enums_grow_without_touching_tables() {
    let mut db = Database::new("create type mood as enum ('sad', 'ok'); create table t (m mood, l mood[])");
    assert_eq!(db.run("alter type mood add value 'fine' before 'ok'").unwrap(), []);
    assert!(matches!(&db.relation("t").column("m").unwrap().ty, Type::Enum(e) if e.labels == ["sad", "fine", "ok"]));
    let Type::Array(element) = &db.relation("t").column("l").unwrap().ty else { panic!("an array") };
    assert!(matches!(&**element, Type::Enum(e) if e.labels.len() == 3));
    assert_eq!(db.error("alter type mood add value 'ok'").message(), "enum label \"ok\" already exists");
    let actions = db.run("alter type mood rename value 'sad' to 'blue'").unwrap();
    assert!(sql(&actions)[1].contains("CASE \"m\" WHEN 'sad' THEN 'blue' ELSE \"m\" END"), "{actions:?}");
}

#[test]
fn views_keep_the_columns_that_they_had() {
    let mut db = Database::new(
        "create table t (a int, b text); create view v as select * from t; create view w (x) as select a from t where b = 'y'",
    );
    db.run("alter table t add c int").unwrap();
    assert_eq!(db.relation("v").view().unwrap().query, "SELECT a, b FROM public.t");
    assert_eq!(db.relation("w").view().unwrap().query, "SELECT a AS x FROM public.t WHERE b = 'y'");
    let view = db.relation("v").view().unwrap();
    assert!(view.security_invoker && view.updatable);
    assert_eq!(
        view.sources,
        [Some((Name::new("public", "t"), "a".into())), Some((Name::new("public", "t"), "b".into()))]
    );
    let error = db.error("create or replace view v as select a from t");
    assert_eq!((error.code(), error.message()), ("42P16", "cannot drop columns from view"));
    db.run("create or replace view v with (security_invoker = false) as select a, b, c from t").unwrap();
    assert!(!db.relation("v").view().unwrap().security_invoker);
    assert_eq!(db.error("create or replace view t as select 1").message(), "\"t\" is not a view");
}

#[test]
fn functions_in_language_sql() {
    let mut db = Database::new(
        "create table t (a int);
         create function f(x int, y text default 'z', out total bigint, out name text) language sql stable security definer
           set search_path = '' rows 5 as $$ select 1, 'a' $$;
         create function g(t) returns setof t language sql as 'select x.* from t x';
         create function h(double precision, timestamp with time zone, n numeric(10, 2)) returns int return 1;
         create function k() returns int language sql begin atomic select case when true then 1 end; end",
    );
    let f = &db.catalog.routines("public", "f")[0];
    assert_eq!(f.inputs().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(f.settings, [("search_path".to_owned(), String::new())]);
    assert!(matches!(&f.returns, Type::Record(fields) if fields[0] == ("total".to_owned(), Type::INT8)));
    assert!(f.security_definer && f.grants.contains_key("public"));
    let g = &db.catalog.routines("public", "g")[0];
    assert_eq!((&g.params[0].relation, g.returns_set), (&Some(Name::new("public", "t")), true));
    let h = &db.catalog.routines("public", "h")[0];
    assert_eq!(h.params.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["", "", "n"]);
    assert_eq!(h.body, "SELECT 1");
    assert_eq!(db.catalog.routines("public", "k")[0].body, "SELECT CASE WHEN true THEN 1 END");

    let error =
        db.error("create or replace function h(a double precision, timestamptz, numeric) returns text return 'x'");
    assert_eq!(error.message(), "cannot change return type of existing function");
    db.run("alter table t add b text").unwrap();
    let g = &db.catalog.routines("public", "g")[0];
    assert!(matches!(&g.returns, Type::Record(fields) if fields.len() == 2));
    let error = db.error("create function p() returns int as $$ begin end $$ language plpython3u");
    assert_eq!(error.position(), Some(51));
}

#[test]
fn triggers_with_built_in_functions() {
    let mut db = Database::new("create table t (a int, updated_at timestamptz)");
    db.run(
        "create trigger b before update on t for each row execute procedure extensions.moddatetime(updated_at);
         create trigger a before update on t for each row execute function suppress_redundant_updates_trigger()",
    )
    .unwrap();
    let names: Vec<&str> = db.relation("t").triggers.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        db.error("create trigger c before update on t for each row execute function moddatetime(a)").code(),
        "42804"
    );
    db.run("drop trigger a on t").unwrap();
    assert_eq!(db.relation("t").triggers.len(), 1);
}

const TOUCHED: &str = "create table t (a int, b text, c int generated always as (a + 1) stored);
    create function f() returns trigger language plpgsql as $$ begin new.a := 1; return new; end $$;";

#[test]
fn triggers_with_functions_of_the_project() {
    let mut db = Database::new(TOUCHED);
    db.run(
        "create trigger y before insert or update of a, b or delete on t for each row when (nosuch() is null) execute procedure f()",
    )
    .expect_err("no such function");
    db.run(
        "create trigger y before update of a, b on t for each row when (new.a > old.a) execute procedure f('x', 2);
         create trigger x after insert or delete on t for each row execute function public.f()",
    )
    .unwrap();
    let [x, y] = db.relation("t").triggers.as_slice() else { panic!("two triggers, by name") };
    let (x, y) = (x.run.clone().unwrap(), y.run.clone().unwrap());
    assert!(!x.before && y.before && x.operations.len() == 2);
    assert_eq!((y.columns.join(","), y.when.unwrap()), ("a,b".to_owned(), "new.a > old.a".to_owned()));
    // A column's new name reaches a trigger, and its end takes the trigger along.
    db.run("alter table t rename column b to d").unwrap();
    assert_eq!(db.relation("t").triggers[1].run.as_ref().unwrap().columns, ["a", "d"]);
    assert_eq!(db.error("alter table t drop column d").code(), "2BP01");
    db.run("alter table t drop column d cascade; alter table t disable trigger x; alter table t disable trigger all")
        .unwrap();
    assert_eq!(db.relation("t").triggers.len(), 1);
    assert!(db.relation("t").triggers[0].disabled);
    db.run("alter table t enable trigger x").unwrap();
    assert!(!db.relation("t").triggers[0].disabled);
    assert_eq!(db.error("alter table t enable trigger nosuch").code(), "42704");
    assert_eq!(db.error("drop function f()").code(), "2BP01");
}

#[test]
fn what_a_trigger_cannot_run_is_told_when_it_is_made() {
    let mut db = Database::new(TOUCHED);
    let body = |body: &str| format!("create or replace function f() returns trigger language plpgsql as $$ {body} $$");
    let trigger = "create trigger x before insert on t for each row execute function f()";
    for (code, function) in [
        ("42883", "begin\n new.a := nosuch(new.a); return new; end"),
        ("42883", "begin\n perform pg_sleep_for(new.b); return new; end"),
        ("42601", "begin\n new.a := 1 +; return new; end"),
        ("42601", "begin\n nosuch := 1; return new; end"),
        ("42883", "begin\n if new.b > 1 then return new; end if; end"),
    ] {
        let result = db.run(&body(function)).and_then(|_| db.run(trigger));
        let error = result.expect_err(function);
        assert_eq!(error.code(), code, "{function}: {error:?}");
    }
    // What comes later may be named, as in PostgreSQL.
    db.run(&body("begin insert into later values (new.a, new.nosuch); return new; end")).unwrap();
    db.run(trigger).unwrap();
    let error = db.error(&body("begin\n\n new.a := nosuch(1); return new; end"));
    assert_eq!(error.message(), "function nosuch(integer) does not exist (line 3 of the body of f)");
    for (code, trigger) in [
        ("42P17", "create trigger y after insert on t for each row when (old.a = 1) execute function f()"),
        ("42P17", "create trigger y after delete on t for each row when (new is null) execute function f()"),
        ("0A000", "create trigger y after insert on t for each row when (exists (select 1)) execute function f()"),
        ("42P17", "create trigger y before insert on t for each row when (new.c = 1) execute function f()"),
        ("42703", "create trigger y after update of nosuch on t for each row execute function f()"),
        ("42601", "create trigger y after insert or insert on t for each row execute function f()"),
        ("42883", "create trigger y after insert on t for each row execute function nosuch()"),
        ("42710", "create trigger x after insert on t for each row execute function f()"),
    ] {
        assert_eq!(db.error(trigger).code(), code, "{trigger}");
    }
}

#[test]
fn a_failed_statement_changes_nothing() {
    let mut db = Database::new("");
    let version = db.catalog.version;
    db.error("create table t (id serial, x int references nosuch)");
    assert_eq!(db.catalog.version, version);
    assert!(db.catalog.sequences.is_empty() && db.catalog.relations.is_empty());
}

#[test]
fn a_dump_sets_its_search_path() {
    let mut db =
        Database::new("select pg_catalog.set_config('search_path', '', false); set check_function_bodies = false");
    assert!(db.session.search_path.is_empty() && !db.session.check_function_bodies);
    assert_eq!(db.error("create table t (a int)").message(), "no schema has been selected to create in");
    db.run("create table public.t (a int); set search_path to public, \"$user\"; create table u (a int)").unwrap();
    assert_eq!(db.columns("u"), ["a"]);
    db.run("reset search_path").unwrap();
    assert_eq!(db.session.search_path, Session::default().search_path);
    assert!(is_definition("begin") && !is_definition("select 1") && !is_definition("with x as (select 1) select 1"));
}

#[test]
fn the_chinook_tables_are_made() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/chinook/chinook.sql");
    let Ok(script) = std::fs::read_to_string(path) else { return };
    let db = Database::new(&script);
    assert_eq!(db.catalog.relations.len(), 11);
    assert_eq!(db.constraints("playlist_track").len(), 3);
    assert!(
        matches!(&db.relation("track").constraints[0].kind, ConstraintKind::PrimaryKey(columns) if columns == &["track_id"])
    );
}

#[test]
fn errors_within_bodies_and_expressions_are_placed_there() {
    let mut db = Database::new("create table t (a int, b text)");
    for statement in [
        "create function f() returns setof int language sql as $$\n  select 1;\n  select nope\n  from t $$",
        "create function f() returns setof int language sql as 'select a from t where a = nope'",
        "create function f() returns setof int language sql as $x$ select * from (select nope from t) s $x$",
        "create function f() returns setof int language sql begin atomic\n  select a from t;\n  select nope from t;\nend",
        "create view v as\n  select a,\n  nope from t",
        "create policy p on t using (a = 1\n  and nope)",
        "create policy p on t for insert with check (exists (select from t u where u.a = t.a and nope))",
    ] {
        let error = db.error(statement);
        assert_eq!((error.code(), error.position()), ("42703", statement.find("nope")), "{statement}: {error}");
    }
    let statement = "create view v as select a from nosuch";
    assert_eq!(db.error(statement).position(), statement.find("nosuch"));
    let statement = "create function f() returns setof t language sql as $$ select * from nosuch $$";
    assert_eq!(db.error(statement).position(), statement.find("nosuch"));
}
