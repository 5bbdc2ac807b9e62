//! Ways to connect: TLS as `sslmode` has it, and roles that may not make everything.

use basalt_core::Identity;
use basalt_db::{Database, Format, PostgresOptions, Request};
use basalt_tests::postgres::Cluster;

async fn connect(url: String) -> Result<Database, basalt_core::Error> {
    Database::connect(PostgresOptions { url: Some(url), ..PostgresOptions::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_judged_as_the_mode_says() {
    let cluster = Cluster::start();
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let port = cluster.listen_with_tls(&own.cert.pem(), &own.signing_key.serialize_pem());
    let folder = tempfile::tempdir().expect("a folder");
    let root = |name: &str, pem: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).expect("a file");
        format!("&sslrootcert={}", path.display())
    };
    let (trusted, stranger) = (root("own.pem", own.cert.pem()), root("other.pem", other.cert.pem()));
    for (host, mode, root, works) in [
        ("localhost", "prefer", "", true),
        ("localhost", "require", "", true),
        ("localhost", "verify-full", trusted.as_str(), true),
        ("localhost", "verify-ca", trusted.as_str(), true),
        // The certificate names no address.
        ("127.0.0.1", "verify-ca", trusted.as_str(), true),
        ("127.0.0.1", "verify-full", trusted.as_str(), false),
        ("localhost", "verify-full", stranger.as_str(), false),
        ("localhost", "verify-ca", stranger.as_str(), false),
        ("localhost", "require", stranger.as_str(), false),
        ("localhost", "verify-full", "", false),
        ("localhost", "disable", "", false),
    ] {
        let case = format!("{host} {mode} {root}");
        let database = connect(format!("postgres://postgres@{host}:{port}/postgres?sslmode={mode}{root}")).await;
        assert_eq!(database.is_ok(), works, "{case}: {:?}", database.err());
        match database {
            Err(error) => assert_eq!(error.code(), "08001", "{case}"),
            Ok(database) => {
                let sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
                let answer = database.run(Request::new(Identity::owner(), sql, Vec::new())).await.expect(sql);
                assert_eq!(answer.body, "[{\"ssl\":true}]", "{case}");
            }
        }
    }
}

/// Made as PostgreSQL's manual makes it, a server's own certificate says that it is an authority's.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_vouches_for_itself_is_trusted_where_it_is_named() {
    let cluster = Cluster::start();
    let own = |ends: (i32, u8, u8)| {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(ends.0, ends.1, ends.2);
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
    };
    let (later, past) = ((4000, 1, 1), (2001, 1, 1));
    let ((valid, key), (other, _), (expired, expired_key)) = (own(later), own(later), own(past));
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root.pem");
    let port = cluster.listen_with_tls(&valid, &key);
    for (named, host, mode, works) in [
        (&valid, "localhost", "verify-full", true),
        (&valid, "localhost", "verify-ca", true),
        (&valid, "127.0.0.1", "verify-ca", true),
        (&valid, "127.0.0.1", "verify-full", false),
        (&other, "localhost", "verify-full", false),
        (&other, "localhost", "verify-ca", false),
    ] {
        std::fs::write(&root, named).expect("a file");
        let url = format!("postgres://postgres@{host}:{port}/postgres?sslmode={mode}&sslrootcert={}", root.display());
        let database = connect(url).await;
        assert_eq!(database.is_ok(), works, "{host} {mode}: {:?}", database.err());
    }
    let cluster = Cluster::start();
    let port = cluster.listen_with_tls(&expired, &expired_key);
    std::fs::write(&root, &expired).expect("a file");
    let url = format!("postgres://postgres@localhost:{port}/postgres?sslmode=verify-ca&sslrootcert={}", root.display());
    assert_eq!(connect(url).await.err().map(|error| error.code().to_owned()).as_deref(), Some("08001"));
}

