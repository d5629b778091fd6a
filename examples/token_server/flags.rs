//! The flags of the command line, in one table: the parser reads it and the usage prints it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;

/// A row of the table.
struct Flag {
    name: &'static str,
    short: Option<&'static str>,
    /// What the value is called. `None`: the flag has none.
    value: Option<&'static str>,
    /// What the value is, which is also what an error says was expected; or what the flag does.
    text: &'static str,
    /// What else the usage says.
    note: &'static str,
}

const FLAGS: [Flag; 10] = [
    valued("--clients", "FILE", "the path of a JSON array of RFC 7591 client metadata", "required"),
    valued("--issuer", "URL", "the http or https URL of this server, without query and fragment", "required"),
    valued("--audience", "URL", "a URL that clients put into aud", "may be repeated; required by redox and smart"),
    valued("--profile", "NAME", "redox, smart, fapi2, rfc7523 or oidc", "by default redox"),
    valued("--listen", "IP:PORT", "an address to listen on, such as 127.0.0.1:8080", "by default any on loopback"),
    valued("--replay", "STORE", "memory or redis://HOST:PORT", "by default memory"),
    valued("--error-uri", "URL", "the URL of a page that explains refusals", "sent with each"),
    switch("--allow-http-jwks", None, "permits plain http and loopback addresses for jwks_uri"),
    switch("--help", Some("-h"), "prints this text"),
    switch("--version", Some("-V"), "prints name and version"),
];

const fn valued(name: &'static str, value: &'static str, text: &'static str, note: &'static str) -> Flag {
    Flag { name, short: None, value: Some(value), text, note }
}

const fn switch(name: &'static str, short: Option<&'static str>, text: &'static str) -> Flag {
    Flag { name, short, value: None, text, note: "" }
}

impl Flag {
    fn find(word: &str) -> Option<&'static Self> {
        FLAGS.iter().find(|flag| flag.name == word || flag.short == Some(word))
    }

    fn usage(&self) -> String {
        let short = self.short.map(|short| format!("{short}, ")).unwrap_or_default();
        let value = self.value.map(|value| format!(" {value}")).unwrap_or_default();
        let note = if self.note.is_empty() { String::new() } else { format!("; {}", self.note) };
        format!("  {:20} {}{note}\n", format!("{short}{}{value}", self.name), self.text)
    }
}

pub(crate) fn usage() -> String {
    let mut usage = String::from(
        "A token endpoint for the client credentials grant, with clients that authenticate by signed JWT.\n\n\
         usage: token_server                                      a demo with a generated client\n   or: token_server \
         --clients FILE --issuer URL [FLAG]...   your own clients\n\n",
    );
    FLAGS.iter().for_each(|flag| usage += &flag.usage());
    let _ = write!(usage, "\nClients ask for tokens at POST {}.\n", crate::app::TOKEN_PATH);
    usage
}

/// The flags on the command line, with their values.
pub(crate) struct Given(BTreeMap<&'static str, Vec<String>>);

impl Given {
    pub(crate) fn read(words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut words = words.map(|word| word.into_string().map_err(not_text));
        let mut given = BTreeMap::<_, Vec<_>>::new();
        while let Some(word) = words.next().transpose()? {
            let flag = Flag::find(&word).ok_or_else(|| format!("{}: unknown flag; see --help", word.escape_debug()))?;
            let values = given.entry(flag.name).or_default();
            if flag.value.is_none() {
                continue;
            }
            match words.next().transpose()? {
                Some(value) if !value.starts_with("--") => values.push(value),
                _ => return Err(format!("{}: no value: expected {}", flag.name, flag.text)),
            }
        }
        Ok(Self(given))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.0.contains_key(flag)
    }

    pub(crate) fn several(&mut self, flag: &str) -> Result<Vec<String>, String> {
        self.0.remove(flag).ok_or_else(|| missing(flag))
    }

    pub(crate) fn optional(&mut self, flag: &str) -> Result<Option<String>, String> {
        match self.0.remove(flag) {
            Some(values) if values.len() > 1 => Err(format!("{flag}: given {} times: expected once", values.len())),
            values => Ok(values.into_iter().flatten().next()),
        }
    }

    pub(crate) fn required(&mut self, flag: &str) -> Result<String, String> {
        self.optional(flag)?.ok_or_else(|| missing(flag))
    }
}

/// Returns what a flag expects as its value.
pub(crate) fn expected_of(flag: &str) -> &'static str {
    Flag::find(flag).map_or("a value", |flag| flag.text)
}

fn not_text(word: OsString) -> String {
    format!("{:?}: not UTF-8: expected flags and values in UTF-8", word)
}

fn missing(flag: &str) -> String {
    format!("{flag}: missing: expected {}; see --help", expected_of(flag))
}
