//! What one zone of ours adds to an answer, and where the question goes on.

use dotkey_proto::dns::{Labels, Owner, RecordType, WireName};
use dotkey_proto::limits::CNAME_CHAIN_MAX;
use dotkey_proto::zone::{self, Next, Outcome, Resource, Rrset, absolutise};
use hickory_proto::op::ResponseCode;

use super::made_up::{self, Via};
use super::{Answer, Extended, Set, TTL_SECS_MAX, apex, extended};
use crate::resolution::Resolution;

/// All types at once.
pub const ANY: RecordType = RecordType(255);

/// No data has this type: a zone asked for it answers with the resources of a name.
const RESOURCES: RecordType = RecordType(0);

/// RFC 8767 section 4: what is older than it should be is asked for again soon.
const STALE_TTL_SECS: u32 = 30;

/// What is asked, and how resources are answered.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name, in the letters in which it was asked for, or to which an alias led.
    pub name: &'a WireName,
    /// The type.
    pub rtype: RecordType,
    /// The suffix, which is the apex of the zone that everything is signed as.
    pub suffix: &'a WireName,
    /// Where requests for resources are sent.
    pub via: &'a Via,
}

/// Where the question goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Onward {
    /// Nowhere: the answer is complete.
    Done,
    /// At another name, of ours or of the ordinary DNS.
    Name(WireName),
}

/// Adds what the zone says of the question.
pub fn add(answer: &mut Answer, question: &Question<'_>, resolution: &Resolution) -> Onward {
    let mut adding = Adding {
        answer,
        question,
        resolution,
    };
    match adding.run() {
        Ok(onward) => onward,
        // What was collected before is dropped: half a chain is no answer.
        Err(Extended { code, text }) => {
            *answer = Answer::failed(code, text);
            Onward::Done
        }
    }
}

struct Adding<'a> {
    answer: &'a mut Answer,
    question: &'a Question<'a>,
    resolution: &'a Resolution,
}

