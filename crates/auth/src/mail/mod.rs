//! Mail: what is written, and how it leaves. Nobody waits for a mail server: that would tell who exists, and hold up who asks.

mod mailbox;
mod plain;
mod queue;
mod smtp;
mod template;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::{AuthError, Result};
use crate::hook::{MailHook, Posted};
use crate::settings::Settings;
pub use mailbox::{Mail, Mailbox};
use queue::Queue;
pub(crate) use queue::{Deliver, Undelivered};
pub(crate) use template::Kind;
use template::Templates;

/// Writes and sends mails.
pub(crate) struct Mailer {
    templates: Templates,
    way: Way,
}

enum Way {
    /// To the project's own hook, which writes them itself.
    Hook(Queue<Posted>),
    /// To a mail server.
    Smtp(Queue<Mail>),
    /// Into the development mailbox.
    Mailbox(Arc<Mailbox>),
    /// Nowhere: none is configured.
    Nowhere,
}

/// What a mail tells.
pub(crate) struct Content<'a> {
    pub kind: Kind,
    pub to: &'a str,
    pub token: &'a str,
    pub token_hash: &'a str,
    pub link: &'a str,
    pub redirect_to: &'a str,
    pub email: &'a str,
    pub new_email: &'a str,
    pub data: Value,
}

impl Mailer {
    /// A mailer as configured. `project` is where the files of templates are found.
    ///
    /// Errors: what of the configuration can't be used.
    pub fn new(
        settings: &Settings,
        project: &Path,
        mailbox: Arc<Mailbox>,
        hook: Option<MailHook>,
    ) -> Result<Mailer, String> {
        let email = &settings.email;
        let way = match hook {
            Some(hook) => Way::Hook(Queue::new(hook)),
            None if email.smtp.enabled => Way::Smtp(Queue::new(smtp::Server::new(&email.smtp, project)?)),
            None if email.mailbox => Way::Mailbox(mailbox),
            None => Way::Nowhere,
        };
        Ok(Mailer { templates: Templates::new(settings, project)?, way })
    }

    /// Whether the project's hook takes what is to be sent, instead of mails.
    pub fn is_hook(&self) -> bool {
        matches!(self.way, Way::Hook(_))
    }

    /// Hands what is to be sent to the hook. Nothing happens where there is none.
    ///
    /// Errors: `over_email_send_rate_limit` when too many wait.
    pub fn post(&self, payload: &Value) -> Result<()> {
        match &self.way {
            Way::Hook(queue) => queue.put(Posted::new(payload)),
            _ => Ok(()),
        }
    }

    /// Sends a mail, or has it sent.
    ///
    /// Errors: `unexpected_failure` when no way is configured or a template fails; `over_email_send_rate_limit` when too many wait.
    pub fn send(&self, content: &Content<'_>) -> Result<()> {
        let variables = json!({
            "SiteURL": self.templates.site_url, "ConfirmationURL": content.link, "Token": content.token,
            "TokenHash": content.token_hash, "RedirectTo": content.redirect_to, "Email": content.email,
            "NewEmail": content.new_email, "Data": content.data,
        });
        let (subject, html) = self.templates.render(content.kind, &variables).map_err(AuthError::unexpected)?;
        let mail = Mail::new(content.kind.name(), content.to, subject, html, content.token, content.link);
        match &self.way {
            Way::Mailbox(mailbox) => mailbox.put(mail),
            Way::Smtp(queue) => queue.put(mail)?,
            Way::Hook(_) | Way::Nowhere => {
                tracing::error!("a mail could not be sent: configure [auth.email.smtp], or turn confirmations off");
                let message = format!("Error sending {} email", content.kind.name());
                return Err(AuthError::new(500, "unexpected_failure", message));
            }
        }
        Ok(())
    }
}
