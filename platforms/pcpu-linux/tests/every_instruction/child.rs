// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the child does: stop; the operation that is wanted; and again, for ever. Its signal handler
//! does the same operation.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::cases::Case;
use crate::ground::Ground;

/// Distance of a thread's area from its thread pointer, if the C library says so.
pub fn area_offset() -> Option<isize> {
    // SAFETY: a name with an end.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()) };
    // SAFETY: the variable of that name, if there is one, has that type.
    unsafe { symbol.cast::<isize>().as_ref() }.copied()
}

/// The calling thread's area.
pub fn area(offset: isize) -> usize {
    let pointer: usize;
    // SAFETY: by the ABI the word at `fs:0` is the thread pointer itself.
    unsafe { std::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) pointer) };
    pointer.wrapping_add_signed(offset)
}

/// What the handler needs.
struct Ours<'a> {
    ground: &'a Ground,
    cases: &'a [Case],
}

static OURS: AtomicPtr<Ours<'static>> = AtomicPtr::new(ptr::null_mut());

fn run(ours: &Ours<'_>, who: u64) -> [u64; 2] {
    let case = &ours.cases[ours.ground.control().case.load(Ordering::Relaxed)];
    (case.run)(ours.ground, who)
}

fn tell(to: &[AtomicU64; 2], answer: [u64; 2]) {
    to.iter().zip(answer).for_each(|(to, answer)| to.store(answer, Ordering::Relaxed));
}

extern "C" fn handler(_: libc::c_int) {
    // SAFETY: set before the handler was installed, for ever.
    let ours = unsafe { &*OURS.load(Ordering::Relaxed) };
    let control = ours.ground.control();
    tell(&control.handler_result, run(ours, 1));
    control.handled.fetch_add(1, Ordering::Relaxed);
}

/// Works for ever, in a child of one thread.
pub fn work(ground: &Ground, cases: &[Case], area_offset: isize) -> ! {
    let mut ours = Ours { ground, cases };
    OURS.store((&raw mut ours).cast(), Ordering::Relaxed);
    // SAFETY: all zeros are a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: a valid action, whose handler does what handlers may.
    unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
    set_rounds();
    let descriptor = ptr::with_exposed_provenance::<u64>(area(area_offset) + 8);
    let control = ground.control();
    loop {
        // SAFETY: stops this process until its tracer lets it go on.
        unsafe { libc::raise(libc::SIGSTOP) };
        tell(&control.result, run(&ours, 0));
        // SAFETY: a word of the thread's area.
        control.descriptor.store(unsafe { descriptor.read_volatile() }, Ordering::Relaxed);
    }
}

/// One round at each point, so that every instruction there is taken.
#[cfg(pcpu_inject)]
fn set_rounds() {
    pcpu_linux::local::inject::ROUNDS.iter().for_each(|it| it.store(1, Ordering::Relaxed));
}

#[cfg(not(pcpu_inject))]
fn set_rounds() {}
