//! The door: one request of the dialect, from its parts to its answer.
//!
//! A function a step: route, parse, plan, run, respond. [`read`], [`write`] and [`call`] hold the three kinds of request.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use basalt_core::{Error, Identity};
use basalt_db::{Database, Transaction, TransactionEnd};
use basalt_query::{Planner, Settings};
use basalt_sql::Catalog;
use basalt_sql::unprotected::Unprotected;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use percent_encoding::percent_decode_str;
use tokio::sync::Mutex;

use crate::error::{RestError, RestResult};
use crate::exposure::Exposure;
use crate::inserts::Inserts;
use crate::parse::media::{self, Media};
use crate::parse::prefer::Preferences;
use crate::settings::reads_request;
use crate::shape::Shapes;
use crate::timing::{Stage, Timing};
use crate::{call, describe, options, read, write};

/// How the API behaves.
#[derive(Clone)]
pub struct Options {
    /// What planning depends on; its schemas are the exposed ones, the first the default.
    pub planning: Settings,
    /// Tables served to `anon` and `authenticated` although row security is off on them.
    pub unprotected: Unprotected,
    /// Whether plans may be asked for.
    pub plans: bool,
    /// Whether estimates of rows are told to callers whom row policies bind.
    pub estimates: bool,
    /// Whether `limit` and `offset` hold for PATCH and DELETE.
    pub limited_writes: bool,
    /// A function called before every statement, by `schema.name`.
    pub pre_request: Option<String>,
    /// A function of the request's schema that answers at the root instead of the description.
    pub root_function: Option<String>,
    /// Settings that functions may read as `app.settings.<key>`.
    pub app_settings: Vec<(String, String)>,
    /// Settings of a function that hold for the whole transaction of its call.
    pub hoisted: Vec<String>,
    /// How transactions end.
    pub end: TransactionEnd,
    /// Whether `Prefer: tx` may say otherwise.
    pub end_override: bool,
    /// What the description shows.
    pub description: Description,
    /// Whether the description at the root says that requests carry a token.
    pub describe_security: bool,
    /// Where clients find the API, as its descriptions say: `http://host:port/rest/v1`.
    pub url: String,
    /// Whether errors carry details and hints.
    pub error_details: bool,
    /// Whether PGRST003 is 504 and says no more, as PostgREST has it.
    pub gateway_timeouts: bool,
    /// Most requests of a batch.
    pub batch: usize,
    /// Most bytes that the requests of a batch may take from earlier answers.
    pub body: usize,
    /// Most bytes that the answers of a batch may have in sum.
    pub response: usize,
}

/// What the API's description shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Description {
    /// What the caller may use.
    FollowPrivileges,
    /// Everything exposed.
    IgnorePrivileges,
    /// Nothing.
    Disabled,
}

/// A request as the server hands it in.
pub struct Incoming<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path below the mount point.
    pub path: &'a str,
    /// Raw query string.
    pub query: &'a str,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Who calls.
    pub identity: Identity,
    /// Whether that is the anonymous role.
    pub anonymous: bool,
    /// Its stopwatch, already past the token.
    pub timing: &'a Timing,
    /// The transaction that it is a part of, if it does not have one of its own.
    pub within: Option<&'a Mutex<Transaction>>,
}

/// The REST door over one database.
pub struct Door {
    pub(crate) database: Database,
    pub(crate) options: Options,
    /// Whether the catalog had been read when the options were: what the database configures may be a gate, and is not known before.
    is_informed: bool,
    current: ArcSwap<Current>,
}

/// What is derived from one version of the catalog.
pub(crate) struct Current {
    pub(crate) planner: Planner,
    /// Whether any SQL of the project's reads what requests set; if none does, they need not set it. What PostgreSQL's
    /// functions read nobody knows.
    pub(crate) reads_settings: bool,
    /// Where unqualified names are looked up, for each exposed schema.
    search_paths: Vec<Arc<[String]>>,
    /// Whether PostgreSQL is the engine.
    is_postgres: bool,
    /// What is closed because nobody has said who may see which rows.
    pub(crate) exposure: Exposure,
    /// The reads that were planned.
    pub(crate) shapes: Shapes,
    /// The inserts that were planned.
    pub(crate) inserts: Inserts,
    /// Roles that a request may be of.
    roles: BTreeSet<String>,
}

/// A request on its way: what every kind of it needs.
pub(crate) struct Exchange<'a> {
    pub(crate) incoming: Incoming<'a>,
    pub(crate) current: Arc<Current>,
    pub(crate) schema: &'a str,
    /// Whether the answer names its schema.
    pub(crate) show_profile: bool,
    pub(crate) preferences: Preferences,
    pub(crate) accepted: Vec<Media>,
}

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What a path names.
pub(crate) enum Route {
    Root,
    Relation(String),
    Function(String),
}

