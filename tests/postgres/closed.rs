//! Closed unless opened, for what only PostgreSQL has: stored views, views with their owner's rights, SQL that is put together.

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use serde_json::json;

const ANN: &str = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

/// As another client makes it: no migration looks after its views.
const SCHEMA: &str = "
create table kept (id integer, note text); alter table kept enable row level security; insert into kept values (1, 'n');
create table free (id integer); alter table free enable row level security; create policy p on free using (true);
create table bare (id integer, secret text); insert into bare values (1, 'hush');
create schema internal; create table internal.plain (id integer); insert into internal.plain values (3);
grant usage on schema internal to anon; grant all on internal.plain to anon;
";

async fn hint(server: &Server, path: &str) -> String {
    let refused = server.get(path).expect_error(401, "42501").await;
    server.get(path).user(ANN).expect_error(403, "42501").await;
    server.get(path).service().send().await;
    refused.json()["hint"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_step_around_row_security_are_closed_unless_they_say_so() {
    let cluster = Cluster::start();
    let schema = format!(
        "{SCHEMA}
        create materialized view named as select * from kept;
        create materialized view stored as select * from kept;
        create view on_stored as select * from stored;
        create view on_named as select * from named;
        create view definer as select * from kept;
        create view on_definer as select * from definer;
        create view over_plain as select * from internal.plain;
        create view nothing as select 1 as one;
        create function through() returns setof text language sql stable as $$ select note from definer $$;
        create function of_stored() returns bigint language sql stable as $$ select count(*) from stored $$;
        create view named_too as select * from kept;"
    );
    let open =
        |config: &mut basalt_server::Config| config.api.unprotected = vec!["named".into(), "public.named_too".into()];
    let server = Server::start_on(&cluster, &schema, open).await;
    for path in ["/stored", "/on_stored", "/rpc/of_stored"] {
        let hint = hint(&server, path).await;
        assert!(hint.contains("public.stored") && hint.contains("api.unprotected"), "{path}: {hint}");
    }
    for path in ["/definer", "/on_definer", "/rpc/through"] {
        let hint = hint(&server, path).await;
        assert!(hint.contains("alter view public.definer set (security_invoker = true)"), "{path}: {hint}");
    }
    let kept = json!([{"id": 1, "note": "n"}]);
    for path in ["/stored", "/definer", "/on_definer"] {
        server.get(path).service().expect(200, kept.clone()).await;
    }
    for path in ["/named", "/named_too", "/on_named"] {
        server.get(path).expect(200, kept.clone()).await;
    }
    // No policy is passed by where none is.
    server.get("/over_plain").expect(200, json!([{"id": 3}])).await;
    server.get("/nothing").expect(200, json!([{"one": 1}])).await;
    let paths = server.get("/").send().await.json()["paths"].clone();
    for (path, shown) in
        [("/stored", false), ("/definer", false), ("/rpc/through", false), ("/named", true), ("/over_plain", true)]
    {
        assert_eq!(paths[path].is_object(), shown, "{path}");
    }
    if cluster.version() < 15 {
        return;
    }
    for (said, rows) in [("true", json!([])), ("off", kept.clone()), ("1", json!([])), ("false", kept)] {
        let sql = format!("alter view definer set (security_invoker = {said})");
        server.script(&sql).await;
        server.get("/definer").expect(200, rows).await;
    }
}

/// What a function runs that it puts together, or that is in no language that is read, may be about any table that is closed.
#[tokio::test(flavor = "multi_thread")]
async fn functions_whose_sql_can_t_be_read_are_as_closed_as_what_they_may_reach() {
    let cluster = Cluster::start();
    let schema = format!(
        "{SCHEMA}
        create function put_together() returns setof text language plpgsql stable as
          $$ begin return query execute 'select sec' || 'ret from ba' || 're'; end $$;
        create function looped() returns text language plpgsql stable as
          $$ declare r record; begin for r in execute 'select sec' || 'ret as s from ba' || 're' loop return r.s; end loop; return null; end $$;
        create function indirect() returns setof text language sql stable as $$ select put_together() $$;
        create function xml_of() returns text language sql stable as
          $$ select query_to_xml('select sec' || 'ret from ba' || 're', true, true, '')::text $$;
        create procedure hidden() language plpgsql as $$ begin perform set_config('basalt.x', (select secret from bare), true); end $$;
        create function by_procedure() returns text language plpgsql as $$ begin call hidden(); return current_setting('basalt.x'); end $$;
        create function vouched() returns setof text language plpgsql stable security definer set search_path = '' as
          $$ begin return query execute 'select sec' || 'ret from public.bare'; end $$;
        create function read_whole() returns setof integer language plpgsql stable as
          $$ begin /* execute */ return query select id from free where 'execute' <> ''; end $$;
        insert into free values (2);"
    );
    let server = Server::start_on(&cluster, &schema, |_| ()).await;
    let dynamic = ["/rpc/put_together", "/rpc/looped", "/rpc/indirect", "/rpc/xml_of"];
    for path in dynamic {
        let hint = hint(&server, path).await;
        assert!(hint.contains("public.bare"), "{path}: {hint}");
    }
    server.post("/rpc/by_procedure", &json!({})).expect_error(401, "42501").await;
    server.get("/rpc/vouched").expect(200, json!(["hush"])).await;
    server.get("/rpc/read_whole").expect(200, json!([2])).await;
    server.get("/rpc/put_together").service().expect(200, json!(["hush"])).await;
    // Where nothing is closed that the caller might use, all of them are served.
    server.script("revoke all on bare from anon").await;
    server.get("/rpc/put_together").expect_error(401, "42501").await;
    server.get("/rpc/put_together").user(ANN).expect_error(403, "42501").await;
    let protect = "alter table bare enable row level security; grant select on bare to anon";
    server.script(protect).await;
    for path in dynamic {
        let answer = server.get(path).send().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(!answer.body.contains("hush"), "{path}: {}", answer.body);
    }
    let answer = server.post("/rpc/by_procedure", &json!({})).send().await;
    assert!(answer.status == 200 && !answer.body.contains("hush"), "{}", answer.body);
}
