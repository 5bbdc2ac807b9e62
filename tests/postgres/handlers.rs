//! Bodies that aggregates write, GeoJSON, plans, and what views take.

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use reqwest::Method;
use serde_json::json;

const SCHEMA: &str = r#"
create domain "application/vnd.twkb" as bytea;
create domain "text/vcard" as text;
create domain "*/*" as bytea;
create domain "text/tab" as text;
create domain "application/vnd.pgrst.object+json" as json;
create table people (id integer primary key, name text not null);
create table lines (id integer primary key, person_id integer references people (id));
create table anything (id integer primary key);
insert into people values (1, 'Ann'), (2, 'Bob');
insert into lines values (1, 1);
insert into anything values (7);

create function vcard_step(text, people) returns "text/vcard" language sql as $$ select coalesce($1, '') || 'FN:' || $2.name || chr(10) $$;
create aggregate vcard(people) (sfunc = vcard_step, stype = "text/vcard", initcond = '');
create function twkb_step(bytea, lines) returns "application/vnd.twkb" language sql as $$ select $1 || decode(lpad(to_hex($2.id), 2, '0'), 'hex') $$;
create aggregate twkb(lines) (sfunc = twkb_step, stype = "application/vnd.twkb", initcond = '\xff');
create function tab_step(text, anyelement) returns "text/tab" language sql as $$ select coalesce($1, '') || '|' || (to_json($2)::jsonb)::text $$;
create aggregate tab(anyelement) (sfunc = tab_step, stype = "text/tab", initcond = '');
create function all_step(bytea, anything) returns "*/*" language sql as $$ select $1 || convert_to($2.id::text, 'UTF8') $$;
create aggregate all_types(anything) (sfunc = all_step, stype = "*/*", initcond = '');
create function object_step(json, people) returns "application/vnd.pgrst.object+json" language sql as $$ select '{}'::json $$;
create aggregate object(people) (sfunc = object_step, stype = "application/vnd.pgrst.object+json");
create function found() returns setof people language sql stable as $$ select * from people where id = 2 $$;
"#;

#[tokio::test(flavor = "multi_thread")]
async fn aggregates_write_bodies() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| config.api.plans = true).await;
    let ask = |path: &str, accept: &str| server.get(path).service().header("accept", accept);
    let cards = ask("/people?order=id", "text/vcard").send().await;
    assert_eq!((cards.status, cards.body.as_str()), (200, "FN:Ann\nFN:Bob\n"), "{cards:?}");
    assert_eq!((cards.header("content-type"), cards.header("content-range")), ("text/vcard", "0-1/*"));
    assert_eq!(ask("/people?id=eq.2", "text/vcard, application/json").send().await.body, "FN:Bob\n");
    // It takes whole rows of its own relation.
    ask("/people?select=name", "text/vcard").expect_error(406, "PGRST107").await;
    ask("/lines", "text/vcard").expect_error(406, "PGRST107").await;
    assert_eq!(ask("/lines", "application/vnd.twkb").bytes().await, [0xff, 0x01]);
    // One of any element takes every row.
    assert_eq!(
        ask("/people?select=name&order=id", "text/tab").send().await.body,
        r#"|{"name": "Ann"}|{"name": "Bob"}"#
    );
    assert_eq!(
        ask("/lines?select=id,people(name)", "text/tab").send().await.body,
        r#"|{"id": 1, "people": {"name": "Ann"}}"#
    );
    // One of every type answers every type, as bytes unless it says otherwise.
    for accept in ["application/json", "*/*", "image/png", "text/csv"] {
        let all = ask("/anything", accept).send().await;
        assert_eq!((all.body.as_str(), all.header("content-type")), ("7", "application/octet-stream"), "{accept}");
    }
    ask("/anything?select=id", "application/json").expect(200, json!([{"id": 7}])).await;
    // The types of the dialect can't be taken over.
    ask("/people?id=eq.1", "application/vnd.pgrst.object+json").expect(200, json!({"id": 1, "name": "Ann"})).await;
    // Functions that return the relation's rows, and writes that give them back.
    assert_eq!(ask("/rpc/found", "text/vcard").send().await.body, "FN:Bob\n");
    let made = server.post("/people", &json!({"id": 3, "name": "Cy"})).service().prefer("return=representation");
    let made = made.header("accept", "text/vcard").send().await;
    assert_eq!((made.status, made.body.as_str(), made.header("content-type")), (201, "FN:Cy\n", "text/vcard"));
    let head = server.ask(Method::HEAD, "/people").service().header("accept", "text/vcard").send().await;
    assert_eq!((head.status, head.header("content-type"), head.body.as_str()), (200, "text/vcard", ""));
}

