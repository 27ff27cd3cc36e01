//! What becomes of requests of ours, whatever the peer does with the streams.

use super::*;

/// Ours, and a peer that has answered it once, with the stream that is kept.
async fn acquainted(bounds: Bounds) -> (Ours, RawPeer, Stream) {
    let (mut ours, mut peer) = (Ours::new(bounds).await, RawPeer::new().await);
    let id = ours.ask_raw(&peer, b"hello");
    let mut stream = peer.accept(&mut ours).await;
    assert_eq!(
        ours.during(read(&mut stream)).await.expect("read"),
        b"hello"
    );
    write(&mut stream, b"hello yourself")
        .await
        .expect("written");
    ours.answered(id, b"hello yourself").await;
    (ours, peer, stream)
}

#[tokio::test]
async fn a_stream_carries_one_exchange_after_another() {
    let (mut ours, mut peer, mut stream) = acquainted(bounds()).await;
    for number in 0..20 {
        let id = ours.ask_raw(&peer, &[number]);
        let request = ours.during(read(&mut stream)).await.expect("read");
        assert_eq!(request, [number]);
        write(&mut stream, &[number, 1]).await.expect("written");
        ours.answered(id, &[number, 1]).await;
    }
    peer.accepted_none();
}

#[tokio::test]
async fn a_peer_that_closes_after_one_answer_gets_a_stream_for_each() {
    let (mut ours, mut peer, stream) = acquainted(bounds()).await;
    let mut last = Some(stream);
    for number in 0..20 {
        // The end may be known when the next request is sent, or not.
        let mut closing = last.take().expect("a stream");
        closing.close().await.expect("closed");
        drop(closing);
        let id = ours.ask_raw(&peer, &[number]);
        let mut stream = peer.accept(&mut ours).await;
        assert_eq!(
            ours.during(read(&mut stream)).await.expect("read"),
            [number]
        );
        write(&mut stream, b"fine").await.expect("written");
        ours.answered(id, b"fine").await;
        last = Some(stream);
    }
}

#[tokio::test]
async fn a_request_whose_kept_stream_breaks_is_sent_once_more() {
    let (mut ours, mut peer, mut kept) = acquainted(bounds()).await;
    let id = ours.ask_raw(&peer, b"again");
    assert_eq!(ours.during(read(&mut kept)).await.expect("read"), b"again");
    drop(kept);
    let mut fresh = peer.accept(&mut ours).await;
    assert_eq!(ours.during(read(&mut fresh)).await.expect("read"), b"again");
    write(&mut fresh, b"at last").await.expect("written");
    ours.answered(id, b"at last").await;

    // And not a third time.
    let id = ours.ask_raw(&peer, b"lost");
    assert_eq!(ours.during(read(&mut fresh)).await.expect("read"), b"lost");
    drop(fresh);
    let mut last = peer.accept(&mut ours).await;
    assert_eq!(ours.during(read(&mut last)).await.expect("read"), b"lost");
    drop(last);
    let error = ours.failed(id).await;
    assert!(matches!(error, NoAnswer::Broken(_)), "{error:?}");
    peer.accepted_none();
}

#[tokio::test]
async fn an_answer_that_has_begun_is_not_asked_for_again() {
    let (mut ours, mut peer, mut kept) = acquainted(bounds()).await;
    let id = ours.ask_raw(&peer, b"half");
    assert_eq!(ours.during(read(&mut kept)).await.expect("read"), b"half");
    write_bytes(&mut kept, &[9, 1]).await.expect("written");
    kept.close().await.expect("closed");
    let error = ours.failed(id).await;
    assert!(matches!(error, NoAnswer::Broken(_)), "{error:?}");
    peer.accepted_none();
}

