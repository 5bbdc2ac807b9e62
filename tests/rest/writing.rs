//! Inserts, upserts, updates, deletes and PUT.

use basalt_tests::{Server, on_postgres_before, token};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{refuses, server};

const RETURN: &str = "return=representation";

#[tokio::test(flavor = "multi_thread")]
async fn insert() {
    let server = server().await;
    let answer = server.post("/actors", &json!({"id": 10, "name": "x"})).service().expect(201, Value::Null).await;
    assert_eq!((answer.header("content-range"), answer.header("content-length")), ("*/*", "0"));
    assert_eq!(answer.header("content-type"), "");
    let post = |body: Value| server.post("/actors", &body).service();
    let answer = post(json!({"id": 11, "name": "x"})).prefer("return=headers-only").expect(201, Value::Null).await;
    assert_eq!(answer.header("location"), "/actors?id=eq.11");
    assert_eq!(answer.header("preference-applied"), "return=headers-only");
    let rows = json!([{"id": 12, "name": "a"}, {"id": 13, "name": "b"}]);
    let answer = post(rows.clone()).prefer("return=representation, count=exact").expect(201, rows).await;
    assert_eq!(answer.header("content-range"), "*/2");
    assert_eq!(answer.header("preference-applied"), "return=representation, count=exact");
    post(json!([])).prefer(RETURN).expect(201, json!([])).await;
    let films =
        server.post("/films?select=title,directors(name)", &json!({"id": 9, "title": "Spies", "director_id": 1}));
    films.service().prefer(RETURN).expect(201, json!([{"title": "Spies", "directors": {"name": "Lang"}}])).await;
    let kinds =
        |path: &str, body: Value| server.post(path, &body).service().prefer("return=representation, missing=default");
    kinds("/kinds?select=stamp", json!({})).expect(201, json!([{"stamp": "fresh"}])).await;
    kinds("/kinds?select=small,stamp&columns=small,stamp", json!([{"small": 1}, {"stamp": "s", "other": 1}]))
        .expect(201, json!([{"small": 1, "stamp": "fresh"}, {"small": null, "stamp": "s"}]))
        .await;
    kinds(
        "/kinds?select=small,numbers,binary_json,word",
        json!({"small": "3", "numbers": [1, null], "binary_json": {"a": []}, "word": "é"}),
    )
    .expect(201, json!([{"small": 3, "numbers": [1, null], "binary_json": {"a": []}, "word": "é"}]))
    .await;
    let csv = server.ask(Method::POST, "/actors?order=id").service().prefer(RETURN).header("content-type", "text/csv");
    csv.body("id,name\n20,\"a,b\"\n21,c")
        .expect(201, json!([{"id": 20, "name": "a,b"}, {"id": 21, "name": "c"}]))
        .await;
    let form = server.ask(Method::POST, "/actors").service().prefer(RETURN);
    let form = form.header("content-type", "application/x-www-form-urlencoded").body("id=22&name=a+b");
    form.expect(201, json!([{"id": 22, "name": "a b"}])).await;

    let post = Method::POST;
    refuses(
        &server,
        &[
            (post.clone(), "/actors", r#"{"id":1,"name":"x"}"#, 409, "23505"),
            (post.clone(), "/actors", r#"[{"id":90,"name":"x"},{"id":1,"name":"x"}]"#, 409, "23505"),
            (post.clone(), "/films", r#"{"id":90,"title":"x","director_id":99}"#, 409, "23503"),
            (post.clone(), "/actors", r#"{"id":90}"#, 400, "23502"),
            (post.clone(), "/films", r#"{"id":90,"title":"x","rating":11}"#, 400, "23514"),
            (post.clone(), "/kinds", r#"{"born":1800}"#, 400, "23514"),
            (post.clone(), "/kinds", r#"{"word":"abcd"}"#, 400, "22001"),
            (post.clone(), "/kinds", r#"{"small":99999}"#, 400, "22003"),
            (post.clone(), "/kinds", r#"{"small":"x"}"#, 400, "22P02"),
            (post.clone(), "/kinds", r#"{"doubled":1}"#, 400, if on_postgres_before(14) { "42601" } else { "428C9" }),
            (post.clone(), "/actors", r#"{"nope":1}"#, 400, "PGRST204"),
            (post.clone(), "/actors?columns=nope", r#"{"id":1}"#, 400, "PGRST204"),
            (post.clone(), "/actors", r#"[{"id":1},{"name":"x"}]"#, 400, "PGRST102"),
            (post.clone(), "/actors", r#"{"id":"#, 400, "PGRST102"),
            (post, "/actors", "", 400, "PGRST102"),
        ],
    )
    .await;
    server.get("/actors?id=eq.90").service().expect(200, json!([])).await;
    let refused = server.post("/actors", &json!({"id": 1, "name": "x"})).service().send().await;
    assert_eq!(
        refused.json(),
        json!({"code": "23505", "details": "Key (id)=(1) already exists.", "hint": null,
               "message": "duplicate key value violates unique constraint \"actors_pkey\""})
    );
    let odd = server.ask(Method::POST, "/actors").service().header("content-type", "image/png").body("x");
    assert_eq!(odd.expect_error(400, "PGRST102").await.json()["message"], "Content-Type not acceptable: image/png");
}

#[tokio::test(flavor = "multi_thread")]
async fn upsert() {
    let server = server().await;
    let post = |path: &str, body: Value, prefer: &str| server.post(path, &body).service().prefer(prefer);
    let merge = "resolution=merge-duplicates, return=representation";
    let answer =
        post("/actors", json!({"id": 1, "name": "new"}), merge).expect(200, json!([{"id": 1, "name": "new"}])).await;
    assert_eq!(answer.header("preference-applied"), "resolution=merge-duplicates, return=representation");
    let both = json!([{"id": 1, "name": "newer"}, {"id": 30, "name": "x"}]);
    post("/actors", both.clone(), merge).expect(201, both).await;
    let ignore = "resolution=ignore-duplicates, return=representation";
    let rows = json!([{"id": 1, "name": "not"}, {"id": 31, "name": "y"}]);
    post("/actors", rows, ignore).expect(201, json!([{"id": 31, "name": "y"}])).await;
    let poster = json!({"film_id": 1, "url": "m.png"});
    post("/posters?on_conflict=url", poster.clone(), merge).expect(200, json!([poster])).await;
    post("/actors?on_conflict=name", json!({"id": 1, "name": "x"}), merge).expect_error(400, "42P10").await;
    post("/actors", json!([{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]), merge).expect_error(500, "21000").await;
    post("/actors?on_conflict=id", json!({"id": 1, "name": "x"}), RETURN).expect_error(409, "23505").await;

    // Every row of the body that meets one is passed over, and is not counted.
    let counted = "resolution=ignore-duplicates, count=exact";
    let rows = json!([{"id": 1, "name": "not"}, {"id": 32, "name": "z"}]);
    let answer = post("/actors", rows, counted).expect(201, Value::Null).await;
    assert_eq!(answer.header("content-range"), "*/1");
    let known = json!({"id": 1, "name": "not"});
    post("/actors", known.clone(), ignore).expect(201, json!([])).await;
    post("/actors", known, "resolution=ignore-duplicates").expect(201, Value::Null).await;
    // Several columns; only those of the body change.
    post("/pairs", json!({"a": 1, "b": 1, "note": "first"}), merge)
        .expect(201, json!([{"a": 1, "b": 1, "note": "first"}]))
        .await;
    post("/pairs", json!({"a": 1, "b": 1}), merge).expect(200, json!([{"a": 1, "b": 1, "note": "first"}])).await;
    post("/pairs?on_conflict=a,b", json!({"a": 1, "b": 1, "note": "last"}), merge)
        .expect(200, json!([{"a": 1, "b": 1, "note": "last"}]))
        .await;
    // A column named twice is named once.
    post("/pairs?on_conflict=a,b,a", json!({"a": 1, "b": 1, "note": "twice"}), merge)
        .expect(200, json!([{"a": 1, "b": 1, "note": "twice"}]))
        .await;
    // Without a key and without columns there is nothing to conflict with.
    let answer = post("/keyless", json!({"a": 1, "b": "x"}), merge).expect(201, json!([{"a": 1, "b": "x"}])).await;
    assert_eq!(answer.header("preference-applied"), RETURN);
    // A body without members changes nothing.
    post("/kinds", json!({}), "resolution=merge-duplicates").expect(201, Value::Null).await;
}

/// A view that shows its table's key has that key.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_written_by_its_key() {
    let server = server().await;
    let title = |id: i32, title: &str| json!({"id": id, "title": title});
    let post = |path: &str, body: Value, prefer: &str| server.post(path, &body).service().prefer(prefer);
    let merge = "resolution=merge-duplicates";
    let answer = post("/film_titles", title(80, "a"), "return=headers-only").expect(201, Value::Null).await;
    assert_eq!(answer.header("location"), "/film_titles?id=eq.80");
    // 201 when something is new, 200 when everything was there.
    post("/film_titles", json!([title(80, "b"), title(81, "c")]), merge).expect(201, Value::Null).await;
    post("/film_titles", json!([title(81, "d"), title(82, "e")]), merge).expect(201, Value::Null).await;
    let again =
        post("/film_titles?select=id,title", json!([title(80, "f"), title(82, "g")]), &format!("{merge}, {RETURN}"));
    again.expect(200, json!([title(80, "f"), title(82, "g")])).await;
    post("/film_titles?on_conflict=id", title(80, "h"), merge).expect(200, Value::Null).await;
    post(
        "/film_titles?order=id.desc&select=id,title",
        json!([title(80, "i"), title(83, "j")]),
        &format!("{merge}, {RETURN}"),
    )
    .expect(201, json!([title(83, "j"), title(80, "i")]))
    .await;
    post("/film_titles", title(80, "k"), "resolution=ignore-duplicates").expect(201, Value::Null).await;
    let put = |id: i32, body: Value| server.put(&format!("/film_titles?id=eq.{id}&select=id,title"), &body).service();
    put(84, title(84, "l")).prefer(RETURN).expect(201, json!([title(84, "l")])).await;
    put(84, title(84, "m")).prefer(RETURN).expect(200, json!([title(84, "m")])).await;
    put(84, title(85, "m")).expect_error(400, "PGRST115").await;
    let seen = server.get("/films?id=in.(80,84)&select=id,title&order=id").service();
    seen.expect(200, json!([title(80, "i"), title(84, "m")])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_of_the_same_members_differ_in_their_values_only() {
    let server = server().await;
    let post = |path: &str, body: &str, prefer: &str| {
        let ask = server.ask(Method::POST, path).service().prefer(prefer);
        ask.header("content-type", "application/json").body(body.to_owned())
    };
    let kinds = "/kinds?select=small,word,numbers,binary_json,raw";
    for (body, row) in [
        (r#"{"small": 1, "word": "a", "raw": {"x": 1}}"#, json!({"small": 1, "word": "a", "raw": {"x": 1}})),
        (r#"{"small": "2", "word": null, "raw": "t"}"#, json!({"small": 2, "word": null, "raw": "t"})),
        (r#"{"small": null, "word": "\u00e9\"", "raw": null}"#, json!({"small": null, "word": "é\"", "raw": null})),
        (r#"{"small": 3, "w\u006frd": "c", "raw": [], "small": 4}"#, json!({"small": 4, "word": "c", "raw": []})),
    ] {
        let mut row = row;
        (row["numbers"], row["binary_json"]) = (Value::Null, Value::Null);
        post(kinds, body, RETURN).expect(201, json!([row])).await;
    }
    for (body, status, code) in [
        (r#"{"small": 5, "word": "long", "raw": 1}"#, 400, "22001"),
        (r#"{"small": "x", "word": "a", "raw": 1}"#, 400, "22P02"),
        (r#"{"small": 5, "word": "\ud800", "raw": 1}"#, 400, "22P02"),
        (r#"{"small": 5, "word": "a", "raw": }"#, 400, "PGRST102"),
        (r#"{"small": 5, "word": "a", "row": 1}"#, 400, "PGRST204"),
    ] {
        post(kinds, body, RETURN).expect_error(status, code).await;
    }
    // The same members mean something else under other preferences and parameters.
    let film = |id: i32| json!({"id": id, "title": "x"}).to_string();
    post("/films", &film(100), "return=minimal").expect(201, Value::Null).await;
    let named = post("/films", &film(101), "return=headers-only").expect(201, Value::Null).await;
    assert_eq!(named.header("location"), "/films?id=eq.101");
    post("/films?select=id", &film(102), RETURN).expect(201, json!([{"id": 102}])).await;
    post("/films?select=title", &film(102), "resolution=merge-duplicates, return=representation")
        .expect(200, json!([{"title": "x"}]))
        .await;
    post("/films", &film(102), "resolution=ignore-duplicates").expect(201, Value::Null).await;
    post("/films", &film(102), "").expect_error(409, "23505").await;
    post("/films?columns=id", &film(103), "").expect_error(400, "23502").await;
    post("/film_titles", &film(104), "").expect(201, Value::Null).await;
    server
        .get("/films?id=gte.100&select=id&order=id")
        .service()
        .expect(200, json!([{"id": 100}, {"id": 101}, {"id": 102}, {"id": 104}]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn update_and_delete() {
    let server = server().await;
    let answer = server.patch("/actors?id=eq.1", &json!({"name": "x"})).service().expect(204, Value::Null).await;
    assert_eq!((answer.header("content-range"), answer.header("content-length")), ("0-0/*", ""));
    let answer = server.patch("/actors?id=eq.99", &json!({"name": "x"})).service().expect(204, Value::Null).await;
    assert_eq!(answer.header("content-range"), "*/*");
    server.patch("/actors?id=eq.99", &json!({"name": "x"})).service().prefer(RETURN).expect(200, json!([])).await;
    server.patch("/actors?id=eq.1", &json!({})).service().prefer(RETURN).expect(200, json!([])).await;
    let both = server.patch("/actors?order=id.desc&select=id", &json!({"name": "z"})).service();
    let answer = both.prefer("return=representation, count=exact").expect(200, json!([{"id": 2}, {"id": 1}])).await;
    assert_eq!(answer.header("content-range"), "0-1/2");
    server
        .patch("/actors?or=(id.eq.1,id.eq.7)&select=name", &json!({"name": "q"}))
        .service()
        .prefer(RETURN)
        .expect(200, json!([{"name": "q"}]))
        .await;
    server.patch("/actors?id=eq.1", &json!({"nope": 1})).service().expect_error(400, "PGRST204").await;
    server.patch("/actors?id=eq.1", &json!({"name": null})).service().expect_error(400, "23502").await;

    server.delete("/directors?id=eq.1").service().expect_error(409, "23503").await;
    let strict = "handling=strict, max-affected=1";
    let answer = server.delete("/roles").service().prefer(strict).expect_error(400, "PGRST124").await;
    assert_eq!(answer.json()["details"], "The query affects 2 rows");
    server.get("/roles?select=count").service().expect(200, json!([{"count": 2}])).await;
    let one = server.delete("/roles?film_id=eq.1&select=part,films(title)").service().prefer(RETURN);
    one.expect(200, json!([{"part": "Maria", "films": {"title": "Metropolis"}}])).await;
    let answer = server.delete("/roles").service().prefer("count=exact").expect(204, Value::Null).await;
    assert_eq!(answer.header("content-range"), "*/1");
}

#[tokio::test(flavor = "multi_thread")]
async fn put() {
    let server = server().await;
    let put = |path: &str, body: Value| server.put(path, &body).service();
    put("/actors?id=eq.40", json!({"id": 40, "name": "n"}))
        .prefer(RETURN)
        .expect(201, json!([{"id": 40, "name": "n"}]))
        .await;
    put("/actors?id=eq.40", json!({"id": 40, "name": "m"}))
        .prefer(RETURN)
        .expect(200, json!([{"id": 40, "name": "m"}]))
        .await;
    let answer = put("/actors?id=eq.40", json!({"id": 40, "name": "m"})).expect(204, Value::Null).await;
    assert_eq!(answer.header("content-range"), "");
    put("/pairs?a=eq.1&b=eq.2", json!({"a": 1, "b": 2, "note": "n"})).expect(204, Value::Null).await;
    put("/actors?id=eq.41", json!({"id": 42, "name": "m"})).expect_error(400, "PGRST115").await;
    server.get("/actors?id=in.(41,42)").service().expect(200, json!([])).await;
    put("/actors?name=eq.x", json!({"id": 42, "name": "m"})).expect_error(405, "PGRST105").await;
    put("/actors?id=gt.1", json!({"id": 42, "name": "m"})).expect_error(405, "PGRST105").await;
    put("/pairs?a=eq.1", json!({"a": 1, "b": 2})).expect_error(405, "PGRST105").await;
    put("/keyless?a=eq.1", json!({"a": 1})).expect_error(405, "PGRST105").await;
    put("/actors?id=eq.1&limit=1", json!({"id": 1, "name": "m"})).expect_error(400, "PGRST114").await;
    let filters = put("/actors?id=not.eq.1", json!({"id": 1, "name": "m"})).expect_error(405, "PGRST105").await;
    assert_eq!(filters.json()["message"], "Filters must include all and only primary key columns with 'eq' operators");
    for filters in ["id=eq.1&name=eq.Helm", "and=(id.eq.1)", "id=eq(any).{1}", "or=(id.eq.1,id.eq.2)", ""] {
        put(&format!("/actors?{filters}"), json!({"id": 1, "name": "m"})).expect_error(405, "PGRST105").await;
    }
    let offset = put("/actors?id=eq.1&offset=1", json!({"id": 1, "name": "m"})).expect_error(400, "PGRST114").await;
    assert_eq!(offset.json()["message"], "limit/offset querystring parameters are not allowed for PUT");
    // Several rows, of which one has the key: exactly one is written.
    let rows = json!([{"id": 43, "name": "a"}, {"id": 44, "name": "b"}]);
    put("/actors?id=eq.43", rows).expect(204, Value::Null).await;
    let twice = put("/actors?id=eq.43", json!([{"id": 43, "name": "c"}, {"id": 43, "name": "d"}])).send().await;
    assert_ne!(twice.status / 100, 2, "{}", twice.body);
    server.get("/actors?id=in.(43,44)").service().expect(200, json!([{"id": 43, "name": "a"}])).await;
    // What the body does not have is its default in a new row, and stays in an old one.
    put("/kinds?id=eq.500", json!({"id": 500, "small": 1})).expect(204, Value::Null).await;
    put("/kinds?id=eq.500", json!({"id": 500, "word": "w"})).prefer(RETURN).send().await;
    let row = json!([{"small": 1, "word": "w", "stamp": "fresh"}]);
    server.get("/kinds?id=eq.500&select=small,word,stamp").service().expect(200, row).await;
}

const RIGHTS: &str = "
create table secret (id integer primary key, word text not null, doubled integer generated always as (id * 2) stored);
alter table secret enable row level security;
create policy nobody on secret using (false);
create view shown as select id, word from secret;
create view summed as select count(*) as all_of from secret;
revoke all on secret, shown, summed from anon, authenticated;
create role adds; create role sets; create role reads; create role reads_one;
grant adds, sets, reads, reads_one to authenticator;
grant usage on schema public to adds, sets, reads, reads_one;
grant insert (word) on secret to adds;
grant insert on shown to adds;
grant update (word) on secret to sets;
grant update on shown to sets;
grant select on secret, shown, summed to reads;
grant select (id) on secret to reads_one;
";

/// Who writes nothing needs the right to write all the same, or an answer would say what is there.
#[tokio::test(flavor = "multi_thread")]
async fn writes_of_nothing_ask_for_rights() {
    let server = Server::start(RIGHTS).await;
    let (none, some) = (json!([]), json!({}));
    for path in ["/secret", "/shown", "/secret?columns=word"] {
        server.post(path, &none).expect_error(401, "42501").await;
        server.post(path, &none).user("11111111-1111-4111-8111-111111111111").expect_error(403, "42501").await;
        server.post(path, &none).prefer(RETURN).expect_error(401, "42501").await;
    }
    for path in ["/secret", "/shown", "/secret?id=eq.1"] {
        for body in [&some, &none] {
            server.patch(path, body).expect_error(401, "42501").await;
            server.patch(path, body).prefer(RETURN).expect_error(401, "42501").await;
        }
    }
    server.get("/secret").service().expect(200, json!([])).await;

    let role = |role: &str| token(json!({"role": role}));
    let (adds, sets, reads, reads_one) = (role("adds"), role("sets"), role("reads"), role("reads_one"));
    // A right over any column will do.
    for path in ["/secret", "/shown", "/secret?columns=word", "/shown?columns=word"] {
        server.post(path, &none).token(&adds).expect(201, Value::Null).await;
    }
    server.post("/secret?columns=id,word", &none).token(&adds).expect_error(403, "42501").await;
    server.post("/secret", &none).token(&adds).prefer(RETURN).expect_error(403, "42501").await;
    server.post("/secret", &none).token(&reads).expect_error(403, "42501").await;
    server.post("/secret", &none).service().prefer(RETURN).expect(201, json!([])).await;
    server.post("/shown", &none).service().prefer(RETURN).expect(201, json!([])).await;
    server.post("/summed", &none).service().expect_error(500, "55000").await;
    let upsert = server.post("/secret", &none).service();
    upsert.prefer("resolution=merge-duplicates").expect(201, Value::Null).await;

    for path in ["/secret", "/shown"] {
        server.patch(path, &some).token(&sets).expect(204, Value::Null).await;
        server.patch(path, &some).token(&reads).expect(204, Value::Null).await;
        server.patch(path, &some).token(&adds).expect_error(403, "42501").await;
        server.patch(path, &some).token(&sets).prefer(RETURN).expect_error(403, "42501").await;
        server.patch(path, &some).token(&reads).prefer(RETURN).expect(200, json!([])).await;
    }
    server.patch("/summed", &some).token(&reads).expect(204, Value::Null).await;
    // Filters are read, as those of an update that sets something.
    server.patch("/secret?id=eq.1", &some).token(&sets).expect_error(403, "42501").await;
    server.patch("/secret?id=eq.1", &some).token(&reads_one).expect(204, Value::Null).await;
    server.patch("/secret?word=eq.a", &some).token(&reads_one).expect_error(403, "42501").await;
    for role in [&reads, &sets] {
        server.patch("/secret?nope=eq.1", &some).token(role).expect_error(400, "42703").await;
    }
    server.patch("/secret?id=eq.x", &some).service().expect_error(400, "22P02").await;
    let single = server.patch("/secret", &some).service().header("accept", "application/vnd.pgrst.object+json");
    single.expect_error(406, "PGRST116").await;
}
