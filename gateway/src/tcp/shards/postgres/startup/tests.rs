use super::*;
use proptest::prelude::*;

fn message(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + body.len()).expect("short");
    [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}

fn check(bytes: &[u8], expected: Result<Option<First>, &str>) {
    match (read(bytes), expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found.map(|(first, _)| first), expected),
        (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
        (found, expected) => panic!("{found:?} is not {expected:?}"),
    }
}

#[test]
fn first_messages_are_told_apart() {
    let start = |pairs: &[(&str, &str)]| {
        First::Start(Startup {
            version: 3 << 16,
            parameters: pairs
                .iter()
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
                .collect(),
        })
    };
    check(&message(SSL_REQUEST, b""), Ok(Some(First::Encrypt)));
    check(&message(GSS_REQUEST, b""), Ok(Some(First::Encrypt)));
    check(
        &message(3 << 16, b"user\0ann\0database\0shop\0\0"),
        Ok(Some(start(&[("user", "ann"), ("database", "shop")]))),
    );
    check(&message(3 << 16, b"\0"), Ok(Some(start(&[]))));
    let key = BackendKey {
        process: 7,
        secret: [1, 2, 3, 4].into(),
    };
    check(&key.request(), Ok(Some(First::Cancel(key))));
    check(&ssl_request(), Ok(Some(First::Encrypt)));
}

#[test]
fn others_are_refused_as_early_as_can_be() {
    check(b"", Ok(None));
    check(&[0, 0, 0, 7], Err("7 bytes"));
    check(&[0, 0, 0x27, 0x11], Err("10001 bytes"));
    check(b"GET / HTTP/1.1", Err("1195725856 bytes"));
    check(&[0, 0, 0, 99, 0, 2, 0, 0], Err("version 2.0"));
    check(&message(SSL_REQUEST, b"x"), Err("with a body"));
    check(&message(CANCEL_REQUEST, &[0; 4]), Err("no key"));
    check(&message(CANCEL_REQUEST, &[0; 261]), Err("no key"));
    for body in [&b""[..], b"user", b"user\0", b"user\0ann\0", b"user\0ann"] {
        check(&message(3 << 16, body), Err("does not end"));
    }
    check(&message(3 << 16, b"\0\0"), Err("more after"));
}

proptest! {
    #[test]
    fn no_bytes_break_it_and_what_is_read_is_written_again(
        code in prop_oneof![Just(3_u32 << 16), Just((3 << 16) + 2), Just(CANCEL_REQUEST), any::<u32>()],
        body in proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..300),
        cut in 0_usize..300,
    ) {
        let whole = message(code, &body);
        match read(&whole) {
            Ok(Some((first, length))) => {
                prop_assert_eq!(length, whole.len());
                match first {
                    First::Start(startup) => prop_assert_eq!(startup.write(), whole.clone()),
                    First::Cancel(key) => prop_assert_eq!(key.request(), whole.clone()),
                    First::Encrypt => prop_assert_eq!(length, HEADER_BYTES),
                }
                // Nothing is believed before it is whole, and what follows is left alone.
                prop_assert_eq!(read(&whole[..cut.min(whole.len() - 1)]), Ok(None));
                let more = [&whole[..], b"more"].concat();
                prop_assert_eq!(read(&more).map(|it| it.map(|it| it.1)), Ok(Some(length)));
            }
            Ok(None) => prop_assert!(false, "it is whole"),
            Err(_) => {}
        }
    }
}
