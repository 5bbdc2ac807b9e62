//! `truncate`: all rows are deleted.

use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::{Action, Change};
use crate::catalog::Relation;

impl Change<'_> {
    pub(super) fn truncate(&mut self) -> Result<()> {
        self.cursor.accept("table");
        let mut tables: Vec<Arc<Relation>> = Vec::new();
        loop {
            self.cursor.accept("only");
            let raw = self.cursor.name()?;
            self.cursor.accept_token(&Token::Mul);
            tables.push(self.find_table(&raw)?);
            if !self.cursor.accept_token(&Token::Comma) {
                break;
            }
        }
        let restart = self.cursor.accept_any(&["restart identity", "continue identity"]) == Some("restart identity");
        let cascade = self.cursor.accept_any(&["cascade", "restrict"]) == Some("cascade");
        let mut at = 0;
        while at < tables.len() {
            let table = tables[at].clone();
            for other in self.catalog.relations.values() {
                let refers = other.foreign_keys().find(|(_, key)| key.target == table.name);
                let Some((key, _)) = refers.filter(|_| !tables.iter().any(|t| t.name == other.name)) else { continue };
                if !cascade {
                    let detail = format!("Table \"{}\" references \"{}\".", other.name.name, table.name.name);
                    let hint = format!(
                        "Truncate table \"{}\" at the same time, or use TRUNCATE ... CASCADE.",
                        other.name.name
                    );
                    return Err(Error::new("0A000", "cannot truncate a table referenced in a foreign key constraint")
                        .with_detail(detail)
                        .with_hint(hint)
                        .with_constraint(key));
                }
                tables.push(other.clone());
            }
            at += 1;
        }
        self.actions.push(Action::Truncate(tables.iter().map(|table| table.name.clone()).collect()));
        for table in &tables {
            let owned: Vec<_> = self.owned_sequences(&table.name, None).filter(|_| restart).cloned().collect();
            for sequence in owned {
                let start = self.catalog.sequences.get(&sequence).map_or(1, |s| s.start);
                self.actions.push(Action::RestartSequence(sequence.to_string(), start));
            }
        }
        Ok(())
    }
}
