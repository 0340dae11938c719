//! Where a way does other than the rules say: all of it, with the reason. Whatever is not listed
//! here is a failure.

use std::cell::Cell;

use Difference::*;

/// How the rules are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By libipaddr.so.
    Library,
    /// By ipaddr-guard.
    Guard,
    /// By cgroup-BPF programs.
    Kernel,
}

impl Way {
    /// As the table has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Library => "libipaddr",
            Self::Guard => "guard",
            Self::Kernel => "cgroup-BPF",
        }
    }
}

/// What a way does otherwise; [`ROWS`] tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    ListenUnseen,
    UnspecBind,
    AutobindFirst,
    WildcardPortSends,
    StaysBound,
    BoundAtSocket,
    NoPortOption,
    AddressStaysLocked,
    ChosenElsewhere,
    OtherForm,
    RefusedFirst,
    ReplacedToo,
    IgnoredDestination,
    StalePort,
    MappedWildcard,
    Ipv6OnlyStays,
    Ipv6OnlyForgotten,
    OneFamilyLeft,
    LeftBound,
    PortFirst,
    PlainTcp,
    NoMptcp,
}

/// One row: which ways differ, when, what they do, why.
pub struct Row {
    pub difference: Difference,
    pub ways: &'static [Way],
    pub when: &'static str,
    pub does: &'static str,
    pub why: &'static str,
}

/// All of them.
pub const ROWS: &[Row] = &[
    Row {
        difference: ListenUnseen,
        ways: &[Way::Kernel],
        when: "`listen` on a socket that isn't bound",
        does: "listens on the wildcard address",
        why: "listen(2) calls no cgroup-BPF program",
    },
    Row {
        difference: UnspecBind,
        ways: &[Way::Kernel],
        when: "`bind` to 0.0.0.0 written as `AF_UNSPEC`",
        does: "`EAFNOSUPPORT`",
        why: "the address is rewritten before the kernel's check, which takes 0.0.0.0 only",
    },
    Row {
        difference: AutobindFirst,
        ways: &[Way::Kernel],
        when: "a call that gives a datagram socket a port: `sendto` and friends, a refused `connect`",
        does: "the port is of the wildcard address, also where the call is refused; the source of what is sent is right",
        why: "the kernel chooses the port before it calls the program, which can't bind",
    },
    Row {
        difference: WildcardPortSends,
        ways: &[Way::Kernel],
        when: "`sendto` and friends on a socket with a port, but no address of the destination's family",
        does: "leaves from the assigned address, not `EPERM`",
        why: "the program can't tell a port that this call has chosen from an earlier one",
    },
    Row {
        difference: StaysBound,
        ways: &[Way::Kernel],
        when: "a `connect` that failed, an association that was dissolved",
        does: "the socket stays bound to the assigned address, without a port",
        why: "no program is called afterwards",
    },
    Row {
        difference: BoundAtSocket,
        ways: &[Way::Library],
        when: "an IPv4 datagram socket of a process that sends many datagrams",
        does: "is bound to the assigned address from the beginning, without a port",
        why: "so a send need not query the kernel (`src/process/datagrams.rs`)",
    },
    Row {
        difference: NoPortOption,
        ways: &[Way::Library, Way::Guard],
        when: "`bind` to port 0 after a `connect` that failed or was dissolved",
        does: "`IP_BIND_ADDRESS_NO_PORT` is what the quiet bind has left, not what the program has set",
        why: "to keep it would cost two system calls a connect",
    },
    Row {
        difference: AddressStaysLocked,
        ways: &[Way::Library, Way::Guard],
        when: "dissolved a second time, after a destination of a family that isn't assigned",
        does: "keeps the source of that connection",
        why: "the kernel remembers that there was a bind, and nothing takes that back",
    },
    Row {
        difference: ChosenElsewhere,
        ways: &[Way::Library, Way::Guard],
        when: "`connect` on a socket that is bound to an allowed address without a port: it was dissolved, or (not under the guard) another process has bound it with `IP_BIND_ADDRESS_NO_PORT` and port 0",
        does: "leaves from the assigned address, not from that",
        why: "to know it would cost a system call a connect",
    },
    Row {
        difference: OtherForm,
        ways: &[Way::Library, Way::Guard],
        when: "`bind` to an address that would be refused, in a sockaddr that isn't of the socket's family",
        does: "`EPERM`, not the kernel's `EAFNOSUPPORT` or `EINVAL`",
        why: "the family is queried only where it matters",
    },
    Row {
        difference: RefusedFirst,
        ways: &[Way::Library, Way::Guard],
        when: "a call that the rules refuse and the kernel refuses for another reason too",
        does: "`EPERM`, or what the quiet bind says, not the kernel's errno",
        why: "the rules are applied before the kernel is called",
    },
    Row {
        difference: LeftBound,
        ways: &[Way::Library, Way::Guard],
        when: "a `connect` that failed, an association that was dissolved",
        does: "the socket stays bound to the assigned address, without a port",
        why: "unbound for a moment, it would be free to another thread",
    },
    Row {
        difference: ReplacedToo,
        ways: &[Way::Library, Way::Guard],
        when: "the same, on an AF_INET6 socket that the program has bound to the assigned address without a port; then a destination of the other family",
        does: "leaves from the other family's address, not the kernel's `EAFNOSUPPORT` or `ENETUNREACH`",
        why: "the bind can't be told from the library's own",
    },
    Row {
        difference: IgnoredDestination,
        ways: &[Way::Library, Way::Guard],
        when: "`sendto` and friends with a destination that the kernel ignores (on a connected stream) and the rules refuse",
        does: "`EPERM`",
        why: "what the socket is would cost a system call a send",
    },
    Row {
        difference: StalePort,
        ways: &[Way::Library, Way::Guard],
        when: "a stream whose connection, by a family that isn't assigned, failed or was dissolved: `listen`, `connect`",
        does: "`EPERM`, not a bind to the assigned address",
        why: "getsockname(2) still shows the port that it had",
    },
    Row {
        difference: MappedWildcard,
        ways: &[Way::Library, Way::Guard],
        when: "an IPv6 destination on a socket bound to `::ffff:0.0.0.0` without a port",
        does: "leaves from the assigned IPv6 address, not the kernel's `EAFNOSUPPORT`",
        why: "the library takes such a socket for unbound",
    },
    Row {
        difference: Ipv6OnlyStays,
        ways: &[Way::Library, Way::Guard],
        when: "a `connect` to IPv6 that failed or was dissolved, on a dual-stack socket",
        does: "`IPV6_V6ONLY` stays set until an IPv4 destination",
        why: "the kernel sets it with every bind to an IPv6 address, and the program may want it so",
    },
    Row {
        difference: Ipv6OnlyForgotten,
        ways: &[Way::Library, Way::Guard],
        when: "the same, where the program has set `IPV6_V6ONLY` itself; then an IPv4 destination",
        does: "leaves from the assigned IPv4 address, not the kernel's `ENETUNREACH`",
        why: "the option can't be told from the one that the kernel has set",
    },
    Row {
        difference: OneFamilyLeft,
        ways: &[Way::Library, Way::Guard],
        when: "a `connect` that failed or was dissolved, on an AF_INET6 socket; then a destination of the family that isn't assigned",
        does: "the socket carries that family alone from then on",
        why: "so at no moment it has an address of the other that isn't assigned",
    },
    Row {
        difference: PortFirst,
        ways: &[Way::Library, Way::Guard],
        when: "`connect` to a sockaddr_in on an AF_INET6 datagram socket with `IPV6_V6ONLY`",
        does: "it fails, and the socket has a port; where no cgroup-BPF program is attached the kernel does the same",
        why: "without a port another thread could clear the option",
    },
    Row {
        difference: PlainTcp,
        ways: &[Way::Library],
        when: "`socket` with `IPPROTO_MPTCP`",
        does: "the socket is TCP",
        why: "the kernel opens further connections of an MPTCP socket from other addresses, and no call is made for them",
    },
    Row {
        difference: NoMptcp,
        ways: &[Way::Guard],
        when: "`socket` with `IPPROTO_MPTCP`",
        does: "`EPROTONOSUPPORT`",
        why: "the same, and a filter can't change a call's arguments",
    },
];

