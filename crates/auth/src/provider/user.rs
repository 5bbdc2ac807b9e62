//! Who a provider says somebody is, out of its profile or its ID token.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::definition::{Definition, Emails, Verified};
use super::template::{first, is_true, text};

/// Claims of OpenID Connect Core, section 5.1, that are kept as they come.
const STANDARD: [&str; 17] = [
    "iss",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "phone",
    "phone_number",
];

/// Most addresses of one user that are looked at.
const MOST_EMAILS: usize = 32;

/// Longest value of a claim that is kept, in bytes.
const LONGEST: usize = 4096;

/// Who a provider says somebody is.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ExternalUser {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The provider's id of the user: what identifies the identity.
    pub subject: String,
    /// The user's addresses in lower case; the one to use first.
    pub emails: Vec<ExternalEmail>,
    /// The identity's data: `iss`, `sub`, `name`, `full_name`, `avatar_url`, `email`, `email_verified`, `phone_verified`, `provider_id`, ...
    pub identity_data: Map<String, Value>,
    /// The provider's access token.
    #[serde(skip)]
    pub access_token: Option<String>,
    /// The provider's refresh token.
    #[serde(skip)]
    pub refresh_token: Option<String>,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalEmail {
    /// In lower case.
    pub address: String,
    /// Whether the provider says that it is the user's. Only then may accounts be linked by it.
    pub verified: bool,
    /// Whether it is the one that the user prefers.
    pub primary: bool,
}

/// Where a user's data came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The provider's own profile, read as its row says.
    Profile,
    /// Claims of OpenID Connect.
    Token,
}

impl ExternalUser {
    /// Reads a profile or an ID token's claims. `listed` is what the endpoint of addresses answered, if there is one.
    ///
    /// # Errors
    /// Says what is missing.
    pub(super) fn read(
        provider: &str,
        row: &Definition,
        origin: Origin,
        profile: &Value,
        listed: Option<&Value>,
    ) -> Result<ExternalUser, String> {
        let mut data: BTreeMap<String, Value> = BTreeMap::new();
        let from_token = origin == Origin::Token;
        if from_token || !row.claims.contains_key("sub") {
            for claim in STANDARD {
                if let Some(value) = profile.get(claim).filter(|value| is_kept(value)) {
                    data.insert(claim.to_owned(), value.clone());
                }
            }
        }
        let own_claims = row.claims.iter().filter(|_| !from_token);
        for (claim, alternatives) in own_claims {
            if let Some(value) = first(alternatives, profile).filter(|value| value.len() <= LONGEST) {
                data.insert(claim.clone(), value.into());
            }
        }
        let subject = match data.get("sub").or_else(|| profile.get("sub")).and_then(text) {
            Some(subject) if subject.len() <= 255 => subject,
            _ => return Err("the profile has no id of the user".into()),
        };
        let pointed = |pointers: &BTreeMap<String, String>| -> Map<String, Value> {
            let found = |pointer: &str| profile.pointer(pointer).filter(|value| is_kept(value)).cloned();
            pointers.iter().filter_map(|(claim, pointer)| Some((claim.clone(), found(pointer)?))).collect()
        };
        let custom = pointed(&row.custom);
        if !custom.is_empty() {
            data.insert("custom_claims".into(), custom.into());
        }
        copy_if_missing(&mut data, "name", "full_name");
        copy_if_missing(&mut data, "picture", "avatar_url");
        copy_if_missing(&mut data, "preferred_username", "user_name");

        let own = if from_token { row.emails_of_token.as_ref().or(row.emails.as_ref()) } else { row.emails.as_ref() };
        let standard = Emails::standard();
        let emails = emails(own.unwrap_or(&standard), listed.unwrap_or(profile));
        if let Some(email) = emails.first() {
            data.insert("email".into(), email.address.clone().into());
        }
        data.insert("email_verified".into(), emails.first().is_some_and(|email| email.verified).into());
        data.insert("phone_verified".into(), false.into());
        data.insert("sub".into(), subject.clone().into());
        data.insert("provider_id".into(), subject.clone().into());
        Ok(ExternalUser {
            provider: provider.to_owned(),
            subject,
            emails,
            identity_data: data.into_iter().collect(),
            access_token: None,
            refresh_token: None,
        })
    }

    /// A name that the provider tells once, beside its answer (Apple's form).
    pub(super) fn name_once(&mut self, form: &Value) {
        let part = |name: &str| form.pointer(&format!("/name/{name}")).and_then(text);
        let parts: Vec<String> = [part("firstName"), part("lastName")].into_iter().flatten().collect();
        if !parts.is_empty() && !self.identity_data.contains_key("name") {
            let name = parts.join(" ").chars().take(255).collect::<String>();
            self.identity_data.insert("name".into(), name.clone().into());
            self.identity_data.insert("full_name".into(), name.into());
        }
    }
}

/// The addresses, the one to use first: a verified one before others, and among these the primary one.
fn emails(emails: &Emails, from: &Value) -> Vec<ExternalEmail> {
    let entries: Vec<&Value> = match &emails.list {
        Some(pointer) => {
            from.pointer(pointer).and_then(Value::as_array).into_iter().flatten().take(MOST_EMAILS).collect()
        }
        None => vec![from],
    };
    let read = |entry: &Value| {
        let address = entry.pointer(&emails.address)?.as_str()?.trim().to_lowercase();
        let verified = match &emails.verified {
            Verified::Flags(flags) => !flags.is_empty() && flags.iter().all(|flag| is_true(entry.pointer(flag))),
            Verified::Always(always) => *always || entry.pointer(&emails.confirmed_at).is_some_and(|at| at.is_string()),
        };
        let primary = emails.list.is_none() || is_true(entry.pointer(&emails.primary));
        (address.contains('@') && address.len() <= 255).then_some(ExternalEmail { address, verified, primary })
    };
    let mut found: Vec<ExternalEmail> = entries.into_iter().filter_map(read).collect();
    found.sort_by_key(|email| (!email.verified, !email.primary));
    found
}

fn is_kept(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty() && text.len() <= LONGEST,
        Value::Number(_) | Value::Bool(_) => true,
        _ => false,
    }
}

fn copy_if_missing(data: &mut BTreeMap<String, Value>, from: &str, to: &str) {
    if let (Some(value), false) = (data.get(from).cloned(), data.contains_key(to)) {
        data.insert(to.to_owned(), value);
    }
}
