//! The kernel's own way to do the job: the address rules as cgroup-BPF programs, see
//! `reference/ipaddr.bpf.c`. As root only.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use aya::programs::{CgroupAttachMode, CgroupSockAddr};
use aya::util::KernelVersion;
use aya::{Ebpf, EbpfLoader};

use crate::artifacts::workspace;
use crate::{Cgroup, skip};

/// What the kernel offers of itself to those who read its structures.
const KERNEL_TYPES: &str = "/sys/kernel/btf/vmlinux";

/// The rules attached to a cgroup; detached when dropped.
pub struct Reference {
    _programs: Ebpf,
}

impl Reference {
    /// Holds every process in `cgroup` to an address of each family; `None` leaves the family
    /// alone.
    ///
    /// Skips, and returns `None`, where that can't be done: not root, no clang, an older kernel.
    #[must_use]
    pub fn attach(cgroup: &Cgroup, ipv4: Option<Ipv4Addr>, ipv6: Option<Ipv6Addr>) -> Option<Self> {
        if !can_be_attached() {
            return None;
        }
        // Zero is what leaves a family alone there.
        let ipv4 = ipv4.unwrap_or(Ipv4Addr::UNSPECIFIED).octets();
        let ipv6 = ipv6.unwrap_or(Ipv6Addr::UNSPECIFIED).octets();
        let mut programs = EbpfLoader::new()
            .override_global("ipv4", &ipv4, true)
            .override_global("ipv6", &ipv6, true)
            .load(object())
            .expect("clang has made a BPF object");
        let directory = fs::File::open(cgroup.path()).expect("the cgroup is there");
        for (name, program) in programs.programs_mut() {
            attach(program, &directory).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        Some(Self {
            _programs: programs,
        })
    }
}

fn attach(
    program: &mut aya::programs::Program,
    cgroup: &fs::File,
) -> Result<(), aya::programs::ProgramError> {
    let program: &mut CgroupSockAddr = program.try_into()?;
    program.load()?;
    program.attach(cgroup, CgroupAttachMode::Single)?;
    Ok(())
}

/// bpf_set_retval() came to these programs with Linux 6.0.
fn can_be_attached() -> bool {
    if !(skip::root_for("cgroup-BPF")
        && skip::command("clang")
        && skip::path(Path::new(KERNEL_TYPES)))
    {
        return false;
    }
    let recent =
        KernelVersion::current().is_ok_and(|version| version >= KernelVersion::new(6, 0, 0));
    if !recent {
        skip::skip("cgroup-BPF that says an errno needs Linux 6.0");
    }
    recent
}

/// The programs, compiled once.
fn object() -> &'static [u8] {
    static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
    OBJECT.get_or_init(|| {
        let source = workspace().join("shim-tests/reference/ipaddr.bpf.c");
        let output = Command::new("clang")
            .args(["-target", "bpf", "-O2", "-g", "-Wall", "-Wextra", "-Werror"])
            // The kernel's headers for this architecture, which are not for that target.
            .arg(format!("-I/usr/include/{}-linux-gnu", env::consts::ARCH))
            .args(["-o", "-", "-c"])
            .arg(source)
            .output()
            .expect("clang runs");
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{messages}");
        output.stdout
    })
}
