//! What a PostgreSQL server sends: where its messages begin and end, and the few of the first that the gateway looks at.
//!
//! Pure. After the startup message each message is a type, a length that counts itself, and a body. Until the first `ReadyForQuery` the key
//! for cancelling is read, and the offer of channel binding is taken out, which holds only where the client has the same TLS connection as
//! we have. From then on only the borders of the messages are followed, so that a connection that has to end can end with a message of ours
//! that the client understands.

use super::startup::{BackendKey, CANCEL_KEY_BYTES_MAX};

/// Type and length.
const HEADER_BYTES: usize = 5;
/// The messages that are looked at are shorter than this; a longer one passes unread.
const LOOKED_AT_BYTES_MAX: usize = 1024;
const _: () = assert!(LOOKED_AT_BYTES_MAX > HEADER_BYTES + 4 + CANCEL_KEY_BYTES_MAX);

const AUTHENTICATION: u8 = b'R';
const BACKEND_KEY_DATA: u8 = b'K';
const READY_FOR_QUERY: u8 = b'Z';
/// `AuthenticationSASL`.
const SASL: u32 = 10;
const BOUND_TO_CHANNEL: &[u8] = b"-PLUS";

/// Follows a server's bytes from its first one.
#[derive(Clone, Debug, Default)]
pub struct Greeting {
    is_over: bool,
    /// Whether the client must not be offered channel binding.
    hides_binding: bool,
    /// The beginning of a message that is not passed on yet.
    held: Vec<u8>,
    /// What of a message that passes unread is still to come.
    passing: usize,
    key: Option<BackendKey>,
}

impl Greeting {
    /// Of a server that is reached over a TLS connection of our own, or over none.
    #[must_use]
    pub fn new(hides_binding: bool) -> Self {
        Self {
            hides_binding,
            ..Self::default()
        }
    }

    /// Whether nothing is looked at any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The key for cancelling, once the server has told it; given out once.
    pub fn take_key(&mut self) -> Option<BackendKey> {
        self.key.take()
    }

    /// Takes what the server sent next, and adds what the client is to get.
    pub fn pass(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let unread = if self.is_over {
                bytes.len()
            } else {
                self.passing.min(bytes.len())
            };
            if unread > 0 {
                out.extend_from_slice(&bytes[..unread]);
                self.passing = self.passing.saturating_sub(unread);
                bytes = &bytes[unread..];
                continue;
            }
            self.held.push(bytes[0]);
            bytes = &bytes[1..];
            self.look(out);
        }
    }

    /// Decides what to do with what is held.
    fn look(&mut self, out: &mut Vec<u8>) {
        let Some(([kind, a, b, c, d], body)) = self.held.split_first_chunk::<HEADER_BYTES>() else {
            return;
        };
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize + 1;
        let looked_at = [AUTHENTICATION, BACKEND_KEY_DATA].contains(kind)
            && (HEADER_BYTES..=LOOKED_AT_BYTES_MAX).contains(&length);
        if looked_at && self.held.len() < length {
            return;
        }
        match *kind {
            BACKEND_KEY_DATA if looked_at => self.key = BackendKey::read(body),
            AUTHENTICATION if looked_at && self.hides_binding => {
                if let Some(other) = without_binding(body) {
                    self.held.truncate(1);
                    let length = u32::try_from(4 + other.len()).expect("shorter than it was");
                    self.held.extend_from_slice(&length.to_be_bytes());
                    self.held.extend_from_slice(&other);
                }
            }
            READY_FOR_QUERY => self.is_over = true,
            _ => {}
        }
        if !looked_at {
            self.passing = length.saturating_sub(HEADER_BYTES);
        }
        out.append(&mut self.held);
    }
}

/// The body of an `AuthenticationSASL` without the mechanisms that are bound to the channel; none where nothing is to change.
fn without_binding(body: &[u8]) -> Option<Vec<u8>> {
    let (code, list) = body.split_first_chunk::<4>()?;
    if u32::from_be_bytes(*code) != SASL {
        return None;
    }
    let mechanisms = list.split_inclusive(|byte| *byte == 0);
    let is_bound = |it: &&[u8]| {
        it.strip_suffix(&[0])
            .is_some_and(|it| it.ends_with(BOUND_TO_CHANNEL))
    };
    let kept: Vec<&[u8]> = mechanisms.clone().filter(|it| !is_bound(it)).collect();
    // A server with nothing else to offer is left to say so itself.
    let has_others = kept.iter().any(|it| it.len() > 1);
    (has_others && kept.len() < mechanisms.count()).then(|| [&code[..], &kept.concat()].concat())
}

