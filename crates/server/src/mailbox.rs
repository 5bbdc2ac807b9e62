//! The development mailbox: what would have been sent, as pages and as JSON.

use axum::body::Body;
use basalt_auth::State;
use http::{HeaderValue, Request, Response, StatusCode, header};
use uuid::Uuid;

use crate::answer::{JSON, PAGE, TEXT, answer, empty, not_allowed};
use crate::surface::Surface;

/// Where it is.
pub const MAIL: &str = "/studio/mail";

/// What a mail holds must not run: styles and pictures only.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; sandbox allow-popups",
);

/// What is said to who asks by another name.
const MISDIRECTED: &str = "The mailbox is not served under this host name, since any web site could have one that leads here. \
    Ask for localhost or the server's address, or set `server.public_url` in basalt.toml to a URL with this name.\n";

/// A list and each mail as pages, all of them as JSON.
///
/// `GET /studio/mail` is the list, `/studio/mail/ID` a mail, `/studio/mail/messages[?to=ADDRESS]` all mails as JSON, newest first;
/// `DELETE /studio/mail/messages` throws them away. Asked for by a name that is none of the server's: 421.
pub(crate) async fn mail(state: &State, surface: &Surface, request: Request<()>) -> Response<Body> {
    if !surface.mail_hosts.are_asked(&request) {
        return answer(StatusCode::MISDIRECTED_REQUEST, TEXT, MISDIRECTED);
    }
    let rest = request.uri().path().strip_prefix(MAIL).unwrap_or_default().trim_matches('/');
    let mailbox = &state.mailbox;
    match (request.method().as_str(), rest) {
        ("GET" | "HEAD", "") => page(list(&mailbox.mails(None))),
        ("GET" | "HEAD", "messages") => {
            let query = request.uri().query().unwrap_or_default();
            let to = url::form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == "to")
                .map(|(_, to)| to.into_owned());
            json(&mailbox.mails(to.as_deref()))
        }
        ("DELETE", "messages") => {
            let emptied = match &surface.auth {
                Some(auth) => auth.empty_mailbox().await,
                None => Ok(()),
            };
            match emptied {
                Ok(()) => empty(StatusCode::NO_CONTENT),
                Err(error) => error.response(request.headers()).map(Body::from),
            }
        }
        ("GET" | "HEAD", id) => match Uuid::parse_str(id).ok().and_then(|id| mailbox.mail(id)) {
            Some(mail) => page(mail.html.clone()),
            None => empty(StatusCode::NOT_FOUND),
        },
        (_, "messages") => not_allowed("GET, HEAD, DELETE"),
        _ => not_allowed("GET, HEAD"),
    }
}

fn list(mails: &[basalt_auth::Mail]) -> String {
    let row = |mail: &basalt_auth::Mail| {
        format!(
            "<tr><td>{}</td><td>{}</td><td><a href=\"{MAIL}/{}\">{}</a></td><td><code>{}</code></td></tr>",
            mail.sent_at.strftime("%H:%M:%S"),
            escaped(&mail.to),
            mail.id,
            escaped(&mail.subject),
            escaped(&mail.token),
        )
    };
    let rows: String = mails.iter().map(row).collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Mail</title>\
         <style>body{{font:16px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}}table{{width:100%;border-collapse:collapse}}\
         td,th{{text-align:left;padding:.4rem;border-bottom:1px solid #8884}}</style>\
         <h1>Mail</h1><p>What would have been sent, newest first.</p>\
         <table><tr><th>Time (UTC)</th><th>To</th><th>Subject</th><th>Code</th></tr>{rows}</table></html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(html: String) -> Response<Body> {
    let mut response = answer(StatusCode::OK, PAGE, html);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn json(body: &impl serde::Serialize) -> Response<Body> {
    answer(StatusCode::OK, JSON, serde_json::to_vec(body).unwrap_or_default())
}
