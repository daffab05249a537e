// SPDX-License-Identifier: MIT OR Apache-2.0
//! Filters of system calls, as containers have them (RS-7).
#![allow(unsafe_code)]

use std::io::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pcpu_linux::local::{Busy, Cpu, Index, Mode, Reason, Stack, mode};

use crate::again::{alone, is_registered_by_pcpu, without_libc_s_areas};
use crate::local_common::Area;
use crate::sums::{self, Sum};

/// Has the calling thread's `call` answered by an error, for ever, in what it starts too.
fn refuse(call: libc::c_long, error: i32) -> Result<(), Error> {
    let statement = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    // The number of the call is the first word of what a filter sees.
    let mut filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, call as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | error as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: takes away the right to gain rights, as filters want it.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(Error::last_os_error());
    }
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: a program that outlives the call.
    if unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) } != 0 {
        return Err(Error::last_os_error());
    }
    Ok(())
}

/// A process that begins with such a filter.
fn without(call: libc::c_long, error: i32) -> impl FnOnce(&mut Command) {
    move |command| {
        // SAFETY: between fork and exec, two system calls and nothing else.
        unsafe { command.pre_exec(move || refuse(call, error)) };
    }
}

#[test]
fn where_the_kernel_is_said_not_to_have_sequences_there_are_atomics() {
    alone(
        where_the_kernel_is_said_not_to_have_sequences_there_are_atomics,
        without(libc::SYS_rseq, libc::ENOSYS),
        || {
            assert_eq!(mode(), Mode::Fallback(Reason::NotInKernel));
            sums::are_exact();
        },
    );
}

#[test]
fn where_sequences_are_forbidden_there_are_atomics() {
    alone(
        where_sequences_are_forbidden_there_are_atomics,
        without(libc::SYS_rseq, libc::EPERM),
        || {
            assert_eq!(mode(), Mode::Fallback(Reason::Forbidden { code: libc::EPERM }));
            sums::are_exact();
        },
    );
}

#[test]
fn a_thread_that_may_not_register_is_a_stray() {
    alone(a_thread_that_may_not_register_is_a_stray, without_libc_s_areas, || {
        if !is_registered_by_pcpu() {
            return;
        }
        let sum = Sum::new();
        let adder = sum.adder::<Cpu>();
        thread::scope(|scope| {
            for nth in 0..4 {
                scope.spawn(move || {
                    if nth == 0 {
                        refuse(libc::SYS_rseq, libc::EPERM).unwrap();
                    }
                    (0..sums::EACH).for_each(|round| adder.add(round));
                });
            }
        });
        assert_eq!((sum.all(), sum.strays()), (4 * sums::EACH, sums::EACH));
    });
}

#[test]
fn a_thread_that_may_not_be_taken_off_the_register_ends_all_the_same() {
    alone(
        a_thread_that_may_not_be_taken_off_the_register_ends_all_the_same,
        without_libc_s_areas,
        || {
            if !is_registered_by_pcpu() {
                return;
            }
            let sum = Sum::new();
            let adder = sum.adder::<Cpu>();
            for _ in 0..20 {
                thread::scope(|scope| {
                    scope.spawn(move || {
                        adder.add(0);
                        refuse(libc::SYS_rseq, libc::EPERM).unwrap();
                        (1..1000).for_each(|round| adder.add(round));
                    });
                });
            }
            assert_eq!((sum.all(), sum.strays()), (20_000, 0));
        },
    );
}

/// RS-11, RS-12: by visits to each CPU.
#[test]
fn without_membarrier_stacks_can_be_drained_while_they_are_used() {
    alone(
        without_membarrier_stacks_can_be_drained_while_they_are_used,
        without(libc::SYS_membarrier, libc::ENOSYS),
        || {
            const TOKENS: usize = 40;
            let area = Area::new(512);
            // SAFETY: an area of zeros with room for it, used for this alone.
            let stack = unsafe { Stack::<Cpu>::new(area.address(0), area.table(), TOKENS) };
            let (stack, over) = (&stack, &AtomicBool::new(false));
            let put_back = |token| {
                while stack.push(token, &Ever) != Ok(true) {
                    thread::yield_now();
                }
            };
            (1..=TOKENS).for_each(put_back);
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(move || {
                        while !over.load(Ordering::Relaxed) {
                            match stack.pop(&Ever) {
                                Ok(Some(token)) => put_back(token),
                                Ok(None) | Err(Busy) => thread::yield_now(),
                            }
                        }
                    });
                }
                let end = Instant::now() + Duration::from_millis(300);
                while Instant::now() < end {
                    for cpu in 0..2 {
                        let mut taken = Vec::new();
                        let drained = stack.drain(Index::new(cpu), |token| taken.push(token));
                        // A CPU that there is not, or that this process may not use.
                        if drained.is_ok() {
                            taken.into_iter().for_each(put_back);
                        }
                    }
                }
                over.store(true, Ordering::Relaxed);
            });
            let mut left = Vec::new();
            for (index, _) in area.table().present() {
                let drained = stack.drain(index, |token| left.push(token));
                assert!(matches!(drained, Ok(Ok(()))), "{index:?}: {drained:?}");
            }
            left.sort_unstable();
            assert!(left.iter().copied().eq(1..=TOKENS), "{left:?}");
        },
    );
}

/// All copies are there, or somebody has one for himself.
struct Ever;

impl pcpu_linux::local::Provide for Ever {
    fn provide(&self, _: Index) -> Result<(), pcpu_linux::local::NotProvided> {
        Ok(())
    }
}
