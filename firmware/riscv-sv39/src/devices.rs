// SPDX-License-Identifier: MIT OR Apache-2.0
//! The three devices used: the console, the one that ends the machine, and the one through
//! which harts interrupt each other.
//!
//! | device | address | |
//! |---|---|---|
//! | SiFive test | 0x0010_0000 | write a status, and QEMU exits with it |
//! | CLINT | 0x0200_0000 | `msip`: one word a hart, 1 interrupts it in machine mode |
//! | UART 16550 | 0x1000_0000 | console |
//!
//! All are identity-mapped, so the same code works before and after the MMU is on.

use core::arch::asm;
use core::fmt::{self, Write};
use core::ops::Range;
use core::ptr::{self, NonNull};

use uart_16550::{Config, Uart16550};

/// Where the words that interrupt harts begin.
pub const CLINT: usize = 0x0200_0000;

const TEST: usize = 0x10_0000;
const UART: usize = 0x1000_0000;

/// What has to be mapped for this module to work.
pub const REGIONS: [Range<usize>; 3] =
    [TEST..TEST + 0x1000, CLINT..CLINT + 0x1_0000, UART..UART + 0x1000];

/// The status of a machine that took an exception it did not expect.
pub const FAULT: u8 = 99;

/// Prepares the console. Once, before the first [`write`].
pub fn set_up_console() {
    uart().init(Config::default()).expect("QEMU's UART takes the usual settings");
}

/// Writes to the console.
pub fn write(text: &str) {
    uart().send_bytes_exact(text.as_bytes());
}

/// Writes what went wrong.
pub fn report(what: fmt::Arguments<'_>) {
    // `Console` never fails.
    let _ = Console.write_fmt(what);
}

/// Ends the machine with `status`, 0 for success.
pub fn exit(status: u8) -> ! {
    const PASS: u32 = 0x5555;
    const FAIL: u32 = 0x3333;
    let word = match status {
        0 => PASS,
        status => u32::from(status) << 16 | FAIL,
    };
    // SAFETY: the device's only register, a word; writing it has no effect but to end the machine.
    unsafe { ptr::with_exposed_provenance_mut::<u32>(TEST).write_volatile(word) };
    loop {
        core::hint::spin_loop();
    }
}

/// Interrupts a hart. It sees what this hart wrote before.
pub fn interrupt(hart: usize) {
    assert!(hart < crate::start::MAX_HARTS, "hart {hart} does not exist");
    // SAFETY: a fence touches no memory. It keeps the store below, to a device, behind the
    // stores to memory that the other hart is to read: `w` orders those, `o` orders this one.
    unsafe { asm!("fence w, o", options(nostack)) };
    let word = ptr::with_exposed_provenance_mut::<u32>(CLINT + 4 * hart);
    // SAFETY: `msip` of a hart that exists (checked above), a word; the hart's machine trap
    // handler clears it.
    unsafe { word.write_volatile(1) };
}

struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text);
        Ok(())
    }
}

/// A handle to the console, which has no state of its own.
fn uart() -> Uart16550<impl uart_16550::backend::Backend> {
    let base = NonNull::new(ptr::with_exposed_provenance_mut(UART)).expect("not null");
    // SAFETY: a 16550 is there, with its registers in successive bytes, as long as the machine
    // runs. Several handles at once mix up text, and nothing else.
    unsafe { Uart16550::new_mmio(base, 1) }.expect("a stride of 1 is a power of two")
}
