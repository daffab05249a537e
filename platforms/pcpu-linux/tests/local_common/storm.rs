// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals that come at any instruction: from a timer, so from an interrupt of the processor that runs
//! the thread, and not only when another thread has its turn.
#![allow(unsafe_code)]

use std::ptr;

/// Nanoseconds between two.
const OFTEN_NS: i64 = 50_000;

/// Until it is dropped, SIGUSR1 comes to one thread, in its last moments too.
pub struct Storm(libc::timer_t);

// SAFETY: a timer is the process's.
unsafe impl Send for Storm {}

impl Storm {
    /// One for the calling thread.
    pub fn here() -> Self {
        // SAFETY: all zeros are a valid `sigevent`.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGUSR1;
        event.sigev_notify_thread_id = rustix::thread::gettid().as_raw_nonzero().get();
        let mut timer = ptr::null_mut();
        let clock = libc::CLOCK_MONOTONIC;
        // SAFETY: a valid event, and a timer to write to.
        let made = unsafe { libc::timer_create(clock, &raw mut event, &raw mut timer) };
        assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
        let often = libc::timespec { tv_sec: 0, tv_nsec: OFTEN_NS };
        let often = libc::itimerspec { it_interval: often, it_value: often };
        // SAFETY: the timer that was made.
        let set = unsafe { libc::timer_settime(timer, 0, &raw const often, ptr::null_mut()) };
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
        Self(timer)
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        // SAFETY: the timer that was made, for the last time.
        unsafe { libc::timer_delete(self.0) };
    }
}
