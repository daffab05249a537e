// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes become operations of the trace language, run on a simulated machine.
//!
//! The first byte says which cell, the rest what is asked. After every operation everything is
//! recounted; at the end everything is freed and trimmed, and nothing may be left. The machine
//! is small, so that requests also fail, and itself checks every page, mapping and flush.
//!
//! `cargo fuzz fmt ops FILE` prints a failing input as a trace, for `pcpu replay`.
#![no_main]

use std::collections::BTreeMap;
use std::fmt;

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use pcpu_core::{Allocator, Config, Cookie, Machine as Backed, OnFailure, Request};
use pcpu_sim::Machine;
use pcpu_trace::{Alloc, Context, Id, Op, Region};

/// Names that are in use at the same time.
const NR_IDS: u64 = 64;
/// Operations in one life.
const MOST_OPS: usize = 300;

fuzz_target!(|life: Life| {
    let config = Config { static_size: 1000, reserved_size: 8192, ..Config::default() };
    match life.cell {
        Cell::Up => {
            let machine = machine(1);
            let pool = Allocator::new(machine.uni(), &Config::default(), &[]).expect("set-up");
            live(&machine, pool, &life.ops);
        }
        Cell::SmpNoMmu => {
            let machine = machine(3);
            let pool = Allocator::new(machine.no_mmu(), &config, &[]).expect("set-up");
            live(&machine, pool, &life.ops);
        }
        Cell::SmpMmu => {
            let machine = machine(3);
            let pool = Allocator::new(machine.smp(), &config, &[]).expect("set-up");
            live(&machine, pool, &life.ops);
        }
        Cell::SmpMmuPaged => {
            let machine = machine(2);
            let pool = Allocator::new_paged(machine.smp(), &config, &[]).expect("set-up");
            live(&machine, pool, &life.ops);
        }
    }
});

#[derive(Clone, Copy, Debug)]
enum Cell {
    Up,
    SmpNoMmu,
    SmpMmu,
    SmpMmuPaged,
}

struct Life {
    cell: Cell,
    ops: Vec<Op>,
}

impl<'a> Arbitrary<'a> for Life {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let cell = match bytes.arbitrary::<u8>()? % 4 {
            0 => Cell::Up,
            1 => Cell::SmpNoMmu,
            2 => Cell::SmpMmu,
            _ => Cell::SmpMmuPaged,
        };
        let mut ops = Vec::new();
        while !bytes.is_empty() && ops.len() < MOST_OPS {
            ops.push(op(bytes)?);
        }
        Ok(Self { cell, ops })
    }
}

impl fmt::Debug for Life {
    /// Prints a trace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {:?}", self.cell)?;
        self.ops.iter().try_for_each(|op| writeln!(f, "{op}"))
    }
}

fn op(bytes: &mut Unstructured<'_>) -> Result<Op> {
    let id = u64::from(bytes.arbitrary::<u8>()?) % NR_IDS;
    Ok(match bytes.arbitrary::<u8>()? {
        0..=95 => Op::Free(id),
        96..=103 => Op::Balance,
        kind => Op::Alloc(Alloc {
            id,
            size: size(bytes)?,
            align: align(bytes)?,
            context: if kind % 4 == 0 { Context::Atomic } else { Context::MaySleep },
            region: if kind % 8 == 1 { Region::Reserved } else { Region::Dynamic },
        }),
    })
}

/// Mostly what a pool can serve, now and then any number.
fn size(bytes: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match bytes.arbitrary::<u8>()? {
        0 => bytes.arbitrary()?,
        1..=31 => u64::from(bytes.arbitrary::<u16>()?),
        small => u64::from(small) * 4,
    })
}

fn align(bytes: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match bytes.arbitrary::<u8>()? {
        0 => bytes.arbitrary()?,
        power => 1 << (power % 14),
    })
}

fn machine(cpus: u32) -> Machine {
    Machine::builder().cpus(cpus).frames_per_node(200).build()
}

fn live<P: Backed>(machine: &Machine, pool: Allocator<P>, ops: &[Op]) {
    let pages = pool.stats().total_pages;
    pool.enable_balance();
    let mut areas = BTreeMap::new();
    for op in ops {
        step(&pool, &mut areas, op);
        pool.check().unwrap_or_else(|broken| panic!("{broken} after {op}"));
    }
    for cookie in areas.into_values() {
        pool.free(cookie).expect("it is live");
    }
    pool.trim();
    pool.check().unwrap_or_else(|broken| panic!("{broken} at the end"));
    assert_eq!((pool.stats().nr_cur_alloc, pool.stats().total_pages), (0, pages));
    drop(pool);
    assert_eq!((machine.frames_in_use(), machine.metadata_outstanding()), (0, 0));
    assert_eq!(machine.areas_reserved(), 0);
}

fn step<P: Backed>(pool: &Allocator<P>, areas: &mut BTreeMap<Id, Cookie>, op: &Op) {
    match *op {
        Op::Alloc(alloc) => {
            let Ok(cookie) = pool.alloc(request(alloc)) else { return };
            // A name that is in use goes to the new area.
            if let Some(old) = areas.insert(alloc.id, cookie) {
                pool.free(old).expect("it is live");
            }
        }
        Op::Free(id) => {
            let Some(cookie) = areas.remove(&id) else { return };
            let raw = cookie.into_raw().get();
            pool.free_raw(raw).expect("it is live");
            pool.free_raw(raw).expect_err("it is free");
        }
        Op::Balance => pool.balance(),
    }
}

fn request(alloc: Alloc) -> Request {
    let number = |value| usize::try_from(value).unwrap_or(usize::MAX);
    let request =
        Request::new(number(alloc.size), number(alloc.align)).on_failure(OnFailure::Quiet);
    let context = match alloc.context {
        Context::MaySleep => pcpu_core::Context::MaySleep,
        Context::Atomic => pcpu_core::Context::Atomic,
    };
    let region = match alloc.region {
        Region::Dynamic => pcpu_core::Region::Dynamic,
        Region::Reserved => pcpu_core::Region::Reserved,
    };
    request.context(context).region(region)
}
