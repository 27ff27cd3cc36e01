//! Does the core's work on the chain: walks, verifies, executes, writes. Slow, so it has a thread of its own.

use std::sync::Arc;

use dotkey_proto::ledger::{Certificate, Handover, Header, Trusted};
use dotkey_proto::time::Timestamp;

use super::core::{Done, Fault, Work};
use super::message::Block;
use super::verify::{self, Certified, Flaw, Ground};
use crate::ledger::{Chain, ChainError, Chunk, Import};

/// Writes a block that was verified, after it was executed.
pub type Write = Box<dyn FnMut(&Certified) -> Result<(), Fault> + Send>;

/// See the module.
pub struct Worker {
    chain: Arc<Chain>,
    write: Option<Write>,
    trusted: Trusted,
    import: Option<Import>,
    /// Whether something may be there of a state that is taken over.
    has_begun: bool,
    clock: Option<Clock>,
    /// When the validators of now were last heard of; nothing where the genesis is all that is known.
    heard: Option<Timestamp>,
}

/// What the calendar says.
pub type Clock = Box<dyn Fn() -> Timestamp + Send>;

impl Worker {
    /// A worker on a chain, which believes these validators.
    #[must_use]
    pub fn new(chain: Arc<Chain>, trusted: Trusted) -> Self {
        let tip = chain.tip();
        Self {
            heard: (tip.height > 0).then_some(tip.time),
            // Whatever cannot be read is looked at again where it matters.
            has_begun: !matches!(chain.import_begun(), Ok(None)),
            chain,
            write: None,
            trusted,
            import: None,
            clock: None,
        }
    }

    /// One that does not go on from validators whom it has last heard of too long ago.
    #[must_use]
    pub fn minding(self, clock: Clock) -> Self {
        let clock = Some(clock);
        Self { clock, ..self }
    }

    /// One whose blocks another writes on the same chain, who has more to do with them.
    #[must_use]
    pub fn writing(self, write: Write) -> Self {
        let write = Some(write);
        Self { write, ..self }
    }

