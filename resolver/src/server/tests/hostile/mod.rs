//! Upstreams that lie, stall and flood. They cannot make us say anything under our suffix, and cost us little.

mod counted;

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hickory_proto::rr::Name;
use hickory_proto::rr::rdata::{A, CNAME, NULL};

use super::*;

/// What an upstream answers a query with, over TCP or not: messages, in their order.
type Says = dyn Fn(&Message, bool) -> Vec<Vec<u8>> + Send + Sync;

/// An upstream that says what it likes, and writes down all that it is asked.
struct Liar {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Liar {
    async fn start(says: impl Fn(&Message, bool) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind((LOOPBACK, 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        let socket = UdpSocket::bind(address).await.expect("the same port");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let says: Arc<Says> = Arc::new(says);
        let (told, over_udp) = (Arc::clone(&asked), Arc::clone(&says));
        tokio::spawn(async move {
            let mut buffer = vec![0; 4096];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.expect("a query");
                for bytes in answers((&buffer[..length], false), &told, &over_udp) {
                    // What fits no packet is for TCP.
                    let _ = socket.send_to(&bytes, from).await;
                }
            }
        });
        let told = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&told), Arc::clone(&says)));
            }
        });
        Self { address, asked }
    }

    /// The names that it was asked for.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("whole").clone()
    }

    fn service(&self) -> Arc<Service> {
        super::upstreams::forwarding(self.address)
    }

    fn asserts_nothing_of_ours_was_asked(&self) {
        let asked = self.asked();
        let ours = asked.iter().find(|name| name.ends_with(".key."));
        assert_eq!(ours, None, "{asked:?}");
    }
}

async fn converse(mut stream: TcpStream, told: Arc<Mutex<Vec<String>>>, says: Arc<Says>) {
    while let Ok(length) = stream.read_u16().await {
        let mut query = vec![0; length.into()];
        if stream.read_exact(&mut query).await.is_err() {
            return;
        }
        for bytes in answers((&query, true), &told, &says) {
            let length = u16::try_from(bytes.len()).expect("a message");
            let framed = [&length.to_be_bytes()[..], &bytes].concat();
            if stream.write_all(&framed).await.is_err() {
                return;
            }
        }
    }
}

fn answers(
    (query, over_tcp): (&[u8], bool),
    told: &Mutex<Vec<String>>,
    says: &Arc<Says>,
) -> Vec<Vec<u8>> {
    let query = Message::from_vec(query).expect("a query");
    let name = query.queries[0].name().to_ascii().to_ascii_lowercase();
    told.lock().expect("whole").push(name);
    says(&query, over_tcp)
}

/// An answer to a query, still empty.
fn reply_to(query: &Message) -> Message {
    let mut reply = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    reply.metadata.recursion_available = true;
    reply.add_query(query.queries[0].clone());
    reply
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).expect(text)
}

fn address(owner: &Name, host: u8) -> Record {
    let data = RData::A(A::new(198, 51, 100, host));
    Record::from_rdata(owner.clone(), 600, data)
}

fn alias(owner: &Name, target: &str) -> Record {
    Record::from_rdata(owner.clone(), 600, RData::CNAME(CNAME(name(target))))
}

/// Asserts that an answer says nothing of the names under our suffix but where an alias leads.
fn says_nothing_of_ours(answer: &Message) {
    let records = answer.answers.iter();
    let records = records
        .chain(&answer.authorities)
        .chain(&answer.additionals);
    let suffix = name("key.");
    for record in records {
        assert!(!suffix.zone_of(&record.name), "{answer}");
    }
}

#[tokio::test]
async fn nothing_under_our_suffix_is_believed_or_passed_on() {
    let ours = [site(""), "hello.key.".to_owned(), "KEY.".to_owned()];
    let forged = ours.clone();
    let liar = Liar::start(move |query, _| {
        let mut reply = reply_to(query);
        let asked = query.queries[0].name().clone();
        reply.add_answer(address(&asked, 1));
        for name_of_ours in &forged {
            reply.add_answer(address(&name(name_of_ours), 66));
            reply.add_authority(address(&name(name_of_ours), 66));
            reply.add_additional(address(&name(name_of_ours), 66));
        }
        vec![reply.to_vec().expect("it encodes")]
    })
    .await;
    let service = liar.service();
    let answer = ask(&service, "www.example.net.", "A", true).await;
    says_nothing_of_ours(&answer);
    assert_eq!(shown(&answer.answers), ["A 198.51.100.1"]);
    let [own, unclaimed, suffix] = ours;
    let found = ask(&service, &own, "A", false).await;
    assert_eq!(shown(&found.answers), ["A 192.0.2.1"]);
    for other in [unclaimed, suffix] {
        let found = ask(&service, &other, "A", false).await;
        assert!(found.answers.is_empty(), "{found}");
    }
    liar.asserts_nothing_of_ours_was_asked();
}

