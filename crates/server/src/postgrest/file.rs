//! The form of PostgREST's configuration file: `name = value` a line, where a value is a text in double quotes, a number, `true` or
//! `false`; `#` begins a comment. In a text `$(NAME)` stands for a setting above or a variable of the environment, `$$` for `$`.

use super::map::Variable;

/// The settings with their lines (from 1), in order.
///
/// Errors: `line: what is wrong`.
pub(super) fn read(text: &str, variable: Variable<'_>) -> Result<Vec<(usize, String, String)>, String> {
    let mut settings: Vec<(usize, String, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| format!("{number}: expected `name = value`"))?;
        let name = name.trim().trim_matches('"');
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(format!("{number}: \"{name}\" is no name of a setting"));
        }
        let meaning = |name: &str| {
            let above = settings.iter().rev().find(|(_, known, _)| known == name);
            above.map(|(_, _, value)| value.clone()).or_else(|| variable(name).ok())
        };
        let value = self::value(value.trim()).and_then(|value| interpolated(&value, meaning));
        let value = value.map_err(|reason| format!("{number}: {reason}"))?;
        settings.push((number, name.to_owned(), value));
    }
    Ok(settings)
}

/// A text in which names have become what they mean. A `$` before anything else is itself.
fn interpolated(text: &str, meaning: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        done.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            done.push('$');
            after
        } else if let Some((name, after)) = after.strip_prefix('(').and_then(|named| named.split_once(')')) {
            let unknown = || format!("$({name}) is no setting above and no variable of the environment");
            done.push_str(&meaning(name).ok_or_else(unknown)?);
            after
        } else {
            done.push('$');
            after
        };
    }
    Ok(done + rest)
}

fn value(text: &str) -> Result<String, String> {
    let Some(quoted) = text.strip_prefix('"') else {
        let bare = text.split('#').next().unwrap_or_default().trim_end();
        let is_bare = matches!(bare, "true" | "false" | "on" | "off" | "yes" | "no") || bare.parse::<f64>().is_ok();
        return match is_bare {
            true => Ok(bare.to_owned()),
            false => Err(format!("the value `{bare}` needs double quotes")),
        };
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next() {
            None => return Err("the value's closing quote is missing".into()),
            Some('"') => break,
            Some('\\') => match chars.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some(c @ ('"' | '\\')) => value.push(c),
                other => return Err(format!("unknown escape \\{}", other.map(String::from).unwrap_or_default())),
            },
            Some(c) => value.push(c),
        }
    }
    let rest = chars.as_str().trim_start();
    match rest.is_empty() || rest.starts_with('#') {
        true => Ok(value),
        false => Err(format!("unexpected text after the value: {rest}")),
    }
}
