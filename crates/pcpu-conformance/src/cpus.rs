// SPDX-License-Identifier: MIT OR Apache-2.0
//! The promises of [`Cpus`]: steady answers, and a running CPU that is possible.

use pcpu_layout::CpuId;
use pcpu_platform::Cpus;

/// CPU ids looked at, from 0. Pairs are looked at among the first few.
const IDS: u32 = 1024;
const PAIRED_IDS: u32 = 16;

/// Checks the promises of [`Cpus`] and of the topology below it.
///
/// # Panics
/// When one is not kept; the message says which.
pub fn cpus<P: Cpus>(platform: &P) {
    let nr = platform.nr_cpu_ids();
    assert!(nr > 0, "Topology, nr_cpu_ids: a machine has at least one CPU");
    assert!(nr == platform.nr_cpu_ids(), "Topology, nr_cpu_ids: the answer never changes");
    assert!(
        platform.is_possible(CpuId::new(nr - 1)),
        "Topology, nr_cpu_ids: the highest id, {}, is that of a possible CPU",
        nr - 1
    );
    for beyond in [nr, nr.saturating_add(1), u32::MAX] {
        assert!(
            !platform.is_possible(CpuId::new(beyond)),
            "Topology, is_possible: CPU {beyond} is not below nr_cpu_ids ({nr}), and not possible"
        );
    }
    for _ in 0..8 {
        let current = platform.current();
        assert!(
            platform.is_possible(current),
            "Cpus, current: CPU {current} runs and is not possible"
        );
    }
    for cpu in (0..nr.min(IDS)).map(CpuId::new) {
        let possible = platform.is_possible(cpu);
        assert!(
            possible == platform.is_possible(cpu),
            "Topology, is_possible: the answer for CPU {cpu} never changes"
        );
        assert!(
            platform.node_of(cpu) == platform.node_of(cpu),
            "Topology, node_of: the answer for CPU {cpu} never changes"
        );
        assert!(
            !possible || platform.is_local(cpu, cpu),
            "Topology, is_local: CPU {cpu} is at the local distance from itself"
        );
    }
    distances_are_steady(platform);
}

fn distances_are_steady<P: Cpus>(platform: &P) {
    let ids = || (0..platform.nr_cpu_ids().min(PAIRED_IDS)).map(CpuId::new);
    for from in ids() {
        for to in ids() {
            assert!(
                platform.is_local(from, to) == platform.is_local(from, to),
                "Topology, is_local: the answer for CPUs {from} and {to} never changes"
            );
        }
    }
}
