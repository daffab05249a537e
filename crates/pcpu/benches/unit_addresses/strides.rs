// SPDX-License-Identifier: MIT OR Apache-2.0
//! One counter, summed over units at different distances.

use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;

use crate::region::Region;
use crate::turns::{self, Contender};

const KIB: usize = 1 << 10;

/// Distances, the first without colour.
const STRIDES: [(&str, usize); 4] = [
    ("64 KiB", 64 * KIB),
    ("64 KiB + 4 KiB", 68 * KIB),
    ("64 KiB + 64 B", 64 * KIB + 64),
    ("64 KiB + 4 KiB + 64 B", 68 * KIB + 64),
];

const UNITS: [usize; 5] = [2, 8, 16, 64, 512];

/// Prints a table for each number of units.
pub fn compare() {
    let region = &Region::new(512 * (68 * KIB + 64) + 4 * KIB);
    for nr_units in UNITS {
        let contenders = STRIDES.iter().map(|&(name, stride)| -> Contender<'_> {
            // Somewhere in a unit; and there, for reading memory that nobody wrote is another matter.
            let words = move || region.words(1024, stride, nr_units);
            words().for_each(|word| word.store(1, Relaxed));
            let sum = move |nr| {
                for _ in 0..nr {
                    let sum: u64 = words().map(|word| word.load(Relaxed)).sum();
                    assert_eq!(black_box(sum), nr_units as u64);
                }
            };
            (name.to_owned(), Box::new(sum))
        });
        turns::compare(&format!("Sum of one counter over {nr_units} units"), contenders.collect());
    }
}
