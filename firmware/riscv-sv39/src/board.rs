// SPDX-License-Identifier: MIT OR Apache-2.0
//! The board as `pcpu-bare` and the scenario see it.

use core::marker::PhantomData;
use core::ops::Range;

use bitmap_allocator::BitAlloc4K;
use pcpu_bare::arch::SupervisorMode;
use pcpu_bare::{Bare, Board, CpuBlock, Mapped, Mmu};
use pcpu_layout::{CpuId, Span};
use pcpu_platform::{Addr, Addressable, Mapper, ThisCpu};
use scenario::{Image, MappedImage, Memory};

use crate::supervisor::SHOOTDOWN;
use crate::{devices, paging, start, supervisor, trap};

/// What one image makes of the board.
pub trait Machine: Send + Sync + 'static {
    /// What the image calls itself.
    const NAME: &'static str;
    /// How many harts it uses; 1 to 4, and QEMU must have as many.
    const HARTS: u32;
    /// `Up` or `SmpMmu`.
    type Cell;
    /// The board as pcpu sees it.
    type Platform: pcpu_core::Machine + ThisCpu + Addressable + Sync;

    /// Makes it. Called once.
    fn platform() -> Self::Platform;
}

/// The board without a mapper.
pub fn flat<M: Machine>() -> Bare<Virt<M>> {
    let Memory { pages, records } = Memory::set_aside();
    // SAFETY: RAM that the link script leaves to nobody else, identity-mapped for every CPU.
    let bare = unsafe { Bare::new(Virt(PhantomData), pages, records) };
    bare.expect("the link script sets memory aside")
}

/// The board with its page tables.
pub fn mapped<M: Machine>() -> Mapped<Virt<M>> {
    let Memory { pages, records } = Memory::set_aside();
    let tables = supervisor::TABLES.lock().take().expect("the tables are handed over once");
    // SAFETY: RAM that the link script leaves to nobody else, identity-mapped for every CPU; nobody
    // else maps anything in the window.
    let bare = unsafe { Bare::with_tables(Virt(PhantomData), tables, pages, records) };
    bare.expect("the link script sets memory aside")
}

/// The board.
pub struct Virt<M>(PhantomData<M>);

// SAFETY: `CpuBlock` returns what `supervisor::enter` installed on the hart, hart numbers are
// distinct, and no hart from `HARTS` on is released. `SupervisorMode` masks all interrupts that
// a hart in supervisor mode takes; machine mode takes one, and touches nothing of ours. The bitmap
// is a crate's, as it is. Panics end the machine.
unsafe impl<M: Machine> Board for Virt<M> {
    type Cell = M::Cell;
    type Interrupts = SupervisorMode;
    type Pages = BitAlloc4K;

    const NR_CPUS: u32 = M::HARTS;

    fn block() -> &'static CpuBlock {
        CpuBlock::current().expect("the CPU base register is set in supervisor::enter")
    }
}

// SAFETY: the tables are those that every hart's `satp` names, with nothing in the window, and
// memory is identity-mapped. They are a crate's, as they are, on frames that nobody else has (T1 of
// `table-frames`). `flush_tlb` returns when every hart that joined has executed `sfence.vma`, and
// every hart joins before it uses a mapping of the window.
unsafe impl<M: Machine> Mmu for Virt<M> {
    type Tables = paging::Tables;

    const WINDOW: Range<usize> = paging::WINDOW;

    fn flush_tlb(&self, range: Span<Addr>) {
        let send = |cpu: CpuId| devices::interrupt(cpu.index());
        SHOOTDOWN.flush(Self::block().cpu(), range, paging::flush_local, send);
    }

    /// A hart may remember that a page was *not* mapped, unless it has Svvptc, which we do not ask.
    fn flush_cache_after_map(&self, range: Span<Addr>) {
        self.flush_tlb(range);
    }
}

impl<M: Machine> Image for Virt<M> {
    const NAME: &'static str = M::NAME;

    type Board = Self;
    type Platform = M::Platform;

    fn platform() -> M::Platform {
        const { assert!(M::HARTS >= 1 && M::HARTS as usize <= start::MAX_HARTS) };
        M::platform()
    }

    fn write(text: &str) {
        devices::write(text);
    }

    fn exit(status: u8) -> ! {
        devices::exit(status)
    }

    fn release_others() {
        if M::HARTS > 1 {
            start::release_others();
        }
    }

    fn interrupt(cpu: CpuId) {
        devices::interrupt(cpu.index());
    }
}

impl<M: Machine<Platform: Mapper>> MappedImage for Virt<M> {
    const ACKNOWLEDGES: bool = true;

    fn probe(at: usize) -> Option<u8> {
        trap::probe(at)
    }
}
