// SPDX-License-Identifier: MIT OR Apache-2.0
//! A signal at the one instruction where a thread is off the register and may not know it yet: behind
//! the system call that took it off. Only a tracer hits that for sure.
#![allow(unsafe_code)]
#![cfg(all(target_arch = "x86_64", target_env = "gnu"))]

use std::mem::offset_of;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use pcpu_linux::local::Cpu;

use crate::again::{alone, is_registered_by_pcpu, without_libc_s_areas};
use crate::sums::Sum;

/// Exit statuses of the child.
const FINE: i32 = 7;
const WRONG: i32 = 8;

/// `rseq`'s flag for taking an area off the register.
const UNREGISTER: u64 = 1;

static SUM: OnceLock<Sum> = OnceLock::new();
static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handler(_: libc::c_int) {
    SUM.get().expect("set").adder::<Cpu>().add(0);
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Runs when thread-local variables are gone.
extern "C" fn at_exit() {
    let sum = SUM.get().expect("set");
    let fine = (HANDLED.load(Ordering::Relaxed), sum.all(), sum.strays()) == (1, 2, 1);
    // SAFETY: ends the child without the rest of the clean-up.
    unsafe { libc::_exit(if fine { FINE } else { WRONG }) };
}

/// The child: adds as a registered thread, and ends as threads do.
fn child() -> ! {
    // SAFETY: all zeros are a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: a valid action, whose handler does what handlers may.
    unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
    SUM.get_or_init(Sum::new).adder::<Cpu>().add(0);
    // SAFETY: a function that may run then.
    unsafe { libc::atexit(at_exit) };
    // Who tries for ever is ended.
    // SAFETY: no handler for that signal.
    unsafe { libc::alarm(20) };
    // SAFETY: the parent traces this process.
    unsafe { libc::ptrace(libc::PTRACE_TRACEME) };
    // SAFETY: the parent lets it go on.
    unsafe { libc::raise(libc::SIGSTOP) };
    // SAFETY: destroys this thread's variables, and calls `at_exit`.
    unsafe { libc::exit(WRONG) }
}

fn register(child: libc::pid_t, offset: usize) -> u64 {
    let offset = ptr::without_provenance_mut::<libc::c_void>(offset);
    // SAFETY: our own child, which stands still.
    unsafe { libc::ptrace(libc::PTRACE_PEEKUSER, child, offset, 0) as u64 }
}

/// Lets the child go on to where a system call begins or ends, and returns its status.
fn go_on(child: libc::pid_t, signal: libc::c_int) -> libc::c_int {
    let signal = ptr::without_provenance_mut::<libc::c_void>(signal as usize);
    // SAFETY: our own child, which stands still.
    unsafe { libc::ptrace(libc::PTRACE_SYSCALL, child, ptr::null_mut::<()>(), signal) };
    wait(child)
}

fn wait(child: libc::pid_t) -> libc::c_int {
    let mut status = 0;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

#[test]
fn a_handler_right_behind_the_end_of_the_registration_adds_as_a_stray() {
    alone(
        a_handler_right_behind_the_end_of_the_registration_adds_as_a_stray,
        without_libc_s_areas,
        || {
            if !is_registered_by_pcpu() {
                return;
            }
            // SAFETY: the child is a copy of this thread, which holds no lock.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                child();
            }
            wait(pid);
            let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL;
            let options = ptr::without_provenance_mut::<libc::c_void>(options as usize);
            // SAFETY: our own child, which stands still.
            unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid, ptr::null_mut::<()>(), options) };
            let (mut status, mut signal, mut sent) = (go_on(pid, 0), 0, 0);
            let mut ends = false;
            while libc::WIFSTOPPED(status) {
                let reason = libc::WSTOPSIG(status);
                if reason == libc::SIGTRAP | 0x80 {
                    let call = register(pid, offset_of!(libc::user, regs.orig_rax));
                    let flags = register(pid, offset_of!(libc::user, regs.rdx));
                    if ends && (call, flags) == (libc::SYS_rseq as u64, UNREGISTER) {
                        (signal, sent) = (libc::SIGUSR1, sent + 1);
                    }
                    ends = !ends;
                } else {
                    signal = reason;
                }
                status = go_on(pid, std::mem::take(&mut signal));
            }
            assert_eq!(sent, 1, "the thread was taken off the register once");
            assert!(libc::WIFEXITED(status), "ended by signal {}", libc::WTERMSIG(status));
            assert_eq!(libc::WEXITSTATUS(status), FINE);
        },
    );
}
