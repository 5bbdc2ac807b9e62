//! A database whose users Supabase's auth service (GoTrue) made, and whose channels Supabase's Realtime served: they go on here. The tests of users
//! and of realtime run on those tables too (`cargo xtask postgres`); here is what is there before.

use basalt_tests::postgres::{Cluster, Session};
use basalt_tests::socket::Socket;
use basalt_tests::totp::code;
use basalt_tests::{Server, token};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::json;

use crate::authenticator::SecurityKey;

const TABLES: &str = include_str!("gotrue.sql");
const REALTIME: &str = include_str!("realtime.sql");
const ADA: &str = "11111111-1111-4111-8111-111111111111";
const SESSION: &str = "22222222-2222-4222-8222-222222222222";
const FACTOR: &str = "33333333-3333-4333-8333-333333333333";
const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// One user who signed in with a password an hour ago, asked for a new password just now, and has a second factor; a table of the project's that a
/// trigger fills.
fn people() -> String {
    let hash = bcrypt::hash("Correct-horse-7", 4).expect("a hash");
    format!(
        "create table public.profiles (id uuid primary key references auth.users on delete cascade, email text);
        create function public.greet() returns trigger language plpgsql security definer as
          $$ begin insert into public.profiles values (new.id, new.email); return new; end $$;
        create trigger greet after insert on auth.users for each row execute function public.greet();
        insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, confirmation_sent_at, confirmation_token,
            recovery_token, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
          values ('00000000-0000-0000-0000-000000000000', '{ADA}', 'authenticated', 'authenticated', 'ada@example.com', '{hash}', now(), now(), '', '',
            '{{\"provider\": \"email\", \"providers\": [\"email\"]}}', '{{\"name\": \"Ada\"}}', now(), now());
        insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
          values ('{ADA}', '{ADA}', '{{\"sub\": \"{ADA}\", \"email\": \"ada@example.com\"}}', 'email', now(), now());
        insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)
          values ('{SESSION}', '{ADA}', now(), now(), 'aal1', 'a browser', '203.0.113.9');
        insert into auth.mfa_amr_claims values ('{SESSION}', now(), now(), 'password', gen_random_uuid());
        insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id) values
          ('00000000-0000-0000-0000-000000000000', 'firsttoken12', '{ADA}', true, now() - interval '1 hour', now() - interval '1 hour', null, '{SESSION}'),
          ('00000000-0000-0000-0000-000000000000', 'secondtoken1', '{ADA}', false, now(), now(), 'firsttoken12', '{SESSION}');
        insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
          values (gen_random_uuid(), '{ADA}', 'recovery_token', encode(sha224('ada@example.com314159'), 'hex'), 'ada@example.com');
        insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, created_at, updated_at, secret)
          values ('{FACTOR}', '{ADA}', 'app', 'totp', 'verified', now(), now(), '{SECRET}');"
    )
}

