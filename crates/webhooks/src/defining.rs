//! What operators define: webhooks made, changed and removed with the service key.
//!
//! A hook's members are those of `[[webhooks]]` in basalt.toml, judged alike. Its secret and the values of its headers are taken and
//! never given back.

use http::{StatusCode, Uri};
use serde_json::{Map, Value, json};

use crate::Webhooks;
use crate::admin::{Refusal, absent};
use crate::defined::{self, Insertion};
use crate::settings::{BadHook, Hook, Origin, Settings};
use crate::store;

/// Bytes of a definition.
const LARGEST: usize = 64 << 10;

impl Webhooks {
    /// Makes a hook. Gives its name.
    pub(crate) async fn create(&self, body: &[u8]) -> Result<String, Refusal> {
        let mut members = members(body)?;
        members.retain(|_, value| !value.is_null());
        let settings = judged(members)?;
        let taken = || {
            let message = format!("There is a webhook {} already", settings.name);
            Refusal(StatusCode::CONFLICT, "webhook_exists", message)
        };
        if self.hook(&settings.name).is_some() {
            return Err(taken());
        }
        match defined::insert(&self.database, &settings).await? {
            Insertion::Done => {}
            Insertion::Taken => return Err(taken()),
            Insertion::Full => {
                let message = format!("There are {} webhooks already: delete one first", defined::MOST);
                return Err(Refusal(StatusCode::CONFLICT, "webhook_limit_reached", message));
            }
        }
        self.begin(&settings.name).await?;
        Ok(settings.name)
    }

    /// Gives a hook other members; a null one goes back to its default.
    pub(crate) async fn change(&self, name: &str, body: &[u8]) -> Result<(), Refusal> {
        self.is_defined(name)?;
        let given = members(body)?;
        loop {
            let all = defined::all(&self.database).await?;
            let was = all.into_iter().find(|one| one.name == name).ok_or_else(|| absent_hook(name))?;
            let mut members = serde_json::from_str::<Map<String, Value>>(&was.definition)
                .map_err(|error| invalid(format!("webhook \"{name}\" can't be read: {error}")))?;
            let before = host(&members);
            for (member, value) in given.clone() {
                match value {
                    Value::Null => members.remove(&member),
                    value => members.insert(member, value),
                };
            }
            if members.get("name") != Some(&json!(name)) {
                return Err(invalid("a webhook keeps its `name`: create another one".to_owned()));
            }
            let has_headers =
                members.get("headers").and_then(Value::as_object).is_some_and(|headers| !headers.is_empty());
            if has_headers && host(&members) != before && !given.contains_key("headers") {
                let message = "`url` names another host: give the `headers` for it too, or null. Those that are there are the old host's";
                return Err(invalid(message.to_owned()));
            }
            // Where somebody else changed it meanwhile, both changes hold.
            if defined::replace(&self.database, &was, &judged(members)?).await? {
                return Ok(self.begin(name).await?);
            }
        }
    }

    /// Removes a hook, and its messages that were not taken.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Refusal> {
        self.is_defined(name)?;
        if !defined::delete(&self.database, name).await? {
            return Err(absent_hook(name));
        }
        self.refresh().await?;
        Ok(store::forget_all(&self.database, name).await?)
    }

    /// Refuses what basalt.toml defines: it is changed there.
    fn is_defined(&self, name: &str) -> Result<(), Refusal> {
        match self.hook(name).map(|hook| hook.origin) {
            Some(Origin::File) => {
                let message = format!("Webhook {name} is defined in basalt.toml: change it there");
                Err(Refusal(StatusCode::CONFLICT, "webhook_in_configuration", message))
            }
            // What can't be used may stand in the database all the same.
            Some(Origin::Api) | None => Ok(()),
        }
    }
}

/// The scheme, host and port that a hook's messages go to, and the credentials in its headers with them.
fn host(members: &Map<String, Value>) -> Option<(String, String)> {
    let url: Uri = members.get("url")?.as_str()?.parse().ok()?;
    Some((url.scheme_str()?.to_owned(), url.authority()?.as_str().to_ascii_lowercase()))
}

fn members(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.len() > LARGEST {
        let message = format!("A webhook's definition has at most {LARGEST} bytes");
        return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, "webhook_body_unreadable", message));
    }
    serde_json::from_slice(body).map_err(|error| invalid(format!("the body is no JSON object: {error}")))
}

/// Settings that can be used.
fn judged(members: Map<String, Value>) -> Result<Settings, Refusal> {
    let settings: Settings = serde_json::from_value(members.into()).map_err(|error| invalid(error.to_string()))?;
    Hook::new(&settings, Origin::Api).map_err(|BadHook(message)| invalid(message))?;
    Ok(settings)
}

fn invalid(message: String) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, "webhook_invalid", message)
}

fn absent_hook(name: &str) -> Refusal {
    absent(format!("There is no webhook {name}"))
}
