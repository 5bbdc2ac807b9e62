//! The options of a `copy`, in parentheses and in the words of older versions (PostgreSQL manual, `COPY`, "Parameters").

use basalt_core::{Error, Result};
use sqlparser::ast::Ident;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use crate::catalog::Relation;
use crate::ddl::source::fold;

/// How the data is written.
pub(super) struct Options {
    pub is_csv: bool,
    pub header: Header,
    pub delimiter: char,
    /// The text of NULL.
    pub null: String,
    pub quote: char,
    pub escape: char,
    /// By column: whether the text of NULL is NULL in quotes too.
    pub force_null: Vec<bool>,
    /// By column: whether it is never NULL.
    pub force_not_null: Vec<bool>,
}

/// What becomes of the first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// It is a row.
    None,
    Skipped,
    /// It has to have the columns' names.
    Matched,
}

/// An option as it is written.
pub(super) struct Given {
    name: String,
    value: Value,
}

enum Value {
    None,
    Text(String),
    /// `*`.
    All,
    Columns(Vec<String>),
}

impl Given {
    /// `format name`.
    pub fn format(name: &str) -> Given {
        Given::text("format", name.to_owned())
    }

    fn text(name: &str, text: String) -> Given {
        Given { name: name.to_owned(), value: Value::Text(text) }
    }

    fn string(&self) -> Result<&str> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(Error::new("42601", format!("{} requires a parameter", self.name))),
        }
    }

    /// `COPY delimiter`, `quote` and `escape`.
    fn character(&self) -> Result<char> {
        let mut chars = self.string()?.chars();
        chars
            .next()
            .filter(|c| c.is_ascii() && chars.next().is_none())
            .ok_or_else(|| Error::new("0A000", format!("COPY {} must be a single one-byte character", self.name)))
    }

    fn header(&self) -> Result<Header> {
        let text = match &self.value {
            Value::None => return Ok(Header::Skipped),
            Value::Text(text) => text.to_ascii_lowercase(),
            Value::All | Value::Columns(_) => String::new(),
        };
        match text.as_str() {
            "true" | "on" | "1" => Ok(Header::Skipped),
            "false" | "off" | "0" => Ok(Header::None),
            "match" => Ok(Header::Matched),
            _ => Err(Error::new("42601", format!("{} requires a Boolean value or \"match\"", self.name))),
        }
    }

    /// By column, whether the option names it.
    fn columns(&self, relation: &Relation, columns: &[String]) -> Result<Vec<bool>> {
        let named = match &self.value {
            Value::All => return Ok(vec![true; columns.len()]),
            Value::Columns(named) => named,
            Value::None | Value::Text(_) => {
                let message = format!("argument to option \"{}\" must be a list of column names", self.name);
                return Err(Error::new("22023", message));
            }
        };
        for name in named {
            if relation.column(name).is_none() {
                let message = format!("column \"{name}\" of relation \"{}\" does not exist", relation.name.name);
                return Err(Error::new("42703", message));
            }
            if !columns.contains(name) {
                let option = self.name.to_ascii_uppercase();
                return Err(Error::new("42P10", format!("{option} column \"{name}\" not referenced by COPY")));
            }
        }
        Ok(columns.iter().map(|column| named.contains(column)).collect())
    }

    /// 0A000 unless the data is UTF-8, as all of a script is.
    fn is_utf8(&self) -> Result<()> {
        let text = self.string()?;
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        if ["utf8", "unicode"].contains(&plain.to_ascii_lowercase().as_str()) {
            return Ok(());
        }
        let message = format!("COPY with the encoding \"{text}\" is not supported");
        Err(Error::unsupported(message, "Scripts are UTF-8: convert the data, and leave the option out."))
    }

    fn is_none_of(&self, mode: &str) -> Error {
        Error::new("0A000", format!("COPY {} {mode}", self.name.replace('_', " ")))
    }
}

