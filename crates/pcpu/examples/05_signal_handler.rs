// SPDX-License-Identifier: MIT OR Apache-2.0
//! You will learn to count in a signal handler, on the very counter that the interrupted code is counting on.
//! And what has to happen before the handler is installed.

use std::ptr;
use std::sync::atomic::AtomicU64;
use std::thread;

const WORKERS: u64 = 4;
const SIGNALS: u64 = 500;

pcpu::statics! {
    /// Everything that happened, in handlers and elsewhere.
    static EVENTS: AtomicU64 = AtomicU64::new(0);
    /// What happened in handlers.
    static HANDLED: AtomicU64 = AtomicU64::new(0);
}

/// No lock, no allocation, no shared line: an operation is done or not begun, whatever it interrupts.
extern "C" fn count(_signal: libc::c_int) {
    EVENTS.this_cpu().inc();
    HANDLED.this_cpu().inc();
}

fn install() {
    // The first use makes the process's pool and decides its mode. Neither is for handlers, so it is done
    // here. Statics, and values that begin as zeros, need no more than that: a handler that is the
    // first on its CPU makes the copies. The function given to `PerCpu::from_fn` would run in the
    // handler.
    assert_eq!((EVENTS.sum(), HANDLED.sum()), (0, 0));

    // SAFETY: a `sigaction` of zeros has no flags, and blocks no signal.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler does what may be done in one.
    let done = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
    assert_eq!(done, 0);
}

/// The program.
pub fn main() {
    install();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                for _ in 0..SIGNALS {
                    EVENTS.this_cpu().inc();
                    // SAFETY: a signal to this thread, which is handled before the call returns.
                    unsafe { libc::raise(libc::SIGUSR1) };
                }
            });
        }
    });
    assert_eq!(HANDLED.sum(), WORKERS * SIGNALS);
    assert_eq!(EVENTS.sum(), 2 * WORKERS * SIGNALS);
}
