//! Rounds: each runs every variant once.

use std::time::{Duration, Instant};

use crate::COMMAND;
use crate::artifacts::Artifacts;
use crate::command::{self, Failure};
use crate::stats::Shuffle;
use crate::variants::Variant;

/// Fewer say nothing, however slow the machine.
const LEAST_ROUNDS: usize = 10;

/// The loops of c-harness/bench_calls.c.
#[derive(Clone, Copy, PartialEq)]
pub enum Loop {
    UdpBind,
    UdpConnect,
    TcpConnect,
    UdpSend,
    Exec,
}

impl Loop {
    pub const fn title(self) -> &'static str {
        match self {
            Self::UdpBind => "UDP bind: socket + bind(0.0.0.0:0) + close",
            Self::UdpConnect => "UDP connect: socket + connect(127.0.0.1) + close",
            Self::TcpConnect => {
                "TCP connect: socket + SO_LINGER + connect(a listener on 127.0.0.1) + close"
            }
            Self::UdpSend => "UDP send: sendto(127.0.0.1), 64 bytes, not connected",
            Self::Exec => "exec /bin/true: posix_spawn + exec + wait",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::UdpBind => "udp-bind",
            Self::UdpConnect => "udp-connect",
            Self::TcpConnect => "tcp-connect",
            Self::UdpSend => "udp-send",
            Self::Exec => "exec",
        }
    }

    /// Its part of the time, in per cent: the shorter a loop's call, the noisier.
    const fn share(self) -> u32 {
        match self {
            Self::UdpBind => 34,
            Self::UdpConnect => 24,
            Self::TcpConnect => 10,
            Self::UdpSend => 14,
            Self::Exec => 18,
        }
    }

    /// The local address that the socket must have got, or what was measured is something else.
    const fn address(self, restricted: bool) -> Option<&'static str> {
        match self {
            Self::Exec => None,
            _ if restricted => Some("127.0.0.2"),
            Self::UdpBind | Self::UdpSend => Some("0.0.0.0"),
            Self::UdpConnect | Self::TcpConnect => Some("127.0.0.1"),
        }
    }
}

/// One variant's figures, one a round.
#[derive(Default)]
pub struct Figures {
    pub nanoseconds: Vec<f64>,
    /// Minor page faults of an exec; nothing for the other loops.
    pub faults: Vec<f64>,
}

/// Rounds until the loop's part of `budget` is up.
pub fn run(
    which: Loop,
    artifacts: &Artifacts,
    variants: &[Variant],
    budget: Duration,
) -> Result<Vec<Figures>, Failure> {
    let mut figures: Vec<Figures> = variants.iter().map(|_| Figures::default()).collect();
    let mut order: Vec<usize> = (0..variants.len()).collect();
    let mut shuffle = Shuffle::new();
    let (start, time) = (Instant::now(), budget * which.share() / 100);
    let mut round = 0;
    while round < LEAST_ROUNDS || start.elapsed() < time {
        shuffle.shuffle(&mut order);
        for &index in &order {
            measure(which, artifacts, &variants[index], &mut figures[index])?;
        }
        round += 1;
    }
    Ok(figures)
}

fn measure(
    which: Loop,
    artifacts: &Artifacts,
    variant: &Variant,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let mut command = artifacts.loops();
    command.arg(which.name());
    if which == Loop::Exec {
        command.arg(COMMAND);
    }
    for (name, value) in &variant.environment {
        command.arg(format!("{name}={}", value.display()));
    }
    let output = command::output(&mut command)?;
    let unexpected = || format!("{}: {}: unexpected {output:?}", variant.name, which.name());
    let (first, nanoseconds) = output.trim().split_once(' ').ok_or_else(unexpected)?;
    match which.address(variant.restricted) {
        None => figures.faults.push(first.parse()?),
        Some(address) if address == first => {}
        Some(_) => return Err(unexpected().into()),
    }
    figures.nanoseconds.push(nanoseconds.parse()?);
    Ok(())
}
