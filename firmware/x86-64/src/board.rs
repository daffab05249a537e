// SPDX-License-Identifier: MIT OR Apache-2.0
//! The board as `pcpu-bare` and the scenario see it.

use core::ops::Range;

use bitmap_allocator::BitAlloc4K;
use pcpu_bare::arch::Eflags;
use pcpu_bare::{Bare, Board, CpuBlock, Mapped, Mmu};
use pcpu_layout::{CpuId, Span};
use pcpu_platform::{Addr, SmpMmu};
use scenario::{Image, MappedImage, Memory};

use crate::processors::SHOOTDOWN;
use crate::{apic, devices, paging, processors, start, traps};

/// The board, all its processors in use.
pub struct Pc;

// SAFETY: `CpuBlock` returns what `processors::enter` installed on the processor, processor numbers
// are distinct, and no processor beyond `NR_CPUS` is woken. `Eflags` masks all interrupts that
// the exception entry lets through to anything but the end of the machine. The bitmap is a crate's,
// as it is. Panics end the machine.
unsafe impl Board for Pc {
    type Cell = SmpMmu;
    type Interrupts = Eflags;
    type Pages = BitAlloc4K;

    const NR_CPUS: u32 = start::MAX_PROCESSORS as u32;

    fn block() -> &'static CpuBlock {
        CpuBlock::current().expect("the CPU base register is set in processors::enter")
    }
}

// SAFETY: the tables are those that every processor's CR3 names, with nothing in the window, and
// memory is identity-mapped. They are a crate's, as they are, on frames that nobody else has (T1 of
// `table-frames`). `flush_tlb` returns when every processor that joined has forgotten the range, and
// every processor joins before it uses a mapping of the window.
unsafe impl Mmu for Pc {
    type Tables = paging::Tables;

    const WINDOW: Range<usize> = paging::WINDOW;

    fn flush_tlb(&self, range: Span<Addr>) {
        let send = |cpu: CpuId| apic::interrupt(cpu.index());
        SHOOTDOWN.flush(Self::block().cpu(), range, paging::flush_local, send);
    }
}

impl Image for Pc {
    const NAME: &'static str = "x86-64";

    type Board = Self;
    type Platform = Mapped<Self>;

    fn platform() -> Mapped<Self> {
        let Memory { pages, records } = Memory::set_aside();
        let tables = processors::TABLES.lock().take().expect("the tables are handed over once");
        // SAFETY: RAM that the link script leaves to nobody else, identity-mapped for every CPU;
        // nobody else maps anything in the window.
        let bare = unsafe { Bare::with_tables(Self, tables, pages, records) };
        bare.expect("the link script sets memory aside")
    }

    fn write(text: &str) {
        devices::write(text);
    }

    fn exit(status: u8) -> ! {
        devices::exit(status)
    }

    fn release_others() {
        processors::wake_others(Self::NR_CPUS);
    }

    fn interrupt(cpu: CpuId) {
        apic::interrupt(cpu.index());
    }
}

impl MappedImage for Pc {
    const ACKNOWLEDGES: bool = true;

    fn probe(at: usize) -> Option<u8> {
        traps::probe(at)
    }
}
