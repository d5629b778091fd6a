//! Where lines go: a file, or any writer. A line is written as a whole, if necessary in several
//! attempts.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub(super) struct Target {
    output: Output,
    /// How much of the current line is written.
    done: usize,
}

enum Output {
    Writer(Box<dyn Write + Send>),
    /// With the path by which to open it again.
    File(File, PathBuf),
}

impl Output {
    fn get(&mut self) -> &mut dyn Write {
        match self {
            Self::Writer(writer) => writer,
            Self::File(file, _) => file,
        }
    }
}

impl Target {
    pub(super) fn to(writer: impl Write + Send + 'static) -> Self {
        Self { output: Output::Writer(Box::new(writer)), done: 0 }
    }

    pub(super) fn file(path: PathBuf) -> io::Result<Self> {
        Ok(Self { output: Output::File(open(&path)?, path), done: 0 })
    }

    /// Opens the file again, if it is one. After an error, the open file stays in use.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        // A line that was begun in the previous file is written as a whole to the new one, which
        // may be the same.
        self.cut();
        let Output::File(file, path) = &mut self.output else { return Ok(()) };
        *file = open(path)?;
        self.done = 0;
        Ok(())
    }

    /// Removes the begun line from the end of a file, so that no reader meets a part of one. If
    /// that fails, or if another process has written since, it stays.
    pub(super) fn cut(&mut self) {
        let Output::File(file, _) = &mut self.output else { return };
        let mut cut = || {
            let end = file.stream_position()?;
            match (file.metadata()?.len() == end).then(|| end.checked_sub(self.done as u64)).flatten() {
                Some(start) => file.set_len(start).map(|()| true),
                None => Ok(false),
            }
        };
        if self.done > 0 && cut().is_ok_and(|is_cut: bool| is_cut) {
            self.done = 0;
        }
    }

    /// Writes the rest of `line`, normally by a single call. After an error, call it with the same
    /// line again.
    pub(super) fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        while let Some(rest) = line.get(self.done..).filter(|rest| !rest.is_empty()) {
            match self.output.get().write(rest) {
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
        self.output.get().flush()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if let Output::File(_, path) = &self.output { Some(path) } else { None };
        f.debug_struct("Target").field("path", &path).finish_non_exhaustive()
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A file on which only a part of a line had room.
    fn torn(path: &Path) -> Target {
        let mut target = Target::file(path.to_owned()).unwrap();
        target.write_line(b"one\n").unwrap();
        target.output.get().write_all(b"tw").unwrap();
        target.done = 2;
        target
    }

    #[test]
    fn no_half_line_stays_behind() {
        let name = |end: &str| std::env::temp_dir().join(format!("audit-target-{}{end}", std::process::id()));
        let (path, renamed) = (name(""), name(".1"));
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();

        // After a rotation, in either file.
        let mut target = torn(&path);
        std::fs::rename(&path, &renamed).unwrap();
        target.reopen().unwrap();
        target.write_line(b"two\n").unwrap();
        assert_eq!((read(&renamed), read(&path)), ("one\n".into(), "two\n".into()));
        std::fs::remove_file(&path).unwrap();

        // After the same file was opened again.
        let mut target = torn(&path);
        target.reopen().unwrap();
        target.write_line(b"two\n").unwrap();
        assert_eq!(read(&path), "one\ntwo\n");
        std::fs::remove_file(&path).unwrap();

        // If there can be no new file, the line is written as a whole to the old one.
        let mut target = torn(&path);
        std::fs::rename(&path, &renamed).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(target.reopen().is_err());
        target.write_line(b"two\n").unwrap();
        assert_eq!(read(&renamed), "one\ntwo\n");
        std::fs::remove_dir(&path).unwrap();

        // What another process has written since stays.
        let mut target = torn(&path);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"other\n").unwrap();
        target.reopen().unwrap();
        target.write_line(b"two\n").unwrap();
        assert_eq!(read(&path), "one\ntwother\ntwo\n");
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_file(&renamed).unwrap();
    }
}
