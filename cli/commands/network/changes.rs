//! `dotkey network add`, `remove` and `approve`: a validator says which change of the validators it wants. The ledger counts: when two thirds
//! want the same, it holds from the next epoch on. Each operator signs with the node's own key, so nothing has to be sent around but a candidate.

use std::path::Path;

use data_encoding::HEXLOWER;
use dotkey_proto::ledger::{Action, Candidate};
use dotkey_registry::node::ledger::ValidatorKey;
use serde_json::{Value, json};

use super::now;
use crate::args::{NetworkApproveArgs, NetworkChangeArgs};
use crate::client::{Ledger, refusal};
use crate::commands::Context;
use crate::commands::name::Pace;
use crate::exit::{CliError, Result};
use crate::files;
use crate::network;
use crate::output::Answer;
use dotkey_proto::words::counted;

/// Others of the same key, such as an accusation by its node, may come between: that many times.
const ATTEMPTS_MAX: u32 = 8;

/// As with a claim: its node may have been started anew.
const RESEND_BLOCKS: u64 = 3;

/// A candidate in hexadecimal digits, with room for what an editor adds.
const CANDIDATE_TEXT_BYTES_MAX: usize = 2048;

/// A change of the validators.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// What the ledger counts approvals of.
    validator: Vec<u8>,
    adds: bool,
    identity: String,
    address: String,
}

/// What became of it.
struct Standing {
    /// How many want it, of how many that have to; nothing where it is decided.
    open: Option<(u64, u64)>,
    /// From which block on it holds.
    from: u64,
}

pub(super) fn add(file: &Path, args: &NetworkChangeArgs, context: &Context<'_>) -> Result<Answer> {
    let text = files::read_text(file, CANDIDATE_TEXT_BYTES_MAX, "the candidate")?;
    let bytes = HEXLOWER.decode(text.trim().as_bytes()).ok();
    let wanted = bytes.and_then(|bytes| Wanted::add(bytes).ok());
    let wanted = wanted.ok_or_else(|| {
        CliError::failed(
            "bad-candidate",
            format!("{} has no candidate in it", file.display()),
            "let who runs the new validator make it anew, with `dotkey network candidate`",
        )
    })?;
    bring_about(&mut Operator::open(args, context)?, &wanted)
}

pub(super) fn remove(
    identity: &str,
    args: &NetworkChangeArgs,
    context: &Context<'_>,
) -> Result<Answer> {
    let mut operator = Operator::open(args, context)?;
    let said = operator.ledger.said()?;
    let known = now::validators(&said).map(|one| one["identity"].as_str().unwrap_or_default());
    let identity = one_of(identity, known.map(str::to_owned).collect())?;
    let validator = HEXLOWER.decode(identity.as_bytes()).unwrap_or_default();
    let wanted = Wanted {
        validator,
        adds: false,
        identity,
        address: String::new(),
    };
    bring_about(&mut operator, &wanted)
}

pub(super) fn approve(args: &NetworkApproveArgs, context: &Context<'_>) -> Result<Answer> {
    let mut operator = Operator::open(&args.change, context)?;
    let said = operator.ledger.said()?;
    let waiting = now::list(&said["changes"]["proposed"]).filter(|one| {
        let mut approvals = now::list(&one["approvals"]);
        !approvals.any(|by| by.as_str() == Some(&operator.own))
    });
    let waiting: Vec<&Value> = waiting.collect();
    if waiting.is_empty() {
        return Err(CliError::not_found(
            "no change of the validators waits for the approval of this one",
            "see with `dotkey network show` what is decided, or propose one with `dotkey network add` or `remove`",
        ));
    }
    let named = |one: &&Value| one["identity"].as_str().unwrap_or_default().to_owned();
    let identity = match &args.identity {
        Some(identity) => one_of(identity, waiting.iter().map(named).collect())?,
        None if waiting.len() == 1 => named(&waiting[0]),
        None => {
            let all: Vec<String> = waiting.iter().map(named).collect();
            return Err(CliError::usage(
                format!("several changes wait: {}", all.join(", ")),
                "name the one that you approve",
            ));
        }
    };
    let mut of_it = waiting.iter().filter(|one| named(one) == identity);
    let wanted = match (of_it.next(), of_it.next()) {
        (Some(one), None) => Wanted::proposed(one),
        _ => Err(CliError::usage(
            format!("several changes of {identity} wait"),
            "take the candidate's file with `dotkey network add`, or `dotkey network remove`",
        )),
    }?;
    bring_about(&mut operator, &wanted)
}

/// The one whose first digits these are.
fn one_of(digits: &str, mut all: Vec<String>) -> Result<String> {
    all.sort();
    all.dedup();
    all.retain(|one| !digits.is_empty() && one.starts_with(digits));
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(CliError::usage(
            format!("several identities begin with `{digits}`"),
            "write more of its digits",
        )),
        (None, _) => Err(CliError::not_found(
            format!("no identity begins with `{digits}`"),
            "see with `dotkey network show` which there are",
        )),
    }
}

