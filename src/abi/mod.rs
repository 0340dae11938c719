//! How a symbol gets in and out: the frame of an exported function, the next function behind it, and
//! syscall(2) by number.

pub mod by_number;
pub mod entry;
pub mod forward;
pub mod objects;
pub mod real;
