//! The program as an administrator runs it, on real files, cgroups and processes.

mod assign;
mod check;
mod command;
mod command_line;
mod explain;
mod glibc;
mod guarded;
mod killed;
mod man_pages;
mod named;
mod ps;
mod remove;
mod replace;
mod session;
mod show;
mod together;
mod trust;
mod unit;
