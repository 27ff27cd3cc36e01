//! One flight a question: who asks what is being asked already waits for the same answer.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::OnceCell;

/// Left-overs of questions whose askers all went away are swept out once there are this many, and then at twice what was left: a
/// sweep looks at all of them, and must not come with every question.
const SWEEP_AT: usize = 256;

/// Questions under way. Who began one may go away: the next who waits for it goes on with it.
#[derive(Debug)]
pub struct Flights<K, T> {
    under_way: Mutex<UnderWay<K, T>>,
}

#[derive(Debug)]
struct UnderWay<K, T> {
    cells: HashMap<K, Weak<OnceCell<T>>>,
    sweep_at: usize,
}

impl<K: Hash + Eq + Clone, T: Clone> Default for Flights<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Hash + Eq + Clone, T: Clone> Flights<K, T> {
    /// None under way.
    #[must_use]
    pub fn new() -> Self {
        Self {
            under_way: Mutex::new(UnderWay {
                cells: HashMap::new(),
                sweep_at: SWEEP_AT,
            }),
        }
    }

    /// The answer of the flight that is under way, or else that of `work`.
    pub async fn join(&self, key: K, work: impl Future<Output = T>) -> T {
        let cell = self.cell(&key);
        let answer = cell.get_or_init(|| work).await.clone();
        let mut under_way = self.lock();
        if under_way
            .cells
            .get(&key)
            .is_some_and(|one| one.as_ptr() == Arc::as_ptr(&cell))
        {
            under_way.cells.remove(&key);
        }
        answer
    }

    fn cell(&self, key: &K) -> Arc<OnceCell<T>> {
        let mut under_way = self.lock();
        if let Some(cell) = under_way.cells.get(key).and_then(Weak::upgrade) {
            return cell;
        }
        if under_way.cells.len() >= under_way.sweep_at {
            under_way.cells.retain(|_, one| one.strong_count() > 0);
            under_way.sweep_at = SWEEP_AT.max(2 * under_way.cells.len());
        }
        let cell = Arc::new(OnceCell::new());
        under_way.cells.insert(key.clone(), Arc::downgrade(&cell));
        cell
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay<K, T>> {
        // Nothing that panics happens under the lock.
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn all_who_ask_at_once_share_one_answer() {
        let flights = Flights::new();
        let (begun, go) = (AtomicUsize::new(0), Notify::new());
        let ask = || {
            flights.join("mysite", async {
                begun.fetch_add(1, Ordering::Relaxed);
                go.notified().await;
                begun.load(Ordering::Relaxed)
            })
        };
        let answers = async { tokio::join!(ask(), ask(), ask()) };
        let (answers, ()) = tokio::join!(answers, async { go.notify_one() });
        assert_eq!(answers, (1, 1, 1));
        // What is asked later is asked anew.
        go.notify_one();
        assert_eq!(ask().await, 2);
        assert!(flights.lock().cells.is_empty());
    }

    #[tokio::test]
    async fn what_is_left_behind_is_swept_out() {
        let flights: Flights<usize, ()> = Flights::new();
        for question in 0..10 * SWEEP_AT {
            let asked = flights.join(question, std::future::pending());
            let _ = tokio::time::timeout(std::time::Duration::ZERO, asked).await;
            assert!(flights.lock().cells.len() <= SWEEP_AT);
        }
    }

    #[tokio::test]
    async fn who_goes_away_takes_nobody_along() {
        let flights = Flights::new();
        let first = flights.join(1, std::future::pending());
        let gone = tokio::time::timeout(std::time::Duration::from_millis(1), first).await;
        assert!(gone.is_err());
        assert_eq!(flights.join(1, async { 7 }).await, 7);
    }
}
