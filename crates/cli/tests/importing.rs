//! `basalt import` of what pg_dump and the Supabase CLI write, unmodified.

mod support;

use basalt_core::Identity;
use basalt_db::{Database, Format, Options, Request};
use basalt_tests::postgres::{Cluster, Session};
use support::Project;

const USER: &str = "00000000-0000-4000-8000-000000000001";
const SCHEMA: &str = "create type mood as enum ('sad', 'happy');
    create domain score as int check (value > 0);
    create table profiles (id uuid primary key references auth.users (id) on delete cascade, email text, mood mood, score score);
    create table items (id bigint generated always as identity primary key, owner uuid references profiles (id),
        title text not null check (length(title) < 100), boss bigint references items (id));
    alter table items enable row level security;
    create policy own on items using (owner = auth.uid());
    create function signed_up() returns trigger language plpgsql security definer set search_path = '' as $$
        begin insert into public.profiles (id, email) values (new.id, new.email); return new; end $$;
    create trigger signed_up after insert on auth.users for each row execute function signed_up();
    create view titles as select id, title from items;
    alter publication supabase_realtime add table items;";
const ROWS: &str = "insert into auth.users (id, email) values ('00000000-0000-4000-8000-000000000001', 'a@example.com');
    insert into auth.identities (id, provider_id, user_id, identity_data, provider)
        values ('00000000-0000-4000-8000-000000000002', 'a', '00000000-0000-4000-8000-000000000001', '{\"sub\": \"a\"}', 'email');
    insert into items (owner, title, boss) values ('00000000-0000-4000-8000-000000000001', 'one', 2), (null, 'two', null);";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn run(project: &Project, args: &[&str]) -> String {
    let said = project.run(args);
    assert_eq!(said.code, Some(0), "{args:?}: {} {}", said.stdout, said.stderr);
    said.stdout + &said.stderr
}

/// A cluster with a project's database, `app`, in use.
fn in_use(runtime: &tokio::runtime::Runtime) -> (Cluster, Session) {
    let cluster = Cluster::start();
    let session = runtime.block_on(cluster.create("app"));
    let folder = cluster.folder().display().to_string().replace('/', "%2F");
    let toml = format!("[database]\nurl = \"postgresql://postgres@/app?host={folder}\"\n");
    let project = Project::new(&[("basalt.toml", &toml), ("migrations/0001_items.sql", SCHEMA)]);
    run(&project, &["migrate", "up"]);
    runtime.block_on(session.script(ROWS));
    (cluster, session)
}

