//! Clients: the services that users may let in.

use basalt_core::constant_time_eq;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::client::{COLUMNS, Client, without_port};
use crate::call::Call;
use crate::error::{AuthError, Result, answer, done};
use crate::limit::Kind;
use crate::secret::sha256;
use crate::store::{Work, params};

/// Most addresses of one client, and longest of each.
const MAX_URIS: usize = 10;
const MAX_URI: usize = 2048;
/// The advisory lock of clients that register themselves.
const REGISTERING: i64 = 7_021_114_200_145;
/// Longest name of a client.
const MAX_NAME: usize = 255;

/// What is said of a client when it is made or changed (RFC 7591 section 2).
#[derive(Default, Deserialize)]
struct Fields {
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    client_uri: Option<String>,
    #[serde(default)]
    logo_uri: Option<String>,
    #[serde(default)]
    redirect_uris: Option<Vec<String>>,
    #[serde(default)]
    grant_types: Option<Vec<String>>,
    #[serde(default)]
    client_type: Option<String>,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
}

#[derive(Deserialize)]
struct Registered {
    count: u64,
}

impl Fields {
    /// The addresses, judged.
    fn uris(&self) -> Result<Option<String>> {
        let Some(uris) = &self.redirect_uris else { return Ok(None) };
        if uris.is_empty() || uris.len() > MAX_URIS {
            return Err(AuthError::validation(format!("redirect_uris must have 1 to {MAX_URIS} addresses")));
        }
        for uri in uris {
            let url = Url::parse(uri).ok().filter(|url| uri.len() <= MAX_URI && url.fragment().is_none());
            let plain = url.filter(|url| url.username().is_empty() && url.password().is_none() && !uri.contains('\\'));
            let fits = plain.is_some_and(|url| match url.scheme() {
                "https" => true,
                "http" => matches!(url.host_str(), Some("localhost")) || without_port(uri).is_some(),
                // An app's own scheme has a dot in it (RFC 8252 section 7.1).
                other => other.contains('.'),
            });
            if !fits {
                let message = format!(
                    "redirect_uris: {uri:?} must be https, http on the machine itself, or an app's own scheme, without a fragment"
                );
                return Err(AuthError::validation(message));
            }
        }
        Ok(Some(json!(uris).to_string()))
    }

    fn grants(&self) -> Result<String> {
        let grants =
            self.grant_types.clone().unwrap_or_else(|| vec!["authorization_code".into(), "refresh_token".into()]);
        match grants.iter().find(|grant| !matches!(grant.as_str(), "authorization_code" | "refresh_token")) {
            Some(other) => Err(AuthError::validation(format!("grant_types: {other:?} is not supported"))),
            None => Ok(json!(grants).to_string()),
        }
    }

    fn judge_texts(&self) -> Result<()> {
        if self.client_name.as_ref().is_some_and(|name| name.is_empty() || name.len() > MAX_NAME) {
            return Err(AuthError::validation(format!("client_name must have 1 to {MAX_NAME} characters")));
        }
        for (name, uri) in [("client_uri", &self.client_uri), ("logo_uri", &self.logo_uri)] {
            let fits = |uri: &String| {
                uri.is_empty()
                    || (uri.len() <= MAX_URI
                        && Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "https" | "http")))
            };
            if !uri.as_ref().is_none_or(fits) {
                return Err(AuthError::validation(format!("{name} must be an http or https address")));
            }
        }
        Ok(())
    }
}

