//! Redis's protocol: commands (even first byte) and replies.
#![no_main]

use dotkey_gateway::tcp::shards::redis::commands::{Way, keys, shard_key, way};
use dotkey_gateway::tcp::shards::redis::resp::{Command, CommandReader, ReplyReader, RespError};
use libfuzzer_sys::fuzz_target;

const BYTES_MAX: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else {
        return;
    };
    let piece = 1 + usize::from(*which) / 2;
    if which % 2 == 1 {
        assert_eq!(replies(data, piece), replies(data, data.len().max(1)));
        return;
    }
    let found = commands(data, piece);
    let (at_once, _) = commands(data, data.len().max(1));
    assert_eq!(found.0, at_once);
    for command in found.0 {
        let arguments: Vec<&[u8]> = (0..command.len())
            .filter_map(|at| command.argument(at))
            .collect();
        assert!(!arguments.is_empty() && command.as_bytes().len() <= BYTES_MAX + 64);
        // A client that writes lengths with zeros before them means the same.
        let written = Command::of(&arguments);
        assert!(written.as_bytes().len() <= command.as_bytes().len());
        if let Way::Keyed(places, _) = way(&command.word(0))
            && let Some(keys) = keys(&command, places)
        {
            assert!(!keys.is_empty() && keys.iter().all(|key| arguments[1..].contains(key)));
            assert!(keys.iter().all(|key| shard_key(key).len() <= key.len()));
        }
    }
});

fn commands(data: &[u8], piece: usize) -> (Vec<Command>, Option<RespError>) {
    let (mut reader, mut found) = (CommandReader::new(BYTES_MAX), Vec::new());
    for piece in data.chunks(piece) {
        reader.push(piece);
        loop {
            match reader.next_command() {
                Ok(Some(command)) => found.push(command),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
        // What is held is of a command that is not whole.
        assert!(reader.held() <= BYTES_MAX + 16);
    }
    (found, None)
}

fn replies(data: &[u8], piece: usize) -> (Vec<usize>, bool) {
    let (mut reader, mut found, mut length) = (ReplyReader::default(), Vec::new(), 0);
    for mut piece in data.chunks(piece) {
        while !piece.is_empty() {
            let Ok(progress) = reader.advance(piece) else {
                return (found, true);
            };
            assert!(progress.used <= piece.len());
            length += progress.used;
            piece = &piece[progress.used..];
            if progress.is_whole {
                found.push(std::mem::take(&mut length));
            }
        }
    }
    assert!(found.iter().all(|length| *length > 0));
    (found, false)
}
