// SPDX-License-Identifier: MIT OR Apache-2.0
//! The token of pinned code: a proof, passed as a value, that the code stays where it is.
//!
//! A guard object could be kept too long, dropped out of order or forgotten, and each of these has
//! been a hole in some library. So there is none: a token exists inside a closure, which the
//! platform runs pinned, and it cannot leave.
//!
//! - Its lifetime `'pin` is chosen by [`Pcpu::pinned`] and known to nobody (`for<'pin>`), so
//!   that neither the token nor a reference that was had by it can be the closure's result, or be
//!   stored outside.
//! - `'pin` is invariant, so that a token of a nested call cannot pass for one of the outer.
//! - It is neither `Send` nor `Sync`: a token on another thread would prove nothing.
//! - It names its pool. A copy is looked up there, in no other.
//! - It may be copied, because it does not promise to be the only one: what it gives is shared.

use core::fmt;
use core::marker::PhantomData;

use pcpu_core::{Addressing, Cookie, Machine};
use pcpu_layout::CpuId;
use pcpu_layout::geometry::Table;
use pcpu_platform::Addr;

use super::Pcpu;

/// Proves that the code that holds it runs on one CPU, and will for `'pin`, and that no other
/// code that has a token of this pool runs there meanwhile but what it calls itself.
///
/// Made by [`Pcpu::pinned`], and by nothing else.
pub struct Pinned<'pin, P: Machine, A: Addressing = Table<'static>> {
    pcpu: &'pin Pcpu<P, A>,
    cpu: CpuId,
    invariant: PhantomData<fn(&'pin ()) -> &'pin ()>,
    /// Raw pointers are neither `Send` nor `Sync`.
    of_one_thread: PhantomData<*mut ()>,
}

impl<'pin, P: Machine, A: Addressing> Pinned<'pin, P, A> {
    /// To be called in the body that the pool's platform runs pinned to `cpu`, which is ready,
    /// with a `'pin` that ends with it.
    #[inline]
    pub(super) const fn new(pcpu: &'pin Pcpu<P, A>, cpu: CpuId) -> Self {
        Self { pcpu, cpu, invariant: PhantomData, of_one_thread: PhantomData }
    }

    /// Returns the CPU.
    #[inline]
    pub const fn cpu(self) -> CpuId {
        self.cpu
    }

    /// Returns the pool.
    #[inline]
    pub const fn pcpu(self) -> &'pin Pcpu<P, A> {
        self.pcpu
    }

    /// Returns the address of this CPU's copy of an area. As [`Allocator::address`], it does not
    /// check the cookie.
    ///
    /// # Panics
    /// When the cookie is a number made up so that the copy would be at address 0.
    ///
    /// [`Allocator::address`]: pcpu_core::Allocator::address
    #[inline]
    pub fn address(self, cookie: &Cookie) -> Addr {
        self.pcpu.address(cookie, self.cpu).expect("a cookie's copies have addresses")
    }
}

impl<P: Machine, A: Addressing> Clone for Pinned<'_, P, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Machine, A: Addressing> Copy for Pinned<'_, P, A> {}

impl<P: Machine, A: Addressing> fmt::Debug for Pinned<'_, P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("cpu", &self.cpu).finish_non_exhaustive()
    }
}
