//! The service as a client meets it, with hickory's own decoder and verifier as the cross-check.

mod any;
mod changed;
mod hostile;
mod limited;
mod upstreams;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use dotkey_proto::dns::WireName;
use hickory_proto::dnssec::Verifier;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{DNSClass, RData, Record, RecordType as Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::*;
use crate::answer::made_up::{Gateway, Via};
use crate::answer::sign::Signer;
use crate::resolver::Resolver;
use crate::tests::{Memory, key_id, now, record, zone};
use crate::transport::Transport;

const SITE: &str = r#"
[[record]]
owner = "@"
type = "A"
data = "192.0.2.1"

[[record]]
owner = "www"
type = "CNAME"
data = "@"

[[record]]
owner = "away"
type = "CNAME"
data = "www.example.net."

[[record]]
owner = "old"
type = "DNAME"
data = "new"

[[record]]
owner = "a.new"
type = "TXT"
data = '"moved"'

[[record]]
owner = "*.wild"
type = "TXT"
data = '"Any"'

[[record]]
owner = "mail"
type = "MX"
data = "10 MX.Example.NET."

[[record]]
owner = "loop"
type = "CNAME"
data = "pool"

[[record]]
owner = "pool"
type = "CNAME"
data = "loop"

[[resource]]
kind = "frontend"
host = "app"

  [[resource.provider]]
  id = "one"
  url = "https://192.0.2.7:8443"
  pin = "sha256:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="

  [[resource.provider]]
  id = "two"
  url = "https://two.example.net"
  priority = 1
"#;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn service(via: Via) -> Arc<Service> {
    Arc::new(Service::new(config(via), [7; 32]))
}

fn config(via: Via) -> Config {
    let source = Memory::default();
    source.tell(1, None, record(1, 1, &zone(SITE)));
    let many: String = (0..120)
        .map(|at| format!("[[record]]\nowner = \"@\"\ntype = \"TXT\"\ndata = '\"number {at} of many strings\"'\n"))
        .collect();
    source.tell(2, None, record(2, 1, &zone(&many)));
    let resolver = Resolver::builder().clock(now).source(source).build();
    let resolver = resolver.expect("it is sound");
    let key = Signer::generate().expect("a key");
    let signer = Signer::new(&key, resolver.origin()).expect("a key");
    let mut config = Config::new(resolver, signer, via);
    config.rules.nsid = "here".to_owned();
    config
}

fn gateway() -> Via {
    Via::Gateway(Gateway {
        addresses: vec![LOOPBACK],
        https_port: Some(8443),
        alpn: vec!["h2".to_owned()],
    })
}

fn site(below: &str) -> String {
    format!("{below}{}.key.", key_id(1))
}

fn query(name: &str, rtype: &str, dnssec: bool) -> Message {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    let name: WireName = name.parse().expect(name);
    message.add_query(Query::query(name_of(&name), rtype.parse().expect(rtype)));
    let mut edns = Edns::new();
    edns.set_max_payload(4096).set_dnssec_ok(dnssec);
    message.set_edns(edns);
    message
}

async fn ask_over(
    service: &Arc<Service>,
    query: &Message,
    transport: Transport,
) -> Option<Message> {
    let client = Client {
        address: LOOPBACK,
        transport,
    };
    let reply = service
        .answer(&query.to_vec().expect("it encodes"), client)
        .await?;
    Some(Message::from_vec(&reply.bytes).expect("hickory reads it"))
}

async fn ask(service: &Arc<Service>, name: &str, rtype: &str, dnssec: bool) -> Message {
    let query = query(name, rtype, dnssec);
    ask_over(service, &query, Transport::Tcp)
        .await
        .expect("an answer")
}

/// The records of a section but signatures, as `TYPE data`.
fn shown(records: &[Record]) -> Vec<String> {
    let plain = records
        .iter()
        .filter(|one| one.record_type() != Type::RRSIG);
    plain
        .map(|one| format!("{} {}", one.record_type(), one.data))
        .collect()
}

