//! Lines of bounded length.

use std::io::{self, BufRead, BufReader, Read};

/// Reads lines of at most a given length; of a longer one it keeps nothing.
///
/// ```
/// use gossip_node::{Line, Lines};
///
/// let mut lines = Lines::new(&b"short\nlonger than that\nlast"[..], 5);
/// assert_eq!(lines.next_line()?, Line::Whole(b"short".to_vec()));
/// assert_eq!(lines.next_line()?, Line::TooLong { len: 17 });
/// assert_eq!(lines.next_line()?, Line::Whole(b"last".to_vec()));
/// assert_eq!(lines.next_line()?, Line::End);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    max: usize,
}

/// The result of [`Lines::next_line`].
///
/// ```
/// use gossip_node::{Line, Lines};
///
/// let mut lines = Lines::new(&b"one\nfour\nsix\n"[..], 3);
/// let (mut whole, mut skipped) = (Vec::new(), 0);
/// loop {
///     match lines.next_line()? {
///         Line::Whole(line) => whole.push(line),
///         Line::TooLong { len } => skipped += len,
///         Line::End => break,
///     }
/// }
/// assert_eq!((whole, skipped), (vec![b"one".to_vec(), b"six".to_vec()], 5));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, without its newline.
    Whole(Vec<u8>),
    /// A line that was too long, and was skipped.
    TooLong {
        /// Its bytes, with its newline.
        len: u64,
    },
    /// There are no more lines.
    End,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `input`, those of more than `max` bytes skipped.
    pub const fn new(input: R, max: usize) -> Self {
        Self { input, max }
    }

    /// The next line. The last one needs no newline. At most `max` + 1 bytes and the input's own buffer are held.
    ///
    /// # Errors
    ///
    /// The input failed. An interrupted read is tried again.
    pub fn next_line(&mut self) -> io::Result<Line> {
        let mut line = Vec::new();
        // One byte more than a line may have: its newline, or the proof that it is too long.
        (&mut self.input).take(self.max as u64 + 1).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            Ok(Line::End)
        // The last line may end without a newline, and counts if it is no longer than others.
        } else if line.pop_if(|last| *last == b'\n').is_some() || line.len() <= self.max {
            Ok(Line::Whole(line))
        } else {
            // Skipped and not read: of 1 GiB without a newline nothing is held.
            let rest = self.input.skip_until(b'\n')?;
            Ok(Line::TooLong { len: (line.len() + rest) as u64 })
        }
    }
}

impl<R: Read> Lines<BufReader<R>> {
    /// Whether all of the next line is read, so that [`next_line`](Self::next_line) does not wait for it.
    pub fn is_next_read(&self) -> bool {
        self.input.buffer().contains(&b'\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: impl Read, max: usize, buffer: usize) -> Vec<Line> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, input), max);
        std::iter::from_fn(|| lines.next_line().ok().filter(|line| *line != Line::End)).collect()
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_to_its_newline() {
        let whole = |text: &str| Line::Whole(text.into());
        for buffer in 1..12 {
            assert_eq!(
                lines(&b"four\nfives\n\nlonger than that\nend"[..], 4, buffer),
                [whole("four"), Line::TooLong { len: 6 }, whole(""), Line::TooLong { len: 17 }, whole("end")]
            );
            assert_eq!(lines(&b"too long, no newline"[..], 4, buffer), [Line::TooLong { len: 20 }]);
            assert_eq!(lines(&b"last"[..], 4, buffer), [whole("last")]);
            assert_eq!(lines(&b""[..], 4, buffer), []);
        }
    }

    #[test]
    fn an_endless_line_is_skipped_without_being_held() {
        let input = io::repeat(b'x').take(1 << 30).chain(&b"\nafter"[..]);
        let found = lines(input, 1_000, 1 << 16);
        assert_eq!(found, [Line::TooLong { len: (1 << 30) + 1 }, Line::Whole(b"after".to_vec())]);
    }
}
