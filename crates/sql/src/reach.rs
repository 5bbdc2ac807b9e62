//! The tables that a relation or a function reaches as its caller: through views, the bodies of functions, and whatever those
//! call in turn. A `security definer` function ends the way: what it reaches, it reaches as its owner.
//!
//! Errs towards too many: a name is taken for the first relation or function of that name along the search path, even where a
//! query gives the name to something of its own.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart, TableFactor, Visit, Visitor};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::catalog::{Catalog, Name, Routine};
use crate::compile::parse::parse_statements;
use crate::ddl::source::{fold, parse_expr, parse_query};
use crate::visit::visit;

/// The tables whose rows a relation shows: itself, or whatever its query reaches.
pub fn tables_of_relation(catalog: &Catalog, relation: &Name, search_path: &[String]) -> BTreeSet<Name> {
    let mut walk = Walk::new(catalog);
    walk.relation(relation, search_path);
    walk.tables
}

/// The tables that a function reads or writes as its caller; none if it runs as its owner.
pub fn tables_of_routine(catalog: &Catalog, routine: &Routine, search_path: &[String]) -> BTreeSet<Name> {
    let mut walk = Walk::new(catalog);
    walk.routine(routine, search_path);
    walk.tables
}

struct Walk<'a> {
    catalog: &'a Catalog,
    tables: BTreeSet<Name>,
    views: BTreeSet<Name>,
    /// Functions by address, and the path they were reached with.
    routines: BTreeSet<(*const Routine, Vec<String>)>,
}

impl<'a> Walk<'a> {
    fn new(catalog: &'a Catalog) -> Self {
        Walk { catalog, tables: BTreeSet::new(), views: BTreeSet::new(), routines: BTreeSet::new() }
    }

    fn relation(&mut self, name: &Name, path: &[String]) {
        match self.catalog.relations.get(name).map(|relation| relation.view()) {
            Some(Some(view)) if self.views.insert(name.clone()) => {
                if let Some(reads) = &view.reads {
                    reads.iter().for_each(|name| self.relation(name, path));
                    let called = view.calls.iter().filter_map(|name| self.catalog.functions.get(name));
                    called.flatten().for_each(|routine| self.routine(routine, path));
                } else if let Ok(query) = parse_query(&view.query) {
                    self.mentions(Mentions::of(&query), path);
                }
            }
            Some(None) => drop(self.tables.insert(name.clone())),
            _ => {}
        }
    }

    fn routine(&mut self, routine: &Routine, path: &[String]) {
        if routine.security_definer || !self.routines.insert((std::ptr::from_ref(routine), path.to_vec())) {
            return;
        }
        let own = routine.search_path();
        let path = own.as_deref().unwrap_or(path);
        let parsed = if routine.language == "sql" { parse_statements(&routine.body).ok() } else { None };
        let body = parsed.map_or_else(|| Mentions::of_words(&routine.body), |statements| Mentions::of(&statements));
        self.mentions(body, path);
        for default in routine.params.iter().filter_map(|param| param.default.as_deref()) {
            let mentions = parse_expr(default).map(|expr| Mentions::of(&expr)).unwrap_or_default();
            self.mentions(mentions, path);
        }
    }

    fn mentions(&mut self, mentions: Mentions, path: &[String]) {
        for parts in &mentions.relations {
            let found = candidates(parts, path).find(|name| self.catalog.relations.contains_key(name));
            if let Some(name) = found {
                self.relation(&name, path);
            }
        }
        let catalog = self.catalog;
        for parts in &mentions.functions {
            let found = candidates(parts, path).find_map(|name| catalog.functions.get(&name));
            found.into_iter().flatten().for_each(|routine| self.routine(routine, path));
        }
        // `t.f` calls a function of t's rows.
        for column in &mentions.columns {
            let found = candidates(std::slice::from_ref(column), path).filter_map(|name| catalog.functions.get(&name));
            let of_row =
                |routine: &&std::sync::Arc<Routine>| routine.inputs().next().is_some_and(|p| p.relation.is_some());
            found.flatten().filter(of_row).for_each(|routine| self.routine(routine, path));
        }
    }
}

/// What a name may stand for, best first.
fn candidates<'p>(parts: &'p [String], path: &'p [String]) -> impl Iterator<Item = Name> + 'p {
    let (name, schema) = match parts {
        [.., schema, name] => (name.as_str(), Some(schema)),
        [name] => (name.as_str(), None),
        [] => ("", None),
    };
    let given = schema.into_iter();
    let searched = path.iter().filter(move |_| schema.is_none());
    given.chain(searched).map(move |schema| Name::new(schema, name))
}

/// Names in a query or body, as written.
#[derive(Default)]
struct Mentions {
    relations: BTreeSet<Vec<String>>,
    functions: BTreeSet<Vec<String>>,
    columns: BTreeSet<String>,
}

impl Mentions {
    fn of(node: &impl Visit) -> Mentions {
        let mut mentions = Mentions::default();
        let _ = visit(node, &mut mentions);
        mentions
    }

    /// Of a body in another language: every word may be a name.
    fn of_words(source: &str) -> Mentions {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, source).tokenize().unwrap_or_default();
        let mut mentions = Mentions::default();
        let mut last: Option<String> = None;
        let mut after_dot = false;
        for token in tokens {
            match token {
                Token::Word(word) => {
                    let quoted = word.quote_style.is_some();
                    let name = if quoted { word.value } else { word.value.to_ascii_lowercase() };
                    let qualifier = last.take().filter(|_| after_dot);
                    let parts: Vec<String> = qualifier.into_iter().chain([name.clone()]).collect();
                    mentions.relations.insert(parts.clone());
                    mentions.functions.insert(parts);
                    (last, after_dot) = (Some(name), false);
                }
                Token::Period => after_dot = true,
                _ => (last, after_dot) = (None, false),
            }
        }
        mentions
    }
}

fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(ObjectNamePart::as_ident).map(fold).collect()
}

impl Visitor for Mentions {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
            self.functions.insert(parts(name));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        self.relations.insert(parts(name));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let column = |ident: Option<&Ident>| ident.map(fold);
        match expr {
            Expr::Function(function) => drop(self.functions.insert(parts(&function.name))),
            Expr::Identifier(ident) => self.columns.extend(column(Some(ident))),
            Expr::CompoundIdentifier(idents) => self.columns.extend(column(idents.last())),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
