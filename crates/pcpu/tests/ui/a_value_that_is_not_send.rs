// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copies are used by whatever thread runs on their CPU.

use std::rc::Rc;

use pcpu::PerCpu;

fn main() {
    let shared = PerCpu::from_fn(|_| Rc::new(1)).unwrap();
    shared.with(|value| Rc::clone(value));
}
