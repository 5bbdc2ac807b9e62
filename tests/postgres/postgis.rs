//! GeoJSON by the real PostGIS (contract: section 10.1), where it is installed (Debian: `postgresql-15-postgis-3`).

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use serde_json::{Value, json};

const SCHEMA: &str = "
    create schema if not exists extensions;
    create extension postgis with schema extensions;
    create table places (id integer primary key, name text, at extensions.geometry(Point, 4326));
    insert into places values
        (1, 'Ulm', 'SRID=4326;POINT(9.99 48.4)'::extensions.geometry), (2, 'Jena', 'SRID=4326;POINT(11.58 50.93)'::extensions.geometry),
        (3, 'nowhere', null);
    create function around(near text) returns setof places language sql stable as $$ select * from places where name = near $$;";

const GEO: &str = "application/geo+json";

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_features() {
    let cluster = Cluster::start();
    let plain = Server::start_on(&cluster, "create table t (id integer primary key);", |_| ()).await;
    if plain.database.run_script("create extension postgis;", |_| ()).await.is_err() {
        eprintln!("skipped: PostGIS is not installed here (apt-get install postgresql-15-postgis-3)");
        plain.get("/t").service().header("accept", GEO).expect_error(406, "PGRST107").await;
        return;
    }
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let feature = |id: i32, name: &str, at: Value| {
        let geometry = json!({"type": "Point", "coordinates": at});
        json!({"type": "Feature", "geometry": geometry, "properties": {"id": id, "name": name}})
    };
    let collection = |features: Value| json!({"type": "FeatureCollection", "features": features});
    let (ulm, jena) = (feature(1, "Ulm", json!([9.99, 48.4])), feature(2, "Jena", json!([11.58, 50.93])));
    let get = |path: &str| server.get(path).service().header("accept", GEO);
    let both = get("/places?id=lt.3&order=id").expect(200, collection(json!([ulm, jena]))).await;
    assert_eq!(both.header("content-type"), "application/geo+json; charset=utf-8");
    assert_eq!(both.header("content-range"), "0-1/*");
    get("/places?id=eq.9").expect(200, collection(json!([]))).await;
    let counted = get("/places?order=id&limit=1").prefer("count=exact").send().await;
    assert_eq!((counted.status, counted.header("content-range")), (206, "0-0/3"));
    get("/rpc/around?near=Ulm").expect(200, collection(json!([ulm]))).await;
    // What is chosen are the properties.
    let mut nameless = jena.clone();
    nameless["properties"] = json!({"id": 2});
    get("/places?id=eq.2&select=id,at").expect(200, collection(json!([nameless]))).await;
    // Written rows are features too, from what PostGIS reads: its own text, or GeoJSON.
    let place = json!({"id": 4, "name": "Bonn", "at": "SRID=4326;POINT(7.1 50.73)"});
    let posted = server.post("/places", &place).service().header("accept", GEO).prefer("return=representation");
    posted.expect(201, collection(json!([feature(4, "Bonn", json!([7.1, 50.73]))]))).await;
}
