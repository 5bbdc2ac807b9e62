//! SEARCH and CYCLE of a recursive WITH query, which become columns of it as PostgreSQL's manual writes them out (section 7.8.2).

use std::ops::ControlFlow;

use basalt_core::{Error, Result};
use sqlparser::ast::{
    BinaryOperator, Cte, Expr, Ident, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Statement,
    TableAliasColumnDef, TableFactor, TableWithJoins, VisitorMut,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Whitespace};

use super::carried::{after, is_word};
use super::parse::{parse_expr, parse_statement};
use super::types::{fold, split_name};
use crate::quote::ident;
use crate::visit::visit_mut;

/// What the name begins with that the clauses go through the parser as: an order of the query, which a recursive one does not have.
pub(super) const MARK: &str = "$clauses ";

/// `search depth first by a set b` and `cycle a set b using c` behind a WITH query.
pub(super) fn carry(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let is_search = is_word(&tokens[at].token, Keyword::SEARCH);
    let is_order = |token: &Token| match token {
        Token::Word(word) => ["depth", "breadth"].iter().any(|order| word.value.eq_ignore_ascii_case(order)),
        _ => false,
    };
    let begins = after(tokens, at).next().is_some_and(|(_, next)| match next {
        Token::Word(_) => !is_search || is_order(next),
        _ => false,
    });
    let close = (0..at).rev().find(|place| !matches!(tokens[*place].token, Token::Whitespace(_)));
    let Some(close) = close.filter(|close| begins && tokens[*close].token == Token::RParen) else { return };
    // Each clause ends with the name behind its last word.
    let (mut end, mut is_cycle) = (at, !is_search);
    loop {
        let last = if is_cycle { Keyword::USING } else { Keyword::SET };
        let Some((word, _)) = after(tokens, end).find(|(_, token)| is_word(token, last)) else { return };
        let Some((name, Token::Word(_))) = after(tokens, word).next() else { return };
        end = name;
        match after(tokens, end).next() {
            Some((next, token)) if !is_cycle && is_word(token, Keyword::CYCLE) => (end, is_cycle) = (next, true),
            _ => break,
        }
    }
    let text: String = tokens[at..=end].iter().map(|token| token.token.to_string()).collect();
    let span = tokens[at].span;
    let key = Token::make_word(&format!("{MARK}{text}"), Some('"'));
    let space = || Token::Whitespace(Whitespace::Space);
    let order = [space(), Token::make_keyword("ORDER"), space(), Token::make_keyword("BY"), space(), key];
    tokens.drain(at..=end);
    tokens.splice(close..close, order.map(|token| TokenWithSpan::new(token, span)));
}

/// The clauses of a query, as they were carried.
pub(super) fn carried(query: &Query) -> Option<&str> {
    let Some(OrderByKind::Expressions(keys)) = query.order_by.as_ref().map(|order| &order.kind) else { return None };
    match keys.as_slice() {
        [OrderByExpr { expr: Expr::Identifier(key), .. }] => key.value.strip_prefix(MARK),
        _ => None,
    }
}

/// What the clauses of a WITH query say.
struct Clauses {
    search: Option<Search>,
    cycle: Option<Cycle>,
}

struct Search {
    is_breadth: bool,
    by: Vec<String>,
    sequence: String,
}

struct Cycle {
    of: Vec<String>,
    mark: String,
    /// What marks a row that closes a cycle.
    closed: String,
    /// What marks any other.
    open: String,
    path: String,
}

/// The WITH query, `base union step`, with the columns of its clauses. `names` are those of its own.
pub(super) fn written_out(cte: &Cte, names: &[String], base: &SetExpr, step: &SetExpr) -> Result<Cte> {
    let clauses = Clauses::of(cte)?;
    clauses.check(names)?;
    let SetExpr::Select(step) = step else {
        return Err(Error::new("0A000", "with a SEARCH or CYCLE clause, the right side of the UNION must be a SELECT"));
    };
    let base = clauses.base(base, names)?;
    let step = clauses.step(step, &fold(&cte.alias.name), names)?;
    let mut written = cte.clone();
    written.query.order_by = None;
    let column = |name: &String| TableAliasColumnDef { name: Ident::with_quote('"', name), data_type: None };
    written.alias.columns = names.iter().chain(clauses.columns()).map(column).collect();
    if let SetExpr::SetOperation { left, right, .. } = &mut *written.query.body {
        (**left, **right) = (base, SetExpr::Select(Box::new(step)));
    }
    Ok(written)
}

