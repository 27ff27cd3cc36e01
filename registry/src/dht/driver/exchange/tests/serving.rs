//! What a peer gets that asks us, however it goes about it.

use super::*;

/// Ours, and a peer that is connected with it.
async fn connected(bounds: Bounds) -> (Ours, RawPeer) {
    let (mut ours, peer) = (Ours::new(bounds).await, RawPeer::new().await);
    peer.dial(&ours);
    let connected = async {
        while !ours.swarm.is_connected(&peer.id) {
            let event = ours.swarm.select_next_some().await;
            ours.note(event);
        }
    };
    timeout(PATIENCE, connected).await.expect("it connects");
    (ours, peer)
}

/// One exchange on a stream of the peer's.
async fn exchange(ours: &mut Ours, stream: &mut Stream, request: &[u8]) {
    write(stream, request).await.expect("written");
    let (asked, channel) = ours.asked().await;
    assert_eq!(asked, request);
    channel.answer(asked);
    assert_eq!(ours.during(read(stream)).await.expect("read"), request);
}

#[tokio::test]
async fn a_stream_is_served_until_it_ends() {
    let (mut ours, mut peer) = connected(bounds()).await;
    let mut stream = peer.open(&mut ours).await;
    for number in 0..20 {
        exchange(&mut ours, &mut stream, &[number]).await;
    }
    stream.close().await.expect("closed");
    ours.during(end(&mut stream)).await;
    assert!(ours.events.is_empty(), "{:?}", ours.events);
}

#[tokio::test]
async fn who_closes_after_its_request_is_answered() {
    let (mut ours, mut peer) = connected(bounds()).await;
    let mut stream = peer.open(&mut ours).await;
    write(&mut stream, b"only this").await.expect("written");
    stream.close().await.expect("closed");
    let (_, channel) = ours.asked().await;
    channel.answer(b"here".to_vec());
    assert_eq!(ours.during(read(&mut stream)).await.expect("read"), b"here");
    ours.during(end(&mut stream)).await;
}

#[tokio::test]
async fn a_request_in_pieces_is_one() {
    let (mut ours, mut peer) = connected(bounds()).await;
    let mut stream = peer.open(&mut ours).await;
    for piece in [&[3][..], &[1], &[2], &[3, 1], &[9]] {
        write_bytes(&mut stream, piece).await.expect("written");
        ours.during(tokio::task::yield_now()).await;
    }
    let (request, channel) = ours.asked().await;
    assert_eq!(request, [1, 2, 3]);
    channel.answer(vec![6]);
    // What came with it is the next one.
    let (request, channel) = ours.asked().await;
    assert_eq!(request, [9]);
    channel.answer(vec![9]);
    assert_eq!(ours.during(read(&mut stream)).await.expect("read"), [6]);
    assert_eq!(ours.during(read(&mut stream)).await.expect("read"), [9]);
}

#[tokio::test]
async fn long_messages_pass_both_ways() {
    let (mut ours, mut other) = (Ours::new(bounds()).await, Ours::new(bounds()).await);
    let (peer, at) = (other.id(), other.address.clone());
    for length in [0, 127, 128, 16_384, Bytes::REQUEST_BYTES_MAX] {
        let id = ours.ask(peer, &at, &vec![1; length]);
        let (request, channel) = ours.during(other.asked()).await;
        assert_eq!(request, vec![1; length]);
        let answer = vec![2; length * Bytes::RESPONSE_BYTES_MAX / Bytes::REQUEST_BYTES_MAX];
        channel.answer(answer.clone());
        other.during(ours.answered(id, &answer)).await;
    }
}

#[tokio::test]
async fn what_is_no_request_is_told_and_its_stream_ended() {
    let whole = [
        &[3, GARBAGE, 0, 0][..],
        &[0xff, 0xff, 0xff, 0xff],
        &[0x80, 0],
    ];
    for bytes in whole {
        let (mut ours, mut peer) = connected(bounds()).await;
        let mut stream = peer.open(&mut ours).await;
        exchange(&mut ours, &mut stream, b"good").await;
        write_bytes(&mut stream, bytes).await.expect("written");
        match ours.next().await {
            Event::Garbage { peer: who, .. } => assert_eq!(who, peer.id),
            other => panic!("{bytes:?}: {other:?}"),
        }
        ours.during(end(&mut stream)).await;
    }
}

#[tokio::test]
async fn a_request_that_does_not_end_is_given_up() {
    let short = Bounds {
        exchange: SOON,
        ..bounds()
    };
    let (mut ours, mut peer) = connected(short).await;
    let mut slow = peer.open(&mut ours).await;
    write_bytes(&mut slow, &[9, 1]).await.expect("written");
    ours.during(end(&mut slow)).await;
    assert!(ours.events.is_empty(), "{:?}", ours.events);
}

#[tokio::test]
async fn a_request_that_is_not_answered_is_given_up() {
    let short = Bounds {
        exchange: SOON,
        ..bounds()
    };
    let (mut ours, mut peer) = connected(short).await;
    let mut stream = peer.open(&mut ours).await;
    write(&mut stream, b"anyone?").await.expect("written");
    let (_, channel) = ours.asked().await;
    ours.during(end(&mut stream)).await;
    assert!(!channel.is_open());

    let mut stream = peer.open(&mut ours).await;
    write(&mut stream, b"nobody?").await.expect("written");
    let (_, channel) = ours.asked().await;
    drop(channel);
    ours.during(end(&mut stream)).await;
}

#[tokio::test]
async fn a_stream_without_requests_is_closed() {
    let short = Bounds {
        served_for: SOON,
        lingers: SOON,
        ..bounds()
    };
    let (mut ours, mut peer) = connected(short).await;
    let mut stream = peer.open(&mut ours).await;
    exchange(&mut ours, &mut stream, b"one").await;
    ours.during(end(&mut stream)).await;
}

#[tokio::test]
async fn a_flood_of_streams_takes_the_place_of_the_oldest_and_then_none() {
    let four = Bounds {
        streams: 4,
        ..bounds()
    };
    let (mut ours, mut peer) = connected(four).await;
    let mut streams = Vec::new();
    for number in 0..10 {
        let mut stream = peer.open(&mut ours).await;
        exchange(&mut ours, &mut stream, &[number]).await;
        streams.push(stream);
    }
    for stream in &mut streams[..6] {
        ours.during(end(stream)).await;
    }
    let mut channels = Vec::new();
    for stream in &mut streams[6..] {
        write(stream, b"busy").await.expect("written");
        channels.push(ours.asked().await.1);
    }
    // None is free now.
    let mut more = peer.open(&mut ours).await;
    write(&mut more, b"me too").await.expect("written");
    ours.during(end(&mut more)).await;
    for (stream, channel) in streams[6..].iter_mut().zip(channels) {
        channel.answer(b"served".to_vec());
        assert_eq!(ours.during(read(stream)).await.expect("read"), b"served");
    }
    assert!(ours.events.is_empty(), "{:?}", ours.events);
}

#[tokio::test]
async fn who_is_gone_waits_for_nothing() {
    let (mut ours, mut peer) = connected(bounds()).await;
    let mut stream = peer.open(&mut ours).await;
    write(&mut stream, b"bye").await.expect("written");
    let (_, channel) = ours.asked().await;
    peer.vanish().await;
    drop(stream);
    ours.closed().await;
    assert!(!channel.is_open());
    channel.answer(b"too late".to_vec());
}
