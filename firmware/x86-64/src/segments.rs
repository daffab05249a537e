// SPDX-License-Identifier: MIT OR Apache-2.0
//! Segments: long mode has little use for them, but only a task segment can name a stack for the
//! double fault.
//!
//! A stack that has run into the gap below it cannot take the page fault that tells of it. The
//! processor then raises a double fault, on the stack that is named here.
//!
//! # Source
//! Intel's Software Developer's Manual, volume 3, 6.14.5 (interrupt stack table).

use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::tables::load_tss;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;

use crate::start::MAX_PROCESSORS;

/// Number of the double fault's stack, as gates count them: from 1.
pub const DOUBLE_FAULT_STACK: u8 = 1;

/// Null, code, data, and two entries for each processor's task.
const ENTRIES: usize = 3 + 2 * MAX_PROCESSORS;

/// The descriptors, with the code and data segments where the boot table has them.
struct Segments {
    table: GlobalDescriptorTable<ENTRIES>,
    tasks: [SegmentSelector; MAX_PROCESSORS],
}

static SEGMENTS: Once<Segments> = Once::new();

/// All processors share it: in long mode a processor reads it and writes nothing there.
static TASK: Once<TaskStateSegment> = Once::new();

unsafe extern "C" {
    /// The top of a stack for the end of the machine; see `start`.
    static emergency_stack_top: u8;
}

/// Fills the tables. Once, on processor 0.
pub fn set_up() {
    let task = TASK.call_once(|| {
        let mut task = TaskStateSegment::new();
        let top = VirtAddr::from_ptr(&raw const emergency_stack_top);
        task.interrupt_stack_table[usize::from(DOUBLE_FAULT_STACK) - 1] = top;
        task
    });
    SEGMENTS.call_once(|| {
        let mut table = GlobalDescriptorTable::empty();
        table.append(Descriptor::kernel_code_segment());
        table.append(Descriptor::kernel_data_segment());
        // One for each processor, for loading one marks it busy.
        let tasks = [(); MAX_PROCESSORS].map(|()| table.append(Descriptor::tss_segment(task)));
        Segments { table, tasks }
    });
}

/// Makes this processor use the tables.
pub fn load(processor: usize) {
    let segments = SEGMENTS.get().expect("processor 0 fills the tables first");
    segments.table.load();
    // SAFETY: the selector is that of a task segment in the table just loaded, of this processor
    // alone.
    unsafe { load_tss(segments.tasks[processor]) };
}
