// SPDX-License-Identifier: MIT OR Apache-2.0
//! One life of a pool, the same for every platform: all that a program can ask of one.

use pcpu_core::{Allocator, Config, Context, Machine, Request};
use pcpu_layout::CpuId;

/// Sets a pool up, uses all of it and drops it.
///
/// # Panics
/// When anything is not as it should be.
pub fn live<P: Machine>(platform: P) {
    let config = Config { static_size: 100, ..Config::default() };
    let pool = Allocator::<P>::with_attached(platform, &config, b"image", |cpu| cpu.get() == 0)
        .expect("the board has room for a first chunk");
    pool.enable_balance();

    let first = pool.alloc(Request::new(30_000, 64));
    let second = pool.alloc(Request::new(20_000, 4096));
    pool.attach(CpuId::new(1)).expect("the board has pages for both CPUs");
    let third = pool.alloc(Request::new(8, 8).context(Context::Atomic));
    let areas = [first, second, third].map(|area| area.expect("the board has room for all three"));

    let copy = pool.address(&areas[1], CpuId::new(1)).expect("CPU 1 is possible");
    let mut bytes = [1; 16];
    // SAFETY: the area is live, at least that long, and nobody else's.
    unsafe { pool.platform().write(copy, b"written on CPU 1") };
    // SAFETY: as above; written a line before.
    unsafe { pool.platform().read(copy, &mut bytes) };
    assert_eq!(&bytes, b"written on CPU 1");

    pool.balance();
    pool.check().expect("the books are right");
    areas.into_iter().for_each(|area| pool.free(area).expect("all three live"));
    pool.balance();
    pool.trim();
    pool.check().expect("the books are right");
    assert_eq!((pool.stats().nr_cur_alloc, pool.stats().nr_chunks), (0, 1));
}
