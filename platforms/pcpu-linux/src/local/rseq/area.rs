// SPDX-License-Identifier: MIT OR Apache-2.0
//! The area of a thread: its fields, and the one that pcpu brings for threads that have none.
//!
//! | offset | field | written by |
//! |---|---|---|
//! | 0 | `cpu_id_start` | the kernel |
//! | 4 | `cpu_id`: negative where nobody registered | the kernel, libc |
//! | 8 | `rseq_cs` | sequences, the kernel |
//! | 20 | `node_id` | the kernel |
//! | 24 | `mm_cid` | the kernel |
//!
//! Fields but `rseq_cs` are read, each by one load, and never written: newer kernels kill for it.
//!
//! # How a sequence finds it
//! By the thread pointer and a distance that is the same in every thread. Areas of libc have one;
//! pcpu's own has one only where thread-local variables are laid out before the program starts. With
//! glibc that can be demanded of the linker (*initial-exec*; of a library that is loaded later it
//! takes 64 bytes of what glibc sets aside for that). Other libraries refuse to load such an
//! object. There the variable is an ordinary one, and counts only where this code is part of the
//! program itself and not of a library.
#![allow(unsafe_code)]

use core::ptr;
use core::sync::atomic::{AtomicIsize, Ordering};

use super::super::arch::{Native, Sequences};

/// Distance of every thread's area from its thread pointer, from when the mode was decided.
static OFFSET: AtomicIsize = AtomicIsize::new(NONE);

/// No area: never the distance of one, for the alignment.
pub(in super::super) const NONE: isize = 1;

/// Where sequences find the area. [`NONE`] where there is none at all; never so with glibc, once a
/// mode was decided.
#[inline(always)]
pub(in super::super) fn offset() -> isize {
    OFFSET.load(Ordering::Relaxed)
}

/// Says where areas are. Once, when the mode is decided.
pub(super) fn set_offset(offset: isize) {
    OFFSET.store(offset, Ordering::Release);
}

/// One of the kernel's numbers in the calling thread's area.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Id {
    /// The CPU; -1 or -2 of a thread that is not registered.
    Cpu = 4,
    /// The node, in areas of 24 bytes and more.
    Node = 20,
    /// The concurrency id, in areas of 28 bytes and more.
    Concurrency = 24,
}

/// Reads a number from the calling thread's area, which exists.
pub(in super::super) fn read(id: Id) -> i32 {
    debug_assert!(offset() != NONE, "no mode was decided");
    let area = Native::thread_pointer().wrapping_add_signed(offset());
    // SAFETY: the area of the calling thread, 32 bytes at least, which the kernel writes whenever
    // it likes: hence one volatile load of an aligned word.
    unsafe { ptr::with_exposed_provenance::<i32>(area + id as usize).read_volatile() }
}

/// Makes the calling thread's area, which exists, name no sequence.
pub(in super::super) fn forget_sequence() {
    let area = Native::thread_pointer().wrapping_add_signed(offset());
    // SAFETY: the area of the calling thread, whose field for sequences is there for programs to
    // write. No sequence is at work: this is none, and one that a signal handler interrupted
    // has been aborted.
    unsafe { ptr::with_exposed_provenance_mut::<u64>(area + 8).write_volatile(0) };
}

/// The area that pcpu brings.
pub(super) use own::own_offset;

/// Before registration: no CPU in `cpu_id`.
#[cfg(not(pcpu_fixed_cpu))]
const UNREGISTERED: i32 = -1;
/// For counting instructions under tools that have no restartable sequences: every thread says that
/// it runs on CPU 0. Right for programs of one thread.
#[cfg(pcpu_fixed_cpu)]
const UNREGISTERED: i32 = 0;

#[cfg(target_env = "gnu")]
mod own {
    use core::arch::{asm, global_asm};

    global_asm!(
        ".pushsection .tdata.pcpu_rseq_area, \"awT\", @progbits",
        ".balign 64",
        ".weak pcpu_rseq_area",
        ".hidden pcpu_rseq_area",
        ".type pcpu_rseq_area, @object",
        ".size pcpu_rseq_area, 64",
        "pcpu_rseq_area:",
        ".long 0, {unregistered}",
        ".zero 56",
        ".popsection",
        unregistered = const super::UNREGISTERED,
    );

    /// Its distance from the thread pointer. With glibc there always is one.
    pub(in super::super) fn own_offset() -> Option<isize> {
        let offset: isize;
        // SAFETY: reads a word that the linker or the loader filled in.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            asm!("mov {}, qword ptr [rip + pcpu_rseq_area@GOTTPOFF]", out(reg) offset, options(nostack, preserves_flags, readonly, pure));
            #[cfg(target_arch = "aarch64")]
            asm!(
                "adrp {0}, :gottprel:pcpu_rseq_area",
                "ldr {0}, [{0}, #:gottprel_lo12:pcpu_rseq_area]",
                out(reg) offset,
                options(nostack, preserves_flags, readonly, pure)
            );
            #[cfg(target_arch = "riscv64")]
            asm!("la.tls.ie {}, pcpu_rseq_area", out(reg) offset, options(nostack, preserves_flags, readonly, pure));
        }
        Some(offset)
    }
}

#[cfg(not(target_env = "gnu"))]
mod own {
    use core::cell::UnsafeCell;

    use super::super::super::arch::{Native, Sequences};

    /// As the kernel wants it.
    #[repr(C, align(64))]
    struct Area(UnsafeCell<[i32; 16]>);

    thread_local! {
        static AREA: Area = const {
            let mut fields = [0; 16];
            fields[1] = super::UNREGISTERED;
            Area(UnsafeCell::new(fields))
        };
    }

    /// Its distance from the thread pointer, or `None` where that may differ between threads.
    pub(in super::super) fn own_offset() -> Option<isize> {
        if !super::in_main_program() {
            return None;
        }
        let area = AREA.with(|area| area.0.get().expose_provenance());
        Some(area.wrapping_sub(Native::thread_pointer()) as isize)
    }
}

/// Whether this code is part of the program's own file, by the program headers that the kernel
/// handed over.
#[cfg(not(target_env = "gnu"))]
fn in_main_program() -> bool {
    /// What is needed of a program header.
    #[repr(C)]
    struct Header {
        kind: u32,
        flags: u32,
        offset: u64,
        address: u64,
        physical: u64,
        file_size: u64,
        size: u64,
        align: u64,
    }
    const LOAD: u32 = 1;
    const HEADERS: u32 = 6;

    if cfg!(target_feature = "crt-static") {
        return true;
    }
    // SAFETY: reads the auxiliary vector.
    let start = unsafe { libc::getauxval(libc::AT_PHDR) } as usize;
    // SAFETY: likewise.
    let count = unsafe { libc::getauxval(libc::AT_PHNUM) } as usize;
    if start == 0 || count == 0 {
        return false;
    }
    let start_of_headers = ptr::with_exposed_provenance::<Header>(start);
    // SAFETY: the kernel says that so many headers of the ELF format with 64 bits are there, in the
    // program's read-only data.
    let headers = unsafe { core::slice::from_raw_parts(start_of_headers, count) };
    let own = headers.iter().find(|header| header.kind == HEADERS);
    let Some(own) = own else { return false };
    let base = start.wrapping_sub(own.address as usize);
    let code = (in_main_program as fn() -> bool as *const ()).addr();
    headers.iter().filter(|header| header.kind == LOAD).any(|header| {
        let first = base.wrapping_add(header.address as usize);
        code.wrapping_sub(first) < header.size as usize
    })
}
