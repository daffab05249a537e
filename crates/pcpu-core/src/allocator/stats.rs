// SPDX-License-Identifier: MIT OR Apache-2.0
//! Statistics: numbers for programs, and the kernel's own text for people and tools.

use core::fmt;

use pcpu_layout::{Bits, PageCount};

use super::setup::first_unit_pages;
use super::{Addressing, Allocator};
use crate::chunk::{ChunkRef, Kind};
use crate::index::Index;
use crate::machine::Machine;

/// What a pool holds and has held.
///
/// # Units
/// Sizes in bytes per CPU, areas and chunks in numbers. `populated_pages` counts page indexes, the
/// same in every unit; `total_pages` and `first_chunk_pages` count real pages of all units that
/// chunks cover, of the first chunk from the page in which its static region ends. A unit that is
/// not backed, because its CPU is not attached, does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the kernel's; see the units above")]
pub struct Stats {
    pub unit_size: usize,
    pub static_size: usize,
    pub reserved_size: usize,
    pub dyn_size: usize,
    pub atom_size: usize,
    pub alloc_size: usize,
    pub nr_alloc: u64,
    pub nr_dealloc: u64,
    pub nr_cur_alloc: u64,
    pub nr_max_alloc: u64,
    pub nr_chunks: usize,
    pub nr_max_chunks: usize,
    /// Smallest area ever; the unit's size before there was one.
    pub min_alloc_size: usize,
    pub max_alloc_size: usize,
    /// Backed pages without an area, in chunks that are in service.
    pub empty_pop_pages: usize,
    pub populated_pages: usize,
    pub peak_populated_pages: usize,
    pub total_pages: usize,
    pub peak_total_pages: usize,
    pub first_chunk_pages: usize,
    /// Most real pages at one time that were held and that no unit covered.
    pub wasted_pages: usize,
    pub live_bytes: u64,
    pub peak_live_bytes: u64,
}

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Returns the figures of this moment, consistent with each other.
    ///
    /// # Context
    /// Takes the *index* lock; constant time.
    pub fn stats(&self) -> Stats {
        let (geometry, totals) = (&self.geometry, self.index.lock().totals);
        let counters = totals.counters;
        let granules = |count: u64| count << geometry.granule().trailing_zeros();
        Stats {
            unit_size: geometry.unit_size(),
            static_size: geometry.static_size(),
            reserved_size: geometry.reserved_size(),
            dyn_size: geometry.dyn_size(),
            atom_size: geometry.atom_size(),
            alloc_size: geometry.alloc_size(),
            nr_alloc: counters.nr_alloc,
            nr_dealloc: counters.nr_dealloc,
            nr_cur_alloc: counters.nr_alloc - counters.nr_dealloc,
            nr_max_alloc: counters.nr_max_alloc,
            nr_chunks: counters.nr_chunks,
            nr_max_chunks: counters.nr_max_chunks,
            min_alloc_size: counters.min_alloc.map_or(geometry.unit_size(), |min| self.bytes(min)),
            max_alloc_size: self.bytes(counters.max_alloc),
            empty_pop_pages: totals.empty.get(),
            populated_pages: counters.populated.get(),
            peak_populated_pages: counters.peak_populated.get(),
            total_pages: counters.covered.get(),
            peak_total_pages: counters.peak_covered.get(),
            first_chunk_pages: self.first_chunk_pages().get(),
            wasted_pages: counters.peak_wasted.get(),
            live_bytes: granules(counters.live),
            peak_live_bytes: granules(counters.peak_live),
        }
    }

    /// Real pages of the first chunk's units that are backed, from the page in which the static
    /// region ends.
    pub(super) fn first_chunk_pages(&self) -> PageCount {
        let is_mapped = self.is_first_mapped();
        let nr_units = if is_mapped { self.attached.len() } else { self.nr_possible() };
        PageCount::new(first_unit_pages(&self.geometry).get() * nr_units)
    }

    /// Returns the kernel's `percpu_stats` text, to be printed.
    ///
    /// # Context
    /// Printing holds the *index* lock from the first chunk to the last, so that they are of one
    /// moment: the writer must not call the allocator. Meant for people, not for fast paths.
    ///
    /// # Source
    /// The file's format is described in docs/behaviours.md; Q11 is mended.
    pub fn percpu_stats(&self) -> PercpuStats<'_, P, A> {
        PercpuStats(self)
    }
}

