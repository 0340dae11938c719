//! The environment variables, as they were when the library was loaded.
//!
//! They are copied: a program may overwrite its environment (setproctitle does) or change it, and
//! what it does to it afterwards must not lift the limits.

use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::slice;
use core::sync::atomic::{AtomicBool, Ordering};

use ipaddr_policy::{PerFamily, latch, levels};
use ipaddr_socket::Level;

use crate::process::{environment, log_output};
use crate::sys::memory;
use crate::sys::once::OnceRef;

/// The policy directory if no variable names another.
pub const DEFAULT_POLICY_DIR: &CStr = c"/etc/ipaddr";

const PREFIX: &[u8] = b"IPADDR_";

/// The variables; `None` is unset.
#[derive(Clone, Copy)]
pub struct Settings {
    /// `$IPADDR_POLICY_DIR`, not with `AT_SECURE`.
    pub policy_dir: Option<&'static CStr>,
    /// `$IPADDR_CGROUP_CONTROLLER`, not with `AT_SECURE`.
    pub cgroup_controller: Option<&'static CStr>,
    /// `$IPADDR_IPV4` and `$IPADDR_IPV6`
    pub lists: PerFamily<Option<&'static CStr>>,
    /// `$IPADDR_REQUIRE`
    pub require: Option<&'static CStr>,
    /// `$IPADDR_LATCH`, see [`crate::process::exec`].
    pub latch: Option<&'static CStr>,
    /// `$IPADDR_LOG`, or what is there and none of its four words.
    pub log: Option<Result<Level, &'static CStr>>,
    /// `$IPADDR_LOG_FILE`, not with `AT_SECURE`.
    pub log_file: Option<&'static CStr>,
    /// `$IPADDR_CHECK_COMMAND`, see [`crate::process::coverage`] and [`crate::process::log::while_loading`]; not with
    /// `AT_SECURE`.
    pub check_command: Option<&'static CStr>,
    /// The first variables that begin as ours do and aren't.
    pub unknown: [Option<&'static CStr>; 2],
    /// Which file descriptor 2 was, a device and an inode, if the log may go there; a daemon may use
    /// the number for a client's socket later.
    pub stderr: Option<(u64, u64)>,
}

static SETTINGS: OnceRef<Settings> = OnceRef::new();

/// Without a variable.
const NONE: Settings = Settings {
    policy_dir: None,
    cgroup_controller: None,
    lists: PerFamily {
        ipv4: None,
        ipv6: None,
    },
    require: None,
    latch: None,
    log: None,
    log_file: None,
    check_command: None,
    unknown: [None; 2],
    stderr: None,
};

/// What there is if there is no memory to copy them to: nobody knows what is assigned, so the calls are
/// refused.
static UNKNOWN: Settings = Settings {
    require: Some(c"1"),
    ..NONE
};

/// The settings, read at the first call: at load, or before that if another library's constructor
/// makes a call that is ours.
pub fn get() -> &'static Settings {
    SETTINGS.get().unwrap_or_else(|| {
        // Of two threads here at once one wins; the other's few pages are left unused.
        read().map_or(&UNKNOWN, |settings| {
            let _ = SETTINGS.set(settings);
            SETTINGS.get().unwrap_or(settings)
        })
    })
}

fn read() -> Option<&'static Settings> {
    let secure = is_secure();
    let mut settings = NONE;
    settings.stderr = log_output::stderr_at_load();
    let mut length = size_of::<Settings>();
    for variable in variables() {
        length += variable.to_bytes_with_nul().len();
    }
    let (own, mut free) = room(length)?.split_at_mut_checked(size_of::<Settings>())?;
    for variable in variables() {
        let text = variable.to_bytes_with_nul();
        let (copy, rest) = free.split_at_mut_checked(text.len())?;
        free = rest;
        copy.copy_from_slice(text);
        strip_slashes(copy);
        settings.take(copy, secure);
    }
    let own = own.as_mut_ptr().cast::<Settings>();
    // SAFETY: `own` begins what `room` returned, so it is aligned, has the size, and stays.
    unsafe {
        own.write(settings);
        Some(&*own)
    }
}

