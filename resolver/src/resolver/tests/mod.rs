mod claims;
#[cfg(feature = "server")]
mod nodes;
mod pushes;
mod together;

use super::*;
use crate::tests::{Memory, branch_record, key_id, now, record, rtype, zone};
use crate::{Lookup, Why};

const SITE: &str = r#"
[[record]]
owner = "@"
type = "A"
data = "192.0.2.1"

[[record]]
owner = "www"
type = "CNAME"
data = "@"

[[record]]
owner = "mail"
type = "MX"
data = "10 mx"

[[delegation]]
name = "blog"
branch = true
"#;

fn resolver(sources: &[&Memory]) -> Resolver {
    let mut builder = Resolver::builder().clock(now);
    for source in sources {
        builder = builder.source((*source).clone());
    }
    builder.build().expect("it is sound")
}

fn name_of(seed: u8) -> String {
    format!("{}.key", key_id(seed))
}

#[tokio::test]
async fn a_name_that_is_a_key_leads_to_its_zone() {
    let source = Memory::default();
    source.tell(1, None, record(1, 7, &zone(SITE)));
    let resolver = resolver(&[&source]);
    let found = resolver.resolve(&name_of(1)).await.expect("resolved");
    assert_eq!(
        (
            found.record().sequence(),
            found.age_secs(),
            found.holds_secs()
        ),
        (7, 0, 3000)
    );
    assert!(found.proof().is_none());
    let look =
        async |name: String, of: &str| resolver.lookup(&name, rtype(of)).await.expect("a zone");
    let address = Lookup::Data(crate::Data {
        ttl: 300,
        rdata: vec![vec![192, 0, 2, 1]],
    });
    let Lookup::Data(found) = look(name_of(1), "A").await else {
        panic!("an address")
    };
    assert_eq!(Lookup::Data(crate::Data { ttl: 300, ..found }), address);
    assert!(matches!(
        look(format!("www.{}", name_of(1)), "A").await,
        Lookup::Data(_)
    ));
    let Lookup::Data(mx) = look(format!("mail.{}", name_of(1)), "MX").await else {
        panic!("a mail server")
    };
    // A relative name is completed with the name that the zone was reached by.
    let expected: WireName = format!("mx.{}.", name_of(1)).parse().expect("a name");
    assert_eq!(&mx.rdata[0][2..], expected.as_wire());
    assert_eq!(look(name_of(1), "TXT").await, Lookup::NoData);
    assert_eq!(
        look(format!("x.{}", name_of(1)), "TXT").await,
        Lookup::NoName
    );
    // All of it from one question to the source.
    assert_eq!(source.asked(), 1);
}

#[tokio::test]
async fn sources_are_believed_in_nothing() {
    let (honest, liar) = (Memory::default(), Memory::default());
    let sound = record(1, 7, &zone(SITE));
    let mut forged = sound.clone();
    let at = forged.len() / 2;
    forged[at] ^= 1;
    liar.tell(1, None, forged);
    let alone = resolver(&[&liar]);
    let error = alone.resolve(&name_of(1)).await.expect_err("forged");
    assert!(matches!(error, ResolveError::NoRecord { .. }), "{error}");
    assert!(error.refusal().is_some(), "{error}");
    // Another's record, however valid.
    liar.tell(1, None, record(2, 7, &zone(SITE)));
    let error = alone.resolve(&name_of(1)).await.expect_err("another's");
    assert_eq!(error.refusal().expect("a check failed").0, "other-record");
    honest.tell(1, None, sound);
    let both = resolver(&[&liar, &honest]);
    assert_eq!(
        both.resolve(&name_of(1))
            .await
            .expect("resolved")
            .record()
            .sequence(),
        7
    );
    let none = resolver(&[&Memory::default()]);
    let error = none.resolve(&name_of(1)).await.expect_err("nothing");
    assert!(
        matches!(error.failures(), [crate::Failure { why: Why::None, .. }]),
        "{error}"
    );
}

#[tokio::test]
async fn the_newest_wins_and_nothing_goes_back() {
    let (behind, ahead) = (Memory::default(), Memory::default());
    behind.tell(1, None, record(1, 7, &zone(SITE)));
    ahead.tell(1, None, record(1, 8, &zone(SITE)));
    let resolver = resolver(&[&behind, &ahead]);
    let fresh = Ask { fresh: true };
    let sequence = async || {
        let found = resolver.resolve_with(&name_of(1), fresh).await;
        found.expect("resolved").record().sequence()
    };
    assert_eq!(sequence().await, 8);
    // Those who have the newer one fall silent; who knows it is not told less.
    ahead.silence(true);
    assert_eq!(sequence().await, 8);
    behind.silence(true);
    let found = resolver.resolve_with(&name_of(1), fresh).await;
    let found = found.expect("resolved");
    assert!(found.is_stale() && found.record().sequence() == 8);
    resolver.forget(&key_id(1));
    assert!(resolver.resolve(&name_of(1)).await.is_err());
}

