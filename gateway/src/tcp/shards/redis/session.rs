//! Reading a client's commands and sending each where it belongs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use super::super::super::config::Bounds;
use super::super::super::counters::count;
use super::super::super::dial::Opening;
use super::super::super::listener::{Phase, Shared};
use super::super::map::{Map, Wish};
use super::super::{Shards, Target};
use super::link::{Link, Unsent};
use super::resp::{self, Command, CommandReader};
use super::router::{Plan, Router};
use super::{Carried, LINGER, Pending};

const BUFFER_BYTES: usize = 16 << 10;
/// Connections of one client to shards; the one that was used longest ago makes room.
const LINKS_MAX: usize = 64;

pub(super) struct Session<'a> {
    shared: &'a Arc<Shared>,
    shards: &'a Shards,
    carried: &'a Carried,
    queue: mpsc::Sender<Pending>,
    router: Router,
    links: BTreeMap<Place, Link>,
    commands: u64,
}

/// A shard's id, and whether replicas will do.
type Place = (Box<str>, bool);

/// Whether the session goes on.
enum Next {
    On,
    End(String),
}

impl<'a> Session<'a> {
    pub(super) fn new(
        shared: &'a Arc<Shared>,
        shards: &'a Shards,
        carried: &'a Carried,
        queue: mpsc::Sender<Pending>,
    ) -> Self {
        Self {
            shared,
            shards,
            carried,
            queue,
            router: Router::default(),
            links: BTreeMap::new(),
            commands: 0,
        }
    }

    /// Reads and sends until the client ends, and says how it ended.
    pub(super) async fn run(mut self, mut client: OwnedReadHalf) -> String {
        let mut reader = CommandReader::new(self.shared.config.bounds.command_bytes_max);
        let mut held: Option<OwnedSemaphorePermit> = None;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut view = self.shards.view();
        loop {
            match reader.next_command() {
                Ok(Some(command)) => match self.act(command).await {
                    Next::On => continue,
                    Next::End(why) => return why,
                },
                Ok(None) => {}
                Err(error) => {
                    count(&self.shared.counters.unreadable);
                    return self.refuse(&format!("ERR {error}"), client).await;
                }
            }
            if !self.hold(&mut held, reader.held()) {
                count(&self.shared.counters.full);
                drop(held); // For others, before this one reads why.
                let text = "ERR the gateway holds as many unfinished commands as it may; send smaller ones, or later";
                return self.refuse(text, client).await;
            }
            let is_between = reader.held() == 0 && self.router.pinned().is_none();
            let read = tokio::select! {
                read = timeout(self.shared.config.bounds.idle, client.read(&mut buffer)) => read,
                _ = view.changed() => {
                    self.drop_displaced();
                    continue;
                }
                () = self.shared.phase(if is_between { Phase::Draining } else { Phase::Ended }) => {
                    return "the gateway stops".to_owned();
                }
            };
            match read {
                Ok(Ok(0)) => return "the client ended it".to_owned(),
                Ok(Ok(count)) => {
                    self.carried.up.fetch_add(count as u64, Relaxed);
                    reader.push(&buffer[..count]);
                }
                Ok(Err(error)) => return error.to_string(),
                Err(_) => {
                    count(&self.shared.counters.idle);
                    return "no command came for too long".to_owned();
                }
            }
        }
    }

    /// Says why, and then reads what the client still sends, for a while: a connection that ends with bytes unread takes what was
    /// said with it.
    async fn refuse(self, text: &str, mut client: OwnedReadHalf) -> String {
        let _ = self.queue.send(Pending::Last(resp::error(text))).await;
        let mut buffer = vec![0; BUFFER_BYTES];
        let _ = timeout(LINGER, async {
            while client.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
        })
        .await;
        text.to_owned()
    }

