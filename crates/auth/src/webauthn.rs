//! WebAuthn as the relying party (Web Authentication Level 3): what browsers are asked for, and whether their answers hold.
//!
//! `webauthn_rp` judges the answers; here its values become what the database keeps, and back. Two uses of a credential: a
//! *passkey* is found by the authenticator and verifies its user, so it signs in alone; a *factor* answers for a known user.

mod gotrue;

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::{Host, Url};
use uuid::Uuid;
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::auth::{AllowedCredentials, AuthenticationVerificationOptions, SignatureCounterEnforcement};
use webauthn_rp::request::register::{
    CredProtect, PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle, Username,
};
use webauthn_rp::request::{
    AsciiDomain, Credentials, ExtensionInfo, PublicKeyCredentialDescriptor, RpId, UserVerificationRequirement,
};
use webauthn_rp::response::auth::ser_relaxed::{
    DiscoverableAuthenticationRelaxed, NonDiscoverableAuthenticationRelaxed,
};
use webauthn_rp::response::register::ser_relaxed::RegistrationRelaxed;
use webauthn_rp::response::register::{CompressedPubKey, DynamicState, StaticState};
use webauthn_rp::response::{AuthTransports, CredentialId};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthenticationServerState, DiscoverableCredentialRequestOptions,
    NonDiscoverableAuthenticationServerState, NonDiscoverableCredentialRequestOptions,
    PublicKeyCredentialCreationOptions, RegistrationServerState,
};

use crate::settings::Settings;
use crate::user::{User, present};

/// Seconds for which a challenge may be answered.
pub(crate) const CHALLENGE_SECONDS: i64 = 300;
/// The same for the browser, in milliseconds.
const TIMEOUT: NonZeroU32 = NonZeroU32::new(300_000).unwrap();

/// Who asks for credentials: the application.
pub(crate) struct RelyingParty {
    id: RpId,
    name: String,
    origins: Vec<String>,
}

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Passkey,
    Factor,
}

/// A question to a browser.
pub(crate) struct Question {
    /// The options, as browsers parse them from JSON.
    pub options: Value,
    /// What the answer is judged by. It is kept, and never shown.
    pub state: String,
}

/// Whom a credential is made for.
pub(crate) struct Person {
    pub id: Uuid,
    /// What the browser shows.
    pub name: String,
}

/// A credential as it is stored. Binary members are base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "gotrue::Stored")]
pub(crate) struct Credential {
    /// The authenticator's name for it.
    pub id: String,
    pub user_id: Uuid,
    public_key: String,
    /// Sign counter and flags; renewed with each use.
    state: String,
    transports: u8,
    #[serde(skip_serializing_if = "Handle::is_bytes")]
    handle: Handle,
}

/// What the authenticator knows of the user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Handle {
    /// The id's bytes.
    #[default]
    Bytes,
    /// The id's text: GoTrue's credentials.
    Text,
}

impl Handle {
    fn is_bytes(&self) -> bool {
        *self == Handle::Bytes
    }
}

impl Person {
    pub fn of(user: &User) -> Person {
        let name = present(&user.email).or(present(&user.phone)).unwrap_or("user");
        Person { id: user.id, name: name.to_owned() }
    }
}

type Key = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

impl RelyingParty {
    /// By the settings. `None` where nothing is set and the application is at an address that no browser accepts as an identifier.
    ///
    /// Errors: which setting can't be used, and why.
    pub fn new(settings: &Settings) -> Result<Option<RelyingParty>, String> {
        let site = Url::parse(&settings.site_url).map_err(|error| format!("`auth.site_url`: {error}"))?;
        let asked = &settings.webauthn;
        let host = match site.host() {
            Some(Host::Domain(domain)) => Some(domain.to_owned()),
            // Browsers take no addresses, but "localhost" is secure without TLS.
            Some(Host::Ipv4(address)) if address.is_loopback() => Some("localhost".into()),
            Some(Host::Ipv6(address)) if address.is_loopback() => Some("localhost".into()),
            _ => None,
        };
        let Some(id) = Some(asked.rp_id.clone()).filter(|id| !id.is_empty()).or(host.clone()) else {
            return match settings.passkey.enabled {
                true => Err("`auth.webauthn.rp_id` is missing: the host of `auth.site_url` is no domain".into()),
                false => Ok(None),
            };
        };
        let mut origins = asked.rp_origins.clone();
        if let (true, Some(host)) = (origins.is_empty(), host) {
            let mut own = site;
            own.set_host(Some(&host)).map_err(|error| format!("`auth.site_url`: {error}"))?;
            origins.push(own.origin().ascii_serialization());
        }
        for origin in &origins {
            let is_origin = Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
            if !is_origin {
                return Err(format!("`auth.webauthn.rp_origins` \"{origin}\" must read like https://app.example.com"));
            }
        }
        if origins.is_empty() {
            return Err(
                "`auth.webauthn.rp_origins` is empty: name the origins of the pages that ask for passkeys".into()
            );
        }
        let name = Some(asked.rp_display_name.clone()).filter(|name| !name.is_empty()).unwrap_or_else(|| id.clone());
        let domain = AsciiDomain::try_from(id.clone())
            .map_err(|error| format!("`auth.webauthn.rp_id` \"{id}\" must be a domain in ASCII: {error}"))?;
        Ok(Some(RelyingParty { id: RpId::Domain(domain), name, origins }))
    }

