// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the allocator costs in flash and RAM on a microcontroller.
//!
//! The image is built and looked at, not run. Its entry points take their arguments from
//! outside, so that nothing is specialised for a constant. Each feature adds one of them:
//!
//! ```text
//!  (none)   set-up of a pool for two CPUs, pages of 256 bytes
//!  alloc    alloc, from a context that may sleep and from one that may not
//!  free     a checked free
//!  balance  the worker's one call
//!  statistics   what is counted to be asked for; one call that reads it
//! ```
//!
//! `cargo xtask firmware size` builds them and prints the table of `docs/size.md`.
#![no_std]
#![no_main]

mod board;

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::panic::PanicInfo;

use board::Board;
use pcpu_core::{Allocator, Config, Watermarks};

/// The pool, as a `static` of an image would hold it; measured by its name.
struct Slot(UnsafeCell<MaybeUninit<Allocator<Board>>>);

// SAFETY: written once by `start`, before any entry point may be called; shared from then on.
unsafe impl Sync for Slot {}

#[unsafe(no_mangle)]
static PCPU_POOL: Slot = Slot(UnsafeCell::new(MaybeUninit::uninit()));

#[cfg(any(feature = "alloc", feature = "free", feature = "balance", feature = "statistics"))]
fn pool() -> &'static Allocator<Board> {
    // SAFETY: nobody writes it after `start`.
    let pool = unsafe { &*PCPU_POOL.0.get() };
    // SAFETY: `start` has written it, and comes first.
    unsafe { pool.assume_init_ref() }
}

/// Sets the pool up.
///
/// # Safety
/// Called once, first.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.start")]
pub unsafe extern "C" fn start(unit: usize, static_size: usize) -> bool {
    let config = Config {
        page_size: board::PAGE,
        min_unit_size: unit,
        max_area: Some(unit),
        dyn_size: unit / 2,
        early_size: 0,
        atom_size: board::PAGE,
        static_size,
        watermarks: Watermarks { low: 1, high: 2 },
        ..Config::default()
    };
    let Ok(made) = Allocator::new(Board, &config, &[]) else { return false };
    // SAFETY: nobody else runs yet.
    let pool = unsafe { &mut *PCPU_POOL.0.get() };
    pool.write(made);
    true
}

/// Allocates; returns the cookie's number, or 0.
#[cfg(feature = "alloc")]
#[unsafe(no_mangle)]
pub extern "C" fn pcpu_alloc(size: usize, align: usize, atomic: bool) -> usize {
    use pcpu_core::{Context, Request};
    let context = if atomic { Context::Atomic } else { Context::MaySleep };
    let cookie = pool().alloc(Request::new(size, align).context(context));
    cookie.map_or(0, |cookie| cookie.into_raw().get())
}

/// Frees; says whether it named a live area.
#[cfg(feature = "free")]
#[unsafe(no_mangle)]
pub extern "C" fn pcpu_free(cookie: usize) -> bool {
    pool().free_raw(cookie).is_ok()
}

/// Does what background work there is.
#[cfg(feature = "balance")]
#[unsafe(no_mangle)]
pub extern "C" fn pcpu_balance() {
    pool().balance();
}

/// Reads the statistics.
#[cfg(feature = "statistics")]
#[unsafe(no_mangle)]
pub extern "C" fn pcpu_live_areas() -> u64 {
    pool().stats().nr_cur_alloc
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
