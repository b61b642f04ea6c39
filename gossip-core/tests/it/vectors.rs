//! What other implementations must give and take, byte for byte: a change here breaks the protocol; it is not a
//! refactor. But that when and how much a round asks for, which files named `round-of-*` show, is a choice.
//!
//! `UPDATE_VECTORS=1` rewrites the files in `vectors/` and fills the examples of `PROTOCOL.md` in anew; not the notes
//! beside them, which are to be read again.

mod batches;
mod definition;
mod exchanges;
mod maps;
mod refused;
mod undecoded;

use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use exchanges::{Exchange, ROUNDS, round, small};
use gossip_core::sim::forge;
use gossip_core::{AntiEntropy, Config, Digest, Economy, Element, Key, MessageKind};

#[test]
fn elements_have_these_tags_encodings_and_fingerprints() {
    compare("elements.txt", &elements());
}

#[test]
fn clusters_have_these_tags() {
    compare("clusters.txt", &clusters());
}

#[test]
fn sets_have_these_digests() {
    compare("digests.txt", &digests());
}

#[test]
fn sets_have_these_cells_and_deep_bits() {
    compare("sketches.txt", &definition::sketches());
}

#[test]
fn ids_have_these_runs() {
    compare("runs.txt", &runs());
}

#[test]
fn rounds_have_these_messages() {
    for name in ROUNDS {
        compare(&format!("{name}.txt"), &round(name));
    }
}

#[test]
fn a_removal_has_these_messages() {
    compare("round-of-a-removal.txt", &maps::removal());
}

/// The first page ends before the element that comes next by its tiebreak.
#[test]
fn elements_of_one_fingerprint_are_in_the_order_of_their_tiebreaks() {
    let mut ties: Vec<u64> = (0..20).map(|i| definition::tiebreak(&forge::alike(0, i))).collect();
    ties.sort_unstable();
    let messages = exchanges::alike().messages();
    let (_, _, page) = messages.iter().find(|message| message.1 == MessageKind::Page).expect("they are paged");
    // The first byte, tag, nonce, a window of one byte, the start; then the end, which has 16 bytes of the fingerprint.
    let len = usize::from(page[11]) - 1;
    let (bound, run) = page[12..].split_at(len);
    let tie = bound[16..].iter().chain(&[0; 6]).take(6).fold(0, |tie, &byte| tie << 8 | u64::from(byte));
    let listed = usize::from(run[0]);
    assert!(len > 16 && ties[listed - 1] < tie && tie <= ties[listed]);
    let encodings = run[2..].chunks(32).map(definition::tiebreak);
    assert!(encodings.eq(ties[..listed].iter().copied()));
}

#[test]
fn pushes_have_these_messages() {
    compare("pushes.txt", &batches::pushes());
}

#[test]
fn broken_messages_are_refused_and_change_nothing() {
    compare("refused.txt", &refused::refused());
}

#[test]
fn what_does_not_decode_is_held_as_it_came() {
    compare("undecoded.txt", &undecoded::undecoded());
}

/// A fenced block `hex FILE ROW` is the last column of that row, a field a line with a note behind it. Lines without a
/// note go with the one above; those at the end of an example take what is left, however long it is.
#[test]
fn examples_of_the_protocol_are_in_the_files() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("PROTOCOL.md");
    let document = std::fs::read_to_string(&path).expect("the protocol is written down");
    let (mut filled, mut lines, mut examples) = (String::new(), document.lines(), 0);
    while let Some(line) = lines.next() {
        row(&mut filled, format_args!("{line}"));
        if let ["```hex", file, number] = line.split(' ').collect::<Vec<_>>()[..] {
            let example: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            fill(&mut filled, line, &example, &last_column(file, number));
            filled.push_str("```\n");
            examples += 1;
        }
    }
    assert!(examples > MessageKind::ALL.len(), "every kind has one, and a run of ids");
    settle(
        &path,
        &filled,
        "its examples are of files in tests/vectors/: if these are right, UPDATE_VECTORS=1 fills it in",
    );
}

/// How many digits stand on a line of an example.
const DIGITS: usize = 64;

