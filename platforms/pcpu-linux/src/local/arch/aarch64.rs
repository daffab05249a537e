// SPDX-License-Identifier: MIT OR Apache-2.0
//! AArch64: the thread pointer is a register, a change is a load, an operation and a store.
#![allow(unsafe_code)]

use core::arch::asm;

use pcpu_platform::Word;

use super::{Absent, At, Field, Sequences, Spun};

/// See [`Sequences`].
#[derive(Debug)]
pub(in super::super) struct Native;

/// From the first line to the address of the copy in `t`; branches to `$absent` if there is none.
macro_rules! range {
    (Cpu, $absent:literal) => {
        concat!(
            arm!(),
            "ldrsw {t}, [{thread}, #4]\n",
            "ldr {t}, [{table}, {t}, lsl #3]\n",
            "adds {t}, {t}, {biased}\n",
            "b.mi ",
            $absent,
            "\n",
        )
    };
    (ConcurrencyId, $absent:literal) => {
        concat!(
            arm!(),
            "ldrsw {t}, [{thread}, #4]\n",
            "cmp {t}, #0\n",
            "b.lt ",
            $absent,
            "\n",
            "ldr {t:w}, [{thread}, #24]\n",
            "ldr {t}, [{table}, {t}, lsl #3]\n",
            "adds {t}, {t}, {biased}\n",
            "b.mi ",
            $absent,
            "\n",
        )
    };
}

/// The store of the descriptor's address, and the beginning of the range.
macro_rules! arm {
    () => {
        concat!(
            "mrs {thread}, tpidr_el0\n",
            "add {thread}, {thread}, {area}\n",
            "2: adrp {t}, 3f\n",
            "add {t}, {t}, :lo12:3f\n",
            "str {t}, [{thread}, #8]\n",
            "4:\n",
        )
    };
}

/// The end of the range, its descriptor, and the abort handler, out of the way.
macro_rules! end {
    () => {
        end!("2b")
    };
    ($resume:literal) => {
        concat!(
            "5:\n",
            ".pushsection __rseq_cs, \"aw\", @progbits\n",
            ".balign 32\n",
            "3: .long 0, 0\n",
            ".quad 4b, 5b - 4b, 6f\n",
            ".popsection\n",
            ".pushsection __rseq_failure, \"ax\", @progbits\n",
            ".balign 4\n",
            ".inst 0xd428bc00\n",
            "6: b ",
            $resume,
            "\n",
            ".popsection\n",
        )
    };
}

/// A sequence without a result.
macro_rules! change {
    ($field:ident, $at:ident, [$($line:expr),*], $($operands:tt)*) => {{
        asm!(
            range!($field, "{absent}"),
            $($line,)*
            end!(),
            t = out(reg) _,
            thread = out(reg) _,
            area = in(reg) $at.area,
            table = in(reg) $at.table,
            biased = in(reg) $at.biased,
            $($operands)*
            absent = label { return Err(Absent) },
            options(nostack),
        );
        Ok(())
    }};
}

/// A sequence with results: the address tells afterwards whether there was a copy.
macro_rules! answer {
    ($field:ident, $at:ident, [$($line:expr),*], $($operands:tt)*) => {{
        let address: isize;
        asm!(
            range!($field, "5f"),
            $($line,)*
            end!(),
            t = out(reg) address,
            thread = out(reg) _,
            area = in(reg) $at.area,
            table = in(reg) $at.table,
            biased = in(reg) $at.biased,
            $($operands)*
            options(nostack),
        );
        if address < 0 {
            return Err(Absent);
        }
    }};
}

/// The same sequence for each kind of index.
macro_rules! by_field {
    ($field:ident, $make:ident, $at:ident, $lines:tt, $($operands:tt)*) => {
        match $field {
            // SAFETY: one asm block; the method's contract. Memory is written by the committing
            // store, and by stores that the contract allows.
            Field::Cpu => unsafe { $make!(Cpu, $at, $lines, $($operands)*) },
            // SAFETY: the same.
            Field::ConcurrencyId => unsafe { $make!(ConcurrencyId, $at, $lines, $($operands)*) },
        }
    };
}

/// The same sequence for each width: how a copy is loaded, and how it is stored.
macro_rules! by_width {
    ($word:ident, $each:ident, $($rest:tt)*) => {
        match size_of::<$word>() {
            1 => $each!("ldrb {old:w}", "strb {", ":w}", $($rest)*),
            2 => $each!("ldrh {old:w}", "strh {", ":w}", $($rest)*),
            4 => $each!("ldr {old:w}", "str {", ":w}", $($rest)*),
            _ => $each!("ldr {old}", "str {", "}", $($rest)*),
        }
    };
}

