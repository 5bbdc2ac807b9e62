//! As whom requests log in, and how far SQL leads up from there.

use basalt_core::Identity;
use basalt_db::{Database, PostgresOptions, Request};
use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use serde_json::json;

/// Steps up as far as it can, and tells who it is then.
const CLIMB: &str = "create function climb() returns text language plpgsql as $$
    begin
      execute 'reset role';
      execute 'reset session authorization';
      return session_user || ' ' || current_user;
    end $$;
    create function whoami() returns text language sql stable as $$ select session_user || ' ' || current_user $$;";

async fn connect(cluster: &Cluster, user: &str, password: Option<&str>) -> Result<Database, basalt_core::Error> {
    let url = Some(cluster.url().replace("user=postgres", &format!("user={user} dbname=app")));
    let authenticator_password = password.map(str::to_owned);
    Database::connect(PostgresOptions { url, authenticator_password, ..PostgresOptions::default() }).await
}

async fn login(database: &Database) -> String {
    let who = Request::new(Identity::role("anon"), "select session_user::text as who", Vec::new());
    String::from_utf8(database.run(who).await.expect("runs").body.to_vec()).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leads_up_from_authenticator() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, CLIMB, |config| config.database.pool = 1).await;
    for _ in 0..2 {
        server.post("/rpc/climb", &json!({})).expect(200, json!("authenticator authenticator")).await;
        server.get("/rpc/whoami").expect(200, json!("authenticator anon")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authenticator_logs_in_with_a_password_of_its_own() {
    let cluster = Cluster::start();
    drop(cluster.create("app").await);
    let session = cluster.connect().await;
    session
        .script(
            "set password_encryption = 'scram-sha-256';
             create role deployer login superuser; create role authenticator login noinherit password 'right'",
        )
        .await;
    cluster.let_in("local all authenticator scram-sha-256\nlocal all all trust\n");

    let error = connect(&cluster, "deployer", Some("wrong")).await.err().expect("it can't log in");
    assert_eq!(error.code(), "08001");
    assert!(error.message().contains("`database.authenticator_password`"), "{error}");
    let database = connect(&cluster, "deployer", Some("right")).await.expect("logs in");
    assert_eq!(login(&database).await, "[{\"who\":\"authenticator\"}]");
    database.close().await;

    // Where it can't be had, each transaction of a superuser's steps down, also after one that stepped up.
    let server = Server::start_at(&format!("{} dbname=app", cluster.url()), |config| config.database.pool = 1).await;
    server.script(CLIMB).await;
    for _ in 0..2 {
        server.get("/rpc/whoami").expect(200, json!("authenticator anon")).await;
        server.post("/rpc/climb", &json!({})).expect(200, json!("postgres postgres")).await;
    }

    // A role that is no superuser serves as itself, unless the password is there.
    session.script("alter role deployer nosuperuser").await;
    let database = connect(&cluster, "deployer", None).await.err();
    assert!(database.is_some_and(|error| error.message().contains("the connecting role deployer")));
}

/// The authenticator's own time-out is that of its sessions.
#[tokio::test(flavor = "multi_thread")]
async fn its_settings_hold() {
    let cluster = Cluster::start();
    let schema = "create role authenticator login noinherit; alter role authenticator set statement_timeout = '3s';
        create function patience() returns text language sql stable as $$ select current_setting('statement_timeout') $$;";
    let server = Server::start_on(&cluster, "", |_| ()).await;
    let schema = schema.replace("create role authenticator login noinherit;", "");
    server.get("/rpc/patience").expect_error(404, "PGRST202").await;
    server.script(&schema).await;
    let again = Server::start_at(&format!("{} dbname={}", cluster.url(), server.database_name()), |_| ()).await;
    again.get("/rpc/patience").expect(200, json!("3s")).await;
    cluster.connect().await.script("alter role authenticator reset statement_timeout").await;
}
