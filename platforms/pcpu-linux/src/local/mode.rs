// SPDX-License-Identifier: MIT OR Apache-2.0
//! How this process works on copies, and why: decided once, before the first of them.
//!
//! One mode for all, because the two ways do not mix on one copy: a restartable sequence is plain
//! loads and stores, and an atomic instruction of somebody else, between them, would be lost.

use core::fmt;
use std::sync::OnceLock;

/// How operations on the running CPU's copy are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By restartable sequences.
    Sequences(Sequence),
    /// By atomic instructions, on the copy of the CPU that the thread was on a moment ago.
    Fallback(Reason),
}

/// What is known of restartable sequences where they are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sequence {
    /// Who registers threads.
    pub by: Registrar,
    /// Bytes of a thread's area that the kernel fills in: 20 and more, 28 with concurrency ids.
    pub active_size: u32,
    /// What the test at start-up saw.
    pub tested: Tested,
}

impl Sequence {
    /// Says whether threads have concurrency ids.
    pub const fn has_concurrency_ids(self) -> bool {
        self.active_size >= 28
    }
}

/// Who registers threads with the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registrar {
    /// The C library, every thread when it starts.
    Libc,
    /// pcpu, each thread at its first operation.
    Pcpu,
}

/// What the test at start-up saw: a thread is preempted in a sequence, by one on the same CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tested {
    /// The sequence was aborted, as it must be.
    Aborts,
    /// Nothing: threads could not be pinned or started, or nobody was preempted in time.
    Not,
}

/// Why there are no restartable sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Not on this operating system.
    System,
    /// Not for this processor in pcpu.
    Processor,
    /// Turned off when the program was built: Miri, ThreadSanitizer, `--cfg pcpu_no_rseq`.
    Build,
    /// Turned off by the environment: `PCPU_RSEQ=0`.
    Environment,
    /// The kernel does not have the system call, or a tool or sandbox says so.
    NotInKernel,
    /// The kernel has it, and a filter of system calls refuses it.
    Forbidden {
        /// The system's error number.
        code: i32,
    },
    /// Something else in the process has registered an area of its own.
    ForeignOwner,
    /// libc registered threads with flags of a later version of the interface.
    UnknownFlags {
        /// The flags.
        flags: u32,
    },
    /// libc registers threads, and did not register the one that asked first.
    NotThisThread,
    /// This code is in a library that was loaded later, whose thread-local variables are not at the
    /// same distance in every thread, and libc registers no threads.
    NoPlace,
    /// The kernel does not abort a sequence that was preempted: it would lose updates.
    NoAbort,
}

static MODE: OnceLock<Mode> = OnceLock::new();

/// Returns how this process works on copies, and decides it when asked first.
///
/// # Context
/// The first call starts a thread for some hundred microseconds, to test the kernel; not for signal
/// handlers. Later ones are one load.
pub fn mode() -> Mode {
    *MODE.get_or_init(super::decide)
}

/// The mode, if it was decided: operations exist only after that.
#[inline]
pub(super) fn decided() -> Option<Mode> {
    MODE.get().copied()
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequences(sequence) => {
                let by = match sequence.by {
                    Registrar::Libc => "the C library",
                    Registrar::Pcpu => "pcpu",
                };
                write!(f, "restartable sequences, threads registered by {by}")
            }
            Self::Fallback(reason) => write!(f, "atomic instructions, because {reason}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::System => f.write_str("this system has no restartable sequences"),
            Self::Processor => f.write_str("pcpu has no sequences for this processor"),
            Self::Build => f.write_str("the program was built without sequences"),
            Self::Environment => f.write_str("the variable PCPU_RSEQ says so"),
            Self::NotInKernel => f.write_str("the kernel has no system call rseq"),
            Self::Forbidden { code } => write!(
                f,
                "the system call rseq is refused: {}",
                std::io::Error::from_raw_os_error(code)
            ),
            Self::ForeignOwner => {
                f.write_str("another library has registered this process's threads for itself")
            }
            Self::UnknownFlags { flags } => {
                write!(f, "the C library registered threads with unknown flags {flags:#x}")
            }
            Self::NotThisThread => {
                f.write_str("the C library did not register the thread that asked first")
            }
            Self::NoPlace => f.write_str(
                "this code is in a library loaded later, and the C library registers no threads",
            ),
            Self::NoAbort => f.write_str("the kernel does not abort a sequence it has preempted"),
        }
    }
}

impl Reason {
    /// Says what a person can do about it, if anything.
    pub const fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::System | Self::Processor => return None,
            Self::Build => "build without --cfg pcpu_no_rseq, and not under a sanitizer",
            Self::Environment => "unset PCPU_RSEQ",
            Self::NotInKernel => {
                "use Linux 4.18 or later with CONFIG_RSEQ, outside of valgrind, gVisor and qemu-user"
            }
            Self::Forbidden { .. } => {
                "allow rseq in the container's seccomp profile; engines from 2020 on do by default"
            }
            Self::ForeignOwner => {
                "let the C library register: unset glibc.pthread.rseq=0 in GLIBC_TUNABLES, or use an allocator that shares"
            }
            Self::UnknownFlags { .. } => "use a newer version of pcpu",
            Self::NotThisThread => {
                "call pcpu::mode() first from a thread that the C library started"
            }
            Self::NoPlace => {
                "unset glibc.pthread.rseq=0 in GLIBC_TUNABLES, use glibc 2.35 or later, or link pcpu into the program"
            }
            Self::NoAbort => {
                "use a fixed kernel: Linux 6.19 and early 7.0 on arm64 have this fault"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrency_ids_come_with_28_bytes() {
        let of = |active_size| {
            let tested = Tested::Not;
            Sequence { by: Registrar::Libc, active_size, tested }.has_concurrency_ids()
        };
        assert_eq!([20, 24, 27].map(of), [false; 3]);
        assert_eq!([28, 32, 33].map(of), [true; 3]);
    }

    #[test]
    fn a_mode_says_why() {
        let mode = Mode::Fallback(Reason::Forbidden { code: 1 });
        let said = "atomic instructions, because the system call rseq is refused: ";
        assert!(mode.to_string().starts_with(said), "{mode}");
    }

    #[test]
    fn the_mode_does_not_change() {
        assert_eq!(mode(), mode());
        assert_eq!(decided(), Some(mode()));
    }
}
