//! Relationships and what is embedded through them (contract: sections 7 to 9).

use basalt_tests::Server;
use reqwest::Method;
use serde_json::json;

use crate::world::{SCHEMA, reads, refuses, server, server_with};

#[tokio::test(flavor = "multi_thread")]
async fn parameters_of_embedded_resources() {
    let server = server().await;
    reads(
        &server,
        &[
            (
                "/films?select=id,roles(part,actors(name))&roles.actors.name=eq.x&id=eq.1",
                r#"[{"id":1,"roles":[{"part": "Maria", "actors": null}]}]"#,
            ),
            (
                "/directors?select=id,works:films(id)&works.order=id.desc&works.limit=1&id=eq.1",
                r#"[{"id":1,"works":[{"id": 2}]}]"#,
            ),
            (
                "/directors?select=id,films(id)&films.offset=1&films.order=id&id=eq.1",
                r#"[{"id":1,"films":[{"id": 2}]}]"#,
            ),
            (
                "/directors?select=id,films(id)&films.not.or=(id.eq.1,id.eq.3)&order=id",
                "[{\"id\":1,\"films\":[{\"id\": 2}]}\n{\"id\":2,\"films\":[]}]",
            ),
            ("/directors?select=id,films(id)&films.and=(id.gt.1,id.lt.3)&id=eq.1", r#"[{"id":1,"films":[{"id": 2}]}]"#),
            (
                "/directors?select=id,a:films(id),b:films(title)&a.id=eq.1&b.id=eq.2&id=eq.1",
                r#"[{"id":1,"a":[{"id": 1}],"b":[{"title": "M"}]}]"#,
            ),
            ("/directors?select=id,films(id)&films.limit=0&id=eq.1", r#"[{"id":1,"films":[]}]"#),
        ],
    )
    .await;
    let legacy = server.get("/directors?select=id,f:films(id)&films.id=eq.2&id=eq.1").service().send().await;
    assert_eq!(
        legacy.header("warning"),
        "299 PostgRESTv16.1 \"Embedded resource was referenced by relation name even though it has an alias. This is deprecated and will stop working in a future release. Update `films` to `f` in query string filters, orders or limits.\""
    );
    let strict = server_with(|config| config.api.legacy_target_names = false).await;
    let refused =
        strict.get("/directors?select=id,f:films(id)&films.id=eq.2").service().expect_error(400, "PGRST108").await;
    assert_eq!(
        refused.json(),
        json!({"code": "PGRST108", "details": "Target names are not allowed in filters if they have an alias",
               "hint": "Change 'films' to 'f' in filters, orders or limits.",
               "message": "'films' is not an embedded resource in this request"})
    );
    let unknown = server.get("/directors?select=id&films.id=eq.2").service().expect_error(400, "PGRST108").await;
    assert_eq!(unknown.json()["hint"], "Verify that 'films' is included in the 'select' query parameter.");
}

#[tokio::test(flavor = "multi_thread")]
async fn relationships_that_are_not_there() {
    let server = server().await;
    let none = server.get("/films?select=adresses(*)").service().expect_error(400, "PGRST200").await;
    assert_eq!(
        none.json(),
        json!({"code": "PGRST200",
               "details": "Searched for a foreign key relationship between 'films' and 'adresses' in the schema 'public', but no matches were found.",
               "hint": "Perhaps you meant 'roles' instead of 'adresses'.",
               "message": "Could not find a relationship between 'films' and 'adresses' in the schema cache"})
    );
    let hinted = server.get("/films?select=directors!nope(*)").service().expect_error(400, "PGRST200").await;
    assert_eq!(
        hinted.json()["details"],
        "Searched for a foreign key relationship between 'films' and 'directors' using the hint 'nope' in the schema 'public', but no matches were found."
    );
    let near = server.get("/films?select=directorz(*)").service().expect_error(400, "PGRST200").await;
    assert_eq!(near.json()["hint"], "Perhaps you meant 'directors' instead of 'directorz'.");
    let order =
        server.get("/directors?select=id,films(id)&order=films(id)").service().expect_error(400, "PGRST118").await;
    assert_eq!(
        order.json(),
        json!({"code": "PGRST118", "details": "'directors' and 'films' do not form a many-to-one or one-to-one relationship",
               "hint": null, "message": "A related order on 'films' is not possible"})
    );
}

const LINKS: &str = "
create table people (id integer primary key, name text, friend_id integer unique references people (id));
create table groups (id integer primary key, name text);
create table members (person_id integer references people (id), group_id integer references groups (id), since date default '2024-01-01',
    primary key (person_id, group_id, since));
create table guests (person_id integer references people (id), group_id integer references groups (id), primary key (person_id, group_id));
create table loose (person_id integer references people (id), group_id integer references groups (id), note text);
create table pairs (a integer, b integer, primary key (a, b));
create table of_pairs (id integer primary key, a integer, b integer, constraint pair_key foreign key (a, b) references pairs (a, b));
create table licences (id integer primary key, person_id integer not null unique references people (id));
create table indexed (id integer primary key, person_id integer references people (id));
create unique index on indexed (person_id);
create function near(groups) returns setof groups language sql stable as $$ select * from groups where id <> $1.id $$;
insert into people values (1, 'Ann', null), (2, 'Bob', 1);
insert into groups values (1, 'g'), (2, 'h');
insert into members (person_id, group_id) values (1, 1), (1, 2), (2, 1);
insert into pairs values (1, 2);
insert into of_pairs values (5, 1, 2), (6, null, 2);
insert into licences values (7, 1);
insert into indexed values (8, 1);
";

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_relationship() {
    let server = Server::start_with(LINKS, |_| ()).await;
    reads(
        &server,
        &[
            ("/people?select=id,licences(id)&id=eq.1", r#"[{"id":1,"licences":{"id": 7}}]"#),
            // A unique index is no constraint.
            ("/people?select=id,indexed(id)&id=eq.1", r#"[{"id":1,"indexed":[{"id": 8}]}]"#),
            (
                "/of_pairs?select=id,pairs(a,b)&order=id",
                "[{\"id\":5,\"pairs\":{\"a\": 1, \"b\": 2}}\n{\"id\":6,\"pairs\":null}]",
            ),
            ("/pairs?select=a,of_pairs!pair_key(id)", r#"[{"a":1,"of_pairs":[{"id": 5}]}]"#),
            (
                "/people?select=id,groups!members(name)&groups.order=name&id=eq.1",
                r#"[{"id":1,"groups":[{"name": "g"}, {"name": "h"}]}]"#,
            ),
            ("/people?select=id,groups!members!inner(name)&groups.name=eq.h", r#"[{"id":1,"groups":[{"name": "h"}]}]"#),
            ("/people?select=id,groups!inner!members(name)&groups.name=eq.h", r#"[{"id":1,"groups":[{"name": "h"}]}]"#),
            ("/groups?select=id,near(name)&order=id&limit=1", r#"[{"id":1,"near":[{"name": "h"}]}]"#),
        ],
    )
    .await;
    let several = server.get("/people?select=groups(*)").service().expect_error(300, "PGRST201").await.json();
    assert_eq!(several["details"][0]["cardinality"], "many-to-many");
    let text = "guests using guests_person_id_fkey(person_id) and guests_group_id_fkey(group_id)";
    assert_eq!(several["details"][0]["relationship"], text);
    assert_eq!(
        several["hint"],
        "Try changing 'groups' to one of the following: 'groups!guests', 'groups!members'. Find the desired relationship in the 'details' key."
    );
    // A junction has both keys in its primary key; a hint names it, a constraint or a column.
    refuses(
        &server,
        &[
            (Method::GET, "/people?select=groups!loose(*)", "", 400, "PGRST200"),
            (Method::GET, "/people?select=friend:people(*)", "", 400, "PGRST200"),
            (Method::GET, "/groups?select=people!near(*)", "", 400, "PGRST200"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inner_and_empty_and_spread() {
    let server = Server::start_with(SCHEMA, |config| config.api.aggregates = true).await;
    reads(
        &server,
        &[
            // An inner resource below reaches the root only if every level is inner.
            (
                "/directors?select=id,films(id,posters!inner(url))&order=id",
                "[{\"id\":1,\"films\":[{\"id\": 1, \"posters\": {\"url\": \"m.png\"}}]}\n{\"id\":2,\"films\":[]}]",
            ),
            (
                "/directors?select=id,films!inner(id,posters!inner(url))",
                r#"[{"id":1,"films":[{"id": 1, "posters": {"url": "m.png"}}]}]"#,
            ),
            ("/directors?select=id,films!inner()&films.title=eq.Sunrise", r#"[{"id":2}]"#),
            ("/films?select=id,directors!left(name)&id=eq.4", r#"[{"id":4,"directors":null}]"#),
            ("/directors?select=name,films()&films=is.null", "[]"),
            ("/actors?select=name,roles(films())&id=eq.1", r#"[{"name":"Helm"}]"#),
            // Spreads rise through spreads; equal names stand twice.
            (
                "/roles?select=part,...films(title,...directors(name))&film_id=eq.1",
                r#"[{"part":"Maria","title":"Metropolis","name":"Lang"}]"#,
            ),
            ("/posters?select=url,...films(url:title)", r#"[{"url":"m.png","url":"Metropolis"}]"#),
            (
                "/directors?select=id,...films(title,rating)&films.order=rating.desc&id=eq.1",
                r#"[{"id":1,"title":["M", "Metropolis"],"rating":[8.5, 8.3]}]"#,
            ),
            ("/actors?select=id,...films(title)&id=eq.9", "[]"),
            (
                "/addresses?select=id,...orders!billing(order_id:id)&order=id",
                "[{\"id\":1,\"order_id\":[1]}\n{\"id\":2,\"order_id\":[]}]",
            ),
            // An aggregate in a to-one spread is its parent's.
            (
                "/films?select=director_id,...directors(id.count())&director_id=not.is.null&order=director_id",
                "[{\"director_id\":1,\"count\":2}\n{\"director_id\":2,\"count\":1}]",
            ),
            ("/films?select=...directors(name,n:count())&director_id=eq.1", r#"[{"name":"Lang","n":2}]"#),
            // Related order on several levels.
            (
                "/films?select=id,directors(name)&order=directors(name).desc.nullslast,id&limit=2",
                "[{\"id\":3,\"directors\":{\"name\": \"Murnau\"}}\n{\"id\":1,\"directors\":{\"name\": \"Lang\"}}]",
            ),
            ("/films?select=id,d:directors(name)&order=d(name).nullsfirst&limit=1", r#"[{"id":4,"d":null}]"#),
            (
                "/actors?select=id,roles(part,films(title))&roles.order=films(title)&id=eq.1",
                r#"[{"id":1,"roles":[{"part": "Maria", "films": {"title": "Metropolis"}}]}]"#,
            ),
        ],
    )
    .await;
    let spread = server.get("/directors?select=id,...films(id.sum())").service().expect_error(400, "PGRST127").await;
    assert_eq!(
        spread.json(),
        json!({"code": "PGRST127", "details": "Aggregates are not implemented for one-to-many or many-to-many spreads.",
               "hint": null, "message": "Feature not implemented"})
    );
    // Any other operator on a resource's name is taken for one on a column.
    server.get("/films?select=id,posters()&posters=eq.1").service().expect_error(400, "42703").await;
    let counted = server.get("/films?select=id,posters()&posters=is.null").service().prefer("count=exact").send().await;
    assert_eq!(counted.header("content-range"), "0-2/3");
}

/// What a subquery or a `with` query passes on is still its table's column.
#[tokio::test(flavor = "multi_thread")]
async fn views_over_queries_in_queries() {
    let script = "
        create table addr (id int primary key, city text);
        create table ord (id int primary key, bill int references addr);
        create view ord_sub as select s.id, s.bill from (select id, bill from ord) s;
        create view ord_with as with q (a, b) as (select * from ord) select a as id, b as bill from q;
        create view ord_union as select id, bill from (select id, bill from ord union select id, bill from ord) s;
        grant select on ord_sub, ord_with, ord_union to service_role;
        insert into addr values (1, 'Ulm');
        insert into ord values (10, 1);";
    let server = Server::start(script).await;
    reads(
        &server,
        &[
            ("/addr?select=*,ord_sub(*)", r#"[{"id":1,"city":"Ulm","ord_sub":[{"id": 10, "bill": 1}]}]"#),
            ("/addr?select=*,ord_with(id)", r#"[{"id":1,"city":"Ulm","ord_with":[{"id": 10}]}]"#),
            ("/ord_with?select=id,addr(city)", r#"[{"id":10,"addr":{"city": "Ulm"}}]"#),
        ],
    )
    .await;
    server.get("/addr?select=*,ord_union(*)").service().expect_error(400, "PGRST200").await;
}
