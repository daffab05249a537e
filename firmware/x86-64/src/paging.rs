// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page tables that all processors share, and the TLB of each.
//!
//! ```text
//!  0x8000         where other processors start, identity, one 4 KiB page; so that null faults
//!  2 MiB          RAM, identity, pages of 2 MiB and 4 KiB, gaps below stacks
//!  0xfee0_0000    local APIC, identity, one page
//!  512 GiB        WINDOW, 1 GiB: empty, for pcpu to fill
//! ```
//!
//! Mapping a page needs no flush: a processor keeps no entry that says "nothing here". Unmapping
//! needs [`flush_local`] on every one.
//!
//! # Source
//! Intel's Software Developer's Manual, volume 3, 4.10 (caching translations).

use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};

use page_table_multiarch::x86_64::X64PageTable;
use pcpu_layout::Span;
use pcpu_platform::Addr;
use scenario::Faulty;
use table_frames::{MappingFlags, TableFrames, map_identity, map_ram};
use x86_64::instructions::tlb;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

use crate::{apic, start};

/// The tables.
pub type Tables = Faulty<X64PageTable<TableFrames>>;

/// Addresses with nothing mapped, for pcpu.
pub const WINDOW: Range<usize> = (512 << 30)..(513 << 30);

const RAM: Range<usize> = 0x20_0000..0x800_0000;
const PAGE: usize = 4096;

/// More pages than this, and a processor forgets everything instead.
const FLUSH_ALL_ABOVE: usize = 32;

/// Address of the root table; 0 before there is one.
static ROOT: AtomicUsize = AtomicUsize::new(0);

/// Builds the tables, and keeps in mind where they are. Once, on processor 0.
pub fn build() -> Tables {
    let mut tables = X64PageTable::<TableFrames>::try_new().expect("the first table page is free");
    let trampoline = start::TRAMPOLINE..start::TRAMPOLINE + PAGE;
    let data = MappingFlags::READ | MappingFlags::WRITE;
    map_identity(&mut tables, trampoline, data).expect("nothing else is mapped yet");
    let device = data | MappingFlags::DEVICE;
    map_identity(&mut tables, apic::REGION, device).expect("the APIC has a page to itself");
    map_ram(&mut tables, RAM).expect("nothing else is mapped there");
    ROOT.store(tables.root_paddr().as_usize(), Ordering::Relaxed);
    Faulty(tables)
}

/// Moves this processor from the boot tables to those of [`build`].
pub fn turn_on() {
    let root = ROOT.load(Ordering::Relaxed);
    assert_ne!(root, 0, "the tables come first");
    let frame = PhysFrame::containing_address(PhysAddr::new(root as u64));
    // SAFETY: the tables map all that this program uses to where it is already, code and stack
    // included, and live as long as the machine.
    unsafe { Cr3::write(frame, Cr3Flags::empty()) };
}

/// Makes this processor forget its translations of `range`.
pub fn flush_local(range: Span<Addr>) {
    let pages = range.start.get()..range.end.get();
    if pages.len() > FLUSH_ALL_ABOVE * PAGE {
        return tlb::flush_all();
    }
    for page in pages.step_by(PAGE) {
        tlb::flush(VirtAddr::new(page as u64));
    }
}
