//! The assignment sticks across execve(2): a process that is moved to a cgroup with another one,
//! or with none, and then executes something doesn't come out with that. (The RFC refuses the
//! move; in userspace nobody can.)
//!
//! The environment carries it, in a variable of which [`ipaddr_policy::latch`] has the form: the
//! next program checks what it reads against it, so that its cgroup and its variables may narrow it and
//! nothing else. Set at load, while the process has no other threads, whether files or variables
//! assign: a program that unsets `IPADDR_IPV4` for its children has it all the same. Where something
//! may be assigned later, because there is a policy directory or a policy that can't be used yet, the
//! variable is kept ready without a value, or with the one that it has, and gets its value then.

use core::ffi::{CStr, c_char};
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering, compiler_fence};

use crate::process::environment;
use crate::process::latch_text::{self, NAME};
use crate::sys::memory;

/// The value of the variable that is kept ready, in [`VALUE_LEN`] bytes that only [`fill`] writes to;
/// null where none is.
static VALUE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// Room for any value: pages that aren't touched cost nothing.
const VALUE_LEN: usize = latch_text::MAX_LEN - NAME.len();

/// At load: puts the policy into environ(7), as [`latch_text::write`] has written it into `memory`,
/// which nobody else uses from now on. Whether it could.
pub fn carry(memory: &'static mut [u8]) -> bool {
    let Some((line, rest)) = latch_text::variable(memory) else {
        return false;
    };
    // SAFETY: at load nobody changes environ.
    let there = unsafe { environment::entries() };
    there.iter().any(|&entry| is(entry, line)) || put_into_environment(line, rest)
}

/// At load: puts the variable into environ(7) with the value that it has so far, for an assignment
/// that may come later.
pub fn reserve(so_far: &[u8]) {
    // SAFETY: at load nobody changes environ.
    let entries = unsafe { environment::entries() }.len() + 2;
    let array_len = entries * size_of::<*const c_char>();
    let len = array_len + latch_text::MAX_LEN;
    let pages: *mut u8 = memory::map_bytes(len).cast();
    if pages.is_null() {
        return;
    }
    // SAFETY: so many are mapped, zeroed, and nobody else knows of them.
    let block = unsafe { slice::from_raw_parts_mut(pages, len) };
    // The array first: it and the name behind it are most often in one page.
    let Some((array, line)) = block.split_at_mut_checked(array_len) else {
        return;
    };
    let (name, value) = line.split_at_mut(NAME.len());
    name.copy_from_slice(NAME);
    for (to, from) in value.iter_mut().zip(so_far) {
        *to = *from;
    }
    let value = value.as_mut_ptr();
    // SAFETY: the bytes of the value may change from when `VALUE` is set, so no reference to them is
    // kept; the name stays.
    let name = unsafe { slice::from_raw_parts(pages.add(array_len), NAME.len()) };
    if put_into_environment(name, array) {
        VALUE.store(value, Ordering::SeqCst);
    }
}

/// When an assignment comes late: gives the variable that is kept ready its value, as
/// [`latch_text::write`] has written it into `memory`. Whether it could.
///
/// An exec in another thread meanwhile sees no value, where there was none, or else one that the next
/// program refuses: never a part of one.
pub fn fill(memory: &mut [u8]) -> bool {
    let value = VALUE.swap(ptr::null_mut(), Ordering::SeqCst);
    if value.is_null() {
        return false;
    }
    // SAFETY: swapped out, so nobody else writes to it.
    let value = unsafe { slice::from_raw_parts_mut(value, VALUE_LEN) };
    let text = latch_text::variable(memory).and_then(|(line, _)| line.get(NAME.len()..));
    let (Some((to_first, to)), Some((first, from))) =
        (value.split_first_mut(), text.and_then(<[u8]>::split_first))
    else {
        return false;
    };
    // SAFETY: a byte that is ours.
    let to_first = unsafe { AtomicU8::from_ptr(to_first) };
    if to_first.load(Ordering::Relaxed) != 0 {
        to_first.store(UNREADABLE, Ordering::SeqCst);
    }
    compiler_fence(Ordering::SeqCst);
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    to_first.store(*first, Ordering::SeqCst);
    true
}

/// No value begins with it.
const UNREADABLE: u8 = b'?';

/// Replaces environ(7) by one with this variable, using `memory` for it if there is enough. Whether
/// it could.
fn put_into_environment(line: &'static [u8], memory: &'static mut [u8]) -> bool {
    // SAFETY: at load nobody changes environ.
    let old = unsafe { environment::entries() };
    let Some(new) = room(memory, old.len() + 2) else {
        return false;
    };
    let others = old.iter().filter(|&&entry| !is_named(entry));
    let entries = others.copied().chain([line.as_ptr().cast(), ptr::null()]);
    for (slot, entry) in new.iter_mut().zip(entries) {
        *slot = entry;
    }
    // SAFETY: as above; the new array ends with a null, and it and the line are there for good.
    unsafe { environment::replace(new.as_ptr()) };
    true
}

/// Room for `count` pointers: in `memory`, or in pages of its own.
fn room(memory: &'static mut [u8], count: usize) -> Option<&'static mut [*const c_char]> {
    // SAFETY: any bytes are a pointer.
    let (_, aligned, _) = unsafe { memory.align_to_mut::<*const c_char>() };
    if aligned.len() >= count {
        return aligned.get_mut(..count);
    }
    let len = count.checked_mul(size_of::<*const c_char>())?;
    let pages: *mut *const c_char = memory::map_bytes(len).cast();
    // SAFETY: so many are mapped, zeroed, and nobody else knows of them.
    (!pages.is_null()).then(|| unsafe { slice::from_raw_parts_mut(pages, count) })
}

fn is_named(entry: *const c_char) -> bool {
    // SAFETY: each entry of environ is a NUL-terminated string.
    unsafe { environment::begins(entry, NAME) }
}

fn is(entry: *const c_char, line: &[u8]) -> bool {
    // SAFETY: as above.
    unsafe { CStr::from_ptr(entry) }.to_bytes_with_nul() == line
}