/// The setting says how bytes are spelled as text, and nothing of a body.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_the_same_under_every_bytea_output() {
    let functions = r#"create domain "image/png" as bytea;
        create function png() returns "image/png" language sql stable as $$ select '\x89504e47005c'::bytea $$;
        create function no_png() returns "image/png" language sql stable as $$ select null::bytea $$;
        create function escaped() returns "image/png" language sql as $$
            select set_config('bytea_output', 'escape', true); select '\x89504e47005c'::bytea $$;"#;
    let cluster = Cluster::start();
    for output in ["hex", "escape"] {
        let server = Server::start_on(&cluster, &format!("{SCHEMA}{functions}"), |_| ()).await;
        server.script(&format!("alter database {} set bytea_output = {output}", server.database_name())).await;
        let server = server.begin_anew(|_| ()).await;
        for path in ["/rpc/png", "/rpc/escaped"] {
            assert_eq!(server.get(path).service().bytes().await, b"\x89PNG\0\\", "{path} {output}");
        }
        assert_eq!(server.get("/rpc/no_png").service().bytes().await, b"");
        let lines = server.get("/lines").service().header("accept", "application/vnd.twkb");
        assert_eq!(lines.bytes().await, [0xff, 0x01], "{output}");
        assert_eq!(server.get("/anything").service().send().await.body, "7", "{output}");
    }
}

