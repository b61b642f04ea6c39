//! `Fresh`: the newest elements of the log, looked at once for all who are sent them.

use core::iter;

use crate::config::Room;
use crate::kind::Kind;
use crate::set::Excerpt;
use crate::wire::Place;

/// An excerpt of the log for all children or neighbours. What came from one of them is left out of its batch alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Fresh {
    /// It has all elements from here on.
    from: Place,
    excerpt: Excerpt,
}

impl Fresh {
    /// The excerpt for a peer that was sent the log up to `from`.
    pub(super) fn since(&mut self, from: Place, set: &impl Kind, room: Room) -> &Excerpt {
        // Twice what goes into a message: who brought half of it is sent as much. Peers that brought more than others are
        // sent more of the log at once, so with the next message they are a little ahead.
        let is_far = !self.excerpt.is_whole() && from.since(self.from) > self.excerpt.len() / 4;
        if from < self.from || is_far {
            *self = Self { from, excerpt: Excerpt::default() };
        }
        let next = self.from.index() + self.excerpt.len();
        set.look_on(&mut self.excerpt, iter::once(next..set.end().index()), 2 * room.of_many);
        &self.excerpt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::set::Set;

    #[test]
    fn what_is_new_is_added_and_who_is_behind_or_far_ahead_begins_anew() {
        let mut set = Set::<u64>::new(&Config::default());
        let mut fresh = Fresh::default();
        let mut since = |from, len| {
            (set.len()..len).for_each(|number| _ = set.insert(number as u64));
            // Of 8 bytes each, more than 20 have no room in two messages.
            let excerpt = fresh.since(Place::new(from), &set, Room::from(80));
            (excerpt.len(), excerpt.is_whole(), fresh.from.index())
        };
        assert_eq!(since(10, 14), (4, true, 10));
        assert_eq!([since(10, 20), since(20, 20)], [(10, true, 10); 2]);
        assert_eq!(since(9, 20), (11, true, 9));
        assert_eq!([since(9, 100), since(14, 100)], [(21, false, 9); 2], "it is full");
        assert_eq!(since(15, 100), (21, false, 15), "a quarter of it is no use");
        assert_eq!(since(99, 100), (1, true, 99));
    }
}
