//! `Window`: how many messages a request of ours may have, and the answer that it asks for.

use core::num::NonZeroU16;

/// How many messages a request of ours may have, and the answer that it asks for: from 1 to
/// [`Config::window`](crate::Config::window), with which each peer begins.
///
/// A link that drops what its queue does not hold drops the end of what goes out at once, and drops it again when that is
/// repeated. A link that loses one message in ten at random loses the end of one request in a hundred twice in a row: were
/// the window halved at each loss, a first meeting of 5 MB would take 2.7 times as long there. Where three in ten are lost it is
/// smaller than it could be, and such a meeting takes 150 s in place of 80.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Window {
    most: u16,
    now: u16,
    /// Whether the last one had no end.
    was_cut: bool,
}

impl Window {
    pub(crate) const fn new(most: NonZeroU16) -> Self {
        Self { most: most.get(), now: most.get(), was_cut: false }
    }

    pub(crate) const fn now(&self) -> u16 {
        self.now
    }

    /// Notes that the end of an answer has come, whatever of it was lost before. It had so many messages with its request.
    pub(crate) fn ended(&mut self, messages: u16) {
        self.was_cut = false;
        // A probe and its proof say nothing of 32 messages. With half and not a quarter, a first meeting took a third longer
        // where 30 % are lost, since little is left of an answer that is asked for again.
        if messages > self.now / 4 {
            // Doubled, it would be too large every other time: 8.5 MB offered to a queue of 13 messages, in place of 5.2.
            self.now = self.now.saturating_add(1).min(self.most);
        }
    }

    /// Notes that an answer has come to no end in its time. So many messages went out or came.
    pub(crate) fn cut(&mut self, messages: u16) {
        // Nothing of a request alone: it was lost itself, or the peer is not there.
        if messages > 1 {
            if self.was_cut {
                self.now = (self.now / 2).max(1);
            }
            self.was_cut = !self.was_cut;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn window(most: u16) -> Window {
        Window::new(NonZeroU16::new(most).expect("some messages"))
    }

    #[test]
    fn two_answers_in_a_row_without_an_end_halve_it() {
        let mut window = window(32);
        let mut cuts = [14; 6].map(|messages| {
            window.cut(messages);
            window.now()
        });
        assert_eq!(cuts, [32, 16, 16, 8, 8, 4]);
        cuts = [2; 6].map(|messages| {
            window.cut(messages);
            window.now()
        });
        assert_eq!(cuts, [4, 2, 2, 1, 1, 1], "never less than a message");
    }

    #[test]
    fn an_end_between_them_leaves_it_as_it_is() {
        let mut window = window(32);
        for _ in 0..9 {
            window.cut(14);
            window.ended(2);
        }
        assert_eq!(window.now(), 32);
    }

    #[test]
    fn a_request_of_which_nothing_came_says_nothing() {
        let mut window = window(32);
        (0..9).for_each(|_| window.cut(1));
        window.cut(14);
        assert_eq!(window.now(), 32);
        window.cut(1);
        window.cut(14);
        assert_eq!(window.now(), 16);
    }

    #[test]
    fn it_grows_by_one_with_each_end_of_more_than_a_quarter_of_it() {
        let mut window = window(10);
        (0..2).for_each(|_| window.cut(3));
        assert_eq!(window.now(), 5);
        let mut grow = |messages| {
            window.ended(messages);
            window.now()
        };
        assert_eq!([1, 2, 2, 2, 2, 2, 3, 33, 33].map(&mut grow), [5, 6, 7, 8, 8, 8, 9, 10, 10]);
    }

    /// What it comes to on a link where of a request, and of each message of the answer, `is_lost` says whether it is lost.
    fn mean(most: u16, mut is_lost: impl FnMut(u16) -> bool) -> u32 {
        let mut window = window(most);
        let mut sum = 0;
        for _ in 0..10_000 {
            let now = window.now();
            sum += u32::from(now);
            if is_lost(0) {
                window.cut(1);
                continue;
            }
            let comes: alloc::vec::Vec<bool> = (1..=now).map(|message| !is_lost(message)).collect();
            let came = 1 + comes.iter().filter(|&&comes| comes).count() as u16;
            if comes.last() == Some(&true) { window.ended(came) } else { window.cut(came) }
        }
        sum / 10_000
    }

    #[test]
    fn it_follows_a_queue_and_not_losses_at_random() {
        assert_eq!([1, 2, 4, 13, 40].map(|queue| mean(32, |message| message > queue)), [1, 2, 3, 10, 32]);
        let mut rng = Rng::new(1);
        assert_eq!([1, 10, 20, 30].map(|percent| mean(32, |_| rng.below(100) < percent)), [31, 30, 26, 17]);
    }
}
