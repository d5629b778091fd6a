//! Flags of a command line, in one table: the parser reads it and the usage prints it.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// A row of the table.
pub(crate) struct Flag {
    name: &'static str,
    short: Option<&'static str>,
    /// What the value is called. `None`: the flag has none.
    value: Option<&'static str>,
    /// What the value is, which is also what an error says was expected; or what the flag does.
    text: &'static str,
    /// What else the usage says.
    note: &'static str,
}

pub(crate) const fn valued(name: &'static str, value: &'static str, text: &'static str, note: &'static str) -> Flag {
    Flag { name, short: None, value: Some(value), text, note }
}

pub(crate) const fn switch(name: &'static str, short: Option<&'static str>, text: &'static str) -> Flag {
    Flag { name, short, value: None, text, note: "" }
}

/// The rows that every program has.
pub(crate) const HELP: Flag = switch("--help", Some("-h"), "prints this text");
pub(crate) const VERSION: Flag = switch("--version", Some("-V"), "prints name and version");

impl Flag {
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    fn usage(&self) -> String {
        let short = self.short.map(|short| format!("{short}, ")).unwrap_or_default();
        let value = self.value.map(|value| format!(" {value}")).unwrap_or_default();
        let note = if self.note.is_empty() { String::new() } else { format!("; {}", self.note) };
        format!("  {:20} {}{note}\n", format!("{short}{}{value}", self.name), self.text)
    }
}

/// The flags of a program.
pub(crate) struct Flags(pub(crate) &'static [Flag]);

impl Flags {
    /// Returns the lines of the usage.
    pub(crate) fn usage(&self) -> String {
        self.0.iter().map(Flag::usage).collect()
    }

    /// Parses a command line. Words that are neither a flag nor the value of one are kept apart,
    /// `-` among them.
    pub(crate) fn read(&'static self, words: impl Iterator<Item = OsString>) -> Result<Given, String> {
        let mut words = words.map(|word| word.into_string().map_err(not_text));
        let mut given = Given { table: self, values: BTreeMap::new(), words: Vec::new() };
        while let Some(word) = words.next().transpose()? {
            if !word.starts_with('-') || word == "-" {
                given.words.push(word);
                continue;
            }
            let flag = self.find(&word).ok_or_else(|| unknown(&word))?;
            let values = given.values.entry(flag.name).or_default();
            if flag.value.is_none() {
                continue;
            }
            match words.next().transpose()? {
                Some(value) if !value.starts_with("--") => values.push(value),
                _ => return Err(format!("{}: no value: expected {}", flag.name, flag.text)),
            }
        }
        Ok(given)
    }

    /// Describes a value that its flag does not take.
    pub(crate) fn invalid(&self, flag: &str, value: &str) -> String {
        format!("{flag}: {}: expected {}", quoted(value), self.expected_of(flag))
    }

    /// Returns what a flag expects as its value.
    pub(crate) fn expected_of(&self, flag: &str) -> &'static str {
        self.find(flag).map_or("a value", |flag| flag.text)
    }

    fn find(&self, word: &str) -> Option<&'static Flag> {
        self.0.iter().find(|flag| flag.name == word || flag.short == Some(word))
    }
}

/// The flags on a command line with their values, and the other words.
pub(crate) struct Given {
    table: &'static Flags,
    values: BTreeMap<&'static str, Vec<String>>,
    words: Vec<String>,
}

impl Given {
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the words that belong to no flag.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.values.contains_key(flag)
    }

    pub(crate) fn several(&mut self, flag: &str) -> Result<Vec<String>, String> {
        self.values.remove(flag).ok_or_else(|| self.missing(flag))
    }

    pub(crate) fn optional(&mut self, flag: &str) -> Result<Option<String>, String> {
        match self.values.remove(flag) {
            Some(values) if values.len() > 1 => Err(format!("{flag}: given {} times: expected once", values.len())),
            values => Ok(values.into_iter().flatten().next()),
        }
    }

    pub(crate) fn required(&mut self, flag: &str) -> Result<String, String> {
        self.optional(flag)?.ok_or_else(|| self.missing(flag))
    }

    pub(crate) fn missing(&self, flag: &str) -> String {
        format!("{flag}: missing: expected {}; see --help", self.table.expected_of(flag))
    }
}

/// Returns the text that `--help` or `--version` asks for. They count wherever they are, so that an
/// error elsewhere does not hide the usage.
pub(crate) fn asked_for(words: &[OsString], name: &str, usage: impl Fn() -> String) -> Option<String> {
    let has = |flag: &Flag| words.iter().any(|word| word == flag.name || flag.short.is_some_and(|short| word == short));
    match () {
        () if has(&HELP) => Some(usage()),
        () if has(&VERSION) => Some(format!("{name} {}\n", env!("CARGO_PKG_VERSION"))),
        () => None,
    }
}

/// Describes a word that is no flag. What is behind an equals sign may be a secret.
pub(crate) fn unknown(word: &str) -> String {
    let name = word.split('=').next().unwrap_or_default();
    match is_credential(word) {
        true => format!("{}: unknown flag; see --help", quoted(word)),
        false => format!("{}: unknown flag; see --help", name.escape_debug()),
    }
}

/// Quotes a word of the command line. An assertion is not repeated.
pub(crate) fn quoted(word: &str) -> String {
    if is_credential(word) { "(an assertion)".to_owned() } else { format!("{word:?}") }
}

/// A JOSE header is a JSON object, so in base64url it begins with these letters.
pub(crate) fn is_credential(word: &str) -> bool {
    word.contains("eyJ")
}

fn not_text(word: OsString) -> String {
    format!("{word:?}: not UTF-8: expected flags and values in UTF-8")
}
