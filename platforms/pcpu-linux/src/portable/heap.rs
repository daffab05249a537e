// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs of pages from the program's heap, and operations on what lies in them.
//!
//! Runs are not zeroed: the allocator zeroes what it hands out, and where the system gives memory at
//! the first touch, a page that nobody uses costs none. So the tails of first units, which come back
//! long before the rest of their run, cost addresses only.
//!
//! # What the proofs lean on
//! The book's H1 and H2, and
//! - **H3** a run's provenance is exposed once, when it is allocated: whoever may access a page of it
//!   can make a pointer of the number.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::ptr;
use std::alloc;

use pcpu_layout::{NodeId, PageCount};
use pcpu_platform::{Addr, Addressable, Effort, Frames, NoPages};

use super::book::PAGE_SIZE;
use super::machine::Portable;
use crate::memory::memory_of_process;
use crate::pins::this_cpu_by_lock;

// SAFETY:
// - A run is an allocation of its own, so it is readable and writable in full and the caller's
//   alone, and it is aligned as its layout says, which is as was asked and to a page at least. It
//   goes back to the heap when all its pages were given back, and not before (H1, H2).
// - The page size is a constant.
// - The end of an allocation is an address too, so the last address is in none.
// - Nothing here unwinds but for a caller that broke its promise: where the book's own memory runs
//   out, the program ends.
unsafe impl Frames for Portable {
    fn page_size(&self) -> usize {
        PAGE_SIZE
    }

    /// `node` and `effort` mean nothing to the heap.
    fn take_run(
        &self,
        pages: PageCount,
        align: usize,
        _node: Option<NodeId>,
        _effort: Effort,
    ) -> Result<Addr, NoPages> {
        let layout = run_layout(pages, align).ok_or(NoPages)?;
        // SAFETY: the size is not zero.
        let start = unsafe { alloc::alloc(layout) };
        // The one exposure (H3). There is no memory at address 0: the heap has none left.
        let start = Addr::new(start.expose_provenance()).ok_or(NoPages)?;
        self.book().enter(start.get(), layout);
        Ok(start)
    }

    unsafe fn give_run(&self, start: Addr, pages: PageCount) {
        let whole = self.book().give(start.get(), pages);
        if let Some((start, layout)) = whole {
            // SAFETY: an allocation with this layout, which left the book a moment ago and so is
            // given back once (H1); the caller, and those who gave the other parts, use none of it
            // any more, and what they did to it came before, by the book's lock. Its provenance is
            // exposed (H3).
            unsafe { alloc::dealloc(ptr::with_exposed_provenance_mut(start), layout) };
        }
    }
}

// SAFETY: every address that may be used lies in a run, an allocation of the process, whose
// provenance was exposed (H3).
memory_of_process!(unsafe impl for Portable);

// SAFETY: the same; it is what the functions of `Memory` do.
unsafe impl Addressable for Portable {}

// SAFETY: handles share their pins; a thread's number is below that of the CPUs; `current` asks the
// pins first.
this_cpu_by_lock!(unsafe impl for Portable);

/// The layout of a run, whose size is not zero; `None` if there can be no such run.
fn run_layout(pages: PageCount, align: usize) -> Option<Layout> {
    let size = pages.get().checked_mul(PAGE_SIZE).filter(|&size| size != 0)?;
    Layout::from_size_align(size, align.max(PAGE_SIZE)).ok()
}

#[cfg(test)]
mod tests {
    use pcpu_layout::CpuId;
    use pcpu_platform::{Cpus, Memory, ThisCpu};

    use super::*;

    fn take(machine: &Portable, pages: usize, align: usize) -> Result<Addr, NoPages> {
        machine.take_run(PageCount::new(pages), align, None, Effort::Normal)
    }

    fn give(machine: &Portable, at: Addr, pages: usize) {
        // SAFETY: the test took the pages and is done with them.
        unsafe { machine.give_run(at, PageCount::new(pages)) };
    }

    /// The least address and the number of pages of each part, in the order in which they go.
    const PARTS: [(usize, usize); 4] = [(5, 3), (0, 1), (2, 3), (1, 1)];

