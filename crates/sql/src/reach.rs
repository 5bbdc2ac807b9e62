//! What a relation or a function reaches as its caller: through views, the bodies of functions, and whatever those call in turn. A
//! `security definer` function ends the way: what it reaches, it reaches as its owner.
//!
//! Errs towards too many: a name is taken for the first relation or function of that name along the search path, even where a
//! query gives the name to something of its own. What runs SQL that it puts together, or can't be read, reaches anything.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart, TableFactor, Visit, Visitor};
use sqlparser::tokenizer::Token;

use crate::catalog::{Catalog, Name, Routine};
use crate::compile::parse::parse_statements;
use crate::ddl::source::{fold, parse_expr, parse_query};
use crate::operators;
use crate::visit::visit;

/// What is reached.
#[derive(Debug, Default)]
pub struct Reach {
    /// Tables, views and materialized views.
    pub relations: BTreeSet<Name>,
    /// The functions that run as their owner.
    pub definers: BTreeSet<Name>,
    /// Whether it may reach anything that its caller may, since it runs SQL that nobody has read.
    pub anything: bool,
}

impl Reach {
    /// What a relation shows: itself, or whatever its query reaches.
    pub fn of_relation(catalog: &Catalog, relation: &Name, search_path: &[String]) -> Reach {
        let mut walk = Walk::new(catalog);
        walk.relation(relation, search_path);
        walk.reach
    }

    /// What a function reads or writes as its caller; itself alone if it runs as its owner.
    pub fn of_routine(catalog: &Catalog, routine: &Routine, search_path: &[String]) -> Reach {
        let mut walk = Walk::new(catalog);
        walk.routine(routine, search_path);
        walk.reach
    }
}

/// Functions of PostgreSQL and its usual extensions that run the SQL they are given, or read the table that they are told.
const RUNS_SQL: [&str; 8] =
    ["query_to_xml", "table_to_xml", "schema_to_xml", "database_to_xml", "ts_stat", "crosstab", "connectby", "dblink"];

fn runs_sql(function: &str) -> bool {
    RUNS_SQL.iter().any(|known| function.starts_with(known))
}

struct Walk<'a> {
    catalog: &'a Catalog,
    reach: Reach,
    /// Functions by address, and the path they were reached with.
    routines: BTreeSet<(*const Routine, Vec<String>)>,
}

impl<'a> Walk<'a> {
    fn new(catalog: &'a Catalog) -> Self {
        Walk { catalog, reach: Reach::default(), routines: BTreeSet::new() }
    }

    fn relation(&mut self, name: &Name, path: &[String]) {
        let Some(relation) = self.catalog.relations.get(name) else { return };
        let is_new = self.reach.relations.insert(name.clone());
        let Some(view) = relation.view().filter(|_| is_new) else { return };
        if let Some(reads) = &view.reads {
            reads.iter().for_each(|name| self.relation(name, path));
            let called = view.calls.iter().filter_map(|name| self.catalog.functions.get(name));
            called.flatten().for_each(|routine| self.routine(routine, path));
        } else if let Ok(query) = parse_query(&view.query) {
            self.mentions(Mentions::of(&query), path);
        }
    }

    fn routine(&mut self, routine: &Routine, path: &[String]) {
        if routine.security_definer {
            self.reach.definers.insert(routine.name.clone());
            return;
        }
        if !self.routines.insert((std::ptr::from_ref(routine), path.to_vec())) {
            return;
        }
        let own = routine.search_path();
        let path = own.as_deref().unwrap_or(path);
        let body = match routine.language.as_str() {
            "sql" => parse_statements(&routine.body)
                .map_or_else(|_| Mentions::of_words(&routine.body, &[]), |statements| Mentions::of(&statements)),
            // What it executes is put together when it runs, and the bodies of procedures are not known.
            "plpgsql" => Mentions::of_words(&routine.body, &["execute", "call"]),
            "c" | "internal" => Mentions { anything: runs_sql(&routine.name.name), ..Mentions::default() },
            _ => Mentions { anything: true, ..Mentions::default() },
        };
        self.mentions(body, path);
        for default in routine.params.iter().filter_map(|param| param.default.as_deref()) {
            let mentions = parse_expr(default).map(|expr| Mentions::of(&expr)).unwrap_or_default();
            self.mentions(mentions, path);
        }
    }

    fn mentions(&mut self, mentions: Mentions, path: &[String]) {
        let runs = |parts: &Vec<String>| parts.last().is_some_and(|name| runs_sql(name));
        self.reach.anything |= mentions.anything || mentions.functions.iter().any(runs);
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
    /// It runs SQL that is not there to be read.
    anything: bool,
}

impl Mentions {
    fn of(node: &impl Visit) -> Mentions {
        let mut mentions = Mentions::default();
        let _ = visit(node, &mut mentions);
        mentions
    }

    /// Of a body that is no plain SQL: every word may be a name. One of the words `opaque` runs what can't be read.
    fn of_words(source: &str, opaque: &[&str]) -> Mentions {
        let Ok(tokens) = operators::tokens(source) else {
            return Mentions { anything: true, ..Mentions::default() };
        };
        let mut mentions = Mentions::default();
        let mut last: Option<String> = None;
        let mut after_dot = false;
        for token in tokens {
            match token.token {
                Token::Word(word) => {
                    let quoted = word.quote_style.is_some();
                    let name = if quoted { word.value } else { word.value.to_ascii_lowercase() };
                    mentions.anything |= !quoted && opaque.contains(&name.as_str());
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
