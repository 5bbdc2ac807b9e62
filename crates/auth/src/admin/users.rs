//! Users as administrators see and change them.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::duration::duration;
use crate::address::{self, Address, Channel};
use crate::call::Call;
use crate::error::{AuthError, Result, answer, done};
use crate::flow::Metadata;
use crate::flow::signup::identity_data;
use crate::password;
use crate::secret::sha256;
use crate::store::{Work, params};
use crate::user::{User, present};

/// Most users of a page.
const MAX_PAGE: u64 = 1000;

/// A page of a list.
pub(super) struct Page {
    number: u64,
    pub size: u64,
}

#[derive(Default, Deserialize)]
struct Fields {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    password_hash: Option<String>,
    #[serde(default)]
    email_confirm: bool,
    #[serde(default)]
    phone_confirm: bool,
    #[serde(default)]
    user_metadata: Option<Metadata>,
    #[serde(default)]
    app_metadata: Option<Metadata>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    aud: Option<String>,
    #[serde(default)]
    ban_duration: Option<String>,
}

#[derive(Default, Deserialize)]
struct Deletion {
    #[serde(default)]
    should_soft_delete: bool,
}

#[derive(Deserialize)]
struct Counted {
    count: u64,
}

#[derive(Deserialize)]
struct Id {
    id: Uuid,
}

impl Page {
    /// `page` and `per_page` of a request.
    ///
    /// Errors: `validation_failed`.
    pub fn of(call: &Call<'_>) -> Result<Page> {
        let number = |name: &str, default: u64| match call.query(name) {
            None => Ok(default),
            Some(text) => text
                .parse::<u64>()
                .map_err(|_| AuthError::validation(format!("Bad Pagination Parameters: {name} must be a number"))),
        };
        Ok(Page {
            number: number("page", 1)?.clamp(1, u64::from(u32::MAX)),
            size: number("per_page", 50)?.clamp(1, MAX_PAGE),
        })
    }

    pub fn offset(&self) -> u64 {
        (self.number - 1) * self.size
    }
}

