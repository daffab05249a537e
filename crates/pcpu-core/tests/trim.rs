// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trim gives back every page and chunk that no area is on, and what is used stays.

mod common;

use std::collections::BTreeSet;

use common::naive::Random;
use common::{Pool, bytes, k210, s2, s2_paged, s2r, up1};
use pcpu_core::{Cookie, Machine as Backed, Request};
use pcpu_platform::Observer;

/// Fills several chunks and frees most of it again; returns what lives, with sizes.
fn churn<P: Backed + Observer>(pool: &Pool<P>, seed: u64) -> Vec<(Cookie, usize)> {
    let mut random = Random(seed);
    let mut live = Vec::new();
    for nth in 0..120 {
        let most = [100, 3000, 20_000][nth % 3];
        let size = random.of(1..most);
        let area = pool.pool.alloc(Request::new(size, 1 << random.of(0..13))).unwrap();
        bytes::fill(&pool.machine, &pool.pool, &area, pool.machine.possible_cpus(), size);
        live.push((area, size));
        if nth % 30 == 29 {
            pool.pool.balance();
        }
    }
    while live.len() > 9 {
        let (area, _) = live.swap_remove(random.of(0..live.len()));
        pool.pool.free(area).unwrap();
    }
    pool.check();
    live
}

/// Pages of later chunks that an area lies on: by chunk and number.
fn pages_of<P: Backed>(pool: &Pool<P>, live: &[(Cookie, usize)]) -> BTreeSet<(i32, usize)> {
    let page = pool.pool.geometry().page_size();
    let mut pages = BTreeSet::new();
    for (area, size) in live {
        let place = pool.pool.placement(area).unwrap();
        let (from, to) = (place.offset.get(), place.offset.get() + size - 1);
        if place.chunk > 0 {
            pages.extend((from / page..=to / page).map(|nr| (place.chunk, nr)));
        }
    }
    pages
}

fn assert_content<P: Backed>(pool: &Pool<P>, live: &[(Cookie, usize)]) {
    for (area, size) in live {
        let cpus = pool.machine.possible_cpus();
        assert!(bytes::holds(&pool.machine, &pool.pool, area, cpus, *size));
    }
}

#[test]
fn after_partial_frees_exactly_the_pages_with_areas_stay() {
    for (make, seed) in [(s2 as fn() -> _, 77), (s2r, 78), (s2_paged, 79), (s2, 80), (s2r, 81)] {
        let pool = make();
        let start = pool.pool.stats();
        let live = churn(&pool, seed);
        pool.pool.trim();
        pool.check();

        let (pages, end) = (pages_of(&pool, &live), pool.pool.stats());
        let chunks: BTreeSet<i32> = pages.iter().map(|&(chunk, _)| chunk).collect();
        assert!(!chunks.is_empty(), "some areas are left in later chunks");
        assert_eq!(end.nr_chunks, start.nr_chunks + chunks.len());
        assert_eq!(end.populated_pages, start.populated_pages + pages.len());
        assert_eq!(end.total_pages, start.total_pages + 2 * pages.len());
        assert_content(&pool, &live);
    }
}

#[test]
fn without_an_mmu_exactly_the_chunks_with_areas_stay() {
    fn chunks_stay<P: Backed + Observer>(pool: &Pool<P>, seed: u64) {
        let start = pool.pool.stats().nr_chunks;
        let live = churn(pool, seed);
        pool.pool.trim();
        pool.check();
        let pages = pages_of(pool, &live);
        let chunks: BTreeSet<i32> = pages.iter().map(|&(chunk, _)| chunk).collect();
        assert_eq!(pool.pool.stats().nr_chunks, start + chunks.len());
        assert_content(pool, &live);
    }
    chunks_stay(&up1(), 5);
    chunks_stay(&k210(), 6);
}

#[test]
fn a_second_trim_has_nothing_to_do() {
    fn twice<P: Backed + Observer>(pool: &Pool<P>, seed: u64) {
        let live = churn(pool, seed);
        pool.pool.trim();
        let after_one =
            (pool.machine.counts(), pool.pool.stats(), pool.pool.percpu_stats().to_string());
        pool.pool.trim();
        pool.check();
        let after_two =
            (pool.machine.counts(), pool.pool.stats(), pool.pool.percpu_stats().to_string());
        assert_eq!(after_one, after_two);
        assert_content(pool, &live);
    }
    twice(&up1(), 1);
    twice(&k210(), 2);
    twice(&s2(), 3);
    twice(&s2r(), 4);
    twice(&s2_paged(), 5);
}

#[test]
fn a_trimmed_pool_serves_on_and_ends_as_it_began() {
    fn on<P: Backed + Observer>(pool: &Pool<P>, seed: u64) {
        let (start, frames) = (pool.pool.stats(), pool.machine.frames_in_use());
        let mut live = Vec::new();
        for round in 0..4 {
            live.extend(churn(pool, seed + round));
            pool.pool.trim();
            pool.check();
            assert_content(pool, &live);
            for size in [4, 5000, 32_768] {
                let area = pool.pool.alloc(Request::new(size, 4)).unwrap();
                let cpus = pool.machine.possible_cpus();
                assert!(bytes::is_zero(&pool.machine, &pool.pool, &area, cpus, size));
                pool.pool.free(area).unwrap();
            }
        }
        live.into_iter().for_each(|(area, _)| pool.pool.free(area).unwrap());
        pool.pool.trim();
        pool.check();
        let end = pool.pool.stats();
        assert_eq!(
            (end.nr_chunks, end.populated_pages, end.total_pages, end.empty_pop_pages),
            (start.nr_chunks, start.populated_pages, start.total_pages, start.empty_pop_pages)
        );
        assert_eq!(pool.machine.frames_in_use(), frames);
    }
    on(&up1(), 10);
    on(&k210(), 20);
    on(&s2(), 30);
    on(&s2r(), 40);
    on(&s2_paged(), 50);
}

#[test]
fn trimming_a_fresh_pool_does_nothing() {
    let pool = s2();
    let before = (pool.machine.counts(), pool.pool.stats());
    pool.pool.trim();
    assert_eq!((pool.machine.counts(), pool.pool.stats()), before);
    pool.check();
}