/// Ends `IPADDR_POLICY_DIR=PATH` before the `/` and `/.` at its end: with one, lstat(2) follows a
/// symbolic link, and one that leads nowhere would look like nothing.
fn strip_slashes(variable: &mut [u8]) {
    let Some(path) = variable.strip_prefix(b"IPADDR_POLICY_DIR=") else {
        return;
    };
    let mut kept = path.strip_suffix(b"\0").unwrap_or(path);
    while let [rest @ .., b'/'] | [rest @ .., b'/', b'.'] = kept {
        kept = rest;
    }
    // Of the root directory the first slash stays.
    let keep = variable.len() - path.len() + kept.len().max(1);
    if let Some(end) = variable.get_mut(keep..) {
        end.fill(0);
    }
}

/// Room for a [`Settings`] and the copies, for good, aligned for the former. A mapping is a good part
/// of what it costs to be loaded, so it is made only where there is much to copy, and for a second
/// thread here at once.
fn room(length: usize) -> Option<&'static mut [u8]> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    // In .data: the loader would map .bss apart where it reaches into a page of its own.
    #[unsafe(link_section = ".data")]
    static ROOM: Room = Room(UnsafeCell::new([0; 512]));
    if length <= size_of::<Room>() && !TAKEN.swap(true, Ordering::Relaxed) {
        // SAFETY: nobody else gets it.
        return Some(unsafe { &mut *ROOM.0.get() });
    }
    let pages = memory::map_bytes(length);
    // SAFETY: `length` bytes are mapped, zeroed, and nobody else knows of them.
    (!pages.is_null()).then(|| unsafe { slice::from_raw_parts_mut(pages.cast(), length) })
}

#[repr(C, align(16))]
struct Room(UnsafeCell<[u8; 512]>);

const _: () = assert!(align_of::<Room>() >= align_of::<Settings>());

// SAFETY: used only by the one thread that takes it.
unsafe impl Sync for Room {}

impl Settings {
    /// How much the log says: errors, if `$IPADDR_LOG` doesn't say what.
    #[inline]
    pub const fn level(&self) -> Level {
        match self.log {
            Some(Ok(level)) => level,
            Some(Err(_)) | None => Level::Error,
        }
    }

    /// What the next program is to find in `$IPADDR_LATCH` as long as nothing is assigned.
    pub fn carried(&self) -> &'static [u8] {
        let require = self.require.map(CStr::to_bytes);
        match self.latch {
            Some(latch) => latch.to_bytes(),
            None if require.is_some_and(levels::is_required) => latch::REQUIRED,
            None => b"",
        }
    }

    /// Takes one `IPADDR_NAME=value`.
    fn take(&mut self, variable: &'static [u8], secure: bool) {
        let mut halves = variable.splitn(2, |&byte| byte == b'=');
        let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
            return;
        };
        let Ok(value) = CStr::from_bytes_until_nul(value) else {
            return;
        };
        let slot = match name.strip_prefix(PREFIX) {
            Some(b"POLICY_DIR" | b"CGROUP_CONTROLLER" | b"LOG_FILE" | b"CHECK_COMMAND")
                if secure =>
            {
                return;
            }
            Some(b"POLICY_DIR") => &mut self.policy_dir,
            Some(b"CGROUP_CONTROLLER") => &mut self.cgroup_controller,
            Some(b"LOG_FILE") => &mut self.log_file,
            Some(b"CHECK_COMMAND") => &mut self.check_command,
            Some(b"IPV4") => &mut self.lists.ipv4,
            Some(b"IPV6") => &mut self.lists.ipv6,
            // Reserved, and never filled.
            Some(b"LATCH") if value.is_empty() => return,
            Some(b"LATCH") => &mut self.latch,
            Some(b"REQUIRE") => &mut self.require,
            Some(b"LOG") => {
                let level = Level::named(value.to_bytes()).ok_or(value);
                self.log.get_or_insert(level);
                return;
            }
            _ => {
                if let Some(free) = self.unknown.iter_mut().find(|slot| slot.is_none()) {
                    *free = CStr::from_bytes_until_nul(variable).ok();
                }
                return;
            }
        };
        // getenv(3) returns the first of two with one name.
        slot.get_or_insert(value);
    }
}

/// Whether the process runs with more rights than its caller (`AT_SECURE`, see getauxval(3)).
fn is_secure() -> bool {
    // SAFETY: getauxval has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The variables of ours in the environment.
fn variables() -> impl Iterator<Item = &'static CStr> {
    environment::beginning_with(PREFIX)
}
