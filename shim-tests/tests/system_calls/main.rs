//! How many system calls the library makes, and which: they repeat exactly, so strace(1) can hold
//! them to what the rules need. docs/performance.md has the same as a table. In glibc processes only:
//! the calls of musl itself are others.

use std::collections::BTreeMap;
use std::fs;

use shim_tests::{Cgroup, PolicyDir, Shim, harness, library, peer, skip};
use tempfile::NamedTempFile;

const ADDRESS: &str = "127.0.0.2";

/// What mapping the library takes: two pieces, constants with code, and variables.
const MAPPED: [&str; 6] = ["openat", "read", "fstat", "mmap", "mmap", "close"];

/// What it takes besides where the library is aligned to larger pages than the machine has, as on aarch64:
/// room to align it in, of which munmap(2) gives back an end or both, and a gap that is closed.
const ALIGNED: [&str; 2] = ["mmap", "mprotect"];

/// Whether there is a file, not by openat(2), which takes a descriptor even where there is none.
const LSTAT: &str = "lstat";

/// What each constructor does: which file stderr is, and whether there is a policy directory.
const LOADED: [&str; 2] = ["fstat", LSTAT];

/// Giving a file a high number, and the low one back if no other thread has taken it.
const MOVED: [&str; 4] = [
    "fcntl F_DUPFD_CLOEXEC",
    "fcntl F_GETFD",
    "fcntl F_GETFL",
    "close",
];

/// Reading it, and giving back the high number in the same way.
const READ: [&str; 5] = [
    "pread64",
    "pread64",
    "fcntl F_GETFD",
    "fcntl F_GETFL",
    "close",
];

/// Finding out which cgroup this is.
fn cgroup_calls() -> Vec<&'static str> {
    [&["openat"], &MOVED[..], &READ].concat()
}

/// Reading a file.
fn file_calls() -> Vec<&'static str> {
    [&[LSTAT, "openat"], &MOVED[..], &["fstat"], &READ].concat()
}

/// The files that a level may have: a list for each family, and rules.
const FILES: usize = 3;

/// Whether system calls can be traced here; skips if they can't.
fn strace() -> bool {
    if std::env::var("IPADDR_TEST_LIBC").is_ok_and(|libc| !libc.is_empty()) {
        skip::skip("counts a glibc process's system calls");
        return false;
    }
    if !skip::command("strace") {
        return false;
    }
    let traced = Shim::without().run("strace", &["-o", "/dev/null", "true"]);
    if !traced.success {
        skip::skip(&format!("strace can't trace here: {}", traced.err.trim()));
    }
    traced.success
}

/// The system calls of a program: the name of each, and of an option that it is about.
fn trace(shim: &Shim, program: &str, arguments: &[&str]) -> Vec<String> {
    let file = NamedTempFile::new().expect("a temporary file");
    let path = file.path().to_str().expect("UTF-8");
    let strace = ["strace", "-qq", "-e", "signal=none", "-o", path];
    let run = shim.clone().by_preloaded(&strace).run(program, arguments);
    assert!(run.success, "{run:?}");
    let text = fs::read_to_string(path).expect("strace has written it");
    text.lines().filter_map(system_call).collect()
}

/// `getsockopt(3, SOL_SOCKET, SO_TYPE, [1], [4]) = 0` and the like.
fn system_call(line: &str) -> Option<String> {
    let (name, arguments) = line.split_once('(')?;
    Some(match name {
        "getsockopt" | "setsockopt" => format!("{name} {}", arguments.split(", ").nth(2)?),
        "fcntl" => {
            let command = arguments.split(", ").nth(1)?;
            format!("{name} {}", command.split(')').next()?)
        }
        "newfstatat" if line.contains("AT_EMPTY_PATH") => "fstat".to_owned(),
        "newfstatat" if line.contains("AT_SYMLINK_NOFOLLOW") => LSTAT.to_owned(),
        "newfstatat" => "stat".to_owned(),
        _ => name.to_owned(),
    })
}

