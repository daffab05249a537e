// SPDX-License-Identifier: MIT OR Apache-2.0
//! percore before 0.3: the initial value was evaluated inside an unsafe block of the macro's.

const unsafe fn must_be_promised() -> u32 {
    1
}

pcpu::statics! {
    static VALUE: u32 = must_be_promised();
}

fn main() {}
