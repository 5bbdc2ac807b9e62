//! Conditions on rows: filters, logic, and whether embedded resources are there.

use basalt_sql::Name;
use basalt_types::Type;

use super::embed;
use super::writer::{Clause, Writer};
use crate::ask::{Condition, Field, Filter, Is, Operator, PathKey, Quantifier, SearchParser, Test};
use crate::literal::array_literal;
use crate::plan::{Alias, Node, Source};

/// A level's own conditions.
pub(super) fn filters<'a>(w: &mut Writer<'a>, clause: &mut Clause, node: &Node<'a>, alias: Alias<'a>) {
    for condition in &node.level.conditions {
        clause.next(w);
        self::condition(w, condition, node, alias);
    }
}

/// What `!inner` demands of a level. A resource that nothing else of the statement names is asked for all the same, so that the
/// caller's rights and the filters' columns are judged.
pub(super) fn inners<'a>(w: &mut Writer<'a>, clause: &mut Clause, node: &Node<'a>, alias: Alias<'a>) {
    for embedded in &node.embeds {
        if embedded.ask.inner {
            clause.next(w);
            embed::exists(w, node, alias, embedded);
        } else if embedded.is_unseen() && !node.level.conditions.iter().any(|of| tests(of, embedded.ask.key())) {
            clause.next(w);
            embed::exists(w, node, alias, embedded);
            w.push(" IS NOT NULL");
        }
    }
}

/// Whether a condition asks if the resource of that name is there.
fn tests(condition: &Condition, name: &str) -> bool {
    match condition {
        Condition::Filter(Filter { field, test, .. }) => {
            *test == Test::Is(Is::Null) && field.path.is_empty() && field.name == name
        }
        Condition::And { of, .. } | Condition::Or { of, .. } => of.iter().any(|member| tests(member, name)),
    }
}

fn condition<'a>(w: &mut Writer<'a>, condition: &Condition, node: &Node<'a>, alias: Alias<'a>) {
    match condition {
        Condition::Filter(filter) => self::filter(w, filter, node, alias),
        Condition::And { negated, of } => logic(w, *negated, of, [" AND ", "true"], node, alias),
        Condition::Or { negated, of } => logic(w, *negated, of, [" OR ", "false"], node, alias),
    }
}

fn logic<'a>(
    w: &mut Writer<'a>,
    negated: bool,
    of: &[Condition],
    [word, empty]: [&str; 2],
    node: &Node<'a>,
    alias: Alias<'a>,
) {
    w.push(if negated { "NOT (" } else { "(" });
    if of.is_empty() {
        w.push(empty);
    }
    for (index, member) in of.iter().enumerate() {
        if index > 0 {
            w.push(word);
        }
        condition(w, member, node, alias);
    }
    w.push(")");
}

fn filter<'a>(w: &mut Writer<'a>, filter: &Filter, node: &Node<'a>, alias: Alias<'a>) {
    let Filter { field, negated, test } = filter;
    if field.path.is_empty()
        && *test == Test::Is(Is::Null)
        && let Some(embedded) = node.embed(&field.name)
    {
        w.push(if *negated { "" } else { "NOT " });
        return embed::exists(w, node, alias, embedded);
    }
    w.push(if *negated { "NOT (" } else { "" });
    match test {
        Test::Compare { operator, quantifier, value } => {
            operand(w, field, node, alias);
            w.push(symbol(*operator, quantifier.is_some()));
            match quantifier {
                Some(Quantifier::Any) => w.push("ANY ("),
                Some(Quantifier::All) => w.push("ALL ("),
                None => {}
            }
            let reader = reader(w, field, node).filter(|_| !matches!(operator, Operator::Like | Operator::ILike));
            match (reader, quantifier.is_some()) {
                (None, _) => w.bind(value.as_str()),
                (Some(reader), false) => read(w, reader, value),
                (Some(reader), true) => read_all(w, reader, value.clone()),
            }
            w.push(if quantifier.is_some() { ")" } else { "" });
        }
        Test::In(values) => {
            operand(w, field, node, alias);
            w.push(" = ANY (");
            // `in.()` reaches here as one empty element, and matches nothing.
            let none = values.as_slice() == [""];
            let literal = array_literal(if none { &[] } else { values.as_slice() });
            match reader(w, field, node) {
                None => w.bind(literal),
                Some(reader) => read_all(w, reader, literal),
            }
            w.push(")");
        }
        Test::Is(is) => {
            operand(w, field, node, alias);
            w.push(match is {
                Is::Null => " IS NULL",
                Is::NotNull => " IS NOT NULL",
                Is::True => " IS TRUE",
                Is::False => " IS FALSE",
                Is::Unknown => " IS UNKNOWN",
            });
        }
        Test::IsDistinct(value) => {
            operand(w, field, node, alias);
            w.push(" IS DISTINCT FROM ");
            w.bind(value.as_str());
        }
        Test::Search { parser, language, value } => {
            search(w, field, language.as_deref(), node, alias);
            w.push(match parser {
                SearchParser::Query => " @@ to_tsquery(",
                SearchParser::Plain => " @@ plainto_tsquery(",
                SearchParser::Phrase => " @@ phraseto_tsquery(",
                SearchParser::Web => " @@ websearch_to_tsquery(",
            });
            configuration(w, language.as_deref());
            w.bind(value.as_str());
            w.push(")");
        }
    }
    w.push(if *negated { ")" } else { "" });
}