/// The system calls of the last of `calls`, which c-harness/traced.c does on one socket.
fn calls(shim: &Shim, kind: &str, to: (&str, &str), calls: &[&str]) -> Vec<String> {
    let arguments = [&[kind, to.0, to.1], calls].concat();
    let program = harness("traced");
    let all = trace(shim, program.to_str().expect("UTF-8"), &arguments);
    let mut parts = all.split(|call| call == "sched_yield");
    let (_before, between) = (parts.next(), parts.next());
    between.expect("two marks").to_vec()
}

/// What is expected of a call, to a UDP port of 127.0.0.1 that takes everything.
struct Expect {
    shim: Shim,
    port: String,
}

impl Expect {
    #[track_caller]
    fn of(&self, kind: &str, steps: &[&str], expected: &[&str]) {
        let made = calls(&self.shim, kind, ("127.0.0.1", &self.port), steps);
        assert_eq!(made, expected, "{kind} {steps:?}");
    }
}

const NO_PORT: &str = "setsockopt IP_BIND_ADDRESS_NO_PORT";
const DOMAIN: &str = "getsockopt SO_DOMAIN";
const TYPE: &str = "getsockopt SO_TYPE";
const PROTOCOL: &str = "getsockopt SO_PROTOCOL";
const V6ONLY: &str = "getsockopt IPV6_V6ONLY";

#[test]
fn calls_of_a_restricted_process() {
    if !strace() {
        return;
    }
    let (_receiver, port) = peer::udp_port("127.0.0.1");
    let shim = Shim::ipv4(ADDRESS).var("IPADDR_LOG", "off");
    let expect = Expect { shim, port };

    for kind in ["tcp4", "udp4"] {
        expect.of(kind, &["socket"], &["socket"]);
        expect.of(kind, &["bind=0.0.0.0"], &["bind"]);
        // Refused: what isn't a socket would get another errno.
        expect.of(kind, &["bind=127.0.0.9"], &[TYPE]);
        // A port of the kernel's choice: a quiet bind must not replace this address later.
        let queries = ["getsockopt IP_BIND_ADDRESS_NO_PORT", TYPE, "bind"];
        expect.of(kind, &["bind=127.0.0.2"], &queries);
    }
    expect.of("tcp4", &["mptcp"], &["socket"]);
    expect.of("udp4", &["connect"], &[NO_PORT, "bind", "connect"]);
    let wildcard = calls(&expect.shim, "udp4", ("0.0.0.0", "9"), &["connect"]);
    assert_eq!(wildcard, ["getsockname", NO_PORT, "bind", "connect"]);
    let ended = ["connect", "getsockname", NO_PORT];
    expect.of("udp4", &["connect", "dissolve"], &ended);
    let bound = [NO_PORT, "bind", "getsockname", "connect"];
    expect.of("udp4", &["bind=0.0.0.0", "connect"], &bound);

    let queries = ["getsockname", "listen"];
    expect.of("tcp4", &["bind=0.0.0.0", "listen"], &queries);
    let bound = ["getsockname", TYPE, "bind", "listen"];
    expect.of("tcp4", &["listen"], &bound);
    expect.of("tcp4", &["listen", "reach", "accept"], &["accept"]);

    for call in ["sendto", "sendmsg"] {
        expect.of("udp4", &[call], &["getsockname", TYPE, "bind", call]);
        expect.of("udp4", &[call, call], &["getsockname", call]);
        expect.of("udp4", &["sendto*100", call], &[call]);
    }
    let two = ["getsockname", "getsockname", "sendmmsg"];
    expect.of("udp4", &["sendto", "sendmmsg"], &two);
    expect.of("udp4", &["sendto*100", "sendmmsg"], &["sendmmsg"]);
    let told = [DOMAIN, TYPE, PROTOCOL, "getsockname", "sendto"];
    expect.of("udp4", &["sendto", "unspec"], &told);
    expect.of("udp4", &["unix", "name"], &[DOMAIN, "bind"]);
    let list = format!("{ADDRESS},224.0.0.9");
    let shim = expect.shim.clone().var("IPADDR_IPV4", &list);
    let to = ("127.0.0.1", &*expect.port);
    let made = calls(&shim, "udp4", to, &["bind=224.0.0.9", "sendto"]);
    assert_eq!(made, ["getsockname", TYPE, "sendmsg"]);
    let from = "sendmsg=127.0.0.2";
    expect.of("udp4", &["sendto", from], &["getsockname", "sendmsg"]);
    expect.of("udp4", &["sendto*100", from], &["sendmsg"]);
    let bound_at_once = ["socket", NO_PORT, "bind", NO_PORT];
    expect.of("udp4", &["sendto*100", "socket"], &bound_at_once);
}

