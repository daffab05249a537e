// SPDX-License-Identifier: MIT OR Apache-2.0
//! The decision, once for a process: who registers threads, or why nobody does.

use super::super::arch::At;
use super::super::mode::{Mode, Reason, Registrar, Sequence, Tested};
use super::area;
use super::register::{self, Refused};
use super::selftest::{self, Seen};
use super::symbols::{OfLibc, active_size};

/// Areas of the first version have this many bytes that the kernel fills in.
const FIRST_VERSION: u32 = 20;

/// Decides, and says where areas are.
pub(in super::super) fn decide() -> Mode {
    let mode = if cfg!(pcpu_fixed_cpu) { fixed() } else { look() };
    if let Mode::Fallback(_) = mode {
        // Threads must read of somewhere that they are not registered, and libc's area may say that
        // they are. The own one does not: it was never registered, or was taken off again.
        area::set_offset(area::own_offset().unwrap_or(area::NONE));
    }
    mode
}

/// Everything as if the thread were registered, and on CPU 0.
fn fixed() -> Mode {
    let Some(offset) = area::own_offset() else { return Mode::Fallback(Reason::NoPlace) };
    area::set_offset(offset);
    let tested = Tested::Not;
    Mode::Sequences(Sequence { by: Registrar::Pcpu, active_size: FIRST_VERSION, tested })
}

fn look() -> Mode {
    if std::env::var_os("PCPU_RSEQ").is_some_and(|value| value == "0" || value == "off") {
        return Mode::Fallback(Reason::Environment);
    }
    let (feature, _) = register::auxiliary();
    if let Some(libc) = OfLibc::look().filter(|libc| libc.size != 0) {
        if libc.flags != 0 {
            return Mode::Fallback(Reason::UnknownFlags { flags: libc.flags });
        }
        area::set_offset(libc.offset);
        let active = active_size(libc.size, feature);
        return tested(Registrar::Libc, active);
    }
    if let Err(Refused(code)) = register::probe() {
        return Mode::Fallback(match code {
            libc::ENOSYS => Reason::NotInKernel,
            code => Reason::Forbidden { code },
        });
    }
    let Some(offset) = area::own_offset() else { return Mode::Fallback(Reason::NoPlace) };
    area::set_offset(offset);
    match register::register_own() {
        Ok(()) => tested(Registrar::Pcpu, feature.max(FIRST_VERSION)),
        Err(Refused(libc::EINVAL | libc::EBUSY)) => Mode::Fallback(Reason::ForeignOwner),
        Err(Refused(code)) => Mode::Fallback(Reason::Forbidden { code }),
    }
}

/// Lets the self-test have the last word.
fn tested(by: Registrar, active_size: u32) -> Mode {
    if area::read(area::Id::Cpu) < 0 {
        // libc says that it registers threads, and this one is none of its.
        return Mode::Fallback(Reason::NotThisThread);
    }
    let at = At { area: area::offset(), table: core::ptr::null(), biased: 0 };
    let tested = match selftest::run(at) {
        Seen::NoAbort => {
            register::unregister_own();
            return Mode::Fallback(Reason::NoAbort);
        }
        Seen::Aborts => Tested::Aborts,
        Seen::Nothing => Tested::Not,
    };
    Mode::Sequences(Sequence { by, active_size, tested })
}
