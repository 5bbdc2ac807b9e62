//! Requests written by hand, a file of them by subject.
//!
//! ```text
//! # A comment.
//! as anon, ann
//! POST /table?select=id
//!   Prefer: return=representation
//!   {"id": 1}
//! ```
//!
//! Each request is sent as each of the named, one after the other. Indented lines are headers, then the body.

use reqwest::Method;

use super::pair::{Asked, Who};

/// The requests of a file; `users` are the names that it may use, with their ids.
pub fn read(source: &str, users: &[(&str, &str)]) -> Vec<Asked> {
    let who = |name: &str| match name.trim() {
        "anon" => Who::Anonymous,
        "service" => Who::Service,
        name => match users.iter().find(|(known, _)| *known == name) {
            Some((_, id)) => Who::User((*id).to_owned()),
            None => panic!("nobody is named {name:?}"),
        },
    };
    let mut askers = Vec::new();
    let mut asked: Vec<Asked> = Vec::new();
    // Where the requests of the last line with a path begin.
    let mut last = 0;
    for line in source.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(part) = line.strip_prefix("  ") {
            for request in &mut asked[last..] {
                extend(request, part);
            }
        } else if let Some(names) = line.strip_prefix("as ") {
            askers = names.split(',').map(who).collect();
        } else {
            let (method, path) = line.split_once(' ').unwrap_or_else(|| panic!("not a request: {line}"));
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            last = asked.len();
            asked.extend(askers.iter().map(|who| Asked::new(who.clone(), method.clone(), path)));
        }
    }
    asked
}

/// Adds a line to a request: a header, as long as there is no body yet.
fn extend(request: &mut Asked, line: &str) {
    let header = line.split_once(": ").filter(|(name, _)| name.chars().all(|c| c.is_ascii_alphabetic() || c == '-'));
    match header {
        Some((name, value)) if request.body.is_empty() => request.headers.push((name.to_owned(), value.to_owned())),
        _ if request.body.is_empty() => {
            let typed = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            if !typed {
                request.headers.push(("Content-Type".into(), "application/json".into()));
            }
            request.body = line.to_owned();
        }
        _ => {
            request.body.push('\n');
            request.body.push_str(line);
        }
    }
}
