// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations on the running CPU's copy, without a lock and mostly without an atomic instruction.
//!
//! A program cannot forbid the scheduler to move it, but Linux can tell it: a *restartable sequence*
//! is a few instructions that the kernel sends back to their beginning if it preempts them, moves
//! the thread, or delivers a signal to it. Ending in one store, they are atomic for all that runs on
//! the same CPU, at the price of plain instructions.
//!
//! ```text
//!  Copies ──► sequence: table[cpu] ──► store ─────────────────────────► done
//!                 └─ no copy there ─► way ─┬─ make one (Provide), again
//!                                          ├─ register the thread, again
//!                                          └─ atomic instruction on a copy that is nobody's alone
//! ```
//!
//! One [`mode`](mode()) for the whole process: where there are no sequences, the same functions do
//! the same by atomic instructions, on the copy of the CPU that the thread was on a moment ago.
//!
//! | file | what it is |
//! |---|---|
//! | `copies` | the operations on words |
//! | `list`, `stack` | structures on sequences: intrusive list, bounded stack |
//! | `fence` | when a copy was taken out of its table: until nobody works on it any more |
//! | `table`, `by` | which copies there are; by what number |
//! | `mode`, `rseq` | the decision; the kernel's side |
//! | `arch` | the sequences, for each processor |
//! | `atomics`, `way` | all that is not a sequence |
//!
//! # Guarantees
//! - An operation is atomic towards all others on the same copy, those of signal handlers included,
//!   if they all go through this module.
//! - It orders no other access to memory: relaxed.
//! - Between two operations the thread may move. Only sums over all copies mean something, or one
//!   copy that others keep away from.
//!
//! # Signal handlers
//! Operations may be used in signal handlers, as long as the copy is there. Making one is up to
//! who implements [`Provide`]; registering a thread (where pcpu does it) is not for handlers.

mod arch;
mod atomics;
mod by;
mod copies;
mod fence;
mod hop;
#[cfg(pcpu_inject)]
pub mod inject;
mod list;
mod lone;
mod mode;
#[cfg(sequences)]
mod rseq;
mod stack;
mod system;
mod table;
mod way;

pub use by::{By, ConcurrencyId, Cpu, Node};
pub use copies::Copies;
pub use fence::{FenceError, Target, fence};
pub use list::List;
pub use lone::Busy;
pub use mode::{Mode, Reason, Registrar, Sequence, Tested, mode};
pub use stack::Stack;
pub use system::nr_indexes;
pub use table::{Index, Table};
pub use way::{NotProvided, Provide, here};

/// Makes the calling thread forget the sequence that it ran last.
///
/// The kernel reads the description of that sequence when it next interrupts the thread, however long
/// after, and ends the process if it is not there. So before an object with this code in it is
/// unloaded (`dlclose`), each thread that did operations from it calls this, from a function of that
/// object, and does none afterwards; or has ended. Threads that pcpu registered itself keep the object
/// loaded to their end.
///
/// # Context
/// Any.
pub fn prepare_unload() {
    #[cfg(sequences)]
    if let Some(Mode::Sequences(_)) = mode::decided() {
        rseq::area::forget_sequence();
    }
}

/// Decides the mode.
fn decide() -> Mode {
    #[cfg(sequences)]
    return {
        let mode = rseq::decide::decide();
        if let Mode::Sequences(_) = mode {
            fence::prepare();
        }
        mode
    };
    #[cfg(not(sequences))]
    return Mode::Fallback(if cfg!(any(miri, pcpu_no_rseq)) {
        Reason::Build
    } else if cfg!(target_os = "linux") {
        Reason::Processor
    } else {
        Reason::System
    });
}
