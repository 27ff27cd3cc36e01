//! A private DNS for tests: a root, zones below it, signed as real ones are and broken in chosen ways, served by what looks like a
//! recursive resolver and may itself be dead, slow or a liar.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use dotkey_proto::dns::{RecordType, WireName, rdata};
use dotkey_proto::time::Timestamp;
use hickory_proto::dnssec::rdata::DNSKEY;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::NULL;
use hickory_proto::rr::{RData, Record, RecordType as Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::trap::Trap;
use crate::answer::sign::Signer;
use crate::answer::{Set, denial};
use crate::server::name_of;
use crate::upstream::said::wire_name;

/// What is wrong with a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bent {
    Nothing,
    /// It has no keys, and its parent proves that.
    Unsigned,
    Expired,
    NotYet,
    /// Its signatures are left out.
    Stripped,
    /// Its parent names another key.
    OtherKey,
    /// Its keys are left out.
    NoKeys,
    /// Nobody has signed its keys.
    KeysUnsigned,
    /// Its keys were signed until some time ago, its data is signed now.
    KeysExpired,
    /// It has no keys, and denies that it is a zone.
    DeniesItself,
    /// What it denies is not proved.
    NoProof,
    /// Its data was changed after it was signed.
    Changed,
    /// Its keys and signatures are of an algorithm that we do not know.
    UnknownAlgorithm,
}

struct Zone {
    origin: WireName,
    signer: Signer,
    sets: Vec<Set>,
    bent: Bent,
    trap: Option<Trap>,
}

/// Zones, the root first.
pub(super) struct World(Vec<Zone>);

const TTL: u32 = 300;

/// Ed448.
const UNKNOWN_ALGORITHM: u8 = 16;

pub(super) fn name(text: &str) -> WireName {
    WireName::parse(text, Some(&WireName::root())).expect(text)
}

fn set(owner: &str, rtype: &str, text: &str) -> Set {
    let rtype: RecordType = rtype.parse().expect(rtype);
    let data = rdata::from_text(rtype, text, Some(&WireName::root())).expect(text);
    Set {
        owner: name(owner),
        rtype,
        ttl: TTL,
        rdata: vec![data],
    }
}

impl World {
    /// A root without anything.
    pub(super) fn new() -> Self {
        let mut world = Self(Vec::new());
        world.zone(".", Bent::Nothing, &[]);
        world
    }

    /// A zone with records `OWNER TYPE DATA`.
    pub(super) fn zone(&mut self, origin: &str, bent: Bent, records: &[(&str, &str, &str)]) {
        let origin = name(origin);
        let signer = Signer::generate().and_then(|key| Signer::new(&key, &origin));
        let mut sets: Vec<Set> = records
            .iter()
            .map(|(owner, rtype, data)| set(owner, rtype, data))
            .collect();
        let apex = origin.to_string();
        sets.push(set(&apex, "SOA", "ns. host. 1 3600 600 86400 60"));
        sets.push(set(&apex, "NS", "ns."));
        self.0.push(Zone {
            origin,
            signer: signer.expect("a key"),
            sets,
            bent,
            trap: None,
        });
    }

    /// Puts others beside the keys, digests and signatures of the newest zone.
    pub(super) fn set_trap(&mut self, trap: Trap) {
        self.0.last_mut().expect("a zone").trap = Some(trap);
    }

    /// The anchor of a zone, as a line.
    pub(super) fn anchor(&self, origin: &str) -> String {
        let zone = self.0.iter().find(|zone| zone.origin == name(origin));
        format!("{origin} DS {}", zone.expect(origin).signer.ds())
    }

