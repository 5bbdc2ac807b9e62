//! What every project relies on: the roles of API requests, their schemas and functions, and what they may do with new tables.
//! Made where it is missing, never changed where it is there.

use basalt_core::{Error, Result};
use basalt_sql::catalog::SUPABASE_ROLES;
use basalt_sql::quote::ident;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::error::translate;
use super::grants::Connected;

/// How often it is tried again when others make the same at the same time.
const RETRIES: usize = 20;

/// Something that has to be there.
struct Step {
    /// What it is, for messages.
    what: &'static str,
    /// A condition that holds when it is there.
    there: &'static str,
    /// Makes it.
    make: &'static str,
}

/// What is asked of a membership: from PostgreSQL 16 on a role's maker is its member without being allowed to become it.
const MEANS: &str = "with means as (select case when current_setting('server_version_num')::int >= 160000 \
    then 'set' else 'member' end as means)";

const STEPS: [Step; 17] = [
    Step {
        what: "role anon",
        there: "exists (select from pg_roles where rolname = 'anon')",
        make: "create role anon nologin noinherit",
    },
    Step {
        what: "role authenticated",
        there: "exists (select from pg_roles where rolname = 'authenticated')",
        make: "create role authenticated nologin noinherit",
    },
    Step {
        what: "role service_role",
        there: "exists (select from pg_roles where rolname = 'service_role')",
        make: "create role service_role nologin noinherit bypassrls",
    },
    Step {
        what: "role authenticator",
        there: "exists (select from pg_roles where rolname = 'authenticator')",
        make: "create role authenticator login noinherit",
    },
    Step {
        what: "membership of authenticator in anon, authenticated and service_role",
        there: "(select bool_and(pg_has_role('authenticator', name, means)) from means, \
                unnest(array['anon', 'authenticated', 'service_role']::name[]) name)",
        make: "grant anon, authenticated, service_role to authenticator",
    },
    Step {
        what: "membership of the connecting role in anon, authenticated and service_role",
        there: "(select bool_and(pg_has_role(current_user, name, means)) from means, \
                unnest(array['anon', 'authenticated', 'service_role']::name[]) name)",
        make: "grant anon, authenticated, service_role to current_user",
    },
    Step {
        what: "schema auth",
        there: "exists (select from pg_namespace where nspname = 'auth')",
        make: "create schema auth; grant usage on schema auth to anon, authenticated, service_role",
    },
    Step {
        what: "schema storage",
        there: "exists (select from pg_namespace where nspname = 'storage')",
        make: "create schema storage; grant usage on schema storage to anon, authenticated, service_role",
    },
    Step {
        what: "schema extensions",
        there: "exists (select from pg_namespace where nspname = 'extensions')",
        make: "create schema extensions; grant usage on schema extensions to anon, authenticated, service_role",
    },
    Step {
        what: "schema graphql_public",
        there: "exists (select from pg_namespace where nspname = 'graphql_public')",
        make: "create schema graphql_public; grant usage on schema graphql_public to anon, authenticated, service_role",
    },
    Step {
        what: "function auth.jwt()",
        there: "to_regprocedure('auth.jwt()') is not null",
        make: "create function auth.jwt() returns jsonb language sql stable as \
               $$ select coalesce(nullif(pg_catalog.current_setting('request.jwt.claims', true), ''), '{}')::jsonb $$; \
               grant execute on function auth.jwt() to public",
    },
    Step {
        what: "function auth.uid()",
        there: "to_regprocedure('auth.uid()') is not null",
        make: "create function auth.uid() returns uuid language sql stable as \
               $$ select nullif(nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')::uuid $$; \
               grant execute on function auth.uid() to public",
    },
    Step {
        what: "function auth.role()",
        there: "to_regprocedure('auth.role()') is not null",
        make: "create function auth.role() returns text language sql stable as \
               $$ select nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'role' $$; \
               grant execute on function auth.role() to public",
    },
    Step {
        what: "function auth.email()",
        there: "to_regprocedure('auth.email()') is not null",
        make: "create function auth.email() returns text language sql stable as \
               $$ select nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb ->> 'email' $$; \
               grant execute on function auth.email() to public",
    },
    Step {
        what: "usage of schema public by the API's roles",
        there: "has_schema_privilege('anon', 'public', 'usage') and has_schema_privilege('authenticated', 'public', 'usage') \
                and has_schema_privilege('service_role', 'public', 'usage')",
        make: "grant usage on schema public to anon, authenticated, service_role",
    },
    Step {
        what: "default privileges on new tables, sequences and functions of schema public",
        there: "exists (select from pg_default_acl a join pg_namespace n on n.oid = a.defaclnamespace \
                where n.nspname = 'public' and a.defaclrole = (select oid from pg_roles where rolname = current_user))",
        make: "alter default privileges in schema public grant all on tables to anon, authenticated, service_role; \
               alter default privileges in schema public grant all on sequences to anon, authenticated, service_role; \
               alter default privileges in schema public grant all on functions to anon, authenticated, service_role",
    },
    Step {
        what: "the record of migrations",
        there: "to_regclass('supabase_migrations.schema_migrations') is not null",
        make: crate::migrate::RECORD,
    },
];

