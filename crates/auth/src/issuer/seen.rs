//! What a service sees of the user who let it in, at `GET /user` and in its access tokens: what its scopes open. `app_metadata` stays in both: row
//! policies decide by it, for a service as for its user.

use crate::user::User;

/// What of a user's own metadata the scope `profile` opens.
const PROFILE: [&str; 5] = ["name", "full_name", "preferred_username", "picture", "avatar_url"];

impl User {
    /// The user, without what none of the scopes opens.
    pub fn seen_with(&self, scopes: &str) -> User {
        let has = |scope: &str| scopes.split_whitespace().any(|known| known == scope);
        let mut seen = self.clone();
        if !has("email") {
            (seen.email, seen.email_confirmed_at, seen.email_change) = (None, None, None);
        }
        if !has("phone") {
            (seen.phone, seen.phone_confirmed_at, seen.phone_change) = (None, None, None);
        }
        if let Some(metadata) = &mut seen.raw_user_meta_data {
            metadata.retain(|name, _| has("profile") && PROFILE.contains(&name.as_str()));
        }
        seen
    }
}