impl Clauses {
    /// Reads what [`carry`] carried.
    fn of(cte: &Cte) -> Result<Clauses> {
        let text = carried(&cte.query).unwrap_or_default();
        let read = || -> Result<Clauses, ParserError> {
            let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(text)?;
            let mut clauses = Clauses { search: None, cycle: None };
            if parser.parse_keyword(Keyword::SEARCH) {
                let is_breadth = fold(&parser.parse_identifier()?) == "breadth";
                parser.expect_keywords(&[Keyword::FIRST, Keyword::BY])?;
                let by = names_of(&mut parser)?;
                parser.expect_keyword(Keyword::SET)?;
                clauses.search = Some(Search { is_breadth, by, sequence: fold(&parser.parse_identifier()?) });
            }
            if parser.parse_keyword(Keyword::CYCLE) {
                let of = names_of(&mut parser)?;
                parser.expect_keyword(Keyword::SET)?;
                let mark = fold(&parser.parse_identifier()?);
                let (mut closed, mut open) = ("true".to_owned(), "false".to_owned());
                if parser.parse_keyword(Keyword::TO) {
                    closed = parser.parse_expr()?.to_string();
                    parser.expect_keyword(Keyword::DEFAULT)?;
                    open = parser.parse_expr()?.to_string();
                }
                parser.expect_keyword(Keyword::USING)?;
                clauses.cycle = Some(Cycle { of, mark, closed, open, path: fold(&parser.parse_identifier()?) });
            }
            parser.expect_token(&Token::EOF)?;
            Ok(clauses)
        };
        read().map_err(|_| Error::new("42601", format!("syntax error in \"{text}\"")))
    }

    /// The columns that they add.
    fn columns(&self) -> impl Iterator<Item = &String> {
        let search = self.search.iter().map(|search| &search.sequence);
        search.chain(self.cycle.iter().flat_map(|cycle| [&cycle.mark, &cycle.path]))
    }

