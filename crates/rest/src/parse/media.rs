//! Media types: what `Accept` asks for and what a body's `Content-Type` says (contract: section 10.1).

use http::HeaderMap;

/// A media type that the door knows, or another by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// `*/*`.
    Any,
    /// `application/json`.
    Json,
    /// `application/vnd.pgrst.array+json`, perhaps without nulls.
    Array {
        /// `nulls=stripped`.
        stripped: bool,
    },
    /// `application/vnd.pgrst.object+json`, perhaps without nulls.
    Object {
        /// `nulls=stripped`.
        stripped: bool,
    },
    /// `text/csv`.
    Csv,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/openapi+json`.
    OpenApi,
    /// `application/geo+json`.
    GeoJson,
    /// `application/octet-stream`.
    OctetStream,
    /// `text/plain`.
    Text,
    /// `text/xml`.
    Xml,
    /// `application/vnd.pgrst.plan`.
    Plan(Box<PlanMedia>),
    /// Any other.
    Other(String),
}

/// Parameters of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanMedia {
    /// `+json` rather than `+text`.
    pub json: bool,
    /// The type whose request is explained.
    pub of: Media,
    /// `options=`.
    pub options: Vec<String>,
}

impl Media {
    /// Parses a media type without its quality.
    pub(crate) fn parse(text: &str) -> Media {
        let mut parts = split_outside_quotes(text, ';').into_iter().map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let parameters: Vec<(String, &str)> = parts
            .filter_map(|p| p.split_once('='))
            .map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim().trim_matches('"')))
            .collect();
        let parameter = |key: &str| parameters.iter().find(|(k, _)| k == key).map(|(_, value)| *value);
        let stripped = parameter("nulls") == Some("stripped");
        match name.as_str() {
            "*/*" => Media::Any,
            "application/json" => Media::Json,
            "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array" => Media::Array { stripped },
            "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" => Media::Object { stripped },
            "text/csv" => Media::Csv,
            "application/x-www-form-urlencoded" => Media::Form,
            "application/openapi+json" => Media::OpenApi,
            "application/geo+json" => Media::GeoJson,
            "application/octet-stream" => Media::OctetStream,
            "text/plain" => Media::Text,
            "text/xml" => Media::Xml,
            "application/vnd.pgrst.plan" | "application/vnd.pgrst.plan+text" | "application/vnd.pgrst.plan+json" => {
                Media::Plan(Box::new(PlanMedia {
                    json: name.ends_with("+json"),
                    of: parameter("for").map_or(Media::Json, Media::parse),
                    options: parameter("options").map_or_else(Vec::new, |o| o.split('|').map(str::to_owned).collect()),
                }))
            }
            _ => Media::Other(name),
        }
    }

    /// The type's name, as messages and `Content-Type` give it.
    pub(crate) fn name(&self) -> String {
        match self {
            Media::Any => "*/*".into(),
            Media::Json => "application/json".into(),
            Media::Array { stripped: false } => "application/vnd.pgrst.array+json".into(),
            Media::Array { stripped: true } => "application/vnd.pgrst.array+json;nulls=stripped".into(),
            Media::Object { stripped: false } => "application/vnd.pgrst.object+json".into(),
            Media::Object { stripped: true } => "application/vnd.pgrst.object+json;nulls=stripped".into(),
            Media::Csv => "text/csv".into(),
            Media::Form => "application/x-www-form-urlencoded".into(),
            Media::OpenApi => "application/openapi+json".into(),
            Media::GeoJson => "application/geo+json".into(),
            Media::OctetStream => "application/octet-stream".into(),
            Media::Text => "text/plain".into(),
            Media::Xml => "text/xml".into(),
            Media::Plan(plan) => {
                let mut name = format!("application/vnd.pgrst.plan+{}", if plan.json { "json" } else { "text" });
                name.push_str(&format!("; for=\"{}\"", plan.of.name()));
                if !plan.options.is_empty() {
                    name.push_str(&format!("; options={}", plan.options.join("|")));
                }
                name
            }
            Media::Other(name) => name.clone(),
        }
    }

    /// `Content-Type` of an answer in this form.
    pub(crate) fn content_type(&self) -> String {
        match self {
            Media::Any | Media::Json | Media::Array { stripped: false } => "application/json; charset=utf-8".into(),
            Media::OctetStream | Media::Other(_) => self.name(),
            _ => format!("{}; charset=utf-8", self.name()),
        }
    }
}

/// The types that `Accept` lists, best first. Absent means anything.
pub(crate) fn accepted(headers: &HeaderMap) -> Vec<Media> {
    let mut candidates: Vec<(f32, Media)> = Vec::new();
    for value in headers.get_all("accept") {
        let text = String::from_utf8_lossy(value.as_bytes());
        for part in split_outside_quotes(&text, ',') {
            let part = part.trim();
            if !part.is_empty() {
                candidates.push((quality(part), Media::parse(part)));
            }
        }
    }
    candidates.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    if candidates.is_empty() {
        return vec![Media::Any];
    }
    candidates.into_iter().map(|(_, media)| media).collect()
}

/// The type of a body; JSON when none is said.
pub(crate) fn content_type(headers: &HeaderMap) -> Media {
    headers.get("content-type").map_or(Media::Json, |value| Media::parse(&String::from_utf8_lossy(value.as_bytes())))
}

fn quality(part: &str) -> f32 {
    split_outside_quotes(part, ';')
        .into_iter()
        .skip(1)
        .filter_map(|p| p.trim().strip_prefix("q=").and_then(|q| q.trim().parse().ok()))
        .next()
        .unwrap_or(1.0)
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .collect()
}
