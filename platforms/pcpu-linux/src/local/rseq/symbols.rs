// SPDX-License-Identifier: MIT OR Apache-2.0
//! What libc says of the areas that it registered.
//!
//! glibc from 2.35 on defines three symbols; older ones and other libraries do not. A program
//! that is linked on a new system may run on an old one. So the references are weak, and go
//! through a table of addresses that the linker or the loader fills in, with 0 for what is
//! missing: the compiler, which takes it for granted that a `static` is somewhere, never sees them.
#![allow(unsafe_code)]

use core::ptr;

core::arch::global_asm!(
    ".weak __rseq_offset",
    ".weak __rseq_size",
    ".weak __rseq_flags",
    ".pushsection .data.rel.ro.pcpu_rseq, \"aw\", @progbits",
    ".balign 8",
    concat!(
        ".globl pcpu_rseq_symbols_",
        env!("CARGO_PKG_VERSION_MAJOR"),
        "_",
        env!("CARGO_PKG_VERSION_MINOR")
    ),
    concat!(
        ".hidden pcpu_rseq_symbols_",
        env!("CARGO_PKG_VERSION_MAJOR"),
        "_",
        env!("CARGO_PKG_VERSION_MINOR")
    ),
    concat!(
        "pcpu_rseq_symbols_",
        env!("CARGO_PKG_VERSION_MAJOR"),
        "_",
        env!("CARGO_PKG_VERSION_MINOR"),
        ":"
    ),
    ".quad __rseq_offset, __rseq_size, __rseq_flags",
    ".popsection",
);

unsafe extern "C" {
    #[link_name = concat!("pcpu_rseq_symbols_", env!("CARGO_PKG_VERSION_MAJOR"), "_", env!("CARGO_PKG_VERSION_MINOR"))]
    safe static SYMBOLS: [usize; 3];
}

/// What libc registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OfLibc {
    /// Distance of a thread's area from its thread pointer.
    pub(super) offset: isize,
    /// As libc says it: 0 where it did not register.
    pub(super) size: u32,
    /// 0 in all libraries so far.
    pub(super) flags: u32,
}

impl OfLibc {
    /// Asks libc, which has no such area if the answer is `None`.
    pub(super) fn look() -> Option<Self> {
        // SAFETY: a table of three words in this object, relocated before any code runs.
        let [offset, size, flags] = unsafe { (&raw const SYMBOLS).read_volatile() };
        if offset == 0 || size == 0 || flags == 0 {
            return None;
        }
        // SAFETY: the address of libc's variable, set before any of the program's code runs.
        let offset = unsafe { ptr::with_exposed_provenance::<isize>(offset).read_volatile() };
        // SAFETY: likewise.
        let size = unsafe { ptr::with_exposed_provenance::<u32>(size).read_volatile() };
        // SAFETY: likewise.
        let flags = unsafe { ptr::with_exposed_provenance::<u32>(flags).read_volatile() };
        Some(Self { offset, size, flags })
    }
}

/// How many bytes of an area the kernel fills in, of one that libc says is `size` long. `auxiliary`
/// is what the kernel said at start-up, 0 if nothing.
///
/// # Source
/// Libraries before 2.41 say 20 or 32 and mean "as much as fits into 32".
pub(super) fn active_size(size: u32, auxiliary: u32) -> u32 {
    match size {
        20 | 32 => {
            let feature = if auxiliary == 0 { 20 } else { auxiliary };
            feature.min(32)
        }
        size => size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RS-15.
    #[test]
    fn the_active_size_follows_libc_and_the_kernel() {
        let cases = [
            (20, 28, 28),
            (20, 33, 32),
            (20, 0, 20),
            (32, 28, 28),
            (32, 0, 20),
            (33, 33, 33),
            (28, 28, 28),
            (0, 28, 0),
        ];
        for (size, auxiliary, active) in cases {
            assert_eq!(active_size(size, auxiliary), active, "{size}, {auxiliary}");
        }
    }
}
