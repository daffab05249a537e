// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with a description of a machine. One type for all machines, so that a program
//! that handles it compiles on every system.

use core::error::Error;
use core::fmt;
use std::io;

/// Why a machine was not built. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// No CPU was asked for, or too many.
    Cpus {
        /// How many were asked for.
        asked: u32,
        /// The most there may be.
        most: u32,
    },
    /// No node was asked for, or more than CPUs.
    Nodes {
        /// How many were asked for.
        asked: u32,
        /// How many CPUs there are to put on them.
        cpus: u32,
    },
    /// More than one CPU was asked for on a machine that has one by its kind.
    UniHasOneCpu {
        /// How many were asked for.
        asked: u32,
    },
    /// The page size is not a power of two, or too small.
    PageSize {
        /// The size asked for.
        asked: usize,
        /// The smallest there is.
        least: usize,
    },
    /// The machine maps pages, and the system cannot map ones of this size.
    PageNotOfSystem {
        /// The size asked for.
        asked: usize,
        /// The system's page size.
        system: usize,
    },
    /// The address space does not hold one page.
    SpaceTooSmall {
        /// The size asked for.
        asked: usize,
        /// One page, of the system or of the machine.
        least: usize,
    },
    /// The system refused to reserve addresses.
    Refused {
        /// What was asked for first.
        asked: usize,
        /// What was asked for last; the same if the size was set.
        least: usize,
        /// The process's limit (`RLIMIT_AS` or `RLIMIT_DATA`, the lower), if it has one.
        limit: Option<usize>,
        /// The system's error number.
        code: i32,
    },
}

impl Error for BuildError {}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Cpus { asked, most } => {
                write!(f, "{asked} CPUs were asked for, 1 to {most} are possible")
            }
            Self::Nodes { asked, cpus } => {
                write!(f, "{asked} memory nodes were asked for, 1 to {cpus} suit {cpus} CPUs")
            }
            Self::UniHasOneCpu { asked } => {
                write!(f, "{asked} CPUs were asked for, a uniprocessor machine has 1")
            }
            Self::PageSize { asked, least } => {
                write!(f, "page size {asked} is not a power of two of at least {least} bytes")
            }
            Self::PageNotOfSystem { asked, system } => write!(
                f,
                "page size {asked} cannot be mapped, the system's pages have {system} bytes"
            ),
            Self::SpaceTooSmall { asked, least } => {
                write!(f, "an address space of {asked} bytes was asked for, the least is {least}")
            }
            Self::Refused { asked, least, limit, code } => {
                write!(f, "the system refused to reserve {asked} bytes of addresses")?;
                if least != asked {
                    write!(f, ", and {least} as well")?;
                }
                if let Some(limit) = limit {
                    write!(f, "; the process may have {limit}")?;
                }
                write!(f, ": {}", io::Error::from_raw_os_error(code))
            }
        }
    }
}
