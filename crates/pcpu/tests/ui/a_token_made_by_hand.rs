// SPDX-License-Identifier: MIT OR Apache-2.0
//! A token comes from pinned code, and from nowhere else.

#[path = "support/counter.rs"]
mod counter;

use pcpu::Pinned;

fn main() {
    let pool = counter::pool();
    let _ = Pinned { pcpu: &pool, cpu: pcpu::layout::CpuId::new(0) };
}
