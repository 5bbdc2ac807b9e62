//! A value in its stored form (the table at the head of the crate).

/// A stored value that owns its bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// SQL NULL.
    #[default]
    Null,
    /// INTEGER.
    Int(i64),
    /// REAL. Never NaN: that is the text `NaN`.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}

/// A stored value that borrows its bytes, as SQLite hands it to a function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// SQL NULL.
    Null,
    /// INTEGER.
    Int(i64),
    /// REAL.
    Real(f64),
    /// TEXT.
    Text(&'a str),
    /// BLOB.
    Blob(&'a [u8]),
}

impl Value {
    /// Borrows it.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::Null => ValueRef::Null,
            Value::Int(i) => ValueRef::Int(*i),
            Value::Real(r) => ValueRef::Real(*r),
            Value::Text(t) => ValueRef::Text(t),
            Value::Blob(b) => ValueRef::Blob(b),
        }
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

impl<'a> ValueRef<'a> {
    /// Copies it.
    pub fn to_owned(self) -> Value {
        match self {
            ValueRef::Null => Value::Null,
            ValueRef::Int(i) => Value::Int(i),
            ValueRef::Real(r) => Value::Real(r),
            ValueRef::Text(t) => Value::Text(t.to_owned()),
            ValueRef::Blob(b) => Value::Blob(b.to_owned()),
        }
    }

    /// Bytes that its copy takes in memory, about.
    pub fn size(self) -> usize {
        let bytes = match self {
            ValueRef::Text(t) => t.len(),
            ValueRef::Blob(b) => b.len(),
            _ => 0,
        };
        bytes + size_of::<Value>()
    }

    /// Whether it is NULL.
    pub fn is_null(self) -> bool {
        matches!(self, ValueRef::Null)
    }

    /// The text of a TEXT value; empty for anything else. For arguments whose type the signature guarantees.
    pub fn text(self) -> &'a str {
        match self {
            ValueRef::Text(t) => t,
            _ => "",
        }
    }

    /// The number of an INTEGER value; 0 for anything else. For arguments whose type the signature guarantees.
    pub fn int(self) -> i64 {
        match self {
            ValueRef::Int(i) => i,
            ValueRef::Real(r) => r as i64,
            _ => 0,
        }
    }

    /// A floating-point argument; the stored text `NaN` is NaN.
    pub fn float(self) -> f64 {
        match self {
            ValueRef::Int(i) => i as f64,
            ValueRef::Real(r) => r,
            ValueRef::Text("NaN") => f64::NAN,
            _ => 0.0,
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Int(b.into())
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Value::Int(i)
    }
}

impl From<f64> for Value {
    fn from(r: f64) -> Self {
        if r.is_nan() { Value::Text("NaN".into()) } else { Value::Real(r) }
    }
}

impl From<String> for Value {
    fn from(t: String) -> Self {
        Value::Text(t)
    }
}

impl From<&str> for Value {
    fn from(t: &str) -> Self {
        Value::Text(t.to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(b: Vec<u8>) -> Self {
        Value::Blob(b)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(o: Option<T>) -> Self {
        o.map_or(Value::Null, Into::into)
    }
}
