//! What is known of a provider (`providers.toml`), and how it joins with what an operator wrote.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::External;

/// Names that stand for another row.
const ALIASES: [(&str, &str); 3] = [("linkedin", "linkedin_oidc"), ("slack", "slack_oidc"), ("twitter", "x")];

/// The row of whatever is not named in the table.
const ANY_ISSUER: &str = "oidc";

static TABLE: LazyLock<Result<BTreeMap<String, Definition>, String>> =
    LazyLock::new(|| toml::from_str(include_str!("providers.toml")).map_err(|error| error.to_string()));

/// A row of the table.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Definition {
    pub url: String,
    pub api: String,
    pub api_below: String,
    pub issuer: String,
    pub issuers: Vec<String>,
    pub tenants: BTreeMap<String, String>,
    pub authorize: String,
    pub token: String,
    pub profile: String,
    pub keys: String,
    pub scopes: Vec<String>,
    pub parameters: BTreeMap<String, String>,
    pub client: Client,
    pub pkce: bool,
    pub source: Source,
    pub headers: BTreeMap<String, String>,
    /// Sent to `profile`, which then is a POST of JSON.
    pub body: String,
    /// Whether requests for the profile carry a proof that their sender has the secret.
    pub signed_profile: bool,
    pub claims: BTreeMap<String, Vec<String>>,
    pub custom: BTreeMap<String, String>,
    pub emails: Option<Emails>,
    /// As `emails`, for ID tokens, where they say it in another way.
    pub emails_of_token: Option<Emails>,
}

/// How the client proves itself at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Client {
    /// In the form.
    #[default]
    Post,
    /// By HTTP Basic (RFC 6749, section 2.3.1).
    Basic,
    /// By HTTP Basic, with JSON instead of a form.
    BasicJson,
    /// As the discovery document says.
    Discovered,
}

/// Who says who the user is after an exchange of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    /// The ID token if there is an issuer, completed from the profile; else the profile.
    #[default]
    Token,
    /// The profile alone.
    Profile,
}

/// Where addresses stand.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Emails {
    /// Another endpoint than the profile.
    pub from: String,
    /// Pointer to a list of them.
    pub list: Option<String>,
    pub address: String,
    pub primary: String,
    pub verified: Verified,
    pub confirmed_at: String,
}

/// What says that an address is verified.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Verified {
    /// That it is there at all, or nothing does.
    Always(bool),
    /// All of these.
    Flags(Vec<String>),
}

impl Default for Verified {
    fn default() -> Self {
        Verified::Always(false)
    }
}

impl Emails {
    /// OpenID Connect Core, section 5.1.
    pub(super) fn standard() -> Emails {
        Emails {
            address: "/email".into(),
            verified: Verified::Flags(vec!["/email_verified".into()]),
            ..Emails::default()
        }
    }
}

impl Definition {
    /// The row of a provider, with an operator's hosts in it.
    ///
    /// # Errors
    /// Says which setting is missing or wrong.
    pub(super) fn resolve(name: &str, settings: &External) -> Result<Definition, String> {
        let table = TABLE.as_ref().map_err(Clone::clone)?;
        let row = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, row)| row);
        let mut row = table.get(row).or_else(|| table.get(ANY_ISSUER)).cloned().unwrap_or_default();
        let given = settings.url.trim().trim_end_matches('/');
        if given.is_empty() && row.url.is_empty() {
            return Err(format!("`auth.external.{name}.url` is missing: where the provider is"));
        }
        let (url, api) = match (given, row.api_below.as_str(), row.api.as_str()) {
            ("", _, "") => (row.url.clone(), row.url.clone()),
            ("", _, api) => (row.url.clone(), api.to_owned()),
            (url, "", _) => (url.to_owned(), url.to_owned()),
            (url, below, _) => (url.to_owned(), below.replace("{url}", url)),
        };
        if !is_trustworthy(&url) {
            return Err(format!(
                "`auth.external.{name}.url` must be an https URL without a query (http on loopback only)"
            ));
        }
        let place = |text: &mut String| {
            *text = text
                .replace("{url}", &url)
                .replace("{api}", &api)
                .replace("{client_id}", settings.client_ids().next().unwrap_or_default());
        };
        [&mut row.issuer, &mut row.authorize, &mut row.token, &mut row.profile, &mut row.keys]
            .into_iter()
            .for_each(place);
        row.issuers.iter_mut().chain(row.headers.values_mut()).chain(row.claims.values_mut().flatten()).for_each(place);
        if let Some(emails) = &mut row.emails {
            place(&mut emails.from);
        }
        if let (false, Some((above, tenant))) = (row.tenants.is_empty(), url.rsplit_once('/')) {
            let known = row.tenants.get(tenant).map(String::as_str);
            let tenant = known.or_else(|| uuid::Uuid::parse_str(tenant).ok().map(|_| tenant)).ok_or_else(|| {
                format!("`auth.external.{name}.url` must end in the tenant's id (a UUID), `common`, `organizations` or `consumers`")
            })?;
            row.issuer = row.issuer.replace("{above}", above).replace("{tenant}", tenant);
        }
        row.url = url;
        row.api = api;
        Ok(row)
    }
}

impl External {
    /// The client ids; the first is the one that asks.
    pub(super) fn client_ids(&self) -> impl Iterator<Item = &str> {
        self.client_id.split(',').map(str::trim).filter(|id| !id.is_empty())
    }
}

/// Names of the table's rows and their aliases: the providers that need no `url` or a known kind of it.
pub fn known_providers() -> impl Iterator<Item = &'static str> {
    let rows = TABLE.iter().flat_map(|table| table.keys().map(String::as_str)).filter(|name| *name != ANY_ISSUER);
    rows.chain(ALIASES.iter().map(|(alias, _)| *alias))
}

/// Whether secrets may be sent there: over TLS, or within this machine.
pub(super) fn is_trustworthy(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    (url.scheme() == "https" || (url.scheme() == "http" && loopback))
        && url.query().is_none()
        && url.fragment().is_none()
}