    /// 42601 for names that are not the query's, or are already.
    fn check(&self, names: &[String]) -> Result<()> {
        let refuse = |message: String| Err(Error::new("42601", message));
        let repeated = |word: &str, column: &String| {
            Err(Error::new("42701", format!("{word} column \"{column}\" specified more than once")))
        };
        let search = self.search.iter().map(|search| ("search", &search.by));
        for (word, columns) in search.chain(self.cycle.iter().map(|cycle| ("cycle", &cycle.of))) {
            for (at, column) in columns.iter().enumerate() {
                if !names.contains(column) {
                    return refuse(format!("{word} column \"{column}\" not in WITH query column list"));
                }
                if columns[..at].contains(column) {
                    return repeated(word, column);
                }
            }
        }
        let used =
            |what: &str, name: &String| format!("{what} column name \"{name}\" already used in WITH query column list");
        if let Some(search) = self.search.as_ref().filter(|search| names.contains(&search.sequence)) {
            return refuse(used("search sequence", &search.sequence));
        }
        let Some(cycle) = &self.cycle else { return Ok(()) };
        match &self.search {
            _ if names.contains(&cycle.mark) => refuse(used("cycle mark", &cycle.mark)),
            _ if names.contains(&cycle.path) => refuse(used("cycle path", &cycle.path)),
            _ if cycle.mark == cycle.path => {
                refuse("cycle mark column name and cycle path column name are the same".to_owned())
            }
            Some(search) if search.sequence == cycle.mark => {
                refuse("search sequence column name and cycle mark column name are the same".to_owned())
            }
            Some(search) if search.sequence == cycle.path => {
                refuse("search sequence column name and cycle path column name are the same".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The rows that the recursion begins with.
    fn base(&self, base: &SetExpr, names: &[String]) -> Result<SetExpr> {
        let mut list = vec!["*".to_owned()];
        list.extend(self.search.iter().map(|search| match search.is_breadth {
            true => format!("row(0::bigint, {})", joined(&search.by)),
            false => format!("array[row({})]", joined(&search.by)),
        }));
        if let Some(cycle) = &self.cycle {
            list.extend([cycle.open.clone(), format!("array[row({})]", joined(&cycle.of))]);
        }
        let sql = format!("select {} from (select 1) as \"?base\" ({})", list.join(", "), joined(names));
        let Statement::Query(mut query) = parse_statement(&sql)? else { return Err(Error::internal("a query")) };
        let _ = visit_mut(&mut query, &mut Written(&[]));
        if let SetExpr::Select(select) = &mut *query.body
            && let [TableWithJoins { relation: TableFactor::Derived { subquery, .. }, .. }] = select.from.as_mut_slice()
        {
            *subquery.body = base.clone();
        }
        Ok(*query.body)
    }

    /// The rows that follow others, which SQLite wants to be read from the WITH query itself.
    fn step(&self, step: &Select, name: &str, names: &[String]) -> Result<Select> {
        let entry = ident(&entry_of(step, name)?);
        let mut values = Vec::with_capacity(names.len());
        for item in &step.projection {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => values.push(expr.clone()),
                _ => return Err(unsupported("stars")),
            }
        }
        if values.len() != names.len() {
            return Err(Error::new("42601", "each UNION query must have the same number of columns"));
        }
        if step.distinct.is_some() {
            return Err(unsupported("DISTINCT"));
        }
        let fields = |columns: &[String]| {
            let place = |column: &String| names.iter().position(|name| name == column).map(place_of);
            joined(&columns.iter().filter_map(place).collect::<Vec<_>>())
        };
        let write = |sql: String| -> Result<Expr> {
            let mut expr = parse_expr(&sql)?;
            let _ = visit_mut(&mut expr, &mut Written(&values));
            Ok(expr)
        };
        let mut written = step.clone();
        let mut list = Vec::new();
        if let Some(search) = &self.search {
            let before = format!("{entry}.{}", ident(&search.sequence));
            list.push(match search.is_breadth {
                true => format!("row(({before}).f1 + 1, {})", fields(&search.by)),
                false => format!("{before} || array[row({})]", fields(&search.by)),
            });
        }
        if let Some(cycle) = &self.cycle {
            let (path, row) = (format!("{entry}.{}", ident(&cycle.path)), format!("row({})", fields(&cycle.of)));
            list.push(format!("case when {row} = any({path}) then {} else {} end", cycle.closed, cycle.open));
            list.push(format!("{path} || array[{row}]"));
            let goes_on = write(format!("{entry}.{} <> {}", ident(&cycle.mark), cycle.closed))?;
            written.selection = Some(match written.selection.take() {
                Some(condition) => Expr::BinaryOp {
                    left: Box::new(Expr::Nested(Box::new(condition))),
                    op: BinaryOperator::And,
                    right: Box::new(goes_on),
                },
                None => goes_on,
            });
        }
        for sql in list {
            written.projection.push(SelectItem::UnnamedExpr(write(sql)?));
        }
        Ok(written)
    }
}

/// The name under which a SELECT reads the WITH query.
fn entry_of(step: &Select, name: &str) -> Result<String> {
    let factors =
        step.from.iter().flat_map(|tree| [&tree.relation].into_iter().chain(tree.joins.iter().map(|j| &j.relation)));
    let mut entries = factors.filter_map(|factor| match factor {
        TableFactor::Table { name: read, alias, args: None, .. } => match split_name(read) {
            Ok((None, read)) if read == name => Some(alias.as_ref().map_or(read, |alias| fold(&alias.name))),
            _ => None,
        },
        _ => None,
    });
    entries.next().ok_or_else(|| {
        let message = format!(
            "with a SEARCH or CYCLE clause, the recursive reference to WITH query \"{name}\" must be at the top level of its \
             right-hand SELECT"
        );
        Error::new("0A000", message)
    })
}

/// Puts expressions where their places are named. What is written here stands nowhere in the statement.
struct Written<'e>(&'e [Expr]);

impl VisitorMut for Written<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => {
                let place = name.value.strip_prefix(PLACE).and_then(|place| place.parse::<usize>().ok());
                match place.and_then(|place| self.0.get(place)) {
                    Some(value) => *expr = Expr::Nested(Box::new(value.clone())),
                    None => name.span = Span::empty(),
                }
            }
            Expr::CompoundIdentifier(names) => names.iter_mut().for_each(|name| name.span = Span::empty()),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// What the name of an expression's place begins with.
const PLACE: &str = "?place";

fn place_of(at: usize) -> String {
    format!("{PLACE}{at}")
}

/// Names as a list.
fn joined(names: &[String]) -> String {
    names.iter().map(|name| ident(name)).collect::<Vec<_>>().join(", ")
}

fn names_of(parser: &mut Parser<'_>) -> Result<Vec<String>, ParserError> {
    Ok(parser.parse_comma_separated(Parser::parse_identifier)?.iter().map(fold).collect())
}

fn unsupported(what: &str) -> Error {
    Error::unsupported(
        format!(
            "{what} in the recursive part of a WITH query with SEARCH or CYCLE: not supported on the embedded engine"
        ),
        "Name the columns, without DISTINCT; or write the columns of the clauses out.",
    )
}
