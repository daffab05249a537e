// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page tables that all harts share, and the TLB of each.
//!
//! ```text
//!  0x0000_0000    devices, identity, 4 KiB pages; nothing else, so that null faults
//!  0x8000_0000    RAM, identity, pages of 2 MiB and 4 KiB, gaps below stacks
//!  255 GiB        WINDOW: empty, for pcpu to fill
//!  256 GiB        the end of Sv39's lower half
//! ```
//!
//! # Source
//! The RISC-V Instruction Set Manual, volume II, 4.2.1 (`sfence.vma`) and 4.4 (Sv39).

use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};

use page_table_multiarch::riscv::Sv39PageTable;
use pcpu_layout::Span;
use pcpu_platform::Addr;
use riscv::register::satp::{self, Mode};
use scenario::Faulty;
use table_frames::{MappingFlags, TableFrames, map_identity, map_ram};

use crate::devices;

/// The tables.
pub type Tables = Faulty<Sv39PageTable<TableFrames>>;

/// Addresses with nothing mapped, for pcpu.
pub const WINDOW: Range<usize> = (255 << 30)..(256 << 30);

const RAM: Range<usize> = 0x8000_0000..0xc000_0000;
const PAGE: usize = 4096;

/// More pages than this, and a hart forgets everything instead.
const FLUSH_ALL_ABOVE: usize = 32;

/// Number of the page that holds the root table; 0 before there is one.
static ROOT: AtomicUsize = AtomicUsize::new(0);

/// Builds the tables, and keeps in mind where they are. Once, on hart 0.
pub fn build() -> Tables {
    let mut tables = Sv39PageTable::<TableFrames>::try_new().expect("the first table page is free");
    let device = MappingFlags::READ | MappingFlags::WRITE | MappingFlags::DEVICE;
    for region in devices::REGIONS {
        map_identity(&mut tables, region, device).expect("devices are pages apart");
    }
    map_ram(&mut tables, RAM).expect("nothing else is mapped there");
    ROOT.store(tables.root_paddr().as_usize() / PAGE, Ordering::Relaxed);
    Faulty(tables)
}

/// Turns this hart's MMU on. After [`build`].
pub fn turn_on() {
    let root = ROOT.load(Ordering::Relaxed);
    assert_ne!(root, 0, "the tables come first");
    // SAFETY: the tables map all that this program uses to where it is already, code and stack
    // included, and live as long as the machine.
    unsafe { satp::set(Mode::Sv39, 0, root) };
    riscv::asm::sfence_vma_all();
}

/// Makes this hart forget its translations of `range`.
pub fn flush_local(range: Span<Addr>) {
    let pages = range.start.get()..range.end.get();
    if pages.len() > FLUSH_ALL_ABOVE * PAGE {
        return riscv::asm::sfence_vma_all();
    }
    for page in pages.step_by(PAGE) {
        riscv::asm::sfence_vma(0, page);
    }
}
