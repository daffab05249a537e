// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ways to a copy: AC-1 to AC-6 of docs/behaviours.md.
#![cfg(target_os = "linux")]

mod common;

use core::cell::{Cell, RefCell};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use core::time::Duration;
use std::thread;

use common::Real;
use pcpu::layout::CpuId;
use pcpu::platform::Cpus;
use pcpu::{Pcpu, Request};
use pcpu_linux::Linux;

struct Pair {
    left: AtomicU32,
    right: AtomicU32,
}

pcpu::statics! {
    static PAIR: Pair = Pair { left: AtomicU32::new(1), right: AtomicU32::new(2) };
    static OTHER: AtomicU32 = AtomicU32::new(3);
    static COUNT: Cell<u32> = Cell::new(0);
    static LIST: RefCell<[u8; 4]> = RefCell::new([0; 4]);
}

#[test]
fn ac1_the_distance_of_two_copies_is_the_same_on_every_cpu() {
    fn check<P: Real>(pcpu: &Pcpu<P>) {
        let area = pcpu.alloc(Request::new(24, 8)).unwrap();
        let distances = |cpu| {
            let pair = ptr::from_ref(PAIR.on(pcpu, cpu).unwrap()).addr();
            let other = ptr::from_ref(OTHER.on(pcpu, cpu).unwrap()).addr();
            let area = pcpu.address(&area, cpu).unwrap().get();
            // On a machine of one CPU statics lie elsewhere, and there is nothing to compare.
            [pair.wrapping_sub(other), area.wrapping_sub(pair)]
        };
        let first = distances(CpuId::new(0));
        assert!(pcpu.geometry().cpus().all(|cpu| distances(cpu) == first));
        pcpu.free(area).unwrap();
    }
    in_each_cell!(check);
}

#[test]
fn ac2_the_own_copy_is_the_one_that_others_have_by_the_cpus_number() {
    fn check<P: Real>(pcpu: &Pcpu<P>) {
        let area = pcpu.alloc(Request::new(24, 8)).unwrap();
        pcpu.pinned(|here| {
            let own = ptr::from_ref(PAIR.get(here));
            assert!(ptr::eq(own, PAIR.on(pcpu, here.cpu()).unwrap()));
            assert!(ptr::eq(own, PAIR.try_on(here.pcpu(), here.cpu()).unwrap()));
            assert_eq!(Some(here.address(&area)), pcpu.address(&area, here.cpu()));
        });
        pcpu.free(area).unwrap();
    }
    in_each_cell!(check);
}

#[test]
fn ac3_the_end_of_a_nested_pin_leaves_the_outer_one() {
    let pcpu = common::uni();
    let entered = AtomicBool::new(false);
    thread::scope(|scope| {
        pcpu.pinned(|outer| {
            pcpu.pinned(|inner| assert_eq!(inner.cpu(), outer.cpu()));
            assert_eq!(pcpu.platform().current(), outer.cpu());
            scope.spawn(|| pcpu.pinned(|_| entered.store(true, SeqCst)));
            thread::sleep(Duration::from_millis(20));
            assert!(!entered.load(SeqCst), "another thread got in while the outer pin lasts");
        });
    });
    assert!(entered.load(SeqCst));
}

/// Misuse in code that may move is no report at run time here: without a token there is nothing to
/// call. See `tests/ui/a_copy_without_a_token.rs`.
#[test]
fn ac4_a_token_costs_nothing_but_its_words() {
    assert_eq!(size_of_val(&COUNT), 0);
    let pcpu = common::smp();
    pcpu.pinned(|here| assert_eq!(size_of_val(&here), 2 * size_of::<usize>()));
}

#[test]
fn ac5_a_cpu_that_is_not_possible_or_not_attached_has_no_copy() {
    fn check<P: Real>(pcpu: &Pcpu<P>) {
        let beyond = pcpu.geometry().nr_cpu_ids();
        for cpu in [beyond, beyond + 1, 4095, 4096, u32::MAX - 1, u32::MAX] {
            assert!(OTHER.on(pcpu, CpuId::new(cpu)).is_none(), "CPU {cpu}");
        }
    }
    in_each_cell!(check);

    let (zero, one) = (CpuId::new(0), CpuId::new(1));
    let platform = Linux::builder().cpus(2).build().unwrap();
    let pcpu = Pcpu::<_>::with_attached(platform, &common::config(), |cpu| cpu == zero).unwrap();
    assert!(OTHER.on(&pcpu, zero).is_some());
    assert_eq!(
        OTHER.try_on(&pcpu, one).unwrap_err().to_string(),
        "CPU 1 is not attached to the pool"
    );
}

#[test]
fn ac6_a_field_of_a_copy_is_where_the_field_is_in_the_type() {
    fn check<P: Real>(pcpu: &Pcpu<P>) {
        for cpu in pcpu.geometry().cpus() {
            let pair = PAIR.on(pcpu, cpu).unwrap();
            let offset = ptr::from_ref(&pair.right).addr() - ptr::from_ref(pair).addr();
            assert_eq!(offset, core::mem::offset_of!(Pair, right));
            assert_eq!((pair.left.load(SeqCst), pair.right.load(SeqCst)), (1, 2));
        }
    }
    in_each_cell!(check);
}

#[test]
fn two_pools_side_by_side_have_copies_of_their_own() {
    fn check<P: Real, Q: Real>(one: &Pcpu<P>, two: &Pcpu<Q>) {
        one.pinned(|here| {
            COUNT.get(here).set(5);
            LIST.get(here).borrow_mut()[1] = 5;
            // A token of each pool at a time: each leads to its own pool's copy.
            two.pinned(|there| {
                assert_eq!(COUNT.get(there).replace(6), 0);
                assert_eq!(*LIST.get(there).borrow(), [0; 4]);
            });
            assert_eq!((COUNT.get(here).get(), LIST.get(here).borrow()[1]), (5, 5));
        });
        assert!(two.geometry().cpus().all(|cpu| OTHER.on(two, cpu).unwrap().load(SeqCst) == 3));
    }
    check(&common::smp(), &common::smp());
    check(&common::no_mmu(), &common::smp());
    check(&common::uni(), &common::no_mmu());

    // On one machine, whose pins are the same for both.
    let machine = Linux::builder().cpus(2).build().unwrap();
    let pools = [machine.clone(), machine].map(|it| Pcpu::<_>::new(it, &common::config()).unwrap());
    check(&pools[0], &pools[1]);
}

#[test]
fn pools_and_registrations_may_be_shared_and_sent() {
    fn check<T: Send + Sync>() {}
    check::<Pcpu<Linux>>();
    check::<pcpu::Registered<'_, Linux, pcpu::layout::geometry::Table<'static>>>();
    check::<pcpu::Static<PAIR>>();
}
