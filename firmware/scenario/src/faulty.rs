// SPDX-License-Identifier: MIT OR Apache-2.0
//! Page tables that fail when told to.

use pcpu::platform::MapFailed;
use pcpu_bare::PageTables;
use portable_atomic::{AtomicU32, Ordering};

/// Pages that can be mapped before one fails, plus one; 0 for no failure.
static LEFT: AtomicU32 = AtomicU32::new(0);

/// Lets `pages` more pages be mapped, and none after that, until told otherwise.
pub(crate) fn fail_after(pages: Option<u32>) {
    LEFT.store(pages.map_or(0, |pages| pages + 1), Ordering::Relaxed);
}

/// Page tables that fail when told to: mapping stops in the middle, as it does when there is no
/// page for another table.
pub struct Faulty<T>(pub T);

// SAFETY: what is passed on is the inner tables' promise; a refusal maps nothing.
unsafe impl<T: PageTables> PageTables for Faulty<T> {
    const PAGE_SIZE: usize = T::PAGE_SIZE;

    unsafe fn map(&mut self, at: usize, frame: usize) -> Result<(), MapFailed> {
        let spend = |left: u32| (left > 1).then(|| left - 1);
        match LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend) {
            Err(1) => Err(MapFailed),
            // SAFETY: the caller's promise, passed on.
            _ => unsafe { self.0.map(at, frame) },
        }
    }

    unsafe fn unmap(&mut self, at: usize) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.unmap(at) };
    }

    fn frame_at(&self, at: usize) -> Option<usize> {
        self.0.frame_at(at)
    }
}
