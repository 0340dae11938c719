//! How a symbol gets in and out.
//!
//! | module | idea |
//! | --- | --- |
//! | `symbols` | the table of all exported symbols |
//! | [`exports`] | the exported functions, made of the table |
//! | [`arch`] | all assembly |
//! | [`frame`] | what a hook around the next function keeps on the stack, and may rely on |
//! | [`forward`] | the same of a hook that jumps on to the next function |
//! | [`next`] | the next functions, found at load |
//! | [`objects`] | the symbols of the process's objects |

#[macro_use]
mod symbols;

pub mod arch;
mod exports;
pub mod forward;
pub mod frame;
pub mod next;
pub mod objects;
