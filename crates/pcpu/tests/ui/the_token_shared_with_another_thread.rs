// SPDX-License-Identifier: MIT OR Apache-2.0
//! ostd #3891: a guard that is Sync was used on another CPU.

#[path = "support/counter.rs"]
mod counter;

fn main() {
    let pool = counter::pool();
    pool.pinned(|here| {
        std::thread::scope(|scope| {
            let here = &here;
            scope.spawn(move || counter::COUNT.get(*here).set(1));
        });
    });
}
