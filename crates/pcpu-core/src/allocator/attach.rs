// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attaching a CPU: its unit gets its share of everything that is backed.

use pcpu_layout::{CpuId, PageCount, Span};
use pcpu_platform::Effort;

use super::{Addressing, Allocator, PagesState};
use crate::AttachError;
use crate::backend::Backend;
use crate::chunk::{ChunkRef, Kind};
use crate::machine::Machine;

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Attaches a possible CPU: backs every populated page of every chunk in its unit and zeroes
    /// it, all or nothing. From then on its copies are backed and zeroed with all others.
    /// Attaching an attached CPU does nothing.
    ///
    /// # Context
    /// May sleep; holds the *pages* lock. No code may run that uses this pool on the CPU before
    /// the call returns.
    ///
    /// # Errors
    /// [`AttachError`]; nothing was kept for the CPU then.
    pub fn attach(&self, cpu: CpuId) -> Result<(), AttachError> {
        let unit = self.addresses.offset(cpu).ok_or(AttachError::NotPossible { cpu })?;
        let mut pages = self.pages.lock();
        if self.attached.iter().any(|attached| attached == cpu) {
            return Ok(());
        }
        let mut next = pages.records;
        while let Some(record) = next {
            if self.back_for(&mut pages, record, cpu).is_err() {
                self.unback_since(&mut pages, record, cpu);
                return Err(AttachError::NoPages);
            }
            next = record.next_record();
        }
        self.zero_unit(pages.records, unit);
        self.attached.push(cpu);
        Ok(())
    }

    /// Says whether a CPU is attached.
    pub fn is_attached(&self, cpu: CpuId) -> bool {
        self.attached.iter().any(|attached| attached == cpu)
    }

    /// The populated ranges of a chunk that was made by the back end and is in use.
    fn backed_ranges(
        &self,
        record: ChunkRef,
    ) -> impl Iterator<Item = (pcpu_platform::Addr, Span<PageCount>)> + '_ {
        let mut from = PageCount::ZERO;
        core::iter::from_fn(move || {
            let index = self.index.lock();
            let chunk = index.chunks.get(record);
            if chunk.kind != Kind::Ordinary || record.face().base() == 0 {
                return None;
            }
            let range = chunk.map.next_populated(Span::new(from, chunk.map.nr_pages()))?;
            from = range.end;
            Some((chunk.base, range))
        })
    }

    /// Backs a CPU's share of one chunk, or none of it.
    fn back_for(
        &self,
        pages: &mut PagesState<P>,
        record: ChunkRef,
        cpu: CpuId,
    ) -> Result<(), pcpu_platform::NoPages> {
        let site = self.site();
        for (count, (base, range)) in self.backed_ranges(record).enumerate() {
            let one = core::iter::once(cpu);
            let scratch = &mut pages.scratch;
            // SAFETY: the chunk is in use, and the CPU is not attached: nothing of its unit is
            // backed (C4).
            let backed =
                unsafe { P::Backend::populate(&site, scratch, base, range, one, Effort::Normal) };
            if let Err(error) = backed {
                self.unback(pages, record, cpu, count);
                return Err(error);
            }
            if self.reclaims() {
                self.index.lock().totals.counters.hold(range.len(), range.len());
            }
        }
        Ok(())
    }

    /// Takes back the first `count` ranges of a chunk that were backed for a CPU.
    fn unback(&self, pages: &mut PagesState<P>, record: ChunkRef, cpu: CpuId, count: usize) {
        let site = self.site();
        for (base, range) in self.backed_ranges(record).take(count) {
            let (scratch, one) = (&mut pages.scratch, core::iter::once(cpu));
            // SAFETY: backed for this CPU by the call that is being undone; nobody uses its unit.
            unsafe { P::Backend::depopulate(&site, scratch, base, range, one) };
            P::Backend::flush_after_unmap(&site, base, range);
            if self.reclaims() {
                self.index.lock().totals.counters.release(range.len(), range.len());
            }
        }
    }

    /// Takes back what was backed for a CPU in the records newer than `failed`.
    fn unback_since(&self, pages: &mut PagesState<P>, failed: ChunkRef, cpu: CpuId) {
        let mut next = pages.records;
        while let Some(record) = next.filter(|&record| record != failed) {
            self.unback(pages, record, cpu, usize::MAX);
            next = record.next_record();
        }
    }

    /// Zeroes a unit of every chunk, but for its static region (A1).
    fn zero_unit(&self, records: Option<ChunkRef>, unit: usize) {
        let page_size = self.geometry.page_size();
        let mut next = records;
        while let Some(record) = next {
            next = record.next_record();
            let index = self.index.lock();
            let chunk = index.chunks.get(record);
            let (kind, base, served) = (chunk.kind, chunk.base, chunk.served);
            drop(index);
            if kind != Kind::Ordinary {
                let (start, end) = (self.bytes(served.start), self.bytes(served.end));
                // SAFETY: backed since boot; nobody uses the unit of an unattached CPU.
                unsafe { self.platform.zero(base.offset(unit).offset(start), end - start) };
                continue;
            }
            for (base, range) in self.backed_ranges(record) {
                let at = base.offset(unit).offset(range.start.get() * page_size);
                // SAFETY: backed for this CPU by `back_for`; nobody else uses its unit.
                unsafe { self.platform.zero(at, range.len().get() * page_size) };
            }
        }
    }
}
