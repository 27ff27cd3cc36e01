//! BitTorrent's DHT, by the crate that pkarr stands on, with its own testnet.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use mainline::{Dht, MutableItem, SigningKey, Testnet};

use crate::Times;

pub(crate) fn measure(nodes: usize, samples: usize, bytes: usize) -> Times {
    let testnet = Testnet::builder(nodes).build().expect("a testnet");
    let client = || {
        let client = Dht::builder()
            .bootstrap(&testnet.bootstrap)
            .bind_address(Ipv4Addr::LOCALHOST)
            .build()
            .expect("a client");
        assert!(client.bootstrapped(), "the client found the testnet");
        client
    };
    let (publisher, reader) = (client(), client());
    let (mut put, mut get) = (Vec::new(), Vec::new());
    for sample in 0..samples {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(sample as u64 + 1).to_le_bytes());
        let signer = SigningKey::from_bytes(&seed);
        let key = signer.verifying_key().to_bytes();
        let item = MutableItem::new(signer, &vec![b'a'; bytes], 1, None);
        put.push(timed(|| publisher.put_mutable(item, None).expect("stored")));
        get.push(timed(|| {
            let found = reader.get_mutable(&key, None, None).next();
            assert_eq!(found.expect("found").value().len(), bytes);
        }));
    }
    put.sort_unstable();
    get.sort_unstable();
    Times { put, get }
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}
