// SPDX-License-Identifier: MIT OR Apache-2.0
//! Console and exit, and the old interrupt controllers, which are silenced.
//!
//! | device | ports | |
//! |---|---|---|
//! | 8259 interrupt controllers | 0x21, 0xa1 | masked: the timer that firmware left on is not for us |
//! | delay | 0x80 | a write takes about a microsecond on a PC, and does nothing |
//! | QEMU's `isa-debug-exit` | 0xf4 | write a word `v`, and QEMU exits with `2 v + 1` |
//! | UART 16550 | 0x3f8 | console |

use core::fmt::{self, Write};

use uart_16550::{Config, Uart16550};
use x86_64::instructions::port::Port;

const CONSOLE: u16 = 0x3f8;
const EXIT: u16 = 0xf4;
const DELAY: u16 = 0x80;
const MASKS: [u16; 2] = [0x21, 0xa1];

/// The status of a machine that took an exception it did not expect.
pub const FAULT: u8 = 99;

/// What success is written as: QEMU's status is odd, so it cannot be 0, and is 33.
const SUCCESS: u32 = 0x10;

/// Prepares the console and silences the old controllers. Once, before the first [`write`].
pub fn set_up() {
    uart().init(Config::default()).expect("QEMU's UART takes the usual settings");
    for port in MASKS {
        // SAFETY: masks all interrupts of a controller that nothing here uses.
        unsafe { Port::<u8>::new(port).write(0xff) };
    }
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

/// Ends the machine: QEMU's status is 33 for 0, and `2 status + 1`, in 8 bits, for others.
pub fn exit(status: u8) -> ! {
    let word = match u32::from(status) {
        0 => SUCCESS,
        // Not to be taken for success, whose seven bits these are.
        status if status & 0x7f == SUCCESS => SUCCESS + 1,
        status => status,
    };
    // SAFETY: writing the device's only register has no effect but to end the machine.
    unsafe { Port::<u32>::new(EXIT).write(word) };
    // Only without the device.
    loop {
        x86_64::instructions::hlt();
    }
}

/// Waits about so long, or longer.
pub fn delay(microseconds: u32) {
    for _ in 0..microseconds {
        // SAFETY: the port is the PC's for diagnostics; nobody reads it.
        unsafe { Port::<u8>::new(DELAY).write(0) };
    }
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
    // SAFETY: a 16550 is there as long as the machine runs. Several handles at once mix up text,
    // and nothing else.
    unsafe { Uart16550::new_port(CONSOLE) }.expect("the port's registers fit below 65536")
}
