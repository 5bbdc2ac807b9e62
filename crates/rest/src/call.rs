//! GET, HEAD and POST on a function (contract: section 13).

use basalt_db::Format;
use basalt_query::ResultShape;
use basalt_query::ask::{Arguments, Call};
use basalt_sql::Name;
use basalt_sql::catalog::Routine;
use bytes::Bytes;
use http::{Method, Response, header};

use crate::door::{Door, Exchange};
use crate::error::{RestError, RestResult};
use crate::handler::{Form, explained, is_whole, made};
use crate::parse::media::{Media, content_type};
use crate::parse::prefer::Used;
use crate::parse::query_string::QueryString;
use crate::parse::{body, range};
use crate::read::{PREFERENCE_APPLIED, legacy_warning, page, row_format, singular};
use crate::respond::headers::{Reply, content_range};
use crate::timing::Stage;
use crate::write::judge_affected;

pub(crate) async fn handle(door: &Door, exchange: &Exchange<'_>, name: &str) -> RestResult<Response<Bytes>> {
    let incoming = &exchange.incoming;
    let reading = incoming.method != Method::POST;
    let mut query = QueryString::parse(incoming.query, reading)?;
    let (mut level, outdated) = query.level(door.options.planning.legacy_target_names)?;
    range::apply(&mut level, incoming.method, incoming.headers)?;
    let arguments = if reading {
        Arguments::Named(body::named(std::mem::take(&mut query.arguments)))
    } else {
        body::arguments(&content_type(incoming.headers), &incoming.body, query.columns.as_deref())?
    };

    incoming.timing.mark(Stage::Parse);
    let planner = &exchange.current.planner;
    let offset = level.offset.unwrap_or(0);
    let call = Call { function: Name::new(exchange.schema, name), arguments, level };
    let mut prepared = planner.prepare_call(&call, exchange.preferences.count.is_some())?;
    exchange.current.exposure.judge_call(exchange, &prepared)?;

    let shape = prepared.shape;
    let handler = MediaHandler::of(&prepared.routine);
    let rows_of = prepared.statement.relation.as_ref();
    let form = |media: &Media| match &handler {
        Some(handler) if handler.takes(media) => {
            Some(Form { media: Some(handler.gives()), ..Form::plain(Format::Raw) })
        }
        _ => {
            let made = made(exchange, rows_of, is_whole(&call.level), media).filter(|_| shape.has_columns());
            made.or_else(|| format(shape, media).map(Form::plain))
        }
    };
    let (accepted, form) = exchange.negotiate(|media| explained(door, media, form))?;
    let media = form.media.unwrap_or(accepted);
    exchange.preferences.judge()?;
    let most = exchange.preferences.limit_affected();
    if most.is_some() && !shape.is_set() {
        return Err(RestError::new(
            400,
            "PGRST128",
            "Function must return SETOF or TABLE when max-affected preference is used with handling=strict",
        ));
    }

    let withheld = exchange.is_head() && !matches!(form.format, Format::Plan(_));
    let format = if withheld { Format::None } else { form.format };
    let params = std::mem::take(&mut prepared.statement.params);
    let mut request = door.request(exchange, &prepared.statement, params, reading || prepared.read_only, format);
    request.body_by = form.body_by;
    let settings = prepared.routine.settings.iter().filter(|(name, _)| door.options.hoisted.contains(name));
    request.hoisted = settings.cloned().collect();
    let one = singular(&media).filter(|_| shape.is_set());
    if one.is_some() || most.is_some() {
        request.check = Some(Box::new(move |answer| {
            if let Some(one) = &one {
                one(answer)?;
            }
            judge_affected(answer, most)
        }));
    }
    incoming.timing.mark(Stage::Plan);
    let mut answer = door.run(exchange, request).await?;
    incoming.timing.mark(Stage::Transaction);

    if prepared.statement.hidden.total {
        // A volatile function is not called twice to count its rows: each row of the page tells how many there are.
        let total = answer.first_row.iter().find(|(name, _)| name == "basalt:total");
        answer.total = total.and_then(|(_, value)| value.as_deref()).and_then(|text| text.parse().ok());
    }
    let used = Used { transaction: exchange.ends(door), max_affected: true, ..Used::default() };
    if !shape.is_set() {
        answer.rows = 1;
        answer.total = exchange.preferences.count.map(|_| 1);
    }
    if shape == ResultShape::Void {
        let reply = Reply::new(204)
            .header(header::CONTENT_RANGE, &content_range(0, answer.rows, answer.total))
            .maybe(PREFERENCE_APPLIED, exchange.preferences.applied(used).as_deref());
        return Ok(reply.settings(&answer)?.finish());
    }
    page(exchange, &media, &answer, offset, used)
        .maybe(header::WARNING, legacy_warning(&outdated).as_deref())
        .settings(&answer)?
        .finish_page()
}

/// A function whose result is a domain named like a media type: what it returns is the body (contract: section 10.1).
struct MediaHandler {
    /// The domain's name, `*/*` for any type.
    media: String,
}

impl MediaHandler {
    fn of(routine: &Routine) -> Option<MediaHandler> {
        let domain = routine.returns_domain.as_ref().filter(|_| !routine.returns_set)?;
        let media = domain.name.to_ascii_lowercase();
        (media.contains('/') && !media.starts_with("application/vnd.pgrst.")).then_some(MediaHandler { media })
    }

    fn takes(&self, accepted: &Media) -> bool {
        match accepted {
            Media::Array { .. } | Media::Object { .. } | Media::Plan(_) => false,
            Media::Any => true,
            media => self.media == "*/*" || self.media == media.name(),
        }
    }

    /// The type of the body, which the function may replace through `response.headers`.
    fn gives(&self) -> Media {
        match self.media.as_str() {
            "*/*" => Media::OctetStream,
            media => Media::parse(media),
        }
    }
}

/// The form in which a function's result goes into a media type.
fn format(shape: ResultShape, media: &Media) -> Option<Format> {
    use ResultShape::*;
    match (shape, media) {
        (Void, Media::Any | Media::Json | Media::Array { .. } | Media::Object { .. }) => Some(Format::None),
        (Scalar | Record, Media::Array { stripped: true }) => Some(Format::ScalarStripped),
        (Scalar | Record, Media::Any | Media::Json | Media::Array { .. }) => Some(Format::Scalar),
        (Scalar | SetOfScalar | Record | SetOfRecord, Media::Object { stripped }) => {
            Some(if *stripped { Format::ScalarStripped } else { Format::Scalar })
        }
        (SetOfScalar | SetOfRecord, Media::Array { stripped: true }) => Some(Format::ScalarsStripped),
        (SetOfScalar | SetOfRecord, Media::Any | Media::Json | Media::Array { .. }) => Some(Format::Scalars),
        (Composite, Media::Any | Media::Json | Media::Array { stripped: false }) => Some(Format::Object),
        (Composite, Media::Array { stripped: true }) => Some(Format::ObjectStripped),
        (Composite | SetOfComposite, media) => row_format(media),
        _ => None,
    }
}
