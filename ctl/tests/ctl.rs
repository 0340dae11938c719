//! The program as an administrator runs it, on real files, cgroups and processes.

#[path = "ctl/assign.rs"]
mod assign;
#[path = "ctl/check.rs"]
mod check;
#[path = "ctl/command.rs"]
mod command;
#[path = "ctl/command_line.rs"]
mod command_line;
#[path = "ctl/explain.rs"]
mod explain;
#[path = "ctl/killed.rs"]
mod killed;
#[path = "ctl/ps.rs"]
mod ps;
#[path = "ctl/remove.rs"]
mod remove;
#[path = "ctl/show.rs"]
mod show;
#[path = "ctl/together.rs"]
mod together;
#[path = "ctl/trust.rs"]
mod trust;
