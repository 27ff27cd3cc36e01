//! Claimed names, by the vectors of `tests/vectors/bundle.json`: what holds there holds here, and what is refused there is refused here.

use dotkey_proto::ledger::{Bundle, Genesis};
use serde_json::Value;

use super::*;

/// The time of most vectors.
const VECTOR_SECS: u64 = 1_795_100_030;

pub(super) fn vector_time() -> Timestamp {
    Timestamp::from_secs(VECTOR_SECS).expect("in range")
}

pub(super) fn vectors() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/bundle.json");
    let file = std::fs::read_to_string(path).expect("the vectors of bundles");
    let mut file: Value = serde_json::from_str(&file).expect("JSON");
    let all = file["vectors"].as_array_mut().expect("a list");
    std::mem::take(all)
}

pub(super) fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("text");
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(digits).collect()
}

/// A resolver of the vectors' network, whose one source has what a vector is.
fn resolver(vector: &Value) -> (Resolver, Memory) {
    let source = Memory::default();
    let bundle = bytes(&vector["input"]["hex"]);
    let record = Bundle::decode(&bundle)
        .ok()
        .and_then(|bundle| bundle.record);
    source.prove(vector["input"]["subject"].as_str().expect("text"), bundle);
    if let Some(record) = record {
        source.give_all(record);
    }
    let genesis = Genesis::decode(&bytes(&vector["input"]["genesis"])).expect("sound");
    let builder = Resolver::builder().genesis(genesis).clock(vector_time);
    let builder = builder.age_secs_max(60).source(source.clone());
    (builder.build().expect("it is sound"), source)
}

#[tokio::test]
async fn claims_are_judged_as_everywhere() {
    let mut judged = (0, 0);
    for vector in vectors() {
        let (name, input) = (vector["name"].as_str().expect("text"), &vector["input"]);
        let subject = input["subject"].as_str().expect("text");
        // Who goes on from what he knows passes over a handover that comes again; of a record is below; identities are not asked for.
        let elsewhere = name == "walk-twice"
            || subject.len() == 64
            || name.starts_with("record-of")
            || name == "record-rolled-back"
            || name == "record-changed";
        if elsewhere || input["now"] != VECTOR_SECS {
            continue;
        }
        let (resolver, _) = resolver(&vector);
        let claim = resolver.claim(subject, Ask::default()).await;
        match (&vector["valid"], claim) {
            (Value::Object(valid), Ok(claim)) => {
                assert_eq!(
                    claim.holder(resolver.now()).is_some(),
                    valid.contains_key("holder"),
                    "{name}"
                );
                judged.0 += 1;
            }
            (Value::Null, Err(error)) => {
                let (code, _) = error.refusal().unwrap_or_else(|| panic!("{name}: {error}"));
                assert_eq!(vector["reason"], code, "{name}");
                judged.1 += 1;
            }
            (_, claim) => panic!("{name}: {claim:?}"),
        }
    }
    assert!(judged.0 >= 9 && judged.1 >= 40, "{judged:?}");
}

#[tokio::test]
async fn a_claimed_name_leads_to_its_holders_record_or_to_nothing() {
    let check = async |name: &str, expected: Result<(), &str>| {
        let vectors = vectors();
        let vector = vectors.iter().find(|vector| vector["name"] == name);
        let (resolver, _) = resolver(vector.expect(name));
        let subject = vector.expect(name)["input"]["subject"]
            .as_str()
            .expect("text");
        match (resolver.resolve(&format!("{subject}.key")).await, expected) {
            (Ok(found), Ok(())) => {
                let proved = found
                    .proof()
                    .and_then(|proof| proof.entry())
                    .map(|entry| entry.key_id);
                assert_eq!(proved, Some(found.record().key_id()), "{name}");
                assert_eq!(found.trace().len(), 2);
            }
            (Err(error), Err(code)) => assert_eq!(
                error.refusal().map(|one| one.0),
                Some(code),
                "{name}: {error}"
            ),
            (found, _) => panic!("{name}: {found:?}"),
        }
    };
    check("with-record", Ok(())).await;
    check("record-rolled-back", Err("rolled-back")).await;
    check("record-of-another", Err("key-id")).await;
    check("record-changed", Err("bad-signature")).await;
    let vectors = vectors();
    let absent = vectors
        .iter()
        .find(|vector| vector["name"] == "absent-nobody");
    let (resolver, source) = resolver(absent.expect("a vector"));
    let error = resolver
        .resolve("www.nobody.key")
        .await
        .expect_err("nobody holds it");
    assert!(matches!(error, ResolveError::Unclaimed(_)), "{error}");
    // A proof that holds is used for a while when nobody gives a newer one.
    source.silence(true);
    let ask = Ask { fresh: true };
    let error = resolver
        .resolve_with("nobody.key", ask)
        .await
        .expect_err("nobody holds it");
    assert!(matches!(error, ResolveError::Unclaimed(_)), "{error}");
}
