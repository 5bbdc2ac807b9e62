//! Frames over NATS (core: no streams, nothing kept).

use std::fmt;
use std::path::Path;

use async_nats::{Client, ConnectOptions, Event, ServerAddr, Subscriber};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Mutex, watch};
use url::Url;

use crate::line::{Carrier, Line, LineError};
use crate::seal::Secret;
use crate::settings::Settings;

/// Bytes of a frame, unless the server allows less (its `max_payload`).
const LARGEST: usize = 32 << 10;
/// Frames that wait to be taken; further ones are lost.
const WAITING: usize = 1024;
/// How often the server is asked whether it is there.
const PING: std::time::Duration = std::time::Duration::from_secs(10);

/// Servers of NATS.
pub struct Nats {
    servers: Vec<ServerAddr>,
    options: ConnectOptionsOf,
    subject: String,
}

/// What options are made of: the library's own can't be used twice.
struct ConnectOptionsOf {
    login: Login,
    ca: Option<std::path::PathBuf>,
}

enum Login {
    Nobody,
    User(String, String),
    Token(String),
    /// The text of a credentials file.
    Credentials(String),
}

impl Nats {
    /// The servers of `settings.nats`. `project` is where relative paths begin.
    ///
    /// Errors: what of the settings can't be used; no secret is in the text.
    pub fn new(settings: &Settings, project: &Path, secret: &Secret) -> Result<Nats, String> {
        let mut login = Login::configured(settings, project)?;
        let mut servers = Vec::new();
        for text in settings.nats.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let (server, named) = server(text)?;
            if let (Some(named), Login::Nobody) = (named, &login) {
                login = named;
            }
            servers.push(server);
        }
        let subject = match settings.subject.as_str() {
            "" => format!("basalt.{}", secret.project()),
            subject if is_subject(subject) => subject.to_owned(),
            subject => {
                return Err(format!(
                    "`messaging.subject` \"{subject}\" is no subject: write words joined by dots, without spaces or wildcards"
                ));
            }
        };
        let ca = (!settings.nats_ca.as_os_str().is_empty()).then(|| project.join(&settings.nats_ca));
        if let Some(path) = ca.as_ref().filter(|path| !path.is_file()) {
            return Err(format!("`messaging.nats_ca` {} is no file", path.display()));
        }
        Ok(Nats { servers, options: ConnectOptionsOf { login, ca }, subject })
    }
}

/// A server, and who its URL says we are. The URL that is kept holds no secret: logs may show it.
fn server(text: &str) -> Result<(ServerAddr, Option<Login>), String> {
    let bad = |why: &dyn fmt::Display| {
        format!("`messaging.nats` holds a URL that can't be used ({why}): write nats://host:4222 or tls://host:4222")
    };
    let text = if text.contains("://") { text.to_owned() } else { format!("nats://{text}") };
    let mut url: Url = text.parse().map_err(|error| bad(&error))?;
    if !matches!(url.scheme(), "nats" | "tls") {
        return Err(bad(&format_args!("the scheme is {}", url.scheme())));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad(&"there is no host"));
    }
    let decoded = |text: &str| percent_decoded(text).ok_or_else(|| bad(&"its user or password is not UTF-8"));
    let (user, password) = (decoded(url.username())?, url.password().map(decoded).transpose()?);
    let login = match (user.as_str(), password) {
        ("", _) => None,
        (_, Some(password)) => Some(Login::User(user, password)),
        (_, None) => Some(Login::Token(user)),
    };
    // Both can be set on any URL with a host.
    let _ = (url.set_username(""), url.set_password(None));
    Ok((ServerAddr::from_url(url).map_err(|error| bad(&error))?, login))
}

fn percent_decoded(text: &str) -> Option<String> {
    // A query's rules are a URL's, but for the plus sign.
    let query = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let (_, value) = url::form_urlencoded::parse(query.as_bytes()).next()?;
    (!value.contains(char::REPLACEMENT_CHARACTER)).then(|| value.into_owned())
}

fn is_subject(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '*' | '>'))
    };
    text.split('.').all(is_word)
}

impl Login {
    /// Who the settings say that we are, besides the URL.
    fn configured(settings: &Settings, project: &Path) -> Result<Login, String> {
        let given = [
            !settings.nats_user.is_empty(),
            !settings.nats_token.is_empty(),
            !settings.nats_credentials.as_os_str().is_empty(),
        ];
        match given {
            [false, false, false] => Ok(Login::Nobody),
            [true, false, false] => Ok(Login::User(settings.nats_user.clone(), settings.nats_password.clone())),
            [false, true, false] => Ok(Login::Token(settings.nats_token.clone())),
            [false, false, true] => {
                let path = project.join(&settings.nats_credentials);
                let unreadable = |error: &dyn fmt::Display| {
                    format!("`messaging.nats_credentials` {} can't be used: {error}", path.display())
                };
                let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&error))?;
                ConnectOptions::with_credentials(&text).map_err(|error| unreadable(&error))?;
                Ok(Login::Credentials(text))
            }
            _ => {
                Err("name one of `messaging.nats_user`, `messaging.nats_token` and `messaging.nats_credentials`".into())
            }
        }
    }
}

