// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random requests to a pool in every cell, and to a naive model that knows only areas.
//!
//! The model says nothing of where an area must be, only of what must be true: inside the room
//! that is served, aligned, overlapping nothing, zero at first and its owner's ever after, and
//! counted rightly. Memory is plentiful, so a request that may wait is never refused.

mod common;

use common::naive::Areas;
use common::{Pool, bytes, k210, s2, s2_paged, s2r, up1};
use pcpu_core::{AllocError, Context, Cookie, Machine as Backed, OnFailure, Region, Request};
use pcpu_platform::Observer;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Op {
    Alloc {
        size: usize,
        align: usize,
        kind: Kind,
    },
    /// The area at that place in the list, counted round and round.
    Free(usize),
    Balance,
    Trim,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Blocking,
    Atomic,
    Reserved,
}

struct Area {
    cookie: Cookie,
    place: (i32, usize),
    size: usize,
}

struct Model<P: Backed + Observer> {
    pool: Pool<P>,
    areas: Areas,
    live: Vec<Area>,
    nr_alloc: u64,
    nr_max: u64,
    peak_bytes: u64,
    smallest: Option<usize>,
    largest: usize,
}

/// Why a request can never be served, as a naive reader of its documentation would say.
fn is_refused(size: usize, align: usize, limit: usize, page: usize) -> Option<AllocError> {
    if size == 0 {
        Some(AllocError::ZeroSize)
    } else if size > limit {
        Some(AllocError::TooLarge { size, limit })
    } else if align > 4 && !align.is_power_of_two() {
        Some(AllocError::BadAlign { align })
    } else if align > page {
        Some(AllocError::AlignTooLarge { align, limit: page })
    } else {
        None
    }
}

impl<P: Backed + Observer> Model<P> {
    fn new(pool: Pool<P>) -> Self {
        let areas = Areas::default();
        let live = Vec::new();
        Self {
            pool,
            areas,
            live,
            nr_alloc: 0,
            nr_max: 0,
            peak_bytes: 0,
            smallest: None,
            largest: 0,
        }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Alloc { size, align, kind } => self.alloc(size, align, kind),
            Op::Free(_) if self.live.is_empty() => {}
            Op::Free(nth) => {
                let area = self.live.swap_remove(nth % self.live.len());
                self.free(area);
            }
            Op::Balance => self.pool.pool.balance(),
            Op::Trim => self.pool.pool.trim(),
        }
        self.pool.check();
        self.compare();
    }

    fn alloc(&mut self, size: usize, align: usize, kind: Kind) {
        let geometry = self.pool.pool.geometry();
        let (limit, page) = (geometry.max_area(), geometry.page_size());
        let has_reserved = geometry.reserved_size() > 0;
        let request = Request::new(size, align).on_failure(OnFailure::Quiet);
        let request = match kind {
            Kind::Blocking => request,
            Kind::Atomic => request.context(Context::Atomic),
            Kind::Reserved => request.region(Region::Reserved),
        };
        let answer = self.pool.pool.alloc(request);
        if let Some(refusal) = is_refused(size, align, limit, page) {
            assert_eq!(answer.unwrap_err(), refusal);
            return;
        }
        let len = bytes::rounded(size);
        match (answer, kind) {
            (Ok(cookie), _) => self.taken(cookie, size, align, kind),
            (Err(AllocError::WouldSleep { size }), Kind::Atomic) => assert_eq!(size, len),
            (Err(AllocError::ReservedFull { size }), Kind::Reserved) if has_reserved => {
                assert_eq!(size, len);
                let room = self.room(-1);
                assert_eq!(self.areas.fit(-1, room, size, align), None, "there was room");
            }
            (Err(error), _) => panic!("{kind:?} {size}/{align}: {error}"),
        }
    }

    /// Offsets of a chunk that are served.
    fn room(&self, chunk: i32) -> std::ops::Range<usize> {
        let geometry = self.pool.pool.geometry();
        let regions = geometry.regions();
        let region = match chunk {
            -1 => regions.reserved,
            0 => regions.dynamic,
            _ => return 0..geometry.unit_size(),
        };
        // Offsets of the first two count from the page in which their region begins.
        let from = region.start.get() / geometry.page_size() * geometry.page_size();
        region.start.get() - from..region.end.get() - from
    }

    fn taken(&mut self, cookie: Cookie, size: usize, align: usize, kind: Kind) {
        let pool = &self.pool.pool;
        let place = pool.placement(&cookie).expect("a live area has a place");
        let (chunk, offset, len) = (place.chunk, place.offset.get(), bytes::rounded(size));
        let wants_reserved = matches!(kind, Kind::Reserved) && pool.geometry().reserved_size() > 0;
        assert_eq!(chunk == -1, wants_reserved, "the wrong region");
        assert!(offset.is_multiple_of(align.max(4)), "{offset} is not aligned to {align}");
        let room = self.room(chunk);
        assert!(room.start <= offset && offset + len <= room.end, "{offset} outside {room:?}");
        for cpu in pool.geometry().cpus() {
            let at = pool.address(&cookie, cpu).expect("a possible CPU has a copy").get();
            assert!(at.is_multiple_of(align.max(4)), "CPU {cpu}'s copy is not aligned");
        }
        self.areas.take(chunk, offset, len);

        let (machine, cpus) = (&self.pool.machine, self.pool.machine.possible_cpus());
        assert!(bytes::is_zero(machine, pool, &cookie, cpus, size), "not zero");
        bytes::fill(machine, pool, &cookie, machine.possible_cpus(), size);

        self.live.push(Area { cookie, place: (chunk, offset), size });
        self.nr_alloc += 1;
        let (now, bytes) = self.areas.totals();
        self.nr_max = self.nr_max.max(now);
        self.peak_bytes = self.peak_bytes.max(bytes);
        self.smallest = Some(self.smallest.map_or(len, |least| least.min(len)));
        self.largest = self.largest.max(len);
    }

    fn free(&mut self, area: Area) {
        let (machine, pool) = (&self.pool.machine, &self.pool.pool);
        let Area { cookie, place, size } = area;
        let cpus = machine.possible_cpus();
        assert!(bytes::holds(machine, pool, &cookie, cpus, size), "somebody else wrote here");
        let is_there = pool.placement(&cookie).map(|now| (now.chunk, now.offset.get()));
        assert_eq!(is_there, Some(place), "an area moved");
        pool.free(cookie).expect("it is live");
        self.areas.give(place.0, place.1);
    }

    fn compare(&self) {
        let (stats, (now, live_bytes)) = (self.pool.pool.stats(), self.areas.totals());
        assert_eq!((stats.nr_cur_alloc, stats.live_bytes), (now, live_bytes));
        assert_eq!((stats.nr_alloc, stats.nr_dealloc), (self.nr_alloc, self.nr_alloc - now));
        assert_eq!((stats.nr_max_alloc, stats.peak_live_bytes), (self.nr_max, self.peak_bytes));
        assert_eq!(stats.min_alloc_size, self.smallest.unwrap_or(stats.unit_size));
        assert_eq!(stats.max_alloc_size, self.largest);
    }

    fn end(mut self) {
        while let Some(area) = self.live.pop() {
            self.free(area);
        }
        self.pool.pool.trim();
        self.pool.check();
        self.compare();
        assert_eq!(self.pool.pool.stats().nr_chunks, 1);
        assert!(self.pool.machine.violations().is_empty());
    }
}

