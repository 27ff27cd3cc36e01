//! Genesis, validator sets, certificates and the walk between sets.

use std::string::{String, ToString};
use std::vec::Vec;

use super::super::*;
use super::chain::{BEGAN, Committee, header, possession, secret};
use crate::signature::SecretKey;
use crate::time::Timestamp;

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("in range")
}

#[test]
fn quorums_are_all_but_the_faulty() {
    for (validators, expected) in [
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 3),
        (6, 5),
        (7, 5),
        (10, 7),
        (100, 67),
    ] {
        assert_eq!(quorum(validators), expected, "{validators}");
    }
}

#[test]
fn a_genesis_comes_back_and_its_id_follows_every_term() {
    let terms = Committee::new(1, 4).terms();
    let genesis = Genesis::new(&terms).expect("sound");
    assert_eq!(*genesis, terms);
    assert_eq!(Genesis::decode(genesis.as_bytes()), Ok(genesis.clone()));
    let changes: [fn(&mut Terms); 5] = [
        |terms| terms.name.push('x'),
        |terms| terms.began = terms.began.saturating_add(1),
        |terms| terms.validators.truncate(3),
        |terms| terms.parameters.grace_secs += 1,
        |terms| terms.reserved.truncate(1),
    ];
    for change in changes {
        let mut other = terms.clone();
        change(&mut other);
        let other = Genesis::new(&other).expect("sound");
        assert_ne!(other.network(), genesis.network());
    }
}

#[test]
fn a_genesis_that_breaks_a_rule_is_refused() {
    let sound = Committee::new(1, 4).terms();
    let check = |code: &str, change: fn(&mut Terms)| {
        let mut terms = sound.clone();
        change(&mut terms);
        let found = Genesis::new(&terms).map(drop).map_err(|error| error.code());
        assert_eq!(found, Err(code));
    };
    check("network-name", |terms| terms.name = "Test".into());
    check("network-name", |terms| terms.name = "-test".into());
    check("out-of-range", |terms| terms.name = String::new());
    check("out-of-range", |terms| terms.validators.clear());
    check("validator-order", |terms| terms.validators.swap(1, 2));
    check("validator-order", |terms| {
        let first = terms.validators[0].clone();
        terms.validators.insert(0, first);
    });
    check("validator-twice", |terms| {
        terms.validators[1].validator.key = terms.validators[0].validator.key;
    });
    check("possession", |terms| {
        terms.validators[1].possession = terms.validators[0].possession;
    });
    check("label-order", |terms| terms.reserved.reverse());
    check("label", |terms| terms.reserved[0] = "Bank".into());
    check("parameters", |terms| {
        terms.parameters.renewal_secs = terms.parameters.lease_secs + 1
    });
    check("parameters", |terms| terms.parameters.heartbeat_ms = 999);
    check("out-of-range", |terms| terms.parameters.stamp_bits = 61);
    check("out-of-range", |terms| terms.parameters.epoch_blocks = 1);
}

#[test]
fn possession_is_of_one_key_for_one_identity() {
    let candidate = Committee::new(1, 1).candidates.remove(0);
    assert_eq!(candidate.admit(), Ok(candidate.validator));
    let thief = SecretKey::from_seed(&[9; 32]).public();
    let mut stolen = candidate.clone();
    stolen.validator.identity = thief;
    assert_eq!(
        stolen.admit(),
        Err(LedgerError::Possession(*thief.as_bytes()))
    );
    let other = possession(&secret(2, 0), candidate.validator.identity.as_bytes());
    let unknown = Candidate {
        possession: other,
        ..candidate
    };
    assert_eq!(
        unknown.admit().map_err(|error| error.code()),
        Err("possession")
    );
}

#[test]
fn voting_keys_are_points_of_the_right_subgroup() {
    let sound = secret(1, 1).sk_to_pk().compress();
    assert!(VotingKey::from_bytes(&sound).is_ok());
    let mut infinity = [0; 96];
    infinity[0] = 0xc0;
    let mut uncompressed = sound;
    uncompressed[0] &= 0x7f;
    // On the curve by luck, in the subgroup hardly ever: its cofactor is greater than 2^500.
    let outside = (0..=u8::MAX)
        .map(|last| {
            let mut bytes = [0; 96];
            (bytes[0], bytes[95]) = (0x80, last);
            bytes
        })
        .find(|bytes| blst::min_sig::PublicKey::uncompress(bytes).is_ok())
        .expect("half of all x have a point");
    for bad in [infinity, uncompressed, outside, [0xff; 96], [0; 96]] {
        assert_eq!(
            VotingKey::from_bytes(&bad).map_err(|error| error.code()),
            Err("voting-key")
        );
    }
}

#[test]
fn a_set_has_one_form_and_at_most_256_validators() {
    let committee = Committee::new(1, 9);
    let set = committee.set();
    assert_eq!(ValidatorSet::decode(&set.encode()), Ok(set.clone()));
    let mut reversed = set.validators().to_vec();
    reversed.reverse();
    assert_eq!(
        ValidatorSet::new(reversed),
        Err(LedgerError::ValidatorOrder(1))
    );
    assert_eq!(
        ValidatorSet::new(Vec::new()),
        Err(LedgerError::ValidatorCount(0))
    );
    let many = std::vec![set.validators()[0]; 257];
    assert_eq!(
        ValidatorSet::new(many),
        Err(LedgerError::ValidatorCount(257))
    );
}