    /// Asks for room for what is held of a command that is not whole, or gives it back.
    fn hold(&self, permit: &mut Option<OwnedSemaphorePermit>, held: usize) -> bool {
        let wanted = u32::try_from(held / Bounds::COMMAND_BYTES_FREE).unwrap_or(u32::MAX);
        if wanted == 0 {
            *permit = None;
            return true;
        }
        let have = permit.as_ref().map_or(0, |it| it.num_permits() as u32);
        if wanted <= have {
            return true;
        }
        let semaphore = Arc::clone(&self.shared.held);
        let Ok(more) = semaphore.try_acquire_many_owned(wanted - have) else {
            return false;
        };
        match permit {
            Some(permit) => permit.merge(more),
            None => *permit = Some(more),
        }
        true
    }

    async fn act(&mut self, command: Command) -> Next {
        self.commands += 1;
        let map = match self.shards.map(self.shared.config.bounds.reach).await {
            Ok(map) => map,
            Err(why) => {
                return self
                    .answer(resp::error(&format!(
                        "ERR the name cannot be resolved: {why}; try again later"
                    )))
                    .await;
            }
        };
        self.check_pinned(&map).await;
        match self.router.route(&command, &map) {
            Plan::Answer(bytes) => self.answer(bytes).await,
            Plan::AnswerAndClose(bytes) => {
                let _ = self.queue.send(Pending::Last(bytes)).await;
                Next::End("the client said QUIT".to_owned())
            }
            Plan::Reset(bytes) => {
                self.links.clear();
                self.answer(bytes).await
            }
            Plan::Send { shard, wish, opens } => {
                let place = (shard, wish == Wish::Read);
                if opens
                    && let Err(text) = self
                        .send(
                            &place,
                            Command::of(&[b"MULTI"]).as_bytes(),
                            Pending::Swallow,
                        )
                        .await
                {
                    return self.fail(&place.0, &text).await;
                }
                match self.send(&place, command.as_bytes(), Pending::Reply).await {
                    Ok(()) => Next::On,
                    Err(text) => self.fail(&place.0, &text).await,
                }
            }
            Plan::Everywhere { first } => self.everywhere(&(first, false), &command).await,
            Plan::Discard { shard, by, answer } => {
                let place = (shard, false);
                let by = Command::of(&[by.as_bytes()]);
                if self
                    .send(&place, by.as_bytes(), Pending::Swallow)
                    .await
                    .is_err()
                {
                    self.links.remove(&place);
                }
                self.answer(answer).await
            }
        }
    }

    async fn answer(&mut self, bytes: Vec<u8>) -> Next {
        if bytes.starts_with(b"-") {
            count(&self.shared.counters.commands_refused);
        }
        match self.queue.send(Pending::Answer(bytes)).await {
            Ok(()) => Next::On,
            Err(_) => Next::End("the client ended it".to_owned()),
        }
    }

    async fn fail(&mut self, shard: &str, text: &str) -> Next {
        self.router.lost(shard);
        self.answer(resp::error(text)).await
    }

    /// To the first shard for its answer, and to all others that are connected.
    async fn everywhere(&mut self, first: &Place, command: &Command) -> Next {
        if let Err(text) = self.send(first, command.as_bytes(), Pending::Reply).await {
            return self.fail(&first.0, &text).await;
        }
        let others: Vec<Place> = self
            .links
            .keys()
            .filter(|it| *it != first)
            .cloned()
            .collect();
        for place in others {
            // Who does not take it gets a new connection, which begins with it.
            if self
                .send(&place, command.as_bytes(), Pending::Swallow)
                .await
                .is_err()
            {
                self.links.remove(&place);
            }
        }
        Next::On
    }

    /// A transaction whose connection is gone, or may be used no more, cannot be done.
    async fn check_pinned(&mut self, map: &Map) {
        let Some(shard) = self.router.pinned() else {
            return;
        };
        let place = (Box::from(shard), false);
        let is_stale = match self.links.get(&place) {
            None => false,
            Some(link) => {
                let it = &link.state.place;
                link.is_over().await || !map.allows(&it.shard, it.wish, &it.provider)
            }
        };
        if is_stale {
            self.links.remove(&place);
            self.router.lost(&place.0);
        }
    }

