//! A policy update that is being signed, as rotation and recovery share it.

use std::path::Path;

use dotkey_proto::identity::{Policy, PolicyError, PublicKey, Role, policy_digest, policy_update};
use dotkey_proto::limits::{POLICY_CHAIN_MAX, RECORD_BYTES_MAX};
use dotkey_proto::signature::{Draft, Envelope, Subject};
use dotkey_proto::words::counted;
use serde_json::{Value, json};

use super::describe;
use crate::args::WalletSignature;
use crate::commands::Context;
use crate::commands::signing::{self, Hands, Quorum};
use crate::exit::{CliError, Result};
use crate::files;
use crate::keys::{Identity, Keyring};

/// An update from one policy to the next.
pub(super) struct Update {
    pub(super) old: Policy,
    pub(super) new: Policy,
    pub(super) draft: Draft,
    /// Whether recovery keys answer for the old policy, instead of its admins.
    recovery: bool,
    /// Whether others began it, so that who signs has to agree.
    resumed: bool,
}

/// `policy`, made to follow the last one of `chain`.
fn following(chain: &[Vec<u8>], policy: Policy) -> Policy {
    let last = chain.last().map_or(&[][..], |last| payload_of(last));
    let number = u32::try_from(chain.len()).unwrap_or(u32::MAX);
    Policy {
        number,
        previous: Some(policy_digest(last)),
        ..policy
    }
}

/// The policy in an element of a chain: itself at first, then within an envelope.
pub(super) fn payload_of(element: &[u8]) -> &[u8] {
    Envelope::decode(element).map_or(element, |envelope| envelope.payload)
}

impl Update {
    /// Makes one from the newest policy of `chain`, which is verified.
    pub(super) fn new(
        identity: &Identity,
        chain: &[Vec<u8>],
        new: Policy,
        recovery: bool,
    ) -> Result<Self> {
        if chain.len() >= POLICY_CHAIN_MAX {
            return Err(CliError::failed(
                "chain-full",
                format!(
                    "`{}` has been rotated {}, and a chain of policies ends there",
                    identity.name,
                    counted(chain.len() - 1, "time")
                ),
                "pin its newest policy on the ledger, from which a new chain can begin",
            ));
        }
        let new = following(chain, new);
        let draft =
            policy_update(identity.key_id(), &new).map_err(|error| invalid_policy(&error))?;
        Self::assemble(chain, new, draft, recovery, false)
    }

    /// Whether the last policy of a chain can be replaced by its recovery keys.
    pub(super) fn check_recoverable(chain: &[Vec<u8>]) -> Result<()> {
        let old = last_policy(chain)?;
        if old.recovery.is_some() {
            return Ok(());
        }
        Err(CliError::failed(
            "no-recovery",
            format!("policy number {} names no recovery keys", old.number),
            "an identity gets them when it is made (`dotkey key new NAME --recovery`) or rotated",
        ))
    }

    /// Takes up one that others began.
    pub(super) fn resume(path: &Path, identity: &Identity, recovery: bool) -> Result<Self> {
        let bytes = files::read(path, RECORD_BYTES_MAX, "the draft")?;
        files::check_size(path, &bytes, RECORD_BYTES_MAX, "a draft")?;
        let key_id = identity.key_id();
        let refused = |code: &str, why: String| {
            let next = "get a new copy of the draft from whoever made it";
            CliError::invalid(code, format!("{}: {why}", path.display()), next)
        };
        let draft = Draft::decode(&bytes, |payload| {
            let policy = Policy::decode(payload)?.into();
            Ok::<_, PolicyError>(Subject::PolicyUpdate { key_id, policy })
        });
        let draft = draft.map_err(|error| refused(error.code(), error.to_string()))?;
        let new = Policy::decode(draft.payload()).map_err(|error| invalid_policy(&error))?;
        // A rotation follows the newest policy; a recovery may go back to an earlier one.
        let newest = identity.chain.len();
        let begin = if recovery {
            usize::try_from(new.number)
                .unwrap_or(newest)
                .clamp(1, newest)
        } else {
            newest
        };
        let chain = &identity.chain[..begin];
        if new != following(chain, new.clone()) {
            let why = format!(
                "it does not follow policy number {} of `{}`, as it stands here",
                begin - 1,
                identity.name
            );
            return Err(refused("policy-previous", why));
        }
        Self::assemble(chain, new, draft, recovery, true)
    }