impl Wanted {
    fn add(validator: Vec<u8>) -> Result<Self, dotkey_proto::ledger::LedgerError> {
        let candidate = Candidate::decode(&validator)?;
        let admitted = candidate.admit()?;
        Ok(Self {
            validator,
            adds: true,
            identity: HEXLOWER.encode(admitted.identity.as_bytes()),
            address: candidate.address,
        })
    }

    /// What a node says that others want. It is not believed: what is signed is what is shown.
    fn proposed(said: &Value) -> Result<Self> {
        let text = |field: &str| said[field].as_str().unwrap_or_default();
        let bytes = HEXLOWER.decode(text("validator").as_bytes()).ok();
        let wanted = match (text("change"), bytes) {
            ("add", Some(bytes)) => Self::add(bytes).ok(),
            ("remove", Some(bytes)) => Some(Self {
                identity: HEXLOWER.encode(&bytes),
                validator: bytes,
                adds: false,
                address: String::new(),
            }),
            _ => None,
        };
        wanted
            .filter(|wanted| wanted.identity == text("identity"))
            .ok_or_else(|| {
                CliError::failed(
                    "node-failed",
                    "the node shows a change of the validators that is none",
                    "take the candidate's file with `dotkey network add`, or name another node with --node",
                )
            })
    }

    fn in_words(&self) -> String {
        match (self.adds, self.address.as_str()) {
            (true, "") => format!("adds validator {}, which dials the others", self.identity),
            (true, address) => format!("adds validator {}, reached at {address}", self.identity),
            (false, _) => format!("removes validator {}", self.identity),
        }
    }

    /// How it stands after this validator approved it, by its node's word; nothing where it did not come to that.
    fn standing(&self, said: &Value, own: &str) -> Option<Standing> {
        let changes = &said["changes"];
        let from = changes["from"].as_u64().unwrap_or_default();
        let same = |one: &&Value| one["validator"] == HEXLOWER.encode(&self.validator);
        if let Some(open) = now::list(&changes["proposed"]).find(same) {
            let approvals: Vec<_> = now::list(&open["approvals"]).collect();
            if !approvals.iter().any(|by| by.as_str() == Some(own)) {
                return None;
            }
            let needed = open["needed"].as_u64().unwrap_or_default();
            let open = Some((approvals.len() as u64, needed));
            return Some(Standing { open, from });
        }
        let next = now::validators(said)
            .any(|one| one["identity"] == self.identity && one["next"] == true);
        (next == self.adds).then_some(Standing { open: None, from })
    }
}

/// A validator that has a say, and by way of which node.
struct Operator<'a> {
    ledger: Ledger,
    key: ValidatorKey,
    own: String,
    yes: bool,
    context: &'a Context<'a>,
}

impl<'a> Operator<'a> {
    fn open(args: &NetworkChangeArgs, context: &'a Context<'a>) -> Result<Self> {
        let data = &context.settings.data;
        let key = network::own_key(data)?.ok_or_else(|| {
            CliError::failed(
                "no-validator",
                format!(
                    "{} has no validator.key: validators alone decide who votes",
                    data.display()
                ),
                "run this where a validator runs, with its data folder as --data",
            )
        })?;
        Ok(Self {
            ledger: Ledger::open(&args.ledger, &context.settings)?,
            own: HEXLOWER.encode(&key.identity_key()),
            key,
            yes: args.yes,
            context,
        })
    }

    /// Signs, sends and waits until the key's transaction is final. `false` where it had been done before.
    fn send(&mut self, wanted: &Wanted) -> Result<bool> {
        let key_id = self.key.key_id();
        let network = self.ledger.genesis().network();
        let nonce = self.ledger.account(key_id)?.account.nonce;
        let action = Action::ValidatorChange {
            validator: wanted.validator.clone(),
            weight: u16::from(wanted.adds),
        };
        let signed = self.key.sign(network, nonce, action).map_err(|error| {
            CliError::failed(
                "bad-candidate",
                error,
                "let it be made anew, with `dotkey network candidate`",
            )
        })?;
        let mut pace = Pace::of(&self.ledger);
        let mut again_at = 0;
        loop {
            let view = self.ledger.account(key_id)?;
            if view.account.nonce > nonce {
                return Ok(true);
            }
            if view.height >= again_at {
                again_at = view.height + RESEND_BLOCKS;
                if let Err(error) = self.ledger.submit(signed.as_bytes()) {
                    match refusal(&error) {
                        Some("approved-before" | "no-change") => return Ok(false),
                        // The next look shows what came first, or the next block has room.
                        Some("replay" | "nonce-taken" | "gap" | "too-far-ahead" | "pool-full") => {
                            again_at = view.height + 1;
                        }
                        _ => return Err(advised(error)),
                    }
                }
            }
            self.context
                .output
                .progress("sent; waiting until it is final …");
            pace.wait(view.height, self.context.output)?;
        }
    }
}

