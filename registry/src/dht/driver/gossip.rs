//! Announcements on gossipsub: `docs/protocol/9-record-exchange.md` section 9.6.
//!
//! Messages are anonymous: an announcement is a hint that everyone checks, so a signature would prove nothing and cost each node one
//! verification a message; and the announcements of the twenty nodes that stored a record must be the same bytes, to be one message.
//! Who passes a false one on answers for it, therefore a node passes on only what it has verified itself: a message waits here,
//! not forwarded, until the record was fetched and is what was announced.

use std::collections::BTreeMap;
use std::time::Duration;

use libp2p::PeerId;
use libp2p::gossipsub::{
    ConfigBuilder, IdentTopic, Message, MessageAcceptance, MessageAuthenticity, MessageId,
    TopicHash, ValidationMode, WhitelistSubscriptionFilter,
};
use sha2::{Digest, Sha256};

use super::sieve::{Gossip, Mesh, Sieve};
use crate::dht::message::{Announcement, TOPICS};

/// Gossip under a name of our own: peers of other networks have nothing to say here.
const PROTOCOL_PREFIX: &str = "/dotkey/meshsub";

/// An announcement has at most 128 bytes, gossipsub's own envelope as much again; its control messages are longer and are
/// split at this.
const FRAME_BYTES_MAX: usize = 16 * 1024;

/// Peers beside the mesh that hear each heartbeat which announcements are new.
const GOSSIP_LAZY: usize = 3;

/// Bytes of a message's id.
const MESSAGE_ID_BYTES: usize = 20;

/// Announcements that wait for their record: what the core looks into, and what else is said of the same records.
const WAITING_MAX: usize = 4_096;

/// Of these, those of one sender: eight times what the core looks into for it, as others' lookups may serve its announcements too.
const WAITING_OF_ONE_MAX: usize = 512;

const _: () = assert!(WAITING_OF_ONE_MAX < WAITING_MAX);

/// So long a record may take to be fetched and verified: less than gossipsub keeps the message for.
const WAITING_MS_MAX: u64 = 4_000;

/// Where an announcement is gossiped.
pub(crate) fn topic(announcement: &Announcement) -> IdentTopic {
    IdentTopic::new(announcement.topic())
}

pub(crate) fn gossip() -> Result<Gossip, &'static str> {
    let config = ConfigBuilder::default()
        .protocol_id_prefix(PROTOCOL_PREFIX)
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(FRAME_BYTES_MAX)
        // Fewer than usual, because there are sixteen meshes and what one misses the others and the reconciliation make up for: a connection in
        // a mesh stays open.
        .mesh_n(4)
        .mesh_n_low(3)
        .mesh_n_high(8)
        .mesh_outbound_min(1)
        // Twenty nodes announce each change, each from another place: none of them need tell everyone it knows.
        .flood_publish(false)
        // What the meshes miss is offered to so many others a heartbeat, and not to a quarter of all that are connected: in 200 nodes that were 25,000
        // messages for one change.
        .gossip_lazy(GOSSIP_LAZY)
        .gossip_factor(0.0)
        .heartbeat_interval(Duration::from_secs(1))
        // A message must still be here when its record has come.
        .history_length(8)
        .duplicate_cache_time(Duration::from_secs(120))
        .build()
        .map_err(|_| "gossipsub's settings contradict each other")?;
    let topics = TOPICS.map(|name| IdentTopic::new(name).hash()).into();
    let filter = WhitelistSubscriptionFilter(topics);
    let (authenticity, sieve) = (MessageAuthenticity::Anonymous, Sieve::default());
    let mut gossip = Mesh::new_with_subscription_filter_and_transform(
        authenticity,
        config,
        filter,
        sieve.clone(),
    )?;
    for name in TOPICS {
        gossip
            .subscribe(&IdentTopic::new(name))
            .map_err(|_| "the filter refuses our own topics")?;
    }
    Ok(Gossip::new(gossip, sieve))
}

