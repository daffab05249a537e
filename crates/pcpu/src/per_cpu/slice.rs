// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several scalars in one copy: arrays, and slices whose length is known at run time only.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::fmt;
use core::slice;
use std::sync::Arc;

use pcpu_core::{Kept, Request};
use pcpu_layout::CpuId;
use pcpu_linux::local::{By, Copies, Cpu};
use zerocopy::FromZeros;

use super::error::NewError;
use super::field::Field;
use super::home::{Area, Home};
use super::owner::Owner;
use super::pool::Pool;
use super::scalar::{Number, Scalar};
use super::this::This;
use super::value::PerCpu;

impl<S: Scalar, const N: usize, B: By> PerCpu<[S; N], B> {
    /// Returns an element of the running CPU's copy, or `None` if there are not so many.
    ///
    /// # Examples
    /// ```
    /// use std::sync::atomic::AtomicU64;
    /// use pcpu::PerCpu;
    ///
    /// let by_size = PerCpu::<[AtomicU64; 8]>::zeroed()?;
    /// by_size.this_cpu_item(3).expect("there are eight").inc();
    /// assert!(by_size.this_cpu_item(8).is_none());
    /// # Ok::<(), pcpu::NewError>(())
    /// ```
    #[inline]
    pub fn this_cpu_item(&self, item: usize) -> Option<This<'_, S, B>> {
        if item >= N {
            return None;
        }
        // SAFETY: an array has an aligned element there.
        Some(unsafe { self.this_cpu_at(item * size_of::<S>()) })
    }

    /// Returns the sum of an element over all copies, wrapping.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn sum_item(&self, item: usize) -> S::Value
    where
        S: Number,
    {
        self.iter().fold(S::ZERO, |sum, (_, copy)| S::wrapping_add(sum, copy[item].peek()))
    }
}

/// A slice with a copy on every CPU that uses it, of a length that is known at run time.
///
/// Copies start as zeros. An area is at most as large as a pool's unit, 64 KiB by default.
///
/// # Examples
/// ```
/// use std::sync::atomic::AtomicU64;
/// use pcpu::PerCpuSlice;
///
/// let routes = 12;
/// let requests = PerCpuSlice::<AtomicU64>::zeroed(routes)?;
/// requests.this_cpu_item(7).expect("route 7").inc();
/// assert_eq!(requests.sum_item(7), 1);
/// # Ok::<(), pcpu::NewError>(())
/// ```
pub struct PerCpuSlice<T, B: By = Cpu> {
    /// Borrows from `owner`, which stays as long.
    copies: Copies<'static, B>,
    owner: Owner<T>,
    len: usize,
    /// Taken when dropped.
    area: Option<Kept>,
}

// SAFETY: as for `PerCpu<T>`.
unsafe impl<T: Send, B: By> Send for PerCpuSlice<T, B> {}
// SAFETY: as for `PerCpu<T>`.
unsafe impl<T: Send, B: By> Sync for PerCpuSlice<T, B> {}

impl<T: FromZeros + Send> PerCpuSlice<T> {
    /// Makes slices of `len` elements, zeros, in the process's own pool.
    ///
    /// # Errors
    /// [`NewError`].
    pub fn zeroed(len: usize) -> Result<Self, NewError> {
        Self::zeroed_in(Pool::global().map_err(NewError::Pool)?, len)
    }
}

impl<T: FromZeros + Send, B: By> PerCpuSlice<T, B> {
    /// As [`zeroed`](PerCpuSlice::zeroed), in a pool of one's own.
    ///
    /// # Errors
    /// [`NewError`].
    pub fn zeroed_in(pool: &Pool<B>, len: usize) -> Result<Self, NewError> {
        const {
            assert!(!core::mem::needs_drop::<T>(), "elements of a slice are not dropped");
        }
        let layout = Layout::array::<T>(len).map_err(|_| NewError::TooMany { len })?;
        let kept = pool.home.alloc(Request::new(layout.size().max(1), layout.align()))?;
        let owner = Owner::zeroed(Arc::clone(&pool.home), Home::address(&kept));
        // SAFETY: kept beside the owner, and not used after it.
        let copies = unsafe { owner.lasting_copies() };
        Ok(Self { copies, owner, len, area: Some(kept) })
    }
}

