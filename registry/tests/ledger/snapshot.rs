//! A state that is taken over: in chunks of any length, cut short anywhere, with bad ones between, it is the state or nothing.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Action, Certificate, Entry, Header, Subject, name_leaf};
use dotkey_registry::ledger::state::Seat;
use dotkey_registry::ledger::tree::StateTree;
use dotkey_registry::ledger::{Chain, ChainError, Chunk, Import, VERSIONS_KEPT, rules};
use dotkey_registry::store::{Column, Store};
use jmt::mock::MockTreeStore;
use jmt::{JellyfishMerkleIterator, KeyHash};
use proptest::prelude::*;

use super::chain::{Node, open};
use super::network::{Network, certify};
use super::world::{BEGAN, DAY, Person, time};

/// A state with so many names, as a network has it after a block that is far on, and what gives chunks of it.
#[derive(Clone)]
pub(crate) struct Source {
    tree: Arc<MockTreeStore>,
    pub(crate) header: Header,
    pub(crate) certificate: Certificate,
}

const HEIGHT: u64 = 1 << 14;

impl Source {
    pub(crate) fn new(network: &Network, chain: &Chain, names: u64) -> Self {
        let candidates = network.genesis.validators.iter();
        let seats = candidates.map(|candidate| Seat {
            identity: *candidate.validator.identity.as_bytes(),
            voting_key: candidate.validator.key.to_bytes().to_vec(),
            candidate: candidate.encode(),
            approves: None,
        });
        let mut leaves = rules::genesis(chain.charter(), time(BEGAN), seats.collect());
        for number in 0..names {
            let entry = Entry {
                key_id: KeyId::from_bytes(*blake3::hash(&number.to_be_bytes()).as_bytes()),
                claimed: time(BEGAN),
                lease_ends: time(BEGAN + 365 * DAY),
                pin: None,
            };
            leaves.insert(name_leaf(&format!("name-{number}")), Some(entry.encode()));
        }
        let tree = Arc::new(MockTreeStore::default());
        let leaves = leaves
            .into_iter()
            .map(|(place, value)| (KeyHash(place), value));
        let grown = StateTree::new(&*tree).put_value_set(leaves, HEIGHT);
        let (root, update) = grown.expect("it grows");
        tree.write_tree_update_batch(update).expect("written");
        let header = Header {
            height: HEIGHT,
            state_root: root.0,
            parent: [7; 32],
            ..chain.genesis().clone()
        };
        let certificate = certify(network, &header);
        Self {
            tree,
            header,
            certificate,
        }
    }

    pub(crate) fn chunk(&self, from: [u8; 32], leaves: usize) -> Chunk {
        let chunk = self.chunk_at(from, leaves);
        chunk.expect("something is left")
    }

    /// Nothing where no leaf is left from a place on.
    pub(crate) fn chunk_at(&self, from: [u8; 32], leaves: usize) -> Option<Chunk> {
        let all = JellyfishMerkleIterator::new(Arc::clone(&self.tree), HEIGHT, KeyHash(from));
        let leaves: Vec<_> = all
            .expect("it reads")
            .take(leaves)
            .map(|leaf| {
                leaf.map(|(place, value)| (place.0, value))
                    .expect("it reads")
            })
            .collect();
        let (last, _) = leaves.last()?;
        let proof = StateTree::new(&*self.tree).get_range_proof(KeyHash(*last), HEIGHT);
        let proof = borsh::to_vec(&proof.expect("a proof")).expect("memory");
        Some(Chunk { leaves, proof })
    }

    fn begin(&self, chain: &Chain) -> Import {
        let begun = chain.import(self.header.clone(), self.certificate.clone());
        begun.expect("it begins")
    }
}

/// Ways to change a chunk, each of which makes it another.
const CHANGES: [fn(&mut Chunk); 7] = [
    |chunk| chunk.leaves[0].1[0] ^= 1,
    |chunk| chunk.leaves.last_mut().expect("not empty").0[31] ^= 1,
    |chunk| drop(chunk.leaves.remove(0)),
    |chunk| drop(chunk.leaves.pop()),
    |chunk| chunk.leaves.push(([255; 32], vec![1])),
    |chunk| chunk.proof.truncate(chunk.proof.len() / 2),
    |chunk| *chunk.proof.last_mut().expect("not empty") ^= 1,
];

