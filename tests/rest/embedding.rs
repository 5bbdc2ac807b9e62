//! Embedded and spread resources, and aggregates.

use basalt_tests::Server;
use reqwest::Method;
use serde_json::json;

use crate::world::{reads, refuses, server, server_with};

#[tokio::test(flavor = "multi_thread")]
async fn embedding() {
    let server = server().await;
    reads(
        &server,
        &[
            (
                "/films?select=id,directors(name)&id=in.(1,4)&order=id",
                "[{\"id\":1,\"directors\":{\"name\": \"Lang\"}}\n{\"id\":4,\"directors\":null}]",
            ),
            ("/films?select=id,by:directors(name)&id=eq.1", r#"[{"id":1,"by":{"name": "Lang"}}]"#),
            ("/films?select=id,by:director_id(name)&id=eq.1", r#"[{"id":1,"by":{"name": "Lang"}}]"#),
            ("/films?select=id,by:films_director(name)&id=eq.1", r#"[{"id":1,"by":{"name": "Lang"}}]"#),
            ("/films?select=id,directors!films_director(name)&id=eq.1", r#"[{"id":1,"directors":{"name": "Lang"}}]"#),
            (
                "/directors?select=id,films(id,title)&films.order=id.desc&id=eq.1",
                r#"[{"id":1,"films":[{"id": 2, "title": "M"}, {"id": 1, "title": "Metropolis"}]}]"#,
            ),
            (
                "/directors?select=id,films(id)&films.id=eq.2&order=id",
                "[{\"id\":1,\"films\":[{\"id\": 2}]}\n{\"id\":2,\"films\":[]}]",
            ),
            ("/directors?select=id,films!inner(id)&films.id=eq.2", r#"[{"id":1,"films":[{"id": 2}]}]"#),
            (
                "/directors?select=id,films(id)&films.limit=1&films.order=id&order=id",
                "[{\"id\":1,\"films\":[{\"id\": 1}]}\n{\"id\":2,\"films\":[{\"id\": 3}]}]",
            ),
            ("/directors?select=id,films(id)&films.or=(id.eq.1,id.eq.9)&id=eq.1", r#"[{"id":1,"films":[{"id": 1}]}]"#),
            (
                "/films?select=id,posters(url)&order=id&limit=2",
                "[{\"id\":1,\"posters\":{\"url\": \"m.png\"}}\n{\"id\":2,\"posters\":null}]",
            ),
            ("/posters?select=url,films(title)", r#"[{"url":"m.png","films":{"title": "Metropolis"}}]"#),
            (
                "/films?select=id,actors(name)&order=id&limit=2",
                "[{\"id\":1,\"actors\":[{\"name\": \"Helm\"}]}\n{\"id\":2,\"actors\":[{\"name\": \"Lorre\"}]}]",
            ),
            (
                "/films?select=id,roles(part,actors(name))&id=eq.1",
                r#"[{"id":1,"roles":[{"part": "Maria", "actors": {"name": "Helm"}}]}]"#,
            ),
            ("/films?select=id,posters()&posters=not.is.null", r#"[{"id":1}]"#),
            ("/films?select=id,posters()&posters=is.null&order=id", "[{\"id\":2}\n{\"id\":3}\n{\"id\":4}]"),
            (
                "/films?select=id,posters(),directors()&or=(posters.not.is.null,directors.is.null)&order=id",
                "[{\"id\":1}\n{\"id\":4}]",
            ),
            (
                "/directors?select=id,staff:directors!boss_id(name)&order=id",
                "[{\"id\":1,\"staff\":[{\"name\": \"Murnau\"}]}\n{\"id\":2,\"staff\":[]}]",
            ),
            ("/directors?select=id,boss:boss_id(name)&id=eq.2", r#"[{"id":2,"boss":{"name": "Lang"}}]"#),
            (
                "/directors?select=id,superior(name)&order=id",
                "[{\"id\":1,\"superior\":null}\n{\"id\":2,\"superior\":{\"name\": \"Lang\"}}]",
            ),
            (
                "/film_titles?select=title,directors(name)&id=eq.1",
                r#"[{"title":"Metropolis","directors":{"name": "Lang"}}]"#,
            ),
            ("/directors?select=id,film_titles(title)&id=eq.2", r#"[{"id":2,"film_titles":[{"title": "Sunrise"}]}]"#),
            (
                "/orders?select=id,to:addresses!shipping(city),from:addresses!billing_id(city)",
                r#"[{"id":1,"to":{"city": "Jena"},"from":{"city": "Ulm"}}]"#,
            ),
            (
                "/films?select=id,...directors(director:name)&id=in.(1,4)&order=id",
                "[{\"id\":1,\"director\":\"Lang\"}\n{\"id\":4,\"director\":null}]",
            ),
            (
                "/directors?select=id,...films(titles:title,id)&films.order=id&id=eq.1",
                r#"[{"id":1,"titles":["Metropolis", "M"],"id":[1, 2]}]"#,
            ),
        ],
    )
    .await;
    let get = Method::GET;
    refuses(
        &server,
        &[
            (get.clone(), "/films?select=addresses(*)", "", 400, "PGRST200"),
            (get.clone(), "/orders?select=addresses(*)", "", 300, "PGRST201"),
            (get.clone(), "/films?select=directors!nope(*)", "", 400, "PGRST200"),
            (get, "/films?select=id&directors.name=eq.x", "", 400, "PGRST108"),
        ],
    )
    .await;
    let answer = server.get("/orders?select=addresses(*)").service().send().await;
    assert_eq!(
        answer.json(),
        json!({
            "code": "PGRST201",
            "details": [
                {"cardinality": "many-to-one", "embedding": "orders with addresses",
                 "relationship": "billing using orders(billing_id) and addresses(id)"},
                {"cardinality": "many-to-one", "embedding": "orders with addresses",
                 "relationship": "shipping using orders(shipping_id) and addresses(id)"}
            ],
            "hint": "Try changing 'addresses' to one of the following: 'addresses!billing', 'addresses!shipping'. Find the desired relationship in the 'details' key.",
            "message": "Could not embed because more than one relationship was found for 'orders' and 'addresses'"
        })
    );
    let counted = server.get("/directors?select=id,films!inner(id)&films.id=eq.2").service().prefer("count=exact");
    assert_eq!(counted.send().await.header("content-range"), "0-0/1");
    let legacy = server.get("/directors?select=id,f:films(id)&films.id=eq.2&id=eq.1").service();
    let answer = legacy.expect(200, json!([{"id": 1, "f": [{"id": 2}]}])).await;
    assert!(answer.header("warning").starts_with("299 PostgREST"), "{:?}", answer.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn aggregates() {
    let server = server().await;
    reads(
        &server,
        &[
            ("/films?select=count()", r#"[{"count":4}]"#),
            ("/films?select=count", r#"[{"count":4}]"#),
            (
                "/films?select=rating.count(),rating.max(),rating.min(),rating.sum()",
                r#"[{"count":3,"max":8.5,"min":8.0,"sum":24.8}]"#,
            ),
            ("/films?select=mean:rating.avg()::int", r#"[{"mean":8}]"#),
            (
                "/films?select=director_id,n:count()&order=director_id",
                "[{\"director_id\":1,\"n\":2}\n{\"director_id\":2,\"n\":1}\n{\"director_id\":null,\"n\":1}]",
            ),
            ("/films?select=count()&id=gt.9", r#"[{"count":0}]"#),
            (
                "/directors?select=id,films(count())&order=id",
                "[{\"id\":1,\"films\":[{\"count\": 2}]}\n{\"id\":2,\"films\":[{\"count\": 1}]}]",
            ),
        ],
    )
    .await;
    let all = [(Method::GET, "/directors?select=id,...films(id.sum())", "", 400, "PGRST127")];
    refuses(&server, &all).await;
    let closed = server_with(|config| config.api.aggregates = false).await;
    refuses(&closed, &[(Method::GET, "/films?select=id.sum()", "", 400, "PGRST123")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_arrays_of_a_spread_are_of_the_same_rows() {
    let server = Server::start(
        "create table shelf (id int primary key);
        create table book (shelf_id int references shelf, title text, pages int, about json);
        create index on book (shelf_id, title); create index on book (shelf_id, pages desc);
        insert into shelf values (1), (2);
        insert into book select 1 + i % 2, 't' || i % 7, i * 37 % 60, json_build_object('p', i * 37 % 60) from generate_series(1, 60) i;
        create view loose as select shelf_id, title, pages from book;
        create function of_shelf(shelf) returns setof book language sql stable as 'select * from book where shelf_id = $1.id';
        create table award (id int primary key, shelf_id int references shelf, name text, year int);
        insert into award values (1, 1, 'b', 2001), (2, 1, 'a', 2002), (3, 1, 'a', 2001);
        grant select on all tables in schema public to authenticated;
        revoke select on award from authenticated, anon; grant select (shelf_id, name, year) on award to authenticated;
        alter table award enable row level security; create policy seen on award using (true);
        alter table shelf enable row level security; create policy seen on shelf using (true);",
    )
    .await;
    for from in ["book(title,pages,about->p)", "loose(title,pages,p:pages)", "of_shelf(title,pages,about->p)"] {
        let (name, _) = from.split_once('(').expect("a relation");
        for more in [String::new(), format!("&{name}.limit=9"), format!("&{name}.order=title")] {
            let answer = server.get(&format!("/shelf?select=id,...{from}&order=id{more}")).service().send().await;
            assert_eq!(answer.status, 200, "{from}{more}: {}", answer.body);
            for shelf in answer.json().as_array().expect("rows") {
                let column = |name: &str| shelf[name].as_array().expect("an array").clone();
                let (titles, pages, about) = (column("title"), column("pages"), column("p"));
                assert_eq!(titles.len(), if more.contains("limit") { 9 } else { 30 }, "{from}{more}");
                for (at, pages) in pages.iter().enumerate() {
                    let number = (1..=60).find(|i| i * 37 % 60 == pages.as_i64().expect("a number")).expect("one");
                    assert_eq!((&titles[at], &about[at]), (&json!(format!("t{}", number % 7)), pages), "{from}{more}");
                }
            }
        }
    }
    // Whoever may not read the key does without it.
    server
        .get("/shelf?select=...award(name,year)&id=eq.1")
        .user("ann")
        .expect(200, json!([{"name": ["a", "a", "b"], "year": [2001, 2002, 2001]}]))
        .await;
}
