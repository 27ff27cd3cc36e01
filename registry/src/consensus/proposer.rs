//! Between the engine's votes and the application's blocks: makes a block when there is work or the heartbeat is due, and
//! looks at others' blocks before this node votes for them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use commonware_cryptography::Digested;
use dotkey_proto::ledger::Header;
use futures_util::StreamExt;

use super::desk::Desk;
use super::library::{Digest, Encode, Runtime, ValidatorKey, Votes, engine, marshal, simplex};
use super::timing::{self, Timeliness};
use super::{Block, Objection};
use crate::hex::hex;
use marshal::ancestry::Ancestry;

/// Blocks between the final one and the newest: far more than views that are open at a time.
const UNFINALISED_MAX: usize = 256;

/// What the engine says of the view in which a block is proposed.
pub(super) type View = simplex::types::Context<Digest, ValidatorKey>;

#[derive(Clone)]
pub(super) struct Proposer {
    desk: Arc<Desk>,
}

/// Why a block gets no vote.
enum Abstention {
    /// It breaks a rule, and gets none ever.
    Refused(String),
    /// It cannot be told now; the view passes without this vote.
    Silent(String),
}

impl Proposer {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    /// The blocks from the one after an executed one up to `newest`, oldest first. `None` when they do not lead there.
    async fn unexecuted(
        &self,
        newest: Block,
        mut ancestors: VecDeque<Block>,
        mut ancestry: impl Ancestry<Block>,
    ) -> Option<VecDeque<Block>> {
        let application = &self.desk.application;
        let mut path = VecDeque::from([newest]);
        loop {
            let oldest = path.front()?.header();
            if application.executed(&oldest.parent) {
                return Some(path);
            }
            // What is final was executed: another path than through it leads nowhere.
            if oldest.height <= application.tip().height + 1 || path.len() >= UNFINALISED_MAX {
                return None;
            }
            let next = match ancestors.pop_front() {
                Some(next) => next,
                None => ancestry.next().await?.inner().clone(),
            };
            path.push_front(next);
        }
    }

    async fn execute<E: Runtime>(
        &self,
        context: &E,
        path: VecDeque<Block>,
    ) -> Result<(), Abstention> {
        let desk = Arc::clone(&self.desk);
        let newest = path.back().map(Block::digest);
        // Executing takes as long as its transactions take; votes must not wait behind it.
        let executing = context
            .child("execute")
            .shared(true)
            .spawn(move |_| async move {
                for block in &path {
                    if desk.application.executed(&block.digest()) {
                        continue;
                    }
                    match desk.application.execute(block) {
                        Ok(()) => {}
                        Err(Objection::Invalid(why)) if Some(block.digest()) == newest => {
                            return Err(Abstention::Refused(why));
                        }
                        // A quorum thinks otherwise of this one. When it becomes final, this node halts.
                        Err(Objection::Invalid(why)) => return Err(Abstention::Silent(why)),
                        Err(Objection::NoSpace(why)) => return Err(Abstention::Silent(why)),
                        Err(Objection::Broken(why)) => {
                            desk.halt(why.clone());
                            return Err(Abstention::Silent(why));
                        }
                    }
                }
                Ok(())
            });
        let executed = executing.await;
        executed.unwrap_or_else(|error| Err(Abstention::Silent(error.to_string())))
    }

    async fn look<E: Runtime>(
        &self,
        context: &E,
        leader: &ValidatorKey,
        mut ancestry: impl Ancestry<Block>,
    ) -> Result<(), Abstention> {
        let gone = || Abstention::Silent("its ancestors are not to be had".to_owned());
        let block = ancestry.next().await.ok_or_else(gone)?.inner().clone();
        let parent = ancestry.next().await.ok_or_else(gone)?.inner().clone();
        let shape = self.desk.shape(&block, parent.header());
        shape.map_err(|why| Abstention::Refused(why.to_owned()))?;
        self.be_timely(context, leader, &block, parent.header())
            .await?;
        if self.desk.application.executed(&block.digest()) {
            return Ok(());
        }
        let path = self
            .unexecuted(block, VecDeque::from([parent]), ancestry)
            .await;
        self.execute(context, path.ok_or_else(gone)?).await
    }

