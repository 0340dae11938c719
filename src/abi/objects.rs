//! The objects of the process, program and libraries, and the symbols that they define.
//!
//! Not by dlsym(3): that is hooked itself, may allocate and lock, and would take several times as
//! long, at each exec. So the hash tables of the objects are read as the dynamic linker reads them,
//! see elf(5) and `do_lookup_x` in glibc's elf/dl-lookup.c.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};
use core::{iter, ptr};

use libc::Elf64_Sym;

use crate::abi::arch::ipaddr_debug;

/// What a lookup in an object needs, from its dynamic section. Valid as long as the object is loaded.
#[derive(Clone, Copy)]
pub struct Symbols {
    base: usize,
    table: *const Elf64_Sym,
    names: *const c_char,
    /// Null where there are no versions.
    versions: *const u16,
    hash: Hash,
}

#[derive(Clone, Copy)]
enum Hash {
    Gnu(*const u32),
    SysV(*const u32),
}

/// A name with its GNU hash, which for a constant is computed when the library is compiled.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    text: &'a CStr,
    gnu: u32,
}

impl<'a> Name<'a> {
    /// A name to be looked up.
    pub const fn new(text: &'a CStr) -> Self {
        let bytes = text.to_bytes();
        let mut gnu: u32 = 5381;
        let mut at = 0;
        while at < bytes.len() {
            gnu = gnu.wrapping_mul(33).wrapping_add(bytes[at] as u32);
            at += 1;
        }
        Self { text, gnu }
    }

    /// As `_dl_elf_hash` of glibc.
    fn sysv(self) -> u32 {
        self.text.to_bytes().iter().fold(0, |hash: u32, &byte| {
            let hash = (hash << 4).wrapping_add(u32::from(byte));
            let high = hash & 0xf000_0000;
            (hash ^ (high >> 24)) & !high
        })
    }

    /// Whether a NUL-terminated string is this name.
    ///
    /// # Safety
    /// It is one.
    unsafe fn is(self, string: *const c_char) -> bool {
        let mut string = string.cast::<u8>();
        self.text.to_bytes_with_nul().iter().all(|&byte| {
            // SAFETY: up to here there was no NUL.
            unsafe {
                let same = *string == byte;
                string = string.add(1);
                same
            }
        })
    }
}

/// `struct link_map` of link.h: an object as glibc and musl show it to debuggers. The objects that the
/// program was started with come first, in the order in which they are searched for symbols.
#[repr(C)]
pub struct Object {
    /// What is added to its addresses.
    base: usize,
    name: *const c_char,
    /// The tags and values of its dynamic section, up to a tag of 0.
    dynamic: *const [usize; 2],
    next: *const Self,
}

/// `struct r_debug` of link.h
#[repr(C)]
struct Debug {
    version: c_int,
    first: *const Object,
}

unsafe extern "C" {
    /// The ELF header of this library. The symbol is the static linker's.
    #[link_name = "__ehdr_start"]
    safe static HEADER: u8;
}

/// All objects, the program first. Objects that the program wasn't started with may be unloaded by
/// another thread meanwhile.
///
/// Not by dl_iterate_phdr(3): sanitizers hook that, and call dlsym(3), which is this library's, before
/// theirs works.
pub fn all() -> impl Iterator<Item = &'static Object> {
    up_to(ptr::null())
}

/// The last of the objects that the program was started with.
static LAST: AtomicPtr<Object> = AtomicPtr::new(ptr::null_mut());

/// At load: the objects that there are now are those that the program was started with, which are never
/// unloaded.
pub fn remember() {
    if let Some(last) = all().last() {
        LAST.store(ptr::from_ref(last).cast_mut(), Ordering::Relaxed);
    }
}

/// The objects that the program was started with, itself first.
pub fn first() -> impl Iterator<Item = &'static Object> {
    up_to(LAST.load(Ordering::Relaxed))
}