/// Follows the borders of the messages that a client got.
#[derive(Clone, Copy, Debug, Default)]
pub struct Borders {
    header: [u8; HEADER_BYTES],
    have: usize,
    left: usize,
}

impl Borders {
    /// The client got these.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            self.header[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if self.have == HEADER_BYTES {
                let [_, a, b, c, d] = self.header;
                self.left = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(4);
                self.have = 0;
            }
        }
    }

    /// Whether a message of ours may follow.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.have == 0 && self.left == 0
    }
}

/// An error that ends a session, as a server would send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fatal {
    /// PostgreSQL's five characters for what kind of error it is.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Fatal {
    /// An `ErrorResponse`.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (field, text) in [
            (b'S', "FATAL"),
            (b'V', "FATAL"),
            (b'C', self.code),
            (b'M', &self.message),
            (b'H', &self.hint),
        ] {
            body.push(field);
            // Nothing of ours has zero bytes; what a client or a record said is cut at one.
            body.extend(text.bytes().take_while(|byte| *byte != 0));
            body.push(0);
        }
        body.push(0);
        let length = u32::try_from(4 + body.len()).expect("short");
        [&b"E"[..], &length.to_be_bytes(), &body].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(4 + body.len()).expect("short");
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    fn sasl(mechanisms: &[u8]) -> Vec<u8> {
        message(
            AUTHENTICATION,
            &[&SASL.to_be_bytes()[..], mechanisms].concat(),
        )
    }

    fn passed(greeting: &mut Greeting, bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        bytes
            .chunks(piece)
            .for_each(|piece| greeting.pass(piece, &mut out));
        out
    }

    #[test]
    fn the_key_is_seen_and_channel_binding_is_not_offered() {
        let ok = message(AUTHENTICATION, &[0; 4]);
        let key = message(BACKEND_KEY_DATA, &[0, 0, 0, 7, 1, 2, 3, 4]);
        let ready = message(READY_FOR_QUERY, b"I");
        let after = message(BACKEND_KEY_DATA, &[9; 8]);
        let rest = [ok, message(b'S', b"a\0b\0"), key, ready, after].concat();
        let offered = sasl(b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
        let all = [&offered[..], &rest].concat();
        for piece in [1, 3, 7, 1000] {
            let mut greeting = Greeting::new(false);
            assert_eq!(passed(&mut greeting, &all, piece), all);
            let key = greeting.take_key().expect("told");
            assert_eq!((key.process, &key.secret[..]), (7, &[1, 2, 3, 4][..]));
            assert_eq!(greeting.take_key(), None);
            let expected = [&sasl(b"SCRAM-SHA-256\0\0")[..], &rest].concat();
            assert_eq!(passed(&mut Greeting::new(true), &all, piece), expected);
        }
        let only = sasl(b"SCRAM-SHA-256-PLUS\0\0");
        assert_eq!(passed(&mut Greeting::new(true), &only, 5), only);
    }

    #[test]
    fn errors_have_all_that_clients_show() {
        let fatal = Fatal {
            code: "57P01",
            message: "it moved\0away".to_owned(),
            hint: "connect again".to_owned(),
        };
        let mut borders = Borders::default();
        let bytes = fatal.write();
        borders.pass(&bytes);
        assert!(borders.is_between());
        assert_eq!(
            &bytes[HEADER_BYTES..],
            b"SFATAL\0VFATAL\0C57P01\0Mit moved\0Hconnect again\0\0"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_break_it_and_little_is_held(
            bytes in proptest::collection::vec(prop_oneof![Just(b'R'), Just(b'K'), Just(b'Z'), Just(0_u8), any::<u8>()], 0..3000),
            piece in 1_usize..100,
            hides in any::<bool>(),
        ) {
            let mut greeting = Greeting::new(hides);
            let out = passed(&mut greeting, &bytes, piece);
            prop_assert!(greeting.held.len() <= LOOKED_AT_BYTES_MAX);
            if !hides {
                prop_assert_eq!([&out[..], &greeting.held].concat(), bytes);
            }
        }

        #[test]
        fn borders_stand_where_messages_end(
            messages in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40)), 1..8),
            cut in 0_usize..300,
        ) {
            let all: Vec<Vec<u8>> = messages.iter().map(|(kind, body)| message(*kind, body)).collect();
            let ends: Vec<usize> = all.iter().scan(0, |at, it| { *at += it.len(); Some(*at) }).collect();
            let bytes = all.concat();
            let cut = cut.min(bytes.len());
            let mut borders = Borders::default();
            bytes[..cut].chunks(3).for_each(|piece| borders.pass(piece));
            prop_assert_eq!(borders.is_between(), cut == 0 || ends.contains(&cut));
        }
    }
}
