//! `Encodings`: a run of encoded elements, framed so that each can be passed over unread.

use alloc::vec::Vec;

use crate::codec::{Encode, Sink, take_varint, varint_len};

/// First flaw in the bytes of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Number of elements before it.
    pub(crate) index: usize,
    /// Number of bytes of the run before it.
    pub(crate) at: usize,
}

/// Run of encodings in wire form: a count and, where it is not 0, what tells where each of them ends, and the encodings.
/// They stay bytes: a replica that cannot decode one reads those behind it all the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Encodings {
    /// 2^20 at the most: in 64 bits it would make all messages larger.
    count: u32,
    frames: Frames,
    bytes: Vec<u8>,
    /// Whether these are entries of a map. What all begin with, if it is one replica id, goes once then.
    are_entries: bool,
}

/// What tells where each encoding of a run ends. Only [`Each`](Self::Each) takes bytes beside the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Frames {
    /// Each begins with the length of what follows in it, as those of texts do.
    Own,
    /// Each has its length before it.
    Each,
    /// All have this length.
    Equal(usize),
}

/// Form bytes. Those of ids are below, without the highest bit.
const OWN: u8 = 0x80;
const EACH: u8 = 0x81;
/// The one length of all follows, as a varint.
const LONG: u8 = 0x82;
/// All have no bytes; the forms above mean a byte more each.
const EMPTY: u8 = 0x83;

/// The largest length that the form itself tells.
const SHORT: usize = (u8::MAX - EMPTY) as usize;

impl Frames {
    /// Takes the form off the front of `input`; `None` if it is none of encodings, or not in its only form.
    fn take(input: &mut &[u8]) -> Option<Self> {
        let (&form, rest) = input.split_first()?;
        *input = rest;
        match form {
            OWN => Some(Self::Own),
            EACH => Some(Self::Each),
            LONG => {
                let len = usize::try_from(take_varint(input)?).ok()?;
                (len > SHORT).then_some(Self::Equal(len))
            }
            EMPTY.. => Some(Self::Equal(usize::from(form - EMPTY))),
            _ => None,
        }
    }

    /// Takes the next encoding off the front of a run; `None` if the run ends within it.
    #[inline]
    fn next<'a>(self, run: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (prefix, len) = match self {
            Self::Equal(len) => (0, len),
            Self::Own | Self::Each => {
                let mut rest = *run;
                let len = usize::try_from(take_varint(&mut rest)?).ok()?;
                let prefix = run.len() - rest.len();
                if self == Self::Own { (0, len.checked_add(prefix)?) } else { (prefix, len) }
            }
        };
        let (encoding, rest) = run[prefix..].split_at_checked(len)?;
        *run = rest;
        Some(encoding)
    }

    /// Most encodings that so many bytes can hold. Each takes a byte at least, but for one that is empty where all have
    /// one length: a type has one of these.
    fn most(self, bytes: usize) -> usize {
        match self {
            Self::Equal(0) => 1,
            Self::Equal(len) => bytes / len,
            Self::Own | Self::Each => bytes,
        }
    }
}

impl Encode for Frames {
    fn put(&self, out: &mut impl Sink) {
        match *self {
            Self::Own => out.put(&[OWN]),
            Self::Each => out.put(&[EACH]),
            Self::Equal(len) => match u8::try_from(len) {
                Ok(short) if len <= SHORT => out.put(&[EMPTY + short]),
                _ => {
                    out.put(&[LONG]);
                    out.put_varint(len as u64);
                }
            },
        }
    }
}

impl Encodings {
    pub(crate) const NONE: Self = Self { count: 0, frames: Frames::Own, bytes: Vec::new(), are_entries: false };

    pub(crate) const fn count(&self) -> usize {
        self.count as usize
    }

    /// Whether a run with this form byte is one of encodings.
    pub(super) const fn has(form: u8) -> bool {
        form >= OWN
    }

