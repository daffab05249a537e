// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two cores, 16 KiB of RAM in all: stacks, statics, pool, records and 16 pages of 256 bytes.
//!
//! The link script ends RAM after 16 KiB, and the stacks are the smallest that printing needs. Both
//! cores allocate, use and free; then memory ends, and comes back.
#![no_std]
#![no_main]

use an521::{An521, Variant};
use bitmap_allocator::BitAlloc256;
use pcpu::layout::CpuId;
use pcpu::platform::{Cpus, SmpNoMmu};
use pcpu::{AllocError, Allocator, Config, Context, Cookie, Pcpu, Request, Watermarks};
use pcpu_bare::Bare;
use scenario::{Image, Meeting};
use spin::Once;

enum Tiny {}

impl Variant for Tiny {
    const NAME: &'static str = "mps2-an521-tiny";
    const CORES: u32 = 2;
    const PAGE_SIZE: usize = 256;
    const PAGES: usize = 16 * 256;
    const RECORDS: usize = 1792;

    type Cell = SmpNoMmu;
    type Pages = BitAlloc256;
}

type Board = An521<Tiny>;

const CONFIG: Config = Config {
    min_unit_size: 1024,
    dyn_size: 512,
    early_size: 256,
    watermarks: Watermarks { low: 0, high: 1 },
    ..Config::linux(256)
};

pcpu::statics! {
    /// Areas that this core has had.
    static HAD: portable_atomic::AtomicU32 = portable_atomic::AtomicU32::new(0);
}

static POOL: Once<Pcpu<Bare<Board>>> = Once::new();
static BOTH: Meeting = Meeting::new(2);

#[unsafe(no_mangle)]
fn image_primary() -> ! {
    Board::write("mps2-an521-tiny: 2 CPUs, back end km\n");
    let pool = POOL.call_once(|| {
        Pcpu::new(Board::platform(), &CONFIG).unwrap_or_else(|error| panic!("no pool: {error}"))
    });
    pool.enable_balance();
    let records = Tiny::RECORDS - pool.platform().free_records();
    Board::release_others();
    live(pool);

    let areas = exhaust(pool);
    let more = Tiny::RECORDS - pool.platform().free_records() - records;
    pool.trim();
    if let Err(broken) = pool.check() {
        panic!("{broken}");
    }
    let had = [0, 1].map(|cpu| HAD.on(pool, CpuId::new(cpu)).expect("both have a copy"));
    let had = had.map(|had| had.load(portable_atomic::Ordering::Relaxed));
    let (whole, alone) = (size_of_val(pool), size_of::<Allocator<Bare<Board>>>());
    say(format_args!("RAM: 16384 bytes; the pool {alone}, with statics {whole}\n"));
    say(format_args!("records: {records} bytes at set-up, {more} for a further chunk\n"));
    say(format_args!("areas: {had:?} on the two cores; out of memory after {areas}\n"));
    Board::write("PASS\n");
    Board::exit(0)
}

#[unsafe(no_mangle)]
fn image_secondary() -> ! {
    live(POOL.wait());
    loop {
        core::hint::spin_loop();
    }
}

#[unsafe(no_mangle)]
fn image_interrupted() {}

/// What both cores do at once.
fn live(pool: &Pcpu<Bare<Board>>) {
    let me = pool.platform().current();
    for round in 0..400 {
        let size = 4 + (round * 37 + me.index() * 11) % 300;
        let context = if round % 3 == 0 { Context::Atomic } else { Context::MaySleep };
        let Ok(area) = pool.alloc(Request::new(size, 4).context(context)) else { continue };
        pool.pinned(|here| {
            let bytes = core::ptr::with_exposed_provenance_mut::<u8>(here.address(&area).get());
            for offset in 0..size {
                // SAFETY: a byte of this core's copy of a live area, which is this core's.
                let byte = unsafe { bytes.add(offset) };
                // SAFETY: as above.
                assert_eq!(unsafe { byte.read() }, 0, "a fresh area is zero");
                // SAFETY: as above.
                unsafe { byte.write(0xa5) };
            }
            HAD.get(here).fetch_add(1, portable_atomic::Ordering::Relaxed);
        });
        free(pool, area);
        if me == CpuId::new(0) && pool.balance_wanted() {
            pool.balance();
        }
    }
    BOTH.meet();
}

/// Takes all there is, and gives it back; returns how many areas that were.
fn exhaust(pool: &Pcpu<Bare<Board>>) -> usize {
    let mut areas = [const { None }; 16];
    let mut nr_areas = 0;
    let error = loop {
        match pool.alloc(Request::new(1000, 4)) {
            Ok(area) => areas[nr_areas] = Some(area),
            Err(error) => break error,
        }
        nr_areas += 1;
    };
    assert!(matches!(error, AllocError::NoChunk { .. }), "memory ends in another way: {error}");
    assert!(nr_areas > 0, "there was memory for some");
    areas.into_iter().flatten().for_each(|area| free(pool, area));
    nr_areas
}

fn free(pool: &Pcpu<Bare<Board>>, area: Cookie) {
    if let Err(error) = pool.free(area) {
        panic!("a live area was not freed: {error}");
    }
}

fn say(line: core::fmt::Arguments<'_>) {
    struct Console;
    impl core::fmt::Write for Console {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            Board::write(text);
            Ok(())
        }
    }
    // A console that cannot print is nothing to stop for; the status tells.
    let _ = core::fmt::Write::write_fmt(&mut Console, line);
}
