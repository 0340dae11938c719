//! Files, read and written without libc: see [`crate::sys::syscall`].

use core::ffi::{CStr, c_char, c_int, c_ulong};
use core::mem::{self, MaybeUninit, offset_of};

use ipaddr_policy::text::decimal;
use ipaddr_policy::trust::Status;
use libc::AT_FDCWD;

use crate::sys::errno::Errno;
use crate::sys::syscall::{syscall, word};

/// An open file, closed when it goes out of scope: never across a call that can be cancelled.
///
/// openat(2) gives it the lowest free number, which the program may think is its own: another
/// thread may dup2(2) onto it. So the file is moved at once to a high number, which programs seldom
/// choose, and no number is closed that meanwhile has become another file's. (One system call is
/// between that check and close(2), because there is no call that closes a number only if it is
/// still the same file's. While openat(2) runs, such a dup2(2) is `EBUSY`, as dup2(2) says.)
///
/// A child that another thread forks at that moment inherits the file, opened for reading. An exec
/// closes it.
pub struct File {
    /// The descriptor.
    number: c_int,
    /// Of the flags of openat(2) those that `F_GETFL` returns.
    flags: c_int,
}

/// The library's files have numbers from here on, unless the limit is lower. For the first one the
/// kernel enlarges the table of descriptors, to 8 KiB: at load, if there is a policy directory to
/// be read. In a process with threads that takes some milliseconds, once: if the policy directory
/// is made late, or in a forked process that has started threads.
const HIGH: c_int = 1000;

/// How often a file is opened again because another thread has taken its number before it was moved.
const ATTEMPTS: u32 = 8;

