//! What follows from an answer, from none, and from a piece of work that is done.

use super::{Core, LACKS_MS, Pending, QUEUE_MAX, STRANGER_MS, Stage, TIP_PAUSE_MS};
use crate::dht::core::{Failure, Offence};
use crate::dht::peer::Peer;
use crate::follow::core::{Action, Asked, Done, Fault, Work};
use crate::follow::message::{Block, Question, Refusal, Response, Tip};

impl Core {
    pub(super) fn on_failure(&mut self, now_ms: u64, asked: Asked, failure: Failure) {
        let Some(Pending { to, .. }) = self.close(asked) else {
            return;
        };
        self.forget_guide(&to);
        match failure {
            Failure::Garbage => self.blame(now_ms, to, Offence::Garbage),
            Failure::TimedOut => self.blame(now_ms, to, Offence::Silent),
            Failure::Unreachable => self.sources.failed(now_ms, &to, 0),
            Failure::Unsupported => self.sources.failed(now_ms, &to, STRANGER_MS),
        }
    }

    fn blame(&mut self, now_ms: u64, peer: Peer, offence: Offence) {
        self.sources.failed(now_ms, &peer, 0);
        self.actions.push(Action::Blame { peer, offence });
    }

    fn forget_guide(&mut self, peer: &Peer) {
        self.guide = self.guide.filter(|guide| guide != peer);
    }

    pub(super) fn on_answer(&mut self, now_ms: u64, asked: Asked, response: Response) {
        let Some(Pending {
            to,
            round,
            question,
            ..
        }) = self.close(asked)
        else {
            return;
        };
        let fits = match (question, response) {
            (question, Response::Refused(refusal)) => {
                return self.on_refusal(now_ms, to, &question, &refusal);
            }
            (Question::Tip { above }, Response::Tip(tip)) => self.on_tip(now_ms, to, above, tip),
            // Of a round that was given up: neither good nor bad.
            (Question::Tip { .. }, _) => false,
            _ if round != self.round => true,
            (Question::Handovers { .. }, Response::Handovers(list)) => {
                self.on_handovers(now_ms, to, list);
                true
            }
            (Question::Blocks { from }, Response::Blocks(blocks)) => {
                self.on_blocks(to, from, blocks)
            }
            (
                Question::Offer,
                Response::Offer {
                    header,
                    certificate,
                },
            ) => {
                // Who is behind has an older one, which is no offence.
                if self.is_worth(now_ms, header.height) {
                    self.offers.push((header, certificate, to));
                }
                true
            }
            (Question::Chunk { from, .. }, Response::Chunk(Some(chunk))) => {
                self.ahead.take(from, chunk, to)
            }
            (Question::Chunk { from, .. }, Response::Chunk(None)) => self.ahead.end(from, to),
            _ => false,
        };
        if !fits {
            self.blame(now_ms, to, Offence::Garbage);
        }
    }

    fn on_refusal(&mut self, now_ms: u64, from: Peer, question: &Question, refusal: &Refusal) {
        match (refusal, question) {
            (Refusal::OtherNetwork(_), _) => self.sources.failed(now_ms, &from, STRANGER_MS),
            (Refusal::Busy { retry_ms }, _) => self.sources.busy(now_ms, &from, *retry_ms),
            (Refusal::NotHere, Question::Chunk { .. } | Question::Offer) => {
                if let Some(source) = self.sources.get(&from) {
                    source.lacks_until_ms = now_ms + LACKS_MS;
                }
            }
            (Refusal::NotHere, _) => {
                self.forget_guide(&from);
                self.sources.failed(now_ms, &from, 0);
            }
            (Refusal::Invalid(_), _) => self.blame(now_ms, from, Offence::Garbage),
        }
    }

    /// Whether it may be what was asked for.
    fn on_tip(&mut self, now_ms: u64, from: Peer, above: u64, tip: Tip) -> bool {
        let Tip {
            header,
            certificate,
            after,
        } = tip;
        let height = header.height;
        let first = height == 0;
        if first != certificate.is_none() || after > height {
            return false;
        }
        if first && header.digest() != self.genesis {
            self.sources.failed(now_ms, &from, STRANGER_MS);
            return true;
        }
        if let Some(source) = self.sources.get(&from) {
            source.claim = Some((height, after));
            // News: the next may come as soon.
            if height > above {
                source.tip_due_ms = now_ms;
            }
            // It waits for what is above our tip: not before we have what it claims.
            if height > self.height {
                source.tip_due_ms = now_ms + TIP_PAUSE_MS / 2;
            }
        }
        if let Some(certificate) = certificate
            && height == self.height
            && header.digest() != self.digest
            && self.queue.len() < QUEUE_MAX
        {
            let compare = Work::Compare {
                header,
                certificate,
            };
            self.queue.push_back((compare, Some(from)));
        }
        true
    }

    fn on_handovers(&mut self, now_ms: u64, from: Peer, list: Vec<Vec<u8>>) {
        if !list.is_empty() {
            self.queue.push_back((Work::Walk(list), Some(from)));
            return;
        }
        // A guide that leads nowhere has offered a state of nobody's.
        if self.guide == Some(from) {
            self.guide = None;
            self.blame(now_ms, from, Offence::FalseLedger);
        }
        self.offers.clear();
        self.enter(now_ms, Stage::Choosing);
    }

    fn on_blocks(&mut self, from: Peer, asked: u64, blocks: Vec<Block>) -> bool {
        let heights = blocks.iter().map(|block| block.header.height);
        let ascend = heights
            .zip(asked..)
            .all(|(found, expected)| found == expected);
        let bodies = blocks
            .iter()
            .take_while(|block| block.body.is_some())
            .count();
        if !ascend || bodies == 0 {
            return false;
        }
        self.next_block = asked + bodies as u64;
        self.queue.push_back((Work::Blocks(blocks), Some(from)));
        true
    }

    pub(super) fn on_worked(&mut self, now_ms: u64, result: Result<Done, Fault>) {
        let Some(from) = self.working.take() else {
            return;
        };
        match result {
            Ok(done) => {
                if let Some(from) = &from {
                    self.sources.proved(from);
                }
                self.on_done(now_ms, done);
            }
            Err(Fault::Halt(why)) => {
                self.enter(now_ms, Stage::Halted);
                self.halted = Some(why);
            }
            Err(Fault::Unwalked) => {
                self.guide = from;
                self.enter(now_ms, Stage::Walking);
            }
            Err(Fault::Peer(_)) => {
                if let Some(from) = from {
                    self.forget_guide(&from);
                    self.blame(now_ms, from, Offence::FalseLedger);
                }
                match self.stage {
                    // What the others gave of it may still be good.
                    Stage::Importing { .. } => self.ahead.refused(),
                    _ => self.again(),
                }
            }
        }
    }

    fn on_done(&mut self, now_ms: u64, done: Done) {
        match done {
            Done::Walked { epoch } => self.epoch = epoch,
            Done::Written { height, digest } => {
                self.height = height;
                self.digest = digest;
                self.next_block = self.next_block.max(height + 1);
                if self.stage != Stage::Following {
                    self.enter(now_ms, Stage::Following);
                }
                // Whoever is not ahead any more may be asked for news.
                self.sources.caught_up(now_ms, height);
            }
            Done::Begun { height, next } => {
                self.written_place = next;
                self.guide = None;
                self.sources.may_hold();
                self.enter(now_ms, Stage::Importing { height });
            }
            Done::Taken { next } => {
                self.written_place = next;
                if let Some(liar) = self.ahead.verified(next) {
                    self.blame(now_ms, liar, Offence::FalseLedger);
                }
            }
        }
    }
}
