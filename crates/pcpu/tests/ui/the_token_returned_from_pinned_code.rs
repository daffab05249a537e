// SPDX-License-Identifier: MIT OR Apache-2.0
//! ostd #3896: guards dropped out of order. A token cannot be kept beyond its closure at all.

#[path = "support/counter.rs"]
mod counter;

fn main() {
    let pool = counter::pool();
    let here = pool.pinned(|here| here);
    let _ = here.cpu();
}
