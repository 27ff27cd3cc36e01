use super::*;
use proptest::prelude::*;
use rustls::pki_types::ServerName;

/// What rustls sends first to a server of this name.
fn hello_for(name: &str) -> Vec<u8> {
    dotkey_resolver::tls::install_provider();
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut client = rustls::ClientConnection::new(config.into(), name).expect("a client");
    let mut sent = Vec::new();
    client.write_tls(&mut sent).expect("written");
    sent
}

/// The same message in records of `piece` bytes.
fn fragmented(hello: &[u8], piece: usize) -> Vec<u8> {
    let body = &hello[RECORD_HEADER_BYTES..];
    let record = |piece: &[u8]| {
        let length = u16::try_from(piece.len()).expect("short").to_be_bytes();
        [&[HANDSHAKE, 3, 1], &length[..], piece].concat()
    };
    body.chunks(piece).flat_map(record).collect()
}

fn check(bytes: &[u8], expected: Result<Option<&str>, &str>) {
    let found = HelloReader::default().push(bytes);
    match (found, expected) {
        (Ok(found), Ok(expected)) => {
            assert_eq!(found.map(|hello| hello.name).as_deref(), expected);
        }
        (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
        (found, expected) => panic!("{found:?} is not {expected:?}"),
    }
}

#[test]
fn the_name_is_read_however_the_hello_is_cut() {
    let hello = hello_for("Db.MySite.key");
    check(&hello, Ok(Some("db.mysite.key")));
    for piece in [1, 2, 3, 7, 100] {
        let fragmented = fragmented(&hello, piece);
        check(&fragmented, Ok(Some("db.mysite.key")));
        let mut reader = HelloReader::default();
        let (last, before) = fragmented.split_last().expect("not empty");
        for byte in before {
            assert_eq!(reader.push(&[*byte]), Ok(None));
        }
        assert!(reader.push(&[*last]).expect("whole").is_some());
        assert_eq!(reader.received(), fragmented);
    }
}

#[test]
fn what_is_no_hello_is_refused_at_its_first_wrong_byte() {
    check(b"", Ok(None));
    check(b"GET / HTTP/1.1\r\n", Err("no TLS"));
    check(&[HANDSHAKE, 2], Ok(None));
    check(&[HANDSHAKE, 2, 0, 0, 1], Err("no TLS"));
    check(&[HANDSHAKE, 3, 1, 0, 0], Err("no or too many"));
    check(&[HANDSHAKE, 3, 1, 0x40, 1], Err("no or too many"));
    check(&[HANDSHAKE, 3, 1, 0, 4, 2, 0, 0, 0], Err("another message"));
    check(&[HANDSHAKE, 3, 1, 0, 4, 1, 1, 0, 0], Err("more than 16384"));
    check(&hello_for("192.0.2.1"), Err("names no server"));
    let mut long = fragmented(&vec![1; 20_000], 1);
    long[5] = CLIENT_HELLO;
    long[11] = 0;
    long[17] = 0x3f;
    check(&long, Err("more than 16384"));
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..600), cut in 0_usize..600) {
        let mut reader = HelloReader::default();
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let in_two = match reader.push(first) {
            Ok(None) => reader.push(second),
            done => done,
        };
        prop_assert!(reader.received().len() <= HELLO_BYTES_MAX);
        // How it is cut changes nothing, but that a whole one may be followed by what is not for us.
        let at_once = HelloReader::default().push(&bytes);
        if !matches!(in_two, Ok(Some(_))) {
            prop_assert_eq!(in_two.is_err(), at_once.is_err());
        }
    }

    #[test]
    fn a_changed_byte_is_read_or_refused(at in 0_usize..200, to in any::<u8>()) {
        let mut hello = hello_for("db.mysite.key");
        hello[at] = to;
        if let Ok(Some(hello)) = HelloReader::default().push(&hello) {
            prop_assert!((1..=NAME_BYTES_MAX).contains(&hello.name.len()));
        }
    }
}
