//! Statements over the embedded engine, held to what PostgreSQL 15 answered: rows as CSV, or the error's code, message, DETAIL
//! and HINT as psql shows them (NULL, an empty result's header, and CONTEXT left out).

mod support;

use basalt_core::{Error, Identity};
use basalt_db::{Answer, Format, Request, TransactionEnd};
use support::{request, text, with_schema};

/// Writes with their defaults, conflicts, policies, privileges, constraints, `with` queries and functions.
#[tokio::test]
async fn writes() {
    let (schema, cases) = (include_str!("answers/writes.sql"), include_str!("answers/writes.json"));
    check(schema, cases, Identity::role("authenticated")).await;
}

/// The type `vector`, against PostgreSQL 18 with pgvector 0.8.7.
#[tokio::test]
async fn vectors() {
    let (schema, cases) = (include_str!("answers/vectors.sql"), include_str!("answers/vectors.json"));
    check(schema, cases, Identity::owner()).await;
}

/// Panics with every statement whose answer differs. Each is undone.
async fn check(schema: &str, cases: &str, identity: Identity) {
    let db = with_schema(schema).await;
    let cases: Vec<(String, String)> = serde_json::from_str(cases).expect("JSON");
    let mut wrong = Vec::new();
    for (sql, expected) in cases {
        let identity = identity.clone();
        let request = Request { identity, format: Format::Csv, end: TransactionEnd::Rollback, ..request(&sql, &[]) };
        let answer = shown(db.database.run(request).await);
        if answer != expected {
            wrong.push(format!("{sql}\n  PostgreSQL: {expected}\n  Basalt:     {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn shown(answer: Result<Answer, Error>) -> String {
    let shown = match answer {
        Ok(answer) => text(&answer),
        Err(error) => {
            let mut shown = format!("ERROR:  {}: {}", error.code(), error.message());
            let fields = [("DETAIL", error.detail()), ("HINT", error.hint())];
            for (field, value) in fields.into_iter().filter_map(|(field, value)| Some((field, value?))) {
                shown.push_str(&format!("\n{field}:  {value}"));
            }
            shown
        }
    };
    shown.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
}
