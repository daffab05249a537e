// SPDX-License-Identifier: MIT OR Apache-2.0
//! How an allocator finds a CPU's unit: by a table of offsets, or by a uniform stride.

use pcpu_layout::geometry::{Geometry, GeometryError, Stride, Table, UnitAddresses};

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Table<'static> {}
    impl Sealed for super::Stride {}
}

/// A policy for unit addresses, made from a placed geometry. Sealed: the allocator touches memory
/// where the policy says.
///
/// The allocator assumes neither implementation; see docs/decisions/0002-unit-addresses.md.
pub trait Addressing: UnitAddresses + Sized + sealed::Sealed {
    /// Words of memory wanted for a geometry.
    fn words(geometry: &Geometry<'_>) -> usize;

    /// Makes the policy.
    ///
    /// # Errors
    /// The geometry is not one that the policy can express.
    fn make(geometry: &Geometry<'_>, lent: &'static mut [usize]) -> Result<Self, GeometryError>;
}

impl Addressing for Table<'static> {
    fn words(geometry: &Geometry<'_>) -> usize {
        geometry.nr_cpu_ids() as usize
    }

    fn make(geometry: &Geometry<'_>, lent: &'static mut [usize]) -> Result<Self, GeometryError> {
        Self::new(geometry, lent)
    }
}

impl Addressing for Stride {
    fn words(_: &Geometry<'_>) -> usize {
        0
    }

    fn make(geometry: &Geometry<'_>, _: &'static mut [usize]) -> Result<Self, GeometryError> {
        Self::new(geometry)
    }
}