#[tokio::test]
async fn two_at_once_take_two_streams_and_the_third_waits_for_one() {
    let two = Bounds {
        streams: 2,
        ..bounds()
    };
    let (mut ours, mut peer, mut first) = acquainted(two).await;
    let ids = [b"a", b"b", b"c"].map(|request| ours.ask_raw(&peer, request));
    let mut second = peer.accept(&mut ours).await;
    assert_eq!(ours.during(read(&mut first)).await.expect("read"), b"a");
    assert_eq!(ours.during(read(&mut second)).await.expect("read"), b"b");
    write(&mut second, b"B").await.expect("written");
    ours.answered(ids[1], b"B").await;
    assert_eq!(ours.during(read(&mut second)).await.expect("read"), b"c");
    write(&mut second, b"C").await.expect("written");
    ours.answered(ids[2], b"C").await;
    write(&mut first, b"A").await.expect("written");
    ours.answered(ids[0], b"A").await;
    peer.accepted_none();
}

#[tokio::test]
async fn what_is_no_answer_is_the_peers_fault() {
    let whole = [
        &[3, GARBAGE, 0, 0][..],
        &[0xff, 0xff, 0xff, 0xff],
        &[0x80, 0],
    ];
    for bytes in whole {
        let (mut ours, mut peer, mut kept) = acquainted(bounds()).await;
        let id = ours.ask_raw(&peer, b"what?");
        assert_eq!(ours.during(read(&mut kept)).await.expect("read"), b"what?");
        write_bytes(&mut kept, bytes).await.expect("written");
        let error = ours.failed(id).await;
        assert!(
            matches!(error, NoAnswer::Garbage(_)),
            "{bytes:?}: {error:?}"
        );
        ours.during(end(&mut kept)).await;
        peer.accepted_none();
    }
}

#[tokio::test]
async fn who_says_what_nobody_asked_for_is_not_listened_to() {
    let (mut ours, mut peer, mut kept) = acquainted(bounds()).await;
    write(&mut kept, b"by the way").await.expect("written");
    ours.during(end(&mut kept)).await;
    let id = ours.ask_raw(&peer, b"yes?");
    let mut stream = peer.accept(&mut ours).await;
    assert_eq!(ours.during(read(&mut stream)).await.expect("read"), b"yes?");
    // With the answer: that counts, and the stream goes.
    write_bytes(&mut stream, &[1, 7, 1, 8])
        .await
        .expect("written");
    ours.answered(id, &[7]).await;
    ours.during(end(&mut stream)).await;
}

#[tokio::test]
async fn who_does_not_answer_is_given_up() {
    let short = Bounds {
        exchange: SOON,
        ..bounds()
    };
    let (mut ours, mut peer) = (Ours::new(short).await, RawPeer::new().await);
    let id = ours.ask_raw(&peer, b"hello?");
    let error = ours.failed(id).await;
    assert!(matches!(error, NoAnswer::TimedOut), "{error:?}");
    // It may have come before.
    if let Ok(mut stream) = peer.accepted.try_recv() {
        let request = ours.during(read(&mut stream)).await.expect("read");
        assert_eq!(request, b"hello?");
        ours.during(end(&mut stream)).await;
    }
}

#[tokio::test]
async fn few_streams_are_kept() {
    let few = Bounds {
        kept: 2,
        ..bounds()
    };
    let (mut ours, mut peer) = (Ours::new(few).await, RawPeer::new().await);
    let ids: Vec<_> = (0..5)
        .map(|number| ours.ask_raw(&peer, &[number]))
        .collect();
    let mut streams = Vec::new();
    for _ in &ids {
        let mut stream = peer.accept(&mut ours).await;
        let request = ours.during(read(&mut stream)).await.expect("read");
        streams.push((request, stream));
    }
    for (request, stream) in &mut streams {
        write(stream, request).await.expect("written");
        ours.answered(ids[usize::from(request[0])], request).await;
    }
    for (_, stream) in &mut streams[..3] {
        ours.during(end(stream)).await;
    }
    // The last one carries the next.
    let id = ours.ask_raw(&peer, b"more");
    let (_, stream) = &mut streams[4];
    assert_eq!(ours.during(read(stream)).await.expect("read"), b"more");
    write(stream, b"enough").await.expect("written");
    ours.answered(id, b"enough").await;
    peer.accepted_none();
}

