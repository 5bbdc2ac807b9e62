//! `raise`.

use basalt_core::{Error, Object, Result};
use basalt_sql::compile::body::Gives;
use basalt_sql::plpgsql::ast::{Raise, RaiseOption};
use basalt_sql::plpgsql::conditions;

use super::body::Body;

impl Body<'_> {
    /// Raises an error, or computes the words of what is none: nobody hears notices.
    pub(super) fn raise(&mut self, raise: &Raise) -> Result<()> {
        if raise.again {
            let outside = "RAISE without parameters cannot be used outside an exception handler";
            return Err(self.handled.last().cloned().unwrap_or_else(|| Error::new("0Z002", outside)));
        }
        let mut message = match &raise.format {
            Some(format) => {
                let mut args = Vec::with_capacity(raise.args.len());
                for arg in &raise.args {
                    args.push(self.text(arg)?.unwrap_or_else(|| "<NULL>".to_owned()));
                }
                Some(filled(format, args))
            }
            None => None,
        };
        let (mut code, mut detail, mut hint, mut constraint) = (raise.code.clone(), None, None, None);
        let mut object = Object::default();
        for (option, sql) in &raise.options {
            let Some(text) = self.text(sql)? else {
                return Err(Error::new("22004", "RAISE statement option cannot be null"));
            };
            let slot = match option {
                RaiseOption::Message => &mut message,
                RaiseOption::Detail => &mut detail,
                RaiseOption::Hint => &mut hint,
                RaiseOption::Constraint => &mut constraint,
                RaiseOption::Errcode => {
                    code = Some(text);
                    continue;
                }
                RaiseOption::Column => &mut object.column,
                RaiseOption::Datatype => &mut object.datatype,
                RaiseOption::Schema => &mut object.schema,
                RaiseOption::Table => &mut object.table,
            };
            if slot.replace(text).is_some() {
                let option = option.word().to_uppercase();
                return Err(Error::new("42601", format!("RAISE option already specified: {option}")));
            }
        }
        if !raise.is_exception {
            return Ok(());
        }
        let said = code.unwrap_or_else(|| "P0001".to_owned());
        // Success is no code of an error.
        let code = Some(named(&said)?).filter(|code| code != "00000").unwrap_or_else(|| "P0001".to_owned());
        let mut error = Error::new(code, message.unwrap_or(said)).with_object(object);
        if let Some(detail) = detail {
            error = error.with_detail(detail);
        }
        if let Some(hint) = hint {
            error = error.with_hint(hint);
        }
        Err(match constraint {
            Some(constraint) => error.with_constraint(constraint),
            None => error,
        })
    }

    fn text(&mut self, sql: &basalt_sql::plpgsql::ast::Sql) -> Result<Option<String>> {
        let value = self.value(sql, &Gives::text())?;
        Ok((!value.is_null()).then(|| value.as_ref().text().to_owned()))
    }
}

/// A message with its arguments in the places of `%`.
fn filled(format: &str, args: Vec<String>) -> String {
    let mut args = args.into_iter();
    let mut message = String::with_capacity(format.len());
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '%' if chars.next_if_eq(&'%').is_some() => message.push('%'),
            '%' => message.push_str(&args.next().unwrap_or_default()),
            c => message.push(c),
        }
    }
    message
}

/// The SQLSTATE of `errcode`, which may be its condition's name.
fn named(text: &str) -> Result<String> {
    if conditions::is_code(text) {
        return Ok(text.to_owned());
    }
    let unknown = || Error::new("42704", format!("unrecognized exception condition \"{text}\""));
    conditions::code(text).map(str::to_owned).ok_or_else(unknown)
}