impl File {
    /// openat(2) for reading. With `O_NONBLOCK`, so that a FIFO at the path can't block.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn open(path: &CStr) -> Result<Self, Errno> {
        Self::open_at(AT_FDCWD, path.as_ptr())
    }

    /// As [`Self::open`], relative to a directory.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn open_at(directory: c_int, path: *const c_char) -> Result<Self, Errno> {
        Self::open_with(directory, path, libc::O_RDONLY)
    }

    /// The descriptor, for a system call.
    pub const fn descriptor(&self) -> c_int {
        self.number
    }

    /// openat(2) of a directory, to list it.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn open_directory(path: &CStr) -> Result<Self, Errno> {
        Self::open_with(AT_FDCWD, path.as_ptr(), libc::O_DIRECTORY | libc::O_RDONLY)
    }

    /// getdents64(2): writes some of the directory's entries to `buffer`, and returns how many
    /// bytes they take; 0 at the end.
    ///
    /// # Errors
    /// Those of getdents64(2).
    pub fn read_entries(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let to = buffer.as_mut_ptr().expose_provenance();
        let arguments = [word(self.number), to, buffer.len()];
        // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
        unsafe { syscall(libc::SYS_getdents64, arguments) }
    }

    /// openat(2) for appending; a new file is created with mode 0644 less the umask.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn append(path: &CStr) -> Result<Self, Errno> {
        Self::open_with(
            AT_FDCWD,
            path.as_ptr(),
            libc::O_CREAT | libc::O_APPEND | libc::O_WRONLY,
        )
    }

    /// openat(2) for appending to a file that exists.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn write_again(path: &CStr) -> Result<Self, Errno> {
        Self::open_with(AT_FDCWD, path.as_ptr(), libc::O_APPEND | libc::O_WRONLY)
    }

    fn open_with(directory: c_int, path: *const c_char, flags: c_int) -> Result<Self, Errno> {
        let flags = flags | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
        let arguments = [word(directory), path.addr(), word(flags), 0o644];
        for _ in 0..ATTEMPTS {
            // SAFETY: openat reads the path and nothing else, and fails where it can't.
            let number = unsafe { syscall(libc::SYS_openat, arguments) }?;
            let file = Self {
                number: c_int::try_from(number).map_err(|_| Errno(libc::EBADF))?,
                flags: flags & COMPARED,
            };
            if let Some(moved) = file.move_up() {
                return Ok(moved);
            }
        }
        Err(Errno(libc::EBADF))
    }

    /// Moves the file to a high number; if none is free it keeps its number. `None` if another
    /// thread has taken the number.
    fn move_up(self) -> Option<Self> {
        let moved = duplicate_above(self.number, HIGH).or_else(|errno| match errno {
            // Above the limit.
            Errno(libc::EINVAL) => duplicate_above(self.number, most_numbers()? / 8 * 7),
            errno => Err(errno),
        });
        let is_own = self.is_own();
        let flags = self.flags;
        match moved {
            Ok(number) if is_own => {
                // Not by `drop`, which would check it again.
                close(self.number);
                mem::forget(self);
                Some(Self { number, flags })
            }
            Ok(number) => {
                // The duplicate, perhaps of the other thread's file: nobody else uses it.
                close(number);
                mem::forget(self);
                None
            }
            Err(_) if is_own => Some(self),
            Err(_) => {
                mem::forget(self);
                None
            }
        }
    }

    /// Whether the number is still that of the file: dup2(2) clears `FD_CLOEXEC`, and a file that
    /// has got the number in another way is unlikely to have been opened with the same flags.
    fn is_own(&self) -> bool {
        let get = |what| fcntl(self.number, what, 0);
        get(libc::F_GETFD).is_ok_and(|flags| flags & libc::FD_CLOEXEC != 0)
            && get(libc::F_GETFL).is_ok_and(|flags| flags & COMPARED == self.flags)
    }

    /// Reads the file at `path` into `buffer` if `judge` accepts it, and returns how many bytes it has.
    ///
    /// # Errors
    /// Those of openat(2); inside, what `judge` returns, then those of pread(2), and `EFBIG` for a
    /// file that is longer than `buffer`.
    pub fn read<E: From<Errno>>(
        path: &CStr,
        buffer: &mut [u8],
        judge: impl Fn(&Self) -> Result<(), E>,
    ) -> Result<Result<usize, E>, Errno> {
        for _ in 0..ATTEMPTS {
            let file = Self::open(path)?;
            let judged = judge(&file);
            let read = judged.and_then(|()| Ok(file.read_to_end(buffer)?));
            if file.close() {
                return Ok(read);
            }
            // It was another file.
        }
        Err(Errno(libc::EBADF))
    }

    /// Closes the file, and returns whether its number was still its own.
    fn close(self) -> bool {
        let is_own = self.is_own();
        if is_own {
            close(self.number);
        }
        mem::forget(self);
        is_own
    }

    /// pread(2), once: reads from `offset` on, in bytes.
    ///
    /// # Errors
    /// Those of pread(2).
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<usize, Errno> {
        let to = buffer.as_mut_ptr().expose_provenance();
        let arguments = [word(self.number), to, buffer.len(), offset];
        // Not read(2), which would consume what is in another thread's file or pipe if that has
        // taken the number.
        // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
        unsafe { syscall(libc::SYS_pread64, arguments) }
    }

    /// Fills `buffer` from the file, and returns how many bytes it has.
    ///
    /// # Errors
    /// Those of pread(2); `EFBIG` for a file that is longer than `buffer`.
    fn read_to_end(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut filled = 0;
        loop {
            let free = buffer.get_mut(filled..).unwrap_or(&mut []);
            if free.is_empty() {
                return Err(Errno(libc::EFBIG));
            }
            match self.read_at(filled, free) {
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
        stat(self.number)
    }

    /// Whether its file system is mounted read-only, see fstatfs(2); false if that fails.
    pub fn is_read_only(&self) -> bool {
        self.is_mounted(libc::ST_RDONLY)
    }

    /// Whether its file system is mounted with nosuid, see fstatfs(2); false if that fails.
    pub fn is_on_nosuid(&self) -> bool {
        self.is_mounted(libc::ST_NOSUID)
    }

    fn is_mounted(&self, flag: c_ulong) -> bool {
        // SAFETY: `statfs` calls with a buffer that the kernel may fill.
        statfs(flag, |to| unsafe {
            syscall(libc::SYS_fstatfs, [word(self.number), to])
        })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.is_own() {
            close(self.number);
        }
    }
}

/// The flags by which a file is recognised.
const COMPARED: c_int = libc::O_ACCMODE | libc::O_NONBLOCK | libc::O_APPEND;

/// fcntl(2)
fn fcntl(number: c_int, what: c_int, argument: c_int) -> Result<c_int, Errno> {
    // SAFETY: none of the commands that are used here reads or writes memory.
    let result = unsafe { syscall(libc::SYS_fcntl, [word(number), word(what), word(argument)]) }?;
    c_int::try_from(result).map_err(|_| Errno(libc::EINVAL))
}

/// Duplicates a descriptor to the lowest free number that isn't below `lowest`.
fn duplicate_above(number: c_int, lowest: c_int) -> Result<c_int, Errno> {
    fcntl(number, libc::F_DUPFD_CLOEXEC, lowest)
}

/// The soft `RLIMIT_NOFILE`, see getrlimit(2).
fn most_numbers() -> Result<c_int, Errno> {
    let mut limit = [0_u64; 2];
    let to = limit.as_mut_ptr().expose_provenance();
    let arguments = [0, libc::RLIMIT_NOFILE as usize, 0, to];
    // SAFETY: the kernel fills `limit`, two words: the soft limit and the hard one.
    unsafe { syscall(libc::SYS_prlimit64, arguments) }?;
    c_int::try_from(limit[0]).map_err(|_| Errno(libc::EINVAL))
}

/// close(2)
fn close(number: c_int) {
    // SAFETY: close changes no memory; the caller has checked that the number is the library's.
    let _ = unsafe { syscall(libc::SYS_close, [word(number)]) };
}

/// What the library needs to know of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The device and the inode, which identify the file.
    pub identity: (u64, u64),
    /// The kind of file, the permissions and the owner.
    pub status: Status,
    /// The group that owns it.
    pub group: u32,
}

