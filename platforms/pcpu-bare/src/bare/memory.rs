// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bytes behind addresses, and memory for records.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use pcpu_platform::{Addr, Addressable, Memory, Metadata, NoMetadata};

use super::Bare;
use crate::Board;
use crate::setup::MOST_ALIGN;

// SAFETY: pages, mapped or not, are memory of the running program (P1, P3), and the functions of
// `core::ptr` touch exactly the bytes that they are told.
unsafe impl<B: Board, W, C> Memory for Bare<B, W, C> {
    #[inline]
    unsafe fn zero(&self, at: Addr, len: usize) {
        let to = ptr::with_exposed_provenance_mut::<u8>(at.get());
        // SAFETY: addressable and the caller's alone, by the caller's word.
        unsafe { to.write_bytes(0, len) };
    }

    #[inline]
    unsafe fn write(&self, at: Addr, bytes: &[u8]) {
        let to = ptr::with_exposed_provenance_mut::<u8>(at.get());
        // SAFETY: as above; nobody else has the range, so the borrowed bytes are not in it.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    #[inline]
    unsafe fn read(&self, at: Addr, bytes: &mut [u8]) {
        let from = ptr::with_exposed_provenance::<u8>(at.get());
        // SAFETY: as above, and the range is initialised.
        unsafe { from.copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
    }
}

// SAFETY: `Memory` does nothing else than that, and every CPU reaches the same memory (P1, P3).
unsafe impl<B: Board, W, C> Addressable for Bare<B, W, C> {}

// SAFETY: the heap is over memory of our own (P1), hands a piece to one taker at a time (P2), aligned
// as its layout says, and it is zeroed before it leaves here.
unsafe impl<B: Board, W, C> Metadata for Bare<B, W, C> {
    fn take_metadata(&self, layout: Layout) -> Result<NonNull<u8>, NoMetadata> {
        // The heap's arithmetic would wrap near the last address; `Setup` leaves room for this much.
        if layout.align() > MOST_ALIGN {
            return Err(NoMetadata);
        }
        let at = self.records.lock().allocate_first_fit(layout).map_err(|()| NoMetadata)?;
        // After the lock, which keeps interrupts masked.
        // SAFETY: just taken with this layout, so it may be written in full.
        unsafe { at.write_bytes(0, layout.size()) };
        Ok(at)
    }

    unsafe fn give_metadata(&self, at: NonNull<u8>, layout: Layout) {
        // SAFETY: taken from this heap with this layout, by the caller's word.
        unsafe { self.records.lock().deallocate(at, layout) };
    }
}
