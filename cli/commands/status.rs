//! `dotkey status` and `dotkey node peers`: what the running node says of itself, in one glance.

use std::collections::BTreeSet;
use std::fmt::Write;

use dotkey_proto::words::counted;
use dotkey_registry::node::ledger::AGE_SECONDS_MAX;
use serde_json::{Value, json};

use super::Context;
use crate::args::{AskArgs, bytes_in_words};
use crate::client::NodeClient;
use crate::exit::Result;
use crate::names::lease::span;
use crate::output::Answer;

pub(super) fn run(ask: &AskArgs, context: &Context<'_>) -> Result<Answer> {
    let node = NodeClient::find(ask.node.as_deref(), &context.settings)?;
    let status = node.json("status")?;
    let text = in_words(&status, node.url());
    Ok(Answer::new(object(status), text))
}

pub(super) fn peers(ask: &AskArgs, context: &Context<'_>) -> Result<Answer> {
    let node = NodeClient::find(ask.node.as_deref(), &context.settings)?;
    let told = node.json("peers")?;
    let text = peers_in_words(&told);
    Ok(Answer::new(object(told), text))
}

/// One object, whatever the node sent.
fn object(told: Value) -> Value {
    if told.is_object() {
        told
    } else {
        json!({"told": told})
    }
}

fn in_words(status: &Value, url: &str) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    let mut shown = String::new();
    let mut line = |label: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(shown, "  {label:<13}{value}");
    };
    line("api", url.to_owned());
    for (index, address) in texts(&status["listening"]).iter().enumerate() {
        line(
            if index == 0 { "listens" } else { "" },
            bare(address).to_owned(),
        );
    }
    line("peers", connected(status));
    line("records", records(&status["records"]));
    line("replication", replication(status));
    line("ledger", ledger(&status["ledger"]));
    for (label, value) in [
        ("validators", signing(&status["ledger"]["signing"])),
        ("changes", changes(&status["ledger"]["changes"])),
        ("faults", accused(&status["ledger"])),
        ("following", following(&status["ledger"])),
    ] {
        if let Some(value) = value {
            line(label, value);
        }
    }
    line("reachability", reachability(&status["reachability"]));
    if let Some(ahead) = status["clock_ahead_secs"].as_i64() {
        line("clock", clock(ahead));
    }
    for warning in texts(&status["warnings"]) {
        line("warning", warning);
    }
    format!("Node {}\n{shown}", text(&status["peer_id"]))
}

/// An address without the id at its end, which stands above it. That of a relay stays.
fn bare(address: &str) -> &str {
    match address.rsplit_once("/p2p/") {
        Some((before, id)) if !id.contains('/') => before,
        _ => address,
    }
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    let one = |value: &Value| value.as_str().map(str::to_owned);
    list.iter().filter_map(one).collect()
}

fn connected(status: &Value) -> String {
    let count = |field: &str| status[field].as_u64().unwrap_or_default();
    let cut_off = match count("cut_off_peers") {
        0 => String::new(),
        peers => format!(", {peers} cut off"),
    };
    let (connected, known) = (count("connected_peers"), count("known_peers"));
    format!("{connected} connected, {known} known{cut_off}")
}

fn records(records: &Value) -> String {
    let count = |field: &str| records[field].as_u64().unwrap_or_default();
    format!(
        "{} in {} of at most {}",
        count("count"),
        bytes_in_words(count("bytes")),
        bytes_in_words(count("bytes_max"))
    )
}

fn replication(status: &Value) -> String {
    let replication = &status["replication"];
    let count = |field: &str| replication[field].as_u64().unwrap_or_default();
    let neighbours = counted(count("cell_nodes").saturating_sub(1), "neighbour");
    let in_step = format!("{} of {neighbours} in step", count("in_step"));
    let compared = replication["last_compared_secs"].as_u64();
    let compared = compared.map_or(String::new(), |secs| {
        format!(", compared {} ago", span(secs))
    });
    let health = replication["health"].as_str().unwrap_or("unknown");
    match (
        health,
        status["remembered_peers"].as_u64().unwrap_or_default(),
    ) {
        ("alone", 0) => "alone: this is the only copy; join others with --join ADDRESS".to_owned(),
        ("alone", met) => format!(
            "alone: this is the only copy; {} that it met before did not answer yet",
            counted(met, "peer")
        ),
        ("starting", _) => format!("starting: compares with {neighbours} for the first time"),
        ("thin", _) => format!("thin: {in_step}{compared}; records are safer with 20 nodes"),
        _ => format!("{health}: {in_step}{compared}"),
    }
}

