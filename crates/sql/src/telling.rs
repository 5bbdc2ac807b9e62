//! What trigger functions in PL/pgSQL tell channels of their row.
//!
//! ```sql
//! begin
//!   perform realtime.broadcast_changes('room:' || new.room_id, tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
//!   return null;
//! end
//! ```
//!
//! These calls are read, not run: what they say of a change is told from the change log, which has every row that the function
//! would be called for. So they stand under no condition; those that do are run, as [messages](sending).

use std::collections::HashSet;

use basalt_core::Operation;
use basalt_types::{Base, Type};
use sqlparser::ast::{
    self, BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};

use crate::catalog::{Catalog, Relation, Trigger};
use crate::compile::parse_statement;
use crate::ddl::source::fold;
use crate::plpgsql::ast::{Body, Statement};
use crate::plpgsql::{self, Kind};

/// One call of `realtime.broadcast_changes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// The channel's name, in pieces.
    pub topic: Vec<Piece>,
    /// The event's name; without one the operation's.
    pub event: Option<String>,
}

/// A piece of a channel's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// A column of the new row, `new.x`.
    New(String),
    /// A column of the old row, `old.x`.
    Old(String),
    /// A column of the new row, or else of the old one: `coalesce(new.x, old.x)`.
    Either(String),
}

impl Piece {
    /// The column, if it is one.
    pub fn column(&self) -> Option<&str> {
        match self {
            Piece::Text(_) => None,
            Piece::New(name) | Piece::Old(name) | Piece::Either(name) => Some(name),
        }
    }
}

/// Whether a column's text is the same in JSON and in PostgreSQL's `||`.
pub(crate) fn is_plain(ty: &Type) -> bool {
    let same = [Base::Bool, Base::Int2, Base::Int4, Base::Int8, Base::Text, Base::Varchar, Base::Name, Base::Uuid];
    match ty {
        Type::Base(base) => same.contains(base),
        Type::Enum(_) => true,
        _ => false,
    }
}

/// What a function's body tells whenever it is called.
pub fn tellings(body: &Body) -> Vec<Telling> {
    told(body).into_iter().map(|(_, telling)| telling).collect()
}

/// The pieces of a body that tell, by [`Sql::id`](crate::plpgsql::ast::Sql::id).
pub(crate) fn pieces(body: &Body) -> HashSet<usize> {
    told(body).into_iter().map(|(piece, _)| piece).collect()
}

/// Whether a function does nothing else.
pub(crate) fn only_tells(body: &Body) -> bool {
    let pieces = pieces(body);
    let is_nothing = |statement: &Statement| match statement {
        Statement::Perform(sql) => pieces.contains(&sql.id),
        Statement::ReturnRow(_) | Statement::Nothing => true,
        _ => false,
    };
    !pieces.is_empty() && body.block.declared.is_empty() && body.block.statements.iter().all(is_nothing)
}

/// The calls that are reached whatever happens, each with its piece.
fn told(body: &Body) -> Vec<(usize, Telling)> {
    let mut found = Vec::new();
    if !body.block.handlers.is_empty() {
        return found;
    }
    for statement in &body.block.statements {
        if let Statement::Perform(sql) = statement
            && let Some(telling) = called(&sql.text).as_ref().and_then(telling)
        {
            found.push((sql.id, telling));
        }
        if statement.returns() {
            break;
        }
    }
    found
}

/// The statement that sends what a call of `realtime.broadcast_changes` tells, where it stands under a condition: no function takes any
/// table's row on the embedded engine.
pub(crate) fn sending(query: &str, operation: Operation) -> Option<String> {
    let call = called(query).filter(|call| names(call, "realtime", "broadcast_changes"))?;
    let [topic, event, word, table, schema, new, old, ..] = arguments(&call)?[..] else { return None };
    let row = |row: &Expr, is_there: bool| if is_there { format!("to_jsonb({row})") } else { "null::jsonb".to_owned() };
    let (new, old) = (row(new, operation != Operation::Delete), row(old, operation != Operation::Insert));
    Some(format!(
        "select realtime.send(jsonb_build_object('id', gen_random_uuid(), 'schema', {schema}, 'table', {table}, 'operation', {word}, \
         'record', {new}, 'old_record', {old}), {event}, {topic})"
    ))
}

/// The call of `select f(...)`.
fn called(query: &str) -> Option<Function> {
    let ast::Statement::Query(query) = parse_statement(query).ok()? else { return None };
    let ast::SetExpr::Select(select) = *query.body else { return None };
    match select.projection.as_slice() {
        [ast::SelectItem::UnnamedExpr(Expr::Function(call))]
            if select.from.is_empty() && select.selection.is_none() =>
        {
            Some(call.clone())
        }
        _ => None,
    }
}

impl Catalog {
    /// What the triggers of a table's tell after an operation.
    pub fn tellings(&self, relation: &Relation, operation: Operation) -> Vec<Telling> {
        let tells = |trigger: &&Trigger| trigger.after.contains(&operation) && !trigger.disabled;
        let triggers = relation.triggers.iter().filter(tells);
        let routines = triggers.flat_map(|trigger| self.routines(&trigger.function.schema, &trigger.function.name));
        routines
            .filter_map(|routine| plpgsql::parse(&routine.body, Kind::Trigger).ok())
            .flat_map(|body| tellings(&body))
            .collect()
    }
}

