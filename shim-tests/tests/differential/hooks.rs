//! How the cgroup-BPF programs keep the rules: what they are called with, and what they can do.

use std::net::IpAddr;

use crate::differences::Difference;
use crate::kernel::{Answer, Kernel};
use crate::model::Model;
use crate::program::{How, Name};
use crate::rules::{Rules, Verdict};

/// Of a connect.
pub fn connect(rules: Rules, kernel: &mut Kernel<'_>, socket: usize, name: &Name) -> Answer<()> {
    match rules.reach(&kernel.sockets[socket], name.address) {
        Verdict::Pass => Ok(()),
        // With EINVAL the kernel goes on, and refuses the destination.
        Verdict::Become(source) => match kernel.bind_quietly(socket, source, true) {
            Err("EINVAL") => Ok(()),
            bound => bound,
        },
        Verdict::Refuse => Err("EPERM"),
    }
}

impl Model<'_> {
    /// A send, the program of the sendmsg hook in its place. Returns the source too.
    pub fn send_by_kernel(
        &mut self,
        socket: usize,
        how: How,
        to: Option<&Name>,
        source: Option<IpAddr>,
    ) -> Answer<(i64, Option<IpAddr>)> {
        let own = &self.kernel.sockets[socket];
        if own.kind.is_stream() {
            return Ok((self.kernel.send_stream(socket, how, to)?, None));
        }
        let (rules, before) = (self.rules, own.clone());
        let mut refused_by_rules = false;
        let hook = &mut |remote: IpAddr, source: IpAddr| {
            if rules.assigned(remote).is_none()
                || remote.is_ipv6() != source.to_canonical().is_ipv6()
            {
                return Ok(source);
            }
            refused_by_rules = rules.reach(&before, remote) == Verdict::Refuse;
            rules.source(source)
        };
        let (sent, source) = self.kernel.send_datagram(socket, how, to, source, hook)?;
        if refused_by_rules {
            self.differs(Difference::WildcardPortSends);
        }
        Ok((sent, Some(source)))
    }
}