fn op() -> impl Strategy<Value = Op> {
    let size = prop_oneof![
        8 => 1..200_usize,
        5 => 200..5000_usize,
        2 => 5000..33_000_usize,
        1 => prop::sample::select(vec![0, 1, 4096, 8192, 32_765, 32_768, 32_769, usize::MAX - 2, usize::MAX]),
    ];
    let align = prop_oneof![
        12 => (0..13_u32).prop_map(|exponent| 1 << exponent),
        1 => prop::sample::select(vec![0, 3, 5, 6, 12, 24, 8192, 1 << 40, usize::MAX]),
    ];
    let kind =
        prop_oneof![5 => Just(Kind::Blocking), 4 => Just(Kind::Atomic), 1 => Just(Kind::Reserved)];
    prop_oneof![
        12 => (size, align, kind).prop_map(|(size, align, kind)| Op::Alloc { size, align, kind }),
        9 => any::<usize>().prop_map(Op::Free),
        1 => Just(Op::Balance),
        1 => prop_oneof![3 => Just(Op::Balance), 1 => Just(Op::Trim)],
    ]
}

fn run<P: Backed + Observer>(pool: Pool<P>, ops: &[Op]) {
    let mut model = Model::new(pool);
    ops.iter().for_each(|&op| model.step(op));
    model.end();
}

fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 1 } else { 96 };
    // A failure is a list of operations that is printed whole; no file is needed.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

const LONGEST: usize = if cfg!(miri) { 12 } else { 160 };

proptest! {
    #![proptest_config(config())]

    #[test]
    fn on_one_cpu_the_answers_agree(ops in prop::collection::vec(op(), 1..LONGEST)) {
        run(up1(), &ops);
    }

    #[test]
    fn without_an_mmu_the_answers_agree(ops in prop::collection::vec(op(), 1..LONGEST)) {
        run(k210(), &ops);
    }

    #[test]
    fn with_an_mmu_the_answers_agree(ops in prop::collection::vec(op(), 1..LONGEST)) {
        run(s2(), &ops);
    }

    #[test]
    fn with_a_reserved_region_the_answers_agree(ops in prop::collection::vec(op(), 1..LONGEST)) {
        run(s2r(), &ops);
    }

    #[test]
    fn after_a_paged_set_up_the_answers_agree(ops in prop::collection::vec(op(), 1..LONGEST)) {
        run(s2_paged(), &ops);
    }
}
