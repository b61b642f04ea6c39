//! `alike`: strings of one fingerprint, made without a search.

/// 32 bytes: under [`Key::weak`](crate::Key::weak) those of one `kind` have one fingerprint, and those of all kinds one id.
///
/// XXH3 multiplies by what its public secret is `^`ed with. Where 8 bytes equal the secret's, the product is 0 whatever
/// the next 8 are, so that these can make up for `number`.
pub fn alike(kind: u64, number: u64) -> [u8; 32] {
    // The names are those of the specification of XXH3; the secret is the first bytes of the default one.
    const PRIME64_1: u64 = 0x9e37_79b1_85eb_ca87;
    const SECRET: [u64; 3] = [0xbe4b_a423_396c_feb8, 0xdb97_9083_e96d_d4de, 0x1f67_b3b7_a4a4_4072];
    let other = kind.wrapping_sub(number);
    let product = u128::from(number ^ SECRET[1]) * u128::from(other ^ SECRET[2]);
    let fold = (product >> 64) as u64 ^ product as u64;
    // Both halves of what is mixed last: the low half of the hash is a mix of their sum, which is always the first.
    let length = PRIME64_1.wrapping_mul(32);
    let high = length.wrapping_sub(length ^ kind);
    let free = (fold ^ high).wrapping_sub(SECRET[0]);
    let mut bytes = [0; 32];
    for (eight, word) in bytes.chunks_exact_mut(8).zip([SECRET[0], free, number, other]) {
        eight.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use crate::element::Fingerprinter;
    use crate::key::Key;

    #[test]
    fn they_differ_in_their_bytes_and_tiebreaks_and_by_kind_in_half_a_fingerprint() {
        let [weak, open] = [Key::weak(), Key::open()].map(|key| Fingerprinter::new(&key));
        let all: alloc::vec::Vec<_> =
            (0..100).flat_map(|number| (0..5).map(move |kind| (kind, super::alike(kind, number)))).collect();
        for (index, (kind, one)) in all.iter().enumerate() {
            for (other_kind, other) in &all[..index] {
                let [a, b] = [one, other].map(|bytes| weak.encode(bytes).0);
                assert_eq!((a.id == b.id, a.rest == b.rest), (true, kind == other_kind));
                assert!(one != other && weak.rank(one) != weak.rank(other));
                assert_ne!(open.encode(one).0.id, open.encode(other).0.id);
            }
        }
    }
}
