//! The other end: sockets of the test's own, in the test's own process and without the library.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::FrontEnd;

/// A listener that a program under the library is to connect to.
pub struct Listener(TcpListener);

impl Listener {
    /// On an address, with a free port.
    #[must_use]
    pub fn on(address: &str) -> Self {
        let address: IpAddr = address.parse().expect("an address");
        Self(TcpListener::bind((address, 0)).expect("the address is on loopback"))
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> String {
        self.0.local_addr().expect("it is bound").port().to_string()
    }

    /// Where the next connection comes from.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.0.accept().expect("a connection waits").1
    }
}

/// A connection from an address of one's choice.
///
/// # Errors
/// Those of connect(2).
pub fn connect_from(source: &str, remote: &str, port: u16) -> io::Result<TcpStream> {
    let (socket, remote) = bound_to(source, remote, port);
    socket.connect(&remote.into())?;
    Ok(socket.into())
}

fn bound_to(source: &str, remote: &str, port: u16) -> (Socket, SocketAddr) {
    let [source, remote] = [source, remote].map(|text| text.parse::<IpAddr>().expect("an address"));
    let remote = SocketAddr::new(remote, port);
    let socket = Socket::new(Domain::for_address(remote), Type::STREAM, None).expect("a socket");
    let bound = socket.bind(&SocketAddr::new(source, 0).into());
    bound.expect("the address is on loopback");
    (socket, remote)
}

/// A peer that rules of ACCEPT refuse, and that has tried to connect.
pub struct Stranger(io::Result<TcpStream>);

impl Stranger {
    /// From an address of one's choice. Under the guard nobody answers, so it doesn't wait for that.
    #[must_use]
    pub fn from(source: &str, remote: &str, port: u16) -> Self {
        if FrontEnd::of_tests() == FrontEnd::Library {
            return Self(connect_from(source, remote, port));
        }
        let (socket, remote) = bound_to(source, remote, port);
        socket.set_nonblocking(true).expect("it can be");
        Self(match socket.connect(&remote.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(socket.into()),
        })
    }

    /// Whether the connection was reset by now, or as soon as it was made; under the guard, whether it
    /// still waits for an answer.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        if FrontEnd::of_tests() == FrontEnd::Library {
            return is_reset(&self.0);
        }
        let waits = |stream: &TcpStream| {
            let no_peer = stream.peer_addr().map_err(|error| error.kind());
            let no_error = matches!(stream.take_error(), Ok(None));
            no_peer == Err(io::ErrorKind::NotConnected) && no_error
        };
        self.0.as_ref().is_ok_and(waits)
    }
}

/// What a connection brings within ten seconds: bytes, or an error.
///
/// # Errors
/// Those of read(2).
pub fn received(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut bytes = [0; 64];
    let count = stream.read(&mut bytes)?;
    Ok(bytes[..count].to_vec())
}

/// Whether a connection was reset, by now or as soon as it was made.
#[must_use]
pub fn is_reset(connected: &io::Result<TcpStream>) -> bool {
    let is_reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
    match connected {
        Ok(stream) => received(stream).is_err_and(|error| is_reset(&error)),
        Err(error) => is_reset(error),
    }
}

/// A port on which nobody listens.
#[must_use]
pub fn refused_port(address: &str) -> String {
    Listener::on(address).port()
}

/// A UDP port that somebody has, so that nothing sent there comes back as an error.
#[must_use]
pub fn udp_port(address: &str) -> (UdpSocket, String) {
    let address: IpAddr = address.parse().expect("an address");
    let socket = UdpSocket::bind((address, 0)).expect("the address is on loopback");
    let port = socket.local_addr().expect("it is bound").port().to_string();
    (socket, port)
}

/// Where the next datagram comes from, within ten seconds.
#[must_use]
pub fn sender(socket: &UdpSocket) -> String {
    let timeout = Some(Duration::from_secs(10));
    socket.set_read_timeout(timeout).expect("a timeout");
    let (_, from) = socket.recv_from(&mut [0]).expect("a datagram");
    from.ip().to_string()
}

/// Whether somebody listens there.
#[must_use]
pub fn answers(address: &str, port: u16) -> bool {
    let address: IpAddr = address.parse().expect("an address");
    let connected = TcpStream::connect_timeout(&(address, port).into(), Duration::from_secs(2));
    match connected {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => false,
        Err(error) => panic!("connect to {address}:{port}: {error}"),
    }
}
