//! One connection of a runtime: it sends a container's state, and the listener as a descriptor beside
//! it (SCM_RIGHTS of unix(7)).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::state::{Error, State};
use crate::sys::{message, seccomp};

/// How long a runtime may take, on a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a state may be, in bytes. It has all annotations of the container.
const MAX_LEN: usize = 4 << 20;

/// How many descriptors may come with it.
const MAX_DESCRIPTORS: usize = 16;

/// A connection that has not sent everything yet.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    text: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    /// When it has to have sent everything.
    pub until: Instant,
}

/// A container's listener.
#[derive(Debug)]
pub struct Handover {
    /// Whose it is.
    pub state: State,
    /// The listener.
    pub listener: OwnedFd,
}

/// What has come of a connection.
#[derive(Debug)]
pub enum Received {
    /// Not everything yet.
    Part,
    /// It was closed, and nothing was sent: somebody has looked whether there is an agent.
    Nothing,
    /// Everything.
    Handover(Handover),
}

impl Connection {
    /// Of a stream that doesn't block.
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            text: Vec::new(),
            descriptors: Vec::new(),
            until: Instant::now() + PATIENCE,
        }
    }

    /// Receives what is there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn receive(&mut self) -> Result<Received, String> {
        let mut buffer = [0; 16 << 10];
        loop {
            let received = message::receive(self.stream.as_fd(), &mut buffer);
            let count = match received {
                Ok((count, descriptors)) => {
                    self.descriptors.extend(descriptors);
                    count
                }
                Err(Errno::EAGAIN) if Instant::now() < self.until => return Ok(Received::Part),
                Err(Errno::EAGAIN) => return Err(self.timeout()),
                Err(errno) => return Err(errno.desc().to_owned()),
            };
            self.text
                .extend_from_slice(buffer.get(..count).unwrap_or_default());
            if self.text.len() > MAX_LEN || self.descriptors.len() > MAX_DESCRIPTORS {
                return Err(format!(
                    "it is too much: expected a state of at most {MAX_LEN} bytes and \
                     {MAX_DESCRIPTORS} descriptors"
                ));
            }
            // Tried where it may be whole only, for each attempt takes as long as the text is.
            let may_be_whole = count < buffer.len();
            match State::parse(&self.text) {
                _ if !may_be_whole => {}
                Ok(state) => return self.complete(state).map(Received::Handover),
                Err(Error::Incomplete) if self.text.is_empty() => return Ok(Received::Nothing),
                Err(Error::Incomplete) if count == 0 => {
                    return Err("it ends too early: expected a container's state".to_owned());
                }
                Err(Error::Incomplete) => {}
                Err(Error::Mistake(why)) => return Err(why),
            }
        }
    }

    fn complete(&mut self, state: State) -> Result<Handover, String> {
        let count = self.descriptors.len();
        if state.listener >= count {
            return Err(format!(
                "descriptors that came with it: {count}: expected {}",
                state.listener + 1
            ));
        }
        let listener = self.descriptors.swap_remove(state.listener);
        if !seccomp::is_listener(listener.as_fd()) {
            return Err("its descriptor is something else: expected a seccomp listener".to_owned());
        }
        Ok(Handover { state, listener })
    }

    fn timeout(&self) -> String {
        let (count, limit) = (self.text.len(), PATIENCE.as_secs());
        format!("{count} bytes within {limit} seconds: expected a container's state")
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
