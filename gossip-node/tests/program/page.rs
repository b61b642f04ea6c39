//! The page of a run, `simulate --html`, in a browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn simulate(options: &str, page: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gossip-node"));
    command.arg("simulate").args(options.split_whitespace()).arg("--html").arg(page).output().unwrap()
}

/// A browser that shows a page without a screen, if there is one.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok())
}

/// What a browser made of a page: its elements, and all that it logged.
struct Shown {
    dom: String,
    log: Vec<String>,
    picture: Vec<u8>,
}

impl Shown {
    /// At this second of the run.
    fn at(browser: &str, page: &Path, second: u32) -> Self {
        let picture = page.with_file_name(format!("{second}.png"));
        let output = Command::new(browser)
            // Without a sandbox, as it refuses to run as root with one: the page is our own.
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"])
            .args(["--window-size=1280,1060", "--dump-dom"])
            .arg(format!("--screenshot={}", picture.display()))
            .arg(format!("file://{}#{second}", page.display()))
            .output()
            .unwrap();
        // What the page logs, and not what the browser misses on this machine.
        let stderr = String::from_utf8_lossy(&output.stderr);
        let log = stderr.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
        let dom = String::from_utf8(output.stdout).unwrap();
        Self { dom, log, picture: fs::read(&picture).unwrap() }
    }

    /// The text of the element with this id.
    fn text(&self, id: &str) -> &str {
        let (_, after) = self.dom.split_once(&format!(" id=\"{id}\"")).unwrap();
        after.split_once('>').unwrap().1.split_once('<').unwrap().0
    }
}

#[test]
fn a_page_shows_a_partition_and_fetches_nothing() {
    let Some(browser) = browser() else {
        eprintln!("skipped: there is no Chromium to show the page");
        return;
    };
    let page = folder("page").join("page.html");
    assert_eq!(simulate("--partition halves", &page).status.code(), Some(0));
    let shown = [4, 9, 14].map(|second| Shown::at(browser, &page, second));
    // The page forbids itself to fetch anything by its policy, and a browser logs whatever breaks that.
    for Shown { dom, log, picture } in &shown {
        assert!(dom.contains("content=\"default-src 'none'; "), "it has its policy");
        assert_eq!(log, &Vec::<String>::new());
        assert!(picture.starts_with(b"\x89PNG"));
    }
    assert!(shown[0].picture != shown[1].picture && shown[1].picture != shown[2].picture);
    let texts = shown.each_ref().map(|shown| ["now", "fault", "current"].map(|id| shown.text(id)));
    assert_eq!(
        texts,
        [
            ["4.00 s ", "", "25 of 25"],
            ["9.00 s ", "12 nodes are parted from 13", "0 of 25"],
            ["14.00 s ", "", "25 of 25"],
        ]
    );
    let lost = shown.each_ref().map(|shown| shown.text("lost").parse::<u32>().unwrap());
    assert!(lost[0] == 0 && 0 < lost[1] && lost[1] <= lost[2], "{lost:?}");
}

#[test]
fn a_page_changes_nothing_on_stdout_and_says_where_it_is() {
    let page = folder("where").join("page.html");
    let small = "--nodes 5 --rate 20 --seconds 5 --quiet 8 --seeds 2 --json";
    let output = simulate(small, &page);
    let mut plain = Command::new(env!("CARGO_BIN_EXE_gossip-node"));
    let plain = plain.arg("simulate").args(small.split_whitespace()).output().unwrap();
    assert_eq!((&output.stdout, output.status.code()), (&plain.stdout, Some(0)));
    let text = fs::read_to_string(&page).unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told, format!("page                 {}, {} kB\n", page.display(), text.len().div_ceil(1_000)));
    // One run, which stands where its place is.
    assert!(!text.contains("{/* run */}") && text.matches("\"nodes\":5,").count() == 1);
}

#[test]
fn a_page_that_cannot_be_written_ends_it_before_the_run() {
    let page = folder("nowhere").join("none/page.html");
    let output = simulate("--nodes 1000 --seconds 86400", &page);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with(&format!("error: {}: ", page.display())), "{told}");
    assert_eq!((output.status.code(), output.stdout), (Some(2), vec![]));
}

#[test]
fn a_page_of_a_large_run_has_its_beginning_and_says_so() {
    let page = folder("large").join("page.html");
    let output = simulate("--nodes 60 --rate 1000 --seconds 8 --quiet 1", &page);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains(" ms alone, which is what it has room for; of fewer nodes or operations it has all\n"),
        "{told}"
    );
    let bytes = fs::metadata(&page).unwrap().len();
    assert!((1_000_000..2_000_000).contains(&bytes), "{bytes}");
}
