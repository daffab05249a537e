// SPDX-License-Identifier: MIT OR Apache-2.0
//! B68, B73-B75 and B81: what is counted, what is said, and that every count is exact after
//! every step of any trace.

mod common;

use std::collections::BTreeMap;

use common::{Pool, k210, s2, s2r, up1};
use pcpu_core::{AllocError, Allocator, Config, Context, Machine as Backed, Region, Request};
use pcpu_platform::{Event, Observer, Warning};
use pcpu_sim::{Fallible, Machine};

/// Sends 12 blocking requests that must fail, and returns how many failures were reported, and
/// the lines for the log.
fn twelve_failures(failure_messages: u32) -> (usize, Vec<String>) {
    let machine = Machine::with_cpus(2);
    let config = Config { failure_messages, ..Config::default() };
    let pool = Allocator::<_>::new(machine.smp(), &config, &[]).unwrap();
    machine.fail_all_of(Fallible::Reserve);
    machine.record_events();
    for _ in 0..12 {
        let refused = pool.alloc(Request::new(32768, 8)).unwrap_err();
        assert_eq!(refused, AllocError::NoChunk { size: 32768 });
    }
    let (mut failures, mut lines) = (0, Vec::new());
    for event in machine.take_events() {
        match event {
            Event::AllocFailed { reserved: false, is_atomic: false, size: 32768, align: 8 } => {
                failures += 1;
            }
            Event::Warning(warning) => lines.push(warning.to_string()),
            other => panic!("{other:?}"),
        }
    }
    (failures, lines)
}

/// B68: 12 failing requests: 10 messages, a line that there will be no more, then silence; a
/// failure event for each of the 12. pcpu: the budget is each allocator's own and configurable
/// (Q17), and each of the 12 returns its reason.
#[test]
fn ten_failures_are_told_of_and_all_are_traced() {
    let text = "allocation failed, size=32768 align=8 atomic=0, failed to allocate new chunk";
    for messages in [10, 2] {
        let (failures, lines) = twelve_failures(messages);
        assert_eq!(failures, 12);
        let (last, others) = lines.split_last().unwrap();
        assert_eq!(others, vec![text; messages as usize]);
        assert_eq!(*last, Warning::LimitReached.to_string());
        assert_eq!(last, "limit reached, disable warning");
    }
    assert_eq!(twelve_failures(0), (12, vec![]));
}

/// B73: UP1: 8/4, 100/4, 5/1, free the last.
#[test]
fn areas_and_sizes_are_counted() {
    let mut pool = up1();
    pool.a(8, 4);
    pool.a(100, 4);
    let last = pool.a(5, 1);
    pool.free(last);
    let stats = pool.pool.stats();
    assert_eq!((stats.nr_alloc, stats.nr_dealloc), (3, 1));
    assert_eq!((stats.nr_cur_alloc, stats.nr_max_alloc), (2, 3));
    assert_eq!((stats.nr_chunks, stats.nr_max_chunks), (1, 1));
    assert_eq!((stats.min_alloc_size, stats.max_alloc_size), (8, 100));
    assert_eq!((stats.live_bytes, stats.peak_live_bytes), (108, 116));
}

/// B74: before any allocation the smallest size reads `U` and the largest 0.
#[test]
fn before_any_allocation_the_smallest_size_is_the_unit_and_the_largest_0() {
    for (stats, unit) in [(up1().pool.stats(), 32768), (s2().pool.stats(), 45056)] {
        assert_eq!((stats.min_alloc_size, stats.max_alloc_size), (unit, 0));
    }
}

/// B75: events carry sizes after rounding: 5/1 is traced as size 8, alignment 4.
#[test]
fn events_carry_sizes_after_rounding() {
    let mut pool = up1();
    pool.machine.record_events();
    assert_eq!(pool.a(4, 4), 0);
    assert_eq!(pool.a(5, 1), 4);
    let base = pool.address(0, 0, 0);
    pool.free(4);
    assert_eq!(pool.a(32764, 4), 4);
    assert_eq!(pool.atomic(5, 1), None);

    let events = pool.machine.take_events();
    let traced = events.iter().filter_map(|event| match *event {
        Event::Alloc { reserved, is_atomic, size, align, base: of, offset } => {
            assert!(!reserved && !is_atomic && of == base);
            Some(("alloc", size, align, offset.get()))
        }
        Event::Free { base: of, offset } => {
            assert_eq!(of, base);
            Some(("free", 0, 0, offset.get()))
        }
        Event::AllocFailed { reserved, is_atomic, size, align } => {
            assert!(!reserved && is_atomic);
            Some(("fail", size, align, 0))
        }
        _ => None,
    });
    let expected = [
        ("alloc", 4, 4, 0),
        ("alloc", 8, 4, 4),
        ("free", 0, 0, 4),
        ("alloc", 32764, 4, 4),
        ("fail", 8, 4, 0),
    ];
    assert_eq!(traced.collect::<Vec<_>>(), expected);
}

/// Q11. pcpu: an area in the last granule of a chunk counts, with its whole length.
#[test]
fn an_area_that_ends_with_the_chunk_is_shown_whole() {
    let mut pool = up1();
    pool.a(32768, 4);
    let chunk = pool.chunk(0);
    assert_eq!([chunk.cur_min_alloc, chunk.cur_med_alloc, chunk.cur_max_alloc], [32768; 3]);
    pool.free(0);
    pool.a(32764, 4);
    assert_eq!(pool.a(4, 4), 32764);
    assert_eq!((pool.chunk(0).nr_alloc, pool.chunk(0).cur_min_alloc), (2, 4));
}

