// SPDX-License-Identifier: MIT OR Apache-2.0
//! B58-B62, B66, B67, B69-B72 and B76: when the worker is asked for, what it gives back and
//! keeps, and in which order chunks are tried.

mod common;

use common::{Pool, k210, s2, s2r, up1};
use pcpu_core::{Allocator, Config, Context, Machine as Backed, Region, Request};
use pcpu_platform::{Event, Observer};
use pcpu_sim::{Call, Machine, Smp, Uni};
use pcpu_trace::percpu_stats::ChunkLabel;

const PAGE: usize = 4096;

/// S2 with one-page areas in the first chunk and in chunks A (1) and B (2): no page is empty.
fn full_pages() -> Pool<Smp> {
    let mut pool = s2();
    for page in 0..7 {
        assert_eq!(pool.at(PAGE, PAGE), (0, 16384 + page * PAGE));
    }
    for (chunk, page) in [1, 2].into_iter().flat_map(|chunk| (0..11).map(move |page| (chunk, page)))
    {
        assert_eq!(pool.at(PAGE, PAGE), (chunk, page * PAGE));
    }
    assert_eq!((pool.empty(), pool.populated()), (0, 33));
    // What was asked for meanwhile is not what the tests look for.
    pool.machine.fail_when(|_| true);
    pool.work();
    pool.machine.fail_none();
    assert_eq!((pool.empty(), pool.populated()), (0, 33));
    pool
}

/// Labels of all chunks in the order of the lists.
fn labels<P: Backed + Observer>(pool: &Pool<P>) -> Vec<ChunkLabel> {
    pool.report().chunks.iter().map(|chunk| chunk.label).collect()
}

/// How often the worker was asked for since the last look.
fn asked(machine: &Machine) -> usize {
    machine.take_events().iter().filter(|event| matches!(event, Event::BalanceWanted)).count()
}

/// B58: S2: of four completely free chunks one stays. pcpu: of its pages only the high mark's
/// worth stays backed, so 56 pages go back, not 48, with one TLB flush for the chunk that stays.
/// Requests for the worker are one until it begins.
#[test]
fn surplus_chunks_are_destroyed_and_one_free_chunk_is_kept() {
    let mut pool = s2();
    for chunk in 1..=4 {
        assert_eq!(pool.at(32768, PAGE), (chunk, 0));
    }
    assert_eq!(pool.populated(), 43);
    pool.machine.record_events();
    pool.free_in(1, 0);
    assert!(!pool.pool.balance_wanted());
    for chunk in 2..=4 {
        pool.free_in(chunk, 0);
        assert!(pool.pool.balance_wanted());
    }
    assert_eq!(asked(&pool.machine), 1);

    pool.machine.reset_counts();
    pool.work();
    let counts = pool.machine.counts();
    assert_eq!((counts.frames_given, counts.releases, counts.tlb_flushes), (56, 3, 1));
    assert_eq!((pool.populated(), pool.chunks(), pool.empty()), (15, 2, 11));
    pool.pool.balance();
    pool.check();
    assert_eq!(pool.machine.counts(), counts);
    assert_eq!((pool.populated(), pool.chunks()), (15, 2));
}

/// B58, each free by itself: the worker is asked for whenever a second chunk becomes free.
#[test]
fn every_further_free_chunk_asks_for_the_worker() {
    let mut pool = s2();
    for _ in 1..=4 {
        pool.a(32768, PAGE);
    }
    pool.free_in(1, 0);
    assert!(!pool.pool.balance_wanted());
    for chunk in 2..=4 {
        pool.free_in(chunk, 0);
        assert!(pool.pool.balance_wanted());
        pool.work();
        assert_eq!(pool.chunks(), 6 - chunk as usize);
    }
}

