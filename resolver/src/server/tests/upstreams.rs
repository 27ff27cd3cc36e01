//! Ordinary names by an upstream of the test's own, which writes down all that it is asked.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_proto::rr::Name;
use hickory_proto::rr::rdata::A;

use super::*;
use crate::ordinary::Ordinary;
use crate::rebinding::Rebinding;
use crate::upstream::{Address, Anchors, Settings, Upstream};

/// An upstream that answers every A with one address, and nothing else with anything.
pub(super) struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    /// What the answers' TTL is; at 0 it stays silent.
    ttl: Arc<AtomicU32>,
}

impl Fake {
    pub(super) async fn start(answer: [u8; 4]) -> Self {
        let socket = UdpSocket::bind((LOOPBACK, 0)).await.expect("a socket");
        let address = socket.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let written = Arc::clone(&asked);
        let ttl = Arc::new(AtomicU32::new(600));
        let ttl_now = Arc::clone(&ttl);
        tokio::spawn(async move {
            let mut buffer = vec![0; 4096];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.expect("a query");
                let query = Message::from_vec(&buffer[..length]).expect("a query");
                let question = query.queries[0].clone();
                let name = question.name().to_ascii().to_ascii_lowercase();
                written.lock().expect("whole").push(name);
                let ttl = ttl_now.load(Ordering::Relaxed);
                if ttl == 0 {
                    continue;
                }
                let mut reply =
                    Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
                reply.add_query(question.clone());
                if question.query_type() == Type::A {
                    let data = RData::A(A::from(std::net::Ipv4Addr::from(answer)));
                    let name: Name = question.name().clone();
                    reply.add_answer(Record::from_rdata(name, ttl, data));
                }
                let bytes = reply.to_vec().expect("it encodes");
                let _ = socket.send_to(&bytes, from).await;
            }
        });
        Self {
            address,
            asked,
            ttl,
        }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("whole").clone()
    }

    pub(super) fn service(&self) -> Arc<Service> {
        forwarding(self.address)
    }
}

/// A service whose ordinary names come from one upstream, which is believed.
pub(super) fn forwarding(address: SocketAddr) -> Arc<Service> {
    let mut config = config(gateway());
    let address: Address = address.to_string().parse().expect("an address");
    let settings = Settings {
        upstreams: vec![address],
        anchors: Anchors::none(),
        ours: Some(config.resolver.origin().clone()),
        ..Settings::default()
    };
    config.rules.ordinary = Arc::new(Ordinary {
        upstream: Some(Upstream::new(&settings).expect("an upstream")),
        ..Ordinary::default()
    });
    Arc::new(Service::new(config, [7; 32]))
}

#[tokio::test]
async fn ordinary_names_go_to_the_upstream_and_ours_never_do() {
    let upstream = Fake::start([198, 51, 100, 7]).await;
    let service = upstream.service();
    for name in [
        site(""),
        site("nothing."),
        "key.".to_owned(),
        "KEY.".to_owned(),
        "mysite.key.".to_owned(),
        "_x.y.mysite.kEy.".to_owned(),
    ] {
        for rtype in ["A", "AAAA", "NS", "DS", "ANY"] {
            ask(&service, &name, rtype, true).await;
        }
    }
    assert_eq!(upstream.asked(), Vec::<String>::new());
    let answer = ask(&service, "www.example.net.", "A", false).await;
    assert_eq!(shown(&answer.answers), ["A 198.51.100.7"]);
    assert!(!answer.metadata.authentic_data, "nobody has validated it");
    // The second time it is kept.
    let again = ask(&service, "WWW.example.net.", "A", false).await;
    assert_eq!(shown(&again.answers), ["A 198.51.100.7"]);
    assert_eq!(upstream.asked(), ["www.example.net."]);
}

#[tokio::test]
async fn an_alias_of_ours_goes_on_at_the_upstream() {
    let upstream = Fake::start([198, 51, 100, 7]).await;
    let service = upstream.service();
    let answer = ask(&service, &site("away."), "A", true).await;
    assert_eq!(
        shown(&answer.answers),
        ["CNAME www.example.net.", "A 198.51.100.7"]
    );
    // Only our part is signed, so that the whole is not called verified.
    assert!(!answer.metadata.authentic_data);
    assert_eq!(upstream.asked(), ["www.example.net."]);
}

#[tokio::test]
async fn ordinary_names_have_no_private_addresses() {
    for private in [
        [127, 0, 0, 1],
        [10, 1, 2, 3],
        [192, 168, 0, 1],
        [0, 0, 0, 0],
    ] {
        let upstream = Fake::start(private).await;
        let service = upstream.service();
        let answer = ask(&service, "rebound.example.net.", "A", false).await;
        assert_eq!(answer.metadata.response_code, FAILED);
        assert!(answer.answers.is_empty());
    }
}

