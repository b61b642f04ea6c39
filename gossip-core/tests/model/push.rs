//! A push as it is on the wire, for those who tamper with one.

use gossip_core::sim::forge;

/// The fields of a push, in their order; see "Pushes" in `PROTOCOL.md`.
#[derive(Clone, Debug)]
pub(crate) struct Push {
    /// The kind, and the cluster's tag.
    head: [u8; 5],
    /// The sender's log, and the receiver's as the sender knows it.
    pub(crate) log: u32,
    pub(crate) of: u32,
    flags: u8,
    /// Up to where the receiver has the sender's log, where the part begins after that, and where it ends after that.
    acked: u64,
    begins: u64,
    len: u64,
    /// Up to where the sender has the receiver's log.
    pub(crate) ack: u64,
    times: [u64; 3],
    pub(crate) elements: Vec<[u8; WIDTH]>,
}

/// What an element takes: those of scopes with pushes are all of one length.
pub(crate) const WIDTH: usize = 8;

/// The form of elements that are no numbers, all of so many bytes.
const ENCODED: u8 = 0x83 + WIDTH as u8;

impl Push {
    /// # Panics
    ///
    /// If these bytes are no push of ours, which a replica sent.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let head = take(&mut rest);
        let [log, of] = [(); 2].map(|()| u32::from_le_bytes(take(&mut rest)));
        let [flags] = take(&mut rest);
        let mut number = || forge::take_varint(&mut rest).expect("a push");
        let [acked, begins, len, ack] = [(); 4].map(|()| number());
        let times = [(); 3].map(|()| number());
        let count = number();
        if count > 0 {
            assert_eq!(take(&mut rest), [ENCODED]);
        }
        let elements = (0..count).map(|_| take(&mut rest)).collect();
        assert!(rest.is_empty(), "{rest:?} is left");
        Self { head, log, of, flags, acked, begins, len, ack, times, elements }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { head, log, of, flags, acked, begins, len, ack, times, elements } = self;
        let mut out = [&head[..], &log.to_le_bytes(), &of.to_le_bytes(), &[*flags]].concat();
        for number in [acked, begins, len, ack].into_iter().chain(times) {
            forge::put_varint(&mut out, *number);
        }
        forge::put_varint(&mut out, elements.len() as u64);
        if !elements.is_empty() {
            out.push(ENCODED);
        }
        out.extend(elements.iter().flatten());
        out
    }

    /// Where the part begins and ends in the sender's log.
    pub(crate) const fn part(&self) -> [u64; 2] {
        let from = self.acked + self.begins;
        [from, from + self.len]
    }

    /// An acknowledgement of as many elements, by whoever sent this.
    pub(crate) fn acknowledging(&self, of: u32, ack: u64) -> Self {
        let mut push = self.clone();
        (push.flags, push.acked, push.begins, push.len) = (0, 0, 0, 0);
        (push.of, push.ack, push.times) = (of, ack, [0; 3]);
        push.elements.clear();
        push
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (first, rest) = bytes.split_first_chunk().expect("a push");
    *bytes = rest;
    *first
}

#[test]
fn what_is_read_is_written_alike() {
    // The example of the protocol, but for its element.
    let example = [
        "19f8bc668cdf355897ed2d0a9102030002", // its head to where the part ends
        "04a2023c6e018b0102030405060708",
    ]
    .concat();
    let bytes: Vec<u8> =
        (0..example.len()).step_by(2).map(|at| u8::from_str_radix(&example[at..at + 2], 16).unwrap()).collect();
    let push = Push::decode(&bytes);
    assert_eq!((push.part(), push.ack, push.elements.len()), ([3, 5], 4, 1));
    assert_eq!(push.encode(), bytes);
}
