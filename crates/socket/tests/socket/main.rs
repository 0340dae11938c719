//! What becomes of a call on one socket: each rule once, on real sockets on loopback, or, where the
//! kernel is hard to bring to it, on one that only plays a socket.

mod accept;
mod advance;
mod bind;
mod confined;
mod connect;
mod level;
mod listen;
mod pktinfo;
mod send;
mod support;
