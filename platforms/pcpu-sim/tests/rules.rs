// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every rule of the machine, broken once.

mod common;

use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::*;
use lock_api::{Mutex, RawMutex};
use pcpu_layout::{CpuId, Span, UnitOffset};
use pcpu_platform::{Addr, Event, Mapper, Metadata, Observer, ThisCpu};
use pcpu_sim::{Frame, IndexLock, Machine, Smp, Violation};

fn smp() -> Smp {
    Machine::with_cpus(2).smp()
}

/// A machine with one reserved page, and a frame mapped there that CPU 1 has read.
fn mapped_and_seen() -> (Smp, Addr, Frame) {
    let platform = smp();
    let at = reserve(&platform, 1);
    let frame = take_frame(&platform);
    map(&platform, at, &[frame]).unwrap();
    platform.machine().run_on(CpuId::new(1), || read(&platform, at));
    (platform, at, frame)
}

macro_rules! broken {
    ($($name:ident: $sentence:literal, $body:block)*) => {$(
        #[test]
        #[should_panic(expected = $sentence)]
        fn $name() $body
    )*};
}

broken! {
    a_stale_translation_of_an_unmapped_page: "stale translation used: CPU 1 remembers frame 0", {
        let (platform, at, _) = mapped_and_seen();
        unmap(&platform, at, 1);
        platform.machine().run_on(CpuId::new(1), || read(&platform, at));
    }
    a_stale_translation_of_a_page_mapped_anew: "where frame 1 is mapped since", {
        let (platform, at, _) = mapped_and_seen();
        unmap(&platform, at, 1);
        map(&platform, at, &[take_frame(&platform)]).unwrap();
        platform.machine().run_on(CpuId::new(1), || write(&platform, at, b"x"));
    }
    a_flush_that_does_not_cover_the_page: "stale translation used", {
        let (platform, at, _) = mapped_and_seen();
        unmap(&platform, at, 1);
        platform.flush_tlb(range(at.offset(PAGE), 1));
        platform.machine().run_on(CpuId::new(1), || zero(&platform, at, 1));
    }
    touching_a_page_that_is_not_mapped: "page fault: CPU 0 touched", {
        let platform = smp();
        let at = reserve(&platform, 1);
        read(&platform, at);
    }
    touching_a_run_that_was_given_back: "frame 1 was touched, and belongs to nobody", {
        let platform = smp();
        let run = take_run(&platform, 2);
        give_run(&platform, run.offset(PAGE), 1);
        zero(&platform, run, PAGE + 1);
    }
    touching_a_frame_by_its_linear_address: "frame 0 was touched by a linear address", {
        let platform = smp();
        let run = take_run(&platform, 1);
        give_run(&platform, run, 1);
        take_frame(&platform);
        read(&platform, run);
    }
    giving_a_frame_twice: "frame 0 was given back, and belongs to nobody", {
        let platform = smp();
        let frame = take_frame(&platform);
        give_frame(&platform, frame);
        give_frame(&platform, frame);
    }
    giving_a_frame_that_has_another_owner: "used by somebody who had given it back", {
        let platform = smp();
        let frame = take_frame(&platform);
        give_frame(&platform, frame);
        take_frame(&platform);
        give_frame(&platform, frame);
    }
    giving_a_frame_that_is_mapped: "frame 0 was given back while mapped", {
        let (platform, _, frame) = mapped_and_seen();
        give_frame(&platform, frame);
    }
    giving_more_pages_than_were_taken: "frame 3 was given back, and belongs to nobody", {
        let platform = smp();
        let run = take_run(&platform, 3);
        give_run(&platform, run, 4);
    }
    giving_a_run_from_the_middle_of_a_page: "where no run can start", {
        let platform = smp();
        let run = take_run(&platform, 3);
        give_run(&platform, run.offset(8), 1);
    }
    mapping_outside_a_reservation: "was mapped or unmapped, and is not reserved", {
        let platform = smp();
        let at = reserve(&platform, 2);
        let frames = [take_frame(&platform), take_frame(&platform)];
        let _ = map(&platform, at.offset(PAGE), &frames);
    }
    mapping_over_a_mapped_page: "was mapped, and is mapped already", {
        let (platform, at, _) = mapped_and_seen();
        let _ = map(&platform, at, &[take_frame(&platform)]);
    }
    mapping_a_frame_at_two_places: "frame 0 was mapped, and is mapped at page", {
        let (platform, _, frame) = mapped_and_seen();
        let elsewhere = reserve(&platform, 1);
        let _ = map(&platform, elsewhere, &[frame]);
    }
    mapping_a_frame_that_was_given_back: "frame 0 was given back", {
        let platform = smp();
        let at = reserve(&platform, 1);
        let frame = take_frame(&platform);
        give_frame(&platform, frame);
        let _ = map(&platform, at, &[frame]);
    }
    releasing_a_range_with_a_page_mapped: "an address range was released while page", {
        let (platform, at, _) = mapped_and_seen();
        release(&platform, at, 1);
    }
    releasing_a_part_of_a_reservation: "not reserved so in one call", {
        let platform = smp();
        let at = reserve(&platform, 2);
        release(&platform, at, 1);
    }
    reserving_areas_off_the_alignment: "a reservation makes no sense", {
        let _ = smp().reserve(&[Span::new(0, PAGE + 1)], PAGE);
    }
    calling_the_platform_under_the_index_lock: "take_run was called with the index lock held (B79)", {
        let platform = smp();
        let lock = Mutex::<IndexLock, ()>::new(());
        let _held = lock.lock();
        take_run(&platform, 1);
    }
    an_event_under_the_index_lock: "event was called with the index lock held (B79)", {
        let platform = smp();
        let lock = Mutex::<IndexLock, ()>::new(());
        let _held = lock.lock();
        platform.event(&Event::Free { base: Addr::new(1).unwrap(), offset: UnitOffset::new(0) });
        platform.event(&Event::BalanceWanted);
    }
    pinning_inside_pinned: "CPU 0 was pinned inside `pinned`", {
        let platform = smp();
        platform.pinned(|_| platform.pinned(|_| ()));
    }
    touching_before_the_caches_know: "before flush_cache_after_map made it visible", {
        let platform = Machine::builder().strict_caches().build().smp();
        let at = reserve(&platform, 1);
        map(&platform, at, &[take_frame(&platform)]).unwrap();
        zero(&platform, at, 8);
    }
    unmapping_what_caches_still_hold: "was unmapped dirty", {
        let platform = Machine::builder().strict_caches().build().smp();
        let at = reserve(&platform, 1);
        map(&platform, at, &[take_frame(&platform)]).unwrap();
        platform.flush_cache_after_map(range(at, 1));
        zero(&platform, at, 8);
        unmap(&platform, at, 1);
    }
    playing_a_cpu_that_is_not_possible: "CPU 1 was to run, and is not possible", {
        Machine::builder().possible([0, 2]).build().run_on(CpuId::new(1), || ());
    }
}

