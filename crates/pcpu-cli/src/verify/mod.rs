// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checked run: is every area what it should be, and does everything come back?
//!
//! ```text
//!  on hand-out   zero on every checked CPU, no byte shared with a live area; then filled
//!  while live    nothing
//!  on free       still what it was filled with
//!  at the end    the allocator's own check; all freed; balanced; checked again; trimmed
//! ```
//!
//! The run also collects what the answer shows and a timed run should not be bothered with: where
//! each allocation went, refusals, and how many pages were backed as the trace went on.
//!
//! Disjointness is checked twice. Addresses are entered into one map for all CPUs, which finds an
//! overlap at once; patterns find an allocator that writes where it has no business.

mod cpus;
mod failure;
mod pattern;

use std::collections::BTreeMap;

use pcpu_core::{Allocator, Machine, Placement, Stats};
use pcpu_layout::CpuId;
use pcpu_trace::{Alloc, Context, Id, Op};

pub use failure::Failure;

use crate::area::{Area, NoAddress};
use crate::args::Balance;
use crate::by_id::ById;
use crate::cells::Cell;
use crate::progress::Progress;
use crate::trace::Trace;

/// Points of the picture of backed pages.
pub const SAMPLES: u64 = 16;

/// What the run saw.
#[derive(Default)]
pub struct Seen {
    /// Requests that were refused.
    pub refused: Refused,
    /// If they are wanted, in the order of the trace: the ID, and where its area is; `None` when
    /// refused.
    pub offsets: Option<Vec<(Id, Option<Placement>)>>,
    /// Pages backed, at equal distances through the trace.
    pub samples: Vec<u64>,
    /// CPUs whose bytes were looked at.
    pub verified_cpus: u64,
    /// The kernel's text, at the end of the trace.
    pub percpu_stats: String,
}

impl Seen {
    /// Nothing yet; `offsets` will be collected.
    pub fn with_offsets() -> Self {
        Self { offsets: Some(Vec::new()), ..Self::default() }
    }
}

/// Requests that were refused, in all and by reason; one may count in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// All of them.
    pub all: u64,
    /// Of callers that could not sleep.
    pub atomic: u64,
    /// With a size or alignment that can never be served.
    pub invalid: u64,
}

/// What the run is held against.
pub struct Expected<'a> {
    /// The row.
    pub cell: Cell,
    /// When the worker runs.
    pub balance: Balance,
    /// What a timed run of the same trace ended with.
    pub timed: &'a Stats,
}

/// Replays the trace on a fresh allocator and checks everything. What was seen up to a failure is
/// in `seen`.
pub fn run<P: Machine>(
    allocator: &Allocator<P>,
    trace: &Trace,
    expected: &Expected,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let at_setup = allocator.stats();
    let possible: Vec<CpuId> = allocator.geometry().cpus().collect();
    let mut checker = Checker::new(allocator, cpus::pick(&possible), seen);
    let mut progress = Progress::new(format!("checking {}", expected.cell), trace.nr_ops());

    trace.replay(|ops| {
        for op in ops {
            checker.line += 1;
            checker.take(op)?;
            let due = expected.balance == Balance::Auto || matches!(op, Op::Balance);
            if due && allocator.balance_wanted() {
                allocator.balance();
            }
            if is_sampled(checker.line, trace.nr_ops()) {
                checker.seen.samples.push(allocator.stats().populated_pages as u64);
            }
        }
        progress.advance(ops.len() as u64);
        Ok(())
    })?;

    checker.seen.percpu_stats = allocator.percpu_stats().to_string();
    let checked = allocator.stats();
    if checked != *expected.timed {
        let timed = Box::new(*expected.timed);
        return Err(Failure::Differs { checked: Box::new(checked), timed });
    }
    check_records(allocator, "at the end of the trace")?;
    checker.free_all()?;
    all_came_back(allocator, expected.cell, &at_setup)
}

/// Says whether the `line`-th of `nr_ops` operations is one of [`SAMPLES`] at equal distances; the
/// last one is.
fn is_sampled(line: u64, nr_ops: u64) -> bool {
    line * SAMPLES / nr_ops != (line - 1) * SAMPLES / nr_ops
}

struct Checker<'a, 's, P: Machine> {
    allocator: &'a Allocator<P>,
    cpus: Vec<CpuId>,
    seen: &'s mut Seen,
    live: ById<Live<'a, P>>,
    /// End by start of every live area on every checked CPU.
    ranges: BTreeMap<usize, usize>,
    line: u64,
    serial: u64,
    wanted: Vec<u8>,
    found: Vec<u8>,
}

struct Live<'a, P: Machine> {
    area: Area<'a, P>,
    serial: u64,
}

impl<'a, 's, P: Machine> Checker<'a, 's, P> {
    fn new(allocator: &'a Allocator<P>, cpus: Vec<CpuId>, seen: &'s mut Seen) -> Self {
        seen.verified_cpus = cpus.len() as u64;
        let (live, ranges) = (ById::new(), BTreeMap::new());
        let (wanted, found) = (Vec::new(), Vec::new());
        Self { allocator, cpus, seen, live, ranges, line: 0, serial: 0, wanted, found }
    }

    fn take(&mut self, op: &Op) -> Result<(), Failure> {
        match op {
            Op::Alloc(alloc) => self.alloc(alloc),
            Op::Free(id) => match self.live.take(*id) {
                Some(live) => self.free(*id, live),
                None => Ok(()),
            },
            Op::Balance => Ok(()),
        }
    }

