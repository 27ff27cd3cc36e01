//! Ordinary names by an upstream of the test's own, which writes down all that it is asked.

use std::sync::{Arc, Mutex};

use hickory_proto::rr::Name;
use hickory_proto::rr::rdata::A;

use super::*;
use crate::ordinary::Ordinary;
use crate::upstream::{Address, Anchors, Settings, Upstream};

/// An upstream that answers every A with one address, and nothing else with anything.
struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    async fn start(answer: [u8; 4]) -> Self {
        let socket = UdpSocket::bind((LOOPBACK, 0)).await.expect("a socket");
        let address = socket.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let written = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = vec![0; 4096];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.expect("a query");
                let query = Message::from_vec(&buffer[..length]).expect("a query");
                let question = query.queries[0].clone();
                let name = question.name().to_ascii().to_ascii_lowercase();
                written.lock().expect("whole").push(name);
                let mut reply =
                    Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
                reply.add_query(question.clone());
                if question.query_type() == Type::A {
                    let data = RData::A(A::from(std::net::Ipv4Addr::from(answer)));
                    let name: Name = question.name().clone();
                    reply.add_answer(Record::from_rdata(name, 600, data));
                }
                let bytes = reply.to_vec().expect("it encodes");
                let _ = socket.send_to(&bytes, from).await;
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("whole").clone()
    }

    fn service(&self) -> Service {
        let address: Address = self.address.to_string().parse().expect("an address");
        let settings = Settings {
            upstreams: vec![address],
            anchors: Anchors::none(),
            ..Settings::default()
        };
        let upstream = Upstream::new(&settings).expect("an upstream");
        let mut service = service(gateway());
        service.config.ordinary = Arc::new(Ordinary {
            upstream: Some(upstream),
            ..Ordinary::default()
        });
        service
    }
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
