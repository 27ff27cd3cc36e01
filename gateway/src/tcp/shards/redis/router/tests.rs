use super::*;
use dotkey_proto::identity::KeyId;
use dotkey_proto::zone::{Provider, Shard, ShardBy, ShardSet};
use proptest::prelude::*;

/// By range: `a` has what begins before `m`, `m` the rest.
fn map(count: usize) -> Map {
    let shard = |id: &str, start: &[u8]| Shard {
        id: id.into(),
        epoch: 1,
        primary: Provider::new(
            id,
            format!("redis://{id}.example.net").parse().expect("a URL"),
        ),
        replicas: Vec::new(),
        start: Some(start.into()),
        weight: None,
        extension: Default::default(),
    };
    let mut shards = vec![shard("a", b""), shard("m", b"m")];
    shards.truncate(count);
    let set = ShardSet {
        by: ShardBy::Range,
        shards,
        key: None,
        extension: Default::default(),
    };
    Map::new(KeyId::from_bytes([1; 32]), &set)
}

/// A plan in few words.
fn short(plan: &Plan) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    match plan {
        Plan::Answer(bytes) => text(bytes).chars().take(24).collect(),
        Plan::AnswerAndClose(bytes) => format!("{} and close", text(bytes)),
        Plan::Send { shard, wish, opens } => {
            let wish = if *wish == Wish::Read { " read" } else { "" };
            format!("{shard}{wish}{}", if *opens { " after MULTI" } else { "" })
        }
        Plan::Everywhere { first } => format!("everywhere, {first} first"),
        Plan::Discard { shard, by, answer } => format!(
            "{by} at {shard}, {}",
            text(answer).chars().take(10).collect::<String>()
        ),
        Plan::Reset(_) => "reset".to_owned(),
    }
}

fn route(router: &mut Router, map: &Map, text: &str) -> String {
    let arguments: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
    short(&router.route(&Command::of(&arguments), map))
}

/// Commands and what each leads to, on two shards.
fn check(lines: &[(&str, &str)]) {
    let (mut router, map) = (Router::default(), map(2));
    for (text, expected) in lines {
        let found = route(&mut router, &map, text);
        assert!(
            found.starts_with(expected),
            "{text}: {found}, not {expected}"
        );
    }
}

#[test]
fn commands_go_to_the_shard_of_their_keys() {
    check(&[
        ("GET alice", "a"),
        ("SET zoe 1", "m"),
        ("MGET alice bob", "a"),
        ("MGET alice zoe", "-CROSSSLOT"),
        ("MGET {zoe}.alice zoe", "m"),
        ("EVAL s 0", "-ERR eval names no key"),
        ("DBSIZE", "-ERR dbsize names no key"),
        ("JSON.GET alice", "-ERR json.get names no"),
        ("SUBSCRIBE news", "-ERR subscribe is not ca"),
        ("CLUSTER SLOTS", "-ERR cluster is not carr"),
        ("COMMAND DOCS", "a"),
        ("PING", "+PONG"),
        ("PING hi", "$2"),
        ("CLIENT SETNAME x", "+OK"),
        ("CLIENT REPLY OFF", "-ERR client reply is not"),
        ("GET", "-ERR get names no key"),
        ("QUIT", "+OK and close"),
    ]);
    let (mut router, one) = (Router::default(), map(1));
    for text in ["DBSIZE", "JSON.GET zoe", "EVAL s 0", "GET zoe"] {
        assert_eq!(route(&mut router, &one, text), "a", "{text}");
    }
}

#[test]
fn readers_read_from_replicas_and_write_to_the_primary() {
    check(&[
        ("GET alice", "a"),
        ("READONLY", "+OK"),
        ("GET alice", "a read"),
        ("SET alice 1", "a"),
        ("MULTI", "+OK"),
        ("GET alice", "a after MULTI"),
        ("EXEC", "a"),
        ("READWRITE", "+OK"),
        ("GET alice", "a"),
    ]);
    let (mut router, map) = (Router::default(), map(2));
    let _ = route(&mut router, &map, "READONLY");
    let set = router.route(&Command::of(&[b"SET", b"alice", b"1"]), &map);
    assert!(matches!(
        set,
        Plan::Send {
            wish: Wish::Write,
            ..
        }
    ));
}

