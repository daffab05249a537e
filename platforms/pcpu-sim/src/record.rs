// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the machine was asked to do: counts always, single calls when wanted.

use pcpu_layout::{NodeId, PageCount, Span};
use pcpu_platform::Addr;

use crate::violation::Violation;

/// How often each operation succeeded since the machine was built, or the counts were reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the operations")]
pub struct Counts {
    pub runs_taken: u64,
    pub runs_given: u64,
    pub run_pages_taken: u64,
    pub run_pages_given: u64,
    pub frames_taken: u64,
    pub frames_given: u64,
    pub reserves: u64,
    pub releases: u64,
    pub maps: u64,
    pub pages_mapped: u64,
    pub unmaps: u64,
    pub pages_unmapped: u64,
    pub cache_flushes_after_map: u64,
    pub cache_flushes_before_unmap: u64,
    pub tlb_flushes: u64,
    pub zero_calls: u64,
    pub zero_bytes: u64,
    pub metadata_taken: u64,
    pub metadata_given: u64,
    /// Bytes outstanding now, not in total.
    pub metadata_bytes: u64,
}

/// One operation that succeeded, as recorded between [`Machine::record`](crate::Machine::record)
/// and [`Machine::take_log`](crate::Machine::take_log).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are those of the operations' arguments")]
pub enum Call {
    TakeRun { at: Addr, pages: PageCount, node: Option<NodeId> },
    GiveRun { at: Addr, pages: PageCount },
    TakeFrame { frame: usize, node: Option<NodeId> },
    GiveFrame { frame: usize },
    Reserve { base: Addr, areas: Vec<Span<usize>> },
    Release { base: Addr, areas: Vec<Span<usize>> },
    Map { at: Addr, pages: PageCount },
    Unmap { at: Addr, pages: PageCount },
    FlushCacheAfterMap { range: Span<Addr> },
    FlushCacheBeforeUnmap { range: Span<Addr> },
    FlushTlb { range: Span<Addr> },
    Zero { at: Addr, len: usize },
    TakeMetadata { bytes: usize },
    GiveMetadata { bytes: usize },
}

/// Everything the machine writes down.
#[derive(Default)]
pub(crate) struct Books {
    pub(crate) counts: Counts,
    pub(crate) log: Option<Vec<Call>>,
    pub(crate) violations: Vec<Violation>,
}

impl Books {
    /// Writes a call down, if anybody wants calls.
    #[inline]
    pub(crate) fn log(&mut self, call: impl FnOnce() -> Call) {
        if let Some(log) = &mut self.log {
            log.push(call());
        }
    }

    /// Returns the value, or records the broken rule and panics with its sentence.
    #[inline]
    #[track_caller]
    pub(crate) fn accept<T>(&mut self, result: Result<T, Violation>) -> T {
        match result {
            Ok(value) => value,
            Err(violation) => self.refuse(violation),
        }
    }

    #[cold]
    #[track_caller]
    fn refuse(&mut self, violation: Violation) -> ! {
        let sentence = violation.to_string();
        self.violations.push(violation);
        panic!("{sentence}");
    }
}
