// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reference is never null.

use pcpu::PerCpu;

fn main() {
    let names = PerCpu::<&'static str>::zeroed().unwrap();
    names.with(|name| assert!(name.is_empty()));
}
