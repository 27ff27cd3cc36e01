//! What is kept, as a person who operates the server is shown it.

use dotkey_proto::dns::{RecordType, WireName};
use hickory_proto::op::ResponseCode;

use super::packet::{Kind, Packet};
use super::service::{Service, secs};

/// An answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The name that was asked for.
    pub name: WireName,
    /// The type.
    pub rtype: RecordType,
    /// Whether it is the answer for who wants signatures.
    pub dnssec: bool,
    /// Whether the name is under our suffix.
    pub is_ours: bool,
    /// How it went.
    pub rcode: ResponseCode,
    /// Whether all of it was verified here.
    pub verified: bool,
    /// The number of its extended error.
    pub extended_error: Option<u16>,
    /// For how long it is still given without asking again.
    pub left_secs: u32,
    /// The length of its message.
    pub wire_bytes: usize,
}

impl Service {
    /// The answers that are kept of a name and of those below it, or of all names; by name, and at most so many.
    #[must_use]
    pub fn list_kept(&self, under: Option<&WireName>, answers_max: usize) -> Vec<KeptAnswer> {
        let now = secs(self.now_ms());
        let packets = self.cache.list(under);
        let holding = packets.iter().filter(|packet| self.holds(packet, now));
        let mut shown: Vec<KeptAnswer> = holding.filter_map(|one| show(one, now)).collect();
        shown.sort_by(|one, other| {
            let of = |one: &KeptAnswer| (one.name.to_string(), one.rtype.0, one.dnssec);
            of(one).cmp(&of(other))
        });
        shown.truncate(answers_max);
        shown
    }
}

fn show(packet: &Packet, now: u32) -> Option<KeptAnswer> {
    let key = packet.key()?;
    Some(KeptAnswer {
        name: key.name,
        rtype: key.rtype,
        dnssec: key.dnssec,
        is_ours: packet.kind() == Kind::Ours,
        rcode: packet.rcode(),
        verified: packet.verified(),
        extended_error: packet.error(),
        left_secs: packet.held_until().saturating_sub(now),
        wire_bytes: packet.wire_bytes(),
    })
}
