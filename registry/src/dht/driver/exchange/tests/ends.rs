//! Whatever a peer does with streams and connections, every request ends exactly once, and no answer goes to another request.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::*;

/// What a peer does with a request.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Answer,
    AnswerAndClose,
    AnswerAndMore,
    CloseWithoutReading,
    ReadAndReset,
    AnswerHalf,
    Garbage,
    Silence,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        8 => Just(Deed::Answer),
        2 => Just(Deed::AnswerAndClose),
        1 => Just(Deed::AnswerAndMore),
        1 => Just(Deed::CloseWithoutReading),
        2 => Just(Deed::ReadAndReset),
        1 => Just(Deed::AnswerHalf),
        1 => Just(Deed::Garbage),
        1 => Just(Deed::Silence),
    ];
    proptest::collection::vec(deed, 1..40)
}

/// What is done in turn: some requests at once, or the connection is cut.
fn rounds() -> impl Strategy<Value = Vec<Option<u8>>> {
    let round = prop_oneof![6 => (1..12_u8).prop_map(Some), 1 => Just(None)];
    proptest::collection::vec(round, 1..12)
}

/// Does the deeds on one stream, each to one request, from the one with this number on.
async fn behave(mut stream: Stream, deeds: Vec<Deed>, first: usize) -> io::Result<()> {
    for deed in deeds.iter().cycle().skip(first) {
        if matches!(deed, Deed::CloseWithoutReading) {
            return stream.close().await;
        }
        let request = read(&mut stream).await?;
        match deed {
            Deed::Answer => write(&mut stream, &request).await?,
            Deed::AnswerAndMore => {
                write(&mut stream, &request).await?;
                write(&mut stream, b"more").await?;
            }
            Deed::AnswerAndClose => {
                write(&mut stream, &request).await?;
                return stream.close().await;
            }
            Deed::AnswerHalf => {
                write_bytes(&mut stream, &[2, request[0]]).await?;
                return stream.close().await;
            }
            Deed::Garbage => write(&mut stream, &[GARBAGE]).await?,
            Deed::Silence => {
                let _ = stream.read(&mut [0]).await;
                return Ok(());
            }
            Deed::ReadAndReset | Deed::CloseWithoutReading => return Ok(()),
        }
    }
    Ok(())
}

async fn check(rounds: Vec<Option<u8>>, deeds: Vec<Deed>) -> Result<(), TestCaseError> {
    let few = Bounds {
        streams: 4,
        kept: 2,
        exchange: SOON,
        ..bounds()
    };
    let (mut ours, mut peer) = (Ours::new(few).await, RawPeer::new().await);
    let mut streams = JoinSet::new();
    let mut waiting = BTreeMap::new();
    let mut number = 0_u8;
    for round in rounds {
        for _ in 0..round.unwrap_or(3) {
            waiting.insert(ours.ask_raw(&peer, &[number]), number);
            number = (number + 1) % GARBAGE;
        }
        if round.is_none() {
            peer.disconnect(ours.id());
        }
        while !waiting.is_empty() {
            let event = tokio::select! {
                event = ours.next() => event,
                Some(stream) = peer.accepted.recv() => {
                    let first = streams.len();
                    streams.spawn(behave(stream, deeds.clone(), first));
                    continue;
                }
            };
            match event {
                Event::Answered { id, response, .. } => {
                    let asked = waiting.remove(&id);
                    prop_assert_eq!(asked.map(|number| vec![number]), Some(response));
                }
                Event::Failed { id, .. } => prop_assert!(waiting.remove(&id).is_some(), "{id:?}"),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
    peer.vanish().await;
    if ours.swarm.network_info().num_peers() > 0 {
        ours.closed().await;
    }
    prop_assert!(ours.events.is_empty(), "{:?}", ours.events);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_request_ends_once(rounds in rounds(), deeds in deeds()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(check(rounds, deeds))?;
    }
}
