//! What the consensus engine certifies is what a light client accepts, and nothing else: certificates are made by the engine's
//! own library here and verified by `dotkey-proto`, which does not know it.

use commonware_codec::{DecodeExt, Encode};
use commonware_consensus::simplex::scheme::bls12381_multisig::Scheme;
use commonware_consensus::simplex::types::{
    Finalization, Finalize, Notarization, Notarize, Proposal,
};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::bls12381::primitives::group::Private;
use commonware_cryptography::bls12381::primitives::ops;
use commonware_cryptography::bls12381::primitives::variant::{MinSig, Variant};
use commonware_cryptography::{Signer, blake3, ed25519};
use commonware_parallel::Sequential;
use commonware_utils::ordered::BiMap;
use commonware_utils::{TryFromIterator, non_empty};
use dotkey_proto::ledger::{
    Candidate, Certificate, CertificateError, Header, Validator, ValidatorSet, VotingKey,
    possession_namespace, vote_namespace,
};
use dotkey_proto::signature::Ed25519Key;
use dotkey_proto::time::Timestamp;

type Digest = blake3::Digest;
type Votes = Scheme<ed25519::PublicKey, MinSig>;
type Key = <MinSig as Variant>::Public;

/// One validator's secrets, as the engine holds them.
struct Member {
    identity: ed25519::PrivateKey,
    vote: Private,
}

impl Member {
    fn new(number: u8) -> Self {
        Self {
            identity: ed25519::PrivateKey::from_seed(number.into()),
            // Below the group order, whose first byte is 0x73.
            vote: decoded(&[number; 32]),
        }
    }

    fn public(&self) -> (ed25519::PublicKey, Key) {
        (
            self.identity.public_key(),
            ops::compute_public::<MinSig>(&self.vote),
        )
    }

    fn candidate(&self) -> Candidate {
        let (identity, key) = self.public();
        let identity: [u8; 32] = bytes(&identity);
        let namespace = possession_namespace(&identity);
        let possession = ops::sign_proof_of_possession::<MinSig>(&self.vote, &namespace);
        Candidate {
            validator: Validator {
                identity: Ed25519Key::from_bytes(identity).expect("a key"),
                key: VotingKey::from_bytes(&bytes(&key)).expect("a point of the subgroup"),
            },
            possession: bytes(&possession),
            address: String::new(),
        }
    }
}

fn decoded<T: DecodeExt<()>>(bytes: &[u8; 32]) -> T {
    T::decode(bytes::Bytes::copy_from_slice(bytes)).expect("a value of 32 bytes")
}

fn bytes<const N: usize>(item: &impl Encode) -> [u8; N] {
    item.encode()[..].try_into().expect("of this size")
}

/// The engine's view of a committee, and ours.
struct Committee {
    schemes: Vec<Votes>,
    set: ValidatorSet,
}

impl Committee {
    fn new(count: u8, network: &[u8; 32]) -> Self {
        let members: Vec<_> = (1..=count).map(Member::new).collect();
        let participants = BiMap::try_from_iter(members.iter().map(Member::public)).expect("a set");
        let scheme = |member: &Member| {
            let votes = member.vote.clone();
            Votes::signer(&vote_namespace(network), participants.clone(), votes).expect("a member")
        };
        let candidates: Vec<_> = members.iter().map(Member::candidate).collect();
        Self {
            schemes: members.iter().map(scheme).collect(),
            set: ValidatorSet::admit(&candidates).expect("all possess their keys"),
        }
    }

    /// The engine's finalization, by the first `signers` of the committee.
    fn finalize(&self, proposal: &Proposal<Digest>, signers: usize) -> Certificate {
        let vote = |scheme: &Votes| Finalize::sign(scheme, proposal.clone()).expect("a signer");
        let votes: Vec<_> = self.schemes[..signers].iter().map(vote).collect();
        let votes = non_empty![@votes.iter()];
        let made = Finalization::from_finalizes(&self.schemes[0], votes, &Sequential);
        let made = made.expect("a quorum");
        certificate(proposal, &made.certificate, self.schemes.len())
    }
}

type EngineCertificate =
    commonware_cryptography::bls12381::certificate::multisig::Certificate<MinSig>;

fn certificate(
    proposal: &Proposal<Digest>,
    made: &EngineCertificate,
    validators: usize,
) -> Certificate {
    let mut signers = vec![0; validators.div_ceil(8)];
    for signer in made.signers.iter() {
        let at = signer.get() as usize;
        signers[at / 8] |= 1 << (at % 8);
    }
    Certificate {
        view: proposal.round.view().get(),
        parent_view: proposal.parent.get(),
        signers,
        signature: bytes(&made.signature),
    }
}

