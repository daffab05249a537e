// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cell with an MMU, with a process for a machine: a file in memory is its physical memory, and
//! its page tables are `mmap`.
//!
//! One machine to a process: its addresses are constants. So all is one test.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod board;

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr;
use std::collections::HashMap;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Mutex;

use bitmap_allocator::BitAlloc256;
use board::{Flag, TestBoard, memory, play};
use pcpu_bare::{Board, CpuBlock, Mapped, MemoryError, Mmu, PageTables, Region, Shootdown};
use pcpu_core::{Allocator, Config, Request};
use pcpu_layout::{CpuId, Span};
use pcpu_platform::{Addr, Frames, MapFailed, Mapper, Memory, SmpMmu};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous};

const PAGE: usize = 4096;
const NR_PAGES: usize = 200;
/// Where the file is seen, as a kernel sees physical memory.
const PHYSICAL: usize = 0x2000_0000_0000;
const WINDOW: Range<usize> = 0x2100_0000_0000..0x2100_0100_0000;

/// The shoot-down, and the ranges that were flushed.
struct MmuBoard(Shootdown<2>, Mutex<Vec<Span<Addr>>>);

// SAFETY: one thread, which plays CPU 0.
unsafe impl Board for MmuBoard {
    type Cell = SmpMmu;
    type Interrupts = Flag;
    type Pages = BitAlloc256;

    const NR_CPUS: u32 = 2;

    fn block() -> &'static CpuBlock {
        TestBoard::<SmpMmu, 2, PAGE>::block()
    }
}

// SAFETY: the window is set aside by `machine`, the file is mapped at `PHYSICAL`, and the
// kernel below flushes what it unmaps.
unsafe impl Mmu for MmuBoard {
    type Tables = File;

    const WINDOW: Range<usize> = WINDOW;
    const PHYSICAL: usize = PHYSICAL;

    fn flush_tlb(&self, range: Span<Addr>) {
        self.1.lock().unwrap().push(range);
        self.0.flush(CpuId::new(0), range, |_| {}, |_| unreachable!("nobody else takes part"));
    }
}

/// Page tables: a page shows a place in the file.
struct File {
    file: OwnedFd,
    shown: HashMap<usize, usize>,
}

// SAFETY: `mmap` at a fixed address in the window changes that page and no other.
unsafe impl PageTables for File {
    unsafe fn map(&mut self, at: usize, frame: usize) -> Result<(), MapFailed> {
        assert!(WINDOW.contains(&at) && at.is_multiple_of(PAGE));
        assert!(frame < (NR_PAGES + 1) * PAGE, "a frame is a physical address");
        assert!(self.shown.insert(at, frame).is_none(), "mapped twice");
        let rw = ProtFlags::READ | ProtFlags::WRITE;
        let (to, flags) =
            (ptr::with_exposed_provenance_mut(at), MapFlags::SHARED | MapFlags::FIXED);
        // SAFETY: the page is in the window, which is ours.
        let mapped = unsafe { mmap(to, PAGE, rw, flags, &self.file, frame as u64) };
        mapped.map(|_| ()).map_err(|_| MapFailed)
    }

    unsafe fn unmap(&mut self, at: usize) {
        if self.shown.remove(&at).is_some() {
            set_aside(at, PAGE);
        }
    }

    fn frame_at(&self, at: usize) -> Option<usize> {
        self.shown.get(&at).copied()
    }
}

/// Makes addresses that nothing can be read from.
fn set_aside(at: usize, len: usize) {
    let to: *mut c_void = ptr::with_exposed_provenance_mut(at);
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
    // SAFETY: the callers name pages of the window, which no other code of this process uses.
    let mapped = unsafe { mmap_anonymous(to, len, ProtFlags::empty(), flags) };
    mapped.unwrap().expose_provenance();
}

