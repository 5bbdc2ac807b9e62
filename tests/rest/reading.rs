//! select, filters, logic trees, order and ranges.

use reqwest::Method;
use serde_json::json;

use crate::world::{reads, refuses, server, server_with};

#[tokio::test(flavor = "multi_thread")]
async fn select() {
    let server = server().await;
    reads(
        &server,
        &[
            (
                "/actors",
                r#"[{"id":1,"name":"Helm"}
{"id":2,"name":"Lorre"}]"#,
            ),
            (
                "/actors?select=",
                r#"[{"id":1,"name":"Helm"}
{"id":2,"name":"Lorre"}]"#,
            ),
            ("/actors?select=name,id&id=eq.1", r#"[{"name":"Helm","id":1}]"#),
            ("/actors?select=who:name,%20id%20&id=eq.1", r#"[{"who":"Helm","id":1}]"#),
            ("/actors?select=id::text&id=eq.1", r#"[{"id":"1"}]"#),
            ("/actors?select=*,again:id&id=eq.1", r#"[{"id":1,"name":"Helm","again":1}]"#),
            ("/films?select=data->a->b->0,data->a->>b,data->n&id=eq.1", r#"[{"b":10,"b":"[10, 20]","n":1}]"#),
            ("/films?select=data->a->b->-1&id=eq.1", r#"[{"b":20}]"#),
            ("/films?select=tags->0,x:tags->>1&id=eq.1", r#"[{"tags":"silent","x":"city"}]"#),
            ("/films?select=data->>n::int&id=eq.2", r#"[{"n":2}]"#),
            ("/films?select=shout&id=eq.2", r#"[{"shout":"M"}]"#),
            ("/films?select=title&shout=eq.METROPOLIS", r#"[{"title":"Metropolis"}]"#),
            ("/Odd%20name?select=a b,\"x,y\",\"order\"", r#"[{"a b":"spaced","x,y":"comma","order":"first"}]"#),
            ("/Odd%20name?select=zur%C3%BCck", r#"[{"zurück":"ü"}]"#),
            ("/film_titles?select=title&id=eq.2", r#"[{"title":"M"}]"#),
            ("/actors?select=id&select=name&id=eq.1", r#"[{"id":1}]"#),
            ("/actors?ignored&select=id&id=eq.1", r#"[{"id":1}]"#),
        ],
    )
    .await;
    let get = Method::GET;
    refuses(
        &server,
        &[
            (get.clone(), "/actors?select=nope", "", 400, "42703"),
            (get.clone(), "/actors?select=id::nope", "", 400, "42704"),
            (get.clone(), "/actors?select=id,,name", "", 400, "PGRST100"),
            (get.clone(), "/actors?select=id(", "", 400, "PGRST100"),
            (get.clone(), "/actors?select=id::numeric(1,2)", "", 400, "PGRST100"),
            (get.clone(), "/actor", "", 404, "PGRST205"),
            (get.clone(), "/actors/", "", 404, "PGRST125"),
            (get.clone(), "/actors/1", "", 404, "PGRST125"),
            (get, "/rpc", "", 404, "PGRST205"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_written_as_postgresql_writes_it() {
    let server = server().await;
    reads(
        &server,
        &[(
            "/kinds",
            concat!(
                r#"[{"id":1,"small":7,"big":9007199254740993,"exact":1.50,"single":0.5,"double":0.1,"yes":true,"#,
                r#""word":"abc","padded":"x  ","key":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","day":"2024-01-31","#,
                r#""moment":"2024-01-31T10:00:00.123","instant":"2024-01-31T10:00:00+00:00","clock":"10:30:00","#,
                r#""span":"1 day 02:00:00","bytes":"\\x0102","raw":{"b":1,  "a":2},"binary_json":{"a": 2, "bb": 1},"#,
                r#""numbers":[1,2,null],"born":1999,"doubled":14,"stamp":"fresh"}]"#
            ),
        )],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters() {
    let server = server().await;
    let films = |filter: &str, ids: &str| {
        let rows: Vec<_> = ids.split_whitespace().map(|id| format!("{{\"id\":{id}}}")).collect();
        (format!("/films?select=id&order=id&{filter}"), format!("[{}]", rows.join("\n")))
    };
    let cases = [
        films("id=eq.1", "1"),
        films("id=neq.1", "2 3 4"),
        films("id=gt.1&id=lt.4", "2 3"),
        films("id=gte.3", "3 4"),
        films("id=lte.1", "1"),
        films("id=not.eq.1", "2 3 4"),
        films("director_id=not.eq.1", "3"),
        films("title=like.M*", "1 2"),
        films("title=like.%25s", "1"),
        films("title=ilike.m*", "1 2"),
        films("title=like.m*", ""),
        films("title=like(any).{M*,L*}", "1 2 4"),
        films("title=like(all).{M*,*s}", "1"),
        films("id=eq(any).{1,3}", "1 3"),
        films("title=match.^M", "1 2"),
        films("title=imatch.^m.*s$", "1"),
        films("id=in.(1,2)", "1 2"),
        films("id=not.in.(1,2)", "3 4"),
        films("id=in.()", ""),
        films("title=in.(\"M\",\"a,b\",Lost)", "2 4"),
        films("title=eq.\"M\"", ""),
        films("title=eq.", ""),
        films("data=is.null", "3 4"),
        films("data=not.is.null", "1 2"),
        films("data=is.not_null", "1 2"),
        films("data=is.NULL", "3 4"),
        films("director_id=isdistinct.1", "3 4"),
        films("director_id=not.isdistinct.1", "1 2"),
        films("tags=cs.{city}", "1 2"),
        films("tags=cd.{city}", "2 3"),
        films("tags=ov.{silent,x}", "1"),
        films("data=cs.{\"n\":2}", "2"),
        films("data->n=gt.1", "2"),
        films("data->>n=eq.1", "1"),
        films("data->a->b->>0=eq.10", "1"),
        films("mood=eq.happy", "1"),
        films("mood=gt.sad", "1 3"),
        films("rating=eq.8.30", "1"),
        films("released=gte.1931-01-01", "2"),
        films("title=fts.metropolis", "1"),
        films("title=plfts(english).sunrises", "3"),
        films("title=wfts(simple).lost or m", "2 4"),
        films("or=(id.eq.1,id.eq.4)", "1 4"),
        films("and=(id.gt.1,id.lt.3)", "2"),
        films("not.or=(id.eq.1,id.eq.4)", "2 3"),
        films("or=(id.eq.1,and(id.gt.2,not.and(title.eq.Lost,id.eq.4)))", "1 3"),
        films("or=(title.eq.\"M\",title.in.(Lost,\"x\"))", "2 4"),
        films("or=(tags.cs.{silent,city},id.eq.3)", "1 3"),
        films("or=( id.eq.1 , title.like.L*)", "1 4"),
        films("or=(director_id.is.null,id.not.gt.1)", "1 4"),
    ];
    let cases: Vec<_> = cases.iter().map(|(path, body)| (path.as_str(), body.as_str())).collect();
    reads(&server, &cases).await;
    reads(&server, &[("/Odd%20name?select=id&\"order\"=eq.first", r#"[{"id":1}]"#)]).await;
    let get = Method::GET;
    refuses(
        &server,
        &[
            (get.clone(), "/films?id=nope.1", "", 400, "PGRST100"),
            (get.clone(), "/films?id=1", "", 400, "PGRST100"),
            (get.clone(), "/films?id=eq.x", "", 400, "22P02"),
            (get.clone(), "/films?id=in.(1,x)", "", 400, "22P02"),
            (get.clone(), "/films?id=eq.99999999999", "", 400, "22003"),
            (get.clone(), "/films?released=eq.1927-13-40", "", 400, "22008"),
            (get.clone(), "/films?mood=eq.nope", "", 400, "22P02"),
            (get.clone(), "/films?title=match.(", "", 400, "2201B"),
            (get.clone(), "/films?id=is.nope", "", 400, "PGRST100"),
            (get.clone(), "/films?nope=eq.1", "", 400, "42703"),
            (get.clone(), "/films?title=fts(nope).x", "", 400, "42704"),
            (get.clone(), "/films?or=()", "", 400, "PGRST100"),
            (get.clone(), "/films?or=(id.eq.1", "", 400, "PGRST100"),
            (get.clone(), "/films?or=(id.eq.1,id)", "", 400, "PGRST100"),
            (get.clone(), "/films?nope.id=eq.1", "", 400, "PGRST108"),
            (get, "/films?data=cs.{", "", 400, "22P02"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_and_ranges() {
    let server = server().await;
    reads(
        &server,
        &[
            ("/films?select=id&order=rating", "[{\"id\":3}\n{\"id\":1}\n{\"id\":2}\n{\"id\":4}]"),
            ("/films?select=id&order=rating.desc", "[{\"id\":4}\n{\"id\":2}\n{\"id\":1}\n{\"id\":3}]"),
            ("/films?select=id&order=rating.desc.nullslast,id&limit=1", "[{\"id\":2}]"),
            ("/films?select=id&order=rating.nullsfirst&limit=1", "[{\"id\":4}]"),
            ("/films?select=id&order=data->n.desc.nullslast&limit=1", "[{\"id\":2}]"),
            ("/films?select=id&order=id&limit=2&offset=1", "[{\"id\":2}\n{\"id\":3}]"),
            ("/films?select=id&limit=0&offset=9", "[]"),
            ("/films?select=id&offset=9", "[]"),
            ("/films?select=id&id=eq.1&limit=x", "[{\"id\":1}]"),
            (
                "/films?select=id,directors(name)&order=directors(name).desc.nullslast&limit=1",
                "[{\"id\":3,\"directors\":{\"name\": \"Murnau\"}}]",
            ),
        ],
    )
    .await;
    let get = Method::GET;
    refuses(
        &server,
        &[
            (get.clone(), "/films?limit=-1", "", 416, "PGRST103"),
            (get.clone(), "/films?order=id.up", "", 400, "PGRST100"),
            (get.clone(), "/films?order=nope", "", 400, "42703"),
            (get.clone(), "/films?order=directors(name)", "", 400, "PGRST108"),
            (get.clone(), "/directors?select=id,films(id)&order=films(id)", "", 400, "PGRST118"),
            (get, "/films?offset=-1", "", 400, "2201X"),
        ],
    )
    .await;

    let page = |range: &str| server.get("/films?select=id&order=id").service().header("range", range);
    let answer = page("1-2").expect(200, json!([{"id": 2}, {"id": 3}])).await;
    assert_eq!(answer.header("content-range"), "1-2/*");
    let answer = page("0-1").prefer("count=exact").expect(206, json!([{"id": 1}, {"id": 2}])).await;
    assert_eq!(answer.header("content-range"), "0-1/4");
    assert_eq!(answer.header("preference-applied"), "count=exact");
    let answer = page("0-").prefer("count=exact").send().await;
    assert_eq!((answer.status, answer.header("content-range")), (200, "0-3/4"));
    let answer = page("9-10").prefer("count=exact").expect_error(416, "PGRST103").await;
    assert_eq!(answer.header("content-range"), "*/4");
    assert_eq!(answer.json()["details"], "An offset of 9 was requested, but there are only 4 rows.");
    assert_eq!(answer.headers.get_all("server").iter().count(), 1);
    page("3-1").expect_error(416, "PGRST103").await;
    let answer = server.get("/films?offset=4").service().prefer("count=exact").expect(206, json!([])).await;
    assert_eq!(answer.header("content-range"), "*/4");
    let answer = server.get("/keyless").service().prefer("count=exact").expect(200, json!([])).await;
    assert_eq!(answer.header("content-range"), "*/0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_rows_hold_at_every_level_of_a_read() {
    let server = server_with(|config| config.api.max_rows = 1).await;
    reads(
        &server,
        &[
            ("/films?select=id&order=id&limit=3", "[{\"id\":1}]"),
            ("/directors?select=id,films(id)&films.order=id", "[{\"id\":1,\"films\":[{\"id\": 1}]}]"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_of_a_real_is_read_as_one() {
    let server = server().await;
    server.post("/kinds", &json!({"small": 8, "single": 0.1})).service().expect(201, json!(null)).await;
    for filter in ["eq.0.1", "in.(0.1,0.2)", "gte.0.1", "neq.0.5", "eq(any).{0.1}", "isdistinct.0.5"] {
        server
            .get(&format!("/kinds?single={filter}&select=small&small=eq.8"))
            .service()
            .expect(200, json!([{"small": 8}]))
            .await;
    }
    server.get("/kinds?single=gt.0.1&select=small&order=small").service().expect(200, json!([{"small": 7}])).await;
}
