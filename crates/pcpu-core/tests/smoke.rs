// SPDX-License-Identifier: MIT OR Apache-2.0
//! One life of a pool in each configuration, down to the last page given back.

mod common;

use common::{Pool, k210, s2, s2r, up1};
use pcpu_core::Machine as Backed;
use pcpu_platform::Observer;

fn live_and_die<P: Backed + Observer>(mut pool: Pool<P>) {
    let start = pool.pool.stats();
    for round in 0..3 {
        for n in 1..200_usize {
            pool.a(n * 37 % 4000 + 1, 1 << (n % 13));
            if n % 3 == 0 {
                let place = *pool.live.keys().nth(n * round % pool.live.len()).unwrap();
                pool.free_in(place.0, place.1);
            }
            pool.work();
        }
    }
    pool.free_all();
    pool.pool.trim();
    pool.check();
    let end = pool.pool.stats();
    assert_eq!(end.nr_chunks, start.nr_chunks);
    assert_eq!(end.total_pages, start.total_pages);
    assert_eq!(end.empty_pop_pages, start.empty_pop_pages);
    assert_eq!(end.wasted_pages, 0);

    let machine = pool.machine.clone();
    drop(pool);
    assert_eq!((machine.frames_in_use(), machine.areas_reserved()), (0, 0));
    assert_eq!(machine.metadata_outstanding(), 0);
}

#[test]
fn a_pool_gives_everything_back_in_every_cell() {
    live_and_die(up1());
    live_and_die(k210());
    live_and_die(s2());
    live_and_die(s2r());
}
