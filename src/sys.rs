//! The system calls that the shim makes on its own account, each in one small function.
//!
//! open, read, write and close are cancellation points in libc, bind is none: here they go through
//! syscall(2), so that a pending pthread_cancel can't strike inside a bind. All of them set errno;
//! the exported functions put it back.

use core::ffi::{CStr, c_int, c_long, c_void};
use core::mem::{MaybeUninit, size_of};
use core::ptr;

use ipaddr_policy::text::{Sink, Text};

use crate::sockaddr::Sockaddr;

/// An error number, see errno(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub c_int);

impl Errno {
    /// The calling thread's errno.
    pub fn get() -> Self {
        // SAFETY: the pointer is to this thread's errno, always valid.
        Self(unsafe { *libc::__errno_location() })
    }

    /// Sets the calling thread's errno.
    pub fn set(self) {
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = self.0 };
    }
}

impl Text for Errno {
    /// strerror(3) without its locale, for what can happen to a policy file.
    fn write(&self, out: &mut impl Sink) {
        match self.0 {
            libc::EACCES | libc::EPERM => "permission denied",
            libc::ENOENT | libc::ENOTDIR => "no such file",
            libc::ELOOP => "too many symbolic links",
            libc::ENAMETOOLONG => "file name too long",
            libc::EFBIG => "file too large",
            libc::EMFILE | libc::ENFILE => "too many open files",
            errno => return ("errno ", errno.unsigned_abs()).write(out),
        }
        .write(out);
    }
}

/// -1 is an error, its number in errno.
fn checked(result: c_long) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| Errno::get())
}

/// An open file, closed when it goes out of scope: never across a call that can be cancelled.
pub struct File(c_int);

impl File {
    /// openat(2) for reading. `O_NONBLOCK`, so that a FIFO in the way can't block.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn open(path: &CStr) -> Result<Self, Errno> {
        Self::open_with(
            path,
            libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK,
        )
    }

    /// openat(2) for appending; the file is created, mode 0644 less the umask, if need be.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn append(path: &CStr) -> Result<Self, Errno> {
        let create = libc::O_CREAT | libc::O_APPEND | libc::O_WRONLY;
        Self::open_with(
            path,
            create | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK,
        )
    }

    fn open_with(path: &CStr, flags: c_int) -> Result<Self, Errno> {
        // SAFETY: the path is NUL-terminated; openat reads it and nothing else.
        let fd = checked(unsafe {
            libc::syscall(
                libc::SYS_openat,
                libc::AT_FDCWD,
                path.as_ptr(),
                flags,
                0o644 as c_int,
            )
        })?;
        c_int::try_from(fd)
            .map(Self)
            .map_err(|_| Errno(libc::EBADF))
    }

    /// Fills `buffer` from the file, and returns how much there was.
    ///
    /// # Errors
    /// Those of read(2); `EFBIG` when the file holds more than `buffer` takes.
    pub fn read_to_end(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut filled = 0;
        loop {
            let Some(free) = buffer.get_mut(filled..) else {
                return Err(Errno(libc::EFBIG));
            };
            if free.is_empty() {
                return Err(Errno(libc::EFBIG));
            }
            // SAFETY: the kernel writes at most `free.len()` bytes into `free`.
            let read =
                unsafe { libc::syscall(libc::SYS_read, self.0, free.as_mut_ptr(), free.len()) };
            match checked(read) {
                Ok(0) => return Ok(filled),
                Ok(count) => filled += count,
                Err(Errno(libc::EINTR)) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// fstat(2).
    ///
    /// # Errors
    /// Those of fstat(2).
    pub fn stat(&self) -> Result<Stat, Errno> {
        stat(self.0)
    }

    /// write(2), once.
    pub fn write(&self, bytes: &[u8]) {
        write(self.0, bytes);
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and used nowhere else.
        unsafe { libc::syscall(libc::SYS_close, self.0) };
    }
}

/// What the shim wants to know of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The device and the inode: which file it is.
    pub identity: (u64, u64),
    mode: u32,
}

impl Stat {
    /// Whether it is a regular file.
    pub const fn is_regular(self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFREG
    }

    /// Whether anybody may write to it.
    pub const fn is_world_writable(self) -> bool {
        self.mode & libc::S_IWOTH != 0
    }

    fn from_kernel(result: c_long, stat: MaybeUninit<libc::stat>) -> Result<Self, Errno> {
        checked(result)?;
        // SAFETY: the kernel has filled it.
        let stat = unsafe { stat.assume_init() };
        Ok(Self {
            identity: (stat.st_dev, stat.st_ino),
            mode: stat.st_mode,
        })
    }
}

/// fstat(2). By its number: libc's own is a new symbol in glibc 2.33.
///
/// # Errors
/// Those of fstat(2).
pub fn stat(fd: c_int) -> Result<Stat, Errno> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: on 64-bit Linux libc's struct stat is the kernel's.
    let result = unsafe { libc::syscall(libc::SYS_fstat, fd, stat.as_mut_ptr()) };
    Stat::from_kernel(result, stat)
}

