//! What requests have to share: bodies that arrive, publishes, streams of events.
//!
//! HTTP/2 brings many requests over one connection, so that a share of the connections is none of these. Each client has its share of each, and no client all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client::Client;
use super::problem::{self, Problem};

/// So many of something for all clients.
#[derive(Debug)]
pub(crate) struct Shares {
    what: &'static str,
    most: usize,
    taken: Mutex<BTreeMap<Client, usize>>,
}

/// One of them, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<Shares>,
    client: Client,
}

impl Shares {
    pub(crate) fn new(what: &'static str, most: usize) -> Arc<Self> {
        Arc::new(Self {
            what,
            most,
            taken: Mutex::default(),
        })
    }

    /// One for a client, if there is one for it.
    pub(crate) fn take(self: &Arc<Self>, client: Client) -> Result<Share, Problem> {
        let mut taken = self.lock();
        let own = taken.get(&client).copied().unwrap_or_default();
        if own >= client.share(self.most) {
            return Err(self.short("one client may have"));
        }
        if taken.values().sum::<usize>() >= self.most {
            return Err(self.short("this node allows"));
        }
        taken.insert(client, own + 1);
        let of = Arc::clone(self);
        Ok(Share { of, client })
    }

    fn short(&self, bound: &str) -> Problem {
        Problem::new(
            problem::OVERLOADED,
            format!("as many {} are under way as {bound}", self.what),
            "ask again in a few seconds, or ask another node",
        )
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Client, usize>> {
        // Nothing under this lock leaves it half changed.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.of.lock();
        if let Some(own) = taken.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(shares: &Arc<Shares>, address: &str, count: usize) -> Vec<Share> {
        let client = Client::of(address.parse().expect("an address"));
        (0..count)
            .filter_map(|_| shares.take(client).ok())
            .collect()
    }

    #[test]
    fn one_client_has_its_share_and_all_together_what_there_is() {
        let shares = Shares::new("things", 64);
        let own = take(&shares, "192.0.2.1", 100);
        assert_eq!(own.len(), 8);
        let mut others = Vec::new();
        for number in 2..=10 {
            others.extend(take(&shares, &format!("192.0.2.{number}"), 7));
        }
        assert_eq!(own.len() + others.len(), 64);
        assert!(take(&shares, "192.0.2.99", 1).is_empty());
        drop(own);
        assert_eq!(take(&shares, "192.0.2.1", 100).len(), 8);
        drop(others);
        assert!(shares.lock().is_empty(), "nobody is remembered");
    }
}
