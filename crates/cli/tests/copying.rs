//! `basalt db copy`: what migrations made and what was imported is carried from the embedded engine to PostgreSQL, and back.

mod support;

use basalt_tests::postgres::{Cluster, Session};
use support::{Project, chinook, runtime, until};

const BEFORE: &str = "create table shelves (id integer primary key, label text);
    insert into shelves values (1, 'low'), (2, 'high');";
const DUMP: &str = "create database library;
\\connect library
set statement_timeout = 0;
select pg_catalog.set_config('search_path', '', false);
create type public.mood as enum ('sad', 'happy');
create table public.books (id integer not null, shelf integer, title text, mood public.mood);
copy public.books (id, shelf, title, mood) from stdin;
1\t1\tTab\\there\thappy
2\t2\t\\N\tsad
\\.
insert into public.books values (7, 2, N'Seven', null);
create index on public.books (mood);
alter table only public.books add constraint books_pkey primary key (id);
alter table only public.books add constraint books_shelf foreign key (shelf) references public.shelves (id);
alter table public.books enable row level security;
create policy all_see on public.books for select using (mood is null);
";
const AFTER: &str = "create table loans (book integer references books (id), at date);
    insert into loans values (2, '2026-01-01');
    alter table books add column seen boolean default true;";

fn run(project: &Project, args: &[&str]) -> String {
    let said = project.run(args);
    assert_eq!(said.code, Some(0), "{args:?}: {} {}", said.stdout, said.stderr);
    said.stdout
}

/// The first column of the first row.
fn ask(runtime: &tokio::runtime::Runtime, session: &Session, sql: &str) -> String {
    runtime.block_on(session.ask(sql)).unwrap_or_else(|error| panic!("{sql}: {error}")).0.unwrap_or_default()
}

