// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a value was not made.

use core::error::Error;
use core::fmt;

use pcpu_core::AllocError;

use crate::default::PoolError;

/// Why a per-CPU value was not made. Nothing was kept.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum NewError {
    /// The process's own pool could not be made, now or earlier.
    Pool(&'static PoolError),
    /// The pool has no room for it.
    Alloc(AllocError),
    /// More elements than there are addresses.
    TooMany {
        /// How many were asked for.
        len: usize,
    },
}

impl fmt::Display for NewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(error) => write!(f, "no pool: {error}"),
            Self::Alloc(error) => error.fmt(f),
            Self::TooMany { len } => write!(f, "{len} elements per CPU are more than memory holds"),
        }
    }
}

impl Error for NewError {}

impl From<AllocError> for NewError {
    fn from(error: AllocError) -> Self {
        Self::Alloc(error)
    }
}
