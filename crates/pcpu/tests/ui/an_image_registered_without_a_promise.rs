// SPDX-License-Identifier: MIT OR Apache-2.0
//! That an object stays loaded is a promise, and so is that nobody uses its statics afterwards.

#[path = "support/counter.rs"]
mod counter;

fn main() {
    let pool = counter::pool();
    let _ = pool.register(pcpu::Image::of_this_object());
}
