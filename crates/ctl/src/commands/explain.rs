//! `ipaddrctl explain`

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;

use ipaddr_host::guard::Guard;
use ipaddr_host::library::Library;
use ipaddr_host::reader::Reader;
use ipaddr_host::subject::Running;
use ipaddr_policy::errno::Errno;
use ipaddr_policy::judge::{deciding, judge, judge_address, reached};
use ipaddr_policy::levels::Levels;
use ipaddr_policy::rules::{self, Chain, Decision, Protocol, Target};
use ipaddr_policy::text::{Printable, Shown};
use ipaddr_policy::{Family, Policy, Request, Verdict};

use crate::addresses::{self, Summary};
use crate::cli::{self, Call};
use crate::failure::{Failure, Outcome};
use crate::subject;

/// Prints what would become of a call.
pub fn run(
    policy: Option<&Path>,
    subject: cli::Subject,
    is_guarded: bool,
    call: &Call,
) -> Result<Outcome, Failure> {
    let subject = subject::choose(policy, subject.cgroup, subject.pid)?;
    let is_supervised = subject
        .running
        .as_ref()
        .is_some_and(|running| matches!(running.guard, Guard::Supervised(_)));
    let mut question = Question::new(call);
    question.is_guarded = is_guarded || is_supervised;
    let mut reader = Reader::default();
    let explained = subject.read(&mut reader, |policy, levels| {
        let verdict = judge(policy, question.request);
        (verdict, question.explain(policy, levels, verdict))
    });
    let (verdict, lines) = explained.map_err(|mistake| {
        Failure::Unusable(format!("{mistake}; every use of IPv4 and IPv6 is refused"))
    })?;
    let mut out = anstream::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    if let Some(running) = &subject.running {
        if let Some(line) = what_holds(running) {
            writeln!(out, "  {line}")?;
        }
        if matches!(running.guard, Guard::Killed(_)) {
            return Ok(Outcome::Found);
        }
    }
    Ok(match (verdict, question.request) {
        (Verdict::Deny(_), _) | (Verdict::Rewrite(_), Request::ConnectBound { .. }) => {
            Outcome::Found
        }
        (Verdict::Pass | Verdict::Rewrite(_), _) => Outcome::Fine,
    })
}

/// Whether the answer holds for a process, and why it may not.
fn what_holds(running: &Running) -> Option<String> {
    Some(match (&running.guard, &running.library) {
        (Guard::Killed(_), _) => {
            "but the guard of the process has been killed: the call fails with ENOSYS".to_owned()
        }
        (Guard::Supervised(_), _) => return None,
        (Guard::Unknown(why), Library::NotLoaded | Library::Unknown(_)) => format!(
            "by what the files say now: what the guard of the process has latched is unknown ({why})"
        ),
        (_, Library::NotLoaded) => {
            "but the process doesn't have the library: it is not restricted".to_owned()
        }
        (_, Library::Hidden(why) | Library::Unknown(why)) => {
            format!("by what the files say now: what is latched is unknown ({why})")
        }
        (_, Library::Free | Library::Latched(_)) => return None,
    })
}

/// A call, as it was written on the command line and as it is judged.
struct Question {
    text: String,
    request: Request,
    chain: Chain,
    /// Whether a rewritten address is written v4-mapped: on an AF_INET6 socket.
    is_mapped: bool,
    /// Whether it is a guard's to answer.
    is_guarded: bool,
}

impl Question {
    fn new(call: &Call) -> Self {
        match *call {
            Call::Bind { local, v6only } => Self {
                text: format!("bind {}", shown(local.address, local.protocol)),
                request: Request::Bind {
                    local: canonical(local.address),
                    protocol: local.protocol,
                    dual_stack: local.address.is_ipv6() && !v6only,
                },
                chain: Chain::Bind,
                is_mapped: local.address.is_ipv6(),
                is_guarded: false,
            },
            Call::Connect { remote, from } => {
                let request = Request::Connect {
                    remote: canonical(remote.address),
                    protocol: remote.protocol,
                };
                Self {
                    text: format!("connect {}", shown(remote.address, remote.protocol)),
                    request: match from {
                        Some(local) => request.on_bound(local.to_canonical()),
                        None => request,
                    },
                    chain: Chain::Connect,
                    is_mapped: remote.address.is_ipv6(),
                    is_guarded: false,
                }
            }
            Call::Accept { peer, local } => Self {
                text: format!("accept {peer} {}", shown(local.address, local.protocol)),
                request: Request::Accept {
                    peer: canonical(peer),
                    local: canonical(local.address),
                    protocol: local.protocol,
                },
                chain: Chain::Accept,
                is_mapped: false,
                is_guarded: false,
            },
        }
    }

