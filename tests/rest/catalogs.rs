//! What `information_schema` shows to whom: an API's functions read it as their caller.

use basalt_tests::Server;
use serde_json::json;

const SCHEMA: &str = "
create table open_to_all (id int primary key, note text);
create table in_part (id int primary key, secret text, parent int references open_to_all);
create table closed (id int primary key);
revoke all on open_to_all, in_part, closed from anon;
grant select on open_to_all to anon;
grant select (id), insert (parent) on in_part to anon;
alter table open_to_all enable row level security;
alter table in_part enable row level security;
alter table closed enable row level security;
create function tables_seen() returns setof text language sql stable as $$
    select table_name::text from information_schema.tables where table_schema = 'public' order by 1
$$;
create function columns_seen() returns setof text language sql stable as $$
    select table_name || '.' || column_name from information_schema.columns where table_schema = 'public' order by 1
$$;
create function keys_seen() returns setof text language sql stable as $$
    select constraint_name::text from information_schema.table_constraints
    where table_schema = 'public' and constraint_type <> 'CHECK' order by 1
$$;
create function may_read(out open boolean, out part boolean, out part_id boolean, out shut boolean) language sql stable as $$
    select has_table_privilege('open_to_all', 'select'), has_table_privilege('in_part', 'select'),
        has_column_privilege('in_part', 'id', 'select'), has_table_privilege('closed', 'select')
$$;
create function all_tables() returns setof text language sql stable security definer set search_path = '' as $$
    select table_name::text from information_schema.tables where table_schema = 'public' order by 1
$$;
";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_is_shown_what_they_have_rights_to() {
    let server = Server::start(SCHEMA).await;
    server.get("/rpc/tables_seen").expect(200, json!(["in_part", "open_to_all"])).await;
    let columns = json!(["in_part.id", "in_part.parent", "open_to_all.id", "open_to_all.note"]);
    server.get("/rpc/columns_seen").expect(200, columns).await;
    server.get("/rpc/keys_seen").expect(200, json!(["in_part_parent_fkey", "in_part_pkey"])).await;
    server.get("/rpc/may_read").expect(200, json!({"open": true, "part": false, "part_id": true, "shut": false})).await;
    server.get("/rpc/all_tables").expect(200, json!(["closed", "in_part", "open_to_all"])).await;
}
