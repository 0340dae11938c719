//! A small filter machine of the tests' own, which runs the filter.

use libc::{c_long, seccomp_data, sock_filter};

use super::filter;
use super::program::ARCHITECTURE;

/// What a program answers.
fn run(program: &[sock_filter], data: &seccomp_data) -> u32 {
    let word = |offset: u32| match offset {
        0 => data.nr.cast_unsigned(),
        4 => data.arch,
        16.. => {
            let argument = data.args[(offset as usize - 16) / 8];
            if offset.is_multiple_of(8) {
                argument as u32
            } else {
                (argument >> 32) as u32
            }
        }
        _ => panic!("no field at {offset}"),
    };
    let (mut accumulator, mut at) = (0, 0);
    loop {
        let one = program[at];
        at += 1;
        let skipped = |holds| usize::from(if holds { one.jt } else { one.jf });
        match one.code {
            0x20 => accumulator = word(one.k),
            0x15 => at += skipped(accumulator == one.k),
            0x35 => at += skipped(accumulator >= one.k),
            0x54 => accumulator &= one.k,
            0x06 => return one.k,
            code => panic!("no instruction {code:#x}"),
        }
    }
}

/// What the filter answers to a call of this architecture.
pub fn answer_to(number: c_long, args: [u64; 6]) -> u32 {
    answer_of(ARCHITECTURE, number, args)
}

/// What the filter answers.
pub fn answer_of(arch: u32, number: c_long, args: [u64; 6]) -> u32 {
    let data = seccomp_data {
        nr: i32::try_from(number).expect("it is small"),
        arch,
        instruction_pointer: 0,
        args,
    };
    run(&filter(), &data)
}