/// Once in a process that has set no option of a socket itself: whether there is a seccomp filter.
#[test]
fn the_first_quiet_bind() {
    if !strace() {
        return;
    }
    let (_receiver, port) = peer::udp_port("127.0.0.1");
    let shim = Shim::ipv4(ADDRESS);
    let expect = Expect { shim, port };
    let queries = [&["openat"], &MOVED[..], &["pread64"], &READ[2..]].concat();
    let connect = [NO_PORT, "bind", "connect"];
    let first = [&queries[..], &connect].concat();
    expect.of("udp4", &["first", "connect"], &first);
    expect.of("udp4", &["first", "connect", "socket", "connect"], &connect);
    // Never where nothing is assigned.
    let shim = Shim::new();
    let port = expect.port;
    let expect = Expect { shim, port };
    expect.of("udp4", &["first", "connect"], &[LSTAT, "connect"]);
}

/// One question for each pointer that isn't to the stack, if what is there has to be read.
#[test]
fn calls_with_pointers_to_the_heap() {
    if !strace() {
        return;
    }
    const READABLE: &str = "rt_sigprocmask";
    let (_receiver, port) = peer::udp_port("127.0.0.1");
    let expect = |shim: Shim| Expect {
        shim,
        port: port.clone(),
    };
    let restricted = expect(Shim::ipv4(ADDRESS));
    let bound = [READABLE, NO_PORT, "bind", "connect"];
    restricted.of("udp4", &["heap", "connect"], &bound);
    for call in ["sendto", "sendmsg"] {
        let queries = [READABLE, "getsockname", call];
        restricted.of("udp4", &["heap", call, call], &queries);
        restricted.of("udp4", &["heap", "sendto*100", call], &[call]);
    }
    // Two messages to one address.
    let two = [READABLE, "getsockname", "getsockname", "sendmmsg"];
    restricted.of("udp4", &["heap", "sendto", "sendmmsg"], &two);

    let unrestricted = expect(Shim::new());
    let queries = [READABLE, LSTAT, "connect"];
    unrestricted.of("udp4", &["heap", "connect"], &queries);
    unrestricted.of("udp4", &["heap", "sendto", "sendmsg"], &["sendmsg"]);
    unrestricted.of("udp4", &["heap", "sendto", "sendto"], &["sendto"]);
}

#[test]
fn connects_of_a_restricted_process() {
    if !strace() {
        return;
    }
    let shim = Shim::ipv4(ADDRESS);
    let listener = peer::Listener::on("127.0.0.1");
    let made = calls(&shim, "tcp4", ("127.0.0.1", &listener.port()), &["connect"]);
    assert_eq!(made, [NO_PORT, "bind", "connect"]);
    assert_eq!(listener.peer().ip().to_string(), ADDRESS);

    let refused = peer::refused_port("127.0.0.1");
    let made = calls(&shim, "tcp4", ("127.0.0.1", &refused), &["connect"]);
    assert_eq!(made, [NO_PORT, "bind", "connect", NO_PORT]);
}