#[tokio::test]
async fn other_names_are_not_slipped_in_either() {
    let liar = Liar::start(|query, _| {
        let mut reply = reply_to(query);
        let asked = query.queries[0].name().clone();
        reply.add_answer(address(&asked, 1));
        reply.add_answer(address(&name("bank.example."), 66));
        vec![reply.to_vec().expect("it encodes")]
    })
    .await;
    let service = liar.service();
    let answer = ask(&service, "www.example.net.", "A", false).await;
    assert_eq!(shown(&answer.answers), ["A 198.51.100.1"]);
}

#[tokio::test]
async fn aliases_into_our_suffix_end_at_the_border() {
    let target = site("");
    let leads_to = target.clone();
    let liar = Liar::start(move |query, _| {
        let mut reply = reply_to(query);
        let asked = query.queries[0].name().clone();
        reply.add_answer(alias(&asked, &leads_to));
        reply.add_answer(address(&name(&leads_to), 66));
        vec![reply.to_vec().expect("it encodes")]
    })
    .await;
    let service = liar.service();
    let alias = format!("CNAME {target}");
    for (asked, expected) in [
        // What stands behind the border is ours to say, and not what the upstream says of it.
        (
            "www.example.net.".to_owned(),
            vec![alias.clone(), "A 192.0.2.1".to_owned()],
        ),
        // Out and in again.
        (
            site("away."),
            vec![
                "CNAME www.example.net.".to_owned(),
                alias,
                "A 192.0.2.1".to_owned(),
            ],
        ),
    ] {
        let answer = ask(&service, &asked, "A", false).await;
        assert_eq!(shown(&answer.answers), expected, "{asked}");
        assert!(!answer.metadata.authentic_data, "{answer}");
    }
    // It is as a name of ours is: signed where that is wanted, and gone when its owner changes it.
    let signed = ask(&service, "signed.example.net.", "A", true).await;
    let signatures = signed.answers.iter();
    let signatures = signatures.filter(|one| one.record_type() == Type::RRSIG);
    assert_eq!(signatures.count(), 1, "{signed}");
    let (kept, _) = service.list_kept(None, 10);
    service.changed(&key_id(1));
    let (left, _) = service.list_kept(None, 10);
    assert!(left < kept, "{left} of {kept} are left");
    // An alias into our suffix is never asked upstream.
    liar.asserts_nothing_of_ours_was_asked();
}

#[tokio::test]
async fn aliases_that_never_end_do() {
    let loops = Liar::start(|query, _| {
        let mut reply = reply_to(query);
        let asked = query.queries[0].name().clone();
        let next = match asked.to_ascii().to_ascii_lowercase().starts_with("a.") {
            true => "b.example.net.",
            false => "a.example.net.",
        };
        reply.add_answer(alias(&asked, next));
        vec![reply.to_vec().expect("it encodes")]
    })
    .await;
    let number = std::sync::atomic::AtomicU32::new(0);
    let goes_on = Liar::start(move |query, _| {
        let mut reply = reply_to(query);
        let asked = query.queries[0].name().clone();
        let next = number.fetch_add(1, Ordering::Relaxed);
        reply.add_answer(alias(&asked, &format!("n{next}.example.net.")));
        vec![reply.to_vec().expect("it encodes")]
    })
    .await;
    let leads_to = site("away.");
    let leads_back = Liar::start(move |query, _| {
        let mut reply = reply_to(query);
        let asked = query.queries[0].name().clone();
        reply.add_answer(alias(&asked, &leads_to));
        vec![reply.to_vec().expect("it encodes")]
    })
    .await;
    // Out and in again without end: nobody is given a part of that.
    let service = leads_back.service();
    for asked in [site("away."), "www.example.net.".to_owned()] {
        let answer = ask(&service, &asked, "A", false).await;
        assert_eq!(answer.metadata.response_code, FAILED, "{asked}");
        assert!(answer.answers.is_empty(), "{answer}");
    }
    assert!(leads_back.asked().len() <= 8, "{:?}", leads_back.asked());
    for liar in [loops, goes_on] {
        let service = liar.service();
        let answer = ask(&service, "a.example.net.", "A", false).await;
        assert!(
            answer
                .answers
                .iter()
                .all(|one| one.record_type() != Type::A)
        );
        let asked = liar.asked().len();
        assert!(asked <= 64, "{asked} questions for one");
        // Ours leads there too, and ends as well.
        ask(&service, &site("away."), "A", false).await;
    }
}