fn header(network: [u8; 32], set: &ValidatorSet, epoch: u64) -> Header {
    Header {
        network,
        height: 77,
        time: Timestamp::from_secs(1_795_000_000).expect("in range"),
        parent: [2; 32],
        state_root: [3; 32],
        transactions: [4; 32],
        epoch,
        validators: set.digest(),
        next_validators: None,
    }
}

fn proposal(header: &Header, view: u64, parent: u64) -> Proposal<Digest> {
    let round = Round::new(Epoch::new(header.epoch), View::new(view));
    Proposal::new(round, View::new(parent), decoded(&header.digest()))
}

const NETWORK: [u8; 32] = [9; 32];

#[test]
fn what_the_engine_finalises_is_accepted() {
    for (count, quorum) in [(1, 1), (4, 3), (9, 7), (100, 67)] {
        let committee = Committee::new(count, &NETWORK);
        assert_eq!(committee.set.quorum(), quorum);
        // Numbers at the edges of the engine's variable-length integers.
        for (epoch, view, parent) in [
            (0, 1, 0),
            (127, 128, 127),
            (16_383, 16_384, 300),
            (1 << 40, 1 << 52, 1 << 35),
        ] {
            let header = header(NETWORK, &committee.set, epoch);
            let proposal = proposal(&header, view, parent);
            for signers in [quorum, usize::from(count)] {
                let certificate = committee.finalize(&proposal, signers);
                assert_eq!(
                    certificate.verify(&header, &committee.set),
                    Ok(()),
                    "{count} {epoch}"
                );
                assert_eq!(Certificate::decode(&certificate.encode()), Ok(certificate));
            }
        }
    }
}

#[test]
fn whatever_else_is_refused() {
    let committee = Committee::new(7, &NETWORK);
    let header = header(NETWORK, &committee.set, 3);
    let sound = committee.finalize(&proposal(&header, 40, 38), 5);
    let check = |certificate: &Certificate, header: &Header, expected: &str| {
        let found = certificate.verify(header, &committee.set);
        assert_eq!(found.map_err(|error| error.code()), Err(expected));
    };
    for change in 0..48 * 8 {
        let mut forged = sound.clone();
        forged.signature[change / 8] ^= 1 << (change % 8);
        check(&forged, &header, "certificate");
    }
    for at in 0..7 {
        let mut forged = sound.clone();
        forged.signers[0] ^= 1 << at;
        let signed = forged.signed();
        check(
            &forged,
            &header,
            if signed < 5 { "quorum" } else { "certificate" },
        );
    }
    let mut forged = sound.clone();
    forged.signers[0] |= 0x80;
    check(&forged, &header, "signers");
    let others = [
        committee.finalize(&proposal(&header, 41, 38), 5),
        committee.finalize(&proposal(&header, 40, 39), 5),
        committee.finalize(
            &proposal(
                &Header {
                    epoch: 4,
                    ..header.clone()
                },
                40,
                38,
            ),
            5,
        ),
        committee.finalize(
            &proposal(
                &Header {
                    height: 78,
                    ..header.clone()
                },
                40,
                38,
            ),
            5,
        ),
        Committee::new(7, &[8; 32]).finalize(&proposal(&header, 40, 38), 5),
    ];
    for other in others {
        let transplanted = Certificate {
            signature: other.signature,
            ..sound.clone()
        };
        check(&transplanted, &header, "certificate");
    }
}

/// A quorum's word that it has seen a proposal is not its word that the proposal is final.
#[test]
fn votes_of_another_kind_do_not_count() {
    let committee = Committee::new(4, &NETWORK);
    let header = header(NETWORK, &committee.set, 3);
    let proposal = proposal(&header, 40, 38);
    let votes: Vec<_> = committee
        .schemes
        .iter()
        .map(|scheme| Notarize::sign(scheme, proposal.clone()).expect("a signer"))
        .collect();
    let votes = non_empty![@votes.iter()];
    let made =
        Notarization::from_notarizes(&committee.schemes[0], votes, &Sequential).expect("a quorum");
    let notarised = certificate(&proposal, &made.certificate, 4);
    assert_eq!(
        notarised.verify(&header, &committee.set),
        Err(CertificateError::Signature)
    );
}