    fn explain(
        &self,
        policy: &Policy<'_>,
        levels: &Levels<'_, '_>,
        verdict: Verdict,
    ) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", self.text, self.answer(verdict))];
        if let Some(remote) = self.leads_to(policy, verdict) {
            lines.push(format!("  the kernel takes it to {remote}"));
        }
        for family in self.families(policy) {
            lines.push(format!("  {}", assignment(policy, levels, family)));
        }
        if let Request::ConnectBound { local, .. } = self.request {
            lines.push(format!("  the socket is bound to {local}"));
        }
        if policy.rules.is_some() {
            lines.push(format!("  {}", self.rule(policy)));
        }
        lines
    }

    fn answer(&self, verdict: Verdict) -> String {
        match (verdict, self.request) {
            (Verdict::Pass, _) => "allowed as it is".to_owned(),
            (Verdict::Rewrite(address), Request::Bind { local, .. }) => {
                let address = match address {
                    IpAddr::V4(v4) if self.is_mapped => IpAddr::V6(v4.to_ipv6_mapped()),
                    address => address,
                };
                format!(
                    "allowed, becomes {}",
                    SocketAddr::new(address, local.port())
                )
            }
            (Verdict::Rewrite(address), Request::ConnectBound { .. }) => {
                format!("refused with EPERM; a datagram sent there leaves from {address}")
            }
            (Verdict::Rewrite(address), _) => format!("allowed, leaves from {address}"),
            (Verdict::Deny(_), Request::Accept { .. }) if self.is_guarded => {
                "refused, the peer gets no answer".to_owned()
            }
            (Verdict::Deny(_), Request::Accept { .. }) => {
                "refused, the peer sees a reset".to_owned()
            }
            (Verdict::Deny(errno), _) => match Errno(errno).name() {
                Some(name) => format!("refused with {name}"),
                None => format!("refused with errno {errno}"),
            },
        }
    }

    /// Where a wildcard destination leads to.
    fn leads_to(&self, policy: &Policy<'_>, verdict: Verdict) -> Option<SocketAddr> {
        let request = match verdict {
            Verdict::Rewrite(source) => self.request.on_bound(source),
            _ => self.request,
        };
        reached(policy, request).filter(|remote| *remote != self.request.asked())
    }

    /// The families whose assignments decide.
    fn families(&self, policy: &Policy<'_>) -> Vec<Family> {
        match self.request {
            Request::Accept { .. } => Vec::new(),
            Request::Bind {
                local,
                dual_stack: true,
                ..
            } if local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                if policy.assignments.ipv6.is_unassigned() || policy.assignments.ipv6.is_confined()
                {
                    vec![Family::Ipv6, Family::Ipv4]
                } else {
                    vec![Family::Ipv6]
                }
            }
            request => {
                let remote = reached(policy, request).unwrap_or(request.asked());
                vec![Family::of(remote.ip())]
            }
        }
    }

    /// What the rules say; they may refuse what the assignment refuses already.
    fn rule(&self, policy: &Policy<'_>) -> String {
        let decision = deciding(policy, self.request);
        let says = match decision {
            Decision { by: None, .. } => {
                return format!("no rule of {} matches", self.chain.name());
            }
            Decision {
                target: Target::Accept,
                ..
            } => "accepted",
            Decision {
                target: Target::Snat(_),
                ..
            } => "source",
            Decision {
                target: Target::Reject(_),
                ..
            } => match judge_address(policy, self.request) {
                Verdict::Deny(_) => "refused too",
                Verdict::Pass | Verdict::Rewrite(_) => "refused",
            },
        };
        let place = decision.by.map(line_of).unwrap_or_default();
        format!("{says} by {place}")
    }
}

/// `IPv4: 10.0.0.5, by /etc/ipaddr/web/ipaddr.ipv4:1`
fn assignment(policy: &Policy<'_>, levels: &Levels<'_, '_>, family: Family) -> String {
    let assignment = policy.family(family);
    let place = *levels.limits.get(family);
    let summary = Summary(assignment, family);
    let by = addresses::origin(assignment, place).map(|origin| format!(", by {origin}"));
    format!("{}: {summary}{}", family.name(), by.unwrap_or_default())
}

/// A rule's place, and the rule, if its file can still be read.
fn line_of(place: rules::Place<'_>) -> String {
    let shown = Shown(place).to_string();
    let path = String::from_utf8_lossy(place.file);
    let text = fs::read_to_string(&*path).unwrap_or_default();
    match text.lines().nth(place.line as usize - 1) {
        Some(line) => format!("{shown}: {}", Shown(Printable(line.trim().as_bytes()))),
        None => shown,
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn shown(address: SocketAddr, protocol: Protocol) -> String {
    let protocol = match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Other => "other",
    };
    format!("{address}/{protocol}")
}
