//! What became of the connections to each provider of each name.
//!
//! Pure. Counts only grow while a provider is known. Of so many no more are known: whoever made his name's record name others without
//! end would fill this memory and the metrics of who reads them.

use std::collections::BTreeMap;

use dotkey_proto::zone::Provider;

use super::standing::Who;

/// Providers that are counted, of all names of a listener.
const COUNTED_MAX: usize = 4096;

/// A provider of a name.
type Key = (Box<str>, Box<str>);

/// Counts by name and provider.
#[derive(Clone, Debug, Default)]
pub struct Tallies(BTreeMap<Key, Tally>);

/// What a provider came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How it was reached last.
    pub who: Who,
    /// Connections that came to stand.
    pub connected: u64,
    /// Connections that did not.
    pub failures: u64,
}

impl Tallies {
    /// A provider of a name was connected, or not.
    pub fn note(&mut self, name: &str, provider: &Provider, connected: bool) {
        let key = (Box::from(name), provider.id.clone());
        if self.0.len() >= COUNTED_MAX && !self.0.contains_key(&key) {
            self.0.clear(); // Counters that begin anew are what readers of metrics expect of a restart.
        }
        let who = Who::of(provider);
        let tally = self.0.entry(key).or_insert_with(|| Tally {
            who: who.clone(),
            connected: 0,
            failures: 0,
        });
        tally.who = who;
        tally.connected += u64::from(connected);
        tally.failures += u64::from(!connected);
    }

    /// All of them: the name, the provider's id, and what it came to.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Tally)> {
        let all = self.0.iter();
        all.map(|((name, provider), tally)| (&**name, &**provider, tally))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_provider_of_each_name_is_counted_and_not_without_end() {
        let provider = |id: &str, at: usize| {
            let url = format!("tls://h{at}.example.net:443");
            Provider::new(id, url.parse().expect("a URL"))
        };
        let mut tallies = Tallies::default();
        tallies.note("a.key", &provider("one", 1), true);
        tallies.note("a.key", &provider("one", 2), false);
        tallies.note("b.key", &provider("one", 1), true);
        let shown: Vec<_> = tallies
            .iter()
            .map(|(name, id, it)| (name, id, it.connected, it.failures, it.who.url.to_string()))
            .collect();
        let url = |at: usize| format!("tls://h{at}.example.net:443");
        assert_eq!(
            shown,
            [
                ("a.key", "one", 1, 1, url(2)),
                ("b.key", "one", 1, 0, url(1))
            ]
        );
        for at in 0..3 * COUNTED_MAX {
            tallies.note("a.key", &provider(&format!("p{at}"), at), true);
            assert!(tallies.0.len() <= COUNTED_MAX);
        }
    }
}