    #[test]
    fn what_was_not_given_back_of_a_run_keeps_its_content() {
        let machine = Portable::with_cpus(2).unwrap();
        let run = take(&machine, 8, PAGE_SIZE).unwrap();
        for page in 0..8 {
            // SAFETY: a page of the test's own.
            unsafe { machine.write(run.offset(page * PAGE_SIZE), &[page as u8; PAGE_SIZE]) };
        }
        for (done, (first, pages)) in PARTS.into_iter().enumerate() {
            assert_eq!(machine.heap_bytes(), 8 * PAGE_SIZE);
            for (first, pages) in &PARTS[done..] {
                for page in *first..first + pages {
                    let mut seen = [0; PAGE_SIZE];
                    // SAFETY: written above, and not given back.
                    unsafe { machine.read(run.offset(page * PAGE_SIZE), &mut seen) };
                    assert_eq!(seen, [page as u8; PAGE_SIZE]);
                }
            }
            give(&machine, run.offset(first * PAGE_SIZE), pages);
        }
        assert_eq!((machine.pages_in_use(), machine.heap_bytes()), (PageCount::ZERO, 0));
    }

    #[test]
    fn runs_are_aligned_as_asked_and_to_a_page_at_least() {
        let machine = Portable::with_cpus(1).unwrap();
        for (align, least) in [(1, PAGE_SIZE), (PAGE_SIZE, PAGE_SIZE), (1 << 16, 1 << 16)] {
            let runs: Vec<_> = (1..4).map(|pages| take(&machine, pages, align).unwrap()).collect();
            assert!(runs.iter().all(|run| run.get().is_multiple_of(least)), "{align}");
            assert_eq!(machine.pages_in_use(), PageCount::new(6));
            for (run, pages) in runs.into_iter().zip(1..) {
                give(&machine, run, pages);
            }
        }
        assert_eq!(machine.heap_bytes(), 0);
    }

    #[test]
    fn a_run_that_cannot_be_is_refused_and_nothing_is_taken() {
        let machine = Portable::with_cpus(1).unwrap();
        let most = isize::MAX as usize / PAGE_SIZE;
        for pages in [0, usize::MAX, usize::MAX / PAGE_SIZE, most + 1] {
            assert_eq!(take(&machine, pages, PAGE_SIZE), Err(NoPages), "{pages}");
        }
        assert_eq!(take(&machine, 1, 3 * PAGE_SIZE), Err(NoPages));
        assert_eq!(take(&machine, 1, 1 << (usize::BITS - 1)), Err(NoPages));
        assert_eq!((machine.pages_in_use(), machine.heap_bytes()), (PageCount::ZERO, 0));
    }

    #[test]
    fn a_pinned_thread_that_pins_again_stays_on_its_cpu() {
        let machine = Portable::with_cpus(3).unwrap();
        machine.pinned(|outer| {
            assert_eq!(machine.current(), outer);
            machine.clone().pinned(|inner| assert_eq!(inner, outer));
            assert_eq!(machine.pins().pinned_to(), Some(outer));
        });
        assert_eq!(machine.pins().pinned_to(), None);
    }

    #[test]
    fn a_panic_unpins() {
        let machine = Portable::with_cpus(1).unwrap();
        let body = || machine.pinned(|_| panic!("the body failed"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_err());
        std::thread::scope(|scope| {
            scope.spawn(|| machine.pinned(|cpu| assert_eq!(cpu, CpuId::new(0))));
        });
    }

    #[test]
    fn no_update_is_lost_where_more_threads_than_cpus_count() {
        const THREADS: usize = 5;
        const TURNS: usize = if cfg!(miri) { 20 } else { 5_000 };
        let machine = Portable::with_cpus(2).unwrap();
        let run = take(&machine, 1, PAGE_SIZE).unwrap();
        // SAFETY: the test's own page.
        unsafe { machine.zero(run, PAGE_SIZE) };
        let copy_of = |cpu: CpuId| run.offset(cpu.index() * size_of::<usize>());
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TURNS {
                        // SAFETY: a word for each of the two CPUs, which only this loop uses.
                        let _ = unsafe { machine.add_return(copy_of, 1_usize) };
                    }
                });
            }
        });
        let counts = [0, 1].map(|cpu| {
            let mut bytes = [0; size_of::<usize>()];
            // SAFETY: one of the words; the threads have ended.
            unsafe { machine.read(copy_of(CpuId::new(cpu)), &mut bytes) };
            usize::from_ne_bytes(bytes)
        });
        assert_eq!(counts.iter().sum::<usize>(), THREADS * TURNS);
        give(&machine, run, 1);
    }
}
