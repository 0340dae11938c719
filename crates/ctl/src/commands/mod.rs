//! The commands, one file each.

pub mod assign;
pub mod check;
pub mod explain;
pub mod manual;
pub mod ps;
pub mod remove;
pub mod show;
pub mod unit;
