//! The page that plays a run back: one file, with all that it needs.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use gossip_node::lab::trial::Recording;

/// A page that is to be written.
#[derive(Debug)]
pub(super) struct Page {
    path: PathBuf,
    file: File,
}

/// The page without its run.
const TEMPLATE: &str = include_str!("page.html");

/// Where the run goes.
const RUN: &str = "{/* run */}";

impl Page {
    /// Before the run, so that nobody waits for one that cannot be written.
    pub(super) fn create(path: &Path) -> Result<Self, String> {
        let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes it, and says where it is.
    pub(super) fn write(mut self, recording: &Recording) -> Result<String, String> {
        let text = TEMPLATE.replacen(RUN, &recording.json(), 1);
        let path = self.path.display();
        self.file.write_all(text.as_bytes()).map_err(|error| format!("{path}: {error}"))?;
        let told = format!("page                 {path}, {} kB", text.len().div_ceil(1_000));
        Ok(match recording.is_cut_at() {
            Some(end) => format!(
                "{told}: the first {} ms alone, which is what it has room for; of fewer nodes or operations it has all",
                end.as_millis()
            ),
            None => told,
        })
    }
}