/// B59: S2: with 2 empty pages left nothing is asked for, with 1 the worker is.
#[test]
fn the_worker_is_asked_for_below_the_low_mark() {
    let mut pool = s2();
    pool.a(20480, 4);
    assert_eq!((pool.empty(), pool.pool.balance_wanted()), (2, false));
    pool.a(8, 4);
    assert_eq!((pool.empty(), pool.pool.balance_wanted()), (1, true));
}

/// B60 up to the first run of the worker: chunk A has given 5 pages back and is sidelined.
fn reclaimed() -> Pool<Smp> {
    let mut pool = full_pages();
    pool.machine.record_events();
    for page in (5..=10).rev() {
        pool.free_in(2, page * PAGE);
    }
    assert_eq!((pool.empty(), pool.chunk(2).contig_bytes), (6, 24576), "slot 12");
    pool.free_in(1, 3 * PAGE);
    assert_eq!((pool.empty(), asked(&pool.machine)), (7, 0));
    pool.free_in(1, 7 * PAGE);
    assert_eq!((pool.empty(), asked(&pool.machine)), (6, 1));
    assert_eq!(labels(&pool)[2], ChunkLabel::ToDepopulate);
    for page in [5, 9, 8] {
        pool.free_in(1, page * PAGE);
        assert_eq!((pool.empty(), pool.pool.balance_wanted()), (6, true));
    }

    pool.machine.reset_counts();
    pool.machine.record();
    pool.work();
    let counts = pool.machine.counts();
    assert_eq!((counts.frames_given, counts.pages_unmapped, counts.tlb_flushes), (10, 10, 1));
    assert_eq!((pool.populated(), pool.empty()), (28, 6));
    assert_eq!(labels(&pool)[2], ChunkLabel::Sidelined);
    assert_eq!(flushed(&pool), (3 * PAGE, 45056 + 10 * PAGE));
    pool
}

/// The one TLB flush of a log, as distances from chunk A's base.
fn flushed(pool: &Pool<Smp>) -> (usize, usize) {
    let base = pool.address(1, 0, 0).get();
    let mut flushes = pool.machine.take_log().into_iter().filter_map(|call| match call {
        Call::FlushTlb { range } => Some((range.start.get() - base, range.end.get() - base)),
        _ => None,
    });
    let flush = flushes.next().unwrap();
    assert_eq!(flushes.next(), None);
    flush
}

/// B60: reclaim, with all the numbers of the example.
#[test]
fn empty_pages_of_a_chunk_are_given_back_and_fetched_again() {
    let mut pool = reclaimed();
    pool.free_in(1, PAGE);
    assert_eq!(labels(&pool)[2], ChunkLabel::ToDepopulate);
    assert!(pool.pool.balance_wanted());
    pool.machine.record();
    pool.work();
    assert_eq!((pool.populated(), flushed(&pool)), (27, (PAGE, 45056 + 2 * PAGE)));
    assert_eq!(labels(&pool)[2], ChunkLabel::Sidelined);

    for page in 5..=10 {
        assert_eq!(pool.at(PAGE, PAGE), (2, page * PAGE));
    }
    assert_eq!(pool.empty(), 0);
    assert_eq!(pool.atomic(PAGE, 4), None);
    assert_eq!(pool.at(PAGE, 4), (1, PAGE));
    assert!(!labels(&pool).contains(&ChunkLabel::Sidelined));
    let contig = pool.report().chunks.iter().map(|chunk| chunk.stats.contig_bytes).max();
    assert_eq!(contig, Some(3 * PAGE as u64), "pages 7, 8 and 9 of chunk A: slot 11");
}

/// Frees `first` pages of the first chunk and then, one by one, 10 of the 11 of chunk A, and
/// returns how many it took to have A isolated.
fn frees_until_isolated(first: usize) -> Option<usize> {
    let mut pool = full_pages();
    for page in 0..first {
        pool.free(16384 + page * PAGE);
    }
    (1..=10).find(|page| {
        pool.free_in(1, page * PAGE);
        labels(&pool).contains(&ChunkLabel::ToDepopulate)
    })
}

