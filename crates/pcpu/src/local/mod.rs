// SPDX-License-Identifier: MIT OR Apache-2.0
//! A pool that also carries the program's statics, and code that is pinned to a CPU.
//!
//! ```text
//!               static region     reserved region               dynamic region
//!  unit of CPU 0 │ own image │ image of a loaded object │ ... │ areas                 │
//!  unit of CPU 1 │ own image │ image of a loaded object │ ... │ areas                 │
//! ```
//!
//! On a machine of one CPU, whose units have no static region, the only copy of the pool's own
//! image lies beside the pool, in memory for records.
//!
//! What lends references must not be freed under them, and safe code may free any number. The
//! static region and records cannot be freed by number at all; areas of loaded objects are
//! [kept](Allocator::keep).
//!
//! # Invariants
//! - **P1** the pool's own image has been copied where `base` says for every CPU that is *ready*,
//!   before it was, and is neither freed nor written by the allocator before it is dropped.
//! - **P2** a CPU is *ready* only when it is attached, and every image in the registry has been
//!   copied to its unit. Both change under the lock `changes`.
//!
//! # Locks
//! `changes` is of the platform's *pages* kind and is taken before the allocator's own. Handles
//! take no lock.

mod loan;
mod pinned;
mod registered;
mod registry;

use core::fmt;
use core::num::NonZeroUsize;
use core::ops::Deref;

use lock_api::{Mutex, MutexGuard};
use pcpu_core::{Addressing, Allocator, AttachError, Config, Cookie, Machine, SetupError};
use pcpu_layout::geometry::Table;
use pcpu_layout::{CpuId, UnitOffset};
use pcpu_platform::{Addr, Mapper, ThisCpu, Vm};

use crate::statics::Image;
use loan::{Loan, Ready};
use registry::Registry;

pub use pinned::Pinned;
pub use registered::{RegisterError, Registered};

/// A pool of per-CPU memory with the copies of the program's [static variables](crate::statics!).
///
/// It is an [`Allocator`] in all else. Any number of pools may be side by side, each with copies
/// of its own.
///
/// # Examples
/// ```
/// # #[cfg(feature = "std")]
/// # fn main() -> Result<(), Box<dyn core::error::Error>> {
/// use core::cell::Cell;
/// use pcpu::Config;
///
/// pcpu::statics! {
///     /// Requests served.
///     static SERVED: Cell<u64> = Cell::new(0);
/// }
///
/// let pcpu = pcpu::default::pcpu(&Config::default())?;
/// let served = pcpu.pinned(|here| {
///     let served = SERVED.get(here);
///     served.set(served.get() + 1);
///     served.get()
/// });
/// assert_eq!(served, 1);
/// # Ok(())
/// # }
/// # #[cfg(not(all(feature = "std", target_os = "linux")))]
/// # fn main() {}
/// ```
pub struct Pcpu<P: Machine, A: Addressing = Table<'static>> {
    own: Image,
    /// What to add an offset in `own`, and a CPU's unit offset, to.
    base: usize,
    registry: Registry,
    ready: Ready,
    /// The only copy of `own`, on a machine of one CPU.
    copy: Option<Loan>,
    changes: Mutex<P::PagesLock, ()>,
    pool: Allocator<P, A>,
}

impl<P: Machine, A: Addressing> Pcpu<P, A> {
    /// Sets up a pool, as [`Allocator::new`] does, with a copy of this object's statics on every
    /// possible CPU. `config.static_size` is not looked at: the statics decide it.
    ///
    /// # Context
    /// May sleep.
    ///
    /// # Errors
    /// [`SetupError`]; everything that had been taken is given back.
    pub fn new(platform: P, config: &Config) -> Result<Self, SetupError> {
        Self::with_attached(platform, config, |_| true)
    }

