//! A project's triggers on the users: a profile for each new one, and what happens when that fails.

use basalt_tests::Server;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{PASSWORD, ask, post, put, session, sign_in, sign_up};

/// As projects have it.
const SCHEMA: &str = "
create table public.profiles (
  id uuid primary key references auth.users on delete cascade,
  full_name text, avatar_url text, username text unique check (username <> 'root'), updated_at timestamptz
);
alter table profiles enable row level security;
create policy \"Profiles are viewable by everyone.\" on profiles for select using (true);
create policy \"Users can update own profile.\" on profiles for update using ((select auth.uid()) = id);

create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.profiles (id, full_name, avatar_url, username)
  values (new.id, new.raw_user_meta_data->>'full_name', new.raw_user_meta_data->>'avatar_url', new.raw_user_meta_data->>'username');
  return new;
end; $$;
create trigger on_auth_user_created after insert on auth.users for each row execute procedure public.handle_new_user();

create function public.handle_updated() returns trigger language plpgsql as $$
begin
  new.updated_at = now();
  return new;
end; $$;
create trigger handle_updated before update on profiles for each row execute function handle_updated();

create table public.departures (email text primary key);
create function public.handle_gone() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if old.email like 'stays@%' then raise exception 'nobody leaves'; end if;
  insert into public.departures (email) values (old.email);
  return old;
end; $$;
create trigger on_auth_user_deleted before delete on auth.users for each row execute procedure public.handle_gone();
";

/// The example of the documentation: the first SQL below its heading.
fn documented() -> &'static str {
    let (_, section) =
        include_str!("../../docs/auth.md").split_once("\n## A profile for each user\n").expect("the section");
    let (_, example) = section.split_once("```sql\n").expect("an example");
    example.split_once("```").expect("its end").0
}

#[tokio::test]
async fn the_documented_example_works() {
    let server = Server::start(documented()).await;
    session(&sign_up_as(&server, "ada@example.com", json!({"full_name": "Ada"})).await);
    server.get("/profiles?select=full_name").expect(200, json!([{"full_name": "Ada"}])).await;
}

async fn sign_up_as(server: &Server, email: &str, data: Value) -> basalt_tests::Answer {
    post(server, "/signup", json!({"email": email, "password": PASSWORD, "data": data})).send().await
}

#[tokio::test]
async fn a_new_user_has_a_profile() {
    let server = Server::start_with(SCHEMA, |config| config.auth.rate_limit.sign_in_sign_ups = 1_000_000).await;
    let ada =
        sign_up_as(&server, "ada@example.com", json!({"full_name": "Ada", "avatar_url": "a.png", "username": "ada"}))
            .await;
    let ada = session(&ada);
    let profiles = "/profiles?select=id,full_name,avatar_url,username,updated_at&order=username";
    let profile =
        json!([{"id": ada.user, "full_name": "Ada", "avatar_url": "a.png", "username": "ada", "updated_at": null}]);
    server.get(profiles).token(&ada.access).expect(200, profile).await;
    server
        .patch("/profiles?username=eq.ada", &json!({"full_name": "Ada L"}))
        .token(&ada.access)
        .expect(204, Value::Null)
        .await;
    let touched = server.get("/profiles?select=full_name&updated_at=not.is.null").token(&ada.access);
    touched.expect(200, json!([{"full_name": "Ada L"}])).await;

    // What the trigger refuses refuses the user, and leaves nothing.
    for username in ["ada", "root"] {
        let refused = sign_up_as(&server, "eve@example.com", json!({"username": username})).await;
        let told = (refused.json()["code"].clone(), refused.json()["message"].clone());
        assert_eq!(refused.status, 500, "{}", refused.body);
        assert_eq!(told, (json!("unexpected_failure"), json!("Database error saving new user")));
    }
    assert_eq!(sign_in(&server, "eve@example.com", PASSWORD).await.json()["code"], "invalid_credentials");
    let again = sign_up_as(&server, "ada@example.com", json!({})).await;
    assert_eq!((again.status, again.json()["code"].clone()), (422, json!("user_already_exists")));
    session(&sign_up_as(&server, "eve@example.com", json!({"username": "eve"})).await);

    // By an administrator, too.
    let admin = |method: Method, path: &str| ask(&server, method, path).service();
    let body = json!({"email": "joe@example.com", "user_metadata": {"username": "eve"}});
    let refused = admin(Method::POST, "/admin/users").json(&body).send().await;
    assert_eq!((refused.status, refused.json()["message"].clone()), (500, json!("Database error saving new user")));
    let body = json!({"email": "joe@example.com", "user_metadata": {"username": "joe"}});
    assert_eq!(admin(Method::POST, "/admin/users").json(&body).send().await.status, 200);
    server
        .get("/profiles?select=username&order=username")
        .expect(200, json!([{"username": "ada"}, {"username": "eve"}, {"username": "joe"}]))
        .await;

    // A user who goes takes the profile along.
    let gone = admin(Method::DELETE, &format!("/admin/users/{}", ada.user)).send().await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    server
        .get("/profiles?select=username&order=username")
        .expect(200, json!([{"username": "eve"}, {"username": "joe"}]))
        .await;
    server.get("/departures").service().expect(200, json!([{"email": "ada@example.com"}])).await;
    let stays = sign_up(&server, "stays@example.com").await;
    let refused = admin(Method::DELETE, &format!("/admin/users/{}", stays.user)).send().await;
    assert_eq!((refused.status, refused.json()["message"].clone()), (500, json!("Database error deleting user")));
    assert_eq!(sign_in(&server, "stays@example.com", PASSWORD).await.status, 200);
}

/// Whoever waits for a user's turn changes nothing of the user yet.
#[tokio::test]
async fn an_update_fires_once_for_a_change() {
    let schema = "create table changes (was text, is_now text);
        create function noted() returns trigger language plpgsql security definer as $$ begin
          insert into public.changes values (old.email, new.email);
          return null;
        end $$;
        create trigger noted after update on auth.users for each row execute function noted();";
    let server = Server::start(schema).await;
    let ada = sign_up(&server, "ada@example.com").await;
    server.script("delete from changes").await;
    let path = format!("/admin/users/{}", ada.user);
    let changed = put(&server, &path, json!({"email": "lady@example.com"})).service().send().await;
    assert_eq!(changed.status, 200);
    let change = json!([{"was": "ada@example.com", "is_now": "lady@example.com"}]);
    server.get("/changes").service().expect(200, change).await;
}
