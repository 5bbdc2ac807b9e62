//! Which function is called with what, and what of it is answered (contract: section 13).

use basalt_tests::postgres::Cluster;
use basalt_tests::{Ask, Server};
use reqwest::Method;
use serde_json::{Value, json};

const SCHEMA: &str = r#"
create table shelves (id integer primary key, name text);
create table books (id integer primary key, shelf_id integer references shelves, title text, pages integer);
insert into shelves values (1, 'top'), (2, 'low');
insert into books values (1, 1, 'A', 10), (2, 1, 'B', 20), (3, 2, 'C', 30);
create function add(a integer, b integer) returns integer language sql immutable as $$ select a + b $$;
create function add(a integer, b integer, c integer) returns integer language sql immutable as $$ select a + b + c $$;
create function over(a integer) returns text language sql immutable as $$ select 'integer' $$;
create function over(a text) returns text language sql immutable as $$ select 'text' $$;
create function nothing() returns integer language sql immutable as $$ select 1 $$;
create function whole(json) returns json language sql immutable as $$ select $1 $$;
create function whole_text(text) returns text language sql immutable as $$ select $1 $$;
create function whole_xml(xml) returns text language sql immutable as $$ select $1::text $$;
create function either(json) returns text language sql immutable as $$ select 'json' $$;
create function either(jsonb) returns text language sql immutable as $$ select 'jsonb' $$;
create function unnamed(integer, integer) returns integer language sql immutable as $$ select $1 $$;
create function listed(names text[]) returns integer language sql immutable as $$ select cardinality(names) $$;
create function joined(separator text, variadic words text[]) returns text language sql immutable
    as $$ select array_to_string(words, separator) $$;
create function optional(word text default 'none') returns text language sql immutable as $$ select word $$;
create function padded(c character, b bit) returns text language sql immutable as $$ select c || b::text $$;
create function note() returns void language sql volatile as $$ insert into shelves values (9, 'noted') $$;
create function sly() returns void language plpgsql stable as $$ begin insert into shelves values (8, 'sly'); end $$;
create function three() returns setof integer language sql stable as $$ select generate_series(1, 3) $$;
create function array_of() returns integer[] language sql immutable as $$ select '{1,2}'::integer[] $$;
create function absent() returns integer language sql immutable as $$ select null::integer $$;
create function one_book() returns books language sql stable as $$ select * from books where id = 1 $$;
create function books_of(shelf integer) returns setof books language sql stable as $$ select * from books where shelf_id = shelf $$;
create function sums() returns table (shelf integer, pages bigint) language sql stable
    as $$ select shelf_id, sum(pages) from books group by 1 order by 1 $$;
create function doubled(inout a integer, out b integer) language sql immutable as $$ select a, a * 2 $$;
create function pair() returns record language sql immutable as $$ select 1 as x, 'y'::text as z $$;
create function trigger_only() returns trigger language plpgsql as $$ begin return new; end $$;
create aggregate every_page(integer) (sfunc = int4pl, stype = integer, initcond = '0');
create function level() returns text language sql stable set default_transaction_isolation = 'serializable'
    as $$ select current_setting('transaction_isolation') $$;
"#;

fn get(server: &Server, path: &str) -> Ask {
    server.get(path).service()
}

fn raw(server: &Server, path: &str, media: &str, body: &str) -> Ask {
    server.ask(Method::POST, path).service().header("content-type", media).body(body.to_owned())
}

