// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the platforms do, in safe code: every promise that a caller of an `unsafe fn` of
//! [`pcpu_platform`] makes is checked here, so breaking it is a panic and not corruption.

use std::alloc::Layout;
use std::ptr::NonNull;

use pcpu_layout::{NodeId, PageCount, Span};
use pcpu_platform::{Addr, Cpus, Effort, MapFailed, NoPages, NoSpace};

use crate::access::Access;
use crate::faults::{Attempt, Fallible};
use crate::locks;
use crate::machine::{LINEAR_START, State};
use crate::physical::Frame;
use crate::record::Call;
use crate::{Machine, Violation};

/// Frames.
impl Machine {
    pub(crate) fn take_run(
        &self,
        pages: PageCount,
        align: usize,
        node: Option<NodeId>,
        effort: Effort,
    ) -> Result<Addr, NoPages> {
        self.may_sleep("take_run");
        let size = pages.get();
        let attempt = Attempt { node, effort, size, ..self.attempt(Fallible::TakeRun) };
        let fails = self.strikes(&attempt);
        let state = &mut *self.state();
        let page_size = self.inner.page_size;
        if size == 0 || !align.is_power_of_two() || align < page_size {
            let what = "a run must have pages, and a power-of-two alignment of a page or more";
            state.books.accept(Err(Violation::BadRequest(what)))
        }
        if fails {
            return Err(NoPages);
        }
        let first = state.physical.take_run(size, align / page_size, node).ok_or(NoPages)?;
        let at = address(LINEAR_START + first * page_size);
        state.books.counts.runs_taken += 1;
        state.books.counts.run_pages_taken += size as u64;
        state.books.log(|| Call::TakeRun { at, pages, node });
        Ok(at)
    }

    pub(crate) fn give_run(&self, start: Addr, pages: PageCount) {
        self.may_sleep("give_run");
        let state = &mut *self.state();
        let nr = pages.get();
        let address = start.get();
        let first = state.linear_frame(address);
        let first = first.filter(|first| {
            address.is_multiple_of(self.inner.page_size) && first + nr <= state.physical.nr_frames()
        });
        let first = state.books.accept(first.ok_or(Violation::NotARun { address }));
        let given = state.physical.give_run(first, nr);
        state.books.accept(given);
        state.books.counts.runs_given += 1;
        state.books.counts.run_pages_given += nr as u64;
        state.books.log(|| Call::GiveRun { at: start, pages });
    }

    pub(crate) fn take_frame(
        &self,
        node: Option<NodeId>,
        effort: Effort,
    ) -> Result<Frame, NoPages> {
        self.may_sleep("take_frame");
        let attempt = Attempt { node, effort, ..self.attempt(Fallible::TakeFrame) };
        if self.strikes(&attempt) {
            return Err(NoPages);
        }
        let state = &mut *self.state();
        let frame = state.physical.take_frame(node).ok_or(NoPages)?;
        state.books.counts.frames_taken += 1;
        state.books.log(|| Call::TakeFrame { frame: frame.index(), node });
        Ok(frame)
    }

    pub(crate) fn give_frame(&self, frame: Frame) {
        self.may_sleep("give_frame");
        let state = &mut *self.state();
        let given = state.physical.give_frame(frame);
        state.books.accept(given);
        state.books.counts.frames_given += 1;
        state.books.log(|| Call::GiveFrame { frame: frame.index() });
    }
}

/// Addresses.
impl Machine {
    pub(crate) fn reserve(&self, areas: &[Span<usize>], align: usize) -> Result<Addr, NoSpace> {
        self.may_sleep("reserve");
        let fails = self.strikes(&self.attempt(Fallible::Reserve));
        let state = &mut *self.state();
        if !areas.is_sorted_by_key(|area| area.start) {
            let what = "the areas of a reservation must be sorted";
            state.books.accept(Err(Violation::BadRequest(what)))
        }
        if fails {
            return Err(NoSpace);
        }
        let base = state.space.reserve(areas, align);
        let base = address(state.books.accept(base).ok_or(NoSpace)?);
        state.books.counts.reserves += 1;
        state.books.log(|| Call::Reserve { base, areas: areas.to_vec() });
        Ok(base)
    }

