// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attaching a CPU: its unit gets its share of everything that is backed.

use pcpu_layout::{CpuId, PageCount, Span};
use pcpu_platform::{Addr, Effort, NoPages};

use super::setup::first_unit_pages;
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
    /// Where the first chunk is [mapped](Self::new_paged_with_attached), its pages are backed and
    /// zeroed like the others, and the static region reads zero: static variables that begin with
    /// another value are the caller's to write before code on the CPU uses them. Where the first
    /// chunk is made of runs, they are there since set-up.
    ///
    /// # Context
    /// May sleep; holds the *pages* lock. No code may run that uses this pool on the CPU before
    /// the call returns.
    ///
    /// # Errors
    /// [`AttachError`]; nothing was kept for the CPU then.
    pub fn attach(&self, cpu: CpuId) -> Result<(), AttachError> {
        let unit = self.possible_unit(cpu)?;
        self.attach_unit(&mut self.pages.lock(), cpu, unit)
    }

    /// As [`attach`](Self::attach), for code that may have interrupted this allocator on its own
    /// thread, such as a signal handler or a fault handler: rather than wait for a lock that the
    /// interrupted code may hold, it refuses.
    ///
    /// # Context
    /// Takes the *pages* lock if it is free, and then the *index* lock as often as `attach` does.
    /// It waits for nothing that the interrupted code holds:
    ///
    /// - *pages* is taken without waiting. So nothing on this thread is in the middle of a step
    ///   that needs it, as every call of this allocator that takes, maps or returns pages does.
    /// - *index* is then taken without waiting, and let go. Interrupted code goes on only after this
    ///   call: what it holds now it would hold throughout. So it does not hold *index*, and to wait
    ///   for that later is to wait for another thread, which lets go after a bounded step. Should
    ///   that one be interrupted by such a call too, it finds *pages* held, and refuses.
    /// - No event is sent. To find an attached CPU attached takes no lock.
    ///
    /// The rest is for the platform to say and for the caller to ask: whether locks of its two
    /// types may be tried, taken and released in such code; and whether its calls for pages, and
    /// [`zero`](pcpu_platform::Memory::zero), can meet a lock of the platform's own that the
    /// interrupted code holds. That code may have been in the platform without *pages*: to zero a
    /// new area, to send an event, in [`frame`](Self::frame), pinned, or for another pool on the
    /// same machine.
    ///
    /// # Errors
    /// [`AttachError`], nothing was kept for the CPU then. [`Busy`](AttachError::Busy) if either
    /// lock was held, by whomever: code that was not interrupted may just try again.
    pub fn try_attach(&self, cpu: CpuId) -> Result<(), AttachError> {
        let unit = self.possible_unit(cpu)?;
        if self.is_attached(cpu) {
            return Ok(());
        }
        let mut pages = self.pages.try_lock().ok_or(AttachError::Busy)?;
        drop(self.index.try_lock().ok_or(AttachError::Busy)?);
        self.attach_unit(&mut pages, cpu, unit)
    }

    /// Says whether a CPU is attached.
    ///
    /// # Context
    /// Takes no lock.
    pub fn is_attached(&self, cpu: CpuId) -> bool {
        self.attached.iter().any(|attached| attached == cpu)
    }

    fn possible_unit(&self, cpu: CpuId) -> Result<usize, AttachError> {
        self.addresses.offset(cpu).ok_or(AttachError::NotPossible { cpu })
    }

    /// Attaches a CPU with its unit at this offset.
    fn attach_unit(
        &self,
        pages: &mut PagesState<P>,
        cpu: CpuId,
        unit: usize,
    ) -> Result<(), AttachError> {
        if self.is_attached(cpu) {
            return Ok(());
        }
        self.back_first(pages, cpu).map_err(|NoPages| AttachError::NoPages)?;
        let mut next = pages.records;
        while let Some(record) = next {
            if self.back_for(pages, record, cpu).is_err() {
                self.unback_since(pages, record, cpu);
                self.unback_first(pages, cpu);
                return Err(AttachError::NoPages);
            }
            next = record.next_record();
        }
        self.zero_unit(pages.records, unit);
        self.attached.push(cpu);
        Ok(())
    }

    /// Backs a CPU's unit of the first chunk, or none of it, where it is not backed since boot.
    fn back_first(&self, pages: &mut PagesState<P>, cpu: CpuId) -> Result<(), NoPages> {
        if !self.is_first_mapped() {
            return Ok(());
        }
        let (site, all) = (self.site(), self.whole_unit());
        let (scratch, one) = (&mut pages.scratch, core::iter::once(cpu));
        // SAFETY: the first chunk exists as long as the allocator, and nothing of it is backed for
        // a CPU that is not attached: set-up backed it for those that were.
        unsafe { P::Backend::populate(&site, scratch, self.base, all, one, Effort::Normal) }?;
        let counted = first_unit_pages(&self.geometry);
        self.index.lock().totals.counters.hold(counted, counted);
        Ok(())
    }

    /// Takes back what `back_first` backed.
    fn unback_first(&self, pages: &mut PagesState<P>, cpu: CpuId) {
        if !self.is_first_mapped() {
            return;
        }
        let (site, all) = (self.site(), self.whole_unit());
        let (scratch, one) = (&mut pages.scratch, core::iter::once(cpu));
        // SAFETY: backed for this CPU by the call that is being undone; nobody uses its unit.
        unsafe { P::Backend::depopulate(&site, scratch, self.base, all, one) };
        P::Backend::flush_after_unmap(&site, self.base, all);
        let counted = first_unit_pages(&self.geometry);
        self.index.lock().totals.counters.release(counted, counted);
    }

    fn whole_unit(&self) -> Span<PageCount> {
        Span::new(PageCount::ZERO, self.geometry.pages_per_unit())
    }

    /// The populated ranges of a chunk that was made by the back end and is in use.
    fn backed_ranges(
        &self,
        record: ChunkRef,
    ) -> impl Iterator<Item = (Addr, Span<PageCount>)> + '_ {
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
    ) -> Result<(), NoPages> {
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

    /// Zeroes a unit of every chunk (A1), but for static variables that are there since boot.
    fn zero_unit(&self, records: Option<ChunkRef>, unit: usize) {
        let page_size = self.geometry.page_size();
        if self.is_first_mapped() {
            let static_end = self.geometry.regions().statics.end.get();
            // SAFETY: backed by `back_first`; nobody uses the unit of an unattached CPU.
            unsafe { self.platform.zero(self.base.offset(unit), static_end) };
        }
        let mut next = records;
        while let Some(record) = next {
            next = record.next_record();
            let index = self.index.lock();
            let chunk = index.chunks.get(record);
            let (kind, base, served) = (chunk.kind, chunk.base, chunk.served);
            drop(index);
            if kind != Kind::Ordinary {
                let (start, end) = (self.bytes(served.start), self.bytes(served.end));
                // SAFETY: backed since boot or by `back_first`; nobody uses the unit of an unattached
                // CPU.
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