impl Call<'_> {
    pub async fn list_users(&self) -> Result<Response<Bytes>> {
        let page = Page::of(self)?;
        let filter = self.query("filter").map(|filter| containing(&filter));
        let ascending = self.query("sort").is_some_and(|sort| sort.to_lowercase().ends_with("asc"));
        let condition = "$1::text is null or email ilike $1::text or phone ilike $1::text \
            or raw_user_meta_data ->> 'full_name' ilike $1::text";
        let direction = if ascending { "asc" } else { "desc" };
        let mut work = self.begin().await?;
        let counted: Option<Counted> =
            work.one(&format!("select count(*) as count from auth.users where {condition}"), params![filter]).await?;
        let total = counted.map_or(0, |counted| counted.count);
        let sql = format!(
            "select id from auth.users where {condition} order by created_at {direction}, id limit $2::bigint offset $3::bigint"
        );
        let ids: Vec<Id> = work.all(&sql, params![filter, page.size, page.offset()]).await?;
        let mut users = Vec::with_capacity(ids.len());
        for Id { id } in ids {
            if let Some(user) = work.user_or_what_is_left(id).await? {
                users.push(work.user_json(&user).await?);
            }
        }
        let mut response = answer(200, &json!({"users": users, "aud": self.audience()}));
        let headers = response.headers_mut();
        headers.insert("x-total-count", HeaderValue::from(total));
        if let Ok(links) = HeaderValue::try_from(self.links(&page, total)) {
            headers.insert(header::LINK, links);
        }
        Ok(response)
    }

    /// RFC 8288: the next page and the last.
    fn links(&self, page: &Page, total: u64) -> String {
        let last = total.div_ceil(page.size).max(1);
        let link = |number: u64, relation: &str| {
            let size = page.size;
            format!("<{}/admin/users?page={number}&per_page={size}>; rel=\"{relation}\"", self.auth.url)
        };
        let next = (page.number < last).then(|| link(page.number + 1, "next"));
        next.into_iter().chain([link(last, "last")]).collect::<Vec<_>>().join(", ")
    }

    pub async fn show_user(&self, id: Uuid) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let user = work.user_or_what_is_left(id).await?.ok_or_else(user_not_found)?;
        Ok(answer(200, &work.user_json(&user).await?))
    }

    pub async fn create_user(&self) -> Result<Response<Bytes>> {
        let fields: Fields = self.body()?;
        let email = present(&fields.email).map(address::email).transpose()?;
        let phone = present(&fields.phone).map(address::phone).transpose()?;
        if email.is_none() && phone.is_none() {
            return Err(AuthError::validation("Cannot create a user without either an email or phone"));
        }
        let hash = self.given_hash(&fields).await?;
        let mut user = User::new(self.now);
        if let Some(id) = present(&fields.id) {
            user.id = Uuid::parse_str(id)
                .ok()
                .filter(|id| !id.is_nil())
                .ok_or_else(|| AuthError::validation("ID must conform to the uuid v4 format"))?;
        }
        let mut work = self.begin().await?;
        self.judge_taken(&mut work, &user, email.as_deref(), phone.as_deref()).await?;
        user.email = email;
        user.phone = phone;
        user.encrypted_password = hash;
        self.lay_over(&mut user, &fields)?;
        work.insert_user(&user).await?;
        self.own_identities(&mut work, &mut user, &fields).await?;
        work.update_user(&mut user, self.now).await?;
        self.audit(&mut work, "user_signedup", Some(&user), "admin").await?;
        let body = work.user_json(&user).await?;
        work.commit().await?;
        Ok(answer(200, &body))
    }

    pub async fn change_user(&self, id: Uuid) -> Result<Response<Bytes>> {
        let fields: Fields = self.body()?;
        let email = present(&fields.email).map(address::email).transpose()?;
        let phone = present(&fields.phone).map(address::phone).transpose()?;
        if let Some(password) = present(&fields.password) {
            password::judge(&self.auth.settings, password)?;
        }
        let hash = self.given_hash(&fields).await?;
        let mut work = self.begin().await?;
        let mut user = work.lock_user(id).await?.ok_or_else(user_not_found)?;
        self.judge_taken(&mut work, &user, email.as_deref(), phone.as_deref()).await?;
        if let Some(email) = email {
            user.email = Some(email);
        }
        if let Some(phone) = phone {
            user.phone = Some(phone);
        }
        if let Some(hash) = hash {
            user.encrypted_password = Some(hash);
            work.end_with_old_password(&mut user, None).await?;
        }
        self.lay_over(&mut user, &fields)?;
        self.own_identities(&mut work, &mut user, &fields).await?;
        work.update_user(&mut user, self.now).await?;
        self.audit(&mut work, "user_modified", Some(&user), "admin").await?;
        let body = work.user_json(&user).await?;
        work.commit().await?;
        Ok(answer(200, &body))
    }

    pub async fn delete_user(&self, id: Uuid) -> Result<Response<Bytes>> {
        let Deletion { should_soft_delete } = self.body()?;
        let mut work = self.begin().await?;
        let mut user = work.lock_user_or_what_is_left(id).await?.ok_or_else(user_not_found)?;
        if should_soft_delete && user.deleted_at.is_some() {
            return Ok(done());
        }
        self.audit(&mut work, "user_deleted", Some(&user), "admin").await?;
        if should_soft_delete {
            self.veil(&mut work, &mut user).await?;
        } else {
            work.delete_user(id).await?;
        }
        work.commit().await?;
        Ok(done())
    }

    /// Leaves of a user only what other rows refer to: who it was can't be read any more, but the same address is still recognised.
    async fn veil(&self, work: &mut Work, user: &mut User) -> Result<()> {
        let veiled = |text: &str| sha256(&format!("{}{text}", user.id));
        for identity in work.identities(user.id).await? {
            let sql =
                "update auth.identities set provider_id = $2, identity_data = '{}', updated_at = $3 where id = $1";
            work.execute(sql, params![identity.id, veiled(&identity.provider_id), self.now]).await?;
        }
        // What is on its way to them is not sent.
        work.execute("delete from auth.outbox where user_id = $1", params![user.id]).await?;
        user.email = present(&user.email).map(veiled);
        // A number has 15 digits at most.
        user.phone = present(&user.phone).map(|phone| veiled(phone)[..15].to_owned());
        (user.proven_email, user.proven_phone) = (None, None);
        user.encrypted_password = None;
        user.email_change = None;
        user.phone_change = None;
        user.raw_app_meta_data = None;
        user.raw_user_meta_data = None;
        user.deleted_at = Some(self.now);
        work.end_sessions(user.id, None).await?;
        work.forget_tokens(user.id).await?;
        work.drop_credentials(user.id).await?;
        work.update_user(user, self.now).await
    }

    /// The hash of a given password, or a given hash.
    async fn given_hash(&self, fields: &Fields) -> Result<Option<String>> {
        match (present(&fields.password), present(&fields.password_hash)) {
            (Some(_), Some(_)) => Err(AuthError::validation("Only a password or a password hash should be provided")),
            (Some(password), None) => self.auth.passwords.hash(password).await.map(Some),
            (None, Some(hash)) if password::is_known_hash(hash) => Ok(Some(hash.to_owned())),
            (None, Some(_)) => Err(AuthError::validation(
                "Invalid password hash: bcrypt, argon2, scrypt ($scrypt$) and Firebase scrypt ($fbscrypt$) are understood, up to bcrypt's cost 14, 128 MiB and 10 passes",
            )),
            (None, None) => Ok(None),
        }
    }

    async fn judge_taken(&self, work: &mut Work, user: &User, email: Option<&str>, phone: Option<&str>) -> Result<()> {
        if let Some(email) = email
            && work.user_by_email(email).await?.is_some_and(|other| other.id != user.id)
        {
            let message = "A user with this email address has already been registered";
            return Err(AuthError::new(422, "email_exists", message));
        }
        if let Some(phone) = phone
            && work.user_by_phone(phone).await?.is_some_and(|other| other.id != user.id)
        {
            return Err(AuthError::new(422, "phone_exists", "Phone number already registered by another user"));
        }
        Ok(())
    }

    fn lay_over(&self, user: &mut User, fields: &Fields) -> Result<()> {
        if let Some(role) = present(&fields.role) {
            user.role = Some(role.to_owned());
        }
        if let Some(audience) = present(&fields.aud) {
            user.aud = Some(audience.to_owned());
        }
        if let Some(data) = &fields.user_metadata {
            self.patch_user_metadata(user, data)?;
        }
        if let Some(data) = &fields.app_metadata {
            self.patch_app_metadata(user, data)?;
        }
        if fields.email_confirm && present(&user.email).is_some() {
            user.email_confirmed_at.get_or_insert(self.now);
            user.set_proven(Channel::Email);
        }
        if fields.phone_confirm && present(&user.phone).is_some() {
            user.phone_confirmed_at.get_or_insert(self.now);
            user.set_proven(Channel::Phone);
        }
        match present(&fields.ban_duration) {
            None => {}
            Some("none") => user.banned_until = None,
            Some(text) => {
                let until = duration(text).and_then(|duration| self.now.checked_add(duration).ok());
                let bad =
                    || AuthError::validation("invalid format for ban duration: write it as 24h, 2h45m, 300ms, or none");
                user.banned_until = Some(until.ok_or_else(bad)?);
            }
        }
        Ok(())
    }

    /// The e-mail and phone identities follow the user's addresses.
    async fn own_identities(&self, work: &mut Work, user: &mut User, fields: &Fields) -> Result<()> {
        let known = work.identities(user.id).await?;
        for (channel, confirmed) in [(Channel::Email, fields.email_confirm), (Channel::Phone, fields.phone_confirm)] {
            let provider = channel.name();
            let Some(text) = user.address(channel).map(str::to_owned) else { continue };
            match known.iter().find(|identity| identity.provider == provider) {
                Some(identity) => {
                    let mut data = identity.identity_data.clone();
                    data.insert(provider.into(), text.into());
                    if confirmed {
                        data.insert(format!("{provider}_verified"), true.into());
                    }
                    work.update_identity_data(identity.id, data, self.now).await?;
                }
                None => {
                    let mut data = identity_data(user, &Address { channel, text });
                    data.insert(format!("{provider}_verified"), confirmed.into());
                    let id = user.id.to_string();
                    work.insert_identity(user, provider, &id, data, self.now).await?;
                }
            }
            if confirmed {
                let verified = Metadata::from_iter([(format!("{provider}_verified"), true.into())]);
                user.patch_user_metadata(&verified);
            }
        }
        Ok(())
    }
}

/// The pattern of `like` for texts that contain `text`.
pub(super) fn containing(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

pub(super) fn user_not_found() -> AuthError {
    AuthError::new(404, "user_not_found", "User not found")
}
