// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a geometry was refused: every contradiction between sizes, CPUs and memory, by name.

use core::error::Error;
use core::fmt;

use crate::{CpuId, UnitId};

/// Why a configuration, a topology or a placement makes no geometry. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "fields are the words of their variant's sentence")]
pub enum GeometryError {
    /// The page size is not a power of two from 256 to 65536.
    PageSize { asked: usize },
    /// The granule is not a power of two from 4 to the page size.
    Granule { asked: usize, page_size: usize },
    /// The smallest unit is under 1 KiB or no multiple of the page size.
    MinUnitSize { asked: usize, page_size: usize },
    /// The atom size is not a power of two of at least a page.
    AtomSize { asked: usize, page_size: usize },
    /// The largest area is 0 or does not fit into a unit.
    MaxArea { asked: usize, unit_size: usize },
    /// The low water mark lies above the high one; both in pages.
    Watermarks { low: usize, high: usize },
    /// The regions of a unit are too large to be added up or rounded.
    RegionsTooLarge { static_size: usize, reserved_size: usize, dyn_size: usize },
    /// The unit has more granules than the allocation map can count.
    UnitTooLarge { unit_size: usize, limit: usize },
    /// All units together exceed the address space.
    SpanTooLarge { nr_units: u64, unit_size: usize },
    /// No CPU is possible.
    NoCpus,
    /// The set-up for a single CPU met another number of possible CPUs.
    NotUniprocessor { nr_possible: usize },
    /// Too little memory was lent.
    StorageTooSmall { part: StoragePart, needed: u64, lent: usize },
    /// The layout has no group.
    NoGroups,
    /// The unit cannot hold its three regions.
    UnitTooSmall { unit_size: usize, sum: usize },
    /// The unit is no multiple of the page size.
    UnitNotPages { unit_size: usize, page_size: usize },
    /// The unit is smaller than the smallest allowed.
    UnitBelowMinimum { unit_size: usize, minimum: usize },
    /// The dynamic region is smaller than what must be served before the worker runs.
    DynamicBelowEarly { dyn_size: usize, early_size: usize },
    /// The reserved region is no multiple of the granule.
    ReservedNotGranules { reserved_size: usize, granule: usize },
    /// A unit belongs to a CPU id that the machine does not have.
    CpuOutOfRange { unit: UnitId, cpu: CpuId, nr_cpu_ids: u32 },
    /// A unit belongs to a CPU that is not possible.
    CpuNotPossible { unit: UnitId, cpu: CpuId },
    /// A CPU has more than one unit.
    CpuMappedTwice { cpu: CpuId },
    /// A possible CPU has no unit.
    CpuNotMapped { cpu: CpuId },
    /// The base address is null or not at the start of a page.
    BaseAddress { past_page: usize, page_size: usize },
    /// There is no such group to place.
    NoSuchGroup { group: usize, nr_groups: usize },
    /// A group was placed so far away that its end has no address.
    GroupTooFar { group: usize, offset: usize },
    /// A group's offset is no multiple of the atom size.
    GroupMisaligned { group: usize, offset: usize, atom_size: usize },
    /// Two groups share memory.
    GroupsOverlap { first: usize, second: usize },
    /// Offsets are not relative to the lowest group.
    NoGroupAtZero { lowest: usize },
    /// A uniform stride was asked for and this CPU's unit is not where it says.
    NotUniform { cpu: CpuId },
}

/// A part of the memory lent to a geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoragePart {
    /// [`Storage::cpus`](super::Storage::cpus).
    Cpus,
    /// [`Storage::slots`](super::Storage::slots).
    Slots,
    /// [`Storage::groups`](super::Storage::groups).
    Groups,
    /// The offsets of a [`Table`](super::Table).
    Offsets,
}

impl fmt::Display for StoragePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpus => "CPU",
            Self::Slots => "slot",
            Self::Groups => "group",
            Self::Offsets => "offset",
        })
    }
}

