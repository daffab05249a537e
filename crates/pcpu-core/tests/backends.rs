// SPDX-License-Identifier: MIT OR Apache-2.0
//! B52-B57, B63-B65 and B77-B79: what is asked of the platform, page by page, and what is left
//! after it says no.

mod common;

use std::collections::BTreeSet;

use common::{Pool, k210, s2, s2r, up1};
use pcpu_core::{AllocError, Machine as Backed, Request};
use pcpu_layout::PageCount;
use pcpu_platform::{Event, Observer, Warning};
use pcpu_sim::{Call, Fallible, Machine, Smp};

/// Bytes in a unit of S2.
const UNIT: usize = 45056;

/// S2 with its first chunk full.
fn s2_full() -> Pool<Smp> {
    let mut pool = s2();
    assert_eq!(pool.a(28672, 4), 16384);
    pool
}

/// Fails the `n`-th attempt of a kind from now, and no other.
fn fail_nth_of(machine: &Machine, kind: Fallible, n: usize) {
    let mut seen = 0;
    machine.fail_when(move |attempt| {
        seen += usize::from(attempt.kind == kind);
        attempt.kind == kind && seen == n
    });
}

/// The page indexes that a list of calls maps on both CPUs, of the one chunk it is about.
fn pages_mapped(log: &[Call]) -> Vec<usize> {
    let base = log.iter().find_map(|call| match call {
        Call::Reserve { base, .. } => Some(base.get()),
        _ => None,
    });
    let base = base.expect("the chunk was made in this log");
    let mut of_cpu = [BTreeSet::new(), BTreeSet::new()];
    for call in log {
        if let Call::Map { at, pages } = call {
            let (cpu, offset) = ((at.get() - base) / UNIT, (at.get() - base) % UNIT);
            of_cpu[cpu].extend((0..pages.get()).map(|page| offset / 4096 + page));
        }
    }
    assert_eq!(of_cpu[0], of_cpu[1], "both CPUs or neither");
    of_cpu[0].iter().copied().collect()
}

/// B52: S2: the first chunk is filled, a second is made and backed page by page.
#[test]
fn a_new_chunk_is_backed_page_by_page() {
    let mut pool = s2();
    assert_eq!((pool.a(28672, 4), pool.empty()), (16384, 0));
    assert!(pool.pool.balance_wanted());

    pool.machine.reset_counts();
    pool.machine.record();
    assert_eq!(pool.at(8, 8), (1, 0));
    let counts = pool.machine.counts();
    assert_eq!((counts.frames_taken, counts.pages_mapped), (2, 2));
    assert_eq!((counts.cache_flushes_after_map, counts.tlb_flushes), (1, 0));
    assert_eq!((pool.populated(), pool.chunks()), (12, 2));
    assert_eq!(pool.chunk(1).free_bytes, 45048);
    assert_eq!(pool.at(4096, 4096), (1, 4096));
    assert_eq!(pool.populated(), 13);

    pool.work();
    assert_eq!((pool.empty(), pool.populated()), (4, 17));
    assert_eq!(pages_mapped(&pool.machine.take_log()), [0, 1, 2, 3, 4, 5]);
    assert_eq!(pool.machine.counts().tlb_flushes, 0);
}

/// B53: S2, a new chunk: 8192/4096 while the machine has 3 of the 4 pages.
#[test]
fn a_request_short_of_one_page_leaves_no_page_and_no_area_behind() {
    let mut pool = s2_full();
    let (frames, before) = (pool.machine.frames_in_use(), pool.pool.stats());
    fail_nth_of(&pool.machine, Fallible::TakeFrame, 4);
    let refused = pool.request(Request::new(8192, 4096));
    assert_eq!(refused, Err(AllocError::OutOfPages { wanted: PageCount::new(2) }));
    assert_eq!(pool.machine.counts().frames_taken, 3);
    assert_eq!(pool.machine.frames_in_use(), frames);
    pool.check();

    let after = pool.pool.stats();
    assert_eq!((after.populated_pages, after.nr_chunks), (11, 2));
    assert_eq!(after.nr_alloc, before.nr_alloc + 1);
    assert_eq!(after.nr_dealloc, before.nr_dealloc + 1);
    let chunk = pool.chunk(1);
    assert_eq!((chunk.free_bytes, chunk.empty_pop_pages), (45056, 0), "it stays, and is free");

    pool.machine.fail_none();
    assert_eq!(pool.at(8192, 4096), (1, 0));
}

