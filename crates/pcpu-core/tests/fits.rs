// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whatever fits is found: under a random load a request is refused, or given a new chunk, only
//! when a look at every gap finds no room for it either.
//!
//! The kernel's allocator misses some fits, because it trusts hints that may be too low
//! (docs/behaviours.md, Q1-Q6, Q21). Here the number of misses is exactly 0.

mod common;

use std::collections::BTreeSet;
use std::ops::Range;

use common::naive::{Areas, Random};
use common::{Pool, s2, s2_paged, up1};
use pcpu_core::{Context, Cookie, Machine as Backed, OnFailure, Request};
use pcpu_platform::Observer;

const STEPS: usize = if cfg!(miri) { 60 } else { 40_000 };

/// The load: what lives, and how often a request was refused and why not.
struct Load<'a, P: Backed + Observer> {
    pool: &'a Pool<P>,
    random: Random,
    areas: Areas,
    live: Vec<(Cookie, (i32, usize))>,
    refusals: usize,
    misses: usize,
}

impl<'a, P: Backed + Observer> Load<'a, P> {
    fn new(pool: &'a Pool<P>, seed: u64) -> Self {
        let areas = Areas::default();
        Self { pool, random: Random(seed), areas, live: Vec::new(), refusals: 0, misses: 0 }
    }

    fn request(&mut self) -> (usize, usize) {
        // Mostly small, up to 2000 bytes.
        let most = [64, 400, 2000][self.random.of(0..3)];
        (self.random.of(4..most + 1), 1 << self.random.of(2..9))
    }

    fn note(&mut self, area: Cookie, size: usize) -> i32 {
        let place = self.pool.pool.placement(&area).unwrap();
        let place = (place.chunk, place.offset.get());
        self.areas.take(place.0, place.1, size.next_multiple_of(4));
        self.live.push((area, place));
        place.0
    }

    fn free_some(&mut self) {
        if self.live.is_empty() {
            return;
        }
        let nth = self.random.of(0..self.live.len());
        let (area, (chunk, offset)) = self.live.swap_remove(nth);
        self.pool.pool.free(area).unwrap();
        self.areas.give(chunk, offset);
    }

    /// Requests that may not wait, on `room` of one chunk, which is all that is backed.
    fn atomic(mut self, chunk: i32, room: Range<usize>) {
        let wants_more = |random: &mut Random| random.of(0..100) < 56;
        for step in 0..STEPS {
            if !wants_more(&mut self.random) {
                self.free_some();
                continue;
            }
            let (size, align) = self.request();
            let request = Request::new(size, align).context(Context::Atomic);
            match self.pool.pool.alloc(request.on_failure(OnFailure::Quiet)) {
                Ok(area) => assert_eq!(self.note(area, size), chunk, "from the only chunk"),
                Err(_) => {
                    self.refusals += 1;
                    let fit = self.areas.fit(chunk, room.clone(), size, align);
                    self.misses += usize::from(fit.is_some());
                }
            }
            if step % 1024 == 0 {
                self.pool.check();
            }
        }
        self.verdict();
    }

    /// Requests that may wait: a chunk that was empty or not there counts as a refusal by all
    /// chunks in use. The worker runs when it is wanted, as chunks set aside wait for it.
    fn blocking(mut self, first: Range<usize>) {
        let unit = self.pool.pool.geometry().unit_size();
        let mut target = 200;
        for step in 0..STEPS / 2 {
            if step % 4000 == 0 {
                target = self.random.of(100..500);
            }
            while self.pool.pool.balance_wanted() {
                self.pool.pool.balance();
            }
            if self.live.len() > target || self.random.of(0..100) >= 56 {
                self.free_some();
                continue;
            }
            let (size, align) = self.request();
            let in_use: BTreeSet<i32> = self.live.iter().map(|&(_, (chunk, _))| chunk).collect();
            let fit = in_use.iter().find_map(|&chunk| {
                let room = if chunk == 0 { first.clone() } else { 0..unit };
                self.areas.fit(chunk, room, size, align)
            });
            let area = self.pool.pool.alloc(Request::new(size, align)).unwrap();
            let chunk = self.note(area, size);
            if in_use.contains(&chunk) {
                assert!(fit.is_some(), "the naive allocator misses a fit");
            } else if chunk != 0 {
                self.refusals += 1;
                self.misses += usize::from(fit.is_some());
            }
            if step % 1024 == 0 {
                self.pool.check();
            }
        }
        self.verdict();
    }

    fn verdict(self) {
        self.pool.check();
        let (misses, refusals) = (self.misses, self.refusals);
        assert_eq!(misses, 0, "{misses} of {refusals} refused requests had room somewhere");
        assert!(cfg!(miri) || refusals > 0, "the load refused nothing, so it proves nothing");
    }
}

#[test]
fn on_one_chunk_of_32_kib_no_fit_is_missed() {
    for seed in [1, 0xfeed, 0x2026_1122] {
        let pool = up1();
        Load::new(&pool, seed).atomic(0, 0..32768);
    }
}

#[test]
fn in_the_first_chunk_of_an_mmu_machine_no_fit_is_missed() {
    let pool = s2();
    Load::new(&pool, 7).atomic(0, 0..28672);
    let pool = s2_paged();
    Load::new(&pool, 8).atomic(0, 0..pool.pool.geometry().dyn_size());
}

#[test]
fn in_the_backed_pages_of_a_later_chunk_no_fit_is_missed() {
    let pool = s2();
    let _first = pool.pool.alloc(Request::new(28672, 4)).unwrap();
    pool.pool.balance();
    let stats = pool.pool.stats();
    assert_eq!((stats.nr_chunks, stats.empty_pop_pages), (2, 4), "one later chunk with 4 pages");
    Load::new(&pool, 9).atomic(1, 0..4 * 4096);
}

#[test]
fn no_chunk_is_made_while_another_has_room() {
    Load::new(&up1(), 10).blocking(0..32768);
    Load::new(&s2(), 11).blocking(0..28672);
}
