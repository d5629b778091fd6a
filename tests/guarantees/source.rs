//! Reads Rust files as text: code without comments and literals, tokens, paths, functions.

use std::fs;
use std::path::Path;

/// A Rust file.
pub(crate) struct SourceFile {
    /// Path relative to the folder that was read, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text without comments, literals and test modules. Line numbers stay the same.
    pub(crate) code: String,
}

impl SourceFile {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: without_tests(&without_comments(text)) }
    }

    /// Number of lines that are neither blank nor a comment.
    pub(crate) fn code_lines(&self) -> usize {
        self.code.lines().filter(|line| !line.trim().is_empty()).count()
    }

    pub(crate) fn tokens(&self) -> Vec<(usize, Token<'_>)> {
        tokens(&self.code)
    }
}

/// All files below a folder of the package with this ending, sorted.
pub(crate) fn files_below(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
            if path.ends_with("/target") || path.contains("/.") {
                continue;
            } else if entry.file_type().unwrap().is_dir() {
                open.push(path);
            } else if path.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// All Rust files below a folder of the package, with paths relative to it.
pub(crate) fn rust_below(folder: &str) -> Vec<SourceFile> {
    let files = files_below(folder, ".rs");
    files.iter().map(|path| SourceFile::new(path.strip_prefix(&format!("{folder}/")).unwrap(), &read(path))).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Word(&'a str),
    /// `::`
    Separator,
    Other(char),
}

/// Replaces comments by spaces, and the characters of literals by quotation marks.
pub(crate) fn without_comments(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut code = String::with_capacity(text.len());
    let mut here = 0;
    while here < chars.len() {
        let word_before = here > 0 && is_word(at(here - 1));
        let (end, filler) = match (at(here), at(here + 1)) {
            ('/', '/') => (line_end(&chars, here), ' '),
            ('/', '*') => (comment_end(&chars, here), ' '),
            ('"', _) => (string_end(&chars, here), '"'),
            ('r', '"' | '#') if !word_before || matches!(at(here - 1), 'b' | 'c') => (raw_end(&chars, here), '"'),
            ('\'', '\\') => (escape_end(&chars, here), '"'),
            ('\'', _) if at(here + 2) == '\'' => (here + 3, '"'),
            (other, _) => (here + 1, other),
        };
        // A raw identifier such as `r#type` ends where it begins.
        let end = end.max(here + 1).min(chars.len());
        for &char in &chars[here..end] {
            code.push(if char == '\n' { '\n' } else { filler });
        }
        here = end;
    }
    code
}

fn line_end(chars: &[char], from: usize) -> usize {
    chars[from..].iter().position(|char| *char == '\n').map_or(chars.len(), |length| from + length)
}

fn comment_end(chars: &[char], from: usize) -> usize {
    let (mut depth, mut here) = (0, from);
    while here + 1 < chars.len() {
        match (chars[here], chars[here + 1]) {
            ('/', '*') => (depth, here) = (depth + 1, here + 2),
            ('*', '/') => (depth, here) = (depth - 1, here + 2),
            _ => here += 1,
        }
        if depth == 0 {
            return here;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut here = from + 1;
    while here < chars.len() && chars[here] != '"' {
        here += if chars[here] == '\\' { 2 } else { 1 };
    }
    here + 1
}

/// `'\n'`, `'\''`, `'\u{e9}'`
fn escape_end(chars: &[char], from: usize) -> usize {
    let rest = chars.get(from + 3..).unwrap_or_default();
    from + 4 + rest.iter().position(|char| *char == '\'').unwrap_or(rest.len())
}

/// Returns `from` if no raw string begins there.
fn raw_end(chars: &[char], from: usize) -> usize {
    let hashes = chars[from + 1..].iter().take_while(|char| **char == '#').count();
    let open = from + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return from;
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let rest = &chars[open + 1..];
    rest.windows(close.len()).position(|window| window == close).map_or(chars.len(), |at| open + 1 + at + close.len())
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Replaces items under `#[cfg(test)]` by spaces.
fn without_tests(code: &str) -> String {
    let mut left = code.to_owned();
    for mark in ["#[cfg(test)]", "#[cfg(all(test"] {
        while let Some(from) = left.find(mark) {
            let end = from + mark.len() + item_length(&left[from + mark.len()..]);
            let blank: String = left[from..end].chars().map(|char| if char == '\n' { '\n' } else { ' ' }).collect();
            left.replace_range(from..end, &blank);
        }
    }
    left
}

/// The length up to a semicolon, or to the end of the first pair of braces.
fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, char) in code.char_indices() {
        match char {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// The tokens of code without comments, each with its line number.
pub(crate) fn tokens(code: &str) -> Vec<(usize, Token<'_>)> {
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match rest.find(|char| !is_word(char)) {
                Some(0) if rest.starts_with("::") => 2,
                Some(0) => first.len_utf8(),
                Some(length) => length,
                None => rest.len(),
            };
            let (token, after) = rest.split_at(length);
            if is_word(first) {
                tokens.push((number, Token::Word(token)));
            } else if token == "::" {
                tokens.push((number, Token::Separator));
            } else if first != '"' {
                tokens.push((number, Token::Other(first)));
            }
            rest = after.trim_start();
        }
    }
    tokens
}

/// A path in code, such as `a::b::c`. A tree of imports has one path per branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathUse {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// The inline modules that contain it.
    pub(crate) inside: Vec<String>,
    /// The imported name, if this is an import.
    pub(crate) imported_as: Option<String>,
}

/// All paths with at least two segments, and all imports.
pub(crate) fn paths(file: &SourceFile) -> Vec<PathUse> {
    let mut reader = PathReader { tokens: file.tokens(), here: 0, found: Vec::new() };
    let (mut inside, mut depth) = (Vec::<(String, usize)>::new(), 0);
    while let Some(&(_, token)) = reader.tokens.get(reader.here) {
        match (token, reader.after(1), reader.after(2)) {
            (Token::Word("mod"), Some(Token::Word(name)), Some(Token::Other('{'))) => {
                inside.push((name.to_owned(), depth));
                (reader.here, depth) = (reader.here + 3, depth + 1);
            }
            (Token::Word(word), _, _) => {
                let import = word == "use";
                reader.here += usize::from(import);
                let names: Vec<String> = inside.iter().map(|(name, _)| name.clone()).collect();
                reader.tree(Vec::new(), &names, import);
            }
            (Token::Other(char), _, _) => {
                depth = if char == '{' { depth + 1 } else { depth - usize::from(char == '}') };
                inside.retain(|(_, outside)| *outside < depth);
                reader.here += 1;
            }
            (Token::Separator, _, _) => reader.here += 1,
        }
    }
    reader.found
}

struct PathReader<'a> {
    tokens: Vec<(usize, Token<'a>)>,
    here: usize,
    found: Vec<PathUse>,
}

impl PathReader<'_> {
    fn after(&self, count: usize) -> Option<Token<'_>> {
        self.tokens.get(self.here + count).map(|(_, token)| *token)
    }

    /// Reads one path, or the paths of a group in braces.
    fn tree(&mut self, prefix: Vec<String>, inside: &[String], import: bool) {
        let mut segments = prefix;
        let line = self.tokens.get(self.here).map_or(0, |(line, _)| *line);
        self.here += usize::from(self.after(0) == Some(Token::Separator));
        loop {
            match self.after(0) {
                Some(Token::Word(word)) => segments.push(word.to_owned()),
                Some(Token::Other('*')) if import => segments.push("*".to_owned()),
                Some(Token::Other('{')) if import || !segments.is_empty() => {
                    return self.group(&segments, inside, import);
                }
                _ => break,
            }
            self.here += 1;
            let more = matches!(self.after(1), Some(Token::Word(_) | Token::Other('*' | '{')));
            if self.after(0) != Some(Token::Separator) || !more {
                break;
            }
            self.here += 1;
        }
        let mut name = segments.last().cloned();
        if let (true, Some(Token::Word("as")), Some(Token::Word(alias))) = (import, self.after(0), self.after(1)) {
            name = Some(alias.to_owned());
            self.here += 2;
        }
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
            name = if name.as_deref() == Some("self") { segments.last().cloned() } else { name };
        }
        if segments.len() > usize::from(!import) {
            self.found.push(PathUse { line, segments, inside: inside.to_vec(), imported_as: name.filter(|_| import) });
        }
    }

    fn group(&mut self, prefix: &[String], inside: &[String], import: bool) {
        self.here += 1;
        loop {
            match self.after(0) {
                Some(Token::Word(_)) => self.tree(prefix.to_vec(), inside, import),
                Some(Token::Other('*')) => self.tree(prefix.to_vec(), inside, true),
                Some(Token::Other('}')) | None => break,
                _ => self.here += 1,
            }
        }
        self.here += 1;
    }
}

/// Functions with a body: name, line, and number of lines from `fn` to the closing brace.
pub(crate) fn functions(file: &SourceFile) -> Vec<(String, usize, usize)> {
    let tokens = file.tokens();
    let mut found = Vec::new();
    for (index, pair) in tokens.windows(2).enumerate() {
        let [(line, Token::Word("fn")), (_, Token::Word(name))] = pair else { continue };
        let (mut braces, mut brackets) = (0_usize, 0_usize);
        for (end, token) in &tokens[index..] {
            match token {
                Token::Other('(' | '[') => brackets += 1,
                Token::Other(')' | ']') => brackets -= 1,
                Token::Other(';') if braces == 0 && brackets == 0 => break,
                Token::Other('{') => braces += 1,
                Token::Other('}') => braces -= 1,
                _ => continue,
            }
            if *token == Token::Other('}') && braces == 0 && brackets == 0 {
                found.push(((*name).to_owned(), *line, end - line + 1));
                break;
            }
        }
    }
    found
}
