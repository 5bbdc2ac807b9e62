//! Mail by SMTP.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox as Address, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::mailbox::Mail;
use super::queue::{Deliver, Undelivered};
use crate::settings::Smtp;

/// How long a mail server may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Talks to the mail server.
pub(super) struct Server {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
}

impl Server {
    /// The configured one.
    ///
    /// Errors: what of the configuration can't be used.
    pub fn new(smtp: &Smtp) -> Result<Server, String> {
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
        Ok(Server { transport: builder.build(), from: Address::new(name, from) })
    }

    /// Addresses are parsed, so that no line break in one becomes a header.
    fn message(&self, mail: &Mail) -> Result<Message, String> {
        let to = mail.to.parse().map_err(|error| format!("the recipient is no address: {error}"))?;
        let message = Message::builder().from(self.from.clone()).to(Address::new(None, to)).subject(&mail.subject);
        message.header(ContentType::TEXT_HTML).body(mail.html.clone()).map_err(|error| error.to_string())
    }
}

impl Deliver for Server {
    type Item = Mail;

    async fn deliver(&self, mail: &Mail) -> Result<(), Undelivered> {
        let message = self.message(mail).map_err(|why| Undelivered { why, is_final: true })?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Undelivered { why: format!("{}: {error}", mail.kind), is_final: error.is_permanent() }),
        }
    }
}
