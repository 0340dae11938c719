//! The supervisor's side of the filter: calls come in, answers go out.
//!
//! | module | idea |
//! | --- | --- |
//! | [`call`] | a system call that waits for its answer |
//! | [`answer`] | what becomes of it |
//! | [`listener`] | where calls come from and answers go to |
//! | [`patience`] | a limit for what should never wait |
//! | [`pool`] | threads for what may take long |
//! | [`serve`] | the loop: one thread, which never blocks |

pub mod answer;
pub mod call;
pub mod listener;
pub mod patience;
pub mod pool;
pub mod serve;
