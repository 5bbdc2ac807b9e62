//! A service's tables that something else made: those of a Supabase project whose database is opened here for the first time.
//!
//! The service's own migrations are the measure. Each of their statements looks first whether what it makes is there: a type gets the
//! labels that it lacks, a table the columns and unique keys; what rows need not have here is required no longer. Nothing is
//! dropped and no type is changed, so that what made the tables can go on with them. A table that can't serve is moved to
//! the schema `SCHEMA_before` while it is empty, or the service can do without its rows; another one that holds rows is refused by name.

use basalt_core::{Error, Result};
use basalt_sql::Name;
use basalt_sql::script::{Piece, split};
use tokio_postgres::Client;

use super::error::translate;
use super::migrating::by_words;
use crate::migrate::Service;

/// Words that end the type in a column's definition.
const AFTER_TYPE: [&str; 7] = ["primary", "references", "not", "unique", "default", "generated", "check"];

/// Whether a column of type `a.atttypid` can stand for one of the type `$3`: it is the same, or takes and gives the same text.
const FITS: &str = "a.atttypid = w.oid or (a.atttypid in ('json'::regtype, 'jsonb'::regtype) and w.oid in ('json'::regtype, 'jsonb'::regtype)) \
    or (w.typcategory = t.typcategory and w.typcategory in ('S', 'N', 'E')) or (w.typcategory = 'S' and t.typcategory in ('E', 'I'))";

/// Whether there is a function of that name, whatever it takes.
const FUNCTION: &str = "exists (select from pg_proc where pronamespace = to_regnamespace(split_part($1, '.', 1)) \
    and proname = split_part($1, '.', 2))";

