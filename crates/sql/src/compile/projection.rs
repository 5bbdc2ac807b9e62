//! The select list: `*` expanded, names made unique for SQLite.

use std::collections::HashSet;

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast::{SelectItem, SelectItemQualifiedWildcardKind, Spanned};

use super::carried::starred;
use super::compiler::Compiler;
use super::name::column_name;
use super::scope::{Clause, Scope, Source};
use super::select::{BoundColumn, Wanted};
use super::typed::{Form, Typed};
use super::types::split_name;
use crate::quote;

/// The most columns of a row (PostgreSQL's MaxTupleAttributeNumber).
const MOST_COLUMNS: usize = 1664;

/// An item of a select list.
pub(super) struct Item {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Typed,
}

impl Compiler<'_> {
    /// The select list, `*` expanded; what the place wants done with each value.
    pub(super) fn bind_items(
        &mut self,
        scope: &Scope<'_>,
        projection: &[SelectItem],
        wanted: Wanted<'_>,
    ) -> Result<Vec<Item>> {
        let mut items: Vec<Item> = Vec::with_capacity(projection.len());
        for item in projection {
            let expected = wanted.types.and_then(|(types, _)| types.get(items.len())).map(|(ty, _)| ty);
            match item {
                SelectItem::UnnamedExpr(expr) if let Some(row) = starred(expr) => {
                    let row = self.bind_expr(scope, &row, None)?;
                    self.expand_row(&row, &mut items)?;
                }
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    let name = match item {
                        SelectItem::ExprWithAlias { alias, .. } if alias.quote_style == Some('\'') => {
                            return Err(Error::new("42601", format!("syntax error at or near \"{alias}\"")));
                        }
                        SelectItem::ExprWithAlias { alias, .. } => super::types::fold(alias),
                        _ => column_name(expr),
                    };
                    let value = self.bind_expr(scope, expr, expected)?;
                    items.push(Item { name, value });
                }
                SelectItem::Wildcard(_) => self.noting_star(item, |c| c.expand_all(scope, &mut items, item))?,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let (schema, alias) = split_name(name)?;
                    match (scope.named(schema.as_deref(), &alias), scope.join(&alias)) {
                        (Some((source, level)), _) => {
                            self.noting_star(item, |c| c.expand(level, source, &mut items))?;
                        }
                        (None, Some((columns, level))) => {
                            for column in columns {
                                let value = self.use_merged(level, column, !std::ptr::eq(level, scope))?;
                                items.push(Item { name: column.name.clone(), value });
                            }
                        }
                        (None, None) => self.expand_argument(scope, name, &alias, &mut items)?,
                    }
                }
                other => return Err(Error::new("42601", format!("syntax error at or near \"{other}\""))),
            }
        }
        if items.len() > MOST_COLUMNS {
            return Err(Error::new("54011", format!("target lists can have at most {MOST_COLUMNS} entries")));
        }
        if let Some((types, context)) = wanted.types {
            // More columns than wanted are the caller's to refuse, who knows what it is that has too few.
            for (item, (ty, typmod)) in items.iter_mut().zip(types) {
                item.value = self.coerce(item.value.clone(), ty, *typmod, context)?;
            }
        }
        Ok(items)
    }

    /// Binds a select list (or RETURNING): names and values, `*` expanded.
    pub fn bind_projection(&mut self, scope: &Scope<'_>, items: &[SelectItem]) -> Result<Vec<(String, Typed)>> {
        let outer = scope.clause.replace(Clause::Rows("RETURNING"));
        let bound = self.bind_items(scope, items, Wanted::default());
        scope.clause.set(outer);
        bound?.into_iter().map(|item| Ok((item.name, self.storable(item.value)?))).collect()
    }

    fn expand_all(&mut self, scope: &Scope<'_>, items: &mut Vec<Item>, item: &SelectItem) -> Result<()> {
        if scope.sources.iter().all(|s| s.qualified_only) {
            let error = Error::new("42601", "SELECT * with no tables specified is not valid");
            return Err(self.place(error, item.span()));
        }
        let mut merged = Vec::new();
        for column in &scope.merged {
            items.push(Item { name: column.name.clone(), value: self.merged_value(scope, column)? });
            self.note_starred(&column.name, None);
            merged.extend(column.parts.iter().copied());
        }
        for source in scope.sources.iter().filter(|s| !s.qualified_only) {
            for (index, column) in source.columns.iter().enumerate() {
                if !column.hidden && !merged.contains(&(source.id, index)) {
                    let value = self.use_column(scope, source, index, false)?;
                    self.note_starred(&column.name, Some((source, index)));
                    items.push(Item { name: column.name.clone(), value });
                }
            }
        }
        Ok(())
    }

    fn merged_value(&mut self, scope: &Scope<'_>, merged: &super::scope::Merged) -> Result<Typed> {
        for &(id, column) in &merged.parts {
            if let Some(source) = scope.source(id) {
                self.use_column(scope, source, column, false)?;
            }
        }
        Ok(merged.value.clone())
    }

    fn expand(&mut self, level: &Scope<'_>, source: &Source, items: &mut Vec<Item>) -> Result<()> {
        for (index, column) in source.columns.iter().enumerate().filter(|(_, c)| !c.hidden) {
            let value = self.use_column(level, source, index, false)?;
            self.note_starred(&column.name, Some((source, index)));
            items.push(Item { name: column.name.clone(), value });
        }
        Ok(())
    }

    fn expand_row(&mut self, row: &Typed, items: &mut Vec<Item>) -> Result<()> {
        let Type::Record(fields) = &row.ty else {
            return Err(Error::new("42809", format!("type {} is not composite", row.ty.sql_name())));
        };
        for (name, _) in fields.iter() {
            items.push(Item { name: name.clone(), value: self.field(row, name)? });
        }
        Ok(())
    }

    fn expand_argument(
        &mut self,
        scope: &Scope<'_>,
        name: &sqlparser::ast::ObjectName,
        alias: &str,
        items: &mut Vec<Item>,
    ) -> Result<()> {
        let args = scope.levels().find_map(|level| level.args.clone());
        if let Some(args) = &args {
            args.check_assigned(alias)?;
        }
        match args.and_then(|args| args.named(alias).cloned()) {
            Some(row) => self.expand_row(&row, items),
            None => {
                let error = Error::new("42P01", format!("missing FROM-clause entry for table \"{alias}\""));
                Err(self.place(error, name.span()))
            }
        }
    }
}

