//! `pg_get_constraintdef`: what a constraint demands, as PostgreSQL writes it.

use std::collections::BTreeMap;

use basalt_types::Type;
use basalt_types::text::quoted_ident as quoted;

use super::Asker;
use super::constraints::rule;
use crate::catalog::{Constraint, ConstraintKind, Exclusion, ForeignKey, ReferentialAction, Relation};
use crate::compile::compiler::Compiler;
use crate::compile::typed::Typed;
use crate::quote;

impl Compiler<'_> {
    /// The definition of the constraint that `pg_constraint` has this `oid` for; NULL if there is none.
    pub(in crate::compile) fn constraint_definition(&self, oid: &Typed) -> Typed {
        let asker = self.asker();
        let definitions: BTreeMap<String, String> = asker
            .relations()
            .flat_map(|relation| relation.constraints.iter().map(move |constraint| (relation, constraint)))
            .map(|(relation, constraint)| (asker.constraint(relation, constraint), asker.definition(constraint)))
            .collect();
        let definitions = quote::literal(&crate::compile::cast::json(&definitions));
        Typed::over(format!("(SELECT value FROM json_each({definitions}) WHERE key = {})", oid.sql), Type::TEXT, [oid])
    }
}

impl Asker<'_> {
    /// What tells a constraint from all others: its name and its table's.
    pub(super) fn constraint(&self, relation: &Relation, constraint: &Constraint) -> String {
        format!("{} on {}", quoted(&constraint.name), self.class(&relation.name))
    }

    fn definition(&self, constraint: &Constraint) -> String {
        let mut text = match &constraint.kind {
            ConstraintKind::PrimaryKey(columns) => format!("PRIMARY KEY ({})", list(columns)),
            ConstraintKind::Unique(columns) => format!("UNIQUE ({})", list(columns)),
            ConstraintKind::Check(source) => format!("CHECK (({source}))"),
            ConstraintKind::ForeignKey(key) => self.reference(key),
            ConstraintKind::Exclude(exclusion) => exclude(exclusion),
        };
        let tail = [
            (constraint.deferrable, " DEFERRABLE"),
            (constraint.initially_deferred, " INITIALLY DEFERRED"),
            (constraint.not_valid, " NOT VALID"),
        ];
        tail.into_iter().filter(|(holds, _)| *holds).for_each(|(_, words)| text.push_str(words));
        text
    }

    fn reference(&self, key: &ForeignKey) -> String {
        let target = self.class(&key.target);
        let mut text =
            format!("FOREIGN KEY ({}) REFERENCES {target}({})", list(&key.columns), list(&key.target_columns));
        for (event, action) in [("UPDATE", key.on_update), ("DELETE", key.on_delete)] {
            if action != ReferentialAction::NoAction {
                text.push_str(&format!(" ON {event} {}", rule(action)));
            }
        }
        if !key.set_columns.is_empty() {
            text.push_str(&format!(" ({})", list(&key.set_columns)));
        }
        text
    }
}

fn exclude(exclusion: &Exclusion) -> String {
    let elements = exclusion.elements.iter().map(|element| format!("{} WITH {}", element.key, element.operator));
    let predicate = exclusion.predicate.as_ref().map(|source| format!(" WHERE (({source}))")).unwrap_or_default();
    format!("EXCLUDE USING gist ({}){predicate}", elements.collect::<Vec<_>>().join(", "))
}

fn list(columns: &[String]) -> String {
    columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ")
}
