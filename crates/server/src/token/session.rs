//! Tokens for connections that outlive a request: who they speak for, and until when.

use basalt_core::unix_time;
use basalt_realtime::{Session, TokenFault, Tokens};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Verifier;

impl Tokens for Verifier {
    fn verify(&self, token: &str) -> Result<Session, TokenFault> {
        if let Some(identity) = self.opaque_identity(token) {
            return Ok(Session { identity, expires: None });
        }
        let claims = claims(token).ok_or(TokenFault::Malformed)?;
        let expires = claims["exp"].as_i64();
        let identity = match Verifier::verify(self, token) {
            Ok(identity) => identity,
            // Only a token whose signature holds is judged by its times.
            Err(error) if error.body.code == "PGRST303" => {
                let overdue = expires.map(|end| unix_time().as_secs() as i64 - end).filter(|seconds| *seconds > 0);
                return Err(overdue.map_or(TokenFault::Signature, TokenFault::Expired));
            }
            Err(_) => return Err(TokenFault::Signature),
        };
        let has_role = matches!(self.role_path.query(&claims).first(), Some(Value::String(_)));
        match expires {
            Some(_) if has_role => Ok(Session { identity, expires }),
            _ => Err(TokenFault::Claims),
        }
    }
}

/// The claims as they stand in the token, unverified.
fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    (claims.is_object() && parts.next().is_none() && jsonwebtoken::decode_header(token).is_ok()).then_some(claims)
}