/// The text of [`Allocator::percpu_stats`].
#[derive(Debug)]
pub struct PercpuStats<'a, P: Machine, A: Addressing>(&'a Allocator<P, A>);

const RULE: &str = "----------------------------------------";

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: u64) -> fmt::Result {
    writeln!(f, "  {name:<20}: {value:>12}")
}

fn heading(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    writeln!(f, "{text}\n{RULE}")
}

impl<P: Machine, A: Addressing> fmt::Display for PercpuStats<'_, P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allocator = self.0;
        let stats = allocator.stats();
        writeln!(f, "Percpu Memory Statistics")?;
        heading(f, "Allocation Info:")?;
        line(f, "unit_size", stats.unit_size as u64)?;
        line(f, "static_size", stats.static_size as u64)?;
        line(f, "reserved_size", stats.reserved_size as u64)?;
        line(f, "dyn_size", stats.dyn_size as u64)?;
        line(f, "atom_size", stats.atom_size as u64)?;
        line(f, "alloc_size", stats.alloc_size as u64)?;
        writeln!(f)?;

        heading(f, "Global Stats:")?;
        line(f, "nr_alloc", stats.nr_alloc)?;
        line(f, "nr_dealloc", stats.nr_dealloc)?;
        line(f, "nr_cur_alloc", stats.nr_cur_alloc)?;
        line(f, "nr_max_alloc", stats.nr_max_alloc)?;
        line(f, "nr_chunks", stats.nr_chunks as u64)?;
        line(f, "nr_max_chunks", stats.nr_max_chunks as u64)?;
        line(f, "min_alloc_size", stats.min_alloc_size as u64)?;
        line(f, "max_alloc_size", stats.max_alloc_size as u64)?;
        line(f, "empty_pop_pages", stats.empty_pop_pages as u64)?;
        writeln!(f)?;

        heading(f, "Per Chunk Stats:")?;
        // Under one lock, so that the chunks are of one moment.
        let index = allocator.index.lock();
        if let Some(reserved) = allocator.reserved {
            allocator.write_chunk(f, &index, reserved, "Chunk: <- Reserved Chunk")?;
        }
        let slots = index.lists.slots();
        for slot in 0..slots.count() {
            let mut cursor = index.lists.front(slot);
            while let Some(record) = cursor {
                cursor = index.lists.next(record);
                let label = match index.chunks.get(record).kind {
                    Kind::First => "Chunk: <- First Chunk",
                    _ if slot == slots.to_depopulate => "Chunk (to_depopulate)",
                    _ if slot == slots.sidelined => "Chunk (sidelined):",
                    _ => "Chunk:",
                };
                allocator.write_chunk(f, &index, record, label)?;
            }
        }
        Ok(())
    }
}

impl<P: Machine, A: Addressing> Allocator<P, A> {
    fn write_chunk(
        &self,
        f: &mut fmt::Formatter<'_>,
        index: &Index,
        record: ChunkRef,
        label: &str,
    ) -> fmt::Result {
        let chunk = index.chunks.get(record);
        let figures = chunk.figures();
        let bytes = |bits: Bits| self.bytes(bits) as u64;
        let empty: PageCount = chunk.map.nr_empty();
        writeln!(f, "{label}")?;
        line(f, "nr_alloc", figures.nr_alloc as u64)?;
        line(f, "max_alloc_size", bytes(chunk.max_alloc))?;
        line(f, "empty_pop_pages", empty.get() as u64)?;
        line(f, "first_bit", u64::from(chunk.map.first_free().get()))?;
        line(f, "free_bytes", bytes(chunk.map.free()))?;
        line(f, "contig_bytes", bytes(chunk.map.longest()))?;
        line(f, "sum_frag", bytes(figures.sum_frag))?;
        line(f, "max_frag", bytes(figures.max_frag))?;
        line(f, "cur_min_alloc", bytes(figures.min_alloc))?;
        line(f, "cur_med_alloc", bytes(figures.med_alloc))?;
        line(f, "cur_max_alloc", bytes(figures.max_alloc))?;
        writeln!(f)
    }
}
