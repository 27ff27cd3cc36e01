//! A few people with real keys, who sign whatever they are told to.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use dotkey_proto::signature::{
    Draft, PublicKey, SecretKey, Signable, WalletAddress, wallet_message_hash,
};
use k256::ecdsa::SigningKey;
use sha3::{Digest, Keccak256};

/// Enough for every relation of two sets: in one, in the other, in both, in none.
pub const ACTORS: usize = 6;

/// Someone who can sign.
pub struct Actor {
    /// Their key as policies name it.
    pub public: PublicKey,
    secret: Secret,
}

enum Secret {
    Ed25519(SecretKey),
    Wallet(SigningKey),
}

static ACTORS_ALL: LazyLock<Vec<Actor>> =
    LazyLock::new(|| (1..=ACTORS as u8).map(Actor::new).collect());

impl Actor {
    /// The last two have wallets.
    fn new(number: u8) -> Self {
        let seed = [number; 32];
        if usize::from(number) + 2 <= ACTORS {
            let secret = SecretKey::from_seed(&seed);
            return Self {
                public: PublicKey::Ed25519(secret.public()),
                secret: Secret::Ed25519(secret),
            };
        }
        let secret =
            SigningKey::from_bytes(&seed.into()).expect("a number below the group's order");
        let point = secret.verifying_key().to_sec1_point(false);
        let digest = Keccak256::digest(&point.as_bytes()[1..]);
        let address = digest[12..].try_into().expect("20 of 32 bytes");
        Self {
            public: PublicKey::Wallet(WalletAddress::from_bytes(address)),
            secret: Secret::Wallet(secret),
        }
    }

    /// Signs, as a program does with a key at hand, or as a wallet does with the text that it shows.
    pub fn sign(&self, draft: &mut Draft) {
        match (&self.secret, draft.signable(&self.public)) {
            (Secret::Ed25519(secret), _) => {
                draft.sign(secret);
            }
            (Secret::Wallet(secret), Signable::Text(text)) => {
                let (signature, recovery) =
                    secret.sign_prehash_recoverable(&wallet_message_hash(&text));
                let mut bytes = signature.to_bytes().to_vec();
                bytes.push(27 + u8::from(recovery.is_y_odd()));
                draft.add(self.public, &bytes).expect("it was just signed");
            }
            (Secret::Wallet(_), Signable::Bytes(_)) => {
                panic!("a wallet is shown bytes instead of a text")
            }
        }
    }
}

/// Any subset of the actors, also none.
pub fn any_actors(input: &mut Unstructured<'_>) -> Result<Vec<&'static Actor>> {
    let chosen: u8 = input.arbitrary()?;
    Ok(ACTORS_ALL
        .iter()
        .enumerate()
        .filter(|(at, _)| chosen >> at & 1 == 1)
        .map(|(_, actor)| actor)
        .collect())
}

/// At least one of the actors.
pub fn some_actors(input: &mut Unstructured<'_>) -> Result<Vec<&'static Actor>> {
    let mut actors = any_actors(input)?;
    if actors.is_empty() {
        actors.push(&ACTORS_ALL[0]);
    }
    Ok(actors)
}
