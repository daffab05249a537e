// SPDX-License-Identifier: MIT OR Apache-2.0
//! Physical memory: frames, who owns each, and what it holds.
//!
//! Frames are numbered through all nodes, node by node. Each has a line in a ledger: free, part
//! of a run, or a single frame, and how many owners it has had. Free frames are kept as extents,
//! so a run is a cut from one extent and a single frame the start of the first.
//!
//! A frame that is taken holds junk, differing from one taking to the next, so that code which
//! forgets to zero is found out.

use std::collections::BTreeMap;

use pcpu_layout::NodeId;

use crate::content::Content;
use crate::sparse::Sparse;
use crate::violation::Violation;

/// What fresh frames are filled with, in turn; never 0.
const JUNK: [u8; 5] = [0xA5, 0x5A, 0xC3, 0x3C, 0x99];
/// The page number that stands for "mapped nowhere".
const NOWHERE: u32 = u32::MAX;

/// A single frame, as its owner holds it. Another taking of the same frame is another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    index: u32,
    owner: u32,
}

impl Frame {
    /// Returns its number in the machine's physical memory.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Use {
    #[default]
    Free,
    Run,
    Single,
}

struct Entry {
    content: Content,
    mapped_at: u32,
    /// How often it has been taken.
    owner: u32,
    usage: Use,
}

impl Default for Entry {
    fn default() -> Self {
        Self { content: Content::default(), mapped_at: NOWHERE, owner: 0, usage: Use::Free }
    }
}

/// All frames of the machine.
pub(crate) struct Physical {
    page_size: usize,
    per_node: usize,
    /// Per node, the free extents: first frame to number of frames. No two touch.
    free: Vec<BTreeMap<usize, usize>>,
    ledger: Sparse<Entry>,
    in_use: Vec<usize>,
    junk: usize,
}

impl Physical {
    pub(crate) fn new(page_size: usize, nodes: usize, per_node: usize, seed: u64) -> Self {
        Self {
            page_size,
            per_node,
            free: (0..nodes).map(|n| BTreeMap::from([(n * per_node, per_node)])).collect(),
            ledger: Sparse::new(),
            in_use: vec![0; nodes],
            junk: (seed % JUNK.len() as u64) as usize,
        }
    }

    /// Takes `nr` frames in a row, the first a multiple of `align` frames.
    pub(crate) fn take_run(
        &mut self,
        nr: usize,
        align: usize,
        node: Option<NodeId>,
    ) -> Option<usize> {
        let (start, first) = self.nodes_from(node).find_map(|n| {
            let extents = self.free[n].iter();
            extents
                .map(|(&start, &len)| (start, start.next_multiple_of(align), start + len))
                .find(|&(_, first, end)| first + nr <= end)
                .map(|(start, first, _)| (start, first))
        })?;
        self.cut(start, first, nr);
        for frame in first..first + nr {
            self.hand_out(frame, Use::Run);
        }
        Some(first)
    }

    pub(crate) fn take_frame(&mut self, node: Option<NodeId>) -> Option<Frame> {
        let index = self.nodes_from(node).find_map(|n| Some(*self.free[n].first_key_value()?.0))?;
        self.cut(index, index, 1);
        let owner = self.hand_out(index, Use::Single);
        Some(Frame { index: index as u32, owner })
    }

    /// Gives back `nr` frames of runs.
    pub(crate) fn give_run(&mut self, first: usize, nr: usize) -> Result<(), Violation> {
        for frame in first..first + nr {
            match self.usage(frame) {
                Use::Run => self.give(frame),
                Use::Free => return Err(Violation::GivenTwice { frame }),
                Use::Single => return Err(Violation::GivenAsAnotherKind { frame }),
            }
        }
        Ok(())
    }

    pub(crate) fn give_frame(&mut self, frame: Frame) -> Result<(), Violation> {
        self.check_owned(frame)?;
        let index = frame.index();
        match self.mapped_at(index) {
            Some(page) => Err(Violation::GivenWhileMapped { frame: index, page }),
            None => {
                self.give(index);
                Ok(())
            }
        }
    }

    /// Checks that `frame` is held by whoever took it as this value.
    pub(crate) fn check_owned(&self, frame: Frame) -> Result<(), Violation> {
        let index = frame.index();
        match self.ledger.get(index) {
            None | Some(Entry { usage: Use::Free, .. }) => {
                Err(Violation::GivenTwice { frame: index })
            }
            Some(Entry { usage: Use::Run, .. }) => {
                Err(Violation::GivenAsAnotherKind { frame: index })
            }
            Some(entry) if entry.owner == frame.owner => Ok(()),
            Some(_) => Err(Violation::FrameOfFormerOwner { frame: index }),
        }
    }

    /// Returns the page at which a frame is mapped.
    pub(crate) fn mapped_at(&self, frame: usize) -> Option<usize> {
        let page = self.ledger.get(frame)?.mapped_at;
        (page != NOWHERE).then_some(page as usize)
    }

    /// Notes where a frame is mapped from now on.
    pub(crate) fn set_mapped_at(&mut self, frame: usize, page: Option<usize>) {
        self.ledger.entry(frame).mapped_at = page.map_or(NOWHERE, |page| page as u32);
    }

    /// Returns the owner's value for a frame that is mapped.
    pub(crate) fn frame(&self, index: usize) -> Frame {
        let owner = self.ledger.get(index).map_or(0, |entry| entry.owner);
        Frame { index: index as u32, owner }
    }

