// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copies of more than a word: who has one for himself, and how.
//!
//! ```text
//!   lock │ the structure ...            an area; sequences go by the address behind the lock
//! ```
//!
//! A sequence needs nobody's leave. All others, those of fallback mode, of nodes and of strays, take
//! the lock of the copy, and do not wait for it: who interrupted its holder would wait for ever.
//! Whoever wants a copy that sequences work on closes its entry in the table, fences, works, and
//! opens it again.
//!
//! # Invariants
//! - **L1** a copy is changed by sequences of its index while it is in the table, or by the holder
//!   of its lock in fallback mode, for nodes and for strays, or by whoever closed it: never by two
//!   of these.
#![allow(unsafe_code)]

use core::fmt;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use pcpu_layout::IndexBy;
use pcpu_platform::Addr;

use super::by::By;
use super::fence::{FenceError, Target, fence};
use super::mode::{Mode, decided};
use super::table::{Index, Table};

/// Bytes of an area before the structure.
pub(super) const HEAD: usize = size_of::<usize>();

/// Somebody else has the copy: try again, or do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the copy is in use")
    }
}

impl core::error::Error for Busy {}

/// Runs `work` with the lock of the copy whose structure is at `address`, unless it is taken.
///
/// # Safety
/// The lock lies before the structure, initialised with 0, and so does everything else there.
pub(super) unsafe fn locked<R>(address: usize, work: impl FnOnce() -> R) -> Result<R, Busy> {
    let lock = ptr::with_exposed_provenance_mut::<usize>(address - HEAD);
    // SAFETY: an aligned word, used as an atomic by everybody.
    let lock = unsafe { AtomicUsize::from_ptr(lock) };
    lock.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).map_err(|_| Busy)?;
    let result = work();
    lock.store(0, Ordering::Release);
    Ok(result)
}

/// Has `work` done on the copy of `index`, while nobody else does any. `address` is that of its
/// structure.
///
/// # Errors
/// The inner one: somebody else is doing that, or has the lock. The outer one: no fence.
///
/// # Safety
/// As for [`locked`].
pub(super) unsafe fn alone<B: By, R>(
    table: &Table,
    index: Index,
    address: usize,
    work: impl FnOnce() -> R,
) -> Result<Result<R, Busy>, FenceError> {
    // Copies of nodes have several CPUs, which take the lock in every mode.
    let by_node = B::INDEX == IndexBy::Node;
    let by_sequences = matches!(decided(), Some(Mode::Sequences(_))) && !by_node;
    let Some(number) = index.get().filter(|_| by_sequences) else {
        // SAFETY: the caller's contract.
        return Ok(unsafe { locked(address, work) });
    };
    let Some(unit) = table.close(index) else { return Ok(Err(Busy)) };
    // Concurrency ids move between CPUs.
    let by_cpu = B::INDEX == IndexBy::Cpu;
    let fenced = fence(if by_cpu { Target::Cpu(number) } else { Target::All });
    let result = fenced.map(|()| Ok(work()));
    table.open(index, unit);
    result
}

/// The address of a structure, from that of its area.
pub(super) fn structure(area: Addr) -> Addr {
    area.offset(HEAD)
}
