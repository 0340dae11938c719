//! Files, read and written without libc: see [`crate::syscall`].

use core::ffi::{CStr, c_int};
use core::mem::{MaybeUninit, offset_of};

use ipaddr_policy::trust::Status;
use libc::AT_FDCWD;

use crate::errno::Errno;
use crate::syscall::syscall;

/// An open file, closed when it goes out of scope: never across a call that can be cancelled.
pub struct File(c_int);

impl File {
    /// openat(2) for reading. `O_NONBLOCK`, so that a FIFO in the way can't block.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn open(path: &CStr) -> Result<Self, Errno> {
        Self::open_at(AT_FDCWD, path)
    }

    /// The same, from a directory.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn open_at(folder: c_int, path: &CStr) -> Result<Self, Errno> {
        Self::open_with(folder, path, libc::O_RDONLY)
    }

    /// The number, for a system call.
    pub const fn descriptor(&self) -> c_int {
        self.0
    }

    /// openat(2) of a folder, to be listed.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn open_folder(path: &CStr) -> Result<Self, Errno> {
        Self::open_with(AT_FDCWD, path, libc::O_DIRECTORY | libc::O_RDONLY)
    }

    /// getdents64(2): some of the folder's entries, and how many bytes they take; 0 at the end.
    ///
    /// # Errors
    /// Those of getdents64(2).
    pub fn read_entries(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let to = buffer.as_mut_ptr().expose_provenance();
        let arguments = [word(self.0), to, buffer.len()];
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
            path,
            libc::O_CREAT | libc::O_APPEND | libc::O_WRONLY,
        )
    }

    /// openat(2) for writing to what is there.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn write_again(path: &CStr) -> Result<Self, Errno> {
        Self::open_with(AT_FDCWD, path, libc::O_APPEND | libc::O_WRONLY)
    }

    fn open_with(folder: c_int, path: &CStr, flags: c_int) -> Result<Self, Errno> {
        let flags = flags | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
        let arguments = [word(folder), path.as_ptr().addr(), word(flags), 0o644];
        // SAFETY: the path is NUL-terminated; openat reads it and nothing else.
        let fd = unsafe { syscall(libc::SYS_openat, arguments) }?;
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
            let free = buffer.get_mut(filled..).unwrap_or(&mut []);
            if free.is_empty() {
                return Err(Errno(libc::EFBIG));
            }
            let arguments = [
                word(self.0),
                free.as_mut_ptr().expose_provenance(),
                free.len(),
            ];
            // SAFETY: the kernel writes at most `free.len()` bytes into `free`.
            match unsafe { syscall(libc::SYS_read, arguments) } {
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

    /// Whether its file system is mounted for reading only, see fstatfs(2): false if it can't be
    /// told.
    pub fn is_read_only(&self) -> bool {
        // SAFETY: `statfs` calls with a buffer that the kernel may fill.
        statfs(|to| unsafe { syscall(libc::SYS_fstatfs, [word(self.0), to]) })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and used nowhere else.
        let _ = unsafe { syscall(libc::SYS_close, [word(self.0)]) };
    }
}

/// What the shim wants to know of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The device and the inode: which file it is.
    pub identity: (u64, u64),
    /// Its kind, its permissions and its owner.
    pub status: Status,
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
        }
    }
}

/// The names in a buffer that [`File::read_entries`] has filled.
pub fn names(entries: &[u8]) -> impl Iterator<Item = &[u8]> {
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
    statfs(|to| unsafe { syscall(libc::SYS_statfs, [path.as_ptr().addr(), to]) })
}

/// The read-only flag in the `statfs` that `call` fills, of whose address it is told. Not libc's
/// struct, which hides the flags.
fn statfs(call: impl FnOnce(usize) -> Result<usize, Errno>) -> bool {
    // The kernel's on 64-bit machines: 15 words, of which this one holds the flags.
    const FLAGS: usize = 10;
    let mut words = [0_u64; 15];
    let told = call(words.as_mut_ptr().expose_provenance());
    told.is_ok() && words[FLAGS] & libc::ST_RDONLY != 0
}

/// write(2), once.
#[cfg(not(debug_assertions))]
pub fn write(fd: c_int, bytes: &[u8]) {
    let arguments = [word(fd), bytes.as_ptr().addr(), bytes.len()];
    // SAFETY: the kernel reads `bytes` and nothing else.
    let _ = unsafe { syscall(libc::SYS_write, arguments) };
}

/// An int in a register.
const fn word(int: c_int) -> usize {
    int.cast_unsigned() as usize
}
