//! What the number of policies in the directory costs a process that needs one of them: nothing,
//! for it opens the files of its own cgroup's levels by name.

use std::time::Duration;

use shim_tests::{Cgroup, PolicyDir};

use crate::chart;
use crate::command::Failure;
use crate::instructions;
use crate::loops::{self, Loop};
use crate::results::Results;
use crate::stats::ratios;
use crate::variants::{Source, Variant, Variants};

const COUNTS: [usize; 3] = [10, 1_000, 10_000];

/// The number of the cgroup whose policy is read.
const OWN: usize = 7;

/// What a process does with the directory.
struct Lookup {
    title: &'static str,
    which: Loop,
    source: Source,
}

/// A process of a cgroup with a policy reads it when it starts; one of a cgroup without
/// checks for one at each bind.
const LOOKUPS: [Lookup; 2] = [
    Lookup {
        title: "exec /bin/true, restricted by its cgroup's file",
        which: Loop::Exec,
        source: Source::Assigned,
    },
    Lookup {
        title: "UDP bind, unrestricted: no file for its cgroup",
        which: Loop::UdpBind,
        source: Source::Any,
    },
];

pub fn report(variants: &Variants, time: Duration, results: &mut Results) -> Result<(), Failure> {
    results.heading("The number of policies");
    let Some(parent) = Cgroup::v2() else {
        results.paragraph("Left out: no cgroup v2 hierarchy that may be written to.");
        return Ok(());
    };
    let restricted = parent.child(&name(OWN));
    let unrestricted = parent.child("unassigned");
    let directories = COUNTS.map(|count| directory(&parent, count));
    results.paragraph(
        "The policy directory has a file for each of so many cgroups beside the process's own.",
    );
    let mut lines = Vec::new();
    for lookup in &LOOKUPS {
        let cgroup = match lookup.source {
            Source::Any => &unrestricted,
            _ => &restricted,
        };
        let counted = lookup.variants(variants, cgroup, &directories);
        let time = time / u32::try_from(LOOKUPS.len())?;
        let nanoseconds = lookup
            .which
            .nanoseconds(variants.artifacts, &counted, time)?;
        results.measurement(lookup.title, "ns", &counted, &nanoseconds, &[0])?;
        if lookup.which == Loop::Exec {
            count_instructions(&counted, results)?;
        }
        lines.push(lookup.line(&nanoseconds));
    }
    let caption = "Time of an exec in a cgroup with a policy, and of a bind in one without, against \
                   the number of policies in the directory, as the ratio to 10 policies: the median \
                   of the rounds' own ratios and its 95 % confidence interval";
    results.chart("policies.svg", caption, |path| {
        let axes = ["policies in the directory", "time, ratio to 10 policies"];
        chart::lines(path, "The number of policies", axes, &lines)
    })
}

fn name(number: usize) -> String {
    format!("service{number}")
}

fn directory(parent: &Cgroup, count: usize) -> PolicyDir {
    let directory = PolicyDir::new();
    for number in 0..count {
        let cgroup = format!("{}/{}", parent.name(), name(number));
        directory.write(&cgroup, "ipv4", "127.0.0.2\n");
    }
    directory
}

impl Lookup {
    fn variants<'a>(
        &self,
        variants: &Variants<'a>,
        cgroup: &'a Cgroup,
        directories: &[PolicyDir],
    ) -> Vec<Variant<'a>> {
        let counted = COUNTS.iter().zip(directories);
        let counted = counted.map(|(count, directory)| Variant {
            source: self.source,
            cgroup: Some(cgroup),
            ..variants.restricted(format!("{count} policies"), directory.path().to_owned())
        });
        counted.collect()
    }

    fn line(&self, nanoseconds: &[Vec<f64>]) -> chart::Line {
        let points = COUNTS.iter().zip(nanoseconds);
        let points =
            points.map(|(&count, own)| (count as f64, ratios(own, &nanoseconds[0]).interval()));
        chart::Line {
            name: self.title.to_owned(),
            points: points.collect(),
        }
    }
}

fn count_instructions(variants: &[Variant], results: &mut Results) -> Result<(), Failure> {
    if let Some((tool, counts)) = instructions::count(variants)? {
        let counts = variants.iter().zip(counts);
        let counts = counts.map(|(variant, count)| format!("{count} with {}", variant.name));
        let counts: Vec<_> = counts.collect();
        results.paragraph(&format!(
            "User-space instructions of exec {} ({tool}): {}.",
            loops::COMMAND,
            counts.join(", ")
        ));
    }
    Ok(())
}