#[tokio::test]
async fn a_stream_that_is_not_used_is_closed() {
    let short = Bounds {
        kept_for: SOON,
        lingers: SOON,
        ..bounds()
    };
    let (mut ours, mut peer, mut kept) = acquainted(short).await;
    ours.during(end(&mut kept)).await;
    let id = ours.ask_raw(&peer, b"still there?");
    let mut stream = peer.accept(&mut ours).await;
    assert_eq!(
        ours.during(read(&mut stream)).await.expect("read"),
        b"still there?"
    );
    write(&mut stream, b"yes").await.expect("written");
    ours.answered(id, b"yes").await;
}

#[tokio::test]
async fn who_is_not_reached_is_not_asked() {
    let mut ours = Ours::new(bounds()).await;
    let nobody = Keypair::generate_ed25519().public().to_peer_id();
    let nowhere = "/memory/123456789".parse().expect("an address");
    let ids = [
        ours.ask(nobody, &nowhere, b"a"),
        ours.ask(nobody, &nowhere, b"b"),
    ];
    for id in ids {
        let error = ours.failed(id).await;
        assert!(matches!(error, NoAnswer::NotReached), "{error:?}");
    }
    let id = ours.swarm.behaviour_mut().ask(&nobody, vec![1], Vec::new());
    let error = ours.failed(id).await;
    assert!(matches!(error, NoAnswer::NotReached), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_is_lost_takes_its_requests_along_once() {
    let (mut ours, mut peer, kept) = acquainted(bounds()).await;
    let ids: Vec<_> = (0..100)
        .map(|number| ours.ask_raw(&peer, &[number]))
        .collect();
    let other = peer.accept(&mut ours).await;
    peer.vanish().await;
    drop((kept, other));
    ours.closed().await;
    let mut failed = Vec::new();
    for _ in &ids {
        match ours.next().await {
            Event::Failed { id, .. } => failed.push(id),
            other => panic!("{other:?}"),
        }
    }
    failed.sort_unstable();
    assert_eq!(failed, ids);
    assert!(ours.events.is_empty(), "{:?}", ours.events);
}

#[tokio::test]
async fn a_kept_stream_keeps_no_connection_open_and_an_exchange_does() {
    let lingers = Bounds {
        lingers: SOON,
        ..bounds()
    };
    let (mut ours, mut other) = (
        Ours::forgetting(lingers, 5 * SOON).await,
        Ours::forgetting(lingers, 5 * SOON).await,
    );
    let (peer, at) = (other.id(), other.address.clone());
    let id = ours.ask(peer, &at, b"take your time");
    let (_, channel) = ours.during(other.asked()).await;
    let thinks = tokio::time::sleep(15 * SOON);
    ours.during(other.during(thinks)).await;
    channel.answer(b"done".to_vec());
    other.during(ours.answered(id, b"done")).await;
    other.during(ours.closed()).await;
}

#[tokio::test]
async fn a_kept_stream_of_either_side_keeps_no_connection_open() {
    let lingers = Bounds {
        lingers: SOON,
        ..bounds()
    };
    // The peer would stay.
    let (mut ours, mut peer) = (
        Ours::forgetting(lingers, 5 * SOON).await,
        RawPeer::new().await,
    );
    let id = ours.ask_raw(&peer, b"hello");
    let mut kept = peer.accept(&mut ours).await;
    write(&mut kept, b"bye").await.expect("written");
    ours.answered(id, b"bye").await;
    ours.closed().await;

    let mut ours = Ours::forgetting(lingers, 5 * SOON).await;
    peer.dial(&ours);
    let mut stream = peer.open(&mut ours).await;
    write(&mut stream, b"hello").await.expect("written");
    let (_, channel) = ours.asked().await;
    channel.answer(b"bye".to_vec());
    assert_eq!(ours.during(read(&mut stream)).await.expect("read"), b"bye");
    ours.closed().await;
}
