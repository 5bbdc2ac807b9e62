//! Mail: what is written, and how it leaves. Nobody waits for a mail server: that would tell who exists, and hold up who asks.

mod mailbox;
mod template;

use std::path::Path;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox as Address, Message as Letter};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::{AuthError, Result};
use crate::settings::{Settings, Smtp};
pub use mailbox::{Mail, Mailbox};
pub(crate) use template::Kind;
use template::Templates;

/// Mails that may wait to leave.
const QUEUE: usize = 1024;
/// Pauses before a mail that a server did not take is tried again.
const RETRIES: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(15), Duration::from_secs(120)];
/// How long a mail server may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Writes and sends mails.
pub(crate) struct Mailer {
    templates: Templates,
    way: Way,
}

enum Way {
    /// Into the development mailbox.
    Mailbox(std::sync::Arc<Mailbox>),
    /// To a mail server, by a task of its own.
    Smtp { queue: mpsc::Sender<Mail>, task: JoinHandle<()> },
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
    pub fn new(settings: &Settings, project: &Path, mailbox: std::sync::Arc<Mailbox>) -> Result<Mailer, String> {
        let email = &settings.email;
        let way = if email.smtp.enabled {
            let (queue, waiting) = mpsc::channel(QUEUE);
            let sender = Sender::new(&email.smtp)?;
            Way::Smtp { queue, task: tokio::spawn(sender.work(waiting)) }
        } else if email.mailbox {
            Way::Mailbox(mailbox)
        } else {
            Way::Nowhere
        };
        Ok(Mailer { templates: Templates::new(settings, project)?, way })
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
            Way::Smtp { queue, .. } => queue
                .try_send(mail)
                .map_err(|_| AuthError::new(429, "over_email_send_rate_limit", "email rate limit exceeded"))?,
            Way::Nowhere => {
                tracing::error!("a mail could not be sent: configure [auth.email.smtp], or turn confirmations off");
                let message = format!("Error sending {} email", content.kind.name());
                return Err(AuthError::new(500, "unexpected_failure", message));
            }
        }
        Ok(())
    }
}

impl Drop for Mailer {
    /// What is on its way is finished by the task, which ends with the queue; a mailer that is replaced waits for nothing.
    fn drop(&mut self) {
        if let Way::Smtp { queue, task } = &self.way
            && queue.capacity() == queue.max_capacity()
        {
            task.abort();
        }
    }
}

/// Talks to the mail server.
struct Sender {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
}

impl Sender {
    fn new(smtp: &Smtp) -> Result<Sender, String> {
        let from = smtp.admin_email.parse().map_err(|error| {
            format!("`auth.email.smtp.admin_email` \"{}\" is no address: {error}", smtp.admin_email)
        })?;
        let relay = |error| format!("`auth.email.smtp.host` \"{}\" can't be used: {error}", smtp.host);
        let mut builder = match (smtp.plain, smtp.port) {
            (true, _) => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host),
            (false, 465) => AsyncSmtpTransport::<Tokio1Executor>::relay(&smtp.host).map_err(relay)?,
            (false, _) => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&smtp.host).map_err(relay)?,
        };
        builder = builder.port(smtp.port).timeout(Some(TIMEOUT));
        if !smtp.user.is_empty() {
            builder = builder.credentials(Credentials::new(smtp.user.clone(), smtp.pass.clone()));
        }
        let name = Some(smtp.sender_name.clone()).filter(|name| !name.is_empty());
        Ok(Sender { transport: builder.build(), from: Address::new(name, from) })
    }

    /// Sends one mail after another until nobody has any more.
    async fn work(self, mut waiting: mpsc::Receiver<Mail>) {
        while let Some(mail) = waiting.recv().await {
            let letter = match self.letter(&mail) {
                Ok(letter) => letter,
                Err(error) => {
                    tracing::error!(%error, kind = mail.kind, "a mail could not be written");
                    continue;
                }
            };
            let mut pauses = RETRIES.iter();
            while let Err(error) = self.transport.send(letter.clone()).await {
                match pauses.next() {
                    Some(pause) if !error.is_permanent() => {
                        tracing::warn!(%error, kind = mail.kind, "a mail was not taken; trying again in {pause:?}");
                        tokio::time::sleep(*pause).await;
                    }
                    _ => {
                        tracing::error!(%error, kind = mail.kind, "a mail was not taken");
                        break;
                    }
                }
            }
        }
    }

    /// Addresses are parsed, so that no line break in one becomes a header.
    fn letter(&self, mail: &Mail) -> Result<Letter, String> {
        let to = mail.to.parse().map_err(|error| format!("the recipient is no address: {error}"))?;
        let letter = Letter::builder().from(self.from.clone()).to(Address::new(None, to)).subject(&mail.subject);
        letter.header(ContentType::TEXT_HTML).body(mail.html.clone()).map_err(|error| error.to_string())
    }
}
