//! `Csv`: a table in the making.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// A file that takes the place of what was there, or stdout. Each row is written as it is done.
pub(crate) struct Csv {
    out: Box<dyn Write>,
    /// In percent.
    effort: usize,
}

impl Csv {
    pub(crate) fn new(path: Option<&Path>, effort: usize) -> io::Result<Self> {
        let out: Box<dyn Write> = match path {
            Some(path) => Box::new(File::create(path)?),
            None => Box::new(io::stdout()),
        };
        Ok(Self { out, effort })
    }

    /// Writes a row, or the header.
    pub(crate) fn row(&mut self, row: impl Display) -> io::Result<()> {
        self.out.write_all(format!("{row}\n").as_bytes())
    }

    /// So many trials, more or less by the effort that is wanted.
    pub(crate) fn trials(&self, usual: usize) -> usize {
        (usual * self.effort / 100).max(1)
    }
}
