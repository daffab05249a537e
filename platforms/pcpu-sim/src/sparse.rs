// SPDX-License-Identifier: MIT OR Apache-2.0
//! A table with room for every page of a large machine, of which only the used parts exist.
//!
//! A machine of 8,192 CPUs has millions of pages and touches few of them. The table is cut into
//! leaves that are made when first written to; the list of leaves grows as far as needed. A
//! look-up is two loads, which is what every simulated memory access pays.

/// Entries in one leaf.
const LEAF: usize = 512;

/// An array of default values, except where something was written.
pub(crate) struct Sparse<T> {
    leaves: Vec<Option<Box<[T]>>>,
}

impl<T: Default> Sparse<T> {
    pub(crate) const fn new() -> Self {
        Self { leaves: Vec::new() }
    }

    /// Returns the entry, or `None` where nothing near it was ever written.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.leaves.get(index / LEAF)?.as_ref().map(|leaf| &leaf[index % LEAF])
    }

    /// As [`get`](Self::get), to change it.
    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.leaves.get_mut(index / LEAF)?.as_mut().map(|leaf| &mut leaf[index % LEAF])
    }

    /// Returns the entries of all leaves that exist.
    pub(crate) fn existing(&self) -> impl Iterator<Item = &T> {
        self.leaves.iter().flatten().flat_map(|leaf| leaf.iter())
    }

    /// Returns the entry, making its leaf if need be.
    pub(crate) fn entry(&mut self, index: usize) -> &mut T {
        let leaf = index / LEAF;
        if leaf >= self.leaves.len() {
            self.leaves.resize_with(leaf + 1, || None);
        }
        let made = || (0..LEAF).map(|_| T::default()).collect();
        &mut self.leaves[leaf].get_or_insert_with(made)[index % LEAF]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_written_is_absent_or_default() {
        let mut table = Sparse::<u32>::new();
        assert_eq!(table.get(LEAF * 3), None);
        *table.entry(LEAF * 3) = 7;
        assert_eq!(table.get(LEAF * 3), Some(&7));
        assert_eq!(table.get(LEAF * 3 + 1), Some(&0));
        assert_eq!(table.get(LEAF * 2), None);
        assert_eq!(table.get_mut(LEAF * 4), None);
    }
}
