// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refusals, each with the numbers of the sentence a user would want to read.

use core::fmt;

use pcpu_layout::geometry::GeometryError;
use pcpu_layout::{CpuId, PageCount};
use pcpu_platform::{NoMetadata, NoPages};

use crate::Cookie;

/// Why an allocation was refused. The allocator hands out nothing and keeps nothing taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocError {
    /// The request asks for no bytes.
    ZeroSize,
    /// No unit can ever hold the request, however empty.
    TooLarge {
        /// Bytes per CPU asked for.
        size: usize,
        /// The largest possible area.
        limit: usize,
    },
    /// The alignment is no power of two.
    BadAlign {
        /// Alignment asked for.
        align: usize,
    },
    /// Units are aligned to pages, so an area cannot be aligned to more.
    AlignTooLarge {
        /// Alignment asked for.
        align: usize,
        /// The largest possible one: the page size.
        limit: usize,
    },
    /// The reserved region has no run that is long enough. There is no fall-back.
    ReservedFull {
        /// Bytes per CPU asked for.
        size: usize,
    },
    /// No backed run is long enough and the caller may not sleep. Worth retrying once the
    /// balance worker has run.
    WouldSleep {
        /// Bytes per CPU asked for.
        size: usize,
    },
    /// A new chunk was needed and could not be had: no pages, no addresses or no metadata.
    NoChunk {
        /// Bytes per CPU asked for.
        size: usize,
    },
    /// The platform ran out of pages while backing the area; what had been mapped for it is
    /// unmapped again. Worth retrying when others have freed.
    OutOfPages {
        /// Pages that each CPU needed.
        wanted: PageCount,
    },
}

impl AllocError {
    /// Says whether no state of the allocator could serve the request.
    pub const fn is_invalid(&self) -> bool {
        matches!(
            self,
            Self::ZeroSize
                | Self::TooLarge { .. }
                | Self::BadAlign { .. }
                | Self::AlignTooLarge { .. }
        )
    }
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ZeroSize => f.write_str("0 bytes per CPU requested, at least 1 is needed"),
            Self::TooLarge { size, limit } => {
                write!(f, "{size} bytes per CPU requested, the largest possible area is {limit}")
            }
            Self::BadAlign { align } => {
                write!(f, "alignment {align} requested, it must be a power of two")
            }
            Self::AlignTooLarge { align, limit } => {
                write!(f, "alignment {align} requested, the largest possible is {limit}")
            }
            Self::ReservedFull { size } => {
                write!(f, "{size} bytes per CPU requested, the reserved region has no such room")
            }
            Self::WouldSleep { size } => write!(
                f,
                "{size} bytes per CPU requested by a caller that may not sleep, no backed room"
            ),
            Self::NoChunk { size } => {
                write!(f, "{size} bytes per CPU requested, no room and no memory for a new chunk")
            }
            Self::OutOfPages { wanted } => {
                write!(f, "{wanted} pages wanted on every CPU, the platform has not enough")
            }
        }
    }
}

impl core::error::Error for AllocError {}

/// Why a free was refused. Nothing changed; [`FreeError::cookie`] gives the cookie back.
#[derive(Debug, PartialEq, Eq)]
pub struct FreeError {
    cookie: Cookie,
    reason: FreeRefused,
}

/// The reason of a [`FreeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FreeRefused {
    /// Nothing lives there: it was freed before, or never handed out.
    NotLive,
    /// It points inside an area, not at its start.
    Inside,
    /// It names a static variable, which is never freed.
    Static,
    /// It belongs to no chunk of this allocator.
    Foreign,
}

impl FreeError {
    pub(crate) const fn new(cookie: Cookie, reason: FreeRefused) -> Self {
        Self { cookie, reason }
    }

    /// Returns why.
    pub const fn reason(&self) -> FreeRefused {
        self.reason
    }

    /// Gives the cookie back.
    pub fn cookie(self) -> Cookie {
        self.cookie
    }
}

impl fmt::Display for FreeRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLive => "no live area starts there: freed before, or never handed out",
            Self::Inside => "it points inside a live area, only its start can be freed",
            Self::Static => "it names a static variable, which is never freed",
            Self::Foreign => "it belongs to no chunk of this allocator",
        })
    }
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not freed: {}", self.reason)
    }
}

impl core::error::Error for FreeError {}

/// Why an allocator could not be set up. Everything that had been taken is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// Sizes or CPUs do not make a geometry.
    Geometry(GeometryError),
    /// The configuration counts in other pages than the platform.
    PageSize {
        /// Page size of the configuration.
        config: usize,
        /// Page size of the platform.
        platform: usize,
    },
    /// A uniprocessor machine has one possible CPU.
    OneCpuOnly {
        /// CPUs that the platform calls possible.
        possible: u32,
    },
    /// The km back end takes all units of a chunk in one run, which is one group.
    OneGroupOnly {
        /// Groups that the distances between CPUs make.
        groups: usize,
    },
    /// There is no list for chunks of such units.
    UnitTooLarge {
        /// Bytes of a unit.
        unit_size: u64,
        /// Units are smaller than this.
        limit: u64,
    },
    /// The static image is longer than the static region.
    StaticImage {
        /// Bytes of the image.
        image: usize,
        /// Bytes of the region.
        region: usize,
    },
    /// No pages for the first chunk.
    NoPages {
        /// Pages of the run, or of all attached CPUs' units, that could not be had.
        wanted: PageCount,
    },
    /// No addresses for the first chunk, which this set-up maps page by page.
    NoSpace,
    /// No memory for the allocator's own records.
    NoMetadata,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Geometry(error) => error.fmt(f),
            Self::PageSize { config, platform } => {
                write!(f, "page size {config} configured, the platform's is {platform}")
            }
            Self::OneCpuOnly { possible } => {
                write!(f, "{possible} possible CPUs on a machine of one CPU by its type")
            }
            Self::OneGroupOnly { groups } => write!(
                f,
                "{groups} groups of CPUs, but contiguous chunks can't handle more than one group"
            ),
            Self::UnitTooLarge { unit_size, limit } => {
                write!(f, "units of {unit_size} bytes, they must be smaller than {limit}")
            }
            Self::StaticImage { image, region } => {
                write!(f, "static image of {image} bytes, the static region has {region}")
            }
            Self::NoPages { wanted } => {
                write!(f, "{wanted} pages for the first chunk wanted, the platform has not enough")
            }
            Self::NoSpace => f.write_str("no addresses for the first chunk"),
            Self::NoMetadata => NoMetadata.fmt(f),
        }
    }
}

impl core::error::Error for SetupError {}

impl From<GeometryError> for SetupError {
    fn from(error: GeometryError) -> Self {
        Self::Geometry(error)
    }
}

impl From<NoMetadata> for SetupError {
    fn from(NoMetadata: NoMetadata) -> Self {
        Self::NoMetadata
    }
}

/// Why a CPU could not be attached. It stays unattached, and nothing was kept for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// The CPU is not possible in this pool.
    NotPossible {
        /// The CPU.
        cpu: CpuId,
    },
    /// The platform ran out of pages.
    NoPages,
    /// A lock of the allocator is held, perhaps by the code that this call interrupted. Worth
    /// another try. Only where the caller may not wait:
    /// [`try_attach`](crate::Allocator::try_attach).
    Busy,
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotPossible { cpu } => write!(f, "CPU {cpu} is not possible in this pool"),
            Self::NoPages => NoPages.fmt(f),
            Self::Busy => f.write_str("a lock of the allocator is held, and may not be waited for"),
        }
    }
}

impl core::error::Error for AttachError {}