macro_rules! load {
    ($load:literal, $store:literal, $part:literal, $field:ident, $at:ident, $old:ident) => {
        by_field!($field, answer, $at, [concat!($load, ", [{t}]\n")], old = out(reg) $old,)
    };
}

macro_rules! store {
    ($load:literal, $store:literal, $part:literal, $field:ident, $at:ident, $value:ident) => {
        by_field!(
            $field, change, $at,
            [concat!($store, "value", $part, ", [{t}]\n")],
            value = in(reg) $value,
        )
    };
}

/// Load, an operation, store.
macro_rules! operation {
    ($load:literal, $store:literal, $part:literal, $name:literal, $field:ident, $at:ident, $value:ident) => {
        by_field!(
            $field, change, $at,
            [
                concat!($load, ", [{t}]\n"),
                concat!($name, " {old}, {old}, {value}\n"),
                concat!($store, "old", $part, ", [{t}]\n")
            ],
            old = out(reg) _,
            value = in(reg) $value,
        )
    };
}

macro_rules! add_return {
    ($load:literal, $store:literal, $part:literal, $field:ident, $at:ident, $old:ident, $value:ident) => {
        by_field!(
            $field, answer, $at,
            [
                concat!($load, ", [{t}]\n"),
                "add {old}, {old}, {value}\n",
                concat!($store, "old", $part, ", [{t}]\n")
            ],
            old = out(reg) $old,
            value = in(reg) $value,
        )
    };
}

macro_rules! exchange {
    ($load:literal, $store:literal, $part:literal, $field:ident, $at:ident, $old:ident, $value:ident) => {
        by_field!(
            $field, answer, $at,
            [
                concat!($load, ", [{t}]\n"),
                concat!($store, "value", $part, ", [{t}]\n")
            ],
            old = out(reg) $old,
            value = in(reg) $value,
        )
    };
}

macro_rules! compare_exchange {
    ($load:literal, $store:literal, $part:literal, $field:ident, $at:ident, $old:ident, $expected:ident, $value:ident) => {
        by_field!(
            $field, answer, $at,
            [
                concat!($load, ", [{t}]\n"),
                "cmp {old}, {expected}\n",
                "b.ne 5f\n",
                concat!($store, "value", $part, ", [{t}]\n")
            ],
            old = out(reg) $old,
            expected = in(reg) $expected,
            value = in(reg) $value,
        )
    };
}

// SAFETY: the range of every sequence ends in its one store to the copy; what `push`, `stack_push`
// and `stack_append` store before that is their own node, or beyond the stack's end.
unsafe impl Sequences for Native {
    const SIGNATURE: u32 = 0xd428_bc00;

