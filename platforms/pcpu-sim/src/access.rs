// SPDX-License-Identifier: MIT OR Apache-2.0
//! Touching memory: from an address, through the running CPU's TLB, to the bytes of a frame.
//!
//! ```text
//!  linear address ───────────────────────────────────────────► frame of a run
//!  mapped address ──► page table ──► the CPU's TLB agrees? ──► single frame
//! ```
//!
//! A real CPU asks its TLB first and the table on a miss. Here both are asked each time, since
//! only the two answers together show that a remembered one is stale.

use std::ops::Range;

use pcpu_layout::CpuId;

use crate::content::Content;
use crate::machine::{LINEAR_START, State};
use crate::violation::Violation;

/// What an access does with the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl State {
    /// Calls `body` for each page that the `len` bytes from `at` touch, with the page's content,
    /// the place in the page, and which of the `len` bytes lie there.
    #[inline]
    pub(crate) fn each_page(
        &mut self,
        cpu: CpuId,
        at: usize,
        len: usize,
        access: Access,
        mut body: impl FnMut(&mut Content, usize, Range<usize>),
    ) -> Result<(), Violation> {
        let page_size = self.physical.page_size();
        let mut done = 0;
        while done < len {
            let here = at.wrapping_add(done);
            let in_page = here & (page_size - 1);
            let part = (page_size - in_page).min(len - done);
            let content = self.content_behind(cpu, here, access)?;
            body(content, in_page, done..done + part);
            done += part;
        }
        Ok(())
    }

    #[inline]
    fn content_behind(
        &mut self,
        cpu: CpuId,
        address: usize,
        access: Access,
    ) -> Result<&mut Content, Violation> {
        let Some(page) = self.space.page_of(address) else {
            let frame = self.linear_frame(address);
            let frame = frame.ok_or(Violation::PageFault { cpu, address })?;
            return self.physical.linear_content(frame);
        };
        let mapped = self.space.mapping(page).frame();
        if let Some(cached) = self.tlbs.look_up(cpu.index(), page, mapped) {
            return Err(Violation::StaleTranslation { cpu, page, cached, mapped });
        }
        let frame = mapped.ok_or(Violation::PageFault { cpu, address })?;
        if self.strict_caches {
            self.pass_the_cache(page, access)?;
        }
        self.physical.mapped_content(frame)
    }

    /// Does what a virtually tagged cache would do with an access.
    fn pass_the_cache(&mut self, page: usize, access: Access) -> Result<(), Violation> {
        match self.space.mapping_mut(page) {
            Some(mapping) if mapping.hidden => Err(Violation::NotMadeVisible { page }),
            Some(mapping) => {
                mapping.dirty |= access == Access::Write;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Returns the frame that an address shows, by whichever way.
    pub(crate) fn frame_behind(&self, address: usize) -> Option<usize> {
        match self.space.page_of(address) {
            Some(page) => self.space.mapping(page).frame(),
            None => self.linear_frame(address),
        }
    }

    /// Returns the frame at a linear address.
    pub(crate) fn linear_frame(&self, address: usize) -> Option<usize> {
        let shift = self.physical.page_size().trailing_zeros();
        let frame = address.checked_sub(LINEAR_START)? >> shift;
        (frame < self.physical.nr_frames()).then_some(frame)
    }
}