    /// Asks for a new credential that is none of `known`.
    pub fn ask_new(&self, used: Use, person: &Person, known: &[Credential]) -> Result<Question, String> {
        let handle = handle(person.id);
        let name = person.id.to_string();
        let user = PublicKeyCredentialUserEntity {
            name: Username::try_from(name.as_str()).map_err(text)?,
            id: &handle,
            display_name: None,
        };
        let known = known.iter().map(Credential::descriptor).collect::<Result<Vec<_>, _>>()?;
        let mut options = match used {
            Use::Passkey => PublicKeyCredentialCreationOptions::passkey(&self.id, user, known),
            Use::Factor => PublicKeyCredentialCreationOptions::second_factor(&self.id, user, known),
        };
        match used {
            // Asked for and not insisted on: browsers refuse authenticators that don't know of it.
            Use::Passkey => {
                options.extensions.cred_protect =
                    CredProtect::UserVerificationRequired(ExtensionInfo::AllowDontEnforceValue);
            }
            Use::Factor => options.authenticator_selection.user_verification = UserVerificationRequirement::Preferred,
        }
        options.timeout = TIMEOUT;
        let (state, question) = options.start_ceremony().map_err(text)?;
        let mut options = serde_json::to_value(&question).map_err(text)?;
        // The library's rules for names are narrower than those for addresses; a name is shown and nothing more.
        options["rp"]["name"] = self.name.as_str().into();
        options["user"]["name"] = person.name.as_str().into();
        options["user"]["displayName"] = person.name.as_str().into();
        Ok(Question { options, state: BASE64.encode(state.encode().map_err(text)?) })
    }

