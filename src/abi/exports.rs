//! The exported functions, made from the table in [`crate::abi::symbols`].
//!
//! A hook around the next function is a frame of a few instructions that calls `before`, then the next
//! function, then `after`, which may have the next function called again. [`Frame`] says what the two
//! may rely on.
//!
//! While the next function runs, no Rust frame is on the stack between it and the program. So
//! pthread_cancel, which unwinds a thread blocked in connect(2), meets nothing that Rust's rules
//! for unwinding speak of, and the library needs no unwinder: it is built with `panic = "abort"`,
//! under which a Rust `extern "C-unwind"` function would end the host at that point. The frame has
//! the unwind information, and nothing to clean up.
//!
//! syscall(2) with one of the numbers in the table leads to the same hook, but what that calls is the
//! system call itself, because libc's connect is a cancellation point and syscall(2) is none. A `noted`
//! number goes through once [`sharing`] has seen it: some of these calls return twice, so no frame is
//! kept. Any other number goes through with all its arguments, to libc's syscall or to that of another
//! preloaded library.

use core::ffi::{c_int, c_long};

use libc::{sa_family_t, sockaddr_in};

use crate::abi::arch;
use crate::abi::frame::{self, Frame, nothing_after};
use crate::abi::next;
// All of them: the table names what it needs.
use crate::hooks::*;

/// The code of a hook around the next function, or around the system call of the name.
macro_rules! code {
    (next around($frame:ty, $before:path, $after:path)) => {
        code!(next, $frame, $before, $after)
    };
    ($name:ident around($frame:ty, $before:path, $after:path)) => {
        code!(system, $frame, $before, $after, system = sym next::system::$name)
    };
    ($next:ident ahead($before:path)) => {
        arch::ahead!(before = sym $before)
    };
    ($what:ident, $frame:ty, $before:path, $after:path $(, $operand:ident = sym $system:path)?) => {
        arch::around!(
            $what,
            size = const frame::size::<$frame>(),
            arguments = const frame::ARGUMENTS,
            returned = const frame::RETURNED,
            again = const frame::AGAIN,
            before = sym $before,
            after = sym $after
            $(, $operand = sym $system)?
        )
    };
}

/// Defines the exported function.
macro_rules! export {
    ($doc:literal $name:ident around $hook:tt) => {
        #[doc = $doc]
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C-unwind" fn $name() {
            code!(next around $hook)
        }
    };
    ($doc:literal $name:ident ahead $hook:tt) => {
        #[doc = $doc]
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            code!(next ahead $hook)
        }
    };
    ($doc:literal $name:ident instead(
        $function:path = fn($($argument:ident: $type:ty),+) -> $result:ty
    )) => {
        #[doc = $doc]
        ///
        /// # Safety
        /// As the function of that name.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),+) -> $result {
            // SAFETY: the program's promise to the function of that name.
            unsafe { $function($($argument),+) }
        }
    };
    ($doc:literal $name:ident dispatch()) => {};
    ($doc:literal $name:ident number_only()) => {};
}

/// Defines what syscall(2) jumps to for a number, if the row has one: the row's hook, unless the number
/// has another.
macro_rules! export_number {
    ($name:ident [$($hook:tt)+] []) => {};
    ($name:ident [$($hook:tt)+] [$number:ident]) => {
        export_number!($name [] [$number $($hook)+]);
    };
    ($name:ident [$($symbols:tt)*] [$number:ident $kind:ident $hook:tt]) => {
        #[doc = concat!("syscall(", stringify!($number), ", …), with the arguments of the call.")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            code!($name $kind $hook)
        }
    };
}

/// Defines all of them.
macro_rules! exports {
    ($(
        #[doc = $doc:literal]
        $name:ident($section:literal) $kind:ident $hook:tt
        $(next($next:ident or $absent:ident))?
        $(number($number:ident $($by:ident $by_hook:tt)?))?
        $(noted($noted:ident))?
        tests($($test:ident)*);
    )+) => {
        $(export!($doc $name $kind $hook);)+

        /// What syscall(2) jumps to.
        mod by_number {
            use super::*;

            $(export_number!($name [$kind $hook] [$($number $($by $by_hook)?)?]);)+

            /// The `noted` numbers, with the arguments of syscall(2).
            #[unsafe(naked)]
            pub unsafe extern "C" fn noted() {
                arch::ahead!(before = sym sharing::before_by_number)
            }
        }

        /// syscall(2)
        ///
        /// # Safety
        /// As syscall(2).
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn syscall(number: c_long) -> c_long {
            arch::dispatch!(
                [$($($name $number)?)+]
                [$($($noted)?)+]
                next = sym next::SYSCALL,
                note = sym by_number::noted,
                $($($name = sym by_number::$name, $number = const libc::$number,)?)+
                $($($noted = const libc::$noted,)?)+
            )
        }
    };
}

symbols!(exports);
