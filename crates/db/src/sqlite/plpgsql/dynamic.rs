//! EXECUTE: SQL that is put together while a function runs.

use basalt_core::{Error, Result};
use basalt_sql::compile::body::Gives;
use basalt_sql::ddl::is_definition;
use basalt_sql::plpgsql::ast::{Dynamic, Into};
use basalt_sql::script::{first_word, split};
use basalt_types::{Type, Value};

use super::super::memory::{Gathered, Held};
use super::super::run::Params;
use super::body::Body;
use super::host::Host;
use super::pieces::{Given, run_program};

/// Which rows are given of a text with several statements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Those of the last one.
    Last,
    /// Those of all.
    All,
    /// Those of a query that stands alone.
    One,
}

impl Body<'_> {
    pub(super) fn execute(&mut self, dynamic: &Dynamic, into: Option<&Into>) -> Result<()> {
        let Some(into) = into else {
            self.count = self.dynamic(dynamic, &Gives::Found, 0, Asked::Last)?.count;
            return Ok(());
        };
        let (places, gives) = self.code.places(&self.values.layout, &into.targets)?;
        let found = self.code.frame.own("found").map(|found| self.values.of(found)[0].clone());
        let given = Given { wrote: false, ..self.dynamic(dynamic, &gives, 2, Asked::Last)? };
        self.take(&places, given, into.strict)?;
        // EXECUTE leaves FOUND alone.
        self.found(found == Some(Value::Int(1)));
        Ok(())
    }

    /// Runs what a text says, all its statements, and gives at most so many rows of each that is asked.
    ///
    /// Errors: 22004 where the text is NULL; 42P11 for several statements where one is asked; 0A000 for what is neither a query nor a write.
    pub(super) fn dynamic(&mut self, dynamic: &Dynamic, gives: &Gives, most: usize, asked: Asked) -> Result<Given> {
        let text = match self.value(&dynamic.text, &Gives::text())? {
            Value::Null => return Err(Error::new("22004", "query string argument of EXECUTE is null")),
            text => text.as_ref().text().to_owned(),
        };
        let (mut types, mut values): (Vec<Type>, Vec<Value>) = (Vec::new(), Vec::new());
        let mut held = Held::default();
        for sql in &dynamic.using {
            let layout = &self.values.layout;
            let program = self.host.with(|schema| self.code.program(&schema.catalog, layout, sql, &Gives::Plain))?;
            types.push(program.columns.first().map_or(Type::TEXT, |column| column.ty.clone()));
            let value = self.value(sql, &Gives::Plain)?;
            held.add(value.as_ref().size())?;
            values.push(value);
        }
        let pieces = split(&text).unwrap_or_default();
        let statements: Vec<&str> = pieces.iter().filter_map(|piece| Some(piece.statement()?.0)).collect();
        if statements.len() != pieces.len() {
            return self.dynamic_statement(&text, (&types, &values), gives, most);
        }
        if asked == Asked::One && statements.len() != 1 {
            return Err(Error::new("42P11", "cannot open multi-query plan as cursor"));
        }
        let mut all = nothing();
        for (at, statement) in statements.iter().enumerate() {
            let is_given = asked == Asked::All || at + 1 == statements.len();
            let (gives, most) = if is_given { (gives, most) } else { (&Gives::Found, 0) };
            let given = self.dynamic_statement(statement, (&types, &values), gives, most)?;
            let before = std::mem::replace(&mut all, given);
            if asked == Asked::All {
                let last = std::mem::replace(&mut all.rows, before.rows);
                all.rows.join(last);
                all.count += before.count;
            }
        }
        Ok(all)
    }

    fn dynamic_statement(
        &mut self,
        text: &str,
        (types, values): (&[Type], &[Value]),
        gives: &Gives,
        most: usize,
    ) -> Result<Given> {
        if self.defines(text) {
            self.define(text).map_err(|error| error.elsewhere(None))?;
            return Ok(nothing());
        }
        self.host.with(|schema| {
            let program = self.code.dynamic(&schema.catalog, text, types, gives)?;
            run_program(self.connection, schema, self.code, (&program, Params::Frame(values)), most)
        })
    }

    /// Whether a statement is one of the script's. `select set_config('search_path', ...)` is, for what follows in it; in a function it is
    /// a query as any other.
    fn defines(&self, text: &str) -> bool {
        let is_query = first_word(text).is_some_and(|word| word.eq_ignore_ascii_case("select"));
        is_definition(text) && (!is_query || matches!(self.host, Host::Script(_)))
    }
}

/// What a statement gives that has no rows.
fn nothing() -> Given {
    Given { rows: Gathered::default(), columns: None, count: 0, wrote: false }
}