impl Stat {
    /// The kind of file, `S_IFREG` and so on, see inode(7).
    pub const fn kind(self) -> u32 {
        self.status.mode & libc::S_IFMT
    }

    const fn new(stat: &libc::stat) -> Self {
        Self {
            identity: (stat.st_dev, stat.st_ino),
            status: Status {
                mode: stat.st_mode,
                owner: stat.st_uid,
            },
            group: stat.st_gid,
        }
    }
}

/// Calls `each` with every number that is a name in a directory of /proc.
///
/// # Errors
/// Those of opening and listing it, and what `each` returns.
pub fn for_each_number<E: From<Errno>>(
    directory: &CStr,
    mut each: impl FnMut(u32) -> Result<(), E>,
) -> Result<(), E> {
    let directory = File::open_directory(directory)?;
    // Not more, because a signal stack may be small.
    let mut buffer = [0; 512];
    loop {
        let length = directory.read_entries(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        for name in names(buffer.get(..length).unwrap_or(&[])) {
            // `.` and `..` are no numbers.
            if let Some(number) = decimal(name).and_then(|number| u32::try_from(number).ok()) {
                each(number)?;
            }
        }
    }
}

/// The names in a buffer that [`File::read_entries`] has filled.
fn names(entries: &[u8]) -> impl Iterator<Item = &[u8]> {
    const RECORD_LEN: usize = offset_of!(libc::dirent64, d_reclen);
    const NAME: usize = offset_of!(libc::dirent64, d_name);
    let mut rest = entries;
    core::iter::from_fn(move || {
        let len = rest.get(RECORD_LEN..).and_then(<[u8]>::first_chunk)?;
        let (record, next) = rest.split_at_checked(usize::from(u16::from_ne_bytes(*len)))?;
        rest = next;
        record.get(NAME..)?.split(|&byte| byte == 0).next()
    })
}

/// fstat(2).
///
/// # Errors
/// Those of fstat(2).
pub fn stat(fd: c_int) -> Result<Stat, Errno> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    let arguments = [word(fd), stat.as_mut_ptr().expose_provenance()];
    // SAFETY: the kernel fills `stat`: on 64-bit Linux libc's struct is its own.
    unsafe {
        syscall(libc::SYS_fstat, arguments)?;
        Ok(Stat::new(stat.assume_init_ref()))
    }
}

/// stat(2).
///
/// # Errors
/// Those of stat(2).
pub fn stat_path(path: &CStr) -> Result<Stat, Errno> {
    stat_at(path, 0)
}

/// lstat(2): a symbolic link is not followed.
///
/// # Errors
/// Those of lstat(2).
pub fn stat_entry(path: &CStr) -> Result<Stat, Errno> {
    stat_at(path, libc::AT_SYMLINK_NOFOLLOW)
}

fn stat_at(path: &CStr, flags: c_int) -> Result<Stat, Errno> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    let to = stat.as_mut_ptr().expose_provenance();
    let arguments = [word(AT_FDCWD), path.as_ptr().addr(), to, word(flags)];
    // SAFETY: as above; the path is NUL-terminated.
    unsafe {
        syscall(libc::SYS_newfstatat, arguments)?;
        Ok(Stat::new(stat.assume_init_ref()))
    }
}

/// Whether the file system of `path` is mounted read-only, see statfs(2); false if that fails.
pub fn is_read_only(path: &CStr) -> bool {
    // SAFETY: the path is NUL-terminated, the kernel reads it, and `statfs` calls with a buffer.
    statfs(libc::ST_RDONLY, |to| unsafe {
        syscall(libc::SYS_statfs, [path.as_ptr().addr(), to])
    })
}

/// Whether a flag of statvfs(3) is set in the `struct statfs` that `call` fills, which gets its
/// address. Not libc's struct, in which the flags are private.
fn statfs(flag: c_ulong, call: impl FnOnce(usize) -> Result<usize, Errno>) -> bool {
    // The kernel's on 64-bit machines: 15 words, of which this one holds the flags.
    const FLAGS: usize = 10;
    let mut words = [0_u64; 15];
    let result = call(words.as_mut_ptr().expose_provenance());
    result.is_ok() && words[FLAGS] & flag != 0
}

/// write(2), once.
#[cfg(panic = "abort")]
pub fn write(fd: c_int, bytes: &[u8]) {
    let arguments = [word(fd), bytes.as_ptr().addr(), bytes.len()];
    // SAFETY: the kernel reads `bytes` and nothing else.
    let _ = unsafe { syscall(libc::SYS_write, arguments) };
}
