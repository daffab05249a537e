// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of an allocator, and of a set-up that failed: everything back, last taken first.

use pcpu_layout::{PageCount, Span};

use super::units::{give_mapped, give_runs};
use super::{Addressing, Allocator, Taken};
use crate::backend::{Backend, Site};
use crate::chunk::{ChunkRef, Kind};
use crate::directory::Directory;
use crate::machine::Machine;

impl<P: Machine> Taken<P> {
    /// Gives everything back, last taken first, but for pages of the back end.
    ///
    /// # Safety
    /// `platform` lent and gave it, and nothing of it is used any more.
    pub(super) unsafe fn give_back(&mut self, platform: &P) {
        let directory = self.directory.as_ref();
        let scratch = self.scratch.as_mut();
        // SAFETY: by the caller's promise.
        unsafe { give_records(platform, directory, self.records) };
        if let Some(scratch) = scratch {
            // SAFETY: by the caller's promise.
            unsafe { P::Backend::give_scratch(platform, scratch) };
        }
        // SAFETY: by the caller's promise.
        unsafe { give_runs(platform, &mut self.boot) };
        // SAFETY: by the caller's promise; the table of runs was read for the last time above.
        unsafe { self.holdings.give_all(platform) };
    }
}

/// Gives the directory's tables and all records back.
///
/// # Safety
/// `platform` lent them, and they are not used any more.
unsafe fn give_records<P: Machine>(
    platform: &P,
    directory: Option<&Directory>,
    records: Option<ChunkRef>,
) {
    if let Some(directory) = directory {
        // SAFETY: by the caller's promise.
        unsafe { directory.give(platform) };
    }
    let mut next = records;
    while let Some(record) = next {
        next = record.next_record();
        // SAFETY: by the caller's promise; its successor was read before.
        unsafe { record.give(platform) };
    }
}

impl<P: Machine, A: Addressing> Drop for Allocator<P, A> {
    /// Gives all memory back. Areas that are still live go with it.
    fn drop(&mut self) {
        let site: Site<'_, P, A> = Site {
            platform: &self.platform,
            geometry: &self.geometry,
            addresses: &self.addresses,
            extents: *self.extents,
        };
        let (pages, index) = (self.pages.get_mut(), self.index.get_mut());
        let mut next = pages.records;
        while let Some(record) = next {
            next = record.next_record();
            let chunk = index.chunks.get(record);
            if chunk.kind != Kind::Ordinary || record.face().base() == 0 {
                continue;
            }
            let mut rest = Span::new(PageCount::ZERO, chunk.map.nr_pages());
            while let Some(backed) = chunk.map.next_populated(rest) {
                rest.start = backed.end;
                let (scratch, cpus) = (&mut pages.scratch, self.attached.iter());
                // SAFETY: C4; nobody uses a cookie of an allocator that is dropped.
                unsafe { P::Backend::depopulate(&site, scratch, chunk.base, backed, cpus) };
            }
            // SAFETY: a chunk in use (its base is set), depopulated above.
            unsafe { P::Backend::destroy(&site, chunk.base) };
        }
        // SAFETY: nobody uses a cookie of an allocator that is dropped.
        unsafe { give_mapped(&site, &mut pages.scratch, &self.attached, &mut self.boot) };
        // SAFETY: lent by this platform and given back once, here; what refers to them is dropped
        // without being read.
        unsafe { give_records(&self.platform, Some(&self.directory), pages.records) };
        // SAFETY: as above.
        unsafe { P::Backend::give_scratch(&self.platform, &mut pages.scratch) };
        // SAFETY: as above.
        unsafe { give_runs(&self.platform, &mut self.boot) };
        // SAFETY: as above.
        unsafe { self.addresses.drop_value() };
        // SAFETY: as above.
        unsafe { self.holdings.give_all(&self.platform) };
    }
}