#[test]
fn calls_on_ipv6_sockets_of_a_restricted_process() {
    if !strace() || !skip::ipv6() {
        return;
    }
    let shim = Shim::ipv4(ADDRESS);
    let to = |kind, steps: &[&str]| calls(&shim, kind, ("::1", "9"), steps);
    assert_eq!(to("tcp6", &["bind=::"]), [V6ONLY, TYPE, "bind"]);
    assert_eq!(to("udp6", &["bind=::"]), [V6ONLY, TYPE, PROTOCOL, "bind"]);
    // Another thread may have cleared it meanwhile.
    let queries = [V6ONLY, "bind", V6ONLY];
    assert_eq!(to("tcp6only", &["bind=::"]), queries);
    let queries = ["getsockname", TYPE, V6ONLY, "listen", V6ONLY];
    assert_eq!(to("tcp6only", &["listen"]), queries);
    // IPv6 isn't assigned.
    assert_eq!(to("udp6", &["connect"]), ["connect"]);
    assert_eq!(to("udp6", &["sendto"]), ["sendto"]);
    assert_eq!(to("udp6", &["sendto", "sendmsg"]), ["sendmsg"]);
}

#[test]
fn calls_of_an_unrestricted_process() {
    if !strace() {
        return;
    }
    let (_receiver, port) = peer::udp_port("127.0.0.1");
    let shim = Shim::new();
    let expect = Expect { shim, port };
    expect.of("tcp4", &["socket"], &["socket"]);
    expect.of("tcp4", &["mptcp"], &[LSTAT, "socket"]);
    expect.of("udp4", &["bind=0.0.0.0"], &[LSTAT, "bind"]);
    expect.of("udp4", &["connect"], &[LSTAT, "connect"]);
    expect.of("udp4", &["connect", "dissolve"], &["connect"]);
    expect.of("tcp4", &["listen"], &[LSTAT, "listen"]);
    expect.of("udp4", &["sendto", "unix", "name"], &["bind"]);
    // The first of 1,024.
    expect.of("udp4", &["sendto"], &[LSTAT, "sendto"]);
    for call in ["sendto", "sendmsg", "sendmmsg"] {
        expect.of("udp4", &["sendto", call], &[call]);
    }
}

#[test]
fn calls_where_there_are_rules() {
    if !strace() {
        return;
    }
    let (_receiver, port) = peer::udp_port("127.0.0.1");
    let policy = PolicyDir::new();
    policy.write("", "ipv4", ADDRESS);
    let rules = |lines: &[&str]| policy.write("", "rules", &lines.join("\n"));
    let shim = Shim::policy(policy.path());
    let expect = Expect { shim, port };
    let accept = ["listen", "reach", "accept"];

    // Whatever the protocol.
    rules(&[
        "-A BIND -s 127.0.0.2 -j ACCEPT",
        "-A CONNECT -d 127.0.0.0/8 -j ACCEPT",
        "-A ACCEPT -s 127.0.0.0/8 -j ACCEPT",
    ]);
    expect.of("udp4", &["bind=0.0.0.0"], &["bind"]);
    expect.of("udp4", &["connect"], &[NO_PORT, "bind", "connect"]);
    expect.of("tcp4", &accept, &["accept"]);
    let queries = [TYPE, "getsockname", "sendto"];
    expect.of("udp4", &["sendto", "sendto"], &queries);
    expect.of("udp4", &["sendto*100", "sendto"], &["sendto"]);

    rules(&[
        "-A BIND -p udp -j ACCEPT",
        "-A CONNECT -p udp -j ACCEPT",
        "-A ACCEPT -p tcp --dport 1:65535 -j ACCEPT",
    ]);
    expect.of("udp4", &["bind=0.0.0.0"], &[PROTOCOL, "bind"]);
    let queries = [PROTOCOL, NO_PORT, "bind", "connect"];
    expect.of("udp4", &["connect"], &queries);
    expect.of("tcp4", &accept, &["accept", "getsockname", PROTOCOL]);
    expect.of("udp4", &["sendto*100", "sendto"], &["sendto"]);

    // A source by the destination: there is no fast path.
    rules(&["-A CONNECT -d 10.0.0.0/8 -j SNAT --to-source 127.0.0.2"]);
    let queries = [TYPE, "getsockname", "sendto"];
    expect.of("udp4", &["sendto*100", "sendto"], &queries);
}

