//! `cargo xtask bench`, realtime: one broadcast to many subscribers beside a bare tokio-tungstenite program, a change's way to its
//! subscribers, and what an idle connection costs.
//!
//! Both servers run as processes of their own, in alternation, under the same clients: these read bare sockets and count bytes, so that
//! they cost little. `fanout bare` is the bare program: it sends each message that it gets to all its connections. `fanout hold` is a process that
//! holds idle connections: a process may open only so many files.

#![allow(clippy::print_stdout)] // the table is this program's output

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use basalt_server::keys::sign;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, accept_async, connect_async};

const SECRET: &str = "a-secret-for-measuring-that-is-long-enough-for-hs256";
const MIGRATION: &str = "create table prices (id int primary key, price int not null);
alter table prices enable row level security;
create policy everyone on prices for select using (true);
alter publication supabase_realtime add table prices;";
const CONFIG: &str = "[realtime]
connections = 20000
idle_timeout = \"10m\"
events = 1000000
bytes = \"1GB\"
";

/// Idle connections that one process holds.
const HELD: usize = 5000;

type Failure = Box<dyn std::error::Error>;
type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(program: &Path, arguments: &[&str]) -> Result<Server, Failure> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(program);
        command.args(arguments).args(["--port", &port.to_string()]);
        let child = command
            .env("BASALT_AUTH__JWT_SECRET", SECRET)
            .env("BASALT_LOG__LEVEL", "error")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Server { child, port };
        for _ in 0..600 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("{} does not answer", program.display()).into())
    }

    fn status(&self, file: &str) -> Result<String, Failure> {
        Ok(std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))?)
    }

    /// Memory in use, in KB.
    fn memory(&self) -> Result<f64, Failure> {
        let status = self.status("status")?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
    }

    /// CPU time so far, in microseconds.
    fn cpu(&self) -> Result<f64, Failure> {
        let stat = self.status("stat")?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok(ticks * 10_000.0)
    }

    /// A client in the channel.
    async fn join(&self, config: serde_json::Value) -> Result<Socket, Failure> {
        join(self.port, config).await
    }
}

/// A client in the channel of the server at a port.
async fn join(port: u16, config: serde_json::Value) -> Result<Socket, Failure> {
    let key = token();
    let url = format!("ws://127.0.0.1:{port}/realtime/v1/websocket?apikey={key}&vsn=2.0.0");
    let (mut socket, _) = connect_async(url).await?;
    let join = json!(["1", "1", "realtime:a", "phx_join", {"config": config}]).to_string();
    socket.send(Message::Text(join.into())).await?;
    socket.next().await.ok_or("closed")??;
    Ok(socket)
}

fn token() -> String {
    sign(SECRET, &json!({"role": "anon", "exp": 4_102_444_800_u64}))
}

/// The bare program.
async fn bare(port: u16) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let (all, _) = broadcast::channel::<Message>(1024);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let all = all.clone();
        let mut mine = all.subscribe();
        tokio::spawn(async move {
            let Ok(socket) = accept_async(stream).await else { return };
            let (mut writer, mut reader) = socket.split();
            loop {
                tokio::select! {
                    message = reader.next() => match message {
                        Some(Ok(message)) if message.is_text() => drop(all.send(message)),
                        Some(Ok(_)) => {}
                        _ => return,
                    },
                    message = mine.recv() => match message {
                        Ok(message) => if writer.send(message).await.is_err() { return },
                        Err(_) => return,
                    },
                }
            }
        });
    }
}

/// Counts the bytes that come to a client from now on.
fn count(socket: Socket, bytes: Arc<AtomicU64>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let MaybeTlsStream::Plain(mut stream) = socket.into_inner() else { return };
        let mut buffer = [0; 16 << 10];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            bytes.fetch_add(read as u64, Ordering::Release);
        }
    })
}

