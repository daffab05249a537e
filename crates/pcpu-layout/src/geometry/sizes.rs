// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a configuration to the sizes of one unit, before any CPU is looked at.
//!
//! ```text
//!  sum       = static + reserved + max(dynamic, early), rounded up to a page
//!  dynamic'  = what of the sum is neither static nor reserved: it gets the rounding
//!  smallest  = max(sum, smallest unit allowed)
//!  alloc     = smallest rounded up to the atom size
//! ```
//!
//! Numbers may come from a command line, so every step is checked: an absurd one is an error
//! with its name, never an overflow.

use super::error::GeometryError;
use super::plan::Setup;
use crate::Config;

/// Page sizes that are accepted, in bytes.
const PAGE_SIZES: core::ops::RangeInclusive<usize> = 256..=65536;

/// Smallest granule, in bytes.
const LEAST_GRANULE: usize = 4;

/// Smallest unit that may be configured, in bytes.
const LEAST_MIN_UNIT: usize = 1024;

/// Sizes of a unit in bytes, as far as they do not depend on the CPUs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) static_size: usize,
    pub(super) reserved_size: usize,
    /// Effective dynamic size: what was asked for and the page rounding.
    pub(super) dyn_size: usize,
    /// Least a unit must be.
    pub(super) least_unit: usize,
    pub(super) atom_size: usize,
    pub(super) alloc_size: usize,
}

impl Sizes {
    /// Works out the sizes for one kind of set-up.
    pub(super) fn of(setup: Setup, config: &Config) -> Result<Self, GeometryError> {
        validate(config)?;
        match setup {
            Setup::Up => Self::uniprocessor(config),
            Setup::Embed => {
                validate_atom(config)?;
                Self::multiprocessor(config, config.dyn_size, config.atom_size)
            }
            Setup::Page => Self::multiprocessor(config, 0, config.page_size),
        }
    }

    /// One unit of a power of two, all of it dynamic.
    fn uniprocessor(config: &Config) -> Result<Self, GeometryError> {
        let unit = config
            .min_unit_size
            .max(config.dyn_size)
            .checked_next_power_of_two()
            .ok_or(too_large(config, config.dyn_size))?;
        Ok(Self {
            static_size: 0,
            reserved_size: 0,
            dyn_size: unit,
            least_unit: unit,
            atom_size: unit,
            alloc_size: unit,
        })
    }

    fn multiprocessor(
        config: &Config,
        dyn_size: usize,
        atom_size: usize,
    ) -> Result<Self, GeometryError> {
        let dyn_size = dyn_size.max(config.early_size);
        let refused = too_large(config, dyn_size);
        let fixed = config.static_size.checked_add(config.reserved_size).ok_or(refused)?;
        let sum = fixed
            .checked_add(dyn_size)
            .and_then(|sum| sum.checked_next_multiple_of(config.page_size))
            .ok_or(refused)?;
        let least_unit = sum.max(config.min_unit_size);
        let alloc_size = least_unit.checked_next_multiple_of(atom_size).ok_or(refused)?;
        Ok(Self {
            static_size: config.static_size,
            reserved_size: config.reserved_size,
            dyn_size: sum - fixed,
            least_unit,
            atom_size,
            alloc_size,
        })
    }
}

/// Refuses numbers that mean nothing in any set-up.
fn validate(config: &Config) -> Result<(), GeometryError> {
    let page_size = config.page_size;
    if !page_size.is_power_of_two() || !PAGE_SIZES.contains(&page_size) {
        return Err(GeometryError::PageSize { asked: page_size });
    }
    let asked = config.granule;
    if !asked.is_power_of_two() || asked < LEAST_GRANULE || asked > page_size {
        return Err(GeometryError::Granule { asked, page_size });
    }
    let asked = config.min_unit_size;
    if asked < LEAST_MIN_UNIT || !asked.is_multiple_of(page_size) {
        return Err(GeometryError::MinUnitSize { asked, page_size });
    }
    let marks = config.watermarks;
    if marks.low > marks.high {
        return Err(GeometryError::Watermarks { low: marks.low, high: marks.high });
    }
    Ok(())
}

/// Refuses an atom that groups cannot be aligned to. Only one set-up looks at it.
fn validate_atom(config: &Config) -> Result<(), GeometryError> {
    let asked = config.atom_size;
    if asked.is_power_of_two() && asked >= config.page_size {
        return Ok(());
    }
    Err(GeometryError::AtomSize { asked, page_size: config.page_size })
}

const fn too_large(config: &Config, dyn_size: usize) -> GeometryError {
    GeometryError::RegionsTooLarge {
        static_size: config.static_size,
        reserved_size: config.reserved_size,
        dyn_size,
    }
}
