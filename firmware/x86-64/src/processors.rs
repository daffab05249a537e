// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each processor does from its first line of Rust to the scenario; and waking the others.

use pcpu_bare::{CpuBlock, Shootdown};
use pcpu_layout::CpuId;
use spin::Mutex;
use x86_64::instructions::{interrupts, tlb};

use crate::start::{self, MAX_PROCESSORS};
use crate::{apic, devices, paging, segments, traps};

/// Who has to forget a translation before its page may be used again.
pub static SHOOTDOWN: Shootdown = Shootdown::new();

/// The tables, until the allocator's platform takes them.
pub static TABLES: Mutex<Option<paging::Tables>> = Mutex::new(None);

/// What the GS base of each processor points to.
static BLOCKS: [CpuBlock; MAX_PROCESSORS] = [
    CpuBlock::new(CpuId::new(0)),
    CpuBlock::new(CpuId::new(1)),
    CpuBlock::new(CpuId::new(2)),
    CpuBlock::new(CpuId::new(3)),
];

unsafe extern "Rust" {
    /// The image on processor 0; see [`scenario::image!`].
    safe fn image_primary() -> !;
    /// The image on the others.
    safe fn image_secondary() -> !;
}

/// The first Rust on every processor, called by the start-up code with the number of the
/// processor, on its stack, with interrupts masked and the boot tables on.
pub extern "C" fn enter(processor: usize) -> ! {
    if processor == 0 {
        devices::set_up();
        segments::set_up();
        traps::set_up();
        *TABLES.lock() = Some(paging::build());
    }
    // The others are woken by processor 0, and thus after `build`.
    segments::load(processor);
    traps::load();
    paging::turn_on();
    let cpu = CpuId::new(processor as u32);
    // SAFETY: on the processor that the block is for, once, before anything asks which CPU this
    // is; nothing else here uses GS.
    unsafe { BLOCKS[processor].install() };
    apic::set_up();
    SHOOTDOWN.join(cpu, tlb::flush_all);
    interrupts::enable();
    match processor {
        0 => image_primary(),
        _ => image_secondary(),
    }
}

/// Wakes processor 1 up to, not including, `processors`.
pub fn wake_others(processors: u32) {
    let page = start::place_trampoline();
    for processor in 1..processors as usize {
        apic::initialise(processor);
    }
    // The manual's times: 10 ms to come out of reset, 200 us before the second start-up
    // interrupt, which a processor that came with the first ignores.
    devices::delay(10_000);
    for _ in 0..2 {
        for processor in 1..processors as usize {
            apic::start(processor, page);
        }
        devices::delay(200);
    }
}
