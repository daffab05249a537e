// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an allocator tells those who watch it: events, warnings, and the wish to be balanced.
//!
//! The events carry what the kernel's tracepoints of the same name say of placement.
//!
//! # Source
//! Tracepoints and messages of Linux's per-CPU allocator (docs/behaviours.md, B68, B75).

use core::fmt;

use pcpu_layout::UnitOffset;

use crate::Addr;

/// Something that happened in an allocator.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An area was handed out: `percpu_alloc_percpu`.
    Alloc {
        /// It came from the reserved region.
        reserved: bool,
        /// The caller could not sleep.
        is_atomic: bool,
        /// Bytes per CPU, after rounding.
        size: usize,
        /// Alignment in bytes, after clamping.
        align: usize,
        /// The chunk: address of its offset 0 in the unit at offset 0.
        base: Addr,
        /// Where in the chunk.
        offset: UnitOffset,
    },
    /// An area was freed: `percpu_free_percpu`.
    Free {
        /// The chunk.
        base: Addr,
        /// Where in the chunk.
        offset: UnitOffset,
    },
    /// A well-formed request was refused: `percpu_alloc_percpu_fail`.
    AllocFailed {
        /// It asked for the reserved region.
        reserved: bool,
        /// The caller could not sleep.
        is_atomic: bool,
        /// Bytes per CPU, after rounding.
        size: usize,
        /// Alignment in bytes, after clamping.
        align: usize,
    },
    /// A chunk was made: `percpu_create_chunk`.
    ChunkCreated {
        /// The chunk.
        base: Addr,
    },
    /// A chunk is about to go: `percpu_destroy_chunk`.
    ChunkDestroyed {
        /// The chunk.
        base: Addr,
    },
    /// Background work is waiting: somebody should call the allocator's `balance` soon, from
    /// a context that may sleep. Sent outside all locks; one call serves any number of these.
    BalanceWanted,
    /// Something a person should read.
    Warning(Warning),
}

/// A message for the log. `Display` prints it as the kernel would, without the `percpu: `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A request with a size or alignment that no state of the allocator could serve.
    IllegalRequest {
        /// Bytes asked for, after rounding.
        size: usize,
        /// Alignment asked for, after clamping.
        align: usize,
    },
    /// A request failed; the budget of such messages is limited.
    AllocationFailed {
        /// Bytes asked for, after rounding.
        size: usize,
        /// Alignment asked for, after clamping.
        align: usize,
        /// The caller could not sleep.
        is_atomic: bool,
        /// Why, in the kernel's words.
        reason: &'static str,
    },
    /// The last message of the budget was the previous one.
    LimitReached,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::IllegalRequest { size, align } => {
                write!(f, "illegal size ({size}) or align ({align}) for percpu allocation")
            }
            Self::AllocationFailed { size, align, is_atomic, reason } => {
                let atomic = u8::from(is_atomic);
                write!(f, "allocation failed, size={size} align={align} atomic={atomic}, {reason}")
            }
            Self::LimitReached => f.write_str("limit reached, disable warning"),
        }
    }
}

/// Watches an allocator.
pub trait Observer {
    /// Hears of an event. The default ignores it.
    ///
    /// # Context
    /// `Free` comes with the *index* lock held, chunk events with the *pages* lock; the others
    /// with neither. Must not call back into the allocator, and must not panic: an area or a
    /// chunk in the middle of a change would be lost until the allocator is dropped.
    fn event(&self, event: &Event) {
        let _ = event;
    }
}
