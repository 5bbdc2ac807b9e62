//! Nodes over a carrier in memory: what each hears, also when the line breaks and when a node dies.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use super::*;

const TOPIC: &str = "topic";
const PATIENCE: Duration = Duration::from_secs(20);

/// What all nodes are connected to.
#[derive(Clone)]
struct Wire(Arc<Mutex<broadcast::Sender<Bytes>>>);

impl Wire {
    fn new() -> Wire {
        Wire(Arc::new(Mutex::new(broadcast::Sender::new(64))))
    }

    /// Cuts all lines.
    fn cut(&self) {
        *lock(&self.0) = broadcast::Sender::new(64);
    }
}

struct Tap {
    to: broadcast::WeakSender<Bytes>,
    heard: tokio::sync::Mutex<broadcast::Receiver<Bytes>>,
}

impl Carrier for Wire {
    fn name(&self) -> &'static str {
        "wire"
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Line>, LineError>> {
        let sender = lock(&self.0);
        let heard = tokio::sync::Mutex::new(sender.subscribe());
        let line = Tap { to: sender.downgrade(), heard };
        std::future::ready(Ok(Box::new(line) as Box<dyn Line>)).boxed()
    }
}

impl Line for Tap {
    fn largest(&self) -> usize {
        300
    }

    fn send(&self, frames: Vec<Vec<u8>>) -> BoxFuture<'_, Result<(), LineError>> {
        async {
            let to = self.to.upgrade().ok_or_else(|| LineError("cut".into()))?;
            frames.into_iter().for_each(|frame| _ = to.send(frame.into()));
            Ok(())
        }
        .boxed()
    }

    fn next(&self) -> BoxFuture<'_, Result<Bytes, LineError>> {
        async {
            loop {
                match self.heard.lock().await.recv().await {
                    Ok(frame) => return Ok(frame),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Err(LineError("cut".into())),
                }
            }
        }
        .boxed()
    }
}

struct Node {
    bus: Bus,
    heard: Subscription,
    running: JoinHandle<()>,
}

fn settings() -> Settings {
    Settings { heartbeat: Duration::from_millis(50), timeout: Duration::from_millis(1500), ..Settings::default() }
}

fn node(wire: &Wire, settings: &Settings) -> Node {
    let bus = Bus::new(Box::new(wire.clone()), &Secret::new(b"0123456789abcdef").unwrap(), settings);
    let (heard, runner) = (bus.subscribe(TOPIC), bus.clone());
    Node { bus, heard, running: tokio::spawn(async move { runner.run().await }) }
}

impl Node {
    fn say(&self, text: &'static str) {
        self.bus.publish(TOPIC, || Bytes::from_static(text.as_bytes()));
    }

    async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.heard.next()).await.expect("an event in time")
    }

    async fn until(&mut self, wanted: Event) {
        while self.next().await != wanted {}
    }
}

/// Two nodes that know each other.
async fn pair(wire: &Wire) -> (Node, Node) {
    let (mut a, mut b) = (node(wire, &settings()), node(wire, &settings()));
    a.until(Event::Joined(b.bus.node())).await;
    b.until(Event::Joined(a.bus.node())).await;
    (a, b)
}

#[tokio::test]
async fn each_message_comes_once_and_in_order() {
    let wire = Wire::new();
    let (a, mut b) = pair(&wire).await;
    let texts = ["one", "two", "three"];
    texts.iter().for_each(|text| a.say(text));
    a.bus.publish(TOPIC, || vec![7; 2000].into());
    for text in texts {
        assert_eq!(b.next().await, Event::Message(a.bus.node(), text.into()));
    }
    assert_eq!(b.next().await, Event::Message(a.bus.node(), vec![7; 2000].into()));
    a.bus.publish("other", || "x".into());
    a.say("end");
    assert_eq!(b.next().await, Event::Message(a.bus.node(), "end".into()));
    assert_eq!(b.bus.standing().unwrap().others, 1);
}

#[tokio::test]
async fn a_node_that_leaves_says_what_waited_first() {
    let wire = Wire::new();
    let (a, mut b) = pair(&wire).await;
    a.say("last");
    a.bus.leave();
    a.running.await.unwrap();
    assert_eq!(b.next().await, Event::Message(a.bus.node(), "last".into()));
    assert_eq!(b.next().await, Event::Left(a.bus.node()));
}

#[tokio::test]
async fn a_node_that_dies_is_missed() {
    let wire = Wire::new();
    let (a, mut b) = pair(&wire).await;
    a.running.abort();
    assert_eq!(b.next().await, Event::Left(a.bus.node()));
    // Alone, it sends nothing.
    b.say("nobody");
    assert_eq!(b.bus.standing().unwrap().sent, 0);
}

#[tokio::test]
async fn a_cut_line_is_made_again() {
    let wire = Wire::new();
    let (a, mut b) = pair(&wire).await;
    wire.cut();
    // What was under way is lost; what is said later comes.
    let saying = async {
        loop {
            a.say("after");
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = saying => {}
        () = b.until(Event::Message(a.bus.node(), "after".into())) => {}
    }
    assert!(a.bus.standing().unwrap().reconnected > 0 && a.bus.standing().unwrap().connected);
}

#[tokio::test]
async fn what_finds_no_room_is_counted_and_missed() {
    let wire = Wire::new();
    let few = Settings { queue: 2, ..settings() };
    let (mut a, mut b) = (node(&wire, &few), node(&wire, &settings()));
    a.until(Event::Joined(b.bus.node())).await;
    b.until(Event::Joined(a.bus.node())).await;
    // Nothing is sent meanwhile: this is one thread.
    ["one", "two", "three"].iter().for_each(|text| a.say(text));
    assert_eq!(a.bus.standing().unwrap().dropped, 1);
    let node = a.bus.node();
    for event in [Event::Message(node, "one".into()), Event::Message(node, "two".into()), Event::Missed(node)] {
        assert_eq!(b.next().await, event, "the gap is where the message is missing");
    }
}

#[tokio::test]
async fn who_has_another_secret_is_not_heard() {
    let wire = Wire::new();
    let (a, mut b) = pair(&wire).await;
    let secret = Secret::new(b"another secret of this length").unwrap();
    let stranger = Bus::new(Box::new(wire.clone()), &secret, &settings());
    let running = stranger.clone();
    tokio::spawn(async move { running.run().await });
    while b.bus.standing().unwrap().rejected == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    a.say("known");
    assert_eq!(b.next().await, Event::Message(a.bus.node(), "known".into()));
    assert_eq!(stranger.standing().unwrap().others, 0);
}
