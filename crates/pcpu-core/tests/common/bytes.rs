// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bytes of areas, through the platform, each CPU's copy touched by its own CPU.
//!
//! Touching as the CPU itself matters: on the simulated machine it goes through that CPU's
//! translations, so that a flush somebody forgot is found.

use pcpu_core::{Allocator, Cookie, Machine as Backed};
use pcpu_layout::CpuId;
use pcpu_platform::Addr;
use pcpu_sim::Machine;

/// Bytes of an area that a request of `size` gets.
pub const fn rounded(size: usize) -> usize {
    size.next_multiple_of(4)
}

/// Reads `cpu`'s copy of a live area.
pub fn copy<P: Backed>(
    machine: &Machine,
    pool: &Allocator<P>,
    area: &Cookie,
    cpu: CpuId,
    size: usize,
) -> Vec<u8> {
    let mut bytes = vec![0xa5; rounded(size)];
    let at = address(pool, area, cpu);
    // SAFETY: a live area of that size is backed on every attached CPU and initialised (zeroed
    // when handed out), and only its owner, the caller, touches it.
    machine.run_on(cpu, || unsafe { pool.platform().read(at, &mut bytes) });
    bytes
}

/// Writes a pattern of its own into the copies of a live area.
pub fn fill<P: Backed>(
    machine: &Machine,
    pool: &Allocator<P>,
    area: &Cookie,
    cpus: impl IntoIterator<Item = CpuId>,
    size: usize,
) {
    for cpu in cpus {
        let at = address(pool, area, cpu);
        let bytes = pattern(at, size);
        // SAFETY: as in `copy`.
        machine.run_on(cpu, || unsafe { pool.platform().write(at, &bytes) });
    }
}

/// Says whether the copies still hold what `fill` wrote.
pub fn holds<P: Backed>(
    machine: &Machine,
    pool: &Allocator<P>,
    area: &Cookie,
    cpus: impl IntoIterator<Item = CpuId>,
    size: usize,
) -> bool {
    cpus.into_iter()
        .all(|cpu| copy(machine, pool, area, cpu, size) == pattern(address(pool, area, cpu), size))
}

/// Says whether the copies are zero from end to end.
pub fn is_zero<P: Backed>(
    machine: &Machine,
    pool: &Allocator<P>,
    area: &Cookie,
    cpus: impl IntoIterator<Item = CpuId>,
    size: usize,
) -> bool {
    cpus.into_iter().all(|cpu| copy(machine, pool, area, cpu, size).iter().all(|&byte| byte == 0))
}

fn address<P: Backed>(pool: &Allocator<P>, area: &Cookie, cpu: CpuId) -> Addr {
    pool.address(area, cpu).expect("the CPU is possible")
}

/// Bytes that no other copy of any live area has, and none of which is zero.
fn pattern(at: Addr, size: usize) -> Vec<u8> {
    // Areas are whole granules, so the lowest bits of their addresses tell nothing.
    let mut state = at.get() >> 2;
    let byte = |_| {
        state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ 0x55;
        (state >> 7) as u8 | 1
    };
    (0..rounded(size)).map(byte).collect()
}
