//! `basalt users`: what administrators do from the command line, against a running server.

mod support;

use support::{Project, Said, Server};

/// A project whose users have to confirm their addresses.
const CONFIG: &str = "[auth.email]\nenable_confirmations = true\n";

/// Runs `basalt users ...` against the server, which must work; gives what it printed.
#[track_caller]
fn users(project: &Project, server: &Server, args: &[&str]) -> String {
    let Said { code, stdout, stderr } = project.run(&[&["users", "--url", &server.url], args].concat());
    assert_eq!(code, Some(0), "{args:?}: {stderr}");
    stdout.trim_end().to_owned()
}

/// The same, which must fail; gives what it said.
#[track_caller]
fn refused(project: &Project, server: &Server, args: &[&str]) -> String {
    let said = project.run(&[&["users", "--url", &server.url], args].concat());
    assert_eq!(said.code, Some(1), "{args:?}: {}", said.stdout);
    said.stderr
}

fn sign_in(server: &Server, email: &str, password: &str) -> (u16, String) {
    let body = format!(r#"{{"email":"{email}","password":"{password}"}}"#);
    let json = ["content-type: application/json"];
    server.request("POST", "/auth/v1/token?grant_type=password", &json, &body)
}

#[test]
fn users_are_made_banned_let_in_and_deleted() {
    let project = Project::new(&[("basalt.toml", CONFIG)]);
    let server = project.start(&["dev"], &[]);
    let made = users(&project, &server, &["create", "ada_l@example.com", "--password", "correct horse"]);
    let id = made.split_whitespace().nth(1).unwrap();
    assert_eq!(made, format!("created {id}  ada_l@example.com"));
    assert_eq!(sign_in(&server, "ada_l@example.com", "correct horse").0, 200);
    users(&project, &server, &["create", "+4915112345678"]);
    users(&project, &server, &["create", "bob@example.com", "--unconfirmed"]);

    let all = users(&project, &server, &["list"]);
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!(lines.len(), 3, "{all}");
    assert!(lines[0].ends_with("bob@example.com  unconfirmed"), "{all}");
    assert!(lines[1].ends_with("  +4915112345678"), "{all}");
    assert_eq!(lines[2], format!("{id}  ada_l@example.com"));
    assert_eq!(users(&project, &server, &["list", "a_l@"]), lines[2]);
    assert_eq!(users(&project, &server, &["list", "--page", "2", "--per-page", "2"]), lines[2]);
    assert!(users(&project, &server, &["list", "--json"]).starts_with("{\"users\":["));

    let banned = users(&project, &server, &["ban", "ADA_L@example.com", "--for", "24h"]);
    assert!(banned.starts_with(&format!("banned {id}  ada_l@example.com  banned until 20")), "{banned}");
    assert!(sign_in(&server, "ada_l@example.com", "correct horse").1.contains("user_banned"));
    users(&project, &server, &["unban", id]);
    assert_eq!(sign_in(&server, "ada_l@example.com", "correct horse").0, 200);
    users(&project, &server, &["ban", id]);
    assert!(sign_in(&server, "ada_l@example.com", "correct horse").1.contains("user_banned"));

    assert!(refused(&project, &server, &["delete", id]).contains("Say so with --yes."));
    users(&project, &server, &["delete", "ada_l@example.com", "--yes"]);
    users(&project, &server, &["delete", "+4915112345678", "--soft", "--yes"]);
    // What is left of the second one goes for good.
    let left = users(&project, &server, &["list"]);
    let left: Vec<&str> = left.lines().filter(|line| line.ends_with("  deleted")).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    users(&project, &server, &["delete", left[0].split_whitespace().next().unwrap(), "--yes"]);
    assert_eq!(users(&project, &server, &["list"]).lines().count(), 1);
    assert!(refused(&project, &server, &["ban", "ada_l@example.com"]).contains("there is no user ada_l@example.com"));
    assert!(refused(&project, &server, &["ban", id]).contains("404: User not found"));
    assert!(refused(&project, &server, &["create", "bob@example.com"]).contains("already been registered"));
    assert!(refused(&project, &server, &["ban", "bob@example.com", "--for", "long"]).contains("24h, 2h45m"));
}

#[test]
fn users_are_shown_and_changed() {
    let project = Project::new(&[("basalt.toml", CONFIG)]);
    let server = project.start(&["dev"], &[]);
    let id = "5f0c1c9e-4d8a-4b59-9c2c-2f1d3a4b5c6d";
    let create = ["create", "ada@example.com", "--id", id, "--user-metadata", r#"{"name":"Ada"}"#, "--role", "staff"];
    assert_eq!(users(&project, &server, &create), format!("created {id}  ada@example.com"));
    assert!(refused(&project, &server, &create).contains("already been registered"));
    let update = ["update", "ada@example.com", "--email", "countess@example.com", "--password", "correct horse"];
    let more = ["--app-metadata", r#"{"plan":"pro"}"#, "--user-metadata", r#"{"name":null,"born":1815}"#];
    assert_eq!(users(&project, &server, &[&update[..], &more].concat()), format!("changed {id}  countess@example.com"));
    assert_eq!(sign_in(&server, "countess@example.com", "correct horse").0, 200);
    let shown = users(&project, &server, &["show", id, "--json"]);
    for part in [r#""role":"staff""#, r#""plan":"pro""#, r#""born":1815"#] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(!shown.contains("\"name\""), "{shown}");
    assert!(
        users(&project, &server, &["show", "countess@example.com"]).contains("\n  \"email\": \"countess@example.com\"")
    );
    let wrong = project.run(&["users", "update", id, "--user-metadata", "7"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}

#[test]
fn links_and_invitations_sign_in() {
    let project = Project::new(&[("basalt.toml", CONFIG)]);
    let server = project.start(&["dev"], &[]);
    let invited = users(&project, &server, &["invite", "ada@example.com"]);
    assert!(invited.ends_with("ada@example.com  unconfirmed"), "{invited}");
    let (_, mails) = server.get("/studio/mail/messages?to=ada@example.com");
    assert!(mails.contains(r#""kind":"invite""#), "{mails}");

    let link = users(&project, &server, &["link", "magiclink", "bob@example.com"]);
    let (status, _) = server.get(link.strip_prefix(&server.url).unwrap());
    assert_eq!(status, 303);
    assert!(users(&project, &server, &["list", "bob"]).ends_with("bob@example.com"));
    let change = ["link", "email_change_new", "bob@example.com", "--new-email", "robert@example.com", "--json"];
    assert!(users(&project, &server, &change).contains(r#""verification_type":"email_change_new""#));
    assert!(refused(&project, &server, &["link", "recovery", "eve@example.com"]).contains("User not found"));
}

#[test]
fn no_server_and_another_s_key_are_said() {
    let project = Project::new(&[("basalt.toml", CONFIG)]);
    let away = project.run(&["users", "list", "--url", "http://127.0.0.1:9"]);
    assert_eq!(away.code, Some(1));
    assert!(away.stderr.contains("no answer from http://127.0.0.1:9/auth/v1"), "{}", away.stderr);
    assert!(away.stderr.contains("basalt dev"), "{}", away.stderr);
    let server = project.start(&["dev"], &[]);
    let secret = "[auth]\njwt_secret = \"a-secret-of-our-own-with-more-than-32-bytes\"\n";
    let other = Project::new(&[("basalt.toml", secret)]);
    assert!(refused(&other, &server, &["list"]).contains("another secret"), "the key is wrong");
}

#[test]
fn sessions_and_the_log_are_shown() {
    let project = Project::new(&[("basalt.toml", CONFIG)]);
    let server = project.start(&["dev"], &[]);
    users(&project, &server, &["create", "ada@example.com", "--password", "correct horse"]);
    assert_eq!(sign_in(&server, "ada@example.com", "correct horse").0, 200);
    let sessions = users(&project, &server, &["sessions", "ada@example.com"]);
    assert!(sessions.contains("aal1") && sessions.contains("127.0.0.1"), "{sessions}");
    assert_eq!(users(&project, &server, &["factors", "ada@example.com"]), "");
    users(&project, &server, &["sign-out", "ada@example.com"]);
    assert_eq!(users(&project, &server, &["sessions", "ada@example.com"]), "");
    let log = users(&project, &server, &["audit"]);
    assert!(log.lines().next().is_some_and(|line| line.contains("logout  ada@example.com")), "{log}");
    assert!(log.contains("login  ada@example.com"), "{log}");
    refused(&project, &server, &["remove-factor", "ada@example.com", "11111111-1111-4111-8111-111111111111"]);
}
