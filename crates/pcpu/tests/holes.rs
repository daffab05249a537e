// SPDX-License-Identifier: MIT OR Apache-2.0
//! Soundness holes that were published of other per-CPU libraries, tried here. The table in the
//! documentation of `pcpu::statics!` says whose each was; those that do not compile are in
//! `tests/ui`, and the first is in `tests/miri.rs` too.
#![cfg(target_os = "linux")]

mod common;

use core::cell::{Cell, RefCell};
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::panic;
use std::thread;

use pcpu::layout::CpuId;
use pcpu::{AccessError, Image, Pcpu};
use pcpu_linux::Linux;

pcpu::statics! {
    static CELL: Cell<u64> = Cell::new(0);
    static BORROWED: RefCell<u64> = RefCell::new(0);
    static SHARED: AtomicU32 = AtomicU32::new(1);
}

/// percpu's `with_current`, nested: two `&mut` to one value. Here two `&`, and a `RefCell` notices.
#[test]
fn nested_access_shares_and_never_aliases_mutably() {
    let pcpu = common::smp();
    pcpu.pinned(|outer| {
        let value = BORROWED.get(outer);
        let mut held = value.borrow_mut();
        pcpu.pinned(|inner| {
            assert!(core::ptr::eq(BORROWED.get(inner), value));
            assert!(BORROWED.get(inner).try_borrow().is_err());
            CELL.get(inner).set(CELL.get(outer).get() + 1);
        });
        *held += CELL.get(outer).get();
    });
    assert_eq!(pcpu.pinned(|here| *BORROWED.get(here).borrow()), 1);
}

/// percpu, moss-kernel: an access was interrupted by a handler that used the same variable. Here
/// others that want the CPU wait: no update of a plain cell is lost between its read and write.
#[test]
fn nobody_gets_between_a_read_and_a_write_on_the_same_cpu() {
    const TURNS: u64 = 20_000;
    let pcpu = common::uni();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..TURNS {
                    pcpu.pinned(|here| {
                        let cell = CELL.get(here);
                        let seen = cell.get();
                        core::hint::spin_loop();
                        cell.set(seen + 1);
                    });
                }
            });
        }
    });
    assert_eq!(pcpu.pinned(|here| CELL.get(here).get()), 4 * TURNS);
}

/// ostd #1069: a variable was used before there were copies, and something else was read.
#[test]
fn a_static_that_the_pool_does_not_have_is_noticed() {
    let platform = Linux::builder().cpus(2).build().unwrap();
    let pcpu = Pcpu::<_>::with_image(platform, &common::config(), Image::EMPTY, |_| true).unwrap();
    let detached = pcpu.pinned(|here| SHARED.try_get(here).map(|_| ()));
    assert_eq!(detached, Err(AccessError::Detached));
    assert_eq!(SHARED.try_on(&pcpu, CpuId::new(0)).map(|_| ()), Err(AccessError::Detached));

    let get = || pcpu.pinned(|here| SHARED.get(here).load(SeqCst));
    let message = panic::catch_unwind(AssertUnwindSafe(get)).unwrap_err();
    let message = message.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(message.contains("is not registered there"), "{message}");
    let on = || SHARED.on(&pcpu, CpuId::new(1)).is_some();
    assert!(panic::catch_unwind(AssertUnwindSafe(on)).is_err());
}

/// The same for a CPU: one that runs code before it is attached has no copies.
#[test]
fn code_on_a_cpu_that_is_not_attached_gets_no_token() {
    let platform = Linux::builder().build_uni().unwrap();
    let pcpu = Pcpu::<_>::with_attached(platform, &common::config(), |_| false).unwrap();
    let pin = || pcpu.pinned(|here| here.cpu());
    assert!(panic::catch_unwind(AssertUnwindSafe(pin)).is_err());
    pcpu.attach(CpuId::new(0)).unwrap();
    assert_eq!(pcpu.pinned(|here| SHARED.get(here).load(SeqCst)), 1);
}

/// A CPU that was attached behind the statics' back is not taken for one that has copies.
#[test]
fn attaching_at_the_allocator_alone_gives_no_access() {
    let platform = Linux::builder().cpus(2).build_no_mmu().unwrap();
    let (zero, one) = (CpuId::new(0), CpuId::new(1));
    let pcpu = Pcpu::<_>::with_attached(platform, &common::config(), |cpu| cpu == zero).unwrap();
    let allocator: &pcpu::Allocator<_> = &pcpu;
    allocator.attach(one).unwrap();
    assert_eq!(SHARED.try_on(&pcpu, one).map(|_| ()), Err(AccessError::NotAttached { cpu: one }));
    pcpu.attach(one).unwrap();
    assert_eq!(SHARED.on(&pcpu, one).unwrap().load(SeqCst), 1);
}

/// percpu's `remote_ptr(cpu)` looked at no bound.
#[test]
fn a_cpu_out_of_range_is_refused() {
    let pcpu = common::no_mmu();
    assert!(SHARED.on(&pcpu, CpuId::new(common::CPUS)).is_none());
    assert!(SHARED.on(&pcpu, CpuId::new(u32::MAX)).is_none());
}

/// Areas can be freed by number, in safe code. Not the statics, in no cell.
#[test]
fn no_number_frees_the_statics() {
    fn check<P: common::Real>(pcpu: &Pcpu<P>) {
        let copy = core::ptr::from_ref(SHARED.on(pcpu, CpuId::new(0)).unwrap()).addr();
        assert!((copy - 64..copy + 64).all(|number| pcpu.free_raw(number).is_err()));
    }
    in_each_cell!(check);
}

#[test]
fn a_panic_in_pinned_code_ends_the_pin_and_harms_nothing() {
    let pcpu = common::uni();
    let fails = || {
        pcpu.pinned(|outer| {
            CELL.get(outer).set(1);
            let _held = BORROWED.get(outer).borrow_mut();
            pcpu.pinned(|inner| {
                CELL.get(inner).set(2);
                panic!("in the inner body");
            })
        })
    };
    assert!(panic::catch_unwind(AssertUnwindSafe(fails)).is_err());
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            pcpu.pinned(|here| (CELL.get(here).get(), BORROWED.get(here).try_borrow().is_ok()))
        });
        assert_eq!(other.join().unwrap(), (2, true));
    });
}