impl Options {
    /// Judges the options of a `copy` into these columns of a table.
    ///
    /// Errors: 42601 for unknown and repeated ones; 22023 for an unknown format; 0A000 for the binary format, other encodings than
    /// UTF-8, and what does not go with the format; 42703 and 42P10 for columns that are not there.
    pub fn of(given: Vec<Given>, relation: &Relation, columns: &[String]) -> Result<Options> {
        let is_again = |(index, one): (usize, &Given)| given[..index].iter().any(|other| other.name == one.name);
        if given.iter().enumerate().any(is_again) {
            return Err(Error::new("42601", "conflicting or redundant options"));
        }
        let named = |name: &str| given.iter().find(|one| one.name == name);
        let is_csv = match named("format").map(Given::string).transpose()? {
            None | Some("text") => false,
            Some("csv") => true,
            Some("binary") => {
                return Err(Error::unsupported(
                    "COPY in binary format is not supported",
                    "Export the data as text or CSV.",
                ));
            }
            Some(other) => return Err(Error::new("22023", format!("COPY format \"{other}\" not recognized"))),
        };
        let mut options = Options {
            is_csv,
            header: Header::None,
            delimiter: if is_csv { ',' } else { '\t' },
            null: if is_csv { String::new() } else { String::from("\\N") },
            quote: '"',
            escape: '"',
            force_null: vec![false; columns.len()],
            force_not_null: vec![false; columns.len()],
        };
        for one in &given {
            match one.name.as_str() {
                "quote" | "escape" | "force_null" | "force_not_null" if !is_csv => {
                    return Err(one.is_none_of("available only in CSV mode"));
                }
                "format" | "freeze" | "log_verbosity" => {}
                "delimiter" => options.delimiter = one.character()?,
                "null" => options.null = one.string()?.to_owned(),
                "header" => options.header = one.header()?,
                "quote" => options.quote = one.character()?,
                "escape" => {}
                "force_null" => options.force_null = one.columns(relation, columns)?,
                "force_not_null" => options.force_not_null = one.columns(relation, columns)?,
                "force_quote" => return Err(one.is_none_of("only available using COPY TO")),
                "encoding" => one.is_utf8()?,
                "on_error" if one.string()? == "stop" => {}
                "on_error" | "default" | "reject_limit" => {
                    let instead = "Mend the data before it is imported.";
                    return Err(Error::unsupported(format!("COPY option \"{}\" is not supported", one.name), instead));
                }
                unknown => return Err(Error::new("42601", format!("option \"{unknown}\" not recognized"))),
            }
        }
        // It is the quote unless it is said.
        options.escape = named("escape").map(Given::character).transpose()?.unwrap_or(options.quote);
        Ok(options)
    }
}

/// Reads the options behind `from stdin`.
pub(super) fn read(parser: &mut Parser<'_>) -> Result<Vec<Given>, ParserError> {
    let _ = parser.parse_keyword(Keyword::WITH);
    if parser.consume_token(&Token::LParen) {
        let options = parser.parse_comma_separated(generic)?;
        parser.expect_token(&Token::RParen)?;
        return Ok(options);
    }
    let mut options = Vec::new();
    while let Some(option) = legacy(parser)? {
        options.push(option);
    }
    Ok(options)
}

/// An option in parentheses: a word, and what is said of it.
fn generic(parser: &mut Parser<'_>) -> Result<Given, ParserError> {
    let name = fold(&parser.parse_identifier()?);
    let value = match &parser.peek_token_ref().token {
        Token::Comma | Token::RParen => Value::None,
        Token::Mul => {
            parser.advance_token();
            Value::All
        }
        Token::LParen => {
            parser.advance_token();
            let columns = names(parser)?;
            parser.expect_token(&Token::RParen)?;
            Value::Columns(columns)
        }
        Token::Word(_) => Value::Text(fold(&parser.parse_identifier()?)),
        Token::Number(digits, _) => {
            let digits = digits.clone();
            parser.advance_token();
            Value::Text(digits)
        }
        _ => Value::Text(string(parser)?),
    };
    Ok(Given { name, value })
}

/// An option in the words of older versions, if one comes next.
fn legacy(parser: &mut Parser<'_>) -> Result<Option<Given>, ParserError> {
    let flag = |name: &str| Given { name: name.to_owned(), value: Value::None };
    let name = match &parser.peek_token_ref().token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_lowercase(),
        _ => return Ok(None),
    };
    Ok(Some(match name.as_str() {
        "where" => return Ok(None),
        "binary" | "csv" => {
            parser.advance_token();
            Given::format(&name)
        }
        "freeze" | "header" => {
            parser.advance_token();
            flag(&name)
        }
        "delimiter" | "null" | "quote" | "escape" | "encoding" => {
            parser.advance_token();
            let _ = parser.parse_keyword(Keyword::AS);
            Given::text(&name, string(parser)?)
        }
        "force" => {
            parser.advance_token();
            let name = match parser.parse_one_of_keywords(&[Keyword::NOT, Keyword::NULL, Keyword::QUOTE]) {
                Some(Keyword::NOT) => {
                    parser.expect_keyword(Keyword::NULL)?;
                    "force_not_null"
                }
                Some(Keyword::NULL) => "force_null",
                Some(_) => "force_quote",
                None => return parser.expected_ref("NOT, NULL or QUOTE", parser.peek_token_ref()),
            };
            let value = if parser.consume_token(&Token::Mul) { Value::All } else { Value::Columns(names(parser)?) };
            Given { name: name.to_owned(), value }
        }
        _ => return parser.expected_ref("an option", parser.peek_token_ref()),
    }))
}

fn names(parser: &mut Parser<'_>) -> Result<Vec<String>, ParserError> {
    let names: Vec<Ident> = parser.parse_comma_separated(Parser::parse_identifier)?;
    Ok(names.iter().map(fold).collect())
}

fn string(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    let text = match &parser.peek_token_ref().token {
        Token::SingleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::NationalStringLiteral(text)
        | Token::UnicodeStringLiteral(text) => text.clone(),
        Token::DollarQuotedString(quoted) => quoted.value.clone(),
        _ => return parser.expected_ref("a string", parser.peek_token_ref()),
    };
    parser.advance_token();
    Ok(text)
}
