// SPDX-License-Identifier: MIT OR Apache-2.0
//! Failures on request: by number, by kind, or by a rule of the test's own.
//!
//! Every call that may fail asks the fault plan first. Mapping asks once per page, so that
//! "fail the n-th, for every n" also walks through every way of mapping a range in part.

use core::fmt;

use pcpu_layout::{CpuId, NodeId};
use pcpu_platform::{Addr, Effort};

/// A kind of call that may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the operations")]
pub enum Fallible {
    TakeRun,
    TakeFrame,
    Reserve,
    /// One page of a call of `map`.
    MapPage,
    TakeMetadata,
}

/// A call about to be made, or one page of it, that the fault plan may fail.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// What is about to be done.
    pub kind: Fallible,
    /// The CPU that runs the caller.
    pub cpu: CpuId,
    /// The page to be mapped; for the other kinds `None`.
    pub at: Option<Addr>,
    /// The node asked for.
    pub node: Option<NodeId>,
    /// The effort asked for; `Normal` where none is.
    pub effort: Effort,
    /// Pages, for [`Fallible::TakeRun`]; bytes, for [`Fallible::TakeMetadata`]; else 1.
    pub size: usize,
}

type Rule = Box<dyn FnMut(&Attempt) -> bool + Send>;

#[derive(Default)]
enum Plan {
    #[default]
    None,
    /// Fails one attempt, after letting that many pass.
    After(u64),
    AllOf(Fallible),
    When(Rule),
}

/// The fault plan, and how many attempts there were.
#[derive(Default)]
pub(crate) struct Faults {
    plan: Plan,
    attempts: u64,
}

impl Faults {
    pub(crate) fn fail_none(&mut self) {
        self.plan = Plan::None;
    }

    pub(crate) fn fail_nth(&mut self, n: u64) {
        assert!(n > 0, "attempt 0 wanted, the first is 1");
        self.plan = Plan::After(n - 1);
    }

    pub(crate) fn fail_all_of(&mut self, kind: Fallible) {
        self.plan = Plan::AllOf(kind);
    }

    pub(crate) fn fail_when(&mut self, rule: Rule) {
        self.plan = Plan::When(rule);
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Says whether this attempt is to fail.
    pub(crate) fn strikes(&mut self, attempt: &Attempt) -> bool {
        self.attempts += 1;
        match &mut self.plan {
            Plan::None => false,
            Plan::After(0) => {
                self.plan = Plan::None;
                true
            }
            Plan::After(left) => {
                *left -= 1;
                false
            }
            Plan::AllOf(kind) => *kind == attempt.kind,
            Plan::When(rule) => rule(attempt),
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("attempts", &self.attempts).finish_non_exhaustive()
    }
}
