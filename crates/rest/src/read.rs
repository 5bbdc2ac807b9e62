//! GET and HEAD on a relation.

use basalt_core::Error;
use basalt_db::{Answer, Format, RowCheck};
use basalt_sql::Name;
use bytes::Bytes;
use http::{Response, header};

use crate::door::{Door, Exchange};
use crate::error::{RestError, RestResult};
use crate::handler::{form, is_whole};
use crate::parse::media::Media;
use crate::parse::prefer::Used;
use crate::parse::query_string::QueryString;
use crate::parse::range;
use crate::respond::headers::{Reply, content_range, range_status};
use crate::shape::{Plan, Read};
use crate::timing::Stage;

pub(crate) async fn handle(door: &Door, exchange: &Exchange<'_>, name: &str) -> RestResult<Response<Bytes>> {
    let incoming = &exchange.incoming;
    let name = Name::new(exchange.schema, name);
    let plan = |query: &str| plan(door, exchange, &name, query);
    let count = exchange.preferences.count.is_some();
    // A Range header would decide the plan, too.
    let Read { plan: shape, params, location } = match incoming.headers.contains_key(header::RANGE) {
        true => Read::whole(plan(incoming.query)?),
        false => exchange.current.shapes.read(&name, count, incoming.query, plan)?,
    };
    let Plan { statement, offset, warning, whole, .. } = &shape.plan;
    exchange.current.exposure.judge_relation(exchange, &name)?;
    exchange.current.exposure.judge_statement(exchange, statement)?;

    let (accepted, form) = exchange.negotiate(|media| form(door, exchange, Some(&name), *whole, media))?;
    let media = form.media.unwrap_or(accepted);
    exchange.preferences.judge()?;

    let withheld = exchange.is_head() && !matches!(form.format, Format::Plan(_));
    let format = if withheld { Format::None } else { form.format };
    let mut request = door.request(exchange, statement, params, true, format);
    request.body_by = form.body_by;
    request.check = singular(&media);
    incoming.timing.mark(Stage::Plan);
    let answer = door.run(exchange, request).await?;
    incoming.timing.mark(Stage::Transaction);

    let used = Used { transaction: exchange.ends(door), ..Used::default() };
    page(exchange, &media, &answer, *offset, used)
        .header(header::CONTENT_LOCATION, &location)
        .maybe(header::WARNING, warning.as_deref())
        .settings(&answer)?
        .finish_page()
}

/// Plans the read of a relation that a query string asks for.
fn plan(door: &Door, exchange: &Exchange<'_>, name: &Name, query: &str) -> RestResult<Plan> {
    let incoming = &exchange.incoming;
    let query = QueryString::parse(query, false)?;
    let (mut level, outdated) = query.level(door.options.planning.legacy_target_names)?;
    range::apply(&mut level, incoming.method, incoming.headers)?;
    incoming.timing.mark(Stage::Parse);

    let planner = &exchange.current.planner;
    let relation = planner.relation(name)?;
    exchange.current.exposure.judge_relation(exchange, &relation.name)?;
    let statement = planner.prepare_read(name, &level, exchange.preferences.count.is_some())?;
    let location = match query.canonical() {
        canonical if canonical.is_empty() => format!("/{}", name.name),
        canonical => format!("/{}?{canonical}", name.name),
    };
    Ok(Plan {
        statement,
        location,
        offset: level.offset.unwrap_or(0),
        warning: legacy_warning(&outdated),
        whole: is_whole(&level),
    })
}

/// The answer to anything that gives a page of rows; [`Reply::finish_page`] ends it.
pub(crate) fn page(exchange: &Exchange<'_>, media: &Media, answer: &Answer, offset: i64, used: Used) -> Reply {
    if let Media::Plan(_) = media {
        let body = if exchange.is_head() { Bytes::new() } else { answer.body.clone() };
        return Reply::new(200).body(media, body);
    }
    let status = range_status(offset, answer.rows, answer.total);
    let total = answer.total.unwrap_or(0);
    let beyond = || RestError::range(format!("An offset of {offset} was requested, but there are only {total} rows."));
    Reply::new(status)
        .unless((status == 416).then(beyond))
        .body(media, answer.body.clone())
        .header(header::CONTENT_RANGE, &content_range(offset, answer.rows, answer.total))
        .maybe(PREFERENCE_APPLIED, exchange.preferences.applied(used).as_deref())
        .maybe(CONTENT_PROFILE, exchange.profile())
}

pub(crate) const PREFERENCE_APPLIED: http::HeaderName = http::HeaderName::from_static("preference-applied");
pub(crate) const CONTENT_PROFILE: http::HeaderName = http::HeaderName::from_static("content-profile");

/// The form in which rows of columns go into a media type.
pub(crate) fn row_format(media: &Media) -> Option<Format> {
    Some(match media {
        Media::Any | Media::Json | Media::Array { stripped: false } => Format::Json,
        Media::Array { stripped: true } => Format::JsonStripped,
        Media::Object { stripped: false } => Format::Object,
        Media::Object { stripped: true } => Format::ObjectStripped,
        Media::Csv => Format::Csv,
        _ => return None,
    })
}

/// One object means exactly one row; otherwise the statement is undone (PGRST116).
pub(crate) fn singular(media: &Media) -> Option<RowCheck> {
    if !matches!(media, Media::Object { .. }) {
        return None;
    }
    Some(Box::new(|answer: &Answer| {
        if answer.rows == 1 {
            return Ok(());
        }
        Err(Error::new("PGRST116", "Cannot coerce the result to a single JSON object")
            .with_detail(format!("The result contains {} rows", answer.rows)))
    }))
}

/// `Warning` for resources that were named by relation although they have an alias.
pub(crate) fn legacy_warning(outdated: &[(String, String)]) -> Option<String> {
    let (relation, alias) = outdated.first()?;
    Some(format!(
        "299 PostgRESTv16.1 \"Embedded resource was referenced by relation name even though it has an alias. This is deprecated and will stop working in a future release. Update `{relation}` to `{alias}` in query string filters, orders or limits.\""
    ))
}
