// SPDX-License-Identifier: MIT OR Apache-2.0
//! A child that is traced, with the processor's breakpoints.
#![allow(unsafe_code)]

use std::mem::offset_of;
use std::ptr;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

/// The flag by which the processor passes over a breakpoint where it goes on.
const RESUME: u64 = 1 << 16;

/// Why the child stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It waits for work.
    Parked,
    /// At a breakpoint; the address of the next instruction.
    At(u64),
}

/// A breakpoint.
#[derive(Clone, Copy, Debug)]
pub enum Break {
    /// Before an instruction.
    Before(u64),
    /// After a store to any of so many bytes, 4 or 8.
    Store(usize, u64),
}

/// A child, until this is dropped.
pub struct Tracee {
    child: libc::pid_t,
}

impl Tracee {
    /// Makes a child that does `work`, and waits until it has parked.
    pub fn start(work: impl FnOnce()) -> Self {
        // SAFETY: the child runs `work`, which allocates nothing and takes no lock.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "no child could be made");
        if child == 0 {
            // SAFETY: says that its parent traces it, and dies with the parent.
            unsafe { libc::ptrace(libc::PTRACE_TRACEME) };
            // SAFETY: likewise.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            work();
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        let tracee = Self { child };
        assert_eq!(tracee.wait(), Stop::Parked);
        tracee
    }

    /// Lets it go on, with a signal or with 0, and waits until it stands still again.
    pub fn go_on(&self, signal: i32) -> Stop {
        let signal = ptr::without_provenance_mut::<libc::c_void>(signal as usize);
        // SAFETY: our own child, which stands still.
        let done =
            unsafe { libc::ptrace(libc::PTRACE_CONT, self.child, ptr::null_mut::<()>(), signal) };
        assert_eq!(done, 0, "the child does not go on");
        self.wait()
    }

    fn wait(&self) -> Stop {
        let mut status = 0;
        // SAFETY: our own child.
        assert_eq!(unsafe { libc::waitpid(self.child, &raw mut status, 0) }, self.child);
        assert!(libc::WIFSTOPPED(status), "the child is gone: {status:#x}");
        match libc::WSTOPSIG(status) {
            libc::SIGSTOP => Stop::Parked,
            libc::SIGTRAP => Stop::At(self.peek(offset_of!(libc::user, regs.rip))),
            signal => panic!(
                "the child got signal {signal} at {:#x}",
                self.peek(offset_of!(libc::user, regs.rip))
            ),
        }
    }

    /// Sets the breakpoints: four at most.
    pub fn set_breaks(&self, breaks: &[Break]) {
        let debug = offset_of!(libc::user, u_debugreg);
        self.poke(debug + 7 * 8, 0);
        let mut control = 0;
        for (nth, &it) in breaks.iter().enumerate() {
            let (address, how) = match it {
                Break::Before(address) => (address, 0b0000),
                Break::Store(4, address) => (address, 0b1101),
                Break::Store(_, address) => (address, 0b1001),
            };
            self.poke(debug + nth * 8, address);
            control |= 1 << (2 * nth) | how << (16 + 4 * nth);
        }
        self.poke(debug + 7 * 8, control);
    }

    /// Makes the next instruction one that can have a breakpoint, wherever it is.
    pub fn forget_resume(&self) {
        let at = offset_of!(libc::user, regs.eflags);
        self.poke(at, self.peek(at) & !RESUME);
    }

    /// Moves it to a CPU.
    pub fn move_to(&self, cpu: usize) {
        let mut set = CpuSet::new();
        set.set(cpu);
        sched_setaffinity(Pid::from_raw(self.child), &set).expect("a CPU of this process's own");
    }

    fn peek(&self, offset: usize) -> u64 {
        let offset = ptr::without_provenance_mut::<libc::c_void>(offset);
        // SAFETY: our own child, which stands still.
        let value = unsafe { libc::ptrace(libc::PTRACE_PEEKUSER, self.child, offset, 0) };
        value as u64
    }

    fn poke(&self, offset: usize, value: u64) {
        let offset = ptr::without_provenance_mut::<libc::c_void>(offset);
        // SAFETY: our own child, which stands still.
        let done = unsafe { libc::ptrace(libc::PTRACE_POKEUSER, self.child, offset, value) };
        assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        // SAFETY: our own child.
        unsafe { libc::kill(self.child, libc::SIGKILL) };
        // SAFETY: likewise.
        unsafe { libc::waitpid(self.child, ptr::null_mut(), 0) };
    }
}
