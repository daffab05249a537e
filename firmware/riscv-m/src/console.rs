// SPDX-License-Identifier: MIT OR Apache-2.0
//! The outside world: a 16550 to write to, and the test device that ends the machine.

use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use riscv::register::mhartid;
use uart_16550::{Config, Uart16550, backend::MmioBackend};

/// Registers of the 16550, one byte apart.
const UART: usize = 0x1000_0000;
/// Register of the test device ("sifive_test").
const TEST: usize = 0x0010_0000;

/// Status of an image that panicked.
const PANICKED: u8 = 101;

/// The hart whose last words are being written, or `NOBODY`.
static DYING: AtomicUsize = AtomicUsize::new(NOBODY);
const NOBODY: usize = usize::MAX;

/// Sets the UART up. Called once, by hart 0, before anything is written.
pub fn init() {
    // A machine without its UART can say so only by its status.
    if uart().init(Config::default()).is_err() {
        exit(PANICKED);
    }
}

/// Writes `text`. Lines of two harts that write at the same moment mix.
pub fn write(text: &str) {
    uart().send_bytes_exact(text.as_bytes());
}

/// Ends the machine, and QEMU with this exit status.
pub fn exit(status: u8) -> ! {
    let word = match status {
        0 => 0x5555,
        status => u32::from(status) << 16 | 0x3333,
    };
    let register = ptr::with_exposed_provenance_mut::<u32>(TEST);
    // SAFETY: the register exists on this machine, and a write to it ends everything.
    unsafe { register.write_volatile(word) };
    loop {
        riscv::asm::wfi();
    }
}

/// Ends the machine with a word about the reason. Of two harts that die at once, one speaks; a hart
/// that dies while it speaks is not asked again.
pub fn die(status: u8, why: fmt::Arguments<'_>) -> ! {
    let me = mhartid::read();
    match DYING.compare_exchange(NOBODY, me, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            // The console cannot fail.
            let _ = writeln!(Console, "hart {me}: {why}");
            exit(status)
        }
        Err(dying) if dying == me => exit(status),
        Err(_) => loop {
            riscv::asm::wfi();
        },
    }
}

/// The console for `write!`.
struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text);
        Ok(())
    }
}

fn uart() -> Uart16550<MmioBackend> {
    let base = ptr::NonNull::new(ptr::with_exposed_provenance_mut(UART)).expect("not 0");
    // SAFETY: the eight registers exist on this machine, one byte apart. They are not exclusively
    // ours: two harts that write at once mix their lines, which is all that can go wrong, since
    // each access is one byte and nobody changes the configuration after `init`.
    unsafe { Uart16550::new_mmio(base, 1) }.expect("the stride is a power of two")
}

#[panic_handler]
fn panicked(info: &PanicInfo) -> ! {
    die(PANICKED, format_args!("{info}"))
}