async fn database(cluster: &Cluster) -> Session {
    let session = cluster.create("app").await;
    session.script(TABLES).await;
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn its_users_sessions_codes_and_factors_go_on() {
    let cluster = Cluster::start();
    let superuser = database(&cluster).await;
    superuser.script(&people()).await;
    // Not a superuser: the role that Supabase gives to projects, a member of the tables' owner.
    superuser
        .script(
            "create role anon nologin noinherit; create role authenticated nologin noinherit; create role service_role nologin noinherit bypassrls;
             create role authenticator noinherit login; grant anon, authenticated, service_role to authenticator;
             create role deployer login createrole; grant create on database app to deployer;
             grant anon, authenticated, service_role, supabase_auth_admin to deployer; grant all on schema public to deployer with grant option",
        )
        .await;
    let url = cluster.url().replace("user=postgres", "user=deployer dbname=app");
    let mut server = Server::start_at(&url, |_| ()).await;

    let refreshed = server.auth("/token?grant_type=refresh_token", "", json!({"refresh_token": "secondtoken1"})).await;
    assert_eq!(refreshed.text("/user/id"), ADA);
    assert_eq!(refreshed.header("sb-auth-session-id"), SESSION);
    let password = json!({"email": "ada@example.com", "password": "Correct-horse-7"});
    let signed_in = server.auth("/token?grant_type=password", "", password.clone()).await;
    assert_eq!(signed_in.text("/user/user_metadata/name"), "Ada");
    let hash = superuser.ask("select encrypted_password from auth.users").await.expect("a hash").0.expect("a hash");
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    let replayed = server.auth("/token?grant_type=refresh_token", "", json!({"refresh_token": "firsttoken12"})).await;
    assert_eq!(replayed.text("/code"), "refresh_token_already_used");

    let code_of_mail = json!({"type": "recovery", "email": "ada@example.com", "token": "314159"});
    let recovered = server.auth("/verify", "", code_of_mail).await;
    let access = recovered.text("/access_token");
    let asked = server.auth(&format!("/factors/{FACTOR}/challenge"), &access, json!({})).await;
    let answer = json!({"challenge_id": asked.text("/id"), "code": code(SECRET, 0)});
    let raised = server.auth(&format!("/factors/{FACTOR}/verify"), &access, answer).await;
    assert_eq!(raised.status, 200, "{}", raised.body);

    // The project's own trigger goes on, and so does everything after a restart.
    let new = json!({"email": "grace@example.com", "password": "Correct-horse-7"});
    assert_eq!(server.auth("/signup", "", new).await.status, 200);
    let greeted = superuser.ask("select count(*) from public.profiles where email = 'grace@example.com'").await;
    assert_eq!(greeted.expect("a count").0.as_deref(), Some("1"));
    server.stop().await;
    let server = Server::start_at(&url, |_| ()).await;
    assert_eq!(server.auth("/token?grant_type=password", "", password).await.status, 200);
    server
        .raw(Method::DELETE, &format!("/auth/v1/admin/users/{ADA}"))
        .service()
        .json(&json!({}))
        .expect(200, json!({}))
        .await;
    let left = superuser.ask("select count(*) from auth.identities where provider_id like '1111%'").await;
    assert_eq!(left.expect("a count").0.as_deref(), Some("0"));
}

/// An address that nobody had to confirm is usable as before, and not proven: what was left there dies when somebody proves it.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_never_confirmed_by_mail_is_not_proven() {
    let cluster = Cluster::start();
    let superuser = database(&cluster).await;
    let hash = bcrypt::hash("Correct-horse-7", 4).expect("a hash");
    let mut users = String::new();
    for (n, (name, password, provider, confirmation_sent, recovery_sent)) in [
        ("mailed", hash.as_str(), "email", "now() - interval '1 hour'", "null"),
        ("typed", hash.as_str(), "email", "null", "null"),
        ("linked", "", "email", "null", "now() - interval '1 hour'"),
        ("asked", hash.as_str(), "email", "null", "now() - interval '1 hour'"),
        ("google", "", "google", "null", "null"),
        ("waiting", hash.as_str(), "email", "now()", "null"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("44444444-4444-4444-8444-44444444444{n}");
        let confirmed = if name == "waiting" { "null" } else { "now()" };
        users += &format!(
            "insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, confirmation_sent_at, recovery_sent_at,
                last_sign_in_at, raw_app_meta_data, created_at, updated_at)
              values ('00000000-0000-0000-0000-000000000000', '{id}', 'authenticated', 'authenticated', '{name}@example.com', '{password}', {confirmed},
                {confirmation_sent}, {recovery_sent}, now(), '{{\"provider\": \"{provider}\"}}', now(), now());
             insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
              values ('{id}', '{id}', '{{\"sub\": \"{id}\", \"email\": \"{name}@example.com\", \"email_verified\": true}}', '{provider}', now(), now());"
        );
    }
    superuser.script(&users).await;
    let server = Server::start_at(&format!("{} dbname=app", cluster.url()), |_| ()).await;
    let proven =
        "select string_agg(split_part(email, '@', 1), ' ' order by email) from auth.users where proven_email = email";
    assert_eq!(superuser.ask(proven).await.unwrap().0.as_deref(), Some("google linked mailed"));
    let password = |name: &str| json!({"email": format!("{name}@example.com"), "password": "Correct-horse-7"});
    for name in ["mailed", "typed"] {
        assert_eq!(server.auth("/token?grant_type=password", "", password(name)).await.status, 200, "{name}");
        superuser
            .script(&format!(
                "insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
                   select gen_random_uuid(), id, 'recovery_token', encode(sha224('{name}@example.com314159'), 'hex'), email
                     from auth.users where email = '{name}@example.com'"
            ))
            .await;
        let code = json!({"type": "recovery", "email": format!("{name}@example.com"), "token": "314159"});
        assert_eq!(server.auth("/verify", "", code).await.status, 200, "{name}");
        let status = server.auth("/token?grant_type=password", "", password(name)).await.status;
        assert_eq!(status, if name == "mailed" { 200 } else { 400 }, "{name}");
    }
}

