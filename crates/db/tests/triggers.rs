//! Triggers of the project's own on the embedded engine: what of them a door doesn't show.

mod support;

use basalt_db::Options;
use support::{with_options, with_schema};

/// The example of the documentation: the first SQL below its heading.
fn documented() -> &'static str {
    let (_, section) = include_str!("../../../docs/migrations.md").split_once("\n## Triggers\n").expect("the section");
    let (_, example) = section.split_once("```sql\n").expect("an example");
    example.split_once("```").expect("its end").0
}

#[tokio::test]
async fn the_documented_example_works() {
    let db = with_schema(documented()).await;
    db.run("insert into articles (title) values (' First One ')", &[]).await.expect("inserted");
    let row = db
        .json("update articles set title = 'Second' returning slug, version, updated_at is not null as touched", &[])
        .await;
    assert_eq!(row, r#"[{"slug":"second","version":2,"touched":true}]"#);
    let row = db.json("select article, version, was ->> 'slug' as slug from articles_history", &[]).await;
    assert_eq!(row, r#"[{"article":1,"version":1,"slug":"first-one"}]"#);
    let error = db.error("insert into articles (title) values (' ')", &[]).await;
    assert_eq!(
        (error.code(), error.message(), error.hint()),
        ("23514", "article 2 has no title", Some("Give it one."))
    );
}

const PEOPLE: &str = "
create table people (id int primary key, name text, data jsonb);
create table profiles (id int primary key references people (id) on delete cascade, name text not null, seen int default 0);
create table log (id int generated always as identity primary key, what text);
create function handle_new() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.profiles (id, name) values (new.id, new.data->>'full_name');
  return new;
end; $$;
create trigger on_created after insert on people for each row execute procedure handle_new();
";

#[tokio::test]
async fn a_row_after_another() {
    let db = with_schema(PEOPLE).await;
    db.run(r#"insert into people values (1, 'a', '{"full_name": "Ada"}'), (2, 'b', '{"full_name": "Bob"}')"#, &[])
        .await
        .expect("inserted");
    let rows = db.json("select id, name, seen from profiles order by id", &[]).await;
    assert_eq!(rows, r#"[{"id":1,"name":"Ada","seen":0},{"id":2,"name":"Bob","seen":0}]"#);
    let error = db.error("insert into people values (3, 'c', '{}')", &[]).await;
    assert_eq!(error.code(), "23502");
    assert_eq!(error.message(), "null value in column \"name\" of relation \"profiles\" violates not-null constraint");
    assert_eq!(db.json("select count(*) from people", &[]).await, r#"[{"count":2}]"#);
}

#[tokio::test]
async fn control_flow_and_errors() {
    let db = with_schema(&format!(
        "{PEOPLE}
create function noted() returns trigger language plpgsql as $$
declare
  n int := 0;
  word text;
begin
  select count(*), max(name) into n, word from public.people;
  if tg_op = 'DELETE' then
    insert into public.log (what) values ('gone ' || old.name);
    return old;
  elsif new.name is distinct from old.name and tg_op = 'UPDATE' then
    word := format('%s to %s', old.name, new.name);
  end if;
  case when n > 2 then
    raise exception 'too many: % of %', n, new.id using hint = 'Fewer.', errcode = '23P01';
  else null;
  end case;
  insert into public.log (what) values (tg_op || ' ' || tg_table_name || ' ' || n || ' ' || word);
  begin
    insert into public.profiles (id, name) values (new.id, new.name);
  exception when unique_violation then
    insert into public.log (what) values (sqlstate || ' ' || sqlerrm);
  end;
  perform 1 from public.log where what = 'nothing';
  if not found then
    update public.profiles set seen = seen + 1 where id = new.id;
  end if;
  return null;
end $$;
create trigger zz after insert or update of name or delete on people for each row execute function noted();"
    ))
    .await;
    db.run(r#"insert into people values (1, 'a', '{"full_name": "Ada"}')"#, &[]).await.expect("inserted");
    db.run("update people set name = 'x'", &[]).await.expect("updated");
    db.run("update people set data = '{}'", &[]).await.expect("updated");
    db.run(r#"insert into people values (2, 'b', '{"full_name": "Bob"}')"#, &[]).await.expect("inserted");
    let error = db.error(r#"insert into people values (3, 'b', '{"full_name": "Bob"}')"#, &[]).await;
    assert_eq!((error.code(), error.message(), error.hint()), ("23P01", "too many: 3 of 3", Some("Fewer.")));
    db.run("delete from people where id = 1", &[]).await.expect("deleted");
    let rows = db.json("select what from log order by id", &[]).await;
    assert_eq!(
        rows,
        r#"[{"what":"INSERT people 1 a"},{"what":"23505 duplicate key value violates unique constraint \"profiles_pkey\""},{"what":"UPDATE people 1 a to x"},{"what":"23505 duplicate key value violates unique constraint \"profiles_pkey\""},{"what":"INSERT people 2 x"},{"what":"23505 duplicate key value violates unique constraint \"profiles_pkey\""},{"what":"gone x"}]"#
    );
    assert_eq!(db.json("select id, seen from profiles order by id", &[]).await, r#"[{"id":2,"seen":1}]"#);
}

const ITEMS: &str = "
create domain short as text check (length(value) < 8);
create table items (
    id int primary key, name short, price numeric(6, 2) check (price >= 0), twice numeric generated always as (price * 2) stored,
    created_at timestamptz default '2020-01-01', updated_at timestamptz, version int not null default 1
);
create function touch() returns trigger language plpgsql as $$
begin
  new.name := trim(new.name);
  if tg_op = 'UPDATE' then
    new.updated_at = now();
    new.version := old.version + 1;
    if new.name = 'as was' then return old; end if;
  end if;
  if new.name = 'skip' then return null; end if;
  if new.name is null then raise exception 'a name is wanted for %', new.id using errcode = 'check_violation'; end if;
  return new;
end $$;
create trigger touch before insert or update on items for each row execute function touch();
create function keeps() returns trigger language plpgsql as $$
begin
  if old.name = 'kept' then return null; end if;
  if old.name = 'safe' then raise exception 'safe is safe'; end if;
  return old;
end $$;
create trigger keeps before delete on items for each row execute function keeps();
";

#[tokio::test]
async fn rows_before_they_are_written() {
    let db = with_schema(ITEMS).await;
    let returned = db.json("insert into items (id, name, price) values (1, ' a ', 1.5), (2, 'skip', 2), (3, 'c', 3) returning id, name, twice, version", &[]).await;
    assert_eq!(
        returned,
        r#"[{"id":1,"name":"a","twice":3.00,"version":1},{"id":3,"name":"c","twice":6.00,"version":1}]"#
    );
    let returned = db
        .json("update items set price = price + 1 where id = 1 returning id, price, twice, version, updated_at > '2021-01-01' as fresh", &[])
        .await;
    assert_eq!(returned, r#"[{"id":1,"price":2.50,"twice":5.00,"version":2,"fresh":true}]"#);
    // Checks, domains and not-null see what the trigger left.
    for (code, sql) in [
        ("23514", "insert into items (id, name) values (4, null)"),
        ("23514", "insert into items (id, name, price) values (4, 'd', -1)"),
        ("23514", "update items set price = -1"),
        ("23514", "update items set name = 'much too long'"),
        ("23505", "insert into items (id, name) values (1, 'd')"),
        ("23502", "insert into items (id, name, version) values (4, 'd', null)"),
    ] {
        assert_eq!(db.error(sql, &[]).await.code(), code, "{sql}");
    }
    let rows = db.json("update items set name = 'as was' where id = 3 returning name, version, updated_at", &[]).await;
    assert_eq!(rows, r#"[{"name":"c","version":1,"updated_at":null}]"#);
    assert_eq!(db.json("update items set name = 'skip' where id = 3 returning id", &[]).await, "[]");
    let rows = db.json("update items i set name = o.name from items o where o.id = 1 and i.id = 3 returning i.name, i.version, o.id", &[]).await;
    assert_eq!(rows, r#"[{"name":"a","version":2,"id":1}]"#);
}

#[tokio::test]
async fn upserts_before_they_are_written() {
    let db = with_schema(ITEMS).await;
    db.run("insert into items (id, name, price) values (1, 'a', 1), (2, 'b', 2)", &[]).await.expect("inserted");
    let upsert = "insert into items (id, name, price) values (2, ' x ', 3), (3, 'y', 4), (4, 'skip', 5), (1, 'b', 5) \
        on conflict (id) do update set name = excluded.name || '!', price = excluded.price where items.id > 0 \
        returning id, name, price, twice, version, xmax = 0 as new";
    let rows = db.json(upsert, &[]).await;
    let mut rows: Vec<&str> = rows.trim_matches(['[', ']', '}']).split("},").collect();
    rows.sort_unstable();
    assert_eq!(
        rows,
        [
            r#"{"id":1,"name":"b!","price":5.00,"twice":10.00,"version":2,"new":false"#,
            r#"{"id":2,"name":"x!","price":3.00,"twice":6.00,"version":2,"new":false"#,
            r#"{"id":3,"name":"y","price":4.00,"twice":8.00,"version":1,"new":true"#,
        ]
    );
    let rows = db
        .json("insert into items (id, name) values (1, 'z'), (5, ' e') on conflict do nothing returning id, name", &[])
        .await;
    assert_eq!(rows, r#"[{"id":5,"name":"e"}]"#);
    // A row that the trigger keeps as it was is written, and one that it skips is not.
    let rows = db.json("insert into items (id, name) values (1, 'z') on conflict (id) do update set name = 'as was' returning id, name, version", &[]).await;
    assert_eq!(rows, r#"[{"id":1,"name":"b!","version":2}]"#);
    let rows = db
        .json(
            "insert into items (id, name) values (1, 'z') on conflict (id) do update set name = 'skip' returning id",
            &[],
        )
        .await;
    assert_eq!(rows, "[]");
    let error = db
        .error("insert into items (id, name) values (1, 'z'), (1, 'y') on conflict (id) do update set name = 'w'", &[])
        .await;
    assert_eq!(error.code(), "21000");
    let error =
        db.error("insert into items (id, name) values (1, 'z') on conflict (id) do update set name = null", &[]).await;
    assert_eq!((error.code(), error.message()), ("23514", "a name is wanted for 1"));
}

#[tokio::test]
async fn rows_before_they_go() {
    let db = with_schema(ITEMS).await;
    db.run("insert into items (id, name) values (1, 'a'), (2, 'kept'), (3, 'c'), (4, 'safe')", &[])
        .await
        .expect("inserted");
    assert_eq!(
        db.json("delete from items where id < 4 returning id, upper(name) as name", &[]).await,
        r#"[{"id":1,"name":"A"},{"id":3,"name":"C"}]"#
    );
    assert_eq!(db.error("delete from items", &[]).await.message(), "safe is safe");
    db.run("update items set name = 'x' where id = 4", &[]).await.expect("updated");
    assert_eq!(db.run("delete from items", &[]).await.expect("deleted").rows, 1);
    assert_eq!(db.json("select id from items", &[]).await, r#"[{"id":2}]"#);
}

#[tokio::test]
async fn definitions_fill_rows_in_without_firing() {
    let db = with_schema(PEOPLE).await;
    db.run(r#"insert into people values (1, 'a', '{"full_name": "Ada"}')"#, &[]).await.expect("inserted");
    let script = "create function loud() returns trigger language plpgsql as $$
        begin raise exception 'nobody changed it'; end $$;
        create trigger loud_before before update or delete on people for each row execute function loud();
        create trigger loud_after after update or delete on people for each row execute function loud();
        alter table people add column since timestamptz not null default now();
        alter table people alter column name type varchar(20);
        truncate people cascade;";
    db.database.run_script(script, |_| {}).await.expect("no trigger fires");
    // Data of a script does fire them.
    let script = "copy people (id, name, data) from stdin;\n7\tseven\t{\"full_name\": \"Seven\"}\n\\.\n
        insert into people (id, name, data) values (8, 'eight', '{\"full_name\": \"Eight\"}');";
    db.database.run_script(script, |_| {}).await.expect("runs");
    assert_eq!(
        db.json("select id, name from profiles order by id", &[]).await,
        r#"[{"id":7,"name":"Seven"},{"id":8,"name":"Eight"}]"#
    );
    let failed = db.database.run_script("update people set name = 'x'", |_| {}).await.expect_err("fires");
    assert_eq!((failed.error.code(), failed.error.message()), ("P0001", "nobody changed it"));
}

#[tokio::test]
async fn triggers_that_fire_each_other_end_somewhere() {
    let db = with_schema(
        "create table t (id int primary key, n int);
        create function again() returns trigger language plpgsql as $$ begin update t set n = n + 1 where id = new.id; return null; end $$;
        create trigger again after update on t for each row execute function again();
        insert into t values (1, 0);",
    )
    .await;
    let error = db.error("update t set n = 1", &[]).await;
    assert_eq!((error.code(), error.message()), ("54001", "stack depth limit exceeded"));
    assert_eq!(db.json("select n from t", &[]).await, r#"[{"n":0}]"#);
}

#[tokio::test]
async fn a_row_that_follows_another_is_not_kept() {
    let db = with_schema(
        "create table a (id int primary key);
        create table b (id int primary key, a int references a on delete cascade on update cascade, n int check (n < 10) default 0);
        create function keeps() returns trigger language plpgsql as $$
        begin if tg_op = 'DELETE' then return null; end if; new.n := new.a; return new; end $$;
        create trigger keeps before update or delete on b for each row execute function keeps();
        insert into a values (1), (2); insert into b values (1, 1), (2, 2);",
    )
    .await;
    db.run("update a set id = 5 where id = 1", &[]).await.expect("updates");
    assert_eq!(db.json("select * from b where id = 1", &[]).await, r#"[{"id":1,"a":5,"n":5}]"#);
    let error = db.error("update a set id = 50 where id = 5", &[]).await;
    assert_eq!((error.code(), error.constraint()), ("23514", Some("b_n_check")));
    assert_eq!(db.error("delete from a where id = 2", &[]).await.code(), "0A000");
    assert_eq!(db.run("delete from b", &[]).await.expect("none").rows, 0);
    assert_eq!(db.json("select count(*) from b", &[]).await, r#"[{"count":2}]"#);
}

#[tokio::test]
async fn what_is_random_is_given_once_to_a_function_that_writes() {
    let db = with_schema(
        "create table kept (a uuid, b uuid);
        create function keep(a uuid, b uuid) returns void language sql as $$ insert into kept values (keep.a, keep.b), (keep.a, null) $$;
        create table t (id int primary key);
        create function told() returns trigger language plpgsql as $$ begin perform keep(gen_random_uuid(), gen_random_uuid()); return null; end $$;
        create trigger told after insert on t for each row execute function told();",
    )
    .await;
    db.run("insert into t values (1), (2)", &[]).await.expect("inserted");
    let counted = db
        .json(
            "select count(*), count(distinct a) as a, count(distinct b) as b from kept where a <> b or b is null",
            &[],
        )
        .await;
    assert_eq!(counted, r#"[{"count":4,"a":2,"b":2}]"#);
}

/// A statement's rows are counted together, whoever keeps them: those that triggers wait for, and those that its steps took.
#[tokio::test]
async fn rows_that_wait_are_counted() {
    let schema = "
        create table noted (id int primary key, a text);
        create function pass() returns trigger language plpgsql as $$ begin return new; end $$;
        create trigger after_each after insert or update on noted for each row execute function pass();
        create table proposed (id int primary key, a text);
        create function grow() returns trigger language plpgsql as $$
            begin new.a := repeat(new.a, 20); return new; end $$;
        create trigger before_each before insert on proposed for each row execute function grow();
        create table plain (id int primary key, a text);";
    let db = with_options(schema, |options| Options { max_body: 1 << 20, ..options }).await;
    let rows = |count: usize| format!("select i, repeat('x', 1000) from generate_series(1, {count}) i");
    let refused = [
        format!("insert into noted {}", rows(1_500)),
        format!("insert into proposed {}", rows(200)),
        // Each of them holds less than is allowed.
        format!(
            "with a as (insert into plain {} returning a), b as (insert into plain select -i, a from ({}) t(i, a) returning a)
             select length(a) from a union all select length(a) from b",
            rows(700),
            rows(700)
        ),
    ];
    for sql in refused {
        assert_eq!(db.error(&sql, &[]).await.code(), "54000", "{sql}");
    }
    let counted =
        "select (select count(*) from noted) + (select count(*) from proposed) + (select count(*) from plain) as n";
    assert_eq!(db.json(counted, &[]).await, r#"[{"n":0}]"#);
    db.run(&format!("insert into noted {}", rows(500)), &[]).await.expect("so many are held");
    db.run("update noted set a = 'y'", &[]).await.expect("the old ones too");
    db.run(&format!("insert into plain {}", rows(1_500)), &[]).await.expect("nobody waits for these");
}
