// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lifetimes of tokens are invariant: the inner closure cannot hand its token, or what it got by it, to the outer one.

#[path = "support/counter.rs"]
mod counter;

fn main() {
    let pool = counter::pool();
    pool.pinned(|outer| {
        let mut count = counter::COUNT.get(outer);
        pool.pinned(|inner| count = counter::COUNT.get(inner));
        count.set(1);
    });
}