/// B61: with 4 empty pages elsewhere no number of its own makes a chunk worth reclaiming; with 5
/// a quarter of its pages does.
#[test]
fn a_chunk_is_reclaimed_only_if_the_others_have_spare_pages_enough() {
    assert_eq!(frees_until_isolated(4), None);
    assert_eq!(frees_until_isolated(5), Some(2));
}

/// Frees all but one granule of every chunk and says that none was set aside.
fn is_never_isolated<P: Backed + Observer>(mut pool: Pool<P>, region: Region, chunks: usize) {
    while pool.place(Request::new(PAGE, PAGE).region(region).context(Context::Atomic)).is_ok() {}
    while pool.chunks() < chunks {
        pool.a(PAGE, PAGE);
    }
    for (chunk, offset) in pool.live.keys().copied().skip(1).collect::<Vec<_>>() {
        pool.free_in(chunk, offset);
        let aside = [ChunkLabel::ToDepopulate, ChunkLabel::Sidelined];
        assert!(!labels(&pool).iter().any(|label| aside.contains(label)));
    }
}

/// B62: the first chunk, the reserved chunk and km chunks are never isolated.
#[test]
fn boot_chunks_and_km_chunks_are_never_isolated() {
    is_never_isolated(s2(), Region::Dynamic, 1);
    is_never_isolated(s2r(), Region::Reserved, 1);
    is_never_isolated(k210(), Region::Dynamic, 4);
    is_never_isolated(up1(), Region::Dynamic, 4);
}

/// B66: UP1: of two free chunks one is destroyed.
#[test]
fn km_gives_a_surplus_chunk_back_whole() {
    let mut pool = up1();
    for chunk in 0..3 {
        assert_eq!(pool.at(32768, 4), (chunk, 0));
    }
    assert_eq!(pool.populated(), 24);
    pool.free_in(1, 0);
    pool.free_in(2, 0);
    pool.machine.reset_counts();
    pool.work();
    assert_eq!((pool.chunks(), pool.populated(), pool.empty()), (2, 16, 8));
    assert_eq!(pool.machine.counts().run_pages_given, 8);
}

/// B67: UP1: for want of spare pages the worker makes a whole chunk.
#[test]
fn km_refills_spare_pages_by_a_whole_chunk() {
    let mut pool = up1();
    pool.a(28672, 4);
    assert_eq!(pool.empty(), 1);
    pool.work();
    assert_eq!((pool.chunks(), pool.populated(), pool.empty()), (2, 16, 9));
}

/// B69. pcpu: of chunks that are alike the oldest is first, whichever moved up last.
#[test]
fn of_chunks_that_are_alike_the_oldest_is_first() {
    for order in [[1, 2], [2, 1]] {
        let mut pool = full_pages();
        order.iter().for_each(|&chunk| pool.free_in(chunk, 3 * PAGE));
        assert_eq!(pool.at(PAGE, PAGE), (1, 3 * PAGE));
        assert_eq!(pool.at(PAGE, PAGE), (2, 3 * PAGE));
    }
}

/// UP1 with a best run of 8192 bytes in chunk 0 (slot 11) and of 4032 in chunk 1 (slot 9).
fn tight_and_loose() -> Pool<Uni> {
    let mut pool = up1();
    for (chunk, hole) in [(0, 8192), (1, 4032)] {
        assert_eq!(pool.at(hole, 4), (chunk, 0));
        assert_eq!(pool.at(32768 - hole, 4), (chunk, hole));
    }
    pool.free_in(1, 0);
    pool.free_in(0, 0);
    pool
}

/// B69. pcpu: three neighbouring slots, counted from the request's own, are alike: for 64 bytes,
/// of slot 4, slots 9 and 11 are not, for 256 bytes, of slot 6, they are.
#[test]
fn three_neighbouring_slots_from_the_request_on_are_alike() {
    assert_eq!(tight_and_loose().at(64, 4), (1, 0));
    assert_eq!(tight_and_loose().at(256, 4), (0, 0));
}

