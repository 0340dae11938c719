//! Random programs of socket calls, run under the library and under the kernel reference, and
//! predicted by a model of the rules: the same return value, errno and getsockname(2), and the same
//! source as the peer sees it, but for the differences that `differential/differences.rs` lists. With
//! `IPADDR_TEST_FRONT_END=guard` they run under the guard in the place of the library.
//!
//! `$IPADDR_DIFFERENTIAL_PROGRAMS` is how many to run, `$IPADDR_DIFFERENTIAL_SEED` the first one's
//! seed. A program that fails is shrunk and printed as one in C.

mod c_program;
mod differences;
mod hooks;
mod judge;
mod kernel;
mod library;
mod model;
mod outcome;
mod place;
mod predict;
mod process;
mod program;
mod rules;
mod socket;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::time::Instant;
use std::{env, thread};

use shim_tests::{FrontEnd, skip};

use differences::{Counts, Difference, ROWS, Row, Way};
use judge::{shrink, wrong};
use place::Place;
use predict::{predict, predict_tree};
use program::{Program, Setting};
use ways::World;

/// How many programs are started by one process.
const BATCH: usize = 50;

/// So many failures are enough.
const FAILURES: usize = 5;

/// What a thousand programs never fail to come upon.
const FREQUENT: [Difference; 6] = [
    Difference::ListenUnseen,
    Difference::AutobindFirst,
    Difference::WildcardPortSends,
    Difference::StaysBound,
    Difference::BoundAtSocket,
    Difference::RefusedFirst,
];

/// How many programs are only predicted, which is quick.
const MODELLED: u64 = 100_000;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn front_end_and_kernel_as_predicted() {
    let (place, worlds) = worlds();
    let first = number("IPADDR_DIFFERENTIAL_SEED", 1);
    let count = number("IPADDR_DIFFERENTIAL_PROGRAMS", 5000);
    let start = Instant::now();
    let mut run = Run {
        place: &place,
        worlds: &worlds,
        counts: Counts::new(),
        calls: 0,
        failures: Vec::new(),
    };
    let mut waiting = BTreeMap::<Setting, Vec<(u64, Program)>>::new();
    for seed in first..first + count {
        let program = Program::random(seed, &place);
        let batch = waiting.entry(program.setting).or_default();
        batch.push((seed, program));
        if batch.len() == BATCH {
            run.batch(&take(batch));
        }
        if run.failures.len() >= FAILURES {
            break;
        }
    }
    for batch in waiting.values().filter(|batch| !batch.is_empty()) {
        run.batch(batch);
    }
    let failures = run.failures.join("\n");
    assert!(failures.is_empty(), "{failures}");
    eprintln!(
        "{count} programs, {} calls in {:?}",
        run.calls,
        start.elapsed()
    );
    eprint!("{}", run.counts.table());
    let is_here = |it: &Difference| worlds.iter().any(|world| it.is_of(world.way));
    let mut frequent = FREQUENT.into_iter().filter(is_here);
    let many = worlds.len() == 2 && count >= 1000;
    let all_occur = frequent.all(|it| run.counts.of(it) > 0);
    assert!(!many || all_occur, "{FREQUENT:?} do");
}

/// The list of differences is as long as it has to be: where none of them occurs all ways are
/// predicted the same, and each does occur.
#[test]
fn the_differences_are_these() {
    let place = Place::of_its_own();
    let counts = Counts::new();
    for seed in 0..MODELLED {
        let program = Program::random(seed, &place);
        let setting = program.setting;
        let ways = [Way::Library, Way::Guard, Way::Kernel].map(|way| {
            let before = counts.sum();
            let predicted = predict(way, &program, &place, &counts);
            (counts.sum() == before).then_some(predicted)
        });
        let by_the_rules: Vec<_> = ways.iter().flatten().collect();
        for pair in by_the_rules.windows(2) {
            assert_eq!(pair[0], pair[1], "seed {seed}, {setting:?}\n{program}");
        }
    }
    let occurs = |row: &Row| counts.of(row.difference) > 0;
    assert!(ROWS.iter().all(occurs), "not all do:\n{}", counts.table());
}

/// As root, each way in a network namespace of its own. The reference needs more than that; without
/// it the library is still compared with the model.
fn worlds() -> (Place, Vec<World>) {
    let mut place = Place::of_its_own();
    let may = skip::root_for("network namespaces and cgroup-BPF") && skip::command("ip");
    let made = if may {
        [place.netns(), place.netns()]
    } else {
        [None, None]
    };
    let way = FrontEnd::of_tests().expects(Way::Library, Way::Guard);
    let [Some(own), Some(other)] = made else {
        let place = Place::here();
        let front_end = World::new(way, None, &place);
        return (place, vec![front_end]);
    };
    let mut worlds = vec![World::new(way, Some(own), &place)];
    let mut reference = World::new(Way::Kernel, Some(other), &place);
    if reference.attach(&settings(&place)) {
        worlds.push(reference);
    }
    place.hooks = place::hooks_are_called();
    (place, worlds)
}

/// Each that a program may have.
fn settings(place: &Place) -> BTreeSet<Setting> {
    let programs = (0..100).map(|seed| Program::random(seed, place));
    programs.map(|program| program.setting).collect()
}

struct Run<'a> {
    place: &'a Place,
    worlds: &'a [World],
    counts: Counts,
    calls: usize,
    failures: Vec<String>,
}

impl Run<'_> {
    /// Runs programs of one setting in each way at once.
    fn batch(&mut self, batch: &[(u64, Program)]) {
        let programs: Vec<_> = batch.iter().map(|(_, program)| program).collect();
        let programs = &*programs;
        let found: Vec<_> = thread::scope(|scope| {
            let run = |world: &'_ World| world.run(programs);
            let each = self
                .worlds
                .iter()
                .map(|world| scope.spawn(move || run(world)));
            let threads: Vec<_> = each.collect();
            let threads = threads.into_iter();
            threads
                .map(|thread| thread.join().expect("it has run"))
                .collect()
        });
        self.calls += programs
            .iter()
            .map(|program| program.steps.len())
            .sum::<usize>();
        for (world, found) in self.worlds.iter().zip(found) {
            let predicted = predict_tree(world.way, programs, self.place, &self.counts);
            for (((seed, program), found), predicted) in batch.iter().zip(found).zip(predicted) {
                if wrong(&predicted, &found, self.place).is_some() && self.failures.len() < FAILURES
                {
                    self.failures.push(self.report(*seed, program, world));
                }
            }
        }
    }

    fn report(&self, seed: u64, program: &Program, world: &World) -> String {
        let program = shrink(program, |program| self.failure(program, world).is_some());
        let (way, setting) = (world.way, program.setting);
        let message = self.failure(&program, world);
        let message = message.unwrap_or_else(|| "not when it is run by itself".to_owned());
        let text = c_program::print(&program, self.place);
        format!("seed {seed}, {way:?}, {setting:?}: {message}\n{program}\n{text}")
    }

    /// What is wrong about a program by itself, if anything is.
    fn failure(&self, program: &Program, world: &World) -> Option<String> {
        let run = || world.run(&[program]);
        let found = thread::scope(|scope| scope.spawn(run).join().expect("it has run"));
        let predicted = predict(world.way, program, self.place, &Counts::new());
        wrong(&predicted, &found[0], self.place)
    }
}
