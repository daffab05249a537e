// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who registers threads, and what becomes of them.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::io::Error;
use std::sync::OnceLock;
use std::thread;

use pcpu_linux::local::{Cpu, Mode, Reason, Registrar, mode};

use crate::again::{alone, as_it_is, is_registered_by_pcpu, registrar, without_libc_s_areas};
use crate::area;
use crate::sums::{self, Sum};

/// The system call, for somebody who is not pcpu. 0, or the error's number.
pub fn rseq(area: usize, len: u32, flags: i32, signature: u32) -> i32 {
    // SAFETY: areas that tests name live as long as their processes, or are refused.
    let done = unsafe { libc::syscall(libc::SYS_rseq, area, len, flags, signature) };
    if done == 0 { 0 } else { Error::last_os_error().raw_os_error().unwrap_or(-1) }
}

/// An area of somebody else, for ever.
pub fn foreign_area() -> usize {
    #[repr(align(64))]
    struct Area([u32; 16]);
    let area = Box::leak(Box::new(Area([0; 16])));
    area.0.as_mut_ptr().expose_provenance()
}

const SIGNATURE: u32 = 0x5305_3053;

/// RS-6.
#[test]
fn where_libc_registers_no_threads_pcpu_does() {
    alone(where_libc_registers_no_threads_pcpu_does, without_libc_s_areas, || {
        if is_registered_by_pcpu() {
            sums::are_exact();
        }
    });
}

#[test]
fn where_libc_registers_threads_pcpu_uses_that() {
    alone(where_libc_registers_threads_pcpu_uses_that, as_it_is, || {
        let by_libc = area::offset().is_some_and(|offset| area::read(offset)[1] as i32 >= 0);
        if let Some(by) = registrar() {
            assert_eq!(by, if by_libc { Registrar::Libc } else { Registrar::Pcpu });
            sums::are_exact();
        }
    });
}

#[test]
fn five_hundred_threads_come_and_go_and_none_is_a_stray() {
    alone(five_hundred_threads_come_and_go_and_none_is_a_stray, without_libc_s_areas, || {
        if !is_registered_by_pcpu() {
            return;
        }
        let sum = Sum::new();
        let adder = sum.adder::<Cpu>();
        for _ in 0..100 {
            thread::scope(|scope| {
                for _ in 0..5 {
                    scope.spawn(move || (0..50).for_each(|round| adder.add(round)));
                }
            });
        }
        assert_eq!((sum.all(), sum.strays()), (500 * 50, 0));
    });
}

static SUM: OnceLock<Sum> = OnceLock::new();

/// Adds in a thread's last moments.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        SUM.get().expect("set").adder::<Cpu>().add(0);
    }
}

thread_local! {
    static LATE: RefCell<Option<Last>> = const { RefCell::new(None) };
    static EARLY: RefCell<Option<Last>> = const { RefCell::new(None) };
}

#[test]
fn whoever_adds_after_a_thread_was_taken_off_the_register_adds_as_a_stray() {
    alone(
        whoever_adds_after_a_thread_was_taken_off_the_register_adds_as_a_stray,
        without_libc_s_areas,
        || {
            if !is_registered_by_pcpu() {
                return;
            }
            let sum = SUM.get_or_init(Sum::new);
            for _ in 0..50 {
                let body = || {
                    // What was touched first is dropped last.
                    LATE.set(Some(Last));
                    sum.adder::<Cpu>().add(0);
                    EARLY.set(Some(Last));
                };
                thread::spawn(body).join().unwrap();
            }
            assert_eq!(sum.all(), 50 * 3);
            assert_eq!(sum.strays(), 50, "destructors in another order than they used to");
        },
    );
}

