//! `/passkeys`, `/passkeys/{id}`, and the same below `/admin/users/{id}`: users and administrators see, name and delete passkeys.

use bytes::Bytes;
use http::{Method, Response};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Passkey, passkey_id};
use crate::call::Call;
use crate::error::{AuthError, Result, answer, done};
use crate::store::{Work, params};

/// Longest name of a passkey, in characters.
const MAX_NAME: usize = 120;

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    friendly_name: String,
}

impl Call<'_> {
    pub async fn list_passkeys(&self) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let user = self.bearer(&mut work, false).await?.user.id;
        Ok(answer(200, &shown(&work.passkeys(user).await?)))
    }

    pub async fn name_passkey(&self, id: Uuid) -> Result<Response<Bytes>> {
        let Named { friendly_name: name } = self.body()?;
        let length = name.trim().chars().count();
        if length == 0 || length > MAX_NAME {
            let message = format!("friendly_name must have 1 to {MAX_NAME} characters");
            return Err(AuthError::validation(message));
        }
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        let sql = "update auth.webauthn_credentials set friendly_name = $3, updated_at = $4 where user_id = $1 and id = $2 \
            returning id, credential, friendly_name, created_at, last_used_at";
        let named: Option<Passkey> = work.one(sql, params![bearer.user.id, id, name.trim(), self.now]).await?;
        let named = named.ok_or_else(not_found)?;
        self.audit(&mut work, "passkey_updated", Some(&bearer.user), "passkey").await?;
        work.commit().await?;
        Ok(answer(200, &named.json()))
    }

    pub async fn delete_passkey(&self, id: Uuid) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        self.judge_passkey_change(&mut work, &bearer).await?;
        work.remove_passkey(bearer.user.id, id).await?;
        self.audit(&mut work, "passkey_deleted", Some(&bearer.user), "passkey").await?;
        work.commit().await?;
        Ok(done())
    }

    /// Answers what administrators ask below `/admin/users/{id}/passkeys`.
    pub async fn user_passkeys(&self, user: Uuid, path: &[&str]) -> Result<Response<Bytes>> {
        self.passkeys_enabled()?;
        let mut work = self.begin().await?;
        let known = work.lock_user(user).await?;
        let known = known.ok_or_else(|| AuthError::new(404, "user_not_found", "User not found"))?;
        match (path, self.request.method) {
            ([], &Method::GET) => Ok(answer(200, &shown(&work.passkeys(user).await?))),
            ([id], &Method::DELETE) => {
                work.remove_passkey(user, passkey_id(id)?).await?;
                self.audit(&mut work, "passkey_deleted", Some(&known), "passkey").await?;
                work.commit().await?;
                Ok(done())
            }
            _ => Err(self.not_found()),
        }
    }
}

impl Work {
    async fn remove_passkey(&mut self, user: Uuid, id: Uuid) -> Result<()> {
        let sql = "delete from auth.webauthn_credentials where user_id = $1 and id = $2";
        match self.execute(sql, params![user, id]).await? {
            0 => Err(not_found()),
            _ => Ok(()),
        }
    }
}

fn shown(passkeys: &[Passkey]) -> Vec<Value> {
    passkeys.iter().map(Passkey::json).collect()
}

fn not_found() -> AuthError {
    AuthError::new(404, "webauthn_credential_not_found", "Passkey not found")
}