/// B54: mapping fails for a CPU, at its first page or its second: that CPU and those before it
/// are unmapped, with one TLB flush.
#[test]
fn a_failed_mapping_is_undone_with_one_tlb_flush_the_failing_cpu_included() {
    for (nth, unmapped_cpus) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
        let mut pool = s2_full();
        let frames = pool.machine.frames_in_use();
        fail_nth_of(&pool.machine, Fallible::MapPage, nth);
        pool.machine.reset_counts();
        pool.machine.record();
        let refused = pool.request(Request::new(8192, 4096));
        assert_eq!(refused, Err(AllocError::OutOfPages { wanted: PageCount::new(2) }));

        let log = pool.machine.take_log();
        let unmaps = log.iter().filter_map(|call| match call {
            Call::Unmap { at, pages } => Some((at.get() / UNIT, pages.get())),
            _ => None,
        });
        let (units, lengths): (BTreeSet<_>, Vec<_>) = unmaps.unzip();
        assert_eq!((units.len(), lengths), (unmapped_cpus, vec![2; unmapped_cpus]));
        let counts = pool.machine.counts();
        assert_eq!((counts.tlb_flushes, counts.cache_flushes_after_map), (1, 0));
        assert_eq!(pool.machine.frames_in_use(), frames, "attempt {nth}");
        assert_eq!(pool.populated(), 11);
        pool.check();

        pool.machine.fail_none();
        assert_eq!(pool.at(8192, 4096), (1, 0));
    }
}

/// B55: no address range to be had.
#[test]
fn without_addresses_no_chunk_is_made_and_none_is_reported() {
    let mut pool = s2_full();
    pool.machine.fail_all_of(Fallible::Reserve);
    pool.machine.record_events();
    let before = (pool.chunks(), pool.populated(), pool.machine.frames_in_use());
    let refused = pool.request(Request::new(8, 8));
    assert_eq!(refused, Err(AllocError::NoChunk { size: 8 }));
    assert_eq!((pool.chunks(), pool.populated(), pool.machine.frames_in_use()), before);
    assert_eq!(pool.machine.areas_reserved(), 0);
    pool.check();

    let events = pool.machine.take_events();
    let reason = match events[..] {
        [Event::AllocFailed { size: 8, .. }, Event::Warning(warning)] => warning,
        _ => panic!("a failure and its message were due: {events:?}"),
    };
    let text = "allocation failed, size=8 align=8 atomic=0, failed to allocate new chunk";
    assert_eq!(reason.to_string(), text);
}