    /// Waits until a block's time is fair by this clock.
    async fn be_timely<E: Runtime>(
        &self,
        context: &E,
        leader: &ValidatorKey,
        block: &Block,
        parent: &Header,
    ) -> Result<(), Abstention> {
        let time = block.header().time;
        let whose = || format!("validator {}", hex(&leader.encode()));
        loop {
            let now = self.desk.now(context);
            match timing::timeliness(parent.time, time, now) {
                Timeliness::Fair => {
                    self.desk.clock(None, now);
                    return Ok(());
                }
                Timeliness::BeforeParent => {
                    return Err(Abstention::Refused(
                        "it is older than its parent".to_owned(),
                    ));
                }
                Timeliness::Behind(secs) => {
                    let complaint = format!(
                        "a block of {} was made {secs} s ago by this clock and gets no vote; set this machine's clock, or that one's",
                        whose()
                    );
                    self.desk.clock(Some(complaint.clone()), now);
                    return Err(Abstention::Silent(complaint));
                }
                Timeliness::Ahead(secs) => {
                    let complaint = format!(
                        "a block of {} is {} s ahead of this clock and gets no vote until then; set this machine's clock, or that one's",
                        whose(),
                        secs + timing::CLOCK_AHEAD_SECS_MAX
                    );
                    self.desk.clock(Some(complaint), now);
                    context.sleep(Duration::from_secs(secs)).await;
                }
            }
        }
    }

    /// Waits until there is work and the last block is old enough, or until the heartbeat is due.
    async fn pace<E: Runtime>(&self, context: &E, parent: &Header) {
        let started = context.current();
        let mut work = self.desk.work.subscribe();
        loop {
            let waited = context
                .current()
                .duration_since(started)
                .unwrap_or_default();
            let has_work = self.desk.application.has_work(parent);
            let Some(left) = timing::pause(self.desk.pacing, waited, has_work) else {
                return;
            };
            if has_work {
                context.sleep(left).await;
                continue;
            }
            tokio::select! {
                biased;
                _ = work.changed() => {}
                () = context.sleep(left) => {}
            }
        }
    }

    async fn make<E: Runtime>(
        &self,
        context: &E,
        mut ancestry: impl Ancestry<Block>,
    ) -> Option<Block> {
        let parent = ancestry.next().await?.inner().clone();
        if !self.desk.application.executed(&parent.digest()) {
            let path = self
                .unexecuted(parent.clone(), VecDeque::new(), ancestry)
                .await?;
            self.execute(context, path).await.ok()?;
        }
        self.pace(context, parent.header()).await;
        let time = self.desk.now(context).max(parent.header().time);
        let desk = Arc::clone(&self.desk);
        let making = context.child("make").shared(true).spawn(move |_| async move {
            let block = desk.application.propose(parent.header(), time);
            match block {
                Ok(block) => match desk.shape(&block, parent.header()) {
                    Ok(()) => Some(block),
                    Err(why) => {
                        desk.halt(format!("the ledger proposed a block that nobody would take: {why}; report this"));
                        None
                    }
                },
                Err(Objection::Invalid(why) | Objection::NoSpace(why)) => {
                    tracing::warn!(%why, "no block is proposed in this view");
                    None
                }
                Err(Objection::Broken(why)) => {
                    desk.halt(why);
                    None
                }
            }
        });
        making.await.ok().flatten()
    }
}

impl<E: Runtime> engine::Application<E> for Proposer {
    type SigningScheme = Votes;
    type Context = View;
    type Block = Block;
    type Input = ();

    async fn propose(
        &mut self,
        (context, _view): (E, View),
        ancestry: impl Ancestry<Block>,
        (): (),
    ) -> Option<Digested<Block>> {
        let block = self.make(&context, ancestry).await?;
        let digest = Digest(block.digest());
        Some(Digested::precomputed(block, digest))
    }

    async fn verify(&mut self, (context, view): (E, View), ancestry: impl Ancestry<Block>) -> bool {
        match self.look(&context, &view.leader, ancestry).await {
            Ok(()) => true,
            Err(Abstention::Refused(why)) => {
                tracing::warn!(round = %view.round, leader = ?view.leader, %why, "a block is refused");
                false
            }
            Err(Abstention::Silent(why)) => {
                tracing::info!(round = %view.round, %why, "a block gets no vote");
                // Saying no would be for ever. The view is given up by its timeout.
                std::future::pending().await
            }
        }
    }
}
