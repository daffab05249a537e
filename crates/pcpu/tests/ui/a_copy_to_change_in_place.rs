// SPDX-License-Identifier: MIT OR Apache-2.0
//! percpu's with_current, Hermit: no exclusive reference is given, because pinned code may pin again.

#[path = "support/counter.rs"]
mod counter;

fn main() {
    let pool = counter::pool();
    pool.pinned(|here| {
        let count: &mut core::cell::Cell<u32> = counter::COUNT.get(here);
        *count.get_mut() = 1;
    });
}
