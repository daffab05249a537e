// SPDX-License-Identifier: MIT OR Apache-2.0
//! B37-B44 and B80: what areas contain, and how cookies, addresses and CPUs belong together.

mod common;

use std::sync::Barrier;
use std::thread;

use common::{Pool, fill, k210, read, s2, s2r, up1};
use pcpu_core::{Allocator, Config, Context, Cookie, Machine as Backed, Request};
use pcpu_layout::{CpuId, UnitOffset};
use pcpu_platform::{Addr, Mapper, Observer};
use pcpu_sim::Machine;

const CPU0: CpuId = CpuId::new(0);
const CPU1: CpuId = CpuId::new(1);

/// Takes an area, sees that all its bytes are zero on every CPU, and leaves them 0xff.
fn zero_then_soil<P: Backed + Observer>(pool: &mut Pool<P>, size: usize) -> (i32, usize) {
    let (chunk, offset) = pool.at(size, 4);
    for cpu in pool.machine.possible_cpus().map(CpuId::get).collect::<Vec<_>>() {
        let (at, rounded) = (pool.address(chunk, offset, cpu), size.next_multiple_of(4));
        assert_eq!(read(pool.pool.platform(), at, rounded), vec![0; rounded], "CPU {cpu}");
        fill(pool.pool.platform(), at, rounded, 0xff);
    }
    (chunk, offset)
}

/// Every area of two rounds over the same memory reads as zero.
fn areas_read_as_zero<P: Backed + Observer>(mut pool: Pool<P>) {
    for size in [1, 6, 100, 4097, 30001, 20000, 9] {
        let place = zero_then_soil(&mut pool, size);
        pool.free_in(place.0, place.1);
        assert_eq!(zero_then_soil(&mut pool, size), place, "the same memory again");
    }
    assert!(pool.chunks() > 1, "areas in a later chunk too");
}

/// B37: an area reads as zero on every CPU, new or used before, with the bytes that rounding
/// added.
#[test]
fn an_area_reads_as_zero_on_every_cpu_new_or_used_before() {
    areas_read_as_zero(up1());
    areas_read_as_zero(k210());
    areas_read_as_zero(s2());
    areas_read_as_zero(s2r());
}

/// Bytes between the two CPUs' copies of what a cookie names.
fn distance<P: Backed>(pool: &Allocator<P>, cookie: &Cookie) -> usize {
    let address = |cpu| pool.address(cookie, cpu).unwrap().get();
    address(CPU1) - address(CPU0)
}

/// B38: S2: the copies of CPU 0 and CPU 1 are 45056 bytes apart: of static variables, and in
/// every chunk.
#[test]
fn the_copies_of_two_cpus_are_a_unit_apart_everywhere() {
    let mut pool = s2();
    for n in 0..5 {
        assert_eq!(pool.at(28672, 4).0, n);
    }
    assert!(pool.live.values().all(|cookie| distance(&pool.pool, cookie) == 45056));
    let variable = pool.pool.static_cookie(UnitOffset::new(1000)).unwrap();
    assert_eq!(distance(&pool.pool, &variable), 45056);
}

/// B39: what is written through CPU 0's address is not seen at CPU 1's.
#[test]
fn what_one_cpu_writes_the_other_does_not_see() {
    let mut pool = s2();
    pool.a(28672, 4);
    let (chunk, offset) = pool.at(64, 4);
    assert_eq!(chunk, 1, "in a mapped chunk");
    let [at0, at1] = [0, 1].map(|cpu| pool.address(chunk, offset, cpu));
    let platform = pool.pool.platform();
    fill(platform, at0, 64, 0xa5);
    assert_eq!(read(platform, at1, 64), [0; 64]);
    fill(platform, at1, 64, 0x5a);
    assert_eq!(read(platform, at0, 64), [0xa5; 64]);
}

/// B40: on UP the cookie's value is the address. pcpu: asking for a CPU that does not exist
/// yields no address.
#[test]
fn on_up_the_cookie_is_the_address() {
    let pool = up1();
    let cookie = pool.pool.alloc(Request::new(8, 8)).unwrap();
    let address = pool.pool.address(&cookie, CPU0).unwrap();
    assert_eq!(pool.pool.address(&cookie, CPU1), None);
    assert_eq!(cookie.into_raw().get(), address.get());
}

/// B41: S2, "is this a static per-CPU address": base and base+16383 are; base+16384 is not;
/// base+45056+5 is, and its canonical form is base+5. On UP none is.
#[test]
fn a_static_address_is_told_from_others_and_traced_to_its_variable() {
    let pool = s2();
    let static_at = |offset, cpu| {
        let cookie = pool.pool.static_cookie(UnitOffset::new(offset)).unwrap();
        pool.pool.address(&cookie, cpu).unwrap()
    };
    let base = static_at(0, CPU0);
    let copy = |offset| pool.pool.static_copy(base.offset(offset));
    assert_eq!(copy(0), Some((CPU0, UnitOffset::new(0))));
    assert_eq!(copy(16383), Some((CPU0, UnitOffset::new(16383))));
    assert_eq!(copy(16384), None);
    assert_eq!(copy(45055), None);
    assert_eq!(copy(45056 + 5), Some((CPU1, UnitOffset::new(5))));
    assert_eq!(static_at(5, CPU0), base.offset(5));
    assert_eq!(copy(2 * 45056), None);
    assert!(pool.pool.static_cookie(UnitOffset::new(16384)).is_none());

    let mut up = up1();
    up.a(8, 8);
    assert_eq!(up.pool.static_copy(up.address(0, 0, 0)), None);
    assert!(up.pool.static_cookie(UnitOffset::new(0)).is_none());
}

