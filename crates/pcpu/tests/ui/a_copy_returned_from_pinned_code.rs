// SPDX-License-Identifier: MIT OR Apache-2.0
//! ostd #997: a borrow left as the result of the closure.

#[path = "support/counter.rs"]
mod counter;

fn main() {
    let pool = counter::pool();
    let count = pool.pinned(|here| counter::COUNT.get(here));
    count.set(1);
}
