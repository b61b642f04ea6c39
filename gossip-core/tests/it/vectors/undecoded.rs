//! Messages with elements that cannot be decoded, in each form of a run: what is held then, and under which digest.

use gossip_core::sim::forge;
use gossip_core::{AntiEntropy, Element};

use super::exchanges::small;
use super::refused::give;
use super::{definition, hex, keys, row};

pub(crate) fn undecoded() -> String {
    let mut text = String::from(
        "# Messages that are taken, with encodings that do not decode. Open key, element limit 64.\n\
         # what is wrong, type, message, encodings held decoded, undecoded (- for none), digest\n",
    );
    // Each begins with its length; each has it before it; all have the one of 3 bytes.
    let [good, no_text] = [&b"\x02\xc3\xa9"[..], b"\x02\xc3\x28"];
    case::<String>(&mut text, "not-utf-8", "string", &[&[2, 0x80], good, no_text].concat(), &[good], &[no_text]);
    let apart = [&[2, 0x81, 3], good, &[3], no_text].concat();
    case::<String>(&mut text, "not-utf-8", "string", &apart, &[good], &[no_text]);
    case::<String>(&mut text, "not-utf-8", "string", &[&[2, 0x86], good, no_text].concat(), &[good], &[no_text]);
    let [short, behind, long] = [&b"\x02a"[..], b"\x01ab", b"\x81\x00a"];
    case::<String>(&mut text, "cut-short", "string", &[&[1, 0x85], short].concat(), &[], &[short]);
    case::<String>(&mut text, "bytes-behind", "string", &[&[1, 0x86], behind].concat(), &[], &[behind]);
    case::<String>(&mut text, "not-canonical", "string", &[&[1, 0x86], long].concat(), &[], &[long]);
    // 125 bytes and more have no form of their own, and are over this limit; an empty one has.
    case::<String>(&mut text, "empty", "string", &[1, 0x83], &[], &[b""]);
    case::<[u8; 9]>(&mut text, "of-8-bytes", "[u8;9]", &[&[1, 0x8b][..], &[7; 8]].concat(), &[], &[&[7; 8]]);
    text
}

/// The message has the run in it; `decoded` and `undecoded` are what a replica holds then.
fn case<E: Element>(text: &mut String, what: &str, of: &str, run: &[u8], decoded: &[&[u8]], undecoded: &[&[u8]]) {
    let [(_, open), _] = keys();
    let mut machine = AntiEntropy::<usize, E>::new(small(&open), 1);
    machine.add_peer(2);
    let message = give::<E>(run);
    assert_eq!(machine.receive_bytes(&2, &message), Ok(()), "{what}");
    let encodings: Vec<_> = machine.iter().map(forge::encoding).collect();
    assert_eq!(
        (encodings, machine.undecoded().collect::<Vec<_>>()),
        (decoded.iter().map(|bytes| bytes.to_vec()).collect(), undecoded.to_vec())
    );
    let all = decoded.iter().chain(undecoded);
    let sum = all.clone().fold(0, |sum: u128, bytes| sum.wrapping_add(definition::fingerprint_of(None, bytes)));
    let digest = machine.digest().to_string();
    assert_eq!(digest, format!("{:016x}{sum:032x}", all.count()));
    let list = |encodings: &[&[u8]]| match encodings {
        [] => "-".to_string(),
        _ => encodings.iter().map(|bytes| hex(bytes)).collect::<Vec<_>>().join(","),
    };
    row(text, format_args!("{what} {of} {} {} {} {digest}", hex(&message), list(decoded), list(undecoded)));
}