fn refuse(import: &mut Import, chunk: Chunk) {
    let next = import.next();
    let found = import.add(chunk);
    assert!(matches!(found, Err(ChainError::Snapshot(_))), "{found:?}");
    assert_eq!(import.next(), next);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Take(usize),
    Bad(usize, usize),
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..40_usize).prop_map(Step::Take),
        2 => (1..40_usize, 0..CHANGES.len()).prop_map(|(leaves, change)| Step::Bad(leaves, change)),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_on_the_way_it_is_the_state(names in 0..200_u64, steps in prop::collection::vec(any_step(), 0..20)) {
        let folder = tempfile::tempdir().expect("a folder");
        let network = Network::new(1);
        let mut chain = open(folder.path(), &network).expect("it opens");
        let source = Source::new(&network, &chain, names);
        let mut import = source.begin(&chain);
        for step in steps {
            if import.is_whole() {
                break;
            }
            match step {
                Step::Take(leaves) => {
                    import.add(source.chunk(import.next(), leaves)).expect("it is sound");
                }
                Step::Bad(leaves, change) => {
                    let mut bad = source.chunk(import.next(), leaves);
                    let good = bad.clone();
                    CHANGES[change](&mut bad);
                    // Half a proof may be the proof of no siblings, which the right one was.
                    if bad != good {
                        refuse(&mut import, bad);
                    }
                }
                Step::Restart => {
                    let next = import.next();
                    drop((import, chain));
                    chain = open(folder.path(), &network).expect("it opens");
                    prop_assert_eq!(chain.tip().height, 0);
                    import = source.begin(&chain);
                    prop_assert_eq!(import.next(), next, "all that was written, and no more");
                }
            }
        }
        while !import.is_whole() {
            import.add(source.chunk(import.next(), 50)).expect("it is sound");
        }
        chain.adopt(import).expect("it is whole");
        drop(chain);
        let chain = open(folder.path(), &network).expect("it opens");
        prop_assert_eq!((chain.tip(), chain.base()), (source.header.clone(), HEIGHT));
        prop_assert_eq!(chain.import_begun(), Ok(None));
        chain.audit(usize::MAX).expect("it is whole");
        for number in 0..names {
            let label = format!("name-{number}");
            prop_assert!(chain.entry(&label).expect("it reads").is_some());
        }
    }
}

#[test]
fn what_was_taken_is_not_taken_again_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let network = Network::new(1);
    let chain = open(folder.path(), &network).expect("it opens");
    let source = Source::new(&network, &chain, 100);
    let mut import = source.begin(&chain);
    let chunk = source.chunk(import.next(), 60);
    import.add(chunk).expect("it is sound");
    let next = import.next();
    drop((import, chain));
    let chain = open(folder.path(), &network).expect("it opens");
    let begun = Some((source.header.clone(), source.certificate.clone()));
    assert_eq!(chain.import_begun(), Ok(begun));
    assert_eq!(source.begin(&chain).next(), next);
    // Another block's state begins anew, and nothing of the first is left.
    let other = Source::new(&network, &chain, 10);
    let mut import = other.begin(&chain);
    assert_eq!(import.next(), [0; 32]);
    import.add(other.chunk([0; 32], 60)).expect("it is sound");
    chain.adopt(import).expect("it is whole");
    assert_eq!(chain.entry("name-50"), Ok(None));
    chain.audit(usize::MAX).expect("it is whole");
}

