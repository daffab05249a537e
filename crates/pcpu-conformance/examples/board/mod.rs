// SPDX-License-Identifier: MIT OR Apache-2.0
//! A board with two CPUs, 160 pages of memory and a small MMU, all in static arrays.
//!
//! Addresses are numbers of the board's own: page frames from [`FRAMES`], pages that can be
//! mapped from [`MAPPED`]. Mapping, unmapping and flushing are done by functions with names
//! that a linked program shows: what is called is in the program, what is not the linker drops.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId, PageCount, Span};
use pcpu_platform::{
    Addr, Cpus, Effort, Frames, MapFailed, Mapper, Memory, Metadata, NoMetadata, NoPages, NoSpace,
    Observer,
};

const PAGE: usize = 4096;
const NR_FRAMES: usize = 160;
const NR_MAPPED: usize = 256;
const RECORDS: usize = 256 << 10;

/// Address of frame 0.
const FRAMES: usize = 1 << 28;
/// Address of the first page that can be mapped.
const MAPPED: usize = 1 << 29;
/// An entry of the page table that maps nothing.
const NOTHING: usize = usize::MAX;

#[repr(C, align(4096))]
struct Bytes<const LEN: usize>(UnsafeCell<[u8; LEN]>);

// SAFETY: bytes are touched only through `Memory` and `Metadata`, whose callers promise that
// nobody else touches the same ones meanwhile.
unsafe impl<const LEN: usize> Sync for Bytes<LEN> {}

static MEMORY: Bytes<{ NR_FRAMES * PAGE }> = Bytes(UnsafeCell::new([0; NR_FRAMES * PAGE]));
static LENT: Bytes<RECORDS> = Bytes(UnsafeCell::new([0; RECORDS]));
static NR_LENT: AtomicUsize = AtomicUsize::new(0);
static TAKEN: [AtomicBool; NR_FRAMES] = [const { AtomicBool::new(false) }; NR_FRAMES];
static TABLE: [AtomicUsize; NR_MAPPED] = [const { AtomicUsize::new(NOTHING) }; NR_MAPPED];
static NR_RESERVED: AtomicUsize = AtomicUsize::new(0);
static FLUSHES: AtomicUsize = AtomicUsize::new(0);

/// The board.
pub struct Board;

impl Board {
    /// Pages that are taken, singly and in runs.
    pub fn pages_in_use(&self) -> usize {
        TAKEN.iter().filter(|taken| taken.load(Ordering::Relaxed)).count()
    }

    /// Where a byte of the board is in [`MEMORY`].
    fn find(at: usize) -> usize {
        let Some(mapped) = at.checked_sub(MAPPED) else { return at - FRAMES };
        let frame = TABLE[mapped / PAGE].load(Ordering::Relaxed);
        assert!(frame != NOTHING, "page fault");
        frame * PAGE + mapped % PAGE
    }

    /// Walks the bytes from `at`, page by page: `each` gets a pointer, the distance from `at` and
    /// the length.
    fn pieces(at: Addr, len: usize, mut each: impl FnMut(*mut u8, usize, usize)) {
        let mut done = 0;
        while done < len {
            let from = at.get() + done;
            let part = (PAGE - from % PAGE).min(len - done);
            let place = Self::find(from);
            assert!(place + part <= NR_FRAMES * PAGE, "no such memory");
            // SAFETY: inside the array, by the line above.
            each(unsafe { MEMORY.0.get().cast::<u8>().add(place) }, done, part);
            done += part;
        }
    }
}

// SAFETY: the flags in `TAKEN` give a frame to one owner at a time, and all frames are in
// `MEMORY`, which is aligned to pages.
unsafe impl Frames for Board {
    fn page_size(&self) -> usize {
        PAGE
    }

    fn take_run(
        &self,
        pages: PageCount,
        align: usize,
        _: Option<NodeId>,
        _: Effort,
    ) -> Result<Addr, NoPages> {
        let is_free = |frame: usize| !TAKEN[frame].load(Ordering::Relaxed);
        let fits = |&first: &usize| (first..first + pages.get()).all(is_free);
        let last = NR_FRAMES.checked_sub(pages.get()).ok_or(NoPages)?;
        let first = (0..=last).step_by(align / PAGE).find(fits).ok_or(NoPages)?;
        TAKEN[first..first + pages.get()].iter().for_each(|one| one.store(true, Ordering::Relaxed));
        Addr::new(FRAMES + first * PAGE).ok_or(NoPages)
    }

    unsafe fn give_run(&self, start: Addr, pages: PageCount) {
        let first = (start.get() - FRAMES) / PAGE;
        TAKEN[first..first + pages.get()]
            .iter()
            .for_each(|one| one.store(false, Ordering::Relaxed));
    }
}

// SAFETY: `pieces` walks exactly the bytes named, all in `MEMORY`.
unsafe impl Memory for Board {
    unsafe fn zero(&self, at: Addr, len: usize) {
        Self::pieces(at, len, |to, _, len| {
            // SAFETY: `len` bytes of `MEMORY`, the caller's alone.
            unsafe { to.write_bytes(0, len) };
        });
    }

