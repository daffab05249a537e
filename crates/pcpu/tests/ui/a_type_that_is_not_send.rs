// SPDX-License-Identifier: MIT OR Apache-2.0
//! percpu: no bound on the type, though copies are used by every thread that runs on the CPU.

use std::cell::Cell;

pcpu::statics! {
    static POINTER: Cell<*mut u8> = Cell::new(core::ptr::null_mut());
}

fn main() {}
