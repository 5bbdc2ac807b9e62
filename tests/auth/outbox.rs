//! A mail that was accepted leaves once, whatever becomes of the process and of the mail server.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use basalt_core::Identity;
use basalt_db::{Database, Format, Request};
use basalt_server::keys::DEVELOPMENT_SECRET;
use basalt_server::{Basalt, Config, open_database};
use basalt_tests::smtp::{MailServer, Mood, free_port};
use basalt_tests::{POSTGRES, Server, on_postgres};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stand_in::StandIn;
use crate::world::{PASSWORD, mails, post, start_with};

/// Set for the child: the project's folder, PostgreSQL's url or nothing, and the mail server's port.
const FOLDER: &str = "BASALT_TEST_OUTBOX_FOLDER";
const DATABASE: &str = "BASALT_TEST_OUTBOX_DATABASE";
const PORT: &str = "BASALT_TEST_OUTBOX_PORT";

fn by_smtp(config: &mut Config, port: u16) {
    config.auth.rate_limit.email_sent = 1_000_000;
    config.auth.rate_limit.sign_in_sign_ups = 1_000_000;
    config.auth.email.max_frequency = Duration::ZERO;
    config.auth.email.enable_confirmations = true;
    let smtp = &mut config.auth.email.smtp;
    (smtp.enabled, smtp.plain, smtp.host, smtp.port) = (true, true, "127.0.0.1".into(), port);
    smtp.admin_email = "shop@example.com".into();
}

async fn open(folder: &Path, url: &str, port: u16) -> (Config, Database) {
    let mut config = Config::default();
    config.server.port = 0;
    config.auth.jwt_secret = DEVELOPMENT_SECRET.into();
    config.database.url = url.to_owned();
    by_smtp(&mut config, port);
    let database = open_database(folder, &config).await.expect("a database");
    (config, database)
}

async fn rows(database: &Database, sql: &str) -> Vec<Value> {
    let request = Request { format: Format::Json, ..Request::new(Identity::owner(), sql, Vec::new()) };
    let body = database.run(request).await.expect("rows").body;
    serde_json::from_slice(&body).expect("rows")
}

/// The rows of the outbox that somebody waits for.
async fn waiting(database: &Database) -> Vec<Value> {
    rows(database, "select sealed, tried, due_at > now() as is_taken from auth.outbox where user_id is not null").await
}

/// What is taken by nobody who lives, or put off, is due: as if its time had passed.
async fn pass_time(database: &Database) {
    rows(database, "update auth.outbox set due_at = now() returning id").await;
}

/// Looks again and again until it is so.
async fn until<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    for _ in 0..1200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came to be so");
}

/// Not a test by itself: the server that is killed. It tells its address, and stops by itself when its input ends.
#[test]
#[allow(clippy::print_stdout)] // the parent reads it
fn child_serves_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let port = std::env::var(PORT).expect("a port").parse().expect("a number");
        let (url, folder) = (std::env::var(DATABASE).unwrap_or_default(), Path::new(&folder));
        let (config, database) = open(folder, &url, port).await;
        let basalt = Basalt::start(folder, &config, database.clone()).await.expect("a server");
        println!("at http://{}", basalt.address());
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        ended.await.expect("no panic").expect("the end of the input");
        basalt.stop().await;
        database.close().await;
    });
}

struct Killable(Child);

