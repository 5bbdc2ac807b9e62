//! Domains with representations of their own: what is shown, what filters give, what bodies give.

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use serde_json::{Value, json};

const SCHEMA: &str = r##"
create domain color as integer check (value between 0 and 16777215);
create function color_json(color) returns json language sql immutable strict as $$ select to_json('#' || lpad(upper(to_hex($1)), 6, '0')) $$;
create function color_text(text) returns color language sql immutable strict as $$ select ('x' || lpad(trim(leading '#' from $1), 8, '0'))::bit(32)::integer::color $$;
create function color_from_json(json) returns color language sql immutable strict as $$ select color_text($1 #>> '{}') $$;
create cast (color as json) with function color_json(color) as implicit;
create cast (text as color) with function color_text(text) as implicit;
create cast (json as color) with function color_from_json(json) as implicit;
create table paints (id integer primary key, tint color, code color unique default 255);
create table cans (id integer primary key, paint_id integer references paints (id));
create view shades as select id as shade, tint from paints;
insert into paints values (1, 16711680, 1), (2, 65280, 2), (3, null, 3);
insert into cans values (10, 1);
grant select on shades to service_role;
"##;

#[tokio::test(flavor = "multi_thread")]
async fn values_are_shown_as_their_domain_says() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| config.api.aggregates = true).await;
    let red = json!({"id": 1, "tint": "#FF0000", "code": "#000001"});
    server.get("/paints?id=eq.1").service().expect(200, json!([red])).await;
    server.get("/paints?id=eq.1&select=*").service().expect(200, json!([red])).await;
    server.get("/paints?id=eq.3&select=tint").service().expect(200, json!([{"tint": null}])).await;
    server.get("/paints?id=eq.1&select=shade:tint").service().expect(200, json!([{"shade": "#FF0000"}])).await;
    // What is computed from it is computed from the value.
    server.get("/paints?id=eq.1&select=tint::integer").service().expect(200, json!([{"tint": 16711680}])).await;
    server.get("/paints?select=tint.max()").service().expect(200, json!([{"max": 16711680}])).await;
    server
        .get("/paints?select=tint,count()&order=tint.desc.nullslast")
        .service()
        .expect(
            200,
            json!([{"tint": "#FF0000", "count": 1}, {"tint": "#00FF00", "count": 1}, {"tint": null, "count": 1}]),
        )
        .await;
    server.get("/paints?select=id&order=tint").service().expect(200, json!([{"id": 2}, {"id": 1}, {"id": 3}])).await;
    server.get("/shades?shade=eq.2").service().expect(200, json!([{"shade": 2, "tint": "#00FF00"}])).await;
    server.get("/cans?select=id,paints(*)").service().expect(200, json!([{"id": 10, "paints": red}])).await;
    server.get("/cans?select=...paints(tint)").service().expect(200, json!([{"tint": "#FF0000"}])).await;
    let csv = server.get("/paints?select=tint&id=eq.1").service().header("accept", "text/csv").send().await;
    assert_eq!(csv.body, "tint\n\"\"\"#FF0000\"\"\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_give_values_as_the_domain_reads_them() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let find = |filter: &str| server.get(&format!("/paints?select=id&order=id&{filter}")).service();
    find("tint=eq.%23FF0000").expect(200, json!([{"id": 1}])).await;
    find("tint=gte.%2300FF00").expect(200, json!([{"id": 1}, {"id": 2}])).await;
    find("tint=in.(%23FF0000,00FF00)").expect(200, json!([{"id": 1}, {"id": 2}])).await;
    find("tint=in.()").expect(200, json!([])).await;
    find("tint=eq(any).{%23FF0000,%2300FF00}").expect(200, json!([{"id": 1}, {"id": 2}])).await;
    find("or=(tint.eq.%23FF0000,tint.is.null)").expect(200, json!([{"id": 1}, {"id": 3}])).await;
    find("tint=not.eq.%23FF0000").expect(200, json!([{"id": 2}])).await;
    // These two compare with the value itself.
    find("tint=isdistinct.16711680").expect(200, json!([{"id": 2}, {"id": 3}])).await;
    server
        .get("/cans?select=id,paints!inner()&paints.tint=eq.%23FF0000")
        .service()
        .expect(200, json!([{"id": 10}]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_give_values_as_the_domain_reads_them() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let back = |ask: basalt_tests::Ask| ask.service().prefer("return=representation");
    let one = json!({"id": 4, "tint": "#0000FF"});
    back(server.post("/paints", &one)).expect(201, json!([{"id": 4, "tint": "#0000FF", "code": "#0000FF"}])).await;
    let many = json!([{"id": 5, "tint": "#000010", "code": "#000005"}, {"id": 6, "tint": null, "code": "#000006"}]);
    back(server.post("/paints", &many)).expect(201, many.clone()).await;
    let missing = server.post(
        "/paints?columns=id,tint,code&select=id,code",
        &json!([{"id": 7, "code": "#000007"}, {"id": 8, "tint": "#1"}]),
    );
    back(missing).prefer("missing=default").expect_error(409, "23505").await;
    back(server.patch("/paints?id=eq.5&select=tint", &json!({"tint": "#000011"})))
        .expect(200, json!([{"tint": "#000011"}]))
        .await;
    back(server.patch("/paints?id=eq.5&select=tint,cans(id)", &json!({"tint": null})))
        .expect(200, json!([{"tint": null, "cans": []}]))
        .await;
    back(server.put("/paints?id=eq.5", &json!({"id": 5, "tint": "#000012", "code": "#000009"})))
        .expect(200, json!([{"id": 5, "tint": "#000012", "code": "#000009"}]))
        .await;
    let upsert = server.post("/paints?on_conflict=code", &json!({"id": 5, "tint": "#000013", "code": "#000009"}));
    upsert.service().prefer("resolution=merge-duplicates").expect(200, Value::Null).await;
    server.get("/paints?select=tint&id=eq.5").service().expect(200, json!([{"tint": "#000013"}])).await;
}
