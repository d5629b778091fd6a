//! The English of the repository: words and phrases that are not used, and how wide text may be.
//! The style guide in CONTRIBUTING.md says what to write instead.

use crate::source::{SourceFile, files_below, functions, read, rust_below};

/// Words and phrases to avoid: whole words in any case, punctuation counted as words.
#[rustfmt::skip]
const AVOIDED: &[&str] = &[
    // Archaic or bookish.
    "albeit", "amongst", "anew", "aught", "befits", "bespeaks", "bids", "forthwith", "hence", "heretofore", "hitherto",
    "lest", "naught", "nay", "oftentimes", "ought", "shall", "thereby", "therein", "thereof", "thereupon", "thus", "unto",
    "upon", "whence", "whereby", "wherefore", "wherein", "whereof", "whereupon", "whilst",
    // Persons and relative clauses as subjects, where a request, a client or a key is meant.
    "anybody", "everybody", "nobody", "somebody", "whatever", "whoever", "whom", "whomever", "whosoever", ". who", ". of",
    // `its own crate` rather than `a crate of its own`.
    "of hers", "of its own", "of mine", "of our own", "of ours", "of their own", "of theirs", "of your own", "of yours",
    // A plainer word exists: fix, also, next to, expensive, drops, needs, while, immediately,
    // concurrently, means.
    "at once", "beside", "besides", "dear", "dearer", "dearest", "for as long as", "forgets", "forgive",
    "forgiven", "forgives", "know of", "known of", "knows of", "mend", "mended", "mending", "mends", "spoken of", "speak of",
    "speaks of", "told of", "wants",
    // Riddles, ellipsis and old idioms.
    ", say ,", "as it has", "as it were", "as often as not", "be it", "but for", "by and by", "fare better", "fares",
    "has its way", "is for whom", "is none of its", "makes nothing of", "many a", "next to no",
    "no more than that", "none of ours", "none other", "save for", "so be it", "such a one", "take for", "taken for",
    "takes for", "the business of", "the like", "to be had", "will do", "will not do", "would do",
];

/// Quotations from elsewhere, which are skipped: file and text.
const QUOTED: &[(&str, &str)] = &[
    // An old name.
    ("CHANGELOG.md", "SignatureChecks::at_once"),
    // A wire text that stays as it is.
    ("src/manual/errors.md", "Too many requests of this client at once"),
    ("src/render/rfc6749.rs", "Too many requests of this client at once"),
];

/// The width of prose. Tables, code and the targets of links may be wider.
const WIDTH: usize = 100;
/// The width that a rustdoc page shows without scrolling sideways.
const CODE_WIDTH: usize = 80;
const LONGEST_NAME: usize = 60;

#[test]
fn avoided_words_do_not_occur() {
    let found = texts().iter().flat_map(|(path, text)| avoided(path, text)).collect();
    assert_none(found, "words to avoid; see the style guide in CONTRIBUTING.md");
}

#[test]
fn prose_fits_the_width() {
    let found = texts().iter().flat_map(|(path, text)| wide(path, text)).collect();
    assert_none(found, "prose over 100 columns, or shown code over 80");
}

#[test]
fn names_of_functions_are_short() {
    let files = ["src", "tests", "examples", "benches"].map(|folder| (folder, rust_below(folder)));
    let found = files.iter().flat_map(|(folder, files)| long_names(folder, files)).collect();
    assert_none(found, "names over 60 characters");
}

#[track_caller]
fn assert_none(found: Vec<String>, what: &str) {
    assert!(found.is_empty(), "{} {what}:\n  {}", found.len(), found.join("\n  "));
}

/// Every text of the repository that people read, except this file.
fn texts() -> Vec<(String, String)> {
    let folders = ["src", "tests", "examples", "benches", "docs", ".github", ".ci"];
    let endings = ["md", "rs", "sh", "py", "svg", "toml", "yml", "txt"];
    let mut paths: Vec<String> = folders.iter().flat_map(|folder| files_below(folder, "")).collect();
    paths.retain(|path| endings.iter().any(|ending| path.ends_with(&format!(".{ending}"))) || path.starts_with(".ci/"));
    paths.retain(|path| !path.ends_with("guarantees/words.rs"));
    paths.extend(
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "RELEASING.md", "Cargo.toml", "test.sh"].map(str::to_owned),
    );
    paths.iter().map(|path| (path.clone(), read(path))).collect()
}

/// The words of a text in lower case, with their lines. Punctuation separates phrases; markup does
/// not.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut word = String::new();
        let mut chars = line.chars().chain([' ']).peekable();
        while let Some(char) = chars.next() {
            if char.is_alphanumeric() || (char == '\'' && !word.is_empty()) {
                word.extend(char.to_lowercase());
                continue;
            }
            if !word.is_empty() {
                words.push((number, std::mem::take(&mut word)));
            }
            // Within a path or a number, a period ends no sentence.
            if char == '.' && !chars.peek().is_none_or(|next| next.is_whitespace()) {
                continue;
            }
            if matches!(char, ',' | '.' | ';' | ':' | '!' | '?' | '(' | ')' | '|' | '{' | '}' | '=') {
                words.push((number, char.to_string()));
            }
        }
    }
    words
}

