//! Writes seeds into `corpus/`: the node's transcripts and the sample session, each line for line, with settings in
//! front; and sessions of two nodes. `cargo run --example seed`, in the fuzz crate.

use std::fs;
use std::path::Path;

/// As the target numbers them in the first and the last bit of the settings.
const WORKLOADS: [(&str, u8); 4] = [("broadcast", 0), ("g-set", 1), ("g-counter", 0x80), ("pn-counter", 0x81)];

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = vec![("broadcast", fs::read_to_string(here.join("../examples/sample-session.jsonl"))?)];
    let mut transcripts: Vec<_> = fs::read_dir(here.join("../tests/transcripts"))?.collect::<Result<_, _>>()?;
    transcripts.sort_by_key(|entry| entry.path());
    for transcript in transcripts {
        let transcript = fs::read_to_string(transcript.path())?;
        let workload = WORKLOADS.iter().find(|(name, _)| transcript.contains(&format!("@ workload {name}\n")));
        seeds.push((workload.map_or("broadcast", |(name, _)| name), inputs(&transcript)));
    }
    seeds.extend(pairs());
    let folder = here.join("corpus/lines");
    fs::create_dir_all(&folder)?;
    for (i, (workload, seed)) in seeds.iter().enumerate() {
        let (_, workload) = WORKLOADS.iter().find(|(name, _)| name == workload).expect("it is one of these");
        let limit = 2 * u8::from(seed.contains("1e2700"));
        // Each seed is polled another way.
        let polling = 8 * u8::from(i % 2 == 1);
        let choice = b'@' | workload | limit | polling;
        fs::write(folder.join(format!("seed-{i:03}")), [&[choice], seed.as_bytes()].concat())?;
    }
    Ok(())
}

/// What goes in, and the time that passes.
fn inputs(transcript: &str) -> String {
    let line = |line: &str| match line.split_at_checked(2) {
        Some(("> ", input)) => Some(format!("{input}\n")),
        Some(("@ ", setting)) if setting.starts_with("wait") => Some("@K\n".into()),
        _ => None,
    };
    transcript.lines().filter_map(line).collect()
}

fn pairs() -> Vec<(&'static str, String)> {
    let init = r#"{"src":"c","dest":"a","body":{"type":"init","msg_id":1,"node_id":"a","node_ids":["a","b"]}}"#;
    let talk = "@J\n#1\n@K\n#\"two\"\n~\u{1}x\n@K\n#[3]\n~Pabcdef\n@K\n#{}\n";
    let many: String = (0..40).map(|i| format!("#{i}\n")).collect();
    [
        ("broadcast", r#"broadcast","message"#),
        ("g-set", r#"add","element"#),
        ("g-counter", r#"add","msg_id":%,"delta"#),
        ("pn-counter", r#"add","msg_id":-%,"delta"#),
    ]
    .into_iter()
    .map(|(workload, request)| {
        let write = |i: u32| {
            let request = request.replace('%', &i.to_string());
            format!(r#"{{"src":"c","dest":"a","body":{{"type":"{request}":{i}}}}}"#) + "\n"
        };
        let writes: String = (20..80).map(write).collect();
        let ask = |kind: &str| format!(r#"{{"src":"c","dest":"a","body":{{"type":"{kind}","msg_id":2}}}}"#) + "\n";
        let names = ask(&"é".repeat(70)) + &ask(&"ab\\u20ac\\ud83d\\ude00".repeat(20));
        let session = format!("{init}\n{writes}{many}{talk}{names}{}{}{}", ask("read"), ask("stats"), ask("digest"));
        (workload, session)
    })
    .collect()
}