#[tokio::test]
async fn names_of_ours_have_no_private_addresses_either_unless_that_is_meant() {
    let records = |shown: &str, data: &str| format!("[[record]]\nowner = \"{shown}\"\n{data}\n");
    let stranger: String = [
        records("home", "type = \"A\"\ndata = \"192.168.1.1\""),
        records("here", "type = \"AAAA\"\ndata = \"::1\""),
        records("hint", "type = \"HTTPS\"\ndata = \"1 . ipv4hint=10.0.0.1\""),
        records("alias", "type = \"CNAME\"\ndata = \"home\""),
        records("printer", "type = \"CNAME\"\ndata = \"printer.home.arpa.\""),
        records("fine", "type = \"A\"\ndata = \"192.0.2.9\""),
        "[[resource]]\nkind = \"frontend\"\nhost = \"app\"\n[[resource.provider]]\nid = \"one\"\nurl = \"https://10.0.0.7\"\n".to_owned(),
    ]
    .concat();
    let config_of = |via| {
        let source = Memory::default();
        source.tell(3, None, record(3, 1, &zone(&stranger)));
        let resolver = Resolver::builder().clock(now).source(source).build();
        let mut config = Config {
            resolver: resolver.expect("it is sound"),
            ..config(via)
        };
        let mut ordinary = Ordinary::default();
        let printer = ordinary.local.add("printer.home.arpa A 192.168.1.9");
        printer.expect("a record");
        config.rules.ordinary = Arc::new(ordinary);
        config
    };
    let asked: [(&str, &str); 6] = [
        ("home", "A"),
        ("here", "AAAA"),
        ("hint", "HTTPS"),
        ("alias", "A"),
        ("printer", "A"),
        ("app", "A"),
    ];
    let check = async |config: Config, is_refused: &dyn Fn(&str) -> bool| {
        let service = Arc::new(Service::new(config, [7; 32]));
        for (label, rtype) in asked {
            let answer = ask(
                &service,
                &format!("{label}.{}.key.", key_id(3)),
                rtype,
                true,
            )
            .await;
            let code = answer.metadata.response_code;
            assert_eq!(code == FAILED, is_refused(label), "{label}: {answer}");
            assert_eq!(
                answer.answers.is_empty(),
                is_refused(label),
                "{label}: {answer}"
            );
        }
        let fine = ask(&service, &format!("fine.{}.key.", key_id(3)), "A", false).await;
        assert_eq!(shown(&fine.answers), ["A 192.0.2.9"]);
    };
    // The gateway's own address is no stranger's choice.
    check(config_of(gateway()), &|label| label != "app").await;
    check(config_of(Via::Direct), &|_| true).await;
    let mut meant = config_of(Via::Direct);
    meant.rules.rebinding =
        Rebinding::refused_but_of(vec![format!("{}.key.", key_id(3)).parse().expect("a name")]);
    check(meant, &|_| false).await;
    let mut all = config_of(Via::Direct);
    all.rules.rebinding = Rebinding::allowed();
    check(all, &|_| false).await;
}

#[tokio::test]
async fn what_held_before_is_given_when_nobody_answers() {
    let upstream = Fake::start([198, 51, 100, 7]).await;
    upstream.ttl.store(1, Ordering::Relaxed);
    let service = upstream.service();
    let fresh = ask(&service, "www.example.net.", "A", false).await;
    assert_eq!(fresh.answers[0].ttl, 1);
    upstream.ttl.store(0, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    // The first waits for the upstream for a while, the second for nothing.
    for _ in 0..2 {
        let stale = ask(&service, "www.example.net.", "A", false).await;
        assert_eq!(shown(&stale.answers), ["A 198.51.100.7"]);
        assert_eq!(stale.answers[0].ttl, 30);
        let edns = stale.edns.expect("EDNS");
        let said = edns.option(EdnsCode::Unknown(15));
        assert!(
            matches!(said, Some(EdnsOption::Unknown(_, said)) if said.starts_with(&[0, 3])),
            "{said:?}"
        );
    }
    assert_eq!(service.counters.stale.load(Ordering::Relaxed), 1);
    // Names that were never known fail.
    let unknown = ask(&service, "other.example.net.", "A", false).await;
    assert_eq!(unknown.metadata.response_code, FAILED);
}

#[tokio::test]
async fn what_is_asked_for_is_fetched_again_before_its_time_is_over() {
    let upstream = Fake::start([198, 51, 100, 7]).await;
    upstream.ttl.store(10, Ordering::Relaxed);
    let service = upstream.service();
    for name in ["asked.example.net.", "forgotten.example.net."] {
        ask(&service, name, "A", false).await;
    }
    let renewed = || service.counters.renewed.load(Ordering::Relaxed);
    while renewed() == 0 {
        let answer = ask(&service, "asked.example.net.", "A", false).await;
        assert!(answer.answers[0].ttl > 0, "it never ran out");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    while upstream.asked().len() < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(upstream.asked()[2], "asked.example.net.");
    assert_eq!(renewed(), 1);
}

#[tokio::test]
async fn what_is_kept_is_shown_and_let_go_of() {
    let upstream = Fake::start([198, 51, 100, 7]).await;
    let service = upstream.service();
    for name in ["www.example.net.", "example.net.", &site("")] {
        ask(&service, name, "A", false).await;
    }
    let names = |under: Option<&str>| -> Vec<String> {
        let under: Option<WireName> = under.map(|under| under.parse().expect("a name"));
        let (found, kept) = service.list_kept(under.as_ref(), 10);
        assert_eq!(found, kept.len());
        kept.iter().map(|one| one.name.to_string()).collect()
    };
    assert_eq!(
        names(Some("example.net.")),
        ["example.net.", "www.example.net."]
    );
    assert_eq!(names(None).len(), 3);
    let www: WireName = "www.example.net.".parse().expect("a name");
    assert_eq!(service.flush_under(&www), 1);
    assert_eq!(names(Some("example.net.")), ["example.net."]);
    service.changed(&key_id(1));
    assert_eq!(names(Some("key.")), Vec::<String>::new());
    service.flush();
    assert_eq!(names(None), Vec::<String>::new());
}
