//! All that can't run in a project's migrations and seeds: what is refused is left out, and the rest goes on.

use std::collections::HashSet;

use basalt_core::Error;
use basalt_db::Database;
use basalt_db::migrate::ScriptError;
use basalt_server::project::{Project, Script};
use basalt_sql::script::{Piece, split};

use crate::migrating::script_failure;
use crate::report::{Failure, Report};

/// As many refused statements are reported of a project.
const MOST: usize = 50;
/// Something is not there: a schema, a relation, a column, a function, a type or another object.
const MISSING: [&str; 5] = ["3F000", "42P01", "42703", "42883", "42704"];
/// A row refers to one that is not there.
const ORPHANED: &str = "23503";

/// What was refused so far.
#[derive(Default)]
pub struct Refused {
    /// What was wrong, without what followed from it.
    pub reports: Vec<Report>,
    /// Names that the refused statements would have made.
    made: HashSet<String>,
    /// Every name in them.
    named: HashSet<String>,
    /// Statements left out.
    count: usize,
}

/// Applies the project's migrations and runs its seeds without the statements that can't run.
///
/// Errors: what is no statement's fault.
pub async fn apply(project: &Project, database: &Database) -> Result<Refused, Failure> {
    let mut refused = Refused::default();
    for migration in &project.migrations {
        let (version, name) = (&migration.version, &migration.name);
        let apply = async |source: &str| database.apply_migration(version, name, source).await.map(drop);
        refused.run(&migration.script, apply).await?;
    }
    for seed in &project.seeds {
        let run = async |source: &str| database.run_script(source, |_| {}).await.map(drop);
        refused.run(seed, run).await?;
    }
    Ok(refused)
}

impl Refused {
    /// Whether a refused statement names a relation, `schema.name`, so that nothing certain is known of it.
    pub fn touches(&self, relation: &str) -> bool {
        self.named.contains(&last_part(relation).to_lowercase())
    }

    /// Runs a script until all of it passes, each time without one more statement.
    async fn run(
        &mut self,
        script: &Script,
        run: impl AsyncFn(&str) -> Result<(), ScriptError>,
    ) -> Result<(), Failure> {
        let mut source = script.source.clone();
        while let Err(error) = run(&source).await {
            let failure = script_failure(script, &error);
            let Some(rest) = without(&source, error.offset).filter(|_| self.count < MOST) else {
                // The file can't be cut into statements, or enough was said.
                self.reports.extend(failure.0);
                return Ok(());
            };
            if error.statement.is_empty() {
                return Err(failure);
            }
            if !self.explains(&error.error) {
                self.reports.extend(failure.0);
            }
            self.leave_out(&error.statement);
            source = rest;
        }
        Ok(())
    }

    /// Whether an error follows from a statement that was left out.
    fn explains(&self, error: &Error) -> bool {
        let is_missing = || missing_name(error.message()).is_some_and(|name| self.made.contains(&name));
        match error.code() {
            ORPHANED => self.count > 0,
            code => MISSING.contains(&code) && is_missing(),
        }
    }

    fn leave_out(&mut self, statement: &str) {
        self.made.extend(made_names(statement));
        self.named.extend(words(statement));
        self.count += 1;
    }
}

/// The script with blanks in the place of the piece at `offset`, so that every other keeps its place; nothing if no piece is there.
fn without(source: &str, offset: usize) -> Option<String> {
    let pieces = split(source).ok()?;
    let starts: Vec<usize> = pieces.iter().map(start_of).collect();
    let index = starts.iter().rposition(|start| *start <= offset)?;
    let end = starts.get(index + 1).copied().unwrap_or(source.len());
    let blanks = source[starts[index]..end].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    Some(source[..starts[index]].chars().chain(blanks).chain(source[end..].chars()).collect())
}

fn start_of(piece: &Piece<'_>) -> usize {
    match piece {
        Piece::Statement { offset, .. } | Piece::Copy { offset, .. } | Piece::Meta { offset, .. } => *offset,
    }
}

/// The names that a statement may have been meant to make: of `create`, the words before its body; of `alter`, those after `add` or `to`.
fn made_names(statement: &str) -> Vec<String> {
    let head = statement.split('(').next().unwrap_or_default();
    let words = words(head);
    match words.first().map(String::as_str) {
        Some("create") => words.into_iter().take_while(|word| !matches!(word.as_str(), "as" | "on" | "for")).collect(),
        Some("alter") => words.into_iter().skip_while(|word| word != "add" && word != "to").collect(),
        _ => Vec::new(),
    }
}

/// What an error of a missing object says is missing: `b` of `relation "public.b" does not exist`, `f` of `function f(integer) does not
/// exist`.
fn missing_name(message: &str) -> Option<String> {
    let quoted = message.split('"').nth(1);
    let bare = || message.split_whitespace().nth(1)?.split('(').next();
    quoted.or_else(bare).map(|name| last_part(name).to_lowercase())
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn words(sql: &str) -> Vec<String> {
    let words = sql.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_blanked_and_the_others_keep_their_places() {
        let source = "select 1;\nselect 'é',\n nosuch;\nselect 3;";
        let rest = without(source, source.find("nosuch").unwrap()).unwrap();
        assert_eq!((rest.len(), rest.find("select 3")), (source.len(), source.find("select 3")));
        assert!(rest.starts_with("select 1;\n") && !rest.contains("nosuch") && !rest.contains('é'));
        assert_eq!(without("select 'x", 3), None);
    }

    #[test]
    fn names_are_found_in_statements_and_messages() {
        assert!(made_names("create tabel public.Books (id int)").contains(&"books".to_owned()));
        assert!(!made_names("create view v as select * from t").contains(&"t".to_owned()));
        assert!(made_names("alter table t add column x nosuch").contains(&"x".to_owned()));
        assert!(made_names("insert into t values (1)").is_empty());
        assert_eq!(missing_name("relation \"public.b\" does not exist").as_deref(), Some("b"));
        assert_eq!(missing_name("function s.f(integer) does not exist").as_deref(), Some("f"));
    }
}
