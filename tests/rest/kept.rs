//! Names in policies, views and parsed bodies go on to mean what they meant, whatever columns their tables get or lose afterwards.

use basalt_tests::{Server, on_postgres_before};
use serde_json::json;

/// A table of documents under a policy, and another that the policy asks. Two rows of each; ann is of the team, bob its boss.
const TABLES: &str = "
create table team (id int primary key, who text, boss text);
create table docs (id int primary key, owner text, body text);
alter table team enable row level security;
alter table docs enable row level security;
create policy open on team for select using (true);
insert into team values (1, 'ann', 'bob');
insert into docs values (1, 'ann', 'a'), (2, 'bob', 'b');
";

/// The documents that anybody sees, once a script has made the policy and changed the tables.
async fn seen(script: &str) -> Vec<i64> {
    let server = Server::start(&format!("{TABLES}{script}")).await;
    let answer = server.get("/docs?select=id&order=id").send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json().as_array().expect("rows").iter().filter_map(|row| row["id"].as_i64()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_column_takes_no_name_of_a_policy() {
    let policy = "create policy p on docs for select using (exists (select 1 from team where who = owner));";
    let later = "alter table team add column owner text; update team set owner = who;";
    assert_eq!(seen(&format!("{policy}{later}")).await, [1]);
    let view = "create view teams as select id, who from team;
        create policy p on docs for select using (exists (select 1 from teams where who = owner));
        create or replace view teams as select id, who, who as owner from team;";
    assert_eq!(seen(view).await, [1]);
    let rows = "create function teams() returns setof team language sql stable as 'select * from team';
        create policy p on docs for select using (exists (select 1 from teams() where who = owner));";
    assert_eq!(seen(&format!("{rows}{later}")).await, [1]);
    let whole =
        "create policy p on docs for select using (exists (select 1 from team where to_jsonb(team) ->> 'who' = owner));
        alter table team add column team jsonb;";
    assert_eq!(seen(whole).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_column_joins_nothing() {
    let policy = "create table bans (id int primary key, note text);
        alter table bans enable row level security;
        create policy open on bans for select using (true);
        insert into bans values (1, 'x');
        create policy p on docs for select using (exists (select 1 from team natural join bans where who = owner));
        alter table team add column note text;";
    assert_eq!(seen(policy).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_goes_moves_no_other_into_its_place() {
    let policy = "create policy p on docs for select using (exists (select 1 from team as x(i, w) where w = owner));
        alter table team drop column id;";
    assert_eq!(seen(policy).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stars_stay_what_they_were() {
    let policy = "create table one (who text);
        alter table one enable row level security;
        create policy open on one for select using (true);
        insert into one values ('ann');
        create policy p on docs for select using (owner in (select * from one));
        alter table one add column extra text;";
    assert_eq!(seen(policy).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_a_policy_does_not_read_goes_without_it() {
    let policy = "create policy a on docs using (true);
        create table bans (uid text, team int);
        alter table bans enable row level security;
        create policy open on bans for select using (true);
        insert into bans values ('bob', 1);
        create policy banned on docs as restrictive using (not exists (
            select * from bans b where b.uid = owner and b.team in (select id from team)));
        alter table team drop column boss cascade;";
    assert_eq!(seen(policy).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_go_on_after_later_columns() {
    let server = Server::start(&format!(
        "{TABLES}
        create policy open on docs for select using (true);
        create function shout(docs) returns text language sql immutable as 'select upper($1.owner)';
        create view owned as select body, who from docs join team on who = owner where body <> 'z';
        create view counted as select upper(owner) as label, count(*) from docs group by label;
        create view loud as select d.id, d.shout from docs d;
        create view rows as select team.id, row_to_json(team) ->> 'who' as who from team;
        alter table team add column body text, add column label text, add column team int;
        alter table docs add column label text default 'same', add column shout text default 'quiet';
        alter table team rename column body to text;"
    ))
    .await;
    server.get("/owned").service().expect(200, json!([{"body": "a", "who": "ann"}])).await;
    let counted = json!([{"label": "ANN", "count": 1}, {"label": "BOB", "count": 1}]);
    server.get("/counted?order=label").service().expect(200, counted).await;
    server
        .get("/loud?order=id")
        .service()
        .expect(200, json!([{"id": 1, "shout": "ANN"}, {"id": 2, "shout": "BOB"}]))
        .await;
    server.get("/rows").service().expect(200, json!([{"id": 1, "who": "ann"}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parsed_bodies_go_on_after_later_columns() {
    if on_postgres_before(14) {
        return;
    }
    let server = Server::start(&format!(
        "{TABLES}
        create policy open on docs for select using (true);
        create function found(code text) returns setof int language sql stable security definer
            begin atomic select id from docs where owner = code order by id; end;
        create function told(v text) returns void language sql security definer
            begin atomic update docs set body = v where id = 1; end;
        create table log (id int generated always as identity, owner text);
        create function logged() returns void language sql security definer
            begin atomic insert into log (owner) select * from (select owner from docs) d; insert into log (owner) select who from team; end;
        create table one (a int);
        insert into one values (7);
        create function copied() returns int language sql security definer
            begin atomic insert into log (owner) select * from one returning (select count(*)::int from one); end;
        alter table docs add column code text default 'ann', add column v text default 'wrong', add column who text default 'x';
        alter table one add column b int;"
    ))
    .await;
    server.post("/rpc/found", &json!({"code": "bob"})).expect(200, json!([2])).await;
    assert_eq!(server.post("/rpc/told", &json!({"v": "right"})).send().await.status, 204);
    server.get("/docs?id=eq.1&select=body").expect(200, json!([{"body": "right"}])).await;
    assert_eq!(server.post("/rpc/logged", &json!({})).send().await.status, 204);
    server
        .get("/log?select=owner&order=owner")
        .service()
        .expect(200, json!([{"owner": "ann"}, {"owner": "ann"}, {"owner": "bob"}]))
        .await;
    server.post("/rpc/copied", &json!({})).expect(200, json!(1)).await;
}