fn fill(filled: &mut String, name: &str, example: &[&str], digits: &str) {
    let fields = example.iter().rposition(|line| line.contains(' ')).map_or(0, |last| last + 1);
    let mut left = digits;
    for line in &example[..fields] {
        let (shown, note) = line.split_at(line.find(' ').unwrap_or(line.len()));
        let Some((field, rest)) = left.split_at_checked(shown.len()) else {
            panic!("{name}: the message ends before {line:?}. Split {digits} into its fields by hand");
        };
        row(filled, format_args!("{field}{note}"));
        left = rest;
    }
    let open = fields < example.len();
    assert!(open || left.is_empty(), "{name}: {left} is left. Split {digits} into its fields by hand");
    while !left.is_empty() {
        let (line, rest) = left.split_at(left.len().min(DIGITS));
        row(filled, format_args!("{line}"));
        left = rest;
    }
}

fn last_column(file: &str, row: &str) -> String {
    let text = match file {
        "runs" => runs(),
        "pushes" => batches::pushes(),
        "round-of-a-removal" => maps::removal(),
        file => round(file),
    };
    let found = text.lines().find(|line| line.split(' ').next() == Some(row));
    let found = found.and_then(|line| line.split(' ').next_back());
    found.unwrap_or_else(|| panic!("{file}.txt has no row {row}")).to_string()
}

fn compare(file: &str, found: &str) {
    let what = if file.starts_with("round-of-") {
        "when and how much to ask for may change here, as another policy has it (UPDATE_VECTORS=1); what each message \
         says may not: that breaks the protocol"
    } else {
        "a change here breaks the protocol; it is not a refactor"
    };
    settle(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file), found, what);
}

/// Compares a file with what should be in it; `UPDATE_VECTORS=1` puts it there first.
fn settle(path: &Path, found: &str, what: &str) {
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(path, found).expect("the file can be written");
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    let (mut published, mut found) = (published.lines(), found.lines());
    for number in 1.. {
        let (was, is) = (published.next(), found.next());
        assert_eq!(was, is, "{}:{number}: {what}", path.display());
        if was.is_none() {
            return;
        }
    }
}