fn message_id(message: &Message) -> MessageId {
    MessageId::new(&Sha256::digest(&message.data)[..MESSAGE_ID_BYTES])
}

/// What a message says, if it says something and where it belongs.
pub(crate) fn announcement(topic_hash: &TopicHash, data: &[u8]) -> Option<Announcement> {
    let announcement = Announcement::decode(data).ok()?;
    (topic(&announcement).hash() == *topic_hash).then_some(announcement)
}

/// Announcements whose records are being fetched.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    messages: BTreeMap<Announcement, (MessageId, PeerId, u64)>,
    /// How many each sender has among them.
    of_each: BTreeMap<PeerId, usize>,
}

/// A message to let go, and how.
pub(crate) type Verdict = (MessageId, PeerId, MessageAcceptance);

impl Waiting {
    /// A message waits from `now_ms` on. If there is no room, one is let go at once: this one where its sender has its share or as many wait of everyone,
    /// else one of who has most.
    pub(crate) fn add(
        &mut self,
        announcement: &Announcement,
        message: (MessageId, PeerId),
        now_ms: u64,
    ) -> Option<Verdict> {
        let (id, from) = message;
        // Another key id may be claimed for the same record: both wait, and the false one is never let on.
        let there = self.messages.contains_key(announcement);
        let own = self.of_each.get(&from).copied().unwrap_or_default();
        if there || own >= WAITING_OF_ONE_MAX {
            return Some((id, from, MessageAcceptance::Ignore));
        }
        let mut let_go = None;
        if self.messages.len() >= WAITING_MAX {
            let Some(other) = self.of_the_greediest(own + 1) else {
                return Some((id, from, MessageAcceptance::Ignore));
            };
            let_go = self.judged(&other, MessageAcceptance::Ignore);
        }
        self.messages.insert(*announcement, (id, from, now_ms));
        *self.of_each.entry(from).or_default() += 1;
        let_go
    }

    /// A message of who has most waiting, if that is more than so many.
    fn of_the_greediest(&self, more_than: usize) -> Option<Announcement> {
        let (greediest, most) = self.of_each.iter().max_by_key(|(_, count)| **count)?;
        if *most <= more_than {
            return None;
        }
        let one = self.messages.iter().find(|(_, (_, it, _))| it == greediest);
        one.map(|(announcement, _)| *announcement)
    }

    /// The record is verified: what announces just that goes on.
    pub(crate) fn verified(&mut self, announcement: &Announcement) -> Option<Verdict> {
        self.judged(announcement, MessageAcceptance::Accept)
    }

