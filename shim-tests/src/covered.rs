//! The calls that the library hooks, from the library's own table `src/abi/symbols.rs`.

include!("../../src/abi/symbols.rs");

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Covered {
    /// The symbol.
    pub name: &'static str,
    /// The section of the manual that describes the function.
    pub section: u8,
    /// What becomes of the call, in Markdown.
    pub effect: &'static str,
    /// What is hooked.
    pub hook: Hook,
    /// The module in `src/hooks` and in it the hook's first function; none for syscall(2), which only
    /// leads to the hooks of others.
    pub before: Option<(&'static str, &'static str)>,
    /// What is called where no object behind the library defines the symbol, if the hook calls the next
    /// function at all.
    pub absent: Option<&'static str>,
    /// The constant of libc for syscall(2), for a call that is hooked by its number too.
    pub number: Option<&'static str>,
    /// The tests in shim-tests/tests that make the call.
    pub tests: &'static [&'static str],
}

/// What of a call is hooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// The function of that name, which the library exports.
    Function,
    /// Only syscall(2) with the call's number: no libc has a function for it.
    NumberOnly,
}

/// What becomes of a call under ipaddr-guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The supervisor judges it by the same rules.
    Judged,
    /// Something else, in words.
    Otherwise(&'static str),
    /// It passes: the guard needs to know nothing of it.
    NotNeeded,
}

/// What the filter of the guard has the supervisor judge, by the constants of libc.
pub const JUDGED: [&str; 7] = [
    "SYS_bind",
    "SYS_connect",
    "SYS_listen",
    "SYS_sendto",
    "SYS_sendmsg",
    "SYS_sendmmsg",
    "SYS_setsockopt",
];

/// Of accept(2): the kernel drops what the rules refuse before there is a connection.
pub const PEERS: Guard = Guard::Otherwise("by a filter on the listener");

impl Covered {
    /// What becomes of it under the guard.
    #[must_use]
    pub fn guard(&self) -> Guard {
        match (self.name, self.number) {
            ("accept" | "accept4", _) => PEERS,
            ("socket", _) => Guard::Otherwise("MPTCP is refused"),
            (_, Some(number)) if JUDGED.contains(&number) => Guard::Judged,
            // By system calls that are.
            ("__connect" | "bindresvport" | "rresvport" | "rresvport_af" | "syscall", _) => {
                Guard::Judged
            }
            _ => Guard::NotNeeded,
        }
    }
}

/// The names that the library exports, sorted.
pub fn exported() -> Vec<&'static str> {
    let functions = COVERED.iter().filter(|row| row.hook == Hook::Function);
    let mut names: Vec<_> = functions.map(|row| row.name).collect();
    names.sort_unstable();
    names
}

/// What is hooked, by the kind of the row.
macro_rules! hook {
    (number_only) => {
        Hook::NumberOnly
    };
    ($kind:ident) => {
        Hook::Function
    };
}

/// The first function of a row's hooks.
macro_rules! before {
    (around($frame:path, $module:ident::$before:ident, $after:path) $($more:tt)*) => {
        Some((stringify!($module), stringify!($before)))
    };
    (ahead($module:ident::$before:ident) $($more:tt)*) => {
        Some((stringify!($module), stringify!($before)))
    };
    (instead($module:ident::$function:ident = $type:ty) $($more:tt)*) => {
        Some((stringify!($module), stringify!($function)))
    };
    (dispatch() $($more:tt)*) => {
        None
    };
    (number_only() [$number:ident $kind:ident $hook:tt] []) => {
        before!($kind $hook)
    };
    (number_only() [] [$noted:ident]) => {
        Some(("sharing", "before_by_number"))
    };
}

/// A name that a row may have.
macro_rules! optional {
    () => {
        None
    };
    ($name:ident) => {
        Some(stringify!($name))
    };
}

/// Defines the table as a constant.
macro_rules! rows {
    ($(
        #[doc = $effect:literal]
        $name:ident($section:literal) $kind:ident $hook:tt
        $(next($next:ident or $absent:ident))?
        $(number($number:ident $($by:ident $by_hook:tt)?))?
        $(noted($noted:ident))?
        tests($($test:ident)*);
    )+) => {
        /// The table, in the order of `src/abi/symbols.rs`.
        pub const COVERED: &[Covered] = &[$(
            Covered {
                name: stringify!($name),
                section: $section,
                effect: $effect.trim_ascii(),
                hook: hook!($kind),
                before: before!($kind $hook [$($number $($by $by_hook)?)?] [$($noted)?]),
                absent: optional!($($absent)?),
                number: optional!($($number)? $($noted)?),
                tests: &[$(stringify!($test)),*],
            },
        )+];
    };
}

symbols!(rows);