#[test]
fn a_state_is_adopted_whole_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = Node::new(folder.path());
    let source = Source::new(&node.network, &node.chain, 100);
    let mut import = source.begin(&node.chain);
    import.add(source.chunk([0; 32], 60)).expect("it is sound");
    let refused = node.chain.adopt(import).expect_err("half of it");
    assert!(
        refused.to_string().contains("chunks are missing"),
        "{refused}"
    );
    // A block meanwhile: what is taken over goes on, but not by who began before.
    let mut import = source.begin(&node.chain);
    import
        .add(source.chunk(import.next(), 1_000))
        .expect("it is sound");
    node.block(&[]);
    let refused = node.chain.adopt(import).expect_err("it has a block");
    assert!(refused.to_string().contains("meanwhile"), "{refused}");
    let mut import = source.begin(&node.chain);
    import
        .add(source.chunk(import.next(), 1_000))
        .expect("it is sound");
    node.chain.adopt(import).expect("it is whole");
    let again = (source.header.clone(), source.certificate.clone());
    let refused = node.chain.import(again.0, again.1).map(drop);
    let refused = refused.expect_err("it has that block");
    assert!(refused.to_string().contains("already"), "{refused}");
}

/// What a chain says of two names, one of which only its old state has: `eightlet`, and one of the source's.
fn told(chain: &Chain) -> [bool; 2] {
    let names = ["eightlet", "name-1"];
    names.map(|label| chain.entry(label).expect("it reads").is_some())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_chain_with_blocks_has_its_old_state_or_the_new_one(steps in prop::collection::vec(any_step(), 0..12), after in 0..3_usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut node = Node::new(folder.path());
        node.take(&Person::new(1), "eightlet");
        let old = node.chain.tip();
        let source = Source::new(&node.network, &node.chain, 150);
        let Node { network, mut chain, .. } = node;
        let mut import = source.begin(&chain);
        for step in steps {
            match step {
                _ if import.is_whole() => break,
                Step::Take(leaves) => import.add(source.chunk(import.next(), leaves)).expect("it is sound"),
                Step::Bad(leaves, change) => {
                    let mut bad = source.chunk(import.next(), leaves);
                    let good = bad.clone();
                    CHANGES[change](&mut bad);
                    if bad != good {
                        refuse(&mut import, bad);
                    }
                }
                Step::Restart => {
                    drop((import, chain));
                    chain = open(folder.path(), &network).expect("it opens");
                    import = source.begin(&chain);
                }
            }
            prop_assert_eq!(chain.tip(), old.clone());
            prop_assert_eq!(told(&chain), [true, false], "the old state, whole");
            chain.audit(usize::MAX).expect("it is whole");
        }
        let is_given_up = after == 0;
        if is_given_up {
            drop(import);
            chain.forget_import().expect("it is removed");
            prop_assert_eq!(chain.import_begun(), Ok(None));
        } else {
            while !import.is_whole() {
                import.add(source.chunk(import.next(), 50)).expect("it is sound");
            }
            chain.adopt(import).expect("it is whole");
        }
        if after == 2 {
            drop(chain);
            chain = open(folder.path(), &network).expect("it opens");
        }
        prop_assert_eq!(told(&chain), [is_given_up, !is_given_up]);
        let tip = if is_given_up { old } else { source.header.clone() };
        prop_assert_eq!(chain.tip(), tip);
        chain.audit(usize::MAX).expect("it is whole");
    }
}

/// The keys of values and nodes that lie on the disk below a version.
fn below(folder: &Path, version: u64) -> usize {
    let store = Store::open(folder).expect("a store");
    let mut count = 0;
    for (column, is_down) in [(Column::StateNodes, false), (Column::StateValues, true)] {
        let scanned = store.scan(column, &[], |key, _| {
            let last = key.last_chunk().copied().map_or(0, u64::from_be_bytes);
            let of = if is_down { u64::MAX - last } else { last };
            count += usize::from(of < version);
            ControlFlow::Continue(())
        });
        scanned.expect("it reads");
    }
    count
}