    /// It is decided what becomes of the message.
    pub(crate) fn judged(
        &mut self,
        announcement: &Announcement,
        acceptance: MessageAcceptance,
    ) -> Option<Verdict> {
        let (id, from, _) = self.messages.remove(announcement)?;
        if let Some(count) = self.of_each.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                self.of_each.remove(&from);
            }
        }
        Some((id, from, acceptance))
    }

    /// What has waited too long.
    pub(crate) fn overdue(&mut self, now_ms: u64) -> Vec<Verdict> {
        let is_overdue = |since: u64| now_ms >= since.saturating_add(WAITING_MS_MAX);
        let waiting = self.messages.iter();
        let overdue: Vec<Announcement> = waiting
            .filter(|(_, (_, _, since))| is_overdue(*since))
            .map(|(announcement, _)| *announcement)
            .collect();
        let judged = |it: &Announcement| self.judged(it, MessageAcceptance::Ignore);
        overdue.iter().filter_map(judged).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dht::message::Summary;
    use crate::dht::peer::Position;
    use dotkey_proto::identity::KeyId;

    fn announced(first: u8, sequence: u64) -> Announcement {
        let summary = Summary {
            policy: 1,
            sequence,
            digest: [first; 32],
        };
        Announcement {
            key_id: KeyId::from_bytes([3; 32]),
            at: Position([first; 32]),
            summary,
        }
    }

    #[test]
    fn a_topic_is_the_first_half_byte_of_the_position() {
        let check = |first: u8, name: &str| {
            assert_eq!(topic(&announced(first, 1)).hash().as_str(), name);
        };
        check(0x00, "/dotkey/changes/1/0");
        check(0x9f, "/dotkey/changes/1/9");
        check(0xff, "/dotkey/changes/1/f");
    }

    #[test]
    fn an_announcement_counts_on_its_topic_only() {
        let right = announced(0x12, 1);
        let bytes = right.encode();
        let check = |number, data: &[u8], expected| {
            let topic = IdentTopic::new(format!("/dotkey/changes/1/{number}"));
            assert_eq!(announcement(&topic.hash(), data), expected);
        };
        check(1, &bytes, Some(right));
        check(2, &bytes, None);
        check(1, b"what", None);
    }

    #[test]
    fn a_message_goes_on_when_its_record_is_verified() {
        let mut waiting = Waiting::default();
        let (id, from) = (MessageId::new(b"1"), PeerId::random());
        let first = announced(1, 1);
        assert!(waiting.add(&first, (id.clone(), from), 10).is_none());
        let twisted = Announcement {
            key_id: KeyId::from_bytes([4; 32]),
            ..first
        };
        let other = (MessageId::new(b"2"), from);
        assert!(waiting.add(&twisted, other, 10).is_none());
        assert!(waiting.verified(&announced(1, 2)).is_none());
        let (accepted, source, how) = waiting.verified(&first).expect("waits");
        assert_eq!((accepted, source), (id.clone(), from));
        assert!(matches!(how, MessageAcceptance::Accept));

        assert!(waiting.add(&first, (id, from), 10).is_none());
        assert!(waiting.overdue(WAITING_MS_MAX + 9).is_empty());
        let verdicts = waiting.overdue(WAITING_MS_MAX + 10);
        let ignored = |it: &Verdict| matches!(it.2, MessageAcceptance::Ignore);
        assert!(verdicts.len() == 2 && verdicts.iter().all(ignored));
        assert!(waiting.verified(&first).is_none());
    }

    /// Whether a message of a sender's came to wait, and who had one let go for it.
    fn wait(waiting: &mut Waiting, from: PeerId, sequence: u64) -> (bool, Option<PeerId>) {
        let id = MessageId::new(&sequence.to_be_bytes());
        let let_go = waiting.add(&announced(1, sequence), (id.clone(), from), 0);
        match let_go {
            Some((refused, _, _)) if refused == id => (false, None),
            other => (true, other.map(|(_, of, _)| of)),
        }
    }

    #[test]
    fn who_sends_much_leaves_room_to_who_sends_little() {
        let mut waiting = Waiting::default();
        let flooders = [(); 10].map(|()| PeerId::random());
        let (mut sequence, mut waits) = (0, [0; 10]);
        for (flooder, waits) in flooders.iter().zip(&mut waits) {
            for _ in 0..1_000 {
                sequence += 1;
                *waits += usize::from(wait(&mut waiting, *flooder, sequence).0);
            }
        }
        assert_eq!(waits[..8], [WAITING_OF_ONE_MAX; 8]);
        assert_eq!(waiting.messages.len(), WAITING_MAX);
        let honest = PeerId::random();
        for _ in 0..WAITING_MAX / 11 {
            sequence += 1;
            let (waits, instead_of) = wait(&mut waiting, honest, sequence);
            let instead_of = instead_of.expect("there was no room");
            assert!(waits && flooders.contains(&instead_of));
        }
        assert_eq!(waiting.messages.len(), WAITING_MAX);
        // Nor do they get it back.
        for flooder in flooders.iter().cycle().take(1_000) {
            sequence += 1;
            let (_, instead_of) = wait(&mut waiting, *flooder, sequence);
            assert_ne!(instead_of, Some(honest));
        }
        waiting.overdue(WAITING_MS_MAX);
        assert!(waiting.messages.is_empty() && waiting.of_each.is_empty());
    }
}