#[test]
fn a_flush_makes_remapping_safe_and_other_cpus_need_none() {
    let (platform, at, _) = mapped_and_seen();
    unmap(&platform, at, 1);
    platform.flush_tlb(range(at, 1));
    let other = take_frame(&platform);
    map(&platform, at, &[other]).unwrap();
    platform.machine().run_on(CpuId::new(1), || write(&platform, at, b"x"));
    assert_eq!(read(&platform, at), b'x');
    assert_eq!(platform.frame_at(at), Some(other));
}

#[test]
fn releasing_forgets_translations_before_the_addresses_are_used_again() {
    let (platform, at, frame) = mapped_and_seen();
    unmap(&platform, at, 1);
    release(&platform, at, 1);
    assert_eq!(reserve(&platform, 1), at, "the highest place is free again");
    let other = take_frame(&platform);
    map(&platform, at, &[other]).unwrap();
    platform.machine().run_on(CpuId::new(1), || read(&platform, at));
    give_frame(&platform, frame);
}

#[test]
fn a_broken_rule_is_on_record_and_the_machine_goes_on() {
    let platform = smp();
    let run = take_run(&platform, 1);
    give_run(&platform, run, 1);
    assert!(catch_unwind(AssertUnwindSafe(|| give_run(&platform, run, 1))).is_err());
    assert_eq!(platform.machine().violations(), [Violation::GivenTwice { frame: 0 }]);
    take_run(&platform, 1);
}

#[test]
fn metadata_is_given_back_with_the_layout_it_was_taken_with() {
    let platform = smp();
    let at = platform.take_metadata(Layout::new::<u64>()).unwrap();
    let wrong = AssertUnwindSafe(|| give_metadata(&platform, at, Layout::new::<u32>()));
    assert!(catch_unwind(wrong).is_err());
    assert_eq!(platform.machine().violations(), [Violation::MetadataNotTakenSo]);
    assert_eq!(platform.machine().counts().metadata_bytes, 8);
    give_metadata(&platform, at, Layout::new::<u64>());
    assert_eq!(platform.machine().metadata_outstanding(), 0);
    assert_eq!(platform.machine().counts().metadata_bytes, 0);
}

#[test]
fn an_index_lock_that_was_released_forbids_nothing() {
    let platform = smp();
    let lock = Mutex::<IndexLock, ()>::new(());
    drop(lock.lock());
    drop(lock.try_lock());
    let other = IndexLock::INIT;
    assert!(!other.is_locked());
    take_run(&platform, 1);
}