/// Security keys and passkeys that GoTrue registered: the key and its count are read from there, and go on here.
#[tokio::test(flavor = "multi_thread")]
async fn its_security_keys_and_passkeys_go_on() {
    const KEY: &str = "55555555-5555-4555-8555-555555555555";
    const ORIGIN: &str = "http://localhost:3000";
    let cluster = Cluster::start();
    let superuser = database(&cluster).await;
    // GoTrue gives authenticators the id as a text.
    let made_for =
        json!({"rp": {"id": "localhost"}, "user": {"id": BASE64_URL_SAFE_NO_PAD.encode(ADA)}, "challenge": "x"});
    let (mut factor, _) = SecurityKey::make(&made_for, ORIGIN);
    let (mut passkey, _) = SecurityKey::make(&made_for, ORIGIN);
    (factor.counter, passkey.counter) = (7, 3);
    let credential = json!({
        "id": BASE64_STANDARD.encode(factor.id()), "publicKey": BASE64_STANDARD.encode(factor.public_key()), "attestationType": "none",
        "transport": ["usb"], "flags": {"userPresent": true, "userVerified": true, "backupEligible": false, "backupState": false},
        "authenticator": {"AAGUID": "AAAAAAAAAAAAAAAAAAAAAA==", "signCount": 7, "cloneWarning": false, "attachment": "cross-platform"}
    });
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let keys = format!(
        "insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, created_at, updated_at, web_authn_credential)
           values ('{KEY}', '{ADA}', 'key', 'webauthn', 'verified', now(), now(), '{credential}');
         insert into auth.webauthn_credentials (user_id, credential_id, public_key, sign_count, friendly_name)
           values ('{ADA}', '\\x{}', '\\x{}', 3, 'phone');",
        hex(passkey.id()),
        hex(&passkey.public_key())
    );
    superuser.script(&format!("{} {keys}", people())).await;
    let url = format!("{} dbname=app", cluster.url());
    let server = Server::start_at(&url, |config| config.auth.passkey.enabled = true).await;

    let sign_in = async |key: &mut SecurityKey| {
        let asked = server.auth("/passkeys/authentication/options", "", json!({})).await.json();
        let answer = json!({"challenge_id": asked["challenge_id"], "credential": key.sign(&asked["options"])});
        server.auth("/passkeys/authentication/verify", "", answer).await
    };
    let mut access = String::new();
    for _ in 0..2 {
        let signed_in = sign_in(&mut passkey).await;
        assert_eq!(signed_in.text("/user/id"), ADA);
        access = signed_in.text("/access_token");
    }
    let listed = server.raw(Method::GET, "/auth/v1/passkeys").token(&access).send().await.json();
    assert_eq!(listed[0]["friendly_name"], "phone");

    let raise = async |key: &mut SecurityKey, access: &str| {
        let asked = server.auth(&format!("/factors/{KEY}/challenge"), access, json!({})).await.json();
        assert_eq!(asked["webauthn"]["type"], "request", "{asked}");
        let signed = key.sign(&asked["webauthn"]["credential_options"]["publicKey"]);
        let webauthn =
            json!({"rpId": "localhost", "rpOrigins": [ORIGIN], "type": "request", "credential_response": signed});
        let answer = json!({"challenge_id": asked["id"], "webauthn": webauthn});
        server.auth(&format!("/factors/{KEY}/verify"), access, answer).await
    };
    // A copy of the key that counted less, before and after its first use here.
    let mut copy = factor.clone();
    copy.counter = 2;
    assert_eq!(raise(&mut copy, &access).await.text("/code"), "mfa_verification_failed");
    let mut stale = factor.clone();
    for _ in 0..2 {
        let raised = raise(&mut factor, &access).await;
        access = raised.text("/access_token");
    }
    assert_eq!(raise(&mut stale, &access).await.text("/code"), "mfa_verification_failed");
}

