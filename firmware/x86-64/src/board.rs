// SPDX-License-Identifier: MIT OR Apache-2.0
//! The board as `pcpu-bare` and the scenario see it.

use core::marker::PhantomData;
use core::ops::Range;

use bitmap_allocator::BitAlloc4K;
use pcpu_bare::arch::Eflags;
use pcpu_bare::{Bare, Board, CpuBlock, Mapped, Mmu};
use pcpu_layout::{CpuId, Span};
use pcpu_platform::{Addr, Addressable, Mapper, ThisCpu};
use scenario::{Image, MappedImage, Memory};

use crate::processors::SHOOTDOWN;
use crate::{apic, devices, paging, processors, start, traps};

/// What one image makes of the board.
pub trait Machine: Send + Sync + 'static {
    /// What the image calls itself.
    const NAME: &'static str;
    /// How many processors it uses; 1 to 4, and QEMU must have as many.
    const PROCESSORS: u32;
    /// `SmpMmu`: the board is made with its page tables alone.
    type Cell;
    /// The board as pcpu sees it.
    type Platform: pcpu_core::Machine + ThisCpu + Addressable + Sync;

    /// Makes it. Called once.
    fn platform() -> Self::Platform;
}

/// The board with its page tables.
pub fn mapped<M: Machine>() -> Mapped<Pc<M>> {
    let Memory { pages, records } = memory();
    let tables = processors::TABLES.lock().take().expect("the tables are handed over once");
    // SAFETY: RAM that the link script leaves to nobody else, identity-mapped for every CPU; nobody
    // else maps anything in the window.
    let bare = unsafe { Bare::with_tables(Pc(PhantomData), tables, pages, records) };
    bare.expect("the link script sets memory aside")
}

/// The board.
pub struct Pc<M>(PhantomData<M>);

// SAFETY: `CpuBlock` returns what `processors::enter` installed on the processor, processor numbers
// are distinct, and no processor from `PROCESSORS` on is woken. `Eflags` masks all interrupts that
// the exception entry lets through to anything but the end of the machine. The bitmap is a crate's,
// as it is. Panics end the machine.
unsafe impl<M: Machine> Board for Pc<M> {
    type Cell = M::Cell;
    type Interrupts = Eflags;
    type Pages = BitAlloc4K;

    const NR_CPUS: u32 = M::PROCESSORS;

    fn block() -> &'static CpuBlock {
        CpuBlock::current().expect("the CPU base register is set in processors::enter")
    }
}

// SAFETY: the tables are those that every processor's CR3 names, with nothing in the window, and
// memory is identity-mapped. They are a crate's, as they are, on frames that nobody else has (T1 of
// `table-frames`). `flush_tlb` returns when every processor that joined has forgotten the range, and
// every processor joins before it uses a mapping of the window.
unsafe impl<M: Machine> Mmu for Pc<M> {
    type Tables = paging::Tables;

    const WINDOW: Range<usize> = paging::WINDOW;

    fn flush_tlb(&self, range: Span<Addr>) {
        let send = |cpu: CpuId| apic::interrupt(cpu.index());
        SHOOTDOWN.flush(Self::block().cpu(), range, paging::flush_local, send);
    }
}

impl<M: Machine> Image for Pc<M> {
    const NAME: &'static str = M::NAME;

    type Board = Self;
    type Platform = M::Platform;

    fn platform() -> M::Platform {
        const { assert!(M::PROCESSORS >= 1 && M::PROCESSORS as usize <= start::MAX_PROCESSORS) };
        M::platform()
    }

    fn write(text: &str) {
        devices::write(text);
    }

    fn exit(status: u8) -> ! {
        devices::exit(status)
    }

    fn release_others() {
        processors::wake_others(M::PROCESSORS);
    }

    fn interrupt(cpu: CpuId) {
        apic::interrupt(cpu.index());
    }
}

impl<M: Machine<Platform: Mapper>> MappedImage for Pc<M> {
    const ACKNOWLEDGES: bool = true;

    fn probe(at: usize) -> Option<u8> {
        traps::probe(at)
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
