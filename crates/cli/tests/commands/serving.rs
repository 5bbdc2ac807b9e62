//! `basalt serve`: what it refuses, what it tells nobody, and the keys of its secret.

use super::support::service_key;
use super::{SECRET, books};

#[test]
fn serve_wants_a_secret_of_its_own_and_every_migration() {
    let project = books();
    let without = project.run(&["serve"]);
    assert_eq!(without.code, Some(1));
    assert!(
        without.stderr.contains("no JWT secret") && without.stderr.contains("BASALT_AUTH__JWT_SECRET"),
        "{}",
        without.stderr
    );

    let published = "super-secret-jwt-token-with-at-least-32-characters-long";
    project.write("basalt.toml", &format!("[auth]\njwt_secret = \"{published}\"\n"));
    let refused = project.run(&["serve"]);
    assert!(refused.stderr.contains("published development secret"), "{}", refused.stderr);
    let as_jwk = r#"{"keys":[{"kty":"oct","alg":"HS256","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJhY3RlcnMtbG9uZw"}]}"#;
    let jwks = ("BASALT_AUTH__JWKS", as_jwk);
    let as_file = ("BASALT_AUTH__JWKS_FILE", "published.json");
    let self_hosted = ("BASALT_AUTH__JWT_SECRET", "your-super-secret-jwt-token-with-at-least-32-characters-long");
    let tutorial = ("BASALT_AUTH__JWT_SECRET", "reallyreallyreallyreallyverysafe");
    let as_key = ("BASALT_AUTH__SECRET_KEY", published);
    let service_key = ("BASALT_AUTH__SECRET_KEY", "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz");
    // Tokens signed with those secrets are no better as keys, whoever made them and whenever they expire.
    let keys = project.run(&["keys", "--secret", published]).stdout;
    let token = |kind: &str| keys.lines().find_map(|line| Some(line.strip_prefix(kind)?.trim())).unwrap();
    let (service_token, anon_token) = (token("service key"), token("anon key"));
    let expired_token = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIiwiZXhwIjoxNjAwMDAwMDAwfQ.\
        iOocgPuh66HpT25hY7ZBI_TuoRqOXEyTvT9KV4WYA9479kGab-CnlQuSmdZ6djkZ896PeL1xD2O7LqvhfU2YXg";
    let tokens = [
        ("BASALT_AUTH__SECRET_KEY", service_token),
        ("BASALT_AUTH__SECRET_KEY", expired_token),
        ("BASALT_AUTH__PUBLISHABLE_KEY", anon_token),
    ];
    project.write("published.json", as_jwk);
    project.write("basalt.toml", &format!("[auth]\njwt_secret = \"{SECRET}\"\n"));
    for published in [jwks, as_file, self_hosted, tutorial, as_key, service_key].into_iter().chain(tokens) {
        let refused = project.run_with(&["serve"], &[(published.0, published.1.to_owned())]);
        assert!(refused.stderr.contains("published development secret"), "{published:?}: {}", refused.stderr);
    }
    // Nor is one that can be guessed, or that every client has.
    for (keys, told) in [
        ("secret_key = \"a\"", "`auth.secret_key` must have at least 32 bytes"),
        (
            "secret_key = \"sb_of_our_own_0123456789_0123456789\"\npublishable_key = \"sb_of_our_own_0123456789_0123456789\"",
            "the same as `auth.publishable_key`",
        ),
    ] {
        project.write("basalt.toml", &format!("[auth]\njwt_secret = \"{SECRET}\"\n{keys}\n"));
        let refused = project.run(&["serve", "--migrate"]);
        assert!(refused.code == Some(1) && refused.stderr.contains(told), "{keys}: {}", refused.stderr);
    }
    project.write("basalt.toml", &format!("[auth]\njwt_secret = \"{SECRET}\"\n[auth.email]\nmailbox = true\n"));
    let refused = project.run(&["serve", "--migrate"]);
    assert!(refused.stderr.contains("`auth.email.mailbox` is for development"), "{}", refused.stderr);

    project.write("basalt.toml", &format!("[auth]\njwt_secret = \"{SECRET}\"\n"));
    let pending = project.run(&["serve"]);
    assert_eq!(pending.code, Some(1));
    assert!(pending.stderr.contains("1 migration not applied: 0001_books"), "{}", pending.stderr);
    assert!(pending.stderr.contains("basalt serve --migrate"), "{}", pending.stderr);
}