/// What an adopted schema lacks of a new one is found here, whatever a later migration adds.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_new_schema_is_missing() {
    const COLUMNS: &str = "select string_agg(c.table_name || '.' || c.column_name, ' ' order by c.table_name, c.column_name) \
        from information_schema.columns c where c.table_schema = 'auth'";
    const OBJECTS: &str = "select string_agg(i.tablename || '.' || i.indexname, ' ' order by 1) from pg_indexes i where i.schemaname = 'auth' \
        and i.indexname like '%_idx'";
    const OPEN: &str = "select string_agg(c.relname, ' ') from pg_class c join pg_namespace n on n.oid = c.relnamespace \
        where n.nspname = 'auth' and c.relkind = 'r' and not c.relrowsecurity \
        and c.relname not in ('schema_migrations', 'instances', 'sso_providers', 'sso_domains')";
    let cluster = Cluster::start();
    let adopted = database(&cluster).await;
    let new = cluster.create("fresh").await;
    let key = "insert into auth.webauthn_credentials (user_id, credential_id, public_key) select id, '\\x01', '\\x02' from auth.users";
    adopted.script(&format!("{}; {key}", people())).await;
    for name in ["app", "fresh"] {
        Server::start_at(&format!("{} dbname={name}", cluster.url()), |_| ()).await.stop().await;
    }
    for sql in [COLUMNS, OBJECTS] {
        let (has, wanted) = (adopted.ask(sql).await.unwrap().0.unwrap(), new.ask(sql).await.unwrap().0.unwrap());
        let has: Vec<&str> = has.split(' ').collect();
        let missing: Vec<&str> = wanted.split(' ').filter(|one| !has.contains(one)).collect();
        assert_eq!(missing, [""; 0]);
    }
    assert_eq!(adopted.ask(OPEN).await.unwrap().0, None, "a table is open");
    // Passkeys are kept in another form here: what was there is set aside, and taken over.
    let aside = "select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = 'auth_before'";
    assert_eq!(adopted.ask(aside).await.unwrap().0.as_deref(), Some("webauthn_challenges webauthn_credentials"));
    let kept = "select count(*) from auth_before.webauthn_credentials";
    assert_eq!(adopted.ask(kept).await.unwrap().0.as_deref(), Some("1"));
    let taken = "select string_agg(credential_id, ' ') from auth.webauthn_credentials";
    assert_eq!(adopted.ask(taken).await.unwrap().0.as_deref(), Some("AQ"));
}

