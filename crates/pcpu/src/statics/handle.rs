// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handles: what a program names a static by, and the ways from there to one CPU's copy.
//!
//! ```text
//!  handle ──► address of its template ──► offset in an image ──► + where the pool keeps that image
//!                                                            ──► + the CPU's unit  = its copy
//! ```
//!
//! A handle has no `Deref`: there is no copy that it could mean by itself.
#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use pcpu_core::{Addressing, Machine};
use pcpu_layout::CpuId;
use pcpu_platform::Addressable;

use super::template::Definition;
use crate::local::{Pcpu, Pinned};

/// The name of a static per-CPU variable; made by [`statics!`](crate::statics!). Takes no space.
pub struct Static<K>(PhantomData<fn() -> K>);

/// Why a static's copy cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessError {
    /// The pool has no copies of this static: the object that defines it neither set the pool up
    /// nor registered its image.
    Detached,
    /// The CPU is not possible in this pool, or not attached to it.
    NotAttached {
        /// The CPU.
        cpu: CpuId,
    },
    /// The pool's pages are smaller than the static's alignment, or a linker script put the
    /// image at an address that is no multiple of it.
    Misaligned {
        /// The static's alignment in bytes.
        align: usize,
    },
}

impl<K: Definition> Static<K> {
    /// Made by the macro.
    #[doc(hidden)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// Returns the running CPU's copy, for as long as the code is pinned to it.
    ///
    /// It is a shared reference, because pinned code may pin again: change the value through
    /// `Cell`, `RefCell` or atomics. No other thread and no interrupt handler has one meanwhile, so
    /// they need not be `Sync`.
    ///
    /// # Panics
    /// When [`try_get`](Self::try_get) would return an error.
    #[inline]
    #[track_caller]
    pub fn get<'pin, P, A>(&self, here: Pinned<'pin, P, A>) -> &'pin K::Value
    where
        P: Machine + Addressable,
        A: Addressing,
    {
        match self.try_get(here) {
            Ok(copy) => copy,
            Err(error) => refuse(error),
        }
    }

    /// As [`get`](Self::get), for code that can go on without.
    ///
    /// # Errors
    /// [`AccessError::Detached`] and [`AccessError::Misaligned`].
    #[inline]
    pub fn try_get<'pin, P, A>(
        &self,
        here: Pinned<'pin, P, A>,
    ) -> Result<&'pin K::Value, AccessError>
    where
        P: Machine + Addressable,
        A: Addressing,
    {
        let copy = Self::copy(here.pcpu(), here.cpu())?;
        // SAFETY:
        // - a live, aligned value: what `copy` returns is;
        // - shared soundly though `Value` may not be `Sync`: references are had here and in
        //   `try_on`. That one asks for `Sync`. Here, the caller is pinned by the pool's platform
        //   until `'pin` ends (the token exists only in the closure that runs pinned, and 'pin is
        //   invariant), and all others who come by this way to the same CPU's copy are pinned by
        //   the same platform: no two of them run at once, and `Value: Send`;
        // - never `&mut`: nothing in this crate makes one.
        Ok(unsafe { copy.as_ref() })
    }

    /// Returns the copy of any CPU that is attached to the pool, or `None` if `cpu` is not. The
    /// value is used by that CPU at the same time, and must be made for it.
    ///
    /// # Panics
    /// When [`try_on`](Self::try_on) would return another error than
    /// [`AccessError::NotAttached`].
    #[inline]
    #[track_caller]
    pub fn on<'p, P, A>(&self, pcpu: &'p Pcpu<P, A>, cpu: CpuId) -> Option<&'p K::Value>
    where
        P: Machine + Addressable,
        A: Addressing,
        K::Value: Sync,
    {
        match self.try_on(pcpu, cpu) {
            Ok(copy) => Some(copy),
            Err(AccessError::NotAttached { .. }) => None,
            Err(error) => refuse(error),
        }
    }

    /// As [`on`](Self::on), and says why not.
    ///
    /// # Errors
    /// [`AccessError`].
    #[inline]
    pub fn try_on<'p, P, A>(
        &self,
        pcpu: &'p Pcpu<P, A>,
        cpu: CpuId,
    ) -> Result<&'p K::Value, AccessError>
    where
        P: Machine + Addressable,
        A: Addressing,
        K::Value: Sync,
    {
        if !pcpu.is_ready(cpu) {
            return Err(AccessError::NotAttached { cpu });
        }
        let copy = Self::copy(pcpu, cpu)?;
        // SAFETY: a live, aligned value, see `copy`, for as long as the pool is borrowed; shared
        // with others, which `Sync` allows; and never `&mut`.
        Ok(unsafe { copy.as_ref() })
    }

    /// Finds the copy of a CPU that is ready: an aligned, initialised value that lives as long as
    /// the pool (or the registration, whose owner answers for it).
    #[inline]
    fn copy<P, A>(pcpu: &Pcpu<P, A>, cpu: CpuId) -> Result<NonNull<K::Value>, AccessError>
    where
        P: Machine + Addressable,
        A: Addressing,
    {
        debug_assert!(pcpu.is_ready(cpu));
        if size_of::<K::Value>() == 0 {
            // Without bytes every aligned address will do, also where the linker made no section.
            return Ok(NonNull::dangling());
        }
        let at = pcpu.copy_of(K::template().addr(), cpu).ok_or(AccessError::Detached)?;
        // The image was copied there (P1), of which the template is a part in whole
        // (`Definition`, `Image::from_raw`): the bytes are those of a value.
        let copy = ptr::with_exposed_provenance_mut::<K::Value>(at.get());
        if !copy.is_aligned() {
            return Err(AccessError::Misaligned { align: align_of::<K::Value>() });
        }
        NonNull::new(copy).ok_or(AccessError::Detached)
    }
}

impl<K> fmt::Debug for Static<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Static(..)")
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse(error: AccessError) -> ! {
    panic!("{error}")
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Detached => f.write_str(
                "the pool has no copies of this static: its object's image is not registered there",
            ),
            Self::NotAttached { cpu } => write!(f, "CPU {cpu} is not attached to the pool"),
            Self::Misaligned { align } => write!(
                f,
                "the static is aligned to {align} bytes, and the pool's copy of its image is not"
            ),
        }
    }
}

impl core::error::Error for AccessError {}