fn up_to(last: *const Object) -> impl Iterator<Item = &'static Object> {
    // SAFETY: the dynamic linker has set both before any code of this library runs; each is null or
    // points to what its libc documents.
    let debug = unsafe {
        let [glibc, musl] = ipaddr_debug;
        let pointed = musl.cast::<*const Debug>();
        let debug = if pointed.is_null() {
            glibc.cast()
        } else {
            *pointed
        };
        debug.as_ref()
    };
    // SAFETY: null or an object, and so is the next of one.
    let mut next = debug.and_then(|debug| unsafe { debug.first.as_ref() });
    iter::from_fn(move || {
        let object = next?;
        next = if ptr::eq(object, last) {
            None
        } else {
            // SAFETY: as above.
            unsafe { object.next.as_ref() }
        };
        Some(object)
    })
}

/// The symbols that this library exports.
pub fn own() -> Option<Symbols> {
    first().find(|object| object.is_own())?.symbols()
}

/// Of [`first`], the object with the highest base below an address: the one that the address is in,
/// if it is in any.
pub fn at(address: usize) -> Option<&'static Object> {
    let before = first().filter(|object| object.base <= address);
    before.max_by_key(|object| object.base)
}

impl Object {
    /// Whether it is this library.
    pub fn is_own(&self) -> bool {
        self.base == (&raw const HEADER).addr()
    }

    /// Its symbols, if it has any.
    pub fn symbols(&self) -> Option<Symbols> {
        const DT_HASH: usize = 4;
        const DT_STRTAB: usize = 5;
        const DT_SYMTAB: usize = 6;
        const DT_VERSYM: usize = 0x6fff_fff0;
        const DT_GNU_HASH: usize = 0x6fff_fef5;
        let (mut table, mut names, mut versions) = (0, 0, 0);
        let (mut gnu, mut sysv) = (0, 0);
        let mut entry = self.dynamic;
        loop {
            // SAFETY: the linker has read it before: entries of two words up to a tag of 0.
            let [tag, value] = unsafe { *entry };
            match tag {
                0 => break,
                DT_HASH => sysv = value,
                DT_STRTAB => names = value,
                DT_SYMTAB => table = value,
                DT_VERSYM => versions = value,
                DT_GNU_HASH => gnu = value,
                _ => {}
            }
            // SAFETY: it wasn't the last.
            entry = unsafe { entry.add(1) };
        }
        let hash = match (gnu, sysv) {
            (0, 0) => return None,
            (0, sysv) => Hash::SysV(self.relocated(sysv)),
            (gnu, _) => Hash::Gnu(self.relocated(gnu)),
        };
        (table != 0 && names != 0).then(|| Symbols {
            base: self.base,
            table: self.relocated(table),
            names: self.relocated(names),
            versions: if versions == 0 {
                ptr::null()
            } else {
                self.relocated(versions)
            },
            hash,
        })
    }

    fn pointer<T>(&self, value: usize) -> *const T {
        ptr::with_exposed_provenance(self.base.wrapping_add(value))
    }

    /// An address in the dynamic section: glibc has added the base to it, musl hasn't.
    fn relocated<T>(&self, value: usize) -> *const T {
        if value < self.base {
            self.pointer(value)
        } else {
            ptr::with_exposed_provenance(value)
        }
    }
}

impl Symbols {
    /// Whether the object defines a function of this name at an address, in whatever version.
    pub fn has(&self, name: Name<'_>, address: *const c_void) -> bool {
        let wanted = |symbol: &Symbol| ptr::eq(symbol.address, address);
        self.search(name, wanted).is_some()
    }

    /// Where a function of this name is, in its default version, if the object defines one.
    pub fn find(&self, name: Name<'_>) -> Option<*const c_void> {
        let found = self.search(name, |symbol| symbol.is_default)?;
        Some(if found.is_chosen_at_run_time {
            resolve(found.address)
        } else {
            found.address
        })
    }

    fn search(&self, name: Name<'_>, wanted: impl Fn(&Symbol) -> bool) -> Option<Symbol> {
        // SAFETY: these are the tables that the dynamic linker itself reads so.
        unsafe {
            match self.hash {
                Hash::Gnu(table) => self.search_gnu(table, name, wanted),
                Hash::SysV(table) => self.search_sysv(table, name, wanted),
            }
        }
    }

