//! The way of news: from who told of it, to who is told.

use super::*;

fn announcement(record: &Verified<Record>) -> Announcement {
    Announcement {
        key_id: record.key_id(),
        at: Position::of_record(record),
        summary: Summary::of(record),
    }
}

const TELLER: u16 = 4;

/// Hears news from the teller, who answers as `teller` says and everyone else as `others`; who was asked for the record.
fn hear(
    bench: &mut Bench,
    news: &Verified<Record>,
    teller: impl Fn(Want) -> Reply,
    others: impl Fn(Want) -> Reply,
) -> Vec<Peer> {
    let told = contact(TELLER).peer;
    let input = Input::Announced {
        from: told,
        announcement: announcement(news),
    };
    let before = bench.log.asked.len();
    let summary = Summary::of(news);
    bench.run(
        input,
        |it| it.log.changed.contains(&summary),
        |from, request| match request {
            Request::Get { want, .. } if from == told => teller(*want),
            Request::Get { want, .. } => others(*want),
            _ => Reply::Never,
        },
    );
    let gets = bench.log.asked[before..]
        .iter()
        .filter(|(_, request)| matches!(request, Request::Get { .. }));
    gets.map(|(peer, _)| *peer).collect()
}

#[test]
fn only_who_told_of_it_is_asked() {
    let mut bench = Bench::new(20);
    let news = record(1, 2);
    let never = |_| panic!("nobody else is asked");
    let asked = hear(&mut bench, &news, |want| gives(&news, want), never);
    assert_eq!(asked, [contact(TELLER).peer]);
}

#[test]
fn the_closest_are_asked_where_who_told_of_it_gives_nothing() {
    let news = record(1, 2);
    let mut spoilt = bytes(&news).to_vec();
    *spoilt.last_mut().expect("it has bytes") ^= 1;
    let check = |teller: &dyn Fn(Want) -> Reply, blamed: bool| {
        let mut bench = Bench::new(20);
        // Not one of those that are asked as the closest.
        bench.disk.table.retain(|it| *it != contact(TELLER));
        let asked = hear(&mut bench, &news, teller, |want| gives(&news, want));
        assert_eq!(asked[0], contact(TELLER).peer);
        assert!((2..=4).contains(&asked.len()), "{asked:?}");
        assert_eq!(bench.points(&contact(TELLER).peer) <= BAD, blamed);
    };
    check(&|_| got(Value::Nothing), false);
    check(&|_| Reply::Never, false);
    let busy = Refusal::Busy { retry_ms: 1 };
    check(&|_| Reply::Now(Response::Refused(busy.clone())), false);
    check(&|_| gives(&record(1, 1), Want::Record), false);
    check(&|_| got(Value::Record(spoilt.as_slice().into())), true);
    check(&|_| got(Value::Summary(Summary::of(&news))), true);
    check(&|_| Reply::Now(Response::Stored), true);
}

/// What this node gives of a position to a stranger.
fn given(bench: &mut Bench, at: Position, want: Want) -> Response {
    let request = Request::Get { at, want };
    let input = Input::Request {
        from: contact(300).peer,
        inbound: Inbound(1),
        request,
    };
    let mut actions = bench.step(input);
    match actions.pop() {
        Some(Action::Answer { response, .. }) => response,
        other => panic!("{other:?}"),
    }
}

fn value(response: Response) -> Value {
    match response {
        Response::Got { value, .. } => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_node_tells_of_it_gives_although_it_does_not_keep_it() {
    let mut bench = Bench::new(120);
    let person = bench.person(|rank| rank >= 60);
    let news = record(person, 2);
    let at = Position::of_record(&news);
    hear(
        &mut bench,
        &news,
        |want| gives(&news, want),
        |_| Reply::Never,
    );
    assert!(bench.disk.records.is_empty(), "it is not of its cell");
    let whole = Value::Record(bytes(&news));
    assert_eq!(value(given(&mut bench, at, Want::Record)), whole);
    let summary = Value::Summary(Summary::of(&news));
    assert_eq!(value(given(&mut bench, at, Want::Summary)), summary);
    // That costs its bytes, not what other questions cost.
    for _ in 0..2_000 {
        assert_eq!(value(given(&mut bench, at, Want::Record)), whole);
    }
    let other = given(&mut bench, Position([9; 32]), Want::Summary);
    assert_eq!(value(other), Value::Nothing, "those it can still ask");

    bench.pass(10_000);
    bench.step(Input::Tick);
    assert_eq!(value(given(&mut bench, at, Want::Record)), Value::Nothing);

    // It knows what it saw: the same announcement is no news, a twisted one false.
    let say = |bench: &mut Bench, announcement| {
        let from = contact(5).peer;
        let actions = bench.step(Input::Announced { from, announcement });
        actions.into_iter().find_map(|action| match action {
            Action::Judge { verdict, .. } => Some(verdict),
            _ => None,
        })
    };
    let again = announcement(&news);
    assert_eq!(say(&mut bench, again), Some(Verdict::Drop));
    let key_id = record(person + 1, 1).key_id();
    let twisted = Announcement { key_id, ..again };
    assert_eq!(say(&mut bench, twisted), Some(Verdict::Refuse));
}

#[test]
fn what_came_by_a_get_is_news_to_others() {
    let mut bench = Bench::new(120);
    let person = bench.person(|rank| rank >= 60);
    let news = record(person, 2);
    let (found, _) = bench.get(Position::of_record(&news), Effort::Usual, |_, want| {
        gives(&news, want)
    });
    assert_eq!(found, Some(Summary::of(&news)));
    let announcement = announcement(&news);
    let from = contact(5).peer;
    let actions = bench.step(Input::Announced { from, announcement });
    let [Action::Judge { verdict, .. }] = actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!(verdict, Verdict::PassOn);
}