#[test]
fn serve_migrates_when_told_and_ends_in_order() {
    let project = books();
    let server =
        project.start(&["serve", "--migrate"], &[("BASALT_AUTH__JWT_SECRET", SECRET), ("BASALT_LOG__FORMAT", "json")]);
    let log: serde_json::Value = serde_json::from_str(server.banner.last().unwrap()).unwrap();
    assert_eq!(log["message"], "serving");
    // No seed in production, and no key needed for what a policy opens.
    assert_eq!(server.get("/rest/v1/books").1, "[]");
    assert_eq!(server.get("/health/live").0, 200);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_server_in_production_is_not_reset() {
    let project = books();
    let server = project.start(&["serve", "--migrate"], &[("BASALT_AUTH__JWT_SECRET", SECRET)]);
    let refused = project.run(&["db", "reset", "--yes"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("in use by another Basalt"), "{}", refused.stderr);
    assert_eq!(server.get("/rest/v1/books").0, 200);
}

#[test]
fn a_port_that_is_taken_is_told_by_the_key_that_names_it() {
    let project = books();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let secret = ("BASALT_AUTH__JWT_SECRET", SECRET.to_owned());
    let admin = [secret.clone(), ("BASALT_SERVER__ADMIN_PORT", port.clone())];
    let refused = project.run_with(&["serve", "--migrate", "--port", "0"], &admin);
    assert!(refused.code == Some(1) && refused.stderr.contains("with `server.admin_port`"), "{}", refused.stderr);
    let refused = project.run_with(&["serve", "--port", &port], &[secret]);
    assert!(refused.code == Some(1) && refused.stderr.contains("with --port"), "{}", refused.stderr);
}

#[test]
fn secrets_and_values_are_not_logged() {
    let project = books();
    let server =
        project.start(&["serve", "--migrate"], &[("BASALT_AUTH__JWT_SECRET", SECRET), ("BASALT_LOG__LEVEL", "info")]);
    let keys = project.run(&["keys", "--secret", SECRET]).stdout;
    let key =
        keys.lines().find(|line| line.starts_with("anon key")).and_then(|line| line.split(' ').next_back()).unwrap();
    server.request("GET", "/rest/v1/books?title=eq.hush", &[&format!("apikey: {key}"), "x-request-id: seen"], "");
    let line = server.says("seen");
    for secret in [key, "hush", SECRET] {
        assert!(!line.contains(secret) && !server.banner.iter().any(|line| line.contains(secret)), "{line}");
    }
}

#[test]
fn a_private_key_signs_the_keys_that_are_shown() {
    let project = books();
    project.write("keys.json", &project.run(&["keys", "--signing"]).stdout);
    project.write("basalt.toml", "[auth]\nsigning_keys_path = \"./keys.json\"\n");
    let shown = project.run(&["keys"]).stderr;
    assert!(shown.contains("the first key of ./keys.json,"), "{shown}");
    let server = project.start(&["dev"], &[]);
    for key in [service_key(&server.banner.join("\n")), service_key(&project.run(&["keys"]).stdout)] {
        let answer =
            server.request("GET", "/rest/v1/books?select=title", &[&format!("authorization: Bearer {key}")], "");
        assert!(answer.0 == 200 && answer.1.contains("Dear"), "{answer:?}");
        let users = server.request("GET", "/auth/v1/admin/users", &[&format!("authorization: Bearer {key}")], "");
        assert_eq!(users.0, 200, "{}", users.1);
    }
    // Another key in the file is taken up.
    let old = service_key(&server.banner.join("\n"));
    project.write("keys.json", &project.run(&["keys", "--signing"]).stdout);
    server.says("restarted");
    assert_eq!(server.request("GET", "/rest/v1/books", &[&format!("authorization: Bearer {old}")], "").0, 401);
    let new = service_key(&project.run(&["keys"]).stdout);
    assert_eq!(server.request("GET", "/rest/v1/books", &[&format!("authorization: Bearer {new}")], "").0, 200);
}

#[test]
fn keys_are_the_secret_s() {
    let project = books();
    assert_eq!(project.run(&["keys", "--secret", "short"]).code, Some(1));
    let elsewhere = project.run(&["keys", "--project", "nosuchdir"]);
    assert!(elsewhere.code == Some(1) && elsewhere.stderr.contains("nosuchdir"), "{}", elsewhere.stderr);
    let keys = project.run(&["keys", "--secret", SECRET]);
    assert!(keys.stdout.contains(SECRET) && keys.stderr.contains("BASALT_AUTH__JWT_SECRET"), "{}", keys.stdout);
    assert_ne!(project.run(&["keys", "--new"]).stdout, project.run(&["keys", "--new"]).stdout);
}
