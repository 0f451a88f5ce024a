use quorate_vocabulary::{GroupId, Position};
use sha2::{Digest, Sha256};

/// What the seed is derived under, so that no other use of SHA-256 over the same bytes gives it.
const DOMAIN: &[u8] = b"quorate:machine/host#random@1";

/// The numbers that `host.random` gives to one call: the same on every replica, and no secret.
///
/// The seed is the first eight bytes, little-endian, of the SHA-256 of [`DOMAIN`], the number of the group, the
/// index and the ordinal (all little-endian, 8, 8 and 4 bytes). The stream is SplitMix64 from that seed (Steele, Lea
/// and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(crate) struct RandomStream(u64);

impl RandomStream {
    pub(crate) fn new(group: GroupId, position: Position) -> Self {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(group.0.to_le_bytes())
            .chain_update(position.index.to_le_bytes())
            .chain_update(position.ordinal.to_le_bytes())
            .finalize()
            .into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Self(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // The reference values for seed 1234567.
        let mut stream = RandomStream(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| stream.next()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn every_group_index_and_ordinal_has_a_stream_of_its_own() {
        let first = |group, index, ordinal, time_ms| {
            RandomStream::new(GroupId(group), Position { index, ordinal, time_ms }).next()
        };
        let streams = [first(1, 2, 3, 0), first(2, 2, 3, 0), first(1, 3, 3, 0), first(1, 2, 4, 0)];
        for (place, stream) in streams.iter().enumerate() {
            assert!(!streams[..place].contains(stream), "{streams:?}");
        }
        assert_eq!(first(1, 2, 3, 4), first(1, 2, 3, 5), "the time has no part in it");
    }
}
