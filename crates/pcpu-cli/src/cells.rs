// SPDX-License-Identifier: MIT OR Apache-2.0
//! The four cells of {one CPU, many} × {no MMU, MMU}, as rows to choose from.
//!
//! ```text
//!              no MMU     MMU
//!  UP          km         km        one CPU needs no pages at chosen addresses
//!  SMP         km         vm
//! ```
//!
//! Which back end a row has is not decided here: the platform's type does that, and this file only
//! knows its name, to print it.

use std::fmt;

/// How many CPUs are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processors {
    /// One.
    Up,
    /// Any number.
    Smp,
}

/// Whether pages can be mapped at chosen addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mmu {
    /// They cannot.
    Without,
    /// They can.
    With,
}

/// One row of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// One CPU or many.
    pub processors: Processors,
    /// With or without an MMU.
    pub mmu: Mmu,
}

impl Cell {
    /// All four, in the order in which they are printed.
    pub const ALL: [Cell; 4] = [
        Cell { processors: Processors::Up, mmu: Mmu::Without },
        Cell { processors: Processors::Up, mmu: Mmu::With },
        Cell { processors: Processors::Smp, mmu: Mmu::Without },
        Cell { processors: Processors::Smp, mmu: Mmu::With },
    ];

    /// Lists the cells that a filter leaves; `None` filters nothing.
    pub fn filtered(processors: Option<Processors>, mmu: Option<Mmu>) -> Vec<Cell> {
        let wanted = |cell: &Cell| {
            processors.is_none_or(|wanted| wanted == cell.processors)
                && mmu.is_none_or(|wanted| wanted == cell.mmu)
        };
        Cell::ALL.into_iter().filter(wanted).collect()
    }

    /// Says whether more than one CPU is possible.
    pub fn is_smp(self) -> bool {
        self.processors == Processors::Smp
    }

    /// Says whether pages can be mapped.
    pub fn has_mmu(self) -> bool {
        self.mmu == Mmu::With
    }

    /// Says whether this is the row of the vm back end.
    pub fn is_vm(self) -> bool {
        self.is_smp() && self.has_mmu()
    }

    /// Returns the name of the back end.
    pub fn backend(self) -> &'static str {
        if self.is_vm() { "vm" } else { "km" }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processors = if self.is_smp() { "SMP" } else { "UP" };
        let mmu = if self.has_mmu() { "MMU" } else { "no MMU" };
        write!(f, "{processors}, {mmu}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_leave_four_two_or_one_row_in_order() {
        let names = |processors, mmu| {
            let cells = Cell::filtered(processors, mmu);
            cells.iter().map(Cell::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(None, None), ["UP, no MMU", "UP, MMU", "SMP, no MMU", "SMP, MMU"]);
        assert_eq!(names(Some(Processors::Smp), None), ["SMP, no MMU", "SMP, MMU"]);
        assert_eq!(names(None, Some(Mmu::Without)), ["UP, no MMU", "SMP, no MMU"]);
        assert_eq!(names(Some(Processors::Up), Some(Mmu::With)), ["UP, MMU"]);
    }

    #[test]
    fn only_many_cpus_with_an_mmu_have_vm() {
        assert_eq!(Cell::ALL.map(Cell::backend), ["km", "km", "km", "vm"]);
    }
}
