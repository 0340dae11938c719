//! dlopen(3), dlmopen(3), dlsym(3), dlvsym(3): other ways to libc's functions.
//!
//! A library that is loaded with `RTLD_DEEPBIND` finds libc's functions before the hooks, so that
//! flag is removed. A library in a namespace of its own finds another libc, so a process with an
//! assignment can't load one. (A process without one may be assigned something later: see
//! docs/coverage.md.) And dlsym(3) on a handle, libc's for example, returns the hook where it would
//! return libc's function.

use core::ffi::{CStr, c_char, c_void};
use core::mem::transmute;
use core::ptr;

use crate::abi::forward::Call;
use crate::abi::next::{self, DLMOPEN, DLOPEN, DLSYM, DLVSYM};
use crate::abi::objects::{self, Name, Object, Symbols};
use crate::process::assignment;
use crate::process::log;

/// dlopen(3): without `RTLD_DEEPBIND`.
pub unsafe extern "C" fn before_dlopen(call: &mut Call) -> *const c_void {
    without_deep_bind(call, 1);
    DLOPEN.address_by_now()
}

/// dlmopen(3): as dlopen(3); fails for a namespace of its own where something is assigned.
pub unsafe extern "C" fn before_dlmopen(call: &mut Call) -> *const c_void {
    /// `LM_ID_BASE`: the namespace of the program.
    const BASE: usize = 0;
    if call.argument(0) != BASE && assignment::is_held() {
        log::error(
            &"dlmopen: refused, in a namespace of its own a library would use any address: expected LM_ID_BASE",
        );
        // That no such file can be opened is what dlerror(3) says.
        call.pass(0, REFUSED.as_ptr().expose_provenance());
        call.pass(1, libc::RTLD_LAZY as usize);
        return DLOPEN.address_by_now();
    }
    without_deep_bind(call, 2);
    DLMOPEN.address_by_now()
}

const REFUSED: &CStr =
    c"/dev/null/libipaddr.so refuses dlmopen() in a namespace other than LM_ID_BASE";

/// Removes `RTLD_DEEPBIND` from the argument. musl has no such flag, and ignores unknown ones.
fn without_deep_bind(call: &mut Call, flags: usize) {
    const RTLD_DEEPBIND: usize = 8;
    call.pass(flags, call.argument(flags) & !RTLD_DEEPBIND);
}

/// dlsym(3): on a handle, the hook of that name where libc's function would be found.
pub unsafe extern "C" fn before_dlsym(call: &mut Call) -> *const c_void {
    if searches_by_caller(call) {
        return DLSYM.address_by_now();
    }
    call.pass(2, call.caller());
    symbol_of_handle as *const c_void
}

/// dlvsym(3): as dlsym(3).
pub unsafe extern "C" fn before_dlvsym(call: &mut Call) -> *const c_void {
    if searches_by_caller(call) {
        return DLVSYM.address_by_now();
    }
    call.pass(3, call.caller());
    versioned_symbol_of_handle as *const c_void
}

/// Whether the answer depends on the caller, so that the next function has to see it: for
/// `RTLD_DEFAULT`, which finds the hooks, and for `RTLD_NEXT`, by which other libraries that hook
/// libc find it.
fn searches_by_caller(call: &Call) -> bool {
    let handle = call.argument(0);
    handle == libc::RTLD_DEFAULT.addr() || handle == libc::RTLD_NEXT.addr()
}

unsafe extern "C" fn symbol_of_handle(
    handle: *mut c_void,
    name: *const c_char,
    caller: usize,
) -> *const c_void {
    type Dlsym = unsafe extern "C" fn(*mut c_void, *const c_char) -> *const c_void;
    // SAFETY: the symbol is the function of that name, and the arguments are the program's.
    unsafe {
        let next: Dlsym = transmute(DLSYM.address_by_now());
        hook_for(next(handle, name), name, caller)
    }
}

unsafe extern "C" fn versioned_symbol_of_handle(
    handle: *mut c_void,
    name: *const c_char,
    version: *const c_char,
    caller: usize,
) -> *const c_void {
    type Dlvsym = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> *const c_void;
    // SAFETY: as above.
    unsafe {
        let next: Dlvsym = transmute(DLVSYM.address_by_now());
        hook_for(next(handle, name, version), name, caller)
    }
}

/// What a lookup on a handle returns: the hook of that name, if `found` is libc's function or
/// another one that the hook calls; otherwise `found`, for a library may have a function of its own
/// of that name.
///
/// # Safety
/// `name` is a string, if something was found.
unsafe fn hook_for(found: *const c_void, name: *const c_char, caller: usize) -> *const c_void {
    if found.is_null() {
        return found;
    }
    // SAFETY: the caller's promise.
    let name = Name::new(unsafe { CStr::from_ptr(name) });
    let Some(hook) = objects::own().and_then(|own| own.find(name)) else {
        return found;
    };
    if ptr::eq(hook, found) {
        return found;
    }
    // In glibc and musl processes no other object defines this.
    const LIBC: Name<'_> = Name::new(c"__errno_location");
    let is_libcs = |symbols: Symbols| symbols.find(LIBC).is_some() && symbols.has(name, found);
    let mut symbols = objects::first().filter_map(Object::symbols);
    let is_replaced = next::is_next(found) || symbols.any(is_libcs);
    // A library behind this one that hooks libc too would get back to itself.
    let is_interposer = |caller: &Object| {
        let behind = objects::first().skip_while(|object| !object.is_own());
        behind.skip(1).any(|object| ptr::eq(object, caller))
            && caller.symbols().is_some_and(|it| it.find(name).is_some())
    };
    if is_replaced && !objects::at(caller).is_some_and(is_interposer) {
        hook
    } else {
        found
    }
}
