// SPDX-License-Identifier: MIT OR Apache-2.0
//! The vm back end: reserved addresses, backed page by page.
//!
//! A chunk is one range of addresses per group of CPUs, at the distances that the first chunk
//! has. Populating a page takes a frame for every attached CPU, near that CPU, and maps it into
//! the CPU's unit; when one mapping fails, everything is undone, the failing CPU's partial
//! mapping included.
//!
//! ```text
//!            unit of CPU 0            unit of CPU 1
//!   page p   frame near CPU 0         frame near CPU 1        both or neither
//! ```
//!
//! # Source
//! docs/behaviours.md, B52-B55; the failing CPU is unmapped too, which Linux learned in 2024.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use pcpu_layout::geometry::Geometry;
use pcpu_layout::map::Backing;
use pcpu_layout::{PageCount, Span};
use pcpu_platform::{Addr, Effort, Mapper, NoMetadata, NoPages, NoSpace, Platform};

use super::{Backend, CpuList, Made, NoChunk, Site, Vm};
use crate::SetupError;
use crate::allocator::Addressing;

/// Frames that are remembered at one time, or one per CPU where there are more CPUs.
const FRAMES_AT_ONCE: usize = 512;

/// Frames between being taken and mapped, or unmapped and given back.
#[derive(Debug)]
pub struct Frames<F> {
    at: NonNull<MaybeUninit<F>>,
    len: usize,
}

// SAFETY: the memory behind `at` is owned like a boxed slice of frames.
unsafe impl<F: Send> Send for Frames<F> {}

impl<F: Copy> Frames<F> {
    fn slots(&mut self) -> &mut [MaybeUninit<F>] {
        // SAFETY: lent for `len` slots in `scratch` (or dangling for frames without size), not
        // aliased while `self` is borrowed, and `MaybeUninit` needs no initialisation.
        unsafe { NonNull::slice_from_raw_parts(self.at, self.len).as_mut() }
    }

    /// The frames of a range of slots.
    ///
    /// # Safety
    /// They were written since the scratch room was last used for something else.
    unsafe fn written(&self, range: core::ops::Range<usize>) -> &[F] {
        assert!(range.end <= self.len, "frames inside the scratch room");
        // SAFETY: inside the room by the assertion.
        let first = unsafe { self.at.add(range.start) }.cast::<F>();
        // SAFETY: initialised by the caller's promise.
        unsafe { NonNull::slice_from_raw_parts(first, range.len()).as_ref() }
    }
}

/// Cuts a range of pages into pieces whose frames, for `nr_cpus` CPUs, fit the scratch room.
fn pieces(
    pages: Span<PageCount>,
    room: usize,
    nr_cpus: usize,
) -> impl Iterator<Item = Span<PageCount>> {
    let step = (room / nr_cpus.max(1)).max(1);
    let end = pages.end.get();
    (pages.start.get()..end)
        .step_by(step)
        .map(move |at| Span::new(PageCount::new(at), PageCount::new(end.min(at + step))))
}

/// Gives the first `count` frames back, last first.
///
/// # Safety
/// They were written, are the caller's and are mapped nowhere.
unsafe fn give_frames<P: Mapper>(platform: &P, frames: &Frames<P::Frame>, count: usize) {
    // SAFETY: written, by the caller's promise.
    for &frame in unsafe { frames.written(0..count) }.iter().rev() {
        // SAFETY: owned and unmapped, by the caller's promise; each is given once.
        unsafe { platform.give_frame(frame) };
    }
}

impl<P: Platform + Mapper> Backend<P> for Vm {
    const BACKING: Backing = Backing::OnDemand;

    type Scratch = Frames<P::Frame>;

    fn scratch(platform: &P, geometry: &Geometry<'static>) -> Result<Self::Scratch, NoMetadata> {
        let len = FRAMES_AT_ONCE.max(geometry.nr_possible() as usize);
        let layout = Layout::array::<P::Frame>(len).map_err(|_| NoMetadata)?;
        let at = match layout.size() {
            0 => NonNull::dangling(),
            _ => platform.take_metadata(layout)?.cast(),
        };
        Ok(Frames { at, len })
    }

    unsafe fn give_scratch(platform: &P, scratch: &mut Self::Scratch) {
        let Ok(layout) = Layout::array::<P::Frame>(scratch.len) else { return };
        if layout.size() > 0 {
            // SAFETY: lent with this layout in `scratch`, unused by the caller's promise.
            unsafe { platform.give_metadata(scratch.at.cast(), layout) };
        }
    }

    fn verify(_: &Geometry<'static>) -> Result<(), SetupError> {
        Ok(())
    }

