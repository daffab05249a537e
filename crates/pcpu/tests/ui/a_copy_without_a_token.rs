// SPDX-License-Identifier: MIT OR Apache-2.0
//! AC-4: code that may move to another CPU has no way to a copy; the handle is no value.

#[path = "support/counter.rs"]
mod counter;

fn main() {
    let pool = counter::pool();
    counter::COUNT.get(&pool).set(1);
    counter::COUNT.set(1);
    *counter::COUNT = 1;
}
