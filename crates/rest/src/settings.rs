//! What SQL may read of a request through `current_setting` (contract: section 14), and whether any does.

use crate::door::Incoming;

/// `request.*` (contract: section 14).
pub(crate) fn settings(incoming: &Incoming<'_>) -> Vec<(String, String)> {
    let mut headers = serde_json::Map::new();
    let mut cookies = serde_json::Map::new();
    for (name, value) in incoming.headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        if name == http::header::COOKIE {
            for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                cookies.insert(key.to_owned(), value.into());
            }
        } else {
            headers.insert(name.as_str().to_owned(), text.into());
        }
    }
    vec![
        ("request.method".into(), incoming.method.to_string()),
        ("request.path".into(), if incoming.path.is_empty() { "/".into() } else { incoming.path.to_owned() }),
        ("request.headers".into(), serde_json::Value::Object(headers).to_string()),
        ("request.cookies".into(), serde_json::Value::Object(cookies).to_string()),
    ]
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
