//! `[api]`: the APIs over tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[api]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Exposed schemas; the first is the default.
    pub schemas: Vec<String>,
    /// Schemas where functions may be found besides the request's.
    pub extra_search_path: Vec<String>,
    /// Whether settings that the database keeps for PostgREST (`alter role authenticator set pgrst.*`) are heeded.
    pub database_config: bool,
    /// Most rows that a read gives at any level; 0 means no limit.
    pub max_rows: u64,
    /// How deep resources may be embedded.
    pub max_embed_depth: usize,
    /// The role of callers without a key; empty refuses them.
    pub anonymous_role: String,
    /// Tables (`schema.name`, `schema.*` or `*`) that are served to `anon` and `authenticated` although row security is off on them.
    pub unprotected: Vec<String>,
    /// Whether aggregates may be asked for.
    pub aggregates: bool,
    /// Whether plans (`application/vnd.pgrst.plan`) may be asked for.
    pub plans: bool,
    /// Whether PostgreSQL's estimates of rows (`count=planned`) are told to callers whom row policies bind. They count hidden rows.
    pub estimates: bool,
    /// Whether `limit` and `offset` hold for PATCH and DELETE, which then need an `order`.
    pub limited_writes: bool,
    /// A function called before every statement.
    pub pre_request: String,
    /// A function that answers at the root instead of the description.
    pub root_function: String,
    /// What functions may read as `app.settings.<key>`.
    pub settings: BTreeMap<String, String>,
    /// Settings of a function (`create function ... set`) that hold for the whole transaction of its call.
    pub hoisted_settings: Vec<String>,
    /// How transactions end.
    pub transaction_end: TransactionEnd,
    /// Whether an aliased resource may be named by its relation in filters.
    pub legacy_target_names: bool,
    /// What the API's description shows.
    pub openapi: OpenApi,
    /// Whether the description at the root says that requests carry a token.
    pub openapi_security: bool,
    /// Whether answers carry `Server-Timing`.
    pub server_timing: bool,
    /// Allowed origins of browsers; empty allows any.
    pub cors_origins: Vec<String>,
    /// Whether errors carry details and hints.
    pub error_details: bool,
    /// The status of PGRST003, that no connection to PostgreSQL became free in time.
    pub pool_timeout_status: PoolTimeoutStatus,
}

/// What a request that waited for a connection in vain is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum PoolTimeoutStatus {
    /// 503, with which supabase-js tries reads again.
    #[default]
    ServiceUnavailable,
    /// 504, as PostgREST has it.
    GatewayTimeout,
}

impl From<PoolTimeoutStatus> for u16 {
    fn from(status: PoolTimeoutStatus) -> u16 {
        match status {
            PoolTimeoutStatus::ServiceUnavailable => 503,
            PoolTimeoutStatus::GatewayTimeout => 504,
        }
    }
}

impl TryFrom<u16> for PoolTimeoutStatus {
    type Error = &'static str;

    fn try_from(status: u16) -> Result<Self, Self::Error> {
        match status {
            503 => Ok(PoolTimeoutStatus::ServiceUnavailable),
            504 => Ok(PoolTimeoutStatus::GatewayTimeout),
            _ => Err("it is 503 or 504"),
        }
    }
}

/// How transactions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionEnd {
    /// Always commit.
    #[default]
    Commit,
    /// Commit unless `Prefer: tx=rollback`.
    CommitAllowOverride,
    /// Always roll back.
    Rollback,
    /// Roll back unless `Prefer: tx=commit`.
    RollbackAllowOverride,
}

/// What the API's description shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenApi {
    /// What the caller may use.
    #[default]
    FollowPrivileges,
    /// Everything exposed.
    IgnorePrivileges,
    /// Nothing: 404.
    Disabled,
}

impl Api {
    /// Refuses an API of nothing.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.schemas.is_empty() {
            true => Err(ConfigError("`api.schemas` is empty: name the schema to serve, such as [\"public\"]".into())),
            false => Ok(()),
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Api {
            schemas: vec!["public".into()],
            extra_search_path: basalt_sql::DEFAULT_PATH.map(str::to_owned).to_vec(),
            database_config: true,
            max_rows: 1000,
            max_embed_depth: 8,
            anonymous_role: "anon".into(),
            unprotected: Vec::new(),
            aggregates: false,
            plans: false,
            estimates: false,
            limited_writes: false,
            pre_request: String::new(),
            root_function: String::new(),
            settings: BTreeMap::new(),
            hoisted_settings: [
                "statement_timeout",
                "plan_filter.statement_cost_limit",
                "default_transaction_isolation",
            ]
            .map(str::to_owned)
            .into(),
            transaction_end: TransactionEnd::Commit,
            legacy_target_names: true,
            openapi: OpenApi::FollowPrivileges,
            openapi_security: false,
            server_timing: false,
            cors_origins: Vec::new(),
            error_details: true,
            pool_timeout_status: PoolTimeoutStatus::default(),
        }
    }
}