#[test]
fn imported_tables_are_carried_over_and_back() {
    let (cluster, runtime) = (Cluster::start(), runtime());
    let session = runtime.block_on(cluster.create("app"));
    let project = Project::new(&[
        ("basalt.toml", ""),
        ("migrations/2_shelves.sql", BEFORE),
        ("library.sql", DUMP),
        ("late.sql", "create view late as select at from loans;"),
        ("seed.sql", ""),
    ]);
    run(&project, &["migrate", "up"]);
    assert!(run(&project, &["import", "library.sql"]).contains("1 new table, 3 rows"));
    // Versions are numbers.
    project.write("migrations/10_loans.sql", AFTER);
    run(&project, &["migrate", "up"]);
    run(&project, &["import", "late.sql"]);
    let copied = run(&project, &["db", "copy", "--to", &cluster.uri("postgres", "app")]);
    assert!(copied.contains("6 rows"), "{copied}");
    let books = "select string_agg(concat_ws('/', id, shelf, title, mood, seen), ',' order by id) from books";
    assert_eq!(ask(&runtime, &session, books), "1/1/Tab\there/happy/t,2/2/sad/t,7/2/Seven/t");
    // Policies, keys and the order of things are there, and so is the record.
    let key =
        "select count(*)::text from pg_constraint where conname in ('books_pkey', 'books_shelf', 'loans_book_fkey')";
    assert_eq!(ask(&runtime, &session, key), "3");
    assert_eq!(ask(&runtime, &session, "select polname from pg_policy where polname = 'all_see'"), "all_see");
    let imports = "select string_agg(name || ' ' || after, ', ' order by id) from basalt.imports";
    assert_eq!(ask(&runtime, &session, imports), "library.sql 2, late.sql 10");

    runtime.block_on(session.script("insert into books values (8, 1, 'Eight', 'sad')"));
    let back =
        Project::new(&[("basalt.toml", ""), ("migrations/2_shelves.sql", BEFORE), ("migrations/10_loans.sql", AFTER)]);
    let copied = run(&back, &["db", "copy", "--from", &cluster.uri("postgres", "app")]);
    assert!(copied.contains("7 rows"), "{copied}");
    // Once more, over what is there.
    let again = run(&back, &["db", "copy", "--from", &cluster.uri("postgres", "app"), "--replace"]);
    assert!(again.contains("7 rows"), "{again}");
    // What nobody's script made is refused, with what to do.
    runtime.block_on(session.script("create table by_hand (id integer)"));
    let refused = back.run(&["db", "copy", "--from", &cluster.uri("postgres", "app"), "--replace"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("by_hand") && refused.stderr.contains("into a migration"), "{}", refused.stderr);
}

#[test]
fn a_copy_that_the_target_refuses_ends_and_leaves_what_was_there() {
    let (cluster, runtime) = (Cluster::start(), runtime());
    let session = runtime.block_on(cluster.create("app"));
    let numbers = "create table numbers (id integer primary key, text text);
        insert into numbers select x, repeat('x', 300) from generate_series(1, 30000) x;";
    let project = Project::new(&[("basalt.toml", ""), ("migrations/0001_numbers.sql", numbers)]);
    run(&project, &["migrate", "up"]);
    let to = cluster.uri("postgres", "app");
    run(&project, &["db", "copy", "--to", &to]);
    // More than all that may be on its way is left to send when the first rows are refused.
    runtime.block_on(session.script("delete from numbers where id > 5; alter table numbers add check (id < 10)"));
    let refused = project.run(&["db", "copy", "--to", &to, "--replace"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("23514"), "{}", refused.stderr);
    assert_eq!(ask(&runtime, &session, "select count(*)::text from numbers"), "5");
}

/// The target's rows are lost first: a database is known by more than the address at which it was found.
#[test]
fn a_database_is_not_copied_into_itself() {
    let (cluster, runtime) = (Cluster::start(), runtime());
    let session = runtime.block_on(cluster.create("app"));
    runtime.block_on(cluster.create("other"));
    let own = cluster.uri("postgres", "app");
    let toml = format!("[database]\nurl = \"{own}\"\n");
    let shelves = "create table shelves (id integer primary key); insert into shelves values (1);";
    let project = Project::new(&[("basalt.toml", &toml), ("migrations/0001_shelves.sql", shelves)]);
    run(&project, &["migrate", "up"]);
    for there in [own.clone(), format!("{own}&application_name=other")] {
        for way in ["--to", "--from"] {
            let refused = project.run(&["db", "copy", way, &there, "--replace"]);
            assert_eq!(refused.code, Some(1), "{}", refused.stdout);
            assert!(refused.stderr.contains("source and target are the same database"), "{}", refused.stderr);
        }
    }
    assert_eq!(ask(&runtime, &session, "select count(*)::text from shelves"), "1");
    let copied = run(&project, &["db", "copy", "--to", &cluster.uri("postgres", "other")]);
    assert!(copied.contains("1 row"), "{copied}");
}

/// A transaction of the target that waits for the copy, which waits for it: the copy gives way, and begins again.
#[test]
fn a_copy_gives_way_to_a_transaction_that_waits_for_it() {
    let (cluster, runtime) = (Cluster::start(), runtime());
    let (session, holder) = (runtime.block_on(cluster.create("app")), runtime.block_on(cluster.connect_to("app")));
    let tables = "create table shelves (id integer primary key); insert into shelves values (1), (2);
        create table books (id integer primary key, shelf integer references shelves); insert into books values (7, 1);";
    let project = Project::new(&[("basalt.toml", ""), ("migrations/0001_tables.sql", tables)]);
    run(&project, &["migrate", "up"]);
    let to = cluster.uri("postgres", "app");
    run(&project, &["db", "copy", "--to", &to]);
    // Whoever has waited that long looks whether the wait has an end: the copy, and never the other one.
    runtime.block_on(session.script("alter database app set deadlock_timeout = '3s'"));
    runtime.block_on(
        holder.script("set deadlock_timeout = '10min'; begin; lock table books in access share mode; select 1"),
    );
    std::thread::scope(|scope| {
        let copy = scope.spawn(|| project.run(&["db", "copy", "--to", &to, "--replace"]));
        let waits = "select count(*)::text from pg_locks where not granted and relation = 'books'::regclass";
        until("a copy that waits", || {
            assert!(!copy.is_finished(), "the copy waits for nobody");
            ask(&runtime, &session, waits) != "0"
        });
        runtime.block_on(holder.script("lock table shelves in access share mode; rollback"));
        let copied = copy.join().unwrap();
        assert_eq!(copied.code, Some(0), "{} {}", copied.stdout, copied.stderr);
        assert!(copied.stdout.contains("3 rows"), "{}", copied.stdout);
        assert!(copied.stderr.contains("again in 1 s"), "{}", copied.stderr);
    });
}

#[test]
fn buckets_and_the_policies_over_their_files_are_carried_over_and_back() {
    let (cluster, runtime) = (Cluster::start(), runtime());
    let session = runtime.block_on(cluster.create("app"));
    let migration = "insert into storage.buckets (id, name) values ('avatars', 'avatars');
        create policy own on storage.objects for all using ((storage.foldername(name))[1] = auth.uid()::text);
        create table covers (file uuid references storage.objects (id));";
    let rows = "update storage.buckets set public = true; insert into storage.buckets (id, name) values ('late', 'late');
        insert into storage.objects (bucket_id, name) values ('late', 'a/b'); insert into covers select id from storage.objects;";
    let project = Project::new(&[("basalt.toml", ""), ("migrations/1_files.sql", migration), ("rows.sql", rows)]);
    run(&project, &["migrate", "up"]);
    run(&project, &["import", "rows.sql"]);
    let to = cluster.uri("postgres", "app");
    let copied = run(&project, &["db", "copy", "--to", &to]);
    assert!(copied.contains(" 4 rows"), "{copied}");
    let there =
        "select string_agg(concat_ws(' ', b.id, b.public, array_to_string(o.path_tokens, '+')), ', ' order by b.id)
        from storage.buckets b left join storage.objects o on o.bucket_id = b.id left join covers on file = o.id";
    assert_eq!(ask(&runtime, &session, there), "avatars t, late f a+b");
    let policies = "select string_agg(policyname, ' ') from pg_policies where schemaname = 'storage'";
    assert_eq!(ask(&runtime, &session, policies), "own");
    let back = Project::new(&[("basalt.toml", ""), ("migrations/1_files.sql", migration)]);
    let copied = run(&back, &["db", "copy", "--from", &to]);
    assert!(copied.contains(" 4 rows"), "{copied}");
}

/// As a dump of a Supabase project that runs itself has them.
#[test]
fn migrations_that_make_buckets_again_run_on_both_engines() {
    let (cluster, runtime) = (Cluster::start(), runtime());
    let session = runtime.block_on(cluster.create("app"));
    let migration = "create schema storage;
        create table items (id int primary key);
        drop table items cascade;
        create type storage.buckettype as enum ('STANDARD', 'ANALYTICS');
        create table \"storage\".\"buckets\" (id text not null, name text not null, owner uuid, created_at timestamptz default now(),
            public boolean default false);
        alter table storage.buckets owner to supabase_storage_admin;
        create table storage.objects (id uuid not null default gen_random_uuid(), bucket_id text, name text, metadata jsonb,
            path_tokens text[] generated always as (string_to_array(name, '/')) stored);
        create table if not exists storage.buckets (id text primary key, other text);
        create unique index bname on storage.buckets using btree (name);
        alter table only storage.buckets add constraint buckets_pkey primary key (id);
        alter table only storage.objects add constraint \"objects_bucketId_fkey\" foreign key (bucket_id) references storage.buckets (id);
        create function storage.foldername(name text) returns text[] language sql as $$ select string_to_array(name, '/') $$;
        alter table storage.buckets enable row level security;
        alter table storage.buckets add column if not exists quota int;
        insert into storage.buckets (id, name, quota) values ('avatars', 'avatars', 7);
        create policy own on storage.objects using (bucket_id = 'avatars');";
    let project = Project::new(&[("basalt.toml", ""), ("migrations/1_files.sql", migration)]);
    let said = project.run(&["migrate", "up"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for what in ["table storage.buckets", "index bname", "function storage.foldername", "type storage.buckettype"] {
        assert!(said.stderr.contains(&format!("passed over: {what}")), "{what}: {}", said.stderr);
    }
    run(&project, &["db", "reset", "--yes"]);
    let to = cluster.uri("postgres", "app");
    assert!(run(&project, &["db", "copy", "--to", &to]).contains(" 1 row"));
    assert_eq!(ask(&runtime, &session, "select id || quota from storage.buckets"), "avatars7");
    let back = Project::new(&[("basalt.toml", ""), ("migrations/1_files.sql", migration)]);
    assert!(run(&back, &["db", "copy", "--from", &to]).contains(" 1 row"));

    // Other tables than Basalt's, and columns that these lack, are told with what there is: the same on both engines.
    let on_postgres = Project::new(&[
        ("basalt.toml", &format!("[database]\nurl = \"{to}\"\n")),
        ("migrations/1_files.sql", migration),
    ]);
    for project in [back, on_postgres] {
        project.write(
            "migrations/2_more.sql",
            "create table storage.buckets (id text primary key, colour text, public text);",
        );
        let said = project.run(&["migrate", "up"]);
        assert!(said.code == Some(1) && said.stderr.contains("42P07"), "{}", said.stderr);
        assert!(
            said.stderr.contains("\"colour\", \"public\"") && said.stderr.contains("add column if not exists"),
            "{}",
            said.stderr
        );
        project
            .write("migrations/2_more.sql", "insert into storage.buckets (id, name, colour) values ('b', 'b', 'red');");
        let said = project.run(&["migrate", "up"]);
        assert!(said.code == Some(1) && said.stderr.contains("42703"), "{}", said.stderr);
        assert!(said.stderr.contains("The columns of storage.buckets are id, name, owner"), "{}", said.stderr);
    }
}

#[test]
fn users_of_the_target_are_not_lost_unasked() {
    let (cluster, runtime) = (Cluster::start(), runtime());
    let session = runtime.block_on(cluster.create("app"));
    let to = cluster.uri("postgres", "app");
    let there = Project::new(&[("basalt.toml", &format!("[database]\nurl = \"{to}\"\n"))]);
    run(&there, &["migrate", "up"]);
    let user = "insert into auth.users (id, email) values ('00000000-0000-4000-8000-000000000001', 'a@example.com');
        comment on schema supabase_migrations is 'what was applied'";
    runtime.block_on(session.script(user));
    let refused = Project::new(&[("basalt.toml", "")]).run(&["db", "copy", "--to", &to]);
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("or users, already"), "{}", refused.stderr);
    assert_eq!(ask(&runtime, &session, "select count(*)::text from auth.users"), "1");
}

#[test]
fn chinook_is_imported_on_postgresql_and_copied_to_it() {
    let Some(script) = chinook() else {
        eprintln!("skipped: shared/data/chinook/chinook.sql is not beside this repository");
        return;
    };
    let (cluster, runtime) = (Cluster::start(), runtime());
    let script = script.to_str().unwrap();
    let count = "select count(*)::text from (select from track union all select from playlist_track) all_of_them";
    let direct = runtime.block_on(cluster.create("direct"));
    let there =
        Project::new(&[("basalt.toml", &format!("[database]\nurl = \"{}\"\n", cluster.uri("postgres", "direct")))]);
    assert!(run(&there, &["import", script]).contains("11 new tables, 15607 rows"));
    let copied = runtime.block_on(cluster.create("copied"));
    let embedded = Project::new(&[("basalt.toml", "")]);
    run(&embedded, &["import", script]);
    assert!(run(&embedded, &["db", "copy", "--to", &cluster.uri("postgres", "copied")]).contains("15607 rows"));
    assert_eq!(ask(&runtime, &direct, count), ask(&runtime, &copied, count));
}
