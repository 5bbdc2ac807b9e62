//! A policy goes on to mean the functions that it meant when it was made, whatever functions of their names come later: the same on both
//! engines.

use basalt_tests::postgres::Cluster;
use basalt_tests::{Server, token};
use serde_json::json;

const SCHEMA: &str = "
  create table texts (id int primary key, owner varchar); insert into texts values (1, 'ann'), (2, 'bob'); alter table texts enable row level security;
  create function can(t text) returns boolean language sql as $$ select t = 'ann' $$;
  create policy own on texts for select using (can(owner));
  create function can(t varchar) returns boolean language sql as $$ select true $$;

  create table numbers (id int primary key, n int); insert into numbers values (1, 1), (2, 2); alter table numbers enable row level security;
  create function ok(n bigint) returns boolean language sql as $$ select n = 1 $$;
  create policy own on numbers for select using (ok(n));
  create function each_one(n int) returns boolean language sql as $$ select true $$;
  alter function each_one rename to ok;
  create policy anew on numbers as restrictive for select using (ok(n + 0));

  create table far_numbers (id int primary key, n int); insert into far_numbers values (1, 1), (2, 2); alter table far_numbers enable row level security;
  create function near(n bigint) returns boolean language sql as $$ select n = 1 $$;
  create policy own on far_numbers for select using (near(n) and ok(n::bigint));
  create schema far; create function far.near(n int) returns boolean language sql as $$ select true $$;
  alter function far.near set schema public;

  create table nested (id int primary key, n int); insert into nested values (1, 1), (2, 2); alter table nested enable row level security;
  create function next(n bigint) returns int language sql as $$ select n::int + 1 $$;
  create policy own on nested for select using (next(next(n)) = 3 and exists (select 1 from numbers k where next(n => k.n) = nested.n + 1));
  create function next(n int) returns int language sql as $$ select 3 $$;

  create table lowered (id int primary key, owner varchar); insert into lowered values (1, 'ANN'), (2, 'bob'); alter table lowered enable row level security;
  create policy own on lowered for select using (lower(owner) = 'ann');
  create function public.lower(t varchar) returns text language sql as $$ select 'ann' $$;

  create table listed (id int primary key); insert into listed values (1), (2); alter table listed enable row level security;
  create function seen() returns setof int language sql stable as $$ select 1 $$;
  create function rows_of() returns setof numbers language sql stable as $$ select 1, 1 $$;
  create policy own on listed for select using (id in (select seen from seen()) and id in (select rows_of.id from rows_of()));
  create policy also on listed as restrictive for select using (id = (select q.seen from (select seen()) q));
  alter function seen rename to known;
  alter function rows_of rename to known_rows;
";

#[tokio::test]
async fn a_policy_means_the_functions_that_were_there() {
    let cluster = Cluster::start();
    let embedded = Server::start_embedded(SCHEMA, |_| ()).await;
    let postgres = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let anon = token(json!({"role": "anon"}));
    for server in [&embedded, &postgres] {
        for table in ["texts", "numbers", "far_numbers", "nested", "lowered", "listed"] {
            server.get(&format!("/{table}?select=id")).token(&anon).expect(200, json!([{"id": 1}])).await;
        }
    }
}
