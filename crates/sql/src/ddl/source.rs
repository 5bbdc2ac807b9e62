//! Expressions and queries as the catalog keeps them: PostgreSQL source in which every name of a relation, function or type of
//! the database's own is qualified, so that it means the same whatever the search path.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;

use basalt_core::Result;
use sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, AssignmentTarget, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select, SelectItem, Statement,
    TableFactor, UnaryOperator, Value, Visit, VisitMut, Visitor, VisitorMut,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};

use super::cursor::syntax_error;
use super::keywords::{names_columns, names_functions};
use crate::catalog::{Catalog, Name, Relation};
use crate::compile::parse::carried_tokens;
use crate::compile::{function_meant, name_parts};
use crate::visit::{visit, visit_mut};

/// Parses an expression that the catalog keeps.
pub(crate) fn parse_expr(source: &str) -> Result<Expr> {
    parsed(source, |parser| parser.parse_expr())
}

/// Parses a query that the catalog keeps.
pub(crate) fn parse_query(source: &str) -> Result<Query> {
    parsed(source, |parser| parser.parse_query().map(|query| *query))
}

/// Parses statements of a body that the catalog keeps, or is to keep.
pub(super) fn parse_statements(source: &str) -> Result<Vec<Statement>> {
    parsed(source, |parser| parser.parse_statements())
}

fn parsed<T>(source: &str, parse: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>) -> Result<T> {
    let parsed = parser(source).and_then(|mut parser| parse(&mut parser));
    parsed.map_err(|e| syntax_error(source, e))
}

/// Statements as the catalog keeps them.
pub(super) fn joined(statements: &[Statement]) -> String {
    statements.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn parser(source: &str) -> Result<Parser<'static>, ParserError> {
    Ok(Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(carried_tokens(source)?))
}

/// A name as PostgreSQL reads it: lower case unless quoted.
pub(crate) fn fold(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}

/// A name as a syntax node, quoted where it has to be.
pub(super) fn ident_node(name: &str) -> Ident {
    if is_plain(name) { Ident::new(name) } else { Ident::with_quote('"', name) }
}

/// Whether the name needs no quotes.
fn is_plain(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    starts_well && plain && names_columns(name) && names_functions(name)
}

/// `schema.name`, quoted where it has to be.
pub(super) fn plain_name(name: &Name) -> String {
    format!("{}.{}", ident_node(&name.schema), ident_node(&name.name))
}

/// The parts of a name, folded.
fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(ObjectNamePart::as_ident).map(fold).collect()
}

/// The qualified name that a syntax node holds.
pub(super) fn qualified(name: &ObjectName) -> Option<Name> {
    match parts(name).as_slice() {
        [.., schema, name] => Some(Name::new(schema, name)),
        _ => None,
    }
}

fn object_name(name: &Name) -> ObjectName {
    ObjectName::from(vec![ident_node(&name.schema), ident_node(&name.name)])
}

/// Qualifies the names of relations, functions and types along the search path. A function that is built in keeps its bare name.
pub(super) fn qualify(node: &mut impl VisitMut, catalog: &Catalog, search_path: &[String]) {
    qualify_over(node, catalog, search_path, None);
}

/// As [`qualify`], of what may name columns of a table, whose types say which function is meant.
pub(super) fn qualify_over(
    node: &mut impl VisitMut,
    catalog: &Catalog,
    search_path: &[String],
    over: Option<&Relation>,
) {
    let mut visitor = Qualifier { catalog, search_path, over, queries: Vec::new() };
    let _ = visit_mut(node, &mut visitor);
}

struct Qualifier<'a> {
    catalog: &'a Catalog,
    search_path: &'a [String],
    /// The table that an expression is over.
    over: Option<&'a Relation>,
    /// The queries around what is visited, outermost first.
    queries: Vec<With>,
}

/// The names that a query's WITH gives, which hide relations within it.
#[derive(Default)]
struct With {
    known: BTreeSet<String>,
    /// Those whose queries are still to be visited, in order: without RECURSIVE, what comes before them doesn't see them.
    coming: VecDeque<String>,
}

impl With {
    fn of(query: &Query) -> With {
        let Some(with) = &query.with else { return With::default() };
        let names = with.cte_tables.iter().map(|cte| fold(&cte.alias.name));
        match with.recursive {
            true => With { known: names.collect(), coming: VecDeque::new() },
            false => With { known: BTreeSet::new(), coming: names.collect() },
        }
    }
}

