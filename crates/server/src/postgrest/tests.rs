//! Files, environments, and what becomes of them.

use super::*;
use crate::config::{OpenApi, TransactionEnd};

fn config(text: &str) -> Result<Config, ConfigError> {
    configured(text, &|_| Err(std::env::VarError::NotPresent))
}

fn configured(text: &str, variable: map::Variable<'_>) -> Result<Config, ConfigError> {
    let mut given = Given::default();
    for (line, name, value) in file::read(text, variable).map_err(ConfigError)? {
        given.add(&name, value, &format!("line {line}"));
    }
    assert_eq!(given.unknown, Vec::<String>::new());
    map::config(&given.settings, variable)
}

#[test]
fn every_setting_has_its_counterpart() {
    let text = r#"
# A deployment.
db-uri = "postgres://authenticator:secret@db:5433/app" # its database
db-schemas = "api, v2"
db-extra-search-path = "extensions"
db-anon-role = "web_anon"
db-pre-request = "auth.check"
db-max-rows = 50
db-tx-end = "rollback-allow-override"
db-aggregates-enabled = true
db-plan-enabled = on
db-root-spec = "root"
db-channel = "reload"
db-pool = 3
db-pool-acquisition-timeout = 4
db-prepared-statements = false
db-hoisted-tx-settings = "statement_timeout"
jwt-secret = "0123456789abcdef0123456789abcdef"
jwt-aud = "shop"
jwt-role-claim-key = ".app.role"
openapi-mode = "ignore-privileges"
openapi-security-active = true
openapi-server-proxy-uri = "https://example.org/api"
server-host = "*"
server-port = "4000"
admin-server-port = 4001
server-cors-allowed-origins = "https://a.example, https://b.example"
server-timing-enabled = true
server-trace-header = "X-Trace"
log-level = "crit"
log-query = true
server-unix-socket = "/run/rest.sock"
server-unix-socket-mode = "600"
server-reuseport = true
db-pool-max-idletime = 5
db-pool-max-lifetime = 6
client-error-verbosity = "minimal"
url-use-legacy-target-names = false
app.settings.region = "say \"eu\""
"#;
    let c = config(text).unwrap();
    assert_eq!(c.database.url, "postgres://authenticator:secret@db:5433/app");
    assert_eq!((c.database.pool, c.database.pool_timeout.as_secs(), c.database.prepared_statements), (3, 4, 0));
    assert_eq!((c.database.channel.as_str(), c.database.bootstrap, c.database.required), ("reload", false, false));
    assert_eq!(
        (c.api.schemas, c.api.extra_search_path),
        (vec!["api".to_owned(), "v2".into()], vec!["extensions".to_owned()])
    );
    assert_eq!(
        (c.api.anonymous_role.as_str(), c.api.pre_request.as_str(), c.api.root_function.as_str()),
        ("web_anon", "auth.check", "root")
    );
    assert_eq!((c.api.max_rows, c.api.aggregates, c.api.plans), (50, true, true));
    assert_eq!(
        (c.api.transaction_end, c.api.openapi),
        (TransactionEnd::RollbackAllowOverride, OpenApi::IgnorePrivileges)
    );
    assert_eq!(
        (c.api.openapi_security, c.api.server_timing, c.api.error_details, c.api.legacy_target_names),
        (true, true, false, false)
    );
    assert_eq!(
        (c.api.hoisted_settings, c.api.unprotected),
        (vec!["statement_timeout".to_owned()], vec!["*".to_owned()])
    );
    assert_eq!(u16::from(c.api.pool_timeout_status), 504);
    assert_eq!(c.api.cors_origins, ["https://a.example", "https://b.example"]);
    assert_eq!(c.api.settings["region"], "say \"eu\"");
    assert_eq!(
        (c.auth.jwt_secret.len(), c.auth.jwt_audience.as_str(), c.auth.role_claim.as_str()),
        (32, "shop", ".app.role")
    );
    assert_eq!((c.server.host.as_str(), c.server.port, c.server.admin_port), ("0.0.0.0", 4000, 4001));
    assert_eq!(
        (c.server.rest_path.as_str(), c.server.public_url.as_str(), c.server.trace_header.as_str()),
        ("", "https://example.org/api", "X-Trace")
    );
    assert_eq!(c.log.level, "error,basalt_db::queries=trace");
    assert_eq!((c.server.unix_socket.to_str(), c.server.unix_socket_mode.as_str()), (Some("/run/rest.sock"), "600"));
    assert!(c.server.reuse_port);
    assert_eq!((c.database.pool_idle.as_secs(), c.database.pool_lifetime.as_secs()), (5, 6));
}

#[test]
fn texts_take_what_stands_above_and_in_the_environment() {
    let text = "db-anon-role = \"web\"\napp.settings.x = \"$(db-anon-role)/$(HOST)\"\njwt-role-claim-key = \"$$.a.b\"\njwt-aud = \"a$b\"\n";
    let variable = |name: &str| match name {
        "HOST" => Ok("here".to_owned()),
        _ => Err(std::env::VarError::NotPresent),
    };
    let c = configured(text, &variable).unwrap();
    assert_eq!(
        (c.api.settings["x"].as_str(), c.auth.role_claim.as_str(), c.auth.jwt_audience.as_str()),
        ("web/here", "$.a.b", "a$b")
    );
}

