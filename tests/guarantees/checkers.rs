//! Tests of the checkers in this folder: each must find the mistake in a small text.

use crate::architecture::{
    CRATE_WALLS, WORD_WALLS, breaches, crates_named, file_cycles, long_files, long_functions, off_the_map, orphans,
    room_cycles, undocumented, words_named,
};
use crate::modules::Modules;
use crate::source::{SourceFile, functions, paths, without_comments};

fn crate_of(files: &[(&str, &str)]) -> Vec<SourceFile> {
    files.iter().map(|(path, text)| SourceFile::new(path, text)).collect()
}

fn segments(code: &str) -> Vec<String> {
    paths(&SourceFile::new("x.rs", code)).iter().map(|path| path.segments.join("::")).collect()
}

#[test]
fn comments_and_literals_are_not_code() {
    for (text, code) in [
        ("a // crate::b\nc", "a            \nc"),
        ("a /* x /* y */ z */ b", "a                   b"),
        (r#"f("a \" // b") // c"#, r#"f(""""""""""")     "#),
        (r###"r#"a"b"# c"###, r#""""""""" c"#),
        (r"('\'', 'x', '\u{e9}')", r#"("""", """, """""""")"#),
        ("fn f<'a, 'b>(x: &'a str)", "fn f<'a, 'b>(x: &'a str)"),
    ] {
        assert_eq!(without_comments(text), code, "{text:?}");
    }
}

#[test]
fn test_modules_are_not_code() {
    let file =
        SourceFile::new("x.rs", "use a::b;\n#[cfg(test)]\nmod tests {\n    use c::d;\n    fn f() {}\n}\nuse e::f;\n");
    assert_eq!(paths(&file).iter().map(|path| path.line).collect::<Vec<_>>(), [1, 7]);
    assert_eq!(file.code_lines(), 2);
}

#[test]
fn paths_are_found_in_imports_and_expressions() {
    assert_eq!(segments("use a::{b::{self, c}, d as e, *};"), ["a::b", "a::b::c", "a::d", "a::*"]);
    assert_eq!(segments("use a; use ::b as c; fn f<'x>() -> impl D + use<'x> {}"), ["a", "b"]);
    assert_eq!(
        segments("fn f(x: a::B<c::D>) -> E { ::g::h(x.i::<J>()) * k::L { m } }"),
        ["a::B", "c::D", "g::h", "k::L"]
    );
}

#[test]
fn functions_are_measured() {
    let file =
        SourceFile::new("x.rs", "trait T { fn a(&self) -> [u8; 2]; }\nfn b(f: fn()) -> [u8; 2] {\n    if x { y }\n}\n");
    assert_eq!(functions(&file), [("b".to_owned(), 2, 3)]);
}

#[test]
fn cycles_between_rooms_are_found() {
    for other in [
        "use crate::a::X;",
        "use crate::{b::Y, a};",
        "fn f() { crate::a::x() }",
        "use crate::Shown;",
        "use super::super::a::X;",
        "mod inner { use crate::a::X; }",
    ] {
        let files = crate_of(&[
            ("lib.rs", "mod a; mod b; pub use a::X as Shown;"),
            ("a.rs", "use crate::b::Y;"),
            ("b/mod.rs", "mod deep;"),
            ("b/deep.rs", other),
        ]);
        let found = room_cycles(&files);
        assert_eq!(found.len(), 2, "{other}: {found:?}");
        assert_eq!(found[0], "src/a.rs:1: a needs b: crate::b::Y");
        assert!(found[1].starts_with("src/b/deep.rs:1: b needs a: "), "{other}: {found:?}");
    }
}

#[test]
fn arrows_off_the_map_are_found() {
    let files = crate_of(&[("lib.rs", ""), ("a.rs", "use crate::b::deep::Y;"), ("b/mod.rs", ""), ("b/deep.rs", "")]);
    assert_eq!(off_the_map(&files, &[("a", &["b"])]), [""; 0]);
    assert_eq!(
        off_the_map(&files, &[("a", &[]), ("b", &["a"])]),
        ["src/a.rs:1: a needs b: crate::b::deep::Y", "b does not need a, but the map has the arrow",]
    );
}

#[test]
fn needs_without_a_cycle_are_permitted() {
    let files = crate_of(&[
        ("lib.rs", "mod a; mod b; pub use b::Y;"),
        ("a/mod.rs", "mod one; mod two; pub use one::One; use two::Two; // crate::b"),
        ("a/one.rs", "use super::Two;\n#[cfg(test)]\nmod tests { use crate::b::Y; }"),
        ("a/two.rs", "use super::Rest; const TEXT: &str = \"crate::b::Y\";"),
        ("b.rs", "use crate::a::One;"),
    ]);
    assert_eq!((room_cycles(&files), file_cycles(&files)), (vec![], vec![]));
}

#[test]
fn cycles_between_files_of_a_room_are_found() {
    for other in ["use super::one::One;", "use super::One;", "use crate::a::one::One;", "use crate::Shown;"] {
        let files = crate_of(&[
            ("lib.rs", "mod a; pub use a::One as Shown;"),
            ("a/mod.rs", "mod one; mod two; pub use one::One; use two::Two;"),
            ("a/one.rs", "use super::Two;"),
            ("a/two.rs", other),
        ]);
        assert_eq!(file_cycles(&files).len(), 2, "{other}: {:?}", file_cycles(&files));
    }
}

#[test]
fn cycles_between_folders_of_a_room_are_found() {
    let files = crate_of(&[
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; mod c;"),
        ("a/b/mod.rs", "mod one; mod two;"),
        ("a/b/one.rs", "use crate::a::c::three::X;"),
        ("a/b/two.rs", ""),
        ("a/c/mod.rs", "mod three; mod four;"),
        ("a/c/three.rs", ""),
        ("a/c/four.rs", "use crate::a::b::two::Y;"),
    ]);
    assert_eq!(file_cycles(&files).len(), 2);
}

#[test]
fn paths_that_hide_a_room_are_found() {
    let files = crate_of(&[
        ("lib.rs", "mod a; mod b; pub use a::X;"),
        ("a.rs", "use crate::Unheard;\nuse crate::b::*;\nuse crate::X;"),
        ("b.rs", "use super::c::Y;"),
    ]);
    let found = Modules::of(&files).unclear();
    assert_eq!(found, ["src/a.rs:1: crate::Unheard", "src/a.rs:2: crate::b::*", "src/b.rs:1: super::c::Y"]);
}

#[test]
fn crates_in_the_wrong_place_are_found() {
    for code in [
        "use http::Method;",
        "use http;",
        "fn f(request: &::http::Request<()>) {}",
        "use tower_service::Service;",
        "use std::{fmt, io}; use aws_lc_rs::{digest::{self}, hmac};",
        "use hyper_util::rt;",
        "fn f() { tracing::debug!() }",
    ] {
        assert!(!breaches(&crate_of(&[("verifier/mod.rs", code)]), CRATE_WALLS, crates_named).is_empty(), "{code}");
    }
    let files = crate_of(&[
        ("replay/mod.rs", "mod redis; pub use redis::RedisReplay; // http::Method"),
        ("replay/redis/mod.rs", "use redis::Cmd;"),
        ("jose/jwk.rs", "use aws_lc_rs::digest;"),
        ("jwks/fetch/url.rs", "use http::Uri;"),
        ("verifier/form.rs", "use crate::http::Method; use self::tower::Floor;"),
    ]);
    assert_eq!(breaches(&files, CRATE_WALLS, crates_named), [""; 0]);
}

#[test]
fn names_in_the_wrong_place_are_found() {
    for code in
        ["use std::time::{Duration, SystemTime};", "fn f() { time::SystemTime::now() }", "digest(&SHA256, b\"\")"]
    {
        assert!(!breaches(&crate_of(&[("verifier/mod.rs", code)]), WORD_WALLS, words_named).is_empty(), "{code}");
    }
    let files =
        crate_of(&[("clock.rs", "use std::time::SystemTime;"), ("port.rs", "// SystemTime\nstruct MySystemTime;")]);
    assert_eq!(breaches(&files, WORD_WALLS, words_named), [""; 0]);
}

#[test]
fn long_files_and_functions_are_found() {
    let (comments, code) = ("// a\n\n".repeat(400), "const X: u8 = 1;\n");
    let files = [("a.rs", 300), ("b.rs", 301)]
        .map(|(path, lines)| SourceFile::new(path, &(comments.clone() + &code.repeat(lines))));
    assert_eq!(long_files(&files), ["src/b.rs:1: 301 lines of code"]);

    let function = |lines: usize| format!("fn f() {{\n{}}}\n", "    x();\n".repeat(lines - 2));
    assert_eq!(long_functions(&crate_of(&[("a.rs", &function(60))])), [""; 0]);
    assert_eq!(long_functions(&crate_of(&[("a.rs", &function(61))])), ["src/a.rs:1: f has 61 lines"]);
}

#[test]
fn rooms_without_documentation_are_found() {
    let files = crate_of(&[("a.rs", "//! About a.\n"), ("b/mod.rs", "use x::y;\n//! About b."), ("b/c.rs", "")]);
    assert_eq!(undocumented(&files), ["src/b/mod.rs:1"]);
}

#[test]
fn test_files_without_a_mod_are_found() {
    let files = crate_of(&[
        ("alone.rs", ""),
        ("a/main.rs", "#[path = \"../common/mod.rs\"]\nmod common;\npub(crate) mod b;\n// mod orphan;\n"),
        ("a/b.rs", "mod deep;"),
        ("a/b/deep.rs", ""),
        ("a/orphan.rs", ""),
        ("common/mod.rs", "mod shared;"),
        ("common/shared.rs", ""),
        ("common/lost.rs", ""),
    ]);
    assert_eq!(orphans(&files), ["tests/a/orphan.rs:1", "tests/common/lost.rs:1"]);
}
