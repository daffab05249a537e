// SPDX-License-Identifier: MIT OR Apache-2.0
//! SV-8: units of different CPUs are congruent modulo a page, no more.

#[repr(align(8192))]
struct Huge(u8);

pcpu::statics! {
    static HUGE: Huge = Huge(0);
}

fn main() {}
