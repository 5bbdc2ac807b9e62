//! A mail server on the loopback address (RFC 5321, as much as one client needs): it remembers what came, and may refuse, or say nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

/// What it does with mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes them.
    Takes,
    /// Says that it can't now.
    Refuses,
    /// Says that it wants nothing of this sender.
    Denies,
    /// Says that it has no such recipient.
    Bounces,
    /// Says nothing.
    Hangs,
}

/// A mail that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// To whom.
    pub to: String,
    /// Its `Message-ID`.
    pub id: String,
}

/// A mail server. Cloning is a reference count.
#[derive(Clone)]
pub struct MailServer {
    /// Its port.
    pub port: u16,
    mood: Arc<Mutex<Mood>>,
    received: Arc<Mutex<Vec<Received>>>,
    calls: Arc<Mutex<usize>>,
}

/// A port of the loopback address that nobody listens on.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

impl MailServer {
    /// Listens on a port; 0 is any.
    pub async fn start(port: u16, mood: Mood) -> MailServer {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port");
        let port = listener.local_addr().expect("an address").port();
        let server =
            MailServer { port, mood: Arc::new(Mutex::new(mood)), received: Arc::default(), calls: Arc::default() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let talking = serving.clone();
                // A client that leaves in the middle is no fault.
                tokio::spawn(async move { talking.talk(stream).await.ok() });
            }
        });
        server
    }

    /// Does something else from now on.
    pub fn become_one_that(&self, mood: Mood) {
        *self.mood.lock().expect("no panic") = mood;
    }

    /// What came, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }

    /// Who called.
    pub fn calls(&self) -> usize {
        *self.calls.lock().expect("no panic")
    }

    /// Waits until so many mails came.
    pub async fn awaited(&self, count: usize) -> Vec<Received> {
        for _ in 0..1200 {
            if self.received().len() >= count {
                return self.received();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{count} mails were to come, and these did: {:?}", self.received());
    }

    async fn talk(self, stream: TcpStream) -> std::io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        *self.calls.lock().expect("no panic") += 1;
        let mood = *self.mood.lock().expect("no panic");
        if mood == Mood::Hangs {
            while lines.next_line().await?.is_some() {}
            return Ok(());
        }
        writer.write_all(b"220 stand-in\r\n").await?;
        let mut to = String::new();
        while let Some(line) = lines.next_line().await? {
            let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" | "HELO" => "250 stand-in",
                "MAIL" if mood == Mood::Refuses => "451 not now",
                "MAIL" if mood == Mood::Denies => "550 no such sender",
                "RCPT" if mood == Mood::Bounces => "550 no such recipient",
                "RCPT" => {
                    to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    "250 ok"
                }
                "DATA" => {
                    writer.write_all(b"354 go on\r\n").await?;
                    let id = message_id(&mut lines).await?;
                    self.received.lock().expect("no panic").push(Received { to: to.clone(), id });
                    "250 taken"
                }
                "QUIT" => {
                    writer.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                _ => "250 ok",
            };
            writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }
}

/// Reads a mail to its end; gives its id.
async fn message_id(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> std::io::Result<String> {
    let mut id = String::new();
    while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
        if let Some(value) = line.strip_prefix("Message-ID: ") {
            id = value.to_owned();
        }
    }
    Ok(id)
}