/// A cgroup, and how many levels lead to it, the root's included.
fn cgroup() -> Option<(Cgroup, usize)> {
    let cgroup = skip::cgroup()?;
    let levels = cgroup.name().split('/').count() + 1;
    Some((cgroup, levels))
}

#[test]
fn queries_of_a_policy_directory() {
    if !strace() {
        return;
    }
    let Some((cgroup, _)) = cgroup() else {
        return;
    };
    let policy = PolicyDir::new();
    let shim = Shim::policy(policy.path()).cgroup(&cgroup);
    let query = [&[LSTAT], &cgroup_calls()[..], &[LSTAT; FILES], &[LSTAT]].concat();
    for call in ["bind=0.0.0.0", "connect", "listen"] {
        let made = calls(&shim, "tcp4", ("127.0.0.1", "9"), &[call]);
        let name = call.split('=').next().expect("a name");
        assert_eq!(made, [&query[..], &[name]].concat(), "{call}");
    }
}

/// What lies below a directory that isn't there is not checked.
#[test]
fn queries_below_a_directory_that_is_not_there() {
    if !strace() {
        return;
    }
    let Some((outer, levels)) = cgroup() else {
        return;
    };
    let middle = outer.child("middle");
    let inner = middle.child("inner");
    let policy = PolicyDir::new();
    // `count` directories are there, and below them one that isn't, unless they are all.
    let query = |shim: Shim, count: usize, ends_early: bool| {
        let made = calls(&shim, "tcp4", ("127.0.0.1", "9"), &["bind=0.0.0.0"]);
        let mut expected = [&[LSTAT], &cgroup_calls()[..], &[LSTAT; FILES]].concat();
        for _level in 1..count {
            expected.extend([LSTAT; 1 + FILES]);
        }
        expected.extend(ends_early.then_some(LSTAT));
        expected.push("bind");
        assert_eq!(made, expected);
    };
    let shim = Shim::policy(policy.path()).cgroup(&inner);
    query(shim.clone(), 1, true);
    let directory = policy.path().join(outer.name());
    fs::create_dir_all(directory).expect("the directory is ours");
    query(shim.clone(), levels, true);
    let directory = policy.path().join(inner.name());
    fs::create_dir_all(directory).expect("the directory is ours");
    query(shim.clone(), levels + 2, false);

    // A link is followed, and the read-only flag read where anybody may write.
    let directory = policy.path().join(middle.name());
    let moved = policy.path().join("moved");
    fs::rename(&directory, &moved).expect("the directory is ours");
    std::os::unix::fs::symlink(moved, directory).expect("the directory is ours");
    let made = calls(&shim, "tcp4", ("127.0.0.1", "9"), &["bind=0.0.0.0"]);
    assert_eq!(made.iter().filter(|&call| call == "stat").count(), 1);
}

/// What mapping the library takes on this machine.
fn mapped() -> Vec<&'static str> {
    let mut calls = MAPPED.to_vec();
    if is_aligned_further() {
        calls.extend(ALIGNED);
    }
    calls
}

/// Whether the library's first segment is aligned to more than a page, see elf(5).
fn is_aligned_further() -> bool {
    let library = fs::read(library()).expect("the library was built");
    let number = |at: usize| {
        let bytes = library[at..at + 8].try_into();
        u64::from_le_bytes(bytes.expect("8 bytes"))
    };
    // e_phoff, and p_align of the header that is there.
    let alignment = number(usize::try_from(number(32)).expect("64 bits") + 48);
    // SAFETY: sysconf has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    alignment > u64::try_from(page).expect("a size")
}

