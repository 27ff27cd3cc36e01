//! Redis: each command of a client goes to the shard of its keys, and the replies come back in the order of the commands.
//!
//! Every client has connections of its own to the shards that it uses, made when the first command needs them, so that what Redis
//! keeps for a connection (a transaction, a watch, a blocking wait) is that client's. One half of a session (`session`) reads commands, asks
//! the pure `router` and sends; the other (`replies`) brings back one reply after the other. Between them stands a queue of
//! bounded length: a client that sends without reading is read from no more.

pub mod commands;
mod link;
mod replies;
pub mod resp;
pub mod router;
mod session;

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use self::link::LinkState;
use self::replies::Replies;
use self::session::Session;
use super::super::listener::{Closed, Shared};
use super::Shards;

/// For a client that is sent away to read why.
const LINGER: Duration = Duration::from_secs(1);

/// What the client gets next, in the order of its commands.
enum Pending {
    /// This.
    Answer(Vec<u8>),
    /// This, and then the end.
    Last(Vec<u8>),
    /// The next reply of this connection.
    Reply(Arc<LinkState>),
    /// Nothing: the next reply of this connection is to a command of ours.
    Swallow(Arc<LinkState>),
}

/// What a session has carried.
#[derive(Debug, Default)]
struct Carried {
    up: AtomicU64,
    down: AtomicU64,
}

pub(in crate::tcp) async fn serve(
    shared: &Arc<Shared>,
    shards: &Shards,
    client: TcpStream,
) -> Closed {
    let (reader, writer) = client.into_split();
    let (sender, receiver) = mpsc::channel(shared.config.bounds.pipeline_max);
    let carried = Carried::default();
    let session = Session::new(shared, shards, &carried, sender).run(reader);
    let replies = Replies::new(shared, shards.view(), &carried, writer).run(receiver);
    tokio::pin!(session, replies);
    let end = tokio::select! {
        // The queue ends with it, and what is in it is still answered. But who is gone must not take an element off a list that he
        // waited for, so that this has an end.
        end = &mut session => match timeout(shared.config.bounds.connect, replies).await {
            Ok(Err(error)) => error.to_string(),
            _ => end,
        },
        end = &mut replies => match end {
            // What it was told last was said; it may not have read it yet.
            Ok(()) => {
                let end = timeout(LINGER, session).await;
                end.unwrap_or_else(|_| "it was ended here".to_owned())
            }
            Err(error) => error.to_string(),
        },
    };
    let (up, down) = (carried.up.load(Relaxed), carried.down.load(Relaxed));
    shared.counters.bytes_up.fetch_add(up, Relaxed);
    shared.counters.bytes_down.fetch_add(down, Relaxed);
    Closed {
        to: None,
        up,
        down,
        end,
    }
}
