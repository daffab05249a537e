// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes that no other area, CPU or position would hold: how an overlap shows.
//!
//! The pattern of (area, CPU) is a stream of 64-bit words, each a hash of the three numbers area,
//! CPU and position. Two areas that share bytes, one area whose CPUs share bytes, and an area
//! that slipped by a few bytes all read back wrong, with a chance of 1 in 256 per byte to be missed.

use pcpu_layout::CpuId;

/// Fills `bytes` with the pattern of the `serial`-th area on `cpu`.
pub fn fill(bytes: &mut [u8], serial: u64, cpu: CpuId) {
    let seed = mix(mix(serial) ^ u64::from(cpu.get()));
    for (position, word) in (0u64..).zip(bytes.chunks_mut(8)) {
        let pattern = mix(seed.wrapping_add(position)).to_le_bytes();
        word.copy_from_slice(&pattern[..word.len()]);
    }
}

/// Spreads a number over 64 bits: the finaliser of splitmix64 (Steele, Lea and Flood, 2014).
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(serial: u64, cpu: u32) -> [u8; 61] {
        let mut bytes = [0; 61];
        fill(&mut bytes, serial, CpuId::new(cpu));
        bytes
    }

    #[test]
    fn areas_cpus_and_positions_differ() {
        let one = pattern(1, 0);
        assert_eq!(one, pattern(1, 0));
        let same = |other: [u8; 61]| one.iter().zip(other).filter(|&(a, b)| *a == b).count();
        for other in [pattern(2, 0), pattern(1, 1), pattern(0, 1)] {
            assert!(same(other) < 6, "two patterns have {} bytes in common", same(other));
        }
        let mut slipped = one;
        slipped.rotate_left(4);
        assert!(same(slipped) < 6);
    }
}
