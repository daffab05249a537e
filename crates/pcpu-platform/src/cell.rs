// SPDX-License-Identifier: MIT OR Apache-2.0
//! The four cells of {one CPU, many} × {no MMU, MMU}, as three types.
//!
//! ```text
//!              no MMU                     MMU
//!  UP          Up       → Km              Up      → Km
//!  SMP         SmpNoMmu → Km              SmpMmu  → Vm, where P: Mapper
//! ```
//!
//! Linux computes the back end from configuration options, and for ten years the rule forgot
//! one row (docs/the-four-cells.md). Here the rule is the three `impl`s at the foot of this
//! file. The trait is sealed: no other row can be written.

use crate::{Mapper, Platform};

/// Back end over contiguous memory: a chunk is one run of pages, backed from birth to death.
#[derive(Clone, Copy, Debug)]
pub enum Km {}

/// Back end over reserved addresses: pages are mapped on demand and given back.
#[derive(Clone, Copy, Debug)]
pub enum Vm {}

/// One CPU, with or without an MMU. A cookie is the address of the only copy.
#[derive(Clone, Copy, Debug)]
pub enum Up {}

/// More than one possible CPU and no means to map pages.
#[derive(Clone, Copy, Debug)]
pub enum SmpNoMmu {}

/// More than one possible CPU and a [`Mapper`].
#[derive(Clone, Copy, Debug)]
pub enum SmpMmu {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Up {}
    impl Sealed for super::SmpNoMmu {}
    impl Sealed for super::SmpMmu {}
}

/// A cell of the table, for a platform of type `P`. Sealed.
///
/// *SMP* says that more than one CPU is possible by this type, not how many there are today: an
/// [`SmpNoMmu`] machine may well have one.
pub trait Cell<P: Platform>: sealed::Sealed {
    /// Whether more than one CPU is possible.
    const SMP: bool;
    /// The back end of this cell: [`Km`] or [`Vm`].
    type Backend;
}

impl<P: Platform> Cell<P> for Up {
    const SMP: bool = false;
    type Backend = Km;
}

impl<P: Platform> Cell<P> for SmpNoMmu {
    const SMP: bool = true;
    type Backend = Km;
}

impl<P: Platform + Mapper> Cell<P> for SmpMmu {
    const SMP: bool = true;
    type Backend = Vm;
}
