//! An HTTP server without the shim, in the test's own process: it sees where clients come from.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Answers each request with the address that the request came from.
pub struct Observer {
    address: SocketAddr,
    peers: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Observer {
    /// Listens on 127.0.0.1; its threads end with the test's process.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind 127.0.0.1");
        let address = listener.local_addr().expect("getsockname");
        let peers = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&peers);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(peer) = client.peer_addr() else {
                    continue;
                };
                seen.lock().expect("the list of peers").push(peer);
                thread::spawn(move || answer(&client, peer.ip()));
            }
        });
        Self { address, peers }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The clients' ends of all connections so far.
    pub fn peers(&self) -> Vec<SocketAddr> {
        self.peers.lock().expect("the list of peers").clone()
    }

    /// Asserts that these are the addresses of all connections so far.
    #[track_caller]
    pub fn saw(&self, addresses: &[&str]) {
        let seen: Vec<_> = self.peers().iter().map(|p| p.ip().to_string()).collect();
        assert_eq!(seen, addresses);
    }
}

/// Requests without a body, until the client closes the connection, or at once for HTTP/1.0.
fn answer(mut client: &TcpStream, peer: IpAddr) {
    let mut lines = BufReader::new(client).lines().map_while(Result::ok);
    while let Some(request) = lines.next() {
        // The headers end with an empty line.
        if lines.find(String::is_empty).is_none() {
            return;
        }
        let body = format!("from {peer}\n");
        let length = body.len();
        let answered = write!(
            client,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        if answered.is_err() || request.ends_with("HTTP/1.0") {
            return;
        }
    }
}
