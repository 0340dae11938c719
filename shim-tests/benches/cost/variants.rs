//! What is compared.

use std::path::{Path, PathBuf};

use crate::artifacts::Artifacts;
use crate::policies::Policies;

/// The ratios are to these two.
pub const NO_SHIM: usize = 0;
pub const FLOOR: usize = 1;

/// Behind the floor and its copy.
const FIRST_SHIM: usize = 3;

/// One way to run a program.
#[derive(Clone)]
pub struct Variant {
    pub name: &'static str,
    /// `NAME=VALUE`, the whole environment.
    pub environment: Vec<(&'static str, PathBuf)>,
    /// Whether a program then gets 127.0.0.2.
    pub restricted: bool,
}

/// All have the same variables as far as possible: a longer environment takes longer to start with,
/// whatever is preloaded.
pub fn all(artifacts: &Artifacts, policies: &Policies) -> Vec<Variant> {
    let preload = |name, restricted, object: &Path, directory| Variant {
        name,
        environment: vec![
            ("LD_PRELOAD", object.to_path_buf()),
            ("IPADDR_POLICY_DIR", directory),
        ],
        restricted,
    };
    let floor = |name, object| preload(name, true, object, policies.absent());
    let unrestricted = |name, directory| preload(name, false, &artifacts.library, directory);
    let restricted = |name, directory| preload(name, true, &artifacts.library, directory);
    let no_shim = Variant {
        name: "no shim",
        environment: vec![("IPADDR_POLICY_DIR", policies.absent())],
        restricted: false,
    };
    let mut by_variable = restricted("restricted by $IPADDR_IPV4", policies.absent());
    let address = ("IPADDR_IPV4", "127.0.0.2".into());
    by_variable.environment.push(address);
    vec![
        no_shim,
        floor("C floor", &artifacts.floor),
        floor("C floor, a copy", &artifacts.floor_copy),
        unrestricted("unrestricted, no policy directory", policies.absent()),
        unrestricted("unrestricted, directory is empty", policies.empty()),
        unrestricted("unrestricted, file says 0.0.0.0", policies.unassigned()),
        by_variable,
        restricted("restricted by a policy file", policies.assigned()),
    ]
}

/// For sends: what a bound socket costs the kernel by itself stands in the place of the floor.
pub fn sending(variants: &[Variant]) -> Vec<Variant> {
    let mut bound = variants[NO_SHIM].clone();
    bound.name = "no shim, bound to the address";
    bound.restricted = true;
    bound.environment.push(("BOUND", "1".into()));
    let mut sending = vec![variants[NO_SHIM].clone(), bound];
    sending.extend_from_slice(&variants[FIRST_SHIM..]);
    let mut asking = variants[variants.len() - 1].clone();
    asking.name = "restricted, has an AF_INET6 socket too";
    asking.environment.push(("INET6", "1".into()));
    sending.push(asking);
    sending
}

/// One more for connect: once a program has bound with `IP_BIND_ADDRESS_NO_PORT` itself, the library
/// asks each socket whether it has a source already.
pub fn chosen_source(variants: &[Variant]) -> Option<Variant> {
    let mut variant = variants.last()?.clone();
    variant.name = "restricted, has chosen a source";
    variant.environment.push(("CHOSEN_SOURCE", "1".into()));
    Some(variant)
}
