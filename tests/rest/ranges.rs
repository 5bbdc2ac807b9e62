//! Range types over HTTP: filters, bodies, arguments, answers.

use basalt_tests::{Answer, Server, on_postgres};
use serde_json::{Value, json};

const SCHEMA: &str = "
create table stays (
    id integer primary key,
    room integer not null,
    during daterange not null check (not isempty(during)),
    price numrange default '[10,20.50]',
    slots int4range[],
    open tstzrange
);
alter table stays enable row level security;
create policy everyone on stays using (true) with check (true);
create function stays_during(span daterange) returns setof stays language sql stable as $$
    select * from stays where during && span order by id
    $$;
create function nights(stay daterange) returns integer language sql immutable as $$ select upper(stay) - lower(stay) $$;
create function widened(stay daterange, days integer default 1) returns daterange language sql immutable as $$
    select daterange(lower(stay) - days, upper(stay) + days)
    $$;
insert into stays (id, room, during, open) values
    (1, 1, '[2024-01-01,2024-01-05)', '[2024-01-01 10:00+00,2024-01-02 10:00+00)'),
    (2, 1, '[2024-01-05,2024-01-09]', null),
    (3, 2, '[2024-02-01,)', 'empty');
";

fn ids(answer: &Answer) -> Vec<i64> {
    let rows = answer.json();
    rows.as_array().into_iter().flatten().filter_map(|row| row["id"].as_i64()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_of_ranges_finds_its_rows() {
    let server = Server::start(SCHEMA).await;
    for (filter, expected) in [
        ("during=ov.[2024-01-04,2024-01-06)", vec![1, 2]),
        ("during=not.ov.[2024-01-04,2024-01-06)", vec![3]),
        ("during=cs.[2024-01-02,2024-01-03]", vec![1]),
        ("during=cd.[2024-01-01,2024-02-01)", vec![1, 2]),
        ("during=sl.[2024-01-05,2024-01-06)", vec![1]),
        ("during=sr.(,2024-01-05)", vec![2, 3]),
        ("during=nxr.(,2024-01-10)", vec![1, 2]),
        ("during=nxl.[2024-01-05,)", vec![2, 3]),
        ("during=adj.[2024-01-10,2024-02-01)", vec![2, 3]),
        ("during=eq.[2024-01-05,2024-01-10)", vec![2]),
        ("during=neq.[2024-01-05,2024-01-10)", vec![1, 3]),
        ("during=gt.[2024-01-05,2024-01-06)", vec![2, 3]),
        ("during=lte.[2024-01-05,2024-01-10)", vec![1, 2]),
        ("during=in.(\"[2024-01-01,2024-01-04]\",\"[2024-02-01,)\")", vec![1, 3]),
        ("price=eq.[10.0,20.5]", vec![1, 2, 3]),
        ("open=is.null", vec![2]),
        ("open=isdistinct.empty", vec![1, 2]),
        ("open=cs.[\"2024-01-01 12:00%2B02\",\"2024-01-01 13:00%2B02\"]", vec![1]),
        (
            "or=(during.sl.\"[2024-01-05,2024-01-06)\",and(room.eq.2,during.adj.\"[2024-01-10,2024-02-01)\"))",
            vec![1, 3],
        ),
    ] {
        let answer = server.get(&format!("/stays?select=id&order=id&{filter}")).send().await;
        assert_eq!((answer.status, ids(&answer)), (200, expected), "{filter}: {}", answer.body);
    }
    server.get("/stays?during=ov.[2024-01-04").expect_error(400, "22P02").await;
    server.get("/stays?during=cs.2024-01-04").expect_error(400, "22P02").await;
    server.get("/stays?during=ov.[2024-01-04,2024-01-01)").expect_error(400, "22000").await;
    // Of integers the operator shifts bits.
    server.get("/stays?room=sl.1").expect_error(400, "42804").await;
    server.get("/stays?room=adj.1").expect_error(404, "42883").await;
    let sorted = server.get("/stays?select=id&order=during.desc,id").send().await;
    assert_eq!(ids(&sorted), [3, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_strings_in_bodies_and_answers() {
    let server = Server::start(SCHEMA).await;
    let row = json!({"id": 4, "room": 3, "during": " [2024-05-01 , 2024-05-03]", "price": "(1.0,)", "slots": ["[1,3]", null],
        "open": "[2024-05-01T10:00:00Z,2024-05-01T12:00:00+01:00)"});
    let stored = json!([{"id": 4, "room": 3, "during": "[2024-05-01,2024-05-04)", "price": "(1.0,)", "slots": ["[1,4)", null],
        "open": "[\"2024-05-01 10:00:00+00\",\"2024-05-01 11:00:00+00\")"}]);
    server.post("/stays", &row).prefer("return=representation").expect(201, stored).await;
    let merged = json!({"id": 4, "room": 3, "during": "[2024-06-01,2024-06-01]"});
    server
        .post("/stays?select=during,price", &merged)
        .prefer("return=representation,resolution=merge-duplicates")
        .expect(200, json!([{"during": "[2024-06-01,2024-06-02)", "price": "(1.0,)"}]))
        .await;
    server
        .patch("/stays?id=eq.4&select=during", &json!({"during": "(2024-06-01,2024-07-01)"}))
        .prefer("return=representation")
        .expect(200, json!([{"during": "[2024-06-02,2024-07-01)"}]))
        .await;
    let malformed = json!({"id": 5, "room": 1, "during": "2024-01-01"});
    let answer = server.post("/stays", &malformed).expect_error(400, "22P02").await;
    assert_eq!(answer.json()["message"], "malformed range literal: \"2024-01-01\"");
    assert_eq!(answer.json()["details"], "Missing left parenthesis or bracket.");
    let turned = json!({"id": 5, "room": 1, "during": "[2024-02-01,2024-01-01]"});
    let answer = server.post("/stays", &turned).expect_error(400, "22000").await;
    assert_eq!(answer.json()["message"], "range lower bound must be less than or equal to range upper bound");
    for wrong in [json!(5), json!({"lower": 1}), json!(["[1,2)"])] {
        server.post("/stays", &json!({"id": 5, "room": 1, "during": wrong})).expect_error(400, "22P02").await;
    }
    server.post("/stays", &json!({"id": 5, "room": 1, "during": "empty"})).expect_error(400, "23514").await;
    let csv = server.get("/stays?select=id,during,open&id=lt.3&order=id").header("accept", "text/csv").send().await;
    let expected = "id,during,open\n\
        1,\"[2024-01-01,2024-01-05)\",\"[\"\"2024-01-01 10:00:00+00\"\",\"\"2024-01-02 10:00:00+00\"\")\"\n\
        2,\"[2024-01-05,2024-01-10)\",";
    assert_eq!(csv.body.trim_end(), expected);
    let body = "id,room,during\n6,9,\"[2025-01-01,2025-01-02]\"\n";
    let created = server
        .ask(reqwest::Method::POST, "/stays?select=during")
        .header("content-type", "text/csv")
        .prefer("return=representation")
        .body(body)
        .send()
        .await;
    assert_eq!((created.status, created.json()), (201, json!([{"during": "[2025-01-01,2025-01-03)"}])));
    server.get("/stays?select=during::text&id=eq.1").expect(200, json!([{"during": "[2024-01-01,2024-01-05)"}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_take_and_give_ranges() {
    let server = Server::start(SCHEMA).await;
    let span = json!({"span": "[2024-01-08,2024-03-01)"});
    assert_eq!(ids(&server.post("/rpc/stays_during", &span).send().await), [2, 3]);
    assert_eq!(ids(&server.get("/rpc/stays_during?span=[2024-01-08,2024-03-01)&id=gt.2").send().await), [3]);
    server.get("/rpc/nights?stay=[2024-01-08,2024-01-09]").expect(200, json!(2)).await;
    server
        .post("/rpc/widened", &json!({"stay": "[2024-01-08,2024-01-09)"}))
        .expect(200, json!("[2024-01-07,2024-01-10)"))
        .await;
    server.post("/rpc/nights", &json!({"stay": "x"})).expect_error(400, "22P02").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_shows_ranges_as_strings() {
    let server = Server::start(SCHEMA).await;
    let description = server.get("/").send().await.json();
    let properties = &description["definitions"]["stays"]["properties"];
    let shown = |column: &str| (properties[column]["type"].clone(), properties[column]["format"].clone());
    assert_eq!(shown("during"), (json!("string"), json!("daterange")));
    assert_eq!(shown("slots"), (json!("array"), json!("int4range[]")));
    assert_eq!(properties["price"]["default"], Value::from("[10,20.50]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_may_ask_ranges() {
    let schema = format!(
        "{SCHEMA}
        drop policy everyone on stays;
        create policy seen on stays for select using (during && daterange('2024-01-01', '2024-01-31'));
        create policy kept on stays for insert with check (during << '[2024-12-01,)');"
    );
    let server = Server::start(&schema).await;
    let visible = server.get("/stays?select=id&order=id").user("a0000000-0000-4000-8000-00000000000a").send().await;
    assert_eq!(ids(&visible), [1, 2]);
    let user = |row: Value| server.post("/stays", &row).user("a0000000-0000-4000-8000-00000000000a");
    user(json!({"id": 7, "room": 1, "during": "[2024-11-01,2024-11-03)"})).expect(201, Value::Null).await;
    user(json!({"id": 8, "room": 1, "during": "[2024-11-29,2024-12-03)"})).expect_error(403, "42501").await;
}

const BOOKINGS: &str = "
create extension if not exists btree_gist;
create table bookings (
    id integer generated by default as identity primary key,
    room integer not null,
    during tstzrange not null,
    owner uuid default auth.uid(),
    constraint no_double_booking exclude using gist (room with =, during with &&)
);
alter table bookings enable row level security;
create policy own on bookings using (owner = auth.uid());
insert into bookings (room, during) values (1, '[2024-01-01 10:00+00,2024-01-01 12:00+00)');
";

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_not_booked_twice() {
    let server = Server::start(BOOKINGS).await;
    let booking = |room: i64, during: &str| json!({"room": room, "during": during});
    let all = || async { server.get("/bookings?select=id").service().send().await.json().as_array().map(Vec::len) };
    let taken = booking(1, "[2024-01-01 11:00+00,2024-01-01 13:00+00)");
    let refused = server.post("/bookings", &taken).service().expect_error(400, "23P01").await.json();
    assert_eq!(refused["message"], "conflicting key value violates exclusion constraint \"no_double_booking\"");
    assert_eq!(
        refused["details"],
        "Key (room, during)=(1, [\"2024-01-01 11:00:00+00\",\"2024-01-01 13:00:00+00\")) conflicts with existing key \
         (room, during)=(1, [\"2024-01-01 10:00:00+00\",\"2024-01-01 12:00:00+00\"))."
    );
    // Who may not see the row that is there is not told of it.
    let user = "a0000000-0000-4000-8000-00000000000a";
    let refused = server.post("/bookings", &taken).user(user).expect_error(400, "23P01").await.json();
    assert_eq!(refused["details"], "Key conflicts with existing key.");
    // Of several rows none is kept.
    let rows = json!([booking(2, "[2024-01-01 11:00+00,)"), booking(2, "[2024-02-01 11:00+00,)")]);
    server.post("/bookings", &rows).service().expect_error(400, "23P01").await;
    assert_eq!(all().await, Some(1));
    let rows = json!([booking(1, "[2024-01-01 12:00+00,2024-01-01 13:00+00)"), booking(2, "[2024-01-01 11:00+00,)")]);
    server.post("/bookings", &rows).service().expect(201, Value::Null).await;
    let moved = json!({"during": "[2024-01-01 09:00+00,2024-01-01 12:01+00)"});
    server.patch("/bookings?id=eq.1", &moved).service().expect_error(400, "23P01").await;
    let moved = json!({"during": "[2024-01-01 09:00+00,2024-01-01 12:00+00)"});
    server.patch("/bookings?id=eq.1", &moved).service().expect(204, Value::Null).await;
    let merged = json!({"id": 1, "room": 2, "during": "[2024-01-01 12:00+00,2024-01-01 13:00+00)"});
    let upsert = || server.post("/bookings", &merged).service();
    upsert().prefer("resolution=merge-duplicates").expect_error(400, "23P01").await;
    upsert().prefer("resolution=ignore-duplicates").expect(201, Value::Null).await;
    assert_eq!(all().await, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_bookings_at_once_one_is_kept() {
    let server = Server::start(BOOKINGS).await;
    let body = json!({"room": 7, "during": "[2024-01-01 10:00+00,2024-01-01 12:00+00)"});
    let answers = (0..8).map(|_| server.post("/bookings", &body).service().send());
    let answers = futures_util::future::join_all(answers).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((made.len(), refused.len()), (1, 7));
    for answer in refused {
        let code = answer.json()["code"].clone();
        // On PostgreSQL each has written its row when it finds the others', and they may end waiting for each other.
        let is_deadlock = on_postgres() && answer.status == 500 && code == "40P01";
        assert!(is_deadlock || (answer.status == 400 && code == "23P01"), "{}", answer.body);
    }
    server.get("/bookings?select=room&room=eq.7").service().expect(200, json!([{"room": 7}])).await;
}
