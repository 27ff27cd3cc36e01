//! BitTorrent's DHT, by the crate that pkarr stands on, with its own testnet.

use std::net::Ipv4Addr;
use std::time::Instant;

use futures_util::StreamExt;
use mainline::async_dht::AsyncDht;
use mainline::{Dht, MutableItem, SigningKey, Testnet};

use crate::Times;

pub(crate) async fn measure(nodes: usize, samples: usize, bytes: usize) -> Times {
    let testnet = Testnet::builder(nodes).build().expect("a testnet");
    let publisher = client(&testnet).await;
    let reader = client(&testnet).await;
    let (mut put, mut get) = (Vec::new(), Vec::new());
    for sample in 0..samples {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(sample as u64 + 1).to_le_bytes());
        let signer = SigningKey::from_bytes(&seed);
        let key = signer.verifying_key().to_bytes();
        let item = MutableItem::new(signer, &vec![b'a'; bytes], 1, None);
        let begun = Instant::now();
        publisher.put_mutable(item, None).await.expect("stored");
        put.push(begun.elapsed());
        let begun = Instant::now();
        let found = reader.get_mutable(&key, None, None).next().await;
        get.push(begun.elapsed());
        assert_eq!(found.expect("found").value().len(), bytes);
    }
    put.sort_unstable();
    get.sort_unstable();
    Times { put, get }
}

async fn client(testnet: &Testnet) -> AsyncDht {
    let client = Dht::builder()
        .bootstrap(&testnet.bootstrap)
        .bind_address(Ipv4Addr::LOCALHOST)
        .build();
    let client = client.expect("a client").as_async();
    assert!(client.bootstrapped().await, "the client found the testnet");
    client
}