    unsafe fn write(&self, at: Addr, bytes: &[u8]) {
        Self::pieces(at, bytes.len(), |to, done, len| {
            // SAFETY: `len` bytes of `MEMORY`, the caller's alone; the other ones are borrowed.
            unsafe { to.copy_from_nonoverlapping(bytes[done..].as_ptr(), len) };
        });
    }

    unsafe fn read(&self, at: Addr, bytes: &mut [u8]) {
        Self::pieces(at, bytes.len(), |from, done, len| {
            // SAFETY: as in `write`.
            unsafe { from.copy_to_nonoverlapping(bytes[done..].as_mut_ptr(), len) };
        });
    }
}

// SAFETY: `LENT` is zeroed, and the counter only grows: nothing is lent twice.
unsafe impl Metadata for Board {
    fn take_metadata(&self, layout: Layout) -> Result<NonNull<u8>, NoMetadata> {
        let align = layout.align();
        let next = |lent: usize| Some(lent.next_multiple_of(align) + layout.size());
        let before = NR_LENT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let start = before.unwrap_or(RECORDS).next_multiple_of(align);
        if align > PAGE || start + layout.size() > RECORDS {
            return Err(NoMetadata);
        }
        // SAFETY: inside the array, by the line above.
        NonNull::new(unsafe { LENT.0.get().cast::<u8>().add(start) }).ok_or(NoMetadata)
    }

    unsafe fn give_metadata(&self, _: NonNull<u8>, _: Layout) {}
}

impl Topology for Board {
    fn nr_cpu_ids(&self) -> u32 {
        2
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        cpu.get() < 2
    }

    fn node_of(&self, _: CpuId) -> Option<NodeId> {
        None
    }

    fn is_local(&self, _: CpuId, _: CpuId) -> bool {
        true
    }
}

impl Cpus for Board {
    fn current(&self) -> CpuId {
        CpuId::new(0)
    }
}

impl Observer for Board {}

// SAFETY: addresses are reserved once and never again, the page table says what is mapped and
// every access goes through it; there is nothing else that could remember a translation.
unsafe impl Mapper for Board {
    type Frame = usize;

    fn take_frame(&self, node: Option<NodeId>, effort: Effort) -> Result<usize, NoPages> {
        let run = self.take_run(PageCount::new(1), PAGE, node, effort)?;
        Ok((run.get() - FRAMES) / PAGE)
    }

    unsafe fn give_frame(&self, frame: usize) {
        TAKEN[frame].store(false, Ordering::Relaxed);
    }

    fn reserve(&self, areas: &[Span<usize>], align: usize) -> Result<Addr, NoSpace> {
        let end = areas.last().ok_or(NoSpace)?.end.div_ceil(PAGE);
        let from = |reserved: usize| reserved.next_multiple_of(align / PAGE);
        let next = |reserved| Some(from(reserved) + end).filter(|&end| end <= NR_MAPPED);
        let before = NR_RESERVED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        Addr::new(MAPPED + from(before.map_err(|_| NoSpace)?) * PAGE).ok_or(NoSpace)
    }

    unsafe fn release(&self, _: Addr, _: &[Span<usize>]) {}

    unsafe fn map(&self, at: Addr, frames: &[usize]) -> Result<(), MapFailed> {
        pcpu_probe_map((at.get() - MAPPED) / PAGE, frames);
        Ok(())
    }

    unsafe fn unmap(&self, at: Addr, pages: PageCount) {
        pcpu_probe_unmap((at.get() - MAPPED) / PAGE, pages.get());
    }

    fn frame_at(&self, at: Addr) -> Option<usize> {
        let frame = TABLE[(at.get() - MAPPED) / PAGE].load(Ordering::Relaxed);
        (frame != NOTHING).then_some(frame)
    }

    fn flush_cache_after_map(&self, _: Span<Addr>) {}

    fn flush_cache_before_unmap(&self, _: Span<Addr>) {}

    fn flush_tlb(&self, _: Span<Addr>) {
        pcpu_probe_flush_tlb();
    }
}

/// Enters frames into the page table.
#[unsafe(no_mangle)]
#[inline(never)]
extern "Rust" fn pcpu_probe_map(page: usize, frames: &[usize]) {
    for (entry, &frame) in TABLE[page..].iter().zip(frames) {
        entry.store(frame, Ordering::Relaxed);
    }
}

/// Removes pages from the page table.
#[unsafe(no_mangle)]
#[inline(never)]
extern "Rust" fn pcpu_probe_unmap(page: usize, pages: usize) {
    TABLE[page..page + pages].iter().for_each(|entry| entry.store(NOTHING, Ordering::Relaxed));
}

/// Counts; the board remembers no translations.
#[unsafe(no_mangle)]
#[inline(never)]
extern "Rust" fn pcpu_probe_flush_tlb() {
    FLUSHES.fetch_add(1, Ordering::Relaxed);
}
