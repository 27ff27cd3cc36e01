//! The ways a DNS message travels, with the ports each has by default.

use hickory_net::xfer::Protocol;

/// How a message travels, to us or to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// RFC 1035: one packet each way.
    Udp,
    /// RFC 7766: length-prefixed, pipelined, answered out of order.
    Tcp,
    /// DoT, RFC 7858.
    Tls,
    /// DoH over HTTP/2, RFC 8484.
    Https,
    /// DoH over HTTP/3.
    Http3,
    /// DoQ, RFC 9250.
    Quic,
}

impl Transport {
    /// Every transport.
    pub const ALL: [Self; 6] = [
        Self::Udp,
        Self::Tcp,
        Self::Tls,
        Self::Https,
        Self::Http3,
        Self::Quic,
    ];

    /// Where our server listens unless told otherwise: above 1024, so that it needs no root. `dotkey system install` puts
    /// the well-known ports in front.
    #[must_use]
    pub const fn listen_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5300,
            Self::Tls | Self::Quic => 5853,
            Self::Https | Self::Http3 => 5443,
        }
    }

    /// Where an upstream listens unless its address says otherwise.
    #[must_use]
    pub const fn well_known_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 53,
            Self::Tls | Self::Quic => 853,
            Self::Https | Self::Http3 => 443,
        }
    }

    /// Whether it runs over UDP, and so on a port of its own beside TCP's.
    #[must_use]
    pub const fn is_datagram(self) -> bool {
        matches!(self, Self::Udp | Self::Http3 | Self::Quic)
    }

    /// Whether the path sees the message: decides on padding (RFC 7830 section 6) and on what a client may be told.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        !matches!(self, Self::Udp | Self::Tcp)
    }

    /// The same in hickory's words.
    #[must_use]
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Udp => Protocol::Udp,
            Self::Tcp => Protocol::Tcp,
            Self::Tls => Protocol::Tls,
            Self::Https => Protocol::Https,
            Self::Http3 => Protocol::H3,
            Self::Quic => Protocol::Quic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_listeners_share_a_socket() {
        let sockets: HashSet<(bool, u16)> = Transport::ALL
            .iter()
            .map(|transport| (transport.is_datagram(), transport.listen_port()))
            .collect();
        assert_eq!(sockets.len(), Transport::ALL.len());
    }

    #[test]
    fn encryption_agrees_with_hickory() {
        for transport in Transport::ALL {
            assert_eq!(
                transport.is_encrypted(),
                transport.protocol().is_encrypted()
            );
        }
    }
}
