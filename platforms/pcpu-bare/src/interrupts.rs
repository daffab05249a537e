// SPDX-License-Identifier: MIT OR Apache-2.0
//! Masking interrupts on the running CPU.

/// How interrupts are masked on the running CPU. Ready ones for each architecture are in
/// [`arch`](crate::arch).
///
/// Locks and pins nest, in any order; this trait need not. Each CPU counts them, in its
/// [`CpuBlock`](crate::CpuBlock), and only what the first [`mask`](Self::mask) found is
/// given to [`restore`](Self::restore), when the last has gone. The one exception is a handler that
/// cannot be masked: it is refused, and what it found is put back on the spot.
///
/// # Safety
/// - From `mask` to the next `restore` no interrupt handler runs on this CPU, and its code does not
///   move to another CPU; but for handlers that nothing can mask, and
///   [`in_unmaskable`](Self::in_unmaskable) returns `true` in those. Masking again in between
///   changes nothing.
/// - Both are barriers to the compiler: no access to memory moves across them.
/// - No method unwinds.
#[allow(unsafe_code)]
pub unsafe trait Interrupts: 'static {
    /// Masks interrupts, and says how it was before, in a form that `restore` understands.
    fn mask() -> usize;

    /// Makes interrupts as they were.
    ///
    /// # Safety
    /// `saved` is what a `mask` of this CPU returned, no `restore` came since, and nothing relies any more
    /// on that `mask`.
    unsafe fn restore(saved: usize);

    /// Says whether this runs in a handler that cannot be masked: an NMI, a hard fault, a machine
    /// check. Such a handler may have interrupted code that has interrupts masked, so it
    /// must stay away from per-CPU data; [`pinned`](pcpu_platform::ThisCpu::pinned) and
    /// [`Masking`](crate::lock::Masking) panic in it.
    ///
    /// # Context
    /// Interrupts masked, so that the answer is of the CPU that goes on.
    fn in_unmaskable() -> bool;
}
