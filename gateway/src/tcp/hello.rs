//! The beginning of a TLS connection: which name it is for, read from its ClientHello without taking part in it.
//!
//! Pure: bytes in, a name out. The message may come in any pieces, over several TLS records. What is read is bounded by
//! [`HELLO_BYTES_MAX`], each byte is looked at once, and whatever is no ClientHello is refused with the alert that RFC 8446
//! asks for. Nothing is decrypted: with Encrypted ClientHello it is the outer name that counts.

/// All that may come before the ClientHello is whole, record headers included. Browsers send 0.5 to 2 KiB; one full TLS record holds the largest
/// that is seen.
pub const HELLO_BYTES_MAX: usize = 16 << 10;

/// RFC 8446 section 5.1.
const RECORD_HEADER_BYTES: usize = 5;
const RECORD_BYTES_MAX: usize = 1 << 14;
const HANDSHAKE: u8 = 22;
/// RFC 8446 section 4.
const CLIENT_HELLO: u8 = 1;
/// RFC 6066 section 3.
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
/// RFC 1035 section 2.3.4, as text.
const NAME_BYTES_MAX: usize = 253;

/// Collects a ClientHello.
#[derive(Clone, Debug, Default)]
pub struct HelloReader {
    /// All that came.
    received: Vec<u8>,
    /// Where in it the next record's header begins.
    record_at: usize,
    /// The handshake message, without the headers of its records.
    message: Vec<u8>,
    is_done: bool,
}

/// What a ClientHello says in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The server name, in lower case.
    pub name: String,
}

/// Why there is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// The first bytes are of another protocol.
    #[error("it is no TLS; connect with TLS, and with the name that you want as server name")]
    NotTls,
    /// It does not end.
    #[error("its ClientHello has more than {HELLO_BYTES_MAX} bytes; send a shorter one")]
    TooLong,
    /// A rule of RFC 8446 or RFC 6066 is broken.
    #[error("its ClientHello is broken ({0}); mend the client")]
    Broken(&'static str),
    /// No server name.
    #[error(
        "it names no server; send the name that you want as server name (SNI), as `openssl s_client -servername` does"
    )]
    NoName,
}

impl HelloError {
    /// The TLS alert to end the connection with: RFC 8446 section 6.
    #[must_use]
    pub const fn alert(&self) -> Alert {
        match self {
            Self::NotTls => Alert::UnexpectedMessage,
            Self::TooLong | Self::Broken(_) => Alert::DecodeError,
            Self::NoName => Alert::UnrecognizedName,
        }
    }
}

/// Why we end a connection in whose TLS we take no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// Not what may come first.
    UnexpectedMessage = 10,
    /// Not to be read.
    DecodeError = 50,
    /// We cannot carry it.
    InternalError = 80,
    /// We know of nobody with that name.
    UnrecognizedName = 112,
}

impl Alert {
    /// As it is sent: fatal, in a record of its own.
    #[must_use]
    pub const fn record(self) -> [u8; 7] {
        [21, 3, 1, 0, 2, 2, self as u8]
    }
}

