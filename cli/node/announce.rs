//! What a person reads when everything serves: where it listens, what it holds, whom it follows.

use std::collections::BTreeSet;

use dotkey_proto::words::counted;
use dotkey_registry::node::Status;
use dotkey_registry::node::ledger::LedgerStatus;

use super::plan::Plan;
use super::run_file::RunFile;
use super::serve::Extent;
use crate::args::bytes_in_words;

/// All that a person should know of what has begun.
pub(super) fn start_in_words(
    (status, ledger): (&Status, Option<&LedgerStatus>),
    plan: &Plan,
    run: &RunFile,
    extent: Extent,
) -> String {
    let mut text = format!("dotkey {}\n", env!("CARGO_PKG_VERSION"));
    let mut line = |label: &str, value: &str| text.push_str(&format!("  {label:<9}{value}\n"));
    line("node", &status.peer_id);
    for (index, address) in status.listening.iter().enumerate() {
        line(if index == 0 { "peers" } else { "" }, address);
    }
    line("api", run.api.as_deref().unwrap_or_default());
    for (label, address) in [
        ("dns", &run.dns),
        ("dot", &run.dot),
        ("doq", &run.doq),
        ("doh", &run.doh),
        ("gateway", &run.gateway_http),
        ("", &run.gateway_https),
    ] {
        if let Some(address) = address {
            line(label, address);
        }
    }
    let records = status.records;
    let held = format!(
        "{}, with {} in {}",
        plan.data.display(),
        counted(records.count, "record"),
        bytes_in_words(records.bytes)
    );
    line("data", &held);
    line("ledger", &ledger_in_words(ledger));
    let (told, met) = (told(&plan.join), status.remembered_peers as u64);
    line("network", &network(told, met, plan.mdns));
    if extent == Extent::Everything {
        line("runs", "registry node, API, resolver and gateway");
    }
    text
}

/// Whose ledger it follows, how far it is, and what this node does for it.
fn ledger_in_words(ledger: Option<&LedgerStatus>) -> String {
    let Some(ledger) = ledger else {
        return "none: it keeps records alone".to_owned();
    };
    let id = ledger.network.get(..16).unwrap_or_default();
    let network = format!("{} ({id}…)", ledger.name);
    match (&ledger.halted, ledger.height) {
        (Some(why), _) => format!("{network} has halted: {why}"),
        (None, Some(height)) => format!("{network}, at block {height}"),
        (None, None) => network,
    }
}

/// The nodes that the addresses to join are of.
fn told(join: &[String]) -> u64 {
    let ids = join
        .iter()
        .filter_map(|address| address.rsplit("/p2p/").next());
    ids.collect::<BTreeSet<_>>().len() as u64
}

/// By whom it finds its network: nodes that it was told of, and peers that it met before. Nobody has answered yet.
fn network(told: u64, met: u64, mdns: bool) -> String {
    let told_of = format!("{} that it was told of", counted(told, "node"));
    let saved = format!("{} saved in peers.json", counted(met, "peer"));
    let mut by = match (told, met) {
        (0, 0) if mdns => "of its own".to_owned(),
        (0, 0) => "of its own; join another with --join ADDRESS".to_owned(),
        (0, _) => format!("rejoins by {saved}"),
        (_, 0) => format!("joins by {told_of}"),
        (_, _) => format!("joins by {told_of} and {saved}"),
    };
    if mdns {
        by += "; looks for others on the local network";
    }
    by
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_finds_its_network_is_said() {
        let check = |told, met, mdns, says: &str| assert_eq!(network(told, met, mdns), says);
        check(0, 0, false, "of its own; join another with --join ADDRESS");
        check(
            0,
            0,
            true,
            "of its own; looks for others on the local network",
        );
        check(0, 1, false, "rejoins by 1 peer saved in peers.json");
        check(2, 0, false, "joins by 2 nodes that it was told of");
        check(
            1,
            4,
            false,
            "joins by 1 node that it was told of and 4 peers saved in peers.json",
        );
        let addresses = ["/ip4/192.0.2.7/tcp/1/p2p/a", "/ip4/192.0.2.7/udp/1/p2p/a"];
        assert_eq!(super::told(&addresses.map(str::to_owned)), 1);
    }
}
