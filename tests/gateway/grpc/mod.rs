//! gRPC through the gateway, between a client and a server from a crate (tonic): calls of every kind, what ends them, and health checks.

mod client;
mod server;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tonic::{Code, Request, Status};
use tonic_health::ServingStatus;

use super::secure::Secured;
use super::{PATIENCE, World};
use crate::cli::nodes::eventually;
use client::{Client, Way, read};
use server::GrpcServer;

const FRONTEND: &str = "[[resource]]\nkind = \"frontend\"\nhost = \"@\"\n";

/// A gateway that leads to these servers.
fn world(policy: &str, servers: &[&GrpcServer]) -> World {
    World::of(&zone(policy, servers))
}

fn zone(policy: &str, servers: &[&GrpcServer]) -> String {
    let servers = servers.iter().map(|server| server.in_zone());
    format!("{FRONTEND}{policy}\n{}", servers.collect::<String>())
}

/// Runs to its end, which it has to come to.
fn run<T>(work: impl Future<Output = T>) -> T {
    run_in(&Runtime::new().expect("threads"), work)
}

/// The same, where what it starts goes on.
fn run_in<T>(runtime: &Runtime, work: impl Future<Output = T>) -> T {
    runtime.block_on(async { timeout(PATIENCE, work).await.expect("it ends") })
}

