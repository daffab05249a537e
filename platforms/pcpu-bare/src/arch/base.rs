// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding a CPU's block by its base register.
//!
//! Each CPU installs its block, early, and from then on finds it without asking the hardware which
//! CPU it is:
//!
//! ```text
//!  base register ──► CpuBlock { magic, depth of unmaskable handlers, cpu, ... }
//! ```
//!
//! Start-up code sets the register to zero before `install`, unless the processor comes straight from a
//! reset that does (x86-64): boot loaders and firmware may have left any address there. The
//! magic word catches an address that is not a block's; an address where nothing is, is a fault.

use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::Base;
use crate::CpuBlock;

/// A register of each CPU's own that ordinary code leaves alone. The file of every processor that
/// has one implements this for its `Base`.
pub(super) trait BaseRegister {
    /// Writes the register.
    ///
    /// # Safety
    /// Nothing else uses the register on this CPU.
    unsafe fn set_base(base: usize);

    /// Reads the register.
    fn base() -> usize;
}

/// `pcpu`, in a word.
const MAGIC: usize = 0x7063_7075;

/// The front of a block that a base register points to.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Installed {
    magic: usize,
    /// How many unmaskable handlers run on this CPU, one inside the other. Only it writes here, and
    /// without a critical section, which the code below the handler may be in.
    unmaskable: AtomicUsize,
}

impl Installed {
    pub(crate) const fn new() -> Self {
        Self { magic: MAGIC, unmaskable: AtomicUsize::new(0) }
    }
}

impl CpuBlock {
    /// Makes this the block of the CPU that executes this.
    ///
    /// # Safety
    /// It is installed on one CPU only, the one that it names, once, and nothing else uses that
    /// CPU's base register from now on.
    pub unsafe fn install(&'static self) {
        // SAFETY: the register is ours, by the caller's word.
        unsafe { Base::set_base(ptr::from_ref(self).expose_provenance()) };
    }

    /// Returns the block of the CPU that executes this, or `None` before
    /// [`install`](Self::install), while the register is zero.
    ///
    /// The register is to be zeroed at start-up on every processor, but for one that comes straight from
    /// a reset that leaves zero (x86-64). Boot loaders may leave it set, and this reads a word
    /// where it points to.
    #[inline]
    pub fn current() -> Option<&'static Self> {
        let base = Base::base();
        if base == 0 || !base.is_multiple_of(align_of::<Self>()) {
            return None;
        }
        let block = ptr::with_exposed_provenance::<Self>(base);
        // SAFETY: the register points to a block that `install` exposed for good, or was left at
        // another address by whoever started the machine, and then the magic word is looked
        // at and nothing else.
        let magic = unsafe { (*block).installed.magic };
        if magic != MAGIC {
            return None;
        }
        // SAFETY: it is a block, and all blocks that are installed are static.
        Some(unsafe { &*block })
    }

    /// Says that a handler that nothing can mask begins to run on this CPU; it ends when the value
    /// is dropped. For the first line of a board's handlers of NMIs, machine checks and faults.
    #[must_use = "the handler counts as ended when this is dropped"]
    pub fn enter_unmaskable() -> Unmaskable {
        let block = Self::current();
        if let Some(block) = block {
            // Only this CPU writes here, and a handler inside this one leaves what it found.
            let depth = block.installed.unmaskable.load(Ordering::Relaxed);
            let deeper = depth.checked_add(1).expect("more handlers on a CPU than it can count");
            block.installed.unmaskable.store(deeper, Ordering::Relaxed);
        }
        Unmaskable { block, stays: PhantomData }
    }

    /// Says whether such a handler runs on this CPU.
    #[inline]
    pub(crate) fn in_unmaskable() -> bool {
        Self::current().is_some_and(|block| block.installed.unmaskable.load(Ordering::Relaxed) > 0)
    }
}

/// A handler that nothing can mask, while it runs. Made by [`CpuBlock::enter_unmaskable`].
#[derive(Debug)]
pub struct Unmaskable {
    block: Option<&'static CpuBlock>,
    /// On its CPU.
    stays: PhantomData<*const ()>,
}

impl Drop for Unmaskable {
    fn drop(&mut self) {
        if let Some(block) = self.block {
            let depth = block.installed.unmaskable.load(Ordering::Relaxed);
            let left = depth.checked_sub(1).expect("a handler ended on a CPU that runs none");
            block.installed.unmaskable.store(left, Ordering::Relaxed);
        }
    }
}
