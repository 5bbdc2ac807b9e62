//! The names of types.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A built-in type without parameters (PostgreSQL manual, chapter 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)] // each is PostgreSQL's type of that name
pub enum Base {
    /// A literal or parameter whose type the context decides.
    Unknown,
    Void,
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Varchar,
    Bpchar,
    Name,
    Uuid,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Json,
    Jsonb,
    Bytea,
    Tsvector,
    Tsquery,
    Jsonpath,
    Int4range,
    Int8range,
    Numrange,
    Daterange,
    Tsrange,
    Tstzrange,
    /// pgvector's.
    Vector,
    /// The return type of a trigger function.
    Trigger,
    /// The return type of an event trigger's function.
    EventTrigger,
}

/// The type of a column, parameter or expression. Domains are resolved to their base type before this.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Type {
    /// A built-in type.
    Base(Base),
    /// An enumeration.
    Enum(Arc<EnumType>),
    /// An array of any number of dimensions. Never of arrays.
    Array(Arc<Type>),
    /// A row: its fields in order.
    Record(Arc<Vec<(String, Type)>>),
    /// A type that only PostgreSQL knows: a multirange, `inet`, an extension's. Values of it pass through as text.
    Other(Arc<OtherType>),
}

/// A type that only PostgreSQL knows, by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OtherType {
    /// Schema of the type.
    pub schema: String,
    /// Name of the type: `int4multirange`, `inet`, `citext`.
    pub name: String,
}

/// An enumeration's labels in their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EnumType {
    /// Schema of the type.
    pub schema: String,
    /// Name of the type.
    pub name: String,
    /// Labels, in the order in which they compare.
    pub labels: Vec<String>,
}

/// What stands in parentheses after a type's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Typmod {
    /// `varchar(n)`, `char(n)`: characters.
    Length(u32),
    /// `numeric(precision, scale)`: decimal digits.
    Precision(u32, i32),
    /// `timestamp(p)`, `time(p)`, `interval(p)`: digits of the second's fraction, 0 to 6.
    Fraction(u32),
    /// `vector(n)`: numbers.
    Dimensions(u32),
}

macro_rules! constants {
    ($($constant:ident = $base:ident),* $(,)?) => {
        #[allow(missing_docs)]
        impl Type { $(pub const $constant: Type = Type::Base(Base::$base);)* }
    };
}
constants! {
    UNKNOWN = Unknown, VOID = Void, BOOL = Bool, INT2 = Int2, INT4 = Int4, INT8 = Int8, FLOAT4 = Float4, FLOAT8 = Float8,
    NUMERIC = Numeric, TEXT = Text, VARCHAR = Varchar, BPCHAR = Bpchar, NAME = Name, UUID = Uuid, DATE = Date, TIME = Time,
    TIMESTAMP = Timestamp, TIMESTAMPTZ = Timestamptz, INTERVAL = Interval, JSON = Json, JSONB = Jsonb, BYTEA = Bytea,
    TSVECTOR = Tsvector, TSQUERY = Tsquery, INT4RANGE = Int4range,
    INT8RANGE = Int8range, NUMRANGE = Numrange, DATERANGE = Daterange, TSRANGE = Tsrange, TSTZRANGE = Tstzrange,
    JSONPATH = Jsonpath, VECTOR = Vector, TRIGGER = Trigger, EVENT_TRIGGER = EventTrigger,
}

