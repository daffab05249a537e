// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a board's crate supplies, and what the CPUs of an image share.

use core::ops::Range;

use pcpu::layout::CpuId;
use pcpu::platform::{Addressable, Mapper, ThisCpu};
use pcpu::{Config, Machine, Pcpu};
use pcpu_bare::Board;
use portable_atomic::{AtomicBool, AtomicU32};
use spin::{Mutex, Once};

use crate::crowd::Mailbox;
use crate::meeting::Meeting;

/// Most CPUs of any image.
pub(crate) const MOST_CPUS: usize = 8;

/// What a board's crate supplies.
///
/// The image has one `static` of [`Shared`], by [`image!`](crate::image!). Start-up code calls
/// `image_primary` on CPU 0, with a stack, zeroed `.bss`, and [`Board::block`] ready to answer; and
/// `image_secondary` on each other CPU after [`release_others`](Image::release_others), likewise.
pub trait Image: Sized + 'static {
    /// What the image calls itself: `mps3-an536`.
    const NAME: &'static str;

    /// Sizes of the pool.
    const CONFIG: Config = Config::LINUX;

    /// The board: how many CPUs it has, all of which start.
    type Board: Board;

    /// The board as pcpu sees it: a `Bare`, or a `Mapped`.
    type Platform: Machine + ThisCpu + Addressable + Sync;

    /// Makes it. Called once.
    fn platform() -> Self::Platform;

    /// Writes to the console. One CPU at a time calls it.
    fn write(text: &str);

    /// Ends the machine; 0 is success.
    fn exit(status: u8) -> !;

    /// Starts the other CPUs, which call `image_secondary`. Called once, by CPU 0.
    fn release_others();

    /// Makes `cpu` run its interrupt handler, which calls `image_interrupted`. Does not wait for it.
    fn interrupt(cpu: CpuId);
}

/// What an image for an MMU machine supplies as well.
pub trait MappedImage: Image<Platform: Mapper> {
    /// Whether a TLB flush waits until each CPU acknowledged it by an interrupt handler. Where
    /// the hardware broadcasts flushes nobody has to be asked.
    const ACKNOWLEDGES: bool;

    /// Reads the byte at an address of the mapper's window, or returns `None` if that faults.
    fn probe(at: usize) -> Option<u8>;
}

/// Memory of a board, not overlapping and used by nothing else.
pub struct Memory {
    /// Addresses of memory for pages.
    pub pages: Range<usize>,
    /// Addresses of memory for the allocator's records.
    pub records: Range<usize>,
}

// Only the addresses of these mean anything; there is nothing to read at the ends.
unsafe extern "C" {
    static __pages_start: u8;
    static __pages_end: u8;
    static __records_start: u8;
    static __records_end: u8;
}

impl Memory {
    /// Returns what the link script sets aside: the sections `.pages` and `.records`, in which
    /// nothing lies.
    // Inline, so that boards whose script has no such sections link without them.
    #[inline]
    pub fn set_aside() -> Self {
        Self {
            pages: span(&raw const __pages_start, &raw const __pages_end),
            records: span(&raw const __records_start, &raw const __records_end),
        }
    }
}

#[inline]
fn span(start: *const u8, end: *const u8) -> Range<usize> {
    start.expose_provenance()..end.addr()
}

/// CPUs of an image.
pub(crate) const fn nr_cpus<I: Image>() -> u32 {
    I::Board::NR_CPUS
}

/// What the CPUs of an image share.
pub struct Shared<I: Image> {
    pub(crate) pcpu: Once<Pcpu<I::Platform>>,
    pub(crate) meeting: Meeting,
    /// One bit for each CPU that has begun.
    pub(crate) begun: AtomicU32,
    /// Held while a line is written.
    pub(crate) console: Mutex<()>,
    /// CPUs still in the first crowd.
    pub(crate) crowd: AtomicU32,
    pub(crate) mailboxes: [Mailbox; MOST_CPUS],
    pub(crate) target: Mutex<Option<crate::mapped::Target>>,
    /// Handlers may use the pool.
    pub(crate) handlers_work: AtomicBool,
    /// Handlers that are at it.
    pub(crate) handlers_inside: AtomicU32,
    /// CPUs that have their interrupts masked.
    pub(crate) masked: AtomicU32,
    /// A flush has returned.
    pub(crate) flushed: AtomicBool,
}

impl<I: Image> Shared<I> {
    /// Nothing shared yet.
    #[expect(clippy::new_without_default, reason = "made once, in a static")]
    pub const fn new() -> Self {
        assert!(nr_cpus::<I>() as usize <= MOST_CPUS);
        Self {
            pcpu: Once::new(),
            begun: AtomicU32::new(0),
            meeting: Meeting::new(nr_cpus::<I>()),
            console: Mutex::new(()),
            crowd: AtomicU32::new(nr_cpus::<I>()),
            mailboxes: [const { Mailbox::new() }; MOST_CPUS],
            target: Mutex::new(None),
            handlers_work: AtomicBool::new(true),
            handlers_inside: AtomicU32::new(0),
            masked: AtomicU32::new(0),
            flushed: AtomicBool::new(false),
        }
    }

    /// The pool with the image's static variables.
    pub(crate) fn pcpu(&self) -> &Pcpu<I::Platform> {
        self.pcpu.wait()
    }

    /// Waits until every CPU is here.
    pub(crate) fn meet(&self) {
        self.meeting.meet();
    }
}
