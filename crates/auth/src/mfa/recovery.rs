//! Recovery codes: ten codes that each stand in for a lost factor once. `/factors/recovery-codes` makes and counts them,
//! `POST /factors/recovery` uses one up. An extension of the contract.

use bytes::Bytes;
use data_encoding::BASE32_NOPAD;
use http::Response;
use rand::RngExt as _;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::limit;
use crate::secret::sha256;
use crate::store::params;

/// How many codes there are.
const CODES: usize = 10;

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
struct Count {
    count: i64,
}

impl Call<'_> {
    /// New codes in place of all earlier ones. This answer is the one time that they are shown.
    pub async fn make_recovery_codes(&self) -> Result<Response<Bytes>> {
        self.limit(limit::Kind::Mfa)?;
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        if !self.is_aal2(&mut work, &bearer).await? {
            return Err(AuthError::new(403, "insufficient_aal", "AAL2 required to make recovery codes"));
        }
        let user = bearer.user.id;
        work.execute("delete from auth.mfa_recovery_codes where user_id = $1", params![user]).await?;
        let codes: Vec<String> = (0..CODES).map(|_| code()).collect();
        let sql = "insert into auth.mfa_recovery_codes (id, user_id, code_hash, created_at) values ($1, $2, $3, $4)";
        for code in &codes {
            work.execute(sql, params![Uuid::new_v4(), user, hash(user, code), self.now]).await?;
        }
        self.audit(&mut work, "generate_recovery_codes", Some(&bearer.user), "").await?;
        work.commit().await?;
        Ok(answer(200, &json!({ "codes": codes })))
    }

    /// How many codes are left.
    pub async fn count_recovery_codes(&self) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, false).await?;
        let sql = "select count(*) as count from auth.mfa_recovery_codes where user_id = $1";
        let counted: Option<Count> = work.one(sql, params![bearer.user.id]).await?;
        Ok(answer(200, &json!({ "remaining": counted.map_or(0, |counted| counted.count) })))
    }

    /// A code makes the session aal2. The statement that finds it uses it up.
    pub async fn use_recovery_code(&self) -> Result<Response<Bytes>> {
        self.limit(limit::Kind::Mfa)?;
        let Asked { code } = self.body()?;
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        let account = format!("recovery {}", bearer.user.id);
        let judging = async {
            let sql = "delete from auth.mfa_recovery_codes where user_id = $1 and code_hash = $2";
            let found = work.execute(sql, params![bearer.user.id, hash(bearer.user.id, &code)]).await?;
            let wrong = || AuthError::new(422, "mfa_verification_failed", "Invalid recovery code entered");
            Ok(if found > 0 { Ok(()) } else { Err(wrong()) })
        };
        self.attempt(&account, judging).await?;
        Ok(self.elevate(work, bearer, None, "recovery_code").await?.response())
    }
}

/// A new code: 80 bits in four groups of four letters and digits.
fn code() -> String {
    let mut bytes = [0_u8; 10];
    rand::rng().fill(&mut bytes);
    let text = BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
    [&text[..4], &text[4..8], &text[8..12], &text[12..]].join("-")
}

/// What is stored of a code, however it was typed.
fn hash(user: Uuid, code: &str) -> String {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    sha256(&format!("{user} {plain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = code();
        assert_eq!(code.len(), 19, "{code}");
        let user = Uuid::new_v4();
        let typed = code.replace('-', " ").to_uppercase();
        assert_eq!(hash(user, &code), hash(user, &typed));
        assert_ne!(hash(user, &code), hash(Uuid::new_v4(), &code));
        assert_ne!(code, super::code());
    }
}
