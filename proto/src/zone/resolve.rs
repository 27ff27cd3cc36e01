//! Following aliases and rewrites as long as they stay in the zone.

use alloc::vec::Vec;

use super::{Next, Outcome, Rrset, Zone};
use crate::dns::{Owner, RecordType};
use crate::limits::CNAME_CHAIN_MAX;

/// What a zone says of a name and a type, once all that it can follow by itself is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution<'z> {
    /// Aliases and rewrites that were followed, in order.
    pub steps: Vec<Step<'z>>,
    /// What the zone says of the last name. An alias or a rewrite leads out of the zone to an absolute name.
    pub outcome: Outcome<'z>,
}

/// One alias or rewrite that was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<'z> {
    /// The CNAME or DNAME.
    pub rrset: &'z Rrset,
    /// Whether it comes from a wildcard.
    pub synthesised: bool,
    /// The name that it leads to.
    pub to: Owner,
}

impl Resolution<'_> {
    /// The name that [`Resolution::outcome`] is about, where `owner` was asked for.
    #[must_use]
    pub fn last_owner<'a>(&'a self, owner: &'a [u8]) -> &'a [u8] {
        self.steps.last().map_or(owner, |step| step.to.as_wire())
    }
}

impl Zone {
    /// As [`Zone::lookup`], going on where an alias or a rewrite leads to a name of this zone. It allocates for the steps
    /// only. A step out of the zone's branch ends in [`Outcome::Outside`]. More than 8 steps, and a name that comes again, are a loop.
    #[must_use]
    pub fn resolve(&self, owner: &[u8], rtype: RecordType) -> Resolution<'_> {
        let mut steps: Vec<Step<'_>> = Vec::new();
        loop {
            let asked = steps.last().map_or(owner, |step| step.to.as_wire());
            let outcome = self.lookup(asked, rtype);
            let (rrset, synthesised) = match outcome {
                Outcome::Alias {
                    rrset, synthesised, ..
                } => (rrset, synthesised),
                Outcome::Rewrite { rrset, .. } => (rrset, false),
                _ => return Resolution { steps, outcome },
            };
            let Some(Next::InZone(to)) = outcome.next(asked) else {
                return Resolution { steps, outcome };
            };
            let again = to.as_wire() == owner || steps.iter().any(|step| step.to == to);
            if again || steps.len() == CNAME_CHAIN_MAX {
                let outcome = Outcome::Loop;
                return Resolution { steps, outcome };
            }
            steps.push(Step {
                rrset,
                synthesised,
                to,
            });
        }
    }
}
