//! Signing transactions with the keys of this data folder.

use dotkey_proto::identity::{Anchor, Role};
use dotkey_proto::ledger::{Action, SignedTransaction, Standing, Transaction};
use dotkey_proto::stamp::{Purpose, Puzzle};
use dotkey_registry::ledger::Price;

use crate::client::Ledger;
use crate::commands::Context;
use crate::commands::signing::{Hands, Quorum};
use crate::exit::{CliError, Result};
use crate::keys::{Identity, Keyring};
use crate::names::stamps::{self, Said, Teller};

/// An identity that acts on the ledger.
pub(super) struct Signer<'a> {
    identity: &'a Identity,
    hands: Hands,
    keyring: Keyring,
    quorum: Quorum,
}

impl<'a> Signer<'a> {
    /// Asks for passphrases now: nobody is asked in the middle of long work.
    pub(super) fn new(identity: &'a Identity, context: &Context<'_>) -> Result<Self> {
        let mut signer = Self {
            identity,
            hands: Hands::all(context, identity)?,
            keyring: Keyring::new()?,
            quorum: Quorum::of_role(identity.policy(), &Role::Admin, "admin"),
        };
        let reached = signer.hands.open(&signer.quorum, &mut signer.keyring)?;
        let needed = signer.quorum.needed;
        if reached < needed {
            return Err(CliError::failed(
                "incomplete",
                format!(
                    "acting for `{}` on the ledger takes its admins' signatures with weight {needed}; the keys here have {reached}",
                    identity.name
                ),
                "take the others' keys in with `dotkey key import`, or run this where they are; a wallet cannot sign for the ledger from here yet",
            ));
        }
        Ok(signer)
    }

    pub(super) fn identity(&self) -> &Identity {
        self.identity
    }

    /// A signed transaction, checked as the ledger checks it.
    pub(super) fn sign(
        &mut self,
        ledger: &Ledger,
        (nonce, opening): (u64, Option<Vec<u8>>),
        action: Action,
        anchor: Option<&Anchor>,
    ) -> Result<Vec<u8>> {
        let transaction = Transaction {
            network: ledger.genesis().network(),
            key_id: self.identity.key_id(),
            nonce,
            chain: self.identity.chain.clone(),
            action,
            opening,
        };
        let refused = |code: &str, why: &dyn std::fmt::Display, next: &str| {
            let name = &self.identity.name;
            CliError::failed(
                code,
                format!("`{name}` cannot act on the ledger: {why}"),
                next,
            )
        };
        let mut draft = transaction.draft().map_err(|error| {
            refused(
                error.code(),
                &error,
                "shorten its policy chain, or use another identity",
            )
        })?;
        let quorum = &self.quorum;
        let open = |draft: &_| match quorum.missing(draft) {
            0 => Vec::new(),
            _ => vec![quorum.clone()],
        };
        self.hands.sign(&mut draft, &open, &mut self.keyring)?;
        let bytes = draft.encode();
        let signed = SignedTransaction::decode(&bytes)
            .map_err(|error| refused(error.code(), &error, "use fewer keys or another identity"))?;
        signed.verify(Standing::Forward(anchor)).map_err(|error| {
            refused(
                error.code(),
                &error,
                "take in the newest state of the identity with `dotkey key import`",
            )
        })?;
        Ok(bytes)
    }
}

/// Works for a stamp, at the price that the network's rules set.
pub(super) fn stamp(
    ledger: &mut Ledger,
    identity: &Identity,
    purpose: Purpose<'_>,
    context: &Context<'_>,
) -> Result<Vec<u8>> {
    let (beacon, demand) = ledger.beacon()?;
    let charter = ledger.charter();
    let Price { grid, solutions } = match purpose {
        Purpose::Opening => charter.opening_price(),
        Purpose::Claim(label) => charter.claim_price(label, demand),
        Purpose::Renewal(label) => charter.renewal_price(label),
    };
    let key_id = identity.key_id();
    let terms = (grid, solutions);
    let puzzle = Puzzle::new(&charter.network, key_id, purpose, &beacon, terms);
    let suffix = &context.settings.suffix;
    let what = match purpose {
        Purpose::Opening => format!("the first transaction of `{}`", identity.name),
        Purpose::Claim(label) => format!("the claim of {label}.{suffix}"),
        Purpose::Renewal(label) => format!("the renewal of {label}.{suffix}"),
    };
    let output = context.output;
    let mut teller = Teller::new(what, output.is_watched());
    let made = stamps::make(&puzzle, &mut |search| match teller.hear(search) {
        Some(Said::Line(line)) => {
            output.end_progress();
            output.note(&line);
        }
        Some(Said::Bar(bar)) => output.progress(&bar),
        None => {}
    });
    output.end_progress();
    Ok(made?.encode())
}
