//! The layout of `src/`, kept by reading it as text: which room may need which, who may name which
//! crate, and how long things get. CONTRIBUTING.md has the map of the rooms.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::modules::{Modules, cycles};
use crate::source::{SourceFile, Token, functions, paths, rust_below, tokens};

/// Names that only some files may use.
pub(crate) struct Wall {
    /// Crates or words. `tower_*` stands for every name with that beginning.
    names: &'static [&'static str],
    /// Beginnings of paths below `src/`.
    within: &'static [&'static str],
    reason: &'static str,
}

pub(crate) const CRATE_WALLS: &[Wall] = &[
    Wall {
        names: &["http", "http_body", "tower", "tower_*"],
        within: &["layer/", "grpc/", "render/", "extract.rs", "jwks/fetch/", "mint/"],
        reason: "the verification half sees bytes and values only, so that it can be used without HTTP",
    },
    Wall {
        names: &["aws_lc_rs", "curve25519_dalek", "jsonwebtoken", "spki"],
        within: &["jose/"],
        reason: "one room knows the libraries for cryptography, so that they can be replaced there",
    },
    Wall { names: &["axum_core", "axum"], within: &["extract.rs"], reason: "only the extractors are for axum" },
    Wall { names: &["redis"], within: &["replay/redis/"], reason: "one store needs it" },
    Wall {
        names: &["hyper", "hyper_*", "rustls", "rustls_*", "webpki", "webpki_*"],
        within: &["jwks/fetch/", "replay/redis/"],
        reason: "only these two open connections",
    },
    Wall { names: &["httpdate", "ipnet"], within: &["jwks/fetch/"], reason: "only fetching needs them" },
    Wall {
        names: &["serde_urlencoded"],
        within: &["mint/"],
        reason: "forms are read strictly, and written only there",
    },
    Wall { names: &["wide"], within: &["jose/"], reason: "text is scanned in one place" },
    Wall { names: &["metrics"], within: &["metrics/"], reason: "one room knows the facade" },
    Wall { names: &["tracing"], within: &["event/"], reason: "everything else reports through an event sink" },
];

pub(crate) const WORD_WALLS: &[Wall] = &[
    Wall {
        names: &["SystemTime", "UNIX_EPOCH"],
        within: &["clock.rs"],
        reason: "time comes from a Clock, which tests and users can replace",
    },
    Wall { names: &["SHA256", "Sha256"], within: &["jose/"], reason: "jose has the one function for SHA-256" },
];

/// The rooms that each room needs. A new arrow is a decision. An unused arrow fails as well.
#[rustfmt::skip]
const MAP: &[(&str, &[&str])] = &[
    // All of it from a file.
    ("config", &["client", "config_error", "event", "jose", "jwks", "layer", "policy", "registry", "replay", "setting", "text",
        "verifier"]),
    // HTTP in front of a verifier.
    ("extract", &["identity", "layer", "rejection", "render"]),
    ("grpc", &["endpoint", "event", "identity", "layer", "rejection", "render", "verifier"]),
    ("layer", &["clock", "config_error", "endpoint", "event", "explain", "identity", "policy", "rejection", "render", "setting",
        "text", "timer", "verifier"]),
    ("render", &["jose", "policy", "rejection", "setting", "verifier"]),
    // The steps, and what they judge by.
    ("explain", &["client", "clock", "endpoint", "event", "jose", "jwks", "policy", "port", "registry", "rejection",
        "replay", "text", "verifier"]),
    ("verifier", &["client", "clock", "config_error", "endpoint", "event", "identity", "jose", "jwks", "lock", "loosening", "policy",
        "port", "registry", "rejection", "replay", "setting", "text", "timer"]),
    ("posture", &["client", "clock", "jose", "jwks", "loosening", "policy", "replay", "text", "verifier"]),
    ("policy", &["jose", "loosening", "name", "setting"]),
    ("identity", &["client", "clock", "jose", "name"]),
    ("client", &["clock", "jose", "jwks", "policy", "rejection", "setting", "text"]),
    ("jose", &["clock", "text"]),
    // The client's end. It needs no room that verifies, so that it could become another crate.
    ("mint", &["client", "clock", "endpoint", "jose", "lock", "policy", "port", "setting", "timer"]),
    // What the operator watches.
    ("metrics", &["client", "clock", "endpoint", "event", "identity", "jose", "jwks", "lock", "policy", "registry", "rejection", "replay",
        "setting", "verifier"]),
    // The ports.
    ("registry", &["client", "conformance", "event", "flight", "jose", "jwks", "lock", "order", "policy", "port", "setting", "text", "timer"]),
    ("replay", &["clock", "conformance", "event", "jose", "lock", "port", "setting", "timer"]),
    ("event", &["clock", "endpoint", "identity", "jose", "jwks", "lock", "port", "rejection", "setting", "text"]),
    ("jwks", &["clock", "flight", "jose", "lock", "loosening", "order", "port", "setting", "text", "timer"]),
    // Shared. Only rooms whose builders wrap the errors of several rooms need `config_error`.
    ("config_error", &["client", "jose", "jwks", "mint", "policy", "registry", "replay", "setting"]),
    ("conformance", &["port"]),
    ("flight", &["order"]),
    ("order", &["lock"]),
    ("rejection", &["port"]),
    ("scope", &["setting", "text"]),
];