impl Base {
    /// PostgreSQL's internal name: `int4`, `timestamptz`, `bpchar`.
    pub fn internal_name(self) -> &'static str {
        match self {
            Base::Unknown => "unknown",
            Base::Void => "void",
            Base::Bool => "bool",
            Base::Int2 => "int2",
            Base::Int4 => "int4",
            Base::Int8 => "int8",
            Base::Float4 => "float4",
            Base::Float8 => "float8",
            Base::Numeric => "numeric",
            Base::Text => "text",
            Base::Varchar => "varchar",
            Base::Bpchar => "bpchar",
            Base::Name => "name",
            Base::Uuid => "uuid",
            Base::Date => "date",
            Base::Time => "time",
            Base::Timestamp => "timestamp",
            Base::Timestamptz => "timestamptz",
            Base::Interval => "interval",
            Base::Json => "json",
            Base::Jsonb => "jsonb",
            Base::Bytea => "bytea",
            Base::Tsvector => "tsvector",
            Base::Tsquery => "tsquery",
            Base::Jsonpath => "jsonpath",
            Base::Int4range => "int4range",
            Base::Int8range => "int8range",
            Base::Numrange => "numrange",
            Base::Daterange => "daterange",
            Base::Tsrange => "tsrange",
            Base::Tstzrange => "tstzrange",
            Base::Vector => "vector",
            Base::Trigger => "trigger",
            Base::EventTrigger => "event_trigger",
        }
    }

    /// The name that messages and OpenAPI show: `integer`, `timestamp with time zone`, `character`.
    pub fn sql_name(self) -> &'static str {
        match self {
            Base::Bool => "boolean",
            Base::Int2 => "smallint",
            Base::Int4 => "integer",
            Base::Int8 => "bigint",
            Base::Float4 => "real",
            Base::Float8 => "double precision",
            Base::Varchar => "character varying",
            Base::Bpchar => "character",
            Base::Time => "time without time zone",
            Base::Timestamp => "timestamp without time zone",
            Base::Timestamptz => "timestamp with time zone",
            other => other.internal_name(),
        }
    }

    /// Finds a type by any spelling that PostgreSQL reads, lower case, without modifier: `int`, `int4`, `integer`.
    pub fn by_name(name: &str) -> Option<Base> {
        Some(match name {
            "unknown" => Base::Unknown,
            "void" => Base::Void,
            "bool" | "boolean" => Base::Bool,
            "int2" | "smallint" | "smallserial" | "serial2" => Base::Int2,
            "int" | "int4" | "integer" | "serial" | "serial4" => Base::Int4,
            "int8" | "bigint" | "bigserial" | "serial8" => Base::Int8,
            "float4" | "real" => Base::Float4,
            "float" | "float8" | "double precision" => Base::Float8,
            "numeric" | "decimal" | "dec" => Base::Numeric,
            "text" => Base::Text,
            "varchar" | "character varying" | "nvarchar" => Base::Varchar,
            "bpchar" | "char" | "character" | "nchar" => Base::Bpchar,
            "name" => Base::Name,
            "uuid" => Base::Uuid,
            "date" => Base::Date,
            "time" | "time without time zone" => Base::Time,
            "timestamp" | "timestamp without time zone" => Base::Timestamp,
            "timestamptz" | "timestamp with time zone" => Base::Timestamptz,
            "interval" => Base::Interval,
            "json" => Base::Json,
            "jsonb" => Base::Jsonb,
            "bytea" => Base::Bytea,
            "tsvector" => Base::Tsvector,
            "tsquery" => Base::Tsquery,
            "jsonpath" => Base::Jsonpath,
            "int4range" => Base::Int4range,
            "int8range" => Base::Int8range,
            "numrange" => Base::Numrange,
            "daterange" => Base::Daterange,
            "tsrange" => Base::Tsrange,
            "tstzrange" => Base::Tstzrange,
            "vector" => Base::Vector,
            // Names of search configurations are kept as text.
            "regconfig" => Base::Text,
            "trigger" => Base::Trigger,
            "event_trigger" => Base::EventTrigger,
            _ => return None,
        })
    }

    /// The range types.
    pub const RANGES: [Base; 6] =
        [Base::Int4range, Base::Int8range, Base::Numrange, Base::Daterange, Base::Tsrange, Base::Tstzrange];

    /// The type of a range's bounds; `None` of other types.
    pub fn subtype(self) -> Option<Base> {
        Some(match self {
            Base::Int4range => Base::Int4,
            Base::Int8range => Base::Int8,
            Base::Numrange => Base::Numeric,
            Base::Daterange => Base::Date,
            Base::Tsrange => Base::Timestamp,
            Base::Tstzrange => Base::Timestamptz,
            _ => return None,
        })
    }

    /// The range type over values of this type, if there is one.
    pub fn range(self) -> Option<Base> {
        Base::RANGES.into_iter().find(|range| range.subtype() == Some(self))
    }
}

