//! The assignment sticks across execve(2): a process that is moved to a cgroup with another one,
//! or with none, and then executes something doesn't come out with that. (The RFC refuses the
//! move; in userspace nobody can.)
//!
//! The environment carries it, in a variable of which [`ipaddr_policy::latch`] has the form: the
//! next program takes it for the outermost level of its policy, so that its cgroup may narrow it
//! and nothing else. Set at load, while the process has no other threads, and only for what was
//! read from files: variables carry themselves. Where there is a policy directory and nothing is
//! assigned yet, the variable is set to nothing, and gets its value when an assignment comes.

use core::ffi::{CStr, c_char};
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering};

use crate::latch_text::{self, NAME};
use crate::memory;
use crate::settings;

/// Room for the variable of a process whose assignment comes late. A policy whose text is longer
/// isn't carried then.
const RESERVED: usize = 4096;

/// The value of the variable, empty, in `RESERVED - NAME.len()` bytes that only [`fill`] writes to;
/// null where none is reserved.
static VALUE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// At load: puts the policy into environ(7), as [`latch_text::write`] has written it into `memory`,
/// which nobody else uses from now on.
pub fn carry(memory: &'static mut [u8]) {
    let Some((line, rest)) = latch_text::variable(memory) else {
        return;
    };
    // SAFETY: at load nobody changes environ.
    let there = unsafe { settings::environment() };
    if !there.iter().any(|&entry| is(entry, line)) {
        put_into_environment(line, rest);
    }
}

/// At load: puts the variable into environ(7) with no value, for an assignment that may come later.
pub fn reserve() {
    // SAFETY: at load nobody changes environ.
    let entries = unsafe { settings::environment() }.len() + 2;
    let array_len = entries * size_of::<*const c_char>();
    let len = array_len + RESERVED;
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
    VALUE.store(value.as_mut_ptr(), Ordering::Release);
    // SAFETY: the bytes of the value may change from now on, so no reference to them is kept; the
    // name and a null behind it stay.
    let line = unsafe { slice::from_raw_parts(pages.add(array_len), NAME.len() + 1) };
    put_into_environment(line, array);
}

/// When an assignment comes late: gives the reserved variable its value, as [`latch_text::write`]
/// has written it into `memory`. The first byte last, so that an exec in another thread meanwhile
/// sees none rather than a part of it.
pub fn fill(memory: &mut [u8]) {
    let value = VALUE.swap(ptr::null_mut(), Ordering::Acquire);
    if value.is_null() {
        return;
    }
    // SAFETY: swapped out, so nobody else writes to it.
    let value = unsafe { slice::from_raw_parts_mut(value, RESERVED - NAME.len()) };
    let text = latch_text::variable(memory).and_then(|(line, _)| line.get(NAME.len()..));
    let Some(text) = text.filter(|text| text.len() <= value.len()) else {
        return;
    };
    let (Some((to_first, to)), Some((first, from))) = (value.split_first_mut(), text.split_first())
    else {
        return;
    };
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    // SAFETY: a byte that is ours.
    unsafe { AtomicU8::from_ptr(to_first) }.store(*first, Ordering::Release);
}

/// Replaces environ(7) by one with this variable, using `memory` for it if there is enough.
fn put_into_environment(line: &'static [u8], memory: &'static mut [u8]) {
    // SAFETY: at load nobody changes environ.
    let old = unsafe { settings::environment() };
    let Some(new) = room(memory, old.len() + 2) else {
        return;
    };
    let others = old.iter().filter(|&&entry| !is_named(entry));
    let entries = others.copied().chain([line.as_ptr().cast(), ptr::null()]);
    for (slot, entry) in new.iter_mut().zip(entries) {
        *slot = entry;
    }
    // SAFETY: as above; the new array ends with a null, and it and the line are there for good.
    unsafe { settings::set_environment(new.as_ptr()) };
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
    unsafe { settings::begins(entry, NAME) }
}

fn is(entry: *const c_char, line: &[u8]) -> bool {
    // SAFETY: as above.
    unsafe { CStr::from_ptr(entry) }.to_bytes_with_nul() == line
}
