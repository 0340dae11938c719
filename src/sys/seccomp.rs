//! What is known of the process's seccomp filters, see seccomp(2): which system calls this library may
//! make by itself. [`crate::hooks::seccomp`] notices when a filter is installed, and describes what the
//! library does then.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use crate::sys::errno::Errno;
use crate::sys::file::File;

/// How many filters the process has installed, or is about to.
static INSTALLED: AtomicU32 = AtomicU32::new(0);

/// A filter is about to be installed.
pub fn begin_install() {
    INSTALLED.fetch_add(1, Ordering::SeqCst);
}

/// The filter that was about to be installed wasn't.
pub fn install_failed() {
    INSTALLED.fetch_sub(1, Ordering::SeqCst);
}

/// Whether the process has installed a filter. A filter of one thread counts for all threads.
#[inline]
pub fn is_confined() -> bool {
    INSTALLED.load(Ordering::Relaxed) != 0
}

/// Whether there is a filter, the process's own or from before it began.
pub fn is_filtered() -> bool {
    /// What /proc says: not read yet (0), that there is no filter, or that there is one.
    static SAID: AtomicU8 = AtomicU8::new(0);
    const NO: u8 = 1;
    const YES: u8 = 2;
    if is_confined() {
        return true;
    }
    let mut said = SAID.load(Ordering::Relaxed);
    if said == 0 {
        said = match read_status() {
            Ok(false) => NO,
            // Without /proc it can't be known.
            Ok(true) | Err(Errno(libc::ENOENT | libc::EACCES | libc::EPERM)) => YES,
            // No descriptor left, or another thread has taken its number: read again next time.
            Err(_) => return false,
        };
        SAID.store(said, Ordering::SeqCst);
    }
    said == YES
}

/// Whether /proc/self/status says that there is a filter, see proc_pid_status(5). Not by
/// prctl(`PR_GET_SECCOMP`), for which a filter may kill the process, while it allows to open, read and
/// close files: the dynamic linker has done that.
fn read_status() -> Result<bool, Errno> {
    const KEY: &[u8] = b"\nSeccomp:\t";
    let file = File::open(c"/proc/self/status")?;
    // Room for the whole file as a rule, and not more, because a signal stack may be small.
    let mut buffer = [0; 1536];
    let mut offset = 0;
    let mut matched = 0;
    loop {
        let count = file.read_at(offset, &mut buffer)?;
        offset += count;
        if count == 0 {
            // A kernel without seccomp.
            return Ok(false);
        }
        for &byte in buffer.iter().take(count) {
            match KEY.get(matched) {
                None => return Ok(byte != b'0'),
                Some(&expected) if byte == expected => matched += 1,
                Some(_) => matched = usize::from(byte == b'\n'),
            }
        }
    }
}

/// Whether the program has set an option of a socket.
static HAS_SET_OPTION: AtomicBool = AtomicBool::new(false);

/// Notes that the program sets an option: a filter from before the program began allows it then.
#[inline]
pub fn note_option() {
    if !HAS_SET_OPTION.load(Ordering::Relaxed) {
        HAS_SET_OPTION.store(true, Ordering::SeqCst);
    }
}

/// Whether setsockopt(2) may be called: as far as can be known no filter forbids it.
pub fn may_set_options() -> bool {
    !is_confined() && (HAS_SET_OPTION.load(Ordering::Relaxed) || !is_filtered())
}
