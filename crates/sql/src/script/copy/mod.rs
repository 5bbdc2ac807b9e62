//! `copy t (a, b) from stdin` with its data (PostgreSQL manual, `COPY`).

mod options;
mod rows;

use basalt_core::{Error, Result};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{IsOptional, Parser, ParserError};
use sqlparser::tokenizer::Token;

pub use rows::{Row, Rows};

use crate::catalog::Relation;
use crate::compile::parse::carried_tokens;
use crate::ddl::cursor::syntax_error;
use crate::ddl::source::fold;
use crate::{Catalog, Name, quote};
use options::{Given, Options};

/// A `copy` statement.
pub struct Copy {
    table: Name,
    /// The columns that the data has.
    pub columns: Vec<String>,
    options: Options,
}

impl Copy {
    /// Reads the statement.
    ///
    /// Errors: 42601; 42P01 for an unknown table; those of [`Options::of`].
    pub fn parse(sql: &str, catalog: &Catalog, search_path: &[String]) -> Result<Copy> {
        let written = carried_tokens(sql).and_then(|tokens| {
            Written::read(&mut Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(tokens))
        });
        let written = written.map_err(|error| syntax_error(sql, error))?;
        let relation = find(catalog, search_path, &written.table)?;
        let columns = match written.columns {
            none if none.is_empty() => {
                relation.columns.iter().filter(|c| c.generated.is_none()).map(|c| c.name.clone()).collect()
            }
            named => named,
        };
        if written.has_condition {
            let instead = "Import all rows, and delete those that should not stay.";
            return Err(Error::unsupported("COPY FROM with WHERE is not supported", instead));
        }
        let options = Options::of(written.options, relation, &columns)?;
        Ok(Copy { table: relation.name.clone(), columns, options })
    }

    /// The table.
    pub fn table(&self) -> &Name {
        &self.table
    }

    /// The INSERT of so many rows.
    pub fn insert(&self, rows: usize) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| quote::ident(column)).collect();
        let width = self.columns.len();
        let row = |i: usize| {
            let params: Vec<String> = (1..=width).map(|column| format!("${}", i * width + column)).collect();
            format!("({})", params.join(", "))
        };
        let values: Vec<String> = (0..rows).map(row).collect();
        format!(
            "insert into {} ({}) overriding system value values {}",
            self.table.quoted(),
            columns.join(", "),
            values.join(", ")
        )
    }
}

/// The statement as it is written.
struct Written {
    table: Vec<String>,
    columns: Vec<String>,
    options: Vec<Given>,
    has_condition: bool,
}

impl Written {
    fn read(parser: &mut Parser<'_>) -> Result<Written, ParserError> {
        let mut options = Vec::new();
        parser.expect_keyword(Keyword::COPY)?;
        if parser.parse_keyword(Keyword::BINARY) {
            options.push(Given::format("binary"));
        }
        let table = parser.parse_object_name(false)?.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
        let columns = parser.parse_parenthesized_column_list(IsOptional::Optional, false)?.iter().map(fold).collect();
        parser.expect_keywords(&[Keyword::FROM, Keyword::STDIN])?;
        options.extend(options::read(parser)?);
        let has_condition = parser.parse_keyword(Keyword::WHERE);
        if !has_condition {
            parser.expect_token(&Token::EOF)?;
        }
        Ok(Written { table, columns, options, has_condition })
    }
}

fn find<'a>(catalog: &'a Catalog, search_path: &[String], parts: &[String]) -> Result<&'a Relation> {
    let found = match parts {
        [schema, name] => catalog.relation(schema, name),
        [name] => search_path.iter().find_map(|schema| catalog.relation(schema, name)),
        _ => None,
    };
    found
        .map(|relation| &**relation)
        .ok_or_else(|| Error::new("42P01", format!("relation \"{}\" does not exist", parts.join("."))))
}
