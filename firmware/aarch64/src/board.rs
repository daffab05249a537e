// SPDX-License-Identifier: MIT OR Apache-2.0
//! The board as `pcpu-bare` and the scenario see it.

use core::marker::PhantomData;
use core::ops::Range;

use bitmap_allocator::BitAlloc4K;
use pcpu_bare::arch::Daif;
use pcpu_bare::{Bare, Board, CpuBlock, Mapped, Mmu};
use pcpu_layout::{CpuId, Span};
use pcpu_platform::{Addr, Addressable, Mapper, ThisCpu};
use scenario::{Image, MappedImage, Memory};

use crate::{console, cores, exceptions, gic, paging, start};

/// What one image makes of the board.
pub trait Machine: Send + Sync + 'static {
    /// What the image calls itself.
    const NAME: &'static str;
    /// How many cores it uses; 1 to 4, and QEMU must have as many.
    const CORES: u32;
    /// `SmpMmu`: the board is made with its page tables alone.
    type Cell;
    /// The board as pcpu sees it.
    type Platform: pcpu_core::Machine + ThisCpu + Addressable + Sync;

    /// Makes it. Called once.
    fn platform() -> Self::Platform;
}

/// The board with its page tables.
pub fn mapped<M: Machine>() -> Mapped<Virt<M>> {
    let Memory { pages, records } = memory();
    let tables = cores::TABLES.lock().take().expect("the tables are handed over once");
    // SAFETY: RAM that the link script leaves to nobody else, identity-mapped for every CPU; nobody
    // else maps anything in the window.
    let bare = unsafe { Bare::with_tables(Virt(PhantomData), tables, pages, records) };
    bare.expect("the link script sets memory aside")
}

/// The board.
pub struct Virt<M>(PhantomData<M>);

// SAFETY: `CpuBlock` returns what `cores::enter` installed on the core, core numbers are
// distinct, and no core from `CORES` on is turned on. `Daif` masks all interrupts that the
// exception entry lets through to anything but the end of the machine. The bitmap is a crate's, as
// it is. Panics end the machine.
unsafe impl<M: Machine> Board for Virt<M> {
    type Cell = M::Cell;
    type Interrupts = Daif;
    type Pages = BitAlloc4K;

    const NR_CPUS: u32 = M::CORES;

    fn block() -> &'static CpuBlock {
        CpuBlock::current().expect("the CPU base register is set in cores::enter")
    }
}

// SAFETY: the tables are those that every core's `TTBR0_EL1` names, with nothing in the window, and
// memory is identity-mapped. They are a crate's, as they are, on frames that nobody else has (T1 of
// `table-frames`). `flush_tlb` broadcasts, and returns when every core of the board has obeyed.
unsafe impl<M: Machine> Mmu for Virt<M> {
    type Tables = paging::Tables;

    const WINDOW: Range<usize> = paging::WINDOW;

    fn flush_tlb(&self, range: Span<Addr>) {
        paging::flush(range);
    }
}

impl<M: Machine> Image for Virt<M> {
    const NAME: &'static str = M::NAME;

    type Board = Self;
    type Platform = M::Platform;

    fn platform() -> M::Platform {
        const { assert!(M::CORES >= 1 && M::CORES as usize <= start::MAX_CORES) };
        M::platform()
    }

    fn write(text: &str) {
        console::write(text);
    }

    fn exit(status: u8) -> ! {
        console::exit(status)
    }

    fn release_others() {
        cores::turn_on_others(M::CORES);
    }

    fn interrupt(cpu: CpuId) {
        gic::interrupt(cpu.index());
    }
}

impl<M: Machine<Platform: Mapper>> MappedImage for Virt<M> {
    const ACKNOWLEDGES: bool = false;

    fn probe(at: usize) -> Option<u8> {
        exceptions::probe(at)
    }
}

unsafe extern "C" {
    static __pages_start: u8;
    static __pages_end: u8;
    static __records_start: u8;
    static __records_end: u8;
}

/// What the link script sets aside.
fn memory() -> Memory {
    Memory {
        pages: (&raw const __pages_start).expose_provenance()..(&raw const __pages_end).addr(),
        records: (&raw const __records_start).addr()..(&raw const __records_end).addr(),
    }
}