    /// Gives the areas up and flushes them from all TLBs, as the machine's general pool of
    /// addresses would before it hands them out again.
    pub(crate) fn release(&self, base: Addr, areas: &[Span<usize>]) {
        self.may_sleep("release");
        let state = &mut *self.state();
        let released = state.space.release(base.get(), areas);
        state.books.accept(released);
        for area in areas {
            let range = Span::new(base.offset(area.start).get(), base.offset(area.end).get());
            state.tlbs.flush(state.space.pages_of(range));
        }
        state.books.counts.releases += 1;
        state.books.log(|| Call::Release { base, areas: areas.to_vec() });
    }

    /// Maps page by page; a failure leaves the pages before it mapped.
    pub(crate) fn map(&self, at: Addr, frames: &[Frame]) -> Result<(), MapFailed> {
        self.may_sleep("map");
        let page_size = self.inner.page_size;
        let attempt = self.attempt(Fallible::MapPage);
        let failing = (0..frames.len()).find(|&page| {
            let at = Some(at.offset(page * page_size));
            self.strikes(&Attempt { at, ..attempt })
        });

        let state = &mut *self.state();
        let pages = state.space.reserved_pages(at.get(), frames.len());
        let pages = state.books.accept(pages);
        let successful = failing.unwrap_or(frames.len());
        for (page, &frame) in (pages.start..).zip(&frames[..successful]) {
            let mapped = state.map_page(page, frame);
            state.books.accept(mapped);
        }
        if failing.is_some() {
            return Err(MapFailed);
        }
        state.books.counts.maps += 1;
        state.books.counts.pages_mapped += frames.len() as u64;
        state.books.log(|| Call::Map { at, pages: PageCount::new(frames.len()) });
        Ok(())
    }

    pub(crate) fn unmap(&self, at: Addr, pages: PageCount) {
        self.may_sleep("unmap");
        let state = &mut *self.state();
        let span = state.space.reserved_pages(at.get(), pages.get());
        let span = state.books.accept(span);
        for page in span.start..span.end {
            let unmapped = state.unmap_page(page);
            state.books.counts.pages_unmapped += u64::from(state.books.accept(unmapped));
        }
        state.books.counts.unmaps += 1;
        state.books.log(|| Call::Unmap { at, pages });
    }

    pub(crate) fn frame_at(&self, at: Addr) -> Option<Frame> {
        let state = &mut *self.state();
        let page = state.space.page_of(at.get())?;
        let frame = state.space.mapping(page).frame()?;
        Some(state.physical.frame(frame))
    }

    pub(crate) fn flush_cache_after_map(&self, range: Span<Addr>) {
        self.may_sleep("flush_cache_after_map");
        let state = &mut *self.state();
        state.each_mapping(range, |mapping| mapping.hidden = false);
        state.books.counts.cache_flushes_after_map += 1;
        state.books.log(|| Call::FlushCacheAfterMap { range });
    }

    pub(crate) fn flush_cache_before_unmap(&self, range: Span<Addr>) {
        self.may_sleep("flush_cache_before_unmap");
        let state = &mut *self.state();
        state.each_mapping(range, |mapping| mapping.dirty = false);
        state.books.counts.cache_flushes_before_unmap += 1;
        state.books.log(|| Call::FlushCacheBeforeUnmap { range });
    }

    pub(crate) fn flush_tlb(&self, range: Span<Addr>) {
        self.may_sleep("flush_tlb");
        let state = &mut *self.state();
        let pages = state.space.pages_of(Span::new(range.start.get(), range.end.get()));
        state.tlbs.flush(pages);
        state.books.counts.tlb_flushes += 1;
        state.books.log(|| Call::FlushTlb { range });
    }
}

/// Bytes.
impl Machine {
    pub(crate) fn zero(&self, at: Addr, len: usize) {
        let cpu = self.current();
        let page_size = self.inner.page_size;
        let state = &mut *self.state();
        let done = state.each_page(cpu, at.get(), len, Access::Write, |content, in_page, part| {
            content.fill(in_page, part.len(), 0, page_size);
        });
        state.books.accept(done);
        state.books.counts.zero_calls += 1;
        state.books.counts.zero_bytes += len as u64;
        state.books.log(|| Call::Zero { at, len });
    }

