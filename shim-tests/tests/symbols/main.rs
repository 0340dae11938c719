//! Other ways to libc's functions than by their symbols: dlopen(3), dlsym(3) and their like.

use std::env;

use shim_tests::{PolicyDir, Shim, covered, harness, skip};

const ADDRESS: &str = "127.0.0.2";

/// Whether the harness is built for glibc; skips if it isn't.
fn glibc() -> bool {
    let musl = env::var("IPADDR_TEST_LIBC").is_ok_and(|libc| libc == "musl");
    if musl {
        skip::skip("musl has no such function");
    }
    !musl
}

/// What bind ends with: the errno, and the address.
fn bound(shim: &Shim, arguments: &[&str]) -> String {
    let run = shim.harness("lookup", arguments);
    let words = run.words();
    assert!(words.len() == 3, "{arguments:?}: {run:?}");
    words[..2].join(" ")
}

fn path(library: &str) -> String {
    harness(library).to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_function_found_on_a_handle_is_ours() {
    let mut ways = vec!["dlsym", "self", "default", "next", "indirect"];
    if glibc() {
        ways.push("dlvsym");
    }
    for way in ways {
        assert_eq!(bound(&Shim::without(), &[way]), "0 0.0.0.0", "{way}");
        assert_eq!(bound(&Shim::new(), &[way]), "0 0.0.0.0", "{way}");
        assert_eq!(bound(&Shim::ipv4(ADDRESS), &[way]), "0 127.0.0.2", "{way}");
    }
}

#[test]
fn each_covered_function() {
    let mut names = covered::exported();
    names.insert(0, "all");
    for shim in [Shim::without(), Shim::ipv4(ADDRESS)] {
        shim.harness("lookup", &names).says("compared");
    }
}

#[test]
fn what_is_not_found_is_told() {
    for shim in [Shim::without(), Shim::ipv4(ADDRESS)] {
        shim.harness("lookup", &["missing"]).says("null told");
    }
}

#[test]
fn another_librarys_own_function_stays() {
    let arguments = ["foreign", &path("foreign_library")];
    for shim in [Shim::without(), Shim::ipv4(ADDRESS)] {
        shim.harness("lookup", &arguments).says("1234 5678");
    }
}

/// It sees what the program passes before ours, and what the kernel gets behind ours; either way
/// nobody calls in a circle.
#[test]
fn another_preloaded_library_that_uses_a_handle() {
    let handle = || harness("handle_library");
    let shim = || Shim::ipv4(ADDRESS);
    for (shim, seen) in [
        (shim().preload_before(handle()), "handle 0.0.0.0\n"),
        (shim().preload_after(handle()), "handle 127.0.0.2\n"),
    ] {
        let run = shim.harness("bind", &["tcp4", "0.0.0.0", "0"]);
        assert_eq!(run.words()[..2], ["0", ADDRESS], "{run:?}");
        assert_eq!(run.err, seen);
    }
}

#[test]
fn a_library_that_is_bound_deeply() {
    let arguments = ["deepbind", &path("binding_library")];
    assert_eq!(bound(&Shim::without(), &arguments), "0 0.0.0.0");
    assert_eq!(bound(&Shim::new(), &arguments), "0 0.0.0.0");
    assert_eq!(bound(&Shim::ipv4(ADDRESS), &arguments), "0 127.0.0.2");
    if glibc() {
        let arguments = ["base", arguments[1]];
        assert_eq!(bound(&Shim::ipv4(ADDRESS), &arguments), "0 127.0.0.2");
    }
}

#[test]
fn a_namespace_of_its_own() {
    if !glibc() {
        return;
    }
    let arguments = ["namespace", &path("binding_library")];
    assert_eq!(bound(&Shim::without(), &arguments), "0 0.0.0.0");
    assert_eq!(bound(&Shim::new(), &arguments), "0 0.0.0.0");
    for shim in [
        Shim::ipv4(ADDRESS),
        Shim::ipv6("none"),
        Shim::ipv4("nonsense"),
    ] {
        let run = shim.harness("lookup", &arguments);
        let told =
            "null /dev/null/libipaddr.so refuses dlmopen() in a namespace other than LM_ID_BASE";
        assert!(run.out.starts_with(told), "{run:?}");
        assert!(run.err.contains("dlmopen: refused"), "{}", run.err);
    }
}

/// Who calls dlopen is still seen: its `DT_RUNPATH` and `$ORIGIN` say where a library is.
#[test]
fn the_callers_library_path() {
    if !skip::command("cc") || !glibc() {
        return;
    }
    let directory = PolicyDir::new();
    let inner = directory.path().join("inner");
    std::fs::create_dir(&inner).expect("the directory is ours");
    let compile = |to: &str, text: &str, options: &[&str]| {
        let source = directory.path().join("source.c");
        std::fs::write(&source, text).expect("the directory is ours");
        let status = std::process::Command::new("cc")
            .args(["-o", to])
            .arg(source)
            .args(options)
            .current_dir(directory.path())
            .status();
        assert!(status.expect("cc runs").success(), "{to}");
    };
    compile(
        "inner/libfound.so",
        "int found(void) { return 7; }",
        &["-shared", "-fPIC"],
    );
    let opens = "#include <dlfcn.h>\n#include <stddef.h>
        void *opens(void) { return dlopen(\"libfound.so\", RTLD_NOW); }";
    let run_path = ["-shared", "-fPIC", "-Wl,-rpath,$ORIGIN/inner"];
    compile("libopens.so", opens, &run_path);
    let main = "#include <stdio.h>\nvoid *opens(void);
        int main(void) { puts(opens() ? \"found\" : \"not found\"); return 0; }";
    compile("main", main, &["-L.", "-lopens", "-Wl,-rpath,$ORIGIN"]);
    for shim in [Shim::without(), Shim::new(), Shim::ipv4(ADDRESS)] {
        shim.run(directory.path().join("main"), &[]).says("found");
    }
}

/// As ctypes, JNA and others call it.
#[test]
fn a_foreign_function_interface() {
    if !skip::command("python3") {
        return;
    }
    let script = "import ctypes, socket, sys
libc = ctypes.CDLL('libc.so.6', mode=int(sys.argv[1]))
any = bytes([2, 0] + 14 * [0]), 16
bound = socket.socket()
libc.bind(bound.fileno(), *any)
listening = socket.socket()
libc.listen(listening.fileno(), 1)
server = socket.create_server(('127.0.0.1', 0))
to = bytes([2, 0]) + server.getsockname()[1].to_bytes(2, 'big') + bytes([127, 0, 0, 1] + 8 * [0])
connected = socket.socket()
libc.connect(connected.fileno(), to, 16)
print(*(s.getsockname()[0] for s in (bound, listening, connected)))";
    let (loopback, any) = ("127.0.0.1", "0.0.0.0");
    for mode in ["0", "8"] {
        let run = |shim: Shim| shim.run("python3", &["-c", script, mode]);
        run(Shim::without()).says(&format!("{any} {any} {loopback}"));
        run(Shim::ipv4(ADDRESS)).says(&format!("{ADDRESS} {ADDRESS} {ADDRESS}"));
    }
}