impl Qualifier<'_> {
    fn qualify(&self, name: &mut ObjectName, exists: impl Fn(&Catalog, &Name) -> bool) {
        let [part] = name.0.as_slice() else { return };
        let Some(ident) = part.as_ident().map(fold) else { return };
        let found =
            self.search_path.iter().map(|schema| Name::new(schema, &ident)).find(|name| exists(self.catalog, name));
        if let Some(found) = found {
            *name = object_name(&found);
        }
    }

    fn function(&self, name: &mut ObjectName, args: &[FunctionArg]) {
        let [part] = name.0.as_slice() else { return };
        let Some(ident) = part.as_ident().map(fold) else { return };
        if let Some(meant) = function_meant(self.catalog, self.search_path, self.over, &ident, args) {
            *name = object_name(&meant);
        }
    }

    /// The sequence or relation that a literal names: to PostgreSQL it is that one, whatever becomes of its name.
    fn class(&self, named: &mut Expr) {
        match named {
            Expr::Cast { expr, .. } => self.class(expr),
            Expr::Value(value) => {
                let Value::SingleQuotedString(text) = &mut value.value else { return };
                let is_known = |name: &Name| {
                    self.catalog.sequences.contains_key(name) || self.catalog.relations.contains_key(name)
                };
                let found = match name_parts(text).as_slice() {
                    [name] => self.search_path.iter().map(|schema| Name::new(schema, name)).find(is_known),
                    [schema, name] => Some(Name::new(schema, name)).filter(is_known),
                    _ => None,
                };
                if let Some(found) = found {
                    *text = plain_name(&found);
                }
            }
            _ => {}
        }
    }

    fn data_type(&self, ty: &mut DataType) {
        match ty {
            DataType::Custom(name, _) => self.qualify(name, |catalog, name| {
                catalog.enums.contains_key(name)
                    || catalog.domains.contains_key(name)
                    || catalog.composites.contains_key(name)
                    || catalog.relations.contains_key(name)
            }),
            DataType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element)) => {
                self.data_type(element);
            }
            _ => {}
        }
    }
}

impl VisitorMut for Qualifier<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.queries.push(With::of(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries.pop();
        // The queries of a WITH are visited before anything else of the query that has it.
        if let Some(around) = self.queries.last_mut() {
            around.known.extend(around.coming.pop_front());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(args), .. } => self.function(name, &args.args),
            TableFactor::Function { name, args, .. } => self.function(name, args),
            _ => {}
        }
        defined_types_mut(factor).for_each(|ty| self.data_type(ty));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<()> {
        let is_given = |name: &String| self.queries.iter().any(|with| with.known.contains(name));
        if !matches!(parts(name).as_slice(), [one] if is_given(one)) {
            self.qualify(name, |catalog, name| {
                catalog.relations.contains_key(name) || catalog.sequences.contains_key(name)
            });
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => match &mut function.args {
                FunctionArguments::List(list) => {
                    if is_of_sequence(&function.name)
                        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(sequence))) = list.args.first_mut()
                    {
                        self.class(sequence);
                    }
                    self.function(&mut function.name, &list.args);
                }
                FunctionArguments::Subquery(query) => {
                    let query = FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Subquery(query.clone())));
                    self.function(&mut function.name, &[query]);
                }
                // A word that is a function to PostgreSQL's grammar, such as `current_date`.
                FunctionArguments::None => {}
            },
            Expr::Cast { expr, data_type, .. } if is_class(data_type) => self.class(expr),
            Expr::Cast { data_type, .. } => self.data_type(data_type),
            Expr::TypedString(typed) => self.data_type(&mut typed.data_type),
            // Two signs in a row would be written as a comment.
            Expr::UnaryOp { op: UnaryOperator::Minus, expr }
                if matches!(**expr, Expr::UnaryOp { op: UnaryOperator::Minus, .. }) =>
            {
                let inner = expr.clone();
                **expr = Expr::Nested(inner);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The types of the columns that an entry of FROM is said to have: `as t(a integer, b mood)`.
pub(super) fn defined_types_mut(factor: &mut TableFactor) -> impl Iterator<Item = &mut DataType> {
    let columns = match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Function { alias: Some(alias), .. } => {
            alias.columns.as_mut_slice()
        }
        _ => &mut [],
    };
    columns.iter_mut().filter_map(|column| column.data_type.as_mut())
}

/// Whether literals of a type name relations and sequences.
pub(super) fn is_class(ty: &DataType) -> bool {
    matches!(ty, DataType::Regclass)
}

/// Whether a function takes a sequence.
fn is_of_sequence(function: &ObjectName) -> bool {
    matches!(parts(function).last().map(String::as_str), Some("nextval" | "currval" | "setval"))
}

