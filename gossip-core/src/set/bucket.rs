//! `Bucket`: up to 15 ids in three cache lines.

/// Up to 15 ids that share their first `bits` bits, and the places of their elements in the log. Header and low halves
/// of the ids are one cache line. An insert reads that one alone, unless an id has the same low half, and writes one
/// more.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Bucket {
    pub(super) bits: u16,
    len: u16,
    // 60 bytes, with the 4 before them a cache line. The other halves are 120, two lines more.
    lows: [u32; FULL],
    rests: [Rest; FULL],
}

/// High half of an id, and the place of its element.
#[derive(Clone, Copy, Debug)]
struct Rest {
    high: u32,
    place: u32,
}

pub(super) const FULL: usize = 15;

impl Rest {
    /// The id with this low half.
    fn id(self, low: u32) -> u64 {
        u64::from(self.high) << 32 | u64::from(low)
    }
}

impl Bucket {
    pub(super) const fn new(bits: u16) -> Self {
        Self { bits, len: 0, lows: [0; FULL], rests: [Rest { high: 0, place: 0 }; FULL] }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    pub(super) fn push(&mut self, id: u64, place: u32) {
        let at = self.len();
        self.lows[at] = id as u32;
        self.rests[at] = Rest { high: (id >> 32) as u32, place };
        self.len += 1;
    }

    #[inline]
    pub(super) fn may_hold(&self, id: u64) -> bool {
        self.may_name(id, 0)
    }

    /// Returns whether an id may be `name` but for its last `width` bits; surely none is if not.
    #[inline]
    pub(super) fn may_name(&self, name: u64, width: u32) -> bool {
        // All are compared, without a branch, in a few vector instructions. Slots that are not used say wrong things
        // now and then: that costs a second look.
        let first = (name << width) as u32;
        self.lows.iter().fold(false, |found, &low| found | ((low ^ first) >> width == 0))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (u64, u32)> + Clone {
        let entries = self.lows.iter().zip(&self.rests).take(self.len());
        entries.map(|(&low, rest)| (rest.id(low), rest.place))
    }

    /// The entries whose ids are `name` but for their last `width` bits, at most 32 of them. Reads high halves only
    /// where the low ones fit.
    pub(super) fn named(&self, name: u64, width: u32) -> impl Iterator<Item = (u64, u32)> + Clone {
        let first = (name << width) as u32;
        let like = move |low: u32| u64::from(low ^ first) >> width == 0;
        let entries = self.lows.iter().zip(&self.rests).take(self.len());
        let entries = entries.filter(move |&(&low, _)| like(low)).map(|(&low, rest)| (rest.id(low), rest.place));
        entries.filter(move |&(id, _)| id >> width == name)
    }

    /// Splits on the next bit: keeps the entries with a 0, and returns a bucket of the others.
    pub(super) fn split(&mut self) -> Self {
        let mut upper = Self::new(self.bits + 1);
        // Within the high half: `Store::split` stops at 32 bits.
        let bit = 31 - u32::from(self.bits);
        let mut kept = 0;
        for at in 0..self.len() {
            // Which half is a coin toss, and a branch would be mispredicted every other time: both are written.
            let (low, rest) = (self.lows[at], self.rests[at]);
            (self.lows[kept], self.rests[kept]) = (low, rest);
            (upper.lows[at - kept], upper.rests[at - kept]) = (low, rest);
            kept += usize::from(rest.high >> bit & 1 == 0);
        }
        upper.len = self.len - kept as u16;
        self.len = kept as u16;
        self.bits += 1;
        upper
    }
}
