//! Zones of every shape, for property tests of the encoding and of the text form.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::collection::vec as many;
use proptest::option::of as maybe;
use proptest::prelude::*;

use super::*;
use crate::identity::KeyId;

/// Names of the three kinds that may not meet: data, what is below a delegation, and aliases.
fn owner_below(top: &'static str) -> impl Strategy<Value = Owner> {
    "([a-z0-9_*]{1,3}\\.){0,2}".prop_map(move |front| owner(&alloc::format!("{front}{top}")))
}

pub(crate) fn odd_owner() -> impl Strategy<Value = Owner> {
    many(many(any::<u8>(), 1..5), 0..3).prop_map(|labels| {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(label.len() as u8);
            wire.extend(label.to_ascii_lowercase());
        }
        wire.extend(b"\x03odd");
        Owner::from_wire(&wire).expect("short labels in lower case")
    })
}

fn any_owner() -> impl Strategy<Value = Owner> {
    prop_oneof![
        Just(Owner::apex()),
        owner_below("data"),
        owner_below("w"),
        odd_owner()
    ]
}

fn record() -> impl Strategy<Value = (RecordType, Vec<u8>)> {
    let text = |rtype, texts: &'static [&'static str]| {
        let all = prop::sample::select(texts);
        all.prop_map(move |text| (rtype, data(rtype, text)))
    };
    prop_oneof![
        any::<[u8; 4]>().prop_map(|address| (RecordType::A, address.to_vec())),
        any::<[u8; 16]>().prop_map(|address| (RecordType::AAAA, address.to_vec())),
        many(any::<u8>(), 0..40).prop_map(|bytes| (RecordType(65280), bytes)),
        many(any::<u8>(), 0..200).prop_map(|bytes| {
            let data = [&[bytes.len() as u8][..], &bytes].concat();
            (RecordType::TXT, data)
        }),
        text(
            RecordType::MX,
            &["10 mail", "20 mail.example.net.", "0 .", "5 @"]
        ),
        text(RecordType::SRV, &["0 5 5060 sip", "1 2 3 SIP.Example.NET."]),
        text(
            RecordType::HTTPS,
            &[
                "1 . alpn=h2,h3 port=8443",
                "0 www",
                "2 @ ipv4hint=192.0.2.1"
            ]
        ),
        text(
            RecordType::CAA,
            &[
                "0 issue \"ca.example.net\"",
                "128 iodef \"mailto:a@example.net\""
            ]
        ),
        text(
            RecordType::NAPTR,
            &["100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b!\" ."]
        ),
        text(RecordType::RP, &["admin info"]),
        text(RecordType::TLSA, &["3 1 1 00ff"]),
    ]
}

fn extension() -> impl Strategy<Value = Extension> {
    let value = prop_oneof![
        Just(std::vec![0xf6_u8]),
        any::<u64>().prop_map(|number| {
            let mut writer = Writer::new();
            writer.uint(number);
            writer.into_bytes()
        }),
        any::<String>().prop_map(|text| {
            let mut writer = Writer::new();
            writer.map(1).text("k").array(2).text(&text).int(-5);
            writer.into_bytes()
        }),
    ];
    let entries = many((100..105_u64, value), 0..3).prop_map(|mut entries| {
        entries.sort();
        entries.dedup_by_key(|(key, _)| *key);
        Extension::from_entries(entries).expect("sound")
    });
    prop_oneof![3 => Just(Extension::default()), 1 => entries]
}

fn path() -> impl Strategy<Value = Path> {
    "/[a-z0-9~!%\"']{0,9}(/[a-z]{1,3})?".prop_filter_map("a path", |text| Path::parse(&text).ok())
}

fn id() -> impl Strategy<Value = Box<str>> {
    "[a-z0-9]{1,4}(-[a-z0-9]{1,4})?".prop_map(Box::from)
}

fn words_of_people() -> impl Strategy<Value = Box<str>> {
    prop_oneof![
        "[a-z]{2}-[a-z]{4}",
        "\\PC{1,8}",
        "[\"\\\\\n\t\u{0}\u{7f}']{1,5}"
    ]
    .prop_map(Box::from)
}

fn url() -> impl Strategy<Value = Url> {
    const URLS: &[&str] = &[
        "https://a.example.net",
        "http://192.0.2.1:8080/base",
        "https://[2001:db8::1]:8443/",
        "tcp://db.example.net:7000",
        "tls://db.example.net:7000",
        "postgres://db.example.net",
        "redis://cache.example.net:6380",
    ];
    prop::sample::select(URLS).prop_map(|text| Url::parse(text).expect(text))
}

