//! Bodies that the database makes itself: by aggregates whose result is a domain named like a media type, and by PostGIS
//! (contract: section 10.1).

use basalt_db::{BodyBy, Explain, Format};
use basalt_query::ask::{Item, Level};
use basalt_sql::Name;
use basalt_sql::catalog::MediaHandler;

use crate::door::{Door, Exchange};
use crate::parse::media::Media;
use crate::read::row_format;

/// How rows go into a media type.
#[derive(Clone)]
pub(crate) struct Form {
    pub format: Format,
    pub body_by: Option<BodyBy>,
    /// The type of the body, where it is not the one that was accepted.
    pub media: Option<Media>,
}

impl Form {
    /// A form of Basalt's own.
    pub fn plain(format: Format) -> Form {
        Form { format, body_by: None, media: None }
    }

    fn made(handler: &MediaHandler) -> Form {
        let MediaHandler { aggregate, relation, bytes, .. } = handler;
        let by = BodyBy::Aggregate { function: aggregate.clone(), relation: relation.clone(), bytes: *bytes };
        // What a handler of any type gives is known to nobody but its `response.headers`.
        let media = (handler.media == "*/*").then_some(Media::OctetStream);
        Form { format: Format::Raw, body_by: Some(by), media }
    }
}

/// How rows of `relation`, of which `level` is asked, go into an accepted type.
pub(crate) fn form(
    door: &Door,
    exchange: &Exchange<'_>,
    relation: Option<&Name>,
    whole: bool,
    media: &Media,
) -> Option<Form> {
    explained(door, media, |media| {
        made(exchange, relation, whole, media).or_else(|| row_format(media).map(Form::plain))
    })
}

/// What `form` has for a media type; for a plan, the plan of what it has for the one that is explained.
pub(crate) fn explained(door: &Door, media: &Media, form: impl Fn(&Media) -> Option<Form>) -> Option<Form> {
    let Media::Plan(plan) = media else { return form(media) };
    let of = form(&plan.of).filter(|_| door.options.plans)?;
    let asked = |option: &str| plan.options.iter().any(|o| o == option);
    let explain = Explain {
        json: plan.json,
        analyze: asked("analyze"),
        verbose: asked("verbose"),
        settings: asked("settings"),
        buffers: asked("buffers"),
        wal: asked("wal"),
    };
    Some(Form { format: Format::Plan(explain), media: None, ..of })
}

/// Whether whole rows are asked for, and nothing else.
pub(crate) fn is_whole(level: &Level) -> bool {
    matches!(level.items.as_slice(), [Item::All])
}

/// The same by what the database has for it: handlers of the relation, handlers of any row, PostGIS.
pub(crate) fn made(exchange: &Exchange<'_>, relation: Option<&Name>, whole: bool, media: &Media) -> Option<Form> {
    let catalog = exchange.current.planner.catalog();
    let fixed = matches!(media, Media::Array { .. } | Media::Object { .. } | Media::Plan(_));
    if !fixed && !catalog.media_handlers.is_empty() {
        let settings = exchange.current.planner.settings();
        let reachable =
            |schema: &String| settings.schemas.contains(schema) || settings.extra_search_path.contains(schema);
        let known = |relation: Option<&Name>, media: &str| {
            let mut handlers = catalog.media_handlers.iter();
            handlers.find(|h| h.relation.as_ref() == relation && h.media == media && reachable(&h.aggregate.schema))
        };
        let name = media.name();
        // A relation's own handlers take whole rows.
        let own = relation.filter(|_| whole).and_then(|of| known(Some(of), "*/*").or_else(|| known(Some(of), &name)));
        if let Some(handler) = own.or_else(|| known(None, &name)) {
            return Some(Form::made(handler));
        }
    }
    let function = catalog.functions.keys().find(|name| *media == Media::GeoJson && name.name == "st_asgeojson")?;
    Some(Form { body_by: Some(BodyBy::GeoJson(function.clone())), ..Form::plain(Format::Json) })
}