/// How many more system calls of each kind a program makes with the library than without; but for
/// munmap(2), of which there are more or fewer by chance where [`ALIGNED`] is needed.
fn loading(shim: &Shim, without: &Shim) -> BTreeMap<String, i32> {
    let mut more = BTreeMap::new();
    for (shim, sign) in [(shim, 1), (without, -1)] {
        for call in trace(shim, "true", &[]) {
            *more.entry(call).or_default() += sign;
        }
    }
    if is_aligned_further() {
        let unmapped = more.remove("munmap").unwrap_or_default();
        assert!((0..=2).contains(&unmapped), "munmap: {unmapped}");
    }
    more.retain(|_, count| *count != 0);
    more
}

fn counted<'a>(calls: impl IntoIterator<Item = &'a [&'a str]>) -> BTreeMap<String, i32> {
    let mut counts = BTreeMap::new();
    for call in calls.into_iter().flatten() {
        *counts.entry((*call).to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn loading_the_library() {
    if !strace() {
        return;
    }
    let without = Shim::without();
    let unrestricted = loading(&Shim::new(), &without);
    assert_eq!(unrestricted, counted([&mapped()[..], &LOADED]));
    let by_variable = loading(&Shim::ipv4(ADDRESS), &without);
    assert_eq!(by_variable, counted([&mapped()[..], &LOADED, &["mmap"]]));
    // Room for an assignment that may come late.
    let required = loading(&Shim::new().var("IPADDR_REQUIRE", "1"), &without);
    assert_eq!(required, counted([&mapped()[..], &LOADED, &["mmap"; 2]]));
}

#[test]
fn loading_the_library_where_there_is_a_policy_directory() {
    if !strace() {
        return;
    }
    let Some((cgroup, levels)) = cgroup() else {
        return;
    };
    let policy = PolicyDir::new();
    let without = Shim::without().cgroup(&cgroup);
    let shim = Shim::policy(policy.path()).cgroup(&cgroup);
    let calls = cgroup_calls();
    let read: [&[_]; 4] = [&mapped(), &LOADED, &["mmap"], &calls];

    // Room for an assignment that may come late.
    let files = [LSTAT; FILES + 1];
    let room = [&read[..], &[&files, &["mmap"]]].concat();
    assert_eq!(loading(&shim, &without), counted(room));

    policy.write(cgroup.name(), "ipv4", ADDRESS);
    let files = vec![LSTAT; levels * FILES - 1];
    let directories = vec![LSTAT; levels - 1];
    let file = file_calls();
    let assigned = [&read[..], &[&files, &directories, &file]].concat();
    assert_eq!(loading(&shim, &without), counted(assigned));
}

/// The calls by which a restricted process checks what it executes: how many each, by env(1), with
/// those of a policy that refuses nothing taken off.
#[test]
fn an_exec() {
    if !strace() {
        return;
    }
    let mut more: BTreeMap<String, i32> = BTreeMap::new();
    for (level, sign) in [("error", 1), ("off", -1)] {
        let shim = Shim::ipv4(ADDRESS).var("IPADDR_LOG", level);
        for call in trace(&shim, "env", &["/bin/true"]) {
            *more.entry(call).or_default() += sign;
        }
    }
    // By chance, see `loading`.
    if is_aligned_further() {
        more.remove("munmap");
    }
    more.retain(|_, count| *count != 0);
    // As many as the file has headers and notes in several places.
    let reads = more.remove("pread64").expect("the file is read");
    assert!((5..=9).contains(&reads), "{reads}");
    let closed = ["fcntl F_GETFD", "fcntl F_GETFL", "close"];
    let file = [&["openat"], &MOVED[..], &closed].concat();
    let ids = ["fgetxattr", "getuid", "geteuid", "getgid", "getegid"];
    assert_eq!(more, counted([&file[..], &["fstat"], &file, &ids]));
    // Nothing where nothing is assigned.
    let off = Shim::new().var("IPADDR_LOG", "off");
    let calls = |shim: &Shim| trace(shim, "env", &["/bin/true"]);
    assert_eq!(calls(&Shim::new()), calls(&off));
}
