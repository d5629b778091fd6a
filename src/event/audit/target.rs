//! Where lines go: a file, or any writer. A line is written as a whole, if necessary in several
//! attempts.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub(super) struct Target {
    writer: Box<dyn Write + Send>,
    /// The file to open again, if it is one.
    path: Option<PathBuf>,
    /// How much of the current line is written.
    done: usize,
}

impl Target {
    pub(super) fn to(writer: impl Write + Send + 'static) -> Self {
        Self { writer: Box::new(writer), path: None, done: 0 }
    }

    pub(super) fn file(path: PathBuf) -> io::Result<Self> {
        Ok(Self { writer: Box::new(open(&path)?), path: Some(path), done: 0 })
    }

    /// Opens the file again, if it is one. After an error, the open file stays in use.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        self.writer = Box::new(open(path)?);
        // A line that was begun in the previous file is written as a whole to the new one.
        self.done = 0;
        Ok(())
    }

    /// Writes the rest of `line`, normally by a single call. After an error, call it with the same
    /// line again.
    pub(super) fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        while let Some(rest) = line.get(self.done..).filter(|rest| !rest.is_empty()) {
            match self.writer.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.done = self.done.saturating_add(written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.done = 0;
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Opens a file to append to. If its last line has no end, because a process was killed, it gets
/// one.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    // It names clients and perhaps their addresses.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut file = options.open(path).map_err(named)?;
    if is_torn(path) {
        file.write_all(b"\n").map_err(named)?;
    }
    Ok(file)
}

/// Returns whether this is a file whose last byte is no newline. One that cannot be read counts as
/// complete.
fn is_torn(path: &Path) -> bool {
    let last = || {
        if !path.metadata()?.is_file() {
            return Ok(None);
        }
        let mut file = File::open(path)?;
        if file.seek(SeekFrom::End(0))? == 0 {
            return Ok(None);
        }
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        io::Result::Ok(Some(last[0]))
    };
    last().is_ok_and(|last| last.is_some_and(|byte| byte != b'\n'))
}
