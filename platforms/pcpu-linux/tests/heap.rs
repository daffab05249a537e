// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the machine for all systems has of the heap, counted by the heap itself.
//!
//! One test in a program of its own: nothing else here asks for memory by the page.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use pcpu_layout::PageCount;
use pcpu_linux::Portable;
use pcpu_platform::{Addr, Effort, Frames};

const PAGE: usize = 4096;

/// The system's heap, and a count of the bytes that were asked for by the page.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static HEAP: Counting = Counting;

/// The bytes that count.
fn paged(layout: Layout) -> usize {
    if layout.align() >= PAGE { layout.size() } else { 0 }
}

// SAFETY: the system's heap does all of it, with the same layouts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(paged(layout), SeqCst);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        BYTES.fetch_sub(paged(layout), SeqCst);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.dealloc(at, layout) };
    }
}

fn take(machine: &Portable, pages: usize, align: usize) -> Addr {
    machine.take_run(PageCount::new(pages), align, None, Effort::Normal).unwrap()
}

#[test]
fn a_run_is_one_allocation_that_goes_back_with_its_last_page() {
    let machine = Portable::with_cpus(2).unwrap();
    let before = BYTES.load(SeqCst);
    let held = || BYTES.load(SeqCst) - before;
    let give = |at: Addr, pages: usize| {
        // SAFETY: taken below, and not used.
        unsafe { machine.give_run(at, PageCount::new(pages)) };
        assert_eq!(held(), machine.heap_bytes());
    };

    let (run, other) = (take(&machine, 9, PAGE), take(&machine, 2, 1 << 16));
    assert_eq!((held(), machine.heap_bytes()), (11 * PAGE, 11 * PAGE));
    for unit in 0..3 {
        give(run.offset((3 * unit + 2) * PAGE), 1);
    }
    assert_eq!((held(), machine.pages_in_use()), (11 * PAGE, PageCount::new(8)));
    give(other, 2);
    assert_eq!(held(), 9 * PAGE);
    for unit in (0..3).rev() {
        assert_eq!(held(), 9 * PAGE);
        give(run.offset(3 * unit * PAGE), 2);
    }
    assert_eq!(held(), 0);
}
