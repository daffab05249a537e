// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pages at chosen addresses: reservations in the window, entries in the board's tables.
//!
//! A frame is a page of the same map that runs come from, named by its physical address.

use pcpu_layout::{NodeId, PageCount, Span};
use pcpu_platform::{Addr, Effort, Frames, MapFailed, Mapper, NoPages, NoSpace, SmpMmu};

use super::Bare;
use crate::window::Window;
use crate::{Mmu, PageTables};

// SAFETY: reservations lie in the window, which is pcpu's (P3), and apart, by `Reserved`; the tables
// map what they are told and every CPU uses them (P3); frames are pages of our own (P1, P2); the
// board's flush returns when no CPU remembers the range (P3). The window ends before the last address.
unsafe impl<B: Mmu> Mapper for Bare<B, Window<B::Tables>, SmpMmu> {
    type Frame = usize;

    fn take_frame(&self, node: Option<NodeId>, effort: Effort) -> Result<usize, NoPages> {
        let page = self.take_run(PageCount::new(1), B::PAGE_SIZE, node, effort)?;
        Ok(page.get().wrapping_sub(B::PHYSICAL))
    }

    unsafe fn give_frame(&self, frame: usize) {
        if let Some(page) = Addr::new(frame.wrapping_add(B::PHYSICAL)) {
            // SAFETY: one page, taken by `take_frame`, and not used any more by the caller's word.
            unsafe { self.give_run(page, PageCount::new(1)) };
        }
    }

    fn reserve(&self, areas: &[Span<usize>], align: usize) -> Result<Addr, NoSpace> {
        self.window.reserved.lock().reserve(areas, align)
    }

    unsafe fn release(&self, base: Addr, areas: &[Span<usize>]) {
        let (Some(first), Some(last)) = (areas.first(), areas.last()) else { return };
        // Before anybody else can have the addresses: the caller need not have flushed.
        self.flush_tlb(Span { start: base.offset(first.start), end: base.offset(last.end) });
        self.window.reserved.lock().release(base, areas);
    }

    unsafe fn map(&self, at: Addr, frames: &[usize]) -> Result<(), MapFailed> {
        let mut tables = self.window.tables.lock();
        for (i, &frame) in frames.iter().enumerate() {
            // SAFETY: page and frame are the caller's and unmapped, by its word.
            unsafe { tables.map(at.get() + i * B::PAGE_SIZE, frame)? };
        }
        Ok(())
    }

    unsafe fn unmap(&self, at: Addr, pages: PageCount) {
        let mut tables = self.window.tables.lock();
        for i in 0..pages.get() {
            // SAFETY: the page is the caller's and not used any more, by its word.
            unsafe { tables.unmap(at.get() + i * B::PAGE_SIZE) };
        }
    }

    /// Takes the lock of the tables, a [`Spin`](crate::lock::Spin), with interrupts as they are: so this,
    /// and with it the allocator's `frame`, is not for interrupt handlers. One that interrupted `map`
    /// on its own CPU would wait for good.
    fn frame_at(&self, at: Addr) -> Option<usize> {
        self.window.tables.lock().frame_at(at.get())
    }

    fn flush_cache_after_map(&self, range: Span<Addr>) {
        self.board.flush_cache_after_map(range);
    }

    fn flush_cache_before_unmap(&self, range: Span<Addr>) {
        self.board.flush_cache_before_unmap(range);
    }

    // Never inlined, so that a linked program shows by its symbols whether anything in it flushes.
    #[inline(never)]
    fn flush_tlb(&self, range: Span<Addr>) {
        self.board.flush_tlb(range);
    }
}