fn machine(pages: Range<usize>) -> Result<Mapped<MmuBoard>, MemoryError> {
    let len = (NR_PAGES + 1) * PAGE;
    let file = memfd_create("physical memory", MemfdFlags::empty()).unwrap();
    ftruncate(&file, len as u64).unwrap();
    let rw = ProtFlags::READ | ProtFlags::WRITE;
    let (to, flags) =
        (ptr::with_exposed_provenance_mut(PHYSICAL), MapFlags::SHARED | MapFlags::FIXED);
    // SAFETY: nothing else of this process is at these addresses.
    unsafe { mmap(to, len, rw, flags, &file, 0) }.unwrap().expose_provenance();
    set_aside(WINDOW.start, WINDOW.len());
    let tables = File { file, shown: HashMap::new() };
    // SAFETY: mapped above or fresh, and used by nothing else.
    unsafe {
        Mapped::with_tables(
            MmuBoard(Shootdown::new(), Mutex::default()),
            tables,
            pages,
            memory(128 << 10, 16),
        )
    }
}

#[test]
fn a_board_with_an_mmu_conforms_and_carries_the_vm_back_end() {
    play(0);
    let refused = machine(WINDOW.start..WINDOW.start + PAGE);
    let overlap = MemoryError::Overlap { first: Region::Pages, second: Region::Window };
    assert_eq!(refused.err(), Some(overlap));

    // Physical page 0 is left out: a frame may well be physical address 0, but let it show.
    let bare = machine(PHYSICAL + PAGE..PHYSICAL + (NR_PAGES + 1) * PAGE).unwrap();
    pcpu_conformance::everything_mapped(&bare);
    pcpu_conformance::frames_keep_content(&bare);
    assert_eq!(bare.free_pages(), NR_PAGES);
    releasing_flushes(&bare);
    assert!(!Flag::masked());

    let config =
        Config { min_unit_size: 8192, dyn_size: 4096, early_size: 1024, ..Config::default() };
    let pool = Allocator::<Mapped<MmuBoard>>::new(bare, &config, &[]).unwrap();
    let free_at_first = pool.platform().free_pages();
    let layout = Layout::from_size_align(1000, 8).unwrap();
    let areas: Vec<_> = (0..40).map(|_| pool.alloc(Request::from(layout)).unwrap()).collect();
    let in_window = |cpu: u32| {
        areas
            .iter()
            .filter_map(|area| pool.address(area, CpuId::new(cpu)))
            .find(|at| WINDOW.contains(&at.get()))
    };
    let (one, other) = (in_window(0).unwrap(), in_window(1).unwrap());
    let first_of_page = |at: Addr| Addr::new(at.get() - at.get() % PAGE).unwrap();
    let frame = |at| pool.platform().frame_at(first_of_page(at)).unwrap();
    assert_ne!(frame(one), frame(other), "each CPU has frames of its own");
    let mut byte = [9];
    // SAFETY: the area was allocated and zeroed, and nobody uses it.
    unsafe { pool.platform().read(one, &mut byte) };
    assert_eq!(byte, [0]);
    for area in areas {
        pool.free(area).unwrap();
    }
    pool.check().unwrap();
    pool.balance();
    pool.trim();
    assert_eq!(pool.platform().free_pages(), free_at_first);
    assert_eq!(pool.platform().page_size(), PAGE);
}

/// The caller need not have flushed addresses that it gives back.
fn releasing_flushes(bare: &Mapped<MmuBoard>) {
    let areas = [Span::new(PAGE, 2 * PAGE), Span::new(4 * PAGE, 6 * PAGE)];
    let base = bare.reserve(&areas, PAGE).unwrap();
    bare.board().1.lock().unwrap().clear();
    // SAFETY: reserved above; nothing is mapped.
    unsafe { bare.release(base, &areas) };
    let range = Span { start: base.offset(PAGE), end: base.offset(6 * PAGE) };
    assert_eq!(*bare.board().1.lock().unwrap(), [range]);
}
