// SPDX-License-Identifier: MIT OR Apache-2.0
//! MMU machines: pages come and go, and no CPU sees one that has gone.
//!
//! ```text
//!  CPU 0: an area of some pages in a later chunk, beside one that stays
//!  all:   each writes its own copy; then each probes every CPU's copy, so that its TLB knows it
//!  CPU 0: frees, trims: unmap, flush  ──── the others have interrupts masked for a while, so
//!                                          a flush that does not wait for them is seen
//!  all:   every probe of the area faults; the area beside it is as it was
//!  CPU 0: an area there again: zero on every CPU
//! ```
//!
//! And the road back: mapping fails after each number of pages in turn; then every page of the
//! attempt faults on every CPU, and the same addresses serve again.

use core::hint;

use pcpu::layout::CpuId;
use pcpu::{AllocError, Cookie, Request};
use portable_atomic::Ordering;

use crate::console::say;
use crate::faulty::fail_after;
use crate::image::{MOST_CPUS, nr_cpus};
use crate::run::{Kind, another, first};
use crate::{MappedImage, Shared};

/// Rounds of coming and going.
const ROUNDS: u32 = 6;

/// Pages of the area that comes and goes.
const PAGES: usize = 3;

/// How long a CPU keeps its interrupts masked, in looks at a flag.
const PATIENCE: u32 = 300_000;

/// An area that all CPUs probe: the address of its copy on each CPU.
#[derive(Clone, Copy)]
pub struct Target([usize; MOST_CPUS]);

/// Runs an image with the vm back end on CPU 0.
pub fn primary<I: MappedImage>(shared: &Shared<I>) -> ! {
    first(&kind(), shared)
}

/// Runs an image with the vm back end on another CPU.
pub fn secondary<I: MappedImage>(shared: &Shared<I>) -> ! {
    another(&kind(), shared)
}

fn kind<I: MappedImage>() -> Kind<I> {
    Kind {
        name: "vm",
        conform: pcpu_conformance::everything_mapped::<I::Platform>,
        extra: come_and_go,
    }
}

/// What all CPUs do at once.
fn come_and_go<I: MappedImage>(shared: &Shared<I>, me: CpuId) {
    let boss = me == CpuId::new(0);
    // Areas that fill the first chunk, so that the next are in one that is mapped.
    let mut fillers = [const { None }; 8];
    let mut stays = None;
    if boss {
        let mut fillers = fillers.iter_mut();
        stays = loop {
            let area = alloc(shared).expect("there is memory");
            if shared.pcpu().placement(&area).is_some_and(|place| place.chunk > 0) {
                break Some(area);
            }
            *fillers.next().expect("the first chunk is small") = Some(area);
        };
        publish(shared, stays.as_ref().expect("set above"));
    }
    let staying = collect(shared);
    write_own(shared, me, &staying);

    let mut last = None;
    for _ in 0..ROUNDS {
        let area = boss.then(|| alloc(shared).expect("there is memory"));
        area.iter().for_each(|area| publish(shared, area));
        let target = collect(shared);
        see_zeros(shared, &target);
        write_own(shared, me, &target);
        see_all(shared, &target);
        match area {
            Some(area) => go_away(shared, area),
            None => hold_out(shared),
        }
        shared.meet();
        see_nothing(shared, &target);
        see_all(shared, &staying);
        last = Some(target);
    }

    let target = last.expect("there were rounds");
    if boss {
        fail_everywhere(shared);
    }
    shared.meet();
    see_nothing(shared, &target);
    see_all(shared, &staying);
    if boss {
        let again = alloc(shared).expect("there is memory");
        assert_eq!(addresses(shared, &again).0, target.0, "the same place as before");
        for area in fillers.into_iter().flatten().chain(stays).chain([again]) {
            shared.pcpu().free(area).expect("a live area");
        }
        say(shared, format_args!("mapped: {ROUNDS} rounds, no CPU saw a page that had gone"));
    }
    shared.meet();
}

fn alloc<I: MappedImage>(shared: &Shared<I>) -> Result<Cookie, AllocError> {
    let page = I::CONFIG.page_size;
    shared.pcpu().alloc(Request::new(PAGES * page, page))
}

