// SPDX-License-Identifier: MIT OR Apache-2.0
//! x86-64: the thread's area is found by `fs`, and one instruction may read, change and store.
//!
//! The word before an abort handler is the operand of an undefined instruction, so that nothing
//! runs into it.
#![allow(unsafe_code)]

use core::arch::asm;

use pcpu_platform::Word;

use super::{Absent, At, Field, Sequences, Spun};

/// See [`Sequences`].
#[derive(Debug)]
pub(in super::super) struct Native;

/// A labelled point of a range: a delay in builds with `--cfg pcpu_inject`, nothing in others.
#[cfg(not(pcpu_inject))]
macro_rules! inject {
    ($point:literal) => {
        ""
    };
}

/// See above.
#[cfg(pcpu_inject)]
macro_rules! inject {
    ($point:literal) => {
        concat!(
            "mov {delay}, qword ptr [rip + {rounds} + 8 * ",
            $point,
            "]\ntest {delay}, {delay}\njz 78f\n77: dec {delay}\njnz 77b\n78:\n"
        )
    };
}

/// What an abort handler does first: nothing, or in builds with `--cfg pcpu_inject`, count.
#[cfg(not(pcpu_inject))]
macro_rules! count_abort {
    () => {
        ""
    };
}

/// See above.
#[cfg(pcpu_inject)]
macro_rules! count_abort {
    () => {
        "lock inc qword ptr [rip + {aborts}]\n"
    };
}

/// The block of a sequence, with what its points need.
#[cfg(not(pcpu_inject))]
macro_rules! sequence {
    ([$($line:expr,)*], $($operands:tt)*) => {
        asm!($($line,)* $($operands)* options(nostack))
    };
}

/// See above.
#[cfg(pcpu_inject)]
macro_rules! sequence {
    ([$($line:expr,)*], $($operands:tt)*) => {
        asm!(
            $($line,)*
            $($operands)*
            delay = out(reg) _,
            rounds = sym super::super::inject::ROUNDS,
            aborts = sym super::super::inject::ABORTS,
            options(nostack)
        )
    };
}

/// From the first line to the address of the copy in `t`; jumps to `$absent` if there is none.
macro_rules! range {
    (Cpu, $absent:literal) => {
        concat!(
            "2: lea {t}, [rip + 3f]\n",
            "mov qword ptr fs:[{area} + 8], {t}\n",
            "4:\n",
            inject!(1),
            "movsxd {t}, dword ptr fs:[{area} + 4]\n",
            "mov {t}, qword ptr [{table} + {t} * 8]\n",
            inject!(2),
            "add {t}, {biased}\n",
            "js ",
            $absent,
            "\n",
            inject!(3),
        )
    };
    (ConcurrencyId, $absent:literal) => {
        concat!(
            "2: lea {t}, [rip + 3f]\n",
            "mov qword ptr fs:[{area} + 8], {t}\n",
            "4:\n",
            inject!(1),
            "movsxd {t}, dword ptr fs:[{area} + 4]\n",
            "test {t}, {t}\n",
            "js ",
            $absent,
            "\n",
            "mov {t:e}, dword ptr fs:[{area} + 24]\n",
            "mov {t}, qword ptr [{table} + {t} * 8]\n",
            inject!(2),
            "add {t}, {biased}\n",
            "js ",
            $absent,
            "\n",
            inject!(3),
        )
    };
}

/// The end of the range, its descriptor, and the abort handler, out of the way.
macro_rules! end {
    () => {
        end!("2b", count_abort!())
    };
    ($resume:literal, $($count:tt)*) => {
        concat!(
            "5:\n",
            ".pushsection __rseq_cs, \"aw\", @progbits\n",
            ".balign 32\n",
            "3: .long 0, 0\n",
            ".quad 4b, 5b - 4b, 6f\n",
            ".popsection\n",
            ".pushsection __rseq_failure, \"ax\", @progbits\n",
            ".byte 0x0f, 0xb9, 0x3d\n",
            ".long 0x53053053\n",
            "6:\n",
            $($count)*,
            "jmp ",
            $resume,
            "\n",
            ".popsection\n",
        )
    };
}

/// A sequence without a result.
macro_rules! change {
    ($field:ident, $at:ident, [$($line:expr),*], $($operands:tt)*) => {{
        sequence!(
            [range!($field, "{absent}"), $($line,)* end!(),],
            t = out(reg) _,
            area = in(reg) $at.area,
            table = in(reg) $at.table,
            biased = in(reg) $at.biased,
            $($operands)*
            absent = label { return Err(Absent) },
        );
        Ok(())
    }};
}

