//! The body of the fuzz target `decode`: whatever decodes has one form, and whatever does not says where it goes wrong.

use gossip_core::{DecodeError, Element, Item, Message};

/// Reads `bytes` as a message of elements of several types: numbers, which travel as ids, and types that do not.
pub fn run(bytes: &[u8]) {
    check::<u64>(bytes);
    check::<char>(bytes);
    check::<String>(bytes);
    check::<[u8; 32]>(bytes);
    check::<(u8, String)>(bytes);
    check::<Item<u8, String>>(bytes);
}

fn check<E: Element>(bytes: &[u8]) {
    match Message::<E>::decode(bytes) {
        Ok(message) => has_one_form(&message, bytes),
        Err(error) => is_about(&error, bytes.len()),
    }
}

/// What decodes encodes to the same bytes, and neither fewer nor more of them are a message.
fn has_one_form<E: Element>(message: &Message<E>, bytes: &[u8]) {
    assert_eq!(message.encoded_len(), bytes.len(), "{message:?}");
    assert_eq!(message.encode(), bytes, "{message:?}");
    assert!(Message::<E>::decode(&bytes[..bytes.len() - 1]).is_err(), "{message:?} ends before its last byte");
    let longer = [bytes, &[0]].concat();
    let trailing = DecodeError::Trailing { at: bytes.len(), extra: 1 };
    assert_eq!(Message::<E>::decode(&longer), Err(trailing));
}

fn is_about(error: &DecodeError, len: usize) {
    assert!(!error.to_string().is_empty());
    match *error {
        DecodeError::TooLong(claimed) => assert_eq!(claimed, len),
        DecodeError::Field { at, .. } | DecodeError::Element { at, .. } => assert!(at <= len, "{error}"),
        DecodeError::Trailing { at, extra } => assert_eq!(at + extra, len),
        _ => {}
    }
}
