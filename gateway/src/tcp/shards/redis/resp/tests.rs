use super::*;
use proptest::prelude::*;

const BYTES_MAX: usize = 1000;

fn commands(bytes: &[u8], piece: usize) -> Result<Vec<Command>, RespError> {
    let mut reader = CommandReader::new(BYTES_MAX);
    let mut found = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        while let Some(command) = reader.next_command()? {
            found.push(command);
        }
    }
    Ok(found)
}

/// The lengths of the replies in there.
fn replies(bytes: &[u8], piece: usize) -> Result<Vec<usize>, RespError> {
    let (mut reader, mut found, mut length) = (ReplyReader::default(), Vec::new(), 0);
    for mut piece in bytes.chunks(piece) {
        while !piece.is_empty() {
            let progress = reader.advance(piece)?;
            length += progress.used;
            piece = &piece[progress.used..];
            if progress.is_whole {
                found.push(core::mem::take(&mut length));
            }
        }
    }
    Ok(found)
}

fn check<T: core::fmt::Debug>(found: Result<T, RespError>, text: &str) {
    let error = found.expect_err(text).to_string();
    assert!(error.contains(text), "{error}");
}

#[test]
fn commands_are_read_however_they_are_cut() {
    let set = Command::of(&[b"SET", b"k\r\n", b""]);
    assert_eq!(
        set.as_bytes(),
        b"*3\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$0\r\n\r\n"
    );
    let get = Command::of(&[b"GET", b"k"]);
    let bytes = [set.as_bytes(), b"*0\r\n", get.as_bytes(), b"*2\r\n$3\r\nGE"].concat();
    for piece in [1, 2, 5, 100] {
        assert_eq!(commands(&bytes, piece), Ok(vec![set.clone(), get.clone()]));
    }
    assert_eq!(
        (set.word(0), set.argument(2), set.argument(3)),
        ("set".to_owned(), Some(&b""[..]), None)
    );
    assert_eq!(Command::of(&[b"EVAL", b"x", b"12"]).number(2), Some(12));
}

#[test]
fn what_is_no_command_is_refused() {
    check(commands(b"PING\r\n", 100), "inline");
    check(commands(b"*1\r\n+PING\r\n", 100), "no bulk string");
    check(commands(b"*1\r\n$4\r\nPING!!", 100), "longer than it says");
    for length in [
        "*-1\r\n",
        "*\r\n",
        "*1\n",
        "*+1\r\n",
        "*99999999999999",
        "*1\r\n$ 4\r\n",
    ] {
        check(commands(length.as_bytes(), 100), "no number");
    }
    check(commands(b"*65537\r\n", 100), "too many");
    check(commands(b"*1\r\n$1001\r\n", 100), "more than 1000 bytes");
    check(
        commands(Command::of(&[&[0; 500], &[0; 500]]).as_bytes(), 100),
        "more than 1000 bytes",
    );
}

#[test]
fn replies_are_followed_to_their_end() {
    for reply in [
        "+OK\r\n",
        "-ERR no\r\n",
        ":-12\r\n",
        "$5\r\na\r\nbc\r\n",
        "$0\r\n\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*2\r\n:1\r\n$1\r\na\r\n",
        "*2\r\n*1\r\n*0\r\n+x\r\n",
        "_\r\n",
        "#t\r\n",
        ",1.5\r\n",
        "(123\r\n",
        "!3\r\nERR\r\n",
        "=7\r\ntxt:abc\r\n",
        "%1\r\n+a\r\n*1\r\n:1\r\n",
        "~2\r\n:1\r\n:2\r\n",
        "|1\r\n+ttl\r\n:3\r\n$1\r\na\r\n",
        "*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n",
        "*1\r\n>1\r\n+x\r\n",
        "|0\r\n+x\r\n",
        "%0\r\n",
    ] {
        let twice = [reply.as_bytes(), reply.as_bytes()].concat();
        for piece in [1, 3, 100] {
            assert_eq!(
                replies(&twice, piece),
                Ok(vec![reply.len(), reply.len()]),
                "{reply:?}"
            );
        }
        for cut in 0..reply.len() {
            assert_eq!(
                replies(&reply.as_bytes()[..cut], 2),
                Ok(vec![]),
                "{reply:?} at {cut}"
            );
        }
    }
    check(replies(b"hello", 9), "no known type");
    check(replies(b">2\r\n", 9), "nobody asked for");
    check(replies(b"$?\r\n", 9), "no number");
    check(replies(b"$12345678901234\r\n", 99), "no number");
    check(replies("*1\r\n".repeat(33).as_bytes(), 9), "too deep");
}

proptest! {
    #[test]
    fn any_arguments_come_out_as_they_went_in(
        arguments in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 1..10),
        piece in 1_usize..50,
    ) {
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        let command = Command::of(&arguments);
        let twice = [command.as_bytes(), command.as_bytes()].concat();
        let found = commands(&twice, piece).expect("commands");
        prop_assert_eq!(found, vec![command.clone(), command]);
    }

    #[test]
    fn no_bytes_break_them(bytes in proptest::collection::vec(prop_oneof![
        Just(b'*'), Just(b'$'), Just(b'1'), Just(b'0'), Just(b'\r'), Just(b'\n'), Just(b'|'), Just(b'%'), any::<u8>()
    ], 0..200), piece in 1_usize..50) {
        let found = commands(&bytes, piece);
        prop_assert_eq!(found.is_err(), commands(&bytes, 1).is_err());
        let found = replies(&bytes, piece);
        prop_assert_eq!(&found, &replies(&bytes, 1));
        prop_assert!(found.is_err() || found.is_ok_and(|it| it.iter().sum::<usize>() <= bytes.len()));
    }
}