/// Each refusal names the one statement that leads on, and none of them makes the role a superuser's.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_a_superuser_s_is_used_once_what_is_named_was_granted() {
    let cluster = Cluster::start();
    cluster
        .connect()
        .await
        .script(
            "create role anon nologin noinherit; create role authenticated nologin noinherit; create role service_role nologin noinherit bypassrls;
             create role authenticator noinherit login; create role plain login; create role maker login createrole bypassrls;
             grant anon, authenticated, service_role to authenticator, plain, maker",
        )
        .await;
    for (role, before) in [
        ("plain", "grant create on database plain to plain"),
        ("maker", "alter database maker owner to maker; grant usage on schema auth to maker"),
    ] {
        let superuser = cluster.create(role).await;
        let schema = "create schema auth; create table auth.users (id uuid primary key); create table auth.sessions (id uuid primary key)";
        superuser.script(&format!("{schema}; grant all on schema public to {role} with grant option; {before}")).await;
        let mut config = basalt_server::Config::default();
        config.database.url = cluster.url().replace("user=postgres", &format!("user={role} dbname={role}"));
        let folder = tempfile::tempdir().expect("a folder");
        for asked in [
            format!("grant usage, create on schema \"auth\" to {role}"),
            format!("alter table auth.users owner to {role}; alter table auth.sessions owner to {role}"),
        ] {
            let refused =
                basalt_server::open_database(folder.path(), &config).await.err().expect("something is missing");
            let hint = format!("Have somebody who may run: {asked};");
            assert!(refused.code() == "42501" && refused.hint().is_some_and(|it| it.starts_with(&hint)), "{refused:?}");
            superuser.script(&asked).await;
        }
        basalt_server::open_database(folder.path(), &config).await.expect("nothing else is missing").close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_adopted_is_named() {
    let cluster = Cluster::start();
    let superuser = database(&cluster).await;
    superuser.script(&people()).await;
    let open = async |user: &str| {
        let mut config = basalt_server::Config::default();
        config.database.url = cluster.url().replace("user=postgres", &format!("user={user} dbname=app"));
        let folder = tempfile::tempdir().expect("a folder");
        let refused = basalt_server::open_database(folder.path(), &config).await.err();
        refused.map(|error| error.to_string()).unwrap_or_default()
    };
    // The roles are there; `plain` may make what it needs, and owns nothing.
    drop(Server::start_at(&format!("{} dbname=postgres", cluster.url()), |_| ()).await);
    superuser
        .script(
            "create role plain login; grant create on database app to plain; grant create, usage on schema auth to plain with grant option;
             grant anon, authenticated, service_role, authenticator to plain; grant all on schema public to plain with grant option",
        )
        .await;
    let refused = open("plain").await;
    assert!(refused.contains("auth.users was made by supabase_auth_admin") && refused.contains("42501"), "{refused}");

    superuser.script("alter table auth.sessions alter column user_agent type bytea using null").await;
    let refused = open("postgres").await;
    assert!(refused.contains("auth.sessions") && refused.contains("user_agent is of type bytea"), "{refused}");
    superuser.script("alter table auth.sessions alter column user_agent type text using null").await;

    // As versions before 2023-11 kept identities.
    superuser
        .script("alter table auth.identities drop column id; alter table auth.identities rename provider_id to id")
        .await;
    let refused = open("postgres").await;
    assert!(refused.contains("auth.identities") && refused.contains("column provider_id"), "{refused}");
    // Nothing was changed by what failed.
    let added = "select count(*) from information_schema.columns where table_schema = 'auth' and column_name = 'external_identity'";
    assert_eq!(superuser.ask(added).await.unwrap().0.as_deref(), Some("0"));
}

/// Buckets, files and policies of a Supabase project stay as they are, whoever may change them.
#[tokio::test(flavor = "multi_thread")]
async fn its_tables_of_files_are_left_alone() {
    const STORAGE: &str = "
        create role supabase_storage_admin noinherit login; create schema storage authorization supabase_storage_admin;
        create role anon nologin noinherit; create role authenticated nologin noinherit; create role service_role nologin noinherit bypassrls;
        grant usage on schema storage to anon, authenticated, service_role;
        set role supabase_storage_admin;
        create table storage.buckets (id text not null primary key, name text not null, public boolean default false);
        create table storage.objects (id uuid not null primary key default gen_random_uuid(), bucket_id text references storage.buckets (id), name text);
        alter table storage.objects enable row level security;
        create function storage.foldername(name text) returns text[] language plpgsql as $$ begin return string_to_array(name, '/'); end $$;
        grant all on storage.buckets, storage.objects to anon, authenticated, service_role;
        create policy avatars on storage.objects for select using (bucket_id = 'avatars');
        insert into storage.buckets values ('avatars', 'avatars'); insert into storage.objects (bucket_id, name) values ('avatars', 'a/b');
        reset role;";
    const COLUMNS: &str = "select string_agg(a.attname, ' ' order by c.relname, a.attnum) from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'storage'::regnamespace and c.relkind = 'r' and a.attnum > 0";
    let cluster = Cluster::start();
    let superuser = database(&cluster).await;
    superuser.script(STORAGE).await;
    superuser
        .script(
            "create role authenticator noinherit login; grant anon, authenticated, service_role to authenticator;
             create role deployer login createrole; grant create on database app to deployer;
             grant anon, authenticated, service_role, supabase_auth_admin to deployer;
             grant all on schema public to deployer with grant option",
        )
        .await;
    for user in ["deployer", "postgres"] {
        let url = cluster.url().replace("user=postgres", &format!("user={user} dbname=app"));
        let mut server = Server::start_at(&url, |config| config.api.schemas = vec!["storage".into()]).await;
        server.get("/objects?select=name").expect(200, json!([{"name": "a/b"}])).await;
        server.stop().await;
        assert_eq!(superuser.ask(COLUMNS).await.unwrap().0.as_deref(), Some("id name public id bucket_id name"));
    }
    // Whoever doesn't own the tables writes no policies over them.
    let url = cluster.url().replace("user=postgres", "user=deployer dbname=app");
    let server = Server::start_at(&url, |_| ()).await;
    let refused = server.database.run_script("alter table storage.objects enable row level security", |_| ()).await;
    let refused = refused.expect_err("another owner").error;
    assert_eq!((refused.code(), refused.message()), ("42501", "must be owner of table objects"));
}

/// Rooms that members may be in, and a trigger that tells them of a table's rows.
const ROOMS: &str = "
create table public.members (room text, person uuid, primary key (room, person));
alter table public.members enable row level security;
create policy own on public.members for select to authenticated using (person = auth.uid());
grant select on public.members to authenticated;
insert into public.members values ('room', '11111111-1111-4111-8111-111111111111');
create policy members_read on realtime.messages for select to authenticated using (
  exists (select from public.members m where m.person = auth.uid() and m.room = realtime.topic()));
create policy members_write on realtime.messages for insert to authenticated with check (
  exists (select from public.members m where m.person = auth.uid() and m.room = realtime.topic()));
create table public.notes (id int primary key, body text);
create function public.tell() returns trigger language plpgsql security definer as $$ begin
  perform realtime.broadcast_changes('room', tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
  return null;
end $$;
create trigger tell after insert or update or delete on public.notes for each row execute function public.tell();
insert into realtime.messages (topic, extension, event, payload, private, inserted_at)
  values ('room', 'broadcast', 'before', '{\"n\": 0}', true, current_date - interval '36 hours');
";

/// The channels of a project go on: its policies, its triggers, what was said before; also on days for which nobody made a partition.
#[tokio::test(flavor = "multi_thread")]
async fn its_channels_go_on() {
    let cluster = Cluster::start();
    let superuser = database(&cluster).await;
    superuser.script(REALTIME).await;
    superuser.script(ROOMS).await;
    superuser
        .script(
            "create role authenticator noinherit login; grant anon, authenticated, service_role to authenticator;
             create role deployer login createrole; grant create on database app to deployer;
             grant anon, authenticated, service_role, supabase_auth_admin, supabase_realtime_admin to deployer;
             grant all on schema public to deployer with grant option",
        )
        .await;
    let url = cluster.url().replace("user=postgres", "user=deployer dbname=app");
    let mut server = Server::start_at(&url, |_| ()).await;
    for round in 1..=2 {
        let ada = token(json!({"role": "authenticated", "sub": ADA}));
        let mut socket = Socket::connect(&server, &ada).await;
        let replay = json!({"since": 0, "limit": 1});
        socket.join("room", json!({"private": true, "broadcast": {"ack": true, "self": true, "replay": replay}})).await;
        let before = socket.event("broadcast").await;
        assert_eq!((&before["meta"]["replayed"], round > 1 || before["event"] == "before"), (&json!(true), true));
        let said = json!({"type": "broadcast", "event": "said", "payload": {}});
        assert_eq!(socket.ask("realtime:room", "broadcast", said).await["status"], "ok");
        assert_eq!(socket.event("broadcast").await["event"], "said");
        superuser.script(&format!("insert into notes values ({round}, 'x')")).await;
        let told = socket.event("broadcast").await;
        assert_eq!((&told["event"], &told["payload"]["record"]["id"]), (&json!("INSERT"), &json!(round)));
        superuser.script("select realtime.send('{\"n\": 1}', 'sent', 'room', true)").await;
        assert_eq!(socket.event("broadcast").await["payload"]["n"], 1);
        superuser.script("select realtime.send_binary('\\x00ff', 'bytes', 'room', true)").await;
        assert_eq!(socket.event("broadcast").await["bytes"], json!([0, 255]));
        let mut stranger = Socket::connect(&server, &token(json!({"role": "authenticated", "sub": SESSION}))).await;
        let refused = stranger.ask("realtime:room", "phx_join", json!({"config": {"private": true}})).await;
        assert_eq!(refused["status"], "error");
        server.stop().await;
        server = Server::start_at(&url, |_| ()).await;
    }
    // What the other program goes on with is still there, as it was.
    let left = "select count(*)::text || ' ' || (select count(*) from realtime.subscription) || ' ' || (select count(*) from pg_inherits
        where inhparent = 'realtime.messages'::regclass) from realtime.schema_migrations";
    assert_eq!(superuser.ask(left).await.unwrap().0.as_deref(), Some("3 1 4"));
}

/// A role that may not change the tables is told which, and by whom they were made.
#[tokio::test(flavor = "multi_thread")]
async fn channels_of_another_owner_are_named() {
    let cluster = Cluster::start();
    let superuser = database(&cluster).await;
    superuser.script(REALTIME).await;
    drop(Server::start_at(&format!("{} dbname=postgres", cluster.url()), |_| ()).await);
    superuser
        .script(
            "create role plain login; grant create on database app to plain;
             grant anon, authenticated, service_role, authenticator, supabase_auth_admin to plain;
             grant all on schema public, realtime to plain with grant option",
        )
        .await;
    let mut config = basalt_server::Config::default();
    config.database.url = cluster.url().replace("user=postgres", "user=plain dbname=app");
    let folder = tempfile::tempdir().expect("a folder");
    let refused = basalt_server::open_database(folder.path(), &config).await.err().map(|error| error.to_string());
    let refused = refused.unwrap_or_default();
    assert!(refused.contains("realtime.messages was made by supabase_realtime_admin"), "{refused}");
}
