// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bytes behind addresses, and the heap for the allocator's own records: alike on every machine
//! that is a process.
//!
//! Addresses reach this file as numbers. Every one that may be used lies in memory that the machine
//! took from the system, and whose provenance it exposed then, so a pointer can be made of the
//! number again.
#![allow(unsafe_code)]

use core::ptr;

use pcpu_platform::Addr;

/// Implements [`Memory`](pcpu_platform::Memory) and [`Metadata`](pcpu_platform::Metadata) for
/// a machine whose addresses are the process's own. Whoever invokes it proves that they are, and that
/// their provenance was exposed; which makes the machine
/// [`Addressable`](pcpu_platform::Addressable). That is written out beside the invocation, because
/// compilers show it to those whose machine is not, and should not show them this macro.
macro_rules! memory_of_process {
    (unsafe impl $(<$cell:ident>)? for $machine:ty) => {
        const _: () = {
            use core::alloc::Layout;
            use core::ptr::NonNull;
            use std::alloc;

            use pcpu_platform::{Addr, Memory, Metadata, NoMetadata};
            use $crate::memory::pointer;

            // SAFETY: each function is one call that does what its name says to `len` bytes from
            // `at`.
            unsafe impl $(<$cell>)? Memory for $machine {
                #[inline]
                unsafe fn zero(&self, at: Addr, len: usize) {
                    // SAFETY: writable and not accessed by others for `len` bytes, by the caller's
                    // contract; the provenance is exposed (who invokes this proves it). Bytes have
                    // no alignment.
                    unsafe { pointer(at).write_bytes(0, len) };
                }

                #[inline]
                unsafe fn write(&self, at: Addr, bytes: &[u8]) {
                    // SAFETY: the same. `bytes` is a borrow, so it does not overlap memory that
                    // nobody else accesses during the call.
                    unsafe { pointer(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
                }

                #[inline]
                unsafe fn read(&self, at: Addr, bytes: &mut [u8]) {
                    // SAFETY: readable, initialised and not written by others, by the caller's
                    // contract; `bytes` is borrowed for us alone, so it does not overlap.
                    unsafe { pointer(at).copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
                }
            }

            // SAFETY: the program's allocator gives memory that is valid for `layout`, zeroed, and
            // the caller's alone, usable from every thread.
            unsafe impl $(<$cell>)? Metadata for $machine {
                fn take_metadata(&self, layout: Layout) -> Result<NonNull<u8>, NoMetadata> {
                    if layout.size() == 0 {
                        return Err(NoMetadata);
                    }
                    // SAFETY: the size is not zero.
                    let at = unsafe { alloc::alloc_zeroed(layout) };
                    NonNull::new(at).ok_or(NoMetadata)
                }

                unsafe fn give_metadata(&self, at: NonNull<u8>, layout: Layout) {
                    // SAFETY: it came from `take_metadata` with this layout, by the caller's
                    // contract.
                    unsafe { alloc::dealloc(at.as_ptr(), layout) };
                }
            }
        };
    };
}
pub(crate) use memory_of_process;

#[inline]
pub(crate) fn pointer(at: Addr) -> *mut u8 {
    ptr::with_exposed_provenance_mut(at.get())
}
