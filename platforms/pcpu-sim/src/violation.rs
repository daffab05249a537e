// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of the machine, by the ways to break them.
//!
//! A real machine answers a broken rule with silence, and much later with a crash somewhere
//! else. This one records a [`Violation`] and panics on the spot.

use core::fmt;

use pcpu_layout::CpuId;
use pcpu_layout::congruent::CongruentError;

/// A rule of the machine that its user broke.
///
/// Pages are numbered from the start of the machine's address space, frames from the start of
/// its physical memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A CPU reached memory through a translation it had cached, and which no longer holds.
    StaleTranslation {
        /// The running CPU.
        cpu: CpuId,
        /// The page.
        page: usize,
        /// The frame that the CPU remembered.
        cached: usize,
        /// The frame that is mapped there now.
        mapped: Option<usize>,
    },
    /// A CPU touched an address that nothing is mapped at.
    PageFault {
        /// The running CPU.
        cpu: CpuId,
        /// The address.
        address: usize,
    },
    /// A CPU touched a frame, by its linear address, that belongs to nobody.
    FreeFrameTouched {
        /// The frame.
        frame: usize,
    },
    /// A CPU touched a single frame by a linear address. It must be mapped first.
    FrameTouchedUnmapped {
        /// The frame.
        frame: usize,
    },
    /// A CPU touched a mapped page before its caches had been told of it.
    NotMadeVisible {
        /// The page.
        page: usize,
    },
    /// A page was unmapped while caches still held what was written to it.
    UnmappedDirty {
        /// The page.
        page: usize,
    },
    /// A frame was given back that is free: given twice, or never taken.
    GivenTwice {
        /// The frame.
        frame: usize,
    },
    /// A frame was given back, or mapped, by an owner who had given it back before.
    FrameOfFormerOwner {
        /// The frame.
        frame: usize,
    },
    /// A frame was given back while still mapped.
    GivenWhileMapped {
        /// The frame.
        frame: usize,
        /// Where it is mapped.
        page: usize,
    },
    /// Part of a run was given back as a single frame, or the other way round.
    GivenAsAnotherKind {
        /// The frame.
        frame: usize,
    },
    /// An address that belongs to no run, or does not start a page, was given back.
    NotARun {
        /// The address.
        address: usize,
    },
    /// Pages were mapped or unmapped that the caller has not reserved.
    NotReserved {
        /// The first such page.
        page: usize,
    },
    /// A page was mapped that is mapped already.
    MappedTwice {
        /// The page.
        page: usize,
    },
    /// A frame was mapped that is mapped elsewhere.
    FrameMappedTwice {
        /// The frame.
        frame: usize,
        /// Where it is mapped already.
        page: usize,
    },
    /// Areas were released that were not reserved so, in one call.
    ReleasedOtherwise,
    /// An address range was released while a page of it was mapped.
    ReleasedWhileMapped {
        /// The page.
        page: usize,
    },
    /// Metadata was given back that is not outstanding, or with another layout.
    MetadataNotTakenSo,
    /// Areas were to be reserved that contradict each other or the alignment.
    BadReservation(CongruentError),
    /// The caller asked for something that the interface does not allow.
    BadRequest(&'static str),
    /// The platform was called with the index lock held.
    IndexLockHeld {
        /// The call.
        call: &'static str,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::StaleTranslation { cpu, page, cached, mapped: Some(now) } => write!(
                f,
                "stale translation used: CPU {cpu} remembers frame {cached} at page {page}, \
                 where frame {now} is mapped since; flush_tlb is missing"
            ),
            Self::StaleTranslation { cpu, page, cached, mapped: None } => write!(
                f,
                "stale translation used: CPU {cpu} remembers frame {cached} at page {page}, \
                 which is unmapped since; flush_tlb is missing"
            ),
            Self::PageFault { cpu, address } => {
                write!(f, "page fault: CPU {cpu} touched {address:#x}, where nothing is mapped")
            }
            Self::FreeFrameTouched { frame } => {
                write!(f, "frame {frame} was touched, and belongs to nobody")
            }
            Self::FrameTouchedUnmapped { frame } => {
                write!(f, "frame {frame} was touched by a linear address; it must be mapped first")
            }
            Self::NotMadeVisible { page } => {
                write!(f, "page {page} was touched before flush_cache_after_map made it visible")
            }
            Self::UnmappedDirty { page } => {
                write!(f, "page {page} was unmapped dirty; flush_cache_before_unmap is missing")
            }
            Self::GivenTwice { frame } => {
                write!(f, "frame {frame} was given back, and belongs to nobody: given twice?")
            }
            Self::FrameOfFormerOwner { frame } => {
                write!(f, "frame {frame} was used by somebody who had given it back")
            }
            Self::GivenWhileMapped { frame, page } => {
                write!(f, "frame {frame} was given back while mapped at page {page}")
            }
            Self::GivenAsAnotherKind { frame } => {
                write!(
                    f,
                    "frame {frame} was taken as part of a run and given as a frame, or reverse"
                )
            }
            Self::NotARun { address } => {
                write!(f, "a run was given back at {address:#x}, where no run can start")
            }
            Self::NotReserved { page } => {
                write!(f, "page {page} was mapped or unmapped, and is not reserved")
            }
            Self::MappedTwice { page } => {
                write!(f, "page {page} was mapped, and is mapped already")
            }
            Self::FrameMappedTwice { frame, page } => {
                write!(f, "frame {frame} was mapped, and is mapped at page {page} already")
            }
            Self::ReleasedOtherwise => {
                f.write_str("areas were released that were not reserved so in one call")
            }
            Self::ReleasedWhileMapped { page } => {
                write!(f, "an address range was released while page {page} of it is mapped")
            }
            Self::MetadataNotTakenSo => {
                f.write_str("metadata was given back that is not outstanding with this layout")
            }
            Self::BadReservation(error) => write!(f, "a reservation makes no sense: {error}"),
            Self::BadRequest(what) => f.write_str(what),
            Self::IndexLockHeld { call } => {
                write!(f, "{call} was called with the index lock held (B79)")
            }
        }
    }
}
