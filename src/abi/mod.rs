//! How a symbol gets in and out.
//!
//! | module | idea |
//! | --- | --- |
//! | `symbols` | the table of all hooks |
//! | [`exports`] | the exported functions, made from the table |
//! | [`arch`] | all assembly |
//! | [`frame`] | what a hook around the next function keeps on the stack, and what it may rely on |
//! | [`forward`] | the same for a hook that jumps to the next function |
//! | [`next`] | the next functions, found at load |
//! | [`objects`] | the objects of the process, and the symbols that they define |

#[macro_use]
mod symbols;

pub mod arch;
mod exports;
pub mod forward;
pub mod frame;
pub mod next;
pub mod objects;
