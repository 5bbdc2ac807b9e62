//! Rows that a caller may not see change no byte of an answer: status, headers, body.
//!
//! Every table has a column `hidden`, and no policy lets the API's callers see a row where it is true. A battery of requests
//! is answered, hidden rows are added, changed and deleted, and the answers have to stay as they were.
//!
//! What PostgreSQL tells too is not asked here, on either engine: whether a unique key is taken by a hidden row (23505, or nothing inserted by
//! `ignore-duplicates`), whether a foreign key's row exists (23503), and the next value of a sequence. On PostgreSQL alone: its plans
//! (`api.plans` is for those who write the queries), and the order of rows for which none was asked.

use basalt_server::config::TransactionEnd;
use basalt_tests::{Answer, Server, on_postgres, on_postgres_before};
use reqwest::Method;
use serde_json::json;

use super::ask::{ANN, BOB};

/// What policies of `teams` and `people` say that ask for little but their own columns; each hides the hidden.
const OF_OWN_COLUMNS: [&str; 6] = [
    "create policy all_seen on teams using (true) with check (true);
     create policy all_seen on people using (true) with check (true);
     create policy not_hidden on teams as restrictive using (not hidden);
     create policy not_hidden on people as restrictive using (not hidden);",
    "create policy seen on teams using (not hidden);
     create policy seen on people using (hidden is false and exists (select 1 from teams t where t.id = people.team_id));",
    "create policy seen on teams using (hidden = false);
     create policy seen on people using (hidden = false or owner = '00000000-0000-0000-0000-0000000000ff');",
    "create policy seen on teams for select using (case when hidden then false else true end);
     create policy seen on people for select using (team_id in (select id from teams) and hidden = false);
     create policy changed on people for update using (not hidden) with check (weight > 0 and not hidden);
     create policy gone on people for delete using (not hidden);
     create policy made on people for insert with check (not hidden);",
    "create policy seen on teams using ((select auth.role()) in ('anon', 'authenticated') and hidden is not true);
     create policy seen on people using (is_shown(people.hidden));",
    "create policy own on teams using (not hidden and region is not null);
     create policy own on people using (owner = (select auth.uid()) and not hidden);
     create policy public on people for select to anon using (not hidden and weight > 1);",
];

/// The same of those that ask another table, which is the last thing that SQLite asks of a row.
const OF_ANOTHER_TABLE: [&str; 5] = [
    "create policy own on teams using (exists (select 1 from flags f where f.hidden = teams.hidden and f.shown));
     create policy own on people using (exists (select 1 from flags f where f.hidden = people.hidden and f.shown));",
    "create policy own on teams using ((select f.shown from flags f where f.hidden = teams.hidden));
     create policy own on people using ((select f.shown from flags f where f.hidden = people.hidden));",
    "create policy own on teams using (id < -1000 or hidden in (select f.hidden from flags f where f.shown));
     create policy own on people using (id < -1000 or exists (select 1 from flags f where f.hidden = people.hidden and f.shown));",
    "create policy own on teams using (is_flagged(hidden));
     create policy own on people using (is_flagged(hidden));",
    "create policy own on teams using (is_looked_up(hidden));
     create policy own on people using (is_looked_up(hidden));",
];