/// What a statement of a migration makes.
#[derive(Debug, PartialEq, Eq)]
enum Makes<'a> {
    Schema(&'a str),
    Type {
        name: &'a str,
        labels: Vec<&'a str>,
    },
    Table {
        name: &'a str,
        members: Vec<&'a str>,
    },
    Column {
        table: &'a str,
        definition: &'a str,
    },
    Index {
        name: &'a str,
        table: &'a str,
    },
    Function(&'a str),
    /// Something that may be made again.
    Other,
}

/// Why a table can't be used as it is.
struct Unfit {
    column: String,
    is: String,
    wanted: String,
}

/// Whether a table of the service is there that the service did not make.
pub(super) async fn is_needed(client: &Client, service: &Service) -> Result<bool> {
    for table in tables(service)? {
        if is_there(client, "to_regclass($1) is not null", table).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The tables that a service's migrations make.
fn tables(service: &Service) -> Result<Vec<&'static str>> {
    let mut tables = Vec::new();
    for migration in service.migrations {
        for piece in split(migration.source)? {
            if let Piece::Statement { sql, .. } = piece
                && let Makes::Table { name, .. } = makes(sql)
            {
                tables.push(name);
            }
        }
    }
    Ok(tables)
}

/// Runs a statement of a migration, or makes what is lacking of what it would make.
///
/// Errors: the statement's; 42501 for a table of another role; 55000 for one that can't be used.
pub(super) async fn statement(client: &Client, service: &Service, sql: &str) -> Result<()> {
    let there = match makes(sql) {
        Makes::Schema(name) => is_there(client, "to_regnamespace($1) is not null", name).await?,
        Makes::Function(name) => is_there(client, FUNCTION, name).await?,
        Makes::Index { name, table } => {
            let schema = Name::named(table).schema;
            is_there(client, "to_regclass($1) is not null", &format!("{schema}.{name}")).await?
        }
        Makes::Type { name, labels } => {
            let there = is_there(client, "to_regtype($1) is not null", name).await?;
            if there {
                let sql = "select quote_literal(enumlabel) from pg_enum where enumtypid = to_regtype($1)";
                let known = client.query(sql, &[&name]).await.map_err(translate)?;
                for label in labels.iter().filter(|label| !known.iter().any(|row| row.get::<_, &str>(0) == **label)) {
                    run(client, &format!("alter type {name} add value {label}")).await?;
                }
            }
            there
        }
        Makes::Table { name, members } => {
            let was_there = is_there(client, "to_regclass($1) is not null", name).await?;
            let is_used = was_there && table(client, service, name, &members).await?;
            if let (true, false, Some(Some(take_over))) = (was_there, is_used, service.does_without(name)) {
                run(client, sql).await?;
                return run(client, take_over).await;
            }
            is_used
        }
        Makes::Column { table, definition } => match column(client, table, definition).await? {
            Ok(()) => true,
            Err(unfit) => return Err(unfit.error(table)),
        },
        Makes::Other => false,
    };
    if there { Ok(()) } else { run(client, sql).await }
}

/// Gives a table what it lacks. False if it was moved away, so that a new one is to be made.
async fn table(client: &Client, service: &Service, name: &str, members: &[&str]) -> Result<bool> {
    judge_owner(client, service, name).await?;
    take_every_row(client, name).await?;
    let definitions = members.iter().copied().filter(|member| !is_constraint(member));
    for definition in definitions.clone() {
        if let Err(unfit) = column(client, name, definition).await? {
            let has_rows = has_rows(client, name).await?;
            if has_rows && service.does_without(name).is_none() {
                return Err(unfit.error(name));
            }
            let before = format!("{}_before", name.split('.').next().unwrap_or_default());
            // Its owner keeps it: what deletes a user looks there, as the owner.
            let owner = "select quote_ident(pg_get_userbyid(relowner)) from pg_class where oid = to_regclass($1)";
            let owner: String = client.query_one(owner, &[&name]).await.map_err(translate)?.get(0);
            let moved = format!(
                "create schema if not exists {before}; grant usage, create on schema {before} to {owner}; alter table {name} set schema {before}"
            );
            run(client, &moved).await?;
            match has_rows {
                true => tracing::warn!(
                    table = name,
                    schema = before,
                    "a table that can't be used was moved away with its rows"
                ),
                false => {
                    tracing::info!(table = name, schema = before, "an empty table that can't be used was moved away")
                }
            }
            return Ok(false);
        }
    }
    let known: Vec<&str> = definitions.map(|definition| split_first(definition).0).collect();
    require_no_others(client, name, &known).await?;
    for member in members {
        if let Some(columns) = unique_columns(member) {
            ensure_unique(client, name, columns).await?;
        }
    }
    tracing::info!(table = name, "a table that was there is used");
    Ok(true)
}

/// Adds a column, or lets it be empty where it may be here. Tells what is wrong with one that can't serve.
async fn column(client: &Client, table: &str, definition: &str) -> Result<Result<(), Unfit>> {
    let (name, ty) = (split_first(definition).0, type_of(definition));
    let sql = format!(
        "select {FITS}, a.attnotnull and not a.atthasdef, format_type(a.atttypid, a.atttypmod) from pg_attribute a \
         join pg_type t on t.oid = a.atttypid join pg_type w on w.oid = to_regtype($3) \
         where a.attrelid = to_regclass($1) and a.attname = $2 and not a.attisdropped"
    );
    let found = client.query_opt(&sql, &[&table, &name, &ty]).await.map_err(translate)?;
    let Some(found) = found else {
        // Rows that are there would have nothing in it.
        let needs_value = definition.contains("not null") && !definition.contains("default");
        if needs_value && has_rows(client, table).await? {
            return Ok(Err(Unfit { column: name.to_owned(), is: "missing".into(), wanted: ty.to_owned() }));
        }
        return run(client, &format!("alter table {table} add column {definition}")).await.map(Ok);
    };
    let (fits, required): (bool, bool) = (found.get(0), found.get(1));
    if !fits {
        let is = format!("of type {}", found.get::<_, String>(2));
        return Ok(Err(Unfit { column: name.to_owned(), is, wanted: ty.to_owned() }));
    }
    if required && !definition.contains("not null") && !definition.contains("primary key") {
        run(client, &format!("alter table {table} alter column {name} drop not null")).await?;
    }
    Ok(Ok(()))
}

/// Columns that the service doesn't know can't be required of its rows.
async fn require_no_others(client: &Client, table: &str, known: &[&str]) -> Result<()> {
    let sql = "select quote_ident(a.attname) from pg_attribute a where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped \
        and a.attnotnull and not a.atthasdef and a.attidentity = '' and a.attname <> all ($2::text[]) \
        and not exists (select from pg_index i where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any (i.indkey))";
    for row in client.query(sql, &[&table, &known]).await.map_err(translate)? {
        let column: String = row.get(0);
        run(client, &format!("alter table {table} alter column {column} drop not null")).await?;
    }
    Ok(())
}

/// A partitioned table takes rows for which nobody made a partition: what made one for each day makes them no longer.
async fn take_every_row(client: &Client, table: &str) -> Result<()> {
    let sql = "select partdefid = 0 from pg_partitioned_table where partrelid = to_regclass($1)";
    let found = client.query_opt(sql, &[&table]).await.map_err(translate)?;
    if found.is_some_and(|lacks| lacks.get(0)) {
        run(client, &format!("create table {table}_default partition of {table} default")).await?;
    }
    Ok(())
}

/// Makes columns a unique key, unless an index says already that they are one.
async fn ensure_unique(client: &Client, table: &str, mut columns: Vec<&str>) -> Result<()> {
    columns.sort_unstable();
    let sql = "select exists (select from pg_index i where i.indrelid = to_regclass($1) and i.indisunique and i.indpred is null \
        and i.indexprs is null and $2::text[] = (select array_agg(a.attname::text order by a.attname::text collate \"C\") \
        from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey)))";
    let there = client.query_one(sql, &[&table, &columns]).await.map_err(translate)?;
    if there.get(0) {
        return Ok(());
    }
    run(client, &format!("alter table {table} add unique ({})", columns.join(", "))).await
}

/// Only a table's owner may change it.
async fn judge_owner(client: &Client, service: &Service, table: &str) -> Result<()> {
    let sql = "select pg_has_role(current_user, c.relowner, 'usage'), quote_ident(o.rolname), quote_ident(current_user), o.rolsuper \
        from pg_class c join pg_roles o on o.oid = c.relowner where c.oid = to_regclass($1)";
    let row = client.query_one(sql, &[&table]).await.map_err(translate)?;
    if row.get(0) {
        return Ok(());
    }
    let (owner, own): (String, String) = (row.get(1), row.get(2));
    let message =
        format!("the table {table} was made by {owner}, and the role of `database.url`, {own}, may not change it");
    // Whoever is a superuser's member may become one: it needs the tables alone.
    let remedy = match row.get(3) {
        true => handed_over(client, service).await?,
        false => format!("grant {owner} to {own}"),
    };
    let hint = format!("Have somebody who may run: {remedy}; or connect as a superuser.");
    Err(Error::new("42501", message).with_hint(hint))
}

/// What gives a service's tables to the connecting role.
async fn handed_over(client: &Client, service: &Service) -> Result<String> {
    let sql = "select string_agg(format('alter table %s owner to %I', c.oid::regclass, current_user), '; ' order by at) \
        from unnest($1::text[]) with ordinality as made (name, at) join pg_class c on c.oid = to_regclass(name) \
        where not pg_has_role(current_user, c.relowner, 'usage')";
    Ok(client.query_one(sql, &[&tables(service)?]).await.map_err(translate)?.get(0))
}

impl Unfit {
    fn error(self, table: &str) -> Error {
        let Unfit { column, is, wanted } = self;
        let message = format!(
            "the table {table}, which something else made, can't be used: its column {column} is {is}, and has to be {wanted}"
        );
        let hint = "Bring it up to date with the program that made it (for Supabase's auth: start its latest version on this database once), \
            or rename the table if its rows are not needed.";
        Error::new("55000", message).with_hint(hint)
    }
}

async fn has_rows(client: &Client, table: &str) -> Result<bool> {
    let sql = format!("select exists (select from {table})");
    Ok(client.query_one(&sql, &[]).await.map_err(translate)?.get(0))
}

async fn is_there(client: &Client, condition: &str, name: &str) -> Result<bool> {
    let sql = format!("select {condition}");
    Ok(client.query_one(&sql, &[&name]).await.map_err(translate)?.get(0))
}

async fn run(client: &Client, sql: &str) -> Result<()> {
    client.batch_execute(sql).await.map_err(translate)
}

/// Reads a statement of a service's migration.
fn makes(sql: &str) -> Makes<'_> {
    let sql = statement_of(sql);
    by_words(sql, |words| match words {
        ["create", "schema", ..] => Makes::Schema(last_word(sql)),
        ["create", "type", ..] => Makes::Type { name: nth_word(sql, 2), labels: members(sql) },
        ["create", "table", ..] => Makes::Table { name: nth_word(sql, 2), members: members(sql) },
        ["create", "function", ..] => Makes::Function(nth_word(sql, 2)),
        ["create", "index", _, "on", _] => Makes::Index { name: nth_word(sql, 2), table: nth_word(sql, 4) },
        ["create", "unique", "index", _, "on"] => Makes::Index { name: nth_word(sql, 3), table: nth_word(sql, 5) },
        ["alter", "table", _, "add", "column"] => {
            let definition = (0..5).fold(sql, |rest, _| split_first(rest).1);
            Makes::Column { table: nth_word(sql, 2), definition: definition.trim_end_matches(';') }
        }
        _ => Makes::Other,
    })
}

/// A statement without the comments before it.
fn statement_of(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    while let Some(comment) = rest.strip_prefix("--") {
        rest = comment.split_once('\n').map_or("", |(_, after)| after).trim_start();
    }
    rest
}

/// The first word, and what follows it. A parenthesis ends a word.
fn split_first(sql: &str) -> (&str, &str) {
    let sql = sql.trim_start();
    let end = sql.find(|c: char| c.is_whitespace() || matches!(c, '(' | ';')).unwrap_or(sql.len());
    (&sql[..end], sql[end..].trim_start())
}

fn nth_word(sql: &str, index: usize) -> &str {
    split_first((0..index).fold(sql, |rest, _| split_first(rest).1)).0
}

fn last_word(sql: &str) -> &str {
    sql.trim_end_matches([';', ' ', '\n']).rsplit(char::is_whitespace).next().unwrap_or_default()
}

/// What stands between the outer parentheses, cut at its commas.
fn members(sql: &str) -> Vec<&str> {
    let inside = sql.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).map_or("", |(inside, _)| inside);
    let (mut found, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(inside[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(inside[start..].trim());
    found
}

fn is_constraint(member: &str) -> bool {
    ["unique", "primary", "foreign", "check", "constraint"].contains(&split_first(member).0)
}

/// The type in a column's definition, as `to_regtype` takes it.
fn type_of(definition: &str) -> &str {
    let after = split_first(definition).1;
    let mut rest = after;
    while !rest.is_empty() && !AFTER_TYPE.contains(&split_first(rest).0) {
        let (word, more) = split_first(rest);
        rest = if word.is_empty() { more.split_once(')').map_or("", |(_, more)| more.trim_start()) } else { more };
    }
    match after[..after.len() - rest.len()].trim() {
        "bigserial" => "bigint",
        ty => ty,
    }
}

/// The columns that a table's member makes a unique key.
fn unique_columns(member: &str) -> Option<Vec<&str>> {
    let (first, rest) = split_first(member);
    if first == "unique" {
        return Some(rest.trim_matches(['(', ')']).split(',').map(str::trim).collect());
    }
    let is_unique = !is_constraint(member) && rest.split_whitespace().any(|word| word == "unique");
    is_unique.then(|| vec![first])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_s_statements_are_read() {
        let table = "-- Users.\ncreate table auth.users (\n  id uuid primary key,\n  phone varchar(255) unique,\n  at timestamptz generated always as (least(a, b)) stored,\n  unique (id, phone)\n);";
        let Makes::Table { name, members } = makes(table) else { panic!("no table") };
        assert_eq!((name, members.len()), ("auth.users", 4));
        assert_eq!(members.iter().map(|member| is_constraint(member)).collect::<Vec<_>>(), [false, false, false, true]);
        assert_eq!(
            members[..3].iter().map(|member| type_of(member)).collect::<Vec<_>>(),
            ["uuid", "varchar(255)", "timestamptz"]
        );
        assert_eq!(type_of("id bigserial primary key"), "bigint");
        let unique: Vec<_> = members.iter().filter_map(|member| unique_columns(member)).collect();
        assert_eq!(unique, [vec!["phone"], vec!["id", "phone"]]);
        assert_eq!(makes("create schema if not exists auth;"), Makes::Schema("auth"));
        assert_eq!(
            makes("create type auth.level as enum ('aal1', 'aal2');"),
            Makes::Type { name: "auth.level", labels: vec!["'aal1'", "'aal2'"] }
        );
        assert_eq!(
            makes("create unique index one on auth.users (email) where x = false;"),
            Makes::Index { name: "one", table: "auth.users" }
        );
        assert_eq!(
            makes("alter table auth.sessions add column client uuid references auth.clients (id) on delete cascade;"),
            Makes::Column {
                table: "auth.sessions",
                definition: "client uuid references auth.clients (id) on delete cascade"
            }
        );
        assert_eq!(makes("alter table auth.users enable row level security;"), Makes::Other);
    }
}
