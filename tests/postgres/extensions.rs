//! Extensions that projects rely on, through REST, and policies that ask functions with their owner's rights.

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use serde_json::{Value, json};

const ANN: &str = "a0000000-0000-4000-8000-00000000000a";
const BOB: &str = "b0000000-0000-4000-8000-00000000000b";

#[tokio::test(flavor = "multi_thread")]
async fn extensions_serve_columns_functions_and_filters() {
    let cluster = Cluster::start();
    let script = "
        create extension if not exists citext schema extensions;
        create extension if not exists pg_trgm schema extensions;
        create extension if not exists hstore schema extensions;
        create table people (id uuid primary key default extensions.uuid_generate_v4(), name text not null, mail extensions.citext unique,
            secret text, tags extensions.hstore);
        create index people_name on people using gin (name extensions.gin_trgm_ops);
        insert into people (name, mail, tags) values ('Katherine', 'Kate@Example.com', 'role=>admin, left=>NULL'), ('Bob', 'bob@example.com', null);
        create function like_name(people) returns real language sql stable as $$ select similarity($1.name, 'catherine') $$;
        create function nearest(word text) returns setof people language sql stable as
            $$ select * from people where name % word order by similarity(name, word) desc $$;
        create function protect() returns trigger language plpgsql as $$ begin
            new.secret := crypt(coalesce(new.secret, ''), gen_salt('bf', 4)); return new; end $$;
        create trigger protect before insert on people for each row execute function protect();
        create function fits(mail text, secret text) returns boolean language plpgsql stable as $$ begin
            return exists (select from people p where p.mail = $1::extensions.citext and p.secret = crypt($2, p.secret)); end $$;";
    let server = Server::start_on(&cluster, script, |_| ()).await;
    server
        .get("/people?mail=eq.KATE@example.COM&select=name")
        .service()
        .expect(200, json!([{"name": "Katherine"}]))
        .await;
    let similar = server.get("/people?like_name=gt.0.4&select=name").service();
    similar.expect(200, json!([{"name": "Katherine"}])).await;
    server.get("/rpc/nearest?word=kathrine&select=name").service().expect(200, json!([{"name": "Katherine"}])).await;
    let tags = server.get("/people?select=tags&tags=not.is.null").service();
    tags.expect(200, json!([{"tags": {"role": "admin", "left": null}}])).await;
    server.get("/people?select=name&tags->>role=eq.admin").service().expect(200, json!([{"name": "Katherine"}])).await;
    let new = json!({"name": "Eve", "mail": "eve@example.com", "secret": "s3cret"});
    let made = server.post("/people?select=id,secret", &new).service().prefer("return=representation").send().await;
    let row = &made.json()[0];
    assert!(row["id"].as_str().is_some_and(|id| id.len() == 36), "{}", made.body);
    assert!(row["secret"].as_str().is_some_and(|secret| secret.starts_with("$2a$")), "{}", made.body);
    let fits = |secret: &str| server.post("/rpc/fits", &json!({"mail": "EVE@example.com", "secret": secret})).service();
    fits("s3cret").expect(200, json!(true)).await;
    fits("guess").expect(200, json!(false)).await;
    server.post("/people", &json!({"name": "x", "mail": "EVE@EXAMPLE.COM"})).service().expect_error(409, "23505").await;
}

/// A helper that reads what its caller may not is how policies avoid to ask themselves.
#[tokio::test(flavor = "multi_thread")]
async fn policies_ask_helpers_with_their_owners_rights() {
    let cluster = Cluster::start();
    let script = "
        create schema private;
        create table members (team integer, user_id uuid, role text, primary key (team, user_id));
        create table notes (id integer primary key, team integer, body text);
        create function private.role_in(wanted integer) returns text language sql stable security definer set search_path = ''
            as $$ select role from public.members where team = wanted and user_id = (select auth.uid()) $$;
        grant usage on schema private to authenticated; grant execute on function private.role_in(integer) to authenticated;
        alter table members enable row level security; alter table notes enable row level security;
        create policy team_mates on members for select to authenticated using (private.role_in(team) is not null);
        create policy readers on notes for select to authenticated using (private.role_in(team) is not null);
        create policy writers on notes for all to authenticated using (private.role_in(team) = 'writer')
            with check (private.role_in(team) = 'writer' and current_setting('request.method', true) <> 'PUT');
        insert into members values (1, 'a0000000-0000-4000-8000-00000000000a', 'writer'), (1, 'b0000000-0000-4000-8000-00000000000b', 'reader'),
            (2, 'b0000000-0000-4000-8000-00000000000b', 'writer');
        insert into notes values (1, 1, 'one'), (2, 2, 'two');";
    let server = Server::start_on(&cluster, script, |_| ()).await;
    server
        .get("/members?select=role&order=role")
        .user(ANN)
        .expect(200, json!([{"role": "reader"}, {"role": "writer"}]))
        .await;
    server.get("/notes?select=id").user(ANN).expect(200, json!([{"id": 1}])).await;
    server.get("/notes?select=id&order=id").user(BOB).expect(200, json!([{"id": 1}, {"id": 2}])).await;
    server.get("/notes").expect(200, json!([])).await;
    server.patch("/notes?id=eq.1", &json!({"body": "x"})).user(ANN).expect(204, Value::Null).await;
    let others = server.patch("/notes?id=eq.1", &json!({"body": "y"})).user(BOB).prefer("return=representation");
    others.expect(200, json!([])).await;
    server.post("/notes", &json!({"id": 3, "team": 2, "body": "z"})).user(ANN).expect_error(403, "42501").await;
    server.put("/notes?id=eq.3", &json!({"id": 3, "team": 1, "body": "z"})).user(ANN).expect_error(403, "42501").await;
    server.post("/notes", &json!({"id": 3, "team": 1, "body": "z"})).user(ANN).expect(201, Value::Null).await;
    server.get("/rpc/role_in?wanted=1").user(ANN).expect_error(404, "PGRST202").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extensions_that_no_result_needs_are_passed_over_where_the_server_lacks_them() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, "", |_| ()).await;
    let sql = "create extension if not exists \"pg_graphql\" with schema \"graphql\"; CREATE EXTENSION supabase_vault;
        create table t (id int primary key);";
    let passed_over = server.database.apply_migration("1", "pulled", sql).await.expect("applies");
    let lacks =
        ["pg_graphql", "supabase_vault"].map(|name| format!("extension {name}, which this server does not have"));
    assert_eq!(passed_over.into_iter().collect::<Vec<_>>(), lacks);
    server.get("/t").service().expect(200, json!([])).await;
    let other = server.database.apply_migration("2", "other", "create extension nosuch").await;
    let lacking = if cluster.version() < 15 { "58P01" } else { "0A000" };
    assert_eq!(other.err().map(|failed| failed.error.code().to_owned()).as_deref(), Some(lacking));
}
