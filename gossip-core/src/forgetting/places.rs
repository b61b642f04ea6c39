//! `Places`: where the entries of a key are among the changes.

use alloc::boxed::Box;

/// Where the entries of a key are: nearly always there is one.
#[derive(Clone, Debug)]
pub(super) enum Places {
    One(usize),
    Many(Box<[usize]>),
}

impl Places {
    pub(super) fn as_slice(&self) -> &[usize] {
        match self {
            Self::One(place) => core::slice::from_ref(place),
            Self::Many(places) => places,
        }
    }

    /// `None` where there is no entry.
    pub(super) fn of(places: &[usize]) -> Option<Self> {
        match places {
            [] => None,
            [place] => Some(Self::One(*place)),
            places => Some(Self::Many(places.into())),
        }
    }
}
