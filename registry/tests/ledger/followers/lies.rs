//! Peers that lie, each in its own way: it costs them, and the follower comes to the tip all the same.

use std::sync::Arc;

use dotkey_proto::ledger::Header;
use dotkey_registry::dht::core::{Failure, Offence};
use dotkey_registry::follow::core::Stage;
use dotkey_registry::follow::message::{Block, Question, Refusal, Response};

use super::catching_up::{Holder, There, chunks_asked, source};
use super::world::{Answer, Double, Twisted, World};
use crate::network::{Network, certify};

type Twist = fn(&Question, Response) -> Answer;

fn given(response: Response) -> Answer {
    Answer::After(20, response)
}

fn blocks(response: Response, change: impl Fn(&mut Vec<Block>)) -> Answer {
    let response = match response {
        Response::Blocks(mut blocks) => {
            change(&mut blocks);
            Response::Blocks(blocks)
        }
        other => other,
    };
    given(response)
}

/// What a peer does, and what it is blamed for.
const LIES: [(&str, Twist, Option<Offence>); 14] = [
    ("silent", |_, _| Answer::Never, Some(Offence::Silent)),
    (
        "silent about blocks",
        |question, response| match question {
            Question::Blocks { .. } => Answer::Never,
            _ => given(response),
        },
        Some(Offence::Silent),
    ),
    (
        "slow",
        |question, response| match question {
            Question::Blocks { .. } => Answer::After(60_000, response),
            _ => given(response),
        },
        Some(Offence::Silent),
    ),
    (
        "garbage",
        |_, _| Answer::Broken(20, Failure::Garbage),
        Some(Offence::Garbage),
    ),
    (
        "other bodies",
        |_, response| {
            blocks(response, |blocks| {
                blocks[0].body = Some(vec![0x81, 0x18, 0xc8]);
            })
        },
        Some(Offence::FalseLedger),
    ),
    (
        "no bodies",
        |_, response| {
            blocks(response, |blocks| {
                blocks.iter_mut().for_each(|block| block.body = None);
            })
        },
        Some(Offence::Garbage),
    ),
    (
        "a certificate of nobody's",
        |_, response| {
            blocks(response, |blocks| {
                if let Some(certificate) = &mut blocks.last_mut().expect("one").certificate {
                    certificate.view += 1;
                }
            })
        },
        Some(Offence::FalseLedger),
    ),
    (
        "no certificate",
        |_, response| {
            blocks(response, |blocks| {
                blocks.last_mut().expect("one").certificate = None;
            })
        },
        Some(Offence::FalseLedger),
    ),
    (
        "a changed header",
        |_, response| blocks(response, |blocks| blocks[0].header.state_root[0] ^= 1),
        Some(Offence::FalseLedger),
    ),
    (
        "a block is left out",
        |_, response| {
            blocks(response, |blocks| {
                if blocks.len() > 2 {
                    blocks.remove(1);
                }
            })
        },
        Some(Offence::Garbage),
    ),
    (
        "more than it has",
        |question, response| match (question, response) {
            (Question::Tip { .. }, Response::Tip(mut tip)) => {
                tip.header.height += 1_000;
                given(Response::Tip(tip))
            }
            (_, response) => given(response),
        },
        None,
    ),
    (
        "less than it has",
        |question, response| match (question, response) {
            (Question::Tip { .. }, Response::Tip(mut tip)) => {
                tip.header.height = 7;
                given(Response::Tip(tip))
            }
            (_, response) => given(response),
        },
        None,
    ),
    (
        "another network",
        |_, _| given(Response::Refused(Refusal::OtherNetwork([3; 32]))),
        None,
    ),
    (
        "answers to other questions",
        |_, _| given(Response::Taken),
        Some(Offence::Garbage),
    ),
];

#[test]
fn one_honest_peer_is_enough() {
    let there = There::new(90);
    for (what, twist, offence) in LIES {
        for seed in 0..2 {
            let folder = tempfile::tempdir().expect("a folder");
            let mut world = World::new(folder.path(), &there.node.network, seed);
            let liars: Vec<_> = (1..=6)
                .map(|number| world.join(number, Twisted(Arc::clone(&there.node.chain), twist)))
                .collect();
            let honest = world.join(7, there.honest());
            world.until(what, 600_000, |world| world.height() == 90);
            assert!(!world.blamed.contains_key(&honest), "{what}");
            let blamed = liars.iter().filter_map(|liar| world.blamed.get(liar));
            let mut offences: Vec<_> = blamed.flatten().copied().collect();
            offences.dedup();
            match offence {
                // Some may not have been asked before it was over.
                Some(offence) => assert!(offences.iter().all(|one| *one == offence), "{what}"),
                None => assert_eq!(offences, [], "{what}"),
            }
        }
    }
}

#[test]
fn every_lie_about_blocks_is_blamed() {
    let there = There::new(40);
    for (what, twist, offence) in LIES {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = World::new(folder.path(), &there.node.network, 1);
        let liar = world.join(1, Twisted(Arc::clone(&there.node.chain), twist));
        world.pass(300_000);
        let found = world
            .blamed
            .get(&liar)
            .and_then(|offences| offences.first());
        assert_eq!(found.copied(), offence, "{what}");
        if offence.is_some() {
            assert_eq!(world.height(), 0, "{what}");
        }
    }
}

