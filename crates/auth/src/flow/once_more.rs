//! Requests that found an address free which somebody took at the same moment: asked once more, they find what is there now, and are answered as whoever
//! comes a second later.

use crate::error::Result;

/// Each pass is undone by another request at the same moment; an address that is free, waits, or is confirmed changes no more than a few times.
const PASSES: usize = 5;

/// Refusals that say that somebody made the user, or the identity, meanwhile.
pub(crate) const TAKEN: &[&str] = &["email_exists", "phone_exists", "identity_already_exists", CONFLICT];
/// Refusals that say that somebody changed what was read.
pub(crate) const CHANGED: &[&str] = &[CONFLICT];
const CONFLICT: &str = "conflict";

/// Does it until it is not refused by one of these codes.
pub(crate) async fn until_undisturbed<T, F: Future<Output = Result<T>>>(
    disturbed: &[&str],
    mut pass: impl FnMut() -> F,
) -> Result<T> {
    for _ in 1..PASSES {
        match pass().await {
            Err(error) if disturbed.contains(&error.code()) => tracing::debug!(code = error.code(), "once more"),
            done => return done,
        }
    }
    pass().await
}