/// What a name is answered with, and that exactly a denial has an SOA.
async fn check(
    service: &Arc<Service>,
    (name, rtype): (&str, &str),
    expected: (ResponseCode, &[&str]),
) {
    let answer = ask(service, name, rtype, false).await;
    let (rcode, answers) = expected;
    assert_eq!(answer.metadata.response_code, rcode, "{name} {rtype}");
    assert_eq!(shown(&answer.answers), answers, "{name} {rtype}");
    let failed = matches!(rcode, ResponseCode::ServFail | ResponseCode::Refused);
    let soa = |one: &Record| one.record_type() == Type::SOA;
    let denied = answers.is_empty() && !failed;
    assert_eq!(answer.authorities.iter().any(soa), denied, "{name} {rtype}");
    assert!(answer.authorities.iter().all(soa));
}

const OK: ResponseCode = ResponseCode::NoError;
const NONE: ResponseCode = ResponseCode::NXDomain;
const FAILED: ResponseCode = ResponseCode::ServFail;

#[tokio::test]
async fn questions_have_the_answers_of_their_zone() {
    let service = service(gateway());
    let check = async |name: &str, rtype, rcode, answers: &[&str]| {
        check(&service, (name, rtype), (rcode, answers)).await;
    };
    let apex = site("");
    check(&apex, "A", OK, &["A 192.0.2.1"]).await;
    check(&apex.to_ascii_uppercase(), "A", OK, &["A 192.0.2.1"]).await;
    check(&apex, "AAAA", OK, &[]).await;
    check(&site("x.y.wild."), "TXT", OK, &["TXT Any"]).await;
    check(&site("x.wild."), "A", OK, &[]).await;
    check(&site("nothing."), "A", NONE, &[]).await;
    check(&site("app."), "A", OK, &["A 127.0.0.1"]).await;
    check(&site("app."), "AAAA", OK, &[]).await;
    let https = "HTTPS 1 . alpn=h2, port=8443 ipv4hint=127.0.0.1,";
    check(&site("app."), "HTTPS", OK, &[https]).await;
    check(&apex, "ANY", OK, &["HINFO RFC8482 "]).await;
    let soa = "SOA key. nobody.invalid. 1 3600 1200 604800 300";
    check("key.", "SOA", OK, &[soa]).await;
    check("key.", "A", OK, &[]).await;
    // No claim, and no ledger to ask.
    check("mysite.key.", "A", FAILED, &[]).await;
    check("not_a_claim.key.", "A", NONE, &[]).await;
    check("example.net.", "A", ResponseCode::Refused, &[]).await;
}

#[tokio::test]
async fn aliases_are_followed_as_far_as_they_lead() {
    let service = service(gateway());
    let check = async |name: &str, rtype, rcode, answers: &[&str]| {
        check(&service, (name, rtype), (rcode, answers)).await;
    };
    let alias = format!("CNAME {}", site(""));
    check(&site("www."), "A", OK, &[&alias, "A 192.0.2.1"]).await;
    check(&site("www."), "CNAME", OK, &[&alias]).await;
    // Without an upstream the client goes on by itself.
    check(&site("away."), "A", OK, &["CNAME www.example.net."]).await;
    check(&site("loop."), "A", FAILED, &[]).await;
    let moved = ask(&service, &site("a.old."), "TXT", false).await;
    let types: Vec<Type> = moved.answers.iter().map(Record::record_type).collect();
    assert_eq!(types, [Type::from(39), Type::CNAME, Type::TXT]);
}

#[tokio::test]
async fn direct_answers_are_the_providers_with_their_pins() {
    let service = service(Via::Direct);
    let check = async |name: &str, rtype: &str, answers: &[&str]| {
        let answer = ask(&service, name, rtype, false).await;
        assert_eq!(shown(&answer.answers), answers, "{name} {rtype}");
    };
    check(&site("app."), "A", &["A 192.0.2.7"]).await;
    let https = ask(&service, &site("app."), "HTTPS", false).await;
    assert_eq!(https.answers.len(), 2);
    let pin = format!("TLSA 3 1 1 {}", "07".repeat(32));
    let tlsa = ask(&service, &site("_8443._tcp.app."), "TLSA", false).await;
    assert_eq!(
        shown(&tlsa.answers)
            .iter()
            .map(|one| one.to_ascii_lowercase())
            .collect::<Vec<_>>(),
        [pin.to_ascii_lowercase()]
    );
    check(&site("_443._tcp.app."), "TLSA", &[]).await;
}