/// A certificate of an authority's, or one that nobody vouches for, and its key.
fn certificate(name: &str, authority: Option<&rcgen::Issuer<'_, rcgen::KeyPair>>) -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let certificate = match authority {
        Some(authority) => params.signed_by(&key, authority),
        None => params.self_signed(&key),
    };
    (certificate.expect("a certificate").pem(), key.serialize_pem())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_shown_where_one_is_named() {
    let cluster = Cluster::start();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().expect("a key");
    let root = params.self_signed(&key).expect("a certificate").pem();
    let authority = rcgen::Issuer::new(params, key);
    let (server, server_key) = certificate("localhost", Some(&authority));
    let port = cluster.listen_with_tls_for(&server, &server_key, Some(&root));
    let folder = tempfile::tempdir().expect("a folder");
    let named = |name: &str, (certificate, key): (String, String)| {
        let paths = ["crt", "key"].map(|kind| folder.path().join(format!("{name} {kind}")));
        std::fs::write(&paths[0], certificate).expect("a file");
        std::fs::write(&paths[1], key).expect("a file");
        let encoded = paths.map(|path| path.display().to_string().replace(' ', "%20"));
        format!("&sslcert={}&sslkey={}", encoded[0], encoded[1])
    };
    let own = named("own", certificate("postgres", Some(&authority)));
    let strange = named("strange", certificate("postgres", None));
    let others = named("others", certificate("somebody", Some(&authority)));
    for (shown, works) in [(own, true), (strange, false), (others, false), (String::new(), false)] {
        let url = format!("postgres://postgres@localhost:{port}/postgres?sslmode=require&gssencmode=disable{shown}");
        let database = connect(url).await;
        assert_eq!(database.as_ref().err().map(|error| error.code()), (!works).then_some("08001"), "{shown}");
    }
}

