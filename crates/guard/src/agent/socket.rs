//! Where runtimes connect: a Unix stream socket for the agent's own user only.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;

use crate::failure::Failure;

/// The agent's socket.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Makes it, in the place of one that an agent has left behind. While it is made the caller must
    /// be the process's only thread, because of umask(2).
    ///
    /// # Errors
    /// Something else is there, an agent that runs above all, or the directory can't be written to.
    pub fn make(path: &Path) -> Result<Self, Failure> {
        let refused = |why: String| Failure::Refused(format!("{}: {why}", path.display()));
        let system = |error: io::Error| refused(error.to_string());
        // Two agents that start at once would each remove what the other has made.
        let _lock = lock_directory_of(path)?;
        remove_stale(path).map_err(refused)?;
        let before = umask(Mode::from_bits_truncate(0o177));
        let made = UnixListener::bind(path);
        umask(before);
        let listener = made.map_err(system)?;
        listener.set_nonblocking(true).map_err(system)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// A connection that waits, of a user who may hand over listeners: the agent's own, or root.
    ///
    /// # Errors
    /// `EWOULDBLOCK` if none waits, `EACCES` for another user's, `EMFILE`.
    pub fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = self.listener.accept()?;
        let user = getsockopt(&stream, PeerCredentials)?.uid();
        if user != 0 && user != geteuid().as_raw() {
            let why = format!("user {user} may not hand over listeners: expected the agent's user");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        stream.set_nonblocking(true)?;
        Ok(stream)
    }

    /// Removes it: from now on runtimes find no agent.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

fn lock_directory_of(path: &Path) -> Result<File, Failure> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let opened = File::open(directory).and_then(|opened| opened.lock().map(|()| opened));
    opened.map_err(|error| Failure::Refused(format!("{}: {error}", directory.display())))
}

fn remove_stale(path: &Path) -> Result<(), String> {
    let kind = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if !kind.is_socket() {
        return Err("is there and no socket: expected a path for the agent's own".to_owned());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| error.to_string())
        }
        Ok(_) => Err("another agent listens there: expected one agent for a socket".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
