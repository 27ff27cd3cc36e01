//! Bringing replies back: one after the other, each from the connection that its command went to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::super::super::counters::count;
use super::super::super::listener::Shared;
use super::super::{View, displaced};
use super::link::{LinkReader, LinkState};
use super::{Carried, Pending, resp};

/// For each client.
const BUFFER_BYTES: usize = 16 << 10;

pub(super) struct Replies<'a> {
    shared: &'a Arc<Shared>,
    view: watch::Receiver<View>,
    carried: &'a Carried,
    client: OwnedWriteHalf,
    /// What goes to the client with the next write.
    out: Vec<u8>,
}

/// Why a reply does not come.
enum Lost {
    Replaced,
    Broken(String),
}

impl<'a> Replies<'a> {
    pub(super) fn new(
        shared: &'a Arc<Shared>,
        view: watch::Receiver<View>,
        carried: &'a Carried,
        client: OwnedWriteHalf,
    ) -> Self {
        Self {
            shared,
            view,
            carried,
            client,
            out: Vec::new(),
        }
    }

    /// Answers what is in the queue, until it ends.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Pending>) -> io::Result<()> {
        while let Some(pending) = queue.recv().await {
            match pending {
                Pending::Answer(bytes) => self.out.extend_from_slice(&bytes),
                Pending::Last(bytes) => {
                    self.out.extend_from_slice(&bytes);
                    break;
                }
                Pending::Reply(link) => self.relay(&link, true).await?,
                Pending::Swallow(link) => self.relay(&link, false).await?,
            }
            if queue.is_empty() || self.out.len() >= BUFFER_BYTES {
                self.write().await?;
            }
        }
        self.write().await?;
        self.client.shutdown().await
    }

    async fn write(&mut self) -> io::Result<()> {
        let idle = self.shared.config.bounds.idle;
        let written = timeout(idle, self.client.write_all(&self.out)).await;
        written.unwrap_or_else(|_| Err(io::Error::other("the client takes nothing")))?;
        self.carried.down.fetch_add(self.out.len() as u64, Relaxed);
        self.out.clear();
        Ok(())
    }

    /// Brings one reply, or an error in its place.
    async fn relay(&mut self, link: &Arc<LinkState>, is_wanted: bool) -> io::Result<()> {
        let mut reader = link.reader.lock().await;
        let lost = self.follow(link, &mut reader, is_wanted).await?;
        link.waiting.fetch_sub(1, SeqCst);
        let Some(lost) = lost else {
            return Ok(());
        };
        let was_dead = link.is_dead.swap(true, SeqCst);
        let shard = &link.place.shard;
        let text = match lost {
            Lost::Replaced => {
                if !was_dead {
                    count(&self.shared.counters.replaced);
                }
                format!(
                    "ERR the primary of the shard {shard} was replaced while this command was on its way: it may have been done or not; read before you write it again"
                )
            }
            Lost::Broken(why) => {
                format!(
                    "ERR the connection to the shard {shard} ended while this command was on its way ({why}): it may have been done or not; read before you write it again"
                )
            }
        };
        if reader.replies.is_within() && is_wanted {
            // Its beginning is with the client already; only the end of the connection says that the rest does not come.
            return Err(io::Error::other(text));
        }
        if is_wanted {
            count(&self.shared.counters.commands_refused);
            self.out.extend_from_slice(&resp::error(&text));
        }
        Ok(())
    }

    /// Reads a reply to its end; why it has none, if so.
    async fn follow(
        &mut self,
        link: &LinkState,
        reader: &mut LinkReader,
        is_wanted: bool,
    ) -> io::Result<Option<Lost>> {
        let idle = self.shared.config.bounds.idle;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            if self.view.borrow().allows(&link.place) {
                let progress = match reader.replies.advance(&reader.held) {
                    Ok(progress) => progress,
                    Err(error) => return Ok(Some(Lost::Broken(error.to_string()))),
                };
                if is_wanted {
                    self.out.extend_from_slice(&reader.held[..progress.used]);
                }
                reader.held.drain(..progress.used);
                if progress.is_whole {
                    return Ok(None);
                }
            } else {
                return Ok(Some(Lost::Replaced));
            }
            if self.out.len() >= BUFFER_BYTES {
                self.write().await?;
            }
            if link.is_dead.load(SeqCst) {
                return Ok(Some(Lost::Broken("it had ended before".to_owned())));
            }
            let read = tokio::select! {
                read = timeout(idle, reader.half.read(&mut buffer)) => read,
                () = displaced(self.view.clone(), &link.place) => return Ok(Some(Lost::Replaced)),
            };
            match read {
                Ok(Ok(0)) => return Ok(Some(Lost::Broken("the server closed it".to_owned()))),
                Ok(Ok(count)) => reader.held.extend_from_slice(&buffer[..count]),
                Ok(Err(error)) => return Ok(Some(Lost::Broken(error.to_string()))),
                Err(_) => {
                    count(&self.shared.counters.idle);
                    return Ok(Some(Lost::Broken("no reply came for too long".to_owned())));
                }
            }
        }
    }
}
