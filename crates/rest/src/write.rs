//! POST, PATCH, PUT and DELETE on a relation (contract: section 12).

use basalt_core::Error;
use basalt_db::{Answer, Format, RowCheck};
use basalt_query::ask::{Body, Conflict, Field, Item, Level, Write, WriteKind};
use basalt_query::{PlanError, Statement};
use basalt_sql::Name;
use basalt_sql::catalog::Privilege;
use bytes::Bytes;
use http::{Response, header};

use crate::door::{Door, Exchange};
use crate::error::{RestError, RestResult};
use crate::handler::{form, is_whole};
use crate::inserts::Inserts;
use crate::parse::body;
use crate::parse::media::{Media, content_type};
use crate::parse::prefer::{Count, Return, Used};
use crate::parse::query_string::{QueryString, encode};
use crate::parse::range;
use crate::read::{CONTENT_PROFILE, PREFERENCE_APPLIED, legacy_warning, singular};
use crate::respond::headers::Reply;
use crate::timing::Stage;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Insert,
    Update,
    Delete,
    Put,
}

/// What planning a write gives.
pub(crate) struct Plan {
    /// The statement, or why there is none. What the database would say of the body's values is told only to those whose preferences and
    /// media types are understood.
    pub(crate) statement: Result<Statement, PlanError>,
    /// Whether whole rows are given back, and nothing else.
    pub(crate) whole: bool,
    /// Which preferences mean something.
    pub(crate) used: Used,
    /// Whether rows may meet others of their key and change these.
    pub(crate) merging: bool,
    /// Whether nothing is set, of no rows in particular, and nothing given back.
    pub(crate) asks_nothing: bool,
    /// `Warning`.
    pub(crate) warning: Option<String>,
}

pub(crate) async fn handle(door: &Door, exchange: &Exchange<'_>, name: &str) -> RestResult<Response<Bytes>> {
    let incoming = &exchange.incoming;
    let verb = match incoming.method.as_str() {
        "POST" => Verb::Insert,
        "PATCH" => Verb::Update,
        "PUT" => Verb::Put,
        _ => Verb::Delete,
    };
    let name = Name::new(exchange.schema, name);
    let plan = || plan(door, exchange, verb, &name);
    let (plan, params) = match (verb, content_type(incoming.headers)) {
        (Verb::Insert, Media::Json) => {
            let inserts = &exchange.current.inserts;
            inserts.plan(&name, incoming.query, &exchange.preferences, &incoming.body, plan)?
        }
        _ => Inserts::whole(plan()?),
    };
    exchange.current.exposure.judge_relation(exchange, &name)?;
    if let Err(error) = &plan.statement
        && error.is_of_planning()
    {
        return Err(error.clone().into());
    }
    let preferences = &exchange.preferences;
    preferences.judge()?;
    let (accepted, form) = exchange.negotiate(|media| form(door, exchange, Some(&name), plan.whole, media))?;
    let media = form.media.unwrap_or(accepted);
    let returning = preferences.returning == Some(Return::Representation);
    let tells_new = plan.statement.as_ref().is_ok_and(|s| s.hidden.inserted);
    let statement = plan.statement.as_ref().map_err(PlanError::clone)?;
    exchange.current.exposure.judge_statement(exchange, statement)?;
    let shown = returning || matches!(form.format, Format::Plan(_));
    let format = if shown { form.format } else { Format::None };
    let mut request = door.request(exchange, statement, params, false, format);
    if plan.asks_nothing && may_update(exchange, &name) {
        request.sql = NO_ROWS.into();
    }
    request.body_by = form.body_by;
    request.check = check(exchange, verb, &media);
    incoming.timing.mark(Stage::Plan);
    let answer = door.run(exchange, request).await?;
    incoming.timing.mark(Stage::Transaction);
    if let Media::Plan(_) = media {
        return Ok(Reply::new(200).body(&media, answer.body).finish());
    }

    let status = match (verb, returning) {
        (Verb::Insert, _) if plan.merging && tells_new && answer.inserted == 0 => 200,
        (Verb::Insert, _) => 201,
        (Verb::Put, true) if answer.inserted > 0 => 201,
        (_, true) => 200,
        (_, false) => 204,
    };
    let mut reply = Reply::new(status)
        .maybe(header::CONTENT_RANGE, content_range(verb, &answer, preferences.count).as_deref())
        .maybe(header::LOCATION, location(&name.name, &answer).as_deref())
        .maybe(PREFERENCE_APPLIED, preferences.applied(plan.used).as_deref())
        .maybe(header::WARNING, plan.warning.as_deref());
    if returning {
        reply = reply.body(&media, answer.body.clone()).maybe(CONTENT_PROFILE, exchange.profile());
    }
    Ok(reply.settings(&answer)?.finish())
}

