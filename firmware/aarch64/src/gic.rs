// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupts between cores: software-generated interrupts of the GICv3, by the crate `arm-gic`.

use core::ops::Range;
use core::ptr::{self, NonNull};

use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{DAIF, Writeable};
use arm_gic::gicv3::{GicCpuInterface, GicV3, SgiTarget, SgiTargetGroup};
use arm_gic::{IntId, InterruptGroup, UniqueMmioPointer};
use spin::Mutex;

use crate::start::MAX_CORES;

/// What has to be mapped for this module to work: distributor and redistributors.
pub const REGION: Range<usize> = 0x0800_0000..0x0900_0000;

const DISTRIBUTOR: usize = 0x0800_0000;
const REDISTRIBUTORS: usize = 0x080a_0000;

/// The interrupt that cores send each other.
const CALL: IntId = IntId::sgi(0);

/// The controller, once core 0 has set it up. Each core has interrupts masked while it holds
/// this, and none locks it in a handler.
static GIC: Mutex<Option<GicV3<'static>>> = Mutex::new(None);

/// Lets `core`, which executes this, be interrupted; core 0 first, which sets the controller up.
pub fn set_up_core(core: usize) {
    let mut gic = GIC.lock();
    match gic.as_mut() {
        None => {
            let mut fresh = open();
            fresh.setup(core);
            allow(gic.insert(fresh), core);
        }
        Some(gic) => {
            gic.init_cpu(core);
            GicCpuInterface::enable_group1(true);
            allow(gic, core);
        }
    }
    drop(gic);
    GicCpuInterface::set_priority_mask(0xff);
    DAIF.set(0);
}

/// Interrupts `core`. It sees what this core wrote before.
pub fn interrupt(core: usize) {
    assert!(core < MAX_CORES, "core {core} does not exist");
    barrier::dsb(barrier::ISHST);
    let target =
        SgiTarget::List { affinity3: 0, affinity2: 0, affinity1: 0, target_list: 1 << core };
    GicCpuInterface::send_sgi(CALL, target, SgiTargetGroup::CurrentGroup1)
        .expect("the interrupt is one of those that software generates");
    barrier::isb(barrier::SY);
}

/// Calls `serve` if there is an interrupt to serve, and tells the controller when it is done.
pub fn handle(serve: impl FnOnce()) {
    GicCpuInterface::handle_interrupt(InterruptGroup::Group1, |_| serve());
}

fn open() -> GicV3<'static> {
    let distributor = NonNull::new(ptr::with_exposed_provenance_mut(DISTRIBUTOR));
    let redistributors = NonNull::new(ptr::with_exposed_provenance_mut(REDISTRIBUTORS));
    // SAFETY: the distributor is there, mapped as device memory, and only this handle, made once,
    // reaches it.
    let distributor = unsafe { UniqueMmioPointer::new(distributor.expect("not null")) };
    // SAFETY: as above, for the redistributors, one for each core in the order of core numbers.
    unsafe { GicV3::new(distributor, redistributors.expect("not null"), MAX_CORES) }
        .expect("QEMU's redistributors are of a known kind")
}

fn allow(gic: &mut GicV3<'_>, core: usize) {
    gic.enable_interrupt(CALL, Some(core), true).expect("the core exists");
}
