//! The longest line, and what follows from it.

use gossip_core::MessageBudget;

/// The longest line that a node reads, in bytes without the newline, from 4 KiB to 16 MiB.
///
/// It sets the largest element and the largest message between nodes too, so that a message always fits a peer's line:
/// three quarters of what is left beside the frame, since messages travel in base64. So it must be equal on all nodes:
/// where it is not, nodes refuse each other's messages.
///
/// ```
/// use gossip_node::{MaxLine, Settings};
///
/// let mut settings = Settings::default();
/// settings.max_line = MaxLine::new(64 << 10).expect("from 4 KiB to 16 MiB");
/// assert_eq!(settings.max_line.element_bytes(), 48_573);
/// assert_eq!(MaxLine::new(1_000), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxLine(usize);

impl MaxLine {
    /// The lowest limit, 4 KiB.
    pub const MIN: Self = Self(4 << 10);
    /// The highest limit, 16 MiB.
    pub const MAX: Self = Self(16 << 20);

    /// The limit of `bytes`, if it lies in the range.
    pub const fn new(bytes: usize) -> Option<Self> {
        if Self::MIN.0 <= bytes && bytes <= Self::MAX.0 { Some(Self(bytes)) } else { None }
    }

    /// The limit in bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }

    /// The largest element, as its canonical text, in bytes.
    pub const fn element_bytes(self) -> usize {
        // A message must hold one element at least, or a longest value could never be sent.
        self.message_budget().bytes() - MessageBudget::OVERHEAD - LENGTH
    }

    /// The largest message whose base64 and frame fit a line.
    pub(crate) const fn message_budget(self) -> MessageBudget {
        // Base64 writes four characters for three bytes, the last ones included: so groups of four are counted, and the
        // division comes first.
        MessageBudget::new((self.0 - LINE_FRAME) / 4 * 3)
    }

    /// The largest element as it is encoded.
    pub(crate) fn encoded_element_bytes(self) -> u32 {
        u32::try_from(self.element_bytes() + LENGTH).expect("a budget is at most 1 MiB")
    }
}

impl Default for MaxLine {
    fn default() -> Self {
        Self(1 << 20)
    }
}

/// The longest id of a node, as JSON text with its quotes, in bytes. It bounds the frame of a line between nodes.
pub(crate) const MAX_ID: usize = 256;

/// What a line between nodes holds beside the message: two ids, keys, braces.
const LINE_FRAME: usize = 2 * MAX_ID + 128;

/// The longest length in front of an element's text.
// A varint of three bytes: 21 bits, and no element has 2^21 bytes.
const LENGTH: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_outside_the_range_are_refused() {
        assert_eq!(MaxLine::new(4_096), Some(MaxLine::MIN));
        assert_eq!(MaxLine::new(4_095), None);
        assert_eq!(MaxLine::new(16 << 20), Some(MaxLine::MAX));
        assert_eq!(MaxLine::new((16 << 20) + 1), None);
    }

    #[test]
    fn the_largest_message_fits_the_line_in_base64() {
        for max_line in [MaxLine::MIN, MaxLine(4_097), MaxLine(5_003), MaxLine::default(), MaxLine::MAX] {
            let budget = max_line.message_budget().bytes();
            assert!(budget.div_ceil(3) * 4 + LINE_FRAME <= max_line.bytes());
            assert!(max_line.element_bytes() > 2_000);
            assert!(max_line.element_bytes() < 1 << 21, "a length of three bytes");
        }
    }
}