#[tokio::test]
async fn forged_answers_before_the_true_one_are_not_taken() {
    let liar = Liar::start(|query, _| {
        let truth = reply_to(query).to_vec().expect("it encodes");
        let asked = query.queries[0].name().clone();
        let mut lie = reply_to(query);
        lie.add_answer(address(&asked, 66));
        let mut lies = Vec::new();
        for guess in 1..=2000_u16 {
            // The wrong id, another question, and the question in another case.
            lie.metadata.id = query.metadata.id.wrapping_add(guess);
            lies.push(lie.to_vec().expect("it encodes"));
        }
        lie.metadata.id = query.metadata.id;
        for other in ["other.example.net.", "WWW.EXAMPLE.NET.", "www.example.net."] {
            lie.queries[0].set_name(name(other));
            // The one that happens to be the truth's own case is no lie.
            if lie.queries[0].name().to_ascii() != asked.to_ascii() {
                lies.push(lie.to_vec().expect("it encodes"));
            }
        }
        let mut right = Message::from_vec(&truth).expect("its own");
        right.add_answer(address(&asked, 1));
        lies.push(right.to_vec().expect("it encodes"));
        lies
    })
    .await;
    let service = liar.service();
    for number in 0..4 {
        let asked = format!("www{number}.example.net.");
        let answer = ask(&service, &asked, "A", false).await;
        let shown = shown(&answer.answers);
        assert!(!shown.contains(&"A 198.51.100.66".to_owned()), "{answer}");
    }
}

/// Sends answers from another port to the socket that asked, while the true answer is slow.
#[tokio::test]
async fn answers_from_elsewhere_are_not_taken() {
    let truth = UdpSocket::bind((LOOPBACK, 0)).await.expect("a socket");
    let upstream = truth.local_addr().expect("an address");
    tokio::spawn(async move {
        let elsewhere = UdpSocket::bind((LOOPBACK, 0)).await.expect("a socket");
        let mut buffer = vec![0; 4096];
        loop {
            let (length, from) = truth.recv_from(&mut buffer).await.expect("a query");
            let query = Message::from_vec(&buffer[..length]).expect("a query");
            let asked = query.queries[0].name().clone();
            let mut lie = reply_to(&query);
            lie.add_answer(address(&asked, 66));
            let lie = lie.to_vec().expect("it encodes");
            for _ in 0..1000 {
                // All of it is right but where it comes from.
                let _ = elsewhere.send_to(&lie, from).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            let mut right = reply_to(&query);
            right.add_answer(address(&asked, 1));
            let right = right.to_vec().expect("it encodes");
            let _ = truth.send_to(&right, from).await;
        }
    });
    let liar = Liar {
        address: upstream,
        asked: Arc::default(),
    };
    let service = liar.service();
    let answer = ask(&service, "www.example.net.", "A", false).await;
    assert_eq!(shown(&answer.answers), ["A 198.51.100.1"]);
}

#[tokio::test]
async fn sets_that_are_too_large_are_answered_or_refused_whole() {
    let liar = Liar::start(|query, over_tcp| {
        let asked = query.queries[0].name().clone();
        let many: usize = match asked.to_ascii().to_ascii_lowercase().starts_with("many") {
            true => 3000,
            false => 100,
        };
        let mut reply = reply_to(query);
        let mut bytes = reply.to_vec().expect("it encodes");
        let data = RData::Unknown {
            code: Type::TXT,
            rdata: NULL::with([&[255][..], &[b'x'; 255]].concat()),
        };
        for _ in 0..many {
            reply.add_answer(Record::from_rdata(asked.clone(), 600, data.clone()));
            if reply.answers.len().is_multiple_of(50) {
                match reply.to_vec() {
                    Ok(longer) if longer.len() <= 65_535 => bytes = longer,
                    _ => break,
                }
            }
        }
        let mut short = reply_to(query);
        short.metadata.truncation = true;
        match over_tcp {
            true => vec![bytes],
            false => vec![short.to_vec().expect("it encodes")],
        }
    })
    .await;
    let service = liar.service();
    for asked in ["many.example.net.", "some.example.net."] {
        let over_udp = ask_over(&service, &query(asked, "TXT", false), Transport::Udp).await;
        let over_udp = over_udp.expect("an answer");
        assert!(over_udp.answers.is_empty());
        ask(&service, asked, "TXT", false).await;
    }
    let answer = ask(&service, &site(""), "A", false).await;
    assert_eq!(answer.answers.len(), 1);
}

/// What waits for an answer is held many times: 64 a connection. What the work itself needs is held once a question.
#[tokio::test]
async fn waiting_for_an_answer_takes_little() {
    let service = service(gateway());
    let client = Client {
        address: LOOPBACK,
        transport: Transport::Tcp,
    };
    let bytes = size_of_val(&service.answer(&[], client));
    assert!(bytes <= 1024, "{bytes} bytes wait with each question");
}
