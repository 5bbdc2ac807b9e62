//! The audit log: who did what, from where.

use serde_json::json;
use uuid::Uuid;

use crate::call::Call;
use crate::error::Result;
use crate::store::{Work, params};
use crate::user::User;

/// Kinds of actions, as the log groups them: the names are those of Supabase's auth service where it has the action.
fn group(action: &str) -> &'static str {
    match action {
        "login" | "logout" | "invite_accepted" => "account",
        "token_refreshed" | "token_revoked" => "token",
        "factor_in_progress"
        | "factor_unenrolled"
        | "factor_updated"
        | "factor_deleted"
        | "challenge_created"
        | "verification_attempted" => "factor",
        "generate_recovery_codes" => "recovery_codes",
        "user_modified"
        | "user_recovery_requested"
        | "user_reauthenticate_requested"
        | "user_confirmation_requested"
        | "user_repeated_signup"
        | "user_updated_password" => "user",
        _ => "team",
    }
}

impl Call<'_> {
    /// Adds an entry, in the transaction of what it tells.
    pub async fn audit(&self, work: &mut Work, action: &str, user: Option<&User>, detail: &str) -> Result<()> {
        let mut payload = json!({
            "action": action,
            "log_type": group(action),
            "actor_id": user.map(|user| user.id),
            "actor_username": user.and_then(|user| user.email.clone().or(user.phone.clone())).unwrap_or_default(),
            "actor_via_sso": false,
        });
        if !detail.is_empty() {
            payload["traits"] = json!({ "provider": detail });
        }
        let sql = "insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address) \
            values ('00000000-0000-0000-0000-000000000000', $1, $2, $3, $4)";
        let ip = self.ip();
        work.execute(sql, params![Uuid::new_v4(), payload, self.now, ip]).await.map(drop)
    }
}
