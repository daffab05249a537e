// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine that has all a platform needs but a cell, and cannot map. It is only compiled.

use core::alloc::Layout;
use core::ptr::NonNull;

use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId, PageCount};
use pcpu_platform::{Addr, Cpus, Effort, Frames, Memory, Metadata, NoMetadata, NoPages, Observer};

pub struct Bare;

// SAFETY: it hands out nothing.
unsafe impl Frames for Bare {
    fn page_size(&self) -> usize {
        4096
    }

    fn take_run(
        &self,
        _: PageCount,
        _: usize,
        _: Option<NodeId>,
        _: Effort,
    ) -> Result<Addr, NoPages> {
        Err(NoPages)
    }

    unsafe fn give_run(&self, _: Addr, _: PageCount) {}
}

// SAFETY: there is no memory to touch.
unsafe impl Memory for Bare {
    unsafe fn zero(&self, _: Addr, _: usize) {}
    unsafe fn write(&self, _: Addr, _: &[u8]) {}
    unsafe fn read(&self, _: Addr, _: &mut [u8]) {}
}

// SAFETY: it hands out nothing.
unsafe impl Metadata for Bare {
    fn take_metadata(&self, _: Layout) -> Result<NonNull<u8>, NoMetadata> {
        Err(NoMetadata)
    }

    unsafe fn give_metadata(&self, _: NonNull<u8>, _: Layout) {}
}

impl Topology for Bare {
    fn nr_cpu_ids(&self) -> u32 {
        2
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        cpu.get() < 2
    }

    fn node_of(&self, _: CpuId) -> Option<NodeId> {
        None
    }

    fn is_local(&self, _: CpuId, _: CpuId) -> bool {
        true
    }
}

impl Cpus for Bare {
    fn current(&self) -> CpuId {
        CpuId::new(0)
    }
}

impl Observer for Bare {}
