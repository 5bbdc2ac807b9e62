//! The development mailbox: mails land here instead of at a server.

use std::collections::VecDeque;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::plain;

/// Mails that are kept; older ones go.
const KEPT: usize = 500;

/// A mail as it was written.
#[derive(Clone, Serialize, Deserialize)]
pub struct Mail {
    /// Its id in the mailbox.
    pub id: Uuid,
    /// When it was written.
    pub sent_at: Timestamp,
    /// What it is about: `confirmation`, `recovery`, ...
    pub kind: String,
    /// The recipient.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The body.
    pub html: String,
    /// The body for readers that show no HTML.
    pub text: String,
    /// The code in it.
    pub token: String,
    /// The link in it.
    pub link: String,
}

/// The last mails, newest first.
#[derive(Default)]
pub struct Mailbox {
    mails: Mutex<VecDeque<Mail>>,
}

impl Mail {
    pub(super) fn new(kind: &str, to: &str, subject: String, html: String, token: &str, link: &str) -> Mail {
        let (id, sent_at) = (Uuid::new_v4(), Timestamp::now());
        let text = plain::text(&html);
        Mail {
            id,
            sent_at,
            kind: kind.into(),
            to: to.into(),
            subject,
            html,
            text,
            token: token.into(),
            link: link.into(),
        }
    }
}

impl Mailbox {
    /// All mails, newest first; only those to `to`, if it is given.
    pub fn mails(&self, to: Option<&str>) -> Vec<Mail> {
        let mails = self.lock();
        mails.iter().filter(|mail| to.is_none_or(|to| mail.to.eq_ignore_ascii_case(to))).cloned().collect()
    }

    /// One mail.
    pub fn mail(&self, id: Uuid) -> Option<Mail> {
        self.lock().iter().find(|mail| mail.id == id).cloned()
    }

    pub(super) fn empty(&self) {
        self.lock().clear();
    }

    pub(super) fn put(&self, mail: Mail) {
        let mut mails = self.lock();
        mails.push_front(mail);
        mails.truncate(KEPT);
    }

    /// Puts mails of an earlier process, oldest first, behind those that are here.
    pub(super) fn restore(&self, earlier: Vec<Mail>) {
        let mut mails = self.lock();
        for mail in earlier.into_iter().rev() {
            if !mails.iter().any(|known| known.id == mail.id) {
                mails.push_back(mail);
            }
        }
        mails.truncate(KEPT);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Mail>> {
        self.mails.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