/// The offset in its page that a byte's frame is looked up with.
fn in_frame<P: Backed + Mapper>(pool: &Allocator<P>, at: Addr) -> Option<usize> {
    pool.frame(at).map(|(_, in_page)| in_page)
}

/// B42: the physical address of a byte keeps its offset in the page. pcpu: a first chunk made of
/// runs is not mapped, and has no frames to be asked for.
#[test]
fn the_frame_behind_a_byte_keeps_its_offset_in_the_page() {
    let mut pool = s2();
    pool.a(28672, 4);
    let (chunk, offset) = pool.at(8192, 4);
    for (byte, cpu) in [(0, 0), (1, 0), (4095, 1), (4096, 1), (5000, 0), (8191, 1)] {
        let at = pool.address(chunk, offset, cpu).offset(byte);
        assert_eq!(in_frame(&pool.pool, at), Some(byte % 4096));
    }
    assert_eq!(in_frame(&pool.pool, pool.address(0, 16384, 0)), None);

    let config = Config { static_size: 16384, ..Config::default() };
    let paged = Allocator::<_>::new_paged(pool.machine.smp(), &config, &[]).unwrap();
    let cookie = paged.alloc(Request::new(8, 8)).unwrap();
    let at = paged.address(&cookie, CPU1).unwrap().offset(5);
    assert_eq!(in_frame(&paged, at), Some(at.get() % 4096));
    let other = paged.address(&cookie, CPU0).unwrap();
    assert_ne!(paged.frame(at).unwrap().0, paged.frame(other).unwrap().0, "a frame for each CPU");
}

/// B43: the cookie of a chunk that lies below the base still translates.
#[test]
fn a_chunk_below_the_base_translates_like_any_other() {
    // Node 1, where both CPUs are, has room for the first chunk alone.
    let machine = Machine::builder().cpus(2).node_map([Some(1); 2]).frames_per_node(30).build();
    let config = Config { static_size: 16384, ..Config::default() };
    let pool = Allocator::new(machine.no_mmu(), &config, &[]).unwrap();
    let mut pool = Pool::new(machine, pool, 16384);
    assert_eq!((pool.a(28672, 4), pool.at(64, 4)), (16384, (1, 0)));
    let [at0, at1] = [0, 1].map(|cpu| pool.address(1, 0, cpu));
    assert!(at0 < pool.address(0, 16384, 0));
    assert_eq!(at1.get() - at0.get(), 45056);
    fill(pool.pool.platform(), at1, 64, 0xff);
    assert_eq!(read(pool.pool.platform(), at0, 64), [0; 64]);
    pool.free_in(1, 0);
}

/// B44: a free finds its chunk on whatever CPU it runs. pcpu: from the cookie alone.
#[test]
fn a_free_finds_its_chunk_on_whatever_cpu_it_runs() {
    for cpu in [CPU0, CPU1] {
        let mut pool = s2();
        pool.a(28672, 4);
        pool.a(8, 8);
        let machine = pool.machine.clone();
        machine.run_on(cpu, || pool.free_in(1, 0));
        machine.run_on(cpu, || pool.free(16384));
        assert_eq!(pool.pool.stats().nr_cur_alloc, 0);
    }
}

/// B80: under concurrent load areas never overlap and are zero when handed out; after freeing
/// all and balancing every counter is where it began. One free chunk may be kept.
#[test]
fn under_concurrent_load_areas_are_zero_and_never_overlap() {
    const THREADS: u32 = 4;
    let pool = s2();
    let (start, barrier) = (pool.pool.stats(), Barrier::new(THREADS as usize));
    let load = |thread: u32| {
        let mut live = Vec::new();
        let mut seed = u64::from(thread) + 1;
        barrier.wait();
        for n in 0..400_usize {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let size = (seed >> 33) as usize % 6000 + 1;
            let context = if n % 3 == 0 { Context::Atomic } else { Context::MaySleep };
            if let Ok(cookie) = pool.pool.alloc(Request::new(size, 4).context(context)) {
                let copies = [0, 1].map(|cpu| pool.pool.address(&cookie, CpuId::new(cpu)).unwrap());
                for at in copies {
                    assert_eq!(read(pool.pool.platform(), at, size), vec![0; size]);
                    fill(pool.pool.platform(), at, size, thread as u8 + 1);
                }
                live.push((cookie, copies, size));
            }
            if n % 2 == 0 && !live.is_empty() {
                let (cookie, copies, size) = live.swap_remove(n % live.len());
                for at in copies {
                    let own = vec![thread as u8 + 1; size];
                    assert_eq!(read(pool.pool.platform(), at, size), own, "nobody else wrote");
                }
                pool.pool.free(cookie).unwrap();
            }
            if pool.pool.balance_wanted() {
                pool.pool.balance();
            }
        }
        live.into_iter().for_each(|(cookie, ..)| pool.pool.free(cookie).unwrap());
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn({
                let load = &load;
                move || load(thread)
            });
        }
    });

    // The first run may put drained chunks in front of a free one that still has pages.
    pool.pool.balance();
    pool.pool.balance();
    pool.check();
    let end = pool.pool.stats();
    assert_eq!((end.nr_cur_alloc, end.live_bytes), (0, 0));
    assert_eq!(end.nr_alloc, end.nr_dealloc);
    assert!(end.nr_chunks <= start.nr_chunks + 1);
    pool.pool.trim();
    pool.check();
    let end = pool.pool.stats();
    assert_eq!(end.nr_chunks, start.nr_chunks);
    assert_eq!((end.populated_pages, end.empty_pop_pages), (11, 7));
    assert_eq!(end.total_pages, start.total_pages);
}
