// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the platform's cell to the back end that the allocator runs on.

use pcpu_platform::{Cell, Platform};

use crate::backend::Backend;

/// A platform with the back end that its cell names. Holds for every [`Platform`]: there is
/// nothing to implement, and nothing to choose.
pub trait Machine: Platform {
    /// [`Km`](pcpu_platform::Km) or [`Vm`](pcpu_platform::Vm).
    type Backend: Backend<Self>;
    /// Whether more than one CPU is possible.
    const SMP: bool;
}

impl<P> Machine for P
where
    P: Platform,
    <P::Cell as Cell<P>>::Backend: Backend<P>,
{
    type Backend = <P::Cell as Cell<P>>::Backend;
    const SMP: bool = <P::Cell as Cell<P>>::SMP;
}