const MOST_LINES_OF_CODE: usize = 300;
const MOST_LINES_OF_A_FUNCTION: usize = 60;

#[test]
fn rooms_need_each_other_without_cycles() {
    assert_none(room_cycles(source()), "rooms that need each other in a cycle");
}

#[test]
fn rooms_need_only_what_the_map_permits() {
    assert_none(off_the_map(source(), MAP), "arrows between rooms that differ from the map");
}

#[test]
fn files_of_a_room_need_each_other_without_cycles() {
    assert_none(file_cycles(source()), "files of a room that need each other in a cycle");
}

#[test]
fn every_path_shows_which_room_it_needs() {
    assert_none(Modules::of(source()).unclear(), "paths that hide which room they need");
}

#[test]
fn crates_are_named_only_where_they_belong() {
    assert_none(breaches(source(), CRATE_WALLS, crates_named), "crates named in the wrong place");
}

#[test]
fn clock_and_hash_are_named_only_where_they_belong() {
    assert_none(breaches(source(), WORD_WALLS, words_named), "names used in the wrong place");
}

#[test]
fn files_stay_short() {
    assert_none(long_files(source()), "files over 300 lines of code");
}

#[test]
fn functions_stay_short() {
    assert_none(long_functions(source()), "functions over 60 lines");
}

#[test]
fn rooms_open_with_what_they_are_for() {
    assert_none(undocumented(source()), "files that do not begin with module documentation");
}

#[test]
fn every_test_file_is_compiled() {
    assert_none(orphans(&rust_below("tests")), "test files that no `mod` names");
}

fn source() -> &'static [SourceFile] {
    static FILES: LazyLock<Vec<SourceFile>> = LazyLock::new(|| rust_below("src"));
    &FILES
}

#[track_caller]
fn assert_none(found: Vec<String>, what: &str) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

pub(crate) fn room_cycles(files: &[SourceFile]) -> Vec<String> {
    cycles(&Modules::of(files).needs(), "")
}

pub(crate) fn off_the_map(files: &[SourceFile], map: &[(&str, &[&str])]) -> Vec<String> {
    let needs = Modules::of(files).needs();
    let mut unused: BTreeSet<_> = map.iter().flat_map(|(from, all)| all.iter().map(move |to| (*from, *to))).collect();
    let permitted = unused.clone();
    let mut found = BTreeSet::new();
    for need in &needs {
        let Some(arrow) = need.rooms() else { continue };
        unused.remove(&arrow);
        if !permitted.contains(&arrow) {
            found.insert(format!("src/{}:{}: {} needs {}: {}", need.from, need.line, arrow.0, arrow.1, need.path));
        }
    }
    let unused = unused.iter().map(|(from, to)| format!("{from} does not need {to}, but the map has the arrow"));
    found.into_iter().chain(unused).collect()
}

pub(crate) fn file_cycles(files: &[SourceFile]) -> Vec<String> {
    let needs = Modules::of(files).needs();
    let folders: BTreeSet<String> =
        files.iter().filter_map(|file| Some(format!("{}/", file.path.rsplit_once('/')?.0))).collect();
    folders.iter().flat_map(|folder| cycles(&needs, folder)).collect()
}

