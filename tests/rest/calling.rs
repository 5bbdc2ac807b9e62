//! Functions.

use basalt_tests::Server;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{reads, refuses, server};

#[tokio::test(flavor = "multi_thread")]
async fn functions() {
    let server = server().await;
    reads(
        &server,
        &[
            ("/rpc/add?a=1&b=2", "3"),
            ("/rpc/add?a=1", "11"),
            ("/rpc/add?a=1&a=2", "12"),
            ("/rpc/greet?name=x%20y", "\"hello x y\""),
            ("/rpc/numbers?n=3", "[1, 2, 3]"),
            ("/rpc/best?select=id&order=id.desc", "[{\"id\":3}\n{\"id\":2}\n{\"id\":1}]"),
            ("/rpc/best?select=id,directors(name)&title=eq.M", r#"[{"id":2,"directors":{"name": "Lang"}}]"#),
            ("/rpc/listed?label=like.M*&order=id", "[{\"id\":1,\"label\":\"Metropolis\"}\n{\"id\":2,\"label\":\"M\"}]"),
            ("/rpc/split?n=5", r#"{"half":2,"rest":1}"#),
            ("/rpc/first_film?select=id", r#"{"id":1}"#),
        ],
    )
    .await;
    let post = |path: &str, body: Value| server.post(path, &body).service();
    post("/rpc/add", json!({"a": 1, "b": 2})).expect(200, json!(3)).await;
    post("/rpc/echo", json!([1, {"a": null}])).expect(200, json!([1, {"a": null}])).await;
    let form =
        server.ask(Method::POST, "/rpc/add").service().header("content-type", "application/x-www-form-urlencoded");
    form.body("a=4&b=5").expect(200, json!(9)).await;
    let void = post("/rpc/remember", json!({"id": 60, "name": "n"})).expect(204, Value::Null).await;
    assert_eq!(void.header("content-type"), "");
    server.get("/actors?id=eq.60&select=name").service().expect(200, json!([{"name": "n"}])).await;
    let counted = server.get("/rpc/best?limit=1").service().prefer("count=exact").send().await;
    assert_eq!((counted.status, counted.header("content-range")), (206, "0-0/3"));
    let (get, post) = (Method::GET, Method::POST);
    refuses(
        &server,
        &[
            (get.clone(), "/rpc/remember?id=1&name=x", "", 405, "25006"),
            (get.clone(), "/rpc/nope", "", 404, "PGRST202"),
            (get.clone(), "/rpc/add?c=1", "", 404, "PGRST202"),
            (get.clone(), "/rpc/add", "", 404, "PGRST202"),
            (get.clone(), "/rpc/add?a=x", "", 400, "22P02"),
            (get.clone(), "/rpc/over?a=1", "", 300, "PGRST203"),
            (get, "/rpc/add?a=2147483647&b=1", "", 400, "22003"),
            (post.clone(), "/rpc/add", "{", 400, "PGRST102"),
            (post, "/rpc/add", r#"{"a":"x"}"#, 400, "22P02"),
        ],
    )
    .await;
    let near = server.get("/rpc/ad?a=1").service().send().await.json();
    assert_eq!(near["message"], "Could not find the function public.ad(a) in the schema cache");
    assert_eq!(
        near["details"],
        "Searched for the function public.ad with parameter a, but no matches were found in the schema cache."
    );
    let strict = server.post("/rpc/add", &json!({"a": 1})).service().prefer("handling=strict, max-affected=1");
    strict.expect_error(400, "PGRST128").await;
}

/// Tables with the same columns have computed fields of one name.
#[tokio::test(flavor = "multi_thread")]
async fn computed_fields_of_one_name() {
    let script = "
        create table people (id integer primary key, first text, last text);
        create table staff (id integer primary key, first text, last text);
        alter table people enable row level security;
        alter table staff enable row level security;
        create policy everyone on people using (true);
        create policy everyone on staff using (true);
        insert into people values (1, 'Ann', 'Lee');
        insert into staff values (1, 'Cy', 'Fox');
        create function full_name(people) returns text language sql stable as $$ select $1.first || ' ' || $1.last $$;
        create function full_name(staff) returns text language sql stable as $$ select $1.last || ', ' || $1.first $$;
        create function hired() returns setof staff language sql stable as $$ select * from staff $$;";
    let server = Server::start(script).await;
    server.get("/people?select=full_name").expect(200, json!([{"full_name": "Ann Lee"}])).await;
    for path in ["/staff?select=full_name&full_name=like.Fox*", "/rpc/hired?select=full_name&order=full_name"] {
        server.get(path).expect(200, json!([{"full_name": "Fox, Cy"}])).await;
    }
    let request = server.patch("/people?id=eq.1&select=full_name", &json!({"last": "Ray"})).service();
    request.prefer("return=representation").expect(200, json!([{"full_name": "Ann Ray"}])).await;
}

/// A field that a function computes of a row, and whose other parameters have defaults, is one of a function's rows too.
#[tokio::test(flavor = "multi_thread")]
async fn computed_fields_with_defaults() {
    let script = "
        create table items (id integer primary key, n integer);
        alter table items enable row level security;
        create policy everyone on items using (true);
        insert into items values (1, 5), (2, 6);
        create function times(items, k integer default 2) returns integer language sql stable as $$ select $1.n * k $$;
        create function listed() returns setof items language sql stable as $$ select * from items $$;";
    let server = Server::start(script).await;
    let expected = json!([{"id": 2, "times": 12}]);
    for path in ["/items?select=id,times&times=gt.10", "/rpc/listed?select=id,times&times=gt.10"] {
        server.get(path).expect(200, expected.clone()).await;
    }
}

/// What its only OUT parameter is, a function returns: of a row its columns.
#[tokio::test(flavor = "multi_thread")]
async fn a_single_row_that_a_parameter_gives_is_the_result() {
    let schema = "
        create table pairs (id integer primary key, who text);
        create type duo as (a integer, b text);
        insert into pairs values (1, 'ann'), (2, 'bob');
        create function first_pair(out r pairs) language sql stable as $$ select p from pairs p order by id limit 1 $$;
        create function last_pair(out r pairs) language plpgsql stable as $$ begin select * into r from pairs order by id desc limit 1; end $$;
        create function all_pairs() returns table (r pairs) language sql stable as $$ select p from pairs p order by id $$;
        create function each_pair() returns table (r pairs) language plpgsql stable as $$
            begin return query select * from pairs order by id; end $$;
        create function turned(inout d duo) language sql as $$ select row(d.a + 1, d.b)::duo $$;
        create function made(out d duo) language plpgsql as $$ begin d = row(2, 'y'); end $$;";
    let server = Server::start(schema).await;
    reads(
        &server,
        &[
            ("/rpc/first_pair", r#"{"id":1,"who":"ann"}"#),
            ("/rpc/last_pair?select=who", r#"{"who":"bob"}"#),
            ("/rpc/all_pairs?id=gt.1", r#"[{"id":2,"who":"bob"}]"#),
            ("/rpc/each_pair?select=id&order=id.desc", "[{\"id\":2}\n{\"id\":1}]"),
            ("/rpc/turned?d=(1,x)", r#"{"a":2,"b":"x"}"#),
            ("/rpc/made?select=b", r#"{"b":"y"}"#),
        ],
    )
    .await;
}