    /// As [`new`](Self::new), and attaches only the CPUs that `is_attached` names. The others have
    /// no copies until [`attach`](Self::attach).
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_attached(
        platform: P,
        config: &Config,
        is_attached: impl Fn(CpuId) -> bool,
    ) -> Result<Self, SetupError> {
        Self::with_image(platform, config, Image::of_this_object(), is_attached)
    }

    /// As [`with_attached`](Self::with_attached), with the statics of `image` instead of this
    /// object's: for loaders that lay out templates themselves.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_image(
        platform: P,
        config: &Config,
        image: Image,
        is_attached: impl Fn(CpuId) -> bool,
    ) -> Result<Self, SetupError> {
        let config = Config { static_size: image.len(), ..*config };
        // Units of a machine of one CPU have no static region.
        let statics = if P::SMP { image.bytes() } else { &[] };
        let pool = Allocator::with_attached(platform, &config, statics, is_attached)?;
        Self::over(pool, image)
    }

    /// Sets up a pool whose units are mapped page by page from the first chunk on, as
    /// [`Allocator::new_paged_with_attached`] does, and attaches only the CPUs that `is_attached`
    /// names; none at all is allowed. The others cost addresses and no memory until
    /// [`attach`](Self::attach). Only for platforms that can map.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn paged_with_attached(
        platform: P,
        config: &Config,
        is_attached: impl Fn(CpuId) -> bool,
    ) -> Result<Self, SetupError>
    where
        P: Mapper + Machine<Backend = Vm>,
    {
        Self::paged_with_image(platform, config, Image::of_this_object(), is_attached)
    }

    /// As [`paged_with_attached`](Self::paged_with_attached), with the statics of `image` instead
    /// of this object's.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn paged_with_image(
        platform: P,
        config: &Config,
        image: Image,
        is_attached: impl Fn(CpuId) -> bool,
    ) -> Result<Self, SetupError>
    where
        P: Mapper + Machine<Backend = Vm>,
    {
        let config = Config { static_size: image.len(), ..*config };
        let statics = image.bytes();
        let pool = Allocator::new_paged_with_attached(platform, &config, statics, is_attached)?;
        Self::over(pool, image)
    }

    /// Makes a pool of an allocator whose attached CPUs have `image` in their static regions.
    ///
    /// In line, so that the pool, some hundred bytes, is moved once less on a small machine's stack.
    #[inline(always)]
    fn over(pool: Allocator<P, A>, image: Image) -> Result<Self, SetupError> {
        let ready = Ready::new(pool.platform(), pool.geometry().nr_cpu_ids())?;
        let (registry, changes) = (Registry::default(), Mutex::new(()));
        let mut pcpu = Self { own: image, base: 0, registry, ready, copy: None, changes, pool };

        if P::SMP {
            let start = pcpu.pool.static_cookie(UnitOffset::new(0));
            pcpu.base = start.map_or(0, |cookie| cookie.into_raw().get());
        } else if !image.is_empty() {
            let copy = Loan::copy_of(pcpu.pool.platform(), image.bytes(), image.align())?;
            pcpu.base = copy.expose();
            pcpu.copy = Some(copy);
            pcpu.check_only_copy();
        }
        for cpu in pcpu.pool.geometry().cpus().filter(|&cpu| pcpu.pool.is_attached(cpu)) {
            pcpu.ready.set(cpu);
        }
        Ok(pcpu)
    }

    /// P1 on a machine of one CPU: its unit offset is 0, so that a cookie is an address.
    fn check_only_copy(&self) {
        for cpu in self.pool.geometry().cpus() {
            let at = self.at(self.base, cpu).map(Addr::get);
            assert_eq!(at, Some(self.base), "P1: the unit of the only CPU is at offset 0");
        }
    }

    /// Attaches a possible CPU, as [`Allocator::attach`] does, and puts its copies of the statics
    /// in place. To be used instead of that one: a CPU that was attached only there has no statics.
    ///
    /// # Context
    /// As for [`Allocator::attach`].
    ///
    /// # Errors
    /// [`AttachError`]; nothing was kept for the CPU then.
    pub fn attach(&self, cpu: CpuId) -> Result<(), AttachError> {
        let changes = self.changes.lock();
        self.pool.attach(cpu)?;
        self.make_ready(&changes, cpu);
        Ok(())
    }

    /// As [`attach`](Self::attach), for code that may have interrupted this pool on its own thread.
    ///
    /// # Context
    /// As for [`Allocator::try_attach`]. The lock for registrations is not waited for either. To
    /// find a CPU ready takes no lock.
    ///
    /// # Errors
    /// [`AttachError`], nothing was kept for the CPU then; [`Busy`](AttachError::Busy) also while
    /// an image is being registered.
    pub fn try_attach(&self, cpu: CpuId) -> Result<(), AttachError> {
        if self.ready.is_set(cpu) {
            return Ok(());
        }
        let changes = self.changes.try_lock().ok_or(AttachError::Busy)?;
        self.pool.try_attach(cpu)?;
        self.make_ready(&changes, cpu);
        Ok(())
    }

    /// Puts the copies of a CPU that is attached in place (P1, P2).
    fn make_ready(&self, changes: &MutexGuard<'_, P::PagesLock, ()>, cpu: CpuId) {
        if !self.ready.is_set(cpu) {
            self.copy_images(changes, cpu);
            self.ready.set(cpu);
        }
    }

    /// Runs `body` where it stays on one CPU, and where no other code does that got there through
    /// this pool's platform. The token says so to [`Static::get`](crate::Static::get) and others.
    ///
    /// May be nested: the inner body is on the same CPU. If `body` panics, so does this, and the
    /// CPU is as it was before.
    ///
    /// # Context
    /// As for the platform's [`ThisCpu::pinned`], which may mask interrupts or take a lock: `body`
    /// should be short, and must not wait for another CPU's.
    ///
    /// # Panics
    /// - On a CPU that is not attached to the pool.
    /// - Called from code that nothing can hold off (an NMI handler), where the platform has such.
    #[inline]
    pub fn pinned<R>(&self, body: impl for<'pin> FnOnce(Pinned<'pin, P, A>) -> R) -> R
    where
        P: ThisCpu,
    {
        self.pool.platform().pinned(|cpu| {
            assert!(self.ready.is_set(cpu), "CPU {cpu} is not attached to the pool");
            body(Pinned::new(self, cpu))
        })
    }

    /// Says whether a CPU is attached and its copies are in place.
    #[inline]
    pub(crate) fn is_ready(&self, cpu: CpuId) -> bool {
        self.ready.is_set(cpu)
    }

    /// Returns where a CPU's copy of a template's value is, or `None` if the template is in none
    /// of the pool's images, or the CPU is not possible.
    #[inline]
    pub(crate) fn copy_of(&self, template: usize, cpu: CpuId) -> Option<Addr> {
        let value = match self.own.offset_of(template) {
            Some(offset) => self.base.wrapping_add(offset),
            None => self.registry.find(template)?,
        };
        self.at(value, cpu)
    }

    /// Returns where a static's value is in the unit at offset 0, if its template is in one of the
    /// pool's images.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn area_of<K: crate::statics::Definition>(&self) -> Option<Addr> {
        let template = K::template().addr();
        match self.own.offset_of(template) {
            Some(offset) => Addr::new(self.base.wrapping_add(offset)),
            None => Addr::new(self.registry.find(template)?),
        }
    }

    /// Adds a CPU's unit offset.
    #[inline]
    fn at(&self, value: usize, cpu: CpuId) -> Option<Addr> {
        self.pool.address(&Cookie::from_raw(NonZeroUsize::new(value)?), cpu)
    }
}

impl<P: Machine, A: Addressing> Deref for Pcpu<P, A> {
    type Target = Allocator<P, A>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.pool
    }
}

impl<P: Machine, A: Addressing> fmt::Debug for Pcpu<P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pcpu").field("own", &self.own).field("pool", &self.pool).finish()
    }
}
