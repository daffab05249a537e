// SPDX-License-Identifier: MIT OR Apache-2.0
//! A board that can map, as the MMU machine that it is.
//!
//! The finished program contains the board's functions that map, unmap and flush: this is the
//! counter-example to `km_image`, which is alike and contains none of them.

#[path = "board/mod.rs"]
mod board;
#[path = "board/life.rs"]
mod life;

use board::Board;
use pcpu_platform::{Platform, SmpMmu};

impl Platform for Board {
    type Cell = SmpMmu;
    type PagesLock = parking_lot::RawMutex;
    type IndexLock = parking_lot::RawMutex;
}

fn main() {
    life::live(Board);
    assert_eq!(Board.pages_in_use(), 0);
}
