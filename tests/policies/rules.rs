//! What went wrong in other backends, and the rule here: a test for each, named after it.

use basalt_server::keys::Keys;
use basalt_tests::Server;
use reqwest::Method;
use serde_json::{Value, json};

use super::ask::{ANN, BOB};

#[tokio::test]
async fn closed_unless_opened_however_the_table_came_to_be() {
    let server =
        Server::start("create table base (id int primary key, secret text); insert into base values (1, 'x');").await;
    let engine = &server.database;
    engine
        .apply_migration("1", "one", "create table migrated (id int primary key); insert into migrated values (1);")
        .await
        .expect("a migration");
    let scripts = [
        "create table copied as select * from base;",
        "create table public.dumped (id integer not null, secret text);\nCOPY public.dumped (id, secret) FROM stdin;\n1\tx\n\\.\n",
        "create table before (id int); insert into before values (1); alter table before rename to renamed;",
        "create schema other; create table other.moved (id int); insert into other.moved values (1); alter table other.moved set schema public;",
        "create table opened (id int); alter table opened enable row level security; insert into opened values (1);
         create policy all_seen on opened using (true); alter table opened disable row level security;",
    ];
    let mut tables = vec!["base", "migrated", "copied", "dumped", "renamed", "opened"];
    for script in scripts {
        match engine.run_script(script, |_| ()).await {
            Ok(_) => {}
            // What the embedded engine refuses to make is closed too.
            Err(error) if error.error.code() == "0A000" => {}
            Err(error) => panic!("{script}: {error}"),
        }
    }
    if server.database.catalog().relation("public", "moved").is_some() {
        tables.push("moved");
    }
    for table in tables {
        for user in [None, Some(ANN)] {
            let closed = |ask: basalt_tests::Ask| match user {
                Some(id) => ask.user(id).expect_error(403, "42501"),
                None => ask.expect_error(401, "42501"),
            };
            closed(server.get(&format!("/{table}"))).await;
            closed(server.post(&format!("/{table}"), &json!({"id": 2}))).await;
            closed(server.patch(&format!("/{table}?id=eq.1"), &json!({"id": 3}))).await;
            closed(server.delete(&format!("/{table}?id=eq.1"))).await;
        }
        // What was made in another schema was never granted to anybody.
        if table != "moved" {
            server.get(&format!("/{table}?select=id")).service().expect(200, json!([{"id": 1}])).await;
        }
    }
    engine.run_script("alter table base enable row level security;", |_| ()).await.expect("row security");
    server.get("/base").user(ANN).expect(200, json!([])).await;
}

#[tokio::test]
async fn a_view_opens_no_closed_table() {
    let server = Server::start(
        "create table closed (id int primary key, secret text); insert into closed values (1, 'hush');
         create view plain as select id, secret from closed;
         create view computed as select upper(secret) as s from closed;
         create view counted as select count(*) as n from closed;
         create view nested as select s from computed;
         create view inner_one as select x.s from (select lower(secret) as s from closed) x;
         create view filtered as select 1 as one where exists (select 1 from closed where secret = 'hush');",
    )
    .await;
    for view in ["plain", "computed", "counted", "nested", "inner_one", "filtered"] {
        server.get(&format!("/{view}")).expect_error(401, "42501").await;
        server.get(&format!("/{view}")).user(ANN).expect_error(403, "42501").await;
        let answer = server.get(&format!("/{view}")).service().send().await;
        assert_eq!(answer.status, 200, "{view}: {}", answer.body);
    }
}

#[tokio::test]
async fn views_and_functions_run_as_their_caller_unless_they_say_otherwise() {
    let server = Server::start(&format!(
        "create table notes (id int primary key, owner uuid, body text);
         alter table notes enable row level security;
         create policy own on notes using (owner = auth.uid());
         insert into notes values (1, '{ANN}', 'a'), (2, '{BOB}', 'b');
         create view plain as select id from notes;
         create view over as select id from plain;
         create view defined with (security_invoker = false) as select id from notes;
         create function mine() returns setof int language sql stable as $$ select id from notes order by id $$;
         create function everything() returns setof int language sql stable security definer as $$ select id from notes order by id $$;
         create function me() returns text language sql stable as $$ select current_user::text $$;
         create view me_through with (security_invoker = false) as select me() as me, current_user::text as too;
         create view mine_through with (security_invoker = false) as select mine() as id;
         create function me_defined() returns text language sql stable security definer as $$ select me() $$;"
    ))
    .await;
    for path in ["/plain", "/over"] {
        server.get(path).user(ANN).expect(200, json!([{"id": 1}])).await;
        server.get(path).expect(200, json!([])).await;
    }
    server.get("/defined?order=id").user(ANN).expect(200, json!([{"id": 1}, {"id": 2}])).await;
    server.get("/rpc/mine").user(BOB).expect(200, json!([2])).await;
    server.get("/rpc/everything").user(BOB).expect(200, json!([1, 2])).await;
    // A view's owner lends its tables, not its name.
    server.get("/me_through").user(ANN).expect(200, json!([{"me": "authenticated", "too": "authenticated"}])).await;
    server.get("/mine_through").user(ANN).expect(200, json!([{"id": 1}])).await;
    server.get("/rpc/me_defined").user(ANN).expect(200, json!("postgres")).await;
}