impl Type {
    /// An array of this type.
    pub fn array_of(self) -> Type {
        Type::Array(Arc::new(self))
    }

    /// The element type of an array.
    pub fn element(&self) -> Option<&Type> {
        match self {
            Type::Array(element) => Some(element),
            _ => None,
        }
    }

    /// The built-in type, if it is one.
    pub fn base(&self) -> Option<Base> {
        match self {
            Type::Base(base) => Some(*base),
            _ => None,
        }
    }

    /// `text`, `varchar`, `char(n)`, `name`, or a literal of unknown type.
    pub fn is_textual(&self) -> bool {
        matches!(self, Type::Base(Base::Text | Base::Varchar | Base::Bpchar | Base::Name | Base::Unknown))
    }

    /// A number of any width.
    pub fn is_numeric(&self) -> bool {
        matches!(self, Type::Base(Base::Int2 | Base::Int4 | Base::Int8 | Base::Float4 | Base::Float8 | Base::Numeric))
    }

    /// `smallint`, `integer` or `bigint`.
    pub fn is_integer(&self) -> bool {
        matches!(self, Type::Base(Base::Int2 | Base::Int4 | Base::Int8))
    }

    /// Whether its values are INTEGER in SQLite.
    pub fn is_stored_as_integer(&self) -> bool {
        use Base::{Bool, Date, Int2, Int4, Int8, Time, Timestamp, Timestamptz};
        matches!(self, Type::Base(Bool | Int2 | Int4 | Int8 | Date | Time | Timestamp | Timestamptz))
    }

    /// The name that messages show: `integer`, `text[]`, `mood`.
    pub fn sql_name(&self) -> String {
        match self {
            Type::Base(base) => base.sql_name().to_owned(),
            Type::Enum(e) => e.name.clone(),
            Type::Array(element) => format!("{}[]", element.sql_name()),
            Type::Record(_) => "record".to_owned(),
            Type::Other(other) => other.name.clone(),
        }
    }

    /// The type of rows, or of arrays of them, that a collation's name tells.
    pub fn of_collation(name: &str) -> Option<Type> {
        serde_json::from_str(name.strip_prefix(ROWS)?).ok()
    }

    /// The SQLite collation under which stored values compare, if not by bytes or numbers.
    pub fn collation(&self) -> Option<String> {
        match self {
            Type::Base(Base::Numeric) => Some("pg_numeric".into()),
            Type::Base(Base::Interval) => Some("pg_interval".into()),
            Type::Base(Base::Jsonb) => Some("pg_jsonb".into()),
            Type::Base(Base::Bpchar) => Some("pg_bpchar".into()),
            Type::Base(base) if base.subtype().is_some() => Some(format!("pg_{}", base.internal_name())),
            Type::Enum(e) => Some(format!("pg_enum_{}.{}", e.schema, e.name)),
            Type::Record(_) => Some(collation_of_rows(self)),
            Type::Array(element) => Some(match &**element {
                Type::Record(_) => collation_of_rows(self),
                Type::Enum(e) => format!("pg_array_{}.{}", e.schema, e.name),
                Type::Base(base) => format!("pg_array_{}", base.internal_name()),
                _ => "pg_array_text".into(),
            }),
            _ => None,
        }
    }
}

/// What the name of a collation of rows begins with; the type follows as JSON.
const ROWS: &str = "pg_rows:";

/// The name tells all that the order needs: the fields' types. SQLite ignores the case of letters, which JSON can write otherwise.
fn collation_of_rows(ty: &Type) -> String {
    let mut name = String::from(ROWS);
    for c in serde_json::to_string(&without_names(ty)).unwrap_or_default().chars() {
        match c {
            'A'..='Z' => name.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => name.push(c),
        }
    }
    name
}

fn without_names(ty: &Type) -> Type {
    match ty {
        Type::Array(element) => without_names(element).array_of(),
        Type::Record(fields) => {
            Type::Record(Arc::new(fields.iter().map(|(_, ty)| (String::new(), without_names(ty))).collect()))
        }
        ty => ty.clone(),
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sql_name())
    }
}
