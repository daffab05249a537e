// SPDX-License-Identifier: MIT OR Apache-2.0
//! Additions by restartable sequences that differ in how they find the unit.
//!
//! They are written out here because pcpu has one of them. All have what any of them needs: the
//! descriptor is stored first, and a thread that is not registered is noticed.
#![allow(unsafe_code)]

use std::arch::asm;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use libloading::os::unix::Library;
use pcpu::{Mode, PerCpu, Registrar};

use crate::region::Region;
use crate::turns::{self, Contender};

/// The distance of units, and what colour makes of it.
const STRIDE: usize = 64 << 10;
const COLOURED: usize = STRIDE + 4096 + 64;

/// CPUs that the region has units for.
const CPUS: usize = 512;

/// Counters in turn: each a cache line on.
const IN_TURN: usize = 16;

/// Set in a table's entry, and in the address that it is added to.
const PRESENT: usize = 1 << 63;

/// Where things are.
#[derive(Clone, Copy)]
struct At {
    /// Distance of the thread's area from its thread pointer.
    area: isize,
    /// Entry 0 of the table of units.
    table: *const AtomicUsize,
    /// Address of the counter in unit 0; with the top bit set, where a table is used.
    counter: usize,
}

/// A function that adds 1 so many times, to [`IN_TURN`] counters or to one. The lines are those of the
/// range: the last is its one store.
macro_rules! addition {
    ($(#[$doc:meta])* $name:ident, |$at:ident| [$($line:literal),*], $($operands:tt)*) => {
        $(#[$doc])*
        #[inline(never)]
        fn $name<const COUNTERS: usize>($at: At, nr: u64) {
            for _ in 0..nr.div_ceil(COUNTERS as u64) {
                for number in 0..COUNTERS {
                    // SAFETY: the area is the thread's, registered by libc (`compare` has seen to that);
                    // the table has an entry for every CPU, and each counter is a word of its own in
                    // every unit, which only this thread changes. The range ends in its one store.
                    unsafe {
                        asm!(
                            "2: lea {t}, [rip + 3f]",
                            "mov qword ptr fs:[{area} + 8], {t}",
                            "4:",
                            $($line,)*
                            "5:",
                            ".pushsection __rseq_cs, \"aw\", @progbits",
                            ".balign 32",
                            "3: .long 0, 0",
                            ".quad 4b, 5b - 4b, 6f",
                            ".popsection",
                            ".pushsection __rseq_failure, \"ax\", @progbits",
                            ".byte 0x0f, 0xb9, 0x3d",
                            ".long 0x53053053",
                            "6: jmp 2b",
                            // Of a thread that is not registered.
                            "7: ud2",
                            ".popsection",
                            t = out(reg) _,
                            area = in(reg) $at.area,
                            counter = in(reg) $at.counter + number * 64,
                            $($operands)*
                            options(nostack),
                        );
                    }
                }
            }
        }
    };
}

addition! {
    /// The address is known: what the sequence itself costs.
    fixed, |at| ["mov {t}, {counter}", "add qword ptr [{t}], 1"],
}

addition! {
    /// As pcpu does it. A CPU without a unit is noticed by the same jump.
    by_table, |at| [
        "movsxd {t}, dword ptr fs:[{area} + 4]",
        "mov {t}, qword ptr [{table} + {t} * 8]",
        "add {t}, {counter}",
        "js 7f",
        "add qword ptr [{t}], 1"
    ],
    table = in(reg) at.table,
}

addition! {
    /// The same, and the addition in three instructions instead of one.
    by_table_apart, |at| [
        "movsxd {t}, dword ptr fs:[{area} + 4]",
        "mov {t}, qword ptr [{table} + {t} * 8]",
        "add {t}, {counter}",
        "js 7f",
        "mov {sum}, qword ptr [{t}]",
        "inc {sum}",
        "mov qword ptr [{t}], {sum}"
    ],
    table = in(reg) at.table,
    sum = out(reg) _,
}

addition! {
    /// Units a power of two apart.
    by_shift, |at| [
        "movsxd {t}, dword ptr fs:[{area} + 4]",
        "test {t}, {t}",
        "js 7f",
        "shl {t}, 16",
        "add {t}, {counter}",
        "add qword ptr [{t}], 1"
    ],
}

addition! {
    /// Units a page and a line further apart.
    by_colour, |at| [
        "movsxd {t}, dword ptr fs:[{area} + 4]",
        "test {t}, {t}",
        "js 7f",
        "imul {t}, {t}, {coloured}",
        "add {t}, {counter}",
        "add qword ptr [{t}], 1"
    ],
    coloured = const COLOURED,
}

addition! {
    /// A distance that is not known when the program is built.
    by_runtime_stride, |at| [
        "movsxd {t}, dword ptr fs:[{area} + 4]",
        "test {t}, {t}",
        "js 7f",
        "imul {t}, {stride}",
        "add {t}, {counter}",
        "add qword ptr [{t}], 1"
    ],
    stride = in(reg) COLOURED,
}

/// The atomic addition that all are compared with.
#[inline(never)]
fn atomic<const COUNTERS: usize>(region: &Region, nr: u64) {
    for _ in 0..nr.div_ceil(COUNTERS as u64) {
        for number in 0..COUNTERS {
            region.word(number * 64).fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What an addition costs where nobody else adds.
#[inline(never)]
fn plain<const COUNTERS: usize>(region: &Region, nr: u64) {
    for _ in 0..nr.div_ceil(COUNTERS as u64) {
        for number in 0..COUNTERS {
            let word = region.word(number * 64);
            word.store(word.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }
}

#[inline(never)]
fn this_cpu<const COUNTERS: usize>(counters: &[PerCpu<AtomicU64>; COUNTERS], nr: u64) {
    for _ in 0..nr.div_ceil(COUNTERS as u64) {
        counters.iter().for_each(|counter| counter.this_cpu().add(1));
    }
}

/// Prints two tables, where the C library has registered this thread.
pub fn compare() {
    let by_libc = matches!(pcpu::mode(), Mode::Sequences(it) if it.by == Registrar::Libc);
    let Some(area) = offset_of_area().filter(|_| by_libc) else {
        println!("no sequences by the C library here: {}", pcpu::mode());
        return;
    };
    one_cpu();
    let region = Region::new(CPUS * COLOURED);
    let table: Vec<_> = (0..CPUS).map(|cpu| AtomicUsize::new(PRESENT | (cpu * STRIDE))).collect();
    let counter = region.word(0).as_ptr().expose_provenance();
    let at = At { area, table: table.as_ptr(), counter };
    additions::<1>("Additions to one counter", &region, at);
    additions::<IN_TURN>("Additions to sixteen counters in turn", &region, at);
}

fn additions<const COUNTERS: usize>(title: &str, region: &Region, at: At) {
    let counters: [_; COUNTERS] =
        std::array::from_fn(|_| PerCpu::<AtomicU64>::zeroed().expect("memory for a counter"));
    let biased = At { counter: at.counter | PRESENT, ..at };
    let contenders: Vec<Contender<'_>> = vec![
        ("atomic addition".into(), Box::new(|nr| atomic::<COUNTERS>(region, nr))),
        ("plain addition".into(), Box::new(|nr| plain::<COUNTERS>(region, nr))),
        ("sequence, address known".into(), Box::new(move |nr| fixed::<COUNTERS>(at, nr))),
        ("table of units".into(), Box::new(move |nr| by_table::<COUNTERS>(biased, nr))),
        (
            "the same; load, add, store".into(),
            Box::new(move |nr| by_table_apart::<COUNTERS>(biased, nr)),
        ),
        ("constant shift, 64 KiB".into(), Box::new(move |nr| by_shift::<COUNTERS>(at, nr))),
        ("constant product, 68 KiB + 64".into(), Box::new(move |nr| by_colour::<COUNTERS>(at, nr))),
        (
            "product with a register".into(),
            Box::new(move |nr| by_runtime_stride::<COUNTERS>(at, nr)),
        ),
        ("PerCpu::this_cpu().add (table)".into(), Box::new(|nr| this_cpu(&counters, nr))),
    ];
    turns::compare(title, contenders);
}

/// Keeps the thread on the CPU it is on.
fn one_cpu() {
    use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

    let mut only = CpuSet::new();
    only.set(sched_getcpu());
    // Where that is forbidden, counters of several CPUs are used, and little changes.
    let _ = sched_setaffinity(None, &only);
}

/// Where the C library says that areas are, if it registers threads.
fn offset_of_area() -> Option<isize> {
    // SAFETY: a variable of the C library, of this type, set before the program's code runs.
    let symbol = unsafe { Library::this().get::<*const isize>(b"__rseq_offset\0") }.ok()?;
    // SAFETY: likewise.
    Some(unsafe { symbol.read() })
}
