//! `select ... for update` and its kin. There is one writer, so whoever may write has the rows locked already: what is left of the clause
//! are the rights that PostgreSQL asks for it.

use std::iter::successors;

use basalt_core::{Error, Result};
use sqlparser::ast::{Distinct, LockClause, LockType, SetExpr};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::compiler::Compiler;
use super::from::FromClause;
use super::group::is_grouped;
use super::parse::word;
use super::scope::Scope;
use super::types::split_name;
use super::{policy, privilege};
use crate::catalog::{PolicyCommand, Privilege};

impl Compiler<'_> {
    /// Asks what locking rows asks: UPDATE on some column of each table that is named, or of all, and its UPDATE policies.
    ///
    /// Errors: 42501 without the privilege; 42P01 for a table that is not in FROM; 0A000 for rows of an outer join that may be missing.
    pub(super) fn bind_locks(&mut self, scope: &Scope<'_>, from: &mut FromClause, locks: &[LockClause]) -> Result<()> {
        for lock in locks {
            let of = lock.of.as_ref().map(split_name).transpose()?.map(|(_, table)| table);
            let words = words(lock);
            let mut named =
                scope.sources.iter().filter(|source| of.as_ref().is_none_or(|of| *of == source.alias)).peekable();
            if let (Some(of), None) = (&of, named.peek()) {
                return Err(Error::new(
                    "42P01",
                    format!("relation \"{of}\" in {words} clause not found in FROM clause"),
                ));
            }
            for source in named {
                let Some(relation) = source.relation.as_ref() else { continue };
                if source.nullable {
                    let message = format!("{words} cannot be applied to the nullable side of an outer join");
                    return Err(Error::new("0A000", message));
                }
                privilege::require_columns(self.catalog, &self.role, relation, [], Privilege::Update)?;
                from.filters.extend(policy::using(self, source, PolicyCommand::Update)?);
            }
        }
        if !locks.is_empty() {
            self.locks.get_or_insert(self.steps.len());
        }
        Ok(())
    }
}

/// 0A000 where the rows of a query are none of a table.
pub(super) fn check_lockable(body: &SetExpr, locks: &[LockClause]) -> Result<()> {
    let Some(lock) = locks.first() else { return Ok(()) };
    let clause = match body {
        SetExpr::Select(select) => match &select.distinct {
            Some(Distinct::Distinct | Distinct::On(_)) => "DISTINCT clause",
            _ if is_grouped(select) => "GROUP BY clause",
            _ if select.having.is_some() => "HAVING clause",
            _ => return Ok(()),
        },
        SetExpr::SetOperation { .. } => "UNION/INTERSECT/EXCEPT",
        SetExpr::Values(_) => {
            return Err(Error::new("0A000", format!("{} cannot be applied to VALUES", words(lock))));
        }
        _ => return Ok(()),
    };
    Err(not_lockable(locks, clause))
}

/// 0A000 for a clause that makes other rows of a table's.
pub(super) fn not_lockable(locks: &[LockClause], clause: &str) -> Error {
    let words = locks.first().map(words).unwrap_or_default();
    Error::new("0A000", format!("{words} is not allowed with {clause}"))
}

fn words(lock: &LockClause) -> &'static str {
    match lock.lock_type {
        LockType::Update => "FOR UPDATE",
        LockType::Share => "FOR SHARE",
    }
}

/// `for no key update` and `for key share`, which go on without those words; and `of a, b`, which goes on as two clauses.
pub(super) fn carry_locks(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        if word(&tokens[at]).as_deref() != Some("for") {
            at += 1;
            continue;
        }
        let Some((kind, last)) = strength(tokens, at) else {
            at += 1;
            continue;
        };
        tokens.drain(kind..last);
        at = kind + 1;
        let Some(of) = following(tokens, kind).filter(|of| word(&tokens[*of]).as_deref() == Some("of")) else {
            continue;
        };
        let clause = [tokens[kind].clone(), tokens[of].clone()];
        let mut here = of;
        while let Some(comma) = following(tokens, here).and_then(|name| following(tokens, name)) {
            if tokens[comma].token != Token::Comma {
                break;
            }
            let span = tokens[comma].span;
            let [kind, of] = clause.clone();
            let for_word = TokenWithSpan::new(Token::make_keyword("FOR"), span);
            tokens.splice(comma..=comma, [for_word, kind, of]);
            here = comma + 2;
        }
        at = here;
    }
}

/// The places of the first and the last word that say how strong a lock is, if that is what stands behind a `for`: that of
/// `substring(a from 1 for key)` is none.
fn strength(tokens: &[TokenWithSpan], at: usize) -> Option<(usize, usize)> {
    let next = |at: &usize| following(tokens, *at);
    let places: Vec<usize> = successors(next(&at), next).take(3).collect();
    let words: Vec<Option<String>> = places.iter().map(|place| word(&tokens[*place])).collect();
    let words: Vec<&str> = words.iter().map_while(|word| word.as_deref()).collect();
    let last = match words.as_slice() {
        ["update" | "share", ..] => 0,
        ["key", "share", ..] => 1,
        ["no", "key", "update"] => 2,
        _ => return None,
    };
    Some((places[0], places[last]))
}

/// The place of the next token that is no space.
fn following(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let next = tokens.get(at + 1..)?.iter().position(|token| !matches!(token.token, Token::Whitespace(_)))?;
    Some(at + 1 + next)
}