const SCHEMA: &str = r#"
  create type mood as enum ('sad', 'ok', 'happy');
  create table teams (id int primary key, name text not null, region text, hidden boolean not null default false);
  create table people (
    id int primary key, team_id int references teams, boss_id int references people, owner uuid, name text, label text,
    pattern text, weight int, score numeric, at timestamptz, tags text[], data jsonb, mood mood,
    hidden boolean not null default false
  );
  create index people_name on people (name);
  create index people_team on people (team_id);
  create index people_weight on people (weight);
  create function is_shown(hidden boolean) returns boolean language sql immutable as $$ select not hidden $$;
  create table flags (hidden boolean primary key, shown boolean not null);
  insert into flags values (true, false), (false, true);
  alter table flags enable row level security;
  create policy seen on flags using (true);
  create function is_flagged(asked boolean) returns boolean language sql stable security definer as
    $$ select exists (select 1 from flags f where f.hidden = asked and f.shown) $$;
  create function is_looked_up(asked boolean) returns boolean language plpgsql stable security definer as
    $$ begin return exists (select 1 from flags f where f.hidden = asked and f.shown); end $$;
  alter table teams enable row level security;
  alter table people enable row level security;

  insert into teams (id, name, region) values (1, 'red', 'north'), (2, 'blue', 'south'), (3, 'empty', 'east');
  insert into people (id, team_id, boss_id, owner, name, label, pattern, weight, score, at, tags, data, mood) values
    (1, 1, null, '00000000-0000-0000-0000-00000000000a', 'ann', '7', 'a', 2, 1.50, '2024-01-01T00:00:00Z', '{a,b}', '{"k": 1, "n": "5"}', 'ok'),
    (2, 1, 1, '00000000-0000-0000-0000-00000000000b', 'bob', '12', 'b.b', 5, null, '2024-05-01T00:00:00Z', '{}', '{"k": 2, "n": "6"}', 'sad'),
    (3, 2, 1, '00000000-0000-0000-0000-00000000000a', 'cy', '3', null, 10, -2, null, null, null, null),
    (4, null, 3, null, 'dee', '4', 'e+', 1, 7.25, '2023-01-01T00:00:00Z', '{c}', '{"n": "1"}', 'happy');

  create view ratios with (security_invoker = true) as select id, name, 100 / weight as ratio from people;
  create view numbers with (security_invoker = true) as select id, label::int as number from people where label::int > 3;
  create view matches with (security_invoker = true) as select id, name from people where name ~ pattern;
  create view totals with (security_invoker = true) as select team_id, count(*) as people, sum(100 / weight) as total, max(label::int) as top
    from people group by team_id having sum(100 / weight) > 0;
  create view joined with (security_invoker = true) as select p.id, t.name from people p join teams t on t.id = p.team_id and 100 / p.weight > 1;
  create view outer_joined with (security_invoker = true) as select t.id, p.name from teams t left join people p on p.team_id = t.id and 100 / p.weight > 1;
  create view full_joined with (security_invoker = true) as select t.id as team, p.id as person from teams t full join people p on p.team_id = t.id;
  create view bosses with (security_invoker = true) as select id from people p
    where exists (select 1 from people c where c.boss_id = p.id and 100 / c.weight > 1);
  create view ranked with (security_invoker = true) as select id, rank() over (order by 100 / weight, id) as place from people;
  create view sorted with (security_invoker = true) as select id from people order by 100 / weight, id limit 3;
  create view several with (security_invoker = true) as select distinct label::int % 3 as rest from people;
  create view either with (security_invoker = true) as select 100 / weight as n from people union all select id from teams;
  create view nested with (security_invoker = true) as select id from (select id, weight, label from people) x where 100 / weight > 0 and label::int > 0;
  create view with_query with (security_invoker = true) as with w as (select id, weight from people) select id, 100 / weight as ratio from w;
  create view scalar with (security_invoker = true) as select t.id, (select max(100 / p.weight) from people p where p.team_id = t.id) as most from teams t;
  create view members with (security_invoker = true) as select id, name in (select p.name from people p where 100 / p.weight > 0) as found from teams;
  create view keyed with (security_invoker = true) as select id, (data ->> 'n')::int as n from people where (data ->> 'n')::int > 0;
  create view labels with (security_invoker = true) as
    select id, team_id, weight, score, label::int as number, 100 / weight as ratio, name ~ pattern as fits from people;
  create view labels_over with (security_invoker = true) as select id, number, number + 1 as next, ratio from labels where id > -5;
  create view labels_joined with (security_invoker = true) as
    select l.id, l.number, t.name, 10 / t.id as part from labels l join teams t on t.id = l.team_id;
  create view labels_beside with (security_invoker = true) as
    select t.id, l.number, l.ratio from teams t left join labels l on l.team_id = t.id and l.number > 3;
  create view labels_same with (security_invoker = true) as
    select a.id, b.ratio from labels a join (select 100 / weight as ratio, label::int as number, id as other from people) b using (number);
  create view labels_query with (security_invoker = true) as
    with w as (select id, label, label::int as number from people), x as (select id, number from w where label::int > 3) select * from x;
  create view labels_both with (security_invoker = true) as select id, number from labels union all select id, 100 / id from teams;
  create view labels_counted with (security_invoker = true) as
    select number, count(*) as people, sum(ratio) as total from labels group by number having number > 3;
  create view labels_keyed with (security_invoker = true) as select label::int as number, count(*) as people from people group by 1;
  create view labels_several with (security_invoker = true) as select distinct number, ratio from labels;
  create view labels_first with (security_invoker = true) as select distinct on (team_id) team_id, number from labels order by team_id, number;
  create view labels_numbered with (security_invoker = true) as
    select id, number, row_number() over (partition by number order by id) as place from labels;
  create view labels_sets with (security_invoker = true) as
    select number, ratio, count(*) as people from labels group by grouping sets ((number), (ratio), ());

  create view labels_equal with (security_invoker = true) as
    select id, name, label::int as number from people where 100 / weight > 1 and hidden = false;
  create view not_hidden with (security_invoker = false, security_barrier = true) as
    select id, name, label, weight from people where not hidden;
  create function inverse(not_hidden) returns int language sql stable as $$ select 100 / $1.weight $$;
  create function not_hidden_people() returns setof people language sql stable security definer as
    $$ select * from people where hidden = false $$;
  create function not_hidden_labels() returns table (id int, number int, name text) language sql stable security definer as
    $$ select id, label::int, name from people where hidden = false $$;

  create function labelled() returns table (id int, number int, ratio int) language sql stable as
    $$ select id, label::int, 100 / weight from people $$;
  create function labelled_above(n int) returns setof int language sql stable as
    $$ select id from labels where number > n order by id $$;
  create function labels_of() returns setof labels language sql stable as $$ select * from labels $$;
  create function ratio(p people) returns int language sql stable as $$ select 100 / p.weight $$;
  create function everybody() returns setof people language sql stable as $$ select * from people $$;
  create function total() returns bigint language sql stable as $$ select count(*) from people $$;
  create function most() returns int language sql stable as $$ select max(100 / weight) from people $$;
  create function found(q text) returns setof text language sql stable as $$ select name from people where name ~ q order by id $$;
  create function above(n int) returns setof int language sql stable as $$ select id from people where 100 / weight > n order by id $$;
  create function team_size(team int) returns bigint language sql stable as $$ select count(*) from people where team_id = team $$;
