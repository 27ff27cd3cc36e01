//! The beginning of a PostgreSQL session, from its client (even first byte) or from its server.
#![no_main]

use dotkey_fuzz::within;
use dotkey_gateway::tcp::shards::postgres::greeting::{Borders, Greeting};
use dotkey_gateway::tcp::shards::postgres::startup::{First, STARTUP_BYTES_MAX, read};
use dotkey_gateway::tcp::shards::postgres::wish::{SHARD_KEY, take};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else {
        return;
    };
    match which % 2 {
        0 => client(data),
        _ => server(data, usize::from(*which)),
    }
});

fn client(data: &[u8]) {
    let bound = 64 * data.len().min(STARTUP_BYTES_MAX) + 1024;
    let Ok(Some((first, length))) = within(bound, || read(data)) else {
        return;
    };
    assert_eq!(
        read(&data[..length - 1]),
        Ok(None),
        "nothing before it is whole"
    );
    match first {
        First::Encrypt => assert_eq!(length, 8),
        First::Cancel(key) => assert_eq!(key.request(), &data[..length]),
        First::Start(mut startup) => {
            assert_eq!(startup.write(), &data[..length]);
            let before = startup.clone();
            if let Ok(wanted) = take(&mut startup) {
                let is_key = |name: &[u8]| name.eq_ignore_ascii_case(SHARD_KEY.as_bytes());
                assert!(startup.parameters.iter().all(|(name, _)| !is_key(name)));
                assert!(
                    wanted.key.is_some() || startup == before,
                    "nothing else is touched"
                );
                assert!(startup.write().len() <= length);
            }
        }
    }
}

fn server(data: &[u8], piece: usize) {
    let (mut plain, mut hiding) = (Greeting::new(false), Greeting::new(true));
    let (mut passed, mut hidden) = (Vec::new(), Vec::new());
    for piece in data.chunks(piece) {
        plain.pass(piece, &mut passed);
        hiding.pass(piece, &mut hidden);
    }
    assert!(data.starts_with(&passed) && data.len() - passed.len() <= 1024);
    assert_eq!(plain.take_key(), hiding.take_key());
    assert!(hidden.len() <= passed.len());
    let (mut one, mut other) = (Borders::default(), Borders::default());
    one.pass(data);
    data.chunks(piece).for_each(|piece| other.pass(piece));
    assert_eq!(one.is_between(), other.is_between());
}
