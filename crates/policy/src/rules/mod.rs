//! `ipaddr.rules`: rules for ports and peers, in the syntax of iptables-save(8).
//!
//! | module | idea |
//! | --- | --- |
//! | [`chain`] | what a rule is for, what it is compared with, and what it can say |
//! | `parse` | the text of a file: its lines |
//! | `options` | a line that is a rule: its options |
//! | `reader` | what is known of a file while it is read |
//! | `words` | a line, cut into words |
//! | [`error`] | a file that can't be used |
//! | [`builder`] | keeps what has been read |
//! | [`rule`] | one rule: what it matches, and what becomes of that |
//! | [`set`] | the rules of all files, and what they decide |
//! | [`conditions`] | the rules of a chain, for those who have somebody else apply them |
//! | [`index`] | finds the rules that may match without iterating over all |
//! | [`memory`] | where rules are kept |
//! | `span` | a part of one of the arrays there |
//!
//! ```text
//! -A BIND -p tcp --sport 8000:8999 -j ACCEPT
//! -A BIND -j REJECT --reject-with eacces
//! -A CONNECT -d 192.168.0.0/16 -j SNAT --to-source 10.0.0.6
//! -A ACCEPT ! -s 10.0.0.0/24 -j REJECT
//! ```
//!
//! The direction is that on the wire: BIND's local endpoint is `-s` and `--sport`, CONNECT's remote
//! one `-d` and `--dport`; ACCEPT's peer is `-s` and `--sport`, its local end `-d` and `--dport`.
//! The first rule that matches decides within a file, and no match is the chain's policy, ACCEPT
//! unless the file says otherwise; every file has to accept.

pub mod builder;
pub mod chain;
pub mod conditions;
pub mod error;
pub mod index;
pub mod memory;
mod options;
mod parse;
mod reader;
pub mod rule;
pub mod set;
mod span;
mod words;

pub use builder::Builder;
pub use chain::{Chain, Ends, Protocol, Target};
pub use error::{RuleError, RuleProblem};
pub use memory::{Memory, RuleFile};
pub use rule::{PortRange, Rule};
pub use set::{Decision, Place, RuleSet};