fn post(server: &Server, path: &str, body: &Value) -> Ask {
    server.post(path, body).service()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_chosen_by_its_arguments_names() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    get(&server, "/rpc/add?a=1&b=2").expect(200, json!(3)).await;
    get(&server, "/rpc/add?a=1&b=2&c=3").expect(200, json!(6)).await;
    get(&server, "/rpc/nothing").expect(200, json!(1)).await;
    post(&server, "/rpc/nothing", &json!({})).expect(200, json!(1)).await;
    post(&server, "/rpc/optional", &json!({})).expect(200, json!("none")).await;
    get(&server, "/rpc/optional?word=x").expect(200, json!("x")).await;

    let several = get(&server, "/rpc/over?a=1").expect_error(300, "PGRST203").await.json();
    let expected =
        "Could not choose the best candidate function between: public.over(a => integer), public.over(a => text)";
    assert_eq!(several["message"], expected);
    let hint =
        "Try renaming the parameters or the function itself in the database so function overloading can be resolved";
    assert_eq!(several["hint"], hint);
    post(&server, "/rpc/either", &json!([1])).expect_error(300, "PGRST203").await;

    // Names, details and hints of what is not found.
    let missing = [
        (get(&server, "/rpc/one_boook?b=1&a=2"), "one_boook(a, b)", "with parameters a, b", Some("public.one_book")),
        (get(&server, "/rpc/add?bb=1&a=2"), "add(a, bb)", "with parameters a, bb", Some("public.add(a, b)")),
        (get(&server, "/rpc/add"), "add without parameters", "without parameters", None),
        (
            post(&server, "/rpc/add", &json!({"a": 1})),
            "add(a)",
            "with parameter a or with a single unnamed json/jsonb parameter",
            None,
        ),
        (raw(&server, "/rpc/add", "text/plain", "x"), "add", "with a single unnamed text parameter", None),
        (raw(&server, "/rpc/nothing", "text/xml", "<a/>"), "nothing", "with a single unnamed xml parameter", None),
        (
            raw(&server, "/rpc/zzz", "application/octet-stream", "x"),
            "zzz",
            "with a single unnamed bytea parameter",
            None,
        ),
    ];
    for (ask, named, with, hint) in missing {
        let found = ask.expect_error(404, "PGRST202").await.json();
        assert_eq!(found["message"], format!("Could not find the function public.{named} in the schema cache"));
        let bare = named.split(['(', ' ']).next().unwrap_or_default();
        let details =
            format!("Searched for the function public.{bare} {with}, but no matches were found in the schema cache.");
        assert_eq!(found["details"], details);
        if let Some(hint) = hint {
            assert_eq!(found["hint"], format!("Perhaps you meant to call the function {hint}"), "{named}");
        }
    }
    // What is not exposed: several parameters without names, trigger functions, aggregates.
    for name in ["unnamed?1=1", "trigger_only", "every_page?a=1"] {
        get(&server, &format!("/rpc/{name}")).expect_error(404, "PGRST202").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_come_in_many_ways() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    // Whole bodies.
    post(&server, "/rpc/whole", &json!({"a": [1]})).expect(200, json!({"a": [1]})).await;
    raw(&server, "/rpc/whole_text", "text/plain", "as it is").expect(200, json!("as it is")).await;
    raw(&server, "/rpc/whole_xml", "text/xml", "<a>1</a>").expect(200, json!("<a>1</a>")).await;
    // Literals and JSON.
    get(&server, "/rpc/listed?names={a,b}").expect(200, json!(2)).await;
    post(&server, "/rpc/listed", &json!({"names": ["a", "b", "c"]})).expect(200, json!(3)).await;
    get(&server, "/rpc/padded?c=long&b=1010").expect(200, json!("long1010")).await;
    let form = "application/x-www-form-urlencoded";
    raw(&server, "/rpc/joined", form, "separator=-&words=a&words=b+c").expect(200, json!("a-b c")).await;
    get(&server, "/rpc/joined?separator=-&words=a&words=b").expect(200, json!("a-b")).await;
    post(&server, "/rpc/joined", &json!({"separator": "-", "words": ["x", "y"]})).expect(200, json!("x-y")).await;
    get(&server, "/rpc/optional?word=a&word=b").expect(200, json!("b")).await;
    // A value that parses as a filter is one; one that only begins so is an error; reserved keys are never arguments.
    get(&server, "/rpc/optional?word=is.what").expect_error(400, "PGRST100").await;
    get(&server, "/rpc/books_of?shelf=1&title=eq.B&select=id").expect(200, json!([{"id": 2}])).await;
    get(&server, "/rpc/books_of?shelf=1&order=id.desc&limit=1&select=id").expect(200, json!([{"id": 2}])).await;
    // On POST every parameter of the query string is a filter or a clause.
    post(&server, "/rpc/books_of?id=gt.1&select=id", &json!({"shelf": 1})).expect(200, json!([{"id": 2}])).await;
    post(&server, "/rpc/books_of?shelf=1", &json!({})).expect_error(400, "PGRST100").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_have_the_functions_shape() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    for (path, body) in [
        ("/rpc/three", json!([1, 2, 3])),
        ("/rpc/array_of", json!([1, 2])),
        ("/rpc/absent", Value::Null),
        ("/rpc/one_book?select=title,shelves(name)", json!({"title": "A", "shelves": {"name": "top"}})),
        ("/rpc/books_of?shelf=1&select=title&pages=lt.15", json!([{"title": "A"}])),
        ("/rpc/books_of?shelf=1&select=shelves(name)&limit=1", json!([{"shelves": {"name": "top"}}])),
        ("/rpc/sums?shelf=eq.2", json!([{"shelf": 2, "pages": 30}])),
        ("/rpc/doubled?a=2", json!({"a": 2, "b": 4})),
        ("/rpc/pair", json!({"x": 1, "z": "y"})),
        ("/rpc/level", json!("serializable")),
    ] {
        get(&server, path).expect(200, body).await;
    }
    let object = "application/vnd.pgrst.object+json";
    get(&server, "/rpc/books_of?shelf=2&select=id").header("accept", object).expect(200, json!({"id": 3})).await;
    get(&server, "/rpc/books_of?shelf=1").header("accept", object).expect_error(406, "PGRST116").await;
    get(&server, "/rpc/nothing").header("accept", object).expect(200, json!(1)).await;
    let csv = get(&server, "/rpc/sums").header("accept", "text/csv").send().await;
    assert_eq!((csv.status, csv.body.as_str()), (200, "shelf,pages\n1,30\n2,30"));
    // Counts and pages.
    let page = get(&server, "/rpc/three?limit=2").prefer("count=exact").send().await;
    assert_eq!((page.status, page.header("content-range"), page.header("content-location")), (206, "0-1/3", ""));
    let beyond = get(&server, "/rpc/three?offset=9").prefer("count=exact").expect_error(416, "PGRST103").await;
    assert_eq!(beyond.header("content-range"), "*/3");
    let strict = "handling=strict, max-affected=2";
    post(&server, "/rpc/three", &json!({})).prefer(strict).expect_error(400, "PGRST124").await;
    let single = post(&server, "/rpc/nothing", &json!({})).prefer(strict).expect_error(400, "PGRST128").await;
    assert_eq!(
        single.json()["message"],
        "Function must return SETOF or TABLE when max-affected preference is used with handling=strict"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_post_of_a_volatile_function_writes() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    get(&server, "/rpc/note").expect_error(405, "25006").await;
    let head = server.ask(Method::HEAD, "/rpc/note").service().send().await;
    assert_eq!(head.status, 405);
    post(&server, "/rpc/sly", &json!({})).send().await;
    get(&server, "/shelves?id=gt.2").expect(200, json!([])).await;
    post(&server, "/rpc/note", &json!({})).expect(204, Value::Null).await;
    get(&server, "/shelves?id=gt.2&select=name").expect(200, json!([{"name": "noted"}])).await;
}
