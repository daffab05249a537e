// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page tables that all cores share, and the TLBs, which any core can flush for all.
//!
//! ```text
//!  0x0800_0000    interrupt controller, identity; nothing else, so that null faults
//!  0x4000_0000    RAM, identity, blocks of 2 MiB and pages, gaps below stacks
//!  64 GiB         WINDOW, 1 GiB: empty, for pcpu to fill
//! ```
//!
//! Mapping a page needs no flush of other cores' TLBs, for they keep no entry that says "nothing
//! here"; it needs a barrier, which `page_table_multiarch` has. Unmapping needs [`flush`].
//!
//! # Source
//! Arm Architecture Reference Manual (DDI 0487), D8.17 (TLB maintenance).

use core::arch::asm;
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};

use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{TCR_EL1, TTBR0_EL1, Writeable};
use page_table_multiarch::aarch64::A64PageTable;
use pcpu_layout::Span;
use pcpu_platform::Addr;
use scenario::Faulty;
use table_frames::{MappingFlags, TableFrames, map_identity, map_ram};

use crate::gic;

/// The tables.
pub type Tables = Faulty<A64PageTable<TableFrames>>;

/// Addresses with nothing mapped, for pcpu.
pub const WINDOW: Range<usize> = (64 << 30)..(65 << 30);

/// What the attribute indices in descriptors mean: 0 device, 1 normal cached memory.
pub const MAIR: u64 = page_table_entry::aarch64::MemAttr::MAIR_VALUE;

/// 48-bit addresses in the lower half, 4 KiB pages, walks through caches; no upper half.
pub const TCR: u64 = TCR_EL1::T0SZ.val(16).value
    | TCR_EL1::TG0::KiB_4.value
    | TCR_EL1::SH0::Inner.value
    | TCR_EL1::ORGN0::WriteBack_ReadAlloc_WriteAlloc_Cacheable.value
    | TCR_EL1::IRGN0::WriteBack_ReadAlloc_WriteAlloc_Cacheable.value
    | TCR_EL1::EPD1::DisableTTBR1Walks.value
    | TCR_EL1::IPS::Bits_40.value;

const RAM: Range<usize> = 0x4000_0000..0x8000_0000;
const PAGE: usize = 4096;

/// More pages than this, and the cores forget everything instead.
const FLUSH_ALL_ABOVE: usize = 32;

/// Address of the root table; 0 before there is one.
static ROOT: AtomicUsize = AtomicUsize::new(0);

/// Builds the tables, and keeps in mind where they are. Once, on core 0.
pub fn build() -> Tables {
    let mut tables = A64PageTable::<TableFrames>::try_new().expect("the first table page is free");
    let device = MappingFlags::READ | MappingFlags::WRITE | MappingFlags::DEVICE;
    map_identity(&mut tables, gic::REGION, device).expect("nothing else is mapped yet");
    map_ram(&mut tables, RAM).expect("nothing else is mapped there");
    ROOT.store(tables.root_paddr().as_usize(), Ordering::Release);
    Faulty(tables)
}

/// Moves this core from the boot tables to those of [`build`].
pub fn turn_on() {
    let root = ROOT.load(Ordering::Acquire);
    assert_ne!(root, 0, "the tables come first");
    // The boot tables have larger blocks, and a core may not remember two sizes of the same
    // address: those are not global and of address space 0, this one is number 1.
    barrier::dsb(barrier::ISHST);
    TTBR0_EL1.set(1 << 48 | root as u64);
    barrier::isb(barrier::SY);
    // SAFETY: forgetting translations, on this core, does not change what memory holds; all that
    // the program uses is mapped as it was.
    unsafe { asm!("tlbi vmalle1", options(nostack, preserves_flags)) };
    barrier::dsb(barrier::NSH);
    barrier::isb(barrier::SY);
}

/// Makes all cores forget their translations of `range`, and waits until they have.
pub fn flush(range: Span<Addr>) {
    let pages = range.start.get()..range.end.get();
    // The cleared entries are seen by the walks that come after.
    barrier::dsb(barrier::ISHST);
    if pages.len() > FLUSH_ALL_ABOVE * PAGE {
        // SAFETY: as above, on all cores.
        unsafe { asm!("tlbi vmalle1is", options(nostack, preserves_flags)) };
    } else {
        for page in pages.step_by(PAGE) {
            let operand = page >> 12 & ((1 << 44) - 1);
            // SAFETY: as above; the operand is the page's number, all address spaces.
            unsafe { asm!("tlbi vaae1is, {}", in(reg) operand, options(nostack, preserves_flags)) };
        }
    }
    barrier::dsb(barrier::ISH);
    barrier::isb(barrier::SY);
}
