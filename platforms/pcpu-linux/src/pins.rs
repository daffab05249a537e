// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations on one's own copy, by lock: slow, and right on every system.
//!
//! A program cannot forbid the scheduler to move it. But what `this_cpu` operations need is that
//! no two of them are at work on the same copy, and a lock per CPU says just that:
//!
//! ```text
//!  thread A  asks: CPU 1 ─► locks 1 ─► works on copy 1 ─────────► unlocks 1
//!                           (moved to CPU 0 meanwhile: no matter)
//!  thread B  asks: CPU 1 ─► waits ............................... locks 1 ─► works on copy 1
//! ```
//!
//! The answer to "which CPU?" may be stale when the lock is had, and need not be asked again:
//! it decides whose line is likely in the cache, the lock decides who may write. For all that
//! goes through this trait, the thread *is* on that CPU until it unlocks.
//!
//! A thread that is pinned and pins again stays where it is: the inner body runs under the
//! outer lock. So each thread keeps a list of the machines it is pinned on.
//!
//! Not for signal handlers: one that interrupts its own thread between lock and unlock would
//! wait for itself, or work in the middle of another operation.
//!
//! # Cost
//! An uncontended lock, a call for the CPU number, a look into the thread's list: tens of
//! nanoseconds where a restartable sequence takes one.
#![allow(unsafe_code)]

use core::cell::RefCell;

use parking_lot::{Mutex, MutexGuard};
use pcpu_layout::CpuId;
use pcpu_platform::{Addr, Memory, Word};

thread_local! {
    /// The machines this thread is pinned on, by the address of their locks, and to which CPU.
    static PINNED: RefCell<Vec<(usize, CpuId)>> = const { RefCell::new(Vec::new()) };
}

/// One lock per CPU id.
pub(crate) struct Pins {
    locks: Box<[Lock]>,
}

/// A lock on cache lines of its own (two, because they are fetched in pairs).
#[derive(Default)]
#[repr(align(128))]
struct Lock(Mutex<()>);

/// While it lives, its thread is the only one on its CPU.
struct Pin<'p> {
    pins: &'p Pins,
    _lock: MutexGuard<'p, ()>,
}

impl Pins {
    pub(crate) fn new(nr_cpu_ids: u32) -> Self {
        Self { locks: (0..nr_cpu_ids).map(|_| Lock::default()).collect() }
    }

    /// Returns the CPU that the calling thread is pinned to on this machine.
    pub(crate) fn pinned_to(&self) -> Option<CpuId> {
        let id = self.id();
        PINNED.with_borrow(|pinned| pinned.iter().find(|pin| pin.0 == id).map(|pin| pin.1))
    }

    /// Runs `body` on one CPU: where the calling thread is pinned on this machine already, or else
    /// where it is `running`.
    pub(crate) fn pinned<R>(
        &self,
        running: impl FnOnce() -> CpuId,
        body: impl FnOnce(CpuId) -> R,
    ) -> R {
        if let Some(cpu) = self.pinned_to() {
            return body(cpu);
        }
        let cpu = running();
        let _pin = self.pin(cpu);
        body(cpu)
    }

    /// Waits until nobody else is on `cpu`. The thread must not be pinned on this machine.
    fn pin(&self, cpu: CpuId) -> Pin<'_> {
        let lock = self.locks[cpu.index()].0.lock();
        PINNED.with_borrow_mut(|pinned| pinned.push((self.id(), cpu)));
        Pin { pins: self, _lock: lock }
    }

    fn id(&self) -> usize {
        self.locks.as_ptr().addr()
    }
}

impl Drop for Pin<'_> {
    /// The lock is released after this, as a field.
    fn drop(&mut self) {
        let id = self.pins.id();
        PINNED.with_borrow_mut(|pinned| pinned.retain(|pin| pin.0 != id));
    }
}

/// Implements [`ThisCpu`](pcpu_platform::ThisCpu) by locks. Whoever invokes it proves that
/// - `pins()` of the machine are the same for all handles to it;
/// - `running()` is one of its possible CPUs;
/// - its `current` is [`Pins::pinned_to`] for a thread that is pinned.
macro_rules! this_cpu_by_lock {
    (unsafe impl $(<$cell:ident>)? for $machine:ty) => {
        const _: () = {
            use pcpu_layout::CpuId;
            use pcpu_platform::{Addr, ThisCpu, Word};
            use $crate::pins::{get, put};

            // SAFETY: while the body of `pinned` runs, its thread holds the lock of the CPU named
            // to it, or an outer `pinned` of the same thread does; everything that goes through
            // this trait, the operations included, does so inside `pinned`. `current` names that
            // CPU (who invokes this proves it), so for the body the code stays there.
            unsafe impl $(<$cell>)? ThisCpu for $machine {
                fn pinned<R>(&self, body: impl FnOnce(CpuId) -> R) -> R {
                    self.pins().pinned(|| self.running(), body)
                }

                unsafe fn load<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr) -> W {
                    self.pinned(|cpu| {
                        // SAFETY: pinned to `cpu`, and the caller's contract.
                        unsafe { get(self, copy_of(cpu)) }
                    })
                }

                unsafe fn add_return<W: Word>(
                    &self,
                    copy_of: impl Fn(CpuId) -> Addr,
                    value: W,
                ) -> W {
                    self.pinned(|cpu| {
                        let at = copy_of(cpu);
                        // SAFETY: pinned to `cpu`, and the caller's contract.
                        let sum = unsafe { get::<W>(self, at) }.wrapping_plus(value);
                        // SAFETY: the same.
                        unsafe { put(self, at, sum) };
                        sum
                    })
                }

                unsafe fn exchange<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr, value: W) -> W {
                    self.pinned(|cpu| {
                        let at = copy_of(cpu);
                        // SAFETY: pinned to `cpu`, and the caller's contract.
                        let old = unsafe { get(self, at) };
                        // SAFETY: the same.
                        unsafe { put(self, at, value) };
                        old
                    })
                }

                unsafe fn compare_exchange<W: Word>(
                    &self,
                    copy_of: impl Fn(CpuId) -> Addr,
                    expected: W,
                    value: W,
                ) -> Result<W, W> {
                    self.pinned(|cpu| {
                        let at = copy_of(cpu);
                        // SAFETY: pinned to `cpu`, and the caller's contract.
                        let old = unsafe { get(self, at) };
                        if old != expected {
                            return Err(old);
                        }
                        // SAFETY: the same.
                        unsafe { put(self, at, value) };
                        Ok(old)
                    })
                }
            }
        };
    };
}
pub(crate) use this_cpu_by_lock;

/// Reads a word.
///
/// # Safety
/// It is a valid word of type `W` that nobody else writes during the call.
pub(crate) unsafe fn get<W: Word>(memory: &impl Memory, at: Addr) -> W {
    W::default().through_bytes(|bytes| {
        // SAFETY: as many bytes as a `W` has; the rest is the caller's contract.
        unsafe { memory.read(at, bytes) };
    })
}

/// Writes a word.
///
/// # Safety
/// It is a valid word of type `W` that nobody else accesses during the call.
pub(crate) unsafe fn put<W: Word>(memory: &impl Memory, at: Addr, value: W) {
    // What the bytes hold afterwards is the value itself.
    let _ = value.through_bytes(|bytes| {
        // SAFETY: as many bytes as a `W` has; the rest is the caller's contract.
        unsafe { memory.write(at, bytes) };
    });
}
