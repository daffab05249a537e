// SPDX-License-Identifier: MIT OR Apache-2.0
//! The image's static per-CPU variables: each CPU has its own, with the initial value.

use core::cell::Cell;

use pcpu::layout::CpuId;
use portable_atomic::{AtomicU32, Ordering};

use crate::image::nr_cpus;
use crate::{Image, Shared};

pcpu::statics! {
    /// Interrupts taken on this CPU.
    pub static INTERRUPTS: AtomicU32 = AtomicU32::new(0);

    /// Whose copy it is, when its CPU has said so.
    static OWNER: AtomicU32 = AtomicU32::new(NOBODY);

    /// A value that only its own CPU reads, neither zero nor a word in size.
    static RATE: Cell<[u16; 3]> = Cell::new([100, 20, 3]);
}

const NOBODY: u32 = 0xffff;

/// Checks initial values on this CPU, writes, and checks that nobody else did.
///
/// # Panics
/// When a copy is not its CPU's own.
pub fn check<I: Image>(shared: &Shared<I>, me: CpuId) {
    let pcpu = shared.pcpu();
    pcpu.pinned(|here| {
        assert_eq!(OWNER.get(here).load(Ordering::Relaxed), NOBODY, "an initial value");
        assert_eq!(RATE.get(here).get(), [100, 20, 3], "an initial value");
    });
    shared.meet();

    pcpu.pinned(|here| {
        OWNER.get(here).store(me.get(), Ordering::Relaxed);
        RATE.get(here).set([me.get() as u16; 3]);
    });
    shared.meet();

    for cpu in pcpu.geometry().cpus() {
        let owner = OWNER.on(pcpu, cpu).expect("every possible CPU has a copy");
        assert_eq!(owner.load(Ordering::Relaxed), cpu.get(), "one CPU wrote another's copy");
    }
    pcpu.pinned(|here| assert_eq!(RATE.get(here).get(), [me.get() as u16; 3], "its own"));
    assert!(OWNER.on(pcpu, CpuId::new(nr_cpus::<I>())).is_none(), "there is no such CPU");
    shared.meet();
}
