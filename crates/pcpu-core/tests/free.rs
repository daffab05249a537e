// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frees of everything that is no live area: each is refused with its reason, gives the cookie
//! back and changes nothing.

mod common;

use std::collections::BTreeSet;
use std::hint;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::{Pool, bytes, k210, s2, s2_paged, s2r, up1};
use pcpu_core::{
    Allocator, Config, Cookie, FreeRefused, Machine as Backed, Region, Request, Stats,
};
use pcpu_layout::{CpuId, PageCount, Span, UnitOffset};
use pcpu_platform::{Effort, Frames, Mapper, Observer};
use pcpu_sim::Machine;

const ROUNDS: usize = if cfg!(miri) { 5 } else { 2000 };

fn cookie(raw: usize) -> Cookie {
    Cookie::from_raw(NonZeroUsize::new(raw).expect("no test frees null as a cookie"))
}

fn raw(cookie: Cookie) -> usize {
    cookie.into_raw().get()
}

/// Everything that a refused free could have changed.
fn state<P: Backed>(pool: &Allocator<P>) -> (Stats, String) {
    (pool.stats(), pool.percpu_stats().to_string())
}

/// Frees what must be refused and returns the reason.
#[track_caller]
fn refused<P: Backed>(pool: &Allocator<P>, number: usize) -> FreeRefused {
    let before = state(pool);
    let error = pool.free(cookie(number)).expect_err("nothing lives there");
    assert_eq!(state(pool), before, "a refused free changes nothing");
    let reason = error.reason();
    assert_eq!(raw(error.cookie()), number, "a refused free gives the cookie back");
    assert_eq!(pool.free_raw(number).expect_err("nor there").reason(), reason);
    reason
}

/// Allocates and returns the cookie's number; the owner frees it as a number.
fn number<P: Backed>(pool: &Allocator<P>, size: usize, align: usize) -> usize {
    raw(pool.alloc(Request::new(size, align)).unwrap())
}

#[test]
fn a_second_free_is_refused_at_once_and_after_other_frees() {
    fn twice<P: Backed + Observer>(pool: &Pool<P>) {
        let pool = &pool.pool;
        let areas = [12, 4, 100, 4096, 8].map(|size| number(pool, size, 4));
        for (nth, &area) in areas.iter().enumerate() {
            pool.free_raw(area).unwrap();
            for &freed in &areas[..=nth] {
                assert_eq!(refused(pool, freed), FreeRefused::NotLive);
            }
        }
        pool.check().unwrap();
    }
    twice(&up1());
    twice(&k210());
    twice(&s2());
    twice(&s2_paged());
}

#[test]
fn of_two_threads_that_free_one_cookie_exactly_one_succeeds() {
    let pool = s2().pool;
    let areas: Vec<usize> = (0..ROUNDS).map(|_| number(&pool, 4, 4)).collect();
    let arrived = AtomicUsize::new(0);
    // Both go from area to area in step, so that each is freed twice at the same moment.
    let free_all = || {
        let free = |(round, &area): (usize, &usize)| {
            arrived.fetch_add(1, Ordering::SeqCst);
            for turn in 0_u32.. {
                if arrived.load(Ordering::SeqCst) >= 2 * (round + 1) {
                    break;
                }
                assert!(turn < 5_000_000, "the other thread is gone");
                // The other may have no processor to run on.
                if turn < 100 { hint::spin_loop() } else { thread::yield_now() }
            }
            pool.free_raw(area).map_err(|error| error.reason())
        };
        areas.iter().enumerate().map(free).collect::<Vec<_>>()
    };
    let (one, two) = thread::scope(|scope| {
        let other = scope.spawn(free_all);
        (free_all(), other.join().unwrap())
    });
    for answers in one.into_iter().zip(two) {
        let once = [(Ok(()), Err(FreeRefused::NotLive)), (Err(FreeRefused::NotLive), Ok(()))];
        assert!(once.contains(&answers), "{answers:?}");
    }
    assert_eq!(pool.stats().nr_dealloc, ROUNDS as u64);
    pool.check().unwrap();
}

#[test]
fn a_freed_cookie_whose_address_lives_again_names_the_new_area() {
    let pool = up1().pool;
    let old = number(&pool, 16, 4);
    pool.free_raw(old).unwrap();
    let new = number(&pool, 8, 4);
    assert_eq!(new, old, "the same place is handed out again");
    pool.free_raw(old).unwrap();
    assert_eq!(refused(&pool, new), FreeRefused::NotLive);
    pool.check().unwrap();
}

#[test]
fn freeing_null_does_nothing() {
    let pool = s2().pool;
    let before = state(&pool);
    pool.free_raw(0).unwrap();
    assert_eq!(state(&pool), before);
}

