//! How the library is linked: every exec in the process tree pays for what it costs to load.

fn main() {
    for argument in [
        // The C start files bring four symbols to look up and nothing that the library needs.
        "-nostartfiles",
        // Fewer segments to map. (lld makes few by itself and takes the option all the same.)
        "-Wl,-z,noseparate-code",
    ] {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
