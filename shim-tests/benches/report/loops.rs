//! The loops of c-harness/bench_calls.c: what a call or an exec takes.

use std::process::Command;
use std::time::Duration;

use crate::artifacts::Artifacts;
use crate::command::{self, Failure};
use crate::rounds;
use crate::variants::{Source, Variant};

/// What the loop `Exec` executes.
pub const COMMAND: &str = "/bin/true";

/// Fewer rounds say nothing, however slow the machine.
const LEAST_ROUNDS: usize = 10;

#[derive(Clone, Copy, PartialEq)]
pub enum Loop {
    UdpBind,
    UdpConnect,
    TcpConnect,
    UdpSend,
    Exec,
}

/// What one process found.
pub struct Figure {
    pub nanoseconds: f64,
    /// Minor page faults of an exec; 0 for the other loops.
    pub faults: f64,
}

impl Loop {
    pub const ALL: [Self; 5] = [
        Self::UdpBind,
        Self::UdpConnect,
        Self::TcpConnect,
        Self::UdpSend,
        Self::Exec,
    ];

    /// What the loop does, all of which the time is of.
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

    /// The same in two words.
    pub const fn short(self) -> &'static str {
        match self {
            Self::UdpBind => "UDP bind",
            Self::UdpConnect => "UDP connect",
            Self::TcpConnect => "TCP connect",
            Self::UdpSend => "sendto",
            Self::Exec => "exec",
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

    /// The local address that the socket must have got, or something else was measured.
    const fn address(self, source: Source) -> Option<&'static str> {
        match (self, source) {
            (Self::Exec, _) => None,
            (Self::UdpSend, Source::AssignedByPacket) => Some("0.0.0.0"),
            (_, Source::Assigned | Source::AssignedByPacket) => Some("127.0.0.2"),
            (Self::UdpBind | Self::UdpSend, Source::Any) => Some("0.0.0.0"),
            (Self::UdpConnect | Self::TcpConnect, Source::Any) => Some("127.0.0.1"),
        }
    }

    /// Each variant's figures, one a round.
    pub fn run(
        self,
        artifacts: &Artifacts,
        variants: &[Variant],
        time: Duration,
    ) -> Result<Vec<Vec<Figure>>, Failure> {
        rounds::interleave(variants.len(), LEAST_ROUNDS, time, |index| {
            self.measure(artifacts, &variants[index])
        })
    }

    /// Each variant's nanoseconds, one a round.
    pub fn nanoseconds(
        self,
        artifacts: &Artifacts,
        variants: &[Variant],
        time: Duration,
    ) -> Result<Vec<Vec<f64>>, Failure> {
        let figures = self.run(artifacts, variants, time)?;
        Ok(figures.iter().map(|rounds| nanoseconds(rounds)).collect())
    }

    /// The process that measures one variant.
    pub fn command(self, artifacts: &Artifacts, variant: &Variant) -> Command {
        let mut command = artifacts.loops();
        command.arg(self.name());
        if self == Self::Exec {
            command.arg(COMMAND);
        }
        for (name, value) in &variant.environment {
            command.arg(format!("{name}={}", value.display()));
        }
        variant.join(&mut command);
        command
    }

    fn measure(self, artifacts: &Artifacts, variant: &Variant) -> Result<Figure, Failure> {
        let output = command::output(&mut self.command(artifacts, variant))?;
        let unexpected = || format!("{}: {}: unexpected {output:?}", variant.name, self.name());
        let (first, nanoseconds) = output.trim().split_once(' ').ok_or_else(unexpected)?;
        let nanoseconds = nanoseconds.parse()?;
        match self.address(variant.source) {
            None => Ok(Figure {
                nanoseconds,
                faults: first.parse()?,
            }),
            Some(address) if address == first => Ok(Figure {
                nanoseconds,
                faults: 0.0,
            }),
            Some(_) => Err(unexpected().into()),
        }
    }
}

pub fn nanoseconds(rounds: &[Figure]) -> Vec<f64> {
    rounds.iter().map(|figure| figure.nanoseconds).collect()
}

pub fn faults(rounds: &[Figure]) -> Vec<f64> {
    rounds.iter().map(|figure| figure.faults).collect()
}
