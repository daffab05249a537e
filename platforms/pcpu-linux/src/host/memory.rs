// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bytes behind addresses, as everywhere in a process.
#![allow(unsafe_code)]

use pcpu_platform::Addressable;

use super::machine::Machine;
use crate::memory::memory_of_process;

// SAFETY: every address that may be used lies in the reservation, a mapping of the process, whose
// provenance was exposed when it was mapped (R2 in `reservation.rs`).
memory_of_process!(unsafe impl<C> for Machine<C>);

// SAFETY: the same; it is what the functions of `Memory` do.
unsafe impl<C> Addressable for Machine<C> {}