/// B70: a chunk whose best run is 4032 bytes is taken before one whose best is 8192, if it can.
#[test]
fn tighter_chunks_are_taken_first() {
    let mut pool = tight_and_loose();
    assert_eq!(pool.at(64, 4), (1, 0));
    assert_eq!(pool.at(5000, 4), (0, 0));
}

/// B71: a sidelined chunk is taken after all ordinary ones, before a completely free one, and is
/// an ordinary one then.
#[test]
fn a_sidelined_chunk_is_taken_after_ordinary_chunks_and_before_free_ones() {
    let mut pool = reclaimed();
    assert_eq!(pool.at(32768, PAGE), (3, 0));
    pool.free_in(3, 0);
    assert_eq!(labels(&pool)[2], ChunkLabel::Sidelined);
    for page in 5..=10 {
        assert_eq!(pool.at(PAGE, PAGE), (2, page * PAGE), "an ordinary chunk first");
    }
    assert_eq!(pool.at(PAGE, PAGE), (1, 3 * PAGE), "though the free chunk's pages are backed");
    assert!(!labels(&pool).contains(&ChunkLabel::Sidelined));
    assert_eq!(pool.chunk(3).contig_bytes, 45056, "the free chunk is untouched");
}

/// B72: an atomic request is served from a sidelined chunk only where its pages are populated.
#[test]
fn an_atomic_request_gets_only_backed_pages_of_a_sidelined_chunk() {
    let mut pool = full_pages();
    pool.free_in(1, 4 * PAGE);
    assert_eq!((pool.at(2048, 4), pool.at(2048, 4)), ((1, 4 * PAGE), (1, 4 * PAGE + 2048)));
    for page in 5..=10 {
        pool.free_in(2, page * PAGE);
    }
    for page in [3, 7] {
        pool.free_in(1, page * PAGE);
    }
    pool.work();
    for page in 5..=10 {
        assert_eq!(pool.at(PAGE, PAGE), (2, page * PAGE));
    }
    pool.free_in(1, 4 * PAGE + 2048);
    assert!(labels(&pool).contains(&ChunkLabel::Sidelined));
    assert_eq!(pool.atomic(PAGE, 4), None, "pages 3 and 7 are free and not backed");
    assert_eq!(pool.atomic(2048, 4), Some(4 * PAGE + 2048));
    assert!(!labels(&pool).contains(&ChunkLabel::Sidelined));
}

/// B76: until the worker is enabled no balance work is asked for.
#[test]
fn before_the_worker_is_enabled_it_is_never_asked_for() {
    let machine = Machine::with_cpus(2);
    let config = Config { static_size: 16384, ..Config::default() };
    let pool = Allocator::<_>::new(machine.smp(), &config, &[]).unwrap();
    machine.record_events();
    let cookie = pool.alloc(Request::new(28672, 4)).unwrap();
    pool.alloc(Request::new(8, 4).context(Context::Atomic)).unwrap_err();
    let big = [0; 3].map(|_| pool.alloc(Request::new(32768, 4)).unwrap());
    big.into_iter().for_each(|cookie| pool.free(cookie).unwrap());
    assert_eq!((asked(&machine), pool.balance_wanted()), (0, false));

    pool.enable_balance();
    assert!(!pool.balance_wanted(), "what happened before is not made up for");
    pool.free(cookie).unwrap();
    pool.alloc(Request::new(28672, 4).context(Context::Atomic)).unwrap();
    assert!(!pool.balance_wanted(), "the free chunks have spare pages");
    for _ in 0..4 {
        let _ = pool.alloc(Request::new(32768, 4).context(Context::Atomic));
    }
    assert_eq!((asked(&machine), pool.balance_wanted()), (1, true));
}