/// A sequence with results: the address tells afterwards whether there was a copy.
macro_rules! answer {
    ($field:ident, $at:ident, [$($line:expr),*], $($operands:tt)*) => {{
        let address: isize;
        sequence!(
            [range!($field, "5f"), $($line,)* end!(),],
            t = out(reg) address,
            area = in(reg) $at.area,
            table = in(reg) $at.table,
            biased = in(reg) $at.biased,
            $($operands)*
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

/// The same sequence for each width: how memory is named, and which part of a register.
macro_rules! by_width {
    ($word:ident, $each:ident, $($rest:tt)*) => {
        match size_of::<$word>() {
            1 => $each!("byte ptr", "l", "movzx {old:e}, byte ptr [{t}]\n", $($rest)*),
            2 => $each!("word ptr", "x", "movzx {old:e}, word ptr [{t}]\n", $($rest)*),
            4 => $each!("dword ptr", "e", "mov {old:e}, dword ptr [{t}]\n", $($rest)*),
            _ => $each!("qword ptr", "r", "mov {old}, qword ptr [{t}]\n", $($rest)*),
        }
    };
}

/// One instruction on the copy.
macro_rules! one_instruction {
    ($size:literal, $part:literal, $load:literal, $name:literal, $field:ident, $at:ident, $value:ident) => {
        by_field!(
            $field, change, $at,
            [concat!($name, " ", $size, " [{t}], {value:", $part, "}\n")],
            value = in(reg) $value,
        )
    };
}

macro_rules! load {
    ($size:literal, $part:literal, $load:literal, $field:ident, $at:ident, $old:ident) => {
        by_field!($field, answer, $at, [$load], old = out(reg) $old,)
    };
}

macro_rules! add_return {
    ($size:literal, $part:literal, $load:literal, $field:ident, $at:ident, $old:ident, $value:ident) => {
        by_field!(
            $field, answer, $at,
            [
                $load,
                "add {old}, {value}\n",
                inject!(4),
                concat!("mov ", $size, " [{t}], {old:", $part, "}\n")
            ],
            old = out(reg) $old,
            value = in(reg) $value,
        )
    };
}

macro_rules! exchange {
    ($size:literal, $part:literal, $load:literal, $field:ident, $at:ident, $old:ident, $value:ident) => {
        by_field!(
            $field, answer, $at,
            [
                $load,
                inject!(4),
                concat!("mov ", $size, " [{t}], {value:", $part, "}\n")
            ],
            old = out(reg) $old,
            value = in(reg) $value,
        )
    };
}

macro_rules! compare_exchange {
    ($size:literal, $part:literal, $load:literal, $field:ident, $at:ident, $old:ident, $expected:ident, $value:ident) => {
        by_field!(
            $field, answer, $at,
            [
                $load,
                "cmp {old}, {expected}\n",
                "jne 5f\n",
                inject!(4),
                concat!("mov ", $size, " [{t}], {value:", $part, "}\n")
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
    const SIGNATURE: u32 = 0x5305_3053;

    #[inline]
    fn thread_pointer() -> usize {
        let pointer;
        // SAFETY: by the ABI the word at `fs:0` is the thread pointer itself.
        unsafe {
            asm!("mov {}, qword ptr fs:[0]", out(reg) pointer, options(nostack, preserves_flags, readonly));
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
        by_width!(W, one_instruction, "mov", field, at, value)
    }

    #[inline(always)]
    unsafe fn add<W: Word>(field: Field, at: At, value: u64) -> Result<(), Absent> {
        by_width!(W, one_instruction, "add", field, at, value)
    }

    #[inline(always)]
    unsafe fn and<W: Word>(field: Field, at: At, value: u64) -> Result<(), Absent> {
        by_width!(W, one_instruction, "and", field, at, value)
    }

    #[inline(always)]
    unsafe fn or<W: Word>(field: Field, at: At, value: u64) -> Result<(), Absent> {
        by_width!(W, one_instruction, "or", field, at, value)
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
                "mov {head}, qword ptr [{t}]\n",
                inject!(4),
                "mov qword ptr [{node} + {link}], {head}\n",
                inject!(5),
                "mov qword ptr [{t}], {node}\n"
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
                "mov {head}, qword ptr [{t}]\n",
                "test {head}, {head}\n",
                "jz 5f\n",
                inject!(4),
                "mov {next}, qword ptr [{head} + {link}]\n",
                inject!(5),
                "mov qword ptr [{t}], {next}\n"
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
                "mov {nr}, qword ptr [{t}]\n",
                "cmp {nr}, {limit}\n",
                "jae 5f\n",
                inject!(4),
                "mov qword ptr [{t} + {nr} * 8 + 8], {value}\n",
                "lea {more}, [{nr} + 1]\n",
                inject!(5),
                "mov qword ptr [{t}], {more}\n"
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
                "mov {nr}, qword ptr [{t}]\n",
                "test {nr}, {nr}\n",
                "jz 5f\n",
                inject!(4),
                "mov {value}, qword ptr [{t} + {nr} * 8]\n",
                "lea {less}, [{nr} - 1]\n",
                inject!(5),
                "mov qword ptr [{t}], {less}\n"
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
                "mov {nr}, qword ptr [{t}]\n",
                "mov {room}, {limit}\n",
                "sub {room}, {nr}\n",
                "cmp {room}, {count}\n",
                "jb 5f\n",
                inject!(4),
                "lea {room}, [{t} + {nr} * 8 + 8]\n",
                "xor {done:e}, {done:e}\n",
                "8: cmp {done}, {count}\n",
                "jae 9f\n",
                "mov {word}, qword ptr [{words} + {done} * 8]\n",
                "mov qword ptr [{room} + {done} * 8], {word}\n",
                "inc {done}\n",
                "jmp 8b\n",
                "9: add {done}, {nr}\n",
                inject!(5),
                "mov qword ptr [{t}], {done}\n"
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
                "mov {aborted:e}, 1\n",
                "2: lea {t}, [rip + 3f]\n",
                "mov qword ptr fs:[{area} + 8], {t}\n",
                "4:\n",
                "mov {value}, qword ptr [{word}]\n",
                "8: cmp qword ptr [{word}], {value}\n",
                "jne 9f\n",
                "dec {left}\n",
                "jnz 8b\n",
                "9:\n",
                end!("7f", ""),
                "xor {aborted:e}, {aborted:e}\n",
                "7:\n",
                t = out(reg) _,
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