impl Error for GeometryError {}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use GeometryError as E;
        match *self {
            E::PageSize { asked } => {
                write!(f, "page size {asked} is not a power of two from 256 to 65536")
            }
            E::Granule { asked, page_size } => write!(
                f,
                "granule {asked} is not a power of two from 4 to the page size {page_size}"
            ),
            E::MinUnitSize { asked, page_size } => write!(
                f,
                "smallest unit {asked} is not a multiple of the page size {page_size} of at least 1024"
            ),
            E::AtomSize { asked, page_size } => write!(
                f,
                "atom size {asked} is not a power of two of at least the page size {page_size}"
            ),
            E::MaxArea { asked, unit_size } => {
                write!(f, "largest area {asked} is not between 1 and the unit size {unit_size}")
            }
            E::Watermarks { low, high } => {
                write!(f, "low water mark of {low} pages is above the high one of {high} pages")
            }
            E::RegionsTooLarge { static_size, reserved_size, dyn_size } => write!(
                f,
                "static {static_size} + reserved {reserved_size} + dynamic {dyn_size} exceed the address space"
            ),
            E::UnitTooLarge { unit_size, limit } => write!(
                f,
                "unit size {unit_size} is larger than an allocation map can cover, at most {limit}"
            ),
            E::SpanTooLarge { nr_units, unit_size } => {
                write!(f, "{nr_units} units of {unit_size} bytes exceed the address space")
            }
            E::NoCpus => f.write_str("no CPU is possible"),
            E::NotUniprocessor { nr_possible } => {
                write!(f, "set-up for one CPU with {nr_possible} possible CPUs")
            }
            E::StorageTooSmall { part, needed, lent } => {
                write!(f, "{needed} {part} entries are needed, {lent} were lent")
            }
            E::NoGroups => f.write_str("layout has no group"),
            E::UnitTooSmall { unit_size, sum } => {
                write!(f, "unit size {unit_size} is smaller than static + reserved + dynamic {sum}")
            }
            E::UnitNotPages { unit_size, page_size } => {
                write!(f, "unit size {unit_size} is not a multiple of the page size {page_size}")
            }
            E::UnitBelowMinimum { unit_size, minimum } => {
                write!(f, "unit size {unit_size} is smaller than the smallest unit {minimum}")
            }
            E::DynamicBelowEarly { dyn_size, early_size } => {
                write!(f, "dynamic size {dyn_size} is smaller than the early size {early_size}")
            }
            E::ReservedNotGranules { reserved_size, granule } => write!(
                f,
                "reserved size {reserved_size} is not a multiple of the granule {granule}"
            ),
            E::CpuOutOfRange { unit, cpu, nr_cpu_ids } => {
                write!(f, "unit {unit} belongs to CPU {cpu}, which is not below {nr_cpu_ids}")
            }
            E::CpuNotPossible { unit, cpu } => {
                write!(f, "unit {unit} belongs to CPU {cpu}, which is not possible")
            }
            E::CpuMappedTwice { cpu } => write!(f, "CPU {cpu} has more than one unit"),
            E::CpuNotMapped { cpu } => write!(f, "possible CPU {cpu} has no unit"),
            E::BaseAddress { past_page: 0, .. } => write!(f, "base address is null"),
            E::BaseAddress { past_page, page_size } => write!(
                f,
                "base address is {past_page} bytes past a multiple of the page size {page_size}"
            ),
            E::NoSuchGroup { group, nr_groups } => {
                write!(f, "group {group} was placed, the layout has {nr_groups}")
            }
            E::GroupTooFar { group, offset } => {
                write!(f, "group {group} at offset {offset:#x} exceeds the address space")
            }
            E::GroupMisaligned { group, offset, atom_size } => write!(
                f,
                "group {group} at offset {offset:#x} is not at a multiple of the atom size {atom_size}"
            ),
            E::GroupsOverlap { first, second } => {
                write!(f, "groups {first} and {second} overlap")
            }
            E::NoGroupAtZero { lowest } => {
                write!(f, "lowest group is at offset {lowest:#x}, offsets must be relative to it")
            }
            E::NotUniform { cpu } => {
                write!(f, "unit of CPU {cpu} is not at a uniform stride")
            }
        }
    }
}
