// SPDX-License-Identifier: MIT OR Apache-2.0
//! Metadata memory that lives as long as the allocator: tables made at set-up.
//!
//! The allocator runs before any heap exists, so its tables are slices of memory that the
//! platform lends ([`Metadata`]). They are lent as `&'static mut`, which is true as long as the
//! allocator lives: [`Holdings`] remembers each loan, and gives all back when told that nothing
//! refers to them any more.

use core::alloc::Layout;
use core::ptr::NonNull;

use pcpu_platform::{Metadata, NoMetadata};

/// Loans made at set-up: placements, slots, groups, runs, unit offsets, group extents, attached
/// CPUs, lists.
const MOST: usize = 8;

/// The loans of one allocator.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    loans: [Option<(NonNull<u8>, Layout)>; MOST],
    len: usize,
}

impl Holdings {
    /// Borrows memory for `len` values and fills it with the default value.
    ///
    /// # Errors
    /// [`NoMetadata`]; earlier loans stay.
    pub(crate) fn slice<T: Default + 'static>(
        &mut self,
        platform: &impl Metadata,
        len: usize,
    ) -> Result<&'static mut [T], NoMetadata> {
        let layout = Layout::array::<T>(len).map_err(|_| NoMetadata)?;
        if layout.size() == 0 {
            return Ok(&mut []);
        }
        assert!(self.len < MOST, "set-up borrows at most {MOST} tables");
        let at = platform.take_metadata(layout)?;
        self.loans[self.len] = Some((at, layout));
        self.len += 1;
        let first = at.cast::<T>();
        for index in 0..len {
            // SAFETY: the loan holds `len` values.
            let at = unsafe { first.add(index) };
            // SAFETY: inside the loan, aligned for `T` (layout above), known to nobody else.
            unsafe { at.write(T::default()) };
        }
        // SAFETY: all `len` values are initialised above; the loan is ours alone and is kept
        // until `give_all`, whose caller promises that the slice is gone.
        Ok(unsafe { NonNull::slice_from_raw_parts(first, len).as_mut() })
    }

    /// Gives every loan back.
    ///
    /// # Safety
    /// `platform` lent them, and no slice made here is used any more.
    pub(crate) unsafe fn give_all(&mut self, platform: &impl Metadata) {
        for loan in self.loans.iter_mut().rev() {
            if let Some((at, layout)) = loan.take() {
                // SAFETY: taken with this layout in `slice`, given once (`take`), unused by the
                // caller's promise.
                unsafe { platform.give_metadata(at, layout) };
            }
        }
        self.len = 0;
    }
}
