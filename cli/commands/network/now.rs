//! What a running node says of its network now: who votes, and which changes are decided or wait. Its word, and shown as that.

use std::fmt::Write;

use serde_json::Value;

use dotkey_proto::words::counted;

/// The members of a list, whatever the node sent.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(&[][..], Vec::as_slice).iter()
}

/// Those who vote now, or from the next epoch on.
pub(super) fn validators(said: &Value) -> impl Iterator<Item = &Value> {
    list(&said["validators"])
}

/// The network in words, as its node tells it.
pub(super) fn in_words(said: &Value, own: Option<&str>) -> String {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let from = number(&said["changes"]["from"]);
    let mut text = format!(
        "Now, by its node's word: block {}, epoch {}, and the next epoch begins with block {from}\n",
        number(&said["height"]),
        number(&said["epoch"])
    );
    for one in validators(said) {
        let identity = one["identity"].as_str().unwrap_or_default();
        let address = match one["address"].as_str() {
            None | Some("") => "with no address",
            Some(address) => address,
        };
        let role = match (one["voting"] == true, one["next"] == true) {
            (true, true) => "votes".to_owned(),
            (true, false) => format!("votes until block {from}"),
            (false, _) => format!("votes from block {from} on"),
        };
        let mine = if own == Some(identity) {
            ", this one"
        } else {
            ""
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {identity}  {address}  {role}{mine}");
    }
    for one in list(&said["changes"]["proposed"]) {
        let identity = one["identity"].as_str().unwrap_or_default();
        let approvals = list(&one["approvals"]).count();
        let needed = number(&one["needed"]);
        let change = one["change"].as_str().unwrap_or("change");
        let mine = list(&one["approvals"]).any(|by| own.is_some() && by.as_str() == own);
        let next = match own {
            Some(_) if !mine => {
                let short: String = identity.chars().take(16).collect();
                format!("; approve it with `dotkey network approve {short}`")
            }
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "  proposed: {change} {identity}, wanted by {approvals} of the {} that are needed{next}",
            counted(needed, "validator")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_decided_and_what_waits_is_seen_at_one_glance() {
        let said = json!({
            "height": 12, "epoch": 1, "changes": {"from": 16, "proposed": [
                {"change": "add", "identity": "ee55".repeat(5), "approvals": ["aa"], "needed": 3},
            ]},
            "validators": [
                {"identity": "aa", "address": "192.0.2.1:4381", "voting": true, "next": true},
                {"identity": "bb", "address": "", "voting": true, "next": false},
                {"identity": "cc", "address": "192.0.2.3:4381", "voting": false, "next": true},
            ],
        });
        let text = in_words(&said, Some("bb"));
        let expected = "Now, by its node's word: block 12, epoch 1, and the next epoch begins with block 16\n  aa  192.0.2.1:4381  votes\n  bb  with no address  votes until block 16, this one\n  cc  192.0.2.3:4381  votes from block 16 on\n  proposed: add ee55ee55ee55ee55ee55, wanted by 1 of the 3 validators that are needed; approve it with `dotkey network approve ee55ee55ee55ee55`\n";
        assert_eq!(text, expected);
        assert!(!in_words(&said, Some("aa")).contains("approve it"));
        assert!(!in_words(&said, None).contains("approve it"));
        assert!(in_words(&json!("?"), None).contains("block 0"));
    }
}
