//! Reading of messages, and the errors of malformed ones.

use alloc::boxed::Box;

use super::encode::{
    DEEP_PROBE, GIVES_STATE, GIVES_TAG, HEAD, HEAD_OF_NO_BITS, HEAD_OF_SEEN, HEAD_OF_WIDE_BITS, LAST, LIST, NARROW_IDS,
    PLAIN_PROBE, WHOLE, WIDE_NAMES,
};
use super::{
    Answer, Asks, Batch, Body, Flags, Head, Listed, LogId, Message, MessageKind, Nonce, Part, Remarks, Request, Tells,
    Told, VERSION,
};
use crate::codec::take_varint;
use crate::config::MessageBudget;
use crate::digest::{Digest, State};
use crate::element::{ClusterTag, Element};
use crate::sketch::{DeepBits, DeepWidth, IdWidth, MAX_CELLS};
use crate::wire::{Bound, Cells, Dots, Elements, Ids, Place, WISH};

/// Flaw of bytes that are not a message. Nothing was taken from them.
///
/// ```
/// use gossip_core::{DecodeError, Message};
///
/// let refused = Message::<u64>::decode(&[0x31]).unwrap_err();
/// assert_eq!(refused, DecodeError::Version(3));
/// assert_eq!(refused.to_string(), "version 3 of the protocol is not 2, the one known here");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message is longer than any replica may send.
    #[error("a message of {0} bytes is longer than 1 MiB")]
    TooLong(usize),
    /// The message is of another version of the protocol.
    #[error("version {0} of the protocol is not 2, the one known here")]
    Version(u8),
    /// The version has no such kind.
    #[error("message kind {0} is unknown")]
    UnknownKind(u8),
    /// A field ends early or is not in its only form.
    #[error("the {field} at byte {at} is cut short or malformed")]
    Field {
        /// The field's name.
        field: &'static str,
        /// Its first byte.
        at: usize,
    },
    /// An element ends early, or what tells its end is malformed.
    #[error("element {index} at byte {at} is cut short or malformed")]
    Element {
        /// Number of elements before it.
        index: usize,
        /// Its first byte.
        at: usize,
    },
    /// An id stands for no element of the type, or an encoding for none of a type with
    /// [numbers](crate::Element::NUMBERS). So many elements are before it.
    #[error("element {0} is no number of the type")]
    Number(usize),
    /// Bytes follow the end of the message.
    #[error("{extra} bytes follow the message's end at byte {at}")]
    Trailing {
        /// The end of the message.
        at: usize,
        /// Number of bytes that follow.
        extra: usize,
    },
}