/// Plans the write that a request asks for.
fn plan(door: &Door, exchange: &Exchange<'_>, verb: Verb, name: &Name) -> RestResult<Plan> {
    let query = QueryString::parse(exchange.incoming.query, false)?;
    if verb == Verb::Put && query.limits_root()? {
        let message = "limit/offset querystring parameters are not allowed for PUT";
        return Err(RestError::new(400, "PGRST114", message));
    }
    let (mut level, outdated) = query.level(door.options.planning.legacy_target_names)?;
    let limited = limit(door, verb, &query, &mut level)?;
    if verb == Verb::Insert {
        level.conditions.clear();
    }
    let kind = kind(verb, exchange, &query)?;
    exchange.incoming.timing.mark(Stage::Parse);

    let planner = &exchange.current.planner;
    let relation = planner.relation(name)?;
    exchange.current.exposure.judge_relation(exchange, &relation.name)?;
    let keyed = relation.primary_key().is_some() || query.on_conflict.is_some();
    let preferences = &exchange.preferences;
    let returning = preferences.returning == Some(Return::Representation);
    let merging = matches!(&kind, WriteKind::Insert { conflict: Some(conflict), .. } if conflict.merge && keyed);
    let used = Used {
        resolution: verb == Verb::Insert && keyed,
        missing: matches!(verb, Verb::Insert | Verb::Update),
        returning: true,
        transaction: exchange.ends(door),
        max_affected: matches!(verb, Verb::Update | Verb::Delete),
    };

    if !returning && needs_planning(&level) {
        // What is asked of the rows must make sense though they are not given back.
        planner.prepare_read(name, &level, false)?;
    }
    // Whoever asks for the headers alone needs the right to read the columns that are selected all the same.
    let reads = returning || preferences.returning == Some(Return::HeadersOnly);
    // A limit counts in the order, which may be by an embedded resource.
    if !returning && !limited {
        level.items = if reads { own_columns(&level) } else { Vec::new() };
        level.order.clear();
    }
    let write = Write {
        relation: name.clone(),
        level,
        returning: reads,
        returning_key: verb == Verb::Insert && preferences.returning == Some(Return::HeadersOnly),
        kind,
    };
    let sets_nothing = matches!(&write.kind, WriteKind::Update { body } if body.columns.is_empty());
    Ok(Plan {
        statement: planner.prepare_write(&write),
        whole: is_whole(&write.level),
        used,
        merging,
        asks_nothing: sets_nothing && !reads && write.level.conditions.is_empty(),
        warning: legacy_warning(&outdated),
    })
}

/// Whether a write is limited to some of its rows. Current PostgREST's are not; older ones took limits in these words.
fn limit(door: &Door, verb: Verb, query: &QueryString, level: &mut Level) -> RestResult<bool> {
    if !door.options.limited_writes || !matches!(verb, Verb::Update | Verb::Delete) {
        level.limit = None;
        level.offset = None;
        return Ok(false);
    }
    // A read ignores such text. A write that did would change every row.
    let unread = |(name, value): &&(String, String)| {
        matches!(name.as_str(), "limit" | "offset") && range::number(value).is_none()
    };
    if let Some((name, value)) = query.pairs.iter().find(unread) {
        return Err(RestError::new(400, "PGRST100", format!("\"failed to parse {name} ({value})\""))
            .details("A number is expected."));
    }
    range::judge(level)?;
    let limited = level.limit.is_some() || level.offset.is_some_and(|offset| offset != 0);
    if limited && level.order.is_empty() {
        return Err(RestError::new(400, "PGRST109", "A 'limit' was applied without an explicit 'order'")
            .hint("Apply an 'order' using unique column(s)"));
    }
    Ok(limited)
}

