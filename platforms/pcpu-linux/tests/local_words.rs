// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations on words: each on every width against a model that wraps (OP-1, OP-2, OP-6, OP-10, RS-1), and
//! from many threads at once with nothing lost (OP-3, OP-5, RS-2, RS-5).
#![allow(unsafe_code, reason = "operations on words are unsafe; the faces of `pcpu` are not")]

mod local_common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use local_common::{Area, Everywhere};
use pcpu_linux::local::{ConcurrencyId, Copies, Cpu, Node};
use pcpu_platform::Word;

/// What every width has, and the model's word for it.
trait Number: Word + std::fmt::Debug + Send + 'static {
    const BITS: u32;
    fn of(value: u128) -> Self;
    fn value(self) -> u128;
}

macro_rules! number {
    ($($t:ty),*) => {$(
        impl Number for $t {
            const BITS: u32 = <$t>::BITS;
            fn of(value: u128) -> Self {
                value as $t
            }
            fn value(self) -> u128 {
                self as u128
            }
        }
    )*};
}
number!(u8, u16, u32, u64, usize);

/// Runs every operation with every pair of values at the edges.
fn agrees_with_a_model<B: pcpu_linux::local::By, W: Number>() {
    let area = Area::new(64);
    let mask = (1_u128 << W::BITS) - 1;
    let edges = [0, 1, 2, mask / 2, mask / 2 + 1, mask - 1, mask, 0x5555_5555_5555_5555 & mask];
    // The words on either side must stay as they are.
    let copies = Copies::<B>::new(area.address(16), area.table());
    area.fill(0xA5);
    for &a in &edges {
        for &b in &edges {
            let (x, y) = (W::of(a), W::of(b));
            let write = |value| {
                // Which copy is the running one's may change at any time: write all.
                area.write_all(16, &value_bytes::<W>(value));
            };
            let all = &Everywhere;
            #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one reason for all")]
            // SAFETY: every copy has an aligned word at offset 16, used by this thread alone.
            unsafe {
                write(a);
                assert_eq!(copies.load::<W>(all).value(), a);
                copies.add(y, all);
                assert_eq!(area.changed(16, a), vec![(a + b) & mask], "add {a:#x} {b:#x}");
                write(a);
                assert_eq!(copies.add_return(y, all).value(), (a + b) & mask);
                write(a);
                assert_eq!(copies.exchange(y, all), x);
                assert_eq!(area.changed(16, a), vec![b]);
                write(a);
                copies.and(y, all);
                assert_eq!(area.changed(16, a), vec![a & b]);
                write(a);
                copies.or(y, all);
                assert_eq!(area.changed(16, a), vec![a | b]);
                write(a);
                copies.store(y, all);
                assert_eq!(area.changed(16, a), vec![b]);
                write(a);
                assert_eq!(copies.compare_exchange(x, y, all), Ok(x));
                assert_eq!(area.changed(16, a), vec![b]);
                write(a);
                let other = W::of(a ^ 1);
                assert_eq!(copies.compare_exchange(other, y, all), Err(x));
                assert_eq!(area.changed(16, a), vec![a]);
            }
        }
    }
    area.assert_filled_but(0xA5, 16..16 + (W::BITS / 8) as usize);

    fn value_bytes<W: Number>(value: u128) -> Vec<u8> {
        value.to_le_bytes()[..(W::BITS / 8) as usize].to_vec()
    }
}

#[test]
fn every_operation_on_every_width_agrees_with_a_model() {
    agrees_with_a_model::<Cpu, u8>();
    agrees_with_a_model::<Cpu, u16>();
    agrees_with_a_model::<Cpu, u32>();
    agrees_with_a_model::<Cpu, u64>();
    agrees_with_a_model::<Cpu, usize>();
}

#[test]
fn concurrency_ids_and_nodes_agree_with_the_model_too() {
    agrees_with_a_model::<ConcurrencyId, u8>();
    agrees_with_a_model::<ConcurrencyId, u32>();
    agrees_with_a_model::<ConcurrencyId, u64>();
    agrees_with_a_model::<Node, u16>();
    agrees_with_a_model::<Node, u64>();
}

const THREADS: u64 = 8;
const EACH: u64 = 100_000;

fn sum_is_exact<B: pcpu_linux::local::By>() {
    let area = Area::new(8);
    let copies = Copies::<B>::new(area.address(0), area.table());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..EACH {
                    if round % 2 == 0 {
                        // SAFETY: every copy is an aligned u64, changed by these operations alone.
                        unsafe { copies.add(1_u64, &Everywhere) };
                    } else {
                        // SAFETY: the same.
                        unsafe { copies.add_return(1_u64, &Everywhere) };
                    }
                }
            });
        }
    });
    assert_eq!(area.sum(0), THREADS * EACH);
}

#[test]
fn no_addition_is_lost_between_threads() {
    sum_is_exact::<Cpu>();
    sum_is_exact::<ConcurrencyId>();
    sum_is_exact::<Node>();
}

#[test]
fn a_token_that_is_exchanged_is_had_by_one_at_a_time() {
    let area = Area::new(8);
    let copies = Copies::<Cpu>::new(area.address(0), area.table());
    let next = AtomicU64::new(1);
    let seen: Vec<AtomicBool> = (0..=THREADS * EACH).map(|_| AtomicBool::new(false)).collect();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let token = next.fetch_add(1, Ordering::Relaxed);
                    // SAFETY: every copy is an aligned u64, changed by these operations alone.
                    let old = unsafe { copies.exchange(token, &Everywhere) };
                    if old != 0 {
                        assert!(!seen[old as usize].swap(true, Ordering::Relaxed), "{old} twice");
                    }
                }
            });
        }
    });
    for left in area.words(0).filter(|&token| token != 0) {
        assert!(!seen[left as usize].swap(true, Ordering::Relaxed), "{left} twice");
    }
    assert!(seen[1..].iter().all(|seen| seen.load(Ordering::Relaxed)), "a token was lost");
}
