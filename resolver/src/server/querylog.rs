//! The query log: for each query a line of JSON. Off unless somebody wants it.
//!
//! Here, and nowhere else, addresses of clients are kept.

use core::net::IpAddr;
use core::time::Duration;
use std::time::SystemTime;

use dotkey_proto::dns::{RecordType, WireName};
use serde_json::json;

use super::metrics::{Page, Provenance, rcode_word, transport_word};
use crate::linelog::{Counts, Event, LineLog, time};
use crate::transport::Transport;

/// A query log that is open. Whoever moves its file away opens another in its place (`Service::reconfigure`).
pub type QueryLog = LineLog<Answered>;

/// A query and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub(crate) at: SystemTime,
    pub(crate) client: IpAddr,
    pub(crate) transport: Transport,
    pub(crate) name: WireName,
    pub(crate) rtype: RecordType,
    /// None where silence was the answer.
    pub(crate) rcode: Option<u16>,
    pub(crate) from: Provenance,
    pub(crate) took: Duration,
    /// AD.
    pub(crate) verified: bool,
    /// The code of the extended error.
    pub(crate) extended: Option<u16>,
}

impl Event for Answered {
    const THREAD: &'static str = "query-log";

    fn json(&self) -> serde_json::Value {
        json!({
            "time": time(self.at),
            "client": self.client.to_canonical().to_string(),
            "transport": transport_word(self.transport),
            "name": self.name.to_string(),
            "type": self.rtype.to_string(),
            "rcode": self.rcode.map(rcode_word),
            "source": self.from.word(),
            "us": u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            "ad": self.verified,
            "ede": self.extended,
        })
    }
}

/// Adds what became of the lines to a page.
pub(super) fn write(counts: Counts, page: &mut Page) {
    page.family(
        "query_log_lines",
        "counter",
        "Lines of the query log since it was opened",
    );
    for (result, count) in counts.by_result() {
        page.count("query_log_lines", &[("result", result)], count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_an_object() {
        let answered = Answered {
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_223_554_007),
            client: "::ffff:192.0.2.7".parse().expect("an address"),
            transport: Transport::Https,
            name: "n0.\\000\\\".example.".parse().expect("a name"),
            rtype: RecordType(65280),
            rcode: Some(3),
            from: Provenance::OrdinaryMiss,
            took: Duration::from_nanos(1_234_567),
            verified: true,
            extended: Some(22),
        };
        let expected = json!({
            "time": "2026-11-21T01:12:34.007Z", "client": "192.0.2.7", "transport": "https",
            "name": "n0.\\000\\\".example.", "type": "TYPE65280", "rcode": "NXDOMAIN", "source": "ordinary-miss",
            "us": 1234, "ad": true, "ede": 22,
        });
        assert_eq!(answered.json(), expected);
        let silent = Answered {
            rcode: None,
            extended: None,
            ..answered
        };
        let line = silent.json();
        assert_eq!((&line["rcode"], &line["ede"]), (&json!(null), &json!(null)));
    }
}
