// SPDX-License-Identifier: MIT OR Apache-2.0
//! The course of an image, on CPU 0 and on the others.

use core::hint;

use pcpu::Pcpu;
use pcpu::layout::CpuId;
use pcpu::platform::Cpus;
use portable_atomic::Ordering;

use crate::console::say;
use crate::image::nr_cpus;
use crate::{Image, Shared, crowd, exhaust, replay, statics};

/// Steps of each CPU in the first crowd; the second has a quarter of them.
const ROUNDS: u32 = 1_500;

/// Interrupts sent to each CPU, one after the other.
const INTERRUPTS: u32 = 40;

/// What an image of some kind does beyond the common course.
pub(crate) struct Kind<I: Image> {
    /// Its back end.
    pub name: &'static str,
    /// Runs the conformance suite.
    pub conform: fn(&I::Platform),
    /// Runs on every CPU at once, after the first crowd.
    pub extra: fn(&Shared<I>, CpuId),
}

impl<I: Image> Kind<I> {
    /// A machine that maps nothing.
    const FLAT: Self =
        Self { name: "km", conform: pcpu_conformance::platform::<I::Platform>, extra: |_, _| {} };
}

/// Runs an image with the km back end on CPU 0.
pub fn primary<I: Image>(shared: &Shared<I>) -> ! {
    first(&Kind::FLAT, shared)
}

/// Runs an image with the km back end on another CPU.
pub fn secondary<I: Image>(shared: &Shared<I>) -> ! {
    another(&Kind::FLAT, shared)
}

/// What the interrupt handler does for the image: counts, allocates, frees.
pub fn interrupted<I: Image>(shared: &Shared<I>) {
    let Some(pcpu) = shared.pcpu.get() else { return };
    pcpu.pinned(|here| statics::INTERRUPTS.get(here).fetch_add(1, Ordering::Relaxed));
    shared.handlers_inside.fetch_add(1, Ordering::SeqCst);
    if shared.handlers_work.load(Ordering::SeqCst) {
        crowd::in_handler(pcpu);
    }
    shared.handlers_inside.fetch_sub(1, Ordering::SeqCst);
}

/// Keeps handlers away from the pool from now on: what follows counts every area.
fn dismiss_handlers<I: Image>(shared: &Shared<I>) {
    shared.handlers_work.store(false, Ordering::SeqCst);
    while shared.handlers_inside.load(Ordering::SeqCst) > 0 {
        hint::spin_loop();
    }
}

pub(crate) fn first<I: Image>(kind: &Kind<I>, shared: &Shared<I>) -> ! {
    let me = CpuId::new(0);
    say(shared, format_args!("{}: {} CPUs, back end {}", I::NAME, nr_cpus::<I>(), kind.name));
    let platform = I::platform();
    (kind.conform)(&platform);
    say(shared, format_args!("conformance: every promise kept"));

    shared.pcpu.call_once(|| match Pcpu::new(platform, &I::CONFIG) {
        Ok(pcpu) => {
            pcpu.enable_balance();
            pcpu
        }
        Err(error) => panic!("no pool: {error}"),
    });
    I::release_others();
    together(kind, shared, me);

    let pcpu = shared.pcpu();
    replay::run(shared);
    let areas = exhaust::run(shared);
    say(
        shared,
        format_args!("out of memory after {areas} areas of the largest size; all given back"),
    );
    shared.meet();
    crowd::live(shared, me, ROUNDS / 4);
    shared.meet();

    crowd::sweep(shared);
    pcpu.trim();
    if let Err(broken) = pcpu.check() {
        panic!("{broken}");
    }
    assert_eq!(pcpu.stats().nr_cur_alloc, 0, "every area was freed");
    say(shared, format_args!("PASS"));
    I::exit(0)
}

pub(crate) fn another<I: Image>(kind: &Kind<I>, shared: &Shared<I>) -> ! {
    let me = shared.pcpu().platform().current();
    together(kind, shared, me);
    shared.meet();
    crowd::live(shared, me, ROUNDS / 4);
    shared.meet();
    loop {
        hint::spin_loop();
    }
}

/// What all CPUs do at once.
fn together<I: Image>(kind: &Kind<I>, shared: &Shared<I>, me: CpuId) {
    let pcpu = shared.pcpu();
    let bit = 1 << me.index();
    let before = shared.begun.fetch_or(bit, Ordering::AcqRel);
    assert_eq!(before & bit, 0, "two CPUs think that they are CPU {}", me.get());
    statics::check(shared, me);
    if me == CpuId::new(0) {
        say(shared, format_args!("statics: every CPU has its own"));
    }

    let areas = crowd::live(shared, me, ROUNDS);
    shared.crowd.fetch_sub(1, Ordering::AcqRel);
    if me == CpuId::new(0) {
        // The worker stays until the last has left, and disturbs them meanwhile.
        let sent = disturb(shared);
        while shared.crowd.load(Ordering::Acquire) > 0 {
            pcpu.balance();
        }
        dismiss_handlers(shared);
        crowd::sweep(shared);
        say(shared, format_args!("crowd: {areas} areas on CPU 0, {sent} interrupts answered"));
    }
    shared.meet();
    (kind.extra)(shared, me);
    shared.meet();
}

/// Interrupts the other CPUs, each as soon as it answered the last one.
fn disturb<I: Image>(shared: &Shared<I>) -> u32 {
    let pcpu = shared.pcpu();
    let mut sent = 0;
    for cpu in (1..nr_cpus::<I>()).map(CpuId::new) {
        let taken = statics::INTERRUPTS.on(pcpu, cpu).expect("every possible CPU has a copy");
        for _ in 0..INTERRUPTS {
            let before = taken.load(Ordering::Relaxed);
            I::interrupt(cpu);
            while taken.load(Ordering::Relaxed) == before {
                hint::spin_loop();
            }
            sent += 1;
        }
    }
    sent
}
