// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each core does from its first line of Rust to the scenario; and turning the others on.

use pcpu_bare::CpuBlock;
use pcpu_layout::CpuId;
use smccc::{Hvc, psci};
use spin::Mutex;

use crate::start::{MAX_CORES, secondary_start};
use crate::{gic, paging};

/// The tables, until the allocator's platform takes them.
pub static TABLES: Mutex<Option<paging::Tables>> = Mutex::new(None);

/// What `TPIDR_EL1` of each core points to.
static BLOCKS: [CpuBlock; MAX_CORES] = [
    CpuBlock::new(CpuId::new(0)),
    CpuBlock::new(CpuId::new(1)),
    CpuBlock::new(CpuId::new(2)),
    CpuBlock::new(CpuId::new(3)),
];

unsafe extern "Rust" {
    /// The image on core 0; see [`scenario::image!`].
    safe fn image_primary() -> !;
    /// The image on the others.
    safe fn image_secondary() -> !;
}

/// The first Rust on every core, called by the start-up code with the number of the core, on the
/// core's stack, with interrupts masked and the boot tables on.
pub extern "C" fn enter(core: usize) -> ! {
    if core == 0 {
        *TABLES.lock() = Some(paging::build());
    }
    // The others are turned on by core 0, and thus after `build`.
    paging::turn_on();
    // SAFETY: on the core that the block is for, once, before anything asks which CPU this is;
    // nothing else here uses `TPIDR_EL1`.
    unsafe { BLOCKS[core].install() };
    gic::set_up_core(core);
    match core {
        0 => image_primary(),
        _ => image_secondary(),
    }
}

/// Turns core 1 up to, not including, `cores` on.
pub fn turn_on_others(cores: u32) {
    let entry = secondary_start as *const () as u64;
    for core in 1..cores {
        // On this board a core's affinity is its number (up to 8 cores).
        psci::cpu_on::<Hvc>(core.into(), entry, core.into())
            .unwrap_or_else(|error| panic!("core {core} cannot be turned on: {error}"));
    }
}
