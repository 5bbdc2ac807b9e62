//! Tables as wide as PostgreSQL's can be.

use basalt_tests::Server;
use serde_json::json;

/// PostgreSQL's tables have 1,600 columns at most.
const COLUMNS: usize = 1600;

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_the_widest_table_can_be_embedded() {
    let columns: Vec<String> = (3..=COLUMNS).map(|n| format!("c{n} integer")).collect();
    let schema = format!(
        "create table owners (id integer primary key, name text);
        create table wide (id integer primary key, owner_id integer references owners (id), {});
        create view wide_rows as select to_jsonb(w) as document from wide w;
        alter publication supabase_realtime add table wide;
        insert into owners values (1, 'a');
        insert into wide (id, owner_id, c3, c{COLUMNS}) values (1, 1, 3, 4);",
        columns.join(", ")
    );
    let server = Server::start(&schema).await;
    let answer = server.get("/owners?select=id,wide(*)").service().send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let row = body[0]["wide"][0].as_object().expect("an embedded row");
    assert_eq!((row.len(), &row["c3"], &row[&format!("c{COLUMNS}")]), (COLUMNS, &json!(3), &json!(4)));

    let to_one = server.get("/wide?select=id,owners(*,wide(*))&limit=1").service().send().await;
    assert_eq!(to_one.status, 200, "{}", to_one.body);
    assert_eq!(to_one.json()[0]["owners"]["wide"][0], body[0]["wide"][0]);

    let document = server.get("/wide_rows").service().send().await;
    assert_eq!(document.status, 200, "{}", document.body);
    let first: String = document.body.chars().take(60).collect();
    assert!(first.starts_with("[{\"document\":{\"c3\": 3, \"c4\": null, "), "{first}");
    assert_eq!(document.json()[0]["document"].as_object().map(serde_json::Map::len), Some(COLUMNS));
}
