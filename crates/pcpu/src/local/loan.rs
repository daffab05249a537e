// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that the platform lends for as long as a pool lives: flags, and an image's only copy.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use pcpu_core::{Addressing, Machine};
use pcpu_layout::CpuId;
use pcpu_platform::{Metadata, NoMetadata};

use super::Pcpu;

/// A piece of the platform's metadata. Not given back by itself: see [`give`](Self::give).
pub(super) struct Loan {
    at: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the platform lends for use by any thread ([`Metadata`]), and the methods here that touch
// the memory through a shared reference do so atomically.
unsafe impl Send for Loan {}
// SAFETY: as above.
unsafe impl Sync for Loan {}

impl Loan {
    /// Borrows zeroed memory. `layout` has a size.
    fn take(platform: &impl Metadata, layout: Layout) -> Result<Self, NoMetadata> {
        let at = platform.take_metadata(layout)?;
        Ok(Self { at, layout })
    }

    /// Borrows memory for a copy of `bytes`, at least one, aligned to `align`, a power of two.
    pub(super) fn copy_of(
        platform: &impl Metadata,
        bytes: &[u8],
        align: usize,
    ) -> Result<Self, NoMetadata> {
        let layout = Layout::from_size_align(bytes.len(), align).map_err(|_| NoMetadata)?;
        let loan = Self::take(platform, layout)?;
        // SAFETY: lent for as many bytes a line above, and known to nobody; so `bytes` does not
        // overlap it.
        unsafe { loan.at.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(loan)
    }

    /// Returns the address, of which pointers may be made again.
    pub(super) fn expose(&self) -> usize {
        self.at.as_ptr().expose_provenance()
    }

    /// Gives the memory back.
    ///
    /// # Safety
    /// `platform` is the one that lent it; nothing in it is used any more, nor this value.
    pub(super) unsafe fn give(&self, platform: &impl Metadata) {
        // SAFETY: lent by it with this layout; the rest is the caller's promise.
        unsafe { platform.give_metadata(self.at, self.layout) };
    }
}

/// For which CPUs all copies are in place. A flag once set stays set.
pub(super) struct Ready {
    /// One [`AtomicBool`] for each CPU id; zeros are `false`.
    flags: Option<Loan>,
}

impl Ready {
    /// Makes flags for so many CPU ids, none set.
    pub(super) fn new(platform: &impl Metadata, nr_cpu_ids: u32) -> Result<Self, NoMetadata> {
        let layout = Layout::array::<AtomicBool>(nr_cpu_ids as usize).map_err(|_| NoMetadata)?;
        let flags = if nr_cpu_ids == 0 { None } else { Some(Loan::take(platform, layout)?) };
        Ok(Self { flags })
    }

    /// Says whether the CPU's copies are in place.
    #[inline]
    pub(super) fn is_set(&self, cpu: CpuId) -> bool {
        self.flag(cpu).is_some_and(|flag| flag.load(Ordering::Acquire))
    }

    /// Notes that they are, of a CPU that is possible.
    pub(super) fn set(&self, cpu: CpuId) {
        if let Some(flag) = self.flag(cpu) {
            flag.store(true, Ordering::Release);
        }
    }

    #[inline]
    fn flag(&self, cpu: CpuId) -> Option<&AtomicBool> {
        let flags = self.flags.as_ref()?;
        if cpu.index() >= flags.layout.size() {
            return None;
        }
        // SAFETY: a flag is a byte, and there are `layout.size()` of them.
        let flag = unsafe { flags.at.cast::<AtomicBool>().add(cpu.index()) };
        // SAFETY: lent until `give`, after which nobody uses this value; zeroed when it was lent,
        // which is a valid flag; touched atomically only.
        Some(unsafe { flag.as_ref() })
    }

    /// Gives the flags back.
    ///
    /// # Safety
    /// As for [`Loan::give`].
    pub(super) unsafe fn give(&self, platform: &impl Metadata) {
        if let Some(flags) = &self.flags {
            // SAFETY: by the caller's promise.
            unsafe { flags.give(platform) };
        }
    }
}

impl<P: Machine, A: Addressing> Drop for Pcpu<P, A> {
    /// Gives the loans back; then the allocator, as a field, gives back all else.
    fn drop(&mut self) {
        // SAFETY: the pool's own platform lent it; flags are read through the pool only, which is
        // going.
        unsafe { self.ready.give(self.pool.platform()) };
        if let Some(copy) = &self.copy {
            // SAFETY: likewise; references to statics borrow the pool.
            unsafe { copy.give(self.pool.platform()) };
        }
    }
}
