//! What a PostgreSQL client sends first: the start of a session, a question about encryption, or a request to cancel.
//!
//! Pure. PostgreSQL's documentation, "Message Formats": these messages have no type byte; a length that counts itself comes first. The bounds
//! are the server's own.

/// `MAX_STARTUP_PACKET_LENGTH` of PostgreSQL's `pqcomm.h`.
pub const STARTUP_BYTES_MAX: usize = 10_000;
/// Length and code.
const HEADER_BYTES: usize = 8;
/// "PostgreSQL 18 and newer": `MAX_CANCEL_KEY_LENGTH`. Before, it was always 4.
pub const CANCEL_KEY_BYTES_MAX: usize = 256;

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;
const MAJOR: u32 = 3;

/// What a client begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// Whether the connection may be encrypted, by TLS or by GSSAPI.
    Encrypt,
    /// Ends what another connection is doing.
    Cancel(BackendKey),
    /// A session.
    Start(Startup),
}

/// What a server gave to a session, for who wants to cancel what it does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendKey {
    /// The server's process.
    pub process: u32,
    /// A secret.
    pub secret: Box<[u8]>,
}

/// The start of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Startup {
    /// The protocol's version: 3 in the upper half.
    pub version: u32,
    /// Names and values, as they came.
    pub parameters: Vec<Parameter>,
}

/// A name and its value.
pub type Parameter = (Vec<u8>, Vec<u8>);

/// Why a client is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartupError {
    /// No length that such a message may have.
    #[error("a startup message of {bytes} bytes; PostgreSQL's have 8 to {STARTUP_BYTES_MAX}")]
    Length {
        /// What was announced.
        bytes: u32,
    },
    /// Version 2 or what is not known yet.
    #[error("protocol version {major}.{minor}; PostgreSQL speaks version 3 since 2003")]
    Version {
        /// The upper half.
        major: u32,
        /// The lower half.
        minor: u32,
    },
    /// Not what stands on the page of formats.
    #[error("a startup message that cannot be read ({0})")]
    Broken(&'static str),
}

/// Reads the first message: it and how many bytes it has, once it is whole.
///
/// # Errors
/// It is none; said as soon as its header shows it.
pub fn read(bytes: &[u8]) -> Result<Option<(First, usize)>, StartupError> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let announced = u32::from_be_bytes(*length);
    let length = announced as usize;
    if !(HEADER_BYTES..=STARTUP_BYTES_MAX).contains(&length) {
        return Err(StartupError::Length { bytes: announced });
    }
    let Some((code, rest)) = rest.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let code = u32::from_be_bytes(*code);
    let (major, minor) = (code >> 16, code & 0xffff);
    if major != MAJOR && ![SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST].contains(&code) {
        return Err(StartupError::Version { major, minor });
    }
    let Some(body) = rest.get(..length - HEADER_BYTES) else {
        return Ok(None);
    };
    let first = match code {
        SSL_REQUEST | GSS_REQUEST if body.is_empty() => First::Encrypt,
        SSL_REQUEST | GSS_REQUEST => {
            return Err(StartupError::Broken("an encryption request with a body"));
        }
        CANCEL_REQUEST => First::Cancel(
            BackendKey::read(body).ok_or(StartupError::Broken("no key in a cancel request"))?,
        ),
        version => First::Start(Startup {
            version,
            parameters: parameters(body)?,
        }),
    };
    Ok(Some((first, length)))
}

/// Pairs of strings that end with a zero byte, then one more zero byte.
fn parameters(body: &[u8]) -> Result<Vec<Parameter>, StartupError> {
    let mut parameters = Vec::new();
    let mut strings = body.split_inclusive(|byte| *byte == 0);
    let mut next = || {
        let string = strings.next().and_then(|it| it.strip_suffix(&[0]));
        string.ok_or(StartupError::Broken("a string does not end"))
    };
    loop {
        let name = next()?;
        if name.is_empty() {
            break;
        }
        parameters.push((name.to_vec(), next()?.to_vec()));
    }
    match strings.next() {
        None => Ok(parameters),
        Some(_) => Err(StartupError::Broken("more after its end")),
    }
}

impl BackendKey {
    /// Reads a process and its secret.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let (process, secret) = body.split_first_chunk::<4>()?;
        (1..=CANCEL_KEY_BYTES_MAX)
            .contains(&secret.len())
            .then(|| Self {
                process: u32::from_be_bytes(*process),
                secret: secret.into(),
            })
    }

    /// The request that cancels.
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        let length = HEADER_BYTES + 4 + self.secret.len();
        let length = u32::try_from(length).expect("a secret is short");
        let mut bytes = Vec::new();
        for number in [length, CANCEL_REQUEST, self.process] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.secret);
        bytes
    }
}

impl Startup {
    /// As it is sent.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, value) in &self.parameters {
            for text in [name, value] {
                body.extend_from_slice(text);
                body.push(0);
            }
        }
        body.push(0);
        let length =
            u32::try_from(HEADER_BYTES + body.len()).expect("no longer than what was read");
        [
            &length.to_be_bytes()[..],
            &self.version.to_be_bytes(),
            &body,
        ]
        .concat()
    }
}

/// The question whether a server takes TLS.
#[must_use]
pub fn ssl_request() -> [u8; HEADER_BYTES] {
    let mut bytes = [0, 0, 0, HEADER_BYTES as u8, 0, 0, 0, 0];
    bytes[4..].copy_from_slice(&SSL_REQUEST.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests;
