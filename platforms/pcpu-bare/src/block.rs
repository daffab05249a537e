// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a board has one of for each CPU: its number, and how deeply its interrupts are masked.
//!
//! ```text
//!  Board::block ──► CpuBlock ┬ installed   what the base register needs, where there is one
//!                            ├ cpu         the number
//!                            └ nest        locks and pins that want interrupts masked
//! ```
//!
//! How a CPU finds its block is the board's affair. With a base register it installs the block
//! there, and asks [`arch`](crate::arch); without, it reads the number of its core, and the block
//! is an element of an array.

use pcpu_layout::CpuId;

use crate::arch::base::Installed;
use crate::nest::Nest;

/// What pcpu knows of one CPU. Each has its own, in a static.
///
/// A board may put it at the front of a larger `#[repr(C)]` structure, for its trap entry code.
///
/// # Examples
/// ```
/// use pcpu_bare::CpuBlock;
/// use pcpu_layout::CpuId;
///
/// static BLOCKS: [CpuBlock; 2] = [CpuBlock::new(CpuId::new(0)), CpuBlock::new(CpuId::new(1))];
/// assert_eq!(BLOCKS[1].cpu(), CpuId::new(1));
/// ```
#[derive(Debug)]
#[repr(C)]
pub struct CpuBlock {
    /// First, so that the magic word in it is where the base register points.
    pub(crate) installed: Installed,
    cpu: CpuId,
    pub(crate) nest: Nest,
}

impl CpuBlock {
    /// Makes the block of `cpu`.
    pub const fn new(cpu: CpuId) -> Self {
        Self { installed: Installed::new(), cpu, nest: Nest::new() }
    }

    /// Returns the number of the CPU.
    #[inline]
    pub fn cpu(&self) -> CpuId {
        self.cpu
    }
}
