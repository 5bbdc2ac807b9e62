//! Functions and relations of PostgreSQL that the embedded engine lacks, each with what to write instead.

use basalt_core::Error;

const ADVISORY: &str = "Use pg_advisory_xact_lock: requests have no session that could hold a lock.";
const MULTIRANGES: &str = "Keep an array of ranges, or a row for each range.";
const SEARCH: &str = "Keep the texts, and make the tsvector of them with to_tsvector.";

const SIZES: &str = "Look at the size of basalt.db in the data folder, and count rows.";

const CRYPTO: &str =
    "Encrypt in the application: digest, hmac, crypt, gen_salt and gen_random_bytes are what is built in of pgcrypto.";

/// Names, or beginnings of names that end with `_`, and what to write instead.
const ABSENT: &[(&str, &str)] = &[
    ("range_agg", MULTIRANGES),
    ("multirange", MULTIRANGES),
    ("int4multirange", MULTIRANGES),
    ("int8multirange", MULTIRANGES),
    ("nummultirange", MULTIRANGES),
    ("tsmultirange", MULTIRANGES),
    ("tstzmultirange", MULTIRANGES),
    ("datemultirange", MULTIRANGES),
    ("array_to_tsvector", SEARCH),
    ("tsvector_to_array", SEARCH),
    ("ts_delete", SEARCH),
    ("ts_filter", SEARCH),
    ("querytree", "Look at the text of the tsquery."),
    ("to_ascii", "Use unaccent(...)."),
    ("pgp_", CRYPTO),
    ("armor", CRYPTO),
    ("dearmor", CRYPTO),
    ("encrypt", CRYPTO),
    ("encrypt_iv", CRYPTO),
    ("decrypt", CRYPTO),
    ("decrypt_iv", CRYPTO),
    ("setseed", "Numbers are not repeatable here: keep those that you need again."),
    (
        "hashtext",
        "Take a number of your own as the key of a lock, and md5(...) to tell texts apart: PostgreSQL promises nothing of this one's values.",
    ),
    ("hashtextextended", "Take a number of your own as the key of a lock, and md5(...) to tell texts apart."),
    ("pg_total_relation_size", SIZES),
    ("pg_relation_size", SIZES),
    ("pg_table_size", SIZES),
    ("pg_indexes_size", SIZES),
    ("pg_database_size", SIZES),
    ("pg_column_size", "Count the bytes of the value itself: octet_length(x::text)."),
    ("pg_size_pretty", "Format the number where it is shown."),
    ("pg_get_", "Read the definition in the project's migrations, or ask pg_policies, pg_views, pg_indexes."),
    ("lo_", "Use a bytea column."),
    ("pg_sleep", "Wait in the client: a statement that waits holds a thread."),
    ("pg_advisory_", ADVISORY),
    ("pg_try_advisory_", ADVISORY),
    ("dblink_", "Copy the data into a table."),
];

/// 0A000 if PostgreSQL has the function.
pub(super) fn function(name: &str) -> Option<Error> {
    let is_meant = |absent: &str| if absent.ends_with('_') { name.starts_with(absent) } else { name == absent };
    let (_, instead) = ABSENT.iter().find(|(absent, _)| is_meant(absent))?;
    Some(Error::unsupported(format!("the embedded engine has no function {name}"), *instead))
}

/// An error about a schema, with what to do instead of what extensions have in it.
pub(crate) fn in_schema(error: Error, schema: &str) -> Error {
    let instead = match schema {
        "net" | "http" | "supabase_functions" => {
            "Have changes sent to a URL with `[[webhooks]]` of basalt.toml, or run the project on PostgreSQL."
        }
        "cron" => "Have a scheduler outside call a function of the API, or run the project on PostgreSQL.",
        "pgmq" => {
            "Keep messages in a table, and take them with `delete ... returning`, or run the project on PostgreSQL."
        }
        _ => return error,
    };
    error.with_hint(instead)
}

/// 42P01 for a name that is no relation.
pub(crate) fn no_relation(schema: Option<&str>, shown: &str) -> Error {
    let error = Error::new("42P01", format!("relation \"{shown}\" does not exist"));
    match schema {
        Some("storage") => error.with_hint(
            "Of Supabase's tables in schema storage there are storage.buckets and storage.objects: leave this out.",
        ),
        _ => error,
    }
}

/// 42809 for a sequence written as a relation, 0A000 for PostgreSQL's catalogs.
pub(super) fn relation(schema: Option<&str>, name: &str, is_sequence: bool) -> Option<Error> {
    if is_sequence {
        return Some(Error::new("42809", format!("cannot change sequence \"{name}\"")));
    }
    let is_catalog = match schema {
        Some(schema) => matches!(schema, "information_schema" | "pg_catalog"),
        None => name.starts_with("pg_"),
    };
    is_catalog.then(|| {
        let message = format!("the embedded engine has no system catalogs, and no {name}");
        Error::unsupported(message, "Take what the project has from its migrations, or run it on PostgreSQL.")
    })
}
