// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every sequence, as the operation that it is, and as arithmetic on what a copy is.
#![allow(unsafe_code)]

use pcpu_linux::local::{Busy, ConcurrencyId, Cpu};

use crate::ground::{Ground, LIMIT, Start};

/// What a word is at first. Of a narrow one, its neighbours in the same eight bytes must stay.
const WORD: u64 = 0xA5A5_5A5A_C3C3_3C3C;

/// An operation; `who` is 0, or 1 for the signal handler's.
type Run = fn(&Ground, u64) -> [u64; 2];
/// What it does to a copy, and what it answers.
type Model = fn(&mut Vec<u64>, u64) -> [u64; 2];

/// A sequence and what it should do.
pub struct Case {
    pub name: String,
    /// Whether copies are found by CPU.
    pub by_cpu: bool,
    /// Whether it comes by every instruction of its sequence.
    pub takes_all: bool,
    pub start: Start,
    pub run: Run,
    pub model: Model,
}

/// The operand of an operation on words.
fn operand(who: u64) -> u64 {
    (WORD >> 3) ^ (who << 1)
}

/// Changes the low bits, and returns what they were.
fn put(copy: &mut [u64], mask: u64, new: impl FnOnce(u64) -> u64) -> u64 {
    let old = copy[0] & mask;
    copy[0] = copy[0] & !mask | new(old) & mask;
    old
}

fn answer(result: Result<u64, u64>) -> [u64; 2] {
    match result {
        Ok(old) => [1, old],
        Err(old) => [0, old],
    }
}

/// An operation on words.
macro_rules! run {
    ($by:ident, $t:ty, $name:ident($who:ident $(, $argument:expr)*)) => {
        |ground, $who| {
            let _ = $who;
            // SAFETY: the ground has an aligned word for each index, for this alone.
            unsafe { ground.word::<$by>().$name::<$t>($($argument as $t,)* ground) }.into_answer()
        }
    };
}

/// The operations on words of one width.
macro_rules! words {
    ($all:ident, $by:ident, $t:ty) => {{
        const MASK: u64 = <$t>::MAX as u64;
        let mut case = |name: &str, takes_all, run: Run, model: Model| {
            let name = format!("{name} of {} by {}", stringify!($t), stringify!($by));
            let by_cpu = stringify!($by) == "Cpu";
            $all.push(Case { name, by_cpu, takes_all, start: Start::Word(WORD), run, model });
        };
        case("load", true, run!($by, $t, load(who)), |copy, _| [copy[0] & MASK, 0]);
        case("store", true, run!($by, $t, store(who, operand(who))), |copy, who| {
            put(copy, MASK, |_| operand(who));
            [0, 0]
        });
        case("add", true, run!($by, $t, add(who, operand(who))), |copy, who| {
            put(copy, MASK, |old| old.wrapping_add(operand(who)));
            [0, 0]
        });
        case("and", true, run!($by, $t, and(who, operand(who))), |copy, who| {
            put(copy, MASK, |old| old & operand(who));
            [0, 0]
        });
        case("or", true, run!($by, $t, or(who, operand(who))), |copy, who| {
            put(copy, MASK, |old| old | operand(who));
            [0, 0]
        });
        case("add_return", true, run!($by, $t, add_return(who, operand(who))), |copy, who| {
            put(copy, MASK, |old| old.wrapping_add(operand(who)));
            [copy[0] & MASK, 0]
        });
        case("exchange", true, run!($by, $t, exchange(who, operand(who))), |copy, who| {
            [put(copy, MASK, |_| operand(who)), 0]
        });
        case(
            "compare_exchange",
            true,
            run!($by, $t, compare_exchange(who, WORD, operand(who))),
            |copy, who| {
                let old = copy[0] & MASK;
                if old != WORD & MASK {
                    return answer(Err(old));
                }
                answer(Ok(put(copy, MASK, |_| operand(who))))
            },
        );
        case(
            "failing compare_exchange",
            false,
            run!($by, $t, compare_exchange(who, !WORD, operand(who))),
            |copy, _| answer(Err(copy[0] & MASK)),
        );
    }};
}

/// What operations on words answer, as two words.
trait Answer {
    fn into_answer(self) -> [u64; 2];
}

