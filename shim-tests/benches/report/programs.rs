//! What whole programs lose: server and client both as the variant has them.

mod datagrams;
mod nginx;
mod redis;
pub mod server;

use std::time::Duration;

use crate::artifacts::Artifacts;
use crate::command::{self, Failure};
use crate::results::Results;
use crate::stats::ratios;
use crate::variants::{Variant, Variants};
use crate::{chart, rounds};

/// A run takes about a second of the client's.
const RUN: Duration = Duration::from_secs(1);

/// Fewer rounds say nothing.
const LEAST_ROUNDS: usize = 3;

/// A program's work, in operations a second.
#[derive(Clone, Copy)]
enum Work {
    Datagrams,
    NginxConnections,
    NginxRequests,
    RedisConnections,
    RedisRequests,
}

impl Work {
    const ALL: [Self; 5] = [
        Self::NginxConnections,
        Self::NginxRequests,
        Self::RedisConnections,
        Self::RedisRequests,
        Self::Datagrams,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::Datagrams => "UDP packets, requests and answers by sendto, 64 bytes",
            Self::NginxConnections => "nginx and wrk, a new connection per request",
            Self::NginxRequests => "nginx and wrk, keep-alive",
            Self::RedisConnections => "redis-benchmark GET, a new connection per request",
            Self::RedisRequests => "redis-benchmark GET, connections kept",
        }
    }

    const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Datagrams => &[],
            Self::NginxConnections | Self::NginxRequests => &["nginx", "wrk"],
            Self::RedisConnections | Self::RedisRequests => &["redis-server", "redis-benchmark"],
        }
    }

    fn variants<'a>(self, variants: &Variants<'a>) -> Vec<Variant<'a>> {
        let mut of_work = vec![variants.no_library(), variants.by_file()];
        // The floor has no sendto.
        if !matches!(self, Self::Datagrams) {
            of_work.push(variants.floor());
        }
        of_work.extend(variants.kernel());
        of_work
    }

    fn run(self, artifacts: &Artifacts, variant: &Variant) -> Result<f64, Failure> {
        match self {
            Self::Datagrams => datagrams::packets(&artifacts.datagrams, variant),
            Self::NginxConnections => nginx::requests(variant, &["-H", "Connection: close"]),
            Self::NginxRequests => nginx::requests(variant, &[]),
            Self::RedisConnections => redis::requests(variant, 15_000, &["-k", "0"]),
            Self::RedisRequests => redis::requests(variant, 80_000, &[]),
        }
    }
}

pub fn report(variants: &Variants, time: Duration, results: &mut Results) -> Result<(), Failure> {
    results.heading("Whole programs");
    results.paragraph(
        "Operations a second: more is better. Both the server, on 0.0.0.0, and the client are as \
         the line says; one worker, 32 connections, the client without a think time.",
    );
    let mut groups = Vec::new();
    for work in Work::ALL {
        let missing = work
            .programs()
            .iter()
            .find(|name| command::path(name).is_none());
        if let Some(missing) = missing {
            results.paragraph(&format!(
                "{}: left out, {missing} is not installed.",
                work.title()
            ));
            continue;
        }
        let of_work = work.variants(variants);
        let time = time / u32::try_from(Work::ALL.len())?;
        let rates = rounds::interleave(of_work.len(), LEAST_ROUNDS, time, |index| {
            work.run(variants.artifacts, &of_work[index])
        })?;
        results.measurement(work.title(), "a second", &of_work, &rates, &[0])?;
        groups.push(group(work, &of_work, &rates));
    }
    let caption = "Throughput of whole programs, as the ratio to no library (more is better): the \
                   median of the rounds' own ratios and its 95 % confidence interval";
    results.chart("programs.svg", caption, |path| {
        let axis = "operations a second, ratio to no library";
        chart::ratios(path, "Whole programs", axis, &groups)
    })
}

fn group(work: Work, variants: &[Variant], rates: &[Vec<f64>]) -> chart::Group {
    let rows = variants.iter().zip(rates).skip(1);
    chart::Group {
        name: work.title().to_owned(),
        rows: rows
            .map(|(variant, own)| (variant.name.clone(), ratios(own, &rates[0]).interval()))
            .collect(),
    }
}
