// SPDX-License-Identifier: MIT OR Apache-2.0
//! Locks and pins that end in another order than they began: interrupts come back with the last.

mod board;

use std::panic::{AssertUnwindSafe, catch_unwind};

use board::{Flag, TestBoard, memory};
use pcpu_bare::lock::Masking;
use pcpu_bare::{Bare, Interrupts};
use pcpu_platform::{SmpNoMmu, ThisCpu};

type Small = TestBoard<SmpNoMmu, 1, 256>;
type Mutex = lock_api::Mutex<Masking<Small>, u32>;

fn bare() -> Bare<Small> {
    // SAFETY: both ranges are ordinary memory, fresh, and used by nothing else.
    unsafe { Bare::new(Small::new(), memory(4 * 256, 256), memory(4096, 8)) }.unwrap()
}

#[test]
fn a_guard_dropped_in_a_body_keeps_interrupts_masked_until_the_body_ends() {
    let (bare, lock) = (bare(), Mutex::new(1));
    let guard = lock.lock();
    bare.pinned(|_| {
        drop(guard);
        assert!(!lock.is_locked());
        assert!(Flag::masked(), "a handler would pin the same CPU");
    });
    assert!(!Flag::masked());
}

#[test]
fn guards_dropped_in_the_order_they_were_taken_keep_interrupts_masked_to_the_last() {
    let (first, second) = (Mutex::new(1), Mutex::new(2));
    let guards = (first.lock(), second.lock());
    drop(guards.0);
    assert!(Flag::masked(), "a handler would wait for the second lock");
    drop(guards.1);
    assert!(!Flag::masked());
}

#[test]
fn a_guard_returned_from_a_body_keeps_interrupts_masked_until_it_is_dropped() {
    let (bare, lock) = (bare(), Mutex::new(1));
    let guard = bare.pinned(|_| lock.lock());
    assert!(Flag::masked(), "a handler would wait for the lock");
    bare.pinned(|_| assert!(lock.try_lock().is_none()));
    assert!(Flag::masked());
    drop(guard);
    assert!(!Flag::masked());
}

#[test]
fn a_body_that_unwinds_gives_back_its_own_part_and_no_more() {
    let (bare, lock) = (bare(), Mutex::new(1));
    let unwinds = || {
        let body = || bare.pinned(|_| -> () { panic!("as it may") });
        assert!(catch_unwind(AssertUnwindSafe(body)).is_err());
    };
    unwinds();
    assert!(!Flag::masked());
    let guard = lock.lock();
    unwinds();
    assert!(Flag::masked(), "the lock is held");
    drop(guard);
    assert!(!Flag::masked());
}

#[test]
fn a_guard_leaked_in_a_body_leaves_interrupts_masked() {
    let (bare, lock) = (bare(), Mutex::new(1));
    bare.pinned(|_| std::mem::forget(lock.lock()));
    assert!(Flag::masked());
    bare.pinned(|_| ());
    assert!(Flag::masked(), "the lock is held for good");
}

#[test]
fn whether_this_is_an_nmi_is_asked_when_the_code_can_no_longer_move_to_another_cpu() {
    let (bare, lock) = (bare(), Mutex::new(1));
    bare.pinned(|_| drop(lock.lock()));
    drop(lock.try_lock());
    let refused = AssertUnwindSafe(|| bare.pinned(|_| unreachable!()));
    assert!(Flag::refuses(refused));
    assert!(!Flag::asked_unmasked());
    assert!(!Flag::masked(), "a refusal leaves nothing masked");
    drop(lock.lock());
    assert!(!Flag::masked(), "nor counts");
}

#[test]
fn interrupts_that_were_masked_before_stay_masked_after() {
    let (bare, lock) = (bare(), Mutex::new(1));
    let before = Flag::mask();
    let guard = lock.lock();
    bare.pinned(|_| drop(guard));
    assert!(Flag::masked());
    // SAFETY: masked above; nothing relies on it any more.
    unsafe { Flag::restore(before) };
    drop(lock.lock());
    assert!(!Flag::masked(), "what is put back is what was found this time");
}