impl Drop for Killable {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server in a process of its own, and its address.
async fn child(folder: &Path, url: &str, port: u16) -> (Killable, String) {
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args(["outbox::child_serves_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(DATABASE, url)
        .env(PORT, port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map(Killable)
        .expect("it starts");
    let output = child.0.stdout.take().expect("piped");
    let address = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.split_once("at ").map(|(_, url)| url.to_owned()));
        // Whatever else it says is read, so that it is not held up.
        std::thread::spawn(move || lines.for_each(drop));
        address
    });
    (child, address.await.expect("no panic").expect("an address"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_accepted_survives_a_kill() {
    let folder = TempDir::new().expect("a folder");
    let url = match std::env::var(POSTGRES) {
        Ok(server) => {
            let place = format!("{server} dbname=postgres");
            let (client, connection) =
                tokio_postgres::connect(&place, tokio_postgres::NoTls).await.expect("PostgreSQL");
            tokio::spawn(connection);
            let name = format!("k{}", uuid::Uuid::new_v4().simple());
            client.batch_execute(&format!("create database {name} template template0")).await.expect("a database");
            format!("{server} dbname={name}")
        }
        Err(_) => String::new(),
    };
    let client = reqwest::Client::new();
    // Nobody listens; then somebody does who says nothing, so that the kill comes while a mail is on its way.
    let (down, silent) = (free_port(), MailServer::start(0, Mood::Hangs).await);
    let mut expected = Vec::new();
    for (round, port) in [down, silent.port].into_iter().enumerate() {
        let (mut killed, address) = child(folder.path(), &url, port).await;
        for number in 0..3 {
            let email = format!("ada-{round}-{number}@example.com");
            let body = json!({"email": email, "password": PASSWORD}).to_string();
            let signed_up =
                client.post(format!("{address}/auth/v1/signup")).body(body).send().await.expect("an answer");
            assert_eq!(signed_up.status(), 200);
            expected.push(email);
        }
        if port == silent.port {
            until(|| async { silent.calls() > 0 }).await;
        }
        killed.0.kill().expect("it is there to be killed");
        killed.0.wait().expect("it ended");
        let (_, database) = open(folder.path(), &url, down).await;
        let left = waiting(&database).await;
        assert_eq!(left.len(), expected.len(), "{left:?}");
        // Nobody reads in it who has the database alone.
        assert!(!json!(left).to_string().contains("example"), "{left:?}");
        if port == silent.port {
            assert!(left.iter().any(|row| row["is_taken"] == true && row["tried"] != 0), "{left:?}");
        }
        pass_time(&database).await;
        database.close().await;
    }
    let takes = MailServer::start(down, Mood::Takes).await;
    let (mut child, _) = child(folder.path(), &url, down).await;
    takes.awaited(expected.len()).await;
    drop(child.0.stdin.take());
    child.0.wait().expect("it ended");
    let mut reached: Vec<String> = takes.received().into_iter().map(|mail| mail.to).collect();
    reached.sort();
    assert_eq!(reached, expected, "each once");
    let (_, database) = open(folder.path(), &url, down).await;
    assert_eq!(waiting(&database).await, [] as [Value; 0], "nothing of what was sent is left");
    database.close().await;
}

async fn sign_up(server: &Server, email: &str) {
    let signed_up = post(server, "/signup", json!({"email": email, "password": PASSWORD})).send().await;
    assert_eq!(signed_up.status, 200, "{}", signed_up.body);
}

#[tokio::test]
async fn several_nodes_send_a_mail_once() {
    if !on_postgres() {
        return;
    }
    let mail_server = MailServer::start(0, Mood::Takes).await;
    let port = mail_server.port;
    let one = start_with(|config| by_smtp(config, port)).await;
    let url = one.configuration(|_| ()).database.url;
    let other = Server::start_at(&url, |config| by_smtp(config, port)).await;
    let mut expected = Vec::new();
    for number in 0..20 {
        for (node, server) in [("one", &one), ("other", &other)] {
            expected.push(format!("{node}-{number:02}@example.com"));
            sign_up(server, &expected[expected.len() - 1]).await;
        }
    }
    mail_server.awaited(expected.len()).await;
    until(|| async { waiting(&one.database).await.is_empty() }).await;
    let mut reached: Vec<String> = mail_server.received().into_iter().map(|mail| mail.to).collect();
    reached.sort();
    expected.sort();
    assert_eq!(reached, expected);
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_with_the_same_id_until_it_was_tried_often_enough() {
    let mail_server = MailServer::start(0, Mood::Refuses).await;
    let server = start_with(|config| by_smtp(config, mail_server.port)).await;
    let was_tried = || async { waiting(&server.database).await.iter().any(|row| row["tried"] != 0) };
    sign_up(&server, "ada@example.com").await;
    until(was_tried).await;
    let ids = rows(&server.database, "select id from auth.outbox").await;
    mail_server.become_one_that(Mood::Takes);
    // It is put off by seconds, and comes by itself.
    let received = mail_server.awaited(1).await;
    assert!(received[0].id.contains(ids[0]["id"].as_str().expect("an id")), "{received:?} {ids:?}");
    mail_server.become_one_that(Mood::Refuses);
    sign_up(&server, "grace@example.com").await;
    until(was_tried).await;
    rows(&server.database, "update auth.outbox set tried = 9, due_at = now() returning id").await;
    until(|| async { waiting(&server.database).await.is_empty() }).await;
    assert_eq!(mail_server.received().len(), 1);
}

#[tokio::test]
async fn only_what_is_said_of_the_mail_itself_is_final() {
    let mail_server = MailServer::start(0, Mood::Denies).await;
    let server = start_with(|config| by_smtp(config, mail_server.port)).await;
    sign_up(&server, "ada@example.com").await;
    // The pause is noted after the answer: a second one says that it came so far, and the row is there.
    until(|| async { waiting(&server.database).await.iter().any(|row| row["tried"] == 2) }).await;
    mail_server.become_one_that(Mood::Takes);
    pass_time(&server.database).await;
    sign_up(&server, "grace@example.com").await;
    mail_server.awaited(2).await;
    mail_server.become_one_that(Mood::Bounces);
    sign_up(&server, "nobody@example.com").await;
    until(|| async { waiting(&server.database).await.is_empty() }).await;
    assert_eq!(mail_server.received().len(), 2);
}

#[tokio::test]
async fn a_hook_that_lost_its_secret_is_told_again() {
    let mut answers = [("401 Unauthorized", String::new()), ("200 OK", "{}".into())].into_iter();
    let hook = StandIn::answering(move |_| answers.next().unwrap_or(("500 Too often", String::new()))).await;
    let server = start_with(|config| {
        config.auth.email.enable_confirmations = true;
        config.outbound.allow = vec!["127.0.0.1".into()];
        let own = &mut config.auth.hook.send_email;
        (own.enabled, own.uri) = (true, hook.url.clone());
    })
    .await;
    sign_up(&server, "ada@example.com").await;
    until(|| async { hook.asked().len() == 2 && waiting(&server.database).await.is_empty() }).await;
}

#[tokio::test]
async fn what_expired_goes_whatever_way_it_was_to_leave() {
    let port = free_port();
    let mut server = start_with(|config| by_smtp(config, port)).await;
    sign_up(&server, "ada@example.com").await;
    until(|| async { waiting(&server.database).await.iter().all(|row| row["tried"] != 0) }).await;
    server.stop().await;
    rows(&server.database, "update auth.outbox set expires_at = now() returning id").await;
    server.restart(|config| config.auth.email.mailbox = true).await;
    until(|| async { waiting(&server.database).await.is_empty() }).await;
}

#[tokio::test]
async fn what_expired_is_not_sent_and_nothing_is_of_a_user_who_is_gone() {
    let port = free_port();
    let server = start_with(|config| by_smtp(config, port)).await;
    sign_up(&server, "ada@example.com").await;
    sign_up(&server, "grace@example.com").await;
    until(|| async { waiting(&server.database).await.iter().all(|row| row["tried"] != 0) }).await;
    let grace = "delete from auth.users where email = 'grace@example.com' returning id";
    assert_eq!(rows(&server.database, grace).await.len(), 1);
    assert_eq!(waiting(&server.database).await.len(), 1);
    rows(&server.database, "update auth.outbox set due_at = now(), expires_at = now() returning id").await;
    let mail_server = MailServer::start(port, Mood::Takes).await;
    sign_up(&server, "edsger@example.com").await;
    let received = mail_server.awaited(1).await;
    assert_eq!(received[0].to, "edsger@example.com");
    until(|| async { waiting(&server.database).await.is_empty() }).await;
    assert_eq!(mail_server.received().len(), 1);
}

#[tokio::test]
async fn asking_for_nobody_s_mail_writes_as_much_and_leaves_nothing() {
    let mail_server = MailServer::start(0, Mood::Takes).await;
    let server = start_with(|config| by_smtp(config, mail_server.port)).await;
    post(&server, "/recover", json!({"email": "nobody@example.com"})).expect(200, json!({})).await;
    let body = json!({"type": "signup", "email": "nobody@example.com"});
    post(&server, "/resend", body).expect(200, json!({})).await;
    until(|| async { rows(&server.database, "select id from auth.outbox").await.is_empty() }).await;
    assert_eq!((mail_server.received().len(), mail_server.calls()), (0, 0));
    // Where nothing can be sent, somebody's mail and nobody's fail alike.
    let server = start_with(|config| config.auth.email.mailbox = false).await;
    crate::world::sign_up(&server, "ada@example.com").await;
    let mut answers = Vec::new();
    for email in ["ada@example.com", "nobody@example.com"] {
        let mut answer = post(&server, "/recover", json!({ "email": email })).send().await.json();
        answer["error_id"].take();
        answers.push(answer);
    }
    assert_eq!(answers[0]["message"], "Error sending recovery email");
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn the_mailbox_is_there_again_after_a_restart_and_empty_once_it_was_emptied() {
    let prepare = |config: &mut Config| {
        config.auth.email.mailbox = true;
        config.auth.email.enable_confirmations = true;
    };
    let mut server = start_with(prepare).await;
    sign_up(&server, "ada@example.com").await;
    let before = mails(&server, "ada@example.com").await;
    server.stop().await;
    server.restart(prepare).await;
    until(|| async { mails(&server, "ada@example.com").await == before }).await;
    assert_eq!(server.raw(Method::DELETE, "/studio/mail/messages").send().await.status, 204);
    assert_eq!(waiting(&server.database).await, [] as [Value; 0]);
    server.stop().await;
    // What the mailbox got is no mail for a mail server that is configured later.
    server.restart(prepare).await;
    sign_up(&server, "grace@example.com").await;
    server.stop().await;
    let mail_server = MailServer::start(0, Mood::Takes).await;
    server.restart(|config| by_smtp(config, mail_server.port)).await;
    sign_up(&server, "edsger@example.com").await;
    assert_eq!(mail_server.awaited(1).await[0].to, "edsger@example.com");
    until(|| async { waiting(&server.database).await.len() == 1 }).await;
    assert_eq!(mail_server.received().len(), 1);
}
