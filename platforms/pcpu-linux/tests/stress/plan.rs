// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is combined with what.
//!
//! ```text
//!   2 ways of the process (sequences, atomics)  x  2 numbers (CPU, concurrency id)
//!     x  8 kinds of work  x  37 disturbances  =  1184
//!   and by node, with atomics and locks in both ways, what is drained:
//!   2 ways  x  2 kinds of work  x  37 disturbances  =  148
//! ```

use std::fmt;

/// What the threads do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A lock of each copy, taken by `compare_exchange`, around a plain counter.
    SpinLock,
    /// Nodes are popped and pushed.
    List,
    /// Tokens are popped and pushed.
    Buffer,
    /// Tokens are popped, and appended several at a time.
    Memcpy,
    /// Words of all widths are added to.
    Increment,
    /// Tokens are exchanged for others.
    Exchange,
    /// As `List`, while another thread drains list after list.
    DrainedList,
    /// As `Buffer`, while another thread drains stack after stack.
    DrainedStack,
}

const KINDS: [Kind; 8] = [
    Kind::SpinLock,
    Kind::List,
    Kind::Buffer,
    Kind::Memcpy,
    Kind::Increment,
    Kind::Exchange,
    Kind::DrainedList,
    Kind::DrainedStack,
];

/// By which number copies are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    Cpu,
    ConcurrencyId,
    Node,
}

pub const NUMBERS: [Number; 3] = [Number::Cpu, Number::ConcurrencyId, Number::Node];

impl Number {
    /// What is tried by it.
    fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Cpu | Self::ConcurrencyId => &KINDS,
            Self::Node => &[Kind::DrainedList, Kind::DrainedStack],
        }
    }

    /// Whether there are sequences for it.
    pub fn has_sequences(self) -> bool {
        self != Self::Node
    }
}

/// A point of a round that is in no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before anything was done.
    Before,
    /// While the worker has something: a lock, a node, tokens.
    Between,
    /// When everything has been put back.
    After,
}

const PLACES: [Place; 3] = [Place::Before, Place::Between, Place::After];

/// What a worker does to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Yield,
    Sleep,
    /// SIGUSR1, whose handler does the same kind of work on the same copies.
    Signal,
}

const ACTS: [Act; 3] = [Act::Yield, Act::Sleep, Act::Signal];

/// How often, in per cent.
const CHANCES: [u32; 3] = [25, 50, 100];

/// What is done against the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing but the other threads.
    None,
    /// A delay at one point of every range, 1 to 5, and signals from outside.
    InRanges(usize),
    /// A delay at each of them, and signals from outside.
    AllOverRanges,
    /// A delay in no range, and signals from outside.
    Delay(Place),
    /// An act at a place, with a chance.
    Act(Act, Place, u32),
}

impl Disturbance {
    /// Whether somebody else sends signals, too.
    pub fn has_signals_from_outside(self) -> bool {
        matches!(self, Self::InRanges(_) | Self::AllOverRanges | Self::Delay(_))
    }

    /// Whether it needs a build with `--cfg pcpu_inject`.
    fn is_in_ranges(self) -> bool {
        matches!(self, Self::InRanges(_) | Self::AllOverRanges)
    }
}

/// All 37.
fn disturbances() -> Vec<Disturbance> {
    let in_ranges = (1..=5).map(Disturbance::InRanges);
    let acts = ACTS.iter().flat_map(|&act| {
        PLACES.iter().flat_map(move |&place| {
            CHANCES.iter().map(move |&chance| Disturbance::Act(act, place, chance))
        })
    });
    [Disturbance::None, Disturbance::AllOverRanges]
        .into_iter()
        .chain(in_ranges)
        .chain(PLACES.map(Disturbance::Delay))
        .chain(acts)
        .collect()
}

/// What one run is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Combination {
    pub number: Number,
    pub kind: Kind,
    pub disturbance: Disturbance,
}

impl fmt::Debug for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} by {:?}, {:?}", self.kind, self.number, self.disturbance)
    }
}

/// The combinations of one process: all, or those that make sense in a build without delays in
/// ranges and are to take seconds.
pub fn combinations(is_full: bool) -> Vec<Combination> {
    let wanted = |it: &Disturbance| {
        is_full || !it.is_in_ranges() && !matches!(it, Disturbance::Act(_, _, 25 | 100))
    };
    let disturbances: Vec<_> = disturbances().into_iter().filter(wanted).collect();
    let mut all = Vec::new();
    for number in NUMBERS {
        for &kind in number.kinds() {
            let of = |&disturbance| Combination { number, kind, disturbance };
            all.extend(disturbances.iter().map(of));
        }
    }
    all
}

/// How many the full form has, in both ways of the process.
pub const FULL: usize = 2 * (2 * KINDS.len() + 2) * 37;