    fn create<A: Addressing>(site: &Site<'_, P, A>) -> Result<Made, NoChunk> {
        let align = site.geometry.atom_size().max(site.geometry.page_size());
        let reserved = site.platform.reserve(site.extents, align);
        let base = reserved.map_err(|NoSpace| NoChunk)?;
        Ok(Made { base, pages_held: PageCount::ZERO })
    }

    unsafe fn destroy<A: Addressing>(site: &Site<'_, P, A>, base: Addr) {
        // SAFETY: reserved with these extents in `create`; nothing is mapped (caller).
        unsafe { site.platform.release(base, site.extents) };
    }

    unsafe fn populate<A: Addressing>(
        site: &Site<'_, P, A>,
        scratch: &mut Self::Scratch,
        base: Addr,
        pages: Span<PageCount>,
        cpus: impl CpuList,
        effort: Effort,
    ) -> Result<(), NoPages> {
        for piece in pieces(pages, scratch.len, cpus.len()) {
            // SAFETY: a part of the caller's pages, not yet backed.
            let backed =
                unsafe { populate_piece(site, scratch, base, piece, cpus.clone(), effort) };
            if backed.is_err() {
                let done = Span::new(pages.start, piece.start);
                if !done.is_empty() {
                    // SAFETY: the pieces before this one were backed a moment ago, and nobody
                    // has been told of them.
                    unsafe { Self::depopulate(site, scratch, base, done, cpus) };
                    Self::flush_after_unmap(site, base, done);
                }
                return Err(NoPages);
            }
        }
        site.platform.flush_cache_after_map(site.whole(base, pages));
        Ok(())
    }

    unsafe fn depopulate<A: Addressing>(
        site: &Site<'_, P, A>,
        scratch: &mut Self::Scratch,
        base: Addr,
        pages: Span<PageCount>,
        cpus: impl CpuList,
    ) {
        let platform = site.platform;
        platform.flush_cache_before_unmap(site.whole(base, pages));
        for piece in pieces(pages, scratch.len, cpus.len()) {
            let mut count = 0;
            for cpu in cpus.clone() {
                for page in piece.start.get()..piece.end.get() {
                    let at = site.page(base, cpu, PageCount::new(page));
                    let frame = platform.frame_at(at).expect("C4: a populated page has a frame");
                    scratch.slots()[count].write(frame);
                    count += 1;
                }
                // SAFETY: pages of a chunk that exists, unused by the caller's promise.
                unsafe { platform.unmap(site.page(base, cpu, piece.start), piece.len()) };
            }
            // SAFETY: written in the loop above; taken by `populate`; unmapped on every CPU now.
            // Stale translations are used by nobody, since the pages are free.
            unsafe { give_frames(platform, scratch, count) };
        }
    }

    fn flush_after_unmap<A: Addressing>(site: &Site<'_, P, A>, base: Addr, pages: Span<PageCount>) {
        site.platform.flush_tlb(site.whole(base, pages));
    }
}

/// Backs as many pages as the scratch room has frames for, on every CPU or on none.
///
/// # Safety
/// As for [`Backend::populate`]; the pages' frames for all CPUs fit the scratch room.
unsafe fn populate_piece<P: Platform + Mapper, A: Addressing>(
    site: &Site<'_, P, A>,
    scratch: &mut Frames<P::Frame>,
    base: Addr,
    pages: Span<PageCount>,
    cpus: impl CpuList,
    effort: Effort,
) -> Result<(), NoPages> {
    let (platform, nr_pages) = (site.platform, pages.len().get());

    // A frame for every page of every CPU, before anything is mapped.
    let mut count = 0;
    for cpu in cpus.clone() {
        let node = platform.node_of(cpu);
        for _ in 0..nr_pages {
            let Ok(frame) = platform.take_frame(node, effort) else {
                // SAFETY: taken in this loop, mapped nowhere.
                unsafe { give_frames(platform, scratch, count) };
                return Err(NoPages);
            };
            scratch.slots()[count].write(frame);
            count += 1;
        }
    }

    for (index, cpu) in cpus.clone().enumerate() {
        // SAFETY: all `count` frames were written above.
        let frames = unsafe { scratch.written(index * nr_pages..(index + 1) * nr_pages) };
        // SAFETY: reserved and unmapped by the caller's promise; frames taken above, each
        // mapped once.
        let mapped = unsafe { platform.map(site.page(base, cpu, pages.start), frames) };
        if mapped.is_err() {
            // The failing CPU may have been mapped in part: it is unmapped with the others.
            let len = cpus.len();
            for undone in cpus.rev().skip(len - (index + 1)) {
                // SAFETY: mapped in this loop, told to nobody.
                unsafe { platform.unmap(site.page(base, undone, pages.start), pages.len()) };
            }
            platform.flush_tlb(site.whole(base, pages));
            // SAFETY: taken above; unmapped everywhere and flushed.
            unsafe { give_frames(platform, scratch, count) };
            return Err(NoPages);
        }
    }
    Ok(())
}
