//! Places for connections: so many in all, and of one client a share, so that one alone keeps nobody out.
//!
//! Who comes is never turned away. Where all places are taken, those who have been quiet longest lose theirs: first who never asked
//! anything, then who asked longest ago; of the client itself where its share is full, else of whoever has most.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

/// Connections of all transports that are open at once.
pub(crate) const CONNECTIONS_MAX: usize = 4096;

/// Of one address, or of one network of IPv6. This machine has more: whatever runs on it comes from there.
const PER_CLIENT_MAX: usize = 128;
const PER_MACHINE_MAX: usize = CONNECTIONS_MAX / 2;

/// Who may not ask is told so over a connection; all of them together have these.
const STRANGERS_MAX: usize = 64;

/// Looking for who is quiet costs a look at all of a share, so that some are found at once: one in so many.
const FREED_SHARE: usize = 64;

/// From here on whoever comes over QUIC has to show that his address is his own.
const CROWDED_SHARE: usize = 4;

/// Places, shared by the listeners.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Room>);

#[derive(Debug)]
struct Room {
    most: usize,
    begun: Instant,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    next: u64,
    by: HashMap<Who, HashMap<u64, Arc<Seat>>>,
}

/// Whose places are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    /// What runs here, whichever of this machine's addresses it uses.
    Machine,
    V4(Ipv4Addr),
    /// A /64: who has one address of it has all of them.
    V6([u8; 8]),
    /// All who may not ask.
    Strangers,
}

#[derive(Debug)]
struct Seat {
    who: Who,
    number: u64,
    /// When it last asked something; 0 before it first did.
    asked_ms: AtomicU64,
    /// Somebody else has it now.
    lost: Notify,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    seat: Arc<Seat>,
}

impl Places {
    /// So many, and at most [`CONNECTIONS_MAX`].
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Room {
            most: most.clamp(1, CONNECTIONS_MAX),
            begun: Instant::now(),
            taken: Mutex::default(),
        }))
    }

    /// A place for a connection from an address, and how many others lost theirs for it.
    pub(super) fn take(&self, address: IpAddr, may_ask: bool) -> (Place, usize) {
        let who = Who::of(address, may_ask);
        let mut taken = self.lock();
        let own = taken.by.get(&who).map_or(0, HashMap::len);
        let freed = if own >= who.share().min(self.0.most) {
            taken.free(who)
        } else if taken.all >= self.0.most {
            let largest = taken.by.iter().max_by_key(|(_, seats)| seats.len());
            let largest = largest.map_or(who, |(who, _)| *who);
            taken.free(largest)
        } else {
            0
        };
        let seat = Arc::new(Seat {
            who,
            number: taken.next,
            asked_ms: AtomicU64::new(0),
            lost: Notify::new(),
        });
        taken.next += 1;
        taken.all += 1;
        let seats = taken.by.entry(who).or_default();
        seats.insert(seat.number, Arc::clone(&seat));
        assert!(
            taken.all <= self.0.most,
            "there was a place, or one was made"
        );
        drop(taken);
        let places = self.clone();
        (Place { places, seat }, freed)
    }

    /// Whether so many are taken that newcomers have to show that they are who they say.
    pub(super) fn is_crowded(&self) -> bool {
        self.lock().all >= self.0.most / CROWDED_SHARE
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing that panics in between leaves it half changed.
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Takes the places of those of a client who have been quiet longest.
    fn free(&mut self, who: Who) -> usize {
        let Some(seats) = self.by.get_mut(&who) else {
            return 0;
        };
        let count = (seats.len() / FREED_SHARE).max(1);
        // Numbers grow with time: of those who never asked, the first that came goes first.
        let mut order: Vec<(u64, u64)> = seats
            .values()
            .map(|seat| (seat.asked_ms.load(Ordering::Relaxed), seat.number))
            .collect();
        if count < order.len() {
            order.select_nth_unstable(count - 1);
            order.truncate(count);
        }
        for (_, number) in &order {
            if let Some(seat) = seats.remove(number) {
                seat.lost.notify_one();
            }
        }
        self.all -= order.len();
        if seats.is_empty() {
            self.by.remove(&who);
        }
        order.len()
    }
}

impl Place {
    /// It asks something.
    pub(super) fn asks(&self) {
        let now_ms = self.places.0.begun.elapsed().as_millis();
        let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
        self.seat.asked_ms.store(now_ms.max(1), Ordering::Relaxed);
    }

