// SPDX-License-Identifier: MIT OR Apache-2.0
//! Walks over a map from its lowest granule up, for statistics and checks.

use super::Map;
use super::bits;
use crate::{Bits, Span};

/// A stretch of a map: an area (or hidden run), or a free run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// A taken area.
    Area(Span<Bits>),
    /// A maximal free run.
    Free(Span<Bits>),
}

/// Iterator over all fragments of a span, in order. Made by [`Map::fragments`].
#[derive(Clone, Debug)]
pub struct Fragments<'a, 'm> {
    map: &'a Map<'m>,
    at: u32,
    end: u32,
}

/// Iterator over the areas of a span, in order. Made by [`Map::areas_in`].
#[derive(Clone, Debug)]
pub struct Areas<'a, 'm>(Fragments<'a, 'm>);

impl<'m> Map<'m> {
    /// Walks over the fragments of `span`, whose edges must be edges of fragments.
    pub fn fragments(&self, span: Span<Bits>) -> Fragments<'_, 'm> {
        Fragments { map: self, at: span.start.get(), end: span.end.get() }
    }

    /// Walks over the areas of `span`, whose edges must be edges of fragments.
    pub fn areas_in(&self, span: Span<Bits>) -> Areas<'_, 'm> {
        Areas(self.fragments(span))
    }
}

impl Iterator for Fragments<'_, '_> {
    type Item = Fragment;

    fn next(&mut self) -> Option<Fragment> {
        let start = self.at;
        if start >= self.end {
            return None;
        }
        let (alloc, starts) = (&*self.map.alloc, &*self.map.starts);
        let taken = bits::test(alloc, start);
        self.at = if taken {
            bits::next_clear_or_start(alloc, starts, start + 1, self.end)
        } else {
            bits::next_set(alloc, start, self.end)
        };
        let span = Span::new(Bits::new(start), Bits::new(self.at));
        Some(if taken { Fragment::Area(span) } else { Fragment::Free(span) })
    }
}

impl Iterator for Areas<'_, '_> {
    type Item = Span<Bits>;

    fn next(&mut self) -> Option<Span<Bits>> {
        self.0.find_map(|fragment| match fragment {
            Fragment::Area(span) => Some(span),
            Fragment::Free(_) => None,
        })
    }
}