#[tokio::test]
async fn delegations_lead_to_branches_and_to_other_keys() {
    let source = Memory::default();
    source.tell(1, None, record(1, 1, &zone(SITE)));
    let to = |seed: u8| {
        format!(
            "[[record]]\nowner = \"blog\"\ntype = \"TXT\"\ndata = '\"branch\"'\n[[delegation]]\nname = \"shop.blog\"\nto = \"{}.key\"\n",
            key_id(seed)
        )
    };
    source.tell(1, Some("blog"), branch_record(1, 1, "blog", &zone(&to(2))));
    source.tell(2, None, record(2, 1, &zone(SITE)));
    let resolver = resolver(&[&source]);
    let found = resolver
        .resolve(&format!("blog.{}", name_of(1)))
        .await
        .expect("resolved");
    assert!(found.record().branch().is_some());
    assert!(matches!(found.lookup(rtype("TXT")), Ok(Lookup::Data(_))));
    let found = resolver
        .resolve(&format!("mail.shop.blog.{}", name_of(1)))
        .await;
    let found = found.expect("resolved");
    assert_eq!(found.record().key_id(), key_id(2));
    assert_eq!(
        found.origin().to_string(),
        format!("shop.blog.{}.", name_of(1))
    );
    assert_eq!(found.owner().to_string(), "mail");
    assert_eq!(found.trace().len(), 3);
}

#[tokio::test]
async fn delegations_without_end_are_refused() {
    let source = Memory::default();
    for seed in 1..=12_u8 {
        let text = format!(
            "[[delegation]]\nname = \"a\"\nto = \"{}.key\"\n",
            key_id(seed % 12 + 1)
        );
        source.tell(seed, None, record(seed, 1, &zone(&text)));
    }
    let resolver = resolver(&[&source]);
    let below = |count: usize| format!("{}{}", "a.".repeat(count), name_of(1));
    assert!(resolver.resolve(&below(8)).await.is_ok());
    let error = resolver.resolve(&below(9)).await.expect_err("too deep");
    assert!(matches!(error, ResolveError::TooDeep(_)), "{error}");
}

#[tokio::test]
async fn names_that_lead_nowhere_say_why() {
    let resolver = resolver(&[]);
    let check = async |name: &str, says: &str| {
        let error = resolver.resolve(name).await.expect_err(name).to_string();
        assert!(error.contains(says), "{name}: {error}");
    };
    check("mysite.key", "none is followed here").await;
    check("mysite.example", "key").await;
    check("", "name").await;
    check(&name_of(1), "there is no source to ask").await;
    check(&format!("{}.key", "y".repeat(51) + "b"), "key").await;
}

#[tokio::test]
async fn names_of_messages_may_have_any_bytes_below() {
    let source = Memory::default();
    source.tell(1, None, record(1, 1, &zone(SITE)));
    let resolver = resolver(&[&source]);
    let wire = |text: &str| -> WireName { text.parse().expect(text) };
    let odd = format!("\\000a\\255.WWW.{}.", name_of(1).to_ascii_uppercase());
    let found = resolver
        .resolve_wire(&wire(&odd), Ask::default())
        .await
        .expect("resolved");
    assert_eq!(found.owner().as_wire(), b"\x03\x00a\xff\x03www");
    let check = async |text: &str, is: fn(&ResolveError) -> bool| {
        let error = resolver
            .resolve_wire(&wire(text), Ask::default())
            .await
            .expect_err(text);
        assert!(is(&error), "{text}: {error}");
    };
    check("\\255.key.", |error| matches!(error, ResolveError::Name(_))).await;
    check("www.example.", |error| {
        matches!(error, ResolveError::OtherSuffix(_))
    })
    .await;
    check(".", |error| matches!(error, ResolveError::OtherSuffix(_))).await;
    check("mysite.key.", |error| {
        matches!(error, ResolveError::NoLedger(_))
    })
    .await;
}

#[tokio::test]
async fn a_watch_tells_of_each_new_record() {
    let source = Memory::default();
    source.tell(1, None, record(1, 1, &zone(SITE)));
    let resolver = resolver(&[&source]);
    let mut watch = resolver.watch(&name_of(1)).await.expect("resolved");
    assert_eq!(watch.now().record().sequence(), 1);
    for sequence in [2, 5] {
        source.tell(1, None, record(1, sequence, &zone(SITE)));
        assert_eq!(watch.changed().await.record().sequence(), sequence);
    }
}
