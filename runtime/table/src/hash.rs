//! XXH64 by its [specification](https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md),
//! with seed 0: fast, and the same on every machine and in every version.

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;
const P5: u64 = 0x27D4_EB2F_1656_67C5;

/// Bytes that are taken at once.
const STRIPE: usize = 32;

/// A hash that is fed piece by piece; how the bytes are cut makes no difference.
#[derive(Clone, Debug)]
pub struct Xxh64 {
    lanes: [u64; 4],
    /// What does not fill a stripe yet.
    rest: [u8; STRIPE],
    filled: usize,
    total: u64,
}

impl Default for Xxh64 {
    fn default() -> Self {
        let lanes = [P1.wrapping_add(P2), P2, 0, 0_u64.wrapping_sub(P1)];
        Self { lanes, rest: [0; STRIPE], filled: 0, total: 0 }
    }
}

impl Xxh64 {
    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.total = self.total.wrapping_add(bytes.len() as u64);
        if self.filled > 0 {
            let taken = bytes.len().min(STRIPE - self.filled);
            self.rest[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled < STRIPE {
                return;
            }
            let rest = self.rest;
            self.stripe(&rest);
            self.filled = 0;
        }
        let (stripes, rest) = bytes.as_chunks::<STRIPE>();
        for stripe in stripes {
            self.stripe(stripe);
        }
        self.rest[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    fn stripe(&mut self, stripe: &[u8; STRIPE]) {
        for (lane, word) in self.lanes.iter_mut().zip(stripe.as_chunks::<8>().0) {
            *lane = round(*lane, u64::from_le_bytes(*word));
        }
    }

    /// The hash of all that was taken.
    #[must_use]
    pub fn finish(&self) -> u64 {
        let mut hash = if self.total >= STRIPE as u64 {
            let [a, b, c, d] = self.lanes;
            let rotated = [a.rotate_left(1), b.rotate_left(7), c.rotate_left(12), d.rotate_left(18)];
            let sum = rotated.into_iter().fold(0_u64, u64::wrapping_add);
            let merged = |hash: u64, lane: &u64| (hash ^ round(0, *lane)).wrapping_mul(P1).wrapping_add(P4);
            self.lanes.iter().fold(sum, merged)
        } else {
            P5
        };
        hash = hash.wrapping_add(self.total);
        let (words, rest) = self.rest[..self.filled].as_chunks::<8>();
        for word in words {
            let word = round(0, u64::from_le_bytes(*word));
            hash = (hash ^ word).rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
        }
        let (halves, rest) = rest.as_chunks::<4>();
        for half in halves {
            let half = u64::from(u32::from_le_bytes(*half));
            hash = (hash ^ half.wrapping_mul(P1)).rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
        }
        for byte in rest {
            hash = (hash ^ u64::from(*byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
        }
        hash = (hash ^ (hash >> 33)).wrapping_mul(P2);
        hash = (hash ^ (hash >> 29)).wrapping_mul(P3);
        hash ^ (hash >> 32)
    }
}

fn round(lane: u64, word: u64) -> u64 {
    lane.wrapping_add(word.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash(bytes: &[u8]) -> u64 {
        let mut hash = Xxh64::default();
        hash.update(bytes);
        hash.finish()
    }

    /// Sums of the reference implementation, `xxhsum -H64`.
    #[test]
    fn it_is_xxh64() {
        assert_eq!(hash(b""), 0xef46_db37_51d8_e999);
        assert_eq!(hash(b"a"), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(hash(b"abc"), 0x44bc_2cf5_ad77_0999);
        assert_eq!(hash(b"Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1);
    }

    proptest! {
        #[test]
        fn how_bytes_are_cut_makes_no_difference(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..200) {
            let (head, tail) = bytes.split_at(at.min(bytes.len()));
            let mut cut = Xxh64::default();
            cut.update(head);
            cut.update(tail);
            prop_assert_eq!(cut.finish(), hash(&bytes));
        }
    }
}
