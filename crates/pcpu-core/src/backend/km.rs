// SPDX-License-Identifier: MIT OR Apache-2.0
//! The km back end: a chunk is one contiguous run of pages.
//!
//! For machines that cannot map: all units of a chunk lie side by side in one run, backed from
//! birth to death. Nothing is populated later, nothing is reclaimed page by page, and nothing in
//! this file could flush a TLB: the platform here is a `Platform` and nothing more.
//!
//! ```text
//!  base ┬ unit of CPU 0 ┬ unit of CPU 1 ┬ …        exactly nr_possible × pages per unit
//! ```
//!
//! # Source
//! Linux's km, except that it rounds a chunk up to a power of two of pages (docs/behaviours.md,
//! B45): here a run is exact, docs/decisions/0008-km-takes-exact-runs.md.

use pcpu_layout::geometry::Geometry;
use pcpu_layout::map::Backing;
use pcpu_layout::{PageCount, Span};
use pcpu_platform::{Addr, Effort, NoMetadata, NoPages, Platform};

use super::{Backend, CpuList, Km, Made, NoChunk, Site};
use crate::SetupError;
use crate::allocator::Addressing;

/// Pages of a chunk: every possible CPU's unit, no padding.
fn run_pages(geometry: &Geometry<'static>) -> PageCount {
    PageCount::new(geometry.nr_possible() as usize * geometry.pages_per_unit().get())
}

impl<P: Platform> Backend<P> for Km {
    const BACKING: Backing = Backing::Always;

    type Scratch = ();

    fn scratch(_: &P, _: &Geometry<'static>) -> Result<(), NoMetadata> {
        Ok(())
    }

    unsafe fn give_scratch(_: &P, (): &mut ()) {}

    fn verify(geometry: &Geometry<'static>) -> Result<(), SetupError> {
        match geometry.groups().len() {
            1 => Ok(()),
            groups => Err(SetupError::OneGroupOnly { groups }),
        }
    }

    fn create<A: Addressing>(site: &Site<'_, P, A>) -> Result<Made, NoChunk> {
        let geometry = site.geometry;
        let pages = run_pages(geometry);
        let node = site.platform.node_of(geometry.groups()[0].first_cpu());
        let taken = site.platform.take_run(pages, geometry.page_size(), node, Effort::Normal);
        let base = taken.map_err(|NoPages| NoChunk)?;
        Ok(Made { base, pages_held: pages })
    }

    unsafe fn destroy<A: Addressing>(site: &Site<'_, P, A>, base: Addr) {
        // SAFETY: the run that `create` took, given once and unused by the caller's promise.
        unsafe { site.platform.give_run(base, run_pages(site.geometry)) };
    }

    unsafe fn populate<A: Addressing>(
        _: &Site<'_, P, A>,
        (): &mut (),
        _: Addr,
        _: Span<PageCount>,
        _: impl CpuList,
        _: Effort,
    ) -> Result<(), NoPages> {
        Ok(())
    }

    unsafe fn depopulate<A: Addressing>(
        _: &Site<'_, P, A>,
        (): &mut (),
        _: Addr,
        _: Span<PageCount>,
        _: impl CpuList,
    ) {
    }

    fn flush_after_unmap<A: Addressing>(_: &Site<'_, P, A>, _: Addr, _: Span<PageCount>) {}
}
