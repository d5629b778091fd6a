//! Splits a command as a shell does (POSIX, and `$'..'` of bash). Nothing is run or expanded.

/// The most words of a command.
const MOST: usize = 10_000;

const FOR_CMD: &str = "the curl line is written for cmd.exe: copy it for bash";
const FOR_POWERSHELL: &str = "the curl line is written for PowerShell: copy it for bash";

/// What word processors and web pages put in place of spaces, quotation marks and hyphens.
const TYPOGRAPHIC: [char; 7] = ['\u{A0}', '\u{2018}', '\u{2019}', '\u{201C}', '\u{201D}', '\u{2013}', '\u{2014}'];

/// The first command of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) words: Vec<Word>,
    /// What a shell would have left out.
    pub(super) notes: Vec<String>,
    /// Whether another `curl` follows the command.
    pub(super) more: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) bytes: Vec<u8>,
    /// What a shell would have run or replaced in it, if anything.
    pub(super) unread: Option<String>,
}

/// Splits a text that begins at the line with this number.
pub(super) fn split(text: &str, line: usize) -> Result<Command, String> {
    // What was copied from a terminal of Windows ends its lines with CRLF.
    let text = text.replace("\r\n", "\n");
    let mut splitter = Splitter { text: text.as_bytes(), line, ..Splitter::default() };
    let more = splitter.run()?;
    Ok(Command { words: splitter.words, notes: splitter.notes, more })
}

#[derive(Default)]
struct Splitter<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    /// The word that has begun. A pair of quotation marks begins an empty one.
    word: Option<Vec<u8>>,
    /// What is not read in it.
    unread: Option<String>,
    words: Vec<Word>,
    /// Whether the next word is the file of a redirection.
    skip: bool,
    notes: Vec<String>,
}

