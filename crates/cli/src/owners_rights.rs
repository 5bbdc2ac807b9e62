//! What of PostgreSQL alone runs with its owner's rights and can be reached from outside: procedures and rules. No request names them, so the
//! catalog does not have them; functions call them, and writes set rules off.

use basalt_core::{Error, Identity};
use basalt_db::{Database, Request};
use basalt_sql::Name;
use basalt_sql::lint::{Finding, Severity};
use serde_json::Value;

/// `definer` procedures outside the system's schemas and extensions, whom they are open to, and whether they have a search path of their own.
const PROCEDURES: &str = "select n.nspname as schema, p.proname as name, p.oid::regprocedure::text as signature,
    (select string_agg(r.rolname, ' and ' order by r.rolname) from pg_catalog.pg_roles r
      where r.rolname in ('anon', 'authenticated') and has_function_privilege(r.oid, p.oid, 'execute')
        and has_schema_privilege(r.oid, n.oid, 'usage')) as roles,
    exists (select from unnest(p.proconfig) as setting where setting like 'search\\_path=%') as has_path
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where p.prokind = 'p' and p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')
    and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')
  order by 1, 2, 3";

/// Rules that do something when one of these roles writes. A rule of a view whose caller's rights count is the caller's.
const RULES: &str = "select n.nspname as schema, c.relname as name, w.rulename as rule, string_agg(r.rolname, ' and ' order by r.rolname) as roles
  from pg_catalog.pg_rewrite w join pg_catalog.pg_class c on c.oid = w.ev_class join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_roles r on r.rolname in ('anon', 'authenticated') and has_schema_privilege(r.oid, n.oid, 'usage')
      and case w.ev_type when '2' then has_any_column_privilege(r.oid, c.oid, 'update')
        when '3' then has_any_column_privilege(r.oid, c.oid, 'insert') else has_table_privilege(r.oid, c.oid, 'delete') end
  where w.ev_type in ('2', '3', '4') and pg_get_ruledef(w.oid) !~ 'DO (INSTEAD )?NOTHING;$' and n.nspname not in ('pg_catalog', 'information_schema')
    and not exists (select from unnest(c.reloptions) as option where option in ('security_invoker=true', 'security_invoker=on', 'security_invoker=1'))
    and not exists (select from pg_catalog.pg_depend d where d.objid = w.oid and d.deptype = 'e')
  group by 1, 2, 3 order by 1, 2, 3";

/// What a database of PostgreSQL has; nothing on the embedded engine, which refuses both.
pub async fn lint(database: &Database) -> Result<Vec<Finding>, Error> {
    if database.embedded().is_some() {
        return Ok(Vec::new());
    }
    let mut findings = Vec::new();
    for row in rows(database, PROCEDURES).await? {
        findings.extend(procedure(&row));
    }
    findings.extend(rows(database, RULES).await?.iter().map(rule));
    Ok(findings)
}

async fn rows(database: &Database, sql: &str) -> Result<Vec<Value>, Error> {
    let body = database.run(Request::new(Identity::owner(), sql, Vec::new())).await?.body;
    serde_json::from_slice(&body).map_err(|error| Error::internal(error.to_string()))
}

fn text<'r>(row: &'r Value, column: &str) -> &'r str {
    row[column].as_str().unwrap_or_default()
}

fn procedure(row: &Value) -> Vec<Finding> {
    let name = Name::new(text(row, "schema"), text(row, "name")).to_string();
    let (signature, roles) = (text(row, "signature"), text(row, "roles"));
    if roles.is_empty() {
        return Vec::new();
    }
    let mut findings = vec![Finding {
        code: "definer-exposed",
        severity: Severity::Hint,
        relation: name.clone(),
        message: format!("procedure {name} may be called by {roles} and runs with its owner's rights"),
        remedy: format!(
            "If they have no business with it: revoke execute on procedure {signature} from public, {};",
            roles.replace(" and ", ", ")
        ),
    }];
    if row["has_path"] != true {
        findings.push(Finding {
            code: "definer-search-path",
            severity: Severity::Warning,
            message: format!(
                "procedure {name} runs with its owner's rights, but finds its tables along its caller's search path"
            ),
            remedy: format!("alter procedure {signature} set search_path = '';"),
            relation: name,
        });
    }
    findings
}

fn rule(row: &Value) -> Finding {
    let name = Name::new(text(row, "schema"), text(row, "name"));
    let rule = text(row, "rule");
    Finding {
        code: "rule-bypasses-policies",
        severity: Severity::Warning,
        relation: name.to_string(),
        message: format!(
            "rule {rule} of {name} acts with the rights of the owner of {name} when {} write: no policy holds for what it reads and writes",
            text(row, "roles")
        ),
        remedy: format!(
            "Write a trigger in its place, and: drop rule {} on {};",
            basalt_sql::quote::ident(rule),
            name.quoted()
        ),
    }
}
