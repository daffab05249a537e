// SPDX-License-Identifier: MIT OR Apache-2.0
//! The outside world, by semihosting: a console, and a status to end with.

use core::fmt;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

use semihosting::io::{Write, stdout};

use crate::MAX_CORES;

/// Status of an image that panicked.
const PANICKED: u8 = 101;

/// The core whose last words are being written, or `MAX_CORES`.
static DYING: AtomicUsize = AtomicUsize::new(MAX_CORES);

/// Writes `text`. Lines of two cores that write at the same moment mix.
pub fn write(text: &str) {
    // There is nowhere to say that the console is gone.
    let _ = stdout().and_then(|mut out| out.write_all(text.as_bytes()));
}

/// Ends the machine, and QEMU with this exit status.
pub fn exit(status: u8) -> ! {
    semihosting::process::exit(i32::from(status))
}

/// Ends the machine with a word about the reason. Of two cores that die at once, one speaks;
/// a core that dies while it speaks is not asked again.
pub fn die(status: u8, why: fmt::Arguments<'_>) -> ! {
    let me = this_core();
    match DYING.compare_exchange(MAX_CORES, me, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            let _ = stdout().and_then(|mut out| out.write_fmt(format_args!("core {me}: {why}\n")));
            exit(status)
        }
        Err(dying) if dying == me => exit(status),
        Err(_) => loop {
            aarch32_cpu::asm::wfi();
        },
    }
}

/// Returns the core that executes this, by the hardware, whatever state it is in.
pub fn this_core() -> usize {
    aarch32_cpu::asm::core_id() as usize
}

#[panic_handler]
fn panicked(info: &PanicInfo) -> ! {
    die(PANICKED, format_args!("{info}"))
}
