// SPDX-License-Identifier: MIT OR Apache-2.0
//! Another CPU's copy is in use by that CPU.

#[path = "support/counter.rs"]
mod counter;

fn main() {
    let pool = counter::pool();
    for cpu in pool.geometry().cpus() {
        let _ = counter::COUNT.on(&pool, cpu);
    }
}
