// SPDX-License-Identifier: MIT OR Apache-2.0
//! The set-up that maps the first chunk page by page needs a machine that can map.

use pcpu_core::{Allocator, Config};
use pcpu_sim::{Machine, NoMmu};

fn main() {
    let machine = Machine::with_cpus(2);
    let _ = Allocator::<NoMmu>::new_paged(machine.no_mmu(), &Config::default(), &[]);
}
