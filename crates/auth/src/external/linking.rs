//! Identities of a user who is signed in: dropping one, and what of the user follows from those that are left.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::error::{AuthError, Result, done};
use crate::store::params;
use crate::user::{Identity, User};

impl Call<'_> {
    /// Errors: `manual_linking_disabled`.
    pub(super) fn require_manual_linking(&self) -> Result<()> {
        match self.auth.settings.enable_manual_linking {
            true => Ok(()),
            false => Err(AuthError::new(404, "manual_linking_disabled", "Manual linking is disabled")),
        }
    }

    /// `DELETE /user/identities/{identity_id}`
    pub async fn unlink(&self, id: &str) -> Result<Response<Bytes>> {
        self.require_manual_linking()?;
        let id =
            Uuid::parse_str(id).map_err(|_| AuthError::new(404, "validation_failed", "identity_id must be an UUID"))?;
        let mut work = self.begin().await?;
        let mut user = self.bearer(&mut work, true).await?.user;
        let identities = work.identities(user.id).await?;
        let (dropped, left): (Vec<Identity>, Vec<Identity>) =
            identities.into_iter().partition(|identity| identity.id == id);
        let Some(dropped) = dropped.first() else {
            return Err(AuthError::new(422, "identity_not_found", "Identity doesn't exist"));
        };
        if left.is_empty() {
            let message = "User must have at least 1 identity after unlinking";
            return Err(AuthError::new(422, "single_identity_not_deletable", message));
        }
        work.execute("delete from auth.identities where id = $1", params![id]).await?;
        follow_email(&mut user, dropped, &left);
        if dropped.provider == "phone" {
            user.phone = None;
            user.phone_confirmed_at = None;
        }
        user.set_providers(left.iter().map(|identity| identity.provider.as_str()));
        work.update_user(&mut user, self.now).await.map_err(|error| match error.code() {
            "email_exists" => AuthError::new(
                422,
                "email_conflict_identity_not_deletable",
                "Unable to unlink identity due to email conflict",
            ),
            _ => error,
        })?;
        self.audit(&mut work, "identity_unlinked", Some(&user), &dropped.provider).await?;
        work.commit().await?;
        Ok(done())
    }
}

/// A user whose address came with the dropped identity goes on with a verified one of those left, if there is one.
fn follow_email(user: &mut User, dropped: &Identity, left: &[Identity]) {
    let has_left = left.iter().any(|identity| identity.email.is_some() && identity.email == user.email);
    if has_left || dropped.email != user.email {
        return;
    }
    let verified = |identity: &&Identity| identity.identity_data.get("email_verified") == Some(&Value::Bool(true));
    if let Some(email) = left.iter().filter(verified).find_map(|identity| identity.email.clone()) {
        user.email = Some(email);
    }
}

impl User {
    /// Notes by which providers the user signs in.
    pub fn set_providers<'a>(&mut self, providers: impl Iterator<Item = &'a str>) {
        let mut list: Vec<&str> = Vec::new();
        for provider in providers {
            if !list.contains(&provider) {
                list.push(provider);
            }
        }
        let metadata = self.raw_app_meta_data.get_or_insert_default();
        let current = metadata.get("provider").and_then(Value::as_str).unwrap_or_default();
        if !list.contains(&current)
            && let Some(first) = list.first()
        {
            metadata.insert("provider".into(), json!(first));
        }
        metadata.insert("providers".into(), json!(list));
    }
}