    /// The policy in a draft, where it is in force here already, or was.
    pub(super) fn in_force(path: &Path, identity: &Identity) -> Result<Option<Policy>> {
        let bytes = files::read(path, RECORD_BYTES_MAX, "the draft")?;
        let Ok(policy) = Policy::decode(payload_of(&bytes)) else {
            return Ok(None);
        };
        let known = identity.chain.get(policy.number as usize);
        let same = known.is_some_and(|known| payload_of(known) == payload_of(&bytes));
        Ok(Some(policy).filter(|_| same))
    }

    fn assemble(
        chain: &[Vec<u8>],
        new: Policy,
        draft: Draft,
        recovery: bool,
        resumed: bool,
    ) -> Result<Self> {
        let old = last_policy(chain)?;
        if recovery {
            Self::check_recoverable(chain)?;
        }
        Ok(Self {
            old,
            new,
            draft,
            recovery,
            resumed,
        })
    }

    /// Those whose word is still missing.
    pub(super) fn open(&self, draft: &Draft) -> Vec<Quorum> {
        let before = match (&self.old.recovery, self.recovery) {
            (Some(recovery), true) => Quorum::of_recovery(recovery),
            _ => Quorum::of_role(&self.old, &Role::Admin, "admin of the old policy"),
        };
        let after = Quorum::of_role(&self.new, &Role::Admin, "admin of the new policy");
        [before, after]
            .into_iter()
            .filter(|quorum| quorum.missing(draft) > 0)
            .collect()
    }

    /// Signs with what is here, and takes what a wallet gave. Shows first what is agreed to.
    pub(super) fn sign(
        &mut self,
        hands: &Hands,
        signature: Option<&WalletSignature>,
        yes: bool,
        keyring: &mut Keyring,
        context: &Context<'_>,
    ) -> Result<Vec<PublicKey>> {
        context.output.note(&format!(
            "This changes the identity to:\n{}",
            describe::policy_words(&self.new)
        ));
        let asked = self.resumed && !yes;
        if asked && hands.can_sign(&self.draft, &self.open(&self.draft)) {
            context.output.agree("Sign it?")?;
        }
        let mut draft = self.draft.clone();
        let mut signed = Vec::new();
        if let Some(signature) = signature {
            let open = self.open(&draft);
            signed.push(signing::take_signature(&mut draft, &open, signature)?);
        }
        signed.extend(hands.sign(&mut draft, &|draft| self.open(draft), keyring)?);
        self.draft = draft;
        Ok(signed)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.open(&self.draft).is_empty()
    }

    /// How far it is, for people: a line for each quorum that is not complete, and the texts for wallets.
    pub(super) fn missing_words(&self, hands: &Hands, command: &str) -> String {
        let open = self.open(&self.draft);
        let lines: String = open
            .iter()
            .map(|quorum| format!("{}\n", quorum.words(&self.draft)))
            .collect();
        lines + &signing::texts_in_words(&hands.texts(&self.draft, &open), command)
    }

    pub(super) fn missing_json(&self) -> Value {
        self.open(&self.draft)
            .iter()
            .map(|quorum| quorum.json(&self.draft))
            .collect()
    }

    pub(super) fn texts_json(&self, hands: &Hands) -> Value {
        signing::texts_json(&hands.texts(&self.draft, &self.open(&self.draft)))
    }

    pub(super) fn json(&self, identity: &Identity, hands: &Hands, signed: &[PublicKey]) -> Value {
        json!({
            "name": identity.name.as_str(),
            "key_id": identity.key_id().to_string(),
            "policy": describe::policy_json(&self.new),
            "complete": self.is_complete(),
            "signed_now": signed.iter().map(PublicKey::to_string).collect::<Vec<_>>(),
            "missing": self.missing_json(),
            "to_sign": self.texts_json(hands),
        })
    }
}

fn last_policy(chain: &[Vec<u8>]) -> Result<Policy> {
    let last = chain.last().map_or(&[][..], |last| payload_of(last));
    Policy::decode(last).map_err(|error| invalid_policy(&error))
}

fn invalid_policy(error: &PolicyError) -> CliError {
    CliError::failed(
        error.code(),
        format!("the new policy is not valid: {error}"),
        "correct the policy; `docs/keys.md` describes it",
    )
}
