//! Signing in turns: which keys are here, what they sign, and what is still missing afterwards.

use dotkey_proto::identity::{Policy, PublicKey, Recovery, Role};
use dotkey_proto::keyfile::KeyFile;
use dotkey_proto::signature::{Draft, Signable};
use serde_json::{Value, json};

use super::Context;
use crate::args::WalletSignature;
use crate::exit::{CliError, Result};
use crate::keys::{Identity, Keyring, StoredKey};

/// People who together have a say, and how many of them it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quorum {
    /// What they decide: `publish`, `admin of the new policy`.
    pub(super) role: String,
    pub(super) members: Vec<(PublicKey, u32)>,
    pub(super) needed: u32,
}

impl Quorum {
    pub(super) fn of_role(policy: &Policy, role: &Role, called: impl Into<String>) -> Self {
        let holders = policy.keys.iter().filter(|key| key.roles.contains(role));
        Self {
            role: called.into(),
            members: holders.map(|key| (key.public, key.weight.into())).collect(),
            needed: policy.threshold(role).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn of_recovery(recovery: &Recovery) -> Self {
        Self {
            role: "recovery".to_owned(),
            members: recovery
                .keys
                .iter()
                .map(|key| (key.public, key.weight.into()))
                .collect(),
            needed: recovery.threshold,
        }
    }

    pub(super) fn reached(&self, draft: &Draft) -> u32 {
        self.members
            .iter()
            .filter(|(key, _)| has_signed(draft, key))
            .map(|(_, weight)| weight)
            .sum()
    }

    /// How much is missing; nothing when it is complete.
    pub(super) fn missing(&self, draft: &Draft) -> u32 {
        self.needed.saturating_sub(self.reached(draft))
    }

    fn unsigned<'a>(&'a self, draft: &'a Draft) -> impl Iterator<Item = &'a PublicKey> {
        self.members
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !has_signed(draft, key))
    }

    /// How far it is, and whose signatures would complete it.
    pub(super) fn words(&self, draft: &Draft) -> String {
        let (reached, needed) = (self.reached(draft), self.needed);
        let left: Vec<String> = self.unsigned(draft).map(PublicKey::to_string).collect();
        let missing = self.missing(draft);
        let equal = self.members.iter().all(|(_, weight)| *weight == 1);
        let (by, whom) = match (equal, missing as usize) {
            (true, missing) if missing >= left.len() => ("by", String::new()),
            (true, 1) => ("by", "any one of ".to_owned()),
            (true, missing) => ("by", format!("any {missing} of ")),
            (false, missing) => ("with weight", format!("weight {missing} from ")),
        };
        format!(
            "signed {by} {reached} of {needed} needed for {}; still missing: {whom}{}",
            self.role,
            left.join(", ")
        )
    }

    pub(super) fn json(&self, draft: &Draft) -> Value {
        let left: Vec<String> = self.unsigned(draft).map(PublicKey::to_string).collect();
        json!({"role": self.role, "reached": self.reached(draft), "needed": self.needed, "could_sign": left})
    }
}

fn has_signed(draft: &Draft, key: &PublicKey) -> bool {
    draft.signers().any(|signer| signer == key)
}

/// What keys someone signs with.
pub(super) struct Hands {
    keys: Vec<(String, StoredKey)>,
    /// The wallets that are asked for their signature; all where it is the whole identity's turn.
    wallets: Option<Vec<PublicKey>>,
}

impl Hands {
    /// The keys of one identity alone: one member's turn.
    pub(super) fn of_member(identity: &Identity) -> Self {
        let wallet = |key: &PublicKey| matches!(key, PublicKey::Wallet(_));
        let wallets = identity
            .policy()
            .keys
            .iter()
            .map(|key| key.public)
            .filter(wallet)
            .collect();
        Self {
            keys: keys_of(identity),
            wallets: Some(wallets),
        }
    }

    /// Every key here, those of `identity` first.
    pub(super) fn all(context: &Context<'_>, identity: &Identity) -> Result<Self> {
        let mut keys = keys_of(identity);
        for (name, other) in context.store.list()? {
            // One damaged identity does not keep another from signing.
            if let Ok(other) = other
                && name != identity.name
            {
                keys.extend(keys_of(&other));
            }
        }
        Ok(Self {
            keys,
            wallets: None,
        })
    }

    /// Adds keys of `identity` that are made, but not kept yet.
    pub(super) fn add(&mut self, identity: &Identity, keys: &[KeyFile]) {
        for file in keys {
            let key = StoredKey {
                path: identity.folder.clone(),
                file: file.clone(),
            };
            self.keys.push((format!("`{}` (new)", identity.name), key));
        }
    }