    fn alloc(&mut self, alloc: &Alloc) -> Result<(), Failure> {
        let id = alloc.id;
        let area = match Area::alloc(self.allocator, alloc) {
            Ok(area) => area,
            Err(error) => {
                self.seen.refused.all += 1;
                self.seen.refused.atomic += u64::from(alloc.context == Context::Atomic);
                self.seen.refused.invalid += u64::from(error.is_invalid());
                self.note(id, None);
                return Ok(());
            }
        };
        self.note(id, area.placement());
        self.serial += 1;
        for &cpu in &self.cpus {
            let line = self.line;
            let no_address = |NoAddress| Failure::NoAddress { line, id, cpu };
            let start = area.address(cpu).map_err(no_address)?.get();
            if !enter(&mut self.ranges, start, start + area.len()) {
                return Err(Failure::Overlap { line, id, cpu });
            }
            area.read(cpu, &mut self.found).map_err(no_address)?;
            if let Some(offset) = self.found.iter().position(|&byte| byte != 0) {
                let found = self.found[offset];
                return Err(Failure::NotZero { line, id, cpu, offset, found });
            }
            // The bytes just read are as many as the area has.
            pattern::fill(&mut self.found, self.serial, cpu);
            area.write(cpu, &self.found).map_err(no_address)?;
        }
        self.live.put(id, Live { area, serial: self.serial });
        Ok(())
    }

    fn free(&mut self, id: Id, live: Live<'a, P>) -> Result<(), Failure> {
        let Live { area, serial } = live;
        let line = self.line;
        for &cpu in &self.cpus {
            let no_address = |NoAddress| Failure::NoAddress { line, id, cpu };
            let start = area.address(cpu).map_err(no_address)?.get();
            self.ranges.remove(&start);
            area.read(cpu, &mut self.found).map_err(no_address)?;
            self.wanted.resize(area.len(), 0);
            pattern::fill(&mut self.wanted, serial, cpu);
            if self.found != self.wanted {
                let mut pairs = self.found.iter().zip(&self.wanted);
                let offset = pairs.position(|(found, wanted)| found != wanted).unwrap_or(0);
                let (found, wrote) = (self.found[offset], self.wanted[offset]);
                return Err(Failure::Changed { line, id, cpu, offset, wrote, found });
            }
        }
        area.free().map_err(|error| Failure::FreeRefused { line, id, reason: error.reason() })
    }

    fn note(&mut self, id: Id, placement: Option<Placement>) {
        if let Some(offsets) = &mut self.seen.offsets {
            offsets.push((id, placement));
        }
    }

    /// Frees what the trace left, as if it went on.
    fn free_all(&mut self) -> Result<(), Failure> {
        for (id, live) in self.live.drain().collect::<Vec<_>>() {
            self.line += 1;
            self.free(id, live)?;
        }
        Ok(())
    }
}

/// Enters a range; `false` if it shares a byte with one that is there.
fn enter(ranges: &mut BTreeMap<usize, usize>, start: usize, end: usize) -> bool {
    let below = ranges.range(..end).next_back();
    if below.is_some_and(|(_, &below_end)| below_end > start) {
        return false;
    }
    ranges.insert(start, end);
    true
}

fn check_records<P: Machine>(allocator: &Allocator<P>, when: &'static str) -> Result<(), Failure> {
    allocator.check().map_err(|broken| Failure::Broken { when, what: broken.to_string() })
}

/// Checks an allocator without live areas: first what balancing keeps, then that trimming keeps
/// nothing.
fn all_came_back<P: Machine>(
    allocator: &Allocator<P>,
    cell: Cell,
    at_setup: &Stats,
) -> Result<(), Failure> {
    // Where the trace never let the worker run, the first pass still backs what it owes to an atomic
    // request that failed; the second one owes nothing.
    allocator.balance();
    allocator.balance();
    check_records(allocator, "after freeing everything and balancing")?;
    let stats = allocator.stats();
    if stats.nr_cur_alloc != 0 || stats.live_bytes != 0 {
        let (areas, bytes) = (stats.nr_cur_alloc, stats.live_bytes);
        return Err(Failure::StillAllocated { areas, bytes });
    }
    let chunks = (stats.nr_chunks - at_setup.nr_chunks) as u64;
    let pages = stats.populated_pages.saturating_sub(at_setup.populated_pages) as u64;
    let high = allocator.geometry().config().watermarks.high as u64;
    if cell.is_vm() && pages > high {
        let what = format!("{pages} pages in {chunks} chunks");
        let most = format!("{high} pages");
        return Err(Failure::Kept { what, most });
    }
    if !cell.is_vm() && chunks > 1 {
        let (what, most) = (format!("{chunks} chunks"), "1 chunk".to_owned());
        return Err(Failure::Kept { what, most });
    }

    allocator.trim();
    check_records(allocator, "after trimming")?;
    let stats = allocator.stats();
    let figures = [
        ("chunks", stats.nr_chunks as u64, at_setup.nr_chunks as u64),
        ("populated pages", stats.populated_pages as u64, at_setup.populated_pages as u64),
        ("pages in all", stats.total_pages as u64, at_setup.total_pages as u64),
    ];
    for (what, found, at_setup) in figures {
        if found != at_setup {
            return Err(Failure::NotTrimmed { what, found, at_setup });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
