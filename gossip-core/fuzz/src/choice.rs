//! What a script can choose.

use std::fmt;
use std::num::NonZeroU16;

use gossip_core::{Economy, Element};

use super::script::Script;

/// An element that a script can choose.
pub(crate) trait Choice: Element + Ord + fmt::Debug {
    fn choose(script: &mut Script<'_>) -> Self;

    /// One of a family, told by its number.
    fn numbered(number: u64) -> Self {
        Self::choose(&mut Script::new(&[&[8], &number.to_be_bytes()[..]].concat()))
    }
}

impl Choice for u64 {
    fn choose(script: &mut Script<'_>) -> Self {
        let bytes = script.run();
        bytes.iter().take(8).fold(0, |number, &byte| number << 8 | Self::from(byte))
    }
}

impl Choice for String {
    fn choose(script: &mut Script<'_>) -> Self {
        Self::from_utf8_lossy(script.run()).into_owned()
    }
}

impl Choice for [u8; 32] {
    fn choose(script: &mut Script<'_>) -> Self {
        let mut array = [0; 32];
        array.iter_mut().zip(script.run()).for_each(|(to, from)| *to = *from);
        array
    }
}

/// The windows a script can choose.
pub(crate) const WINDOWS: [NonZeroU16; 4] =
    [NonZeroU16::MIN, NonZeroU16::new(2).unwrap(), NonZeroU16::new(32).unwrap(), NonZeroU16::MAX];

/// The economies a script can choose. The default stands twice, so that inputs found while there were four say the same.
pub(crate) const ECONOMIES: [Economy; 4] = [Economy::Balanced, Economy::Pages, Economy::FewestBytes, Economy::Balanced];
