//! Our own servers as upstreams, over every transport that we speak.

use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::answer::made_up::Via;
use crate::answer::sign::Signer;
use crate::ordinary::{Local, Ordinary};
use crate::resolver::Resolver;
use crate::server::{Config, Listen, Server as Listeners, Service};
use crate::tls::Certificate;
use crate::transport::Transport;

/// Our servers on every transport, with one name, and how they were asked.
fn listeners(certificate: &Certificate) -> (Listeners, Arc<Service>) {
    let resolver = Resolver::builder().build().expect("sound");
    let key = Signer::generate().expect("a key");
    let signer = Signer::new(&key, resolver.origin()).expect("a key");
    let mut config = Config::new(resolver, signer, Via::Direct);
    let mut local = Local::default();
    local.add("www.example A 192.0.2.1").expect("a record");
    config.ordinary = Arc::new(Ordinary {
        local,
        upstream: None,
    });
    let service = Arc::new(Service::new(config, [7; 32]));
    let any: Option<SocketAddr> = Some((Ipv4Addr::LOCALHOST, 0).into());
    let listen = Listen {
        dns: any,
        dot: any,
        doq: any,
        doh: any,
        udp_sockets: 1,
        connections: None,
    };
    let listeners = Listeners::start(&listen, &service, Some(certificate));
    (listeners.expect("they listen"), service)
}

#[tokio::test]
async fn each_transport_is_spoken_and_certificates_are_looked_at() {
    let made =
        |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("made");
    let (own, other) = (made("dns.example"), made("dns.example"));
    let pem = (own.cert.pem(), own.key_pair.serialize_pem());
    let certificate = Certificate::new(pem.0.as_bytes(), pem.1.as_bytes()).expect("sound");
    let (listeners, service) = listeners(&certificate);
    let at = listeners.addresses().clone();
    let upstream = |scheme: &str, address: Option<SocketAddr>, name: &str, authorities: &str| {
        let address = address.expect("it listens");
        let text = match name {
            "" => format!("{scheme}://{address}"),
            name => format!("{scheme}://{address}#{name}"),
        };
        let settings = Settings {
            upstreams: vec![text.parse().expect("an address")],
            authorities: Some(authorities.as_bytes().to_vec()),
            ..believing(&[])
        };
        Upstream::new(&settings).expect("an upstream")
    };
    for (scheme, address, name) in [
        ("udp", at.dns, ""),
        ("tcp", at.dns, ""),
        ("tls", at.dot, "dns.example"),
        ("https", at.doh, "dns.example"),
        ("h3", at.doh, "dns.example"),
        ("quic", at.doq, "dns.example"),
    ] {
        let sound = upstream(scheme, address, name, &pem.0);
        for _ in 0..3 {
            let said = ask(&sound, "www.example", "A").await;
            assert_eq!(addresses(&said), [vec![192, 0, 2, 1]], "{scheme}: {said:?}");
        }
        if name.is_empty() {
            continue;
        }
        for (name, authorities) in [("other.example", &pem.0), (name, &other.cert.pem())] {
            let said = ask(
                &upstream(scheme, address, name, authorities),
                "www.example",
                "A",
            )
            .await;
            assert_eq!(
                (said.rcode, code(&said)),
                (ResponseCode::ServFail, Some(23)),
                "{scheme} {name}"
            );
        }
    }
    let asked = |transport: Transport| {
        let at = Transport::ALL
            .iter()
            .position(|one| *one == transport)
            .expect("one of them");
        service.counters.queries[at].load(std::sync::atomic::Ordering::Relaxed)
    };
    assert!(Transport::ALL.iter().all(|one| asked(*one) == 3));
    listeners.stop().await;
}
