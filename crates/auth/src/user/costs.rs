//! Which costs the hashes of all users' passwords have.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::error::Result;
use crate::password::{Cost, settings};
use crate::store::{Work, params};

/// Kinds of hashes that are looked for at most.
const MOST: usize = 16;

#[derive(Deserialize)]
struct Stored {
    encrypted_password: String,
}

impl Work {
    /// The costs that some user's hash has. Of each kind one hash is read: an index leads from one kind to the next.
    pub async fn password_costs(&mut self) -> Result<BTreeSet<Cost>> {
        let sql = "select encrypted_password from auth.users \
            where encrypted_password collate \"C\" >= $1 and encrypted_password collate \"C\" < '%' \
            order by encrypted_password collate \"C\" limit 1";
        let mut found = BTreeSet::new();
        let mut from = "$".to_owned();
        for _ in 0..MOST {
            let Some(next) = self.one::<Stored>(sql, params![from]).await? else { break };
            found.extend(Cost::of(&next.encrypted_password));
            from = beyond(settings(&next.encrypted_password));
        }
        Ok(found)
    }
}

/// A text above all that begin with this one, and below all others that are above it.
fn beyond(beginning: &str) -> String {
    match beginning.strip_suffix('$') {
        Some(rest) if !rest.is_empty() => format!("{rest}%"),
        _ => format!("{beginning}\u{1}"),
    }
}