fn telling(call: &Function) -> Option<Telling> {
    if !names(call, "realtime", "broadcast_changes") {
        return None;
    }
    let args = arguments(call)?;
    let (given, level) = args.split_at_checked(7)?;
    let [topic, event, operation, table, schema, new, old] = given else { return None };
    let fixed =
        [(operation, "tg_op"), (table, "tg_table_name"), (schema, "tg_table_schema"), (new, "new"), (old, "old")];
    let is_row = match level {
        [] => true,
        [level] => is_word(level, "tg_level") || text(level).as_deref() == Some("ROW"),
        _ => false,
    };
    if !is_row || !fixed.iter().all(|(arg, word)| is_word(arg, word)) {
        return None;
    }
    let event = if is_word(event, "tg_op") { None } else { Some(text(event)?) };
    let mut pieces = Vec::new();
    topic_pieces(topic, &mut pieces)?;
    Some(Telling { topic: pieces, event })
}

fn topic_pieces(expr: &Expr, pieces: &mut Vec<Piece>) -> Option<()> {
    match expr {
        Expr::Nested(inner) => topic_pieces(inner, pieces),
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
            topic_pieces(left, pieces)?;
            topic_pieces(right, pieces)
        }
        Expr::Cast { expr, data_type: DataType::Text, .. } => topic_pieces(expr, pieces),
        other => {
            let piece = text(other).map(Piece::Text).or_else(|| column(other))?;
            pieces.push(piece);
            Some(())
        }
    }
}

/// `new.x`, `old.x` or `coalesce(new.x, old.x)`.
fn column(expr: &Expr) -> Option<Piece> {
    match expr {
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [row, column] if fold(row) == "new" => Some(Piece::New(fold(column))),
            [row, column] if fold(row) == "old" => Some(Piece::Old(fold(column))),
            _ => None,
        },
        Expr::Function(call) if names(call, "", "coalesce") => {
            let args = arguments(call)?;
            match args.iter().map(|arg| column(arg)).collect::<Option<Vec<_>>>()?.as_slice() {
                [Piece::New(new), Piece::Old(old)] if new == old => Some(Piece::Either(new.clone())),
                _ => None,
            }
        }
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn is_word(expr: &Expr, word: &str) -> bool {
    matches!(expr, Expr::Identifier(ident) if fold(ident) == word)
}

fn names(call: &Function, schema: &str, name: &str) -> bool {
    let parts: Vec<String> = call.name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
    match parts.as_slice() {
        [only] => schema.is_empty() && only == name,
        [first, second] => first == schema && second == name,
        _ => false,
    }
}

/// The arguments of a plain call.
fn arguments(call: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let plain = call.over.is_none() && call.filter.is_none() && call.within_group.is_empty() && list.clauses.is_empty();
    let args = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    });
    args.collect::<Option<Vec<_>>>().filter(|_| plain && list.duplicate_treatment.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<Vec<Telling>> {
        let body = plpgsql::parse(body, Kind::Trigger).ok()?;
        only_tells(&body).then(|| tellings(&body))
    }

    fn body(topic: &str, rest: &str) -> String {
        format!(
            "begin perform realtime.broadcast_changes({topic}, tg_op, TG_OP, tg_table_name, tg_table_schema, NEW, old){rest} end;"
        )
    }

    #[test]
    fn what_is_told_is_read() {
        let told = read(&body("'room:' || coalesce(NEW.room_id, OLD.room_id)::text || ':x'", "; return null;"));
        let topic = vec![Piece::Text("room:".into()), Piece::Either("room_id".into()), Piece::Text(":x".into())];
        assert_eq!(told, Some(vec![Telling { topic, event: None }]));
        let two = "BEGIN
          -- To whom it belongs.
          PERFORM realtime.broadcast_changes('a:' || new.\"Id\", 'moved', tg_op, tg_table_name, tg_table_schema, new, old, 'ROW');
          perform realtime.broadcast_changes(('all'), tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
          RETURN coalesce(new, old);
        END";
        let told = read(two).expect("two");
        assert_eq!(
            told[0],
            Telling { topic: vec![Piece::Text("a:".into()), Piece::New("Id".into())], event: Some("moved".into()) }
        );
        assert_eq!(told[1].topic, [Piece::Text("all".into())]);
    }

    #[test]
    fn anything_else_is_not() {
        for body in [
            body("'a'", "; update t set x = 1;"),
            body("'a' || now()", ";"),
            body("upper(new.x)", ";"),
            body("coalesce(new.x, old.y)", ";"),
            body("new.x + 1", ";"),
            body("'a'", "; return 1;"),
            body("'a'", "; if new.x then return new; end if;"),
            "begin return new; end".into(),
            "begin perform realtime.send('{}', 'e', 't'); return null; end".into(),
            "begin perform realtime.broadcast_changes('a', tg_op, tg_op, 'other', tg_table_schema, new, old); end".into(),
            "begin perform realtime.broadcast_changes('a', tg_op, tg_op, tg_table_name, tg_table_schema, old, new); end".into(),
            "declare x int; begin end".into(),
            String::new(),
        ] {
            assert_eq!(read(&body), None, "{body}");
        }
    }
}
