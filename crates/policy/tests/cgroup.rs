//! `/proc/self/cgroup`, in the forms that cgroups(7) and cgroup_namespaces(7) give it.

use ipaddr_policy::cgroup::{CgroupError, levels, path};
use ipaddr_policy::text::Shown;
use proptest::prelude::*;

const V2: &[u8] = b"0::/user.slice/user-1000.slice\n";
const HYBRID: &[u8] = b"9:name=systemd:/init.scope\n4:memory:/mem\n1:cpu,cpuacct:/cpu\n0::/web/a\n";
const V1: &[u8] = b"9:name=systemd:/system.slice/a\n4:memory:/mem\n1:cpu,cpuacct:/cpu\n";
const V1_BARE: &[u8] = b"4:memory:/mem\n1:cpu,cpuacct:/cpu\n2:pids:/p\n";

#[test]
fn which_line_decides() {
    let table = [
        // text, controller ("" for none asked for), path
        (V2, "", "/user.slice/user-1000.slice"),
        (HYBRID, "", "/web/a"),
        (V1, "", "/system.slice/a"),
        (V1_BARE, "", "/cpu"),
        (HYBRID, "memory", "/mem"),
        (HYBRID, "cpuacct", "/cpu"),
        (V1, "name=systemd", "/system.slice/a"),
        (b"0::/", "", "/"),
    ];
    for (text, controller, expected) in table {
        let controller = Some(controller.as_bytes()).filter(|name| !name.is_empty());
        assert_eq!(path(text, controller), Ok(expected.as_bytes()));
    }
}

#[test]
fn colons_and_odd_names() {
    assert_eq!(path(b"0::/a:b/c d\n", None), Ok(b"/a:b/c d".as_slice()));
    assert_eq!(path(b"0::/a..b/...\n", None), Ok(b"/a..b/...".as_slice()));
}

#[test]
fn what_fails_closed() {
    assert_eq!(path(b"", None), Err(CgroupError::NoHierarchy));
    let missing: &[u8] = b"memory";
    assert_eq!(
        path(V2, Some(missing)),
        Err(CgroupError::NoController(missing))
    );
    // A part of a name is no name.
    let part: &[u8] = b"mem";
    assert_eq!(
        path(HYBRID, Some(part)),
        Err(CgroupError::NoController(part))
    );
    for outside in [b"0::/..".as_slice(), b"0::/../b", b"0::/a/../../b"] {
        let error = path(outside, None).unwrap_err();
        assert!(
            matches!(error, CgroupError::Outside { line: 1, .. }),
            "{error:?}"
        );
        assert!(
            Shown(error)
                .to_string()
                .contains("expected a path without ..")
        );
    }
    for malformed in [b"0::relative\n".as_slice(), b"0:/a\n", b"x::/a\n", b"0::\n"] {
        let error = path(malformed, None).unwrap_err();
        assert!(
            matches!(error, CgroupError::Malformed { line: 1, .. }),
            "{error:?}"
        );
        assert!(
            Shown(error)
                .to_string()
                .contains("expected ID:CONTROLLERS:/PATH")
        );
    }
}

#[test]
fn levels_from_the_root_inward() {
    let names = |path: &'static [u8]| levels(path).collect::<Vec<_>>();
    assert!(names(b"/").is_empty());
    assert_eq!(names(b"/a/b"), [b"a", b"b"]);
    assert_eq!(names(b"//a/"), [b"a"]);
}

proptest! {
    #[test]
    fn any_bytes_at_all(text in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(path) = path(&text, None) {
            prop_assert!(path.starts_with(b"/"));
            prop_assert!(!levels(path).any(|level| level == b".."));
        }
    }
}
