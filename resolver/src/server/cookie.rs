//! DNS cookies (RFC 7873): who sends one back owns the address that it asks from, and is not held to the limits for forgers.

use core::net::IpAddr;

use dotkey_proto::time::Timestamp;
const CLIENT_BYTES: usize = 8;
const SERVER_BYTES: usize = 16;

/// A whole cookie, as answers have it.
pub(super) const COOKIE_BYTES: usize = CLIENT_BYTES + SERVER_BYTES;

const VERSION: u8 = 1;

/// RFC 9018 section 4.3: an hour, and five minutes ahead.
const AGE_SECS_MAX: u32 = 3600;
const AHEAD_SECS_MAX: u32 = 300;

/// What a query's cookie says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// It has one that cannot be: RFC 7873 section 5.2.2 answers with FORMERR.
    Malformed,
    /// The client's part, and whether it came with a server's part of ours.
    Client {
        client: [u8; CLIENT_BYTES],
        known: bool,
    },
}

/// Makes server cookies and knows them again. They are in the layout of RFC 9018, with a hash of our own: only this process checks
/// them, and a restart makes all of them new.
pub(crate) struct Cookies {
    secret: [u8; 32],
}

impl Cookies {
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// What the cookie option of a query from an address is.
    pub(crate) fn read(&self, cookie: &[u8], address: IpAddr, now: Timestamp) -> Cookie {
        let Some((client, server)) = cookie.split_first_chunk::<CLIENT_BYTES>() else {
            return Cookie::Malformed;
        };
        // RFC 7873 section 4: a server's part has 8 to 32 bytes.
        if !(server.is_empty() || (8..=32).contains(&server.len())) {
            return Cookie::Malformed;
        }
        let known = self.is_known(client, server, address, now);
        Cookie::Client {
            client: *client,
            known,
        }
    }

    /// The whole cookie for the answer.
    pub(crate) fn make(
        &self,
        client: &[u8; CLIENT_BYTES],
        address: IpAddr,
        now: Timestamp,
    ) -> [u8; COOKIE_BYTES] {
        let mut cookie = [0; COOKIE_BYTES];
        let server = self.server(client, now.as_secs() as u32, address);
        cookie[..CLIENT_BYTES].copy_from_slice(client);
        cookie[CLIENT_BYTES..].copy_from_slice(&server);
        cookie
    }

    fn is_known(
        &self,
        client: &[u8; CLIENT_BYTES],
        server: &[u8],
        address: IpAddr,
        now: Timestamp,
    ) -> bool {
        let Some(made_at) = server.get(4..8).and_then(|bytes| bytes.try_into().ok()) else {
            return false;
        };
        let made_at = u32::from_be_bytes(made_at);
        let age = (now.as_secs() as u32).wrapping_sub(made_at);
        let in_time = age <= AGE_SECS_MAX || age.wrapping_neg() <= AHEAD_SECS_MAX;
        // Of a hash that the other side cannot compute: the time of the comparison shows nothing that helps.
        in_time && server == self.server(client, made_at, address)
    }

    fn server(
        &self,
        client: &[u8; CLIENT_BYTES],
        made_at: u32,
        address: IpAddr,
    ) -> [u8; SERVER_BYTES] {
        let mut cookie = [0; SERVER_BYTES];
        cookie[0] = VERSION;
        cookie[4..8].copy_from_slice(&made_at.to_be_bytes());
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        hasher.update(client).update(&cookie[..8]);
        match address.to_canonical() {
            IpAddr::V4(address) => hasher.update(&address.octets()),
            IpAddr::V6(address) => hasher.update(&address.octets()),
        };
        cookie[8..].copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        cookie
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_known_again_for_its_address_and_its_time() {
        let cookies = Cookies::new([7; 32]);
        let at = |secs| Timestamp::from_secs(secs).expect("in range");
        let here: IpAddr = [192, 0, 2, 1].into();
        let made = cookies.make(&[1; 8], here, at(10_000));
        let check = |cookie: &[u8], address: IpAddr, secs, expected: Cookie| {
            assert_eq!(cookies.read(cookie, address, at(secs)), expected);
        };
        let client = |known| Cookie::Client {
            client: [1; 8],
            known,
        };
        check(&made, here, 10_000, client(true));
        check(&made, here, 13_600, client(true));
        check(&made, here, 13_601, client(false));
        check(&made, here, 9_700, client(true));
        check(&made, here, 9_699, client(false));
        check(&made, [192, 0, 2, 2].into(), 10_000, client(false));
        check(&[1; 8], here, 10_000, client(false));
        let mut forged = made;
        forged[23] ^= 1;
        check(&forged, here, 10_000, client(false));
        check(&made[..23], here, 10_000, client(false));
        for length in [0, 7, 9, 15, 41] {
            check(&vec![1; length], here, 10_000, Cookie::Malformed);
        }
        let other = Cookies::new([8; 32]);
        assert_eq!(other.read(&made, here, at(10_000)), client(false));
    }
}