    pub(crate) fn write(&self, at: Addr, bytes: &[u8]) {
        let cpu = self.current();
        let page_size = self.inner.page_size;
        let state = &mut *self.state();
        let len = bytes.len();
        let done = state.each_page(cpu, at.get(), len, Access::Write, |content, in_page, part| {
            content.write(in_page, &bytes[part], page_size);
        });
        state.books.accept(done);
    }

    pub(crate) fn read(&self, at: Addr, bytes: &mut [u8]) {
        let cpu = self.current();
        let state = &mut *self.state();
        let len = bytes.len();
        let done = state.each_page(cpu, at.get(), len, Access::Read, |content, in_page, part| {
            content.read(in_page, &mut bytes[part]);
        });
        state.books.accept(done);
    }
}

/// The ledger of metadata, which is real memory.
impl Machine {
    pub(crate) fn note_metadata_taken(&self, at: NonNull<u8>, layout: Layout) {
        let bytes = layout.size();
        self.inner.metadata.lock().insert(at.addr().get(), layout);
        let books = &mut self.state().books;
        books.counts.metadata_taken += 1;
        books.counts.metadata_bytes += bytes as u64;
        books.log(|| Call::TakeMetadata { bytes });
    }

    /// Panics unless the memory is outstanding with this layout.
    pub(crate) fn note_metadata_given(&self, at: NonNull<u8>, layout: Layout) {
        let bytes = layout.size();
        let known = {
            let mut ledger = self.inner.metadata.lock();
            let known = ledger.get(&at.addr().get()) == Some(&layout);
            if known {
                ledger.remove(&at.addr().get());
            }
            known
        };
        let books = &mut self.state().books;
        books.accept(if known { Ok(()) } else { Err(Violation::MetadataNotTakenSo) });
        books.counts.metadata_given += 1;
        books.counts.metadata_bytes -= bytes as u64;
        books.log(|| Call::GiveMetadata { bytes });
    }
}

/// Asking beforehand.
impl Machine {
    /// Checks B79: this thread holds no index lock.
    #[inline]
    #[track_caller]
    pub(crate) fn may_sleep(&self, call: &'static str) {
        if locks::index_locks_held() != 0 {
            self.state().books.accept(Err(Violation::IndexLockHeld { call }))
        }
    }

    /// An attempt of a kind, by the running CPU, with nothing else to say of it.
    pub(crate) fn attempt(&self, kind: Fallible) -> Attempt {
        let cpu = self.current();
        Attempt { kind, cpu, at: None, node: None, effort: Effort::Normal, size: 1 }
    }

    /// Says whether the fault plan fails the attempt.
    pub(crate) fn strikes(&self, attempt: &Attempt) -> bool {
        self.inner.faults.lock().strikes(attempt)
    }
}

impl State {
    fn map_page(&mut self, page: usize, frame: Frame) -> Result<(), Violation> {
        self.physical.check_owned(frame)?;
        let index = frame.index();
        if let Some(page) = self.physical.mapped_at(index) {
            return Err(Violation::FrameMappedTwice { frame: index, page });
        }
        self.space.map(page, index)?;
        self.physical.set_mapped_at(index, Some(page));
        Ok(())
    }

    /// Unmaps a page and says whether anything was mapped there.
    fn unmap_page(&mut self, page: usize) -> Result<bool, Violation> {
        let Some(mapping) = self.space.unmap(page) else { return Ok(false) };
        if let Some(frame) = mapping.frame() {
            self.physical.set_mapped_at(frame, None);
        }
        if mapping.dirty { Err(Violation::UnmappedDirty { page }) } else { Ok(true) }
    }

    /// Tells the caches about the mapped pages of a range. Only strict ones listen.
    fn each_mapping(&mut self, range: Span<Addr>, tell: impl Fn(&mut crate::space::Mapping)) {
        if !self.strict_caches {
            return;
        }
        let pages = self.space.pages_of(Span::new(range.start.get(), range.end.get()));
        for page in pages.start..pages.end {
            if let Some(mapping) = self.space.mapping_mut(page) {
                tell(mapping);
            }
        }
    }
}

/// Makes an address of a number that is known not to be 0.
fn address(value: usize) -> Addr {
    Addr::new(value).expect("the machine puts nothing at address 0")
}