/// The open key, and one whose secret is the bytes 0 to 15.
fn keys() -> [(&'static str, Key); 2] {
    [("open", Key::open()), ("secret", Key::secret(core::array::from_fn(|i| i as u8)))]
}

fn config(key: &Key) -> Config {
    let mut config = Config::default();
    config.key = key.clone();
    config.economy = Economy::Pages;
    config
}

fn encoding<E: Element>(element: &E) -> Vec<u8> {
    let mut bytes = vec![];
    element.encode(&mut bytes);
    bytes
}

/// The digest of a set of one is its count and its fingerprint.
fn fingerprint<E: Element>(key: &Key, element: E) -> u128 {
    let mut machine = AntiEntropy::<usize, E>::new(config(key), 0);
    machine.insert(element).expect("a small element");
    u128::from_str_radix(&machine.digest().to_string()[16..], 16).expect("a digest is hexadecimal")
}

fn id<E: Element>(key: &Key, element: E) -> u64 {
    fingerprint(key, element) as u64
}

/// Element `i` of the published sets of 32 bytes: `i` in 8 bytes, little-endian, four times.
fn bytes(i: u64) -> [u8; 32] {
    core::array::from_fn(|at| i.to_le_bytes()[at % 8])
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".into();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn row(text: &mut String, row: core::fmt::Arguments<'_>) {
    writeln!(text, "{row}").expect("a string");
}

fn elements() -> String {
    let mut text = String::from(
        "# Types and their elements. The secret key is the bytes 00 to 0f.\n\
         # type, name, type tag\n\
         # element, type, encoding, number (- if it has none), fingerprint under the open key, under the secret key\n\
         # A fingerprint is a number of 128 bits; the id is its low half, the last 16 digits.\n",
    );
    type_and_elements(&mut text, "u8", &[0_u8, 1, 255]);
    type_and_elements(&mut text, "u16", &[0_u16, 0x0102]);
    type_and_elements(&mut text, "u32", &[0_u32, 0x0102_0304]);
    type_and_elements(&mut text, "u64", &[0_u64, 1, 42, 0x0102_0304_0506_0708, u64::MAX]);
    type_and_elements(&mut text, "u128", &[0_u128, 42]);
    type_and_elements(&mut text, "i8", &[0_i8, -1]);
    type_and_elements(&mut text, "i16", &[0_i16, -1]);
    type_and_elements(&mut text, "i32", &[0_i32, -1]);
    type_and_elements(&mut text, "i64", &[0_i64, -1, i64::MIN]);
    type_and_elements(&mut text, "i128", &[0_i128, -1]);
    type_and_elements(&mut text, "bool", &[false, true]);
    type_and_elements(&mut text, "char", &['a', 'é', char::MAX]);
    type_and_elements(&mut text, "string", &["".to_string(), "a".into(), "gossip".into(), "é".repeat(100)]);
    // Of 8 bytes with their length, of 9, 16 and 17.
    let long = [7, 8, 15, 16].map(|len| vec![7; len]);
    type_and_elements(&mut text, "bytes", &[&[vec![], vec![0_u8], vec![0, 255], vec![7; 300]][..], &long].concat());
    type_and_elements(&mut text, "[u8;0]", &[[]]);
    type_and_elements(&mut text, "[u8;4]", &[[1, 2, 3, 4]]);
    type_and_elements(&mut text, "[u8;8]", &[[1, 2, 3, 4, 5, 6, 7, 8]]);
    type_and_elements(&mut text, "[u8;9]", &[[1, 2, 3, 4, 5, 6, 7, 8, 9]]);
    type_and_elements(&mut text, "[u8;32]", &[[0; 32], bytes(1)]);
    type_and_elements(&mut text, "(u64,)", &[(1_u64,)]);
    type_and_elements(&mut text, "(u8,string)", &[(1_u8, "a".to_string())]);
    type_and_elements(&mut text, "((u8,string),u64)", &[((1_u8, "a".to_string()), 2_u64)]);
    containers(&mut text);
    addresses(&mut text);
    text
}

fn containers(text: &mut String) {
    type_and_elements(text, "option(u8)", &[None, Some(7_u8)]);
    type_and_elements(text, "list(u16)", &[vec![], vec![1_u16, 2], vec![7; 200]]);
    type_and_elements(text, "list(string)", &[vec!["".to_string(), "ab".into()]]);
    type_and_elements(text, "set(u16)", &[BTreeSet::new(), [1_u16, 256].into()]);
    type_and_elements(text, "map(u8,bool)", &[BTreeMap::new(), [(1_u8, true), (2, false)].into()]);
    type_and_elements(text, "duration", &[Duration::ZERO, Duration::from_millis(1_500), Duration::MAX]);
}

fn addresses(text: &mut String) {
    let (v4, v6) = (Ipv4Addr::new(192, 0, 2, 1), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    type_and_elements(text, "ipv4", &[v4]);
    type_and_elements(text, "ipv6", &[v6]);
    type_and_elements(text, "ip", &[IpAddr::V4(v4), IpAddr::V6(v6)]);
    let scoped = SocketAddrV6::new(v6, 80, 1, 2);
    type_and_elements(text, "socket", &[SocketAddr::new(v4.into(), 80), SocketAddr::V6(scoped)]);
}

fn type_and_elements<E: Element>(text: &mut String, name: &str, samples: &[E]) {
    row(text, format_args!("type {name} {:016x}", type_tag::<E>()));
    let [(_, open), (_, secret)] = keys();
    for sample in samples {
        let number = E::NUMBERS.map_or("-".to_string(), |numbers| format!("{:016x}", (numbers.to)(sample)));
        let [open, secret] = [&open, &secret].map(|key| fingerprint(key, sample.clone()));
        // The low half of a number is no hash.
        let hashed = if E::NUMBERS.is_some() { 64 } else { 0 };
        for (found, secret) in [(open, None), (secret, Some(core::array::from_fn(|i| i as u8)))] {
            assert_eq!(found >> hashed, definition::fingerprint_of(secret, &encoding(sample)) >> hashed);
        }
        row(text, format_args!("element {name} {} {number} {open:032x} {secret:032x}", hex(&encoding(sample))));
    }
}

fn type_tag<E: Element>() -> u64 {
    // Its digits are all that shows of a tag.
    let tag: String = format!("{:?}", E::TYPE).chars().filter(char::is_ascii_digit).collect();
    tag.parse().expect("a number of 64 bits")
}

fn clusters() -> String {
    let mut text = String::from(
        "# Cluster tags, the four bytes in their order. The secret key is the bytes 00 to 0f.\n\
         # key, type, element limit, cluster tag\n",
    );
    for (name, key) in keys() {
        for limit in [0, 8, 1_024, (1 << 20) - 96] {
            cluster::<u64>(&mut text, name, &key, "u64", limit);
        }
        cluster::<[u8; 32]>(&mut text, name, &key, "[u8;32]", 1_024);
        cluster::<String>(&mut text, name, &key, "string", 1_024);
        cluster::<(u8, String)>(&mut text, name, &key, "(u8,string)", 1_024);
    }
    text
}

fn cluster<E: Element>(text: &mut String, name: &str, key: &Key, of: &str, limit: u32) {
    let mut config = config(key);
    config.max_element_bytes = limit;
    let tag = AntiEntropy::<usize, E>::new(config, 1).cluster_tag();
    let secret = (name == "secret").then(|| core::array::from_fn(|i| i as u8));
    let numbered = E::NUMBERS.is_some();
    assert_eq!(tag, definition::cluster_tag(secret, type_tag::<E>(), numbered, limit.into()));
    row(text, format_args!("{name} {of} {limit} {}", hex(&tag)));
}

fn digests() -> String {
    let mut text = String::from(
        "# Digests of sets, as text: the count in 16 digits, the sum in 32. The secret key is the bytes 00 to 0f.\n\
         # key, type, first, end, digest\n\
         # The set of u64 is the numbers from the first to before the end. Element i of [u8;32] is the number i in 8\n\
         # bytes, little-endian, four times; of string, i in decimal digits.\n",
    );
    for (name, key) in keys() {
        for (from, to) in [(0, 0), (0, 1), (0, 2), (5, 105), (0, 10_000)] {
            let mut digest = |of, digest| row(&mut text, format_args!("{name} {of} {from} {to} {digest}"));
            digest("u64", set_digest::<u64>(&key, (from..to).collect()));
            digest("[u8;32]", set_digest(&key, (from..to).map(bytes).collect()));
            digest("string", set_digest(&key, (from..to).map(|i| i.to_string()).collect()));
        }
    }
    text
}

fn set_digest<E: Element>(key: &Key, set: Vec<E>) -> Digest {
    let mut machine = AntiEntropy::<usize, E>::new(config(key), 0);
    machine.extend(set).expect("small elements");
    machine.digest()
}

fn runs() -> String {
    let mut text = String::from(
        "# Runs of ids under the open key, as messages had them. Of numbers: whole ids of those from 0 to before the\n\
         # count. Wishes: the first 32 bits of ids of [u8;32], i in 8 bytes, little-endian, four times, for i from\n\
         # 1000 to before 1000 + the count.\n\
         # name, ids, run\n",
    );
    let key = Key::open();
    let mut run = |name: String, mut ids: Vec<u64>, run: &[u8]| {
        ids.sort_unstable();
        let ids: Vec<_> = ids.iter().map(|id| format!("{id:x}")).collect();
        row(&mut text, format_args!("{name} {} {}", ids.join(","), hex(run)));
    };
    for count in [1, 2, 3, 10, 25] {
        let messages = Exchange::<u64>::between(&small(&key), [vec![1_000], (0..count).collect()]).messages();
        let (_, kind, page) = &messages[1];
        assert_eq!(*kind, MessageKind::Page);
        // The first byte, tag, nonce.
        run(format!("numbers-{count}"), (0..count).map(|i| id(&key, i)).collect(), &page[9..]);
    }
    for count in [2, 3, 4, 10, 15] {
        let theirs = (0..200).chain(1_000..1_000 + count).map(bytes).collect();
        let messages = Exchange::between(&small(&key), [(0..200).map(bytes).collect(), theirs]).messages();
        let (_, _, repair) = messages.iter().find(|message| message.1 == MessageKind::Repair).expect("a repair");
        // The first byte, tag, nonce, what it asks; and behind the run no elements.
        let wishes = (1_000..1_000 + count).map(|i| id(&key, bytes(i)) >> 32).collect();
        run(format!("wishes-{count}"), wishes, &repair[10..repair.len() - 1]);
    }
    text
}