/// What an expression or query refers to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    /// Relations.
    pub(crate) relations: BTreeSet<Name>,
    /// Functions of the database's own.
    pub(crate) functions: BTreeSet<Name>,
    /// Types of the database's own.
    pub(crate) types: BTreeSet<Name>,
    /// Names that may be columns.
    pub(crate) columns: BTreeSet<String>,
    /// Fields of rows, `(row).field`.
    pub(crate) fields: BTreeSet<String>,
    /// Whether a query has a star, or a write means all columns.
    pub(crate) stars: bool,
    /// Whether columns may be meant that no name spells: by NATURAL, or by an alias's list of columns.
    pub(crate) unspelled: bool,
    /// Whether windows are named: one that no call uses is not understood, and has a meaning for PostgreSQL all the same.
    pub(crate) windows: bool,
    /// Whether rows are written, whose columns are named without their table.
    pub(crate) writes: bool,
    /// Sequences and relations that literals name: arguments of `nextval` and its like, and what is cast to `regclass`.
    pub(crate) sequences: BTreeSet<String>,
}

impl Uses {
    /// What a parsed expression or query refers to.
    pub(crate) fn of(node: &impl Visit) -> Uses {
        let mut collector = Collector::default();
        let _ = visit(node, &mut collector);
        let Collector(uses, named) = collector;
        Uses { columns: named.into_iter().filter(|(_, times)| *times > 0).map(|(name, _)| name).collect(), ..uses }
    }

    /// What an expression that the catalog keeps refers to.
    pub(crate) fn of_expr(source: &str) -> Uses {
        parse_expr(source).map(|expr| Uses::of(&expr)).unwrap_or_default()
    }

    /// Whether a column of that name may be read: by its name, or with all of some entry of FROM.
    pub(crate) fn may_read(&self, column: &str) -> bool {
        self.stars || self.unspelled || self.columns.contains(column)
    }

    /// What a query that the catalog keeps refers to.
    pub(crate) fn of_query(source: &str) -> Uses {
        parse_query(source).map(|query| Uses::of(&query)).unwrap_or_default()
    }
}

/// What was found; and how often each name may be a column, which that of `(row).field` is not.
#[derive(Default)]
struct Collector(Uses, BTreeMap<String, i32>);

impl Collector {
    fn joined(&mut self, join: &Join) {
        match constraint(&join.join_operator) {
            Some(JoinConstraint::Using(columns)) => {
                let columns = columns.iter().filter_map(|name| name.0.last()?.as_ident());
                columns.for_each(|name| self.named(name, 1));
            }
            Some(JoinConstraint::Natural) => self.0.unspelled = true,
            _ => {}
        }
    }

    fn named(&mut self, ident: &Ident, times: i32) {
        *self.1.entry(fold(ident)).or_default() += times;
    }

    fn data_type(&mut self, ty: &DataType) {
        match ty {
            DataType::Custom(name, _) => self.0.types.extend(qualified(name)),
            DataType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element)) => {
                self.data_type(element);
            }
            _ => {}
        }
    }
}

