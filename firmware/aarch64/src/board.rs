// SPDX-License-Identifier: MIT OR Apache-2.0
//! The board as `pcpu-bare` and the scenario see it.

use core::ops::Range;

use bitmap_allocator::BitAlloc4K;
use pcpu_bare::arch::Daif;
use pcpu_bare::{Bare, Board, CpuBlock, Mapped, Mmu};
use pcpu_layout::{CpuId, Span};
use pcpu_platform::{Addr, SmpMmu};
use scenario::{Image, MappedImage, Memory};

use crate::{console, cores, exceptions, gic, paging, start};

/// The board, all its cores in use.
pub struct Virt;

// SAFETY: `CpuBlock` returns what `cores::enter` installed on the core, core numbers are
// distinct, and no core beyond `NR_CPUS` is turned on. `Daif` masks all interrupts that the
// exception entry lets through to anything but the end of the machine. The bitmap is a crate's, as
// it is. Panics end the machine.
unsafe impl Board for Virt {
    type Cell = SmpMmu;
    type Interrupts = Daif;
    type Pages = BitAlloc4K;

    const NR_CPUS: u32 = start::MAX_CORES as u32;

    fn block() -> &'static CpuBlock {
        CpuBlock::current().expect("the CPU base register is set in cores::enter")
    }
}

// SAFETY: the tables are those that every core's `TTBR0_EL1` names, with nothing in the window, and
// memory is identity-mapped. They are a crate's, as they are, on frames that nobody else has (T1 of
// `table-frames`). `flush_tlb` broadcasts, and returns when every core of the board has obeyed.
unsafe impl Mmu for Virt {
    type Tables = paging::Tables;

    const WINDOW: Range<usize> = paging::WINDOW;

    fn flush_tlb(&self, range: Span<Addr>) {
        paging::flush(range);
    }
}

impl Image for Virt {
    const NAME: &'static str = "aarch64";

    type Board = Self;
    type Platform = Mapped<Self>;

    fn platform() -> Mapped<Self> {
        let Memory { pages, records } = Memory::set_aside();
        let tables = cores::TABLES.lock().take().expect("the tables are handed over once");
        // SAFETY: RAM that the link script leaves to nobody else, identity-mapped for every CPU;
        // nobody else maps anything in the window.
        let bare = unsafe { Bare::with_tables(Self, tables, pages, records) };
        bare.expect("the link script sets memory aside")
    }

    fn write(text: &str) {
        console::write(text);
    }

    fn exit(status: u8) -> ! {
        console::exit(status)
    }

    fn release_others() {
        cores::turn_on_others(Self::NR_CPUS);
    }

    fn interrupt(cpu: CpuId) {
        gic::interrupt(cpu.index());
    }
}

impl MappedImage for Virt {
    const ACKNOWLEDGES: bool = false;

    fn probe(at: usize) -> Option<u8> {
        exceptions::probe(at)
    }
}