/// stat(2).
///
/// # Errors
/// Those of stat(2).
pub fn stat_path(path: &CStr) -> Result<Stat, Errno> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: as above; the path is NUL-terminated.
    let result = unsafe {
        libc::syscall(
            libc::SYS_newfstatat,
            libc::AT_FDCWD,
            path.as_ptr(),
            stat.as_mut_ptr(),
            0,
        )
    };
    Stat::from_kernel(result, stat)
}

/// Whether there is nothing at `path`: only `ENOENT` and `ENOTDIR` say so.
///
/// faccessat(2) is the cheapest call that tells; an unrestricted process makes it at each call.
pub fn is_absent(path: &CStr) -> bool {
    // SAFETY: the path is NUL-terminated; the kernel reads it and nothing else.
    let result = checked(unsafe {
        libc::syscall(
            libc::SYS_faccessat,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::F_OK,
        )
    });
    matches!(result, Err(Errno(libc::ENOENT | libc::ENOTDIR)))
}

/// write(2), once; a log line that can't be written is lost.
pub fn write(fd: c_int, bytes: &[u8]) {
    // SAFETY: the kernel reads `bytes` and nothing else.
    unsafe { libc::syscall(libc::SYS_write, fd, bytes.as_ptr(), bytes.len()) };
}

/// Fresh zeroed pages for one `T`, or null. mmap(2) rather than malloc(3), which a signal handler
/// must not call.
pub fn map<T>() -> *mut T {
    map_bytes(size_of::<T>()).cast()
}

/// Fresh zeroed pages for `len` bytes, or null.
pub fn map_bytes(len: usize) -> *mut c_void {
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing.
    let pages = unsafe {
        libc::mmap(
            ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if pages == libc::MAP_FAILED {
        ptr::null_mut()
    } else {
        pages
    }
}

/// Gives pages back.
///
/// # Safety
/// `pages` is from [`map_bytes`] with the same `len`, and nobody uses it any more.
pub unsafe fn unmap_bytes(pages: *mut c_void, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { libc::munmap(pages, len) };
}

/// Whether the process runs with more rights than its caller (`AT_SECURE`, see getauxval(3)).
pub fn is_secure() -> bool {
    // SAFETY: getauxval has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The process id.
pub fn pid() -> c_int {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() }
}

/// getsockname(2).
///
/// # Errors
/// Those of getsockname(2).
pub fn local_address(fd: c_int) -> Result<Sockaddr, Errno> {
    let mut sockaddr = Sockaddr::empty();
    let (address, len) = sockaddr.as_out();
    // SAFETY: `len` says how much room `address` has.
    let result = unsafe { libc::getsockname(fd, address, len) };
    checked(result.into()).map(|_| sockaddr)
}

/// Whether an AF_INET6 socket carries IPv4 too: `IPV6_V6ONLY` is 0 and its protocol has an IPv4
/// half, which raw and ICMPv6 ones have not.
///
/// True also where the kernel won't tell: then it isn't an AF_INET6 socket, and the kernel refuses
/// what is made of the answer.
pub fn is_dual_stack(fd: c_int) -> bool {
    let is = |level, option, value| option_value(fd, level, option) == Ok(value);
    let v6only = is(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1);
    let icmpv6 = is(libc::SOL_SOCKET, libc::SO_PROTOCOL, libc::IPPROTO_ICMPV6);
    !(v6only || icmpv6 || is_raw(fd))
}

/// Whether the socket is TCP or MPTCP.
pub fn is_tcp(fd: c_int) -> bool {
    let protocol = option_value(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL);
    matches!(protocol, Ok(libc::IPPROTO_TCP | libc::IPPROTO_MPTCP))
}

/// Whether the socket is raw, see raw(7).
pub fn is_raw(fd: c_int) -> bool {
    option_value(fd, libc::SOL_SOCKET, libc::SO_TYPE) == Ok(libc::SOCK_RAW)
}

/// Whether `fd` is a socket at all.
///
/// # Errors
/// `EBADF` or `ENOTSOCK` if it isn't.
pub fn is_socket(fd: c_int) -> Result<(), Errno> {
    option_value(fd, libc::SOL_SOCKET, libc::SO_TYPE).map(|_| ())
}

fn option_value(fd: c_int, level: c_int, option: c_int) -> Result<c_int, Errno> {
    let mut value: c_int = 0;
    let mut len: libc::socklen_t = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `len` says how much room `value` has.
    let result =
        unsafe { libc::getsockopt(fd, level, option, (&raw mut value).cast(), &raw mut len) };
    checked(result.into()).map(|_| value)
}

/// Whether `IP_BIND_ADDRESS_NO_PORT` (ip(7)) is set.
pub fn has_bind_address_no_port(fd: c_int) -> bool {
    option_value(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT) == Ok(1)
}

/// Sets `IP_BIND_ADDRESS_NO_PORT` (ip(7)): a bind to port 0 then leaves the port to connect, which
/// picks it by 4-tuple. Works on AF_INET6 sockets too. A kernel older than 4.2 lacks it, and picks
/// the port at the bind: dearer in ports, otherwise the same.
pub fn set_bind_address_no_port(fd: c_int, on: bool) {
    let value = c_int::from(on);
    // SAFETY: the kernel reads `value` and nothing else.
    unsafe {
        libc::setsockopt(
            fd,
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const value).cast(),
            size_of::<c_int>() as libc::socklen_t,
        );
    }
}