/// The function by which a column's domain reads values that filters give.
fn reader<'w>(w: &Writer<'w>, field: &Field, node: &Node<'_>) -> Option<&'w Name> {
    if w.representations.is_empty() || !field.path.is_empty() {
        return None;
    }
    let column = node.source.relation()?.column(&field.name)?;
    w.representation(column)?.from_text.as_ref()
}

/// A value as its domain reads it.
pub(super) fn read(w: &mut Writer<'_>, reader: &Name, value: &str) {
    w.name(reader);
    w.push("(");
    w.bind(value);
    w.push("::text)");
}

/// The elements of an array literal, likewise.
fn read_all(w: &mut Writer<'_>, reader: &Name, literal: String) {
    w.push("SELECT ");
    w.name(reader);
    w.push("(_v) FROM unnest(");
    w.bind(literal);
    w.push("::text[]) AS _v");
}

/// An operator between its operands. `ANY` and `ALL` take LIKE by its other name.
fn symbol(operator: Operator, quantified: bool) -> &'static str {
    match operator {
        Operator::Like if quantified => " ~~ ",
        Operator::ILike if quantified => " ~~* ",
        Operator::Equal => " = ",
        Operator::NotEqual => " <> ",
        Operator::Greater => " > ",
        Operator::GreaterEqual => " >= ",
        Operator::Less => " < ",
        Operator::LessEqual => " <= ",
        Operator::Like => " LIKE ",
        Operator::ILike => " ILIKE ",
        Operator::Match => " ~ ",
        Operator::IMatch => " ~* ",
        Operator::Contains => " @> ",
        Operator::ContainedIn => " <@ ",
        Operator::Overlap => " && ",
        Operator::StrictlyLeft => " << ",
        Operator::StrictlyRight => " >> ",
        Operator::NotExtendRight => " &< ",
        Operator::NotExtendLeft => " &> ",
        Operator::Adjacent => " -|- ",
    }
}

/// The text side of a search: the column itself if it is a `tsvector`.
fn search(w: &mut Writer<'_>, field: &Field, language: Option<&str>, node: &Node<'_>, alias: Alias<'_>) {
    let is_vector = field.path.is_empty() && column_type(w, node, &field.name) == Some(&Type::TSVECTOR);
    if !is_vector {
        w.push("to_tsvector(");
        configuration(w, language);
    }
    operand(w, field, node, alias);
    w.push(if is_vector { "" } else { ")" });
}

fn configuration(w: &mut Writer<'_>, language: Option<&str>) {
    if let Some(language) = language {
        w.literal(language);
        w.push(", ");
    }
}

/// A field as an operand: a path stands in parentheses, whatever the operator's precedence.
fn operand(w: &mut Writer<'_>, field: &Field, node: &Node<'_>, alias: Alias<'_>) {
    let path = !field.path.is_empty();
    w.push(if path { "(" } else { "" });
    self::field(w, field, node, alias);
    w.push(if path { ")" } else { "" });
}

/// A column and the path into it.
pub(super) fn field(w: &mut Writer<'_>, field: &Field, node: &Node<'_>, alias: Alias<'_>) {
    if field.path.is_empty() {
        return column(w, &field.name, node, alias);
    }
    let is_json = column_type(w, node, &field.name).is_some_and(|ty| *ty == Type::JSON || *ty == Type::JSONB);
    w.push(if is_json { "" } else { "to_jsonb(" });
    column(w, &field.name, node, alias);
    w.push(if is_json { "" } else { ")" });
    for step in &field.path {
        w.push(if step.as_text { "->>" } else { "->" });
        match &step.key {
            PathKey::Key(key) => w.literal(key),
            PathKey::Index(index) => w.push(&format!(" {index}")),
        }
    }
}

/// A column, or a function of the row that is used like one.
fn column(w: &mut Writer<'_>, name: &str, node: &Node<'_>, alias: Alias<'_>) {
    // Written rows bring their computed fields along.
    let computed = match node.source {
        Source::Relation(relation) if relation.column(name).is_none() => {
            w.computed.push((relation.name.clone(), name.to_owned()));
            w.relationships.field(&relation.name, name)
        }
        _ => None,
    };
    match computed {
        Some(computed) => {
            w.name(&computed.function);
            w.push("(");
            w.row(alias);
            w.push(")");
        }
        None => w.column(alias, name),
    }
}

fn column_type<'w>(w: &Writer<'w>, node: &Node<'w>, name: &str) -> Option<&'w Type> {
    let computed = || w.relationships.field(&node.source.relation()?.name, name).map(|field| &field.ty);
    node.source.column(name).or_else(computed)
}
