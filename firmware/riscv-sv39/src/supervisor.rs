// SPDX-License-Identifier: MIT OR Apache-2.0
//! Supervisor mode on each hart: MMU, CPU base register, interrupts, and off to the scenario.

use pcpu_bare::{CpuBlock, Shootdown};
use pcpu_layout::CpuId;
use riscv::interrupt::supervisor::Interrupt;
use riscv::register::{sie, sstatus};
use spin::Mutex;

use crate::start::MAX_HARTS;
use crate::{devices, paging, trap};

/// Who has to forget a translation before its page may be used again.
pub static SHOOTDOWN: Shootdown = Shootdown::new();

/// The tables, until the allocator's platform takes them.
pub static TABLES: Mutex<Option<paging::Tables>> = Mutex::new(None);

/// What `tp` of each hart points to.
static BLOCKS: [CpuBlock; MAX_HARTS] = [
    CpuBlock::new(CpuId::new(0)),
    CpuBlock::new(CpuId::new(1)),
    CpuBlock::new(CpuId::new(2)),
    CpuBlock::new(CpuId::new(3)),
];

unsafe extern "Rust" {
    /// The image on hart 0; see [`scenario::image!`].
    safe fn image_primary() -> !;
    /// The image on the others.
    safe fn image_secondary() -> !;
}

/// The first Rust on every hart, called by the start-up code with the number of the hart, on the
/// hart's stack, with interrupts masked and the MMU off.
pub extern "C" fn enter(hart: usize) -> ! {
    trap::set_up();
    if hart == 0 {
        devices::set_up_console();
        *TABLES.lock() = Some(paging::build());
    }
    // The others come here after hart 0 has released them, and thus after `build`.
    paging::turn_on();
    let cpu = CpuId::new(hart as u32);
    // SAFETY: on the hart that the block is for, once, before anything asks which CPU this is;
    // nothing else here uses `tp`.
    unsafe { BLOCKS[hart].install() };
    SHOOTDOWN.join(cpu, riscv::asm::sfence_vma_all);
    // SAFETY: the trap handler is in place, and the interrupt is one that it serves.
    unsafe { sie::enable(Interrupt::SupervisorSoft) };
    // SAFETY: as above; no lock is held here.
    unsafe { sstatus::set_sie() };
    match hart {
        0 => image_primary(),
        _ => image_secondary(),
    }
}
