/// A number that depends on all of these and looks like chance (SplitMix64's finalizer).
///
/// A pure function rather than a generator: what a replica draws depends on where it is, never on what other replicas
/// of the shard have drawn before.
pub(crate) fn mix(parts: &[u64]) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    parts.iter().fold(GOLDEN, |state, &part| {
        let mut mixed = (state ^ part).wrapping_add(GOLDEN);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}
