//! Who has a place: the connections of the API, a share of them for each client.
//!
//! What is scarce is a place whose connection waits for its client: for a head, for a body, for an answer to be taken. They cost a client nothing and are gone only
//! when their time is over. So where places are short, a newcomer takes that of a connection which waits: of its own client where that has its share, else of
//! the client with most that wait, and of these the one that waits longest. Who fills the server up so displaces itself, and what the node works on is never
//! cut off for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::client::Client;
use super::flow::Activity;

/// The places of a server.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    taken: Mutex<Taken>,
    /// Told when a place is free, or a connection begins to wait.
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Taken {
    places: BTreeMap<u64, Guest>,
    next: u64,
}

/// Who sits there.
#[derive(Debug)]
struct Guest {
    client: Client,
    activity: Activity,
    displaced: Arc<Notify>,
}

/// One place, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    pub(crate) activity: Activity,
    displaced: Arc<Notify>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Short {
    /// The node works on all that its client may have.
    OfShare,
    /// The node works on all that there are.
    OfAll,
}

impl Places {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::default(),
            changed: Arc::default(),
        })
    }

    /// A place for a newcomer, as soon as there is one. None where its client has its share and the node works on all of them.
    pub(crate) async fn enter(self: &Arc<Self>, client: Client) -> Option<Place> {
        loop {
            match self.try_enter(client) {
                Ok(place) => return Some(place),
                Err(Short::OfShare) => return None,
                Err(Short::OfAll) => self.changed.notified().await,
            }
        }
    }

    /// Waits until all places are free.
    pub(crate) async fn empty(&self) {
        while !self.lock().places.is_empty() {
            self.changed.notified().await;
        }
    }

    fn try_enter(self: &Arc<Self>, client: Client) -> Result<Place, Short> {
        let mut taken = self.lock();
        let of_client = |guest: &Guest| guest.client == client;
        let has = taken.places.values().filter(|it| of_client(it)).count();
        if has >= client.share(self.most) {
            taken.displace(of_client).ok_or(Short::OfShare)?;
        } else if taken.places.len() >= self.most {
            let most_waiting = taken.most_waiting().ok_or(Short::OfAll)?;
            taken.displace(|guest| guest.client == most_waiting);
        }
        let activity = Activity::new(Arc::clone(&self.changed));
        let (number, displaced) = (taken.next, Arc::<Notify>::default());
        taken.next += 1;
        let guest = Guest {
            client,
            activity: activity.clone(),
            displaced: Arc::clone(&displaced),
        };
        taken.places.insert(number, guest);
        let places = Arc::clone(self);
        Ok(Place {
            places,
            number,
            activity,
            displaced,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Who has most connections that wait.
    fn most_waiting(&self) -> Option<Client> {
        let mut waiting = BTreeMap::<Client, usize>::new();
        for guest in self.places.values() {
            if guest.waiting_since().is_some() {
                *waiting.entry(guest.client).or_default() += 1;
            }
        }
        let most = waiting.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(client, _)| client)
    }

    /// Ends the connection that waits longest of those.
    fn displace(&mut self, of: impl Fn(&Guest) -> bool) -> Option<()> {
        let those = self.places.iter().filter(|(_, guest)| of(guest));
        let waiting = those.filter_map(|(number, guest)| Some((guest.waiting_since()?, *number)));
        let (_, number) = waiting.min()?;
        let guest = self.places.remove(&number)?;
        guest.displaced.notify_one();
        Some(())
    }
}

impl Guest {
    fn waiting_since(&self) -> Option<Instant> {
        self.activity.flow().waiting_since()
    }
}

impl Place {
    /// Waits until a newcomer has this place.
    pub(crate) async fn displaced(&self) {
        self.displaced.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().places.remove(&self.number);
        self.places.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 64;

    fn client(address: &str) -> Client {
        Client::of(address.parse().expect("an address"))
    }

    /// So many newcomers, all that get a place.
    fn enter(places: &Arc<Places>, address: &str, count: usize) -> Vec<Place> {
        let client = client(address);
        (0..count)
            .filter_map(|_| places.try_enter(client).ok())
            .collect()
    }

    /// Those of these connections that still have their place.
    fn seated(places: &Places, of: &[Place]) -> Vec<usize> {
        let taken = places.lock();
        let seated = |it: &usize| taken.places.contains_key(&of[*it].number);
        (0..of.len()).filter(seated).collect()
    }

    #[tokio::test]
    async fn who_opens_more_than_its_share_displaces_itself() {
        let places = Places::new(MOST);
        let other = enter(&places, "192.0.2.2", 1);
        let many = enter(&places, "192.0.2.1", 100);
        assert_eq!(many.len(), 100, "each newcomer has a place");
        assert_eq!(seated(&places, &many), (92..100).collect::<Vec<_>>());
        assert_eq!(seated(&places, &other), [0]);
        many[0].displaced().await;
    }

    #[tokio::test]
    async fn a_newcomer_takes_the_place_of_who_has_most_that_wait() {
        let places = Places::new(MOST);
        let early = enter(&places, "192.0.2.100", 1);
        let mut crowd = Vec::new();
        for number in 1..=9 {
            crowd.extend(enter(&places, &format!("192.0.2.{number}"), 7));
        }
        assert_eq!(places.lock().places.len(), MOST);
        let late = enter(&places, "192.0.2.101", 1);
        assert_eq!(late.len(), 1);
        assert_eq!(seated(&places, &early), [0], "it alone of its client");
        assert_eq!(seated(&places, &crowd).len(), 62);
    }

    #[tokio::test]
    async fn what_the_node_works_on_is_not_cut_off() {
        let places = Places::new(MOST);
        let busy = enter(&places, "192.0.2.1", 8);
        let work: Vec<_> = busy.iter().map(|place| place.activity.request()).collect();
        let client = client("192.0.2.1");
        let short = places.try_enter(client).err();
        assert_eq!(short, Some(Short::OfShare));
        assert!(places.enter(client).await.is_none());
        // A body that does not come is waited for as a head is.
        let body = busy[3].activity.body();
        assert!(places.try_enter(client).is_ok());
        assert_eq!(seated(&places, &busy), [0, 1, 2, 4, 5, 6, 7]);
        drop((work, body));
    }

    #[tokio::test]
    async fn where_the_node_works_on_all_a_newcomer_waits() {
        let places = Places::new(8);
        let busy = enter(&places, "192.0.2.1", 8);
        let mut work: Vec<_> = busy.iter().map(|place| place.activity.request()).collect();
        let newcomer = client("192.0.2.2");
        assert_eq!(places.try_enter(newcomer).err(), Some(Short::OfAll));
        let (entered, ()) = tokio::join!(places.enter(newcomer), async { drop(work.pop()) });
        assert!(entered.is_some());
        assert_eq!(seated(&places, &busy).len(), 7);
        drop((busy, entered));
        places.empty().await;
    }
}