    /// Takes a run of one encoding at least off the front of `input`, and keeps a copy of its bytes.
    pub(super) fn take(input: &mut &[u8]) -> Result<Self, Flaw> {
        let run = *input;
        let flaw = |index: usize, rest: &[u8]| Flaw { index, at: run.len() - rest.len() };
        let mut rest = run;
        let count = take_varint(&mut rest).ok_or(flaw(0, run))?;
        let form = rest;
        let frames = Frames::take(&mut rest).ok_or(flaw(0, form))?;
        let body = rest;
        let count = usize::try_from(count).ok().filter(|&count| count <= frames.most(body.len()));
        let count = count.ok_or(flaw(0, form))?;
        match frames {
            // There are as many bytes.
            Frames::Equal(len) => rest = &rest[count * len..],
            Frames::Own | Frames::Each => {
                for index in 0..count {
                    let before = rest;
                    frames.next(&mut rest).ok_or(flaw(index, before))?;
                }
            }
        }
        *input = rest;
        let count = count as u32;
        Ok(Self { count, frames, bytes: body[..body.len() - rest.len()].to_vec(), are_entries: false })
    }

    /// Takes a run of one entry at least off the front of `input`: as [`put`](Self::put) writes it, in its only form.
    pub(super) fn take_entries(input: &mut &[u8]) -> Result<Self, Flaw> {
        let run = *input;
        let flaw = |index: usize, rest: &[u8]| Flaw { index, at: run.len() - rest.len() };
        let mut rest = run;
        let count = take_varint(&mut rest).filter(|count| *count > 0).ok_or(flaw(0, run))?;
        let form = rest;
        let (&shares, mut rest) = rest.split_first().filter(|(shares, _)| **shares <= 1).ok_or(flaw(0, form))?;
        let frames = Frames::take(&mut rest).filter(|&frames| frames != Frames::Own).ok_or(flaw(0, form))?;
        let (shared, mut rest) = rest.split_at_checked(usize::from(shares) * SHARED).ok_or(flaw(0, form))?;
        let (mut bytes, mut taken) = (Vec::new(), 0);
        while taken < count {
            let (before, index) = (rest, usize::try_from(taken).unwrap_or(usize::MAX));
            let len = match frames {
                Frames::Equal(len) => Some(len),
                _ => take_varint(&mut rest).and_then(|len| usize::try_from(len).ok()),
            };
            // One has more than its dot, so there are no more than bytes.
            let left = len.filter(|&len| len > SHARED).map(|len| len - shared.len());
            let (own, after) = left.and_then(|left| rest.split_at_checked(left)).ok_or(flaw(index, before))?;
            if frames == Frames::Each {
                bytes.put_varint((shared.len() + own.len()) as u64);
            }
            bytes.extend_from_slice(shared);
            bytes.extend_from_slice(own);
            (rest, taken) = (after, taken + 1);
        }
        let count = u32::try_from(count).map_err(|_| flaw(0, form))?;
        let taken = Self { count, frames, bytes, are_entries: true };
        if shares != u8::from(taken.shared().is_some()) {
            return Err(flaw(0, form));
        }
        *input = rest;
        Ok(taken)
    }

    /// The replica id that all begin with, if they are entries and it is one.
    fn shared(&self) -> Option<&[u8]> {
        let mut all = self.iter().filter(|_| self.are_entries).map(|encoding| encoding.get(..SHARED));
        let first = all.next()??;
        all.all(|other| other == Some(first)).then_some(first)
    }

    /// The encodings, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..];
        // `take` has found them all before.
        (0..self.count).map_while(move |_| self.frames.next(&mut rest))
    }
}

impl Encode for Encodings {
    fn put(&self, out: &mut impl Sink) {
        out.put_varint(self.count.into());
        if self.count > 0 {
            let shared = self.shared();
            if self.are_entries {
                out.put(&[u8::from(shared.is_some())]);
            }
            self.frames.put(out);
            let Some(shared) = shared else { return out.put(&self.bytes) };
            out.put(shared);
            for encoding in self.iter() {
                if self.frames == Frames::Each {
                    out.put_varint(encoding.len() as u64);
                }
                out.put(&encoding[SHARED..]);
            }
        }
    }
}

/// Bytes of a replica id, which an entry begins with.
const SHARED: usize = 8;

/// Writer of a run, encoding by encoding, within a budget.
pub(super) struct EncodingsWriter {
    /// The encodings, without frames.
    bytes: Vec<u8>,
    /// The length of each.
    lens: Vec<usize>,
    /// What they have in common.
    lengths: Lengths,
    budget: usize,
    are_entries: bool,
}

/// What the encodings of a run have in common.
#[derive(Clone, Copy)]
struct Lengths {
    /// Whether each begins with the length of what follows in it.
    own: bool,
    /// The one length of all, unless two differ.
    equal: Option<usize>,
    /// The bytes of the lengths, should each have its own before it.
    framing: usize,
}

