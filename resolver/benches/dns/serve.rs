//! The servers of this repository, each in a process of its own: this one, run again with `serve WHAT PORTS..`.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::{fs, thread};

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::Subject;
use dotkey_proto::record::SignedRecord;
use dotkey_proto::text::toml;
use dotkey_proto::time::Timestamp;
use dotkey_resolver::Resolver;
use dotkey_resolver::answer::made_up::Via;
use dotkey_resolver::answer::sign::Signer;
use dotkey_resolver::ordinary::Ordinary;
use dotkey_resolver::server::{Config, Listen, Server, Service};
use dotkey_resolver::source::{Fetch, Origin, Source, Wanted};
use dotkey_resolver::tls::Certificate;
use dotkey_resolver::upstream::{Address, Anchors, Settings, Upstream};
use hickory_proto::rr::rdata::{A, SOA};
use hickory_proto::rr::{Name, RData, Record};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use socket2::{Domain, Socket, Type};

use super::{bare, names};

/// Threads and sockets of each server.
pub(crate) const THREADS: usize = 2;

/// Runs until it is killed.
pub(crate) fn run(arguments: &[String]) {
    let number = |at: usize| -> usize { arguments[at].parse().expect("a number") };
    let port = |at: usize| number(at) as u16;
    match &arguments[0][..] {
        "bare" => serve_bare(port(1), number(2)),
        "hickory" => block_on(serve_hickory(port(1), number(2))),
        "dotkey" => block_on(serve_dotkey(
            [port(1), port(2), port(3)],
            port(4),
            number(5),
            &arguments[6],
        )),
        other => panic!("no server is called {other}"),
    }
}

fn block_on(serving: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(THREADS).enable_all().build();
    runtime.expect("a runtime").block_on(serving);
}

fn socket(port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    socket.set_reuse_port(true).expect("shared");
    let _ = socket.set_recv_buffer_size(4 << 20);
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    socket.bind(&address.into()).expect("the port is free");
    socket
}

fn serve_bare(port: u16, count: usize) {
    let answers = Arc::new(bare::answers(count));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    let over_tcp = Arc::clone(&answers);
    thread::spawn(move || bare::serve_tcp(&listener, &over_tcp));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (socket, answers) = (socket(port), Arc::clone(&answers));
            thread::spawn(move || bare::serve(&socket, &answers))
        })
        .collect();
    for thread in threads {
        thread.join().expect("it serves for ever");
    }
}

async fn serve_hickory(port: u16, count: usize) {
    let origin = Name::from_ascii("example.com.").expect("a name");
    let mut zone = InMemoryZoneHandler::<hickory_net::runtime::TokioRuntimeProvider>::empty(
        origin.clone(),
        ZoneType::Primary,
        AxfrPolicy::Deny,
    );
    let soa = SOA::new(origin.clone(), origin.clone(), 1, 60, 60, 60, 60);
    zone.upsert_mut(
        Record::from_rdata(origin.clone(), 86_400, RData::SOA(soa)),
        1,
    );
    for number in 0..count {
        let name =
            Name::from_ascii(format!("{}.example.com.", names::label(number))).expect("a name");
        let data = RData::A(A::from(Ipv4Addr::from(names::address(number))));
        zone.upsert_mut(Record::from_rdata(name, 86_400, data), 1);
    }
    let mut catalog = Catalog::new();
    catalog.upsert(origin.into(), vec![Arc::new(zone)]);
    let mut server = hickory_server::Server::new(catalog);
    for _ in 0..THREADS {
        let socket: std::net::UdpSocket = socket(port).into();
        socket.set_nonblocking(true).expect("asynchronous");
        server.register_socket(tokio::net::UdpSocket::from_std(socket).expect("a socket"));
    }
    server.block_until_done().await.expect("it serves for ever");
}

/// Records of zones with the names of the bench.
struct Zones(HashMap<KeyId, Vec<u8>>);

impl Zones {
    fn new(count: usize) -> Self {
        let zones = 0..count.div_ceil(names::ZONE_NAMES);
        Self(
            zones
                .map(|zone| (names::key_id(zone), Self::record(zone)))
                .collect(),
        )
    }

    fn record(zone: usize) -> Vec<u8> {
        let first = zone * names::ZONE_NAMES;
        let records = (first..first + names::ZONE_NAMES).map(|number| {
            let address = Ipv4Addr::from(names::address(number));
            format!(
                "[[record]]\nowner = \"{}\"\ntype = \"A\"\ndata = \"{address}\"\n",
                names::label(number)
            )
        });
        let text: String = records.collect();
        let zone_data = toml::parse(&text, "bench.toml").expect("a zone").zone;
        let secret = names::secret(zone);
        let window = now().saturating_sub(600)..now().saturating_add(86_400);
        let record = SignedRecord::of_bare_key(&secret, 1, window, zone_data.encode());
        record.expect("a record").as_bytes().to_vec()
    }
}

impl Source for Zones {
    fn origin(&self) -> Origin {
        Origin::Other("the bench".into())
    }

    fn record<'a>(&'a self, wanted: &'a Wanted) -> Fetch<'a> {
        Box::pin(async { Ok(self.0.get(&wanted.key_id).cloned()) })
    }

    fn proof<'a>(&'a self, _: &'a Subject, _: u64) -> Fetch<'a> {
        Box::pin(async { Ok(None) })
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_secs(since.expect("after 1970").as_secs()).expect("in range")
}

async fn serve_dotkey([dns, dot, doh]: [u16; 3], upstream: u16, count: usize, folder: &str) {
    let resolver = Resolver::builder().clock(now).source(Zones::new(count));
    let resolver = resolver.build().expect("it is sound");
    let signer = Signer::new(&Signer::generate().expect("a key"), resolver.origin());
    let mut config = Config::new(resolver, signer.expect("a key"), Via::Direct);
    let address: Address = format!("127.0.0.1:{upstream}").parse().expect("an address");
    let settings = Settings {
        upstreams: vec![address],
        anchors: Anchors::none(),
        ..Settings::default()
    };
    config.ordinary = Arc::new(Ordinary {
        upstream: Some(Upstream::new(&settings).expect("an upstream")),
        ..Ordinary::default()
    });
    config.cache_bytes = 1 << 30;
    // As beside a node.
    config.told_of_changes = true;
    let read = |name: &str| fs::read(format!("{folder}/{name}")).expect("a file");
    let certificate = Certificate::new(&read("cert.pem"), &read("key.pem")).expect("sound");
    let at = |port| Some((Ipv4Addr::LOCALHOST, port).into());
    let listen = Listen {
        dns: at(dns),
        dot: at(dot),
        doh: at(doh),
        udp_sockets: THREADS,
        ..Listen::default()
    };
    let service = Arc::new(Service::new(config, [7; 32]));
    let _server = Server::start(&listen, &service, Some(&certificate)).expect("it listens");
    core::future::pending::<()>().await;
}
