// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of fields, so that a counter inside a structure can be counted up without a lock.
#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;

/// The name of a field of type `F` in structures of type `S`; made by [`field!`](crate::field!).
pub struct Field<S, F> {
    offset: usize,
    types: PhantomData<fn(&S) -> &F>,
}

impl<S, F> Field<S, F> {
    /// Made by the macro. The function is there for its type.
    ///
    /// # Safety
    /// Every `S` has an aligned `F` at this offset.
    #[doc(hidden)]
    pub const unsafe fn new(offset: usize, _: fn(&S) -> &F) -> Self {
        Self { offset, types: PhantomData }
    }

    /// How many bytes from the structure's beginning.
    pub const fn offset(self) -> usize {
        self.offset
    }
}

impl<S, F> Clone for Field<S, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, F> Copy for Field<S, F> {}

impl<S, F> fmt::Debug for Field<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("offset", &self.offset).finish()
    }
}

/// Names a field of a structure, for [`PerCpu::this_cpu_field`](crate::PerCpu::this_cpu_field).
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
/// use pcpu::PerCpu;
///
/// #[derive(Default)]
/// struct Link { sent: AtomicU64, errors: AtomicU32 }
///
/// let link = PerCpu::from_fn(|_| Link::default())?;
/// link.this_cpu_field(pcpu::field!(Link, sent)).add(1500);
/// let sent: u64 = link.iter().map(|(_, link)| link.sent.load(Relaxed)).sum();
/// assert_eq!(sent, 1500);
/// # Ok::<(), pcpu::NewError>(())
/// ```
#[macro_export]
macro_rules! field {
    ($structure:ty, $field:tt) => {{
        // Outside of the unsafe block, so that nothing that needs one gets in.
        let of: fn(&$structure) -> &_ = |structure| &structure.$field;
        let offset = const { ::core::mem::offset_of!($structure, $field) };
        // SAFETY: the field is there in every value, and aligned: a reference to it could be made.
        unsafe { $crate::Field::new(offset, of) }
    }};
}
