//! What a node lets on of what is announced to it: three in a row, of which the one in the middle is ours.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dotkey_proto::record::{Record, Verified};
use dotkey_registry::dht::codec::length_of;
use dotkey_registry::dht::message::{Announcement, Request, Response, Summary, TOPICS, Value};
use dotkey_registry::dht::peer::Position;
use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, MessageId, ValidationMode};
use libp2p::request_response::{self as exchange, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{StreamProtocol, Swarm};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::strangers::{address_of, stranger};
use super::support::{Running, in_memory, position, record, until};

fn gossip() -> gossipsub::Behaviour {
    let config = gossipsub::ConfigBuilder::default()
        .protocol_id_prefix("/dotkey/meshsub")
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message| MessageId::new(&message.data))
        .heartbeat_interval(Duration::from_millis(200))
        .build();
    let config = config.expect("sound settings");
    gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config).expect("sound settings")
}

/// The records that are given to who asks.
#[derive(Clone, Default)]
struct Gives(Arc<Mutex<BTreeMap<Position, Vec<u8>>>>);

impl Gives {
    fn add(&self, record: &Verified<Record>) {
        let at = Position::of_record(record);
        let mut given = self.0.lock().expect("nobody panics");
        given.insert(at, record.as_bytes().to_vec());
    }

    fn get(&self, at: &Position) -> Option<Vec<u8>> {
        let given = self.0.lock().expect("nobody panics");
        given.get(at).cloned()
    }
}

impl exchange::Codec for Gives {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        // A question for a record is shorter than what takes a second byte of length. Its asker may keep the stream.
        let mut length = [0];
        io.read_exact(&mut length).await?;
        let mut bytes = vec![0; length[0].into()];
        io.read_exact(&mut bytes).await?;
        Request::decode(&bytes).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        _: Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let message = response.encode();
        io.write_all(&length_of(&message)).await?;
        io.write_all(&message).await
    }
}

/// Announces, and gives what it announced.
#[derive(NetworkBehaviour)]
struct Teller {
    gossip: gossipsub::Behaviour,
    records: exchange::Behaviour<Gives>,
}

/// Drives a teller: it announces what comes in.
async fn tell(mut teller: Swarm<Teller>, gives: Gives, mut news: mpsc::Receiver<Announcement>) {
    loop {
        tokio::select! {
            said = news.recv() => {
                let Some(said) = said else { return };
                let topic = IdentTopic::new(said.topic());
                // While nobody listens, the test says something else.
                let _ = teller.behaviour_mut().gossip.publish(topic, said.encode());
            }
            event = teller.select_next_some() => {
                let SwarmEvent::Behaviour(TellerEvent::Records(exchange::Event::Message {
                    message: exchange::Message::Request { request, channel, .. },
                    ..
                })) = event else {
                    continue;
                };
                let Request::Get { at, .. } = request else {
                    continue;
                };
                let value = gives.get(&at).map_or(Value::Nothing, |bytes| Value::Record(bytes.into()));
                let response = Response::Got { value, closer: Vec::new() };
                let _ = teller.behaviour_mut().records.send_response(channel, response);
            }
        }
    }
}

fn announcement(record: &Verified<Record>) -> Announcement {
    Announcement {
        key_id: record.key_id(),
        at: Position::of_record(record),
        summary: Summary::of(record),
    }
}

/// Two owners whose changes are announced on one topic.
fn of_one_topic() -> (u8, u8) {
    let topic = |owner| position(owner).0[0] >> 4;
    let other = (2..=200).find(|other| topic(*other) == topic(1));
    (1, other.expect("there are sixteen topics"))
}

/// A node of ours between one who announces and one who listens.
struct InTheMiddle {
    node: Running,
    gives: Gives,
    news: mpsc::Sender<Announcement>,
    heard: mpsc::Receiver<Announcement>,
    others: [JoinHandle<()>; 2],
}

impl InTheMiddle {
    async fn new() -> Self {
        let node = Running::start(in_memory(&[])).await;
        let (_, address) = address_of(&node).await;
        let gives = Gives::default();
        let mut teller = stranger(|_| {
            let protocol = StreamProtocol::new("/dotkey/records/1");
            let protocols = [(protocol, ProtocolSupport::Full)];
            let config = exchange::Config::default();
            Teller {
                gossip: gossip(),
                records: exchange::Behaviour::with_codec(gives.clone(), protocols, config),
            }
        });
        teller.dial(address.clone()).expect("it dials");
        let (news, said) = mpsc::channel(1);
        let mut listener = stranger(|_| gossip());
        for topic in TOPICS {
            let topic = IdentTopic::new(topic);
            listener.behaviour_mut().subscribe(&topic).expect("allowed");
        }
        listener.dial(address).expect("it dials");
        let (hears, heard) = mpsc::channel(1_000);
        let telling = tokio::spawn(tell(teller, gives.clone(), said));
        let others = [telling, tokio::spawn(listen(listener, hears))];
        Self {
            node,
            gives,
            news,
            heard,
            others,
        }
    }

    /// Announces something, and gives a record to who asks for it.
    async fn say(&self, record: &Verified<Record>, announcement: Announcement) {
        self.gives.add(record);
        let said = self.news.send(announcement).await;
        said.expect("the teller listens");
    }
}

async fn listen(mut listener: Swarm<gossipsub::Behaviour>, hears: mpsc::Sender<Announcement>) {
    loop {
        if let SwarmEvent::Behaviour(gossipsub::Event::Message { message, .. }) =
            listener.select_next_some().await
        {
            let announcement = Announcement::decode(&message.data).expect("it is one");
            hears.send(announcement).await.expect("the test listens");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_twisted_announcement_goes_one_hop_and_a_true_one_goes_on() {
    let mut three = InTheMiddle::new().await;
    // A true one comes through, once the three have met.
    let (one, other) = of_one_topic();
    let mut sequence = 0;
    until("news goes on", async || {
        sequence += 1;
        let newest = record(one, sequence);
        three.say(&newest, announcement(&newest)).await;
        three.heard.try_recv().ok()
    })
    .await;

    // One of another's, with the key id twisted, is fetched and refused.
    let before = three.node.records().await;
    let honest = record(other, 1);
    let twisted = Announcement {
        key_id: record(one, 1).key_id(),
        ..announcement(&honest)
    };
    three.say(&honest, twisted).await;
    until("the twisted one is refused", async || {
        let metrics = three.node.node.metrics().await.expect("it runs");
        metrics.contains("result=\"rejected\"} 1").then_some(())
    })
    .await;
    until("its record was fetched, and is kept", async || {
        (three.node.records().await > before).then_some(())
    })
    .await;

    // What goes on after it comes after it.
    three.say(&honest, announcement(&honest)).await;
    until("the true one goes on", async || {
        let next = three.heard.try_recv().ok()?;
        assert_ne!(next, twisted, "it is let on");
        (next == announcement(&honest)).then_some(())
    })
    .await;
    for other in three.others {
        other.abort();
    }
}
