// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps under the *pages* lock: making and destroying chunks, backing and unbacking pages.
//!
//! Each calls the platform without the *index* lock and tells the index afterwards, so that what
//! the index says is there, is there; and it tells before, when something goes away.

use pcpu_layout::map::Shape;
use pcpu_layout::{Bits, PageCount, Span};
use pcpu_platform::{Effort, Event, NoPages};

use super::{Addressing, Allocator, PagesState};
use crate::backend::{Backend, NoChunk};
use crate::chunk::{ChunkRef, Kind, RecordShape};
use crate::machine::Machine;

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Makes a chunk and puts it on its list.
    ///
    /// # Errors
    /// [`NoChunk`]; nothing but a spare record is kept then.
    pub(super) fn create_chunk(&self, pages: &mut PagesState<P>) -> Result<ChunkRef, NoChunk> {
        let record = self.spare_record(pages)?;
        let site = self.site();
        let made = match P::Backend::create(&site) {
            Ok(made) => made,
            Err(NoChunk) => {
                self.index.lock().put_aside(record);
                return Err(NoChunk);
            }
        };
        record.face().set_base(made.base.get());
        if self.directory.insert(&self.platform, record).is_err() {
            record.face().set_base(0);
            // SAFETY: made above, known to nobody, nothing populated that needs to be undone.
            unsafe { P::Backend::destroy(&site, made.base) };
            self.index.lock().put_aside(record);
            return Err(NoChunk);
        }

        let mut index = self.index.lock();
        let chunk = index.chunks.get_mut(record);
        chunk.base = made.base;
        chunk.ordinal = pages.next_ordinal;
        pages.next_ordinal = pages.next_ordinal.saturating_add(1);
        let (populated, empty) = (chunk.map.nr_populated(), chunk.map.nr_empty());
        index.totals.counters.count_chunk();
        index.totals.counters.add_populated(populated);
        index.totals.empty += empty;
        let covered = self.in_units(populated);
        index.totals.counters.hold(made.pages_held, covered);
        let slot = index.slot_of(record);
        index.lists.push_front(record, slot);
        drop(index);
        self.platform.event(&Event::ChunkCreated { base: made.base });
        Ok(record)
    }

    /// Real pages that `pages` page indexes of a chunk backed from birth are in all its units.
    fn in_units(&self, pages: PageCount) -> PageCount {
        PageCount::new(pages.get() * self.geometry.nr_possible() as usize)
    }

    /// A record for a new chunk: an old one, or a new one.
    fn spare_record(&self, pages: &mut PagesState<P>) -> Result<ChunkRef, NoChunk> {
        let mut index = self.index.lock();
        if let Some(record) = index.lists.front(index.lists.slots().spare) {
            index.lists.unlink(record);
            let chunk = index.chunks.get_mut(record);
            chunk.map.reset();
            chunk.isolated = false;
            chunk.max_alloc = Bits::ZERO;
            return Ok(record);
        }
        drop(index);
        let nr_bits = self.bits(self.geometry.unit_size());
        let shape = RecordShape {
            kind: Kind::Ordinary,
            shape: Shape { nr_bits, page_bits: self.bits(self.geometry.page_size()) },
            backing: P::Backend::BACKING,
            served: Span::new(Bits::ZERO, nr_bits),
            granule: self.geometry.granule(),
        };
        let made = ChunkRef::new(&self.platform, &shape, pages.records);
        let record = made.map_err(|_| NoChunk)?;
        pages.records = Some(record);
        Ok(record)
    }

    /// Gives a chunk's memory and addresses back and keeps its record. The chunk is on no list
    /// and has no area.
    pub(super) fn destroy_chunk(&self, pages: &mut PagesState<P>, record: ChunkRef) {
        let index = self.index.lock();
        let chunk = index.chunks.get(record);
        assert!(chunk.is_all_free() && !chunk.is_immutable(), "C1: only empty chunks go");
        let (base, all) = (chunk.base, Span::new(PageCount::ZERO, chunk.map.nr_pages()));
        drop(index);
        self.platform.event(&Event::ChunkDestroyed { base });
        // No look-up finds it any more; none can be needed, since no area is live.
        self.directory.remove(record);
        record.face().set_base(0);
        // The addresses go back to the general pool, which flushes before it reuses them: no
        // TLB flush here.
        if self.reclaims() {
            let mut rest = all;
            while let Some(backed) = self.next_populated(record, rest) {
                rest.start = backed.end;
                self.depopulate(pages, record, backed);
            }
        }
        let site = self.site();
        // SAFETY: a chunk in use until now; nothing in it is used, nothing is populated any more
        // (or, for km, all of it goes at once).
        unsafe { P::Backend::destroy(&site, base) };

        let mut index = self.index.lock();
        let chunk = index.chunks.get(record);
        let (populated, empty) = (chunk.map.nr_populated(), chunk.map.nr_empty());
        if chunk.counts_empty() {
            index.totals.empty -= empty;
        }
        index.totals.counters.drop_populated(populated);
        let covered = self.in_units(populated);
        index.totals.counters.release(covered, covered);
        index.totals.counters.drop_chunk();
        index.put_aside(record);
    }

    /// Says whether pages of this back end are backed and returned one by one.
    pub(super) fn reclaims(&self) -> bool {
        P::Backend::BACKING == pcpu_layout::map::Backing::OnDemand
    }

    fn next_populated(&self, chunk: ChunkRef, rest: Span<PageCount>) -> Option<Span<PageCount>> {
        self.index.lock().chunks.get(chunk).map.next_populated(rest)
    }

    /// Backs pages, none of which is, in the units of all attached CPUs, or in none.
    pub(super) fn populate(
        &self,
        pages: &mut PagesState<P>,
        chunk: ChunkRef,
        missing: Span<PageCount>,
        effort: Effort,
    ) -> Result<(), NoPages> {
        let (site, base) = (self.site(), self.base_of(chunk));
        let (scratch, cpus) = (&mut pages.scratch, self.attached.iter());
        // SAFETY: the chunk exists, since only the holder of the pages lock destroys any; none of
        // the pages is backed, since only that holder changes it (C4).
        unsafe { P::Backend::populate(&site, scratch, base, missing, cpus, effort) }?;
        let mut index = self.index.lock();
        index.populated(chunk, missing);
        let real = self.in_attached_units(missing.len());
        index.totals.counters.hold(real, real);
        Ok(())
    }

    /// Takes the memory of pages away; all of them are backed and free, and no request can be
    /// served from them meanwhile, since the chunk is set aside or on no list.
    pub(super) fn depopulate(
        &self,
        pages: &mut PagesState<P>,
        chunk: ChunkRef,
        backed: Span<PageCount>,
    ) {
        let mut index = self.index.lock();
        index.depopulated(chunk, backed);
        let real = self.in_attached_units(backed.len());
        index.totals.counters.release(real, real);
        let base = index.chunks.get(chunk).base;
        drop(index);
        let (site, cpus) = (self.site(), self.attached.iter());
        // SAFETY: backed (C4) and free: the index said so a line above, and no request reaches
        // the chunk (see this function's promise).
        unsafe { P::Backend::depopulate(&site, &mut pages.scratch, base, backed, cpus) };
    }

    /// Address of a chunk's offset 0 in the unit at offset 0.
    pub(super) fn base_of(&self, chunk: ChunkRef) -> pcpu_platform::Addr {
        self.index.lock().chunks.get(chunk).base
    }
}
