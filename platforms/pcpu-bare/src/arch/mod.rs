// SPDX-License-Identifier: MIT OR Apache-2.0
//! What differs between processors: how interrupts are masked, and how a CPU finds its block.
//!
//! ```text
//!  processor            masks interrupts               base register
//!  Arm A and R profile  Cpsr (I and F)                 TPIDRPRW
//!  Arm Cortex-M         Primask                        none: boards read a core-id register
//!  AArch64, at EL1      Daif (I and F)                 TPIDR_EL1
//!  RISC-V, 32 and 64    MachineMode, SupervisorMode    tp
//!  x86-64               Eflags (IF)                    GS base, MSR 0xC0000101
//! ```
//!
//! A board picks one of the types in the second column as its
//! [`Interrupts`](crate::Interrupts), and where there is a base register, has each CPU point it at
//! its [`CpuBlock`](crate::CpuBlock). Each processor is one file; this one chooses. Inside an
//! operating system, where a program may not touch these registers, the module is empty.

#[cfg(processor = "aarch64")]
mod aarch64;
#[cfg(processor = "arm")]
mod arm;
#[cfg(processor = "cortex_m")]
mod cortex_m;
#[cfg(processor = "riscv")]
mod riscv;
#[cfg(processor = "x86_64")]
mod x86_64;

#[cfg(processor = "aarch64")]
pub use aarch64::Daif;
#[cfg(processor = "arm")]
pub use arm::Cpsr;
#[cfg(processor = "cortex_m")]
pub use cortex_m::Primask;
#[cfg(processor = "riscv")]
pub use riscv::{MachineMode, SupervisorMode};
#[cfg(processor = "x86_64")]
pub use x86_64::Eflags;

#[cfg(processor = "aarch64")]
use aarch64::Base;
#[cfg(processor = "arm")]
use arm::Base;
#[cfg(processor = "riscv")]
use riscv::Base;
#[cfg(processor = "x86_64")]
use x86_64::Base;

#[cfg(base_register)]
pub(crate) mod base;
#[cfg(not(base_register))]
#[path = "no_base.rs"]
pub(crate) mod base;
