//! Closed unless opened: a table without row security is not served to the roles of browsers, by whatever way one comes to it.

use basalt_tests::{Server, on_postgres_before};
use serde_json::json;

const SCHEMA: &str = "
create table open (id integer primary key, name text);
create table closed (id integer primary key, open_id integer references open (id), secret text);
create view windows as select id, secret from closed;
alter table open enable row level security;
create policy \"all read\" on open for select using (true);
insert into open values (1, 'a');
insert into closed values (1, 1, 's');
";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_row_security_is_refused_and_the_answer_says_how_to_open_it() {
    let server = Server::start(SCHEMA).await;
    server.get("/open").expect(200, json!([{"id": 1, "name": "a"}])).await;
    let answer = server.get("/closed").expect_error(401, "42501").await;
    let hint = answer.json()["hint"].as_str().unwrap_or_default().to_owned();
    assert!(hint.contains("alter table public.closed enable row level security"), "{hint}");
    assert!(hint.contains("api.unprotected"), "{hint}");
    server.get("/closed").user("11111111-1111-4111-8111-111111111111").expect_error(403, "42501").await;
    server.post("/closed", &json!({"id": 2})).expect_error(401, "42501").await;
    server.delete("/closed?id=eq.1").expect_error(401, "42501").await;
    server.get("/closed").service().expect(200, json!([{"id": 1, "open_id": 1, "secret": "s"}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedding_and_views_are_no_way_around() {
    let server = Server::start(SCHEMA).await;
    server.get("/open?select=id,closed(secret)").expect_error(401, "42501").await;
    server.get("/windows").expect_error(401, "42501").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_may_name_a_table_as_unprotected() {
    let server = Server::start_with(SCHEMA, |config| config.api.unprotected = vec!["public.closed".into()]).await;
    server.get("/closed?select=secret").expect(200, json!([{"secret": "s"}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_anonymous_role_may_have_another_name() {
    let script = format!(
        "{SCHEMA}\ncreate role web; grant web to authenticator; grant usage on schema public to web; grant all on closed, open to web;"
    );
    let server = Server::start_with(&script, |config| config.api.anonymous_role = "web".into()).await;
    server.get("/open?select=id").expect(200, json!([{"id": 1}])).await;
    server.get("/closed").expect_error(401, "42501").await;
}

/// It is held to what the login may become, as a token's role is.
#[tokio::test(flavor = "multi_thread")]
async fn the_anonymous_role_has_to_be_granted() {
    let stranger = "create role web_unknown; grant usage on schema public to web_unknown; grant all on closed, open to web_unknown;";
    for (role, made) in [("web_unknown", stranger), ("postgres", "")] {
        let script = format!("{SCHEMA}\n{made}");
        let server = Server::start_with(&script, |config| config.api.anonymous_role = role.into()).await;
        let refused = server.get("/open?select=id").expect_error(401, "42501").await;
        assert_eq!(refused.json()["message"], format!("permission denied to set role \"{role}\""));
    }
}

/// A body that is kept parsed, as PostgreSQL has it from version 14 on.
const ATOMIC: &str = "create function atomic() returns bigint stable begin atomic select count(*) from closed; end;";

const FUNCTIONS: &str = "
create table open (id integer primary key, name text);
create table closed (id integer primary key, open_id integer references open (id), secret text);
create schema internal;
create table internal.kept (id integer primary key, note text);
alter table open enable row level security;
create policy \"all read\" on open for select using (true);
insert into open values (1, 'a');
insert into closed values (1, 1, 's');
grant usage on schema internal to anon;
grant select on internal.kept to anon;
insert into internal.kept values (1, 'n');

create function secrets() returns setof text language sql stable as $$ select secret from closed $$;
create function secret_rows() returns setof closed language sql stable as $$ select * from closed $$;
create function shadowed() returns setof text language sql stable
    as $$ with closed as (select * from closed) select secret from closed $$;
create function indirect() returns bigint language sql stable as $$ select count(*) from secrets() $$;
create function note(text) returns void language sql as $$ insert into closed (id, secret) values (9, $1) $$;
create function with_default(n bigint default indirect()) returns bigint language sql stable as $$ select n $$;
create function vouched() returns bigint language sql stable security definer set search_path = ''
    as $$ select count(*) from public.closed $$;
create function kept() returns setof text language sql stable as $$ select note from internal.kept $$;
create function names() returns setof text language sql stable as $$ select name from open $$;

create function whisper(open) returns text language sql stable
    as $$ select secret from closed where open_id = $1.id $$;
create function kin(open) returns setof open language sql stable
    as $$ select * from open where id in (select open_id from closed) $$;
create function loud(open) returns text language sql stable as $$ select upper($1.name) $$;
create function hushed(open) returns text language sql stable as $$ select o.whisper from open o where o.id = $1.id $$;
create view through as select id, whisper(open.*) as w from open;
";

#[tokio::test(flavor = "multi_thread")]
async fn functions_with_their_callers_rights_are_no_way_around() {
    let server = Server::start(FUNCTIONS).await;
    let mut names = vec!["secrets", "secret_rows", "shadowed", "indirect", "with_default"];
    if !on_postgres_before(14) {
        server.script(ATOMIC).await;
        names.push("atomic");
    }
    for name in names {
        let answer = server.get(&format!("/rpc/{name}")).expect_error(401, "42501").await;
        assert!(answer.json()["hint"].as_str().unwrap_or_default().contains("public.closed"), "{name}: {answer:?}");
        server.post(&format!("/rpc/{name}"), &json!({})).expect_error(401, "42501").await;
    }
    let note = server.ask(reqwest::Method::POST, "/rpc/note").header("content-type", "text/plain");
    note.body("x").expect_error(401, "42501").await;
    server.get("/closed?id=eq.9").service().expect(200, json!([])).await;
    server.get("/rpc/secrets").user("11111111-1111-4111-8111-111111111111").expect_error(403, "42501").await;
    // What the author vouches for, what lies in a schema that is not exposed, and what is open are served.
    server.get("/rpc/vouched").expect(200, json!(1)).await;
    server.get("/rpc/kept").expect(200, json!(["n"])).await;
    server.get("/rpc/names").expect(200, json!(["a"])).await;
    server.get("/rpc/secrets").service().expect(200, json!(["s"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn computed_fields_and_relationships_are_no_way_around() {
    let server = Server::start(FUNCTIONS).await;
    for path in [
        "/open?select=id,whisper",
        "/open?select=id,hushed",
        "/open?select=id&whisper=eq.s",
        "/open?select=id&or=(id.eq.9,whisper.like.s*)",
        "/open?select=id&order=whisper",
        "/open?select=id,kin(id)",
        "/open?select=id,...kin(id)",
        "/open?select=id,kin()&kin=not.is.null",
        "/through",
    ] {
        let answer = server.get(path).send().await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("42501")), "{path}: {answer:?}");
    }
    server.get("/open?select=loud").expect(200, json!([{"loud": "A"}])).await;
    server
        .get("/open?select=whisper,kin(id)")
        .service()
        .expect(200, json!([{"whisper": "s", "kin": [{"id": 1}]}]))
        .await;
    let written = server.patch("/open?select=whisper", &json!({"name": "b"})).prefer("return=representation");
    written.expect_error(401, "42501").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_does_not_show_what_is_closed() {
    let server = Server::start(FUNCTIONS).await;
    let paths = server.get("/").send().await.json()["paths"].clone();
    for (path, shown) in [
        ("/open", true),
        ("/closed", false),
        ("/through", false),
        ("/rpc/secrets", false),
        ("/rpc/names", true),
        ("/rpc/vouched", true),
    ] {
        assert_eq!(paths[path].is_object(), shown, "{path}");
    }
}

/// PostgreSQL manual, CREATE VIEW: what a `security_invoker` view reads is read as whoever asks, be it through a view that is read as
/// its owner.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_within_an_owners_view_keeps_its_callers_policies() {
    if on_postgres_before(15) {
        return;
    }
    let script = "
        create table notes (id integer primary key, owner uuid, body text);
        alter table notes enable row level security;
        create policy own on notes using (owner = auth.uid()) with check (owner = auth.uid());
        insert into notes values (1, null, 'a'), (2, '11111111-1111-4111-8111-111111111111', 'b');
        create view inner_notes with (security_invoker = true) as select * from notes;
        create view outer_notes with (security_invoker = false) as select * from inner_notes;
        create view joined_notes with (security_invoker = false) as
            select n.id from inner_notes n join inner_notes m using (id) where id in (select id from inner_notes);
        create table topics (id integer primary key);
        alter table topics enable row level security;
        create policy noted on topics using (exists (select from inner_notes n where n.id = topics.id));
        insert into topics values (1), (2);
        create role warden;
        grant select on topics, inner_notes, notes to warden;
        create view warden_topics with (security_invoker = false) as select id from topics;
        alter view warden_topics owner to warden;";
    let server = Server::start(script).await;
    let somebody = "11111111-1111-4111-8111-111111111111";
    for view in ["outer_notes", "joined_notes", "warden_topics"] {
        let ids = format!("/{view}?select=id");
        server.get(&ids).expect(200, json!([])).await;
        server.get(&ids).user(somebody).expect(200, json!([{"id": 2}])).await;
    }
    let seen = json!([{"id": 2, "body": "c"}]);
    let change = json!({"body": "c"});
    let changed = server.patch("/outer_notes?id=gt.0&select=id,body", &change).prefer("return=representation");
    changed.user(somebody).expect(200, seen).await;
    let put = server.put("/outer_notes?id=eq.1", &json!({"id": 1, "owner": somebody, "body": "d"}));
    put.user(somebody).expect_error(403, "42501").await;
    let merged = server.post("/outer_notes?on_conflict=id", &json!({"id": 1, "owner": somebody, "body": "d"}));
    merged.prefer("resolution=merge-duplicates").user(somebody).expect_error(403, "42501").await;
    server.delete("/outer_notes?id=eq.1").expect(204, serde_json::Value::Null).await;
    server.get("/notes?select=id,body&id=eq.1").service().expect(200, json!([{"id": 1, "body": "a"}])).await;
}

/// Writing through views asks the rights of each of them, of whoever reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_through_views_asks_the_rights_to_each() {
    if on_postgres_before(15) {
        return;
    }
    let script = "
        create table notes (id integer primary key, a integer, b integer);
        alter table notes enable row level security;
        insert into notes values (1, 1, 1);
        create view inner_notes with (security_invoker = false) as select id, a as x, b from notes;
        create view outer_notes with (security_invoker = true) as select id, x as y, b from inner_notes;
        revoke insert, update, delete on inner_notes from anon, authenticated;
        grant update (x) on inner_notes to anon;";
    let open = |config: &mut basalt_server::Config| config.api.unprotected = vec!["*".into()];
    let server = Server::start_with(script, open).await;
    server.delete("/outer_notes?id=eq.1").expect_error(401, "42501").await;
    server.post("/outer_notes", &json!({"id": 2})).expect_error(401, "42501").await;
    server.patch("/outer_notes?id=eq.1", &json!({"b": 2})).expect_error(401, "42501").await;
    server.patch("/outer_notes?id=eq.1", &json!({"y": 3})).expect(204, serde_json::Value::Null).await;
    server.get("/notes").service().expect(200, json!([{"id": 1, "a": 3, "b": 1}])).await;
}

/// PostgreSQL asks the rights of a view's owner when the view is read: grants may come at the end of a migration.
#[tokio::test(flavor = "multi_thread")]
async fn a_views_owner_needs_its_rights_when_the_view_is_read() {
    if on_postgres_before(15) {
        return;
    }
    let script = "
        create table notes (id integer primary key, body text);
        alter table notes enable row level security;
        insert into notes values (1, 'a');
        create role curator bypassrls;
        create view owned with (security_invoker = false) as select id, body from notes;
        alter view owned owner to curator;
        create view over_owned as select id from owned;
        create view never_granted with (security_invoker = false) as select id from notes;
        alter view never_granted owner to curator;
        create or replace view over_never as select id from never_granted;
        create function ids() returns setof integer language sql stable as 'select id from owned';
        create table topics (id integer primary key);
        alter table topics enable row level security;
        create policy noted on topics using (exists (select from owned n where n.id = topics.id));
        insert into topics values (1), (2);
        alter table topics rename column id to topic;
        grant usage on schema public to curator;
        grant select (id, body) on notes to curator;";
    let server = Server::start(script).await;
    for path in ["/over_owned", "/over_never"] {
        server.get(path).expect(200, json!([{"id": 1}])).await;
    }
    server.get("/rpc/ids").expect(200, json!([1])).await;
    server.get("/topics").expect(200, json!([{"topic": 1}])).await;

    let less = script.replace("grant select (id, body)", "grant select (body)").replace("curator", "other_curator");
    let server = Server::start(&less).await;
    for path in ["/over_owned", "/over_never", "/rpc/ids", "/topics"] {
        server.get(path).expect_error(401, "42501").await;
    }
}

/// Policies name their table's row in many ways; whatever a query within them calls by the table's old or new name is something else.
#[tokio::test(flavor = "multi_thread")]
async fn policies_go_with_their_tables_new_name() {
    let script = "
        create table posts (id integer primary key, a integer, tags integer[], owner text, note text default 'n');
        insert into posts values (1, 10, '{1}', 'me'), (2, 3, '{2}', 'you'), (3, 10, '{3}', 'me');
        create function visible(p posts) returns boolean language sql stable as $$ select p.a > 5 $$;
        create table members (owner text, post integer);
        insert into members values ('me', 1), ('you', 2);
        alter table members enable row level security;
        create policy all_read on members using (true);
        alter table posts enable row level security;
        create policy whole on posts using (visible(posts) and visible(posts.*) and (posts).a > 6 and posts.* is not null);
        create policy fields on posts as restrictive using (posts.tags[1] < 9 and public.posts.id > 0);
        create policy called_new on posts as restrictive using (exists (select from members articles where
            articles.post = posts.id and articles.owner = posts.owner and articles.owner = public.posts.owner and posts.tags[1] = 1));
        create policy called_old on posts as restrictive using (posts.id < 9 and exists (select from members posts where posts.post = 2));
        create policy itself on posts as restrictive using
            (posts.id = (select min(k) from (values (1)) posts(k) where posts.k > 0) and posts.a = 10);
        alter table posts rename to articles;";
    let row = json!([{"id": 1, "a": 10, "tags": [1], "owner": "me", "note": "n"}]);
    Server::start(script).await.get("/articles").expect(200, row.clone()).await;
    let again = format!(
        "{script}
        alter table articles rename to members_of;
        alter table members_of rename column owner to author;
        alter table members_of alter column note type varchar(9);
        alter table members_of rename to articles;
        alter table articles rename column author to owner;
        create schema other;
        alter table articles set schema other;
        alter table other.articles set schema public;"
    );
    Server::start(&again).await.get("/articles").expect(200, row).await;
}

/// What the subqueries of policies read is asked for in full, also where the text of another policy says that a row passes; beside a policy
/// that always holds nothing else counts.
#[tokio::test(flavor = "multi_thread")]
async fn rights_are_asked_to_what_each_policy_reads() {
    let script = "
        create table hidden (a integer);
        alter table hidden enable row level security;
        revoke all on hidden from anon, authenticated;
        create table notes (id integer primary key, owner text, v integer);
        insert into notes values (1, 'anon', 1);
        alter table notes enable row level security;
        create policy own on notes using (owner = current_user) with check (owner = current_user);
        create policy seen on notes for select using (exists (select 1 from hidden));
        create table boards (id integer primary key, v integer);
        insert into boards values (1, 1);
        alter table boards enable row level security;
        create policy everything on boards using (true) with check (true);
        create policy seen on boards for select using (exists (select 1 from hidden));";
    let server = Server::start_with(script, |_| {}).await;
    server.get("/notes").expect_error(401, "42501").await;
    server.patch("/notes?id=eq.1", &json!({"v": 2})).expect_error(401, "42501").await;
    server.delete("/notes?id=eq.1").expect_error(401, "42501").await;
    let note = json!({"id": 2, "owner": "anon"});
    server.post("/notes?select=id", &note).prefer("return=representation").expect_error(401, "42501").await;
    server.post("/notes", &note).expect(201, serde_json::Value::Null).await;
    server.get("/boards").expect(200, json!([{"id": 1, "v": 1}])).await;
    server.patch("/boards?id=eq.1", &json!({"v": 2})).expect(204, serde_json::Value::Null).await;
}

/// A policy goes on with its grouping sets, and their brackets, under a column's new name.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_over_grouping_sets() {
    let script = "
        create table sales (n integer, region text);
        create table counts (id integer primary key);
        alter table sales enable row level security;
        alter table counts enable row level security;
        create policy everyone on sales using (true);
        create policy counted on counts using (
            id in (select count(*) from sales group by grouping sets ((region), ((n + 1) * 2, region), (n + 1) * 2, ())));
        insert into sales values (1, 'n'), (1, 's'), (1, 's'), (2, 's');
        insert into counts select * from generate_series(1, 5);
        alter table sales rename column n to units;
        alter table sales rename column region to area;";
    let server = Server::start(script).await;
    server.get("/counts?order=id").expect(200, json!([{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}])).await;
}