/// From PostgreSQL 16 on a role that is no superuser may make even `service_role`; it is no member of what it made that could become it.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_makes_roles_makes_what_is_missing() {
    let cluster = Cluster::start();
    if !cluster.has(16, "to give BYPASSRLS without being a superuser") {
        return;
    }
    let superuser = cluster.connect().await;
    drop(cluster.create("app").await);
    superuser.script("create role maker login createrole bypassrls; alter database app owner to maker").await;
    let url = cluster.url().replace("user=postgres", "user=maker dbname=app");
    for _ in 0..2 {
        let database = connect(url.clone()).await.expect("makes its roles");
        let script = "create table if not exists t (id integer); alter table t enable row level security;";
        database.run_script(script, |_| ()).await.expect("its own table");
        for role in ["anon", "authenticated", "service_role"] {
            let who = Request::new(
                Identity::role(role),
                "select current_user::text as me from (select count(*) from t) c",
                Vec::new(),
            );
            assert_eq!(database.run(who).await.expect(role).body, format!("[{{\"me\":\"{role}\"}}]"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_grant_is_named() {
    let cluster = Cluster::start();
    let superuser = cluster.connect().await;
    superuser.script("create role plain login; create role deployer login").await;
    // As it is from PostgreSQL 15 on.
    let app = cluster.create("app").await;
    app.script("revoke create on schema public from public").await;
    let url = |user: &str| cluster.url().replace("user=postgres", &format!("user={user} dbname=app"));
    let refused = connect(url("plain")).await.err().expect("plain may make nothing");
    assert_eq!(refused.code(), "42501");
    assert!(refused.message().contains("lacks role anon"), "{refused}");
    assert!(refused.message().contains("the connecting role plain may not make it"), "{refused}");
    assert!(refused.hint().is_some_and(|hint| hint.contains("create role anon nologin noinherit")), "{refused}");

    // Somebody who may makes the roles; the rest the database's owner can make.
    superuser
        .script(
            "create role anon nologin noinherit; create role authenticated nologin noinherit;
             create role service_role nologin noinherit bypassrls; create role authenticator login noinherit;
             grant anon, authenticated, service_role to authenticator; grant anon, authenticated, service_role to deployer",
        )
        .await;
    let refused = connect(url("deployer")).await.err().expect("deployer may make no schemas");
    assert!(refused.message().contains("lacks schema auth, and the connecting role deployer"), "{refused}");
    let grant = "grant create on database app to deployer";
    assert!(refused.hint().is_some_and(|hint| hint.contains(grant)), "{:?}", refused.hint());
    superuser.script(grant).await;
    let database = connect(url("deployer")).await.expect("its own schemas suffice");
    let migrate = async |sql| database.apply_migration("1", "tables", sql).await;
    let refused = migrate("create table public.t (id integer)").await.expect_err("public is another's").error;
    let hint = "Have somebody who may run: grant usage, create on schema \"public\" to deployer;";
    assert_eq!((refused.code(), refused.hint()), ("42501", Some(hint)), "{refused}");
    // What is made needs no grant any more.
    superuser.script("revoke create on database app from deployer").await;
    connect(url("deployer")).await.expect("again").close().await;
    migrate("select 1").await.expect("is recorded");
    database.close().await;
    superuser.script("alter database app owner to deployer").await;
    if cluster.version() < 15 {
        app.script("alter schema public owner to deployer").await;
    }
    let database = connect(url("deployer")).await.expect("a role that is no superuser serves");
    database
        .run_script(
            "create table t (id integer); alter table t enable row level security; insert into t values (1);",
            |_| (),
        )
        .await
        .expect("its own tables");
    let as_service = Request::new(Identity::role("service_role"), "select id from t", Vec::new());
    assert_eq!(database.run(as_service).await.expect("reads").body, "[{\"id\":1}]");
    let as_anon = Request::new(Identity::role("anon"), "select id from t", Vec::new());
    assert_eq!(database.run(as_anon).await.expect("reads").body, "[]");
    // What is there stays as it is.
    drop(database);
    connect(url("deployer")).await.expect("again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_given_up_gives_its_connection_back() {
    let cluster = Cluster::start();
    let session = cluster.create("app").await;
    let database = connect(format!("{} dbname=app", cluster.url())).await.expect("connects");
    let insert =
        || Request { format: Format::None, ..Request::new(Identity::owner(), "insert into t values (1)", Vec::new()) };
    database.run_script("create table t (x int)", |_| {}).await.expect("runs");
    let pids = "select string_agg(pid::text, ',' order by pid) from pg_stat_activity \
        where datname = current_database() and pid <> pg_backend_pid()";
    let pids = async || session.ask(pids).await.expect("runs").0;
    let given_up = async || {
        let mut transaction = database.begin_as_owner().await.expect("begins");
        transaction.run(insert()).await.expect("runs");
    };
    given_up().await;
    // Waits for the undoing: a lock on the table is had when no transaction has written to it.
    let undone = "begin; lock table t; commit";
    session.script(undone).await;
    let before = pids().await;
    for _ in 0..10 {
        given_up().await;
        session.script(undone).await;
    }
    // One may have been made while another was on its way back; none was closed.
    let (before, after) = (before.expect("connections"), pids().await.expect("connections"));
    let after: Vec<&str> = after.split(',').collect();
    assert!(before.split(',').all(|pid| after.contains(&pid)), "{before} and then {after:?}");
    assert_eq!(session.ask("select count(*)::text from t").await.expect("runs").0.as_deref(), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_stays_as_it_is() {
    let cluster = Cluster::start();
    let session = cluster.create("app").await;
    session
        .script(
            "create schema auth; create function auth.uid() returns uuid language sql stable as
             $$ select '00000000-0000-0000-0000-000000000001'::uuid $$;",
        )
        .await;
    connect(format!("{} dbname=app", cluster.url())).await.expect("connects").close().await;
    let uid = session.ask("select auth.uid()::text").await.expect("runs").0;
    assert_eq!(uid.as_deref(), Some("00000000-0000-0000-0000-000000000001"));
    let made = "select count(*)::text from pg_proc where pronamespace = 'auth'::regnamespace and proname in ('jwt', 'role', 'email')";
    assert_eq!(session.ask(made).await.expect("runs").0.as_deref(), Some("3"));
}

/// Servers of one project start together.
#[tokio::test(flavor = "multi_thread")]
async fn several_make_it_together() {
    let cluster = Cluster::start();
    let session = cluster.create("app").await;
    // Even where a transaction sees what was there when it began.
    session.script("alter database app set default_transaction_isolation = 'serializable'").await;
    let url = format!("{} dbname=app", cluster.url());
    let started = futures_util::future::join_all((0..4).map(|_| tokio::spawn(connect(url.clone())))).await;
    for database in started {
        database.expect("no panic").expect("connects");
    }
    let made = "select count(*)::text from pg_publication where pubname = 'supabase_realtime'";
    assert_eq!(session.ask(made).await.expect("runs").0.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_half_there_is_made_whole() {
    let cluster = Cluster::start();
    let session = cluster.create("app").await;
    let url = format!("{} dbname=app", cluster.url());
    connect(url.clone()).await.expect("connects").close().await;
    session.script("drop event trigger basalt_ddl_watch").await;
    connect(url).await.expect("connects again").close().await;
    let watching = "select count(*)::text from pg_event_trigger where evtname like 'basalt%watch'";
    assert_eq!(session.ask(watching).await.expect("runs").0.as_deref(), Some("2"));
}
