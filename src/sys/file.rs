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
/// openat(2) gives it the lowest free number, which the program may take for its own: another thread
/// may dup2(2) onto it. So it is moved up at once, to where programs seldom choose numbers, and no
/// number is closed that has changed hands meanwhile. (Between that check and close(2) is a window of
/// one system call, and no call closes a number only if it is still of the same file. Before, while
/// openat(2) looks for the file, such a dup2(2) is `EBUSY`, as dup2(2) says.)
///
/// What a fork(2) in another thread inherits at that moment is closed by exec, and else stays open in
/// the child, a file for reading.
pub struct File {
    number: c_int,
    /// Of those of openat(2), what `F_GETFL` tells.
    flags: c_int,
}

/// Numbers from here on are for files of ours, unless the limit is lower. For the first one the kernel
/// enlarges the table of descriptors, to 8 KiB: at load, where it reads a policy directory then. In a
/// process with threads that takes it some milliseconds, once: one that was forked from that and has
/// got threads, or one whose policy directory is made late.
const HIGH: c_int = 1000;

/// How often a file is opened that another thread's descriptor has replaced before it is moved up.
const ATTEMPTS: u32 = 8;

impl File {
    /// openat(2) for reading. `O_NONBLOCK`, so that a FIFO in the way can't block.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn open(path: &CStr) -> Result<Self, Errno> {
        Self::open_at(AT_FDCWD, path.as_ptr())
    }

    /// The same, from a directory.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn open_at(folder: c_int, path: *const c_char) -> Result<Self, Errno> {
        Self::open_with(folder, path, libc::O_RDONLY)
    }

    /// The number, for a system call.
    pub const fn descriptor(&self) -> c_int {
        self.number
    }

    /// openat(2) of a folder, to be listed.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn open_folder(path: &CStr) -> Result<Self, Errno> {
        Self::open_with(AT_FDCWD, path.as_ptr(), libc::O_DIRECTORY | libc::O_RDONLY)
    }

    /// getdents64(2): some of the folder's entries, and how many bytes they take; 0 at the end.
    ///
    /// # Errors
    /// Those of getdents64(2).
    pub fn read_entries(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let to = buffer.as_mut_ptr().expose_provenance();
        let arguments = [word(self.number), to, buffer.len()];
        // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
        unsafe { syscall(libc::SYS_getdents64, arguments) }
    }

    /// openat(2) for appending; the file is created, mode 0644 less the umask, if need be.
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

    /// openat(2) for writing to what is there.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn write_again(path: &CStr) -> Result<Self, Errno> {
        Self::open_with(AT_FDCWD, path.as_ptr(), libc::O_APPEND | libc::O_WRONLY)
    }

    fn open_with(folder: c_int, path: *const c_char, flags: c_int) -> Result<Self, Errno> {
        let flags = flags | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
        let arguments = [word(folder), path.addr(), word(flags), 0o644];
        for _ in 0..ATTEMPTS {
            // SAFETY: openat reads the path and nothing else, and fails where it can't.
            let number = unsafe { syscall(libc::SYS_openat, arguments) }?;
            let file = Self {
                number: c_int::try_from(number).map_err(|_| Errno(libc::EBADF))?,
                flags: flags & TOLD,
            };
            if let Some(moved) = file.move_up() {
                return Ok(moved);
            }
        }
        Err(Errno(libc::EBADF))
    }

    /// Gives the file a high number; where there is none it keeps its own. `None` if its number has
    /// been taken by another thread.
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
                // Perhaps of the other thread's file: the number itself is ours.
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

    /// Whether the number is still of the file that was opened: dup2(2) clears `FD_CLOEXEC`, and
    /// what comes there in another way was hardly opened with the same flags.
    fn is_own(&self) -> bool {
        let get = |what| fcntl(self.number, what, 0);
        get(libc::F_GETFD).is_ok_and(|flags| flags & libc::FD_CLOEXEC != 0)
            && get(libc::F_GETFL).is_ok_and(|flags| flags & TOLD == self.flags)
    }

    /// Reads the file at `path` that `judge` lets through into `buffer`, and returns how much there
    /// was; `EFBIG` when it holds more.
    ///
    /// # Errors
    /// Those of openat(2), then what `judge` says, then those of pread(2).
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
            // That was another file.
        }
        Err(Errno(libc::EBADF))
    }

    /// Closes it, and returns whether its number was still its own.
    fn close(self) -> bool {
        let is_own = self.is_own();
        if is_own {
            close(self.number);
        }
        mem::forget(self);
        is_own
    }

    /// pread(2), once: what the file holds from `offset` on.
    ///
    /// # Errors
    /// Those of pread(2).
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<usize, Errno> {
        let to = buffer.as_mut_ptr().expose_provenance();
        let arguments = [word(self.number), to, buffer.len(), offset];
        // Not read(2): if the number has changed hands, nothing is to be taken from the file.
        // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
        unsafe { syscall(libc::SYS_pread64, arguments) }
    }

    /// Fills `buffer` from the file, and returns how much there was.
    ///
    /// # Errors
    /// Those of pread(2); `EFBIG` when the file holds more than `buffer` takes.
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

    /// Whether its file system is mounted for reading only, see fstatfs(2): false if it can't be
    /// told.
    pub fn is_read_only(&self) -> bool {
        self.is_mounted(libc::ST_RDONLY)
    }

    /// Whether its file system is mounted with nosuid, see fstatfs(2): false if it can't be told.
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

