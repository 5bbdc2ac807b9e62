//! VALUES, and UNION, INTERSECT and EXCEPT.

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod};
use sqlparser::ast::{SetExpr, SetOperator, SetQuantifier, Values};

use super::compare::require_equality;
use super::compiler::Compiler;
use super::overload;
use super::scope::{Clause, Scope};
use super::select::{BoundColumn, BoundQuery, Wanted, is_on};
use super::typed::{CastContext, Typed};
use crate::quote;

impl Compiler<'_> {
    pub(super) fn values(
        &mut self,
        outer: Option<&Scope<'_>>,
        values: &Values,
        wanted: Wanted<'_>,
    ) -> Result<BoundQuery> {
        let scope = Scope::new(outer);
        scope.clause.set(Clause::Rows("VALUES"));
        let spread = values.rows.iter().map(|row| self.without_stars(outer, &row.content));
        let rows = spread.collect::<Result<Vec<_>>>()?;
        let width = rows.first().map_or(0, |row| row.len());
        let mut columns: Vec<Vec<Typed>> = vec![Vec::with_capacity(values.rows.len()); width];
        for row in &rows {
            if row.len() != width {
                return Err(Error::new("42601", "VALUES lists must all be the same length"));
            }
            for (column, expr) in row.iter().enumerate() {
                let expected = wanted.types.and_then(|(types, _)| types.get(column)).map(|(ty, _)| ty);
                columns[column].push(self.bind_expr(&scope, expr, expected)?);
            }
        }
        let mut effects = Typed::new("", Type::VOID);
        let mut described = Vec::with_capacity(width);
        for (index, column) in columns.iter_mut().enumerate() {
            let target = wanted.types.and_then(|(types, context)| types.get(index).map(|t| (t, context)));
            let (mut unified, ty, typmod) = match target {
                Some(((ty, typmod), context)) => {
                    let values = std::mem::take(column).into_iter().map(|v| self.coerce(v, ty, *typmod, context));
                    (values.collect::<Result<Vec<_>>>()?, ty.clone(), *typmod)
                }
                None if wanted.undecided && column.iter().all(Typed::is_unknown) => {
                    (std::mem::take(column), Type::UNKNOWN, None)
                }
                None => {
                    let (values, ty) = self.unify(std::mem::take(column), "VALUES")?;
                    (values, ty, None)
                }
            };
            for value in &mut unified {
                if wanted.collated {
                    value.sql = value.collated_sql();
                }
                effects.absorb(value);
            }
            let name = format!("column{}", index + 1);
            described.push(BoundColumn {
                sqlite: name.clone(),
                name,
                ty,
                typmod,
                not_null: unified.iter().all(|v| v.not_null),
                collated: false,
                leakproof: unified.iter().all(|v| v.leakproof && v.leaks.is_empty()),
                source: None,
            });
            *column = unified;
        }
        let row =
            |row: usize| columns.iter().zip(&described).map(move |(column, named)| (&column[row].sql, &named.sqlite));
        let count = values.rows.len();
        let sql = match effects.sources.is_empty() {
            true => {
                let items = |at| row(at).map(|(sql, _)| sql.as_str()).collect::<Vec<_>>().join(", ");
                let rows = (0..count).map(|at| format!("({})", items(at)));
                format!("VALUES {}", rows.collect::<Vec<_>>().join(", "))
            }
            // SQLite has no names for the columns of VALUES that read the query around them.
            false => {
                let items = |at| row(at).map(|(sql, name)| format!("{sql} AS {name}")).collect::<Vec<_>>().join(", ");
                let rows = (0..count).map(|at| format!("SELECT {}", items(at)));
                rows.collect::<Vec<_>>().join(" UNION ALL ")
            }
        };
        let at_most_one = values.rows.len() <= 1;
        Ok(BoundQuery { sql, columns: described, at_most_one, protected: false, effects, value: None })
    }

    pub(super) fn set_operation(
        &mut self,
        outer: Option<&Scope<'_>>,
        left: &SetExpr,
        op: SetOperator,
        quantifier: SetQuantifier,
        right: &SetExpr,
        wanted: Wanted<'_>,
    ) -> Result<BoundQuery> {
        let all = matches!(quantifier, SetQuantifier::All);
        let word = match (op, all) {
            (SetOperator::Union, true) => "UNION ALL",
            (SetOperator::Union, false) => "UNION",
            (SetOperator::Intersect, false) => "INTERSECT",
            (SetOperator::Intersect, true) => "INTERSECT ALL",
            (SetOperator::Except, false) => "EXCEPT",
            (SetOperator::Except, true) => "EXCEPT ALL",
            (SetOperator::Minus, _) => return Err(Error::new("42601", "syntax error at or near \"minus\"")),
        };
        let loose = Wanted { undecided: true, collated: !all, ..Wanted::default() };
        let first = self.set_expr(outer, left, loose)?;
        let second = self.set_expr(outer, right, loose)?;
        if first.columns.len() != second.columns.len() {
            let name = if op == SetOperator::Union { "UNION" } else { word };
            return Err(Error::new("42601", format!("each {name} query must have the same number of columns")));
        }
        let mut types = Vec::with_capacity(first.columns.len());
        for (index, (a, b)) in first.columns.iter().zip(&second.columns).enumerate() {
            let target = wanted.types.and_then(|(types, _)| types.get(index).cloned());
            let same_modifier = if a.typmod == b.typmod { a.typmod } else { None };
            types.push(match (target, overload::common(&a.ty, &b.ty)) {
                (Some(target), _) => target,
                (None, Some(Type::UNKNOWN)) => (Type::TEXT, None),
                (None, Some(ty)) => (ty, same_modifier),
                (None, None) => {
                    let name = if op == SetOperator::Union { "UNION" } else { word };
                    let (a, b) = (a.ty.sql_name(), b.ty.sql_name());
                    return Err(Error::new("42804", format!("{name} types {a} and {b} cannot be matched")));
                }
            });
        }
        if !(all && op == SetOperator::Union) {
            types.iter().try_for_each(|(ty, _)| require_equality(ty))?;
        }
        let context = wanted.types.map_or(CastContext::Implicit, |(_, context)| context);
        let exact = Wanted {
            types: Some((&types, context)),
            undecided: false,
            collated: !all || wanted.collated,
            locks: &[],
            exists: false,
            ties: None,
            absent: &[],
        };
        let fits = |query: &BoundQuery| {
            query
                .columns
                .iter()
                .zip(&types)
                .all(|(c, (ty, typmod))| c.ty == *ty && (typmod.is_none() || *typmod == c.typmod))
        };
        let first = if fits(&first) && !wanted.collated { first } else { self.set_expr(outer, left, exact)? };
        let second = if fits(&second) && !wanted.collated { second } else { self.set_expr(outer, right, exact)? };
        let sql = match word.strip_suffix(" ALL") {
            Some(word) if op != SetOperator::Union => {
                let names: Vec<String> = first.columns.iter().map(|column| quote::ident(&column.sqlite)).collect();
                let (first, second) = (numbered(&first, &types), numbered(&second, &types));
                format!("SELECT {} FROM ({first} {word} {second})", names.join(", "))
            }
            _ => format!("{} {word} {}", operand(first.sql, left, true), operand(second.sql, right, false)),
        };
        let mut effects = first.effects;
        effects.absorb(&second.effects);
        let columns =
            first.columns.into_iter().zip(&second.columns).zip(&types).map(|((a, b), (ty, typmod))| BoundColumn {
                ty: ty.clone(),
                typmod: *typmod,
                not_null: a.not_null && b.not_null,
                collated: a.collated && b.collated,
                leakproof: a.leakproof && b.leakproof,
                source: None,
                ..a
            });
        Ok(BoundQuery {
            sql,
            columns: columns.collect(),
            at_most_one: false,
            protected: first.protected || second.protected,
            effects,
            value: None,
        })
    }
}

