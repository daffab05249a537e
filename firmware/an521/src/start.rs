// SPDX-License-Identifier: MIT OR Apache-2.0
//! From reset to [`image_primary`] or [`image_secondary`].
//!
//! Each core has its own piece of `.stacks`. The image runs on the process stack and leaves the
//! main stack to handlers, so that a core that ran out of the one can still say so on the
//! other. Both have a limit register.
//!
//! ```text
//!  ├───── handlers ─────┤─────────── image ──────────┤
//!  ▲ MSPLIM         MSP ▲ PSPLIM                  PSP ▲
//! ```
//!
//! # Source
//! Arm CoreLink SSE-200 TRM, "System control register block", "CPU identity unit".

use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::ops::Range;
use core::ptr::with_exposed_provenance_mut;

use crate::{MAX_CORES, image_primary, image_secondary, mailbox, mpu, vectors};

/// Bytes of each core's stack. Setting up a pool takes some 5 KiB, using it a fraction.
const STACK: [usize; MAX_CORES] =
    if cfg!(feature = "tiny") { [6 * 1024 + 256, 2 * 1024] } else { [16 * 1024; 2] };
/// Bytes of its handlers' stack.
const HANDLERS: usize = if cfg!(feature = "tiny") { 512 } else { 4 * 1024 };

/// Says which core reads it.
const CPU_IDENTITY: usize = 0x5001_F000;
/// Where core 1 takes its vector table from.
const INITSVTOR1: usize = 0x5002_1114;
/// Bits of the cores that are held in reset.
const CPUWAIT: usize = 0x5002_1118;

/// A core's piece of memory for stacks.
#[repr(C, align(64))]
struct CoreStack<const SIZE: usize> {
    handlers: UnsafeCell<[u8; HANDLERS]>,
    image: UnsafeCell<[u8; SIZE]>,
}

// SAFETY: no code reads or writes the bytes by way of this type, but for what a core's own handler
// finds on its own stack.
unsafe impl<const SIZE: usize> Sync for CoreStack<SIZE> {}

impl<const SIZE: usize> CoreStack<SIZE> {
    const fn new() -> Self {
        Self { handlers: UnsafeCell::new([0; HANDLERS]), image: UnsafeCell::new([0; SIZE]) }
    }
}

#[unsafe(link_section = ".bss.stacks")]
static STACK_0: CoreStack<{ STACK[0] }> = CoreStack::new();

#[unsafe(link_section = ".bss.stacks")]
static STACK_1: CoreStack<{ STACK[1] }> = CoreStack::new();

/// Where both cores start.
///
/// # Safety
/// Runs at reset, and is called by nobody.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "ldr r0, ={identity}",
        "ldr r4, [r0]",

        // The core's piece of .stacks.
        "ldr r0, ={stack_0}",
        "ldr r1, ={size_0}",
        "cbz r4, 6f",
        "ldr r0, ={stack_1}",
        "ldr r1, ={size_1}",
        "6:",
        "msr msplim, r0",
        "add r2, r0, #{handlers}",
        "msr msp, r2",
        "msr psplim, r2",
        "add r0, r0, r1",
        "msr psp, r0",
        "movs r0, #2",
        "msr control, r0",
        "isb",

        // CPACR: floating point on, before any code that was compiled for it; nothing happens where
        // there is none. Exceptions save its registers without being asked.
        "ldr r0, =0xE000ED88",
        "ldr r1, [r0]",
        "orr r1, r1, #0xF00000",
        "str r1, [r0]",
        "dsb",
        "isb",

        // Core 0: copy what is initialised, clear the rest.
        "cmp r4, #0",
        "bne 5f",
        "ldr r0, =__data_start",
        "ldr r1, =__data_end",
        "ldr r2, =__data_load",
        "1: cmp r0, r1",
        "bhs 2f",
        "ldr r3, [r2], #4",
        "str r3, [r0], #4",
        "b 1b",
        "2: ldr r0, =__bss_start",
        "ldr r1, =__bss_end",
        "movs r3, #0",
        "3: cmp r0, r1",
        "bhs 5f",
        "str r3, [r0], #4",
        "b 3b",

        "5: mov r0, r4",
        "b {started}",
        ".ltorg",
        identity = const CPU_IDENTITY,
        stack_0 = sym STACK_0,
        size_0 = const size_of_val(&STACK_0),
        stack_1 = sym STACK_1,
        size_1 = const size_of_val(&STACK_1),
        handlers = const HANDLERS,
        started = sym started,
    )
}

extern "C" fn started(core: usize) -> ! {
    mpu::enable();
    mailbox::join();
    if core == 0 { image_primary() } else { image_secondary() }
}

/// Returns the core that executes this.
pub fn this_core() -> usize {
    let register = with_exposed_provenance_mut::<u32>(CPU_IDENTITY);
    // SAFETY: the register exists, and reading it has no effect.
    unsafe { register.read_volatile() as usize }
}

/// Lets core 1 start.
pub fn release() {
    let table = with_exposed_provenance_mut::<usize>(INITSVTOR1);
    // SAFETY: the register exists, and core 1, which reads it, is still held.
    unsafe { table.write_volatile((&raw const vectors::VECTORS).addr()) };
    cortex_m::asm::dsb();
    let wait = with_exposed_provenance_mut::<u32>(CPUWAIT);
    // SAFETY: the register exists; core 1 starts where it was just told, on a stack of its own.
    unsafe { wait.write_volatile(0) };
}

/// Returns where `core`'s stacks are.
pub fn stacks(core: usize) -> Range<usize> {
    let (start, size) = match core {
        0 => ((&raw const STACK_0).addr(), size_of_val(&STACK_0)),
        _ => ((&raw const STACK_1).addr(), size_of_val(&STACK_1)),
    };
    start..start + size
}