/// The text of `percpu_stats`, to the blank, for S2R with areas in each kind of chunk. The gaps of
/// the first are 8 and 232 bytes: fragments are -232, -8, 16, 256, whose upper median is 16.
const TEXT: &str = "\
Percpu Memory Statistics
Allocation Info:
----------------------------------------
  unit_size           :        53248
  static_size         :        16384
  reserved_size       :         8192
  dyn_size            :        28672
  atom_size           :         4096
  alloc_size          :        53248

Global Stats:
----------------------------------------
  nr_alloc            :            5
  nr_dealloc          :            1
  nr_cur_alloc        :            4
  nr_max_alloc        :            5
  nr_chunks           :            2
  nr_max_chunks       :            2
  min_alloc_size      :            8
  max_alloc_size      :        32768
  empty_pop_pages     :            6

Per Chunk Stats:
----------------------------------------
Chunk: <- Reserved Chunk
  nr_alloc            :            1
  max_alloc_size      :          100
  empty_pop_pages     :            1
  first_bit           :           25
  free_bytes          :         8092
  contig_bytes        :         8092
  sum_frag            :            0
  max_frag            :            0
  cur_min_alloc       :          100
  cur_med_alloc       :          100
  cur_max_alloc       :          100

Chunk: <- First Chunk
  nr_alloc            :            2
  max_alloc_size      :          256
  empty_pop_pages     :            6
  first_bit           :            0
  free_bytes          :        28400
  contig_bytes        :        28160
  sum_frag            :          240
  max_frag            :          232
  cur_min_alloc       :           16
  cur_med_alloc       :           16
  cur_max_alloc       :          256

Chunk:
  nr_alloc            :            1
  max_alloc_size      :        32768
  empty_pop_pages     :            0
  first_bit           :         8192
  free_bytes          :        20480
  contig_bytes        :        20480
  sum_frag            :            0
  max_frag            :            0
  cur_min_alloc       :        32768
  cur_med_alloc       :        32768
  cur_max_alloc       :        32768

";

/// The kernel's file has the kernel's format: names, order, columns, labels and blank lines.
#[test]
fn the_statistics_are_printed_as_the_kernel_prints_them() {
    let mut pool = s2r();
    assert_eq!(pool.reserved(100, 4), Ok(16384));
    assert_eq!([pool.a(8, 8), pool.a(256, 256), pool.a(16, 4)], [24576, 24832, 24584]);
    assert_eq!(pool.at(32768, 4096), (1, 0));
    pool.free(24576);
    assert_eq!(pool.pool.percpu_stats().to_string(), TEXT);
    assert_eq!(pool.report().to_string(), TEXT, "and read back");
}

/// A seeded source of numbers, enough for a trace.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % limit
    }
}

/// One random request of any size class, alignment, context and region.
fn random_request(random: &mut Random) -> (Request, usize) {
    let largest = [16, 300, 5000, 32768][random.below(4)];
    let size = 1 + random.below(largest);
    let context = [Context::MaySleep, Context::Atomic][random.below(2)];
    let region = [Region::Dynamic, Region::Dynamic, Region::Reserved][random.below(3)];
    let request = Request::new(size, 1 << random.below(13)).context(context).region(region);
    (request, size.next_multiple_of(4))
}

/// A random trace of requests, frees, work, trims and failures. `Pool` recounts everything after
/// every step; that areas do not overlap is seen here.
fn random_trace<P: Backed + Observer>(mut pool: Pool<P>, seed: u64) {
    let mut random = Random(seed);
    let mut lengths = BTreeMap::new();
    let start = pool.pool.stats();
    for _ in 0..400 {
        let (request, size) = random_request(&mut random);
        if let Ok((chunk, offset)) = pool.place(request) {
            let before = lengths.range(..(chunk, offset)).next_back();
            let clear = |(&(other, at), &len): (&(i32, usize), &usize)| {
                other != chunk || at + len <= offset
            };
            assert!(before.is_none_or(clear), "{request:?} overlaps what is before it");
            let after = lengths.range((chunk, offset)..).next();
            let clear =
                |(&(other, at), _): (&(i32, usize), _)| other != chunk || offset + size <= at;
            assert!(after.is_none_or(clear), "{request:?} overlaps what is behind it");
            lengths.insert((chunk, offset), size);
        }
        while pool.live.len() > 10 + random.below(40) {
            let place = *pool.live.keys().nth(random.below(pool.live.len())).unwrap();
            pool.free_in(place.0, place.1);
            lengths.remove(&place);
        }
        match random.below(40) {
            0 => pool.machine.fail_nth(1 + random.below(6) as u64),
            1 => pool.pool.trim(),
            2..=10 => pool.work(),
            _ => {}
        }
        pool.check();
    }
    pool.machine.fail_none();
    pool.free_all();
    pool.pool.trim();
    pool.check();
    let end = pool.pool.stats();
    assert_eq!((end.nr_cur_alloc, end.live_bytes), (0, 0));
    assert_eq!((end.nr_chunks, end.empty_pop_pages), (start.nr_chunks, start.empty_pop_pages));
    assert_eq!(end.populated_pages, start.populated_pages);
}

/// B81: after every step of any trace the invariants hold. pcpu: all of the table's, exactly.
#[test]
fn after_every_step_of_any_trace_every_count_is_exact() {
    for seed in 1..=4 {
        random_trace(up1(), seed);
        random_trace(k210(), seed);
        random_trace(s2(), seed);
        random_trace(s2r(), seed);
    }
}