async fn until(bytes: &AtomicU64, least: u64) -> Result<(), Failure> {
    let begun = Instant::now();
    while bytes.load(Ordering::Acquire) < least {
        if begun.elapsed() > Duration::from_secs(30) {
            return Err("deliveries are missing".into());
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    Ok(())
}

/// Deliveries a second with `window` messages on their way at once, and the server's CPU microseconds for each.
async fn fan_out(server: &Server, subscribers: u64, window: u64, duration: Duration) -> Result<(f64, f64), Failure> {
    let bytes = Arc::new(AtomicU64::new(0));
    let (mut sender, mut own) = server.join(json!({})).await?.split();
    // The bare program tells the sender, too.
    tokio::spawn(async move { while let Some(Ok(_)) = own.next().await {} });
    let said = json!([null, null, "realtime:a", "broadcast", {"type": "broadcast", "event": "e", "payload": {"text": "x".repeat(200)}}]);
    let said = said.to_string();
    let mut clients = Vec::new();
    for _ in 0..subscribers {
        clients.push(count(server.join(json!({})).await?, bytes.clone()));
    }
    // The bare program tells all of every join; what a delivery is in bytes is seen once that is over.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = bytes.load(Ordering::Acquire);
    sender.send(Message::Text(said.clone().into())).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let round = bytes.load(Ordering::Acquire) - before;
    let (begun, cpu, mut sent, mut expected) = (Instant::now(), server.cpu()?, 0, before + round);
    while begun.elapsed() < duration {
        for _ in 0..window {
            sender.feed(Message::Text(said.clone().into())).await?;
        }
        sender.flush().await?;
        sent += window;
        expected += window * round;
        until(&bytes, expected).await?;
    }
    let deliveries = (sent * subscribers) as f64;
    clients.iter().for_each(tokio::task::JoinHandle::abort);
    Ok((deliveries / begun.elapsed().as_secs_f64(), (server.cpu()? - cpu) / deliveries))
}

/// Milliseconds from a write's beginning until the last of the subscribers has its change: p50 and p99.
async fn change_latency(server: &Server, subscribers: u64, writes: u64) -> Result<(f64, f64), Failure> {
    let bytes = Arc::new(AtomicU64::new(0));
    let changes = json!({"postgres_changes": [{"event": "*", "schema": "public", "table": "prices"}]});
    let mut clients = Vec::new();
    for _ in 0..subscribers {
        let mut socket = server.join(changes.clone()).await?;
        socket.next().await.ok_or("closed")??;
        clients.push(count(socket, bytes.clone()));
    }
    let mut writer = TcpStream::connect(("127.0.0.1", server.port)).await?;
    // Rows of one length each: the first tells how many bytes a change is.
    let before = bytes.load(Ordering::Acquire);
    insert(&mut writer, 10_000 + subscribers * 1000).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut expected = bytes.load(Ordering::Acquire);
    let round = expected - before;
    let mut times = Vec::new();
    for id in 1..=writes {
        let begun = Instant::now();
        insert(&mut writer, 10_000 + subscribers * 1000 + id).await?;
        expected += round;
        until(&bytes, expected).await?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    clients.iter().for_each(tokio::task::JoinHandle::abort);
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    Ok((at(0.5), at(0.99)))
}

async fn insert(stream: &mut TcpStream, id: u64) -> Result<(), Failure> {
    let service = sign(SECRET, &json!({"role": "service_role", "exp": 4_102_444_800_u64}));
    let body = format!("{{\"id\":{id},\"price\":{id}}}");
    let head = "POST /rest/v1/prices HTTP/1.1\r\nhost: b\r\ncontent-type: application/json";
    let request = format!("{head}\r\nauthorization: Bearer {service}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    if answer.starts_with("HTTP/1.1 201 ") { Ok(()) } else { Err(answer.into()) }
}

/// KB of the server's memory for each idle connection that has joined one channel. All are there at once, and each answers at the end.
async fn idle(server: &Server, connections: usize) -> Result<f64, Failure> {
    let before = server.memory()?;
    let mut holders = Vec::new();
    let mut left = connections;
    while left > 0 {
        let count = left.min(HELD);
        let mut holder = Command::new(std::env::current_exe()?)
            .args(["hold", "--port", &server.port.to_string(), "--connections", &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(holder.stdout.take().ok_or("no output")?);
        expect(&mut said, "held")?;
        holders.push((holder, said));
        left -= count;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let kilobytes = (server.memory()? - before) / connections as f64;
    for (mut holder, mut said) in holders {
        // The end of its input asks it whether all are still there.
        drop(holder.stdin.take());
        expect(&mut said, "alive")?;
        holder.wait()?;
    }
    Ok(kilobytes)
}

fn expect(said: &mut impl BufRead, word: &str) -> Result<(), Failure> {
    let mut line = String::new();
    said.read_line(&mut line)?;
    if line.trim() == word {
        Ok(())
    } else {
        Err(format!("a holder of connections said {line:?}, not {word:?}").into())
    }
}

/// Joins one channel with so many connections, says so, and has each answered once more when its input ends.
async fn hold(port: u16, connections: usize) -> Result<(), Failure> {
    let mut held = Vec::with_capacity(connections);
    for _ in 0..connections {
        held.push(join(port, json!({})).await?);
    }
    println!("held");
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    let heartbeat = json!([null, "2", "phoenix", "heartbeat", {}]).to_string();
    for socket in &mut held {
        socket.send(Message::Text(heartbeat.clone().into())).await?;
        let answer = socket.next().await.ok_or("closed")??;
        if !answer.is_text() {
            return Err(format!("an idle connection was answered {answer:?}").into());
        }
    }
    println!("alive");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "bare") {
        return bare(arguments[2].parse()?).await;
    }
    let number = |name: &str, default: u64| -> u64 {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|place| arguments.get(place + 1)?.parse().ok()).unwrap_or(default)
    };
    if arguments.first().is_some_and(|first| first == "hold") {
        return hold(u16::try_from(number("--port", 0))?, usize::try_from(number("--connections", 0))?).await;
    }
    let (rounds, seconds) = (number("--rounds", 5), number("--seconds", 5));
    let (subscribers, connections) = (number("--subscribers", 1000), number("--idle", 10_000));
    let folder = std::env::temp_dir().join(format!("basalt-fanout-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("migrations"))?;
    std::fs::write(folder.join("basalt.toml"), CONFIG)?;
    std::fs::write(folder.join("migrations/0001_prices.sql"), MIGRATION)?;
    let program = std::env::current_exe()?;
    let basalt = program.with_file_name("basalt");
    let project = folder.to_string_lossy().into_owned();
    let migrated = Command::new(&basalt).args(["migrate", "up", "--project", &project]).output()?;
    if !migrated.status.success() {
        return Err(String::from_utf8_lossy(&migrated.stderr).into());
    }
    let server = Server::start(&basalt, &["serve", &project])?;
    let kilobytes = idle(&server, connections as usize).await?;
    println!("memory of an idle connection in one channel, of {connections}: {kilobytes:.1} KB");
    for subscribers in [1, subscribers] {
        let (p50, p99) = change_latency(&server, subscribers, 100).await?;
        println!("a write until {subscribers} subscriber(s) have its change: p50 {p50:.1} ms, p99 {p99:.1} ms");
    }
    let plain = Server::start(&program, &["bare"])?;
    println!(
        "\n| to {subscribers} subscribers | deliveries/s | CPU us each | bare deliveries/s | CPU us each | ratio |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for window in [1, 20] {
        for _ in 0..rounds {
            let (ours, cpu) = fan_out(&server, subscribers, window, Duration::from_secs(seconds)).await?;
            let (theirs, bare_cpu) = fan_out(&plain, subscribers, window, Duration::from_secs(seconds)).await?;
            let ratio = ours / theirs;
            println!("| {window} at once | {ours:.0} | {cpu:.2} | {theirs:.0} | {bare_cpu:.2} | {ratio:.2} |");
            // Those who left are forgotten before the next round.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