fn ledger(ledger: &Value) -> String {
    let Some(name) = ledger["name"].as_str() else {
        return "none: it keeps records alone".to_owned();
    };
    let id: String = texts(&json!([ledger["network"]])).concat();
    let network = format!("{name} ({}…)", id.get(..16).unwrap_or(&id));
    if ledger["halted"].is_string() {
        return format!("{network} has halted");
    }
    if ledger["waits"].is_string() {
        return format!("{network} waits for space on its disk");
    }
    let count = |field: &str| ledger[field].as_u64().unwrap_or_default();
    let role = match ledger["votes"].as_bool() {
        Some(true) => "votes",
        _ => "does not vote",
    };
    let waiting = match count("waiting") {
        0 => String::new(),
        some => format!(", {} waiting", counted(some, "transaction")),
    };
    format!(
        "{network}: block {}, {} old; {role}{waiting}",
        count("height"),
        span(count("age_seconds"))
    )
}

/// Which validators take part, as this node has seen it.
fn signing(signing: &Value) -> Option<String> {
    let count = |field: &str| signing[field].as_u64();
    let (all, signed, blocks) = (count("validators")?, count("signed")?, count("blocks")?);
    let of = match blocks {
        1 => "the newest block".to_owned(),
        _ => format!("one of the newest {}", counted(blocks, "block")),
    };
    Some(format!("{all}, of which {signed} signed {of}"))
}

/// How far a node without a vote is.
fn following(ledger: &Value) -> Option<String> {
    let following = &ledger["following"];
    let count = |field: &str| following[field].as_u64();
    let own = ledger["height"].as_u64().unwrap_or_default();
    let highest = count("highest").unwrap_or_default();
    let stage = match following["stage"].as_str()? {
        "looking" => "finds out how far behind it is".to_owned(),
        "walking" => "walks to the validators of now".to_owned(),
        "choosing" => "asks which state it can take over".to_owned(),
        "taking-over" => format!(
            "takes over the state after block {}, and has {}% of it",
            count("taking_over").unwrap_or_default(),
            count("percent").unwrap_or_default()
        ),
        "following" if following["unserved"].as_bool() == Some(true) => {
            "stands still: no peer has the next block; it takes a later state over when one is offered, else connect to another node".to_owned()
        }
        "following" => match highest.saturating_sub(own) {
            // Nobody has a newer one, which is no news where none is made.
            0 if ledger["age_seconds"].as_u64() > Some(AGE_SECONDS_MAX) => {
                "block by block, and no peer has had a new one for a while".to_owned()
            }
            0 => "block by block, up to date".to_owned(),
            behind => format!("block by block, {} behind", counted(behind, "block")),
        },
        other => other.to_owned(),
    };
    let peers = counted(count("peers").unwrap_or_default(), "peer");
    Some(format!("{stage}; {peers} with the ledger"))
}

/// How the validators are about to change; nothing where they are not.
fn changes(changes: &Value) -> Option<String> {
    let of = |field: &str| changes[field].as_array().map_or(0, Vec::len) as u64;
    let from = changes["from"].as_u64().unwrap_or_default();
    let decided = [
        ("joining", "joins"),
        ("leaving", "leaves"),
        ("moving", "moves"),
    ];
    let decided = decided.iter().filter(|(field, _)| of(field) > 0);
    let decided = decided.map(|(field, does)| match of(field) {
        1 => format!("1 {does}"),
        many => format!("{many} {}", does.trim_end_matches('s')),
    });
    let decided: Vec<String> = decided.collect();
    let mut parts = vec![format!("{} vote", changes["voting"].as_u64()?)];
    if !decided.is_empty() {
        parts.push(format!("from block {from} on {}", decided.join(", ")));
    }
    if of("proposed") > 0 {
        parts.push(format!(
            "{} for approvals: see `dotkey network show`",
            match of("proposed") {
                1 => "1 change waits".to_owned(),
                many => format!("{many} changes wait"),
            }
        ));
    }
    (parts.len() > 1).then(|| parts.join("; "))
}

/// Validators that this node saw sign two things.
fn accused(ledger: &Value) -> Option<String> {
    let seen = ledger["evidence"].as_u64().filter(|seen| *seen > 0)?;
    Some(format!(
        "{} signed two things; the votes are at /v1/evidence",
        counted(seen, "validator")
    ))
}

