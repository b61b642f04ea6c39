//! An option that is one of a few names.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// One of a few, by its name on the command line.
pub(crate) fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    shown: fn(T) -> PossibleValue,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.map(shown)).map(move |name| {
        all.into_iter().find(|&one| shown(one).get_name() == name).expect("clap lets no other name pass")
    })
}