    fn answer(&self, query: &Query) -> (ResponseCode, Vec<Set>, Vec<Set>) {
        let (mut answers, mut authorities) = (Vec::new(), Vec::new());
        let mut at = wire_name(query.name()).expect("a name");
        let rtype = RecordType(query.query_type().into());
        for _ in 0..10 {
            let zone = self.zone_of(&at, rtype);
            let (found, next) = zone.find(&at, rtype, self);
            let denies = found.is_empty();
            for (set, is_signed) in found {
                zone.push(&mut answers, set, is_signed);
            }
            if let Some(next) = next {
                at = next;
                continue;
            }
            if !denies {
                return (ResponseCode::NoError, answers, authorities);
            }
            let (rcode, proof) = zone.deny(&at, self);
            for set in proof {
                zone.push(&mut authorities, set, true);
            }
            return (rcode, answers, authorities);
        }
        (ResponseCode::NoError, answers, authorities)
    }

    fn zone_of(&self, at: &WireName, rtype: RecordType) -> &Zone {
        let zones = self.0.iter().filter(|zone| {
            let above = at.relative_to(&zone.origin);
            let is_parents = rtype == RecordType::DS && !zone.origin.is_root();
            above.is_ok_and(|owner| !(owner.is_apex() && is_parents))
        });
        zones
            .max_by_key(|zone| zone.origin.as_wire().len())
            .expect("the root has all")
    }

    fn cut(&self, parent: &Zone, at: &WireName) -> Option<&Zone> {
        self.0
            .iter()
            .find(|zone| zone.origin == *at && zone.origin != parent.origin)
    }
}

impl Zone {
    /// Sets, each with whether it is signed, and where they lead.
    fn find(
        &self,
        at: &WireName,
        rtype: RecordType,
        world: &World,
    ) -> (Vec<(Set, bool)>, Option<WireName>) {
        let own = |rtype: RecordType, data: Vec<u8>| Set {
            owner: at.clone(),
            rtype,
            ttl: TTL,
            rdata: vec![data],
        };
        if rtype == RecordType::DNSKEY && *at == self.origin {
            let keys = own(rtype, self.signer.dnskey().to_vec());
            return (self.keys(keys).into_iter().collect(), None);
        }
        if rtype == RecordType::NS && self.bent == Bent::DeniesItself {
            return (Vec::new(), None);
        }
        if rtype == RecordType::DS
            && let Some(child) = world.cut(self, at)
            && !child.is_unsigned()
        {
            let text = child.signer.ds();
            let mut data = rdata::from_text(rtype, &text, None).expect("a DS");
            match child.bent {
                Bent::OtherKey => *data.last_mut().expect("a digest") ^= 1,
                Bent::UnknownAlgorithm => {
                    data[..2].copy_from_slice(&child.unknown_tag());
                    data[2] = UNKNOWN_ALGORITHM;
                }
                _ => {}
            }
            let mut digests = own(rtype, data);
            digests
                .rdata
                .extend(child.trap.iter().flat_map(Trap::digests));
            return (vec![(digests, true)], None);
        }
        let of = |owner: &WireName, rtype| {
            self.sets
                .iter()
                .find(|set| set.owner == *owner && set.rtype == rtype)
                .cloned()
        };
        if let Some(found) = of(at, rtype) {
            return (vec![(found, true)], None);
        }
        if let Some(found) = of(at, RecordType::CNAME) {
            let target = WireName::from_wire(&found.rdata[0]).expect("a name");
            return (vec![(found, true)], Some(target));
        }
        let dname = self.sets.iter().find(|set| {
            set.rtype == RecordType::DNAME
                && at.relative_to(&set.owner).is_ok_and(|it| !it.is_apex())
        });
        if let Some(dname) = dname {
            let target = WireName::from_wire(&dname.rdata[0]).expect("a name");
            let below = at.relative_to(&dname.owner).expect("it is below");
            let next = below.in_zone(&target).expect("it fits");
            let alias = own(RecordType::CNAME, next.as_wire().to_vec());
            return (vec![(dname.clone(), true), (alias, false)], Some(next));
        }
        (Vec::new(), None)
    }

    /// Its keys as it gives them.
    fn keys(&self, mut keys: Set) -> Option<(Set, bool)> {
        if self.bent == Bent::UnknownAlgorithm {
            keys.rdata[0][3] = UNKNOWN_ALGORITHM;
        }
        keys.rdata.extend(self.trap.iter().flat_map(Trap::keys));
        let is_there = self.bent != Bent::NoKeys && !self.is_unsigned();
        is_there.then_some((keys, self.bent != Bent::KeysUnsigned))
    }