#[test]
fn what_a_connection_string_does_not_say_the_environment_does() {
    let variable = |name: &str| match name {
        "PGHOST" => Ok("db".to_owned()),
        "PGPASSWORD" => Ok("it's".to_owned()),
        "PGUSER" => Ok("me".to_owned()),
        _ => Err(std::env::VarError::NotPresent),
    };
    for (given, completed) in [
        ("postgresql://", "postgresql://?host=db&user=me&password=it%27s"),
        ("postgres://you@/app?sslmode=require", "postgres://you@/app?sslmode=require&host=db&password=it%27s"),
        ("postgres://you:x@here:1/app", "postgres://you:x@here:1/app"),
        ("host=here user=you", "host=here user=you password='it\\'s'"),
    ] {
        let c = configured(&format!("db-uri = \"{given}\""), &variable).unwrap();
        assert_eq!(c.database.url, completed);
    }
}

#[test]
fn defaults_are_postgrests() {
    let c = config("").unwrap();
    assert_eq!((c.server.port, c.api.max_rows, c.api.anonymous_role.as_str()), (3000, 0, ""));
    assert_eq!((c.api.schemas, c.api.extra_search_path), (vec!["public".to_owned()], vec!["public".to_owned()]));
    assert!(c.database.url.starts_with("postgresql://?host="), "{}", c.database.url);
    let database = &c.database;
    assert_eq!((database.pool_idle.as_secs(), database.pool_lifetime.as_secs()), (30, 1800));
    assert_eq!(database.statement_timeout.as_secs(), 0);
    assert!(!c.auth.apikey_header);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    for (text, expected) in [
        ("db-uri", "1: expected `name = value`"),
        ("\ndb-uri = postgres", "2: the value `postgres` needs double quotes"),
        ("db-uri = \"x", "1: the value's closing quote is missing"),
        ("db-uri = \"x\" y", "1: unexpected text after the value: y"),
        (
            "db-max-rows = \"many\"",
            "the PostgREST setting `db-max-rows` can't be used as it is; expected: a number in its range",
        ),
        ("db-tx-end = \"x\"", "expected: commit, commit-allow-override"),
        ("db-config = \"maybe\"", "the PostgREST setting `db-config` can't be used"),
        (
            "jwt-secret = \"@/no/such/file\"",
            "the file of the PostgREST setting `jwt-secret`, /no/such/file, can't be read",
        ),
        ("app.settings.x = \"$(NO_SUCH)\"", "1: $(NO_SUCH) is no setting above and no variable of the environment"),
    ] {
        let error = config(text).err().unwrap().0;
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn older_names_are_still_read() {
    let c = config("db-schema = \"api\"\nmax-rows = 7\nrole-claim-key = \".r\"\n").unwrap();
    assert_eq!((c.api.schemas, c.api.max_rows, c.auth.role_claim), (vec!["api".to_owned()], 7, ".r".to_owned()));
}

#[test]
fn secrets_come_in_every_form() {
    let encoded = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let c = config(&format!("jwt-secret = \"{encoded}\"\njwt-secret-is-base64 = true")).unwrap();
    assert!(c.auth.jwks.contains("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\""), "{}", c.auth.jwks);
    let jwk = config(r#"jwt-secret = "{\"kty\":\"oct\",\"k\":\"x\"}""#).unwrap();
    assert_eq!((jwk.auth.jwks.as_str(), jwk.auth.jwt_secret.as_str()), (r#"{"kty":"oct","k":"x"}"#, ""));
    let short = config("jwt-secret = \"c2hvcnQ=\"\njwt-secret-is-base64 = true").err().unwrap().0;
    assert!(short.contains("at least 32 bytes"), "{short}");
}

#[test]
fn queries_are_logged_by_either_spelling() {
    let level = |value: &str| {
        config(&format!(
            "log-level = \"warn\"\nlog-query = {value}\nserver-otel-enabled = true\ndb-use-legacy-gucs = false"
        ))
        .unwrap()
        .log
        .level
    };
    for on in ["true", "\"main-query\""] {
        assert_eq!(level(on), "warn,basalt_db::queries=trace");
    }
    for off in ["false", "\"disabled\""] {
        assert_eq!(level(off), "warn");
    }
    assert!(config("log-query = \"all\"").is_err());
}

#[test]
fn the_environment_names_the_same_settings() {
    let vars =
        [("PGRST_DB_URI", "postgres://x"), ("PGRST_APP_SETTINGS_REGION", "eu"), ("PGRST_MAX_ROWS", "3"), ("HOME", "/")];
    let of = |vars: &[(&str, &str)]| {
        let mut given = Given::default();
        given.add_environment(vars.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        given
    };
    let given = of(&vars);
    let value = |name: &str| given.settings[name].as_str();
    assert_eq!((value("db-uri"), value("app.settings.region"), value("db-max-rows")), ("postgres://x", "eu", "3"));
    assert_eq!((given.settings.len(), given.unknown), (3, vec![]));
    let given = of(&[("PGRST_DB_SCEMAS", "x"), ("PGRST_DB_ANON_ROLE", "y")]);
    assert_eq!(given.settings.into_keys().collect::<Vec<_>>(), ["db-anon-role"]);
    assert_eq!(
        given.unknown,
        ["unknown PostgREST setting `db-scemas` (environment variable PGRST_DB_SCEMAS); did you mean `db-schemas`?"]
    );
}
