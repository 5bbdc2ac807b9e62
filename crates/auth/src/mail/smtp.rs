//! Mail by SMTP.

use std::path::Path;
use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox as Address, Message, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::mailbox::Mail;
use super::sender::{Deliver, Undelivered};
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
    pub fn new(smtp: &Smtp, project: &Path) -> Result<Server, String> {
        let from = smtp.admin_email.parse().map_err(|error| {
            format!("`auth.email.smtp.admin_email` \"{}\" is no address: {error}", smtp.admin_email)
        })?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host);
        if !smtp.plain {
            let tls = tls(smtp, project)?;
            builder = builder.tls(if smtp.port == 465 { Tls::Wrapper(tls) } else { Tls::Required(tls) });
        }
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
        let id = format!("<{}@{}>", mail.id, self.from.email.domain());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Address::new(None, to))
            .subject(&mail.subject)
            .message_id(Some(id))
            // Nobody's out-of-office reply is wanted (RFC 3834, section 5).
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()));
        let parts = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
        message.multipart(parts).map_err(|error| error.to_string())
    }
}

/// Whom to believe that it is the mail server: whoever the web's authorities vouch for, and the project's own.
///
/// Errors: a certificate that can't be read.
fn tls(smtp: &Smtp, project: &Path) -> Result<TlsParameters, String> {
    let mut tls = TlsParameters::builder(smtp.host.clone());
    if !smtp.root_certificate.as_os_str().is_empty() {
        let path = project.join(&smtp.root_certificate);
        let bad = |error: String| format!("`auth.email.smtp.root_certificate` {}: {error}", path.display());
        let pem = std::fs::read(&path).map_err(|error| bad(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| bad(error.to_string()))?;
        tls = tls.add_root_certificate(certificate);
    }
    tls.build().map_err(|error| format!("`auth.email.smtp.host` \"{}\" can't be used: {error}", smtp.host))
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