    #[inline]
    fn thread_pointer() -> usize {
        let pointer;
        // SAFETY: reads a register that every thread of a program has.
        unsafe {
            asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, preserves_flags, nomem));
        }
        pointer
    }

    #[inline(always)]
    unsafe fn load<W: Word>(field: Field, at: At) -> Result<u64, Absent> {
        let old: u64;
        by_width!(W, load, field, at, old);
        Ok(old)
    }

    #[inline(always)]
    unsafe fn store<W: Word>(field: Field, at: At, value: u64) -> Result<(), Absent> {
        by_width!(W, store, field, at, value)
    }

    #[inline(always)]
    unsafe fn add<W: Word>(field: Field, at: At, value: u64) -> Result<(), Absent> {
        by_width!(W, operation, "add", field, at, value)
    }

    #[inline(always)]
    unsafe fn and<W: Word>(field: Field, at: At, value: u64) -> Result<(), Absent> {
        by_width!(W, operation, "and", field, at, value)
    }

    #[inline(always)]
    unsafe fn or<W: Word>(field: Field, at: At, value: u64) -> Result<(), Absent> {
        by_width!(W, operation, "orr", field, at, value)
    }

    #[inline(always)]
    unsafe fn add_return<W: Word>(field: Field, at: At, value: u64) -> Result<u64, Absent> {
        let old: u64;
        by_width!(W, add_return, field, at, old, value);
        Ok(old)
    }

    #[inline(always)]
    unsafe fn exchange<W: Word>(field: Field, at: At, value: u64) -> Result<u64, Absent> {
        let old: u64;
        by_width!(W, exchange, field, at, old, value);
        Ok(old)
    }

    #[inline(always)]
    unsafe fn compare_exchange<W: Word>(
        field: Field,
        at: At,
        expected: u64,
        value: u64,
    ) -> Result<u64, Absent> {
        let old: u64;
        by_width!(W, compare_exchange, field, at, old, expected, value);
        Ok(old)
    }

    #[inline(always)]
    unsafe fn push(field: Field, at: At, node: usize, link: usize) -> Result<(), Absent> {
        by_field!(
            field, change, at,
            [
                "ldr {head}, [{t}]\n",
                "str {head}, [{node}, {link}]\n",
                "str {node}, [{t}]\n"
            ],
            head = out(reg) _,
            node = in(reg) node,
            link = in(reg) link,
        )
    }

    #[inline(always)]
    unsafe fn pop(field: Field, at: At, link: usize) -> Result<usize, Absent> {
        let head: usize;
        by_field!(
            field, answer, at,
            [
                "ldr {head}, [{t}]\n",
                "cbz {head}, 5f\n",
                "ldr {next}, [{head}, {link}]\n",
                "str {next}, [{t}]\n"
            ],
            head = out(reg) head,
            next = out(reg) _,
            link = in(reg) link,
        );
        Ok(head)
    }

    #[inline(always)]
    unsafe fn stack_push(
        field: Field,
        at: At,
        limit: usize,
        value: usize,
    ) -> Result<usize, Absent> {
        let nr: usize;
        by_field!(
            field, answer, at,
            [
                "ldr {nr}, [{t}]\n",
                "cmp {nr}, {limit}\n",
                "b.hs 5f\n",
                "add {more}, {nr}, #1\n",
                "str {value}, [{t}, {more}, lsl #3]\n",
                "str {more}, [{t}]\n"
            ],
            nr = out(reg) nr,
            more = out(reg) _,
            limit = in(reg) limit,
            value = in(reg) value,
        );
        Ok(nr)
    }

    #[inline(always)]
    unsafe fn stack_pop(field: Field, at: At) -> Result<(usize, usize), Absent> {
        let nr: usize;
        let value: usize;
        by_field!(
            field, answer, at,
            [
                "ldr {nr}, [{t}]\n",
                "cbz {nr}, 5f\n",
                "ldr {value}, [{t}, {nr}, lsl #3]\n",
                "sub {less}, {nr}, #1\n",
                "str {less}, [{t}]\n"
            ],
            nr = out(reg) nr,
            value = out(reg) value,
            less = out(reg) _,
        );
        Ok((value, nr))
    }

    #[inline(always)]
    unsafe fn stack_append(
        field: Field,
        at: At,
        limit: usize,
        words: &[usize],
    ) -> Result<usize, Absent> {
        let nr: usize;
        let count = words.len();
        by_field!(
            field, answer, at,
            [
                "ldr {nr}, [{t}]\n",
                "sub {room}, {limit}, {nr}\n",
                "cmp {room}, {count}\n",
                "b.lo 5f\n",
                "add {room}, {t}, {nr}, lsl #3\n",
                "add {room}, {room}, #8\n",
                "mov {done}, #0\n",
                "8: cmp {done}, {count}\n",
                "b.hs 9f\n",
                "ldr {word}, [{words}, {done}, lsl #3]\n",
                "str {word}, [{room}, {done}, lsl #3]\n",
                "add {done}, {done}, #1\n",
                "b 8b\n",
                "9: add {done}, {done}, {nr}\n",
                "str {done}, [{t}]\n"
            ],
            nr = out(reg) nr,
            room = out(reg) _,
            done = out(reg) _,
            word = out(reg) _,
            limit = in(reg) limit,
            count = in(reg) count,
            words = in(reg) words.as_ptr(),
        );
        Ok(nr)
    }

    #[inline(never)]
    unsafe fn spin(at: At, word: *const usize, rounds: usize) -> Spun {
        let left: usize;
        let aborted: usize;
        // SAFETY: one asm block, which stores nothing but the descriptor's address.
        unsafe {
            asm!(
                "mov {aborted}, #1\n",
                arm!(),
                "ldr {value}, [{word}]\n",
                "8: ldr {t}, [{word}]\n",
                "cmp {t}, {value}\n",
                "b.ne 9f\n",
                "subs {left}, {left}, #1\n",
                "b.ne 8b\n",
                "9:\n",
                end!("7f"),
                "mov {aborted}, #0\n",
                "7:\n",
                t = out(reg) _,
                thread = out(reg) _,
                aborted = out(reg) aborted,
                area = in(reg) at.area,
                word = in(reg) word,
                value = out(reg) _,
                left = inout(reg) rounds => left,
                options(nostack),
            );
        }
        match (aborted, left) {
            (1, _) => Spun::Aborted,
            // What had changed before the range began says nothing.
            (_, left) if left == 0 || left == rounds => Spun::Tired,
            _ => Spun::Changed,
        }
    }
}