    /// Ends once somebody else has the place: its connection has to end too.
    pub(super) async fn lost(&self) {
        self.seat.lost.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        let Some(seats) = taken.by.get_mut(&self.seat.who) else {
            return;
        };
        let was_ours = seats.remove(&self.seat.number).is_some();
        if seats.is_empty() {
            taken.by.remove(&self.seat.who);
        }
        if was_ours {
            taken.all -= 1;
        }
    }
}

impl Who {
    fn of(address: IpAddr, may_ask: bool) -> Self {
        match address.to_canonical() {
            _ if !may_ask => Self::Strangers,
            address if address.is_loopback() => Self::Machine,
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }

    fn share(self) -> usize {
        match self {
            Self::Machine => PER_MACHINE_MAX,
            Self::V4(_) | Self::V6(_) => PER_CLIENT_MAX,
            Self::Strangers => STRANGERS_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn has_lost(place: &Place) -> bool {
        place.lost().now_or_never().is_some()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn one_client_has_its_share_and_gives_it_back() {
        let places = Places::new(CONNECTIONS_MAX);
        let check = |text: &str, may_ask: bool, share: usize| {
            let take = || places.take(address(text), may_ask);
            let held: Vec<(Place, usize)> = (0..share).map(|_| take()).collect();
            assert!(held.iter().all(|(_, freed)| *freed == 0), "{text}");
            let (_one_more, freed) = take();
            assert!(freed >= 1, "{text}");
            let lost = held.iter().filter(|(place, _)| has_lost(place)).count();
            assert_eq!(lost, freed, "{text}");
        };
        check("192.0.2.1", true, PER_CLIENT_MAX);
        check("::ffff:192.0.2.1", true, PER_CLIENT_MAX);
        check("2001:db8::1", true, PER_CLIENT_MAX);
        check("127.0.0.1", true, PER_MACHINE_MAX);
        check("203.0.113.1", false, STRANGERS_MAX);
        assert_eq!(places.lock().all, 0);
        assert!(places.lock().by.is_empty());
    }

    #[test]
    fn addresses_of_one_client_are_counted_together() {
        let check = |one: &str, other: &str, may_ask: bool, same: bool| {
            let who = |text| Who::of(address(text), may_ask);
            assert_eq!(who(one) == who(other), same, "{one} {other}");
        };
        check("127.0.0.1", "127.8.9.10", true, true);
        check("127.0.0.1", "::1", true, true);
        check("2001:db8::1", "2001:db8::ffff:1", true, true);
        check("2001:db8::1", "2001:db8:0:1::1", true, false);
        check("192.0.2.1", "192.0.2.2", true, false);
        check("192.0.2.1", "2001:db8::1", false, true);
    }

    #[test]
    fn the_quiet_make_room_for_newcomers_and_those_who_ask_stay() {
        let places = Places::new(8);
        let crowd: Vec<Place> = (0..6)
            .map(|_| places.take(address("192.0.2.1"), true).0)
            .collect();
        crowd[0].asks();
        let (other, _) = places.take(address("192.0.2.2"), true);
        assert!(places.is_crowded());
        let (third, freed) = places.take(address("192.0.2.3"), true);
        assert_eq!(freed, 0);
        // All are taken: who has most loses those that never asked, the first that came first.
        let mut newcomers = Vec::new();
        for (host, quiet) in (4..).zip(&crowd[1..4]) {
            let (newcomer, freed) = places.take([192, 0, 2, host].into(), true);
            newcomers.push(newcomer);
            assert_eq!(freed, 1);
            assert!(has_lost(quiet));
            assert_eq!(places.lock().all, 8);
        }
        assert!(!has_lost(&crowd[0]) && !has_lost(&other) && !has_lost(&third));
        drop(crowd);
        assert_eq!(places.lock().all, 5);
    }

    #[test]
    fn there_is_a_place_for_whoever_comes_however_many_come() {
        let places = Places::new(CONNECTIONS_MAX);
        let mut held = Vec::new();
        for number in 0..20_000_u32 {
            let address = IpAddr::from((0x0a00_0000 + number % 300).to_be_bytes());
            let (place, _) = places.take(address, true);
            place.asks();
            held.push(place);
            assert!(places.lock().all <= CONNECTIONS_MAX);
        }
        assert!(!has_lost(held.last().expect("many")));
        drop(held);
        assert_eq!(places.lock().all, 0);
    }
}