/// What of a file's flags is compared.
const TOLD: c_int = libc::O_ACCMODE | libc::O_NONBLOCK | libc::O_APPEND;

/// fcntl(2)
fn fcntl(number: c_int, what: c_int, argument: c_int) -> Result<c_int, Errno> {
    // SAFETY: of the commands that are used here none touches memory.
    let told = unsafe { syscall(libc::SYS_fcntl, [word(number), word(what), word(argument)]) }?;
    c_int::try_from(told).map_err(|_| Errno(libc::EINVAL))
}

/// The lowest free number that isn't below `lowest`, for the same file.
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
    // SAFETY: close touches no memory; the callers see to it that the number is ours.
    let _ = unsafe { syscall(libc::SYS_close, [word(number)]) };
}

/// What the shim wants to know of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The device and the inode: which file it is.
    pub identity: (u64, u64),
    /// Its kind, its permissions and its owner.
    pub status: Status,
    /// The group that owns it.
    pub group: u32,
}

impl Stat {
    /// What it is: `S_IFREG` and so on, see inode(7).
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
    let directory = File::open_folder(directory)?;
    // On a signal stack that may be small.
    let mut buffer = [0; 512];
    loop {
        let length = directory.read_entries(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        for name in names(buffer.get(..length).unwrap_or(&[])) {
            // `.` and `..` are none.
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

/// Whether the file system of `path` is mounted for reading only, see statfs(2): false if it can't
/// be told.
pub fn is_read_only(path: &CStr) -> bool {
    // SAFETY: the path is NUL-terminated, the kernel reads it, and `statfs` calls with a buffer.
    statfs(libc::ST_RDONLY, |to| unsafe {
        syscall(libc::SYS_statfs, [path.as_ptr().addr(), to])
    })
}

/// Whether a flag of statvfs(3) is set in the `statfs` that `call` fills, of whose address it is told. Not libc's
/// struct, which hides the flags.
fn statfs(flag: c_ulong, call: impl FnOnce(usize) -> Result<usize, Errno>) -> bool {
    // The kernel's on 64-bit machines: 15 words, of which this one holds the flags.
    const FLAGS: usize = 10;
    let mut words = [0_u64; 15];
    let told = call(words.as_mut_ptr().expose_provenance());
    told.is_ok() && words[FLAGS] & flag != 0
}

/// write(2), once.
#[cfg(not(debug_assertions))]
pub fn write(fd: c_int, bytes: &[u8]) {
    let arguments = [word(fd), bytes.as_ptr().addr(), bytes.len()];
    // SAFETY: the kernel reads `bytes` and nothing else.
    let _ = unsafe { syscall(libc::SYS_write, arguments) };
}
