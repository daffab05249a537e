// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inter-processor interrupts: a software-generated interrupt of the GICv3.
//!
//! Core 0 sets up the distributor and both redistributors, before core 1 is released; from then on
//! each core uses nothing but its own CPU interface, which is system registers, so there is
//! nothing to lock.

use core::ops::Range;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use arm_gic::gicv3::{
    GicCpuInterface, GicDistributor, GicRedistributorIterator, SgiTarget, SgiTargetGroup,
};
use arm_gic::{IntId, InterruptGroup, UniqueMmioPointer};

use crate::{MAX_CORES, image_interrupted};

/// The distributor and, 1 MiB on, the redistributors.
pub const REGISTERS: Range<usize> = 0xF000_0000..0xF020_0000;
const REDISTRIBUTORS: usize = 0xF010_0000;

/// The interrupt that one core sends another.
const CALL: IntId = IntId::sgi(0);
/// Its priority, and the mask that lets it through.
const PRIORITY: u8 = 0x80;
const MASK: u8 = 0xFF;

/// Sets up what the cores share. Called once, by core 0.
pub fn init() {
    // SAFETY: the distributor is there, as Device memory (mpu.rs), and this is its only driver.
    let distributor = unsafe { UniqueMmioPointer::new(pointer(REGISTERS.start)) };
    GicDistributor::<'static>::new(distributor).configure_default_settings();

    // SAFETY: as above; there are as many redistributors as the machine was given cores, one
    // after the other, and the last one says so.
    let redistributors = unsafe { GicRedistributorIterator::new(pointer(REDISTRIBUTORS)) };
    for mut redistributor in redistributors.expect("the redistributors are those of a GICv3") {
        redistributor.configure_default_settings();
        // An error says that it was awake.
        let _ = redistributor.mark_core_awake();
        redistributor.set_interrupt_priority(CALL, PRIORITY).expect("SGIs have priorities");
        redistributor.enable_interrupt(CALL, true).expect("SGIs can be enabled");
    }
}

fn pointer<T>(register: usize) -> NonNull<T> {
    NonNull::new(with_exposed_provenance_mut(register)).expect("no register is at 0")
}

/// Lets this core's interrupts through to it. It still masks them by CPSR.
pub fn join() {
    GicCpuInterface::enable_system_register_el1();
    GicCpuInterface::set_priority_mask(MASK);
    GicCpuInterface::enable_group1(true);
}

/// Interrupts `core`. What this core wrote before is visible to the handler.
pub fn send(core: usize) {
    assert!(core < MAX_CORES, "core {core} asked for, there are {MAX_CORES}");
    let target =
        SgiTarget::List { affinity3: 0, affinity2: 0, affinity1: 0, target_list: 1 << core };
    // The write that sends is to a system register, which memory is not ordered with by itself.
    aarch32_cpu::asm::dsb();
    GicCpuInterface::send_sgi(CALL, target, SgiTargetGroup::CurrentGroup1)
        .expect("the number is that of an SGI");
    aarch32_cpu::asm::isb();
}

/// Serves what is pending. Called with interrupts masked, by the interrupt vector.
pub fn serve() {
    while let Some(interrupt) =
        GicCpuInterface::get_and_acknowledge_interrupt(InterruptGroup::Group1)
    {
        if interrupt == CALL {
            image_interrupted();
        }
        GicCpuInterface::end_interrupt(interrupt, InterruptGroup::Group1);
    }
}
