//! Defaults that a foreign key's SET DEFAULT writes, and that refer to nothing.

use basalt_core::{Error, Identity};
use basalt_sql::catalog::{Column, ForeignKey, Relation};
use basalt_sql::compile::compile;
use basalt_types::{Value, codec};

use super::Attempt;
use super::foreign_key::{missing, referenced};
use super::row::{exists, type_name, values};
use crate::Format;
use crate::sqlite::functions::with_context;
use crate::sqlite::programs::Compiled;
use crate::sqlite::run;

impl Attempt<'_> {
    /// The key that a referring row's defaults violate, while `gone` rows of `target` become the `kept` ones. It referred to the one at `at`.
    pub(super) fn missing_default(
        &self,
        (relation, referring): (&Relation, &[Value]),
        (name, key): (&str, &ForeignKey),
        target: &Relation,
        (gone, at): (&[Vec<Value>], usize),
        kept: &[&[Value]],
    ) -> Option<Error> {
        let set: Vec<&String> =
            if kept.is_empty() { key.set_on_delete().collect() } else { key.columns.iter().collect() };
        let row = self.with_defaults(relation, &set, referring)?;
        let wanted = values(relation, &key.columns, &row)?;
        let is_meant = |row: &[Value]| values(target, &key.target_columns, row).as_ref() == Some(&wanted);
        let is_there = exists(self.connection, &key.target, &key.target_columns, &wanted)
            && !gone.iter().any(|row| is_meant(row))
            || kept.iter().any(|row| is_meant(row));
        if is_there || wanted.iter().any(Value::is_null) {
            return None;
        }
        // A row that refers to its default already is left as it was.
        if is_meant(&gone[at]) {
            return Some(referenced(target, relation, name, key, self.show_values.then_some(gone[at].as_slice())));
        }
        Some(missing(relation, name, key, self.show_values.then_some(row.as_slice())))
    }

    fn with_defaults(&self, relation: &Relation, columns: &[&String], row: &[Value]) -> Option<Vec<Value>> {
        let mut row = row.to_vec();
        for name in columns {
            let position = relation.columns.iter().position(|column| column.name == **name)?;
            *row.get_mut(position)? = self.default_of(&relation.columns[position])?;
        }
        Some(row)
    }

    /// A column's default; `None` if it can't be told without drawing from a sequence.
    fn default_of(&self, column: &Column) -> Option<Value> {
        let Some(source) = &column.default else { return Some(Value::Null) };
        let path = ["public".to_owned(), "extensions".to_owned()];
        let sql = format!("select ({source})::{}", type_name(&column.ty));
        let program =
            compile(&self.schema.catalog, Identity::OWNER, &path, &sql).ok().filter(|program| !program.writes)?;
        let compiled = Compiled::new(program, self.schema);
        let answer = run::statement(self.connection, self.schema, &compiled, &[], Format::None, usize::MAX).ok()?;
        match answer.first_row.into_iter().next()? {
            (_, None) => Some(Value::Null),
            (_, Some(text)) => with_context(|context| codec::from_text(&column.ty, column.typmod, &text, context)).ok(),
        }
    }
}
