// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system call, and the registration of threads where libc does not do it.
//!
//! A thread is registered at its first operation, and taken off the register before its thread-local
//! memory goes: the kernel writes to a registered area whenever it likes.
//!
//! ```text
//!   new ──first operation──► registered ──the thread ends──► over
//!     └──refused─────────────────────────────────────────────┘
//! ```
//!
//! A thread that is *over* works on the strays' copies. So does one that was refused: somebody
//! else has registered an area of his own, or a filter of system calls came after the mode was
//! decided.
#![allow(unsafe_code)]

use core::cell::Cell;

use super::super::arch::{Native, Sequences};
use super::area;

/// The system call's number.
#[cfg(target_arch = "x86_64")]
const SYS_RSEQ: libc::c_long = 334;
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const SYS_RSEQ: libc::c_long = 293;

/// Take the area off the register.
const UNREGISTER: libc::c_int = 1;

/// As many bytes of pcpu's own area as there are.
const OWN_SIZE: u32 = 64;

/// What every kernel that knows rseq takes.
const LEAST_SIZE: u32 = 32;

/// The kernel's answer, if it is no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) i32);

/// Whether the calling thread is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Registered {
    /// It is.
    Yes,
    /// It is not, and will not be.
    No,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Registered,
    Over,
}

thread_local! {
    /// Without a destructor, so that it can be read until the thread's last instruction.
    static STATE: Cell<State> = const { Cell::new(State::New) };
    static UNREGISTERS: AtEnd = const { AtEnd };
}

/// Its destructor takes the thread off the register.
struct AtEnd;

impl Drop for AtEnd {
    fn drop(&mut self) {
        unregister_own();
    }
}

/// Asks whether the kernel has the system call: it refuses an impossible request in its own way.
pub(super) fn probe() -> Result<(), Refused> {
    // SAFETY: registers nothing: the length is wrong.
    match unsafe { rseq(0, 0, 0) } {
        Err(Refused(libc::EINVAL)) => Ok(()),
        Err(refused) => Err(refused),
        // A tool that answers yes to everything has no restartable sequences.
        Ok(()) => Err(Refused(libc::ENOSYS)),
    }
}

/// Registers pcpu's own area for the calling thread, unless that was tried before.
pub(in super::super) fn register_this_thread() -> Registered {
    match STATE.get() {
        State::Registered => Registered::Yes,
        State::Over => Registered::No,
        State::New => match register_own() {
            Ok(()) => Registered::Yes,
            Err(_) => Registered::No,
        },
    }
}

/// The same, with the reason.
pub(super) fn register_own() -> Result<(), Refused> {
    STATE.set(State::Over);
    // Makes the destructor run at the thread's end. A thread that is past that stays as it is.
    UNREGISTERS.try_with(|_| ()).map_err(|_| Refused(libc::ESRCH))?;
    // SAFETY: the thread's own area, which stays until the thread ends, when `AtEnd` takes it off.
    unsafe { rseq(own_area(), own_len(), 0) }?;
    STATE.set(State::Registered);
    Ok(())
}

/// Takes the calling thread off the register for good, if pcpu put it there.
pub(super) fn unregister_own() {
    let before = STATE.replace(State::Over);
    if before == State::Registered {
        // The state goes first: a signal handler that runs between the two still has sequences, and
        // one that runs afterwards must not believe that there are any.
        // SAFETY: as it was registered. Nothing else can have changed that.
        let _ = unsafe { rseq(own_area(), own_len(), UNREGISTER) };
        // A filter of system calls may refuse. Then the thread stays registered to its end: the
        // area lies in what the thread was started with, which outlives it.
    }
}

fn own_area() -> usize {
    let offset = area::own_offset().expect("decided: threads have an area");
    Native::thread_pointer().wrapping_add_signed(offset)
}

/// The whole area where the kernel has more to say than the first version; that is also how it is
/// asked for the newer way of working, where there are two.
fn own_len() -> u32 {
    let (feature, align) = auxiliary();
    if feature > LEAST_SIZE && feature <= OWN_SIZE && align <= OWN_SIZE {
        OWN_SIZE
    } else {
        LEAST_SIZE
    }
}

/// Size and alignment of an area, as the kernel said them at start-up; 0 if it did not.
pub(super) fn auxiliary() -> (u32, u32) {
    const AT_RSEQ_FEATURE_SIZE: libc::c_ulong = 27;
    const AT_RSEQ_ALIGN: libc::c_ulong = 28;
    // SAFETY: reads the auxiliary vector.
    let feature = unsafe { libc::getauxval(AT_RSEQ_FEATURE_SIZE) };
    // SAFETY: likewise.
    let align = unsafe { libc::getauxval(AT_RSEQ_ALIGN) };
    (feature as u32, align as u32)
}

/// The system call.
///
/// # Safety
/// When it registers, `area` is memory that stays until it is taken off the register, and that
/// nobody else writes to but as the ABI allows.
unsafe fn rseq(area: usize, len: u32, flags: libc::c_int) -> Result<(), Refused> {
    // SAFETY: the caller's contract; the kernel checks the rest.
    let done = unsafe { libc::syscall(SYS_RSEQ, area, len, flags, Native::SIGNATURE) };
    if done == 0 {
        return Ok(());
    }
    Err(Refused(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)))
}
