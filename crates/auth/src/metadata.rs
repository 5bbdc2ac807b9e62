//! How much may be said of a user. Both kinds of metadata stand in every access token, which has to fit the headers of a request: a user who said
//! more could not sign in to take it back.

use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::flow::Metadata;
use crate::user::User;

impl Call<'_> {
    /// Judges what is said of somebody who may be new.
    ///
    /// Errors: `metadata_too_large`.
    pub fn judge_metadata(&self, data: &Metadata) -> Result<()> {
        let most = self.auth.settings.max_metadata_bytes;
        match size(data) {
            size if size > most => Err(too_large("user_metadata", size, most)),
            _ => Ok(()),
        }
    }

    /// Lays `patch` over the user's own metadata.
    ///
    /// Errors: `metadata_too_large`. What became too large otherwise may get smaller.
    pub fn patch_user_metadata(&self, user: &mut User, patch: &Metadata) -> Result<()> {
        let before = user.raw_user_meta_data.as_ref().map_or(0, size);
        user.patch_user_metadata(patch);
        self.judge_growth("user_metadata", before, user.raw_user_meta_data.as_ref())
    }

    /// The same over the metadata that the user can't change.
    pub fn patch_app_metadata(&self, user: &mut User, patch: &Metadata) -> Result<()> {
        let before = user.raw_app_meta_data.as_ref().map_or(0, size);
        user.patch_app_metadata(patch);
        self.judge_growth("app_metadata", before, user.raw_app_meta_data.as_ref())
    }

    /// Lays what a provider says over the user's metadata; too much of it is left out, since nobody here can make it less.
    pub fn take_profile(&self, user: &mut User, profile: &Metadata) {
        let before = user.raw_user_meta_data.clone();
        if self.patch_user_metadata(user, profile).is_err() {
            tracing::warn!(user = %user.id, "a provider says more of a user than `auth.max_metadata_bytes`: it is left out");
            user.raw_user_meta_data = before;
        }
    }

    fn judge_growth(&self, name: &str, before: usize, after: Option<&Metadata>) -> Result<()> {
        let (after, most) = (after.map_or(0, size), self.auth.settings.max_metadata_bytes);
        match after > most && after > before {
            true => Err(too_large(name, after, most)),
            false => Ok(()),
        }
    }
}

/// Bytes of it as JSON.
fn size(data: &Metadata) -> usize {
    serde_json::to_vec(data).map_or(usize::MAX, |text| text.len())
}

fn too_large(name: &str, size: usize, most: usize) -> AuthError {
    let message = format!("{name} would have {size} bytes: at most {most} fit (`auth.max_metadata_bytes`)");
    AuthError::new(422, "metadata_too_large", message)
}
