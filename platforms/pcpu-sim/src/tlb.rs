// SPDX-License-Identifier: MIT OR Apache-2.0
//! Translation caches: what each CPU remembers of the page table, true or not.
//!
//! A real TLB may keep a translation after the table changed, until somebody flushes it. So does
//! this one: an entry stays until a flush covers its page or another page takes its place. A CPU
//! that never ran has no TLB, which keeps machines of thousands of CPUs cheap.

use pcpu_layout::Span;

/// A remembered translation. `page_plus_one` is 0 where nothing is remembered.
#[derive(Clone, Copy, Default)]
struct Entry {
    page_plus_one: u32,
    frame: u32,
}

/// The TLBs of all CPUs, direct-mapped by a hash of the page.
pub(crate) struct Tlbs {
    /// Entries of one TLB, a power of two.
    size: usize,
    of_cpu: Vec<Option<Box<[Entry]>>>,
}

impl Tlbs {
    pub(crate) fn new(nr_cpu_ids: usize, size: usize) -> Self {
        assert!(size.is_power_of_two(), "{size} TLB entries wanted, a power of two is possible");
        Self { size, of_cpu: (0..nr_cpu_ids).map(|_| None).collect() }
    }

    /// Remembers that `page` shows `frame`, unless the CPU remembers another frame for it:
    /// returns that one, then.
    #[inline]
    pub(crate) fn look_up(
        &mut self,
        cpu: usize,
        page: usize,
        frame: Option<usize>,
    ) -> Option<usize> {
        let place = self.place(page);
        let size = self.size;
        let tlb = self.of_cpu[cpu].get_or_insert_with(|| vec![Entry::default(); size].into());
        let entry = &mut tlb[place];
        let tag = page as u32 + 1;
        if entry.page_plus_one == tag && Some(entry.frame as usize) != frame {
            return Some(entry.frame as usize);
        }
        if let Some(frame) = frame {
            *entry = Entry { page_plus_one: tag, frame: frame as u32 };
        }
        None
    }

    /// Makes every CPU forget the pages.
    pub(crate) fn flush(&mut self, pages: Span<usize>) {
        let few = pages.len() < self.size;
        for cpu in 0..self.of_cpu.len() {
            if self.of_cpu[cpu].is_none() {
                continue;
            }
            if few {
                for page in pages.start..pages.end {
                    let place = self.place(page);
                    self.forget(cpu, place, pages);
                }
            } else {
                for place in 0..self.size {
                    self.forget(cpu, place, pages);
                }
            }
        }
    }

    fn forget(&mut self, cpu: usize, place: usize, pages: Span<usize>) {
        if let Some(tlb) = &mut self.of_cpu[cpu] {
            let entry = &mut tlb[place];
            if entry.page_plus_one != 0 && pages.contains(entry.page_plus_one as usize - 1) {
                *entry = Entry::default();
            }
        }
    }

    /// Spreads pages that lie a power of two apart, as units do.
    #[inline]
    fn place(&self, page: usize) -> usize {
        (page.wrapping_mul(0x9E37_79B1) >> 7) & (self.size - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_translation_stays_until_a_flush_covers_it() {
        let mut tlbs = Tlbs::new(2, 16);
        assert_eq!(tlbs.look_up(0, 5, Some(70)), None);
        assert_eq!(tlbs.look_up(0, 5, Some(71)), Some(70), "stale");
        assert_eq!(tlbs.look_up(1, 5, Some(71)), None, "another CPU never saw the old frame");
        tlbs.flush(Span::new(6, 9));
        assert_eq!(tlbs.look_up(0, 5, None), Some(70));
        tlbs.flush(Span::new(5, 6));
        assert_eq!(tlbs.look_up(0, 5, None), None);
        tlbs.look_up(0, 5, Some(1));
        tlbs.flush(Span::new(0, 1000));
        assert_eq!(tlbs.look_up(0, 5, None), None, "a flush of more pages than entries");
    }
}