    fn find(&self, public: &PublicKey) -> Option<&(String, StoredKey)> {
        let PublicKey::Ed25519(public) = public else {
            return None;
        };
        self.keys.iter().find(|(_, key)| key.file.public == *public)
    }

    fn asks(&self, wallet: &PublicKey) -> bool {
        self.wallets
            .as_ref()
            .is_none_or(|wallets| wallets.contains(wallet))
    }

    /// Signs with what is here until nothing more is needed or nothing more can be given. `open` says which quorums are
    /// not complete, the closest to it first.
    pub(super) fn sign(
        &self,
        draft: &mut Draft,
        open: &dyn Fn(&Draft) -> Vec<Quorum>,
        keyring: &mut Keyring,
    ) -> Result<Vec<PublicKey>> {
        let mut signed = Vec::new();
        loop {
            let open = open(draft);
            let Some((whose, key)) = self.next(draft, &open) else {
                return Ok(signed);
            };
            let secret = keyring.open(key, whose)?;
            signed.push(PublicKey::Ed25519(draft.sign(secret)));
        }
    }

    /// Opens the keys here that it takes to complete a quorum, so that nobody is asked for a passphrase in the middle of long work.
    /// Says the weight that they have.
    pub(super) fn open(&self, quorum: &Quorum, keyring: &mut Keyring) -> Result<u32> {
        let mut reached = 0;
        for (public, weight) in &quorum.members {
            if reached < quorum.needed
                && let Some((whose, key)) = self.find(public)
            {
                keyring.open(key, whose)?;
                reached += weight;
            }
        }
        Ok(reached)
    }

    /// A key that is here and whose signature is missing.
    fn next(&self, draft: &Draft, open: &[Quorum]) -> Option<&(String, StoredKey)> {
        open.iter()
            .find_map(|quorum| quorum.unsigned(draft).find_map(|key| self.find(key)))
    }

    /// Whether [`Hands::sign`] would sign anything.
    pub(super) fn can_sign(&self, draft: &Draft, open: &[Quorum]) -> bool {
        self.next(draft, open).is_some()
    }

    /// The texts that wallets are still to be shown.
    pub(super) fn texts(&self, draft: &Draft, open: &[Quorum]) -> Vec<(PublicKey, String)> {
        let mut texts: Vec<(PublicKey, String)> = Vec::new();
        for wallet in open
            .iter()
            .flat_map(|quorum| quorum.unsigned(draft))
            .filter(|key| self.asks(key))
        {
            if let Signable::Text(text) = draft.signable(wallet)
                && texts.iter().all(|(known, _)| known != wallet)
            {
                texts.push((*wallet, text));
            }
        }
        texts
    }
}

fn keys_of(identity: &Identity) -> Vec<(String, StoredKey)> {
    identity
        .keys
        .iter()
        .map(|key| {
            (
                format!("`{}` ({})", identity.name, identity.held(key).word()),
                key.clone(),
            )
        })
        .collect()
}

/// Adds what a wallet gave, whichever of the wallets that are asked it was.
pub(super) fn take_signature(
    draft: &mut Draft,
    open: &[Quorum],
    signature: &WalletSignature,
) -> Result<PublicKey> {
    let mut refusal = None;
    for (key, _) in open.iter().flat_map(|quorum| &quorum.members) {
        if !matches!(key, PublicKey::Wallet(_)) {
            continue;
        }
        match draft.add(*key, &signature.0) {
            Ok(()) => return Ok(*key),
            Err(error) => refusal = Some(error),
        }
    }
    let next = "let the wallet sign exactly the text that this command prints without --signature";
    Err(match refusal {
        Some(error) => CliError::invalid(error.code(), error, next),
        None => CliError::failed(
            "no-wallet",
            "no wallet's signature is missing here",
            "leave --signature out",
        ),
    })
}

/// The texts for wallets, as a person copies them.
pub(super) fn texts_in_words(texts: &[(PublicKey, String)], command: &str) -> String {
    let mut words = String::new();
    for (wallet, text) in texts {
        words += &format!(
            "\nSign this text with the wallet {wallet} (personal_sign), without the lines around it:\n"
        );
        words += &format!("----------\n{text}\n----------\nThen run: {command} --signature 0x…\n");
    }
    words
}

pub(super) fn texts_json(texts: &[(PublicKey, String)]) -> Value {
    texts
        .iter()
        .map(|(wallet, text)| json!({"wallet": wallet.to_string(), "text": text}))
        .collect()
}
