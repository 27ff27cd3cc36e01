//! A network of one validator whose secrets are known.

use blst::min_sig::{AggregateSignature, SecretKey as VotingSecret};
use dotkey_proto::ledger::{
    Candidate, Certificate, Genesis, Header, Parameters, Terms, Validator, VotingKey,
    possession_namespace,
};
use dotkey_proto::signature::SecretKey;

use super::world::{BEGAN, time};

pub(crate) struct Network {
    pub(crate) genesis: Genesis,
    voting: VotingSecret,
}

impl Network {
    pub(crate) fn new(seed: u8) -> Self {
        let voting = VotingSecret::key_gen(&[seed; 32], &[]).expect("32 bytes");
        let identity = SecretKey::from_seed(&[seed; 32]).public();
        let public = voting.sk_to_pk().compress();
        let mut message = vec![62];
        message.extend_from_slice(&possession_namespace(identity.as_bytes()));
        message.extend_from_slice(&public);
        let tag = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
        let candidate = Candidate {
            validator: Validator {
                identity,
                key: VotingKey::from_bytes(&public).expect("a key"),
            },
            possession: voting.sign(&message, tag, &[]).compress(),
            address: String::new(),
        };
        let parameters = Parameters {
            stamp_bits: 8,
            epoch_blocks: 1 << 20,
            ..Parameters::default()
        };
        let genesis = Genesis::new(&Terms {
            name: "test".to_owned(),
            began: time(BEGAN),
            validators: vec![candidate],
            parameters,
            reserved: Vec::new(),
        });
        let genesis = genesis.expect("sound");
        Self { genesis, voting }
    }
}

pub(crate) fn certify(network: &Network, header: &Header) -> Certificate {
    let mut certificate = Certificate {
        view: header.height,
        parent_view: header.height - 1,
        signers: vec![1],
        signature: [0; 48],
    };
    let tag = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    let vote = network
        .voting
        .sign(&certificate.signed_bytes(header), tag, &[]);
    let sum = AggregateSignature::aggregate(&[&vote], false).expect("one signs");
    certificate.signature = sum.to_signature().compress();
    certificate
}
