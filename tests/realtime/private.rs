//! Private channels: the row policies of `realtime.messages` say who may use them.

use basalt_tests::Server;
use reqwest::Method;
use serde_json::{Value, json};

use crate::socket::Socket;
use crate::{anon, token, user};

const ANNA: &str = "00000000-0000-4000-8000-00000000000a";
const BEN: &str = "00000000-0000-4000-8000-00000000000b";

const SCHEMA: &str = "
create table public.members (room text, person uuid, speaks boolean, primary key (room, person));
alter table public.members enable row level security;
create policy own on public.members for select to authenticated using (person = auth.uid());
create policy reads on realtime.messages for select to authenticated using (
  exists (select from public.members m where m.person = auth.uid() and m.room = realtime.topic())
  and realtime.messages.extension in ('broadcast', 'presence'));
create policy writes on realtime.messages for insert to authenticated with check (
  exists (select from public.members m where m.person = auth.uid() and m.room = realtime.topic() and m.speaks));
insert into public.members values
  ('r', '00000000-0000-4000-8000-00000000000a', true), ('r', '00000000-0000-4000-8000-00000000000b', false);
";

fn private() -> Value {
    json!({"private": true, "broadcast": {"ack": true}, "presence": {"enabled": true, "key": "k"}})
}

#[tokio::test]
async fn only_members_may_join() {
    let server = Server::start(SCHEMA).await;
    let mut socket = Socket::connect(&server, &user(ANNA)).await;
    socket.join("r", private()).await;
    let reply = socket.ask("realtime:other", "phx_join", json!({"config": private()})).await;
    let reason = "Unauthorized: You do not have permissions to read from this Channel topic: other";
    assert_eq!(reply["response"]["reason"], reason);
    let mut stranger = Socket::connect(&server, &anon()).await;
    let reply = stranger.ask("realtime:r", "phx_join", json!({"config": private()})).await;
    assert_eq!(reply["status"], "error");
    // Nothing of the asking is kept.
    let count = basalt_db::Request::new(
        basalt_core::Identity::owner(),
        "select count(*) as n from realtime.messages",
        Vec::new(),
    );
    assert_eq!(&server.database.run(count).await.unwrap().body[..], br#"[{"n":0}]"#);
}

#[tokio::test]
async fn only_speakers_may_send() {
    let server = Server::start(SCHEMA).await;
    let (mut anna, mut ben) = (Socket::connect(&server, &user(ANNA)).await, Socket::connect(&server, &user(BEN)).await);
    anna.join("r", private()).await;
    ben.join("r", private()).await;
    let payload = json!({"type": "broadcast", "event": "e", "payload": {}});
    anna.ask("realtime:r", "broadcast", payload.clone()).await;
    assert_eq!(ben.event("broadcast").await, payload);
    ben.send("realtime:r", "broadcast", payload).await;
    assert_eq!(ben.ask("realtime:r", "presence", json!({"event": "track", "payload": {}})).await["status"], "error");
    anna.expect_none("broadcast").await;
    assert_eq!(anna.ask("realtime:r", "presence", json!({"event": "track", "payload": {}})).await["status"], "ok");
    ben.event("presence_diff").await;
}

#[tokio::test]
async fn public_and_private_channels_of_one_name_are_two() {
    let server = Server::start(SCHEMA).await;
    let (mut anna, mut other) = (Socket::connect(&server, &user(ANNA)).await, Socket::connect(&server, &anon()).await);
    anna.join("r", private()).await;
    other.join("r", json!({"broadcast": {"ack": true}})).await;
    other.ask("realtime:r", "broadcast", json!({"event": "e", "payload": {}})).await;
    anna.expect_none("broadcast").await;
    anna.ask("realtime:r", "broadcast", json!({"event": "e", "payload": {}})).await;
    other.expect_none("broadcast").await;
}

#[tokio::test]
async fn the_endpoint_needs_the_right_to_send() {
    let server = Server::start(SCHEMA).await;
    let mut anna = Socket::connect(&server, &user(ANNA)).await;
    anna.join("r", private()).await;
    for (sender, path) in [(BEN, "r"), (ANNA, "r"), (BEN, "other")] {
        let path = format!("/realtime/v1/api/broadcast/{path}/events/{}?private=true", &sender[35..]);
        let answer = server.raw(Method::POST, &path).token(&user(sender)).json(&json!({})).send().await;
        assert_eq!(answer.status, 202);
    }
    assert_eq!(anna.event("broadcast").await["event"], "a");
    anna.expect_none("broadcast").await;
}

#[tokio::test]
async fn a_renewed_token_is_judged_anew() {
    let server = Server::start(SCHEMA).await;
    let mut socket = Socket::connect(&server, &user(ANNA)).await;
    socket.join("r", private()).await;
    socket.ask("realtime:r", "broadcast", json!({"event": "e", "payload": {}})).await;
    socket.send("realtime:r", "access_token", json!({"access_token": user(BEN)})).await;
    socket.send("realtime:r", "presence", json!({"event": "track", "payload": {}})).await;
    let reply = socket.until(|frame| frame[3] == "phx_reply" && frame[4]["status"] == "error").await;
    assert!(reply[4]["response"]["reason"].as_str().unwrap().contains("permissions"));
    socket.send("realtime:r", "access_token", json!({"access_token": anon()})).await;
    let message = socket.system().await;
    assert_eq!(message, "You no longer have permission to read from this Channel topic: r");
}

/// The policies speak of broadcasts and of presence apart, and of both anew with a renewed token.
#[tokio::test]
async fn who_may_read_one_is_not_told_the_other() {
    let server = Server::start(
        "create policy hears on realtime.messages for select to authenticated
           using (extension = 'broadcast' and auth.jwt() ->> 'may' like '%hear%');
         create policy sees on realtime.messages for select to authenticated
           using (extension = 'presence' and auth.jwt() ->> 'may' like '%see%');",
    )
    .await;
    let who = |may: &str| token(json!({"role": "authenticated", "sub": ANNA, "may": may}));
    let (mut hears, mut sees) =
        (Socket::connect(&server, &who("hear")).await, Socket::connect(&server, &who("see")).await);
    let mut speaker = Socket::connect(&server, &token(json!({"role": "service_role"}))).await;
    for socket in [&mut hears, &mut sees, &mut speaker] {
        socket.join("r", private()).await;
    }
    let broadcast = json!({"type": "broadcast", "event": "e", "payload": {}});
    speaker.ask("realtime:r", "broadcast", broadcast.clone()).await;
    speaker.ask("realtime:r", "presence", json!({"event": "track", "payload": {"n": 1}})).await;
    assert_eq!(hears.event("broadcast").await, broadcast);
    sees.event("presence_state").await;
    assert_eq!(sees.event("presence_diff").await["joins"]["k"]["metas"][0]["n"], 1);
    sees.expect_none("broadcast").await;
    hears.expect_none("presence_state").await;
    hears.expect_none("presence_diff").await;

    hears.send("realtime:r", "access_token", json!({"access_token": who("see")})).await;
    assert_eq!(hears.event("presence_state").await["k"]["metas"][0]["n"], 1);
    speaker.ask("realtime:r", "broadcast", broadcast).await;
    hears.expect_none("broadcast").await;
}
