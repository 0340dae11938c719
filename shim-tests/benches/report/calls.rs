//! What a call and an exec cost.

use std::time::Duration;

use crate::chart;
use crate::command::Failure;
use crate::instructions;
use crate::loops::{self, Loop};
use crate::results::Results;
use crate::stats::{Sorted, ratios};
use crate::table;
use crate::variants::{Variant, Variants};

/// The ratios are to these two, the first of each table.
const NO_LIBRARY: usize = 0;
const FLOOR: usize = 1;

/// What was found of one loop.
struct Measured<'a> {
    which: Loop,
    variants: Vec<Variant<'a>>,
    nanoseconds: Vec<Vec<f64>>,
    faults: Vec<Vec<f64>>,
}

pub fn report(variants: &Variants, time: Duration, results: &mut Results) -> Result<(), Failure> {
    let mut all = Vec::new();
    for which in Loop::ALL {
        let of_loop = of_loop(which, variants);
        let figures = which.run(variants.artifacts, &of_loop, time * share(which) / 100)?;
        all.push(Measured {
            which,
            nanoseconds: figures
                .iter()
                .map(|rounds| loops::nanoseconds(rounds))
                .collect(),
            faults: figures.iter().map(|rounds| loops::faults(rounds)).collect(),
            variants: of_loop,
        });
    }
    results.heading("A call, an exec");
    results.paragraph(
        "A call's time is that of socket + call + close. The first line is in nanoseconds, all \
         others are ratios to it; details below.",
    );
    results.paragraph(&summary(&all));
    draw(&all, variants, results)?;
    explain(variants, results);
    for measured in &all {
        measured.tabulate(results)?;
        if measured.which == Loop::Exec {
            results.paragraph(&measured.rates());
        }
    }
    count_instructions(&all, results)
}

/// Its part of the time, in per cent: the shorter a loop's call, the noisier.
const fn share(which: Loop) -> u32 {
    match which {
        Loop::UdpBind => 34,
        Loop::UdpConnect => 24,
        Loop::TcpConnect => 10,
        Loop::UdpSend => 14,
        Loop::Exec => 18,
    }
}

fn of_loop<'a>(which: Loop, variants: &Variants<'a>) -> Vec<Variant<'a>> {
    let mut of_loop = vec![variants.no_library()];
    match which {
        // The floor has no sendto.
        Loop::UdpSend => of_loop.push(variants.bound()),
        _ => of_loop.extend([variants.floor(), variants.floor_copy()]),
    }
    of_loop.extend(variants.unrestricted());
    of_loop.extend([variants.by_variable(), variants.by_file()]);
    match which {
        Loop::UdpSend => of_loop.push(variants.has_inet6()),
        Loop::UdpConnect | Loop::TcpConnect => of_loop.push(variants.chosen_source()),
        Loop::UdpBind | Loop::Exec => {}
    }
    of_loop.extend(variants.kernel());
    of_loop.extend(variants.others());
    of_loop
}

impl Measured<'_> {
    fn tabulate(&self, results: &mut Results) -> Result<(), Failure> {
        results.measurement(
            self.which.title(),
            "ns",
            &self.variants,
            &self.nanoseconds,
            &[NO_LIBRARY, FLOOR],
        )?;
        if self.which == Loop::Exec {
            for (variant, faults) in self.variants.iter().zip(&self.faults) {
                results.raw(self.which.title(), "page faults", &variant.name, faults)?;
            }
        }
        Ok(())
    }

    /// The same in operations a second.
    fn rates(&self) -> String {
        let rates = self
            .variants
            .iter()
            .zip(&self.nanoseconds)
            .map(|(variant, own)| {
                let median = Sorted::new(own.iter().copied()).median();
                format!("{:.0} ({})", 1e9 / median, variant.name)
            });
        format!(
            "One after the other, a second: {}.",
            rates.collect::<Vec<_>>().join(", ")
        )
    }

    /// The ratio of a variant, by its name, to no library.
    fn ratio(&self, name: &str) -> Option<Sorted> {
        let index = self
            .variants
            .iter()
            .position(|variant| variant.name == name)?;
        Some(ratios(
            &self.nanoseconds[index],
            &self.nanoseconds[NO_LIBRARY],
        ))
    }
}

/// All loops beside each other.
fn summary(all: &[Measured]) -> String {
    let mut head = vec![String::new()];
    head.extend(all.iter().map(|measured| measured.which.short().to_owned()));
    let rows = all[0].variants.iter().map(|variant| {
        let mut row = vec![variant.name.clone()];
        row.extend(all.iter().map(|measured| {
            if variant.name == measured.variants[NO_LIBRARY].name {
                let own = measured.nanoseconds[NO_LIBRARY].iter().copied();
                return format!("{:.0} ns", Sorted::new(own).median());
            }
            let ratio = measured.ratio(&variant.name);
            ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{:.3}", ratio.median()))
        }));
        row
    });
    table::layout(head, rows)
}

fn draw(all: &[Measured], variants: &Variants, results: &mut Results) -> Result<(), Failure> {
    let mut charted = vec![variants.by_file(), variants.floor()];
    charted.extend(variants.kernel());
    charted.extend(variants.others());
    let group = |measured: &Measured| chart::Group {
        name: measured.which.title().to_owned(),
        rows: charted
            .iter()
            .filter_map(|variant| {
                let value = measured.ratio(&variant.name)?.interval();
                Some((variant.name.clone(), value))
            })
            .collect(),
    };
    let groups: Vec<_> = all.iter().map(group).collect();
    let caption = "Time of a call and of an exec, as the ratio to no library (less is better): the \
                   median of the rounds' own ratios and its 95 % confidence interval";
    results.chart("calls.svg", caption, |path| {
        chart::ratios(
            path,
            "A call, an exec",
            "time, ratio to no library",
            &groups,
        )
    })
}

/// What those that aren't the library do.
fn explain(variants: &Variants, results: &mut Results) {
    let mut text = String::from(
        "- C floor: the least that a preloaded library in C can do: one address, no policy, nothing \
         refused; what the copy differs by can't be told apart\n",
    );
    if variants.kernel.is_some() {
        text += "- cgroup-BPF: the same rules as programs of the kernel's, attached to the cgroup; \
                 no library\n";
    }
    for other in variants.others {
        text += &format!("- {}: {}\n", other.name, other.does);
    }
    results.paragraph(&text);
}

fn count_instructions(all: &[Measured], results: &mut Results) -> Result<(), Failure> {
    let Some(exec) = all.iter().find(|measured| measured.which == Loop::Exec) else {
        return Ok(());
    };
    let Some((tool, counts)) = instructions::count(&exec.variants)? else {
        results.paragraph(
            "Instructions of the exec were not counted: perf has no instruction counter here, and \
             there is no valgrind.",
        );
        return Ok(());
    };
    let head = [
        "",
        "instructions",
        "to no library",
        "to C floor",
        "page faults",
    ];
    let rows = exec.variants.iter().zip(&counts).zip(&exec.faults);
    let rows = rows.map(|((variant, &count), faults)| {
        let to = |base: usize| format!("{:.3}", count as f64 / counts[base] as f64);
        let faults = Sorted::new(faults.iter().copied());
        vec![
            variant.name.clone(),
            count.to_string(),
            to(NO_LIBRARY),
            to(FLOOR),
            format!("{:.0}", faults.median()),
        ]
    });
    results.paragraph(&format!(
        "### exec {}: user-space instructions ({tool}) and minor page faults",
        loops::COMMAND
    ));
    results.paragraph(&table::layout(head.map(str::to_owned).into(), rows));
    Ok(())
}
