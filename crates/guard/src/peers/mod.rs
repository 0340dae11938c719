//! Rules for peers: a packet filter of the kernel's on each socket that listens (`SO_ATTACH_FILTER` of
//! socket(7)). What a refused peer sends is dropped from its first packet on, so that accept(2) never
//! sees it, and is the kernel's alone.
//!
//! | module | idea |
//! | --- | --- |
//! | [`block`] | one condition of a rule, as instructions |
//! | [`program`] | the rules as a program of the kernel's |
//! | [`attach`] | the program on a socket that is about to listen |

pub mod attach;
mod block;
pub mod program;
#[cfg(test)]
mod tests;
