// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random numbers: the same ones in every run, others on every CPU.

use oorandom::Rand32;
use pcpu::layout::CpuId;

/// A generator for one CPU.
pub fn for_cpu(cpu: CpuId) -> Rand32 {
    Rand32::new_inc(0x5eed, u64::from(cpu.get()) + 1)
}