impl Call<'_> {
    /// `/admin/oauth/clients...`, by the service key.
    pub async fn administer_clients(&self, path: &[&str]) -> Result<Response<Bytes>> {
        self.require_issuer()?;
        let id = |text: &str| {
            Uuid::parse_str(text).map_err(|_| AuthError::new(404, "oauth_client_not_found", "OAuth client not found"))
        };
        match (path, self.request.method.as_str()) {
            ([], "GET") => self.list_clients().await,
            ([], "POST") => self.make_client("manual").await,
            ([client], "GET") => {
                let mut work = self.begin().await?;
                Ok(answer(200, &self.find_client(&mut work, id(client)?).await?.json(None)))
            }
            ([client], "PUT") => self.change_client(id(client)?).await,
            ([client], "DELETE") => self.delete_client(id(client)?).await,
            ([client, "regenerate_secret"], "POST") => self.renew_secret(id(client)?).await,
            _ => Err(self.not_found()),
        }
    }

    /// `POST /oauth/clients/register`: a service registers itself (RFC 7591), where that is allowed.
    pub async fn register_client(&self) -> Result<Response<Bytes>> {
        self.require_issuer()?;
        self.limit(Kind::SignUp)?;
        if !self.auth.settings.oauth_server.allow_dynamic_registration {
            let message = "Dynamic client registration is disabled";
            return Err(AuthError::new(403, "oauth_dynamic_client_registration_disabled", message));
        }
        self.make_client("dynamic").await
    }

    /// Registrations come one after the other from here to the end of their transaction, so that each counts those before it.
    ///
    /// Errors: `oauth_too_many_clients`.
    async fn judge_registrations(&self, work: &mut Work) -> Result<()> {
        work.execute(&format!("select pg_advisory_xact_lock({REGISTERING})"), Vec::new()).await?;
        let sql = "select count(*) as count from auth.oauth_clients where registration_type = 'dynamic' and deleted_at is null";
        let most = self.auth.settings.oauth_server.max_dynamic_clients;
        let registered = work.one::<Registered>(sql, Vec::new()).await?.map_or(0, |registered| registered.count);
        if registered < most {
            return Ok(());
        }
        let message = "No more clients may register themselves (`auth.oauth_server.max_dynamic_clients`)";
        Err(AuthError::new(403, "oauth_too_many_clients", message))
    }

    async fn find_client(&self, work: &mut Work, id: Uuid) -> Result<Client> {
        let missing = || AuthError::new(404, "oauth_client_not_found", "OAuth client not found");
        work.client(id).await?.ok_or_else(missing)
    }

    async fn list_clients(&self) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let sql = format!(
            "select {COLUMNS} from auth.oauth_clients where deleted_at is null order by created_at desc, id limit 1000"
        );
        let clients: Vec<Client> = work.all(&sql, Vec::new()).await?;
        let shown: Vec<Value> = clients.iter().map(|client| client.json(None)).collect();
        Ok(answer(200, &json!({"clients": shown, "aud": self.audience()})))
    }

    async fn make_client(&self, registration: &str) -> Result<Response<Bytes>> {
        let fields: Fields = self.body()?;
        fields.judge_texts()?;
        let uris = fields.uris()?.ok_or_else(|| AuthError::validation("redirect_uris is required"))?;
        let method = match (fields.token_endpoint_auth_method.as_deref(), fields.client_type.as_deref()) {
            (Some("none"), _) | (None, Some("public")) => "none",
            (Some("client_secret_post"), _) => "client_secret_post",
            (Some("client_secret_basic") | None, _) => "client_secret_basic",
            (Some(other), _) => {
                let message = format!("token_endpoint_auth_method {other:?} is not supported");
                return Err(AuthError::validation(message));
            }
        };
        let is_public = method == "none";
        let secret = (!is_public).then(new_secret);
        let id = Uuid::new_v4();
        let mut work = self.begin().await?;
        if registration == "dynamic" {
            self.judge_registrations(&mut work).await?;
        }
        let sql = "insert into auth.oauth_clients (id, client_secret_hash, registration_type, client_type, token_endpoint_auth_method, \
            redirect_uris, grant_types, client_name, client_uri, logo_uri, created_at, updated_at) \
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)";
        let values = params![
            id,
            secret.as_deref().map(sha256),
            registration.to_owned(),
            if is_public { "public" } else { "confidential" },
            method,
            uris,
            fields.grants()?,
            fields.client_name,
            fields.client_uri,
            fields.logo_uri,
            self.now,
        ];
        work.execute(sql, values).await?;
        self.audit(&mut work, "oauth_client_created", None, registration).await?;
        let client = self.find_client(&mut work, id).await?;
        work.commit().await?;
        Ok(answer(201, &client.json(secret.as_deref())))
    }

    async fn change_client(&self, id: Uuid) -> Result<Response<Bytes>> {
        let fields: Fields = self.body()?;
        fields.judge_texts()?;
        let uris = fields.uris()?;
        let grants = fields.grant_types.is_some().then(|| fields.grants()).transpose()?;
        let mut work = self.begin().await?;
        self.find_client(&mut work, id).await?;
        let sql = "update auth.oauth_clients set client_name = coalesce($2, client_name), client_uri = coalesce($3, client_uri), \
            logo_uri = coalesce($4, logo_uri), redirect_uris = coalesce($5, redirect_uris), grant_types = coalesce($6, grant_types), \
            updated_at = $7 where id = $1";
        let values = params![id, fields.client_name, fields.client_uri, fields.logo_uri, uris, grants, self.now];
        work.execute(sql, values).await?;
        let client = self.find_client(&mut work, id).await?;
        work.commit().await?;
        Ok(answer(200, &client.json(None)))
    }

    /// The client's sessions end with it.
    async fn delete_client(&self, id: Uuid) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        self.find_client(&mut work, id).await?;
        work.execute("delete from auth.oauth_clients where id = $1", params![id]).await?;
        self.audit(&mut work, "oauth_client_deleted", None, "").await?;
        work.commit().await?;
        Ok(done())
    }

    async fn renew_secret(&self, id: Uuid) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let client = self.find_client(&mut work, id).await?;
        if client.client_secret_hash.is_none() {
            return Err(AuthError::validation("Cannot regenerate secret for a public client"));
        }
        let secret = new_secret();
        let sql = "update auth.oauth_clients set client_secret_hash = $2, updated_at = $3 where id = $1";
        work.execute(sql, params![id, sha256(&secret), self.now]).await?;
        work.commit().await?;
        Ok(answer(200, &client.json(Some(&secret))))
    }

    /// The client that a request to the token endpoint comes from (RFC 6749 section 2.3): by `Authorization: Basic`, or by the form.
    ///
    /// Errors: `invalid_client`.
    pub(super) async fn authenticated_client(
        &self,
        work: &mut Work,
        form_id: Option<&str>,
        form_secret: Option<&str>,
    ) -> Result<Client> {
        let invalid = || AuthError::oauth("invalid_client", "Invalid client credentials");
        let basic = match self.header("authorization").and_then(|value| value.split_once(' ')) {
            Some((scheme, encoded)) if scheme.eq_ignore_ascii_case("basic") => {
                let decoded =
                    BASE64_STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let decoded = decoded.ok_or_else(invalid)?;
                let (id, secret) = decoded.split_once(':').ok_or_else(invalid)?;
                Some((unescaped(id), unescaped(secret)))
            }
            _ => None,
        };
        let (id, secret) = match basic {
            // One way at a time (RFC 6749 section 2.3).
            Some(_) if form_secret.is_some() => return Err(invalid()),
            Some((id, secret)) => (id, Some(secret)),
            None => (form_id.unwrap_or_default().to_owned(), form_secret.map(str::to_owned)),
        };
        let id = Uuid::parse_str(&id).map_err(|_| invalid())?;
        let account = format!("client {id}");
        self.may_try(&account)?;
        let client = work.client(id).await?.ok_or_else(invalid)?;
        let is_right = match (&client.client_secret_hash, &secret) {
            (None, None) => true,
            (Some(hash), Some(secret)) => constant_time_eq(hash.as_bytes(), sha256(secret).as_bytes()),
            _ => false,
        };
        if !is_right {
            self.failed(&account);
            return Err(invalid());
        }
        self.succeeded(&account);
        Ok(client)
    }
}

/// Both parts of `Basic` are form-encoded first (RFC 6749 section 2.3.1).
fn unescaped(text: &str) -> String {
    let pair = format!("v={text}");
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// 244 bits.
fn new_secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_of_a_client_is_refused() {
        let judge = |uri: &str| Fields { redirect_uris: Some(vec![uri.into()]), ..Fields::default() }.uris();
        for good in
            ["https://app.example/back", "http://localhost:3000/back", "http://[::1]/back", "com.example.app:/back"]
        {
            assert!(judge(good).is_ok(), "{good}");
        }
        for bad in [
            "http://app.example/back",
            "https://a@app.example",
            "https://app.example/#x",
            "javascript:alert(1)",
            "data:x",
            "/back",
            "",
        ] {
            assert!(judge(bad).is_err(), "{bad}");
        }
    }
}
