//! Whom a lookup asks, in which order, and when it is over.

use super::*;

fn contact(number: u16) -> Contact {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&number.to_be_bytes());
    Contact {
        peer: Peer(key),
        addresses: Vec::new().into(),
    }
}

fn contacts(numbers: impl Iterator<Item = u16>) -> Vec<Contact> {
    numbers.map(contact).collect()
}

fn lookup(known: impl Iterator<Item = u16>) -> Lookup {
    Lookup::new(Position([0; 32]), Peer([0xff; 32]), contacts(known))
}

/// Everyone answers with the closest of `world`; how many were asked.
fn play(
    lookup: &mut Lookup,
    world: &[Contact],
    mut answers: impl FnMut(&Peer) -> Option<Vec<Contact>>,
) -> usize {
    let mut asked = 0;
    while let Some(next) = lookup.next(0, PARALLEL) {
        asked += 1;
        assert!(asked <= world.len() + CANDIDATES_MAX, "it ends");
        match answers(&next.peer) {
            Some(closer) => lookup.answered(&next.peer, closer),
            None => lookup.silent(&next.peer),
        }
    }
    asked
}

fn by_distance(numbers: impl Iterator<Item = u16>) -> Vec<Contact> {
    let mut all = contacts(numbers);
    all.sort_by_key(|it| it.peer.position());
    all
}

#[test]
fn it_finds_the_closest_of_all() {
    let world = by_distance(0..300);
    let mut lookup = lookup(290..300);
    let asked = play(&mut lookup, &world, |_| Some(world[..20].to_vec()));
    assert!(lookup.is_over());
    assert_eq!(lookup.found(), world[..20]);
    assert!(asked <= 30, "{asked}");
}

#[test]
fn who_is_at_hand_is_asked_before_closer_ones_on_each_path() {
    let world = by_distance(0..18);
    let check = |at_hand: &[usize], expected: &[usize]| {
        let mut lookup = Lookup::new(Position([0; 32]), Peer([0xff; 32]), world.clone());
        lookup.at_hand(at_hand.iter().map(|number| &world[*number].peer));
        let asked: Vec<Peer> = core::iter::from_fn(|| lookup.next(0, PARALLEL))
            .map(|it| it.peer)
            .collect();
        let expected: Vec<Peer> = expected.iter().map(|number| world[*number].peer).collect();
        assert_eq!(asked, expected);
    };
    // The number of a path is the rest by three.
    check(&[], &[0, 1, 2, 3, 4, 5]);
    check(&[9, 10, 11], &[9, 10, 11, 0, 1, 2]);
    check(&[9, 12, 15], &[9, 1, 2, 12, 4, 5]);
}

#[test]
fn few_nodes_are_all_asked() {
    let mut lookup = lookup(0..7);
    let world = contacts(0..7);
    assert_eq!(play(&mut lookup, &world, |_| Some(world.clone())), 7);
    assert!(lookup.is_over() && lookup.found().len() == 7);
    assert!(super::tests::lookup(0..0).is_over());
}

#[test]
fn invented_contacts_do_not_hold_it_up() {
    let world = by_distance(0..100);
    let liar = world[50].peer;
    let ghosts = by_distance(1000..3000);
    let mut lookup = Lookup::new(Position([0; 32]), Peer([0xff; 32]), world[45..55].to_vec());
    let mut silences = 0;
    play(&mut lookup, &world, |peer| {
        if *peer == liar {
            return Some(ghosts[..20].to_vec());
        }
        if world.iter().any(|it| it.peer == *peer) {
            return Some(world[..20].to_vec());
        }
        silences += 1;
        None
    });
    assert!(lookup.is_over());
    assert_eq!(lookup.found(), world[..20]);
    assert!(silences <= SILENT_FREE + 1 + PARALLEL, "{silences}");
}

#[test]
fn paths_take_turns_and_slow_peers_give_way() {
    let mut lookup = lookup(0..12);
    let first: Vec<_> = (0..9).map_while(|_| lookup.next(0, PARALLEL)).collect();
    assert_eq!(first.len(), PARALLEL);
    let mut paths = [0; PATHS];
    for contact in &first {
        let distance = contact.peer.position().distance(&Position([0; 32]));
        paths[lookup.candidates[&distance].path] += 1;
    }
    assert_eq!(paths, [2; PATHS]);
    assert_eq!(lookup.next(SLOW_MS - 1, PARALLEL), None);
    assert!(lookup.next(SLOW_MS, PARALLEL).is_some());
    assert!(!lookup.is_over());
}

#[test]
fn for_a_few_late_ones_others_are_asked() {
    let world = by_distance(0..18);
    let mut lookup =
        Lookup::new(Position([0; 32]), Peer([0xff; 32]), world.clone()).paced(100, BTreeSet::new());
    let mut ask = |now_ms| -> Vec<Peer> {
        core::iter::from_fn(|| lookup.next(now_ms, PARALLEL))
            .map(|it| it.peer)
            .collect()
    };
    assert_eq!(ask(0).len(), PARALLEL);
    assert_eq!(ask(99).len(), 0);
    assert_eq!(ask(100).len(), HEDGES_MAX, "all are late");
    assert_eq!(ask(199).len(), 0);
    assert_eq!(ask(200).len(), 0, "as many are late as before");
    assert_eq!(ask(SLOW_MS).len(), PARALLEL, "those are not waited for");
    let late = world[0].peer;
    lookup.answered(&late, Vec::new());
    assert_eq!(lookup.found(), world[..1], "who is late counts");
}

#[test]
fn who_was_silent_is_asked_last_and_not_waited_for() {
    let world = by_distance(0..7);
    let silent = BTreeSet::from([world[0].peer, world[3].peer]);
    let mut lookup =
        Lookup::new(Position([0; 32]), Peer([0xff; 32]), world.clone()).paced(SLOW_MS, silent);
    let asked: Vec<Peer> = core::iter::from_fn(|| lookup.next(0, PARALLEL))
        .map(|it| it.peer)
        .collect();
    let expected = [1, 2, 6, 4, 5, 0, 3].map(|number| world[number].peer);
    assert_eq!(asked.len(), 7);
    assert_eq!(asked[5..], expected[5..]);
    for peer in &asked[..5] {
        assert!(!lookup.is_over());
        lookup.answered(peer, Vec::new());
    }
    assert!(lookup.is_over());
    lookup.answered(&world[0].peer, Vec::new());
    assert_eq!(lookup.found().len(), 6, "it counts if it answers");
}

#[test]
fn candidates_have_a_bound() {
    let mut lookup = lookup(0..40);
    for round in 0..40_u16 {
        let Some(next) = lookup.next(0, usize::MAX) else {
            break;
        };
        let from = 100 + 30 * round;
        lookup.answered(&next.peer, contacts(from..from + 30));
    }
    assert!(lookup.candidates.len() <= CANDIDATES_MAX);
}
