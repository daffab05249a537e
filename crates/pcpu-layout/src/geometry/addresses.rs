// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the unit of a CPU is found on the hot path: by a table, or by a multiplication.
//!
//! The kernel looks a CPU's offset up in a table, because groups lie wherever their memory
//! does. Where the layout is uniform - one CPU's unit after the other - a stride says the same
//! without a load. An allocator is generic over the choice and assumes neither.

use super::error::{GeometryError, StoragePart};
use super::plan::Geometry;
use crate::CpuId;

/// Where units lie in any chunk of a pool.
pub trait UnitAddresses {
    /// Returns the distance in bytes from the base of a chunk to the unit of `cpu`, or `None`
    /// if the CPU is not possible.
    fn offset(&self, cpu: CpuId) -> Option<usize>;
}

impl UnitAddresses for Geometry<'_> {
    #[inline]
    fn offset(&self, cpu: CpuId) -> Option<usize> {
        self.unit_offset(cpu)
    }
}

impl<A: UnitAddresses + ?Sized> UnitAddresses for &A {
    #[inline]
    fn offset(&self, cpu: CpuId) -> Option<usize> {
        (**self).offset(cpu)
    }
}

/// One offset per CPU id: any geometry.
#[derive(Clone, Copy, Debug)]
pub struct Table<'m> {
    /// `NO_UNIT`, or at most `isize::MAX`.
    offsets: &'m [usize],
}

/// Marks a CPU that is not possible in a [`Table`].
const NO_UNIT: usize = usize::MAX;

impl<'m> Table<'m> {
    /// Writes the unit offsets of `geometry`, as placed now, into the memory lent.
    ///
    /// # Errors
    /// Fewer than [`Geometry::nr_cpu_ids`] entries were lent.
    pub fn new(geometry: &Geometry<'_>, lent: &'m mut [usize]) -> Result<Self, GeometryError> {
        let needed = geometry.nr_cpu_ids();
        let nr_lent = lent.len();
        let offsets = lent.get_mut(..needed as usize).ok_or(GeometryError::StorageTooSmall {
            part: StoragePart::Offsets,
            needed: needed.into(),
            lent: nr_lent,
        })?;
        for (cpu, offset) in (0..).map(CpuId::new).zip(offsets.iter_mut()) {
            *offset = geometry.unit_offset(cpu).unwrap_or(NO_UNIT);
        }
        Ok(Self { offsets })
    }
}

impl UnitAddresses for Table<'_> {
    #[inline]
    fn offset(&self, cpu: CpuId) -> Option<usize> {
        let offset = *self.offsets.get(cpu.index())?;
        (offset != NO_UNIT).then_some(offset)
    }
}

/// The unit of CPU *n* lies *n* strides from the base: CPUs without gaps, in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stride {
    stride: usize,
    nr_units: u32,
}

impl Stride {
    /// Takes the stride of `geometry`, as placed now.
    ///
    /// # Errors
    /// CPU ids have gaps, or some unit is not where a stride of one unit puts it.
    pub fn new(geometry: &Geometry<'_>) -> Result<Self, GeometryError> {
        let stride = geometry.unit_size();
        let nr_units = geometry.nr_possible();
        for cpu in (0..nr_units).map(CpuId::new) {
            if geometry.unit_offset(cpu) != cpu.index().checked_mul(stride) {
                return Err(GeometryError::NotUniform { cpu });
            }
        }
        Ok(Self { stride, nr_units })
    }

    /// Returns the distance in bytes between the units of neighbouring CPUs.
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// Returns the number of CPUs, numbered from 0.
    pub const fn nr_units(&self) -> u32 {
        self.nr_units
    }
}

impl UnitAddresses for Stride {
    #[inline]
    fn offset(&self, cpu: CpuId) -> Option<usize> {
        // The span of all units was checked to have addresses.
        (cpu.get() < self.nr_units).then(|| cpu.index() * self.stride)
    }
}
