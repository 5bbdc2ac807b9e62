//! Roles that a dump's policies and rights name. They are the cluster's, so that pg_dump makes none of them.

use std::collections::BTreeSet;

use super::super::cursor::Cursor;
use super::Taken;
use super::rights::{is_of_a_dump, made};
use crate::Catalog;
use crate::catalog::PUBLIC;
use crate::quote;
use crate::script::first_word;

/// Has roles made that a dump names and nobody has made, without login, and gives their names.
pub(super) fn make(pieces: &mut Vec<Taken<'_>>, catalog: &Catalog) -> BTreeSet<String> {
    let (mut missing, mut own) = (BTreeSet::new(), BTreeSet::new());
    if !is_of_a_dump(pieces) {
        return missing;
    }
    for taken in pieces.iter() {
        match taken.piece().statement().and_then(|(sql, _)| named(sql)) {
            Some(Named::Made(role)) => drop(own.insert(role)),
            Some(Named::Used(roles)) => missing.extend(roles),
            None => {}
        }
    }
    missing.retain(|role| role != PUBLIC && !own.contains(role) && !catalog.roles.contains_key(role));
    let roles = missing.iter().map(|role| made(format!("create role {} nologin", quote::ident(role))));
    pieces.splice(0..0, roles);
    missing
}

/// What a statement says of roles.
enum Named {
    Made(String),
    Used(Vec<String>),
}

fn named(sql: &str) -> Option<Named> {
    let first = first_word(sql)?;
    if !["create", "grant", "revoke", "alter"].iter().any(|word| first.eq_ignore_ascii_case(word)) {
        return None;
    }
    let mut cursor = Cursor::new(sql).ok()?;
    let makes = ["create role", "create user", "create group"];
    match cursor
        .accept_any(&[&makes[..], &["create policy", "grant", "revoke", "alter default privileges"]].concat())?
    {
        "create policy" => drop(cursor.skip_to(&["to", "using", "with check"]).filter(|word| *word == "to")?),
        word if makes.contains(&word) => return Some(Named::Made(cursor.ident().ok()?)),
        _ => {
            cursor.skip_to(&["on"])?;
            cursor.skip_to(&["to", "from"])?;
        }
    }
    let roles = cursor.list(|cursor| {
        cursor.accept("group");
        cursor.ident()
    });
    Some(Named::Used(roles.ok()?))
}
