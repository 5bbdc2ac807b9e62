//! Second factors as administrators see, change and remove them.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::users::user_not_found;
use crate::address;
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::mfa::enroll::{judge_names, name_conflict};
use crate::store::{Work, params};
use crate::user::{Factor, present};

#[derive(Deserialize)]
struct FactorFields {
    #[serde(default)]
    friendly_name: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

impl Call<'_> {
    pub async fn list_factors(&self, id: Uuid) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        work.user(id).await?.ok_or_else(user_not_found)?;
        let factors: Vec<Value> = work.factors(id).await?.iter().map(Factor::json).collect();
        Ok(answer(200, &factors))
    }

    pub async fn change_factor(&self, id: Uuid, factor: &str) -> Result<Response<Bytes>> {
        let fields: FactorFields = self.body()?;
        let phone = present(&fields.phone).map(address::phone).transpose()?;
        let name = present(&fields.friendly_name);
        judge_names([name])?;
        let mut work = self.begin().await?;
        let factor = find_factor(&mut work, id, factor).await?;
        if let Some(name) = name {
            let others = work.factors(id).await?;
            if others.iter().any(|other| other.id != factor.id && present(&other.friendly_name) == Some(name)) {
                return Err(name_conflict(name));
            }
        }
        let sql = "update auth.mfa_factors set friendly_name = coalesce($2, friendly_name), phone = coalesce($3, phone), \
            updated_at = $4 where id = $1";
        work.execute(sql, params![factor.id, name, phone, self.now]).await?;
        let factor = find_factor(&mut work, id, &factor.id.to_string()).await?;
        self.note(&mut work, id, "factor_updated", &factor).await?;
        work.commit().await?;
        Ok(answer(200, &factor.json()))
    }

    pub async fn delete_factor(&self, id: Uuid, factor: &str) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let factor = find_factor(&mut work, id, factor).await?;
        work.remove_factor(id, factor.id, self.now).await?;
        self.note(&mut work, id, "factor_deleted", &factor).await?;
        work.commit().await?;
        Ok(answer(200, &factor.json()))
    }

    async fn note(&self, work: &mut Work, user: Uuid, action: &str, factor: &Factor) -> Result<()> {
        let user = work.user(user).await?;
        self.audit(work, action, user.as_ref(), &factor.factor_type).await
    }
}

async fn find_factor(work: &mut Work, user: Uuid, factor: &str) -> Result<Factor> {
    let not_found = || AuthError::new(404, "mfa_factor_not_found", "Factor not found");
    let id =
        Uuid::parse_str(factor).map_err(|_| AuthError::new(404, "validation_failed", "factor_id must be an UUID"))?;
    work.user(user).await?.ok_or_else(user_not_found)?;
    work.factors(user).await?.into_iter().find(|factor| factor.id == id).ok_or_else(not_found)
}
