//! Room for the answers of one connection that wait until its client takes them.
//!
//! Answers may be long and a client may never read. Whatever it asks meanwhile, no more than the room is held for it: an answer
//! that finds none is let go of, and made again when there is some, which costs little, for it is kept.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What waits for one client: one answer of the longest kind, or many short ones.
pub(super) const ROOM_BYTES: usize = 64 * 1024;

/// The room of one connection.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// A part of it, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Part {
    _permit: OwnedSemaphorePermit,
}

impl Room {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_BYTES)))
    }

    /// What `make` makes, with its part of the room; `bytes` says how long it is.
    pub(super) async fn hold<T, F>(
        &self,
        make: impl Fn() -> F,
        bytes: impl Fn(&T) -> usize,
    ) -> Option<(T, Part)>
    where
        F: Future<Output = Option<T>>,
    {
        let made = make().await?;
        let length = bytes(&made).min(ROOM_BYTES);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        if let Ok(permit) = Arc::clone(&self.0).try_acquire_many_owned(length) {
            return Some((made, Part { _permit: permit }));
        }
        drop(made);
        let permit = Arc::clone(&self.0).acquire_many_owned(length).await.ok()?;
        let made = make().await?;
        Some((made, Part { _permit: permit }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn what_finds_no_room_is_made_again_when_there_is_some() {
        let made = std::cell::Cell::new(0);
        let room = Room::new();
        let hold = |length: usize| {
            let made = &made;
            let make = move || async move {
                made.set(made.get() + 1);
                Some(vec![0; length])
            };
            room.hold(make, Vec::len)
        };
        let half = ROOM_BYTES / 2;
        let (_, first) = hold(half).now_or_never().flatten().expect("there is room");
        let (_, second) = hold(half).now_or_never().flatten().expect("there is room");
        assert_eq!(made.get(), 2);
        let mut waiting = Box::pin(hold(1));
        assert!((&mut waiting).now_or_never().is_none());
        assert_eq!(made.get(), 3);
        drop(first);
        let (answer, _third) = waiting.now_or_never().flatten().expect("there is room");
        assert_eq!((answer.len(), made.get()), (1, 4));
        drop(second);
        // Longer than all of the room: it waits until it is alone.
        let mut long = Box::pin(hold(2 * ROOM_BYTES));
        assert!((&mut long).now_or_never().is_none());
        drop(_third);
        let (answer, _all) = long.now_or_never().flatten().expect("it is alone");
        assert_eq!(answer.len(), 2 * ROOM_BYTES);
    }
}
