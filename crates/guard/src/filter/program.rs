//! Rules as a program of the kernel's filter machine, see seccomp(2) and bpf(4).

use std::mem::offset_of;

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W,
    seccomp_data, sock_filter,
};

use super::rule::{Action, Condition, Rule};

/// The architecture whose numbers the rules have, `AUDIT_ARCH_X86_64` and the like of linux/audit.h.
#[cfg(target_arch = "x86_64")]
pub const ARCHITECTURE: u32 = 0xc000_003e;
/// The architecture whose numbers the rules have, `AUDIT_ARCH_X86_64` and the like of linux/audit.h.
#[cfg(target_arch = "aarch64")]
pub const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the guard has no filter for this architecture: expected x86_64 or aarch64");

/// `__X32_SYSCALL_BIT` of asm/unistd.h: from this number on the calls of x86-64 are those of its x32
/// variant. No other architecture has such numbers.
pub const FIRST_X32: u32 = 0x4000_0000;

const LOAD: u32 = BPF_LD | BPF_W | BPF_ABS;
const IF_EQUAL: u32 = BPF_JMP | BPF_JEQ | BPF_K;
const IF_AT_LEAST: u32 = BPF_JMP | BPF_JGE | BPF_K;
const MASK: u32 = BPF_ALU | BPF_AND | BPF_K;
const RETURN: u32 = BPF_RET | BPF_K;

/// The program: whatever is of another architecture fails with `ENOSYS`, the rules are tried in
/// order, and everything else passes.
#[must_use]
pub fn assemble(rules: &[Rule]) -> Vec<sock_filter> {
    let not_ours = answer(Action::Refuse(libc::ENOSYS));
    let mut program = vec![
        instruction(LOAD, offset_of!(seccomp_data, arch) as u32),
        jump(IF_EQUAL, ARCHITECTURE, 1, 0),
        not_ours,
        instruction(LOAD, offset_of!(seccomp_data, nr) as u32),
        jump(IF_AT_LEAST, FIRST_X32, 0, 1),
        not_ours,
    ];
    let mut rest = rules;
    while let Some(first) = rest.first() {
        let of_call = rest.iter().take_while(|rule| rule.number == first.number);
        let (of_call, others) = rest.split_at(of_call.count());
        program.extend(one_call(of_call));
        rest = others;
    }
    program.push(instruction(RETURN, libc::SECCOMP_RET_ALLOW));
    program
}

/// The rules of one call. Behind them the accumulator holds its number again, or the call has been
/// decided.
fn one_call(rules: &[Rule]) -> Vec<sock_filter> {
    let mut body: Vec<_> = rules.iter().flat_map(one_rule).collect();
    let number = rules.first().map_or(0, |rule| rule.number as u32);
    if rules.iter().all(|rule| !rule.conditions.is_empty()) {
        body.push(instruction(RETURN, libc::SECCOMP_RET_ALLOW));
    }
    let mut call = vec![jump(IF_EQUAL, number, 0, distance(body.len()))];
    call.extend(body);
    call
}

fn one_rule(rule: &Rule) -> Vec<sock_filter> {
    let mut body = vec![answer(rule.action)];
    for condition in rule.conditions.iter().rev() {
        let mut with_condition = tested(*condition, distance(body.len()));
        with_condition.extend(body);
        body = with_condition;
    }
    body
}

/// Goes on where the condition holds, and skips `behind` instructions where it doesn't.
fn tested(condition: Condition, behind: u8) -> Vec<sock_filter> {
    match condition {
        Condition::Is(index, value) => vec![
            instruction(LOAD, low_half(index)),
            jump(IF_EQUAL, value, 0, behind),
        ],
        Condition::IsNotNull(index) => vec![
            instruction(LOAD, low_half(index)),
            jump(IF_EQUAL, 0, 0, 2),
            instruction(LOAD, high_half(index)),
            jump(IF_EQUAL, 0, behind, 0),
        ],
        Condition::IsMasked(index, mask, value) => vec![
            instruction(LOAD, low_half(index)),
            instruction(MASK, mask),
            jump(IF_EQUAL, value, 0, behind),
        ],
    }
}

const fn answer(action: Action) -> sock_filter {
    let value = match action {
        Action::Judge => libc::SECCOMP_RET_USER_NOTIF,
        Action::Refuse(errno) => libc::SECCOMP_RET_ERRNO | errno.cast_unsigned(),
    };
    instruction(RETURN, value)
}

const fn instruction(code: u32, k: u32) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    }
}

/// Skips `then` or `otherwise` instructions.
const fn jump(code: u32, k: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: then,
        jf: otherwise,
        k,
    }
}

/// # Panics
/// There are more instructions than a jump can skip: a mistake in the rules, which any test finds.
fn distance(instructions: usize) -> u8 {
    u8::try_from(instructions).expect("a jump skips no more than 255 instructions")
}

const fn low_half(index: u8) -> u32 {
    let high = if cfg!(target_endian = "big") { 4 } else { 0 };
    offset_of!(seccomp_data, args) as u32 + index as u32 * 8 + high
}

const fn high_half(index: u8) -> u32 {
    let low = if cfg!(target_endian = "big") { 0 } else { 4 };
    offset_of!(seccomp_data, args) as u32 + index as u32 * 8 + low
}