/// Asks until this server answers.
async fn answered_by(client: &Client, id: &str) {
    loop {
        let answer = client.unary("Echo", Bytes::from_static(b"who")).await;
        if answer.is_ok_and(|answer| answer.metadata().get("server").is_some_and(|who| who == id)) {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn until(what: impl Fn() -> bool) {
    while !what() {
        sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn calls_of_every_kind_are_carried_every_way() {
    let plain = GrpcServer::start("plain", None);
    let secured = GrpcServer::start("secured", Some(Secured::new("h2")));
    let world = world("", &[&plain]);
    for (id, server) in [("plain", &plain), ("secured", &secured)] {
        world.publish_zone(&zone("", &[server]));
        for way in [Way::Plain, Way::Tls] {
            run(async {
                let client = Client::new(&world, way).await;
                answered_by(&client, id).await;
                calls(&client).await;
                failures(&client).await;
            });
        }
    }
}

async fn calls(client: &Client) {
    // Beyond what the windows of HTTP/2 hold at once, here or there.
    let big = Bytes::from(vec![7; 3 << 20]);
    let answer = client.unary("Echo", big.clone()).await.expect("an answer");
    assert!(answer.into_inner() == big, "all of it comes back");

    let counted = client.server_streaming("Count", Bytes::from_static(b"abc"));
    let (messages, end) = read(counted.await.expect("a stream")).await;
    assert_eq!(messages, ["a", "ab", "abc"]);
    end.expect("it ends well");

    let pieces = vec![Bytes::from(vec![1; 256 << 10]); 12];
    let answer = client.client_streaming("Sum", pieces.clone()).await;
    assert!(answer.expect("an answer").into_inner() == pieces.concat());

    // Each word waits for the answer to the one before it: neither side is kept until the other is done.
    let (say, said) = mpsc::channel(1);
    let said = stream::unfold(said, async |mut said| Some((said.recv().await?, said)));
    let talk = client.streaming("Talk", said).await;
    let mut heard = talk.expect("a stream").into_inner();
    for word in ["one", "two", "three"] {
        say.send(Bytes::from(word)).await.expect("it listens");
        let answer = heard.message().await.expect("a message");
        assert_eq!(answer.expect("no end yet"), word);
    }
    drop(say);
    assert_eq!(heard.message().await.expect("it ends well"), None);
}

/// What a server says of a failure is what its client gets, before and behind messages.
async fn failures(client: &Client) {
    for code in 1..=16 {
        for after in [0, 2] {
            let asked = Bytes::from(format!("{code} {after}"));
            let (messages, end) = match client.server_streaming("Fail", asked).await {
                Ok(answer) => read(answer).await,
                Err(status) => (Vec::new(), Err(status)),
            };
            let status = end.expect_err("it was asked for");
            let code = Code::from_i32(code);
            assert_eq!((status.code(), messages.len()), (code, after), "{status:?}");
            assert_eq!(status.message(), format!("{code:?}: wie gewünscht, 100%"));
            assert_eq!(status.metadata().get("reason").expect("said"), "asked-for");
        }
    }
    let unknown = client.unary("Unknown", Bytes::new()).await;
    assert_eq!(unknown.expect_err("no method").message(), "no such method");
}

#[test]
fn who_does_not_wait_any_more_is_no_burden_to_the_server() {
    let server = GrpcServer::start("one", None);
    let world = world("", &[&server]);
    run(async {
        let client = Client::new(&world, Way::Plain).await;
        answered_by(&client, "one").await;

        let mut request = Request::new(Bytes::from_static(b"in time"));
        request.set_timeout(PATIENCE);
        let asked = request.metadata().get("grpc-timeout").cloned();
        let answer = client.unary("Echo", request).await.expect("an answer");
        assert_eq!(answer.metadata().get("deadline"), asked.as_ref());

        // Until one reaches the server in time.
        let before = server.seen.calls();
        let mut deadline = Duration::from_millis(50);
        while server.seen.calls() == before {
            deadline *= 2;
            let mut late = Request::new(Bytes::new());
            late.set_timeout(deadline);
            let status = client.unary("Hang", late).await.expect_err("no answer");
            let gone = [Code::Cancelled, Code::DeadlineExceeded];
            assert!(gone.contains(&status.code()), "{status:?}");
        }
        until(|| server.seen.given_up() == 1).await;

        let calls = server.seen.calls();
        let waiting = client.server_streaming("Hang", Bytes::new());
        tokio::select! {
            _ = waiting => panic!("nobody answers"),
            () = until(|| server.seen.calls() > calls) => {}
        }
        until(|| server.seen.given_up() == 2).await;

        let begun = client.server_streaming("Hang", Bytes::from_static(b"begun"));
        let mut begun = begun.await.expect("a stream").into_inner();
        assert_eq!(begun.message().await.expect("one").expect("one"), "begun");
        assert_eq!(server.seen.given_up(), 2);
        drop(begun);
        until(|| server.seen.given_up() == 3).await;
    });
}

#[test]
fn calls_beyond_what_a_server_takes_at_once_wait_for_their_turn() {
    let server = GrpcServer::start_for(Some(2), "one", None);
    let world = world("", &[&server]);
    run(async {
        let client = Client::new(&world, Way::Plain).await;
        answered_by(&client, "one").await;
        let begin = async || {
            let begun = client.server_streaming("Hang", Bytes::from_static(b"begun"));
            let mut begun = begun.await.expect("a stream").into_inner();
            begun.message().await.expect("one").expect("one");
            begun
        };
        let (one, other) = (begin().await, begin().await);
        let calls = server.seen.calls();
        let more = (0..10).map(|_| client.unary("Echo", Bytes::new()));
        let more = join_all(more);
        let let_go = async {
            // So long that a call that needs no turn would be there.
            sleep(Duration::from_millis(200)).await;
            assert_eq!(server.seen.calls(), calls);
            drop((one, other));
        };
        let (more, ()) = tokio::join!(more, let_go);
        for answer in more {
            answer.expect("it had its turn");
        }
    });
}

#[test]
fn a_server_that_dies_in_a_call_is_no_good_end_and_is_asked_no_second_time() {
    for hung in ["begun", ""] {
        let mut servers = vec![GrpcServer::start("a", None), GrpcServer::start("b", None)];
        let world = world("", &[&servers[0], &servers[1]]);
        run(async {
            let client = Client::new(&world, Way::Plain).await;
            answered_by(&client, "a").await;
            let before: Vec<usize> = servers.iter().map(|server| server.seen.calls()).collect();
            let calls = |servers: &[GrpcServer]| {
                let calls = servers.iter().map(|server| server.seen.calls());
                calls.sum::<usize>()
            };
            let (heard, first) = oneshot::channel();
            let asking = tokio::spawn(hang(client.clone(), hung, heard));
            until(|| calls(&servers) > before.iter().sum()).await;
            if !hung.is_empty() {
                first.await.expect("a message");
            }
            let held = usize::from(servers[1].seen.calls() > before[1]);
            let other = servers.remove(1 - held);
            let calls = other.seen.calls();
            servers.clear();
            let end = asking.await.expect("no panic");
            let status = end.expect_err("half a stream is not passed off as whole");
            if hung.is_empty() {
                assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                let said = status.message();
                assert!(said.contains("not safe to repeat"), "{status:?}");
            } else {
                assert_eq!(status.code(), Code::Internal, "{status:?}");
            }
            assert_eq!(other.seen.calls(), calls, "nobody else may do it again");
            for _ in 0..20 {
                let answer = client.unary("Echo", Bytes::from_static(b"still")).await;
                assert_eq!(answer.expect("the other one answers").into_inner(), "still");
            }
            assert_eq!(other.seen.calls(), calls + 20);
            drop(other);
            // What had left for the one that died is told in other words.
            loop {
                let status = client.unary("Echo", Bytes::new()).await;
                let status = status.expect_err("nobody is there");
                assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                if status.message().contains("no connection") {
                    break;
                }
            }
        });
    }
}

/// A call that does not end well, and when it has its first message.
async fn hang(
    client: Client,
    hung: &'static str,
    heard: oneshot::Sender<()>,
) -> Result<Option<Bytes>, Status> {
    let answer = client.server_streaming("Hang", Bytes::from(hung)).await?;
    let mut messages = answer.into_inner();
    messages.message().await?.expect("a message");
    // Who does not wait for it is gone.
    let _ = heard.send(());
    messages.message().await
}

#[test]
fn a_server_that_says_it_does_not_serve_gets_nothing_until_it_says_it_does() {
    let [a, b] = ["a", "b"].map(|id| GrpcServer::start(id, None));
    let policy = "[resource.policy]\nhealth = { interval = \"100ms\", timeout = \"20s\", rise = 2, fall = 2 }";
    let world = world(policy, &[&a, &b]);
    let runtime = Runtime::new().expect("threads");
    let client = run_in(&runtime, Client::new(&world, Way::Plain));
    run_in(&runtime, answered_by(&client, "a"));
    for _ in 0..2 {
        a.be(ServingStatus::NotServing);
        eventually("it is down", || {
            (world.standing("a") == "down").then_some(())
        });
        let (at_a, at_b) = (a.seen.calls(), b.seen.calls());
        run_in(&runtime, async {
            for _ in 0..20 {
                let answer = client.unary("Echo", Bytes::new()).await;
                answer.expect("the other one answers");
            }
        });
        assert_eq!((a.seen.calls(), b.seen.calls()), (at_a, at_b + 20));
        a.be(ServingStatus::Serving);
        run_in(&runtime, answered_by(&client, "a"));
        assert_ne!(world.standing("a"), "down");
    }
}
