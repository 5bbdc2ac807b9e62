//! What SQL may read of a request through `current_setting` (contract: section 14), and whether any does.

use http::header;
use indexmap::IndexMap;
use serde::Serialize;

use crate::door::Incoming;

/// `request.*` (contract: section 14).
pub(crate) fn settings(incoming: &Incoming<'_>) -> Vec<(String, String)> {
    let (mut headers, mut cookies) = (IndexMap::new(), IndexMap::new());
    for (name, value) in incoming.headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        if name == header::COOKIE {
            let pairs = text.split(';').map(str::trim).filter(|pair| !pair.is_empty());
            let named = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            cookies.extend(named.map(|(key, value)| (key.to_owned(), value.to_owned())));
        } else {
            headers.insert(name.as_str(), text);
        }
    }
    vec![
        ("request.method".into(), incoming.method.to_string()),
        ("request.path".into(), if incoming.path.is_empty() { "/".into() } else { incoming.path.to_owned() }),
        ("request.headers".into(), object(&headers)),
        ("request.cookies".into(), object(&cookies)),
    ]
}

/// A JSON object. Texts by name can't fail to be one.
fn object(members: &impl Serialize) -> String {
    serde_json::to_string(members).unwrap_or_default()
}

/// Whether SQL may read a setting that [`settings`] or the configuration (`app.settings.*`) makes: any that it does not name outright,
/// or one of those. The claims are known without being set.
pub(crate) fn reads_request(sql: &str) -> bool {
    sql.to_ascii_lowercase().split("_setting").skip(1).any(|after| {
        let argument = after.trim_start().strip_prefix('(').map(str::trim_start);
        let Some((name, rest)) = argument.and_then(|text| text.strip_prefix('\'')?.split_once('\'')) else {
            return true;
        };
        let is_whole = rest.trim_start().starts_with([',', ')']);
        !is_whole || (name.starts_with("request.") && !name.starts_with("request.jwt.")) || name.starts_with("app.")
    })
}

#[cfg(test)]
mod tests {
    use super::reads_request;

    #[test]
    fn claims_and_settings_of_others_are_no_part_of_a_request() {
        for sql in [
            "owner = auth.uid()",
            "select current_setting('request.jwt.claims', true)::json",
            "nullif(current_setting('realtime.topic', true), '')",
            "select current_setting ( 'role' )",
            "select set_config('response.status', '204', true)",
        ] {
            assert!(!reads_request(sql), "{sql}");
        }
    }

    #[test]
    fn what_is_not_named_outright_may_be_anything() {
        for sql in [
            "select current_setting('request.headers', true)",
            "select CURRENT_SETTING('Request.Method')",
            "select current_setting('app.settings.key')",
            "select current_setting(name)",
            "select current_setting('re' || 'quest.path')",
            "select current_setting(E'request.path')",
            "select \"current_setting\"('request.path')",
            "select current_setting('role'), current_setting('request.cookies')",
        ] {
            assert!(reads_request(sql), "{sql}");
        }
    }
}
