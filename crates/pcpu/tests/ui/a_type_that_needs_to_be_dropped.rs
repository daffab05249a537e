// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copies are never dropped, so that a type that must be is refused.

use std::cell::RefCell;

pcpu::statics! {
    static NAMES: RefCell<Vec<String>> = RefCell::new(Vec::new());
}

fn main() {}