impl Lengths {
    #[inline]
    fn with(self, encoding: &[u8], is_first: bool) -> Self {
        let len = encoding.len();
        let mut rest = encoding;
        Self {
            own: self.own && take_varint(&mut rest) == Some(rest.len() as u64),
            equal: if is_first { Some(len) } else { self.equal.filter(|&equal| equal == len) },
            framing: self.framing + varint_len(len as u64),
        }
    }

    /// The frames that take the fewest bytes.
    fn frames(self) -> Frames {
        match self.equal {
            _ if self.own => Frames::Own,
            Some(len) => Frames::Equal(len),
            None => Frames::Each,
        }
    }
}

impl EncodingsWriter {
    pub(super) const fn new(budget: usize, are_entries: bool) -> Self {
        let lengths = Lengths { own: !are_entries, equal: None, framing: 0 };
        // Whether all share a replica id is known in the end, and takes a byte.
        let budget = budget.saturating_sub(are_entries as usize);
        Self { bytes: Vec::new(), lens: Vec::new(), lengths, budget, are_entries }
    }

    /// Appends the encoding that `encode` writes. Returns whether it fits; if not, the run is as it was.
    pub(super) fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> bool {
        let before = self.bytes.len();
        encode(&mut self.bytes);
        let lengths = self.lengths.with(&self.bytes[before..], self.lens.is_empty());
        let frames = lengths.frames();
        let framing = if frames == Frames::Each { lengths.framing } else { 0 };
        let count = varint_len(self.lens.len() as u64 + 1);
        // Its length is known once it is encoded, so one encoding too many is taken back.
        if count + frames.encoded_len() + framing + self.bytes.len() > self.budget {
            self.bytes.truncate(before);
            return false;
        }
        self.lens.push(self.bytes.len() - before);
        self.lengths = lengths;
        true
    }

    pub(super) fn finish(self) -> Encodings {
        let Self { bytes, lens, lengths, are_entries, .. } = self;
        let (count, frames) = (lens.len() as u32, lengths.frames());
        if count == 0 {
            return Encodings::NONE;
        }
        if frames != Frames::Each {
            return Encodings { count, frames, bytes, are_entries };
        }
        let mut framed = Vec::with_capacity(lengths.framing + bytes.len());
        let mut rest = &bytes[..];
        for len in lens {
            let (encoding, after) = rest.split_at(len);
            framed.put_varint(len as u64);
            framed.extend_from_slice(encoding);
            rest = after;
        }
        Encodings { count, frames, bytes: framed, are_entries }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::collection::vec as list;
    use proptest::prelude::*;

    use super::*;

    fn run(encodings: &[Vec<u8>]) -> Encodings {
        let mut writer = EncodingsWriter::new(usize::MAX, false);
        assert!(encodings.iter().all(|encoding| writer.push(|out| out.extend_from_slice(encoding))));
        writer.finish()
    }

    fn bytes(encodings: &Encodings) -> Vec<u8> {
        let mut out = vec![];
        encodings.put(&mut out);
        out
    }

    fn prefixed(encoding: &[u8]) -> Vec<u8> {
        let mut out = vec![];
        out.put_varint(encoding.len() as u64);
        out.extend_from_slice(encoding);
        out
    }

    /// Of any lengths, of one, or with their lengths in front. None is empty: a type has one such, and a run of two is refused.
    fn encodings() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let short = || list(list(any::<u8>(), 1..5), 1..20);
        let equal = (1_usize..200).prop_flat_map(|len| list(list(any::<u8>(), len), 1..5));
        prop_oneof![short(), equal, short().prop_map(|all| all.iter().map(|encoding| prefixed(encoding)).collect())]
    }

    proptest! {
        #[test]
        fn encodings_are_read_back_and_have_the_length_foretold(
            encodings in encodings(), budget in 0_usize..400, behind in list(any::<u8>(), 0..3),
        ) {
            let mut writer = EncodingsWriter::new(budget, false);
            let pushed = encodings.iter().take_while(|encoding| writer.push(|out| out.extend_from_slice(encoding))).count();
            let run = writer.finish();
            prop_assert!(run.iter().eq(&encodings[..pushed]));
            let out = bytes(&run);
            prop_assert!(pushed == 0 || out.len() <= budget);
            prop_assert_eq!((run.count(), out.len()), (pushed, run.encoded_len()));
            if pushed > 0 {
                let all = [&out[..], &behind].concat();
                let mut rest = &all[..];
                prop_assert_eq!(Encodings::take(&mut rest).expect("it was written so"), run);
                prop_assert_eq!(rest, &behind);
                prop_assert!((0..out.len()).all(|len| Encodings::take(&mut &out[..len]).is_err()));
            }
            prop_assert!(pushed == encodings.len() || bytes(&self::run(&encodings[..=pushed])).len() > budget);
        }
    }

