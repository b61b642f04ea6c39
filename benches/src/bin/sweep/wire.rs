//! The lengths of messages of a round by sketch, between replicas of a million integers: those at the time of the
//! records, so that what is run again can be laid beside them.

use gossip_core::sketch::IdWidth;

/// Elements of either side.
const COUNT: u64 = 1_000_000;

const fn varint(value: u64) -> usize {
    let bits = 64 - value.leading_zeros() as usize;
    if bits == 0 { 1 } else { bits.div_ceil(7) }
}

const DIGEST: usize = varint(COUNT) + 16;

/// How much longer proofs and verdicts were: they had a whole digest, and have 8 bytes of it since.
#[cfg(test)]
pub(crate) const LONGER: usize = DIGEST - 8;

/// Of a probe.
pub(crate) const PROBE: usize = 1 + 8 + DIGEST;

/// Of a proof.
pub(crate) const PROOF: usize = 1 + 4 + DIGEST;

/// Of a first answer, but for its deep bits, its cells and their number.
pub(crate) const HEAD: usize = 1 + 5 + DIGEST + varint(8 * COUNT);

/// What a first answer says of what its probe told.
pub(crate) const fn seen(differences: u64) -> usize {
    varint(differences) + 1
}

/// Of so many cells and their number.
pub(crate) const fn cells(count: usize) -> usize {
    varint(count as u64) + IdWidth::Bits64.cells_encoded_len(count)
}

/// Of a request for the cells from one number to another, and of its answer.
pub(crate) fn more(from: usize, to: usize) -> usize {
    let (first, count) = (varint(from as u64), to - from);
    let request = 1 + 16 + first + varint(count as u64);
    let messages = cells(count).div_ceil(MESSAGE);
    request + messages * (1 + 5 + first) + cells(count)
}

/// The budget of a message.
const MESSAGE: usize = 64 << 10;

/// Of a run of so many random ids or integers: their neighbours' distances take 1.5 bits more than is lost to order.
pub(crate) fn ids(count: usize) -> usize {
    if count == 0 {
        return 1;
    }
    let each = 65.5 - (count as f64).log2();
    varint(count as u64) + 9 + ((count - 1) as f64 * each / 8.0).ceil() as usize
}

/// What a round takes once the difference is read: the initiator sends as many elements of its own and has a proof, or
/// gives one.
pub(crate) fn ending(own: usize) -> usize {
    if own == 0 { PROOF } else { 1 + 9 + DIGEST + 1 + ids(own) + PROOF }
}

/// Round trips until both sides know, beside those for cells: an ending is half of one, or one.
pub(crate) const fn ending_trips(own: usize) -> f64 {
    if own == 0 { 0.5 } else { 1.0 }
}
