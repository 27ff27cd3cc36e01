//! A name's record from a node. The node is asked, never believed: what it gives is verified, and is that name's or nothing. Who
//! holds a claimed name is proved first.

use dotkey_proto::identity::{Anchor, Branch, KeyId};
use dotkey_proto::ledger::{Bundle, Subject};
use dotkey_proto::name::Name;
use dotkey_proto::record::{Record, Verified};
use dotkey_proto::time::Timestamp;
use dotkey_proto::zone::Zone;

use super::Context;
use super::name::{Standing, subject};
use super::verify::{Holder, verify_against};
use crate::args::LedgerArgs;
use crate::client::{Ledger, NodeClient};
use crate::exit::{CliError, Result};

/// Which record.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a Name,
    pub(super) branch: Option<&'a Branch>,
    /// Ask every node that should have it.
    pub(super) fresh: bool,
}

impl<'a> Wanted<'a> {
    /// The record of a name's whole zone.
    pub(super) fn whole(name: &'a Name, fresh: bool) -> Self {
        Self {
            name,
            branch: None,
            fresh,
        }
    }
}

/// Whose record a name leads to, and what shows that.
pub(super) struct Holding {
    /// Nobody, where nobody holds the name, or where it has the form of a key that is none.
    pub(super) key_id: Option<KeyId>,
    /// What the ledger pins of the identity, as far as it was asked.
    pub(super) anchor: Option<Anchor>,
    /// How the ledger has the name, where it decides about it.
    pub(super) standing: Option<Standing>,
    /// What proves it to others, where that was asked for.
    pub(super) bundle: Option<Bundle>,
}

impl Holding {
    /// Whom a name belongs to: by itself, or by the ledger's proof. With `for_others` the proof is one that anyone can check.
    pub(super) fn find(
        name: &Name,
        args: &LedgerArgs,
        for_others: bool,
        context: &Context<'_>,
    ) -> Result<Self> {
        let known = match Holder::of(name) {
            Holder::Known(key_id) if !for_others || key_id.is_none() => {
                return Ok(Self {
                    key_id,
                    anchor: None,
                    standing: None,
                    bundle: None,
                });
            }
            Holder::Known(key_id) => key_id,
            Holder::Ledger => None,
        };
        let mut ledger = Ledger::open(args, &context.settings)?;
        let subject = known.map_or_else(|| subject(name), Subject::Identity);
        let (bundle, proof) = match for_others {
            true => {
                let (bundle, proof) = ledger.bundle(&subject)?;
                (Some(bundle), proof)
            }
            false => (None, ledger.proof(&subject)?),
        };
        let anchor = proof.anchor();
        let standing = match known {
            None => Some(Standing::new(name, proof, &ledger)),
            Some(_) => None,
        };
        let holder = standing.as_ref().and_then(Standing::holder);
        Ok(Self {
            key_id: known.or(holder),
            anchor,
            standing,
            bundle,
        })
    }

    /// Who it is, or that it is nobody.
    pub(super) fn known(&self, wanted: &Wanted<'_>, context: &Context<'_>) -> Result<KeyId> {
        self.key_id.ok_or_else(|| match &self.standing {
            Some(standing) => standing.nobody(context),
            None => nothing(wanted),
        })
    }
}

/// The newest record that the node finds.
pub(super) fn fetch(
    node: &NodeClient,
    wanted: &Wanted<'_>,
    holding: &Holding,
    (context, now): (&Context<'_>, Timestamp),
) -> Result<(Verified<Record>, Zone)> {
    let key_id = holding.known(wanted, context)?;
    let whose = Whose {
        key_id: &key_id,
        branch: wanted.branch,
        anchor: holding.anchor.as_ref(),
    };
    newest(node, &whose, wanted.fresh, now)?.ok_or_else(|| {
        let error = nothing(wanted);
        match &holding.standing {
            Some(standing) => standing.told(error, context),
            None => error,
        }
    })
}

/// Whose record, and what is known of them.
pub(super) struct Whose<'a> {
    pub(super) key_id: &'a KeyId,
    pub(super) branch: Option<&'a Branch>,
    pub(super) anchor: Option<&'a Anchor>,
}

/// As [`fetch`], for whom to have none is no error.
pub(super) fn newest(
    node: &NodeClient,
    whose: &Whose<'_>,
    fresh: bool,
    now: Timestamp,
) -> Result<Option<(Verified<Record>, Zone)>> {
    let Whose {
        key_id,
        branch,
        anchor,
    } = *whose;
    let Some(bytes) = node.record(key_id, branch, fresh)? else {
        return Ok(None);
    };
    let shown = format!("what {} gave for {key_id}", node.url());
    let (record, zone) = verify_against(bytes, &shown, now, anchor)?;
    if record.key_id() != *key_id || record.branch() != branch {
        return Err(CliError::invalid(
            "key-id",
            format!("{shown} is another's record, of {}", record.key_id()),
            "do not use that node; name another with --node",
        ));
    }
    Ok(Some((record, zone)))
}

fn nothing(wanted: &Wanted<'_>) -> CliError {
    let apex = wanted.name.apex();
    let branch = wanted
        .branch
        .map_or(String::new(), |branch| format!(" (branch `{branch}`)"));
    CliError::not_found(
        format!("no record for {}{branch}", apex.to_unicode()),
        format!(
            "its owner publishes one with `dotkey zone publish {} FILE --key NAME`",
            apex.as_ascii()
        ),
    )
}
