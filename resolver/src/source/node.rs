//! A remote node as a source, asked over its HTTP API.

use std::sync::Arc;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::Subject;
use dotkey_proto::limits::{BUNDLE_BYTES_MAX, RECORD_BYTES_MAX};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::http::Connection;
use super::{Fetch, Hint, Origin, SOURCE_TIMEOUT, Source, SourceError, Wanted};

/// Where a node's API is unless its URL says otherwise.
const API_PORT: u16 = 5380;

/// The code of the problem that a question has a parameter which the node does not know.
const BAD_PARAMETER: &str = "bad-parameter";

/// A node that is asked over HTTP.
#[derive(Debug)]
pub struct Node {
    url: Arc<str>,
    connection: Connection,
}

/// What is no address of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no node's address; write one such as http://192.0.2.7:5380", url.escape_debug())]
pub struct AddressError {
    /// What was given.
    pub url: String,
}

impl Node {
    /// The node at a URL such as `http://192.0.2.7:5380`. Nobody is asked yet.
    ///
    /// # Errors
    /// It is no `http` URL of a host and perhaps a port. There is no TLS: what a node says is believed in nothing anyway.
    pub fn new(url: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError {
            url: url.to_owned(),
        };
        let trimmed = url.trim_end_matches('/');
        let uri: hyper::Uri = trimmed.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|_| uri.scheme_str() == Some("http"));
        let plain = uri.query().is_none() && matches!(uri.path(), "" | "/");
        let host = host
            .filter(|_| plain && !trimmed.contains('@'))
            .ok_or_else(wrong)?;
        let port = uri.port_u16().unwrap_or(API_PORT);
        Ok(Self {
            url: trimmed.into(),
            connection: Connection::new(&format!("{host}:{port}")),
        })
    }

    async fn get(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, SourceError> {
        let got = timeout(SOURCE_TIMEOUT, self.connection.get(path, bytes_max)).await;
        let Ok(got) = got else {
            self.connection.let_go().await;
            return Err(SourceError::TimedOut {
                waited_ms: SOURCE_TIMEOUT.as_millis() as u64,
            });
        };
        got
    }

    /// Reads the stream of changes until one is told of. Any event will do: what it says is not believed anyway.
    async fn wait(&self, key_id: &KeyId) -> Result<(), SourceError> {
        let path = format!("/v1/events?key={key_id}");
        let response = self.connection.open(&path, "text/event-stream").await?;
        if !response.status().is_success() {
            let code = response.status().as_u16().to_string();
            return Err(SourceError::Refused { code });
        }
        let mut body = response.into_body();
        while let Some(Ok(frame)) = body.frame().await {
            let data = frame.into_data().unwrap_or_default();
            // `change`, or `reset`, after which anything may have changed.
            if data.windows(6).any(|window| window == b"event:") {
                return Ok(());
            }
        }
        // A stream ends after an hour, or with its node.
        Err(SourceError::Refused {
            code: "ended".to_owned(),
        })
    }
}

impl Source for Node {
    fn origin(&self) -> Origin {
        Origin::Node(Arc::clone(&self.url))
    }

    fn record<'a>(&'a self, wanted: &'a Wanted) -> Fetch<'a> {
        Box::pin(async move {
            let mut path = format!("/v1/records/{}?", wanted.key_id);
            if let Some(branch) = &wanted.branch {
                path += &format!("branch={branch}&");
            }
            if wanted.fresh {
                path += "fresh=true";
            }
            self.get(path.trim_end_matches(['?', '&']), RECORD_BYTES_MAX)
                .await
        })
    }

    fn proof<'a>(&'a self, subject: &'a Subject, epoch: u64) -> Fetch<'a> {
        Box::pin(async move {
            let path = match subject {
                // The suffix is the API's, whatever this resolver answers under.
                Subject::Name(label) => format!("/v1/names/{label}.key?epoch={epoch}"),
                Subject::Identity(key_id) => format!("/v1/identities/{key_id}?epoch={epoch}"),
            };
            self.get(&path, BUNDLE_BYTES_MAX).await
        })
    }

    fn proof_with_record<'a>(&'a self, subject: &'a Subject, epoch: u64) -> Option<Fetch<'a>> {
        let Subject::Name(label) = subject else {
            return None;
        };
        if self.connection.is_older() {
            return None;
        }
        Some(Box::pin(async move {
            let path = format!("/v1/names/{label}.key?epoch={epoch}&with=record");
            match self.get(&path, BUNDLE_BYTES_MAX).await {
                // It is refused, not ignored: an older node answers so.
                Err(SourceError::Refused { code }) if code == BAD_PARAMETER => {
                    self.connection.note_older();
                    self.proof(subject, epoch).await
                }
                answer => answer,
            }
        }))
    }

    fn changed<'a>(&'a self, key_id: &'a KeyId) -> Hint<'a> {
        Box::pin(async move {
            loop {
                if self.wait(key_id).await.is_ok() {
                    return;
                }
                tokio::time::sleep(SOURCE_TIMEOUT).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_nodes() {
        let check = |url: &str, expected: Option<&str>| {
            let node = Node::new(url).ok();
            let found = node.map(|node| format!("{:?}", node.connection));
            let expected = expected.map(|authority| format!("Connection({authority})"));
            assert_eq!(found, expected, "{url}");
        };
        check("http://127.0.0.1:5380", Some("127.0.0.1:5380"));
        check("http://127.0.0.1:5380/", Some("127.0.0.1:5380"));
        check("http://[::1]:7", Some("[::1]:7"));
        check("http://node.example.net", Some("node.example.net:5380"));
        for bad in [
            "",
            "127.0.0.1:5380",
            "https://127.0.0.1:5380",
            "http://",
            "http://x@127.0.0.1:1",
            "http://127.0.0.1:1/v1",
            "http://127.0.0.1:1/?a",
        ] {
            check(bad, None);
        }
    }
}