/// What only a superuser can make, and what a project can do without: extensions that are usually there, and word of changes to
/// tables made by others.
const EXTRAS: [Step; 3] = [
    Step {
        what: "extension pgcrypto",
        there: "exists (select from pg_extension where extname = 'pgcrypto') \
                or not exists (select from pg_available_extensions where name = 'pgcrypto')",
        make: "create extension pgcrypto schema extensions",
    },
    Step {
        what: "extension uuid-ossp",
        there: "exists (select from pg_extension where extname = 'uuid-ossp') \
                or not exists (select from pg_available_extensions where name = 'uuid-ossp')",
        make: "create extension \"uuid-ossp\" schema extensions",
    },
    Step {
        what: "event trigger pgrst_ddl_watch",
        there: "exists (select from pg_event_trigger where evtname = 'pgrst_ddl_watch') \
                or (select count(*) = 2 from pg_event_trigger where evtname in ('basalt_ddl_watch', 'basalt_drop_watch'))",
        make: include_str!("watch.sql"),
    },
];

/// Makes what is missing, all or nothing.
///
/// Errors: 42501 with the missing thing, and the statement for somebody who may make it.
pub(super) async fn bootstrap(client: &Client) -> Result<()> {
    let mut made = try_bootstrap(client).await;
    for _ in 0..RETRIES {
        // Roles belong to the whole cluster: a server that starts on another of its databases may have been faster.
        if !made.as_ref().is_err_and(|error| matches!(error.code(), "23505" | "42710" | "XX000")) {
            break;
        }
        made = try_bootstrap(client).await;
    }
    made
}

async fn try_bootstrap(client: &Client) -> Result<()> {
    // Two servers may start at once on one database, and each has to see what the other made.
    let lock = "begin isolation level read committed; set local search_path = pg_catalog; \
        select pg_advisory_xact_lock(7021114200142)";
    client.batch_execute(lock).await.map_err(translate)?;
    let made = make_all(client).await;
    let end = if made.is_ok() { "commit" } else { "rollback" };
    client.batch_execute(end).await.map_err(translate)?;
    made
}

async fn make_all(client: &Client) -> Result<()> {
    let who = Connected::ask(client).await?;
    for step in &STEPS {
        // Even to look into a schema needs a grant.
        step.ensure(client, &who).await.map_err(|error| who.explain(error))?;
    }
    if who.creates_roles {
        make_supabase_roles(client).await?;
    }
    if who.is_superuser {
        for step in &EXTRAS {
            step.ensure(client, &who).await?;
        }
    }
    if !who.creates_in_public {
        tracing::warn!(
            role = who.role,
            "the connecting role may not create in schema public, where migrations do; have its owner run: \
             grant create on schema public to {}",
            who.role
        );
    }
    Ok(())
}

/// Roles that scripts of Supabase's projects grant to. Without them only such scripts fail, so they are made by whoever may.
async fn make_supabase_roles(client: &Client) -> Result<()> {
    let missing = "select name from unnest($1::text[]) name where name not in (select rolname from pg_roles)";
    let names = SUPABASE_ROLES.as_slice();
    for row in client.query_typed(missing, &[(&names, Type::TEXT_ARRAY)]).await.map_err(translate)? {
        let make = format!("create role {} nologin noinherit", ident(row.get(0)));
        client.batch_execute(&make).await.map_err(translate)?;
    }
    Ok(())
}

impl Step {
    async fn ensure(&self, client: &Client, who: &Connected) -> Result<()> {
        if self.is_there(client).await? {
            return Ok(());
        }
        let made = client.batch_execute(self.make).await.map_err(translate);
        match made {
            Err(error) if matches!(error.code(), "42501" | "0LP01") => Err(self.refused(Some(&error), who)),
            Err(error) => Err(error),
            // Who may grant nothing is only warned.
            Ok(()) if !self.is_there(client).await? => Err(self.refused(None, who)),
            Ok(()) => Ok(()),
        }
    }

    async fn is_there(&self, client: &Client) -> Result<bool> {
        let there = client.query_typed_one(&format!("{MEANS} select {}", self.there), &[]).await.map_err(translate)?;
        Ok(there.get(0))
    }

    fn refused(&self, error: Option<&Error>, who: &Connected) -> Error {
        let hint = match error.and_then(|error| who.grant(error)) {
            Some(grant) => format!("Have somebody who may run: {grant};"),
            None => format!("Have somebody who may run: {};", self.make.replace("current_user", &who.role)),
        };
        let message = format!("the database lacks {}, and the connecting role {} may not make it", self.what, who.role);
        let refused = Error::new("42501", message).with_hint(hint);
        match error {
            Some(error) => refused.with_detail(error.message().to_owned()),
            None => refused.with_detail("It holds no right that it could grant."),
        }
    }
}