/// The row, or its one column, of a set function of the select list.
pub(super) fn set_item_value(source: &Source) -> Typed {
    match source.columns.iter().filter(|column| !column.hidden).count() {
        1 if source.whole().is_none() => source.value(0),
        _ => super::row::of_source(source),
    }
}

/// The columns of a select list, with names that are unique in SQLite.
pub(super) fn columns_of(scope: &Scope<'_>, items: &[Item]) -> Vec<BoundColumn> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut columns = Vec::with_capacity(items.len());
    for item in items {
        let mut sqlite = item.name.clone();
        let mut number = 2;
        // SQLite's names differ by more than case.
        while !taken.insert(sqlite.to_lowercase()) {
            sqlite = format!("{}_{number}", item.name);
            number += 1;
        }
        let source = match item.value.form {
            Form::Column(id, index) => scope.source(id).and_then(|source| {
                let Some(relation) = &source.relation else { return source.origins.get(index)?.clone() };
                Some((relation.name.clone(), relation.columns.get(index)?.name.clone()))
            }),
            _ => None,
        };
        columns.push(BoundColumn {
            name: item.name.clone(),
            sqlite,
            ty: item.value.ty.clone(),
            typmod: item.value.typmod,
            not_null: item.value.not_null,
            collated: item.value.collated,
            leakproof: item.value.leakproof && item.value.leaks.is_empty(),
            source,
        });
    }
    columns
}

/// An item of SQLite's select list; a column that has the wanted name anyway needs no alias.
pub(super) fn aliased(item: &Item, column: &BoundColumn) -> String {
    let name = quote::ident(&column.sqlite);
    let is_named = matches!(item.value.form, Form::Column(..)) && item.value.sql.ends_with(&format!(".{name}"));
    if is_named { item.value.sql.clone() } else { format!("{} AS {name}", item.value.sql) }
}