#[test]
fn a_transaction_is_in_one_shard() {
    check(&[
        ("MULTI", "+OK"),
        ("SET alice 1", "a after MULTI"),
        ("SET bob 1", "a"),
        ("EXEC", "a"),
        ("MULTI", "+OK"),
        ("SET alice 1", "a after MULTI"),
        ("SET zoe 1", "-CROSSSLOT"),
        ("SET bob 1", "-ERR the transaction can"),
        ("EXEC", "DISCARD at a, -EXECABORT"),
        ("MULTI", "+OK"),
        ("MULTI", "-ERR MULTI inside MULTI"),
        ("PING", "-ERR ping is not carried"),
        ("EXEC", "-EXECABORT"),
        ("MULTI", "+OK"),
        ("EXEC", "*0"),
        ("EXEC", "-ERR EXEC without MULTI"),
        ("DISCARD", "-ERR DISCARD without MUL"),
        ("WATCH alice", "a"),
        ("WATCH zoe", "-CROSSSLOT"),
        ("MULTI", "+OK"),
        ("SET zoe 1", "-CROSSSLOT"),
        ("EXEC", "UNWATCH at a, -EXECABORT"),
        ("WATCH alice", "a"),
        ("MULTI", "+OK"),
        ("EXEC", "a after MULTI"),
        ("WATCH alice", "a"),
        ("UNWATCH", "a"),
        ("UNWATCH", "+OK"),
    ]);
}

#[test]
fn a_transaction_ends_with_its_connection() {
    let (mut router, map) = (Router::default(), map(2));
    let check = |router: &mut Router, text: &str, expected: &str| {
        let found = route(router, &map, text);
        assert!(
            found.starts_with(expected),
            "{text}: {found}, not {expected}"
        );
    };
    check(&mut router, "MULTI", "+OK");
    check(&mut router, "SET alice 1", "a after MULTI");
    assert_eq!(router.pinned(), Some("a"));
    router.lost("m");
    check(&mut router, "SET alice 2", "a");
    router.lost("a");
    check(&mut router, "SET alice 3", "-ERR the transaction");
    check(&mut router, "EXEC", "-EXECABORT");
    assert_eq!(router.pinned(), None);
    check(&mut router, "WATCH alice", "a");
    router.lost("a");
    check(&mut router, "MULTI", "+OK");
    check(&mut router, "SET alice 3", "-ERR the transaction");
    check(&mut router, "EXEC", "-EXECABORT");
    check(&mut router, "SET alice 4", "a");
}

#[test]
fn what_a_client_says_of_itself_is_said_to_each_new_connection() {
    let (mut router, map) = (Router::default(), map(2));
    for text in [
        "SELECT 2",
        "AUTH ann secret",
        "HELLO 3",
        "SELECT 3",
        "HELLO",
    ] {
        assert_eq!(route(&mut router, &map, text), "everywhere, a first");
    }
    let said: Vec<String> = router
        .introduction()
        .map(|it| it.word(0) + " " + &it.word(1))
        .collect();
    assert_eq!(said, ["auth ann", "hello 3", "select 3"]);
    assert_eq!(route(&mut router, &map, "RESET"), "reset");
    assert_eq!(router.introduction().count(), 0);
}

proptest! {
    #[test]
    fn whatever_is_sent_a_writer_gets_no_replica_and_a_transaction_one_shard(
        lines in proptest::collection::vec((0_usize..12, "[a-z]", any::<bool>()), 0..60),
    ) {
        const WORDS: [&str; 12] = ["GET", "SET", "MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "READONLY", "PING", "DEL", "READWRITE", "RESET"];
        let (mut router, map) = (Router::default(), map(2));
        let mut opened: Option<Box<str>> = None;
        for (word, key, loses) in lines {
            let word = WORDS[word];
            let plan = match word {
                "GET" | "DEL" | "WATCH" => router.route(&Command::of(&[word.as_bytes(), key.as_bytes()]), &map),
                "SET" => router.route(&Command::of(&[b"SET", key.as_bytes(), b"1"]), &map),
                _ => router.route(&Command::of(&[word.as_bytes()]), &map),
            };
            if let Plan::Send { shard, wish, opens } = &plan {
                prop_assert!(*wish == Wish::Write || word == "GET");
                // Between the MULTI that a shard gets and its end, nothing goes elsewhere, and no second MULTI.
                if let Some(place) = &opened {
                    prop_assert_eq!(place, shard);
                    prop_assert!(!*opens);
                }
                if *opens {
                    opened = Some(shard.clone());
                }
            }
            if matches!(word, "EXEC" | "DISCARD" | "RESET") {
                opened = None;
            }
            if loses && word == "PING" {
                router.lost("a");
                opened = opened.filter(|it| &**it != "a");
            }
        }
    }
}
