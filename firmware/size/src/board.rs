// SPDX-License-Identifier: MIT OR Apache-2.0
//! The least platform: two CPUs, pages and records from two arrays that only ever fill up.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId, PageCount};
use pcpu_platform::{
    Addr, Cpus, Effort, Frames, Memory, Metadata, NoMetadata, NoPages, Observer, Platform, SmpNoMmu,
};

/// Bytes in a page.
pub const PAGE: usize = 256;

const PAGES: usize = 48 * PAGE;
const RECORDS: usize = 4096;

#[repr(C, align(256))]
struct Bytes<const N: usize>(UnsafeCell<[u8; N]>);

// SAFETY: the bytes are reached only through `Memory` and records, whose users are alone with
// theirs: `bump` gives every byte out once.
unsafe impl<const N: usize> Sync for Bytes<N> {}

static MEMORY: Bytes<PAGES> = Bytes(UnsafeCell::new([0; PAGES]));
static LENT: Bytes<RECORDS> = Bytes(UnsafeCell::new([0; RECORDS]));
static NR_TAKEN: AtomicUsize = AtomicUsize::new(0);
static NR_LENT: AtomicUsize = AtomicUsize::new(0);

/// The board.
pub struct Board;

/// Takes the next `size` bytes of `limit`; nothing ever comes back. Called under the *pages* lock
/// or at set-up, so a load and a store will do.
fn bump(used: &AtomicUsize, limit: usize, size: usize, align: usize) -> Option<usize> {
    let start = used.load(Ordering::Relaxed).next_multiple_of(align);
    let end = start.checked_add(size).filter(|&end| end <= limit)?;
    used.store(end, Ordering::Relaxed);
    Some(start)
}

impl Platform for Board {
    type Cell = SmpNoMmu;
    type PagesLock = Spin;
    type IndexLock = Spin;
}

// SAFETY: runs are parts of `MEMORY`, which is aligned to pages, given out once.
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
        let start = bump(&NR_TAKEN, PAGES, pages.get() * PAGE, align).ok_or(NoPages)?;
        Addr::new(MEMORY.0.get().expose_provenance() + start).ok_or(NoPages)
    }

    unsafe fn give_run(&self, _: Addr, _: PageCount) {}
}

// SAFETY: each function is one call that does what its name says; addresses are those of `MEMORY`,
// whose provenance is exposed.
unsafe impl Memory for Board {
    unsafe fn zero(&self, at: Addr, len: usize) {
        // SAFETY: as many bytes as the caller owns, by its contract.
        unsafe { ptr::with_exposed_provenance_mut::<u8>(at.get()).write_bytes(0, len) };
    }

    unsafe fn write(&self, at: Addr, bytes: &[u8]) {
        let to = ptr::with_exposed_provenance_mut::<u8>(at.get());
        // SAFETY: as many bytes as the caller owns, by its contract.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    unsafe fn read(&self, at: Addr, bytes: &mut [u8]) {
        let from = ptr::with_exposed_provenance::<u8>(at.get());
        // SAFETY: as many bytes as the caller owns, by its contract.
        unsafe { from.copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
    }
}

// SAFETY: parts of `LENT`, which is zero, given out once.
unsafe impl Metadata for Board {
    fn take_metadata(&self, layout: Layout) -> Result<NonNull<u8>, NoMetadata> {
        let start = bump(&NR_LENT, RECORDS, layout.size(), layout.align()).ok_or(NoMetadata)?;
        // SAFETY: `bump` stays inside the array.
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

/// A spin lock.
pub struct Spin(AtomicBool);

// SAFETY: of all who swap at a time, one finds `false`.
unsafe impl lock_api::RawMutex for Spin {
    const INIT: Self = Self(AtomicBool::new(false));

    type GuardMarker = lock_api::GuardNoSend;

    fn lock(&self) {
        while self.0.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
    }

    fn try_lock(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}