impl<E: Element> Message<E> {
    /// Reads a message. O(length). It keeps a copy of the bytes, and no number in them sizes an allocation. Elements are
    /// not decoded: [`receive`](crate::AntiEntropy::receive) does that.
    ///
    /// # Errors
    ///
    /// The first flaw and its position, for bytes that no [`encode`](Self::encode) gives.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        // Before anything is read: all that follows is O(length).
        if bytes.len() > MessageBudget::MAX.bytes() {
            return Err(DecodeError::TooLong(bytes.len()));
        }
        let mut reader = Reader { rest: bytes, len: bytes.len() };
        let first = reader.byte("version and kind")?;
        // Before the kind, which another version may have others of.
        if first >> 4 != VERSION {
            return Err(DecodeError::Version(first >> 4));
        }
        let code = first & 0xf;
        // A search of eight, so that codes stand in one table, for both directions.
        let kind = MessageKind::ALL.into_iter().find(|kind| kind.code() == code);
        let kind = kind.or(match code {
            PLAIN_PROBE | DEEP_PROBE => Some(MessageKind::Probe),
            WHOLE | LIST => Some(MessageKind::Page),
            _ => None,
        });
        let kind = kind.ok_or(DecodeError::UnknownKind(code))?;
        let body = match kind {
            MessageKind::Probe | MessageKind::WantCells | MessageKind::Repair => {
                let (tag, nonce) = (reader.tag()?, reader.nonce()?);
                let request = match kind {
                    MessageKind::WantCells => reader.want_cells()?,
                    MessageKind::Repair => Request::Repair {
                        asks: reader.asks()?,
                        wanted: reader.ids("wanted ids")?,
                        elements: reader.elements(E::IS_ENTRY)?,
                    },
                    _ if code == PLAIN_PROBE => Request::PlainProbe { digest: reader.digest()? },
                    _ if code == DEEP_PROBE => Request::DeepProbe {
                        digest: reader.digest()?,
                        deep: Box::new(reader.deep_bits(DeepWidth::Narrow)?),
                    },
                    _ => Request::Probe { digest: reader.digest()? },
                };
                Body::Request { tag, nonce, request }
            }
            MessageKind::Page if code == WHOLE => {
                let (tag, nonce) = (reader.tag()?, reader.nonce()?);
                Body::Answer { nonce, answer: Answer::Whole { tag, elements: reader.elements(E::IS_ENTRY)? } }
            }
            MessageKind::Page => {
                let (tag, nonce) = (reader.tag()?, reader.nonce()?);
                let ((window, wants_state), (from, to)) = (reader.window()?, reader.interval()?);
                let listed = match code {
                    LIST => Listed::Ids(reader.ids("listed ids")?),
                    _ => Listed::Whole(reader.elements(E::IS_ENTRY)?),
                };
                Body::Request { tag, nonce, request: Request::Page { window, wants_state, from, to, listed } }
            }
            MessageKind::Proof => {
                Body::Answer { nonce: reader.nonce()?, answer: Answer::Proof { state: reader.state_tag()? } }
            }
            MessageKind::Cells => Body::Answer { nonce: reader.nonce()?, answer: reader.cells(E::IS_ENTRY)? },
            MessageKind::Give => {
                let (tag, nonce) = (reader.tag()?, reader.nonce()?);
                let (from, to) = reader.interval()?;
                let (flags, state) = reader.flags_of_give()?;
                let wanted = if flags & 4 > 0 { Some(reader.wishes()?) } else { None };
                let (last, elements) = (flags & 2 > 0, reader.elements(E::IS_ENTRY)?);
                Body::Answer { nonce, answer: Answer::Give { tag, from, to, last, state, wanted, elements } }
            }
            MessageKind::Push => Body::Push { tag: reader.tag()?, batch: Box::new(reader.batch(E::IS_ENTRY)?) },
        };
        let remarks = if E::IS_ENTRY { Some(Box::new(reader.remarks()?)) } else { None };
        // Trailing bytes would make many messages of one, and let a later version say what this one overlooks.
        match reader.rest.len() {
            0 => Ok(Self::with(body, remarks)),
            extra => Err(DecodeError::Trailing { at: reader.at(), extra }),
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl Reader<'_> {
    fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    /// Reads one field; on an error the reader stays before it.
    fn field<T>(&mut self, field: &'static str, take: impl FnOnce(&mut &[u8]) -> Option<T>) -> Result<T, DecodeError> {
        // On a copy: an error tells where the field begins, not where reading it stopped.
        let mut rest = self.rest;
        let taken = take(&mut rest).ok_or(DecodeError::Field { field, at: self.at() })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        self.field(field, |rest| {
            let (front, after) = rest.split_first_chunk()?;
            *rest = after;
            Some(*front)
        })
    }

    fn byte(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(|[byte]| byte)
    }

    fn tag(&mut self) -> Result<ClusterTag, DecodeError> {
        self.array("cluster tag").map(ClusterTag::from_bytes)
    }

    fn nonce(&mut self) -> Result<Nonce, DecodeError> {
        self.array("nonce").map(|bytes| Nonce::from_bits(u32::from_le_bytes(bytes)))
    }

    fn state_tag(&mut self) -> Result<u64, DecodeError> {
        self.array("state's tag").map(u64::from_le_bytes)
    }

    fn want_cells(&mut self) -> Result<Request, DecodeError> {
        let state = self.state_tag()?;
        let from = self.cell("first cell", 0)?;
        Ok(Request::WantCells { state, from, count: self.cell("number of cells", from)? })
    }

    /// Reads a window and the request for a state, which comes with a window.
    fn window(&mut self) -> Result<(u16, bool), DecodeError> {
        self.field("window", |rest| {
            // The bit is the lowest, so that windows up to 63 take a byte with it.
            let field = take_varint(rest)?;
            let (window, wants_state) = (u16::try_from(field >> 1).ok()?, field & 1 == 1);
            (window > 0 || !wants_state).then_some((window, wants_state))
        })
    }

    fn digest(&mut self) -> Result<Digest, DecodeError> {
        let count = self.field("digest's count", take_varint)?;
        let sum = u128::from_le_bytes(self.array("digest's sum")?);
        Ok(Digest::from_parts(count, sum))
    }

    fn interval(&mut self) -> Result<(Bound, Bound), DecodeError> {
        Ok((self.field("interval's start", Bound::take)?, self.field("interval's end", Bound::take)?))
    }

    /// Reads the flags of a Give, and its state if it has one.
    fn flags_of_give(&mut self) -> Result<(u8, Told), DecodeError> {
        let at = self.at();
        let flags = self.byte("flags")?;
        let state = match flags & !6 {
            0 => Told::Nothing,
            GIVES_STATE => {
                Told::State(State { digest: self.digest()?, bytes: self.field("state's bytes", take_varint)? })
            }
            GIVES_TAG => Told::Tag(self.state_tag()?),
            _ => return Err(DecodeError::Field { field: "flags", at }),
        };
        Ok((flags, state))
    }

    /// Reads the wishes of a Give that has some.
    fn wishes(&mut self) -> Result<Box<Ids>, DecodeError> {
        let at = self.at();
        let wanted = self.ids("wanted ids")?;
        // Without any it would be a second form of the same.
        if wanted.count() == 0 {
            return Err(DecodeError::Field { field: "wanted ids", at });
        }
        Ok(Box::new(wanted))
    }

    /// Reads a number of cells, at most 2^20 together with `others`.
    fn cell(&mut self, field: &'static str, others: usize) -> Result<usize, DecodeError> {
        self.field(field, |rest| {
            let number = usize::try_from(take_varint(rest)?).ok()?;
            // No underflow: `others` was read by this very function, or is 0.
            (number <= MAX_CELLS - others).then_some(number)
        })
    }

    /// Reads cells, of wide names exactly where elements are entries of a map.
    fn cells(&mut self, is_wide: bool) -> Result<Answer, DecodeError> {
        let at = self.at();
        let flags = self.byte("flags")?;
        let width = match flags & (NARROW_IDS | WIDE_NAMES) {
            0 if !is_wide => IdWidth::Bits64,
            NARROW_IDS if !is_wide => IdWidth::Bits48,
            WIDE_NAMES if is_wide => IdWidth::Bits96,
            _ => return Err(DecodeError::Field { field: "flags", at }),
        };
        // The width goes with every form; all other flags exclude each other but for these six sums.
        match flags & !(NARROW_IDS | WIDE_NAMES) {
            kind @ (HEAD | HEAD_OF_WIDE_BITS | HEAD_OF_NO_BITS | HEAD_OF_SEEN) => {
                let state = State { digest: self.digest()?, bytes: self.field("state's bytes", take_varint)? };
                let tells = match kind {
                    HEAD_OF_NO_BITS => Tells::Nothing,
                    HEAD_OF_WIDE_BITS => Tells::Bits(self.deep_bits(DeepWidth::Wide)?),
                    HEAD_OF_SEEN => Tells::Seen {
                        differences: self.field("estimated difference", take_varint)?,
                        follow: self.cell("number of cells that follow", 0)?,
                    },
                    _ => Tells::Bits(self.deep_bits(DeepWidth::Narrow)?),
                };
                let follow = if let Tells::Seen { follow, .. } = tells { follow } else { 0 };
                let cells = self.run_of_cells(width, follow)?;
                Ok(Answer::Cells { part: Part::Head(Box::new(Head { state, tells })), cells })
            }
            last @ (0 | LAST) => {
                let from = self.cell("first cell", 0)?;
                let cells = self.run_of_cells(width, from)?;
                Ok(Answer::Cells { part: Part::After { from, last: last > 0 }, cells })
            }
            _ => Err(DecodeError::Field { field: "flags", at }),
        }
    }

    fn deep_bits(&mut self, width: DeepWidth) -> Result<DeepBits, DecodeError> {
        self.field("deep bits", |rest| {
            // 64 or 124 bytes: the flags tell, and no number in the message.
            let (bits, after) = rest.split_at_checked(width.encoded_len())?;
            *rest = after;
            DeepBits::decode(width, bits)
        })
    }

    fn run_of_cells(&mut self, width: IdWidth, from: usize) -> Result<Cells, DecodeError> {
        // The count may be right for the bytes and too large for the sequence.
        self.field("cells", |rest| Cells::take(rest, width).filter(|cells| cells.count() <= MAX_CELLS - from))
    }

    fn asks(&mut self) -> Result<Asks, DecodeError> {
        let at = self.at();
        match self.byte("flags")? {
            0 => Ok(Asks::Nothing),
            1 => Ok(Asks::End),
            2 => Ok(Asks::State),
            3 => Ok(Asks::Verdict(self.state_tag()?)),
            _ => Err(DecodeError::Field { field: "flags", at }),
        }
    }

    fn batch(&mut self, are_entries: bool) -> Result<Batch, DecodeError> {
        let (log, of) = (self.log()?, self.log()?);
        let flags = self.field("flags", |rest| {
            let (byte, after) = rest.split_first()?;
            *rest = after;
            Flags::of(*byte)
        })?;
        // Each is a distance from the one before; the acknowledgement is of another log.
        let acked = self.place(Place::START)?;
        let from = self.place(acked)?;
        let to = self.place(from)?;
        let ack = self.place(Place::START)?;
        let (held, age, lead) = (self.millis()?, self.millis()?, self.millis()?);
        Ok(Batch { log, of, acked, from, to, ack, held, age, lead, flags, elements: self.elements(are_entries)? })
    }

    fn remarks(&mut self) -> Result<Remarks, DecodeError> {
        let end = self.place(Place::START)?;
        let gone = self.field("gone dots", Dots::take)?;
        Ok(Remarks { end, gone, marks: self.field("marks", Dots::take)? })
    }

    /// Reads a place as a distance from another one.
    fn place(&mut self, after: Place) -> Result<Place, DecodeError> {
        self.field("place in the log", |rest| after.checked_add(usize::try_from(take_varint(rest)?).ok()?))
    }

    fn log(&mut self) -> Result<LogId, DecodeError> {
        self.array("name of the log").map(|bytes| LogId::from_bits(u32::from_le_bytes(bytes)))
    }

    fn millis(&mut self) -> Result<u32, DecodeError> {
        self.field("time", |rest| u32::try_from(take_varint(rest)?).ok())
    }

    fn ids(&mut self, field: &'static str) -> Result<Ids, DecodeError> {
        // They are shifted to the upper half of an id, which would drop the upper bits of longer ones.
        self.field(field, |rest| Ids::take(rest).ok().filter(|ids| ids.iter().all(|id| id >> WISH == 0)))
    }

    fn elements(&mut self, are_entries: bool) -> Result<Elements, DecodeError> {
        let start = self.at();
        let take = if are_entries { Elements::take_entries } else { Elements::take };
        // A flaw is told from the start of the run; the error tells it from the start of the message.
        take(&mut self.rest).map_err(|flaw| DecodeError::Element { index: flaw.index, at: start + flaw.at })
    }
}
