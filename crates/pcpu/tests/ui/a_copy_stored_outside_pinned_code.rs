// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nor does a borrow leave by assignment.

#[path = "support/counter.rs"]
mod counter;

fn main() {
    let pool = counter::pool();
    let mut kept = None;
    pool.pinned(|here| kept = Some(counter::COUNT.get(here)));
    let _: Option<&core::cell::Cell<u32>> = kept;
}
