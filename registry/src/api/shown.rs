//! Records and what became of them, as JSON shows them. The same words stand in answers, events and problems.

use std::collections::BTreeMap;

use dotkey_proto::record::Record;
use serde::Serialize;

use crate::dht::core::Placement;
use crate::dht::message::Refusal;
use crate::hex::hex;

/// A record without its bytes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) key_id: String,
    pub(crate) branch: Option<String>,
    pub(crate) sequence: u64,
    pub(crate) digest: String,
    pub(crate) expires: String,
}

impl Shown {
    pub(crate) fn of(record: &Record) -> Self {
        Self {
            key_id: record.key_id().to_string(),
            branch: record.branch().map(ToString::to_string),
            sequence: record.sequence(),
            digest: hex(&record.digest()),
            expires: record.expires().to_string(),
        }
    }

    /// Where this API has its bytes.
    fn href(&self) -> String {
        let path = format!("/v1/records/{}", self.key_id);
        match &self.branch {
            // A branch has no character that a query would need escaped.
            Some(branch) => format!("{path}?branch={branch}"),
            None => path,
        }
    }
}

/// The record that is there instead of the one that was put.
#[derive(Debug, Serialize)]
pub(crate) struct Current {
    #[serde(flatten)]
    shown: Shown,
    href: String,
}

impl Current {
    pub(crate) fn of(record: &Record) -> Self {
        let shown = Shown::of(record);
        let href = shown.href();
        Self { shown, href }
    }
}

/// How many nodes refused for one reason.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RefusedFor {
    reason: String,
    nodes: usize,
}

/// A record that was published.
#[derive(Debug, Serialize)]
pub(crate) struct Placed {
    #[serde(flatten)]
    shown: Shown,
    stored: usize,
    of: usize,
    refused: Vec<RefusedFor>,
    took_ms: u64,
}

impl Placed {
    pub(crate) fn new(shown: Shown, placement: &Placement) -> Self {
        Self {
            shown,
            stored: placement.stored,
            of: placement.of,
            refused: refused(placement),
            took_ms: placement.took_ms,
        }
    }
}

/// The refusals of a put by reason, the most frequent first.
pub(crate) fn refused(placement: &Placement) -> Vec<RefusedFor> {
    let mut nodes = BTreeMap::<String, usize>::new();
    for (_, refusal) in &placement.refused {
        *nodes.entry(reason(refusal)).or_default() += 1;
    }
    let mut refused: Vec<RefusedFor> = nodes
        .into_iter()
        .map(|(reason, nodes)| RefusedFor { reason, nodes })
        .collect();
    refused.sort_by_key(|refused| core::cmp::Reverse(refused.nodes));
    refused
}

/// `; refused by 2 (disk), by 1 (full)`, or nothing where nobody refused.
pub(crate) fn refusals_in_words(placement: &Placement) -> String {
    let refused = refused(placement);
    let one = |refused: &RefusedFor| format!("by {} ({})", refused.nodes, refused.reason);
    let words: Vec<String> = refused.iter().map(one).collect();
    match &words[..] {
        [] => String::new(),
        words => format!("; refused {}", words.join(", ")),
    }
}

fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Older(_) => "older".into(),
        Refusal::Unexpected(_) => "unexpected".into(),
        Refusal::Invalid(code) => format!("invalid: {}", code.0),
        Refusal::Full => "full".into(),
        Refusal::Disk => "disk".into(),
        Refusal::Busy { .. } => "busy".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dht::message::ErrorCode;
    use crate::dht::peer::Peer;

    #[test]
    fn refusals_are_counted_by_reason() {
        let invalid = |code: &str| Refusal::Invalid(ErrorCode(code.into()));
        let refusals = [
            Refusal::Full,
            invalid("expired"),
            invalid("expired"),
            invalid("threshold"),
        ];
        let placement = Placement {
            stored: 1,
            of: 5,
            refused: refusals.map(|refusal| (Peer([0; 32]), refusal)).into(),
            conflict: None,
            took_ms: 0,
        };
        let counted: Vec<(String, usize)> = refused(&placement)
            .into_iter()
            .map(|refused| (refused.reason, refused.nodes))
            .collect();
        let expected = [
            ("invalid: expired", 2),
            ("full", 1),
            ("invalid: threshold", 1),
        ];
        assert_eq!(
            counted,
            expected.map(|(reason, nodes)| (reason.to_owned(), nodes))
        );
        assert_eq!(
            refusals_in_words(&placement),
            "; refused by 2 (invalid: expired), by 1 (full), by 1 (invalid: threshold)"
        );
    }
}