/// B56: S2, first chunk full: atomic requests make no chunk and back no page; the worker does
/// both for them, and 4 pages more after each failure (Q10).
#[test]
fn the_worker_backs_what_atomic_requests_could_not_get() {
    let mut pool = s2_full();
    pool.machine.record();
    assert_eq!(pool.atomic(8, 4), None);
    assert_eq!(pool.chunks(), 1);
    assert!(pool.pool.balance_wanted());
    pool.work();
    assert_eq!((pool.chunks(), pool.empty()), (2, 4));
    assert_eq!(pool.chunk(1).contig_bytes, 45056, "in the free slot");

    assert_eq!(pool.atomic(8, 4), Some(0));
    assert_eq!(pool.atomic(16384, 4), None, "it would reach into page 4");
    pool.work();
    assert_eq!(pages_mapped(&pool.machine.take_log()), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((pool.populated(), pool.empty()), (11 + 8, 7));
    assert_eq!(pool.atomic(16384, 4), Some(8));
}

/// Q10 and B56. pcpu: the worker backs as many pages as the failed request would fill, where that
/// is more than 4.
#[test]
fn the_worker_backs_all_that_a_large_atomic_request_could_not_get() {
    let mut pool = s2_full();
    assert_eq!(pool.atomic(28672, 4), None);
    pool.work();
    assert_eq!((pool.populated(), pool.empty()), (11 + 7, 7));
    assert_eq!(pool.atomic(28672, 4), Some(0));
}

/// B57: a free keeps the page.
#[test]
fn a_freed_page_stays_backed_and_serves_again() {
    let mut pool = s2_full();
    let places: Vec<_> = (0..3).map(|_| pool.at(4096, 4096)).collect();
    assert_eq!(places, [(1, 0), (1, 4096), (1, 8192)]);
    let (populated, empty, counts) = (pool.populated(), pool.empty(), pool.machine.counts());
    pool.free_in(1, 4096);
    assert_eq!((pool.populated(), pool.empty()), (populated, empty + 1));
    assert_eq!(pool.at(4096, 4096), (1, 4096));
    assert_eq!(pool.machine.counts().frames_taken, counts.frames_taken);
}

/// B63: S2R: the reserved region serves reserved requests, and gets no help.
#[test]
fn the_reserved_region_gets_no_help_from_the_dynamic_one() {
    let mut pool = s2r();
    assert_eq!(pool.reserved(100, 4), Ok(16384));
    pool.machine.record_events();
    assert_eq!(pool.reserved(8192, 4), Err(AllocError::ReservedFull { size: 8192 }));
    assert_eq!(pool.empty(), 7);
    assert_eq!(pool.reserved(8092, 4), Ok(16484));
    assert_eq!(pool.reserved(4, 4), Err(AllocError::ReservedFull { size: 4 }));
    pool.free_in(-1, 16484);
    assert_eq!(pool.reserved(4, 4), Ok(16484));
    assert_eq!((pool.empty(), pool.chunks()), (7, 1));

    let said = "alloc from reserved chunk failed";
    let is_said = |event: &&Event| matches!(event, Event::Warning(Warning::AllocationFailed { reason, .. }) if *reason == said);
    assert_eq!(pool.machine.take_events().iter().filter(is_said).count(), 2);
}

/// B64: an ordinary request never gets reserved memory, however full the rest.
#[test]
fn an_ordinary_request_never_gets_reserved_memory() {
    let mut pool = s2r();
    pool.machine.fail_all_of(Fallible::Reserve);
    let mut served = 0;
    for size in [28672, 4096, 512, 64, 4] {
        while pool.atomic(size, 4).is_some() || pool.request(Request::new(size, 4)).is_ok() {
            served += 1;
        }
    }
    assert_eq!(served, 1);
    assert!(pool.live.keys().all(|&(chunk, _)| chunk == 0));
    assert_eq!(pool.reserved(8192, 4), Ok(16384), "all of it is still there");
}

/// B65: km populates all 8 pages of a second chunk at once.
#[test]
fn km_backs_a_whole_chunk_at_once() {
    let mut pool = up1();
    assert_eq!(pool.a(32768, 4), 0);
    pool.machine.reset_counts();
    assert_eq!(pool.at(8, 4), (1, 0));
    assert_eq!((pool.populated(), pool.empty()), (16, 7));
    assert_eq!(pool.machine.counts().run_pages_taken, 8);
}

/// Fails each request for records that the making of a chunk needs, and returns how many there
/// are.
fn each_record_of_a_chunk_fails<P: Backed + Observer>(full: impl Fn() -> Pool<P>) -> usize {
    for nth in 1.. {
        let mut pool = full();
        let machine = pool.machine.clone();
        let taken =
            |pool: &Pool<P>| (machine.frames_in_use(), machine.areas_reserved(), pool.pool.stats());
        let before = taken(&pool);
        fail_nth_of(&machine, Fallible::TakeMetadata, nth);
        match pool.place(Request::new(8, 8)) {
            Ok(place) => {
                assert_eq!(place, (1, 0));
                return nth - 1;
            }
            Err(error) => assert_eq!(error, AllocError::NoChunk { size: 8 }),
        }
        assert_eq!(taken(&pool), before);
        pool.check();
        machine.fail_none();
        assert_eq!(pool.at(8, 8), (1, 0), "served when there is memory");
        drop(pool);
        assert_eq!((machine.frames_in_use(), machine.areas_reserved()), (0, 0));
        assert_eq!(machine.metadata_outstanding(), 0);
    }
    unreachable!("a chunk needs a finite number of records")
}

/// B77. pcpu: at any request for records, however many there are.
#[test]
fn nothing_is_lost_when_records_of_a_new_chunk_cannot_be_had() {
    assert!(each_record_of_a_chunk_fails(s2_full) >= 1);
    let k210_full = || {
        let mut pool = k210();
        pool.a(29536, 4);
        pool
    };
    assert!(each_record_of_a_chunk_fails(k210_full) >= 1);
}

/// A long mixed life of 30 areas at most, with work whenever it is asked for, and trims.
fn mixed_life<P: Backed + Observer>(pool: &mut Pool<P>) {
    for n in 1..600_usize {
        let _ = pool.request(Request::new(n * 2999 % 16000 + 1, 1 << (n % 13)));
        let _ = pool.atomic(n * 7 % 3000 + 1, 4);
        while pool.live.len() > n * 13 % 30 {
            let (chunk, offset) = *pool.live.keys().nth(n * 31 % pool.live.len()).unwrap();
            pool.free_in(chunk, offset);
        }
        pool.work();
        if n % 100 == 0 {
            pool.pool.trim();
            pool.check();
        }
    }
}

/// B78: no page is populated twice, and none depopulated that was not populated.
#[test]
fn pages_are_mapped_once_and_unmapped_once() {
    let mut pool = s2();
    pool.machine.record();
    mixed_life(&mut pool);
    pool.free_all();
    pool.pool.trim();

    let (mut mapped, mut unmaps) = (BTreeSet::new(), 0);
    for call in pool.machine.take_log() {
        let pages = |at: pcpu_platform::Addr, pages: PageCount| {
            (0..pages.get()).map(move |page| at.get() + page * 4096)
        };
        match call {
            Call::Map { at, pages: nr } => {
                assert!(pages(at, nr).all(|page| mapped.insert(page)), "mapped twice");
            }
            Call::Unmap { at, pages: nr } => {
                unmaps += 1;
                assert!(pages(at, nr).all(|page| mapped.remove(&page)), "was not mapped");
            }
            _ => {}
        }
    }
    assert!(mapped.is_empty(), "all pages of later chunks are gone after a trim");
    assert!(unmaps > 100);
}

/// B79: no back-end call is made under the spinning lock, also when calls fail. The simulator
/// watches: it panics on a call with its index lock held.
#[test]
fn no_call_to_the_platform_is_made_under_the_index_lock() {
    fn lives_with_failures<P: Backed + Observer>(mut pool: Pool<P>) {
        let mut attempts = 0;
        pool.machine.fail_when(move |_| {
            attempts += 1;
            attempts % 4 == 0
        });
        let before = pool.machine.fallible_calls();
        mixed_life(&mut pool);
        let calls = pool.machine.fallible_calls() - before;
        assert!(calls > 20, "{calls} calls that may fail");
        assert_eq!(pool.machine.violations(), []);
    }
    lives_with_failures(up1());
    lives_with_failures(k210());
    lives_with_failures(s2());
    lives_with_failures(s2r());
}