fn avoided(path: &str, text: &str) -> Vec<String> {
    let mut text = text.to_owned();
    for (_, quoted) in QUOTED.iter().filter(|(file, _)| path == *file) {
        text = text.replace(quoted, "");
    }
    let words = words(&text);
    let phrases: Vec<Vec<&str>> = AVOIDED.iter().map(|phrase| phrase.split(' ').collect()).collect();
    let mut found = Vec::new();
    for (at, (line, _)) in words.iter().enumerate() {
        let here = |phrase: &&Vec<&str>| {
            let there = words[at..].iter().map(|(_, word)| word.as_str());
            words.len() - at >= phrase.len() && there.zip(phrase.iter()).all(|(word, wanted)| word == *wanted)
        };
        found.extend(phrases.iter().filter(here).map(|phrase| format!("{path}:{line}: {}", phrase.join(" "))));
    }
    found
}

fn wide(path: &str, text: &str) -> Vec<String> {
    let rust = path.ends_with(".rs");
    if !rust && !path.ends_with(".md") {
        return Vec::new();
    }
    let (mut in_code, mut found) = (false, Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim_start();
        let comment = ["///", "//!", "//"].iter().find_map(|mark| trimmed.strip_prefix(mark));
        let Some(prose) = (if rust { comment } else { Some(line) }) else {
            in_code = false;
            continue;
        };
        let prose = prose.strip_prefix(' ').unwrap_or(prose);
        if prose.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if in_code {
            // Hidden lines of an example begin with `# `.
            let shown = (rust || path.starts_with("src/")) && !prose.starts_with("# ");
            if shown && prose.chars().count() > CODE_WIDTH {
                found.push(format!("{path}:{number}: {} columns of code", prose.chars().count()));
            }
        } else if !prose.trim_start().starts_with('|') && without_links(line).chars().count() > WIDTH {
            found.push(format!("{path}:{number}: {} columns", line.chars().count()));
        }
    }
    found
}

/// Removes the targets of links, which cannot be wrapped.
fn without_links(line: &str) -> String {
    let mut left = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("](").map(|at| at + 2).or_else(|| rest.find("]: ").map(|at| at + 3)) {
        left.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = rest.find([')', ' ']).map_or("", |end| &rest[end..]);
    }
    left.push_str(rest);
    left.split(' ').filter(|word| !word.contains("://")).collect::<Vec<_>>().join(" ")
}

fn long_names(folder: &str, files: &[SourceFile]) -> Vec<String> {
    let all = files.iter().flat_map(|file| functions(file).into_iter().map(move |(name, line, _)| (file, name, line)));
    let long = all.filter(|(_, name, _)| name.chars().count() > LONGEST_NAME);
    long.map(|(file, name, line)| format!("{folder}/{}:{line}: {name}", file.path)).collect()
}

#[test]
fn avoided_words_are_found() {
    for (text, phrase) in [
        ("A key for\nWhoever asks.", "whoever"),
        ("/// fetches are\n    /// at once", "at once"),
        ("with gzip, say, or", ", say ,"),
        ("It ends. Of two, the first.", ". of"),
        ("fn nobody_is_let_in() {}", "nobody"),
        ("`lest`", "lest"),
    ] {
        let found = avoided("a.md", text);
        assert!(found.len() == 1 && found[0].ends_with(&format!(": {phrase}")), "{text:?}: {found:?}");
    }
    for text in ["amended, mending2", "look at. Once it ends", "least", "one of its owners", "he will. Do it"] {
        assert_eq!(avoided("a.md", text), [""; 0], "{text:?}");
    }
    assert_eq!(avoided("a.md", "one\n\nfor whoever"), ["a.md:3: whoever"]);
}

#[test]
fn wide_prose_is_found() {
    let (fits, long) = ("x".repeat(96), "x".repeat(99));
    let table = format!("| {long} |");
    let link = format!("see [{}](https://example.com/{long})", "x".repeat(80));
    for (path, text, lines) in [
        ("a.md", format!("{fits}\n{long} x"), 1),
        ("a.md", format!("{long} x [a](b)"), 1),
        ("a.md", format!("{table}\n{link}\n```sh\n{long} x\n```"), 0),
        ("a.rs", format!("/// {fits}\n    // {fits}\nlet {long} = 1;"), 1),
        ("a.rs", format!("/// {table}\n/// ```\n/// # {long}\n/// {}\n/// ```", "x".repeat(80)), 0),
        ("a.rs", format!("//! ```text\n//! {}\n//! ```", "x".repeat(81)), 1),
        ("a.sh", format!("# {long}"), 0),
    ] {
        assert_eq!(wide(path, &text).len(), lines, "{text}: {:?}", wide(path, &text));
    }
}

#[test]
fn long_names_are_found() {
    let (short, long) = ("x".repeat(60), "x".repeat(61));
    let files = [SourceFile::new("a.rs", &format!("fn {short}() {{}}\nfn {long}() {{}}"))];
    assert_eq!(long_names("tests", &files), [format!("tests/a.rs:2: {long}")]);
}