    /// Does a piece of work.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn work(&mut self, work: Work) -> Result<Done, Fault> {
        match work {
            Work::Walk(handovers) => self.walk(&handovers),
            Work::Blocks(blocks) => self.blocks(blocks),
            Work::Begin {
                header,
                certificate,
            } => self.begin(header, certificate),
            Work::Chunk(chunk) => self.chunk(chunk),
            Work::Compare {
                header,
                certificate,
            } => self.compare(&header, &certificate),
        }
    }

    /// Believes the validators of the chain's own epoch, where that is further on; unless it has last heard of them too long ago.
    fn trust_the_chain(&mut self) -> Result<(), Fault> {
        if let Some(clock) = &self.clock {
            verify::trust(self.heard, clock()).map_err(Fault::Halt)?;
        }
        let tip = self.chain.tip();
        let epoch = self.chain.charter().epoch(tip.height + 1);
        if epoch <= self.trusted.epoch {
            return Ok(());
        }
        let validators = self.chain.validators(epoch).map_err(|error| halt(&error))?;
        if let Some(validators) = validators {
            self.trusted = Trusted {
                network: self.trusted.network,
                epoch,
                since: tip.time,
                validators,
            };
        }
        Ok(())
    }

    fn walk(&mut self, handovers: &[Vec<u8>]) -> Result<Done, Fault> {
        self.trust_the_chain()?;
        let mut walked = Vec::new();
        let mut trusted = self.trusted.clone();
        for bytes in handovers {
            let handover = Handover::decode(bytes).map_err(|error| peer(&error))?;
            // Asked for before the chain came so far.
            if handover.header.epoch < trusted.epoch {
                continue;
            }
            trusted = trusted.follow(&handover).map_err(|error| peer(&error))?;
            walked.push(handover);
        }
        // Others walk by them when this node has a ledger to show.
        self.chain
            .keep_handovers(&walked)
            .map_err(|error| halt(&error))?;
        self.trusted = trusted;
        let epoch = self.trusted.epoch;
        Ok(Done::Walked { epoch })
    }

    fn blocks(&mut self, blocks: Vec<Block>) -> Result<Done, Fault> {
        self.trust_the_chain()?;
        self.forget_import()?;
        let tip = self.chain.tip();
        let epoch = self.chain.charter().epoch(tip.height + 1);
        let validators = self.chain.validators(epoch).map_err(|error| halt(&error))?;
        let validators =
            validators.ok_or_else(|| Fault::Halt("no validators are known".to_owned()))?;
        let ground = Ground {
            tip: &tip,
            epoch,
            validators: &validators,
        };
        let certified = verify::blocks(ground, blocks).map_err(|flaw| match flaw {
            Flaw::Given(why) => Fault::Peer(why),
            Flaw::Fork { .. } => Fault::Halt(flaw.to_string()),
        })?;
        for block in &certified {
            let executed = self.chain.execute(&block.header, &block.body);
            executed.map_err(|error| certified_and_refused(&block.header, &error))?;
            if let Some(write) = &mut self.write {
                write(block)?;
                continue;
            }
            let digest = block.header.digest();
            let written = self.chain.finalise(&digest, block.certificate.as_ref());
            written.map_err(|error| halt(&error))?;
        }
        // Blocks may be older than this on the way from an old genesis.
        self.heard = self.clock.as_ref().map(|clock| clock()).or(self.heard);
        Ok(self.written())
    }

    fn written(&self) -> Done {
        let tip = self.chain.tip();
        Done::Written {
            height: tip.height,
            digest: tip.digest(),
        }
    }

    /// Removes what a state that is taken over no more has left, before a block is written.
    fn forget_import(&mut self) -> Result<(), Fault> {
        self.import = None;
        if self.has_begun {
            let forgotten = self.chain.forget_import();
            forgotten.map_err(|error| halt(&error))?;
            self.has_begun = false;
        }
        Ok(())
    }

    fn begin(&mut self, header: Header, certificate: Certificate) -> Result<Done, Fault> {
        // What it still has to write is written.
        self.import = None;
        self.trust_the_chain()?;
        let begun = self.chain.import_begun().map_err(|error| halt(&error))?;
        // What was begun was verified then.
        if begun.is_none_or(|(begun, _)| begun != header) {
            self.check_offer(&header, &certificate)?;
        }
        let height = header.height;
        self.has_begun = true;
        let import = self.chain.import(header, certificate);
        let import = import.map_err(|error| cut_short(&error))?;
        let next = import.next();
        self.import = Some(import);
        Ok(Done::Begun { height, next })
    }

    fn check_offer(&self, header: &Header, certificate: &Certificate) -> Result<(), Fault> {
        let trusted = &self.trusted;
        if header.network != trusted.network {
            return Err(Fault::Peer("its offer is of another network".to_owned()));
        }
        if header.height <= self.chain.tip().height {
            return Err(Fault::Peer("its offer is no newer than the tip".to_owned()));
        }
        if header.epoch < trusted.epoch {
            return Err(Fault::Peer(
                "its offer is of an epoch that is past".to_owned(),
            ));
        }
        if header.validators != trusted.validators.digest() {
            return Err(Fault::Unwalked);
        }
        let held = certificate.verify(header, &trusted.validators);
        held.map_err(|error| peer(&error))
    }

    fn chunk(&mut self, chunk: Chunk) -> Result<Done, Fault> {
        let Some(import) = &mut self.import else {
            return Err(Fault::Halt("no state is being taken over".to_owned()));
        };
        import.add(chunk).map_err(|error| match error {
            ChainError::Snapshot(why) => Fault::Peer(why),
            other => cut_short(&other),
        })?;
        if !import.is_whole() {
            let next = import.next();
            return Ok(Done::Taken { next });
        }
        if let Some(import) = self.import.take() {
            let adopted = self.chain.adopt(import);
            adopted.map_err(|error| cut_short(&error))?;
            self.has_begun = false;
            self.heard = self.clock.as_ref().map(|clock| clock()).or(self.heard);
        }
        Ok(self.written())
    }

    /// Another block of our tip's height: one of the two is not certified, or a third of the validators lie.
    fn compare(&self, header: &Header, certificate: &Certificate) -> Result<Done, Fault> {
        let tip = self.chain.tip();
        if header.height != tip.height || header.digest() == tip.digest() {
            return Ok(self.written());
        }
        let validators = self
            .chain
            .validators(header.epoch)
            .map_err(|error| halt(&error))?;
        let Some(validators) = validators else {
            return Err(Fault::Peer(
                "its tip is of another epoch than its height's".to_owned(),
            ));
        };
        certificate
            .verify(header, &validators)
            .map_err(|error| peer(&error))?;
        Err(Fault::Halt(format!(
            "two blocks of height {} are certified: a third of the validators lie; compare with other operators before anything else",
            tip.height
        )))
    }
}

fn peer(error: &dyn std::error::Error) -> Fault {
    Fault::Peer(error.to_string())
}

fn halt(error: &ChainError) -> Fault {
    Fault::Halt(error.to_string())
}

/// Why a state is not taken over any further. What is written of it stays, and the next start goes on with it.
fn cut_short(error: &ChainError) -> Fault {
    match error {
        ChainError::NoSpace(_) => Fault::Halt(
            "no space is left for the state that is taken over; free some and start the node again: it goes on behind the last chunk that was written"
                .to_owned(),
        ),
        other => halt(other),
    }
}

fn certified_and_refused(header: &Header, error: &ChainError) -> Fault {
    let why = match error {
        ChainError::Invalid(why) => format!(
            "block {} is certified, and {why}: this program is not the validators'; take the version that they run",
            header.height
        ),
        other => other.to_string(),
    };
    Fault::Halt(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_that_the_node_has_to_be_started_again() {
        let full = ChainError::NoSpace("no space; it goes on by itself".to_owned());
        let Fault::Halt(why) = cut_short(&full) else {
            panic!("it goes on");
        };
        assert!(why.contains("start the node again"), "{why}");
        assert!(!why.contains("by itself"), "{why}");
    }
}