"#;

/// Hidden rows that would break what looks at them: a weight of 0, a label that is no number, a pattern that is none.
const ADDED: &str = "
  insert into teams (id, name, region, hidden) select 100 + n, 'red', 'north', true from generate_series(1, 40) n;
  insert into people (id, team_id, boss_id, owner, name, label, pattern, weight, score, at, tags, data, mood, hidden)
    select 100 + n, 1 + n % 3, 1, '00000000-0000-0000-0000-00000000000a', 'ann', 'x', '(', 0, 99.5, '1999-01-01T00:00:00Z',
      '{a,zz}', '{\"k\": 0, \"n\": \"y\"}', 'happy', true
    from generate_series(1, 200) n;
  insert into people (id, team_id, boss_id, name, label, pattern, weight, hidden)
    values (-1, 101, 101, 'aaa', '', '[', 0, true), (0, 2, -1, 'ann', null, null, null, true);
";

const CHANGED: &str = "
  update people set name = 'zoe', weight = -weight, label = '9999999999', score = null, team_id = 1 where hidden;
  update teams set name = 'blue' where hidden;
";

const DELETED: &str =
    "delete from people where hidden and id % 2 = 0 and id > 0; delete from teams where hidden and id > 120;";

const READS: &[&str] = &[
    "/people",
    "/people?select=id,name&order=id",
    "/people?name=eq.ann",
    "/people?name=neq.ann&select=id",
    "/people?weight=gt.1&select=id",
    "/people?weight=gte.0&select=id",
    "/people?weight=lt.5&select=id",
    "/people?weight=lte.0&select=id",
    "/people?name=like.a*&select=id",
    "/people?name=ilike.*N*&select=id",
    "/people?name=match.^a&select=id",
    "/people?name=imatch.N$&select=id",
    "/people?name=match.(&select=id",
    "/people?name=in.(ann,zoe)&select=id",
    "/people?hidden=is.true",
    "/people?hidden=eq.true",
    "/people?label=is.null&select=id",
    "/people?score=isdistinct.1.5&select=id",
    "/people?tags=cs.{a}&select=id",
    "/people?tags=cd.{a,b,c}&select=id",
    "/people?tags=ov.{zz,a}&select=id",
    "/people?data->>n=eq.5&select=id",
    "/people?data->k=eq.0&select=id",
    "/people?name=fts.ann&select=id",
    "/people?mood=eq.happy&select=id",
    "/people?mood=eq.angry",
    "/people?at=lt.2000-01-01&select=id",
    "/people?at=lt.nonsense",
    "/people?id=eq.x",
    "/people?id=eq.150",
    "/people?or=(weight.eq.0,name.eq.zoe)&select=id",
    "/people?not.and=(weight.gt.1,id.lt.3)&select=id",
    "/people?ratio=gt.10&select=id,ratio&order=id",
    "/people?select=id,ratio&order=ratio.desc,id",
    "/people?select=nothing",
    "/people?nothing=eq.1",
    "/people?select=id&order=weight.desc.nullsfirst,id",
    "/people?select=id&order=name,id.desc",
    "/people?select=id&order=score.desc&limit=1",
    "/people?select=id&order=id&limit=2&offset=1",
    "/people?select=id&order=id&offset=90",
    "/people?select=id&limit=0",
    "/people?select=label::int&order=id",
    "/people?select=weight.sum(),weight.avg(),weight.max(),label.min(),id.count()",
    "/people?select=team_id,count()&order=team_id",
    "/people?select=name,weight.sum()&order=name",
    "/people?select=id,teams(name)&order=id",
    "/people?select=id,teams!inner(name)&order=id",
    "/people?select=id,teams(name)&teams.name=eq.red&order=id",
    "/people?select=id,boss:boss_id(id,name)&order=id",
    "/people?select=id,below:people!boss_id(id)&order=id&below.order=id",
    "/people?select=id,...teams(team:name)&order=id",
    "/teams?select=*,people(*)",
    "/teams?select=id,people(id)&people.order=id.desc&people.limit=1&order=id",
    "/teams?select=id,people!inner(id)&order=id",
    "/teams?select=id,people!inner(id)&people.weight=eq.0&order=id",
    "/teams?select=id,people(count)&order=id",
    "/teams?select=id,people(weight.sum())&order=id",
    "/teams?select=id&people=is.null",
    "/teams?select=id,people()&people=is.null&order=id",
    "/teams?select=id,people(id,boss:boss_id(id,teams(name)))&order=id&people.order=id",
    "/teams?select=id&order=people(id)",
    "/people?select=id&order=teams(name)",
    "/people?select=id,teams(name)&order=teams(name).desc,id",
    "/ratios?order=id",
    "/ratios?ratio=gt.20&order=id",
    "/numbers?order=id",
    "/numbers?number=lt.10",
    "/matches?order=id",
    "/totals?order=team_id",
    "/joined?order=id",
    "/outer_joined?order=id,name",
    "/full_joined?order=team,person",
    "/bosses?order=id",
    "/ranked?order=id",
    "/ranked?place=eq.1",
    "/sorted",
    "/several?order=rest",
    "/either?order=n",
    "/nested?order=id",
    "/with_query?order=id&ratio=gt.1",
    "/scalar?order=id",
    "/members?order=id",
    "/keyed?order=id",
    "/labels?order=id",
    "/labels?number=gt.5&select=id",
    "/labels?number=in.(3,4)&select=id",
    "/labels?number=is.null&select=id",
    "/labels?ratio=gt.20&select=id",
    "/labels?ratio=eq.50&id=eq.1&select=id",
    "/labels?id=eq.150&number=gt.5",
    "/labels?team_id=eq.1&ratio=gt.1&weight=lt.9&select=id",
    "/labels?or=(number.gt.5,id.eq.1)&select=id&order=id",
    "/labels?not.and=(number.gt.5,ratio.gt.5)&select=id&order=id",
    "/labels?fits=is.true&select=id",
    "/labels?select=number.sum(),ratio.max()",
    "/labels?select=ratio,id.count()&ratio=gt.10&order=ratio",
    "/labels?select=id&order=ratio.desc,number,id&limit=2",
    "/labels_over?next=gt.5&order=id",
    "/labels_over?ratio=gt.5&id=lt.3&order=id",
    "/labels_joined?number=gt.3&order=id",
    "/labels_joined?part=gt.3&order=id",
    "/labels_beside?ratio=gt.3&order=id,number",
    "/labels_beside?number=is.null&order=id",
    "/labels_same?ratio=gt.3&order=id",
    "/labels_query?number=gt.3&order=id",
    "/labels_both?number=gt.3&order=id,number",
    "/labels_counted?order=number",
    "/labels_counted?number=gt.4&total=gt.0&order=number",
    "/labels_keyed?number=gt.4&order=number",
    "/labels_several?number=gt.4&ratio=gt.0&order=number",
    "/labels_first?number=gt.2&order=team_id",
    "/labels_numbered?number=gt.2&place=eq.1&order=id",
    "/labels_sets?ratio=gt.2&order=ratio",
    "/people?ratio=gt.10&hidden=eq.false&select=id&order=id",
    "/people?and=(ratio.gt.10,hidden.eq.false)&select=id&order=name",
    "/people?label=gt.3&ratio=gt.10&hidden=is.false&select=id,teams(name)&order=id",
    "/people?ratio=gt.10&hidden=eq.false&select=count()",
    "/labels_equal?order=id",
    "/labels_equal?number=gt.3&order=name",
    "/not_hidden?inverse=gt.10&order=name&select=id",
    "/rpc/not_hidden_people?ratio=gt.10&order=name&select=id",
    "/rpc/not_hidden_people?ratio=gt.10&weight=gt.0&order=weight,id&select=id",
    "/rpc/not_hidden_labels?number=gt.3&order=name&select=id",
    "/rpc/labelled?order=id",
    "/rpc/labelled?number=gt.3&order=id",
    "/rpc/labelled?ratio=gt.10&select=id&order=id",
    "/rpc/labelled_above?n=3",
    "/rpc/labels_of?number=gt.3&select=id&order=id",
    "/rpc/everybody?select=id&order=id",
    "/rpc/everybody?select=id,ratio&ratio=gt.10&order=id",
    "/rpc/total",
    "/rpc/most",
    "/rpc/found?q=a",
    "/rpc/found?q=(",
    "/rpc/above?n=10",
    "/rpc/above?n=x",
    "/rpc/team_size?team=1",
    "/rpc/team_size?team=101",
    "/",
];