#[tokio::test]
async fn a_column_appears_in_a_request_only_if_the_caller_may_select_it() {
    let server = Server::start(
        "create table teams (id int primary key, name text, budget int);
         create table people (id int primary key, team_id int references teams, name text, salary int, notes jsonb);
         alter table teams enable row level security;
         alter table people enable row level security;
         create policy seen on teams using (true);
         create policy seen on people using (true);
         insert into teams values (1, 'red', 10);
         insert into people values (1, 1, 'ann', 100, '{\"a\": 1}');
         revoke select on people, teams from anon, authenticated;
         grant select (id, team_id, name) on people to authenticated;
         grant select (id, name) on teams to authenticated;
         create function pay(p people) returns int language sql stable as $$ select p.salary $$;
         create view pays as select id, salary from people;",
    )
    .await;
    for path in [
        "/people",
        "/people?select=salary",
        "/people?select=s:salary::text",
        "/people?select=notes->a",
        "/people?select=id&salary=gt.1",
        "/people?select=id&salary=is.null",
        "/people?select=id&not.or=(id.eq.2,salary.eq.100)",
        "/people?select=id&notes->>a=eq.1",
        "/people?select=id&order=salary",
        "/people?select=id&order=notes->a.desc",
        "/people?select=id,teams(budget)",
        "/people?select=id,teams(id)&teams.budget=gt.1",
        "/people?select=id,teams!inner(id)&teams.budget=gt.1",
        "/people?select=id,teams(id)&order=teams(budget)",
        "/teams?select=id,people(salary)",
        "/teams?select=id,people(id)&people.order=salary",
        "/teams?select=id,people(id)&people.salary=eq.100",
        "/teams?select=id,...people(salary)",
        "/people?select=id,pay",
        "/people?select=id&pay=eq.100",
        "/people?select=id&order=pay",
        "/pays?select=id&salary=eq.100",
        "/pays",
    ] {
        let answer = server.get(path).user(ANN).send().await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("42501")), "{path}: {}", answer.body);
        assert!(!answer.body.contains("100"), "{path}: {}", answer.body);
        let answer = server.get(path).send().await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("42501")), "{path}: {}", answer.body);
    }
    server
        .get("/people?select=id,name,teams(name)&team_id=eq.1&order=name")
        .user(ANN)
        .expect(200, json!([{"id": 1, "name": "ann", "teams": {"name": "red"}}]))
        .await;
    // Writes may not tell it either.
    let writes = [
        (Method::PATCH, "/people?salary=eq.100", json!({"name": "x"})),
        (Method::PATCH, "/people?id=eq.1&select=salary", json!({"name": "x"})),
        (Method::POST, "/people?select=id,salary", json!({"id": 2})),
        (Method::POST, "/people", json!({"id": 2})),
    ];
    for (method, path, body) in writes {
        let answer = server.ask(method, path).user(ANN).prefer("return=representation").json(&body).send().await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("42501")), "{path}: {}", answer.body);
    }
    server.get("/people?select=id").service().expect(200, json!([{"id": 1}])).await;
}

