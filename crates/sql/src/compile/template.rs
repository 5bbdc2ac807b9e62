//! SQLite's text of a call: templates of the function tables filled in.

use basalt_types::{Implementation, Type};

use super::typed::Typed;
use crate::quote;

/// A call of an implementation over its arguments.
pub(super) fn implementation(code: Implementation, name: &str, args: &[Typed]) -> String {
    let values: Vec<&str> = args.iter().map(|a| a.sql.as_str()).collect();
    match code {
        Implementation::Sqlite(template) => {
            let filled = fill(template, &values);
            if is_call(template) || template == "{0}" { filled } else { format!("({filled})") }
        }
        Implementation::Rust(_) => format!("{}({})", quote::ident(name), values.join(", ")),
        Implementation::Typed(_) => {
            let types: Vec<&Type> = args.iter().map(|a| &a.ty).collect();
            let types = quote::literal(&super::cast::json(&types));
            let values: Vec<&str> = std::iter::once(types.as_str()).chain(values).collect();
            format!("{}({})", quote::ident(name), values.join(", "))
        }
    }
}

/// A template with its `{0}`, `{1}`, ... filled.
pub(super) fn fill(template: &str, values: &[&str]) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|c| open + c) else { break };
        let Ok(index) = rest[open + 1..close].parse::<usize>() else {
            // A brace of its own, as in a type's JSON.
            out.push_str(&rest[..=open]);
            rest = &rest[open + 1..];
            continue;
        };
        out.push_str(&rest[..open]);
        // An optional argument that was left out.
        out.push_str(values.get(index).copied().unwrap_or("NULL"));
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    out
}

/// Whether a template is one call, `name(...)`, and so needs no parentheses around it.
pub(super) fn is_call(template: &str) -> bool {
    let Some(open) = template.find('(') else { return false };
    if open == 0 || !template[..open].chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return false;
    }
    let mut depth = 0;
    for (at, c) in template.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1 == template.len();
                }
            }
            _ => {}
        }
    }
    false
}
