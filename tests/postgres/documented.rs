//! What PostgREST documents of transactions, settings and constraints and PostgreSQL alone can show.

use basalt_tests::postgres::Cluster;
use basalt_tests::{Answer, Server, token};
use serde_json::{Value, json};

const SCHEMA: &str = "
    create sequence calls;
    create view counter with (security_invoker = false) as select nextval('calls') as nextval;
    create table rooms (id integer primary key, name varchar(5) unique, doubled integer generated always as (id * 2) stored,
        number integer generated always as identity, size numeric(3, 1) check (size > 0));
    create extension if not exists btree_gist with schema extensions;
    create table bookings (room integer references rooms deferrable initially deferred, during tsrange,
        constraint once exclude using gist (room with =, during with &&));
    insert into rooms (id, name) values (1, 'blue');
    insert into bookings values (1, '[2024-01-01,2024-01-02)');
    create function note(id integer) returns integer language sql volatile as $$ insert into rooms (id) values (note.id) returning rooms.id $$;
    create function setting(name text) returns text language sql stable as $$ select current_setting(name, true) $$;
    create function talk() returns integer language plpgsql volatile as $$
    begin
      raise notice 'a notice'; raise warning 'a warning'; raise info 'words';
      return 1;
    end $$;";

/// The schema, as far as the version has views that say whose rights they have.
fn schema(cluster: &Cluster) -> String {
    match cluster.version() < 15 {
        true => SCHEMA.replace(" with (security_invoker = false)", ""),
        false => SCHEMA.into(),
    }
}

fn error(answer: &Answer) -> (u16, Value, Value, Value) {
    let body = answer.json();
    (answer.status, body["code"].clone(), body["message"].clone(), body["details"].clone())
}

fn expected(status: u16, code: &str, message: &str, details: Value) -> (u16, Value, Value, Value) {
    (status, code.into(), message.into(), details)
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_write_nothing_whatever_they_call() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, &schema(&cluster), |_| ()).await;
    let refused = server.get("/counter").service().send().await;
    let message = "cannot execute nextval() in a read-only transaction";
    assert_eq!(error(&refused), expected(405, "25006", message, Value::Null));
    let refused = server.get("/rpc/note?id=7").service().send().await;
    let message = "cannot execute INSERT in a read-only transaction";
    assert_eq!(error(&refused), expected(405, "25006", message, Value::Null));
    server.post("/rpc/note", &json!({"id": 7})).service().expect(200, json!(7)).await;
    // What a function says on the side is nobody's answer.
    server.post("/rpc/talk", &json!({})).service().expect(200, json!(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_speak_in_postgresqls_words() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, &schema(&cluster), |_| ()).await;
    let post = async |path: &str, body: Value| error(&server.post(path, &body).service().send().await);
    assert_eq!(
        post("/bookings", json!({"room": 1, "during": "[2024-01-01 12:00,2024-01-03)"})).await,
        expected(
            400,
            "23P01",
            "conflicting key value violates exclusion constraint \"once\"",
            "Key (room, during)=(1, [\"2024-01-01 12:00:00\",\"2024-01-03 00:00:00\")) conflicts with existing key \
             (room, during)=(1, [\"2024-01-01 00:00:00\",\"2024-01-02 00:00:00\"))."
                .into()
        )
    );
    // A key that is looked at when the transaction ends fails as well, and nothing is kept.
    assert_eq!(
        post("/bookings", json!({"room": 9, "during": "[2024-01-01,2024-01-03)"})).await,
        expected(
            409,
            "23503",
            "insert or update on table \"bookings\" violates foreign key constraint \"bookings_room_fkey\"",
            "Key (room)=(9) is not present in table \"rooms\".".into()
        )
    );
    server.get("/bookings?select=room").service().expect(200, json!([{"room": 1}])).await;
    // Version 13 has other words and states for them.
    if cluster.version() >= 14 {
        assert_eq!(
            post("/rooms", json!({"id": 2, "doubled": 4})).await,
            expected(
                400,
                "428C9",
                "cannot insert a non-DEFAULT value into column \"doubled\"",
                "Column \"doubled\" is a generated column.".into()
            )
        );
        assert_eq!(
            post("/rooms", json!({"id": 2, "number": 4})).await,
            expected(
                400,
                "428C9",
                "cannot insert a non-DEFAULT value into column \"number\"",
                "Column \"number\" is an identity column defined as GENERATED ALWAYS.".into()
            )
        );
    }
    assert_eq!(
        post("/rooms", json!({"id": 2, "name": "too long"})).await,
        expected(400, "22001", "value too long for type character varying(5)", Value::Null)
    );
    assert_eq!(
        post("/rooms", json!({"id": 2, "size": 100})).await,
        expected(
            400,
            "22003",
            "numeric field overflow",
            "A field with precision 3, scale 1 must round to an absolute value less than 10^2.".into()
        )
    );
    let (status, code, message, _) = post("/rooms", json!({"id": 2, "size": 0})).await;
    let checked = "new row for relation \"rooms\" violates check constraint \"rooms_size_check\"";
    assert_eq!((status, code, message), (400, "23514".into(), checked.into()));
    assert_eq!(
        post("/rooms", json!({"id": 2, "name": "blue"})).await,
        expected(
            409,
            "23505",
            "duplicate key value violates unique constraint \"rooms_name_key\"",
            "Key (name)=(blue) already exists.".into()
        )
    );
}

/// A role's settings hold as far as any user may set them, or the connection's role was granted that.
#[tokio::test(flavor = "multi_thread")]
async fn a_roles_settings_hold_as_far_as_it_may_set_them() {
    let cluster = Cluster::start();
    let script = format!(
        "{} create role careful nologin; grant careful to authenticator; grant execute on all functions in schema public to careful;
         alter role careful set work_mem = '7MB'; alter role careful set log_min_duration_statement = '77';",
        schema(&cluster)
    );
    let server = Server::start_on(&cluster, &script, |_| ()).await;
    let setting = async |name: &str| {
        let ask = server.get(&format!("/rpc/setting?name={name}")).token(&token(json!({"role": "careful"})));
        ask.send().await.json()
    };
    assert_eq!(setting("work_mem").await, "7MB");
    assert_eq!(setting("log_min_duration_statement").await, "-1");
    if cluster.has(15, "a grant of a setting") {
        let session = cluster.connect_to(server.database_name()).await;
        session.script("grant set on parameter log_min_duration_statement to authenticator").await;
        server.database.postgres().expect("PostgreSQL").reload().await.expect("reloads");
        assert_eq!(setting("log_min_duration_statement").await, "77ms");
    }
    let session = cluster.connect_to(server.database_name()).await;
    session.script("drop owned by careful; drop role careful").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_say_whose_they_are() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, "create table t (id integer);", |_| ()).await;
    server.get("/t").service().expect(200, json!([])).await;
    let session = cluster.connect_to(server.database_name()).await;
    let named =
        "select string_agg(distinct application_name, ',') from pg_stat_activity where usename = 'authenticator'";
    assert_eq!(session.ask(named).await.expect("reads").0.as_deref(), Some("basalt"));
}