impl Difference {
    /// Whether a way differs so.
    pub fn is_of(self, way: Way) -> bool {
        ROWS[row(self)].ways.contains(&way)
    }
}

/// In how many calls each has occurred.
pub struct Counts {
    calls: Vec<Cell<u64>>,
    in_this_call: Vec<Cell<bool>>,
}

impl Counts {
    /// None yet.
    pub fn new() -> Self {
        Self {
            calls: vec![Cell::new(0); ROWS.len()],
            in_this_call: vec![Cell::new(false); ROWS.len()],
        }
    }

    /// Each counts once in a call.
    pub fn begin_call(&self) {
        self.in_this_call.iter().for_each(|noted| noted.set(false));
    }

    /// Whether a way differs here; counts it.
    pub fn differs(&self, way: Way, difference: Difference) -> bool {
        let index = row(difference);
        let differs = ROWS[index].ways.contains(&way);
        if differs && !self.in_this_call[index].replace(true) {
            self.calls[index].set(self.calls[index].get() + 1);
        }
        differs
    }

    /// The rows in Markdown, each with the calls in which it has occurred.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "| way | when | what it does | why | calls |\n| --- | --- | --- | --- | ---: |\n",
        );
        for row in ROWS {
            let ways: Vec<_> = row.ways.iter().map(|way| way.name()).collect();
            let cells = [&*ways.join(", "), row.when, row.does, row.why];
            let calls = self.of(row.difference);
            text.push_str(&format!("| {} | {calls} |\n", cells.join(" | ")));
        }
        text
    }

    /// Of all.
    pub fn sum(&self) -> u64 {
        self.calls.iter().map(Cell::get).sum()
    }

    /// In how many calls one has occurred.
    pub fn of(&self, difference: Difference) -> u64 {
        self.calls[row(difference)].get()
    }
}

fn row(difference: Difference) -> usize {
    let is_it = |row: &Row| row.difference == difference;
    ROWS.iter().position(is_it).expect("each has a row")
}