impl HelloReader {
    /// Takes what came next; the ClientHello's name once it is whole.
    ///
    /// # Errors
    /// It is none, or one without a name.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Hello>, HelloError> {
        assert!(!self.is_done, "the ClientHello was whole already");
        let room = HELLO_BYTES_MAX.saturating_sub(self.received.len());
        self.received
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        while let Some(body) = self.record()? {
            let from = self.record_at + RECORD_HEADER_BYTES;
            self.message
                .extend_from_slice(&self.received[from..from + body]);
            self.record_at = from + body;
            if let Some(message) = whole(&self.message)? {
                let hello = read(message)?;
                self.is_done = true;
                // What did not fit is the client's next flight, which nobody sends before an answer.
                return match bytes.len() > room {
                    true => Err(HelloError::TooLong),
                    false => Ok(Some(hello)),
                };
            }
        }
        match self.received.len() == HELLO_BYTES_MAX {
            true => Err(HelloError::TooLong),
            false => Ok(None),
        }
    }

    /// All that came, for who answers it.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// How many bytes the next record has, once it is whole. Its header is judged as soon as it is there.
    fn record(&self) -> Result<Option<usize>, HelloError> {
        let rest = &self.received[self.record_at..];
        if rest.first().is_some_and(|kind| *kind != HANDSHAKE) {
            return Err(match self.record_at {
                0 => HelloError::NotTls,
                _ => HelloError::Broken("another record in the middle of it"),
            });
        }
        let Some(([_, major, _, high, low], body)) =
            rest.split_first_chunk::<RECORD_HEADER_BYTES>()
        else {
            return Ok(None);
        };
        if *major != 3 {
            return Err(HelloError::NotTls);
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length == 0 || length > RECORD_BYTES_MAX {
            return Err(HelloError::Broken("a record of no or too many bytes"));
        }
        Ok((body.len() >= length).then_some(length))
    }
}

/// The body of the handshake message, when all of it is there.
fn whole(message: &[u8]) -> Result<Option<&[u8]>, HelloError> {
    let Some(([kind, a, b, c], body)) = message.split_first_chunk::<4>() else {
        return Ok(None);
    };
    if *kind != CLIENT_HELLO {
        return Err(HelloError::Broken("another message in its place"));
    }
    let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
    if length > HELLO_BYTES_MAX {
        return Err(HelloError::TooLong);
    }
    match body.len() > length {
        true => Err(HelloError::Broken("more after it in its record")),
        false => Ok((body.len() == length).then_some(body)),
    }
}

/// RFC 8446 section 4.1.2.
fn read(message: &[u8]) -> Result<Hello, HelloError> {
    const CUT: HelloError = HelloError::Broken("it ends too early");
    let mut rest = Bytes(message);
    rest.take(2 + 32).ok_or(CUT)?; // Version and random.
    rest.vector(1).ok_or(CUT)?; // Session id.
    rest.vector(2).ok_or(CUT)?; // Cipher suites.
    rest.vector(1).ok_or(CUT)?; // Compression.
    if rest.0.is_empty() {
        return Err(HelloError::NoName);
    }
    let mut extensions = Bytes(rest.vector(2).ok_or(CUT)?);
    if !rest.0.is_empty() {
        return Err(HelloError::Broken("more after its extensions"));
    }
    let mut name = None;
    while !extensions.0.is_empty() {
        let kind = extensions.number(2).ok_or(CUT)?;
        let data = extensions.vector(2).ok_or(CUT)?;
        if kind == usize::from(SERVER_NAME) && name.replace(server_name(data)?).is_some() {
            return Err(HelloError::Broken("two server name extensions"));
        }
    }
    name.map(|name| Hello { name }).ok_or(HelloError::NoName)
}

/// RFC 6066 section 3: a list with at most one name of a type, and there is one type only.
fn server_name(data: &[u8]) -> Result<String, HelloError> {
    const BROKEN: HelloError = HelloError::Broken("its server name cannot be read");
    let mut data = Bytes(data);
    let mut list = Bytes(data.vector(2).ok_or(BROKEN)?);
    let kind = list.number(1).ok_or(BROKEN)?;
    let name = list.vector(2).ok_or(BROKEN)?;
    let is_whole = data.0.is_empty() && list.0.is_empty() && kind == usize::from(HOST_NAME);
    let is_host =
        |byte: &u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    if !is_whole || !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.iter().all(is_host) {
        return Err(BROKEN);
    }
    Ok(name
        .iter()
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect())
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of this many bytes.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        let taken = self.take(bytes)?;
        Some(
            taken
                .iter()
                .fold(0, |number, byte| number << 8 | usize::from(*byte)),
        )
    }

    /// Bytes behind their number.
    fn vector(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let length = self.number(bytes)?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests;
