// SPDX-License-Identifier: MIT OR Apache-2.0
//! Images of objects that were loaded later: plug-ins, kernel modules.
//!
//! Their copies are an area of the *reserved* region, which a configuration sets aside for this
//! (`Config::reserved_size`), so that the same addressing reaches them. A pool without such a
//! region, as every one on a machine of one CPU, takes an ordinary area.
#![allow(unsafe_code)]

use core::fmt;
use core::ptr;

use lock_api::MutexGuard;
use pcpu_core::{Addressing, AllocError, Backend, Kept, Machine, Region, Request};
use pcpu_layout::CpuId;
use pcpu_layout::map::Backing;
use pcpu_platform::Addr;

use super::Pcpu;
use super::registry::LIMIT;
use crate::statics::Image;

/// An object's image in a pool. When dropped, its copies are gone.
pub struct Registered<'p, P: Machine, A: Addressing> {
    pcpu: &'p Pcpu<P, A>,
    /// `None` of an image without statics.
    entry: Option<(usize, Kept)>,
}

/// Why an image was not registered. Nothing was kept then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The reserved region has no such room left. There is no fall-back.
    ReservedFull {
        /// Bytes per CPU that the image needs.
        size: usize,
        /// Its alignment in bytes.
        align: usize,
        /// Bytes per CPU of the whole region, free or not.
        reserved: usize,
    },
    /// An image was registered already that has the same statics, or the pool was set up with it.
    Already,
    /// The table of images is full.
    TooMany {
        /// How many it holds.
        limit: usize,
    },
    /// No area could be had for another reason.
    Alloc(AllocError),
}

impl<P: Machine, A: Addressing> Pcpu<P, A> {
    /// Gives the statics of another object copies in this pool, which start as its image says,
    /// on every attached CPU. To be called with [`Image::of_this_object`] as that object sees it.
    /// Sixteen images can be registered at a time.
    ///
    /// # Context
    /// May sleep.
    ///
    /// # Errors
    /// [`RegisterError`].
    ///
    /// # Safety
    /// - The object stays loaded until the result is dropped, for ever if it never is.
    /// - When the result is dropped, no reference to this pool's copies of the object's statics is
    ///   used any more, and none is being made.
    pub unsafe fn register(&self, image: Image) -> Result<Registered<'_, P, A>, RegisterError> {
        if image.is_empty() {
            return Ok(Registered { pcpu: self, entry: None });
        }
        let _changes = self.changes.lock();
        if self.own.overlaps(&image) || self.registered().any(|(known, _)| known.overlaps(&image)) {
            return Err(RegisterError::Already);
        }
        let slot = self.registry.vacant().ok_or(RegisterError::TooMany { limit: LIMIT })?;
        let align = image.align().min(self.geometry().max_align());
        let request = Request::new(image.len(), align).region(Region::Reserved);
        let kept = self.pool.alloc_kept(request).map_err(|error| match error {
            AllocError::ReservedFull { .. } => {
                let (size, reserved) = (image.len(), self.geometry().reserved_size());
                RegisterError::ReservedFull { size, align, reserved }
            }
            error => RegisterError::Alloc(error),
        })?;
        for cpu in self.geometry().cpus().filter(|&cpu| self.ready.is_set(cpu)) {
            let at = self.pool.address(kept.cookie(), cpu).expect("a possible CPU has a unit");
            // SAFETY: the area was allocated above, for as many bytes, is kept, and no handle finds
            // it yet; the CPU is ready, so it is attached.
            unsafe { self.put(at, image) };
        }
        self.registry.publish(slot, image, kept.cookie().raw().get());
        Ok(Registered { pcpu: self, entry: Some((slot, kept)) })
    }

    /// Copies the pool's own image and every registered one to a CPU that has just been attached and
    /// is not ready.
    pub(super) fn copy_images(&self, _changes: &MutexGuard<'_, P::PagesLock, ()>, cpu: CpuId) {
        // Where pages are never backed one by one, set-up did so for all possible CPUs.
        if <P::Backend as Backend<P>>::BACKING == Backing::OnDemand && !self.own.is_empty() {
            let at = self.at(self.base, cpu).expect("an attached CPU has a unit");
            // SAFETY: the unit's static region, as long as the image and backed on attached CPUs;
            // nobody uses the copy of a CPU that is not ready.
            unsafe { self.put(at, self.own) };
        }
        for (image, base) in self.registered() {
            let at = self.at(base, cpu).expect("an attached CPU has a unit");
            // SAFETY: the image's area, backed on attached CPUs; of one that is not ready nobody
            // uses the copy.
            unsafe { self.put(at, image) };
        }
    }

    /// Lists images and bases.
    fn registered(&self) -> impl Iterator<Item = (Image, usize)> + '_ {
        self.registry.entries().map(|entry| {
            let start = ptr::with_exposed_provenance(entry.start);
            // SAFETY: such an image was published, by `register`, whose caller promised that it
            // stays until the entry goes; the lock `changes` keeps the entry there meanwhile.
            (unsafe { Image::from_raw(start, entry.len) }, entry.base)
        })
    }

    /// Copies an image to `at`.
    ///
    /// # Safety
    /// So many bytes from there are backed, this pool's, and not accessed by others.
    unsafe fn put(&self, at: Addr, image: Image) {
        // SAFETY: by the caller's promise.
        unsafe { self.pool.platform().write(at, image.bytes()) };
    }
}

impl<P: Machine, A: Addressing> Drop for Registered<'_, P, A> {
    /// Takes the copies back. May sleep: not for interrupt handlers.
    fn drop(&mut self) {
        let Some((slot, kept)) = self.entry.take() else { return };
        let _changes = self.pcpu.changes.lock();
        self.pcpu.registry.clear(slot);
        // SAFETY: this pool kept it, in `register`.
        unsafe { self.pcpu.pool.free_kept(kept) };
    }
}

impl<P: Machine, A: Addressing> fmt::Debug for Registered<'_, P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").finish_non_exhaustive()
    }
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ReservedFull { size, align, reserved } => write!(
                f,
                "{size} bytes per CPU, aligned to {align}, needed for statics, the reserved region of {reserved} has no such room left"
            ),
            Self::Already => f.write_str("these statics have copies in the pool already"),
            Self::TooMany { limit } => {
                write!(f, "{limit} images are registered, the most there can be")
            }
            Self::Alloc(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RegisterError {}