impl Adding<'_> {
    fn run(&mut self) -> Result<Onward, Extended> {
        let (zone, rtype) = (self.resolution.zone(), self.question.rtype);
        let owner = self.resolution.owner();
        // Any type that is not there finds a CNAME, and else says whether the name exists.
        let sought = if rtype == ANY { RESOURCES } else { rtype };
        let resolved = zone.resolve(owner.as_wire(), sought);
        let mut at = owner.clone();
        for step in &resolved.steps {
            self.follow(step.rrset, &at, &self.absolute(&step.to)?)?;
            at = step.to.clone();
        }
        let moved = !resolved.steps.is_empty();
        match resolved.outcome {
            Outcome::Answer { rrset, .. } => self.push(rrset, &self.absolute(&at)?)?,
            Outcome::Alias { rrset, .. } | Outcome::Rewrite { rrset, .. } => {
                let Some(Next::Absolute(to)) = resolved.outcome.next(at.as_wire()) else {
                    return Err(invalid("an alias leads to a name that is too long"));
                };
                self.follow(rrset, &at, &to)?;
                return Ok(Onward::Name(to));
            }
            // A delegation below, or a branch that this record is not for: only an alias leads there.
            Outcome::Referral(_) | Outcome::Outside if moved => {
                return Ok(Onward::Name(self.absolute(&at)?));
            }
            Outcome::Referral(_) | Outcome::Outside => {
                return Err(invalid("the zone does not speak for the name"));
            }
            Outcome::NoData { resources, .. } => self.without_data(&at, resources)?,
            Outcome::NoName { closest } => self.without_name(&at, closest)?,
            Outcome::Cut(rrset) if rtype == RecordType::NS && rrset.owner == at => {
                self.push(rrset, &self.absolute(&at)?)?;
            }
            Outcome::Cut(_) => {
                return Err(Extended {
                    code: extended::NOT_SUPPORTED,
                    text: "its owner left it to name servers of the ordinary DNS, which are not asked here".to_owned(),
                });
            }
            Outcome::Loop => {
                return Err(invalid(
                    "its aliases lead in a circle, or through more than 8 names",
                ));
            }
            Outcome::TooLong { rrset } => {
                self.push(rrset, &self.absolute(&rrset.owner)?)?;
                self.answer.rcode = ResponseCode::YXDomain;
            }
        }
        Ok(Onward::Done)
    }

    /// An alias on the way: a CNAME as it stands, and with a DNAME the CNAME that it amounts to (RFC 6672 section 3.1).
    fn follow(&mut self, rrset: &Rrset, at: &Owner, to: &WireName) -> Result<(), Extended> {
        self.answer.aliases += 1;
        if self.answer.aliases > CNAME_CHAIN_MAX {
            return Err(invalid("its aliases lead through more than 8 names"));
        }
        let from = self.absolute(at)?;
        if rrset.rtype != RecordType::DNAME {
            return self.push(rrset, &from);
        }
        self.push(rrset, &self.absolute(&rrset.owner)?)?;
        let ttl = self.ttl(rrset.ttl);
        self.answer.answers.push(Set {
            owner: from,
            rtype: RecordType::CNAME,
            ttl,
            rdata: vec![to.as_wire().to_vec()],
        });
        Ok(())
    }

    fn push(&mut self, rrset: &Rrset, owner: &WireName) -> Result<(), Extended> {
        let complete = |rdata| absolutise(rrset.rtype, rdata, self.resolution.origin());
        let complete = rrset
            .rdata
            .iter()
            .map(|rdata| complete(rdata).map(|rdata| rdata.into_owned()));
        let rdata = complete.collect::<Result<_, _>>();
        let ttl = self.ttl(rrset.ttl);
        self.answer.answers.push(Set {
            owner: owner.clone(),
            rtype: rrset.rtype,
            ttl,
            rdata: rdata
                .map_err(|_| invalid("a name in its data becomes longer than 255 bytes"))?,
        });
        Ok(())
    }

    fn without_data(&mut self, at: &Owner, resources: &[Resource]) -> Result<(), Extended> {
        let name = self.absolute(at)?;
        let rtype = self.question.rtype;
        let ttl = self.ttl(self.resolution.zone().made_up_ttl());
        if rtype == ANY {
            // RFC 8482 section 4.2: one small record says that nobody gets everything at once.
            self.answer.answers.push(Set {
                owner: name,
                rtype: RecordType::HINFO,
                ttl,
                rdata: vec![b"\x07RFC8482\x00".to_vec()],
            });
            return Ok(());
        }
        let made = self.made_up(at, resources, rtype);
        if made.is_empty() {
            let types = self.types(at, resources);
            apex::no_data(self.answer, &name, self.question.suffix, &types, ttl);
            return Ok(());
        }
        self.answer.answers.push(Set {
            owner: name,
            rtype,
            ttl,
            rdata: made,
        });
        Ok(())
    }

    fn without_name(&mut self, at: &Owner, closest: &[u8]) -> Result<(), Extended> {
        let ttl = self.ttl(self.resolution.zone().made_up_ttl());
        if let Some((port, host)) = made_up::tlsa_host(at.as_wire())
            && let Outcome::NoData { resources, .. } =
                self.resolution.zone().lookup(host, RESOURCES)
        {
            let pins = made_up::tlsa(self.question.via, resources, port);
            let name = self.absolute(at)?;
            if self.question.rtype == RecordType::TLSA && !pins.is_empty() {
                self.answer.answers.push(Set {
                    owner: name,
                    rtype: RecordType::TLSA,
                    ttl,
                    rdata: pins,
                });
                return Ok(());
            }
            if !pins.is_empty() {
                apex::no_data(
                    self.answer,
                    &name,
                    self.question.suffix,
                    &[RecordType::TLSA],
                    ttl,
                );
                return Ok(());
            }
        }
        let mut labels = Labels::new(at.as_wire());
        let mut next_closer = at.as_wire();
        while labels.remainder().len() > closest.len() {
            next_closer = labels.remainder();
            labels.next();
        }
        let next_closer = Owner::from_wire(next_closer).expect("whole labels of an owner");
        let next_closer = self.absolute(&next_closer)?;
        apex::no_name(self.answer, &next_closer, self.question.suffix, ttl);
        Ok(())
    }

    /// What the resources at a name are answered with. Where the owner wrote addresses, they are all that there is.
    fn made_up(&self, at: &Owner, resources: &[Resource], rtype: RecordType) -> Vec<Vec<u8>> {
        let zone = self.resolution.zone();
        let written = |rtype| matches!(zone.lookup(at.as_wire(), rtype), Outcome::Answer { .. });
        let addressed = written(RecordType::A) || written(RecordType::AAAA);
        match rtype {
            _ if addressed => Vec::new(),
            rtype => made_up::rdata(self.question.via, resources, rtype),
        }
    }

    /// The types that a name has, wildcards included: what a denial of another type shows.
    fn types(&self, at: &Owner, resources: &[Resource]) -> Vec<RecordType> {
        let zone = self.resolution.zone();
        let mut types: Vec<RecordType> = zone.rrsets().iter().map(|rrset| rrset.rtype).collect();
        types.sort_unstable();
        types.dedup();
        types.retain(|rtype| {
            let found = zone.lookup(at.as_wire(), *rtype);
            matches!(found, zone::Outcome::Answer { .. })
        });
        let made = [RecordType::A, RecordType::AAAA, RecordType::HTTPS];
        types.extend(
            made.into_iter()
                .filter(|rtype| !self.made_up(at, resources, *rtype).is_empty()),
        );
        types
    }

    /// A name of the zone. The one that was asked for keeps its letters.
    fn absolute(&self, owner: &Owner) -> Result<WireName, Extended> {
        let name = owner.in_zone(self.resolution.origin());
        let name = name.map_err(|_| invalid("a name of its zone becomes longer than 255 bytes"))?;
        match name == *self.question.name {
            true => Ok(self.question.name.clone()),
            false => Ok(name),
        }
    }

    fn ttl(&self, ttl: u32) -> u32 {
        let holds = u32::try_from(self.resolution.holds_secs()).unwrap_or(u32::MAX);
        let ttl = ttl.min(TTL_SECS_MAX).min(holds);
        match self.resolution.is_stale() {
            true => ttl.min(STALE_TTL_SECS),
            false => ttl,
        }
    }
}

fn invalid(text: &str) -> Extended {
    Extended {
        code: extended::INVALID_DATA,
        text: text.to_owned(),
    }
}
