//! `Csv`: a table in the making.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// A file that takes the place of what was there, or stdout. Each row is written as it is done.
pub(crate) struct Csv {
    out: ::csv::Writer<Box<dyn Write>>,
    /// In percent.
    effort: usize,
}

impl Csv {
    pub(crate) fn new(path: Option<&Path>, effort: usize) -> io::Result<Self> {
        let out: Box<dyn Write> = match path {
            Some(path) => Box::new(File::create(path)?),
            None => Box::new(io::stdout()),
        };
        Ok(Self { out: ::csv::Writer::from_writer(out), effort })
    }

    /// Writes a row, or the header.
    pub(crate) fn row<C: AsRef<[u8]>>(&mut self, columns: impl IntoIterator<Item = C>) -> io::Result<()> {
        self.out.write_record(columns)?;
        self.out.flush()
    }

    /// So many trials, more or less by the effort that is wanted.
    pub(crate) fn trials(&self, usual: usize) -> usize {
        (usual * self.effort / 100).max(1)
    }
}
