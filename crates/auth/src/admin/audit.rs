//! `GET /admin/audit`: the audit log, newest first.

use bytes::Bytes;
use http::Response;
use serde_json::Value;

use super::users::{Page, containing};
use crate::call::Call;
use crate::error::{Result, answer};
use crate::store::{params, read};

impl Call<'_> {
    pub async fn list_audit(&self) -> Result<Response<Bytes>> {
        let page = Page::of(self)?;
        // `column:text`, as its owner documents; here always the payload's text.
        let query = self.query("query").unwrap_or_default();
        let wanted = query.split_once(':').map_or(query.as_str(), |(_, text)| text);
        let pattern = (!wanted.is_empty()).then(|| containing(wanted));
        let sql = "select id, payload, created_at, ip_address from auth.audit_log_entries \
            where $1::text is null or payload::text ilike $1::text order by created_at desc, id limit $2::bigint offset $3::bigint";
        let rows: Vec<Value> = read(&self.auth.database, sql, params![pattern, page.size, page.offset()]).await?;
        Ok(answer(200, &rows))
    }
}