/// Tries everything around one area of 24 bytes that lives in chunk `ordinal`.
fn surround<P: Backed + Observer>(pool: &Pool<P>, request: Request, ordinal: i32) {
    let (machine, pool) = (&pool.machine, &pool.pool);
    let area = pool.alloc(request).unwrap();
    assert_eq!(pool.placement(&area).unwrap().chunk, ordinal);
    bytes::fill(machine, pool, &area, pool.geometry().cpus(), 24);
    let start = raw(area);

    for inside in (1..24).map(|at| start + at) {
        assert_eq!(refused(pool, inside), FreeRefused::Inside);
    }
    for foreign in [1, 2, 4, 4096, usize::MAX, usize::MAX - 3, 1 << 20, start ^ (1 << 44)] {
        assert_eq!(refused(pool, foreign), FreeRefused::Foreign);
    }
    for cpu in pool.geometry().cpus() {
        let there = pool.address(&cookie(start), cpu).unwrap().get();
        if there != start {
            assert_eq!(refused(pool, there), FreeRefused::Foreign, "CPU {cpu}'s address");
        }
    }

    let area = cookie(start);
    assert!(bytes::holds(machine, pool, &area, pool.geometry().cpus(), 24));
    pool.free(area).unwrap();
    pool.check().unwrap();
}

#[test]
fn around_a_live_area_nothing_else_can_be_freed() {
    let any = Request::new(24, 8);
    surround(&up1(), any, 0);
    surround(&k210(), any, 0);
    surround(&s2(), any, 0);
    surround(&s2_paged(), any, 0);
    surround(&s2r(), any.region(Region::Reserved), -1);
}

#[test]
fn around_an_area_of_a_later_chunk_nothing_else_can_be_freed() {
    fn later<P: Backed + Observer>(pool: &Pool<P>) {
        let dynamic = pool.pool.geometry().dyn_size();
        number(&pool.pool, dynamic, 4);
        surround(pool, Request::new(24, 8), 1);
    }
    later(&up1());
    later(&k210());
    later(&s2());
    later(&s2_paged());
    later(&s2r());
}

#[test]
fn a_static_variable_is_never_freed() {
    fn statics<P: Backed + Observer>(pool: &Pool<P>) {
        let pool = &pool.pool;
        let size = pool.geometry().static_size();
        for offset in [0, 1, 4, 100, size - 4, size - 1] {
            let variable = raw(pool.static_cookie(UnitOffset::new(offset)).unwrap());
            assert_eq!(refused(pool, variable), FreeRefused::Static, "offset {offset}");
        }
        let base = raw(pool.static_cookie(UnitOffset::new(0)).unwrap());
        assert_eq!(refused(pool, base - 1), FreeRefused::Foreign);
        let behind = refused(pool, base + size);
        assert_eq!(behind, FreeRefused::NotLive, "the first byte that is not static");
        // Another CPU's copy is no cookie.
        let second = pool.address(&cookie(base), CpuId::new(1)).unwrap().get();
        assert_eq!(refused(pool, second), FreeRefused::Foreign);
    }
    statics(&k210());
    statics(&s2());
    statics(&s2_paged());
    statics(&s2r());
}

#[test]
fn of_every_granule_of_a_chunk_only_starts_of_live_areas_are_freed() {
    fn every<P: Backed + Observer>(pool: &Pool<P>) {
        let pool = &pool.pool;
        // Fills the first chunk and some of the second; the reserved region too.
        let mut live = BTreeSet::new();
        for nth in 0..if cfg!(miri) { 30 } else { 600_usize } {
            live.insert(number(pool, nth * 13 % 150 + 1, 1 << (nth % 7)));
        }
        for size in [8, 500, 4] {
            live.insert(raw(pool.alloc(Request::new(size, 4).region(Region::Reserved)).unwrap()));
        }
        let unit = pool.geometry().unit_size();
        let end = *live.last().unwrap() + 8192;
        let step = if cfg!(miri) { 404 } else { 4 };
        // Areas are shorter than an eighth of a unit, so this leaves out no granule.
        for &start in &live {
            let to = (start + unit / 8).min(end);
            for at in (start + 4..to).step_by(step).chain([start + 1, start + 2, start + 3]) {
                if !live.contains(&at) {
                    assert!(pool.free_raw(at).is_err(), "{} bytes behind a start", at - start);
                }
            }
        }
        pool.check().unwrap();
        assert_eq!(pool.stats().nr_cur_alloc as usize, live.len());
        for start in live {
            pool.free_raw(start).unwrap();
        }
        assert_eq!(pool.stats().nr_cur_alloc, 0);
        pool.check().unwrap();
    }
    every(&up1());
    every(&k210());
    every(&s2());
    every(&s2_paged());
    every(&s2r());
}

#[test]
fn another_allocators_areas_are_foreign() {
    let machine = Machine::with_cpus(2);
    let config = Config { static_size: 16384, ..Config::default() };
    let one = Allocator::new(machine.smp(), &config, &[]).unwrap();
    let two = Allocator::new(machine.smp(), &config, &[]).unwrap();
    for size in [8, 28672, 64] {
        let (of_one, of_two) = (number(&one, size, 4), number(&two, size, 4));
        assert_eq!(refused(&one, of_two), FreeRefused::Foreign);
        assert_eq!(refused(&two, of_one), FreeRefused::Foreign);
        one.free_raw(of_one).unwrap();
        two.free_raw(of_two).unwrap();
    }
    // Static variables of the other pool are nothing here.
    let of_two = raw(two.static_cookie(UnitOffset::new(0)).unwrap());
    assert_eq!(refused(&one, of_two), FreeRefused::Foreign);
}