/// Every set of an answer that was asked for with DO is signed, and hickory's verifier takes each signature.
fn verify(answer: &Message, dnskey: &DNSKEY) -> usize {
    let mut verified = 0;
    for section in [&answer.answers, &answer.authorities] {
        for signature in section.iter() {
            let RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) = &signature.data else {
                continue;
            };
            let covered = rrsig.input().type_covered;
            let set = section
                .iter()
                .filter(|one| one.name == signature.name && one.record_type() == covered);
            let taken = dnskey.verify_rrsig(&signature.name, DNSClass::IN, rrsig, set);
            taken.unwrap_or_else(|error| panic!("{} {covered}: {error}", signature.name));
            verified += 1;
        }
    }
    verified
}

async fn dnskey(service: &Arc<Service>) -> DNSKEY {
    let answer = ask(service, "key.", "DNSKEY", true).await;
    let found = answer.answers.iter().find_map(|one| match &one.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key.clone()),
        _ => None,
    });
    found.expect("a key")
}

#[tokio::test]
async fn hickory_accepts_every_signature() {
    let service = service(gateway());
    let dnskey = dnskey(&service).await;
    for (name, rtype, signatures) in [
        ("key.".to_owned(), "DNSKEY", 1),
        ("key.".to_owned(), "TXT", 2),
        (site(""), "A", 1),
        (site("www."), "A", 2),
        (site("mail."), "MX", 1),
        (site("x.wild."), "TXT", 1),
        // The CNAME that a DNAME amounts to has no signature.
        (site("a.old."), "TXT", 2),
        (site("app."), "HTTPS", 1),
        (site(""), "AAAA", 2),
        (site("nothing."), "A", 3),
        ("no-such_name.key.".to_owned(), "A", 3),
    ] {
        let answer = ask(&service, &name, rtype, true).await;
        assert_eq!(
            verify(&answer, &dnskey),
            signatures,
            "{name} {rtype} {answer}"
        );
        assert!(answer.metadata.authentic_data, "{name} {rtype}");
    }
    let failed = ask(&service, "mysite.key.", "A", true).await;
    assert!(!failed.metadata.authentic_data);
    let said = failed
        .edns
        .as_ref()
        .and_then(|edns| edns.option(EdnsCode::Unknown(15)).cloned());
    let Some(EdnsOption::Unknown(_, said)) = said else {
        panic!("an extended error")
    };
    assert_eq!(&said[..2], [0, 21]);
}

#[tokio::test]
async fn long_answers_are_cut_over_udp_alone() {
    let service = service(gateway());
    let asked = query(&format!("{}.key.", key_id(2)), "TXT", false);
    let cut = ask_over(&service, &asked, Transport::Udp)
        .await
        .expect("an answer");
    assert!(cut.metadata.truncation && cut.answers.is_empty());
    let whole = ask_over(&service, &asked, Transport::Tcp)
        .await
        .expect("an answer");
    assert!(!whole.metadata.truncation);
    assert_eq!(whole.answers.len(), 120);
}

#[tokio::test]
async fn edns_is_answered_as_its_documents_say() {
    let service = service(gateway());
    let mut asked = query(&site(""), "A", false);
    let options = asked.edns.as_mut().expect("it has some").options_mut();
    options.insert(EdnsOption::Unknown(10, vec![1; 8]));
    options.insert(EdnsOption::Unknown(3, Vec::new()));
    options.insert(EdnsOption::Unknown(12, vec![0; 8]));
    let option = |answer: &Message, code: u16| {
        let edns = answer.edns.as_ref().expect("EDNS");
        edns.option(EdnsCode::from(code)).cloned()
    };
    let plain = ask_over(&service, &asked, Transport::Udp)
        .await
        .expect("an answer");
    assert!(
        matches!(option(&plain, 10), Some(EdnsOption::Unknown(_, cookie)) if cookie.len() == 24)
    );
    assert!(option(&plain, 3).is_some());
    assert!(option(&plain, 12).is_none());
    // Padding where the path cannot see inside.
    let bytes = asked.to_vec().expect("it encodes");
    let client = Client {
        address: LOOPBACK,
        transport: Transport::Tls,
    };
    let padded = service
        .answer(&bytes, client)
        .await
        .expect("an answer")
        .bytes;
    assert_eq!(padded.len() % crate::edns::ANSWER_PADDING_BYTES, 0);
    let mut versioned = query(&site(""), "A", false);
    versioned.edns.as_mut().expect("it has some").set_version(1);
    let refused = ask_over(&service, &versioned, Transport::Udp)
        .await
        .expect("an answer");
    assert_eq!(refused.edns.as_ref().expect("EDNS").rcode_high(), 1);
    let mut without = query(&site(""), "A", false);
    without.edns = None;
    let answer = ask_over(&service, &without, Transport::Udp)
        .await
        .expect("an answer");
    assert!(answer.edns.is_none() && !answer.metadata.authentic_data);
}