    fn deny(&self, at: &WireName, world: &World) -> (ResponseCode, Vec<Set>) {
        let soa = self
            .sets
            .iter()
            .find(|set| set.rtype == RecordType::SOA)
            .cloned();
        let mut proof = vec![soa.expect("each has one")];
        let is_cut = world.cut(self, at).is_some();
        let below = |owner: &WireName| owner.relative_to(at).is_ok();
        let exists = self.sets.iter().any(|set| below(&set.owner)) || is_cut;
        let rcode = if exists {
            ResponseCode::NoError
        } else {
            ResponseCode::NXDomain
        };
        if self.bent == Bent::NoProof {
            return (rcode, proof);
        }
        if exists {
            let mut types: Vec<RecordType> = self
                .sets
                .iter()
                .filter(|set| set.owner == *at)
                .map(|set| set.rtype)
                .collect();
            if is_cut {
                types.push(RecordType::NS);
            }
            proof.push(denial::no_data(at, &types, TTL));
        } else {
            proof.extend(denial::no_name(at, &self.origin, TTL).expect("a name"));
        }
        (rcode, proof)
    }

    /// The tag of its key, where that is of an algorithm that we do not know.
    fn unknown_tag(&self) -> [u8; 2] {
        let mut key = self.signer.dnskey().to_vec();
        key[3] = UNKNOWN_ALGORITHM;
        DNSKEY::calculate_key_tag_internal(&key).to_be_bytes()
    }

    fn is_unsigned(&self) -> bool {
        matches!(self.bent, Bent::Unsigned | Bent::DeniesItself)
    }

    fn push(&self, out: &mut Vec<Set>, mut set: Set, is_signed: bool) {
        const DAYS_SECS: u64 = 10 * 86_400;
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let at = match self.bent {
            Bent::KeysExpired if set.rtype == RecordType::DNSKEY => now - DAYS_SECS,
            Bent::Expired => now - DAYS_SECS,
            Bent::NotYet => now + DAYS_SECS,
            _ => now,
        };
        let mut signature = self
            .signer
            .sign(&set, Timestamp::from_secs(at).expect("in range"));
        let is_data = set.rtype == RecordType::A;
        if self.bent == Bent::Changed && is_data {
            *set.rdata[0].last_mut().expect("some") ^= 1;
        }
        if self.bent == Bent::UnknownAlgorithm {
            signature.rdata[0][2] = UNKNOWN_ALGORITHM;
            signature.rdata[0][16..18].copy_from_slice(&self.unknown_tag());
        }
        if let Some(trap) = &self.trap {
            trap.surround(&mut signature.rdata, set.rtype);
        }
        let strips = self.bent == Bent::Stripped && set.rtype != RecordType::DNSKEY;
        out.push(set);
        if is_signed && !self.is_unsigned() && !strips {
            out.push(signature);
        }
    }
}

/// What an upstream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Answers,
    Nothing,
    Servfail,
    OtherQuestion,
    OtherId,
    /// Each address is the liar's.
    Forges,
    /// Answers after so many milliseconds.
    Slow(u64),
    /// Cuts its packets; the rest is to be had over TCP.
    Cuts,
    /// Cuts its packets, and closes each connection.
    CutsAndCloses,
    /// Knows no EDNS, and says so.
    KnowsNoEdns,
}

/// An upstream that runs.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    asked: Arc<AtomicUsize>,
    names: Arc<Mutex<Vec<String>>>,
}

pub(super) const LIE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 66);