fn provider() -> impl Strategy<Value = Provider> {
    let protocol = prop::sample::select(Protocol::ALL);
    let optional = (
        maybe(protocol),
        maybe(words_of_people()),
        maybe(1..=u16::MAX),
        maybe(any::<u16>()),
    );
    let lists = (many(any::<[u8; 32]>(), 0..3), maybe(path()), extension());
    (id(), url(), optional, lists).prop_map(|(id, url, optional, lists)| {
        let (protocol, region, weight, priority) = optional;
        let (pins, health, extension) = lists;
        Provider {
            protocol,
            region,
            weight,
            priority,
            pins,
            health,
            extension,
            ..Provider::new(&id, url)
        }
    })
}

/// Providers with ids of their own.
fn providers(sizes: core::ops::Range<usize>) -> impl Strategy<Value = Vec<Provider>> {
    many(provider(), sizes).prop_map(|mut providers| {
        for (number, provider) in providers.iter_mut().enumerate() {
            provider.id = alloc::format!("{}-{number}", provider.id).into();
        }
        providers
    })
}

fn shard_set() -> impl Strategy<Value = ShardSet> {
    let shard = (
        providers(1..4),
        0..1_u64 << 53,
        maybe(1..=u16::MAX),
        extension(),
    );
    let by = prop::sample::select(ShardBy::ALL);
    (by, many(shard, 1..4), maybe(words_of_people()), extension()).prop_map(
        |(by, shards, key, extension)| {
            type Drawn = (Vec<Provider>, u64, Option<u16>, Extension);
            let shard = |(number, drawn): (usize, Drawn)| {
                let (mut members, epoch, weight, extension) = drawn;
                let start = if number == 0 {
                    std::vec![]
                } else {
                    std::vec![number as u8, 0xff]
                };
                Shard {
                    id: alloc::format!("s{number}").into(),
                    epoch,
                    primary: members.remove(0),
                    replicas: members,
                    start: (by == ShardBy::Range).then(|| start.into()),
                    weight: weight.filter(|_| by == ShardBy::Hash),
                    extension,
                }
            };
            let shards = shards.into_iter().enumerate().map(shard).collect();
            ShardSet {
                by,
                shards,
                key,
                extension,
            }
        },
    )
}

fn policy() -> impl Strategy<Value = ResourcePolicy> {
    let hedge = (maybe(0..=60_000_u32), maybe(0..=100_u8), extension());
    let hedge = hedge.prop_map(|(after_ms, percent, extension)| Hedge {
        after_ms,
        percent,
        extension,
    });
    let whole = maybe(1..=86_400_000_u32);
    let timeouts = (
        maybe(1..=600_000_u32),
        maybe(1..=600_000_u32),
        whole,
        extension(),
    );
    let timeouts = timeouts.prop_map(
        |(connect_ms, first_byte_ms, whole_ms, extension)| Timeouts {
            connect_ms,
            first_byte_ms,
            whole_ms,
            extension,
        },
    );
    let sticky = prop_oneof![
        extension().prop_map(|extension| Sticky {
            by: StickyBy::Address,
            name: None,
            extension
        }),
        ("[a-zA-Z0-9_-]{1,9}", extension()).prop_map(|(name, extension)| {
            let (by, name) = (StickyBy::Cookie, Some(name.into()));
            Sticky {
                by,
                name,
                extension,
            }
        }),
    ];
    let first = (
        maybe(prop::sample::select(Balance::ALL)),
        maybe(hedge),
        maybe(0..=100_u8),
    );
    let second = (maybe(timeouts), maybe(health()), maybe(sticky));
    let pins = maybe(prop::sample::select(Pins::ALL));
    let third = (
        many(words_of_people(), 0..3),
        maybe(1..=64_u8),
        pins,
        extension(),
    );
    (first, second, third).prop_map(|(first, second, third)| {
        let ((balance, hedge, retry_percent), (timeouts, health, sticky)) = (first, second);
        let (regions, least_healthy, pins, extension) = third;
        ResourcePolicy {
            balance,
            hedge,
            retry_percent,
            timeouts,
            health,
            sticky,
            regions,
            least_healthy,
            pins,
            extension,
        }
    })
}

