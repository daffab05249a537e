// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs of pages, from the bitmap.

use bitmap_allocator::BitAlloc;
use pcpu_layout::{NodeId, PageCount};
use pcpu_platform::{Addr, Effort, Frames, NoPages};

use super::Bare;
use crate::Board;
use crate::pages::PageMap;

// SAFETY: the memory is RAM of our own (P1), its pages are taken once (P2), and the map aligns their
// numbers, so their addresses. The last page of all addresses cannot be in it: a range that
// holds it has no end.
unsafe impl<B: Board, W, C> Frames for Bare<B, W, C> {
    fn page_size(&self) -> usize {
        B::PAGE_SIZE
    }

    fn take_run(
        &self,
        pages: PageCount,
        align: usize,
        _: Option<NodeId>,
        _: Effort,
    ) -> Result<Addr, NoPages> {
        let page = take(&mut self.pages.lock(), pages.get(), align.div_ceil(B::PAGE_SIZE));
        page.and_then(|page| Addr::new(page * B::PAGE_SIZE)).ok_or(NoPages)
    }

    unsafe fn give_run(&self, start: Addr, pages: PageCount) {
        self.pages.lock().give(start.get() / B::PAGE_SIZE, pages.get());
    }
}

/// Takes pages, unless the alignment is none.
fn take<M: BitAlloc>(map: &mut PageMap<M>, nr: usize, align: usize) -> Option<usize> {
    if align == 0 { None } else { map.take(nr, align) }
}