fn reachability(reachability: &Value) -> String {
    let verdict = reachability["verdict"].as_str().unwrap_or("unknown");
    let relays = texts(&reachability["relays"]);
    let addresses = texts(&reachability["addresses"]);
    match (verdict, relays.len()) {
        ("private", 0) => "private: others cannot reach it; no relay was found".to_owned(),
        ("private", count) => {
            let through = counted(count, "relay");
            format!("private: through {through}: {}", relays.join(", "))
        }
        ("unknown", _) if addresses.is_empty() => "unknown: nobody has tried yet".to_owned(),
        ("unknown", _) => format!("unknown: nobody has tried {} yet", addresses.join(", ")),
        ("local", _) if !addresses.is_empty() => {
            format!("local: only from near, as {}", addresses.join(", "))
        }
        (verdict, _) if addresses.is_empty() => verdict.to_owned(),
        (verdict, _) => format!("{verdict}: {}", addresses.join(", ")),
    }
}

fn clock(ahead: i64) -> String {
    match ahead {
        0 => "as most peers' clocks".to_owned(),
        1.. => format!("{} ahead of most peers", span(ahead.unsigned_abs())),
        _ => format!("{} behind most peers", span(ahead.unsigned_abs())),
    }
}

fn peers_in_words(told: &Value) -> String {
    let list = told["peers"].as_array().map_or(&[][..], Vec::as_slice);
    if list.is_empty() {
        return "No peer is known.\nNext: join one with `dotkey node --join ADDRESS`.".to_owned();
    }
    let mut shown = String::new();
    for peer in list {
        let state = match (
            peer["connected"].as_bool() == Some(true),
            peer["standing"].as_i64().unwrap_or_default(),
        ) {
            (_, ..=-100) => "cut off".to_owned(),
            (true, 0) => "connected".to_owned(),
            (false, 0) => "known".to_owned(),
            (true, standing) => format!("connected, standing {standing}"),
            (false, standing) => format!("known, standing {standing}"),
        };
        let ping = peer["ping_ms"]
            .as_u64()
            .map_or(String::new(), |ms| format!(", {ms} ms"));
        let id = peer["peer_id"].as_str().unwrap_or("unknown");
        let _ = writeln!(shown, "{id}  {state}{ping}");
        let addresses = texts(&peer["addresses"]);
        let addresses: BTreeSet<&str> = addresses.iter().map(|address| bare(address)).collect();
        for address in addresses {
            let _ = writeln!(shown, "  {address}");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_at_one_glance() {
        let status = json!({
            "peer_id": "12D3", "listening": ["/ip4/127.0.0.1/tcp/4380/p2p/12D3"], "connected_peers": 3, "known_peers": 4, "cut_off_peers": 1,
            "records": {"count": 12, "bytes": 4096, "bytes_max": 1_073_741_824},
            "replication": {"health": "thin", "cell_nodes": 5, "in_step": 4, "last_compared_secs": 12},
            "reachability": {"verdict": "local", "addresses": [], "relays": []},
            "ledger": {"name": "solo", "network": "0123456789abcdef01", "height": 7, "age_seconds": 2, "votes": true, "waiting": 1, "halted": null},
            "clock_ahead_secs": -2, "warnings": ["look here"],
        });
        let expected = "Node 12D3\n  api          http://node\n  listens      /ip4/127.0.0.1/tcp/4380\n  peers        3 connected, 4 known, 1 cut off\n  records      12 in 4.0 KiB of at most 1.0 GiB\n  replication  thin: 4 of 4 neighbours in step, compared 12 seconds ago; records are safer with 20 nodes\n  ledger       solo (0123456789abcdef…): block 7, 2 seconds old; votes, 1 transaction waiting\n  reachability local\n  clock        2 seconds behind most peers\n  warning      look here\n";
        assert_eq!(in_words(&status, "http://node"), expected);
    }

    #[test]
    fn who_signs_and_how_far_a_follower_is_stand_below_the_ledger() {
        let shown = |ledger: Value| in_words(&json!({"ledger": ledger}), "http://node");
        let validators = |signed, blocks| {
            let signing = json!({"validators": 4, "signed": signed, "blocks": blocks});
            shown(json!({"name": "alpha", "signing": signing}))
        };
        let says = |shown: &str, line: &str| assert!(shown.contains(line), "{line}: {shown}");
        says(
            &validators(3, 32),
            "  validators   4, of which 3 signed one of the newest 32 blocks\n",
        );
        says(&validators(4, 1), "4, of which 4 signed the newest block\n");
        let check = |stage: &str, unserved: bool, line: &str| {
            let following = json!({"stage": stage, "taking_over": 640, "percent": 37, "highest": 12, "peers": 1, "unserved": unserved});
            let shown = shown(json!({"name": "alpha", "height": 11, "following": following}));
            says(&shown, &format!("  following    {line}"));
        };
        check(
            "looking",
            false,
            "finds out how far behind it is; 1 peer with the ledger\n",
        );
        check(
            "taking-over",
            false,
            "takes over the state after block 640, and has 37% of it",
        );
        check("following", false, "block by block, 1 block behind");
        check(
            "following",
            true,
            "stands still: no peer has the next block",
        );
        assert!(!shown(json!(null)).contains("following"));
    }

    #[test]
    fn validators_are_a_line_where_something_is_pending() {
        let check = |told: Value, says: Option<&str>| assert_eq!(changes(&told).as_deref(), says);
        check(json!(null), None);
        check(json!({"voting": 4, "from": 80, "proposed": []}), None);
        check(
            json!({"voting": 4, "from": 80, "joining": ["a", "b"], "leaving": ["c"], "proposed": [{}]}),
            Some(
                "4 vote; from block 80 on 2 join, 1 leaves; 1 change waits for approvals: see `dotkey network show`",
            ),
        );
        check(
            json!({"voting": 1, "proposed": [{}, {}]}),
            Some("1 vote; 2 changes wait for approvals: see `dotkey network show`"),
        );
        assert_eq!(accused(&json!({"evidence": 0})), None);
        let seen = accused(&json!({"evidence": 1})).expect("one");
        assert!(seen.starts_with("1 validator signed") && seen.contains("/v1/evidence"));
    }

    #[test]
    fn what_a_node_leaves_out_is_unknown() {
        let shown = in_words(&json!({}), "http://node");
        assert!(shown.contains("Node unknown") && shown.contains("reachability unknown"));
        assert!(shown.contains("replication  unknown"), "{shown}");
        assert!(peers_in_words(&json!([])).contains("Next:"));
    }

    #[test]
    fn who_is_alone_is_told_what_to_wait_for() {
        let check = |health: &str, met: u64, says: &str| {
            let status = json!({"replication": {"health": health, "cell_nodes": 2, "in_step": 0}, "remembered_peers": met});
            assert_eq!(replication(&status), says);
        };
        check(
            "alone",
            0,
            "alone: this is the only copy; join others with --join ADDRESS",
        );
        check(
            "alone",
            1,
            "alone: this is the only copy; 1 peer that it met before did not answer yet",
        );
        check(
            "starting",
            1,
            "starting: compares with 1 neighbour for the first time",
        );
        check("catching-up", 1, "catching-up: 0 of 1 neighbour in step");
    }

    #[test]
    fn reachability_is_what_others_see() {
        let check = |verdict: &str, addresses: &[&str], relays: &[&str], says: &str| {
            let told = json!({"verdict": verdict, "addresses": addresses, "relays": relays});
            assert_eq!(reachability(&told), says);
        };
        check("public", &["/a", "/b"], &[], "public: /a, /b");
        check("local", &["/a"], &[], "local: only from near, as /a");
        check("local", &[], &[], "local");
        check("unknown", &[], &[], "unknown: nobody has tried yet");
        check("unknown", &["/a"], &[], "unknown: nobody has tried /a yet");
        check("private", &["/a"], &["r"], "private: through 1 relay: r");
        let alone = "private: others cannot reach it; no relay was found";
        check("private", &["/a"], &[], alone);
    }

    #[test]
    fn peers_show_what_they_have_done() {
        let check = |connected: bool, standing: i64, state: &str| {
            let peer = json!({"peer_id": "a", "addresses": ["/x", "/x/p2p/a"], "connected": connected, "standing": standing, "ping_ms": 3});
            let shown = peers_in_words(&json!({"peers": [peer]}));
            assert_eq!(shown, format!("a  {state}, 3 ms\n  /x\n"));
        };
        check(true, 0, "connected");
        check(false, -5, "known, standing -5");
        check(true, -100, "cut off");
    }
}
