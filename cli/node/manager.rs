//! The service manager that may have started this program: systemd, or whatever speaks as it does. It hands over sockets that it
//! opened, ports below 1024 among them, and is told when everything serves.

use std::env;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use dotkey_resolver::server::{Handed, Sockets};
use dotkey_resolver::transport::Transport;
use listenfd::ListenFd;

use crate::exit::{CliError, Result};

use super::{API_PORT, system};

/// What the manager handed over.
#[derive(Debug, Default)]
pub(crate) struct Activated {
    /// For the resolver's listeners.
    pub(crate) handed: Handed,
    /// For the API.
    pub(crate) api: Option<TcpListener>,
}

/// A socket, whatever it is for.
enum Opened {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Activated {
    /// Takes the sockets: once, while the process has one thread, for it changes the environment.
    pub(crate) fn take() -> Result<Self> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names: Vec<&str> = names.split(':').collect();
        let mut handed = ListenFd::from_env();
        let mut activated = Self::default();
        for at in 0..handed.len() {
            let name = names.get(at).copied().unwrap_or_default();
            let opened = match handed.take_tcp_listener(at) {
                Ok(Some(listener)) => Opened::Tcp(listener),
                _ => match handed.take_udp_socket(at) {
                    Ok(Some(socket)) => Opened::Udp(socket),
                    _ => {
                        return Err(refused(
                            name,
                            "it is no socket of TCP that listens, nor one of UDP",
                        ));
                    }
                },
            };
            activated.put(name, opened)?;
        }
        Ok(activated)
    }

    fn put(&mut self, name: &str, opened: Opened) -> Result<()> {
        let address = match &opened {
            Opened::Tcp(listener) => listener.local_addr(),
            Opened::Udp(socket) => socket.local_addr(),
        };
        let port = address
            .map_err(|error| refused(name, &error.to_string()))?
            .port();
        let is_udp = matches!(opened, Opened::Udp(_));
        let sockets = match role(name, port, is_udp) {
            Some("dns") => &mut self.handed.dns,
            Some("dot") => &mut self.handed.dot,
            Some("doq") => &mut self.handed.doq,
            Some("doh") => &mut self.handed.doh,
            Some("api") => {
                let Opened::Tcp(listener) = opened else {
                    return Err(refused(name, "the API is served over TCP"));
                };
                self.api = Some(listener);
                return Ok(());
            }
            _ => {
                return Err(refused(
                    name,
                    "nothing here is called so, nor is its port one of ours",
                ));
            }
        };
        put(sockets, opened);
        Ok(())
    }
}

fn put(sockets: &mut Sockets, opened: Opened) {
    match opened {
        Opened::Tcp(listener) => sockets.tcp.push(listener),
        Opened::Udp(socket) => sockets.udp.push(socket),
    }
}

/// What a socket is for: what its name says, else what its port is known for. A unit that names nothing names its sockets after itself.
fn role(name: &str, port: u16, is_udp: bool) -> Option<&'static str> {
    const NAMES: [&str; 5] = ["dns", "dot", "doq", "doh", "api"];
    if let Some(name) = NAMES.into_iter().find(|known| *known == name) {
        return Some(name);
    }
    let is = |transport: Transport| {
        [transport.listen_port(), transport.well_known_port()].contains(&port)
    };
    match is_udp {
        _ if is(Transport::Udp) => Some("dns"),
        _ if is(Transport::Https) => Some("doh"),
        true if is(Transport::Quic) => Some("doq"),
        false if is(Transport::Tls) => Some("dot"),
        false if port == API_PORT => Some("api"),
        _ => None,
    }
}

fn refused(name: &str, why: &str) -> CliError {
    CliError::failed(
        "bad-socket",
        format!("the socket `{name}` that was handed over cannot be used: {why}"),
        "give it one of the names dns, dot, doq, doh or api, with FileDescriptorName= of its socket unit",
    )
}

/// The API's socket, for who serves there.
pub(crate) fn listener(handed: TcpListener) -> Result<tokio::net::TcpListener> {
    let taken = handed
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(handed));
    taken.map_err(|error| system("the API's socket cannot be used", &error))
}

/// Tells the manager how it stands: `READY=1`, `STOPPING=1`. Where there is none, nobody is told.
pub(crate) fn tell(state: &str) {
    if let Some(to) = env::var_os("NOTIFY_SOCKET") {
        // One that does not listen starts us nevertheless.
        let _ = send(to.as_encoded_bytes(), state);
    }
}

fn send(to: &[u8], state: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    // A name that begins with @ is no file.
    let address = match to.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => {
            let path = core::str::from_utf8(to).map_err(io::Error::other)?;
            SocketAddr::from_pathname(path)?
        }
    };
    socket.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_for_what_its_name_or_its_port_says() {
        let check = |name: &str, port, is_udp, expected: Option<&str>| {
            assert_eq!(role(name, port, is_udp), expected, "{name} {port}");
        };
        check("dns", 9, true, Some("dns"));
        check("doh", 53, false, Some("doh"));
        check("dotkey.socket", 53, true, Some("dns"));
        check("unknown", 5300, false, Some("dns"));
        check("", 853, false, Some("dot"));
        check("", 853, true, Some("doq"));
        check("", 443, true, Some("doh"));
        check("", 5380, false, Some("api"));
        check("", 5380, true, None);
        check("http", 80, false, None);
    }

    #[test]
    fn the_units_name_their_sockets_as_they_are_known_here() {
        for (name, unit) in [
            (
                "dns",
                include_str!("../../packaging/systemd/dotkey-resolver-dns.socket"),
            ),
            (
                "dot",
                include_str!("../../packaging/systemd/dotkey-resolver-dot.socket"),
            ),
            (
                "doq",
                include_str!("../../packaging/systemd/dotkey-resolver-doq.socket"),
            ),
            (
                "doh",
                include_str!("../../packaging/systemd/dotkey-resolver-doh.socket"),
            ),
        ] {
            assert_eq!(role(name, 0, false), Some(name));
            assert!(
                unit.contains(&format!("\nFileDescriptorName={name}\n")),
                "{unit}"
            );
            assert!(
                unit.contains("\nService=dotkey-resolver.service\n"),
                "{unit}"
            );
            let service = include_str!("../../packaging/systemd/dotkey-resolver.service");
            assert!(service.contains(&format!("dotkey-resolver-{name}.socket")));
        }
    }

    #[test]
    fn the_manager_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        send(path.as_os_str().as_encoded_bytes(), "READY=1").expect("told");
        let mut buffer = [0; 32];
        let length = manager.recv(&mut buffer).expect("a message");
        assert_eq!(&buffer[..length], b"READY=1");
        let name = format!("dotkey-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let manager = UnixDatagram::bind_addr(&address).expect("a socket");
        send(format!("@{name}").as_bytes(), "STOPPING=1").expect("told");
        let length = manager.recv(&mut buffer).expect("a message");
        assert_eq!(&buffer[..length], b"STOPPING=1");
    }
}
