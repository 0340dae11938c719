//! Many cgroups at once, each with its own address: time and memory.

use std::time::Duration;

use shim_tests::memory::Memory;
use shim_tests::services::{Family, PEERS, Services};

use crate::command::{self, Failure};
use crate::results::Results;
use crate::stats::{Sorted, ratios};
use crate::{chart, rounds, table};

/// Fewer rounds say nothing.
const LEAST_ROUNDS: usize = 3;

const SIZES: [(usize, Family); 4] = [
    (20, Family::Ipv4),
    (100, Family::Ipv4),
    (1_000, Family::Ipv4),
    (1_000, Family::Ipv6),
];

const TIME_HEAD: [&str; 7] = [
    "cgroups",
    "start, ms each",
    "quartiles",
    "to no library",
    "connect, ms each",
    "quartiles",
    "to no library",
];

const MEMORY_HEAD: [&str; 5] = [
    "cgroups",
    "private dirty",
    "of it the library's file",
    "shared clean",
    "of it the library's file",
];

/// What one run found.
struct Run {
    /// Milliseconds.
    start: f64,
    connect: f64,
    /// The median of the servers.
    process: Memory,
    /// The same, of the library's file.
    library: Memory,
}

/// One figure of a run.
type Field = fn(&Run) -> f64;

/// The times, each over all cgroups.
const TIMES: [Field; 2] = [|run| run.start, |run| run.connect];

/// The memory, in kB.
const MEMORY: [(&str, Field); 4] = [
    ("private dirty", |run| run.process.private_dirty as f64),
    ("private dirty, the library's file", |run| {
        run.library.private_dirty as f64
    }),
    ("shared clean", |run| run.process.shared_clean as f64),
    ("shared clean, the library's file", |run| {
        run.library.shared_clean as f64
    }),
];

pub fn report(time: Duration, results: &mut Results) -> Result<(), Failure> {
    results.heading("Many cgroups at once");
    if command::path("ip").is_none() {
        results.paragraph("Left out: ip is not installed.");
        return Ok(());
    }
    if Services::new(PEERS + 1, Family::Ipv4, true).is_none() {
        results.paragraph("Left out: no cgroup or network namespace can be made.");
        return Ok(());
    }
    results.paragraph(&format!(
        "Each cgroup has an address from a policy directory, a server on the wildcard and port 8080, \
         and a client that connects to {PEERS} others; without the library each server is told its \
         address instead. Time: from the first start until the last server listens, and from the \
         first client's start until the last one has its answers, by cgroup; starting a process in \
         a cgroup is most of it. (An IPv6 client without the library has the kernel choose its \
         source, which iterates over all addresses of the interface at each connect.)"
    ));
    let (mut times, mut memories) = (Vec::new(), Vec::new());
    let mut lines = [("start", Vec::new()), ("connect", Vec::new())];
    for (count, family) in SIZES {
        let time = time / u32::try_from(SIZES.len())?;
        let runs = rounds::interleave(2, LEAST_ROUNDS, time, |with| run(count, family, with == 1))?;
        for (own, with) in runs.iter().zip(["no library", "libipaddr"]) {
            let name = format!("{count}, {}, {with}", family.name());
            times.push(time_row(&name, own, &runs[0], count));
            memories.push(memory_row(&name, own));
            keep(results, count, family, with, own)?;
        }
        if family == Family::Ipv4 {
            for (line, field) in lines.iter_mut().zip(TIMES) {
                let ratio = ratios(&values(&runs[1], field), &values(&runs[0], field));
                line.1.push((count as f64, ratio.interval()));
            }
        }
    }
    results.paragraph(&table::layout(
        TIME_HEAD.map(str::to_owned).into(),
        times.into_iter(),
    ));
    results.paragraph("Memory of a server, the median, in kB:");
    results.paragraph(&table::layout(
        MEMORY_HEAD.map(str::to_owned).into(),
        memories.into_iter(),
    ));
    let caption = "Time to start the servers of so many cgroups, and of all their connections, as \
                   the ratio to no library: the median of the rounds' own ratios and its 95 % \
                   confidence interval";
    let lines = lines.map(|(name, points)| chart::Line {
        name: name.to_owned(),
        points,
    });
    results.chart("cgroups.svg", caption, |path| {
        let axes = ["cgroups", "time, ratio to no library"];
        chart::lines(path, "Many cgroups at once", axes, &lines)
    })
}

fn run(count: usize, family: Family, with_library: bool) -> Result<Run, Failure> {
    let services = Services::new(count, family, with_library).ok_or("no cgroup can be made")?;
    let servers = services.start();
    let (connections, connect) = servers.connect();
    if let Some(wrong) = connections.iter().find(|made| !services.is_right(made)) {
        return Err(format!("{wrong:?}").into());
    }
    let memory = servers.memory();
    let median = |value: fn(&(Memory, Memory)) -> u64| {
        let values = memory.iter().map(|both| value(both) as f64);
        Sorted::new(values).median() as u64
    };
    Ok(Run {
        start: servers.time.as_secs_f64() * 1e3,
        connect: connect.as_secs_f64() * 1e3,
        process: Memory {
            private_dirty: median(|both| both.0.private_dirty),
            shared_clean: median(|both| both.0.shared_clean),
        },
        library: Memory {
            private_dirty: median(|both| both.1.private_dirty),
            shared_clean: median(|both| both.1.shared_clean),
        },
    })
}

/// The raw values: times of all cgroups together, and the median memory of a server.
fn keep(
    results: &mut Results,
    count: usize,
    family: Family,
    variant: &str,
    runs: &[Run],
) -> Result<(), Failure> {
    let mut keep = |what: &str, unit: &str, field: Field| {
        let measurement = format!("{count} cgroups, {}, {what}", family.name());
        results.raw(&measurement, unit, variant, &values(runs, field))
    };
    keep("start", "ms", TIMES[0])?;
    keep("connect", "ms", TIMES[1])?;
    for (what, field) in MEMORY {
        keep(what, "kB", field)?;
    }
    Ok(())
}

fn time_row(name: &str, runs: &[Run], base: &[Run], count: usize) -> Vec<String> {
    let mut row = vec![name.to_owned()];
    for field in TIMES {
        let own = values(runs, field);
        let each = Sorted::new(own.iter().map(|all| all / count as f64));
        let (low, high) = each.quartiles();
        row.push(format!("{:.2}", each.median()));
        row.push(format!("{low:.2}-{high:.2}"));
        row.push(format!(
            "{:.3}",
            ratios(&own, &values(base, field)).median()
        ));
    }
    row
}

fn memory_row(name: &str, runs: &[Run]) -> Vec<String> {
    let medians = MEMORY.map(|(_, field)| Sorted::new(values(runs, field)).median());
    let cells = medians.map(|median| format!("{median:.0}"));
    [name.to_owned()].into_iter().chain(cells).collect()
}

fn values(runs: &[Run], field: Field) -> Vec<f64> {
    runs.iter().map(field).collect()
}