#[tokio::test]
async fn no_identity_is_left_behind_for_the_next_caller() {
    let users: Vec<String> = (0..8).map(|n| format!("00000000-0000-0000-0000-{n:012}")).collect();
    let server = Server::start(
        "create table notes (id bigint generated by default as identity primary key, owner uuid not null default auth.uid(), n int);
         alter table notes enable row level security;
         create policy own on notes to authenticated using (owner = auth.uid());
         create function who() returns text language sql stable as
           $$ select concat_ws(' ', current_user, auth.uid(), auth.role(), current_setting('request.headers', true)::json ->> 'x-mark') $$;
         create function leave(v text) returns text language sql volatile as
           $$ select set_config('app.mark', v, false) || set_config('request.jwt.claims', '{\"sub\":\"x\"}', false) $$;
         create function left_behind() returns text language sql stable as $$ select current_setting('app.mark', true) $$;",
    )
    .await;
    let server = std::sync::Arc::new(server);
    let mut tasks = tokio::task::JoinSet::new();
    for (index, user) in users.iter().cloned().enumerate() {
        let server = server.clone();
        tasks.spawn(async move {
            for round in 0..30 {
                let mark = format!("{index}-{round}");
                let who = format!("authenticated {user} authenticated {mark}");
                server.get("/rpc/who").user(&user).header("x-mark", &mark).expect(200, json!(who)).await;
                server.post("/notes", &json!({"n": round})).user(&user).expect(201, Value::Null).await;
                server.get("/notes?select=n&id=eq.x").user(&user).expect_error(400, "22P02").await;
                server.post("/notes", &json!({"n": 1, "owner": ANN})).user(&user).expect_error(403, "42501").await;
                server.get("/rpc/who").header("x-mark", &mark).expect(200, json!(format!("anon anon {mark}"))).await;
                let _ = server.post("/rpc/leave", &json!({"v": user})).user(&user).send().await;
                let seen = server.get("/notes?select=owner").user(&user).send().await.json();
                let seen = seen.as_array().expect("rows").clone();
                assert_eq!(seen.len(), round + 1, "of {user}");
                assert!(seen.iter().all(|row| row["owner"] == json!(user)), "{seen:?}");
                server.get("/notes").expect(200, json!([])).await;
                let left = server.get("/rpc/left_behind").send().await;
                assert!(["null", "\"\""].contains(&left.body.as_str()), "{}", left.body);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("a task that ends well");
    }
    let all = server.get("/notes?select=id").service().send().await.json();
    assert_eq!(all.as_array().map(Vec::len), Some(users.len() * 30));
}

#[tokio::test]
async fn a_limit_on_every_size_and_depth() {
    let server = Server::start_with(
        "create table nodes (id int primary key, parent_id int references nodes);
         alter table nodes enable row level security;
         create policy seen on nodes using (true);
         insert into nodes values (1, null), (2, 1);",
        |config| {
            config.limits.body = "1 KiB".parse().expect("a size");
            config.api.max_embed_depth = 3;
            config.api.max_rows = 1;
        },
    )
    .await;
    let fits = format!("{}{}", json!({"id": 3}), " ".repeat(1024 - 8));
    assert_eq!(fits.len(), 1024);
    let post = |body: String| {
        server.ask(Method::POST, "/nodes").service().header("content-type", "application/json").body(body)
    };
    assert_eq!(post(fits.clone()).send().await.status, 201);
    assert_eq!(post(format!("{fits} ")).send().await.status, 413);
    let nested =
        |depth: usize| (0..depth).fold("id".to_owned(), |inner, n| format!("id,n{n}:nodes!parent_id({inner})"));
    assert_eq!(server.get(&format!("/nodes?select={}", nested(3))).send().await.status, 200);
    let deep = server.get(&format!("/nodes?select={}", nested(4))).send().await;
    assert!((400..500).contains(&deep.status), "{} {}", deep.status, deep.body);
    let conditions = format!("{}id.eq.1{}", "and(".repeat(5000), ")".repeat(5000));
    let deep = server.get(&format!("/nodes?or=({conditions})")).send().await;
    assert!((400..500).contains(&deep.status), "{} {}", deep.status, deep.body);
    let json = format!("{}{}", "[".repeat(500), "]".repeat(500));
    assert!((400..500).contains(&post(json).send().await.status));
    let rows = server.get("/nodes?select=id&limit=5").send().await.json();
    assert_eq!(rows.as_array().map(Vec::len), Some(1));
    server.get("/nodes?select=id&order=id").expect(200, json!([{"id": 1}])).await;
}

#[tokio::test]
async fn a_body_is_read_as_its_declared_type() {
    let server = Server::start(
        "create table t (id int primary key, name text);
         alter table t enable row level security;
         create policy open on t using (true) with check (true);",
    )
    .await;
    let post =
        |kind: &'static str, body: &'static str| server.ask(Method::POST, "/t").header("content-type", kind).body(body);
    for (kind, body) in [
        ("text/plain", r#"{"id": 1}"#),
        ("application/xml", r#"{"id": 1}"#),
        ("application/octet-stream", r#"{"id": 1}"#),
        ("text/csv", "{\"id\": 1}\n1"),
        ("application/json", "id,name\n1,x"),
        ("application/json", "id=1&name=x"),
    ] {
        let answer = post(kind, body).send().await;
        assert!((400..500).contains(&answer.status), "{kind} {body}: {} {}", answer.status, answer.body);
    }
    server.get("/t").expect(200, json!([])).await;
    assert_eq!(post("text/csv", "id,name\n1,x").send().await.status, 201);
    assert_eq!(post("application/json; charset=utf-8", r#"{"id": 2}"#).send().await.status, 201);
    assert_eq!(post("application/x-www-form-urlencoded", "id=3&name=y").send().await.status, 201);
}

#[tokio::test]
async fn a_compressed_body_is_not_inflated() {
    let server = Server::start(
        "create table t (id int primary key);
         alter table t enable row level security;
         create policy open on t using (true) with check (true);",
    )
    .await;
    // {"id":1}, as gzip.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\x56\xca\x4c\x51\xb2\x32\xac\x05\0\x4a\x62\x17\xae\x08\0\0\0";
    let post = server.ask(Method::POST, "/t").header("content-type", "application/json");
    post.header("content-encoding", "gzip").body(gzip.to_vec()).expect_error(400, "PGRST102").await;
    server.get("/t").expect(200, json!([])).await;
}

#[tokio::test]
async fn no_answer_is_taken_for_another_type() {
    let server = Server::start("create table t (id int primary key);").await;
    for path in ["/rest/v1/t", "/rest/v1/", "/rest/v1/nope", "/health/live", "/metrics", "/nothing"] {
        let answer = server.raw(Method::GET, path).send().await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn names_and_values_from_outside_never_become_sql() {
    let server = Server::start(
        "create table t (id int primary key, name text);
         alter table t enable row level security;
         create policy open on t for select using (id = 1);
         insert into t values (1, 'a'), (2, 'hidden');
         create table \"odd\"\"; drop table t; --\" (id int primary key, \"a'b\"\"c\" text);
         alter table \"odd\"\"; drop table t; --\" enable row level security;
         create policy open on \"odd\"\"; drop table t; --\" using (true) with check (true);",
    )
    .await;
    for hostile in [
        "1 or true",
        "1) or (1=1",
        "'; drop table t; --",
        "\" or true --",
        "1/**/union/**/select",
        "$1",
        "?1",
        "\u{0}",
        ":x",
    ] {
        let hostile: String = hostile.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [
            format!("/t?id=eq.{hostile}"),
            format!("/t?name=eq.{hostile}"),
            format!("/t?name=like.{hostile}"),
            format!("/t?name=in.({hostile})"),
            format!("/t?{hostile}=eq.1"),
            format!("/t?select={hostile}"),
            format!("/t?select=id::{hostile}"),
            format!("/t?select=x:{hostile}"),
            format!("/t?order={hostile}"),
            format!("/t?or=({hostile}.eq.1)"),
            format!("/t?or=(id.eq.{hostile})"),
            format!("/t?limit={hostile}"),
            format!("/t?name->>{hostile}=eq.1"),
            format!("/{hostile}"),
            format!("/rpc/{hostile}"),
        ] {
            let answer = server.get(&path).send().await;
            assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.body);
            assert!(!answer.body.contains("\"hidden\""), "{path}: {}", answer.body);
        }
        for header in ["accept-profile", "prefer", "range", "accept"] {
            let answer = server.get("/t").header(header, "'; drop table t; --").send().await;
            assert!(answer.status < 500, "{header}: {} {}", answer.status, answer.body);
        }
    }
    let odd = "/odd%22%3B%20drop%20table%20t%3B%20--";
    let row = json!({"id": 1, "a'b\"c": "'; --"});
    server.post(odd, &row).prefer("return=representation").expect(201, json!([row])).await;
    server.get("/t?select=id").expect(200, json!([{"id": 1}])).await;
    server.get("/t?select=id&order=id").service().expect(200, json!([{"id": 1}, {"id": 2}])).await;
}

#[tokio::test]
async fn a_role_comes_from_a_signed_token_only() {
    let server = Server::start(
        "create table t (id int primary key); alter table t enable row level security; insert into t values (1);
         create policy mine on t to authenticated using (true);",
    )
    .await;
    server.get("/t").expect(200, json!([])).await;
    for (name, value) in [
        ("x-role", "service_role"),
        ("role", "service_role"),
        ("prefer", "role=service_role"),
        ("x-hasura-role", "admin"),
    ] {
        server.get("/t").header(name, value).expect(200, json!([])).await;
    }
    let service = Keys::development().service;
    let (head, signature) = service.rsplit_once('.').expect("a token");
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    assert_eq!(server.get("/t").token(&forged).send().await.status, 401);
    assert_eq!(server.get("/t").token(&format!("{head}.")).send().await.status, 401);
    let postgres = basalt_tests::token(json!({"role": "postgres"}));
    let answer = server.get("/t").token(&postgres).send().await;
    assert!((400..500).contains(&answer.status), "the owner is no role of the API: {} {}", answer.status, answer.body);
    let unknown = basalt_tests::token(json!({"role": "nobody"}));
    let answer = server.get("/t").token(&unknown).send().await;
    assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.body);
}