/// A holder whose every other chunk is wrong.
struct Half(Holder, u32);

impl Double for Half {
    fn answer(&mut self, question: &Question) -> Answer {
        match self.0.answer(question) {
            Answer::After(ms, Response::Chunk(Some(mut chunk))) => {
                self.1 += 1;
                if self.1.is_multiple_of(2) {
                    chunk.leaves[0].1[0] ^= 1;
                }
                Answer::After(ms, Response::Chunk(Some(chunk)))
            }
            other => other,
        }
    }
}

#[test]
fn a_bad_chunk_costs_the_peer_and_not_the_progress() {
    let network = Network::new(1);
    let source = source(&network, 400);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::new(folder.path(), &network, 1);
    let holder = || Holder {
        source: Arc::clone(&source),
        leaves: 7,
    };
    let liars = [1, 2, 3].map(|number| world.join(number, Half(holder(), 0)));
    let honest = world.join(4, holder());
    world.until("it has all of it", 120_000, |world| world.height() > 0);
    for liar in liars {
        assert_eq!(world.blamed[&liar].first(), Some(&Offence::FalseLedger));
    }
    assert!(!world.blamed.contains_key(&honest));
    // What was written is never asked for again: the world holds it to that. A bad chunk costs the question for it, and guesses behind it stay.
    let bad: usize = world.blamed.values().map(Vec::len).sum();
    let asked = chunks_asked(&world).len();
    assert!(
        asked <= 2 * 402_usize.div_ceil(7) + bad,
        "{asked}, {bad} bad"
    );
}

#[test]
fn a_state_that_nobody_certified_is_not_begun() {
    let network = Network::new(1);
    let (real, other) = (source(&network, 100), Network::new(2));
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::new(folder.path(), &network, 1);
    let mut header = real.header.clone();
    header.height += 1_000;
    header.state_root[0] ^= 1;
    // Of the right validators by its words, and signed by others.
    let certificate = certify(&other, &header);
    let twist = move |question: &Question, response| match question {
        Question::Offer => given(Response::Offer {
            header: header.clone(),
            certificate: certificate.clone(),
        }),
        _ => given(response),
    };
    let holder = |leaves| Holder {
        source: Arc::clone(&real),
        leaves,
    };
    struct Other<F>(Holder, F);
    impl<F: FnMut(&Question, Response) -> Answer> Double for Other<F> {
        fn answer(&mut self, question: &Question) -> Answer {
            match self.0.answer(question) {
                Answer::After(_, response) => (self.1)(question, response),
                other => other,
            }
        }
    }
    let liar = world.join(1, Other(holder(50), twist));
    world.join(2, holder(50));
    world.until("it has the right one", 120_000, |world| world.height() > 0);
    assert_eq!(world.chain.tip(), real.header);
    assert_eq!(world.blamed[&liar], [Offence::FalseLedger]);
}

/// A header as certified as its sibling.
fn twin(there: &There, height: u64) -> Block {
    let real = there
        .node
        .chain
        .header(height)
        .expect("it reads")
        .expect("there");
    let header = Header {
        time: real.time.saturating_add(1),
        ..real
    };
    Block {
        certificate: Some(certify(&there.node.network, &header)),
        header,
        body: Some(vec![0x80]),
    }
}

#[test]
fn two_certified_blocks_of_one_height_halt_it() {
    let mut there = There::new(20);
    let check = |there: &There, twist: &dyn Fn(&Question, Response) -> Response| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = World::new(folder.path(), &there.node.network, 1);
        let honest = world.join(1, there.honest());
        let height = there.node.chain.tip().height;
        world.until("it has caught up", 5_000, |world| world.height() == height);
        world.leave(honest);
        let question = Question::Tip { above: 0 };
        let tip = twist(
            &question,
            super::world::honestly(&there.node.chain, &question),
        );
        let question = Question::Blocks { from: height + 1 };
        let blocks = twist(&question, super::world::nothing());
        world.join(
            2,
            Twisted(
                Arc::clone(&there.node.chain),
                move |question: &Question, _| {
                    given(match question {
                        Question::Blocks { .. } => blocks.clone(),
                        _ => tip.clone(),
                    })
                },
            ),
        );
        world.until("it halts", 60_000, |world| world.stage() == Stage::Halted);
        let why = world.progress().halted.expect("it says why");
        assert!(why.contains("third of the validators lie"), "{why}");
        assert_eq!(world.height(), height);
    };
    // At the height of its tip.
    let at_tip = twin(&there, 20);
    check(&there, &|_, response| match response {
        Response::Tip(mut tip) => {
            tip.header = at_tip.header.clone();
            tip.certificate.clone_from(&at_tip.certificate);
            Response::Tip(tip)
        }
        other => other,
    });
    // And one above, that is built on another.
    let (next, _) = there.node.propose(&[]);
    let header = Header {
        parent: at_tip.header.digest(),
        ..next
    };
    let above = Block {
        certificate: Some(certify(&there.node.network, &header)),
        header,
        body: Some(vec![0x80]),
    };
    check(&there, &|question, response| match (question, response) {
        (Question::Blocks { .. }, _) => Response::Blocks(vec![above.clone()]),
        (_, Response::Tip(mut tip)) => {
            tip.header = above.header.clone();
            tip.certificate.clone_from(&above.certificate);
            Response::Tip(tip)
        }
        (_, other) => other,
    });
}
