//! `Sketch`: a message of cells, taken apart.

use alloc::vec::Vec;

use super::{digest, first_byte, message, nonce, take_varint, varint};
use crate::MessageKind;
use crate::sketch::{Cell, IdWidth};

/// A message of cells, taken apart.
///
/// ```
/// use gossip_core::sim::forge::{Forger, Sketch};
/// use gossip_core::sketch::Cell;
/// use gossip_core::{AntiEntropy, Config, Message, Output, Time};
///
/// let mut victim = AntiEntropy::<&str, u64>::new(Config::default(), 1);
/// victim.add_peer("n2");
/// victim.extend(0..1_000).unwrap();
/// let probe = Forger::of(&victim, &"n2").probe(1, 1_000, 7);
/// victim.receive_bytes(&"n2", &probe).unwrap();
/// let Output::Send { message, .. } = victim.poll(Time::ZERO) else { panic!("it answers") };
/// let mut sketch = Sketch::read(&message.encode()).unwrap();
/// assert_eq!(sketch.write(), message.encode());
/// sketch.cells[0] ^= Cell::new(7, 1); // now it lies
/// assert!(Message::<u64>::decode(&sketch.write()).is_ok_and(|lie| lie != message));
/// ```
#[derive(Clone, Debug)]
pub struct Sketch {
    /// Nonce of the request.
    pub nonce: [u8; 4],
    /// All flags but that of a head.
    pub flags: u8,
    /// Head, of first cells.
    pub head: Option<Head>,
    /// Number of the first cell; without meaning where there is a head.
    pub from: u64,
    /// The cells.
    pub cells: Vec<Cell>,
}

/// Head of a sketch: its sender's state, and deep bits.
///
/// ```
/// use gossip_core::sim::forge::{Head, Sketch};
/// use gossip_core::sketch::Cell;
/// use gossip_core::{Message, MessageKind};
///
/// let head = Head { count: 300, sum: 1 << 100, bytes: 2_400, deep: vec![0; 64] };
/// let sketch = Sketch { nonce: [0; 4], flags: 0, head: Some(head), from: 0, cells: vec![Cell::new(7, 1)] };
/// let message = Message::<u64>::decode(&sketch.write());
/// assert_eq!(message.map(|message| message.kind()), Ok(MessageKind::Cells));
/// ```
#[derive(Clone, Debug)]
pub struct Head {
    /// Number of elements.
    pub count: u64,
    /// The sum of their fingerprints.
    pub sum: u128,
    /// Encoded bytes of all elements.
    pub bytes: u64,
    /// Deep bits, as bytes; or, where they are [seen](Sketch::SEEN), two varints.
    pub deep: Vec<u8>,
}

impl Sketch {
    const HEAD: u8 = 1;
    /// Deep bits are wide.
    pub const WIDE_BITS: u8 = 2;
    /// Ids are narrow.
    pub const NARROW_IDS: u8 = 4;
    /// The answer ends here.
    pub const LAST: u8 = 8;
    /// There are no deep bits.
    pub const NO_BITS: u8 = 16;
    /// In the place of deep bits are an estimate and a number of cells that follow.
    pub const SEEN: u8 = 32;

    /// Returns whether a message is a head.
    pub fn is_head(message: &[u8]) -> bool {
        message.first() == Some(&first_byte(MessageKind::Cells))
            && message.get(5).is_some_and(|flags| flags & Self::HEAD > 0)
    }

    /// Takes a message apart; `None` if it is not one of cells.
    pub fn read(message: &[u8]) -> Option<Self> {
        let nonce = nonce(message)?;
        let mut rest = message.strip_prefix(&[first_byte(MessageKind::Cells)])?.get(4..)?;
        let flags = *rest.split_off_first()? & !Self::HEAD;
        let (mut head, mut from) = (None, 0);
        if Self::is_head(message) {
            let count = take_varint(&mut rest)?;
            let sum = u128::from_le_bytes(*rest.split_off(..16)?.first_chunk()?);
            let bytes = take_varint(&mut rest)?;
            // Their bytes, which no field tells: 32 bits for each of 16 levels, or 64 for all but the first.
            let deep = match flags & (Self::WIDE_BITS | Self::NO_BITS | Self::SEEN) {
                0 => 64,
                Self::WIDE_BITS => 124,
                Self::SEEN => {
                    let mut after = rest;
                    take_varint(&mut after)?;
                    take_varint(&mut after)?;
                    rest.len() - after.len()
                }
                _ => 0,
            };
            head = Some(Head { count, sum, bytes, deep: rest.split_off(..deep)?.to_vec() });
        } else {
            from = take_varint(&mut rest)?;
        }
        let count = usize::try_from(take_varint(&mut rest)?).ok()?;
        let cells = width(flags).decode_cells(count, rest)?;
        Some(Self { nonce, flags, head, from, cells })
    }

    /// The message.
    pub fn write(&self) -> Vec<u8> {
        let mut fields = match &self.head {
            Some(head) => {
                let state = [digest(head.count, head.sum), varint(head.bytes)].concat();
                [&[self.flags | Self::HEAD], &state[..], &head.deep].concat()
            }
            None => [&[self.flags], &varint(self.from)[..]].concat(),
        };
        fields.extend(varint(self.cells.len() as u64));
        width(self.flags).encode_cells(&self.cells, &mut fields);
        // The tag is left out: cells have none.
        message(MessageKind::Cells, [0; 4], self.nonce, &[&fields])
    }
}

fn width(flags: u8) -> IdWidth {
    if flags & Sketch::NARROW_IDS > 0 { IdWidth::Bits48 } else { IdWidth::Bits64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_as_it_was() {
        let cells: Vec<Cell> = (0..7).map(|id| Cell::new(id, 1)).collect();
        let head = |deep| Head { count: 300, sum: 1 << 100, bytes: 2_400, deep: [7].repeat(deep) };
        let forms =
            [(0, 64), (Sketch::WIDE_BITS, 124), (Sketch::NO_BITS, 0), (Sketch::NARROW_IDS, 64), (Sketch::SEEN, 2)];
        let heads = forms.map(|(flags, deep)| (flags, Some(head(deep))));
        for (flags, head) in heads.into_iter().chain([(0, None), (Sketch::NARROW_IDS | Sketch::LAST, None)]) {
            let sketch = Sketch { nonce: [1, 2, 3, 4], flags, head, from: 0, cells: cells.clone() };
            let bytes = sketch.write();
            assert_eq!(Sketch::is_head(&bytes), sketch.head.is_some());
            let read = Sketch::read(&bytes).expect("they are cells");
            assert_eq!((read.flags, read.from, &read.cells, read.write()), (flags, 0, &cells, bytes.clone()));
            assert_eq!(crate::Message::<u64>::decode(&bytes).map(|message| message.encode()), Ok(bytes));
        }
    }
}
