// SPDX-License-Identifier: MIT OR Apache-2.0
//! A token on another thread would prove nothing.

#[path = "support/counter.rs"]
mod counter;

fn main() {
    let pool = counter::pool();
    pool.pinned(|here| {
        std::thread::scope(|scope| {
            scope.spawn(move || counter::COUNT.get(here).set(1));
        });
    });
}
