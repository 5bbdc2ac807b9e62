//! The extensions that Basalt puts into the schema `extensions`, and scripts that want them elsewhere: dumps of other PostgreSQLs do.

use basalt_core::{Error, Result};
use basalt_sql::catalog::EXTENSIONS;
use basalt_sql::compile::extension_called;
use basalt_sql::ddl::WITHOUT_RESULTS;
use basalt_sql::quote::ident;
use basalt_sql::script::{Piece, tokens};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::error::translate;

/// Those that [`super::bootstrap`] makes.
const MADE: [&str; 2] = ["pgcrypto", "uuid-ossp"];

/// Whether `$1` can be moved out of the schema `extensions` into `$2` unnoticed: no migration was applied yet, nothing but the extension
/// itself depends on what it holds, and no function's text names any of it.
const IS_UNUSED: &str = "with members as (
    select e.oid, d.classid, d.objid from pg_extension e join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
    where e.extname = $1 and e.extnamespace = to_regnamespace('extensions') and e.extrelocatable
    and pg_has_role(e.extowner, 'usage') and d.deptype = 'e')
select exists (select from members) and exists (select from pg_namespace where nspname = $2)
    and not exists (select from supabase_migrations.schema_migrations)
    and not exists (select from pg_depend d join members m on (d.refclassid, d.refobjid) = (m.classid, m.objid)
        where (d.classid, d.objid) not in (select classid, objid from members))
    and not exists (select from pg_proc p where pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
        and not exists (select from pg_depend d where (d.classid, d.objid, d.deptype) = ('pg_proc'::regclass, p.oid, 'e'))
        and exists (select from members m join pg_proc f on m.classid = 'pg_proc'::regclass and f.oid = m.objid
            where p.prosrc ~ ('\\m' || f.proname || '\\M')))";

/// Moves one of them to where `create extension ... schema` wants it, before that runs, if the script calls its functions there and nothing
/// uses them where they are.
pub(super) async fn place(client: &Client, sql: &str, script: &str) -> Result<()> {
    let Some((extension, schema)) = wanted(sql) else { return Ok(()) };
    if schema == EXTENSIONS || !calls(script, &schema, &extension) {
        return Ok(());
    }
    let recorded = "select to_regclass('supabase_migrations.schema_migrations') is not null";
    if !client.query_typed_one(recorded, &[]).await.map_err(translate)?.get::<_, bool>(0) {
        return Ok(());
    }
    let names = [(&extension as &(dyn ToSql + Sync), Type::TEXT), (&schema, Type::TEXT)];
    if client.query_typed_one(IS_UNUSED, &names).await.map_err(translate)?.get(0) {
        let alter = format!("alter extension {} set schema {}", ident(&extension), ident(&schema));
        client.batch_execute(&alter).await.map_err(translate)?;
    }
    Ok(())
}

/// With what to write, for an error that comes of an extension's being in the schema `extensions`.
pub(super) fn helped(error: Error) -> Error {
    let message = error.message();
    match error.code() {
        "42710" if MADE.iter().any(|name| message == format!("extension \"{name}\" already exists")) => {
            error.with_hint("Basalt has made it, in the schema extensions: write `create extension if not exists`.")
        }
        "42883" => {
            let called = message.strip_prefix("function ").and_then(|rest| rest.split_once('(')?.0.rsplit_once('.'));
            let Some((schema, name)) = called.filter(|(schema, _)| *schema != EXTENSIONS) else { return error };
            let Some(extension) = extension_called(name).filter(|extension| MADE.contains(extension)) else {
                return error;
            };
            let hint = format!(
                "Basalt has made the extension in the schema extensions: write extensions.{name}(...), or before \
                `alter extension {} set schema {schema}`.",
                ident(extension)
            );
            error.with_hint(hint)
        }
        _ => error,
    }
}

/// The extensions that these statements make, that no result needs and that the server does not have.
pub(super) async fn missed(client: &Client, pieces: &[Piece<'_>]) -> Result<Vec<String>> {
    let mut named: Vec<String> = pieces.iter().filter_map(|piece| made(piece.text().0)).collect();
    named.retain(|name| WITHOUT_RESULTS.contains(&name.as_str()));
    if !named.is_empty() {
        let available = client.query_typed("select name::text from pg_available_extensions", &[]).await;
        let available: Vec<String> = available.map_err(translate)?.iter().map(|row| row.get(0)).collect();
        named.retain(|name| !available.contains(name));
    }
    Ok(named)
}

/// The extension that a statement makes.
pub(super) fn made(sql: &str) -> Option<String> {
    behind_its_name(sql).map(|(name, _)| name)
}

/// The extension of ours and the schema that `create extension` names.
fn wanted(sql: &str) -> Option<(String, String)> {
    let (name, mut words) = behind_its_name(sql)?;
    words.find(|word| word == "schema")?;
    Some((name, words.next()?)).filter(|(name, _)| MADE.contains(&name.as_str()))
}

/// The name in `create extension`, and the words that follow it.
fn behind_its_name(sql: &str) -> Option<(String, impl Iterator<Item = String>)> {
    let mut words = tokens(sql).map(folded);
    if words.next()? != "create" || words.next()? != "extension" {
        return None;
    }
    let mut name = words.next()?;
    if name == "if" {
        // `not exists`
        name = words.nth(2)?;
    }
    Some((name, words))
}

/// Whether a script calls a function of an extension by this schema, quoted or not.
fn calls(script: &str, schema: &str, extension: &str) -> bool {
    [format!("{schema}."), format!("{}.\"", ident(schema))].iter().any(|place| {
        let mut behind = script.match_indices(place).map(|(at, _)| &script[at + place.len()..]);
        behind.any(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            extension_called(&rest[..end]) == Some(extension)
        })
    })
}

/// A name as PostgreSQL reads it, which is no string's.
fn folded(token: &str) -> String {
    match token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(name) => name.replace("\"\"", "\""),
        None => token.to_ascii_lowercase(),
    }
}
