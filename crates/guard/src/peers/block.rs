//! One condition of a rule as instructions of the kernel's filter machine, see
//! Documentation/networking/filter.rst of the kernel.

use ipaddr_policy::Family;
use ipaddr_policy::rules::conditions::{NetworkCondition, PortCondition};
use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_H, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_K, BPF_LD, BPF_W,
    sock_filter,
};

/// `SKF_NET_OFF` of linux/filter.h: from here on offsets are those of the IP header. Others are of the
/// TCP header.
pub const NETWORK_HEADER: u32 = 0xfff0_0000;

const LOAD_WORD: u32 = BPF_LD | BPF_W | BPF_ABS;
const LOAD_PORT: u32 = BPF_LD | BPF_H | BPF_ABS;
const MASK: u32 = BPF_ALU | BPF_AND | BPF_K;
const IF_EQUAL: u32 = BPF_JMP | BPF_JEQ | BPF_K;
const IF_AT_LEAST: u32 = BPF_JMP | BPF_JGE | BPF_K;
const IF_MORE: u32 = BPF_JMP | BPF_JGT | BPF_K;

/// Which end of a connection a condition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer's: where the packets come from.
    Source,
    /// The socket's own.
    Destination,
}

impl End {
    /// Where the address is in the IP header.
    const fn address_at(self, family: Family) -> u32 {
        match (self, family) {
            (Self::Source, Family::Ipv4) => 12,
            (Self::Destination, Family::Ipv4) => 16,
            (Self::Source, Family::Ipv6) => 8,
            (Self::Destination, Family::Ipv6) => 24,
        }
    }

    /// Where the port is in the TCP header.
    const fn port_at(self) -> u32 {
        match self {
            Self::Source => 0,
            Self::Destination => 2,
        }
    }
}

/// What a condition comes to.
#[derive(Clone, Debug)]
pub enum Block {
    /// It always holds.
    Always,
    /// It never does.
    Never,
    /// These find out.
    Steps(Vec<Step>),
}

/// Where a comparison goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    /// That many steps behind the next one.
    Skip(u8),
    /// The condition holds.
    Holds,
    /// It doesn't.
    Fails,
}

/// An instruction whose jumps are known when what is behind it is.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    code: u32,
    value: u32,
    then: To,
    otherwise: To,
}

impl Step {
    const fn plain(code: u32, value: u32) -> Self {
        Self::compare(code, value, To::Skip(0), To::Skip(0))
    }

    const fn compare(code: u32, value: u32, then: To, otherwise: To) -> Self {
        Self {
            code,
            value,
            then,
            otherwise,
        }
    }

    const fn negate(self) -> Self {
        const fn other(to: To) -> To {
            match to {
                To::Holds => To::Fails,
                To::Fails => To::Holds,
                skip @ To::Skip(_) => skip,
            }
        }
        Self::compare(
            self.code,
            self.value,
            other(self.then),
            other(self.otherwise),
        )
    }

    /// With `left` steps of its condition behind it, and `behind` instructions of its rule behind
    /// those.
    fn resolve(self, left: usize, behind: usize) -> sock_filter {
        let distance = |to| match to {
            To::Skip(steps) => steps,
            To::Holds => jump(left),
            To::Fails => jump(left + behind),
        };
        sock_filter {
            code: self.code as u16,
            jt: distance(self.then),
            jf: distance(self.otherwise),
            k: self.value,
        }
    }
}

/// # Panics
/// A rule has more instructions than a jump can skip: a mistake here, for it has 25 for each end at
/// most, 9 for an address of IPv6 and 16 for the 15 ports of `-m multiport`.
fn jump(instructions: usize) -> u8 {
    u8::try_from(instructions).expect("a rule is shorter than a jump")
}

impl Block {
    /// An address has to be in a network, or not to be there.
    pub fn network(condition: NetworkCondition, end: End, family: Family) -> Self {
        let whole = match family {
            Family::Ipv4 => (0xffff_0000_0000, 0xffff_ffff_ffff),
            Family::Ipv6 => (0, u128::MAX),
        };
        let NetworkCondition {
            first,
            last,
            is_negated,
        } = condition;
        let block = if first <= whole.0 && whole.1 <= last {
            Self::Always
        } else if last < whole.0 || whole.1 < first {
            Self::Never
        } else {
            Self::Steps(prefix((first, last), end.address_at(family), family))
        };
        block.negated_if(is_negated)
    }

    /// A port has to be in one of some ranges, or in none of them.
    pub fn ports(condition: PortCondition<'_>, end: End) -> Self {
        let ranges = condition.ranges();
        let mut left = ranges.len();
        if left == 0 {
            return Self::Always;
        }
        let mut steps = vec![Step::plain(LOAD_PORT, end.port_at())];
        for (first, last) in ranges {
            left -= 1;
            let next = |skip| if left == 0 { To::Fails } else { To::Skip(skip) };
            let (first, last) = (first.into(), last.into());
            if first == last {
                steps.push(Step::compare(IF_EQUAL, first, To::Holds, next(0)));
            } else {
                steps.push(Step::compare(IF_AT_LEAST, first, To::Skip(0), next(1)));
                steps.push(Step::compare(IF_MORE, last, next(0), To::Holds));
            }
        }
        Self::Steps(steps).negated_if(condition.is_negated)
    }

    fn negated_if(self, is_negated: bool) -> Self {
        match self {
            block if !is_negated => block,
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Steps(steps) => Self::Steps(steps.into_iter().map(Step::negate).collect()),
        }
    }

    /// Its instructions, before those of the rule that are behind it: where it holds the first of
    /// them is next, where it doesn't, what is behind the last. `None` if it never holds.
    pub fn before(&self, rest: Vec<sock_filter>) -> Option<Vec<sock_filter>> {
        match self {
            Self::Always => Some(rest),
            Self::Never => None,
            Self::Steps(steps) => {
                let left = (0..steps.len()).rev();
                let own = steps.iter().zip(left);
                let own = own.map(|(step, left)| step.resolve(left, rest.len()));
                let mut whole: Vec<_> = own.collect();
                whole.extend(rest);
                Some(whole)
            }
        }
    }
}

/// Compares those bits that all addresses of a network have in common.
fn prefix((first, last): (u128, u128), at: u32, family: Family) -> Vec<Step> {
    let words: &[u32] = match family {
        Family::Ipv4 => &[0],
        Family::Ipv6 => &[96, 64, 32, 0],
    };
    let common = !(first ^ last);
    let word = |number: u128, shift: u32| (number >> shift) as u32;
    let mut steps = Vec::new();
    let compared = words.iter().zip((at..).step_by(4));
    let compared = compared.filter(|&(&shift, _)| word(common, shift) != 0);
    let mut compared = compared.peekable();
    while let Some((&shift, at)) = compared.next() {
        let mask = word(common, shift);
        steps.push(Step::plain(LOAD_WORD, NETWORK_HEADER + at));
        if mask != u32::MAX {
            steps.push(Step::plain(MASK, mask));
        }
        let then = match compared.peek() {
            Some(_) => To::Skip(0),
            None => To::Holds,
        };
        let value = word(first, shift);
        steps.push(Step::compare(IF_EQUAL, value, then, To::Fails));
    }
    steps
}