fn addresses<I: MappedImage>(shared: &Shared<I>, area: &Cookie) -> Target {
    let pcpu = shared.pcpu();
    let mut at = [0; MOST_CPUS];
    for cpu in pcpu.geometry().cpus() {
        at[cpu.index()] = pcpu.address(area, cpu).expect("a possible CPU").get();
    }
    Target(at)
}

/// CPU 0 tells the others where an area is.
fn publish<I: MappedImage>(shared: &Shared<I>, area: &Cookie) {
    *shared.target.lock() = Some(addresses(shared, area));
}

/// Everybody waits for what CPU 0 publishes.
fn collect<I: MappedImage>(shared: &Shared<I>) -> Target {
    shared.meet();
    let target = shared.target.lock().expect("published before all met");
    shared.meet();
    target
}

/// What a CPU writes in its copies.
fn tag(cpu: usize) -> u8 {
    0x40 + cpu as u8
}

/// First bytes of the pages of an area's copy.
fn pages<I: MappedImage>(start: usize) -> impl Iterator<Item = usize> {
    (0..PAGES).map(move |page| start + page * I::CONFIG.page_size)
}

/// Writes this CPU's copy, and waits for the others.
fn write_own<I: MappedImage>(shared: &Shared<I>, me: CpuId, target: &Target) {
    shared.pcpu().pinned(|_| {
        for at in pages::<I>(target.0[me.index()]) {
            // SAFETY: a byte of an area that CPU 0 keeps until all have met, in this CPU's copy.
            unsafe { core::ptr::with_exposed_provenance_mut::<u8>(at).write(tag(me.index())) };
        }
    });
    shared.meet();
}

/// Looks at every CPU's copy, and waits for the others.
fn see<I: MappedImage>(
    shared: &Shared<I>,
    target: &Target,
    expected: impl Fn(usize) -> Option<u8>,
) {
    for cpu in 0..nr_cpus::<I>() as usize {
        for at in pages::<I>(target.0[cpu]) {
            assert_eq!(I::probe(at), expected(cpu), "a look at a page of CPU {cpu}'s copy");
        }
    }
    shared.meet();
}

/// Fills this CPU's TLB with the pages, which are zero.
fn see_zeros<I: MappedImage>(shared: &Shared<I>, target: &Target) {
    see(shared, target, |_| Some(0));
}

/// Fills this CPU's TLB with the pages, which hold what their CPUs wrote.
fn see_all<I: MappedImage>(shared: &Shared<I>, target: &Target) {
    see(shared, target, |cpu| Some(tag(cpu)));
}

/// Faults on every page.
fn see_nothing<I: MappedImage>(shared: &Shared<I>, target: &Target) {
    see(shared, target, |_| None);
}

/// CPU 0 lets the pages of an area go, and says when the flush has returned.
fn go_away<I: MappedImage>(shared: &Shared<I>, area: Cookie) {
    let others = if I::ACKNOWLEDGES { nr_cpus::<I>() - 1 } else { 0 };
    while shared.masked.load(Ordering::Acquire) < others {
        hint::spin_loop();
    }
    shared.pcpu().free(area).expect("a live area");
    shared.pcpu().trim();
    shared.flushed.store(true, Ordering::Release);
    shared.meet();
    shared.masked.store(0, Ordering::Relaxed);
    shared.flushed.store(false, Ordering::Relaxed);
}

/// The other CPUs keep their interrupts masked for a while: a flush that needs their answer
/// cannot return before.
fn hold_out<I: MappedImage>(shared: &Shared<I>) {
    if I::ACKNOWLEDGES {
        shared.pcpu().pinned(|_| {
            shared.masked.fetch_add(1, Ordering::AcqRel);
            for _ in 0..PATIENCE {
                let early = shared.flushed.load(Ordering::Acquire);
                assert!(!early, "a flush returned before this CPU had answered");
            }
        });
    }
    shared.meet();
}

/// Lets mapping fail after each number of pages in turn.
fn fail_everywhere<I: MappedImage>(shared: &Shared<I>) {
    for mapped in 0..PAGES as u32 * nr_cpus::<I>() {
        fail_after(Some(mapped));
        let error = alloc(shared).expect_err("mapping fails");
        assert!(matches!(error, AllocError::OutOfPages { .. }), "another error: {error}");
    }
    fail_after(None);
}
