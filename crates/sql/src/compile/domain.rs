//! Domains: a value behind its domain's NOT NULL and CHECKs.

use basalt_core::Result;

use super::cast::require;
use super::compiler::Compiler;
use super::parse::parse_expr;
use super::scope::{Scope, SourceColumn};
use super::typed::{Form, Typed};
use crate::catalog::DomainCheck;
use crate::{Name, definition_path, quote};

/// A value of the base type that satisfies the domain, or 23502, 23514.
pub(super) fn in_domain(compiler: &mut Compiler<'_>, value: Typed, name: &Name) -> Result<Typed> {
    let catalog = compiler.catalog;
    let mut value = value;
    let shown = match compiler.search_path.contains(&name.schema) {
        true => name.name.clone(),
        false => name.to_string(),
    };
    if !value.not_null && catalog.refuses_null(name) {
        let message = format!("domain {shown} does not allow null values");
        value.sql = format!("coalesce({}, {})", value.sql, require("0", "23502", &message));
        (value.not_null, value.leakproof, value.collated, value.form) = (true, false, false, Form::Other);
    }
    let checks = catalog.domain_checks(name);
    if checks.is_empty() {
        return Ok(value);
    }
    // What is costly or differs at each call is computed once, in a subquery that LIMIT keeps SQLite from dissolving.
    let (operand, from) = if value.is_cheap() {
        (value.sql.clone(), None)
    } else {
        let alias = compiler.alias("domain");
        (format!("{alias}.\"value\""), Some(format!("(SELECT {} AS \"value\" LIMIT 1) AS {alias}", value.sql)))
    };
    let column = SourceColumn {
        name: "value".to_owned(),
        ty: value.ty.clone(),
        typmod: value.typmod,
        sql: operand.clone(),
        not_null: false,
        collated: false,
        leakproof: true,
        hidden: false,
    };
    let mut scope = Scope::new(None);
    let mut source = compiler.source("", "", vec![column]);
    source.check_privileges = false;
    scope.sources.push(source);
    let mut demands = Vec::new();
    for DomainCheck { domain, name: check, source } in checks {
        let expr = parse_expr(source)?;
        let path = definition_path(&domain.schema);
        let bound = compiler.inside(path, |compiler| compiler.bind_condition(&scope, &expr, "CHECK"))?;
        let message = format!("value for domain {shown} violates check constraint \"{check}\"");
        let literals = [message.as_str(), check, &name.schema, &name.name].map(quote::literal);
        let [message, check, schema, domain] = literals;
        let told = format!("'23514', {message}, NULL, {check}, NULL, {schema}, {domain}");
        demands.push(format!("pg_require(({} IS NOT 0), {told})", bound.sql));
    }
    let guarded = format!("iif({}, {operand}, NULL)", demands.join(" AND "));
    let sql = match from {
        Some(from) => format!("(SELECT {guarded} FROM {from})"),
        None => guarded,
    };
    let typmod = value.typmod;
    let mut checked = Typed::over(sql, value.ty.clone(), [&value]);
    (checked.typmod, checked.not_null, checked.leakproof) = (typmod, value.not_null, false);
    Ok(checked)
}
