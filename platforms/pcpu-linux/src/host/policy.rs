// SPDX-License-Identifier: MIT OR Apache-2.0
//! On which memory node pages come to lie.
//!
//! The system puts a page near the thread that brings it in, unless a policy says otherwise. A unit's
//! pages are brought in by whoever allocates, and used by the unit's CPU. So while it populates, a
//! thread wishes for the node of that CPU, and afterwards for what it wished for before.
//!
//! The thread's policy and not one of the range of addresses: that would cut the reservation into
//! a mapping for every unit of every chunk, and a process may have 65,530.
//!
//! Wishes, no more: where the node has no room, pages come from elsewhere, and where the system has no
//! such calls or a filter refuses them, nothing happens. A page that is swapped out and in again comes
//! back near whoever touches it.
#![allow(unsafe_code)]

use core::ptr;

use pcpu_layout::NodeId;

/// Nodes that a mask has room for: as many as any kernel can be built for, and one bit more, because the
/// kernel counts that way.
const MASK_BITS: usize = 1024;
const MASK_WORDS: usize = MASK_BITS / usize::BITS as usize;

/// From the node if it has room.
const MPOL_PREFERRED: libc::c_int = 1;

/// Who is told which node pages are wanted from, for the length of a call.
pub(super) trait Policy: Send + Sync {
    /// Wishes for a node from now on, on the calling thread.
    fn wish(&self, node: NodeId) -> Before;
    /// Takes the wish back.
    fn restore(&self, before: Before);
}

/// What the thread wished for before; `None` if that could not be found out, and nothing was changed.
pub(super) struct Before(Option<Wish>);

struct Wish {
    mode: libc::c_int,
    nodes: [usize; MASK_WORDS],
}

/// The system's calls.
pub(super) struct System;

impl Policy for System {
    fn wish(&self, node: NodeId) -> Before {
        let Some(before) = current() else { return Before(None) };
        let mut wish = Wish { mode: MPOL_PREFERRED, nodes: [0; MASK_WORDS] };
        let bit = node.get() as usize;
        let Some(word) = wish.nodes.get_mut(bit / usize::BITS as usize) else {
            return Before(None);
        };
        *word |= 1 << (bit % usize::BITS as usize);
        Before(set(&wish).then_some(before))
    }

    fn restore(&self, before: Before) {
        if let Before(Some(before)) = before {
            // It was in force a moment ago.
            set(&before);
        }
    }
}

fn current() -> Option<Wish> {
    let mut wish = Wish { mode: 0, nodes: [0; MASK_WORDS] };
    // SAFETY: writes the mode, and at most so many bits of the mask.
    let done = unsafe {
        libc::syscall(
            libc::SYS_get_mempolicy,
            &raw mut wish.mode,
            wish.nodes.as_mut_ptr(),
            MASK_BITS,
            ptr::null_mut::<u8>(),
            0,
        )
    };
    (done == 0).then_some(wish)
}

fn set(wish: &Wish) -> bool {
    // SAFETY: reads so many bits of the mask; changes where the thread's new pages come from and
    // nothing else.
    let done = unsafe {
        libc::syscall(libc::SYS_set_mempolicy, wish.mode, wish.nodes.as_ptr(), MASK_BITS + 1)
    };
    done == 0
}

/// Has `body` bring pages in, from `node` if one is named.
pub(super) fn near<R>(policy: &dyn Policy, node: Option<NodeId>, body: impl FnOnce() -> R) -> R {
    let Some(node) = node else { return body() };
    let before = policy.wish(node);
    let result = body();
    policy.restore(before);
    result
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was wished for, and whether it was taken back.
    #[derive(Clone, Default)]
    pub(in super::super) struct Recorder(pub(in super::super) Arc<Mutex<Vec<(u32, bool)>>>);

    impl Policy for Recorder {
        fn wish(&self, node: NodeId) -> Before {
            self.0.lock().unwrap().push((node.get(), false));
            Before(None)
        }

        fn restore(&self, _: Before) {
            self.0.lock().unwrap().last_mut().unwrap().1 = true;
        }
    }

    #[test]
    fn a_wish_for_a_node_is_taken_back() {
        let Some(before) = current() else { return };
        near(&System, Some(NodeId::new(0)), || {
            let now = current().unwrap();
            assert_eq!((now.mode, now.nodes[0]), (MPOL_PREFERRED, 1));
        });
        let after = current().unwrap();
        assert_eq!((after.mode, after.nodes), (before.mode, before.nodes));
    }

    #[test]
    fn a_node_that_is_not_there_changes_nothing() {
        let Some(before) = current() else { return };
        for node in [1000, 5000] {
            near(&System, Some(NodeId::new(node)), || {
                assert_eq!(current().unwrap().mode, before.mode);
            });
        }
    }
}
