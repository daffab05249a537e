// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C library's area of the calling thread, without the library under test.
#![allow(unsafe_code)]

use std::ptr;

/// What a thread's area is, in words of four bytes.
pub const WORDS: usize = 8;

/// Distance of the C library's areas from thread pointers, if it says so.
pub fn offset() -> Option<isize> {
    // SAFETY: a name with an end.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()) };
    // SAFETY: the variable of that name, if there is one, has that type.
    unsafe { symbol.cast::<isize>().as_ref() }.copied()
}

/// The thread pointer.
pub fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads what every thread of a program has.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) pointer);
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer);
        #[cfg(target_arch = "riscv64")]
        std::arch::asm!("mv {}, tp", out(reg) pointer);
    }
    pointer
}

/// What the area holds now.
pub fn read(offset: isize) -> [u32; WORDS] {
    let area = thread_pointer().wrapping_add_signed(offset);
    let area = ptr::with_exposed_provenance::<[u32; WORDS]>(area);
    // SAFETY: the C library's area, 32 bytes at least, which the kernel may write at any time.
    unsafe { area.read_volatile() }
}
