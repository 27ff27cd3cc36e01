//! Other rules while it answers, and what is noted of each query.

use super::upstreams::Fake;
use super::*;

/// The lines of its page with a name and, in this order, these labels.
fn count(service: &Service, line: &str) -> Option<u64> {
    let page = service.metrics();
    let line = format!("dotkey_resolver_{line} ");
    let number = page.lines().find_map(|one| one.strip_prefix(&line));
    number.map(|number| number.parse().expect("a number"))
}

#[tokio::test]
async fn who_asks_after_a_change_is_answered_by_it() {
    let (first, second) = (
        Fake::start([198, 51, 100, 7]).await,
        Fake::start([198, 51, 100, 8]).await,
    );
    let service = first.service();
    let check = async |name: &str, expected: &[&str]| {
        let answer = ask(&service, name, "A", false).await;
        assert_eq!(shown(&answer.answers), expected, "{name}");
    };
    check("www.example.net.", &["A 198.51.100.7"]).await;
    check(&site("app."), &["A 127.0.0.1"]).await;
    // What is kept stays where nobody asks for more.
    let mut rules = service.rules();
    rules.ordinary = second.service().rules().ordinary;
    service.reconfigure(rules.clone(), Flush::default());
    check("www.example.net.", &["A 198.51.100.7"]).await;
    check("other.example.net.", &["A 198.51.100.8"]).await;
    let both = Flush {
        ours: true,
        ordinary: true,
    };
    rules.via = Via::Gateway(Gateway {
        addresses: vec![[192, 0, 2, 44].into()],
        https_port: None,
        alpn: Vec::new(),
    });
    service.reconfigure(rules.clone(), both);
    check("www.example.net.", &["A 198.51.100.8"]).await;
    check(&site("app."), &["A 192.0.2.44"]).await;
    // One that speaks no HTTPS: nobody is told to ask over it.
    let https = ask(&service, &site("app."), "HTTPS", false).await;
    assert!(https.answers.is_empty(), "{https:?}");
    assert_eq!(first.asked(), ["www.example.net."]);
    // Who may ask is looked at for each query.
    rules.access = Access::only(vec!["192.0.2.0/24".parse().expect("a range")]);
    rules.ordinary = Arc::default();
    service.reconfigure(rules, Flush::default());
    let refused = ask(&service, "www.example.net.", "A", false).await;
    assert_eq!(refused.metadata.response_code, ResponseCode::Refused);
}

#[tokio::test]
async fn a_change_of_whoever_delegated_a_name_is_seen_at_once() {
    let source = Memory::default();
    let text = |text: &str| {
        let record = format!("[[record]]\nowner = \"@\"\ntype = \"TXT\"\ndata = '\"{text}\"'\n");
        zone(&record)
    };
    let to = |seed| {
        let delegation = format!(
            "[[delegation]]\nname = \"blog\"\nto = \"{}.key\"\n",
            key_id(seed)
        );
        zone(&delegation)
    };
    source.tell(1, None, record(1, 1, &to(2)));
    source.tell(2, None, record(2, 1, &text("two")));
    source.tell(3, None, record(3, 1, &text("three")));
    let resolver = Resolver::builder()
        .clock(now)
        .source(source.clone())
        .build();
    let config = Config {
        resolver: resolver.expect("it is sound"),
        told_of_changes: true,
        ..config(gateway())
    };
    let service = Arc::new(Service::new(config, [7; 32]));
    let check = async |expected: &str| {
        let answer = ask(&service, &site("blog."), "TXT", false).await;
        assert_eq!(shown(&answer.answers), [expected]);
    };
    check("TXT two").await;
    source.tell(1, None, record(1, 2, &to(3)));
    // Nobody has told.
    check("TXT two").await;
    service.changed(&key_id(1));
    check("TXT three").await;
}

#[tokio::test]
async fn that_a_name_has_another_holder_is_seen_when_it_is_told() {
    // The ledger's proofs have vectors of their own; here is none, and so a failure that is kept.
    let service = service(gateway());
    let failures = || {
        service
            .counters
            .failed
            .load(std::sync::atomic::Ordering::Relaxed)
    };
    let check = async |expected| {
        for name in ["mysite.key.", "www.MYSITE.key."] {
            ask(&service, name, "A", false).await;
        }
        assert_eq!(failures(), expected);
    };
    check(2).await;
    check(2).await;
    service.claim_changed("other");
    check(2).await;
    service.claim_changed("mysite");
    check(4).await;
}

