//! Whether blocks follow each other, and whose word there is for them. Section 11.4.

use dotkey_proto::ledger::{Body, Certificate, Header, ValidatorSet};
use dotkey_proto::limits::TRUST_SECS_MAX;
use dotkey_proto::time::Timestamp;
use thiserror::Error;

use super::message::Block;

/// Certificates of blocks between are kept at heights that are multiples of this, where states are offered. The others cost as much to verify as they are worth little.
const KEPT_EVERY: u64 = 64;

const DAY_SECS: u64 = 86_400;

/// What blocks have to follow.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The last block that is final here.
    pub tip: &'a Header,
    /// The epoch of the next.
    pub epoch: u64,
    /// Who certifies it.
    pub validators: &'a ValidatorSet,
}

/// A block that a quorum of the validators stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// Its header.
    pub header: Header,
    /// What speaks for it by itself, where it is kept.
    pub certificate: Option<Certificate>,
    /// Its transactions.
    pub body: Body,
}

/// Why blocks are not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Flaw {
    /// Who gave them is to blame.
    #[error("{0}")]
    Given(String),
    /// Those who certified them are, or this node.
    #[error(
        "block {height} is certified and does not follow block {tip} here: {why}. A third of the validators lie, or this program is not theirs; compare with other operators before anything else"
    )]
    Fork {
        /// The block's height.
        height: u64,
        /// The last block here.
        tip: u64,
        /// What does not fit.
        why: &'static str,
    },
}

fn given(why: impl ToString) -> Flaw {
    Flaw::Given(why.to_string())
}

/// Whether the validators who certified the last block here can still be believed about the next. Those that left can sell their keys, and there is no
/// stake to take from them. `heard` is when they were last heard of; at the first block it is the genesis that is believed, by whoever named it.
///
/// # Errors
/// Why not, and what to do.
pub fn trust(heard: Option<Timestamp>, now: Timestamp) -> Result<(), String> {
    let age_secs = heard.map_or(0, |heard| now.secs_since(heard));
    if age_secs <= TRUST_SECS_MAX {
        return Ok(());
    }
    Err(format!(
        "the validators were last heard of {} days ago, and those that left since then could deceive who comes back after more than {}. \
         Compare the network's genesis with somebody whom you trust, move `store/` of the data folder away and start again: the ledger is fetched anew",
        age_secs / DAY_SECS,
        TRUST_SECS_MAX / DAY_SECS
    ))
}

/// Checks blocks that were given, and gives back those that have bodies.
///
/// # Errors
/// See [`Flaw`].
pub fn blocks(ground: Ground<'_>, given_blocks: Vec<Block>) -> Result<Vec<Certified>, Flaw> {
    let (first, last) = match (given_blocks.first(), given_blocks.last()) {
        (Some(first), Some(last)) => (first.header.clone(), last),
        _ => return Err(given("there are no blocks")),
    };
    for pair in given_blocks.windows(2) {
        let [before, after] = [&pair[0].header, &pair[1].header];
        if after.parent != before.digest() || after.height != before.height + 1 {
            return Err(given("the blocks do not follow each other"));
        }
    }
    let Some(certificate) = &last.certificate else {
        return Err(given("the last block has no certificate"));
    };
    if first.network != ground.tip.network || last.header.network != first.network {
        return Err(given("the blocks are of another network"));
    }
    let held = certificate.verify(&last.header, ground.validators);
    held.map_err(|error| given(format!("the last block's certificate: {error}")))?;
    // From here on a quorum of the validators stands behind it.
    let fork = |height, why| Flaw::Fork {
        height,
        tip: ground.tip.height,
        why,
    };
    if first.height != ground.tip.height + 1 {
        return Err(given("the blocks begin at another height than asked for"));
    }
    if first.parent != ground.tip.digest() {
        return Err(fork(first.height, "it is built on another block"));
    }
    let digest = ground.validators.digest();
    for Block { header, .. } in &given_blocks {
        if header.epoch != ground.epoch {
            return Err(given("the blocks are of more than one epoch"));
        }
        if header.validators != digest {
            return Err(fork(header.height, "it names other validators"));
        }
    }
    with_bodies(ground.validators, given_blocks)
}

fn with_bodies(
    validators: &ValidatorSet,
    given_blocks: Vec<Block>,
) -> Result<Vec<Certified>, Flaw> {
    let count = given_blocks
        .iter()
        .filter(|block| block.body.is_some())
        .count();
    let last = given_blocks.len() - 1;
    let mut certified = Vec::with_capacity(count);
    for (index, block) in given_blocks.into_iter().enumerate() {
        let Block {
            header,
            certificate,
            body,
        } = block;
        let Some(body) = body else {
            break;
        };
        let body = Body::decode(&body).map_err(|error| given(format!("a body: {error}")))?;
        if body.digest() != header.transactions {
            return Err(given(
                "a block has other transactions than its header names",
            ));
        }
        let border = header.next_validators.is_some() || header.height.is_multiple_of(KEPT_EVERY);
        let kept = certificate.filter(|_| border || index + 1 == count);
        if let Some(certificate) = kept.as_ref().filter(|_| index != last) {
            let held = certificate.verify(&header, validators);
            held.map_err(|error| given(format!("a certificate: {error}")))?;
        }
        certified.push(Certified {
            header,
            certificate: kept,
            body,
        });
    }
    if certified.is_empty() || certified.len() != count {
        return Err(given("the first blocks have no bodies"));
    }
    Ok(certified)
}
