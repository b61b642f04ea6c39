//! The secret key that the program is given: what it does, and that it shows nowhere.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

const DIGITS: &str = "00f1e2d3c4b5a6978879605142332415";

/// A file in a folder of these tests.
fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path.into_os_string().into_string().unwrap()
}

/// Runs a session with this key, everything logged; neither the key nor half of it shows in what the program says.
fn session(key_file: Option<&str>, input: &str) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_gossip-node"))
        .args(["--log", "trace"])
        .args(key_file.iter().flat_map(|path| ["--key-file", path]))
        .stdin(File::open(input).unwrap())
        .output()
        .unwrap();
    for said in [&output.stdout, &output.stderr] {
        let said = String::from_utf8_lossy(said).to_lowercase();
        assert!(!said.contains(&DIGITS[..16]) && !said.contains(&DIGITS[16..]), "{said}");
    }
    output
}

#[test]
fn a_key_changes_digests_and_nothing_else() {
    let input = file(
        "session",
        r#"{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1","n2"]}}
{"src":"c1","dest":"n1","body":{"type":"broadcast","msg_id":2,"message":42}}
{"src":"c1","dest":"n1","body":{"type":"read","msg_id":3}}
{"src":"c1","dest":"n1","body":{"type":"digest","msg_id":4}}
not a line
"#,
    );
    let replies = |key_file: Option<&str>| {
        let output = session(key_file, &input);
        assert_eq!(output.status.code(), Some(0));
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(log.lines().filter(|line| line.contains("WARN")).count(), 1, "{log}");
        let replies = String::from_utf8(output.stdout).unwrap();
        let replies: Vec<String> = replies.lines().filter(|line| line.contains("_ok")).map(Into::into).collect();
        let [init, broadcast, read, digest] = replies.try_into().expect("four of them");
        ([init, broadcast, read], digest)
    };
    let (others, open) = replies(None);
    let (same, secret) = replies(Some(&file("key", format!("{DIGITS}\n"))));
    assert_eq!(same, others);
    assert_eq!(replies(Some(&file("upper-case", DIGITS.to_uppercase()))).1, secret);
    let (_, other) = replies(Some(&file("other", DIGITS.replace("00", "01"))));
    assert!(open != secret && secret != other && other != open);
}

#[test]
fn a_bad_key_file_says_what_is_wrong_and_where_but_not_what_it_holds() {
    let input = file("nothing", "");
    let folder = env!("CARGO_TARGET_TMPDIR");
    let cases = [
        (file("empty", ""), "this ends after 0"),
        (file("short", &DIGITS[..31]), "this ends after 31"),
        (file("long", format!("{DIGITS}6")), "there is more from column 33 on"),
        (file("two", format!("{DIGITS}\n{DIGITS}\n")), "there is more from column 33 on"),
        (file("no-digit", DIGITS.replace('b', "g")), "what stands in column 11 is none"),
        (file("bytes", b"\xff\x00"), "what stands in column 1 is none"),
        (format!("{folder}/missing"), "it cannot be read"),
        (folder.into(), "it cannot be read"),
    ];
    for (path, wrong) in cases {
        let output = session(Some(&path), &input);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{path}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(&format!("'{path}' for '--key-file <FILE>'")) && said.contains(wrong), "{said}");
    }
}
