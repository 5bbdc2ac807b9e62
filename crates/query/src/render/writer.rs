//! The statement under construction.

use std::collections::BTreeMap;

use basalt_sql::Name;
use basalt_sql::catalog::{Column, Representation};
use basalt_sql::quote;

use crate::body::Place;
use crate::plan::{Alias, Aliases};
use crate::planner::Planner;
use crate::relationship::Relationships;

/// SQL text and its parameters.
pub(crate) struct Writer<'a> {
    pub sql: String,
    pub params: Vec<Option<String>>,
    pub aliases: Aliases<'a>,
    pub relationships: &'a Relationships,
    /// How values of domains are shown and read.
    pub representations: &'a BTreeMap<Name, Representation>,
    /// Functions of rows that the statement calls: the rows' relation, and the function's name.
    pub computed: Vec<(Name, String)>,
    /// Parameters that are members of a body of one row.
    pub places: Vec<Place>,
}

impl<'a> Writer<'a> {
    pub fn new(planner: &'a Planner, aliases: Aliases<'a>) -> Self {
        Writer {
            sql: String::with_capacity(512),
            params: Vec::new(),
            aliases,
            relationships: planner.relationships(),
            representations: &planner.catalog().representations,
            computed: Vec::new(),
            places: Vec::new(),
        }
    }

    /// How a column's values are shown and read, if its domain says so.
    pub fn representation(&self, column: &Column) -> Option<&'a Representation> {
        self.representations.get(column.domain.as_ref()?)
    }

    pub fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    pub fn ident(&mut self, name: &str) {
        quote::push_ident(&mut self.sql, name);
    }

    pub fn name(&mut self, name: &Name) {
        self.ident(&name.schema);
        self.push(".");
        self.ident(&name.name);
    }

    pub fn alias(&mut self, alias: Alias<'_>) {
        self.push("\"");
        quote::push_doubled(&mut self.sql, alias.name, '"');
        if alias.number > 0 {
            self.push("_");
            self.number(alias.number as usize);
        }
        self.push("\"");
    }

    /// `"alias".*`, the row as a whole: the alias alone would be a column of that name, wherever one is in sight.
    pub fn row(&mut self, alias: Alias<'_>) {
        self.alias(alias);
        self.push(".*");
    }

    /// `"alias"."column"`.
    pub fn column(&mut self, alias: Alias<'_>, column: &str) {
        self.alias(alias);
        self.push(".");
        self.ident(column);
    }

    pub fn literal(&mut self, text: &str) {
        quote::push_literal(&mut self.sql, text);
    }

    /// A parameter with this value.
    pub fn bind(&mut self, value: impl Into<String>) {
        self.bind_value(Some(value.into()));
    }

    /// A parameter with this value, NULL if none.
    pub fn bind_value(&mut self, value: Option<String>) {
        self.params.push(value);
        self.push("$");
        self.number(self.params.len());
    }

    /// An identifier list, `"a", "b"`.
    pub fn idents<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        for (index, name) in names.into_iter().enumerate() {
            self.comma(index);
            self.ident(name);
        }
    }

    /// The comma before every member of a list but the first.
    pub fn comma(&mut self, index: usize) {
        if index > 0 {
            self.push(", ");
        }
    }

    fn number(&mut self, number: usize) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.sql.push(char::from(b'0' + (number % 10) as u8));
    }
}

/// The conditions of a WHERE or ON: a word before the first, AND before the others.
pub(crate) struct Clause {
    word: &'static str,
}

impl Clause {
    pub fn filter() -> Self {
        Clause { word: " WHERE " }
    }

    pub fn on() -> Self {
        Clause { word: " ON " }
    }

    pub fn next(&mut self, w: &mut Writer<'_>) {
        w.push(std::mem::replace(&mut self.word, " AND "));
    }
}