#[test]
fn what_lies_below_the_base_is_found_by_nobody_and_goes_with_the_blocks() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let mut node = Node::new(folders[0].path());
    let alice = Person::new(1);
    node.take(&alice, "eightlet");
    // The other one has the name as well, and is away while it is released.
    let second = open_second(folders[1].path());
    follow(&node.chain, &second);
    let label = "eightlet".to_owned();
    let release = node.transaction(&alice, Action::Release { label });
    let header = node.block(&[release]);
    let certificate = certify(&node.network, &header);
    take_over(&node.chain, &second, (header, certificate));
    assert_eq!(second.entry("eightlet"), Ok(None), "it is in the old state");
    let base = second.base();
    drop(second);
    assert!(below(folders[1].path(), base) > 0);
    let second = open_second(folders[1].path());
    assert_eq!(second.entry("eightlet"), Ok(None));
    for number in 0..VERSIONS_KEPT + 8 {
        // Its account changes too, so that values of both states are replaced.
        let transactions = match number {
            3 => vec![node.transaction(
                &alice,
                Action::Commit {
                    commitment: [7; 32],
                },
            )],
            _ => Vec::new(),
        };
        let (header, body) = node.propose(&transactions);
        node.finalise(&header);
        second.execute(&header, &body).expect("the same state");
        let certificate = certify(&node.network, &header);
        let done = second.finalise(&header.digest(), Some(&certificate));
        done.expect("it is written");
        assert_eq!(second.entry("eightlet"), Ok(None));
    }
    second.audit(usize::MAX).expect("it is whole");
    drop(second);
    assert_eq!(below(folders[1].path(), base), 0, "all of it is gone");
}

fn follow(there: &Chain, here: &Chain) {
    let (header, certificate) = there.offer().expect("it reads").expect("one is certified");
    take_over(there, here, (header, certificate));
}

fn take_over(there: &Chain, here: &Chain, (header, certificate): (Header, Certificate)) {
    let mut import = here.import(header.clone(), certificate).expect("it begins");
    while !import.is_whole() {
        let chunk = there.chunk(header.height, import.next());
        let chunk = chunk.expect("it reads").expect("something is left");
        assert_eq!(Chunk::decode(&chunk.encode()).as_ref(), Ok(&chunk));
        import.add(chunk).expect("it is sound");
    }
    here.adopt(import).expect("it is whole");
}

fn open_second(folder: &Path) -> Chain {
    open(folder, &Network::new(1)).expect("it opens")
}

#[test]
fn who_took_a_state_over_goes_on_with_blocks_and_gives_it_to_others() {
    let folders = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let mut node = Node::new(folders[0].path());
    let alice = Person::new(1);
    node.take(&alice, "eightlet");
    let second = open_second(folders[1].path());
    follow(&node.chain, &second);
    assert_eq!(second.tip(), node.chain.tip());
    second.audit(usize::MAX).expect("it is whole");
    let label = "eightlet".to_owned();
    let release = node.transaction(&alice, Action::Release { label });
    let (header, body) = node.propose(&[release]);
    node.finalise(&header);
    second.execute(&header, &body).expect("the same state");
    let certificate = certify(&node.network, &header);
    let done = second.finalise(&header.digest(), Some(&certificate));
    done.expect("it is written");
    assert_eq!(second.entry("eightlet"), Ok(None));
    let place = Subject::Name("eightlet".to_owned()).leaf();
    let before = second.path(place, 0);
    assert!(
        matches!(before, Err(ChainError::NotKept { .. })),
        "{before:?}"
    );

    let third = open_second(folders[2].path());
    follow(&second, &third);
    assert_eq!(third.tip(), header);
}

#[test]
fn an_offered_state_outlasts_the_window() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = Node::new(folder.path());
    node.take(&Person::new(1), "eightlet");
    let (offered, _) = node.chain.offer().expect("it reads").expect("certified");
    let take = |node: &Node| node.chain.chunk(offered.height, [0; 32]);
    let before = take(&node).expect("it is kept");
    // Blocks of these tests are a second apart.
    for _ in 0..2 * VERSIONS_KEPT {
        node.block(&[]);
        if node.chain.tip().height.is_multiple_of(100) {
            take(&node).expect("it is kept while it is asked for");
        }
    }
    assert_eq!(take(&node), Ok(before));
    for _ in 0..2 * VERSIONS_KEPT {
        node.block(&[]);
    }
    assert!(matches!(take(&node), Err(ChainError::NotKept { .. })));
}
