//! Element types that are not written by hand.

mod bridged;
mod derived;

use core::fmt::Debug;

use gossip_core::Element;

fn encoding<E: Element>(value: &E) -> Vec<u8> {
    let mut bytes = vec![];
    value.encode(&mut bytes);
    bytes
}

/// That a value is read back from the front of its encoding, and what else stands there is left.
fn is_read_back<E: Element + Debug>(value: &E, tail: &[u8]) {
    let bytes = [&encoding(value)[..], tail].concat();
    let mut rest = &bytes[..];
    assert_eq!(E::decode(&mut rest).as_ref(), Some(value));
    assert_eq!(rest, tail, "{value:?}");
}

/// That bytes of which a value is read are its encoding.
fn have_one_reading_or_none<E: Element + Debug>(bytes: &[u8]) {
    let mut rest = bytes;
    if let Some(value) = E::decode(&mut rest) {
        assert_eq!(encoding(&value), bytes[..bytes.len() - rest.len()], "{value:?}");
    }
}
