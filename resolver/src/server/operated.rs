//! A running service for who looks after it: what it counted and keeps, and other rules without a lost query.

use core::sync::atomic::Ordering;

use dotkey_proto::dns::WireName;

use super::metrics::{CacheLevel, Page, upstreams};
use super::packet::Kind;
use super::querylog;
use super::rules::{Flush, Rules};
use super::service::Service;

impl Service {
    /// Answers by other rules from now on; who asked before is answered by those that held then.
    pub fn reconfigure(&self, rules: Rules, flush: Flush) {
        self.current.replace(rules);
        for (kind, wanted) in [(Kind::Ours, flush.ours), (Kind::Ordinary, flush.ordinary)] {
            if wanted {
                // Counted before: what is being worked on by the rules of before is not kept.
                self.flushes.fetch_add(1, Ordering::Release);
                self.cache.partition(kind).flush();
            }
        }
    }

    /// The rules that hold now.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.current.get().rules.clone()
    }

    /// The settings were read again: applied, or refused whole.
    pub fn reloaded(&self, applied: bool) {
        self.metrics.reloaded(applied);
    }

    /// What was counted, as OpenMetrics text.
    #[must_use]
    pub fn metrics(&self) -> String {
        let bytes_max = self.cache_bytes as u64;
        let cache = self.kept().map(|size| CacheLevel {
            entries: size.answers as u64,
            bytes: size.bytes as u64,
            bytes_max,
            evicted: size.evicted,
        });
        let mut page = Page::default();
        self.metrics.write(&mut page, cache);
        self.counters.write(&mut page);
        if let Some(upstream) = &self.current.get().rules.ordinary.upstream {
            upstreams::write(&mut page, &upstream.health());
        }
        if let Some(log) = &self.current.get().rules.query_log {
            querylog::write(log.counts(), &mut page);
        }
        page.end()
    }

    /// What someone should look at; nothing where all is well.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = self.metrics.reasons();
        let log = &self.current.get().rules.query_log;
        if log.as_ref().is_some_and(|log| log.is_failing()) {
            reasons
                .push("the query log cannot be written: look at the space on its disk".to_owned());
        }
        reasons
    }

    /// What names end with that are answered here.
    #[must_use]
    pub fn suffix(&self) -> &WireName {
        self.resolver.origin()
    }

    /// Seconds since it began.
    #[must_use]
    pub fn uptime_secs(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    /// Queries of all transports.
    #[must_use]
    pub fn queries(&self) -> u64 {
        self.metrics.queries()
    }

    /// Connections that are open now.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.metrics.connections()
    }

    /// Bytes that each kind of answers may take.
    #[must_use]
    pub fn cache_bytes(&self) -> usize {
        self.cache_bytes
    }
}
