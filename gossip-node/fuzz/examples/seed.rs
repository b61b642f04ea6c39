//! Writes seeds into `corpus/`: the node's transcripts and the sample session, each line for line, with settings in
//! front; and sessions of two nodes. `cargo run --example seed`, in the fuzz crate.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = vec![fs::read_to_string(here.join("../examples/sample-session.jsonl"))?];
    let mut transcripts: Vec<_> = fs::read_dir(here.join("../tests/transcripts"))?.collect::<Result<_, _>>()?;
    transcripts.sort_by_key(|entry| entry.path());
    for transcript in transcripts {
        seeds.push(inputs(&fs::read_to_string(transcript.path())?));
    }
    seeds.extend(pairs());
    let folder = here.join("corpus/lines");
    fs::create_dir_all(&folder)?;
    for (i, seed) in seeds.iter().enumerate() {
        // `add` is for the workload g-set; and each seed is polled another way.
        let workload = u8::from(seed.contains(r#""add""#));
        let limit = 2 * u8::from(seed.contains("1e2700"));
        let choice = b'@' | workload | limit | 8 * u8::from(i % 2 == 1);
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

fn pairs() -> Vec<String> {
    let init = r#"{"src":"c","dest":"a","body":{"type":"init","msg_id":1,"node_id":"a","node_ids":["a","b"]}}"#;
    let talk = "@J\n#1\n@K\n#\"two\"\n~\u{1}x\n@K\n#[3]\n~Pabcdef\n@K\n#{}\n";
    let many: String = (0..40).map(|i| format!("#{i}\n")).collect();
    ["broadcast\",\"message", "add\",\"element"]
        .into_iter()
        .map(|request| {
            let write = |i: u32| format!(r#"{{"src":"c","dest":"a","body":{{"type":"{request}":{i}}}}}"#) + "\n";
            let writes: String = (20..80).map(write).collect();
            let ask = |kind: &str| format!(r#"{{"src":"c","dest":"a","body":{{"type":"{kind}","msg_id":2}}}}"#) + "\n";
            let names = ask(&"é".repeat(70)) + &ask(&"ab\\u20ac\\ud83d\\ude00".repeat(20));
            format!("{init}\n{writes}{many}{talk}{names}{}{}{}", ask("read"), ask("stats"), ask("digest"))
        })
        .collect()
}
