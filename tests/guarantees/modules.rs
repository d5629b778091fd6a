//! The tree of modules of a crate, and which file needs which.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{PathUse, SourceFile, paths};

/// The path of a module from the root of the crate.
type ModulePath = Vec<String>;

/// A use in one file of something that another file defines.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    pub(crate) from: String,
    pub(crate) line: usize,
    pub(crate) to: String,
    /// The path as written.
    pub(crate) path: String,
}

impl Need {
    /// The rooms of both files, if they differ. The root of the crate is not a room.
    pub(crate) fn rooms(&self) -> Option<(&str, &str)> {
        let (from, to) = (entry(&self.from, "")?, entry(&self.to, "")?);
        (from != to).then_some((from, to))
    }
}

pub(crate) struct Modules<'a> {
    files: BTreeMap<ModulePath, &'a SourceFile>,
    paths: BTreeMap<ModulePath, Vec<PathUse>>,
    /// The names that each module imports, with their paths from the root. One name can be imported
    /// twice, as a type and as a function.
    imports: BTreeMap<ModulePath, Vec<(String, ModulePath)>>,
}

impl<'a> Modules<'a> {
    pub(crate) fn of(files: &'a [SourceFile]) -> Self {
        let files: BTreeMap<_, _> = files.iter().map(|file| (module_path(&file.path), file)).collect();
        let paths: BTreeMap<_, _> = files.iter().map(|(module, file)| (module.clone(), paths(file))).collect();
        let mut modules = Self { files, paths, imports: BTreeMap::new() };
        for (module, paths) in &modules.paths {
            for path in paths.iter().filter(|path| path.inside.is_empty()) {
                if let (Some(name), Some(target)) = (&path.imported_as, modules.absolute(module, path)) {
                    modules.imports.entry(module.clone()).or_default().push((name.clone(), target));
                }
            }
        }
        modules
    }

    /// All needs, except those of `lib.rs`, which only re-exports.
    pub(crate) fn needs(&self) -> Vec<Need> {
        let mut needs = BTreeSet::new();
        for (module, file, path) in self.uses() {
            let mut visited = BTreeSet::new();
            if let Some(target) = self.absolute(module, path) {
                self.visit(&target, 0, &mut visited);
            }
            for other in visited.iter().filter(|other| *other != module && !other.is_empty()) {
                needs.insert(Need {
                    from: file.path.clone(),
                    line: path.line,
                    to: self.files[other].path.clone(),
                    path: path.segments.join("::"),
                });
            }
        }
        needs.into_iter().collect()
    }

    /// Paths that hide which module they need: `crate::x` where `x` is neither a module nor
    /// re-exported by `lib.rs`, and glob imports of the crate's own modules.
    pub(crate) fn unclear(&self) -> Vec<String> {
        let mut unclear = Vec::new();
        for (module, file, path) in self.uses() {
            let Some(target) = self.absolute(module, path) else { continue };
            let is_known = |name: &String| {
                self.files.contains_key([name.clone()].as_slice()) || self.imports(&[], name).next().is_some()
            };
            let all =
                target.last().is_some_and(|name| name == "*") && self.files.contains_key(&target[..target.len() - 1]);
            if all || target.first().is_some_and(|name| !is_known(name)) {
                unclear.push(format!("src/{}:{}: {}", file.path, path.line, path.segments.join("::")));
            }
        }
        unclear
    }

    /// Whether a name means a child module of this file rather than another crate.
    pub(crate) fn has_child(&self, file: &str, name: &str) -> bool {
        let mut child = module_path(file);
        child.push(name.to_owned());
        self.files.contains_key(&child)
    }

    fn uses(&self) -> impl Iterator<Item = (&ModulePath, &SourceFile, &PathUse)> {
        let inner = self.paths.iter().filter(|(module, _)| !module.is_empty());
        inner.flat_map(move |(module, paths)| paths.iter().map(move |path| (module, self.files[module], path)))
    }

    fn imports(&self, module: &[String], name: &String) -> impl Iterator<Item = &ModulePath> {
        let imports = self.imports.get(module).into_iter().flatten();
        imports.filter(move |(imported, _)| imported == name || imported == "*").map(|(_, target)| target)
    }

    /// The path from the root of the crate, if the path leads to one of its modules.
    fn absolute(&self, module: &ModulePath, path: &PathUse) -> Option<ModulePath> {
        let mut base: ModulePath = module.iter().chain(&path.inside).cloned().collect();
        let mut rest = &path.segments[..];
        match rest.first()?.as_str() {
            "crate" => (base, rest) = (Vec::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while let Some("super") = rest.first().map(String::as_str) {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            child => {
                base.push(child.to_owned());
                self.files.get(&base)?;
                base.pop();
            }
        }
        Some(base.into_iter().chain(rest.iter().cloned()).collect())
    }

    /// Collects every module on the way to the target of a path, following imports.
    fn visit(&self, target: &[String], depth: usize, visited: &mut BTreeSet<ModulePath>) {
        let known = (0..=target.len()).rev().find(|length| self.files.contains_key(&target[..*length])).unwrap_or(0);
        for length in 1..=known {
            visited.insert(target[..length].to_vec());
        }
        if let (Some(name), true) = (target.get(known), depth < 8) {
            for import in self.imports(&target[..known], name) {
                let further: Vec<String> = import.iter().chain(&target[known + 1..]).cloned().collect();
                self.visit(&further, depth + 1, visited);
            }
        }
    }
}

/// `policy/check.rs` is `policy::check`, `policy/mod.rs` is `policy`, and `lib.rs` is the root.
fn module_path(file: &str) -> ModulePath {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let mut path: ModulePath = path.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
        path.pop();
    }
    path
}

/// The lines that close a cycle between the entries (files and folders, except `mod.rs`) of a
/// folder. The name of the folder is empty or ends with a slash.
pub(crate) fn cycles(needs: &[Need], folder: &str) -> Vec<String> {
    let mut arrows = BTreeMap::<&str, BTreeSet<&str>>::new();
    let mut crossing = Vec::new();
    for need in needs {
        if let (Some(from), Some(to)) = (entry(&need.from, folder), entry(&need.to, folder))
            && from != to
        {
            arrows.entry(from).or_default().insert(to);
            crossing.push((from, to, need));
        }
    }
    let closing = crossing.iter().filter(|(from, to, _)| leads(&arrows, to, from));
    let lines: BTreeSet<_> = closing.map(|(from, to, need)| (&need.from, need.line, from, to, &need.path)).collect();
    let report =
        lines.iter().map(|(file, line, from, to, path)| format!("src/{file}:{line}: {from} needs {to}: {path}"));
    report.collect()
}

/// The file or folder of a folder that a path leads into, without its ending.
fn entry<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let first = path.strip_prefix(folder)?.split('/').next()?;
    (first != "mod.rs" && first != "lib.rs").then(|| first.trim_end_matches(".rs"))
}

fn leads<'e>(arrows: &BTreeMap<&'e str, BTreeSet<&'e str>>, from: &'e str, to: &str) -> bool {
    let (mut seen, mut open) = (BTreeSet::from([from]), vec![from]);
    while let Some(here) = open.pop() {
        open.extend(arrows.get(here).into_iter().flatten().filter(|next| seen.insert(next)));
    }
    seen.contains(to)
}
