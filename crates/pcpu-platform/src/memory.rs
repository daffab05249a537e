// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bytes behind addresses, and memory for the allocator's own records.

use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;

use crate::Addr;

/// Reads and writes the memory that [`Frames`](crate::Frames) and [`Mapper`](crate::Mapper) made
/// addressable.
///
/// The allocator itself touches unit memory only to zero it and to copy the static image; it
/// does both here. On real machines these are a `memset` and two `memcpy`s. In a simulator
/// every access goes through the running CPU's TLB, so that a missing flush is caught.
///
/// # Safety
/// The functions do what their names say, to exactly the bytes named, and do not unwind.
#[allow(unsafe_code)]
pub unsafe trait Memory {
    /// Writes zeros to `len` bytes from `at`.
    ///
    /// # Safety
    /// The range is addressable, and nobody else accesses it during the call.
    unsafe fn zero(&self, at: Addr, len: usize);

    /// Copies `bytes` to `at`.
    ///
    /// # Safety
    /// As for [`zero`](Self::zero).
    unsafe fn write(&self, at: Addr, bytes: &[u8]);

    /// Copies the bytes at `at` out, filling `bytes`.
    ///
    /// # Safety
    /// The range is addressable and initialised, and nobody writes it during the call.
    unsafe fn read(&self, at: Addr, bytes: &mut [u8]);
}

/// Memory whose addresses are those of the running program: an [`Addr`] that is backed may be used
/// as a pointer.
///
/// Firmware, kernels and user space are; a simulator, whose addresses are numbers of its own, is
/// not.
///
/// # Safety
/// A pointer made of an [`Addr`] by [`core::ptr::with_exposed_provenance`] reaches, on every CPU,
/// the same bytes as [`read`](Memory::read) and [`write`](Memory::write) do, for as long as the
/// address is backed.
#[allow(unsafe_code)]
#[diagnostic::on_unimplemented(
    message = "the memory of `{Self}` cannot be reached by pointer",
    label = "addresses of this platform are numbers of its own",
    note = "a simulated machine is read and written through `pcpu_platform::Memory`"
)]
pub unsafe trait Addressable: Memory {}

/// No memory for the allocator's own records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMetadata;

impl fmt::Display for NoMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no memory for the allocator's own records")
    }
}

impl core::error::Error for NoMetadata {}

/// Memory for chunk records, maps and tables: ordinary memory, the same on every CPU.
///
/// It may be a heap, a page source, or a static array with a bump pointer; the allocator asks a
/// few times at set-up and once or twice per new chunk, never on the path of an allocation that
/// may not sleep.
///
/// # Safety
/// What [`take_metadata`](Self::take_metadata) returns is valid for reads and writes by any
/// thread for `layout.size()` bytes, is aligned as asked, is all zeros, and belongs to the
/// caller alone until [`give_metadata`](Self::give_metadata). No method unwinds.
#[allow(unsafe_code)]
pub unsafe trait Metadata {
    /// Takes zeroed memory. `layout` has a non-zero size.
    ///
    /// # Errors
    /// [`NoMetadata`]; nothing has been taken then.
    fn take_metadata(&self, layout: Layout) -> Result<NonNull<u8>, NoMetadata>;

    /// Gives it back.
    ///
    /// # Safety
    /// `at` came from [`take_metadata`](Self::take_metadata) with this `layout`, and is not used
    /// any more.
    unsafe fn give_metadata(&self, at: NonNull<u8>, layout: Layout);
}
