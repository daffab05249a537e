// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a check can find wrong, in sentences.

use pcpu_core::{FreeRefused, Stats};
use pcpu_layout::CpuId;
use pcpu_trace::Id;
use thiserror::Error;

/// A check that failed. `line` counts the operations of the trace from 1.
#[derive(Clone, Debug, Error)]
pub enum Failure {
    /// An area came with a byte that was not zero.
    #[error(
        "operation {line}: area {id} was handed out with {found:#04x} at byte {offset} on CPU {cpu}, not 0"
    )]
    NotZero { line: u64, id: Id, cpu: CpuId, offset: usize, found: u8 },
    /// An area shares bytes with a live one.
    #[error("operation {line}: area {id} on CPU {cpu} overlaps a live area")]
    Overlap { line: u64, id: Id, cpu: CpuId },
    /// An area's content changed while it was live.
    #[error(
        "operation {line}: area {id} on CPU {cpu} has {found:#04x} at byte {offset}, {wrote:#04x} was written"
    )]
    Changed { line: u64, id: Id, cpu: CpuId, offset: usize, wrote: u8, found: u8 },
    /// The allocator does not know where a live area is.
    #[error("operation {line}: area {id} has no address on CPU {cpu}")]
    NoAddress { line: u64, id: Id, cpu: CpuId },
    /// The free of a live area was refused.
    #[error("operation {line}: the free of area {id} was refused: {reason}")]
    FreeRefused { line: u64, id: Id, reason: FreeRefused },
    /// The allocator's own books do not agree with each other.
    #[error("{when}, the allocator's records are broken: {what}")]
    Broken { when: &'static str, what: String },
    /// Two runs of the same trace did not end alike.
    #[error("the checked run ended with {checked:?}, the timed one with {timed:?}")]
    Differs { checked: Box<Stats>, timed: Box<Stats> },
    /// Something counts as allocated although all was freed.
    #[error("after freeing everything {areas} areas and {bytes} bytes count as allocated")]
    StillAllocated { areas: u64, bytes: u64 },
    /// More is kept than the balance work may keep.
    #[error(
        "after freeing everything and balancing {what} are held beyond set-up, at most {most} may be"
    )]
    Kept { what: String, most: String },
    /// A trim did not bring the figures of set-up back.
    #[error("after trimming there are {found} {what}, at set-up there were {at_setup}")]
    NotTrimmed { what: &'static str, found: u64, at_setup: u64 },
}
