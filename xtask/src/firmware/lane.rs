// SPDX-License-Identifier: MIT OR Apache-2.0
//! Boots one image on its board.
//!
//! There are two lanes. In the *racing* one every processor of the machine is a thread of its own,
//! so that processors really meet, each time elsewhere. In the *repeatable* one a single thread
//! runs all processors by turns and counts instructions instead of time: what fails there
//! fails there again.

use std::path::Path;
use std::time::Duration;

use super::boards::Board;
use crate::boot::{self, Boot};
use crate::site::Result;

/// How the processors of the machine take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// All at once.
    Racing,
    /// One at a time, after a fixed number of instructions.
    Repeatable,
}

impl Lane {
    /// Both, the one that finds more first.
    pub const ALL: [Lane; 2] = [Lane::Racing, Lane::Repeatable];

    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Lane::Racing => "racing",
            Lane::Repeatable => "repeatable",
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Lane::Racing => &[],
            // An instruction takes 2¹⁰ ns of the machine's clock. A turn ends after a tenth of a
            // second of it, that is 100,000 instructions; a processor that waits for another
            // waits a turn, so with short instructions most of a run would be waiting.
            Lane::Repeatable => &["-icount", "shift=10,sleep=off"],
        }
    }
}

/// Boots `image` on the machine of `board` and waits for its end, at most for `limit`.
///
/// # Errors
/// QEMU could not be started. How an image ended is no error here.
pub fn boot(board: &Board, image: &Path, lane: Lane, limit: Duration) -> Result<Boot> {
    let mut command = boot::qemu(board.qemu);
    command.args(board.machine.split_whitespace()).args(lane.arguments());
    command.arg("-kernel").arg(image);
    boot::run(command, limit)
}