impl Door {
    /// A door over `database`. One that was made before the database could be read answers PGRST002, and another has to take its place.
    pub fn new(database: Database, options: Options) -> Door {
        let current = Current::new(database.catalog(), &options, database.postgres().is_some());
        let is_informed = database.is_loaded();
        Door { database, options, is_informed, current: ArcSwap::from_pointee(current) }
    }

    /// Whether requests are served.
    pub fn serves(&self) -> bool {
        self.is_informed
    }

    /// Answers a request.
    pub async fn handle(&self, incoming: Incoming<'_>) -> Response<Bytes> {
        let (method, anonymous, timing) = (incoming.method.clone(), incoming.anonymous, incoming.timing);
        match self.answer(incoming).await {
            Ok(mut response) => {
                timing.mark(Stage::Response);
                let timing = timing.header().and_then(|value| HeaderValue::from_str(&value).ok());
                response.headers_mut().extend(timing.map(|value| (SERVER_TIMING, value)));
                response
            }
            Err(mut error) => {
                // Planning does not know who asks; the status of a missing privilege depends on it.
                if anonymous && error.status == 403 && error.body.code == "42501" {
                    error.status = 401;
                    error = error.header("WWW-Authenticate", "Bearer");
                }
                self.refuse(error, &method)
            }
        }
    }

    /// The answer for an error that arose before or in the door.
    pub fn refuse(&self, mut error: RestError, method: &Method) -> Response<Bytes> {
        if error.body.code == "PGRST003" && self.options.gateway_timeouts {
            error = RestError::new(504, "PGRST003", error.body.message);
        }
        error.into_response(self.options.error_details, method)
    }

    /// Whether errors carry details and hints.
    pub fn shows_details(&self) -> bool {
        self.options.error_details
    }

    /// The OpenAPI 3.1 description for the caller.
    pub async fn openapi31(&self, incoming: Incoming<'_>) -> Response<Bytes> {
        let method = incoming.method.clone();
        let answer = match self.exchange(incoming).and_then(|exchange| exchange.judge_role().map(|()| exchange)) {
            Ok(exchange) => describe::openapi31(self, &exchange).await,
            Err(error) => Err(error),
        };
        answer.unwrap_or_else(|error| self.refuse(error, &method))
    }

    /// What is known of the exposed schemas, as JSON, for operators.
    pub fn schema_cache(&self) -> String {
        describe::schema_cache(&self.current(), &self.options.planning.schemas).to_string()
    }

    async fn answer(&self, incoming: Incoming<'_>) -> RestResult<Response<Bytes>> {
        if !self.serves() {
            return Err(RestError::not_loaded());
        }
        let route = route(incoming.path)?;
        let mut exchange = self.exchange(incoming)?;
        let mut is_again = false;
        loop {
            let error = match self.dispatch(&route, &exchange).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let catalog = exchange.current.planner.catalog();
            // Part of a batch, it is the batch that begins again.
            let may_again = !is_again && exchange.incoming.within.is_none();
            if !may_again || !self.database.is_outdated(catalog.version, &error.body.code).await {
                return Err(error.told_to(catalog, &exchange.incoming.identity.role));
            }
            is_again = true;
            exchange = self.exchange(exchange.incoming)?;
        }
    }

    async fn dispatch(&self, route: &Route, exchange: &Exchange<'_>) -> RestResult<Response<Bytes>> {
        exchange.judge_role()?;
        match (route, exchange.incoming.method.as_str()) {
            (Route::Root, "GET" | "HEAD") => match &self.options.root_function {
                Some(function) => call::handle(self, exchange, function).await,
                None => describe::root(self, exchange).await,
            },
            (Route::Root, "OPTIONS") => Ok(options::root()),
            (Route::Relation(name), "GET" | "HEAD") => read::handle(self, exchange, name).await,
            (Route::Relation(name), "POST" | "PATCH" | "DELETE" | "PUT") => write::handle(self, exchange, name).await,
            (Route::Relation(name), "OPTIONS") => options::relation(exchange, name),
            (Route::Function(name), "GET" | "HEAD" | "POST") => call::handle(self, exchange, name).await,
            (Route::Function(name), "OPTIONS") => options::function(exchange, name),
            (Route::Function(_), method) => {
                Err(RestError::new(405, "PGRST101", format!("Cannot use the {method} method on RPC")))
            }
            (_, method) => Err(RestError::new(405, "PGRST117", format!("Unsupported HTTP method: {method}"))),
        }
    }

