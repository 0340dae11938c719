//! Whether what was found is what was predicted; and the shortest program for which it isn't.

use std::collections::HashMap;

use crate::outcome::Outcome;
use crate::place::Place;
use crate::program::Program;
use crate::socket::Port;
use crate::ways::Found;

/// What is wrong about the first call that isn't as predicted.
pub fn wrong(predicted: &[Outcome], found: &[Found], place: &Place) -> Option<String> {
    let mut chosen = HashMap::new();
    predicted
        .iter()
        .zip(found)
        .enumerate()
        .find_map(|(call, (predicted, found))| {
            let right = is_result(predicted, found)
                && is_local(predicted, found, &mut chosen, place)
                && predicted.seen == found.seen;
            (!right).then(|| format!("call {call}: predicted {predicted:?}, found {found:?}"))
        })
}

fn is_result(predicted: &Outcome, found: &Found) -> bool {
    match predicted.result {
        Ok(number) => found.result == number.to_string(),
        Err(errno) => found.result == errno,
    }
}

/// Ports that the kernel chooses only have to stay what they are.
fn is_local(
    predicted: &Outcome,
    found: &Found,
    chosen: &mut HashMap<usize, u16>,
    place: &Place,
) -> bool {
    match (predicted.local, found.local) {
        (None, None) => true,
        (Some((address, port)), Some((found, number))) => {
            let is_port = match port {
                Port::None => number == 0,
                Port::Requested(port) => number == port,
                Port::Chosen(which) => {
                    number != 0
                        && !place.free.contains(&number)
                        && *chosen.entry(which).or_insert(number) == number
                }
            };
            address == found && is_port
        }
        _ => false,
    }
}

/// Drops calls for as long as what is left still fails.
pub fn shrink(program: &Program, fails: impl Fn(&Program) -> bool) -> Program {
    let mut program = program.clone();
    let mut index = program.steps.len();
    while index > 0 {
        index -= 1;
        let mut less = program.clone();
        less.steps.remove(index);
        if !less.steps.is_empty() && fails(&less) {
            program = less;
            index = program.steps.len();
        }
    }
    program
}