fn dump(cluster: &Cluster, args: &[&str]) -> String {
    let mut pg_dump = cluster.command("pg_dump");
    let output = pg_dump.arg("-h").arg(cluster.folder()).args(["-U", "postgres", "-d", "app"]).args(args).output();
    let output = output.expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What a fresh project with these files says of an import, and the answers of its database.
fn imported(files: &[(&str, &str)], dump: &str, asked: &[&str]) -> (String, Vec<String>) {
    let project = Project::new(&[("basalt.toml", ""), ("dump.sql", dump)]);
    files.iter().for_each(|(file, text)| project.write(file, text));
    if !files.is_empty() {
        run(&project, &["migrate", "up"]);
    }
    let said = run(&project, &["import", "dump.sql"]);
    project.write("later.sql", "create table made_later (a int);");
    run(&project, &["import", "later.sql"]);
    let database = Database::open(Options { data_dir: project.path().join(".basalt"), ..Options::default() });
    let database = database.expect("the imported database");
    let ask = |sql: &&str| {
        let request = Request { format: Format::Scalar, ..Request::new(Identity::owner(), *sql, Vec::new()) };
        let body = runtime().block_on(database.run(request)).expect("an answer").body;
        String::from_utf8_lossy(&body).trim_matches('"').to_owned()
    };
    (said, asked.iter().map(ask).collect())
}

const ASKED: [&str; 4] = [
    "select email as value from auth.users",
    "select count(*) as value from auth.identities",
    "select string_agg(title || coalesce(boss::text, '-'), ',' order by id) as value from items",
    "select email as value from profiles",
];
const FOUND: [&str; 4] = ["a@example.com", "1", "one2,two-", "a@example.com"];

#[test]
fn a_whole_database_is_taken_with_its_users() {
    let runtime = runtime();
    let (cluster, _session) = in_use(&runtime);
    let (said, found) = imported(&[], &dump(&cluster, &[]), &ASKED);
    assert!(said.contains("3 new tables, 5 rows"), "{said}");
    assert_eq!(found, FOUND);
    let inserts = dump(&cluster, &["--column-inserts", "--quote-all-identifiers"]);
    assert_eq!(imported(&[], &inserts, &ASKED).1, FOUND);
}

/// Rows of tables of the services have numbers, and new ones go on behind them.
#[test]
fn on_postgresql_sequences_of_the_services_go_on_as_well() {
    let runtime = runtime();
    let (cluster, session) = in_use(&runtime);
    let tokens = format!(
        "insert into auth.sessions (id, user_id) values ('{USER}', '{USER}');
         insert into auth.refresh_tokens (token, user_id, session_id) select n::text, '{USER}', '{USER}' from generate_series(1, 7) n"
    );
    runtime.block_on(session.script(&tokens));
    let of_auth = ["--data-only", "-t", "auth.users", "-t", "auth.sessions", "-t", "auth.refresh_tokens"];
    for (database, args) in [("whole", &[][..]), ("rows", &of_auth)] {
        let there = runtime.block_on(cluster.create(database));
        let toml = format!("[database]\nurl = \"{}\"\n", cluster.uri("postgres", database));
        let project = Project::new(&[("basalt.toml", &toml), ("dump.sql", &dump(&cluster, args))]);
        run(&project, &["import", "dump.sql"]);
        let next = "select count(*) || ' ' || nextval('auth.refresh_tokens_id_seq') from auth.refresh_tokens";
        let found = runtime.block_on(there.ask(next)).expect("the tokens").0;
        assert_eq!(found.as_deref(), Some("7 8"), "{database}");
    }
}

#[test]
fn a_dump_of_rows_comes_into_a_migrated_project_without_firing_its_triggers() {
    let runtime = runtime();
    let (cluster, _session) = in_use(&runtime);
    let files = [("migrations/0001_items.sql", SCHEMA)];
    let rows = dump(&cluster, &["--data-only", "--disable-triggers"]);
    assert_eq!(imported(&files, &rows, &ASKED).1, FOUND);
    // As the Supabase CLI writes it.
    let args = ["--data-only", "--column-inserts", "--quote-all-identifiers", "--rows-per-insert", "100000"];
    let of_supabase = format!("SET session_replication_role = replica;\n\n{}\nRESET ALL;\n", dump(&cluster, &args));
    assert_eq!(imported(&files, &of_supabase, &ASKED).1, FOUND);
}

/// What the source took away, the target's default privileges don't give; what is made after the dump has them again.
#[test]
fn the_rights_are_those_of_the_dump() {
    let runtime = runtime();
    let (cluster, session) = in_use(&runtime);
    runtime.block_on(session.script(
        "create table notes (id int primary key, body text, hidden text);
         revoke all on notes from anon, authenticated;
         grant select (id, body), insert on notes to authenticated;
         create function noexec() returns int language sql security definer as 'select 42';
         revoke execute on function noexec() from public, anon, authenticated;
         create table zz (id int);
         create function counted() returns bigint language sql stable as 'select 1; select count(*) from zz';
         create view aa as select counted();
         revoke all on aa from anon, authenticated;
         create function of_view() returns setof aa language sql security definer as 'select * from aa';
         revoke execute on function of_view() from public, anon, authenticated;",
    ));
    let rights = [
        "has_column_privilege('authenticated', 'notes', 'hidden', 'select')",
        "has_column_privilege('authenticated', 'notes', 'body', 'select')",
        "has_table_privilege('authenticated', 'notes', 'insert')",
        "has_table_privilege('authenticated', 'notes', 'update')",
        "has_table_privilege('anon', 'notes', 'select')",
        "has_table_privilege('service_role', 'notes', 'select')",
        "has_table_privilege('anon', 'items', 'select')",
        "has_function_privilege('anon', 'noexec()', 'execute')",
        // A view that waits for what it calls, and what waits for the view.
        "has_table_privilege('anon', 'aa', 'select')",
        "has_function_privilege('anon', 'of_view()', 'execute')",
        "has_function_privilege('service_role', 'noexec()', 'execute')",
    ];
    let mut asked: Vec<String> = rights.iter().map(|right| format!("select ({right})::text as value")).collect();
    let ask = |sql: &String| runtime.block_on(session.ask(sql)).expect("an answer").0.unwrap_or_default();
    let mut expected: Vec<String> = asked.iter().map(ask).collect();
    asked.push("select has_table_privilege('anon', 'made_later', 'select')::text as value".into());
    expected.push("true".into());
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    assert_eq!(imported(&[], &dump(&cluster, &[]), &asked).1, expected);
}

#[test]
fn a_schema_of_one_s_own_is_dumped_and_taken() {
    let (cluster, runtime) = (Cluster::start(), runtime());
    let session = runtime.block_on(cluster.create("app"));
    runtime.block_on(session.script(
        "create table t (id int primary key, a int); insert into t values (1, -1);
         alter table t add constraint positive check (a > 0) not valid;",
    ));
    let public = dump(&cluster, &["-n", "public"]);
    assert!(public.contains("CREATE SCHEMA public") && public.contains("pg_database_owner"), "{public}");
    let (said, found) = imported(&[], &public, &["select a as value from t"]);
    assert!(said.contains("1 new table, 1 row"), "{said}");
    assert_eq!(found, ["-1"]);
}

/// `--clean` drops what it makes again, which may not be there; what comes with Basalt stays.
#[test]
fn dumps_that_drop_before_they_make() {
    let runtime = runtime();
    let (cluster, session) = in_use(&runtime);
    let whole = dump(&cluster, &["--clean", "--if-exists"]);
    assert!(whole.contains("DROP TABLE IF EXISTS auth.users"), "{whole}");
    let whole = format!("DROP EVENT TRIGGER IF EXISTS pgrst_drop_watch;\n{whole}");
    assert_eq!(imported(&[], &whole, &ASKED).1, FOUND);
    assert_eq!(imported(&[("migrations/0001_items.sql", SCHEMA)], &whole, &ASKED).1, FOUND);
    let bare = dump(&cluster, &["--clean", "--if-exists", "--no-owner", "--no-acl", "--inserts"]);
    assert_eq!(imported(&[], &bare, &ASKED).1, FOUND);

    runtime.block_on(session.script(
        "create schema v2; create type v2.kind as enum ('a'); create domain v2.name as text;
         create table v2.things (id serial primary key, kind v2.kind, of int references v2.things);
         create index on v2.things (kind); create view v2.seen as select * from v2.things;
         create function v2.touch() returns trigger language plpgsql as 'begin return new; end';
         create function v2.count(v2.kind) returns int language sql as 'select 1';
         create trigger touch before update on v2.things for each row execute function v2.touch();
         alter table v2.things enable row level security; create policy all_of_them on v2.things using (true);
         insert into v2.things (kind) values ('a'); create table mine (id int primary key);",
    ));
    let of_v2 = dump(&cluster, &["--clean", "--if-exists", "-n", "v2"]);
    assert_eq!(imported(&[], &of_v2, &["select kind::text as value from v2.things"]).1, ["a"]);
    let both = dump(&cluster, &["--clean", "--if-exists", "-n", "v2", "-n", "public", "--schema-only"]);
    let nothing = ["select count(*) as value from v2.things", "select count(*) as value from public.mine"];
    assert_eq!(imported(&[], &both, &nothing).1, ["0", "0"]);
}

/// `public` is there in a new database, and made where a script has dropped it.
#[test]
fn the_schema_public_is_made_again() {
    let script = "drop schema public cascade; create schema public; create table a (id int); insert into a values (1);";
    let asked = [
        "select id as value from public.a",
        "select table_schema as value from information_schema.tables where table_name = 'a'",
    ];
    assert_eq!(imported(&[], script, &asked).1, ["1", "public"]);
}

#[test]
fn what_supabase_alone_has_is_left_out_and_told() {
    let dump = format!(
        "CREATE SCHEMA vault;\nCREATE SCHEMA storage;\nCREATE EXTENSION IF NOT EXISTS supabase_vault WITH SCHEMA vault;
         CREATE TABLE storage.objects (id uuid NOT NULL, bucket_id text, name text, level integer);
         CREATE TABLE storage.migrations (id integer NOT NULL, name varchar(100) NOT NULL);
         CREATE TABLE auth.users (id uuid NOT NULL, email text, of_tomorrow text);
         ALTER TABLE auth.users OWNER TO supabase_auth_admin;
         CREATE FUNCTION storage.search(prefix text) RETURNS text LANGUAGE plpgsql AS $$ begin return prefix; end $$;
         COPY auth.users (id, of_tomorrow, email) FROM stdin;\n{USER}\tx\ta@example.com\n\\.\n
         COPY storage.objects (id, bucket_id, name, level) FROM stdin;\n{USER}\tavatars\ta/picture\t2\n\\.\n
         COPY storage.buckets (id, name, public, allowed_mime_types, of_tomorrow) FROM stdin;\navatars\tit's\tt\t{{image/png}}\t\\N\n\\.\n
         COPY storage.migrations (id, name) FROM stdin;\n0\tcreate-migrations-table\n\\.\n
         ALTER TABLE ONLY auth.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
         CREATE POLICY mine ON storage.objects USING ((storage.foldername(name))[1] = 'a');
         CREATE POLICY theirs ON storage.migrations USING (true);
         ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;
         GRANT ALL ON TABLE storage.objects TO dashboard_user;"
    );
    let asked = [
        "select email as value from auth.users",
        "select concat_ws(' ', id, name, public, allowed_mime_types, type) as value from storage.buckets",
        "select concat_ws(' ', bucket_id, name, path_tokens) as value from storage.objects",
    ];
    let (said, found) = imported(&[], &dump, &asked);
    assert_eq!(found, ["a@example.com", "avatars it's t {image/png} STANDARD", "avatars a/picture {a,picture}"]);
    let not_taken: Vec<&str> = said.lines().filter_map(|line| line.trim_start().strip_prefix("not taken: ")).collect();
    let files = "the files that the rows of storage.objects stand for";
    assert_eq!(not_taken, ["policy \"theirs\" on storage.migrations", "rows of storage.migrations", files]);
}

/// Migrations make buckets, and policies over their files; a dump has both, too. What it says of a bucket holds.
#[test]
fn buckets_that_migrations_made_become_those_of_the_dump() {
    const FILES: &str = "insert into storage.buckets (id, name) values ('avatars', 'avatars'), ('mine', 'mine');
        create policy \"all see\" on storage.objects for select using (bucket_id = 'avatars');";
    const ASKED: [&str; 3] = [
        "select string_agg(concat_ws(' ', id, public, file_size_limit, owner_id), ', ' order by id) as value from storage.buckets",
        "select string_agg(name, ',' order by name) as value from storage.objects",
        "select string_agg(policyname, ',' order by policyname) as value from pg_policies where schemaname = 'storage'",
    ];
    const FOUND: [&str; 3] = ["avatars t 7 it's, new f", "a/1,b/2", "all see,own"];
    let runtime = runtime();
    let (cluster, session) = in_use(&runtime);
    runtime.block_on(session.script(&format!(
        "{FILES} create policy own on storage.objects for all using (owner = auth.uid());
         update storage.buckets set public = true, file_size_limit = 7, owner_id = 'it''s' where id = 'avatars';
         update storage.buckets set id = 'new', name = 'new' where id = 'mine';
         insert into storage.objects (bucket_id, name) values ('avatars', 'a/1'), ('new', 'b/2');"
    )));
    let whole = dump(&cluster, &[]);
    assert_eq!(imported(&[], &whole, &ASKED).1, FOUND);
    let files = [("migrations/0001_items.sql", SCHEMA), ("migrations/0002_files.sql", FILES)];
    let found = ["avatars t 7 it's, mine f, new f", "a/1,b/2", "all see"];
    for args in [&[][..], &["--column-inserts", "--rows-per-insert", "1000"], &["--inserts"]] {
        let rows = dump(&cluster, &[&["--data-only", "--disable-triggers"], args].concat());
        let (said, rows) = imported(&files, &rows, &ASKED);
        assert_eq!(rows, found, "{args:?}");
        assert!(said.contains("not taken: the files"), "{said}");
    }
}

#[test]
fn rows_of_a_copy_may_refer_to_later_ones_and_are_judged_when_all_are_there() {
    for key in ["", " deferrable initially deferred"] {
        let script = |last: &str| {
            format!(
                "create table emp (id int primary key, boss int references emp (id){key});
                 copy emp (id, boss) from stdin;\n1\t2\n2\t{last}\n\\.\n"
            )
        };
        let asked = ["select count(*) as value from emp where boss is not null"];
        assert_eq!(imported(&[], &script("1"), &asked).1, ["2"]);
        let project = Project::new(&[("basalt.toml", ""), ("dump.sql", &script("9"))]);
        let refused = project.run(&["import", "dump.sql"]);
        assert_eq!(refused.code, Some(1), "{}", refused.stdout);
        assert!(refused.stderr.contains("23503") && refused.stderr.contains("Key (boss)=(9)"), "{}", refused.stderr);
    }
}

/// What a project on any other PostgreSQL has: extensions in `public`, whose functions dumps call by that schema.
#[test]
fn extensions_in_public_come_with_the_dump() {
    let runtime = runtime();
    let cluster = Cluster::start();
    let session = runtime.block_on(cluster.create("plain"));
    runtime.block_on(session.script(
        "create extension \"uuid-ossp\"; create extension pgcrypto; create extension pg_trgm;
         create table people (id uuid primary key default uuid_generate_v4(), old_id uuid default public.gen_random_uuid(),
             name text not null check (similarity(name, 'nobody') < 1), code text, salt bytea default gen_random_bytes(4),
             hash bytea generated always as (digest(name, 'sha256')) stored);
         create index people_name on people using gin (name gin_trgm_ops);
         create index people_lower on people using gin (lower(name) gin_trgm_ops);
         create statistics people_names (dependencies) on name, code from people;
         comment on statistics people_names is 'together';
         create view alike as select name from people where name % 'katherine';
         alter table people enable row level security;
         create policy alike on people using (similarity(name, 'katherine') > 0.3);
         create function hashed(what text) returns text language sql immutable set search_path = '' as
             $$ select encode(public.digest(what, 'md5'), 'hex') $$;
         create function checked(what text) returns boolean language plpgsql set search_path = '' as
             $$ begin return what = public.crypt('x', what); end $$;
         insert into people (name) values ('Katherine'), ('Bob');",
    ));
    let asked = [
        "select string_agg(name, ',' order by name) as value from people where id <> old_id and length(salt) = 4",
        "select encode(hash, 'hex') as value from people where name = 'Bob'",
        "select string_agg(name, ',') as value from alike",
        "select hashed('x') as value",
        "select checked(public.crypt('x', public.gen_salt('bf', 4)))::text as value",
        "select n.nspname as value from pg_extension e join pg_namespace n on n.oid = e.extnamespace where extname = 'uuid-ossp'",
    ];
    let ask =
        |session: &Session, sql: &&str| runtime.block_on(session.ask(sql)).expect("an answer").0.unwrap_or_default();
    let expected: Vec<String> = asked.iter().map(|sql| ask(&session, sql)).collect();
    let pg_dump = |args: &[&str]| {
        let mut command = cluster.command("pg_dump");
        let output =
            command.arg("-h").arg(cluster.folder()).args(["-U", "postgres", "-d", "plain"]).args(args).output();
        String::from_utf8(output.expect("pg_dump runs").stdout).expect("UTF-8")
    };
    let dump = pg_dump(&[]);
    assert!(
        dump.contains("WITH SCHEMA public")
            && dump.contains("public.gin_trgm_ops")
            && dump.contains("CREATE STATISTICS")
    );
    assert_eq!(imported(&[], &dump, &asked).1, expected);
    let as_roles = pg_dump(&["--use-set-session-authorization"]);
    assert_eq!(imported(&[], &as_roles, &asked).1, expected);

    // On PostgreSQL Basalt has put two of them elsewhere, from where a new project's dump takes them.
    let target = runtime.block_on(cluster.create("target"));
    let url = [("BASALT_DATABASE__URL", cluster.uri("postgres", "target"))];
    let project = Project::new(&[("basalt.toml", ""), ("dump.sql", &dump)]);
    let said = project.run_with(&["import", "dump.sql"], &url);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(asked.iter().map(|sql| ask(&target, sql)).collect::<Vec<_>>(), expected);

    // What is in use stays, and the errors that come of it say what to write.
    runtime.block_on(cluster.create("used"));
    let url = [("BASALT_DATABASE__URL", cluster.uri("postgres", "used"))];
    let wanting = "create extension if not exists \"uuid-ossp\" with schema public;
        create table later (id uuid default public.uuid_generate_v4());";
    let project = Project::new(&[
        ("basalt.toml", ""),
        ("migrations/0001_used.sql", "create table used (id uuid default extensions.uuid_generate_v4());"),
        ("wanting.sql", wanting),
        ("again.sql", "create extension pgcrypto;"),
    ]);
    assert_eq!(project.run_with(&["migrate", "up"], &url).code, Some(0));
    let refused = project.run_with(&["import", "wanting.sql"], &url);
    assert!(refused.stderr.contains("write extensions.uuid_generate_v4(...)"), "{}", refused.stderr);
    let refused = project.run_with(&["import", "again.sql"], &url);
    assert!(refused.stderr.contains("`create extension if not exists`"), "{}", refused.stderr);
}

#[test]
fn a_dump_of_somebody_else_s_objects_is_told_how_to_make_it() {
    let project = Project::new(&[("basalt.toml", ""), ("dump.sql", "SET SESSION AUTHORIZATION 'somebody';")]);
    let refused = project.run(&["import", "dump.sql"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("pg_dump --no-owner"), "{}", refused.stderr);
}

/// What pg_dump makes of a project's constructs that it writes otherwise than people do, and in an order of its own.
#[test]
fn what_pg_dump_spells_its_own_way_is_taken() {
    let runtime = runtime();
    let cluster = Cluster::start();
    let session = runtime.block_on(cluster.create("app"));
    runtime.block_on(session.script(
        "create extension btree_gist; create extension pg_trgm; create role anon;
        grant all on all functions in schema public to anon;
        create table zz (id int primary key, title text check (length(trim(title)) > 0),
            state varchar(9) not null check (state in ('open', 'done')), at timestamp default now(), kinds text[] check ('a' = any (kinds)),
            is_open boolean generated always as (state in ('open', 'held')) stored);
        create unique index one_open on zz (title) where state in ('open', 'done');
        create function latest(wanted int) returns text stable language sql as $$ select title from zz where id = wanted $$;
        create view aa as select latest(1) as title;
        create view ab as select upper(title) as title, length(ltrim(title)) as width from aa;
        grant select on aa to anon;
        comment on view ab is 'louder';
        create view monthly as select date_trunc('month', at) as month, lower(state) as state, count(*) as n from zz
            group by 1, lower(state) order by 1;
        create view spelled as select j.id, zz.tableoid::regclass as source, jsonb_build_array(variadic kinds) as kinds,
            localtime(0) is not null as is_told from zz join (select 1 as id) one using (id) as j;
        insert into zz values (1, ' one', 'open', '2024-01-05', '{a,b}');
        create table zz_numbers (number bigint primary key, ac int);
        create function next_number() returns bigint language sql as $$ select coalesce(max(number), 0) + 1 from zz_numbers $$;
        create table ac (id int primary key, number bigint default next_number());
        create view ad as select number from ac;
        alter table zz_numbers add foreign key (ac) references ac;
        insert into ac values (1, 1), (2, 2);
        insert into zz_numbers values (41, 2);",
    ));
    let asked = [
        "select title as value from aa",
        "select title || width::text as value from ab",
        "select state || n::text as value from monthly",
        "select is_open as value from zz",
        "select concat_ws(' ', id, source, kinds, is_told) as value from spelled",
        // A default that reads a table which comes later: rows, keys and views of its own table wait with it.
        "select sum(number) as value from ad",
        "select next_number() as value",
    ];
    let expected = [" one", " ONE3", "open1", "true", "1 zz [\\\"a\\\", \\\"b\\\"] t", "3", "42"];
    for args in [&[][..], &["--inserts"]] {
        let (_, answers) = imported(&[], &dump(&cluster, args), &asked);
        assert_eq!(answers, expected, "{args:?}");
    }
}

/// What a script says on the embedded engine and on PostgreSQL: the text of `asked`, or the error.
fn on_both(cluster: &Cluster, name: &str, script: &str, asked: &str) -> [Result<String, String>; 2] {
    let runtime = runtime();
    let session = runtime.block_on(cluster.create(name));
    let folder = cluster.folder().display().to_string().replace('/', "%2F");
    let toml = format!("[database]\nurl = \"postgresql://postgres@/{name}?host={folder}\"\n");
    let on_postgres = Project::new(&[("basalt.toml", &toml), ("script.sql", script)]);
    let embedded = Project::new(&[("basalt.toml", ""), ("script.sql", script)]);
    [&embedded, &on_postgres].map(|project| {
        let said = project.run(&["import", "script.sql"]);
        if said.code != Some(0) {
            return Err(said.stderr);
        }
        let is_embedded = std::ptr::eq(project, &embedded);
        Ok(match is_embedded {
            false => runtime.block_on(session.ask(asked)).expect("an answer").0.unwrap_or_default(),
            true => {
                let options = Options { data_dir: project.path().join(".basalt"), ..Options::default() };
                let database = Database::open(options).expect("the imported database");
                let request = Request { format: Format::Scalar, ..Request::new(Identity::owner(), asked, Vec::new()) };
                let body = runtime.block_on(database.run(request)).expect("an answer").body;
                String::from_utf8_lossy(&body).trim_matches('"').to_owned()
            }
        })
    })
}

/// Definitions may wait for what comes behind them; rows never do.
#[test]
fn rows_of_a_script_meet_what_stands_before_them() {
    const GUARD: &str = "create table pay (id int primary key, amount int);
        create function guard() returns trigger language plpgsql as $$ begin
            if new.amount > maximum() then raise exception 'too much'; end if;
            new.amount := new.amount + 1; return new; end $$;
        create trigger guard before insert on pay for each row execute function guard();\n";
    const MAXIMUM: &str = "create function maximum() returns int language sql immutable as $$ select 100 $$;\n";
    const WAITING: &str = "set check_function_bodies = false;
        create table pay (id int primary key, amount text);
        create function counted() returns bigint language sql stable as 'select 1; select count(*) from later';
        create view waits as select counted() as n;
        create function is_good(a int) returns boolean language sql immutable as 'select goodness($1) > 0';
        create table judged (a int check (is_good(a)));\n";
    const LATER: &str = "create table later (a int);
        create function goodness(a int) returns int language sql immutable as 'select a';\n";
    let amounts = "select string_agg(amount::text, ' ' order by id) as value from pay";
    let cases = [
        (format!("{GUARD}{MAXIMUM}insert into pay values (1, 5000);"), Err("too much")),
        (format!("{GUARD}{MAXIMUM}insert into pay values (1, 50);"), Ok("51")),
        (format!("{GUARD}{MAXIMUM}copy pay (id, amount) from stdin;\n1\t50\n2\t60\n\\.\n"), Ok("51 61")),
        (format!("{GUARD}insert into pay values (1, 50);{MAXIMUM}"), Err("function maximum() does not exist")),
        (
            format!(
                "{GUARD}create or replace trigger guard after insert on pay for each row execute function guard();
                {MAXIMUM}insert into pay values (1, 50);"
            ),
            Ok("50"),
        ),
        (
            format!(
                "{GUARD}create or replace function guard() returns trigger language plpgsql as
                $$ begin new.amount := 7; return new; end $$; insert into pay values (1, 5000);"
            ),
            Ok("7"),
        ),
        (format!("{GUARD}drop trigger if exists guard on pay; insert into pay values (1, 5000);{MAXIMUM}"), Ok("5000")),
        (
            format!(
                "{GUARD}drop trigger guard on pay;
                create trigger guard before insert on pay for each row execute function guard();
                {MAXIMUM}insert into pay values (1, 5);"
            ),
            Ok("6"),
        ),
        (
            format!(
                "{GUARD}create function maximum(a bigint default 10) returns int language sql as $$ select a::int $$;
                insert into pay values (1, 5);
                create function maximum(a int) returns int language sql as $$ select 0 $$;"
            ),
            Ok("6"),
        ),
        (
            format!(
                "{WAITING}insert into pay values (1, 'Old'); insert into pay select 2, lowerr(amount) from pay;
                update pay set amount = 'changed';
                create function lowerr(a text) returns text language sql as 'select lower(a)';{LATER}"
            ),
            Err("function lowerr(text) does not exist"),
        ),
        (
            format!("{WAITING}update nowhere set a = 1; create table nowhere (a int);{LATER}"),
            Err("\"nowhere\" does not"),
        ),
        (
            format!("{WAITING}insert into pay select n, 'x' from waits;{LATER}"),
            Err("relation \"later\" does not exist"),
        ),
        (format!("{WAITING}insert into judged values (1);{LATER}"), Err("function goodness(integer) does not exist")),
        (format!("{WAITING}{LATER}insert into judged values (1); insert into pay select n, 'x' from waits;"), Ok("x")),
        (
            format!("{WAITING}drop table judged;{LATER}create table judged (a text); insert into pay values (1, 'y');"),
            Ok("y"),
        ),
        ("select 'a\0b';".to_owned(), Err("invalid byte sequence for encoding \"UTF8\": 0x00")),
    ];
    let cluster = Cluster::start();
    for (at, (script, expected)) in cases.iter().enumerate() {
        for (found, engine) in
            on_both(&cluster, &format!("script_{at}"), script, amounts).into_iter().zip(["embedded", "PostgreSQL"])
        {
            let is_so = match (&found, expected) {
                (Ok(found), Ok(expected)) => found == expected,
                (Err(said), Err(expected)) => said.contains(*expected),
                _ => false,
            };
            assert!(is_so, "{engine}: {script}\n{expected:?}, but {found:?}");
        }
    }
}

/// What a trigger's function calls and never comes is told where the trigger was made.
#[test]
fn a_trigger_whose_function_calls_what_never_comes_is_told_in_its_place() {
    let script = "create table t (a int);
create function f() returns trigger language plpgsql as $$ begin new.a := nosuch(); return new; end $$;
create trigger tt before insert on t for each row execute function f();\n";
    let project = Project::new(&[("basalt.toml", ""), ("dump.sql", script)]);
    let said = project.run(&["import", "dump.sql"]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(
        said.stderr.contains("function nosuch() does not exist") && said.stderr.contains("dump.sql:3:"),
        "{}",
        said.stderr
    );
}

/// A view that misses what never comes is told where it stands.
#[test]
fn a_view_over_what_is_not_there_is_told_in_its_place() {
    let script = "create table a (id int);\ncreate view v as select * from nowhere;\ncreate table b (id int);\n";
    let project = Project::new(&[("basalt.toml", ""), ("dump.sql", script)]);
    let said = project.run(&["import", "dump.sql"]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(said.stderr.contains("relation \"nowhere\" does not exist"), "{}", said.stderr);
    assert!(said.stderr.contains("dump.sql:2:"), "{}", said.stderr);
    // A table that is named itself is missed at once, whatever comes behind.
    let script = "create table a (id int references b);\ncreate table b (id int primary key);\n";
    project.write("dump.sql", script);
    let said = project.run(&["import", "dump.sql"]);
    assert!(said.stderr.contains("relation \"b\" does not exist"), "{}", said.stderr);
}

/// A view that waits for what comes behind it gives way to a later statement about it.
#[test]
fn a_view_that_waits_is_what_was_last_said_of_it() {
    let script = "
        create or replace view public.v as select null::integer as id, null::public.mood as m;
        create view public.w as select null::public.mood as m;
        create view gone as select * from late;
        drop view if exists public.v;
        drop view public.w;
        drop view if exists gone;
        create type public.mood as enum ('a', 'b');
        create table public.t (id integer not null, m public.mood);
        create table late (a int);
        create view public.v as select null::integer as id, null::public.mood as m;
        create view public.w as select m from public.t;
        insert into public.t values (1, 'a'), (2, 'b');
        alter table only public.t add constraint t_pkey primary key (id);
        create or replace view public.v as select t.id, t.m from public.t group by t.id;
        create schema s1;
        create schema s2;
        set search_path = s1;
        create view v as select a from public.later;
        set search_path = s2;
        create view v as select a from public.later;
        create table public.later (a int);";
    let asked = [
        "select string_agg(id || m::text, ' ' order by id) as value from v",
        "select count(*) as value from w",
        "select count(*) as value from information_schema.views where table_name = 'gone'",
        "select count(*) as value from s1.v, s2.v",
    ];
    assert_eq!(imported(&[], script, &asked).1, ["1a 2b", "2", "0", "0"]);
}

/// Roles are the cluster's, so that a dump names them and makes none: those that are missing are made, without login, and told.
#[test]
fn roles_that_a_dump_names_are_made() {
    let runtime = runtime();
    let cluster = Cluster::start();
    let session = runtime.block_on(cluster.create("app"));
    runtime.block_on(session.script(
        "create role app_reader; create role \"App Writer\"; create role anon; create role app_later;
        create table notes (id int primary key, body text);
        alter table notes enable row level security;
        create policy reading on notes for select to app_reader, anon using (body is not null);
        grant select on notes to app_reader;
        grant insert (id) on notes to \"App Writer\";
        alter default privileges in schema public grant select on tables to app_later;",
    ));
    let asked = [
        "select array_to_string(roles, ',') as value from pg_policies where tablename = 'notes'",
        "select has_table_privilege('app_reader', 'notes', 'select')::text as value",
        "select has_column_privilege('App Writer', 'notes', 'id', 'insert')::text as value",
        "select has_table_privilege('app_later', 'made_later', 'select')::text as value",
    ];
    let (said, answers) = imported(&[], &dump(&cluster, &[]), &asked);
    assert_eq!(answers, ["app_reader,anon", "true", "true", "true"]);
    for role in ["app_reader", "App Writer", "app_later"] {
        assert!(said.contains(&format!("role made, without login: {role}")), "{said}");
    }
    assert!(!said.contains("login: anon"), "{said}");
    // A script that people write names what it makes.
    let project = Project::new(&[("basalt.toml", ""), ("grants.sql", "grant usage on schema public to nobody_here;")]);
    let refused = project.run(&["import", "grants.sql"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("42704"), "{}", refused.stderr);
}

/// Whole rows, collations and rows of several functions, which pg_dump writes in its own way.
#[test]
fn whole_rows_and_collations_of_a_dump_are_taken() {
    let runtime = runtime();
    let cluster = Cluster::start();
    let session = runtime.block_on(cluster.create("app"));
    runtime.block_on(session.script(
        "create table author (id int primary key, name varchar(50) check (name collate \"C\" > 'A'));
        create table book (id int primary key, author_id int references author, title text check (title like any ('{a%,b%}')));
        insert into author values (1, 'Ann'), (2, 'bob');
        insert into book values (10, 1, 'a'), (11, 1, 'b');
        create function joined(variadic words text[]) returns text immutable language sql as $$ select array_to_string(words, '-') $$;
        create view without_books as select a.id from author a left join book b on b.author_id = a.id where b is null;
        create view texts as select b::text as t from book b;
        create view grouped as select b, count(*) as n from book b group by b;
        create view wrapped as select (q.b).title from (select b from book b) q;
        create view counted as select author_id, count(b) as n from book b group by author_id;
        create view named as select name from author order by name collate \"C\", lower(name) collate \"POSIX\";
        create view cheap as select id from book order by author_id fetch first 1 rows with ties;
        create view numbered as select * from rows from (generate_series(1, 2), unnest(array['x', 'y'])) with ordinality as t(a, b, n);
        create view listed as select joined(variadic array[title, 'z']) as j from book;
        alter table author enable row level security;
        create policy known on author using (author.* is not null and id in (select author_id from book b where b.* is not null));
        alter table book enable row level security;
        create policy named on book using (title ilike any (array['a%', 'b%']) and (title collate \"C\") <> 'q');",
    ));
    let asked = [
        "select id::text as value from without_books",
        "select string_agg(t, ' ') as value from texts",
        "select string_agg((b).title || n::text, ' ') as value from grouped",
        "select string_agg(title, ' ') as value from wrapped",
        "select n::text as value from counted",
        "select string_agg(name, ' ') as value from named",
        "select count(*)::text as value from cheap",
        "select string_agg(a::text || b, ' ') as value from numbered",
        "select string_agg(j, ' ') as value from listed",
    ];
    let (_, answers) = imported(&[], &dump(&cluster, &["--no-owner"]), &asked);
    assert_eq!(answers, ["2", "(10,1,a) (11,1,b)", "a1 b1", "a b", "2", "Ann bob", "2", "1x 2y", "a-z b-z"]);
}