impl<T: Send, B: By> PerCpuSlice<T, B> {
    /// Returns the number of elements.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Says whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Runs `body` on the running CPU's slice, as [`PerCpu::with`] does.
    pub fn with<R>(&self, body: impl FnOnce(&[T]) -> R) -> R {
        self.owner.home.on_this::<B, R>(|index| {
            // SAFETY: as in `PerCpu::with`; `len` elements, zeroed, which `T: FromZeros` allowed.
            body(unsafe { slice::from_raw_parts(self.owner.copy_made(index), self.len) })
        })
    }

    /// Runs `body` on every slice there is, one after the other, as [`PerCpu::for_each`] does.
    ///
    /// # Panics
    /// As that one.
    pub fn for_each(&self, mut body: impl FnMut(CpuId, &[T])) {
        self.owner.home.refuse_others(None);
        for (cpu, index, copy) in self.owner.whole_copies() {
            // SAFETY: as in `PerCpu::with`; so many elements.
            let slice = unsafe { slice::from_raw_parts(copy, self.len) };
            self.owner.home.on(index, |_| body(cpu, slice));
        }
    }

    /// Lists the slices there are, to change in place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (CpuId, &mut [T])> {
        self.owner.whole_copies().map(|(cpu, _, copy)| {
            // SAFETY: as in `PerCpu::iter_mut`; so many elements.
            (cpu, unsafe { slice::from_raw_parts_mut(copy, self.len) })
        })
    }

    /// Returns a CPU's slice, which that CPU uses at the same time. `None` if it has none yet.
    pub fn get(&self, cpu: CpuId) -> Option<&[T]>
    where
        T: Sync,
    {
        let copy = self.owner.copy(self.owner.home.index_of(cpu)?)?;
        // SAFETY: as in `PerCpu::get`; so many elements.
        Some(unsafe { slice::from_raw_parts(copy, self.len) })
    }

    /// Lists the slices there are, with their CPUs.
    pub fn iter(&self) -> impl Iterator<Item = (CpuId, &[T])>
    where
        T: Sync,
    {
        self.owner.copies().map(|(cpu, _, copy)| {
            // SAFETY: as in `get`.
            (cpu, unsafe { slice::from_raw_parts(copy, self.len) })
        })
    }

    /// Returns an element of the running CPU's slice, or `None` if there are not so many.
    #[inline]
    pub fn this_cpu_item(&self, item: usize) -> Option<This<'_, T, B>>
    where
        T: Scalar,
    {
        // SAFETY: an element begins there.
        (item < self.len).then(|| unsafe { self.this_cpu_at(item * size_of::<T>()) })
    }

    /// Returns a field of an element of the running CPU's slice, named by [`field!`](crate::field!); `None`
    /// if there are not so many elements.
    #[inline]
    pub fn this_cpu_item_field<F: Scalar>(
        &self,
        item: usize,
        field: Field<T, F>,
    ) -> Option<This<'_, F, B>> {
        let offset = item.checked_mul(size_of::<T>())?.checked_add(field.offset())?;
        // SAFETY: every `T` has an aligned `F` there (`Field::new`), and so has the element.
        (item < self.len).then(|| unsafe { self.this_cpu_at(offset) })
    }

    /// Returns what lies `offset` bytes from the beginning of the running CPU's slice.
    ///
    /// # Safety
    /// Every slice has an aligned `F` there.
    #[inline]
    unsafe fn this_cpu_at<F: Scalar>(&self, offset: usize) -> This<'_, F, B> {
        // SAFETY: T1: an aligned, initialised scalar in every copy, as long as `self`.
        unsafe { This::new(self.copies.shifted(offset), &self.owner) }
    }

    /// Returns the sum of an element over all CPUs, wrapping.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn sum_item(&self, item: usize) -> T::Value
    where
        T: Number,
    {
        self.iter().fold(T::ZERO, |sum, (_, copy)| T::wrapping_add(sum, copy[item].peek()))
    }
}

impl<T, B: By> Drop for PerCpuSlice<T, B> {
    fn drop(&mut self) {
        drop(Area::to_free(&self.owner.home, self.area.take()));
    }
}

impl<T, B: By> fmt::Debug for PerCpuSlice<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCpuSlice").field("len", &self.len).finish_non_exhaustive()
    }
}