impl Server {
    pub(super) async fn start(world: &Arc<World>, does: Does) -> Self {
        let any = (Ipv4Addr::LOCALHOST, 0);
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind(any).await.expect("a port");
            let address = tcp.local_addr().expect("an address");
            if let Ok(udp) = UdpSocket::bind(address).await {
                break (tcp, udp);
            }
        };
        let address = udp.local_addr().expect("an address");
        let asked: Arc<AtomicUsize> = Arc::default();
        let names: Arc<Mutex<Vec<String>>> = Arc::default();
        let one = Arc::new(One {
            world: Arc::clone(world),
            does,
            asked: Arc::clone(&asked),
            names: Arc::clone(&names),
        });
        tokio::spawn(Arc::clone(&one).packets(udp));
        tokio::spawn(one.connections(tcp));
        Self {
            address,
            asked,
            names,
        }
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// What it was asked for, in small letters.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.lock().expect("whole").clone()
    }
}

struct One {
    world: Arc<World>,
    does: Does,
    asked: Arc<AtomicUsize>,
    names: Arc<Mutex<Vec<String>>>,
}

impl One {
    async fn packets(self: Arc<Self>, socket: UdpSocket) {
        let socket = Arc::new(socket);
        let mut buffer = vec![0; 4096];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
                continue;
            };
            let query = Message::from_vec(&buffer[..length]).expect("a query");
            let (one, socket) = (Arc::clone(&self), Arc::clone(&socket));
            tokio::spawn(async move {
                if let Some(reply) = one.reply(&query, true).await {
                    // Who asked may have gone.
                    let _ = socket
                        .send_to(&reply.to_vec().expect("it encodes"), from)
                        .await;
                }
            });
        }
    }

    async fn connections(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else {
                continue;
            };
            if self.does == Does::CutsAndCloses {
                continue;
            }
            let one = Arc::clone(&self);
            tokio::spawn(async move {
                while let Ok(length) = stream.read_u16().await {
                    let mut query = vec![0; length.into()];
                    stream.read_exact(&mut query).await.expect("all of it");
                    let query = Message::from_vec(&query).expect("a query");
                    if let Some(reply) = one.reply(&query, false).await {
                        let bytes = reply.to_vec().expect("it encodes");
                        let length = u16::try_from(bytes.len()).expect("short");
                        let framed = [&length.to_be_bytes()[..], &bytes].concat();
                        // Who asked may have gone.
                        let _ = stream.write_all(&framed).await;
                    }
                }
            });
        }
    }

    async fn reply(&self, query: &Message, is_packet: bool) -> Option<Message> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let question = &query.queries[0];
        let shown = question.name().to_ascii().to_ascii_lowercase();
        self.names.lock().expect("whole").push(shown);
        let mut reply = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
        reply.add_query(question.clone());
        let (rcode, mut answers, authorities) = self.world.answer(question);
        match self.does {
            Does::Nothing => return None,
            Does::Servfail => {
                reply.metadata.response_code = ResponseCode::ServFail;
                return Some(reply);
            }
            Does::KnowsNoEdns if query.edns.is_some() => {
                reply.metadata.response_code = ResponseCode::FormErr;
                return Some(reply);
            }
            Does::OtherQuestion => {
                reply.queries[0].set_name(name_of(&name("other.question")));
            }
            Does::OtherId => reply.metadata.id ^= 1,
            Does::Forges => {
                let forged = answers.iter_mut().filter(|set| set.rtype == RecordType::A);
                forged.for_each(|set| set.rdata = vec![LIE.octets().to_vec()]);
            }
            Does::Slow(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Does::Cuts | Does::CutsAndCloses if is_packet => {
                reply.metadata.truncation = true;
                return Some(reply);
            }
            _ => {}
        }
        let records = |sets: Vec<Set>| sets.into_iter().flat_map(|set| records_of(&set)).collect();
        reply.metadata.response_code = rcode;
        reply.answers = records(answers);
        reply.authorities = records(authorities);
        Some(reply)
    }
}

fn records_of(set: &Set) -> Vec<Record> {
    let of = |data: &Vec<u8>| {
        let data = RData::Unknown {
            code: Type::from(set.rtype.0),
            rdata: NULL::with(data.clone()),
        };
        Record::from_rdata(name_of(&set.owner), set.ttl, data)
    };
    set.rdata.iter().map(of).collect()
}
