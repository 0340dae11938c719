//! The environment of a process.

/// `/proc/PID/environ`: the environment that the process was started with. What it has changed since
/// with setenv(3) isn't there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(Vec<u8>);

impl Environment {
    /// `NAME=VALUE` one behind the other, each with a NUL at its end.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The first variable of a name, which is the one that getenv(3) finds.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0
            .split(|&byte| byte == 0)
            .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_name() {
        let environment =
            Environment::new(b"IPADDR_IPV4X=1\0IPADDR_IPV4=2\0IPADDR_IPV4=3\0".into());
        assert_eq!(environment.get("IPADDR_IPV4"), Some(&b"2"[..]));
        assert_eq!(environment.get("IPADDR"), None);
    }
}