pub(crate) fn breaches(
    files: &[SourceFile],
    walls: &[Wall],
    named: fn(&Modules<'_>, &SourceFile) -> Vec<(usize, String)>,
) -> Vec<String> {
    let modules = Modules::of(files);
    let mut found = BTreeSet::new();
    for file in files {
        for (line, name) in named(&modules, file) {
            let is_meant = |pattern: &&str| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == **pattern,
            };
            let mut walls = walls.iter().filter(|wall| wall.names.iter().any(is_meant));
            if let Some(wall) = walls.find(|wall| !wall.within.iter().any(|within| file.path.starts_with(within))) {
                found.insert(format!("src/{}:{line}: {name} belongs in {:?}: {}", file.path, wall.within, wall.reason));
            }
        }
    }
    found.into_iter().collect()
}

pub(crate) fn crates_named(modules: &Modules<'_>, file: &SourceFile) -> Vec<(usize, String)> {
    let paths = paths(file).into_iter().map(|path| (path.line, path.segments[0].clone()));
    paths.filter(|(_, name)| !modules.has_child(&file.path, name)).collect()
}

pub(crate) fn words_named(_: &Modules<'_>, file: &SourceFile) -> Vec<(usize, String)> {
    let words = file.tokens().into_iter().filter_map(|(line, token)| match token {
        Token::Word(word) => Some((line, word.to_owned())),
        _ => None,
    });
    words.collect()
}

pub(crate) fn long_files(files: &[SourceFile]) -> Vec<String> {
    let lengths = files.iter().map(|file| (file, file.code_lines()));
    let long = lengths.filter(|(_, lines)| *lines > MOST_LINES_OF_CODE);
    long.map(|(file, lines)| format!("src/{}:1: {lines} lines of code", file.path)).collect()
}

pub(crate) fn long_functions(files: &[SourceFile]) -> Vec<String> {
    let all = files.iter().flat_map(|file| functions(file).into_iter().map(move |function| (file, function)));
    let long = all.filter(|(_, (_, _, lines))| *lines > MOST_LINES_OF_A_FUNCTION);
    long.map(|(file, (name, line, lines))| format!("src/{}:{line}: {name} has {lines} lines", file.path)).collect()
}

pub(crate) fn undocumented(files: &[SourceFile]) -> Vec<String> {
    let room = |path: &str| !path.contains('/') || path.ends_with("/mod.rs");
    let bare = files.iter().filter(|file| room(&file.path) && !file.text.starts_with("//! "));
    bare.map(|file| format!("src/{}:1", file.path)).collect()
}

/// Files below `tests/` that belong to no test program. `bare` and `ring` are separate packages.
pub(crate) fn orphans(files: &[SourceFile]) -> Vec<String> {
    let mut open: Vec<String> = files.iter().map(|file| file.path.clone()).filter(|path| is_root(path)).collect();
    let mut reached = BTreeSet::new();
    while let Some(path) = open.pop() {
        if let Some(file) = files.iter().find(|file| file.path == path)
            && reached.insert(path)
        {
            open.extend(children(file));
        }
    }
    let packaged = |path: &str| ["bare/", "ring/"].iter().any(|package| path.starts_with(package));
    let orphans = files.iter().filter(|file| !reached.contains(&file.path) && !packaged(&file.path));
    orphans.map(|file| format!("tests/{}:1", file.path)).collect()
}

fn is_root(path: &str) -> bool {
    !path.contains('/') || path.ends_with("/main.rs")
}

/// The paths at which the modules declared in this file may be.
fn children(file: &SourceFile) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let own = if is_root(&file.path) || name == "mod.rs" { folder.to_owned() } else { file.path.replace(".rs", "") };
    let own = if own.is_empty() { own } else { format!("{own}/") };
    let mut children = Vec::new();
    let mut elsewhere = None;
    for (line, code) in file.text.lines().zip(file.code.lines()) {
        if let Some(path) = line.trim().strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            elsewhere = Some(simplified(&format!("{folder}/{path}")));
        } else if let [.., (_, Token::Word("mod")), (_, Token::Word(name)), (_, Token::Other(';'))] = tokens(code)[..] {
            let places = [format!("{own}{name}.rs"), format!("{own}{name}/mod.rs")];
            children.extend(elsewhere.take().map_or(places.to_vec(), |path| vec![path]));
        }
    }
    children
}

fn simplified(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}