#[tokio::test]
async fn what_is_no_question_is_refused_or_met_with_silence() {
    let service = service(gateway());
    let check = async |query: &Message, expected: Option<ResponseCode>| {
        let answer = ask_over(&service, query, Transport::Udp).await;
        assert_eq!(answer.map(|answer| answer.metadata.response_code), expected);
    };
    let mut response = query(&site(""), "A", false);
    response.metadata.message_type = MessageType::Response;
    check(&response, None).await;
    let mut notify = query(&site(""), "A", false);
    notify.metadata.op_code = OpCode::Notify;
    check(&notify, Some(ResponseCode::NotImp)).await;
    let mut two = query(&site(""), "A", false);
    two.add_query(two.queries[0].clone());
    check(&two, Some(ResponseCode::FormErr)).await;
    check(
        &query(&site(""), "AXFR", false),
        Some(ResponseCode::Refused),
    )
    .await;
    let mut chaos = query("version.bind.", "TXT", false);
    chaos.queries[0].set_query_class(DNSClass::CH);
    check(&chaos, Some(ResponseCode::Refused)).await;
    let stranger = Client {
        address: [203, 0, 113, 9].into(),
        transport: Transport::Udp,
    };
    let bytes = query(&site(""), "A", false).to_vec().expect("it encodes");
    assert_eq!(service.answer(&bytes, stranger).await, None);
}

#[tokio::test]
async fn listeners_answer_pipelined_queries_and_outlive_bad_ones() {
    let service = service(gateway());
    let any: SocketAddr = (LOOPBACK, 0).into();
    let listen = Listen {
        dns: Some(any),
        udp_sockets: 2,
        ..Listen::default()
    };
    let server = Server::start(&listen, &service, None).expect("it listens");
    let address = server.addresses().dns.expect("an address");
    let asked = query(&site(""), "A", false).to_vec().expect("it encodes");
    let udp = UdpSocket::bind(any).await.expect("a socket");
    for length in [0, 1, 11, 12, 500, 4096, 60_000] {
        udp.send_to(&vec![0x55; length], address)
            .await
            .expect("sent");
    }
    let mut buffer = vec![0; 4096];
    udp.send_to(&asked, address).await.expect("sent");
    // Some of the bad ones were long enough to be answered with FORMERR.
    let answer = loop {
        let length = udp.recv(&mut buffer).await.expect("an answer");
        let answer = Message::from_vec(&buffer[..length]).expect("hickory reads it");
        if answer.metadata.response_code == ResponseCode::NoError {
            break answer;
        }
    };
    assert_eq!(answer.answers.len(), 1);
    // A connection that sends what is none ends; others go on.
    let mut bad = TcpStream::connect(address).await.expect("connected");
    bad.write_all(&[0, 3, 1, 2, 3]).await.expect("sent");
    assert_eq!(bad.read(&mut buffer).await.expect("the end"), 0);
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let framed = [&(asked.len() as u16).to_be_bytes()[..], &asked].concat();
    stream.write_all(&framed.repeat(100)).await.expect("sent");
    for _ in 0..100 {
        let length = stream.read_u16().await.expect("an answer");
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(
            Message::from_vec(&answer)
                .expect("hickory reads it")
                .answers
                .len(),
            1
        );
    }
    server.stop().await;
}
