//! Triggers of the project's own on the embedded engine: what of them a door doesn't show.

mod support;

use support::with_schema;

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
