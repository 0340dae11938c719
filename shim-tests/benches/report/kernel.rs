//! The same rules in the kernel, as cgroup-BPF programs.

use std::net::Ipv4Addr;

use shim_tests::{Cgroup, Reference};

/// A cgroup whose processes the kernel restricts to 127.0.0.2.
pub struct Kernel {
    // Detached before the cgroup goes.
    _reference: Reference,
    cgroup: Cgroup,
}

impl Kernel {
    /// `None` where it can't be done, which has then been said.
    pub fn attach() -> Option<Self> {
        let cgroup = Cgroup::v2()?;
        let reference = Reference::attach(&cgroup, Some(Ipv4Addr::new(127, 0, 0, 2)), None)?;
        Some(Self {
            _reference: reference,
            cgroup,
        })
    }

    pub const fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }
}