/// CSV with a mark of its encoding, and a name to save it by.
#[tokio::test(flavor = "multi_thread")]
async fn an_aggregate_may_write_csv_its_own_way() {
    let cluster = Cluster::start();
    let schema = r#"
        create domain "text/csv" as text;
        create table lines (id integer primary key, name text);
        insert into lines values (1, 'a'), (2, 'b');
        create view seen as select * from lines;
        grant select on seen to service_role;
        create function csv_step(state text, next lines) returns "text/csv" language sql as
            $$ select state || next.id::text || ';' || next.name || chr(10) $$;
        create function csv_end(data "text/csv") returns "text/csv" language sql as $$
            select set_config('response.headers', '[{"Content-Disposition": "attachment; filename=\"lines.csv\""}]', true);
            select (convert_from(decode('EFBBBF', 'hex'), 'UTF8') || 'id;name' || chr(10) || data)::"text/csv";
        $$;
        create aggregate csv_of(lines) (initcond = '', stype = "text/csv", sfunc = csv_step, finalfunc = csv_end);"#;
    let server = Server::start_on(&cluster, schema, |_| ()).await;
    let csv = |path: &str| server.get(path).service().header("accept", "text/csv");
    let own = csv("/lines?order=id").send().await;
    assert_eq!((own.status, own.body.as_str()), (200, "\u{feff}id;name\n1;a\n2;b\n"), "{own:?}");
    assert_eq!(
        (own.header("content-type"), own.header("content-disposition")),
        ("text/csv; charset=utf-8", "attachment; filename=\"lines.csv\"")
    );
    // Other relations, and parts of rows, have the server's.
    let view = csv("/seen?order=id").send().await;
    assert_eq!((view.body.as_str(), view.header("content-type")), ("id,name\n1,a\n2,b", "text/csv; charset=utf-8"));
    assert_eq!(csv("/lines?select=name&order=id").send().await.body, "name\na\nb");
    // A domain is found by what a request accepts only.
    server.get("/lines?id=eq.1").service().expect(200, json!([{"id": 1, "name": "a"}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn geojson_is_there_when_postgis_is() {
    let cluster = Cluster::start();
    let without = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let refused =
        without.get("/people").service().header("accept", "application/geo+json").expect_error(406, "PGRST107").await;
    assert_eq!(refused.json()["message"], "None of these media types are available: application/geo+json");
    // PostGIS's function, as far as its signature goes.
    let feature = "create function extensions.st_asgeojson(r record) returns text language plpgsql stable as $$
        begin return json_build_object('type', 'Feature', 'properties', row_to_json(r))::text; end $$;";
    let server = Server::start_on(&cluster, &format!("{SCHEMA}{feature}"), |_| ()).await;
    let ask = |path: &str| server.get(path).service().header("accept", "application/geo+json");
    let one =
        json!({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"id": 1, "name": "Ann"}}]});
    let found = ask("/people?id=eq.1").expect(200, one).await;
    assert_eq!(found.header("content-type"), "application/geo+json; charset=utf-8");
    ask("/people?id=eq.9").expect(200, json!({"type": "FeatureCollection", "features": []})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_have_options() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| config.api.plans = true).await;
    let ask = |accept: &str| server.get("/people").service().header("accept", accept);
    let plan =
        ask("application/vnd.pgrst.plan+json; for=\"application/json\"; options=analyze|verbose|settings|buffers|wal;")
            .send()
            .await;
    assert_eq!(
        plan.header("content-type"),
        "application/vnd.pgrst.plan+json; for=\"application/json\"; options=analyze|verbose|settings|buffers|wal; charset=utf-8"
    );
    let json = plan.json();
    let root = &json[0]["Plan"];
    assert!(
        root["Actual Rows"].is_number() && root["Output"].is_array() && root["Shared Hit Blocks"].is_number(),
        "{plan:?}"
    );
    assert!(root["WAL Records"].is_number() && json[0]["Settings"].is_object(), "{plan:?}");
    // That of a body that the database makes is found like the body.
    let of = |path: &str, media: &str| {
        let accept = format!("application/vnd.pgrst.plan+json; for=\"{media}\"");
        server.get(path).service().header("accept", &accept)
    };
    let cards = of("/people", "text/vcard").send().await;
    assert_eq!((cards.status, cards.json()[0]["Plan"]["Node Type"].as_str()), (200, Some("Aggregate")), "{cards:?}");
    let media = "application/vnd.pgrst.plan+json; for=\"text/vcard\"; charset=utf-8";
    assert_eq!(cards.header("content-type"), media);
    assert_eq!(of("/rpc/found", "text/vcard").send().await.status, 200);
    of("/lines", "text/vcard").expect_error(406, "PGRST107").await;
    let text = ask("application/vnd.pgrst.plan").send().await;
    assert_eq!(text.header("content-type"), "application/vnd.pgrst.plan+text; for=\"application/json\"; charset=utf-8");
    assert!(text.body.starts_with("Aggregate") && text.body.ends_with('\n'), "{}", text.body);
    ask("application/vnd.pgrst.plan; for=\"image/png\"").expect_error(406, "PGRST107").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_allows_what_it_takes() {
    let cluster = Cluster::start();
    let schema = "
        create table t (id integer primary key, a text);
        create view plain as select id, a from t;
        create view counted as select count(*) as n from t;
        create view inserted as select id, count(*) as n from t group by id;
        create function take() returns trigger language plpgsql as $$ begin insert into t (id) values (new.id); return new; end $$;
        create trigger take instead of insert on inserted for each row execute function take();
        create view nameless as select id, a from t;
        create function name_it() returns trigger language plpgsql as $$ begin insert into t values (77, new.a); return new; end $$;
        create trigger name_it instead of insert on nameless for each row execute function name_it();
        create view removed as select distinct id from t;
        create function away() returns trigger language plpgsql as $$ begin delete from t where id = old.id; return old; end $$;
        create trigger away instead of delete on removed for each row execute function away();
        create materialized view stored as select * from t;
        create table parts (id integer, day date, primary key (id, day)) partition by range (day);
        create table parts_2024 partition of parts for values from ('2024-01-01') to ('2025-01-01');
        grant all on plain, counted, inserted, nameless, removed to service_role;";
    let server = Server::start_on(&cluster, schema, |_| ()).await;
    for (path, allowed) in [
        ("/t", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
        ("/plain", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
        ("/counted", "OPTIONS,GET,HEAD"),
        ("/inserted", "OPTIONS,GET,HEAD,POST"),
        ("/removed", "OPTIONS,GET,HEAD,DELETE"),
        ("/stored", "OPTIONS,GET,HEAD"),
        ("/parts", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
    ] {
        let answer = server.ask(Method::OPTIONS, path).send().await;
        assert_eq!((answer.status, answer.header("allow")), (200, allowed), "{path}");
    }
    server.ask(Method::OPTIONS, "/parts_2024").expect_error(404, "PGRST205").await;
    server.post("/inserted", &json!({"id": 5})).service().expect(201, serde_json::Value::Null).await;
    server.get("/t").service().expect(200, json!([{"id": 5, "a": null}])).await;
    // A key that a trigger leaves out is null where its row is.
    let made = server.post("/nameless", &json!({"a": "x"})).service().prefer("return=headers-only").send().await;
    assert_eq!((made.status, made.header("location")), (201, "/nameless?id=is.null"), "{made:?}");
    server.delete("/t?a=eq.x").service().expect(204, serde_json::Value::Null).await;
    server.delete("/removed?id=eq.5").service().expect(204, serde_json::Value::Null).await;
    server.get("/t").service().expect(200, json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_of_every_kind_are_named() {
    let cluster = Cluster::start();
    let schema = "
        create type a as (x integer, y text);
        create type b as (x integer, y text);
        create table t (id integer primary key, span int4range, pair b);
        create function of_a(v a) returns text language sql immutable as $$ select 'a' || v.x || v.y $$;
        create function of_b(v b) returns text language sql immutable as $$ select 'b' || v.x || v.y $$;
        create function many(v b[]) returns bigint language sql immutable as $$ select sum((e).x) from unnest(v) e $$;
        create function of_row(v t) returns text language sql immutable as $$ select v.id || (v.span)::text || (v.pair).y $$;
        create function width(r int4range) returns integer language sql immutable as $$ select upper(r) - lower(r) $$;
        create function grid(m integer[][]) returns integer language sql immutable as $$ select m[2][1] $$;";
    let server = Server::start_on(&cluster, schema, |_| ()).await;
    let call = |name: &str, body: serde_json::Value| server.post(&format!("/rpc/{name}"), &body).service();
    call("of_a", json!({"v": {"x": 1, "y": "q\"u,"}})).expect(200, json!("a1q\"u,")).await;
    call("of_b", json!({"v": {"y": "z", "x": 2}})).expect(200, json!("b2z")).await;
    server.get("/rpc/of_b?v=(3,w)").service().expect(200, json!("b3w")).await;
    call("many", json!({"v": [{"x": 1, "y": null}, {"x": 2}]})).expect(200, json!(3)).await;
    call("width", json!({"r": "[1,5)"})).expect(200, json!(4)).await;
    server.get("/rpc/width?r=[2,9)").service().expect(200, json!(7)).await;
    if cluster.has(14, "a multirange") {
        let widths =
            "create function widths(r int4multirange) returns text language sql immutable as $$ select r::text $$";
        server.script(widths).await;
        call("widths", json!({"r": "{[1,2),[2,4)}"})).expect(200, json!("{[1,4)}")).await;
    }
    call("grid", json!({"m": [[1, 2], [3, 4]]})).expect(200, json!(3)).await;
    server
        .post("/t", &json!({"id": 1, "span": "[1,3]", "pair": {"x": 1, "y": "k"}}))
        .service()
        .expect(201, serde_json::Value::Null)
        .await;
    call("of_row", json!({"v": {"id": 9, "span": "[1,2)", "pair": {"x": 1, "y": "p"}}}))
        .expect(200, json!("9[1,2)p"))
        .await;
    server.get("/t?select=span,pair->>y").service().expect(200, json!([{"span": "[1,4)", "y": "k"}])).await;
}
