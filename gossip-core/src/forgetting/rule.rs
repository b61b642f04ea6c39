//! `Rule`: what a saboteur breaks.

/// A rule of a set that forgets, which a saboteur breaks: tests must catch each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "sim"), expect(unreachable_pub, reason = "`sim` lends it to tests"))]
#[non_exhaustive]
pub enum Rule {
    /// An insert of our own raises our own mark, and no other.
    OwnInsert,
    /// A mark is raised over dots that come without a gap.
    WithoutGap,
    /// The asker raises marks once each dot that it wished for is seen.
    WishesFirst,
    /// The responder raises marks if its digest with them is the asker's.
    Verdict,
    /// At the end of a walk marks are raised if what is live is the same.
    Walk,
    /// No message raises a mark by itself.
    Unasked,
    /// What is live at the peer alone and seen here is gone: the peer is told.
    TellGone,
    /// What is live at the peer alone and not seen is wished for.
    Wish,
    /// What is live here alone and seen by the peer is gone.
    Drop,
    /// What is live here alone and not seen by the peer is given.
    Give,
    /// What is gone at the peer and was not seen is noted as gone.
    TakeOver,
    /// An entry whose dot is seen is refused.
    Refuse,
    /// Pushes carry what went, so that counters have no gap.
    PushGone,
}