    fn exchange<'a>(&'a self, incoming: Incoming<'a>) -> RestResult<Exchange<'a>> {
        let writes = matches!(incoming.method.as_str(), "POST" | "PATCH" | "PUT" | "DELETE");
        let profile = incoming.headers.get(if writes { "content-profile" } else { "accept-profile" });
        let exposed = &self.options.planning.schemas;
        let schema = match profile {
            None => exposed.first().map_or("public", String::as_str),
            Some(value) => {
                let asked = String::from_utf8_lossy(value.as_bytes());
                exposed.iter().find(|schema| **schema == *asked).ok_or_else(|| {
                    RestError::new(406, "PGRST106", format!("Invalid schema: {asked}"))
                        .hint(format!("Only the following schemas are exposed: {}", exposed.join(", ")))
                })?
            }
        };
        Ok(Exchange {
            current: self.current(),
            schema,
            show_profile: profile.is_some() || exposed.len() > 1,
            preferences: Preferences::read(incoming.headers),
            accepted: media::accepted(incoming.headers),
            incoming,
        })
    }

    /// What belongs to the catalog as it is now; made anew once after each migration.
    fn current(&self) -> Arc<Current> {
        let held = self.current.load_full();
        if held.planner.catalog().version == self.database.catalog_version() {
            return held;
        }
        let catalog = self.database.catalog();
        let fresh = Arc::new(Current::new(catalog, &self.options, self.database.postgres().is_some()));
        self.current.store(fresh.clone());
        fresh
    }
}

impl Current {
    fn new(catalog: Arc<Catalog>, options: &Options, is_postgres: bool) -> Current {
        let reads_settings = is_postgres || catalog.stored_sql().any(reads_request);
        let path = |schema: &String| {
            let extra = options.planning.extra_search_path.iter().filter(|extra| *extra != schema);
            std::iter::once(schema).chain(extra).cloned().collect()
        };
        let search_paths = options.planning.schemas.iter().map(path).collect();
        let exposure = Exposure::new(&catalog, options);
        let roles = catalog.requestable().into_iter().map(str::to_owned).collect();
        Current {
            planner: Planner::new(catalog, options.planning.clone()),
            reads_settings,
            is_postgres,
            search_paths,
            exposure,
            shapes: Shapes::new(),
            inserts: Inserts::new(),
            roles,
        }
    }

    pub(crate) fn search_path(&self, schema: &str) -> Arc<[String]> {
        let path = self.search_paths.iter().find(|path| path.first().is_some_and(|first| first == schema));
        path.cloned().unwrap_or_else(|| Arc::new([schema.to_owned()]))
    }
}

impl Exchange<'_> {
    /// Refuses a role that no request may be of. One that does not exist is the database's to report; of the anonymous one PostgreSQL judges
    /// by who connects.
    fn judge_role(&self) -> RestResult<()> {
        let role = &*self.incoming.identity.role;
        let is_own = self.incoming.anonymous && self.current.is_postgres;
        if is_own || !self.current.planner.catalog().withholds(role, &self.current.roles) {
            return Ok(());
        }
        Err(self.database_error(&Error::new("42501", format!("permission denied to set role \"{role}\""))))
    }

    pub(crate) fn is_head(&self) -> bool {
        self.incoming.method == Method::HEAD
    }

    pub(crate) fn profile(&self) -> Option<&str> {
        self.show_profile.then_some(self.schema)
    }

    /// The first accepted media type that `handler` has a form for; PGRST107 if none.
    pub(crate) fn negotiate<T>(&self, handler: impl Fn(&Media) -> Option<T>) -> RestResult<(Media, T)> {
        for media in &self.accepted {
            if let Some(format) = handler(media) {
                return Ok((media.clone(), format));
            }
        }
        let names: Vec<String> = self.accepted.iter().map(Media::name).collect();
        let message = format!("None of these media types are available: {}", names.join(", "));
        Err(RestError::new(406, "PGRST107", message))
    }

    pub(crate) fn database_error(&self, error: &Error) -> RestError {
        RestError::database(error, self.incoming.anonymous)
    }
}

/// `/`, `/<relation>` or `/rpc/<function>`; anything else is PGRST125.
pub(crate) fn route(path: &str) -> RestResult<Route> {
    let unknown = || RestError::new(404, "PGRST125", "Invalid path specified in request URL");
    let decode = |text: &str| {
        let name = percent_decode_str(text).decode_utf8().map_err(|_| unknown())?.into_owned();
        if name.is_empty() || name.contains('\0') { Err(unknown()) } else { Ok(name) }
    };
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.split('/').collect::<Vec<_>>()[..] {
        [""] => Ok(Route::Root),
        [name] => Ok(Route::Relation(decode(name)?)),
        ["rpc", name] => Ok(Route::Function(decode(name)?)),
        _ => Err(unknown()),
    }
}
