//! What clients may know of the configuration: `/settings`, `/health`, the public keys.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::error::answer;
use crate::provider::known_providers;

/// Providers that clients expect to hear of, whether or not they are configured.
const SHOWN: [&str; 23] = [
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "kakao",
    "keycloak",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "slack",
    "slack_oidc",
    "snapchat",
    "spotify",
    "twitch",
    "twitter",
    "workos",
    "zoom",
];

impl Call<'_> {
    pub fn show_settings(&self) -> Response<Bytes> {
        let settings = &self.auth.settings;
        let mut external = Map::new();
        external.insert("anonymous_users".into(), settings.enable_anonymous_sign_ins.into());

        let known = SHOWN.into_iter().chain(known_providers()).map(str::to_owned);
        for name in known.chain(settings.external.keys().cloned()) {
            let is_enabled = settings.external.get(&name).is_some_and(|external| external.enabled);
            external.insert(name, is_enabled.into());
        }
        external.insert("email".into(), settings.email.enable_signup.into());
        external.insert("phone".into(), settings.sms.enable_signup.into());
        answer(
            200,
            &json!({
                "external": external,
                "disable_signup": !settings.enable_signup,
                "mailer_autoconfirm": !settings.email.enable_confirmations,
                "phone_autoconfirm": !settings.sms.enable_confirmations,
                "sms_provider": if settings.hook.send_sms.enabled { "hook" } else { "" },
                "saml_enabled": false,
                "mfa_enabled": settings.mfa.totp.verify_enabled,
            }),
        )
    }

    pub fn health(&self) -> Response<Bytes> {
        let version = concat!("v", env!("CARGO_PKG_VERSION"));
        let description = "Basalt's auth: a user registration and authentication API";
        answer(200, &json!({"version": version, "name": "GoTrue", "description": description}))
    }

    pub fn jwks(&self) -> Response<Bytes> {
        cached(answer(200, &self.auth.keys.jwks()))
    }

    /// OpenID Connect Discovery 1.0, section 4.
    pub fn discovery(&self) -> Response<Bytes> {
        let url = &self.auth.url;
        let mut document: Value = json!({
            "issuer": self.issuer(),
            "authorization_endpoint": format!("{url}/oauth/authorize"),
            "token_endpoint": format!("{url}/oauth/token"),
            "userinfo_endpoint": format!("{url}/oauth/userinfo"),
            "introspection_endpoint": format!("{url}/oauth/introspect"),
            "jwks_uri": format!("{url}/.well-known/jwks.json"),
            "scopes_supported": ["openid", "email", "profile", "phone"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.auth.keys.algorithm()],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        });
        if self.auth.settings.oauth_server.allow_dynamic_registration {
            document["registration_endpoint"] = format!("{url}/oauth/clients/register").into();
        }
        cached(answer(200, &document))
    }
}

fn cached(mut response: Response<Bytes>) -> Response<Bytes> {
    let ten_minutes = HeaderValue::from_static("public, max-age=600");
    response.headers_mut().insert(header::CACHE_CONTROL, ten_minutes);
    response
}