/// Whether a level has something that can't be planned in every case.
fn needs_planning(level: &Level) -> bool {
    let related = level.order.iter().any(|term| term.embed.is_some());
    related || !level.items.iter().all(|item| matches!(item, Item::All | Item::Field { aggregate: None, .. }))
}

/// The relation's own columns among what is selected, as they are.
fn own_columns(level: &Level) -> Vec<Item> {
    let own = |item: &Item| match item {
        Item::All => Some(Item::All),
        Item::Field { field, .. } => {
            let field = Field { name: field.name.clone(), path: Vec::new() };
            Some(Item::Field { field, cast: None, aggregate: None, aggregate_cast: None, alias: None })
        }
        Item::Count { .. } | Item::Embed(_) => None,
    };
    level.items.iter().filter_map(own).collect()
}

fn kind(verb: Verb, exchange: &Exchange<'_>, query: &QueryString) -> RestResult<WriteKind> {
    let preferences = &exchange.preferences;
    let rows = |columns: Option<&[String]>, missing: bool| -> RestResult<Body> {
        body::rows(&content_type(exchange.incoming.headers), &exchange.incoming.body, columns, missing)
    };
    let missing = preferences.missing_default == Some(true);
    Ok(match verb {
        Verb::Insert => WriteKind::Insert {
            body: rows(query.columns.as_deref(), missing)?,
            conflict: preferences.merge.map(|merge| Conflict { columns: query.on_conflict.clone(), merge }),
        },
        Verb::Update => WriteKind::Update { body: rows(query.columns.as_deref(), missing)? },
        Verb::Put => WriteKind::Put { body: rows(None, false)? },
        Verb::Delete => WriteKind::Delete,
    })
}

/// What PATCH with `{}` or `[]` runs for those who may update the relation: others may do so only if they may read it.
const NO_ROWS: &str = "SELECT 1 AS \"basalt:one\" WHERE false";

/// Whether the caller may update any column of a relation.
fn may_update(exchange: &Exchange<'_>, name: &Name) -> bool {
    let catalog = exchange.current.planner.catalog();
    let relation = catalog.relation(&name.schema, &name.name);
    relation.is_some_and(|relation| catalog.allows_any(&exchange.incoming.identity.role, relation, Privilege::Update))
}

/// What must hold of the written rows for them to stay.
fn check(exchange: &Exchange<'_>, verb: Verb, media: &Media) -> Option<RowCheck> {
    if verb == Verb::Put {
        return Some(Box::new(|answer| {
            if answer.rows == 1 {
                return Ok(());
            }
            Err(Error::new("PGRST115", "Payload values do not match URL in primary key column(s)"))
        }));
    }
    let singular = singular(media);
    let most = exchange.preferences.limit_affected().filter(|_| verb != Verb::Insert);
    if singular.is_none() && most.is_none() {
        return None;
    }
    Some(Box::new(move |answer| {
        if let Some(singular) = &singular {
            singular(answer)?;
        }
        judge_affected(answer, most)
    }))
}

/// PGRST124: more rows than the caller wanted to touch.
pub(crate) fn judge_affected(answer: &Answer, most: Option<u64>) -> Result<(), Error> {
    match most {
        Some(most) if answer.rows > most => {
            Err(Error::new("PGRST124", "Query result exceeds max-affected preference constraint")
                .with_detail(format!("The query affects {} rows", answer.rows)))
        }
        _ => Ok(()),
    }
}

fn content_range(verb: Verb, answer: &Answer, count: Option<Count>) -> Option<String> {
    let total = match count {
        Some(Count::Exact | Count::Estimated) => answer.rows.to_string(),
        _ => "*".to_owned(),
    };
    match verb {
        Verb::Put => None,
        Verb::Update if answer.rows > 0 => Some(format!("0-{}/{total}", answer.rows - 1)),
        _ => Some(format!("*/{total}")),
    }
}

/// `/t?id=eq.1`, from the key of the one row inserted.
fn location(relation: &str, answer: &Answer) -> Option<String> {
    let key: Vec<String> = answer
        .first_row
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("basalt:key:")?, value)))
        .map(|(column, value)| match value {
            Some(value) => format!("{}=eq.{}", encode(column), encode(value)),
            None => format!("{}=is.null", encode(column)),
        })
        .collect();
    (answer.rows == 1 && !key.is_empty()).then(|| format!("/{}?{}", encode(relation), key.join("&")))
}
