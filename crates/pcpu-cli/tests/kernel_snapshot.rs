// SPDX-License-Identifier: MIT OR Apache-2.0
//! Held against a real kernel: its own `percpu_stats`, at two moments of the built-in trace.
//!
//! While the trace was recorded, Linux was asked twice for its statistics, between two marks:
//!
//! ```text
//!  17 areas │ 421 allocations, 55 frees  ▼            10953, 10670            ▼
//!  ─────────┴──────── boot ────── snapshot boot ────── churn ────────── snapshot churn ──
//!  untraced                       the same text                 the same totals, other places
//! ```
//!
//! The same requests are replayed here on a machine of the same shape. The first 17 are in no
//! trace, as the allocator is older than the tracepoints; from where the first traced area
//! lies it is known that they fill the 272 bytes from 2456 on.
//!
//! The text of a trace is in the order of its time stamps, which across CPUs is that of the calls
//! only to a microsecond. Both counts of both snapshots still agree exactly: no event
//! lies between a mark and the moment at which the kernel counted.

use std::collections::HashMap;

use pcpu_core::{Allocator, Config, Context, Cookie, Request};
use pcpu_sim::{Machine, Smp};
use pcpu_trace::percpu_stats::{self, ChunkLabel, Report};
use pcpu_trace::{Alloc, Event, Op, Reader};

const TRACE: &[u8] = include_bytes!("../traces/boot612-numa8.trace.zst");
const KERNEL_AT_BOOT: &str = include_str!("data/boot612-numa8.percpu_stats.boot.txt");
const KERNEL_AT_CHURN: &str = include_str!("data/boot612-numa8.percpu_stats.churn.txt");

/// The recorded kernel's figures.
const CONFIG: Config =
    Config { static_size: 194_968, dyn_size: 30_312, atom_size: 2 << 20, ..Config::LINUX };

/// Requests from before the tracepoints, of 16 bytes each, and where the first one lies.
const NR_UNTRACED: usize = 17;
const FIRST_UNTRACED: usize = 2456;

/// Frames and pages of address space. None costs memory before it is used, and the vm areas of
/// two nodes are as far apart as the nodes.
const PAGES: usize = 1 << 31;

/// Replays the trace up to a mark and returns the statistics, as text, and the bytes alive.
fn replayed_until(mark: &str) -> (String, u64) {
    let machine = Machine::builder().cpus(8).nodes(2).frames_per_node(PAGES / 2);
    let machine = machine.address_space(PAGES).build();
    let pool = Allocator::<Smp>::new(machine.smp(), &CONFIG, &[]).unwrap();
    pool.enable_balance();
    let untraced: Vec<usize> = (0..NR_UNTRACED)
        .map(|_| {
            let cookie = pool.alloc(Request::new(16, 8)).unwrap();
            pool.placement(&cookie).unwrap().offset.get()
        })
        .collect();
    assert_eq!((untraced[0], untraced[NR_UNTRACED - 1] + 16), (FIRST_UNTRACED, 2728));

    let mut live: HashMap<u64, Cookie> = HashMap::new();
    for event in Reader::new("built-in", TRACE).unwrap() {
        match event.unwrap() {
            Event::Mark(text) if text == mark => {
                return (pool.percpu_stats().to_string(), pool.stats().live_bytes);
            }
            Event::Mark(_) | Event::Op(Op::Balance) => {}
            Event::Op(Op::Alloc(alloc)) => {
                // No request was refused when it was recorded.
                live.insert(alloc.id, pool.alloc(request(&alloc)).unwrap());
            }
            Event::Op(Op::Free(id)) => pool.free(live.remove(&id).unwrap()).unwrap(),
        }
        if pool.balance_wanted() {
            pool.balance();
        }
    }
    panic!("the trace has no mark `{mark}`");
}

fn request(alloc: &Alloc) -> Request {
    let context = match alloc.context {
        pcpu_trace::Context::MaySleep => Context::MaySleep,
        pcpu_trace::Context::Atomic => Context::Atomic,
    };
    Request::new(alloc.size as usize, alloc.align as usize).context(context)
}

/// Areas and their bytes, chunk by chunk in order of creation.
fn areas_and_bytes(report: &Report) -> Vec<(u64, u64)> {
    let mut chunks: Vec<_> = report.chunks.iter().collect();
    chunks.sort_by_key(|chunk| chunk.label != ChunkLabel::First);
    let size = |first| if first { report.allocation.dyn_size } else { report.allocation.unit_size };
    let figures = chunks.into_iter().map(|chunk| {
        let size = size(chunk.label == ChunkLabel::First);
        (chunk.stats.nr_alloc, size - chunk.stats.free_bytes)
    });
    figures.collect()
}

#[test]
fn after_the_boot_every_figure_is_the_kernels() {
    let (ours, _) = replayed_until("snapshot boot begin");
    assert_eq!(ours, KERNEL_AT_BOOT);
}

#[test]
fn after_the_churn_the_totals_are_the_kernels() {
    let (text, live_bytes) = replayed_until("snapshot churn begin");
    let ours = percpu_stats::parse(&text).unwrap();
    let kernel = percpu_stats::parse(KERNEL_AT_CHURN).unwrap();

    assert_eq!(ours.allocation, kernel.allocation);
    // All but the spare pages, which depend on places; see below.
    let spare = kernel.global.empty_pop_pages;
    let mut global = ours.global;
    global.empty_pop_pages = spare;
    assert_eq!(global, kernel.global);
    assert_eq!((global.nr_alloc, global.nr_dealloc, global.nr_max_alloc), (11391, 10725, 1285));

    let bytes = |report: &Report| areas_and_bytes(report).iter().map(|(_, bytes)| bytes).sum();
    assert_eq!(live_bytes, bytes(&kernel));
    assert_eq!(live_bytes, bytes(&ours));
    assert_eq!(live_bytes, 54_412);
}

/// Why the places are others: the kernel's first chunk has a hole of 616 bytes and believes that its
/// longest is 4, because a free that does not empty its page goes unnoticed (Q1), and a chunk that
/// refused a small request is not asked again (Q6). pcpu knows its longest hole, fills the
/// first chunk with more of the small areas, and leaves a longer run in the second.
///
/// The kernel's algorithm itself, run outside the kernel on the same requests in the order of the
/// text, has 443 areas in the first chunk where the kernel had 447: so much is the order of calls
/// that overlapped. The other 45 of the difference to pcpu are those holes.
#[test]
fn after_the_churn_the_first_chunk_holds_more_areas_than_the_kernels() {
    let ours = percpu_stats::parse(&replayed_until("snapshot churn begin").0).unwrap();
    let kernel = percpu_stats::parse(KERNEL_AT_CHURN).unwrap();
    assert_eq!(areas_and_bytes(&kernel), [(447, 27_552), (219, 26_860)]);
    assert_eq!(areas_and_bytes(&ours), [(492, 26_400), (174, 28_012)]);

    let first = |report: &Report| {
        let chunk = report.chunks.iter().find(|chunk| chunk.label == ChunkLabel::First).unwrap();
        (chunk.stats.contig_bytes, chunk.stats.max_frag)
    };
    assert_eq!(first(&kernel), (4, 616), "the kernel does not know its longest hole");
    assert_eq!(first(&ours), (608, 608), "pcpu does");
    let spare = |report: &Report| report.global.empty_pop_pages;
    assert_eq!((spare(&kernel), spare(&ours)), (47, 45));
}
