// SPDX-License-Identifier: MIT OR Apache-2.0
//! The suite that every platform runs, in the cells without an MMU, and what only this one promises.

mod board;

use core::alloc::Layout;

use board::{Flag, TestBoard, memory, play};
use lock_api::RawMutex;
use pcpu_bare::lock::{Masking, Spin};
use pcpu_bare::{Bare, MemoryError};
use pcpu_layout::{CpuId, PageCount};
use pcpu_platform::{Cell, Cpus, Effort, Frames, Metadata, Platform, SmpNoMmu, ThisCpu, Up};

type Small<C> = TestBoard<C, 3, 256>;
type IndexLock = Masking<Small<SmpNoMmu>>;

fn bare<C: 'static>(pages: usize) -> Bare<Small<C>> {
    // From an odd page, so that bits and pages are not aligned alike.
    let memory_for_pages = memory((pages + 1) * 256, 4096);
    let pages = memory_for_pages.start + 256..memory_for_pages.end;
    // SAFETY: both ranges are ordinary memory, fresh, and used by nothing else.
    unsafe { Bare::new(Small::new(), pages, memory(40 << 10, 8)) }.unwrap()
}

fn conforms<C: 'static>()
where
    Bare<Small<C>>: Platform,
{
    play(1);
    let bare = bare::<C>(255);
    pcpu_conformance::platform(&bare);
    pcpu_conformance::exact_runs(&bare, || 255 - bare.free_pages());
    assert_eq!(bare.free_pages(), 255, "all pages came back");
    assert!(!Flag::masked(), "interrupts are as they were");
}

#[test]
fn one_cpu_conforms() {
    conforms::<Up>();
}

#[test]
fn many_cpus_without_an_mmu_conform() {
    conforms::<SmpNoMmu>();
    const { assert!(<SmpNoMmu as Cell<Bare<Small<SmpNoMmu>>>>::SMP) };
}

#[test]
fn alignment_is_of_addresses_and_the_largest_is_refused() {
    let bare = bare::<Up>(40);
    let take = |align| bare.take_run(PageCount::new(1), align, None, Effort::Normal);
    for log in 8..12 {
        let run = take(1 << log).unwrap();
        assert!(run.get().is_multiple_of(1 << log));
    }
    assert!(take(1 << (usize::BITS - 1)).is_err());
}

#[test]
fn pinned_masks_interrupts_and_names_the_cpu_and_nests() {
    play(2);
    let bare = bare::<SmpNoMmu>(4);
    bare.pinned(|cpu| {
        assert_eq!((cpu, bare.current()), (CpuId::new(2), CpuId::new(2)));
        assert!(Flag::masked());
        bare.pinned(|_| assert!(Flag::masked()));
        assert!(Flag::masked());
    });
    assert!(!Flag::masked());
}

#[test]
fn pinned_and_the_index_lock_panic_in_an_nmi_before_they_touch_anything() {
    assert!(Flag::refuses(|| bare::<Up>(4).pinned(|_| unreachable!())));

    static LOCK: IndexLock = IndexLock::INIT;
    assert!(Flag::refuses(|| LOCK.lock()));
    assert!(Flag::refuses(|| assert!(!LOCK.try_lock())));
    assert!(!LOCK.is_locked());

    // Also when it interrupted code that has the lock.
    LOCK.lock();
    assert!(Flag::refuses(|| LOCK.lock()));
    // SAFETY: locked above.
    unsafe { LOCK.unlock() };
    assert!(!Flag::masked());
}

#[test]
fn the_index_lock_masks_interrupts_only_while_held() {
    static LOCK: IndexLock = IndexLock::INIT;
    LOCK.lock();
    assert!(Flag::masked());
    assert!(!LOCK.try_lock());
    assert!(Flag::masked(), "an attempt that failed unmasks nothing");
    // SAFETY: locked above.
    unsafe { LOCK.unlock() };
    assert!(!Flag::masked(), "nor does it leave anything masked");
    assert!(LOCK.try_lock());
    assert!(Flag::masked());
    // SAFETY: locked above.
    unsafe { LOCK.unlock() };
    assert!(!Flag::masked());
}

#[test]
fn the_pages_lock_leaves_interrupts_alone() {
    static LOCK: Spin = Spin::INIT;
    LOCK.lock();
    assert!(!Flag::masked());
    // SAFETY: locked above.
    unsafe { LOCK.unlock() };
}

#[test]
fn the_index_lock_excludes_other_cpus() {
    static COUNT: lock_api::Mutex<IndexLock, u64> = lock_api::Mutex::new(0);
    std::thread::scope(|scope| {
        for cpu in 0..3 {
            scope.spawn(move || {
                play(cpu);
                for _ in 0..2000 {
                    let mut count = COUNT.lock();
                    let before = *count;
                    std::hint::spin_loop();
                    *count = before + 1;
                }
            });
        }
    });
    assert_eq!(*COUNT.lock(), 6000);
}

#[test]
fn records_are_aligned_to_4096_bytes_at_most() {
    let bare = bare::<Up>(4);
    let layout = |align| Layout::from_size_align(64, align).unwrap();
    assert!(bare.take_metadata(layout(4096)).is_ok_and(|at| at.as_ptr().addr() % 4096 == 0));
    assert!(bare.take_metadata(layout(8192)).is_err(), "though 40 KiB have room for it");
}

#[test]
fn memory_that_the_map_cannot_hold_is_refused_with_numbers() {
    let pages = memory(257 * 256, 256);
    // SAFETY: as in `bare`.
    let refused = unsafe { Bare::new(Small::<Up>::new(), pages, memory(4096, 8)) };
    assert_eq!(refused.err(), Some(MemoryError::TooManyPages { pages: 257, most: 256 }));
}
