// SPDX-License-Identifier: MIT OR Apache-2.0
//! RISC-V with 64 bits: like AArch64, but for addresses, which are made of shifts and sums.
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
            "lw {t}, 4({thread})\n",
            "slli {t}, {t}, 3\n",
            "add {t}, {t}, {table}\n",
            "ld {t}, 0({t})\n",
            "add {t}, {t}, {biased}\n",
            "bltz {t}, ",
            $absent,
            "\n",
        )
    };
    (ConcurrencyId, $absent:literal) => {
        concat!(
            arm!(),
            "lw {t}, 4({thread})\n",
            "bltz {t}, ",
            $absent,
            "\n",
            "lwu {t}, 24({thread})\n",
            "slli {t}, {t}, 3\n",
            "add {t}, {t}, {table}\n",
            "ld {t}, 0({t})\n",
            "add {t}, {t}, {biased}\n",
            "bltz {t}, ",
            $absent,
            "\n",
        )
    };
}

/// The store of the descriptor's address, and the beginning of the range.
macro_rules! arm {
    () => {
        concat!("add {thread}, tp, {area}\n", "2: lla {t}, 3f\n", "sd {t}, 8({thread})\n", "4:\n",)
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
            ".4byte 0xf1401073\n",
            "6: jump ",
            $resume,
            ", {t}\n",
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
            1 => $each!("lbu", "sb", $($rest)*),
            2 => $each!("lhu", "sh", $($rest)*),
            4 => $each!("lwu", "sw", $($rest)*),
            _ => $each!("ld", "sd", $($rest)*),
        }
    };
}

macro_rules! load {
    ($load:literal, $store:literal, $field:ident, $at:ident, $old:ident) => {
        by_field!($field, answer, $at, [concat!($load, " {old}, 0({t})\n")], old = out(reg) $old,)
    };
}

macro_rules! store {
    ($load:literal, $store:literal, $field:ident, $at:ident, $value:ident) => {
        by_field!(
            $field, change, $at,
            [concat!($store, " {value}, 0({t})\n")],
            value = in(reg) $value,
        )
    };
}

/// Load, an operation, store.
macro_rules! operation {
    ($load:literal, $store:literal, $name:literal, $field:ident, $at:ident, $value:ident) => {
        by_field!(
            $field, change, $at,
            [
                concat!($load, " {old}, 0({t})\n"),
                concat!($name, " {old}, {old}, {value}\n"),
                concat!($store, " {old}, 0({t})\n")
            ],
            old = out(reg) _,
            value = in(reg) $value,
        )
    };
}

macro_rules! add_return {
    ($load:literal, $store:literal, $field:ident, $at:ident, $old:ident, $value:ident) => {
        by_field!(
            $field, answer, $at,
            [
                concat!($load, " {old}, 0({t})\n"),
                "add {old}, {old}, {value}\n",
                concat!($store, " {old}, 0({t})\n")
            ],
            old = out(reg) $old,
            value = in(reg) $value,
        )
    };
}

macro_rules! exchange {
    ($load:literal, $store:literal, $field:ident, $at:ident, $old:ident, $value:ident) => {
        by_field!(
            $field, answer, $at,
            [
                concat!($load, " {old}, 0({t})\n"),
                concat!($store, " {value}, 0({t})\n")
            ],
            old = out(reg) $old,
            value = in(reg) $value,
        )
    };
}

macro_rules! compare_exchange {
    ($load:literal, $store:literal, $field:ident, $at:ident, $old:ident, $expected:ident, $value:ident) => {
        by_field!(
            $field, answer, $at,
            [
                concat!($load, " {old}, 0({t})\n"),
                "bne {old}, {expected}, 5f\n",
                concat!($store, " {value}, 0({t})\n")
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
    const SIGNATURE: u32 = 0xf140_1073;

    #[inline]
    fn thread_pointer() -> usize {
        let pointer;
        // SAFETY: reads a register that every thread of a program has.
        unsafe {
            asm!("mv {}, tp", out(reg) pointer, options(nostack, preserves_flags, nomem));
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
        by_width!(W, operation, "or", field, at, value)
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
                "ld {head}, 0({t})\n",
                "sd {head}, 0({place})\n",
                "sd {node}, 0({t})\n"
            ],
            head = out(reg) _,
            node = in(reg) node,
            place = in(reg) node + link,
        )
    }

    #[inline(always)]
    unsafe fn pop(field: Field, at: At, link: usize) -> Result<usize, Absent> {
        let head: usize;
        by_field!(
            field, answer, at,
            [
                "ld {head}, 0({t})\n",
                "beqz {head}, 5f\n",
                "add {next}, {head}, {link}\n",
                "ld {next}, 0({next})\n",
                "sd {next}, 0({t})\n"
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
                "ld {nr}, 0({t})\n",
                "bgeu {nr}, {limit}, 5f\n",
                "slli {more}, {nr}, 3\n",
                "add {more}, {more}, {t}\n",
                "sd {value}, 8({more})\n",
                "addi {more}, {nr}, 1\n",
                "sd {more}, 0({t})\n"
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
                "ld {nr}, 0({t})\n",
                "beqz {nr}, 5f\n",
                "slli {value}, {nr}, 3\n",
                "add {value}, {value}, {t}\n",
                "ld {value}, 0({value})\n",
                "addi {less}, {nr}, -1\n",
                "sd {less}, 0({t})\n"
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
                "ld {nr}, 0({t})\n",
                "sub {to}, {limit}, {nr}\n",
                "bltu {to}, {count}, 5f\n",
                "slli {to}, {nr}, 3\n",
                "add {to}, {to}, {t}\n",
                "mv {from}, {words}\n",
                "slli {end}, {count}, 3\n",
                "add {end}, {end}, {words}\n",
                "8: bgeu {from}, {end}, 9f\n",
                "ld {word}, 0({from})\n",
                "sd {word}, 8({to})\n",
                "addi {from}, {from}, 8\n",
                "addi {to}, {to}, 8\n",
                "j 8b\n",
                "9: add {word}, {nr}, {count}\n",
                "sd {word}, 0({t})\n"
            ],
            nr = out(reg) nr,
            to = out(reg) _,
            from = out(reg) _,
            end = out(reg) _,
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
                "li {aborted}, 1\n",
                arm!(),
                "ld {value}, 0({word})\n",
                "8: ld {t}, 0({word})\n",
                "bne {t}, {value}, 9f\n",
                "addi {left}, {left}, -1\n",
                "bnez {left}, 8b\n",
                "9:\n",
                end!("7f"),
                "li {aborted}, 0\n",
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
