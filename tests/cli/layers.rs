//! The order of the house: who may import whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::project;

/// For each part of `src/` (a file or a folder), the parts that its `use crate::` lines name outside of tests.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    collect(&project().join("src"), &project().join("src"), &mut all);
    all
}

fn collect(root: &Path, folder: &Path, all: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        // Tests may use everything.
        if entry.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if entry.is_dir() {
            collect(root, &entry, all);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let relative = entry.strip_prefix(root).unwrap();
            let part =
                relative.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_string();
            let text = std::fs::read_to_string(&entry).unwrap();
            let body = text.split("#[cfg(test)]").next().unwrap();
            let named = body.match_indices("crate::").map(|(at, _)| {
                let rest = &body[at + "crate::".len()..];
                rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_string()
            });
            let own = part.clone();
            all.entry(part).or_default().extend(named.filter(|name| *name != own && !name.is_empty()));
        }
    }
}

#[test]
fn stages_keep_to_their_side() {
    let imports = imports();
    let forbidden = [
        ("inference", vec!["store", "index", "retrieve", "config", "cli", "database"]),
        ("store", vec!["index", "retrieve", "config", "cli", "database", "inference"]),
        ("index", vec!["ask", "retrieve", "config", "cli", "answer", "cite"]),
        ("ask", vec!["index", "config", "cli"]),
        ("retrieve", vec!["index", "cli", "ask"]),
        ("cite", vec!["index", "retrieve", "store", "config", "cli", "database"]),
        ("database", vec!["index", "retrieve", "store", "config", "cli", "inference"]),
        ("workflow", vec!["index", "config", "cli"]),
    ];
    for (part, others) in forbidden {
        let named = imports.get(part).unwrap_or_else(|| panic!("src/{part} is gone; mend this list"));
        let wrong: Vec<_> = others.into_iter().filter(|other| named.contains(*other)).collect();
        assert!(wrong.is_empty(), "{part} imports {wrong:?}");
    }
}

#[test]
fn only_the_store_knows_the_engine() {
    let out: Vec<String> = walk(&project().join("src"))
        .into_iter()
        .filter(|path| !path.contains("/store/"))
        .filter(|path| std::fs::read_to_string(path).unwrap().contains("qdrant_edge"))
        .collect();
    assert!(out.is_empty(), "{out:?}");
}

fn walk(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path) } else { vec![path.to_string_lossy().into_owned()] }
        })
        .collect()
}

#[test]
fn parts_import_no_circle() {
    let imports = imports();
    // Settings and opened parts reach everything, and everything below must not reach back.
    for start in imports.keys() {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&String> = imports[start].iter().filter(|name| imports.contains_key(*name)).collect();
        while let Some(name) = next.pop() {
            assert_ne!(name, start, "{start} is imported by something it imports");
            if seen.insert(name) {
                next.extend(imports[name].iter().filter(|name| imports.contains_key(*name)));
            }
        }
    }
}
