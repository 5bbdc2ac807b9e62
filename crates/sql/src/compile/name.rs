//! The names that PostgreSQL gives to output columns without an alias.

use basalt_types::Base;
use sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, BinaryOperator, DataType, Expr, Query, SelectItem, SetExpr, TrimWhereField, Value,
};

use super::carried::WHOLE;
use super::types::{fold, split_name};

/// The name of the column that an expression makes; `?column?` when nothing suggests one.
pub(crate) fn column_name(expr: &Expr) -> String {
    suggested(expr).map_or_else(|| "?column?".to_owned(), |(name, _)| name)
}

/// A name, and whether it is a strong one (a cast names its type only where the operand's is weak).
fn suggested(expr: &Expr) -> Option<(String, bool)> {
    let strong = |name: &str| Some((name.to_owned(), true));
    match expr {
        Expr::Identifier(ident) => Some((fold(ident), true)),
        Expr::CompoundIdentifier(idents) => idents.iter().rfind(|ident| ident.value != WHOLE).map(|i| (fold(i), true)),
        Expr::QualifiedWildcard(row, _) => split_name(row).ok().map(|(_, name)| (name, true)),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let fields = access_chain.iter().rev();
            let last = fields.into_iter().find_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => Some((fold(ident), true)),
                _ => None,
            });
            last.or_else(|| suggested(root))
        }
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => suggested(inner),
        Expr::Function(function) => split_name(&function.name).ok().map(|(_, name)| (name, true)),
        Expr::Cast { expr, data_type, .. } => match suggested(expr) {
            Some(name @ (_, true)) => Some(name),
            weak => type_name(data_type).map(|name| (name, false)).or(weak),
        },
        Expr::TypedString(typed) => type_name(&typed.data_type).map(|name| (name, false)),
        Expr::Interval(_) => Some(("interval".to_owned(), false)),
        Expr::Case { else_result, .. } => match else_result.as_deref().and_then(suggested) {
            Some(name @ (_, true)) => Some(name),
            _ => Some(("case".to_owned(), false)),
        },
        Expr::Value(value) => match value.value {
            Value::Boolean(_) => Some(("bool".to_owned(), false)),
            Value::NationalStringLiteral(_) => Some(("bpchar".to_owned(), false)),
            _ => None,
        },
        Expr::Array(_) => strong("array"),
        Expr::Tuple(_) => strong("row"),
        Expr::Exists { negated: false, .. } => strong("exists"),
        Expr::Subquery(query) => of_query(query),
        Expr::AtTimeZone { .. } => strong("timezone"),
        Expr::Extract { .. } => strong("extract"),
        Expr::Ceil { .. } => strong("ceil"),
        Expr::Floor { .. } => strong("floor"),
        Expr::Position { .. } => strong("position"),
        Expr::Substring { shorthand, .. } => strong(if *shorthand { "substr" } else { "substring" }),
        Expr::BinaryOp { op: BinaryOperator::Overlaps, .. } => strong("overlaps"),
        Expr::IsNormalized { negated: false, .. } => strong("is_normalized"),
        Expr::Overlay { .. } => strong("overlay"),
        Expr::Trim { trim_where, .. } => strong(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        _ => None,
    }
}

/// A scalar subquery has its column's name.
fn of_query(query: &Query) -> Option<(String, bool)> {
    let SetExpr::Select(select) = &*query.body else { return None };
    match select.projection.first()? {
        SelectItem::ExprWithAlias { alias, .. } => Some((fold(alias), true)),
        SelectItem::UnnamedExpr(expr) => suggested(expr).map(|(name, _)| (name, true)),
        _ => None,
    }
}

/// A type's internal name, as `select '1'::integer` shows it: `int4`.
fn type_name(data_type: &DataType) -> Option<String> {
    if let DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) = data_type {
        return type_name(element);
    }
    if let DataType::Custom(name, _) = data_type {
        return split_name(name).ok().map(|(_, name)| name);
    }
    if matches!(data_type, DataType::Regclass) {
        return Some("regclass".to_owned());
    }
    let spelled = data_type.to_string().to_lowercase();
    let spelled = spelled.trim_end_matches("[]");
    let bare = match spelled.split_once('(') {
        Some((name, rest)) => format!("{name}{}", rest.split_once(')').map_or("", |(_, tail)| tail)),
        None => spelled.to_owned(),
    };
    Base::by_name(bare.trim()).map(|base| base.internal_name().to_owned())
}
