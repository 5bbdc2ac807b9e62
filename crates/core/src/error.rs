//! What a statement answers when it fails: PostgreSQL's error fields, whichever engine ran it.

use std::borrow::Cow;

/// A `Result` whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A database error in PostgreSQL's terms (manual, appendix A "PostgreSQL Error Codes" and
/// section 55.8 "Error and Notice Message Fields").
///
/// Drivers' own error numbers never leave the `db` crate: they become one of these there.
/// Boxed inside, so that a `Result` of it stays one word wide on the paths that succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Fields>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fields {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    detail: Option<Cow<'static, str>>,
    hint: Option<Cow<'static, str>>,
    constraint: Option<String>,
    object: Option<Object>,
    position: Option<usize>,
    is_of_connection: bool,
}

/// What an error is about, by name: PL/pgSQL's `get stacked diagnostics` tells it, no surface does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the manual's own words
pub struct Object {
    pub schema: Option<String>,
    pub table: Option<String>,
    pub column: Option<String>,
    pub datatype: Option<String>,
}

impl Object {
    /// A table.
    pub fn table(schema: impl Into<String>, table: impl Into<String>) -> Object {
        Object { schema: Some(schema.into()), table: Some(table.into()), ..Object::default() }
    }
}

impl Error {
    /// An error with a five-character SQLSTATE and PostgreSQL's message text for it.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Fields {
            code: code.into(),
            message: message.into(),
            detail: None,
            hint: None,
            constraint: None,
            object: None,
            position: None,
            is_of_connection: false,
        }))
    }

    /// 08001 or 08006 of the connection to the database itself, which SQL that raises these codes is not.
    pub fn of_connection(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Error::new(code, message);
        error.0.is_of_connection = true;
        error
    }

    /// `0A000 feature_not_supported`: PostgreSQL has it, this engine does not.
    /// The hint says what to write instead.
    pub fn unsupported(what: impl Into<Cow<'static, str>>, instead: impl Into<Cow<'static, str>>) -> Self {
        Error::new("0A000", what).with_hint(instead)
    }

    /// `22P02 invalid_text_representation`: `text` is no value of the type `type_name`.
    pub fn invalid_text(type_name: &str, text: &str) -> Self {
        Error::new("22P02", format!("invalid input syntax for type {type_name}: \"{text}\""))
    }

    /// `22003 numeric_value_out_of_range`: `text` is a number beyond the type `type_name`.
    pub fn out_of_range(type_name: &str, text: &str) -> Self {
        Error::new("22003", format!("value \"{text}\" is out of range for type {type_name}"))
    }

    /// `42501 insufficient_privilege` for an object: `permission denied for table t`.
    pub fn permission_denied(kind: &str, name: &str) -> Self {
        Error::new("42501", format!("permission denied for {kind} {name}"))
    }

    /// `XX000 internal_error`: a fault of Basalt itself. The text goes to the log.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new("XX000", message)
    }

    /// Says it in other words.
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = message.into();
        self
    }

    /// Adds the DETAIL field: what was found.
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds the HINT field: what to do next.
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Names the violated constraint.
    pub fn with_constraint(mut self, name: impl Into<String>) -> Self {
        self.0.constraint = Some(name.into());
        self
    }

    /// Names what the error is about.
    pub fn with_object(mut self, object: Object) -> Self {
        self.0.object = Some(object);
        self
    }

    /// Points at a byte offset in the statement's text, if none is set yet.
    pub fn at(mut self, offset: usize) -> Self {
        self.0.position.get_or_insert(offset);
        self
    }

    /// Points at another offset, or at none: where the fault's text is part of another one.
    pub fn elsewhere(mut self, offset: Option<usize>) -> Self {
        self.0.position = offset;
        self
    }

    /// The SQLSTATE.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Whether the connection to the database failed, as [`Error::of_connection`] says.
    pub fn is_of_connection(&self) -> bool {
        self.0.is_of_connection
    }

    /// The primary message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The DETAIL field, if any.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The HINT field, if any.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The violated constraint's name, if the error is a constraint's.
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// What the error is about, if that is told.
    pub fn object(&self) -> Option<&Object> {
        self.0.object.as_ref()
    }

    /// Byte offset into the statement, where the fault has a place in its text.
    pub fn position(&self) -> Option<usize> {
        self.0.position
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.0.message, self.0.code)?;
        if let Some(detail) = &self.0.detail {
            write!(f, "\nDETAIL: {detail}")?;
        }
        if let Some(hint) = &self.0.hint {
            write!(f, "\nHINT: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