impl Visitor for Collector {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
            self.0.functions.extend(qualified(name));
        }
        match factor {
            TableFactor::Table { alias: Some(alias), .. } | TableFactor::Function { alias: Some(alias), .. } => {
                self.0.unspelled |= !alias.columns.is_empty();
                alias.columns.iter().filter_map(|column| column.data_type.as_ref()).for_each(|ty| self.data_type(ty));
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                table_with_joins.joins.iter().for_each(|join| self.joined(join));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        self.0.writes |= !matches!(statement, Statement::Query(_));
        let returning = match statement {
            Statement::Insert(insert) => {
                self.0.stars |= insert.columns.is_empty() || insert.on.is_some();
                &insert.returning
            }
            Statement::Update(update) => &update.returning,
            Statement::Delete(delete) => &delete.returning,
            _ => &None,
        };
        self.0.stars |= returning.iter().flatten().any(is_star);
        let targets: Vec<&ObjectName> = match statement {
            Statement::Insert(insert) => insert.columns.iter().collect(),
            Statement::Update(update) => update.assignments.iter().flat_map(|one| targets(&one.target)).collect(),
            _ => Vec::new(),
        };
        let names = targets.into_iter().filter_map(|name| name.0.last()?.as_ident());
        names.for_each(|name| self.named(name, 1));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.0.stars |= select.projection.iter().any(is_star);
        self.0.windows |= !select.named_window.is_empty();
        select.from.iter().flat_map(|from| &from.joins).for_each(|join| self.joined(join));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        self.0.relations.extend(qualified(name));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.named(ident, 1),
            Expr::CompoundIdentifier(idents) => idents.last().into_iter().for_each(|ident| self.named(ident, 1)),
            Expr::CompoundFieldAccess { root, access_chain } if matches!(&**root, Expr::Nested(_)) => {
                for access in access_chain {
                    if let AccessExpr::Dot(Expr::Identifier(field)) = access {
                        self.named(field, -1);
                        self.0.fields.insert(fold(field));
                    }
                }
            }
            Expr::Function(function) => {
                self.0.functions.extend(qualified(&function.name));
                if is_of_sequence(&function.name) {
                    self.0.sequences.extend(first_string(&function.args.to_string()));
                }
            }
            Expr::Cast { expr, data_type, .. } if is_class(data_type) => {
                self.0.sequences.extend(first_string(&format!("({expr})")));
            }
            Expr::Cast { data_type, .. } => self.data_type(data_type),
            Expr::TypedString(typed) => self.data_type(&typed.data_type),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn is_star(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}

fn constraint(join: &JoinOperator) -> Option<&JoinConstraint> {
    use JoinOperator::*;
    match join {
        Join(on) | Inner(on) | Left(on) | LeftOuter(on) | Right(on) | RightOuter(on) | FullOuter(on) => Some(on),
        _ => None,
    }
}

/// The columns that an assignment sets.
fn targets(target: &AssignmentTarget) -> &[ObjectName] {
    match target {
        AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
        AssignmentTarget::Tuple(names) => names,
    }
}

/// The string literal with which an argument list begins.
fn first_string(args: &str) -> Option<String> {
    let rest = args.strip_prefix("('")?;
    Some(rest.split('\'').next()?.replace('"', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_found_in_defaults() {
        let uses = Uses::of_expr("nextval('public.t_id_seq'::regclass)");
        assert!(uses.sequences.contains("public.t_id_seq"));
    }

    #[test]
    fn what_is_built_in_keeps_its_bare_name() {
        let (mut catalog, mut session) = (super::super::bootstrap(), super::super::Session::default());
        for sql in [
            "create table t (a text, b varchar, n int)",
            "create function lower(t text) returns text language sql as $$ select t $$",
            "create function now() returns text language sql as $$ select 'mine' $$",
            "create function reverse(n int) returns int language sql as $$ select n $$",
            "create function unaccent(t text) returns text language sql as $$ select t $$",
            "create function own(t text) returns text language sql as $$ select t $$",
        ] {
            super::super::apply(&mut catalog, &mut session, sql).unwrap();
        }
        let table = &catalog.relations[&Name::new("public", "t")];
        for (written, kept) in [
            ("lower(a)", "lower(a)"),
            ("lower(b)", "lower(b)"),
            ("public.lower(a)", "public.lower(a)"),
            ("now()", "now()"),
            ("reverse(n)", "public.reverse(n)"),
            ("reverse(a)", "reverse(a)"),
            ("own(lower(a))", "public.own(lower(a))"),
            ("coalesce(own(a), 'x')", "coalesce(public.own(a), 'x')"),
            // What an extension brings is in its schema, behind the project's.
            ("unaccent(a)", "public.unaccent(a)"),
        ] {
            let mut expr = parse_expr(written).unwrap();
            qualify_over(&mut expr, &catalog, &crate::DEFAULT_PATH.map(str::to_owned), Some(table));
            assert_eq!(expr.to_string(), kept, "{written}");
        }
    }

    #[test]
    fn names_that_with_gives_stay_as_they_are() {
        let mut catalog = super::super::bootstrap();
        super::super::apply(&mut catalog, &mut super::super::Session::default(), "create table t (a int)").unwrap();
        for (written, kept) in [
            ("with t as (select 1 as a) select a from t", "WITH t AS (SELECT 1 AS a) SELECT a FROM t"),
            (
                "select a from T where exists (select 1 from t)",
                "SELECT a FROM public.t WHERE EXISTS (SELECT 1 FROM public.t)",
            ),
            // Such a name is known within its query alone.
            (
                "select (with t as (select 1) select 1 from t) from t",
                "SELECT (WITH t AS (SELECT 1) SELECT 1 FROM t) FROM public.t",
            ),
            (
                "with u as (select 1 from t), t as (select 1 from t), v as (select 1 from t) select 1 from t",
                "WITH u AS (SELECT 1 FROM public.t), t AS (SELECT 1 FROM public.t), v AS (SELECT 1 FROM t) SELECT 1 FROM t",
            ),
            (
                "with u as (with t as (select 1) select 1 from t) select 1 from t, u",
                "WITH u AS (WITH t AS (SELECT 1) SELECT 1 FROM t) SELECT 1 FROM public.t, u",
            ),
            (
                "with recursive t as (select 1 as a union all select a from t) select (select 1 from t)",
                "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a FROM t) SELECT (SELECT 1 FROM t)",
            ),
        ] {
            let mut query = parse_query(written).unwrap();
            qualify(&mut query, &catalog, &["public".to_owned()]);
            assert_eq!(query.to_string(), kept, "{written}");
        }
    }
}