    /// Lets go of connections to who has his place no more.
    fn drop_displaced(&mut self) {
        let view = self.shards.view();
        let view = view.borrow();
        let (router, counters) = (&mut self.router, &self.shared.counters);
        self.links.retain(|_, link| {
            let stays = view.allows(&link.state.place);
            if !stays {
                router.lost(&link.state.place.shard);
                // Whoever waits for a reply there may have noticed first.
                if !link.state.is_dead.swap(true, SeqCst) {
                    count(&counters.replaced);
                }
            }
            stays
        });
    }

    /// Sends a command to a shard and queues what becomes of its reply. What certainly was not sent is sent again on a new connection.
    async fn send(
        &mut self,
        place: &Place,
        command: &[u8],
        reply: fn(Arc<super::LinkState>) -> Pending,
    ) -> Result<(), String> {
        const GONE: &str = "ERR the client ended it";
        let idle = self.shared.config.bounds.idle;
        for _ in 0..2 {
            self.connect(place).await?;
            let queue = self.queue.clone();
            let seat = queue.reserve().await.map_err(|_| GONE.to_owned())?;
            let Some(link) = self.links.get_mut(place) else {
                return Err(GONE.to_owned());
            };
            link.used = self.commands;
            match link.send(command, idle).await {
                Ok(()) => {
                    count(&self.shared.counters.commands);
                    seat.send(reply(Arc::clone(&link.state)));
                    return Ok(());
                }
                Err(unsent) => {
                    self.links.remove(place);
                    if self.router.pinned() == Some(&place.0) || matches!(unsent, Unsent::Part) {
                        break;
                    }
                }
            }
        }
        Err(format!(
            "ERR the connection to the shard {} ended while this command was sent: it was not sent whole; send it again",
            place.0
        ))
    }

    /// Makes sure of a connection that may be used.
    async fn connect(&mut self, place: &Place) -> Result<(), String> {
        if let Some(link) = self.links.get(place) {
            let is_stale =
                link.is_over().await || !self.shards.view().borrow().allows(&link.state.place);
            if !is_stale {
                return Ok(());
            }
            self.links.remove(place);
        }
        self.make_room()?;
        let wish = if place.1 { Wish::Read } else { Wish::Write };
        let reaching = self
            .shards
            .reach(self.shared, Target::Shard(&place.0), wish, Opening::Tls);
        let reached = reaching.await;
        let (reached, at) = reached.map_err(|error| {
            count(&self.shared.counters.unreached);
            format!("ERR {error}; try again later")
        })?;
        let mut link = Link::new(reached, at);
        for command in self.router.introduction() {
            let seat = self
                .queue
                .reserve()
                .await
                .map_err(|_| "ERR the client ended it".to_owned())?;
            if link
                .send(command.as_bytes(), self.shared.config.bounds.connect)
                .await
                .is_err()
            {
                return Err(format!(
                    "ERR the shard {} takes no command; try again later",
                    place.0
                ));
            }
            seat.send(Pending::Swallow(Arc::clone(&link.state)));
        }
        self.links.insert(place.clone(), link);
        Ok(())
    }

    fn make_room(&mut self) -> Result<(), String> {
        if self.links.len() < LINKS_MAX {
            return Ok(());
        }
        let pinned = self.router.pinned();
        let is_idle = |(place, link): &(&Place, &Link)| {
            link.state.waiting.load(SeqCst) == 0 && pinned != Some(&place.0)
        };
        let oldest = self
            .links
            .iter()
            .filter(is_idle)
            .min_by_key(|(_, link)| link.used);
        let oldest = oldest.map(|(place, _)| place.clone());
        let oldest = oldest.ok_or_else(|| {
            format!("ERR replies of {LINKS_MAX} shards are waited for; send fewer commands at once")
        })?;
        self.links.remove(&oldest);
        Ok(())
    }
}
