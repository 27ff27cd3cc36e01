//! Records with real signatures are accepted exactly when section 5.2 says so, and can be signed in turns.
//!
//! This is `record` behind the signatures: arbitrary chains, signers, branches, times and anchors. Nothing verifies without a
//! role's threshold, with a signer that has no such role, at another time, under a rotated-away policy, below the owner's
//! checkpoint, or after one changed byte.
#![no_main]

use arbitrary::{Result, Unstructured};
use dotkey_fuzz::actor::any_actors;
use dotkey_fuzz::chain::Built;
use dotkey_fuzz::{changed, refused_by_protocol, within};
use dotkey_proto::identity::{Anchor, Branch, PublicKey, Role};
use dotkey_proto::record::{Claims, RecordError, SignedRecord};
use dotkey_proto::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let built = Built::arbitrary(input)?;
    let mut anchor = built.anchor(input)?;
    if let Some(anchor) = &mut anchor {
        anchor.least_sequence = input.arbitrary::<Option<u8>>()?.map(u64::from);
    }
    let claims = claims(input, &built)?;
    let Ok(mut draft) = claims.draft() else {
        return Ok(());
    };
    let signers = any_actors(input)?;
    for actor in &signers {
        // In turns: each signer takes up what the one before handed on.
        let (taken_up, mut next) = Claims::resume(&draft.encode()).expect("an honest draft");
        assert_eq!(taken_up, claims);
        actor.sign(&mut next);
        draft = next;
    }
    let bytes = draft.encode();
    let signers: Vec<_> = signers.iter().map(|actor| actor.public).collect();
    let now = time(input.int_in_range(98..=113)?);
    let valid = now >= claims.not_before
        && now < claims.expires
        && built.is_valid(anchor.as_ref())
        && claims.sequence >= anchor.and_then(|anchor| anchor.least_sequence).unwrap_or(0)
        && may_sign(&built, claims.branch.as_ref(), &signers);
    let verified = verify(&bytes, now, anchor.as_ref());
    assert_eq!(
        verified.is_ok(),
        valid,
        "{claims:?} by {signers:?}: {verified:?}"
    );
    if valid {
        let changed =
            changed(&bytes, input.arbitrary()?, input.arbitrary()?).expect("a record is not empty");
        assert!(
            verify(&changed, now, anchor.as_ref()).is_err(),
            "one byte changed, and still accepted"
        );
    }
    Ok(())
}

fn claims(input: &mut Unstructured<'_>, built: &Built) -> Result<Claims> {
    let branch = *input.choose(&[None, Some("blog"), Some("new.blog"), Some("shop")])?;
    let not_before = input.int_in_range(99..=105)?;
    Ok(Claims {
        key_id: built.key_id,
        sequence: input.int_in_range(1..=300)?,
        not_before: time(not_before),
        expires: time(not_before + input.int_in_range(1..=10)?),
        branch: branch.map(|branch| branch.parse().expect("a branch")),
        chain: built.elements.clone(),
        body: vec![0xa0; input.int_in_range(1..=400)?],
    })
}

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("long before the year 9999")
}

/// Rules 9 and 11, from the page.
fn may_sign(built: &Built, branch: Option<&Branch>, signers: &[PublicKey]) -> bool {
    let policy = built.newest();
    let fits = |role: &Role| match role {
        Role::Admin => false,
        Role::Publish => true,
        Role::PublishBranch(own) => {
            branch.is_some_and(|branch| branch.owner().is_at_or_below(own.owner()))
        }
    };
    let key = |signer: &PublicKey| policy.keys.iter().find(|key| key.public == *signer);
    let each = signers
        .iter()
        .all(|signer| key(signer).is_some_and(|key| key.roles.iter().any(fits)));
    let reached = policy
        .thresholds
        .iter()
        .filter(|(role, _)| fits(role))
        .any(|(role, needed)| {
            let held = signers
                .iter()
                .filter_map(key)
                .filter(|key| key.roles.contains(role));
            held.map(|key| u32::from(key.weight)).sum::<u32>() >= *needed
        });
    each && reached
}

fn verify(
    bytes: &[u8],
    now: Timestamp,
    anchor: Option<&Anchor>,
) -> core::result::Result<(), RecordError> {
    let record = SignedRecord::new(bytes);
    match within(128 * bytes.len() + 4096, || record.verify(now, anchor)) {
        Ok(verified) => {
            assert_eq!(verified.as_bytes(), bytes);
            Ok(())
        }
        Err(error) => {
            refused_by_protocol(&error, error.code());
            Err(error)
        }
    }
}
