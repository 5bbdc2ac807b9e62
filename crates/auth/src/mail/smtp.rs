//! Mail by SMTP.

use std::path::Path;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox as Address, Message, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as From, Rcpt};
use lettre::transport::smtp::extension::{ClientId, MailParameter};
use lettre::transport::smtp::response::Category;
use tokio::time::timeout;

use super::mailbox::Mail;
use super::sender::{Deliver, Undelivered};
use crate::settings::Smtp;

/// How long a mail server may take for a step.
const STEP: Duration = Duration::from_secs(20);
/// How long it may take to say that it has a whole mail. Whoever hangs up before sends it twice (RFC 5321, section 4.5.3.2.6).
const TAKING: Duration = Duration::from_secs(300);

/// Talks to the mail server.
pub(super) struct Server {
    host: String,
    port: u16,
    /// None: in the clear.
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
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
        let name = Some(smtp.sender_name.clone()).filter(|name| !name.is_empty());
        Ok(Server {
            host: smtp.host.clone(),
            port: smtp.port,
            tls: if smtp.plain { None } else { Some(tls(smtp, project)?) },
            credentials: (!smtp.user.is_empty()).then(|| Credentials::new(smtp.user.clone(), smtp.pass.clone())),
            from: Address::new(name, from),
        })
    }

    /// Sends a mail over a connection of its own. What a server refuses before it hears of the recipient, it refuses us: a password that
    /// changed, a sender that it does not know. That is mended some day, and no reason to give up a mail.
    async fn send(&self, envelope: &Envelope, text: &[u8]) -> Result<(), Undelivered> {
        let mut connection = self.connected().await?;
        let is_ascii = envelope.to().iter().chain(envelope.from()).all(|address| address.to_string().is_ascii());
        let parameters = if is_ascii { Vec::new() } else { vec![MailParameter::SmtpUtfEight] };
        step(STEP, connection.command(From::new(envelope.from().cloned(), parameters))).await?;
        for to in envelope.to() {
            judged(STEP, connection.command(Rcpt::new(to.clone(), Vec::new()))).await?;
        }
        step(STEP, connection.command(Data)).await?;
        judged(TAKING, connection.message(text)).await?;
        // It has the mail, whatever it says to our leaving.
        let _ = timeout(STEP, connection.quit()).await;
        Ok(())
    }

    async fn connected(&self) -> Result<AsyncSmtpConnection, Undelivered> {
        let hello = ClientId::default();
        let at_once = self.tls.clone().filter(|_| self.port == 465);
        let starting = self.tls.clone().filter(|_| self.port != 465);
        let address = (self.host.as_str(), self.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(address, Some(STEP), &hello, at_once, None);
        let mut connection = step(STEP, connecting).await?;
        if let Some(tls) = starting {
            step(STEP, connection.starttls(tls, &hello)).await?;
        }
        if let Some(credentials) = &self.credentials {
            step(STEP, connection.auth(DEFAULT_MECHANISMS, credentials)).await?;
        }
        Ok(connection)
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
        self.send(message.envelope(), &message.formatted()).await.map_err(|refused| Undelivered {
            why: format!("{}: {}", mail.kind, refused.why),
            is_final: refused.is_final,
        })
    }
}

/// One step of the conversation.
///
/// Errors: the server's no, which is not final; that it says nothing.
async fn step<T>(limit: Duration, step: impl Future<Output = Result<T, Error>>) -> Result<T, Undelivered> {
    match timeout(limit, step).await {
        Ok(done) => done.map_err(|error| Undelivered { why: error.to_string(), is_final: false }),
        Err(_) => Err(Undelivered { why: "the mail server took too long".into(), is_final: false }),
    }
}

/// A step at which a server judges the mail itself: its permanent no is final, unless it wants another login (53x, RFC 4954).
async fn judged<T>(limit: Duration, judged: impl Future<Output = Result<T, Error>>) -> Result<T, Undelivered> {
    let mut is_final = false;
    let noted = async {
        let done = judged.await;
        let no = done.as_ref().err().filter(|error| error.is_permanent()).and_then(Error::status);
        is_final = no.is_some_and(|code| code.category != Category::Unspecified3);
        done
    };
    step(limit, noted).await.map_err(|refused| Undelivered { is_final, ..refused })
}