#[tokio::test]
async fn an_answer_made_by_the_rules_of_before_is_given_and_not_kept() {
    let upstream = Fake::start([198, 51, 100, 7]).await;
    let service = upstream.service();
    let name = "slow.example.net.";
    // Let go of while it is asked for: as it is when the rules change.
    let asking = ask(&service, name, "A", false);
    let flushing = async {
        while upstream.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        service.flush();
    };
    let (answer, ()) = tokio::join!(asking, flushing);
    assert_eq!(shown(&answer.answers), ["A 198.51.100.7"]);
    let (found, _) = service.list_kept(None, 10);
    assert_eq!(found, 0);
}

#[tokio::test]
async fn each_answer_is_counted_by_where_it_came_from() {
    let upstream = Fake::start([198, 51, 100, 7]).await;
    let service = upstream.service();
    for _ in 0..3 {
        ask(&service, "www.example.net.", "A", false).await;
        ask(&service, &site("nothing."), "A", false).await;
    }
    let malformed = service.answer(&[0; 5], LOCAL).await;
    assert_eq!(malformed, None);
    let check = |line: &str, expected| assert_eq!(count(&service, line), expected, "{line}");
    check("queries_total{transport=\"tcp\"}", Some(7));
    check(
        "answers_total{source=\"ordinary-miss\",rcode=\"NOERROR\"}",
        Some(1),
    );
    check(
        "answers_total{source=\"ordinary-cached\",rcode=\"NOERROR\"}",
        Some(2),
    );
    check(
        "answers_total{source=\"ours-miss\",rcode=\"NXDOMAIN\"}",
        Some(1),
    );
    check(
        "answers_total{source=\"ours-cached\",rcode=\"NXDOMAIN\"}",
        Some(2),
    );
    check(
        "answer_duration_seconds_count{source=\"ours-cached\"}",
        Some(2),
    );
    check("validations_total{verdict=\"insecure\"}", Some(1));
    check("turned_away_total{reason=\"malformed\"}", Some(1));
    check("cache_entries{partition=\"ours\"}", Some(1));
    check("cache_entries{partition=\"ordinary\"}", Some(1));
    assert_eq!(service.queries(), 7);
    assert_eq!(service.reasons(), Vec::<String>::new());
}

const LOCAL: Client = Client {
    address: LOOPBACK,
    transport: Transport::Tcp,
};

#[tokio::test]
async fn a_query_is_written_down_as_it_was_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queries");
    let service = Arc::new(service(gateway()));
    let mut rules = service.rules();
    rules.query_log = Some(Arc::new(QueryLog::to_file(&path).expect("it opens")));
    service.reconfigure(rules, Flush::default());
    for name in [site("WwW."), site("WwW."), "example.net.".to_owned()] {
        ask(&service, &name, "A", true).await;
    }
    let stranger = Client {
        address: [203, 0, 113, 9].into(),
        transport: Transport::Udp,
    };
    let query = query(&site(""), "TXT", false).to_vec().expect("it encodes");
    assert_eq!(service.answer(&query, stranger).await, None);
    assert_eq!(service.answer(&[7; 20], LOCAL).await.map(|_| ()), Some(()));
    let log = service.rules().query_log.expect("there is one");
    assert!(log.end(std::time::Duration::from_secs(60)));
    let text = std::fs::read_to_string(&path).expect("text");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let of = |key: &str| -> Vec<String> {
        let values = lines.iter().map(|line| line[key].to_string());
        values.map(|value| value.replace('"', "")).collect()
    };
    let www = site("www.");
    assert_eq!(of("name"), [&www, &www, "example.net.", &site("")]);
    assert_eq!(
        of("source"),
        ["ours-miss", "ours-cached", "refused", "refused"]
    );
    assert_eq!(of("rcode"), ["NOERROR", "NOERROR", "REFUSED", "null"]);
    assert_eq!(of("ad"), ["true", "true", "false", "false"]);
    assert_eq!(of("ede"), ["null", "null", "21", "null"]);
    assert_eq!(
        of("client"),
        ["127.0.0.1", "127.0.0.1", "127.0.0.1", "203.0.113.9"]
    );
    assert_eq!(of("transport"), ["tcp", "tcp", "tcp", "udp"]);
}