#[test]
fn certificates_hold_for_a_quorum_alone() {
    let committee = Committee::new(1, 9);
    let set = committee.set();
    let header = header([7; 32], &set, [3; 32]);
    let check = |certificate: &Certificate, expected: Result<(), &str>| {
        let found = certificate
            .verify(&header, &set)
            .map_err(|error| error.code());
        assert_eq!(found, expected);
    };
    let good = committee.certify(&header, &[0, 1, 3, 4, 5, 7, 8]);
    check(&good, Ok(()));
    assert_eq!(Certificate::decode(&good.encode()), Ok(good.clone()));
    check(
        &committee.certify(&header, &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        Ok(()),
    );
    check(
        &committee.certify(&header, &[0, 1, 3, 4, 5, 7]),
        Err("quorum"),
    );
    let with = |change: fn(&mut Certificate)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    check(&with(|bad| bad.view += 1), Err("certificate"));
    check(&with(|bad| bad.parent_view -= 1), Err("certificate"));
    check(&with(|bad| bad.signers[0] ^= 0b100), Err("certificate"));
    check(&with(|bad| bad.signature[47] ^= 1), Err("certificate"));
    check(&with(|bad| bad.signers.push(0)), Err("signers"));
    check(&with(|bad| bad.signers.truncate(1)), Err("signers"));
    check(&with(|bad| bad.signers[1] |= 0b10), Err("signers"));
    let infinity = with(|bad| {
        bad.signature = [0; 48];
        bad.signature[0] = 0xc0;
    });
    check(&infinity, Err("certificate"));
    let other = Committee::new(2, 9);
    check(
        &other.certify(&header, &[0, 1, 3, 4, 5, 7, 8]),
        Err("certificate"),
    );
    for change in [
        |h: &mut Header| h.epoch += 1,
        |h: &mut Header| h.network[0] ^= 1,
        |h: &mut Header| h.height += 1,
    ] {
        let mut changed = header.clone();
        change(&mut changed);
        assert_eq!(
            good.verify(&changed, &set),
            Err(CertificateError::Signature)
        );
    }
}

/// The handover from `from` to `to`, at the end of `epoch`.
pub(super) fn handover(
    network: [u8; 32],
    epoch: u64,
    from: &Committee,
    to: &Committee,
) -> Handover {
    let (set, next) = (from.set(), to.set());
    let header = Header {
        epoch,
        time: time(BEGAN + 100 * (epoch + 1)),
        next_validators: Some(next.digest()),
        ..header(network, &set, [3; 32])
    };
    let all: Vec<_> = (0..from.secrets.len()).collect();
    Handover {
        certificate: from.certify(&header, &all),
        header,
        next,
    }
}

#[test]
fn a_client_walks_from_set_to_set() {
    let [first, second, third] =
        [(1, 4), (2, 5), (3, 1)].map(|(seed, count)| Committee::new(seed, count));
    let genesis = Genesis::new(&first.terms()).expect("sound");
    let network = genesis.network();
    let start = genesis.trusted();
    // Epochs in which nothing changed need no step.
    let steps = [
        handover(network, 3, &first, &second),
        handover(network, 4, &second, &third),
    ];
    let after = steps.iter().try_fold(start.clone(), |trusted, step| {
        assert_eq!(Handover::decode(&step.encode()).as_ref(), Ok(step));
        trusted.follow(step)
    });
    let after = after.expect("each step holds");
    assert_eq!((after.epoch, after.validators.validators().len()), (5, 1));
    assert_eq!(Trusted::decode(&after.encode()), Ok(after.clone()));

    let check = |from: &Trusted, step: &Handover, code: &str| {
        assert_eq!(
            from.follow(step).map(drop).map_err(|error| error.code()),
            Err(code)
        );
    };
    check(&start, &steps[1], "other-validators");
    check(&after, &steps[0], "epoch-passed");
    check(
        &Trusted {
            network: [0; 32],
            ..start.clone()
        },
        &steps[0],
        "network",
    );
    check(
        &Trusted {
            since: time(BEGAN + 401),
            ..start.clone()
        },
        &steps[0],
        "backwards",
    );
    let mut other = steps[0].clone();
    other.next = third.set();
    check(&start, &other, "handover");
    let mut silent = steps[0].clone();
    silent.header.next_validators = None;
    check(&start, &silent, "handover");
    // The validators that come next cannot call themselves.
    let own = Handover {
        certificate: second.certify(&steps[0].header, &[0, 1, 2, 3, 4]),
        ..steps[0].clone()
    };
    check(&start, &own, "signers");
}

#[test]
fn what_was_kept_too_long_is_not_walked_from() {
    let trusted = Genesis::new(&Committee::new(1, 1).terms())
        .expect("sound")
        .trusted();
    assert_eq!(trusted.check_age(time(BEGAN + 90), 90), Ok(()));
    assert_eq!(trusted.check_age(time(BEGAN - 1), 90), Ok(()));
    let expired = trusted
        .check_age(time(BEGAN + 91), 90)
        .expect_err("too old");
    assert_eq!(expired.code(), "trust-expired");
    assert!(expired.to_string().contains("1 min 31 s ago"), "{expired}");
}
