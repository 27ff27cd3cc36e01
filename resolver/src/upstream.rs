//! How ordinary names are asked for elsewhere.

use core::time::Duration;

use hickory_resolver::config::{ResolveHosts, ResolverOpts, ServerOrderingStrategy};

use crate::edns::UDP_ANSWER_BYTES_MAX;

/// One try at one upstream. Stub resolvers wait 5 s in all, so that two tries and an answer fit.
pub const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// Tries before a question has failed.
pub const TRIES_MAX: usize = 2;

/// Upstreams asked at once: the slower one is the price of a steady latency.
pub const RACED: usize = 2;

/// Exchanges with upstreams for one query of a client, whatever the answers ask for: what NXNS and KeyTrap multiply.
pub const EXCHANGES_PER_QUERY_MAX: usize = 64;

/// Hickory's resolver as a client of upstreams and a DNSSEC validator. It keeps no cache: ours counts bytes, serves stale
/// answers and remembers failures.
#[must_use]
pub fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = TRY_TIMEOUT;
    options.attempts = TRIES_MAX;
    options.num_concurrent_reqs = RACED;
    options.server_ordering_strategy = ServerOrderingStrategy::QueryStatistics;
    options.validate = true;
    options.edns0 = true;
    options.edns_payload_len = UDP_ANSWER_BYTES_MAX;
    options.cache_size = 0;
    options.try_tcp_on_error = true;
    // 0x20: a forged answer must guess the case of the question too.
    options.case_randomization = true;
    // The question is a DNS name as it came in: no search list, no hosts file.
    options.ndots = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstream_answers_are_validated_and_not_cached_twice() {
        let options = options();
        assert!(options.validate && options.edns0 && options.cache_size == 0);
        let waits = options.timeout * u32::try_from(options.attempts).expect("few");
        assert!(
            waits < Duration::from_secs(5),
            "a stub resolver has given up"
        );
    }
}