fn health() -> impl Strategy<Value = HealthCheck> {
    let times = (maybe(100..=3_600_000_u32), maybe(1..=600_000_u32));
    let counts = (maybe(1..=100_u8), maybe(1..=100_u8));
    (maybe(path()), times, counts, extension()).prop_map(|(path, times, counts, extension)| {
        HealthCheck {
            path,
            interval_ms: times.0,
            timeout_ms: times.1,
            rise: counts.0,
            fall: counts.1,
            extension,
        }
    })
}

fn resource() -> impl Strategy<Value = Resource> {
    let kind = prop::sample::select(&Kind::ALL[..4]);
    let plain = (
        kind,
        providers(0..3),
        maybe(any::<[u8; 32]>()),
        any::<[u8; 32]>(),
    );
    let plain = plain.prop_map(|(kind, providers, content, spare)| {
        let content = content.or(providers.is_empty().then_some(spare));
        (kind, providers, None, content)
    });
    let sharded = shard_set().prop_map(|set| (Kind::Shards, Vec::new(), Some(set), None));
    let target = prop_oneof![3 => plain, 1 => sharded];
    (
        any_owner(),
        maybe(path()),
        maybe(policy()),
        target,
        extension(),
    )
        .prop_map(|(host, path, policy, target, extension)| {
            let (kind, providers, shards, content) = target;
            Resource {
                kind,
                host,
                path,
                policy,
                providers,
                shards,
                content,
                extension,
            }
        })
}

fn delegation() -> impl Strategy<Value = Delegation> {
    let to = maybe(any::<[u8; 32]>().prop_map(KeyId::from_bytes));
    ("[a-z0-9-]{1,5}", to, extension()).prop_map(|(label, to, extension)| Delegation {
        owner: owner(&alloc::format!("{label}.given")),
        to,
        extension,
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    (maybe(0..1_u32 << 31), maybe(words_of_people()), extension()).prop_map(
        |(ttl, contact, extension)| Settings {
            ttl,
            contact,
            extension,
        },
    )
}

/// What the rules keep apart from ordinary data, each under a name of its own.
fn specials() -> impl Strategy<Value = Vec<(Owner, RecordType, u32, Vec<u8>)>> {
    let special = prop_oneof![
        (
            0..3_u8,
            prop::sample::select(&["@", "Other.data", "www.example.net."])
        )
            .prop_map(|(n, to)| {
                let name = owner(&alloc::format!("n{n}.alias"));
                (name, RecordType::CNAME, 60, data(RecordType::CNAME, to))
            }),
        Just((
            owner("moved"),
            RecordType::DNAME,
            5,
            data(RecordType::DNAME, "example.net.")
        )),
        Just((
            owner("cut"),
            RecordType::NS,
            7,
            data(RecordType::NS, "ns.cut")
        )),
        Just((
            owner("ns.cut"),
            RecordType::A,
            7,
            data(RecordType::A, "192.0.2.53")
        )),
        Just((
            owner("@"),
            RecordType::SOA,
            9,
            data(RecordType::SOA, "@ admin 1 2 3 4 5")
        )),
    ];
    many(special, 0..4).prop_map(|mut all| {
        all.sort();
        all.dedup_by_key(|(owner, rtype, ..)| (owner.clone(), *rtype));
        all
    })
}

/// Valid zones with all that a zone can hold.
pub(crate) fn zones() -> impl Strategy<Value = Zone> {
    let records = many((any_owner(), 0..1_u32 << 31, record()), 0..8);
    let records = (records, specials());
    let lists = (many(resource(), 0..3), many(delegation(), 0..3));
    (records, lists, maybe(settings()), extension()).prop_map(
        |((records, specials), (mut resources, mut delegations), settings, extension)| {
            let mut builder = ZoneBuilder::new();
            for (owner, ttl, (rtype, rdata)) in records {
                builder.rrset(owner, rtype, ttl, [rdata]);
            }
            for (owner, rtype, ttl, rdata) in specials {
                builder.rrset(owner, rtype, ttl, [rdata]);
            }
            let place = |r: &Resource| (r.host.clone(), String::from(r.path_prefix()));
            resources.sort_by_key(place);
            resources.dedup_by_key(|resource| place(resource));
            delegations.sort_by(|left, right| left.owner.cmp(&right.owner));
            delegations.dedup_by(|left, right| left.owner == right.owner);
            for resource in resources {
                builder.resource(resource);
            }
            for delegation in delegations {
                builder.delegation(delegation);
            }
            if let Some(settings) = settings {
                builder.settings(settings);
            }
            builder.extension(extension);
            builder.build(None).expect("the strategy keeps the rules")
        },
    )
}