/// A query's rows with equal ones numbered, so that the compound that lacks ALL tells them apart.
fn numbered(query: &BoundQuery, types: &[(Type, Option<Typmod>)]) -> String {
    let columns = query.columns.iter().zip(types);
    let columns: Vec<(String, String)> = columns
        .map(|(column, (ty, _))| {
            let name = quote::ident(&column.sqlite);
            let collation = ty.collation().map(|collation| format!(" COLLATE {}", quote::ident(&collation)));
            (format!("{name}{}", collation.unwrap_or_default()), name)
        })
        .collect();
    let keys: Vec<&str> = columns.iter().map(|(key, _)| key.as_str()).collect();
    let shown: Vec<String> = columns.iter().map(|(key, name)| format!("{key} AS {name}")).collect();
    let keys = keys.join(", ");
    let sql = &query.sql;
    format!("SELECT {}, row_number() OVER (PARTITION BY {keys} ORDER BY {keys}) FROM ({sql})", shown.join(", "))
}

/// An operand of a compound SELECT: SQLite takes plain SELECTs, from left to right.
pub(super) fn operand(sql: String, body: &SetExpr, first: bool) -> String {
    match body {
        SetExpr::Select(select) if !is_on(select) => sql,
        // Behind others it may be the last, and SQLite takes no ORDER BY after VALUES.
        SetExpr::Values(_) if first => sql,
        SetExpr::SetOperation { .. } if first => sql,
        _ => format!("SELECT * FROM ({sql})"),
    }
}