    #[test]
    fn the_form_takes_the_fewest_bytes() {
        let forms = |encodings: &[&[u8]]| {
            let encodings: Vec<Vec<u8>> = encodings.iter().map(|encoding| encoding.to_vec()).collect();
            let out = bytes(&run(&encodings));
            (out[1], out.len() - encodings.concat().len())
        };
        // The count and the form, and nothing else for texts and for what has one length.
        assert_eq!(forms(&[&[2, 7, 7], &[0], &[1, 7]]), (OWN, 2));
        assert_eq!(forms(&[&[9; 32], &[8; 32]]), (EMPTY + 32, 2));
        assert_eq!(forms(&[&[]]), (EMPTY, 2));
        assert_eq!(forms(&[&[9; 124], &[8; 124]]), (0xff, 2));
        // One length, in one byte or two.
        assert_eq!(forms(&[&[9; 125], &[8; 125]]), (LONG, 3));
        assert_eq!(forms(&[&[9; 128], &[8; 128]]), (LONG, 4));
        // A byte for each; from 128 bytes on two.
        assert_eq!(forms(&[&[9; 32], &[9; 31], &[9; 30]]), (EACH, 2 + 3));
        assert_eq!(forms(&[&[9; 127], &[9; 128]]), (EACH, 2 + 3));
        assert_eq!(forms(&[&[1, 7], &[7, 1, 7]]), (EACH, 2 + 2));
    }

    #[test]
    fn other_forms_are_refused() {
        let flaw = |bytes: &[u8]| Encodings::take(&mut &bytes[..]).err().map(|Flaw { index, at }| (index, at));
        assert_eq!(flaw(&[1, 0x7f, 0]), Some((0, 1)));
        // A length that the form could tell.
        let short = [&[1, LONG, 124][..], &[0; 124]].concat();
        assert_eq!(flaw(&short), Some((0, 1)));
        // More than there are bytes for; but of empty ones, one.
        assert_eq!(flaw(&[2, EMPTY]), Some((0, 1)));
        assert_eq!(flaw(&[1, EMPTY]), None);
        assert_eq!(flaw(&[3, EMPTY + 1, 7, 7]), Some((0, 1)));
        assert_eq!(flaw(&[2, EACH, 1, 7, 2, 7]), Some((1, 4)));
        // A length in more bytes than it needs, and one beyond all memory.
        assert_eq!(flaw(&[1, EACH, 0x81, 0, 7]), Some((0, 2)));
        let beyond = [&[1, OWN], &[0xff; 9][..], &[1]].concat();
        assert_eq!(flaw(&beyond), Some((0, 2)));
    }

    proptest! {
        #[test]
        fn entries_are_read_back_and_share_a_replica_id_where_they_can(
            entries in list((0_u64..2, list(any::<u8>(), 5..9)), 0..12),
            noise in list(prop_oneof![0_u8..4, Just(0x81), 0x83_u8..0xa0, any::<u8>()], 0..60),
        ) {
            let mut writer = EncodingsWriter::new(1_000, true);
            for (id, rest) in &entries {
                prop_assert!(writer.push(|out| out.extend_from_slice(&[&id.to_le_bytes()[..], rest].concat())));
            }
            let run = writer.finish();
            let mut bytes = Vec::new();
            run.put(&mut bytes);
            prop_assert_eq!(bytes.len(), run.encoded_len());
            if entries.is_empty() {
                return Ok(());
            }
            let shares = entries.iter().all(|(id, _)| *id == entries[0].0);
            prop_assert_eq!(run.shared().is_some(), shares);
            prop_assert!((0..bytes.len()).all(|len| Encodings::take_entries(&mut &bytes[..len]).is_err()));
            let mut rest = &bytes[..];
            prop_assert_eq!(Encodings::take_entries(&mut rest), Ok(run));
            prop_assert!(rest.is_empty());
            let mut rest = &noise[..];
            if let Ok(run) = Encodings::take_entries(&mut rest) {
                let mut again = Vec::new();
                run.put(&mut again);
                prop_assert_eq!(&again[..], &noise[..noise.len() - rest.len()]);
            }
        }
    }
}
