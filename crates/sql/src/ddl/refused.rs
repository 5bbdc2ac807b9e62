//! What PostgreSQL has and the embedded engine refuses, each with what to do instead.

use basalt_core::Error;

use super::Change;

/// Beginnings of statements, what they are called, and what to write instead.
const REFUSED: &[(&str, &str, &str)] = &[
    ("temp", "temporary tables and views", "Use a table, or a `with` query within the statement that needs it."),
    ("temporary", "temporary tables and views", "Use a table, or a `with` query within the statement that needs it."),
    ("local temp", "temporary tables and views", "Use a table, or a `with` query within the statement that needs it."),
    ("materialized view", "materialized views", "Use a view, or a table that you fill yourself."),
    ("recursive view", "recursive views", "Write `create view ... as with recursive ...`."),
    ("procedure", "procedures", "Write a function in language sql."),
    ("rule", "rules", "Write a view, or a function in language sql."),
    ("aggregate", "aggregates of your own", "Use the built-in aggregates, or a function in language sql."),
    ("operator", "operators of your own", "Write a function in language sql."),
    ("cast", "casts of your own", "Write a function in language sql."),
    ("collation", "collations of your own", "Text compares by bytes; sort by lower(...) to ignore case."),
    ("event trigger", "event triggers", "Put the change into a migration."),
    ("constraint trigger", "constraint triggers", "Use a check constraint or a foreign key."),
    (
        "foreign",
        "foreign tables and data wrappers",
        "Copy the data into a table, or read the source through a function.",
    ),
    ("server", "foreign servers", "Copy the data into a table, or read the source through a function."),
    ("user mapping", "user mappings", "Copy the data into a table, or read the source through a function."),
    ("text search", "text search configurations of your own", "Use the built-in `simple` and `english`."),
    ("subscription", "subscriptions", "Use PostgreSQL as the engine."),
    ("language", "procedural languages", "Write functions in language sql or plpgsql."),
    ("tablespace", "tablespaces", "Remove the statement."),
    ("system", "settings of the server", "Use basalt.toml."),
    ("large object", "large objects", "Use a bytea column, or a storage bucket."),
    ("call", "procedures", "Write `select function(...)`."),
    ("refresh", "materialized views", "Use a view, or a table that you fill yourself."),
    ("copy", "COPY other than FROM STDIN with its data", "Use inserts, or `copy ... from stdin`."),
    ("security label", "security labels", "Use row policies and grants."),
    ("import foreign schema", "foreign schemas", "Write `create table` statements and copy the data."),
    ("reassign owned", "REASSIGN OWNED", "Write `alter ... owner to` for each object."),
    ("owned by", "DROP OWNED", "Drop each object."),
    ("set role", "SET ROLE in a script", "Migrations run as the owner; write `alter ... owner to`."),
    (
        "set session authorization",
        "SET SESSION AUTHORIZATION",
        "Scripts run as the owner: make the dump with `pg_dump --no-owner`, or write `alter ... owner to`.",
    ),
    ("rollback", "ROLLBACK in a script", "A migration is one transaction; remove what is to be undone."),
    ("abort", "ROLLBACK in a script", "A migration is one transaction; remove what is to be undone."),
    ("savepoint", "savepoints in a script", "A migration is one transaction; remove the savepoint."),
    ("release", "savepoints in a script", "A migration is one transaction; remove the savepoint."),
    ("listen", "LISTEN", "Subscribe to changes through the realtime API."),
    ("notify", "NOTIFY", "Subscribe to changes through the realtime API."),
    ("declare", "cursors", "Page with limit and offset, or by key."),
    ("fetch", "cursors", "Page with limit and offset, or by key."),
    ("prepare transaction", "two-phase commit in a script", "A migration is one transaction; remove the statement."),
    ("prepare", "prepared statements in a script", "Write the statement itself."),
    ("execute", "prepared statements in a script", "Write the statement itself."),
    ("merge", "MERGE", "Use `insert ... on conflict`, `update` and `delete`."),
];

impl Change<'_> {
    /// The error for what comes next: 0A000 for what PostgreSQL has, 42601 otherwise.
    pub(super) fn refused(&self) -> Error {
        match REFUSED.iter().find(|(words, ..)| self.cursor.peek(words)) {
            Some((_, what, instead)) => self.lacking(what, instead),
            None => self.cursor.unexpected(),
        }
    }

    /// 0A000 at the next token.
    pub(super) fn lacking(&self, what: &str, instead: &'static str) -> Error {
        let message = format!("the embedded engine does not support {what}");
        Error::unsupported(message, instead).at(self.cursor.offset())
    }
}
