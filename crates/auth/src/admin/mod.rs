//! What the service key may do.

mod audit;
mod duration;
mod factors;
mod link;
mod sessions;
mod users;

use bytes::Bytes;
use http::{Method, Response};

use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::route::no_saml;
use uuid::Uuid;

impl Call<'_> {
    /// Answers what is below `/admin`.
    pub async fn admin(&self, path: &[&str]) -> Result<Response<Bytes>> {
        self.require_administrator()?;
        let method = self.request.method;
        match (path, method.as_str()) {
            (["users"], "GET") => self.list_users().await,
            (["users"], "POST") => self.create_user().await,
            (["users", id], _) => {
                let id = user_id(id)?;
                match *method {
                    Method::GET => self.show_user(id).await,
                    Method::PUT => self.change_user(id).await,
                    Method::DELETE => self.delete_user(id).await,
                    _ => Err(self.not_found()),
                }
            }
            (["users", id, "factors"], "GET") => self.list_factors(user_id(id)?).await,
            (["users", id, "factors", factor], "PUT") => self.change_factor(user_id(id)?, factor).await,
            (["users", id, "factors", factor], "DELETE") => self.delete_factor(user_id(id)?, factor).await,
            (["users", id, "sessions"], "GET") => self.list_sessions(user_id(id)?).await,
            (["users", id, "sessions"], "DELETE") => self.end_user_sessions(user_id(id)?, None).await,
            (["users", id, "sessions", session], "DELETE") => self.end_user_sessions(user_id(id)?, Some(session)).await,
            (["users", id, "passkeys", rest @ ..], _) => self.user_passkeys(user_id(id)?, rest).await,
            (["generate_link"], "POST") => self.generate_link().await,
            (["oauth", "clients", rest @ ..], _) => self.administer_clients(rest).await,
            (["sso", ..], _) => Err(no_saml()),
            (["audit"], "GET") => self.list_audit().await,
            _ => Err(self.not_found()),
        }
    }
}

fn user_id(text: &str) -> Result<Uuid> {
    Uuid::parse_str(text).map_err(|_| AuthError::new(404, "validation_failed", "user_id must be an UUID"))
}
