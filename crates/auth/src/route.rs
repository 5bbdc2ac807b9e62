//! Which method and path is answered by which flow (contract: wire.md section 1.4).

use bytes::Bytes;
use http::{Method, Response};

use crate::call::Call;
use crate::error::{AuthError, Result};

impl Call<'_> {
    /// Answers the request.
    pub async fn answer(&self) -> Result<Response<Bytes>> {
        let path: Vec<&str> = self.request.path.split('/').filter(|part| !part.is_empty()).collect();
        let (get, post) = (self.request.method == Method::GET, self.request.method == Method::POST);
        match path.as_slice() {
            ["health"] if get => Ok(self.health()),
            ["settings"] if get => Ok(self.show_settings()),
            [".well-known", "jwks.json"] if get => Ok(self.jwks()),
            [".well-known", "openid-configuration"] if get => Ok(self.discovery()),
            ["signup"] if post => self.signup().await,
            ["token"] if post => self.token().await,
            ["otp"] if post => self.otp().await,
            ["magiclink"] if post => self.magic_link().await,
            ["recover"] if post => self.recover().await,
            ["resend"] if post => self.resend().await,
            ["authorize"] if get => self.authorize().await,
            ["callback"] if get || post => Ok(self.callback().await),
            ["user", "identities", "authorize"] if get => self.authorize_link().await,
            ["user", "identities", id] if self.request.method == Method::DELETE => self.unlink(id).await,
            ["verify"] if get => self.verify_by_get().await,
            ["verify"] if post => self.verify_by_post().await,
            ["user"] if get => self.get_user().await,
            ["user"] if self.request.method == Method::PUT => self.update_user().await,
            ["reauthenticate"] if get => self.reauthenticate().await,
            ["logout"] if post => self.logout().await,
            ["invite"] if post => self.invite().await,
            ["user", "oauth", "grants"] if get => self.list_grants().await,
            ["user", "oauth", "grants"] if self.request.method == Method::DELETE => self.revoke_grant().await,
            ["oauth", "authorize"] if get => self.authorize_service().await,
            ["oauth", "token"] if post => self.service_token().await,
            ["oauth", "userinfo"] if get || post => self.userinfo().await,
            ["oauth", "introspect"] if post => self.introspect().await,
            ["oauth", "clients", "register"] if post => self.register_client().await,
            ["oauth", "authorizations", id] if get => self.show_authorization(id).await,
            ["oauth", "authorizations", id, "consent"] if post => self.decide_authorization(id).await,
            [".well-known", "oauth-authorization-server"] if get => Ok(self.discovery()),
            ["factors", rest @ ..] => self.factors(rest).await,
            ["passkeys", rest @ ..] => self.passkeys(rest).await,
            ["admin", rest @ ..] => self.admin(rest).await,
            _ => Err(self.not_found()),
        }
    }

    /// 404.
    pub fn not_found(&self) -> AuthError {
        let message = format!("There is nothing at {} {}", self.request.method, self.request.path);
        AuthError::new(404, "validation_failed", message)
    }
}
