//! Mail: what is written, and how it leaves. Nobody waits for a mail server: that would tell who exists, and hold up who asks.

mod mailbox;
mod outbox;
mod plain;
mod sender;
mod smtp;
mod template;

use std::path::Path;
use std::sync::Arc;

use basalt_db::Database;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::error::{AuthError, Result};
use crate::hook::{MailHook, Posted};
use crate::seal::Seals;
use crate::settings::Settings;
use crate::store::Work;
pub use mailbox::{Mail, Mailbox};
use outbox::Outbox;
pub(crate) use sender::{Deliver, Undelivered};
pub(crate) use template::Kind;
use template::Templates;

/// Writes and sends mails.
pub(crate) struct Mailer {
    templates: Templates,
    way: Way,
    outbox: Arc<Outbox>,
    /// Tells the sender that there is something new, or, with true, that the server stops.
    news: watch::Sender<bool>,
}

enum Way {
    /// To the project's own hook, which writes them itself.
    Hook(Arc<MailHook>),
    /// To a mail server.
    Smtp(Arc<smtp::Server>),
    /// Into the development mailbox.
    Mailbox(Arc<Mailbox>),
    /// Nowhere: none is configured.
    Nowhere,
}

/// What is to leave.
pub(crate) enum Written {
    Mail(Mail),
    /// For the hook.
    Posted(Posted),
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
        (database, seals): (Database, Seals),
    ) -> Result<Mailer, String> {
        let email = &settings.email;
        let way = match hook {
            Some(hook) => Way::Hook(Arc::new(hook)),
            None if email.smtp.enabled => Way::Smtp(Arc::new(smtp::Server::new(&email.smtp, project)?)),
            None if email.mailbox => Way::Mailbox(mailbox),
            None => Way::Nowhere,
        };
        let outbox = Arc::new(Outbox::new(database, seals, way.name(), email.otp_expiry));
        Ok(Mailer { templates: Templates::new(settings, project)?, way, outbox, news: watch::Sender::new(false) })
    }

    /// Whether the project's hook takes what is to be sent, instead of mails.
    pub fn is_hook(&self) -> bool {
        matches!(self.way, Way::Hook(_))
    }

    /// Writes a mail.
    ///
    /// Errors: `unexpected_failure` when no way is configured or a template fails.
    pub fn write(&self, content: &Content<'_>) -> Result<Written> {
        self.judge_way(content.kind)?;
        let variables = json!({
            "SiteURL": self.templates.site_url, "ConfirmationURL": content.link, "Token": content.token,
            "TokenHash": content.token_hash, "RedirectTo": content.redirect_to, "Email": content.email,
            "NewEmail": content.new_email, "Data": content.data,
        });
        let (subject, html) = self.templates.render(content.kind, &variables).map_err(AuthError::unexpected)?;
        let mail = Mail::new(content.kind.name(), content.to, subject, html, content.token, content.link);
        Ok(Written::Mail(mail))
    }

    /// Judges that mails of a kind can leave.
    ///
    /// Errors: `unexpected_failure` when no way is configured.
    pub fn judge_way(&self, kind: Kind) -> Result<()> {
        if !matches!(self.way, Way::Nowhere) {
            return Ok(());
        }
        tracing::error!("a mail could not be sent: configure [auth.email.smtp], or turn confirmations off");
        Err(AuthError::new(500, "unexpected_failure", format!("Error sending {} email", kind.name())))
    }

    /// Stores what is to leave, with everything else of a transaction.
    pub async fn store(&self, work: &mut Work, user: Uuid, written: &Written) -> Result<()> {
        match written {
            Written::Mail(mail) => self.outbox.store(work, user, mail.id, mail).await?,
            Written::Posted(posted) => self.outbox.store(work, user, posted.id, posted).await?,
        }
        self.expire(work).await
    }

    /// Does as much for nobody.
    pub async fn store_nothing(&self, work: &mut Work) -> Result<()> {
        self.outbox.store_nothing(work).await?;
        self.expire(work).await
    }

    /// The mailbox has no sender that clears away.
    async fn expire(&self, work: &mut Work) -> Result<()> {
        match self.way {
            Way::Mailbox(_) => self.outbox.expire_within(work).await,
            _ => Ok(()),
        }
    }

    /// What was stored may leave. To be called after the commit.
    pub fn stored(&self, written: Vec<Written>) {
        if let Way::Mailbox(mailbox) = &self.way {
            let mails = written.into_iter().filter_map(|written| match written {
                Written::Mail(mail) => Some(mail),
                Written::Posted(_) => None,
            });
            mails.for_each(|mail| mailbox.put(mail));
        }
        self.news.send_modify(|_| ());
    }

    /// Sends what waits until this is dropped or closed; what is under way then is waited for. The mailbox gets back what it had before the process ended.
    pub fn sending(&self) -> impl Future<Output = ()> + Send + use<> {
        let (outbox, news) = (self.outbox.clone(), self.news.subscribe());
        let (hook, server, mailbox) = match &self.way {
            Way::Hook(hook) => (Some(hook.clone()), None, None),
            Way::Smtp(server) => (None, Some(server.clone()), None),
            Way::Mailbox(mailbox) => (None, None, Some(mailbox.clone())),
            Way::Nowhere => (None, None, None),
        };
        async move {
            // What another way left; senders see to it themselves.
            if hook.is_none()
                && server.is_none()
                && let Err(error) = outbox.expire().await
            {
                tracing::warn!(error = error.message(), "what expired in the outbox can't be deleted");
            }
            if let Some(hook) = hook {
                sender::send(outbox, hook, news).await;
            } else if let Some(server) = server {
                sender::send(outbox, server, news).await;
            } else if let Some(mailbox) = mailbox {
                match outbox.all().await {
                    Ok(mails) => mailbox.restore(mails),
                    Err(error) => tracing::warn!(error = error.message(), "the mailbox of before can't be read"),
                }
            }
        }
    }

    /// The server stops: what is under way is delivered, and nothing more is begun.
    pub fn close(&self) {
        self.news.send_replace(true);
    }

    /// Throws away what the mailbox has.
    pub async fn empty(&self) -> Result<()> {
        if let Way::Mailbox(mailbox) = &self.way {
            self.outbox.clear().await?;
            mailbox.empty();
        }
        Ok(())
    }
}

impl Way {
    /// Its name in the outbox.
    fn name(&self) -> &'static str {
        match self {
            Way::Hook(_) => "hook",
            Way::Smtp(_) => "smtp",
            Way::Mailbox(_) => "mailbox",
            Way::Nowhere => "nowhere",
        }
    }
}
