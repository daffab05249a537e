// SPDX-License-Identifier: MIT OR Apache-2.0
//! The layout as the kernel's log shows it.
//!
//! ```text
//! pcpu-alloc: s1000 r0 d31768 u65536 alloc=1*262144
//! pcpu-alloc: [0] 0 1 2 - [1] 3 4 5 -
//! ```
//!
//! The first line has the sizes; the others list the units, a bracket with the group's number
//! before each alloc piece, the CPU or dashes for each unit. CPU numbers are padded to the
//! digits of the *number* of CPUs, not of the highest id. As many pieces share a line as fit
//! into about sixty columns, rounded down to a power of two.
//!
//! # Source
//! docs/behaviours.md, B45. Difference: no blank at the end of a line.

use core::fmt;

use super::plan::Geometry;
use crate::CpuId;

/// Opens every line.
const PREFIX: &str = "pcpu-alloc:";

/// Columns that the pieces of a line may take.
const COLUMNS: usize = 60;

/// Widest mark of an unused unit.
const DASHES: &str = "--------";

impl fmt::Display for Geometry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let atom = self.atom_size();
        write!(
            f,
            "{PREFIX} s{} r{} d{} u{} alloc={}*{atom}",
            self.static_size(),
            self.reserved_size(),
            self.dyn_size(),
            self.unit_size(),
            self.alloc_size() / atom,
        )?;

        let cpu_width = digits(self.nr_possible() as usize);
        let group_width = digits(self.groups().len());
        let per_line = pieces_per_line(self.units_per_alloc() as usize, cpu_width, group_width);
        for (idx, (group, piece)) in self.pieces().enumerate() {
            if idx % per_line == 0 {
                write!(f, "\n{PREFIX}")?;
            }
            write!(f, " [{group:0group_width$}]")?;
            for &slot in piece {
                write_slot(f, slot, cpu_width)?;
            }
        }
        Ok(())
    }
}

impl Geometry<'_> {
    /// Lists the alloc pieces: the group's number and the units that share the piece.
    fn pieces(&self) -> impl Iterator<Item = (usize, &[Option<CpuId>])> {
        let upa = self.units_per_alloc() as usize;
        let groups = self.groups().iter().enumerate();
        groups.flat_map(move |(idx, group)| {
            let pieces = self.slots_of(group).chunks(upa);
            pieces.map(move |piece| (idx, piece))
        })
    }
}

fn write_slot(f: &mut fmt::Formatter<'_>, slot: Option<CpuId>, width: usize) -> fmt::Result {
    match slot {
        Some(cpu) => write!(f, " {:0width$}", cpu.get()),
        None => write!(f, " {}", &DASHES[..width.min(DASHES.len())]),
    }
}

fn pieces_per_line(units_per_alloc: usize, cpu_width: usize, group_width: usize) -> usize {
    let width = units_per_alloc * (cpu_width + 1) + group_width + "[] ".len();
    let most = (COLUMNS / width).max(1);
    1 << most.ilog2()
}

const fn digits(number: usize) -> usize {
    match number.checked_ilog10() {
        Some(log) => log as usize + 1,
        None => 1,
    }
}
