//! Chance that can be repeated: a number from a seed and a place, and from nothing that changes between two runs.

/// A number in `[0, 1)` for the `nth` call that the fault in place `number` of a script was meant for.
pub(super) fn draw(seed: u64, number: usize, nth: u64) -> f64 {
    let place = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = mix(mix(seed ^ place).wrapping_add(nth));
    // The upper 53 bits are what a double can hold exactly.
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_repeat_themselves() {
        let mean = (0..10_000).map(|nth| draw(7, 0, nth)).sum::<f64>() / 10_000.0;
        assert!((0.48..0.52).contains(&mean), "{mean}");
        assert!((draw(7, 1, 3) - draw(7, 1, 3)).abs() < f64::EPSILON);
        assert!((draw(7, 1, 3) - draw(7, 2, 3)).abs() > f64::EPSILON);
    }
}