/// RS-10, and nobody but us has registered anything.
#[test]
fn the_kernel_answers_registrations_as_the_interface_says() {
    alone(the_kernel_answers_registrations_as_the_interface_says, without_libc_s_areas, || {
        if rseq(0, 0, 0, 0) != libc::EINVAL || area::offset().is_none() && cfg!(target_env = "gnu")
        {
            return println!("LEFT OUT: no system call, or an old C library");
        }
        let (area, other) = (foreign_area(), foreign_area());
        assert_eq!(rseq(area, 31, 0, SIGNATURE), libc::EINVAL, "length");
        assert_eq!(rseq(area + 8, 32, 0, SIGNATURE), libc::EINVAL, "alignment");
        assert_eq!(rseq(area, 32, 64, SIGNATURE), libc::EINVAL, "flags");
        assert_eq!(rseq(0xffff_8000_0000_0000, 32, 0, SIGNATURE), libc::EFAULT, "address");
        assert_eq!(rseq(area, 32, 1, SIGNATURE), libc::EINVAL, "not registered");
        assert_eq!(rseq(area, 32, 0, SIGNATURE), 0);
        assert_eq!(rseq(area, 32, 0, SIGNATURE), libc::EBUSY, "the same");
        assert_eq!(rseq(area, 32, 0, 7), libc::EPERM, "another signature");
        assert_eq!(rseq(other, 32, 0, SIGNATURE), libc::EINVAL, "another area");
        assert_eq!(rseq(other, 32, 1, SIGNATURE), libc::EINVAL, "not this one");
        assert_eq!(rseq(area, 32, 1, SIGNATURE), 0);
        assert_eq!(rseq(area, 32, 1, SIGNATURE), libc::EINVAL, "no longer");
    });
}

#[test]
fn where_somebody_else_registered_there_are_atomics() {
    alone(where_somebody_else_registered_there_are_atomics, without_libc_s_areas, || {
        if rseq(foreign_area(), 32, 0, SIGNATURE) != 0 {
            return println!("LEFT OUT: no system call, or the C library's areas");
        }
        assert_eq!(mode(), Mode::Fallback(Reason::ForeignOwner));
        sums::are_exact();
    });
}

#[test]
fn a_thread_that_somebody_else_registered_is_a_stray() {
    alone(a_thread_that_somebody_else_registered_is_a_stray, without_libc_s_areas, || {
        if !is_registered_by_pcpu() {
            return;
        }
        let sum = Sum::new();
        let adder = sum.adder::<Cpu>();
        thread::scope(|scope| {
            for nth in 0..4 {
                scope.spawn(move || {
                    if nth == 0 {
                        assert_eq!(rseq(foreign_area(), 32, 0, SIGNATURE), 0);
                    }
                    (0..10_000).for_each(|round| adder.add(round));
                });
            }
        });
        assert_eq!((sum.all(), sum.strays()), (40_000, 10_000));
    });
}

#[test]
fn the_environment_turns_sequences_off_for_all_threads() {
    let off = |command: &mut std::process::Command| {
        command.env("PCPU_RSEQ", "0");
    };
    alone(the_environment_turns_sequences_off_for_all_threads, off, || {
        assert_eq!(mode(), Mode::Fallback(Reason::Environment));
        sums::are_exact();
        let sum = Sum::new();
        (0..1000).for_each(|round| sum.adder::<Cpu>().add(round));
        if let Some(offset) = area::offset() {
            let [_, _, low, high, ..] = area::read(offset);
            assert_eq!((low, high), (0, 0), "a sequence was begun");
        }
    });
}

/// RS-16. The kernel itself writes them when the thread moves.
#[test]
fn operations_leave_the_kernel_s_fields_alone() {
    alone(operations_leave_the_kernel_s_fields_alone, as_it_is, || {
        let Some(offset) = area::offset() else {
            return println!("LEFT OUT: the C library has no areas");
        };
        let cpu = rustix::thread::sched_getcpu();
        let mut only = rustix::thread::CpuSet::new();
        only.set(cpu);
        rustix::thread::sched_setaffinity(None, &only).unwrap();
        let fields = || {
            let area = area::read(offset);
            [area[0], area[1], area[4], area[5]]
        };
        let before = fields();
        assert_eq!((before[0], before[1]), (cpu as u32, cpu as u32));
        let sum = Sum::new();
        for round in 0..200_000 {
            sum.adder::<Cpu>().add(round);
            if round % 1000 == 0 {
                assert_eq!(fields(), before);
            }
        }
        assert_eq!(fields(), before);
    });
}