impl Splitter<'_> {
    /// Reads to the end of the command, and returns whether another `curl` follows it.
    fn run(&mut self) -> Result<bool, String> {
        while let Some(byte) = self.next() {
            match byte {
                b' ' | b'\t' => self.end_word()?,
                b'\n' | b';' | b'|' | b'&' | b')' => {
                    self.end_word()?;
                    if !self.words.is_empty() {
                        return Ok(self.ends_with(byte));
                    }
                }
                b'#' if self.word.is_none() => self.skip_line(),
                b'<' | b'>' => self.redirect()?,
                b'^' if self.peek().is_some_and(|byte| b"\"&%|<>^\n".contains(&byte)) => return Err(FOR_CMD.to_owned()),
                b'`' if self.peek() == Some(b'\n') => return Err(FOR_POWERSHELL.to_owned()),
                b'\'' => self.single()?,
                b'"' => self.double()?,
                b'\\' => self.escaped(),
                b'$' if self.peek() == Some(b'\'') => self.ansi()?,
                b'$' if self.peek() == Some(b'"') => {}
                b'$' => self.dollar()?,
                b'`' => self.backtick()?,
                other => self.plain(other)?,
            }
        }
        self.end_word()?;
        Ok(false)
    }

    /// Returns whether another `curl` follows. An ampersand in a URL or a form is often meant to be
    /// a part of it.
    fn ends_with(&mut self, byte: u8) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let sticks = rest.first().is_some_and(|next| !next.is_ascii_whitespace() && *next != b'&');
        if byte == b'&' && sticks {
            let line = self.line;
            self.notes.push(format!("line {line}: an & without quotation marks ends the command for a shell"));
        }
        rest.split(u8::is_ascii_whitespace).any(|word| word == b"curl")
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn push(&mut self, byte: u8) {
        self.word.get_or_insert_default().push(byte);
    }

    fn plain(&mut self, byte: u8) -> Result<(), String> {
        let is_typographic = |mark: &char| {
            let mut bytes = [0; 4];
            let mark = mark.encode_utf8(&mut bytes).as_bytes();
            self.text.get(self.at - 1..).is_some_and(|rest| rest.starts_with(mark))
        };
        if byte >= 0x80 && TYPOGRAPHIC.iter().any(is_typographic) {
            let line = self.line;
            return Err(format!(
                "line {line}: a typographic space, quotation mark or dash: expected that of a keyboard"
            ));
        }
        self.push(byte);
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), String> {
        let Some(bytes) = self.word.take() else { return Ok(()) };
        let unread = self.unread.take();
        if !std::mem::take(&mut self.skip) {
            self.words.push(Word { bytes, unread });
        }
        match self.words.len() > MOST {
            true => Err(format!("the curl line has more than {MOST} words")),
            false => Ok(()),
        }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    /// Leaves out a redirection, such as `> file` and `2>&1`.
    fn redirect(&mut self) -> Result<(), String> {
        let is_number = |word: &Vec<u8>| word.iter().all(u8::is_ascii_digit);
        if self.word.as_ref().is_some_and(is_number) {
            self.word = None;
        }
        self.end_word()?;
        while self.peek().is_some_and(|byte| b"<>&|".contains(&byte)) {
            self.at += 1;
        }
        self.skip = true;
        Ok(())
    }

    fn escaped(&mut self) {
        match self.next() {
            Some(b'\n') => {}
            Some(byte) => self.push(byte),
            None => self.push(b'\\'),
        }
    }

    fn single(&mut self) -> Result<(), String> {
        let line = self.line;
        self.word.get_or_insert_default();
        loop {
            match self.next().ok_or_else(|| unclosed(line))? {
                b'\'' => return Ok(()),
                byte => self.push(byte),
            }
        }
    }

    fn double(&mut self) -> Result<(), String> {
        let line = self.line;
        self.word.get_or_insert_default();
        loop {
            match self.next().ok_or_else(|| unclosed(line))? {
                b'"' => return Ok(()),
                b'\\' => self.escaped_in_double(),
                b'$' => self.dollar()?,
                b'`' => self.backtick()?,
                b'^' if self.peek().is_some_and(|byte| b"&%\n".contains(&byte)) => return Err(FOR_CMD.to_owned()),
                byte => self.push(byte),
            }
        }
    }

    fn escaped_in_double(&mut self) {
        match self.peek() {
            Some(byte) if b"$`\"\\\n".contains(&byte) => self.escaped(),
            _ => self.push(b'\\'),
        }
    }

    /// Copies `$(..)`, `${..}` and `$NAME` as they are.
    fn dollar(&mut self) -> Result<(), String> {
        let line = self.line;
        self.push(b'$');
        match self.peek() {
            Some(b'(') => {
                self.unread("$(..) is not run");
                self.copy_to(b')', line)
            }
            Some(b'{') => {
                self.unread("${..} is not replaced");
                self.copy_to(b'}', line)
            }
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                self.unread("a variable is not replaced");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn backtick(&mut self) -> Result<(), String> {
        let line = self.line;
        self.unread("`..` is not run");
        self.push(b'`');
        loop {
            let byte = self.next().ok_or_else(|| unclosed(line))?;
            self.push(byte);
            if byte == b'`' {
                return Ok(());
            }
        }
    }

    fn unread(&mut self, what: &str) {
        let line = self.line;
        self.unread.get_or_insert_with(|| format!("line {line}: {what}"));
    }

    /// Copies to the parenthesis or brace that closes this one.
    fn copy_to(&mut self, close: u8, line: usize) -> Result<(), String> {
        let open = self.peek();
        let mut depth = 0_usize;
        loop {
            let byte = self.next().ok_or_else(|| unclosed(line))?;
            self.push(byte);
            if Some(byte) == open {
                depth += 1;
            } else if byte == close {
                depth -= 1;
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Reads `$'..'`, whose escapes are those of C.
    fn ansi(&mut self) -> Result<(), String> {
        let line = self.line;
        self.at += 1;
        self.word.get_or_insert_default();
        loop {
            match self.next().ok_or_else(|| unclosed(line))? {
                b'\'' => return Ok(()),
                b'\\' => self.ansi_escape(),
                byte => self.push(byte),
            }
        }
    }

    fn ansi_escape(&mut self) {
        let Some(letter) = self.next() else { return };
        match letter {
            b'a' => self.push(0x07),
            b'b' => self.push(0x08),
            b'e' | b'E' => self.push(0x1B),
            b'f' => self.push(0x0C),
            b'n' => self.push(b'\n'),
            b'r' => self.push(b'\r'),
            b't' => self.push(b'\t'),
            b'v' => self.push(0x0B),
            b'x' => self.ansi_byte(16, 2),
            b'u' => self.ansi_char(4),
            b'U' => self.ansi_char(8),
            b'0'..=b'7' => {
                self.at -= 1;
                self.ansi_byte(8, 3);
            }
            b'\\' | b'\'' | b'"' | b'?' => self.push(letter),
            other => self.word.get_or_insert_default().extend([b'\\', other]),
        }
    }

    fn ansi_byte(&mut self, radix: u32, most: usize) {
        match self.digits(radix, most) {
            Some(value) => self.push((value & 0xFF) as u8),
            None => self.word.get_or_insert_default().extend(b"\\x"),
        }
    }

    fn ansi_char(&mut self, most: usize) {
        let char = self.digits(16, most).and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.word.get_or_insert_default().extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn digits(&mut self, radix: u32, most: usize) -> Option<u32> {
        let mut value = None;
        for _ in 0..most {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(radix)) else { break };
            value = Some(value.unwrap_or(0) * radix + digit);
            self.at += 1;
        }
        value
    }
}

fn unclosed(line: usize) -> String {
    format!("line {line}: what a quotation mark, a parenthesis or a brace begins there has no end")
}