    /// Judges the new credential that a browser answers with.
    ///
    /// Errors: why it doesn't hold.
    pub fn judge_new(&self, person: Uuid, state: &str, answer: &Value) -> Result<Credential, String> {
        let state = RegistrationServerState::<16>::decode(&decode(state)?).map_err(text)?;
        let answer = RegistrationRelaxed::deserialize(answer).map_err(text)?;
        let options = RegistrationVerificationOptions::<'_, '_, String, String> {
            allowed_origins: &self.origins,
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let made = state.verify(&self.id, &answer.0, &options).map_err(text)?;
        if made.user_id().as_ref() != person.as_bytes() {
            return Err("it was made for another user".into());
        }
        let public_key = made.static_state().encode().map_err(|error| format!("{error:?}"))?;
        let Ok(transports) = made.transports().encode();
        Ok(Credential {
            id: BASE64.encode(made.id()),
            user_id: person,
            public_key: BASE64.encode(public_key),
            state: counted(made.dynamic_state()),
            transports,
            handle: Handle::Bytes,
        })
    }

    /// Asks for a passkey of anybody.
    pub fn ask_passkey(&self) -> Result<Question, String> {
        let mut options = DiscoverableCredentialRequestOptions::passkey(&self.id);
        options.0.timeout = TIMEOUT;
        let (state, question) = options.start_ceremony().map_err(text)?;
        let options = serde_json::to_value(&question).map_err(text)?;
        Ok(Question { options, state: BASE64.encode(state.encode().map_err(text)?) })
    }

    /// Judges the passkey that a browser answers with, and renews its counter.
    ///
    /// Errors: why it doesn't hold.
    pub fn judge_passkey(&self, state: &str, answer: &Value, credential: &mut Credential) -> Result<(), String> {
        match credential.handle {
            Handle::Bytes => self.judge_passkey_of(state, answer, credential, credential.user_id.into_bytes()),
            Handle::Text => self.judge_passkey_of(state, answer, credential, id_text(credential.user_id)),
        }
    }

    fn judge_passkey_of<const LEN: usize>(
        &self,
        state: &str,
        answer: &Value,
        credential: &mut Credential,
        handle: [u8; LEN],
    ) -> Result<(), String>
    where
        UserHandle<LEN>: Default,
    {
        let state = DiscoverableAuthenticationServerState::decode(&decode(state)?).map_err(text)?;
        let answer = DiscoverableAuthenticationRelaxed::<LEN>::deserialize(answer).map_err(text)?;
        credential.used(handle, |known| state.verify(&self.id, &answer.0, known, &self.rules()).map(drop).map_err(text))
    }

    /// Asks for one credential of a known user.
    pub fn ask_factor(&self, credential: &Credential) -> Result<Question, String> {
        let mut allowed = AllowedCredentials::with_capacity(1);
        allowed.push(credential.descriptor()?.into());
        let mut options = NonDiscoverableCredentialRequestOptions::second_factor(&self.id, allowed).map_err(text)?;
        options.options().user_verification = UserVerificationRequirement::Preferred;
        options.options().timeout = TIMEOUT;
        let (state, question) = options.start_ceremony().map_err(text)?;
        let options = serde_json::to_value(&question).map_err(text)?;
        Ok(Question { options, state: BASE64.encode(state.encode().map_err(text)?) })
    }

    /// Judges what a browser answers for a factor, and renews its counter.
    ///
    /// Errors: why it doesn't hold.
    pub fn judge_factor(&self, state: &str, answer: &Value, credential: &mut Credential) -> Result<(), String> {
        match credential.handle {
            Handle::Bytes => self.judge_factor_of(state, answer, credential, credential.user_id.into_bytes()),
            Handle::Text => self.judge_factor_of(state, answer, credential, id_text(credential.user_id)),
        }
    }

    fn judge_factor_of<const LEN: usize>(
        &self,
        state: &str,
        answer: &Value,
        credential: &mut Credential,
        handle: [u8; LEN],
    ) -> Result<(), String>
    where
        UserHandle<LEN>: Default,
    {
        let state = NonDiscoverableAuthenticationServerState::decode(&decode(state)?).map_err(text)?;
        let answer = NonDiscoverableAuthenticationRelaxed::<LEN>::deserialize(answer).map_err(text)?;
        credential.used(handle, |known| state.verify(&self.id, &answer.0, known, &self.rules()).map(drop).map_err(text))
    }

    /// An assertion comes from one of the origins, and its counter grows where the authenticator has one.
    fn rules(&self) -> AuthenticationVerificationOptions<'_, '_, String, String> {
        AuthenticationVerificationOptions {
            allowed_origins: &self.origins,
            error_on_unsolicited_extensions: false,
            sig_counter_enforcement: SignatureCounterEnforcement::Fail,
            ..AuthenticationVerificationOptions::default()
        }
    }
}

impl Credential {
    fn descriptor(&self) -> Result<PublicKeyCredentialDescriptor<Vec<u8>>, String> {
        Ok(PublicKeyCredentialDescriptor {
            id: CredentialId::decode(decode(&self.id)?).map_err(text)?,
            transports: AuthTransports::decode(self.transports).map_err(text)?,
        })
    }

    /// Has it judged with what the authenticator knows of its user, and renews its counter.
    fn used<const LEN: usize>(
        &mut self,
        handle: [u8; LEN],
        verify: impl FnOnce(&mut AuthenticatedCredential<'_, '_, LEN, Key>) -> Result<(), String>,
    ) -> Result<(), String>
    where
        UserHandle<LEN>: Default,
    {
        let Ok(handle) = UserHandle::decode(handle);
        let id = decode(&self.id)?;
        let mut known = self.known(&id, &handle)?;
        verify(&mut known)?;
        self.state = counted(known.dynamic_state());
        Ok(())
    }

    fn known<'a, const LEN: usize>(
        &self,
        id: &'a [u8],
        handle: &'a UserHandle<LEN>,
    ) -> Result<AuthenticatedCredential<'a, 'a, LEN, Key>, String> {
        let state = <[u8; 7]>::try_from(decode(&self.state)?).map_err(|_| "its state has another length")?;
        AuthenticatedCredential::new(
            CredentialId::<&[u8]>::decode(id).map_err(text)?,
            handle,
            StaticState::decode(&decode(&self.public_key)?).map_err(text)?,
            DynamicState::decode(state).map_err(text)?,
        )
        .map_err(text)
    }
}

/// A user as authenticators know them.
fn handle(user: Uuid) -> UserHandle<16> {
    let Ok(handle) = UserHandle::decode(user.into_bytes());
    handle
}

fn id_text(user: Uuid) -> [u8; 36] {
    let mut text = [0; 36];
    user.hyphenated().encode_lower(&mut text);
    text
}

fn counted(state: DynamicState) -> String {
    let Ok(bytes) = state.encode();
    BASE64.encode(bytes)
}

fn decode(stored: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(stored).map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