    /// # Safety
    /// `table` is what `DT_GNU_HASH` points to.
    unsafe fn search_gnu(
        &self,
        table: *const u32,
        name: Name<'_>,
        wanted: impl Fn(&Symbol) -> bool,
    ) -> Option<Symbol> {
        const BITS: u32 = usize::BITS;
        // SAFETY: the caller's promise.
        unsafe {
            let [buckets, first, words, shift] = *table.cast::<[u32; 4]>();
            let bloom = table.add(4).cast::<usize>();
            let word = *bloom.add(((name.gnu / BITS) & words.wrapping_sub(1)) as usize);
            let second = name.gnu.wrapping_shr(shift);
            let bits = (word >> (name.gnu % BITS)) & (word >> (second % BITS));
            if bits & 1 == 0 || buckets == 0 {
                return None;
            }
            let bucket = bloom.add(words as usize).cast::<u32>();
            let chain = bucket.add(buckets as usize);
            let mut index = *bucket.add((name.gnu % buckets) as usize);
            if index < first {
                return None;
            }
            loop {
                let hash = *chain.add((index - first) as usize);
                if (hash ^ name.gnu) >> 1 == 0
                    && let Some(found) = self.at(index, name)
                    && wanted(&found)
                {
                    return Some(found);
                }
                if hash & 1 != 0 {
                    return None;
                }
                index += 1;
            }
        }
    }

    /// # Safety
    /// `table` is what `DT_HASH` points to.
    unsafe fn search_sysv(
        &self,
        table: *const u32,
        name: Name<'_>,
        wanted: impl Fn(&Symbol) -> bool,
    ) -> Option<Symbol> {
        // SAFETY: the caller's promise.
        unsafe {
            let [buckets, _] = *table.cast::<[u32; 2]>();
            if buckets == 0 {
                return None;
            }
            let bucket = table.add(2);
            let chain = bucket.add(buckets as usize);
            let mut index = *bucket.add((name.sysv() % buckets) as usize);
            while index != 0 {
                if let Some(found) = self.at(index, name)
                    && wanted(&found)
                {
                    return Some(found);
                }
                index = *chain.add(index as usize);
            }
            None
        }
    }

    /// The symbol of this index, if it is a function of this name that others may use.
    ///
    /// # Safety
    /// There is such a symbol.
    unsafe fn at(&self, index: u32, name: Name<'_>) -> Option<Symbol> {
        const STT_NOTYPE: u8 = 0;
        const STT_FUNC: u8 = 2;
        const STT_GNU_IFUNC: u8 = 10;
        const IS_NOT_DEFAULT: u16 = 0x8000;
        let index = index as usize;
        // SAFETY: the caller's promise; each symbol has a name, and a version if any has.
        let (symbol, is_default) = unsafe {
            let symbol = &*self.table.add(index);
            if !name.is(self.names.add(symbol.st_name as usize)) {
                return None;
            }
            let is_default =
                self.versions.is_null() || *self.versions.add(index) & IS_NOT_DEFAULT == 0;
            (symbol, is_default)
        };
        let kind = symbol.st_info & 0xf;
        // STV_HIDDEN and STV_INTERNAL are not for others, STV_PROTECTED is.
        let is_defined = symbol.st_shndx != 0 && !matches!(symbol.st_other & 3, 1 | 2);
        let is_function = matches!(kind, STT_NOTYPE | STT_FUNC | STT_GNU_IFUNC);
        let address = self.base.wrapping_add(symbol.st_value as usize);
        (is_defined && is_function).then_some(Symbol {
            address: ptr::with_exposed_provenance(address),
            is_default,
            is_chosen_at_run_time: kind == STT_GNU_IFUNC,
        })
    }
}

/// A function that an object defines.
struct Symbol {
    address: *const c_void,
    /// Whether it is what a lookup without a version finds.
    is_default: bool,
    /// Whether the function at the address returns the address of the one to be called.
    is_chosen_at_run_time: bool,
}

/// Calls the function by which the object chooses another at run time, as the dynamic linker does.
#[cold]
fn resolve(resolver: *const c_void) -> *const c_void {
    // SAFETY: a symbol of this type has such a function. On x86-64 it has no argument; on aarch64
    // it gets the hardware's capabilities, in which an unset flag says that there is no second
    // argument.
    unsafe {
        let resolver: extern "C" fn(u64) -> *const c_void = core::mem::transmute(resolver);
        resolver(libc::getauxval(libc::AT_HWCAP))
    }
}
