//! The contract, statement by statement: `contract/*.txt`, a file a section, of requests and what is answered, byte for byte.
//!
//! ```text
//! # What is stated.
//! POST /table?select=id
//!   Prefer: return=representation
//!   {"id": 1}
//! => 201 [{"id":1}]
//!   Content-Range: */*
//!   Location:
//! ```
//!
//! Indented lines are headers, then the body; after `=>` they are headers of the answer, absent if nothing follows the
//! colon. `↵` stands for a line feed. `as` names who asks (`service` at first, `anon`, a role), `on` where (`both`,
//! `embedded`, `postgres`, or a number: embedded, and PostgreSQL from that version on). Each file has a server of its own, over the tables of the other modules and `contract/schema.sql`.

use basalt_tests::{Ask, Server, on_postgres, on_postgres_before, token};
use reqwest::Method;
use serde_json::json;

use crate::world::server_with;

struct Case {
    line: usize,
    who: String,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    status: u16,
    answer: String,
    answer_headers: Vec<(String, String)>,
}

/// The cases of a file that hold on this engine.
fn read(source: &str) -> Vec<Case> {
    let (mut who, mut here, mut answered) = ("service".to_owned(), true, false);
    let mut cases: Vec<Case> = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let place = || format!("line {}: {line}", index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        } else if let Some(name) = line.strip_prefix("as ") {
            name.clone_into(&mut who);
        } else if let Some(engine) = line.strip_prefix("on ") {
            here = match engine.parse() {
                Ok(version) => !on_postgres_before(version),
                Err(_) => engine == "both" || (engine == "postgres") == on_postgres(),
            };
        } else if !here {
            continue;
        } else if let Some(answer) = line.strip_prefix("=> ") {
            let case = cases.last_mut().unwrap_or_else(|| panic!("no request before {}", place()));
            let (status, body) = answer.split_once(' ').unwrap_or((answer, ""));
            case.status = status.parse().unwrap_or_else(|_| panic!("no status in {}", place()));
            case.answer = body.replace('↵', "\n");
            answered = true;
        } else if let Some(part) = line.strip_prefix("  ") {
            let case = cases.last_mut().unwrap_or_else(|| panic!("no request before {}", place()));
            let headers = if answered { &mut case.answer_headers } else { &mut case.headers };
            match part.split_once(':').filter(|(name, _)| name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')) {
                Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
                None => part.replace('↵', "\n").clone_into(&mut case.body),
            }
        } else {
            let (method, path) = line.split_once(' ').unwrap_or_else(|| panic!("no request in {}", place()));
            cases.push(Case {
                line: index + 1,
                who: who.clone(),
                method: method.parse().expect("a method"),
                path: path.to_owned(),
                headers: Vec::new(),
                body: String::new(),
                status: 0,
                answer: String::new(),
                answer_headers: Vec::new(),
            });
            answered = false;
        }
    }
    cases
}

fn ask(server: &Server, case: &Case) -> Ask {
    let mut ask = server.ask(case.method.clone(), &case.path);
    ask = match case.who.as_str() {
        "anon" => ask,
        "service" => ask.service(),
        role => ask.token(&token(json!({"role": role}))),
    };
    for (name, value) in &case.headers {
        ask = ask.header(name, value);
    }
    if !case.body.is_empty() {
        ask = ask.body(case.body.clone());
    }
    ask
}

/// Sends what a file has and tells everything that is answered otherwise.
async fn holds(section: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rest/contract");
    let text = |name: String| std::fs::read_to_string(format!("{folder}/{name}")).unwrap_or_default();
    let server = server_with(|_| ()).await;
    let mut scripts = vec![text("schema.sql".into())];
    if on_postgres() {
        scripts.push(text("postgres.sql".into()));
    }
    for script in scripts {
        server.database.run_script(&script, |_| ()).await.unwrap_or_else(|error| panic!("the schema: {error}"));
    }
    let cases = read(&text(format!("{section}.txt")));
    assert!(!cases.is_empty(), "{section} has no cases");
    let mut wrong = Vec::new();
    for case in cases {
        let found = ask(&server, &case).send().await;
        let mut faults = Vec::new();
        if (found.status, &found.body) != (case.status, &case.answer) {
            faults.push(format!("=> {} {}", found.status, found.body.replace('\n', "↵")));
        }
        for (name, value) in &case.answer_headers {
            if found.header(name) != value {
                faults.push(format!("  {name}: {}", found.header(name)));
            }
        }
        if !faults.is_empty() {
            let shown = case.answer.replace('\n', "↵");
            let expected = case.answer_headers.iter().map(|(name, value)| format!("\n  {name}: {value}"));
            wrong.push(format!(
                "{section}.txt:{} {} {}\nexpected\n=> {} {shown}{}\nfound\n{}",
                case.line,
                case.method,
                case.path,
                case.status,
                expected.collect::<String>(),
                faults.join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n\n"));
}

macro_rules! sections {
    ($($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            holds(stringify!($name)).await;
        }
    )*};
}

sections! { paths lexical select filters logic order parameters relationships embedding headers answers writes calls errors rendering }