/// Makes a chunk, notes its areas, destroys it, has `block` occupy its addresses and makes a
/// chunk again: the same record at another address.
fn outlive<P: Backed + Observer>(pool: &Pool<P>, block: impl FnOnce() -> bool) {
    let pool = &pool.pool;
    number(pool, pool.geometry().dyn_size(), 4);
    let old: Vec<usize> = (1..50).map(|size| number(pool, size, 8)).collect();
    old.iter().for_each(|&area| pool.free_raw(area).unwrap());
    pool.trim();
    assert_eq!(pool.stats().nr_chunks, 1);
    for &area in &old {
        assert_eq!(refused(pool, area), FreeRefused::Foreign, "its chunk is gone");
    }

    assert!(block(), "the addresses are free to be taken");
    let new: Vec<usize> = (1..50).map(|size| number(pool, size, 8)).collect();
    assert!(new.iter().all(|area| !old.contains(area)), "the new chunk is somewhere else");
    for &area in &old {
        assert_eq!(refused(pool, area), FreeRefused::Foreign, "its record serves elsewhere");
    }
    pool.check().unwrap();
    new.iter().for_each(|&area| pool.free_raw(area).unwrap());
    pool.check().unwrap();
}

#[test]
fn a_destroyed_chunks_cookies_are_refused_also_when_its_record_serves_elsewhere() {
    for pool in [s2(), s2_paged()] {
        let (platform, size) = (pool.machine.smp(), pool.pool.geometry().alloc_size());
        outlive(&pool, || platform.reserve(&[Span::new(0, size)], 4096).is_ok());
    }
    let pool = k210();
    let (platform, pages) = (pool.machine.no_mmu(), pool.pool.geometry().pages_per_unit().get());
    let pages = PageCount::new(2 * pages);
    outlive(&pool, || platform.take_run(pages, 4096, None, Effort::Normal).is_ok());
}

#[test]
fn a_refused_free_says_why() {
    let pool = s2().pool;
    let area = number(&pool, 8, 4);
    let says = |number: usize| pool.free_raw(number).unwrap_err().to_string();
    assert_eq!(
        says(area + 4),
        "not freed: it points inside a live area, only its start can be freed"
    );
    assert_eq!(
        says(area + 8),
        "not freed: no live area starts there: freed before, or never handed out"
    );
    assert_eq!(says(1), "not freed: it belongs to no chunk of this allocator");
    let variable = raw(pool.static_cookie(UnitOffset::new(8)).unwrap());
    assert_eq!(says(variable), "not freed: it names a static variable, which is never freed");
}

#[test]
fn a_debug_print_of_a_cookie_tells_no_address() {
    let pool = s2().pool;
    let area = number(&pool, 8, 4);
    let error = pool.free_raw(area + 4).unwrap_err();
    let printed = format!("{error:?}");
    assert!(printed.contains("Cookie(..)") && !printed.contains(&(area + 4).to_string()));
}

#[test]
fn an_unaligned_address_in_free_memory_is_not_called_inside_an_area() {
    let pool = s2().pool;
    let area = number(&pool, 8, 4);
    pool.free_raw(area).unwrap();
    assert_eq!(refused(&pool, area + 1), FreeRefused::NotLive);
}

#[test]
fn a_kept_area_cannot_be_freed_by_its_number() {
    let board = s2();
    let pool = &board.pool;
    let number = raw(pool.alloc(Request::new(64, 8)).unwrap());
    let kept = pool.keep(cookie(number)).unwrap();
    assert_eq!(*kept.cookie(), cookie(number));
    assert_eq!(pool.free(cookie(number)).unwrap_err().reason(), FreeRefused::NotLive);
    let again = pool.keep(cookie(number)).unwrap_err();
    assert_eq!(again.reason(), FreeRefused::NotLive);
    pool.check().unwrap();

    // SAFETY: kept above, by this pool.
    unsafe { pool.free_kept(kept) };
    assert_eq!(pool.free(cookie(number)).unwrap_err().reason(), FreeRefused::NotLive);
    assert_eq!(pool.stats().nr_cur_alloc, 0);
    pool.check().unwrap();
}

#[test]
fn an_area_can_be_kept_from_the_beginning() {
    let board = s2();
    let pool = &board.pool;
    let kept = pool.alloc_kept(Request::new(64, 8)).unwrap();
    pool.check().unwrap();
    let number = kept.cookie().raw().get();
    assert_eq!(pool.free(cookie(number)).unwrap_err().reason(), FreeRefused::NotLive);
    // SAFETY: kept above, by this pool.
    unsafe { pool.free_kept(kept) };
    assert_eq!(pool.stats().nr_cur_alloc, 0);
    pool.check().unwrap();
}