/// Method, path, body.
const WRITES: &[(&str, &str, &str)] = &[
    ("PATCH", "/people?id=eq.150", r#"{"name": "x"}"#),
    ("PATCH", "/people?weight=eq.0", r#"{"name": "x"}"#),
    ("PATCH", "/people?name=match.%5E%5Bz%5D", r#"{"name": "x"}"#),
    ("PATCH", "/people?name=eq.ann", r#"{"score": 3}"#),
    ("PATCH", "/people?ratio=gt.0", r#"{"score": 3}"#),
    ("PATCH", "/labels?number=gt.3", r#"{"score": 3}"#),
    ("PATCH", "/labels?ratio=gt.1000", r#"{"score": 3}"#),
    ("PATCH", "/numbers?id=gt.0", r#"{"id": 4}"#),
    ("DELETE", "/labels?ratio=gt.1000", ""),
    ("DELETE", "/labels?number=eq.4", ""),
    ("PATCH", "/people", r#"{"hidden": true}"#),
    ("PATCH", "/people", r#"{"team_id": 1}"#),
    ("PATCH", "/teams?id=gt.100", r#"{"name": null}"#),
    ("DELETE", "/people?id=eq.150", ""),
    ("DELETE", "/people?id=gte.4", ""),
    ("DELETE", "/people?weight=eq.0", ""),
    ("DELETE", "/teams?id=gt.50", ""),
    ("POST", "/people", r#"{"id": 150, "weight": 1, "hidden": true}"#),
    ("POST", "/people", r#"{"id": 5000, "weight": 1, "hidden": true}"#),
    ("POST", "/people", r#"{"id": 5000, "team_id": 1, "owner": "00000000-0000-0000-0000-00000000000a", "weight": 1}"#),
    ("POST", "/people?on_conflict=id", r#"{"id": 1, "team_id": 1, "weight": 3, "score": 1}"#),
];

#[tokio::test]
async fn rows_hidden_by_their_own_columns_change_no_byte_of_an_answer() {
    hidden_rows_change_no_byte(&OF_OWN_COLUMNS).await;
}

#[tokio::test]
async fn rows_hidden_by_another_table_change_no_byte_of_an_answer() {
    hidden_rows_change_no_byte(&OF_ANOTHER_TABLE).await;
}

async fn hidden_rows_change_no_byte(policies: &[&str]) {
    if on_postgres_before(15) {
        return eprintln!("skipped: views with their caller's rights need PostgreSQL 15");
    }
    for policies in policies {
        let server = Server::start_with(&format!("{SCHEMA}{policies}"), |config| {
            config.api.plans = true;
            config.api.aggregates = true;
            config.api.transaction_end = TransactionEnd::CommitAllowOverride;
        })
        .await;
        let before = answers(&server).await;
        let failed = before
            .iter()
            .filter(|(_, answer)| answer.starts_with('5'))
            .map(|(request, answer)| format!("{request}\n{answer}"));
        let failed: Vec<String> = failed.collect();
        assert!(failed.is_empty(), "{}", failed.join("\n"));
        let read = before.iter().filter(|(_, answer)| answer.starts_with("20")).count();
        assert!(read * 10 > before.len() * 7, "most requests are answered: {read} of {}", before.len());
        for change in [ADDED, CHANGED, DELETED] {
            server.script(change).await;
            let after = answers(&server).await;
            let told: Vec<String> = before
                .iter()
                .zip(&after)
                .filter(|((_, before), (_, after))| before != after)
                .map(|((request, before), (_, after))| format!("{request}\nbefore {before}\nafter  {after}"))
                .collect();
            assert!(
                told.is_empty(),
                "{} answers tell, by {policies}\nafter {change}\n\n{}",
                told.len(),
                told.join("\n\n")
            );
        }
        let seen = server.get("/people?select=id&hidden=is.true").service().send().await;
        assert_ne!(seen.body, "[]", "there are hidden rows");
    }
}

/// Every request of the battery by every caller, and its answer.
async fn answers(server: &Server) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    for caller in [None, Some(ANN), Some(BOB)] {
        for path in READS {
            for (name, value) in [
                ("accept", "application/json"),
                ("prefer", "count=exact"),
                ("prefer", "count=planned"),
                ("prefer", "count=estimated"),
                ("accept", "text/csv"),
                ("accept", "application/vnd.pgrst.object+json"),
                ("accept", "application/vnd.pgrst.plan+text; for=\"application/json\"; options=analyze"),
                ("range", "0-1"),
            ] {
                if value.contains("plan+text") && on_postgres() {
                    continue;
                }
                let plain = name == "accept" && value == "application/json";
                // The first caller asks in every way, the others in the two that tell most.
                if caller.is_some() && !plain && value != "count=exact" {
                    continue;
                }
                let ask = server.get(path).header(name, value);
                let answer = as_caller(ask, caller).send().await;
                answers.push((format!("GET {path} {name}: {value} as {caller:?}"), shown(&answer)));
            }
        }
        for (method, path, body) in WRITES {
            for returned in ["minimal", "representation"] {
                let method = Method::from_bytes(method.as_bytes()).expect("a method");
                let mut prefer = format!("tx=rollback,count=exact,return={returned}");
                if path.contains("on_conflict") {
                    prefer.push_str(",resolution=merge-duplicates");
                }
                let mut ask = server.ask(method.clone(), path).prefer(&prefer);
                if !body.is_empty() {
                    ask = ask.header("content-type", "application/json").body(*body);
                }
                let answer = as_caller(ask, caller).send().await;
                answers.push((format!("{method} {path} {body} {prefer} as {caller:?}"), shown(&answer)));
            }
        }
    }
    answers
}

fn as_caller(ask: basalt_tests::Ask, caller: Option<&str>) -> basalt_tests::Ask {
    match caller {
        Some(id) => ask.user(id),
        None => ask,
    }
}

/// Status, headers that do not differ by themselves, and body. Of a plan measured while it ran, the durations differ, and with
/// them its length.
fn shown(answer: &Answer) -> String {
    let is_plan = answer.header("content-type").contains("vnd.pgrst.plan");
    let differs = |name: &str| {
        ["date", "x-request-id", "sb-request-id", "server-timing"].contains(&name)
            || is_plan && name == "content-length"
    };
    let headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !differs(name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or_default()))
        .collect();
    let body = match is_plan {
        true => answer.body.lines().filter(|line| !line.contains(" Time: ")).collect::<Vec<_>>().join("\n"),
        false => answer.body.clone(),
    };
    format!("{} {}\n{body}", answer.status, json!(headers))
}