impl ConnectOptionsOf {
    fn make(&self) -> Result<ConnectOptions, LineError> {
        let options = ConnectOptions::new()
            .name("basalt")
            .ping_interval(PING)
            .subscription_capacity(WAITING)
            // A lost connection is lost: a new one is made with all that belongs to it.
            .max_reconnects(1);
        let options = match &self.ca {
            Some(path) => options.add_root_certificates(path.clone()),
            None => options,
        };
        Ok(match &self.login {
            Login::Nobody => options,
            Login::User(user, password) => options.user_and_password(user.clone(), password.clone()),
            Login::Token(token) => options.token(token.clone()),
            Login::Credentials(text) => options.credentials(text).map_err(failed)?,
        })
    }
}

impl Carrier for Nats {
    fn name(&self) -> &'static str {
        "NATS"
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Line>, LineError>> {
        async {
            let lost = watch::Sender::new(false);
            let (losing, lost) = (lost.clone(), lost.subscribe());
            let options = self.options.make()?.event_callback(move |event| {
                if matches!(event, Event::Disconnected | Event::Closed) {
                    losing.send_replace(true);
                }
                std::future::ready(())
            });
            let client = options.connect(&self.servers[..]).await.map_err(failed)?;
            let heard = Mutex::new(client.subscribe(self.subject.clone()).await.map_err(failed)?);
            Ok(Box::new(NatsLine { client, heard, lost, subject: self.subject.clone() }) as Box<dyn Line>)
        }
        .boxed()
    }
}

struct NatsLine {
    client: Client,
    heard: Mutex<Subscriber>,
    lost: watch::Receiver<bool>,
    subject: String,
}

impl Line for NatsLine {
    fn largest(&self) -> usize {
        LARGEST.min(self.client.max_payload())
    }

    fn send(&self, frames: Vec<Vec<u8>>) -> BoxFuture<'_, Result<(), LineError>> {
        async {
            for frame in frames {
                self.client.publish(self.subject.clone(), frame.into()).await.map_err(failed)?;
            }
            self.client.flush().await.map_err(failed)
        }
        .boxed()
    }

    fn next(&self) -> BoxFuture<'_, Result<Bytes, LineError>> {
        async {
            let mut lost = self.lost.clone();
            let mut heard = self.heard.lock().await;
            let message = tokio::select! {
                message = heard.next() => message,
                _ = lost.wait_for(|lost| *lost) => None,
            };
            message.map(|message| message.payload).ok_or_else(|| LineError("the connection was lost".into()))
        }
        .boxed()
    }
}

fn failed(error: impl fmt::Display) -> LineError {
    LineError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nats(change: impl FnOnce(&mut Settings)) -> Result<Nats, String> {
        let mut settings = Settings::default();
        change(&mut settings);
        Nats::new(&settings, Path::new("/nowhere"), &Secret::new(b"0123456789abcdef").unwrap())
    }

    #[test]
    fn urls_are_read_and_keep_no_secret() {
        let made = nats(|settings| settings.nats = "nats://me:p%40ss@a:1, tls://b".into()).unwrap();
        let urls: Vec<&str> = made.servers.iter().map(ServerAddr::as_url_str).collect();
        assert_eq!(urls, ["nats://a:1", "tls://b"]);
        assert!(matches!(made.options.login, Login::User(user, password) if user == "me" && password == "p@ss"));
        let made = nats(|settings| settings.nats = "s3cret@a".into()).unwrap();
        assert!(matches!(made.options.login, Login::Token(token) if token == "s3cret"));
        assert!(made.subject.starts_with("basalt.") && made.subject.len() == 23);
    }

    #[test]
    fn what_can_not_be_used_is_said_without_its_secrets() {
        for url in ["http://me:s3cret@a", "nats://me:s3cret@", "nats://me:s3cret@a:port"] {
            let error = nats(|settings| settings.nats = url.into()).err().unwrap();
            assert!(error.contains("messaging.nats") && !error.contains("s3cret"), "{error}");
        }
        for subject in ["a b", "a.*", "a..b", ">"] {
            assert!(nats(|settings| settings.subject = subject.into()).is_err(), "{subject}");
        }
        let both = |settings: &mut Settings| {
            (settings.nats_user, settings.nats_token) = ("a".into(), "s3cret".into());
        };
        assert!(nats(both).err().unwrap().contains("nats_token"));
        assert!(nats(|settings| settings.nats_credentials = "no.creds".into()).err().unwrap().contains("no.creds"));
    }
}
