//! Which method and path is answered by which flow.

use std::pin::Pin;

use bytes::Bytes;
use http::{Method, Response};

use crate::call::Call;
use crate::error::{AuthError, Result};

/// An answer under way. Each flow is laid out by itself, on the heap: all of them in one future would take a stack's worth.
type Answering<'c> = Pin<Box<dyn Future<Output = Result<Response<Bytes>>> + Send + 'c>>;

impl Call<'_> {
    /// Answers the request.
    pub fn answer(&self) -> Answering<'_> {
        let path: Vec<&str> = self.request.path.split('/').filter(|part| !part.is_empty()).collect();
        let (get, post) = (self.request.method == Method::GET, self.request.method == Method::POST);
        match path.as_slice() {
            ["health"] if get => ready(Ok(self.health())),
            ["settings"] if get => ready(Ok(self.show_settings())),
            [".well-known", "jwks.json"] if get => ready(Ok(self.jwks())),
            [".well-known", "openid-configuration"] if get => ready(Ok(self.discovery())),
            ["signup"] if post => Box::pin(self.signup()),
            ["token"] if post => Box::pin(self.token()),
            ["otp"] if post => Box::pin(self.evenly(self.otp())),
            ["magiclink"] if post => Box::pin(self.evenly(self.magic_link())),
            ["recover"] if post => Box::pin(self.evenly(self.recover())),
            ["resend"] if post => Box::pin(self.evenly(self.resend())),
            ["sso"] if post => ready(Err(no_saml())),
            ["authorize"] if get => Box::pin(self.authorize()),
            ["callback"] if get || post => Box::pin(async { Ok(self.callback().await) }),
            ["user", "identities", "authorize"] if get => Box::pin(self.authorize_link()),
            ["user", "identities", id] if self.request.method == Method::DELETE => Box::pin(self.unlink(id)),
            ["verify"] if get => Box::pin(self.verify_by_get()),
            ["verify"] if post => Box::pin(self.verify_by_post()),
            ["user"] if get => Box::pin(self.get_user()),
            ["user"] if self.request.method == Method::PUT => Box::pin(self.update_user()),
            ["reauthenticate"] if get => Box::pin(self.reauthenticate()),
            ["logout"] if post => Box::pin(self.logout()),
            ["invite"] if post => Box::pin(self.invite()),
            ["user", "oauth", "grants"] if get => Box::pin(self.list_grants()),
            ["user", "oauth", "grants"] if self.request.method == Method::DELETE => Box::pin(self.revoke_grant()),
            ["oauth", "authorize"] if get => Box::pin(self.authorize_service()),
            ["oauth", "token"] if post => Box::pin(self.service_token()),
            ["oauth", "userinfo"] if get || post => Box::pin(self.userinfo()),
            ["oauth", "introspect"] if post => Box::pin(self.introspect()),
            ["oauth", "clients", "register"] if post => Box::pin(self.register_client()),
            ["oauth", "authorizations", id] if get => Box::pin(self.show_authorization(id)),
            ["oauth", "authorizations", id, "consent"] if post => Box::pin(self.decide_authorization(id)),
            [".well-known", "oauth-authorization-server"] if get => ready(Ok(self.discovery())),
            ["factors", rest @ ..] => {
                let rest = rest.to_vec();
                Box::pin(async move { self.factors(&rest).await })
            }
            ["passkeys", rest @ ..] => {
                let rest = rest.to_vec();
                Box::pin(async move { self.passkeys(&rest).await })
            }
            ["admin", rest @ ..] => {
                let rest = rest.to_vec();
                Box::pin(async move { self.admin(&rest).await })
            }
            _ => ready(Err(self.not_found())),
        }
    }

    /// 404.
    pub fn not_found(&self) -> AuthError {
        let message = format!("There is nothing at {} {}", self.request.method, self.request.path);
        AuthError::new(404, "validation_failed", message)
    }
}

/// Single sign-on by SAML is not there.
pub(crate) fn no_saml() -> AuthError {
    AuthError::new(404, "saml_provider_disabled", "SAML 2.0 is disabled")
}

fn ready<'c>(answer: Result<Response<Bytes>>) -> Answering<'c> {
    Box::pin(std::future::ready(answer))
}