impl Answer for () {
    fn into_answer(self) -> [u64; 2] {
        [0, 0]
    }
}

macro_rules! answers {
    ($($t:ty),*) => {$(
        impl Answer for $t {
            fn into_answer(self) -> [u64; 2] {
                [self as u64, 0]
            }
        }
        impl Answer for Result<$t, $t> {
            fn into_answer(self) -> [u64; 2] {
                answer(self.map(|it| it as u64).map_err(|it| it as u64))
            }
        }
    )*};
}
answers!(u8, u16, u32, u64);

/// The child is alone: nobody has anything for himself.
fn free<T>(result: Result<T, Busy>) -> T {
    result.expect("nobody else is there")
}

/// What is put on a stack.
fn value(who: u64) -> u64 {
    0xFACE_0000 + 10 * who
}

/// Three of them.
fn values(who: u64) -> [usize; 3] {
    [value(who), value(who) + 1, value(who) + 2].map(|it| it as usize)
}

fn model_append(copy: &mut Vec<u64>, who: u64) -> [u64; 2] {
    if LIMIT - copy.len() < 3 {
        return [0, 0];
    }
    copy.extend(values(who).map(|it| it as u64));
    [1, 0]
}

/// The operations on lists and stacks.
macro_rules! structures {
    ($all:ident, $by:ident) => {{
        let mut case = |name: &str, takes_all, start, run: Run, model: Model| {
            let name = format!("{name} by {}", stringify!($by));
            let by_cpu = stringify!($by) == "Cpu";
            $all.push(Case { name, by_cpu, takes_all, start, run, model });
        };
        let push: Run = |ground, who| {
            let node = ground.node(Ground::spare(who));
            // SAFETY: a node that is on no list.
            free(unsafe { ground.list::<$by>().push(node, ground) });
            [0, 0]
        };
        let model_push: Model = |copy, who| {
            copy.insert(0, Ground::spare(who));
            [0, 0]
        };
        case("push on a list", true, Start::List(2), push, model_push);
        case("push on an empty list", true, Start::List(0), push, model_push);
        let pop: Run = |ground, _| {
            // SAFETY: nodes are as they should be.
            let node = free(unsafe { ground.list::<$by>().pop(ground) });
            node.map_or([0, 0], |node| [1, ground.node_at(node)])
        };
        let model_pop: Model = |copy, _| match copy.is_empty() {
            true => [0, 0],
            false => [1, copy.remove(0)],
        };
        case("pop off a list", true, Start::List(2), pop, model_pop);
        case("pop off an empty list", false, Start::List(0), pop, model_pop);

        let push: Run =
            |ground, who| [free(ground.stack::<$by>().push(value(who) as usize, ground)).into(), 0];
        let model_push: Model = |copy, who| {
            let fits = copy.len() < LIMIT;
            copy.extend(fits.then_some(value(who)));
            [fits.into(), 0]
        };
        case("push on a stack", true, Start::Stack(3), push, model_push);
        case("push on a full stack", false, Start::Stack(LIMIT), push, model_push);
        let pop: Run = |ground, _| {
            let word = free(ground.stack::<$by>().pop(ground));
            word.map_or([0, 0], |word| [1, word as u64])
        };
        let model_pop: Model = |copy, _| copy.pop().map_or([0, 0], |word| [1, word]);
        case("pop off a stack", true, Start::Stack(3), pop, model_pop);
        case("pop off an empty stack", false, Start::Stack(0), pop, model_pop);
        let append: Run =
            |ground, who| [free(ground.stack::<$by>().append(&values(who), ground)).into(), 0];
        case("append to a stack", true, Start::Stack(2), append, model_append);
        case("append where it does not fit", false, Start::Stack(4), append, model_append);
    }};
}

/// All of them.
pub fn all() -> Vec<Case> {
    let mut all = Vec::new();
    words!(all, Cpu, u8);
    words!(all, Cpu, u16);
    words!(all, Cpu, u32);
    words!(all, Cpu, u64);
    words!(all, ConcurrencyId, u8);
    words!(all, ConcurrencyId, u16);
    words!(all, ConcurrencyId, u32);
    words!(all, ConcurrencyId, u64);
    structures!(all, Cpu);
    structures!(all, ConcurrencyId);
    all
}