/// What to do about a refusal, where that is known here.
fn advised(mut error: CliError) -> CliError {
    let next = match refusal(&error) {
        Some("not-validator") => {
            "run this with the data folder of a validator that votes now: one that was just added votes from the next epoch on"
        }
        Some("barred") => {
            "nothing: who signed two things never votes again; a new one needs new keys, made with `dotkey network candidate` in a new folder"
        }
        Some("last-validator") => "add another validator first: a network needs one",
        Some("validators-full") => "remove a validator first",
        Some("candidate") => {
            "let who runs the new validator make its candidate anew, with `dotkey network candidate`"
        }
        _ => return error,
    };
    error.next = next.to_owned();
    error
}

fn bring_about(operator: &mut Operator<'_>, wanted: &Wanted) -> Result<Answer> {
    let output = operator.context.output;
    let said = operator.ledger.said()?;
    let mut voting = now::validators(&said).filter(|one| one["voting"] == true);
    if !voting.any(|one| one["identity"] == operator.own) {
        return Err(CliError::failed(
            "no-vote",
            format!(
                "validator {} does not vote in this epoch, and only those who do decide",
                operator.own
            ),
            "run this with the data folder of a validator that votes now, as `dotkey network show` says",
        ));
    }
    if !operator.yes && output.can_ask() {
        output.note(&format!(
            "This validator wants a change that {}.",
            wanted.in_words()
        ));
        output.agree("Sign it?")?;
    }
    for _ in 0..ATTEMPTS_MAX {
        let sent = operator.send(wanted);
        output.end_progress();
        let sent = sent?;
        let said = operator.ledger.said()?;
        if let Some(standing) = wanted.standing(&said, &operator.own) {
            return Ok(answer(wanted, &standing, sent));
        }
    }
    Err(CliError::failed(
        "too-busy",
        format!("other transactions of this validator came first {ATTEMPTS_MAX} times"),
        "wait for them, then run the same command again",
    ))
}

fn answer(wanted: &Wanted, standing: &Standing, sent: bool) -> Answer {
    let what = wanted.in_words();
    let text = match standing.open {
        Some((approvals, needed)) => {
            let missing = counted(needed.saturating_sub(approvals), "validator");
            format!(
                "Proposed: a change that {what}. {approvals} of the {needed} that are needed want it.\nNext: {missing} more approve it with `dotkey network approve {}`, each where it runs.",
                &wanted.identity[..16.min(wanted.identity.len())]
            )
        }
        None => format!(
            "Decided: from block {} on a change holds that {what}.",
            standing.from
        ),
    };
    let json = json!({
        "change": if wanted.adds { "add" } else { "remove" },
        "identity": wanted.identity,
        "address": wanted.address,
        "approved_now": sent,
        "decided": standing.open.is_none(),
        "approvals": standing.open.map(|(approvals, _)| approvals),
        "needed": standing.open.map(|(_, needed)| needed),
        "from": standing.from,
    });
    Answer::new(json, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_digits_name_one_or_none() {
        let all = || vec!["abc1".to_owned(), "abd2".to_owned(), "abd2".to_owned()];
        assert_eq!(one_of("abc", all()).expect("one"), "abc1");
        assert_eq!(one_of("abd2", all()).expect("named twice"), "abd2");
        assert!(
            one_of("ab", all())
                .expect_err("two")
                .message
                .contains("several")
        );
        for nobody in ["", "x", "abc12"] {
            assert_eq!(one_of(nobody, all()).expect_err("none").code, "not-found");
        }
    }

    #[test]
    fn a_change_is_open_decided_or_did_not_come_about() {
        let identity = "07".repeat(32);
        let wanted = Wanted {
            validator: vec![7; 32],
            adds: false,
            identity: identity.clone(),
            address: String::new(),
        };
        let said = |proposed: Value, next: bool| {
            json!({
                "changes": {"from": 80, "proposed": proposed},
                "validators": [{"identity": identity, "voting": true, "next": next}],
            })
        };
        let open = json!([{"validator": identity, "approvals": ["own", "other"], "needed": 3}]);
        let standing = wanted
            .standing(&said(open.clone(), true), "own")
            .expect("open");
        assert_eq!((standing.open, standing.from), (Some((2, 3)), 80));
        assert!(wanted.standing(&said(open, true), "another").is_none());
        let decided = wanted
            .standing(&said(json!([]), false), "own")
            .expect("decided");
        assert_eq!(decided.open, None);
        assert!(wanted.standing(&said(json!([]), true), "own").is_none());
    }

    #[test]
    fn a_proposal_that_is_not_what_it_says_is_not_signed() {
        let other =
            json!({"change": "remove", "identity": "08".repeat(32), "validator": "07".repeat(32)});
        let broken =
            json!({"change": "add", "identity": "07".repeat(32), "validator": "07".repeat(32)});
        for said in [other, broken, json!({}), json!(7)] {
            assert_eq!(
                Wanted::proposed(&said).expect_err("none").code,
                "node-failed"
            );
        }
        let right =
            json!({"change": "remove", "identity": "07".repeat(32), "validator": "07".repeat(32)});
        assert_eq!(Wanted::proposed(&right).expect("sound").validator, [7; 32]);
    }
}
