//! Which files and directories can be trusted.

use ipaddr_policy::trust::{FileProblem, Status, Trusted};

const FILE: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
const FIFO: u32 = 0o010_000;

/// The policy directory's owner.
const OWNER: u32 = 1000;

fn status(kind: u32, mode: u32, owner: u32) -> Status {
    let mode = kind | mode;
    Status { mode, owner }
}

fn file(kind: u32, mode: u32, owner: u32, is_read_only: bool) -> Result<(), FileProblem> {
    let trusted = Trusted { owner: OWNER };
    trusted.judge_file(status(kind, mode, owner), || is_read_only)
}

fn directory(kind: u32, mode: u32, owner: u32, is_read_only: bool) -> Result<(), FileProblem> {
    let trusted = Trusted { owner: OWNER };
    trusted.judge_directory(status(kind, mode, owner), || is_read_only)
}

#[test]
fn kinds() {
    assert_eq!(file(FILE, 0o644, 0, false), Ok(()));
    assert_eq!(directory(DIRECTORY, 0o755, 0, false), Ok(()));
    for kind in [DIRECTORY, LINK, FIFO] {
        assert_eq!(file(kind, 0o644, 0, true), Err(FileProblem::WrongKind));
    }
    for kind in [FILE, LINK, FIFO] {
        assert_eq!(directory(kind, 0o755, 0, true), Err(FileProblem::WrongKind));
    }
}

#[test]
fn owners() {
    for is_read_only in [false, true] {
        for owner in [0, OWNER] {
            assert_eq!(file(FILE, 0o600, owner, is_read_only), Ok(()));
            assert_eq!(directory(DIRECTORY, 0o700, owner, is_read_only), Ok(()));
        }
        let other = Err(FileProblem::Owner(1001));
        assert_eq!(file(FILE, 0o600, 1001, is_read_only), other);
        assert_eq!(directory(DIRECTORY, 0o1700, 1001, is_read_only), other);
    }
    let trusted = Trusted { owner: OWNER };
    assert_eq!(trusted.judge_owner(status(LINK, 0o777, OWNER)), Ok(()));
    let other = Err(FileProblem::Owner(1001));
    assert_eq!(trusted.judge_owner(status(LINK, 0o777, 1001)), other);
}

/// The group is the administrator's affair.
#[test]
fn modes() {
    for (mode, is_read_only, is_fine) in [
        (0o775, false, true),
        (0o777, false, false),
        (0o002, false, false),
        (0o777, true, true),
    ] {
        assert_eq!(
            file(FILE, mode, OWNER, is_read_only).is_ok(),
            is_fine,
            "{mode:o}"
        );
        assert_eq!(
            directory(DIRECTORY, mode, OWNER, is_read_only).is_ok(),
            is_fine,
            "{mode:o}"
        );
    }
    let problem = Err(FileProblem::WorldWritable);
    assert_eq!(directory(DIRECTORY, 0o777, 0, false), problem);
    assert_eq!(directory(DIRECTORY, 0o1777, 0, false), Ok(()));
    assert_eq!(directory(DIRECTORY, 0o1777, OWNER, false), Ok(()));
    assert_eq!(file(FILE, 0o1666, OWNER, false), problem);
}

/// statfs(2) is asked only where it matters.
#[test]
fn read_only_is_not_asked_in_vain() {
    let trusted = Trusted { owner: OWNER };
    let asked = || -> bool { panic!("asked") };
    assert_eq!(trusted.judge_file(status(FILE, 0o644, 0), asked), Ok(()));
    let sticky = status(DIRECTORY, 0o1777, 0);
    assert_eq!(trusted.judge_directory(sticky, asked), Ok(()));
    let other = status(DIRECTORY, 0o777, 1001);
    let problem = Err(FileProblem::Owner(1001));
    assert_eq!(trusted.judge_directory(other, asked), problem);
}
