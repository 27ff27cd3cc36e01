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

impl exchange::Codec for Gives {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut bytes = Vec::new();
        io.take(1024).read_to_end(&mut bytes).await?;
        // A question for a record is shorter than what takes a second byte of length.
        Request::decode(&bytes[1..]).map_err(|_| io::ErrorKind::InvalidData.into())
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
                let record = gives.0.lock().expect("nobody panics").get(&at).cloned();
                let value = record.map_or(Value::Nothing, |bytes| Value::Record(bytes.into()));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_twisted_announcement_goes_one_hop_and_a_true_one_goes_on() {
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
    let telling = tokio::spawn(tell(teller, gives.clone(), said));
    let say = async |record: &Verified<Record>, announcement: Announcement| {
        let at = Position::of_record(record);
        let bytes = record.as_bytes().to_vec();
        gives.0.lock().expect("nobody panics").insert(at, bytes);
        news.send(announcement).await.expect("the teller listens");
    };

    let mut listener = stranger(|_| gossip());
    for topic in TOPICS {
        let topic = IdentTopic::new(topic);
        listener.behaviour_mut().subscribe(&topic).expect("allowed");
    }
    listener.dial(address).expect("it dials");
    let (hears, mut heard) = mpsc::channel(1_000);
    let listening = tokio::spawn(async move {
        loop {
            if let SwarmEvent::Behaviour(gossipsub::Event::Message { message, .. }) =
                listener.select_next_some().await
            {
                let announcement = Announcement::decode(&message.data).expect("it is one");
                hears.send(announcement).await.expect("the test listens");
            }
        }
    });

    // A true one comes through, once the three have met.
    let (one, other) = of_one_topic();
    let mut sequence = 0;
    until("news goes on", async || {
        sequence += 1;
        let newest = record(one, sequence);
        say(&newest, announcement(&newest)).await;
        heard.try_recv().ok()
    })
    .await;

    // One of another's, with the key id twisted, is fetched and refused.
    let before = node.records().await;
    let honest = record(other, 1);
    let twisted = Announcement {
        key_id: record(one, 1).key_id(),
        ..announcement(&honest)
    };
    say(&honest, twisted).await;
    until("the twisted one is refused", async || {
        let metrics = node.node.metrics().await.expect("it runs");
        metrics.contains("result=\"rejected\"} 1").then_some(())
    })
    .await;
    until("its record was fetched, and is kept", async || {
        (node.records().await > before).then_some(())
    })
    .await;

    // What goes on after it comes after it.
    say(&honest, announcement(&honest)).await;
    until("the true one goes on", async || {
        let next = heard.try_recv().ok()?;
        assert_ne!(next, twisted, "it is let on");
        (next == announcement(&honest)).then_some(())
    })
    .await;
    telling.abort();
    listening.abort();
}
