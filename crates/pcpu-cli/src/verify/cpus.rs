// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which CPUs are checked: all up to 64; of more, the first, the last, and 62 drawn by a seed.
//!
//! The drawn ones are the same in every run, so that a failure comes back.

use pcpu_layout::CpuId;

use super::pattern::mix;

/// Most CPUs that are checked.
pub const MOST: usize = 64;

/// Picks from the possible CPUs, which are in ascending order; so is what is picked.
pub fn pick(possible: &[CpuId]) -> Vec<CpuId> {
    let &[first, ref middle @ .., last] = possible else { return possible.to_vec() };
    if possible.len() <= MOST {
        return possible.to_vec();
    }
    // Ordered by a hash, the front of the middle is a sample of it.
    let mut drawn = middle.to_vec();
    drawn.sort_by_key(|cpu| mix(u64::from(cpu.get())));
    drawn.truncate(MOST - 2);
    drawn.extend([first, last]);
    drawn.sort();
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpus(nr: u32) -> Vec<CpuId> {
        (0..nr).map(CpuId::new).collect()
    }

    #[test]
    fn up_to_64_all_are_checked() {
        for nr in [1, 2, 3, 64] {
            assert_eq!(pick(&cpus(nr)), cpus(nr));
        }
    }

    #[test]
    fn of_more_the_ends_and_62_others_are() {
        for nr in [65, 66, 8192] {
            let picked = pick(&cpus(nr));
            assert_eq!(picked.len(), MOST);
            assert!(picked.is_sorted() && picked.windows(2).all(|pair| pair[0] != pair[1]));
            assert_eq!((picked[0].get(), picked[63].get()), (0, nr - 1));
            assert_eq!(picked, pick(&cpus(nr)));
        }
    }
}
