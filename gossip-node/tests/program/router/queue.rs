//! What is under way to one node.

use std::collections::BTreeMap;
use std::time::Instant;

/// A node's queue, as Maelstrom's network has it: in it lies whatever is for the node, of nodes and of clients, what is due
/// first before all else. Its one reader takes the first and waits with it until it is due, and takes no other meanwhile,
/// be that due earlier.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// By when it is due, then by when it was put in.
    waiting: BTreeMap<(Instant, u64), T>,
    /// What the reader waits with.
    taken: Option<(Instant, T)>,
    /// When the reader last let something go, if it came to it no later than it should have.
    let_go: Option<Instant>,
    put_in: u64,
}

impl<T> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self { waiting: BTreeMap::new(), taken: None, let_go: None, put_in: 0 }
    }

    pub(crate) fn put(&mut self, due: Instant, what: T) {
        self.waiting.insert((due, self.put_in), what);
        self.put_in += 1;
    }

    /// The next that the reader lets go by now, and when it should have. What it takes meanwhile and `stops` is none.
    pub(crate) fn next(&mut self, now: Instant, mut stops: impl FnMut(&T) -> bool) -> Option<(Instant, T)> {
        let (due, what) = loop {
            if let Some(taken) = self.taken.take() {
                break taken;
            }
            let ((due, _), what) = self.waiting.pop_first()?;
            // As it is taken, and not when it is due.
            if !stops(&what) {
                break (due, what);
            }
        };
        if due > now {
            self.taken = Some((due, what));
            return None;
        }
        let should = self.let_go.map_or(due, |before| before.max(due));
        self.let_go = Some(should);
        Some((should, what))
    }

    /// When the reader lets go what it waits with.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.taken.as_ref().map(|(due, _)| *due)
    }

    /// Takes all out that is in it.
    pub(crate) fn clear(&mut self) -> impl Iterator<Item = T> {
        let taken = self.taken.take().map(|(_, what)| what);
        taken.into_iter().chain(std::mem::take(&mut self.waiting).into_values())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What the reader lets go at this time, and when it should have, in ms.
    fn next(queue: &mut Queue<char>, start: Instant, at: u64, cut: &str) -> Option<(u64, char)> {
        let next = queue.next(start + Duration::from_millis(at), |what| cut.contains(*what));
        next.map(|(should, what)| ((should - start).as_millis() as u64, what))
    }

    #[test]
    fn whatever_comes_waits_behind_what_the_reader_has_taken() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        let put = |queue: &mut Queue<char>, due, what| queue.put(start + Duration::from_millis(due), what);
        put(&mut queue, 100, 'a');
        assert_eq!(next(&mut queue, start, 0, ""), None);
        // Due earlier, but the reader sleeps.
        put(&mut queue, 70, 'b');
        put(&mut queue, 20, 'c');
        put(&mut queue, 130, 'd');
        assert_eq!(next(&mut queue, start, 99, ""), None);
        assert_eq!(queue.deadline(), Some(start + Duration::from_millis(100)));
        let let_go: Vec<_> = std::iter::from_fn(|| next(&mut queue, start, 105, "")).collect();
        assert_eq!(let_go, [(100, 'a'), (100, 'c'), (100, 'b')]);
        assert_eq!(next(&mut queue, start, 140, ""), Some((130, 'd')));
        assert_eq!((next(&mut queue, start, 999, ""), queue.deadline()), (None, None));
    }

    #[test]
    fn a_cut_stops_what_the_reader_takes_while_it_lasts() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        let put = |queue: &mut Queue<char>, due, what| queue.put(start + Duration::from_millis(due), what);
        put(&mut queue, 100, 'a');
        assert_eq!(next(&mut queue, start, 0, ""), None);
        put(&mut queue, 110, 'b');
        put(&mut queue, 120, 'c');
        // Taken before the cut, due while it lasts; the others are taken while it lasts, or would be.
        assert_eq!(next(&mut queue, start, 100, "ab"), Some((100, 'a')));
        assert_eq!(next(&mut queue, start, 100, "ab"), None);
        assert_eq!(next(&mut queue, start, 120, "abc"), Some((120, 'c')));
        put(&mut queue, 130, 'd');
        put(&mut queue, 140, 'e');
        assert_eq!(next(&mut queue, start, 125, ""), None);
        assert_eq!(queue.clear().collect::<String>(), "de");
    }
}