    /// Returns the content of a frame reached through a translation.
    #[inline]
    pub(crate) fn mapped_content(&mut self, frame: usize) -> Result<&mut Content, Violation> {
        match self.ledger.get_mut(frame) {
            Some(entry) if entry.usage == Use::Single => Ok(&mut entry.content),
            _ => Err(Violation::FreeFrameTouched { frame }),
        }
    }

    /// Returns the content of a frame reached by its linear address.
    #[inline]
    pub(crate) fn linear_content(&mut self, frame: usize) -> Result<&mut Content, Violation> {
        match self.ledger.get_mut(frame) {
            Some(entry) if entry.usage == Use::Run => Ok(&mut entry.content),
            Some(entry) if entry.usage == Use::Single => {
                Err(Violation::FrameTouchedUnmapped { frame })
            }
            _ => Err(Violation::FreeFrameTouched { frame }),
        }
    }

    pub(crate) fn page_size(&self) -> usize {
        self.page_size
    }

    pub(crate) fn nr_frames(&self) -> usize {
        self.per_node * self.free.len()
    }

    pub(crate) fn node_of(&self, frame: usize) -> NodeId {
        NodeId::new((frame / self.per_node) as u32)
    }

    /// Returns how many frames are taken, per node.
    pub(crate) fn in_use(&self) -> &[usize] {
        &self.in_use
    }

    /// The nodes in the order in which they are tried.
    fn nodes_from(&self, node: Option<NodeId>) -> impl Iterator<Item = usize> + use<> {
        let nodes = self.free.len();
        let first = node.map_or(0, NodeId::index).min(nodes - 1);
        (0..nodes).map(move |n| (first + n) % nodes)
    }

    /// Takes `nr` frames from `first` out of the free extent that begins at `extent`.
    fn cut(&mut self, extent: usize, first: usize, nr: usize) {
        let node = extent / self.per_node;
        let free = &mut self.free[node];
        let len = free.remove(&extent).expect("the extent was found in this list");
        if first > extent {
            free.insert(extent, first - extent);
        }
        if first + nr < extent + len {
            free.insert(first + nr, extent + len - (first + nr));
        }
        self.in_use[node] += nr;
    }

    fn hand_out(&mut self, frame: usize, usage: Use) -> u32 {
        self.junk = (self.junk + 1) % JUNK.len();
        let entry = self.ledger.entry(frame);
        assert!(entry.usage == Use::Free, "frame {frame} was handed out twice");
        entry.usage = usage;
        entry.owner = entry.owner.wrapping_add(1);
        entry.content = Content::filled(JUNK[self.junk]);
        entry.owner
    }

    /// Returns a frame to the free extents, joining it with its neighbours.
    fn give(&mut self, frame: usize) {
        let entry = self.ledger.entry(frame);
        entry.usage = Use::Free;
        entry.content = Content::default();
        let node = frame / self.per_node;
        self.in_use[node] -= 1;
        let free = &mut self.free[node];
        let mut len = 1 + free.remove(&(frame + 1)).unwrap_or(0);
        let mut start = frame;
        if let Some((&before, &nr)) = free.range(..frame).next_back()
            && before + nr == frame
        {
            start = before;
            len += nr;
        }
        free.insert(start, len);
    }

    fn usage(&self, frame: usize) -> Use {
        self.ledger.get(frame).map_or(Use::Free, |entry| entry.usage)
    }

    /// Returns how many frames cost a page of real memory.
    pub(crate) fn real_frames(&self) -> usize {
        self.ledger.existing().filter(|entry| entry.content.is_real()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_nodes() -> Physical {
        Physical::new(256, 2, 8, 0)
    }

    #[test]
    fn a_full_node_spills_to_the_other() {
        let mut physical = two_nodes();
        let node = Some(NodeId::new(1));
        assert_eq!(physical.take_run(7, 1, node), Some(8));
        assert_eq!(physical.take_run(2, 1, node), Some(0));
        assert_eq!(physical.take_frame(node).map(Frame::index), Some(15));
        assert_eq!(physical.in_use(), [2, 8]);
        assert_eq!(physical.take_run(7, 1, None), None, "only six frames in a row are left");
    }

    #[test]
    fn parts_of_a_run_given_back_in_any_order_join_again() {
        let mut physical = two_nodes();
        assert_eq!(physical.take_run(8, 1, None), Some(0));
        for (first, nr) in [(2, 2), (6, 2), (0, 2), (4, 2)] {
            physical.give_run(first, nr).unwrap();
        }
        assert_eq!(physical.take_run(8, 8, None), Some(0));
    }

    #[test]
    fn the_ledger_tells_free_single_and_former_apart() {
        let mut physical = two_nodes();
        let frame = physical.take_frame(None).unwrap();
        assert_eq!(physical.give_run(0, 1), Err(Violation::GivenAsAnotherKind { frame: 0 }));
        physical.give_frame(frame).unwrap();
        assert_eq!(physical.give_frame(frame), Err(Violation::GivenTwice { frame: 0 }));
        let again = physical.take_frame(None).unwrap();
        assert_eq!(again.index(), frame.index());
        assert_eq!(physical.give_frame(frame), Err(Violation::FrameOfFormerOwner { frame: 0 }));
        physical.set_mapped_at(0, Some(3));
        assert_eq!(
            physical.give_frame(again),
            Err(Violation::GivenWhileMapped { frame: 0, page: 3 })
        );
    }
}
