//! The repository lints itself: what no compiler checks, and a reviewer should not have to.

use crate::support::repository;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Folders that hold no source of ours.
const SKIPPED: [&str; 5] = ["target", "data", "__pycache__", "node_modules", "corpus"];

/// Lines that a file may have, and lines above which it needs a reason here.
const MOST_LINES: usize = 800;
const USUAL_LINES: usize = 400;
const LONG_FILES: [(&str, &str); 4] = [
    ("app/exec/src/tests/naive.rs", "a second, plain implementation of every opcode, to compare with"),
    ("app/exec/src/tests/random.rs", "random plans: an arm for every opcode"),
    ("app/plan/src/build.rs", "a function for every opcode that a compiler writes"),
    ("tools/assay/tests/cli.rs", "every command of the wallet against one node made by hand"),
];

/// Which of our crates each may use, tests aside. An edge that is not here goes against the arrows of
/// `docs/architecture.md`.
const ARROWS: [(&str, &[&str]); 17] = [
    ("assay-types", &[]),
    ("assay-kernels", &[]),
    ("assay-plan", &["assay-types"]),
    ("assay-exec", &["assay-types", "assay-kernels", "assay-plan"]),
    ("assay-compiler", &["assay-types", "assay-plan"]),
    ("assay-store", &["assay-types"]),
    (
        "assay-core",
        &["assay-types", "assay-plan", "assay-exec", "assay-compiler", "assay-store", "assay-genesis"],
    ),
    ("assay-genesis", &["assay-types", "assay-plan"]),
    (
        "assayd",
        &[
            "assay-types",
            "assay-kernels",
            "assay-plan",
            "assay-exec",
            "assay-compiler",
            "assay-store",
            "assay-core",
            "assay-genesis",
        ],
    ),
    ("assay", &["assay-types", "assay-plan", "assay-exec", "assay-compiler", "assay-genesis"]),
    ("assay-netlab", &["assay-types", "assay"]),
    ("assay-cross", &["assay-types", "assay-plan", "assay-exec"]),
    ("assay-bench-report", &[]),
    ("assay-bench-worker", &[]),
    ("assay-bench", &["assay-bench-worker", "assay-types", "assay-plan", "assay-exec"]),
    ("assay-calibrate", &["assay-types", "assay-plan", "assay-exec"]),
    (
        "assay-bench-store",
        &[
            "assay-bench-report",
            "assay-types",
            "assay-compiler",
            "assay-exec",
            "assay-store",
            "assay-core",
            "assay-genesis",
        ],
    ),
];

/// What is measured against stands outside the arrows: nothing but the bench builds it.
const PEERS: &str = "assay-bench-peers";

/// Dependencies with one home.
const HOMES: [(&str, &str); 6] = [
    ("wasmtime", "assay-compiler"),
    ("tract-onnx", "assay-compiler-guest"),
    ("rocksdb", "assay-store"),
    ("jmt", "assay-store"),
    ("tokio", "assayd"),
    ("axum", "assayd"),
];

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let hidden = name.starts_with('.') && name != ".ci";
            if !hidden && !SKIPPED.contains(&name.as_str()) {
                walk(&path, found);
            }
        } else if name != ".git" {
            // In a second checkout, that is a file with the path of the first.
            found.push(path);
        }
    }
}

/// Every text file of ours, by its path in the repository.
fn sources() -> BTreeMap<String, String> {
    let root = repository();
    let mut found = Vec::new();
    walk(&root, &mut found);
    let text = |path: &Path| {
        let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned());
        let kind = matches!(extension.as_deref(), Some("rs" | "toml" | "md" | "py" | "sh"));
        kind || extension.is_none()
    };
    let mut sources = BTreeMap::new();
    for path in found.into_iter().filter(|path| text(path)) {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        // A file without an extension may be anything; only text is read.
        if let Ok(content) = std::fs::read_to_string(&path) {
            sources.insert(name, content);
        }
    }
    assert!(sources.len() > 50, "only {} files found", sources.len());
    sources
}

fn rust_sources() -> BTreeMap<String, String> {
    let mut sources = sources();
    sources.retain(|path, _| path.ends_with(".rs"));
    sources
}

fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn no_file_is_long_without_a_reason() {
    let long: BTreeMap<_, _> = LONG_FILES.into();
    let mut findings = Vec::new();
    for (path, content) in rust_sources() {
        let lines = content.lines().count();
        if lines > MOST_LINES || (lines > USUAL_LINES && !long.contains_key(path.as_str())) {
            findings.push(format!("{path}: {lines} lines"));
        }
    }
    assert_none(&findings);
}

#[test]
fn sources_are_ascii_and_fit_a_page() {
    let mut findings = Vec::new();
    for (path, content) in rust_sources() {
        for (index, line) in content.lines().enumerate() {
            // What rustfmt does not break: texts, and the rows of a macro's table.
            let whole = line.contains('"') || line.contains('$');
            if !line.is_ascii() || (line.len() > 120 && !whole) {
                findings.push(format!("{path}:{}: {line}", index + 1));
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn nothing_is_left_to_do_and_no_machine_is_named() {
    // Spelt in halves, or this file would find itself.
    let banned = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("/", "work/"),
        concat!("/", "tmp/"),
        concat!("/", "root/"),
        concat!("/", "home/"),
    ];
    let mut findings = Vec::new();
    for (path, content) in sources() {
        for (index, line) in content.lines().enumerate() {
            if let Some(word) = banned.iter().find(|word| line.contains(**word)) {
                findings.push(format!("{path}:{}: has {word}", index + 1));
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn every_module_says_what_it_is() {
    let is_test =
        |path: &str| path.ends_with("tests.rs") || path.contains("/tests/") || path.contains("/benches/");
    let findings: Vec<String> = rust_sources()
        .into_iter()
        .filter(|(path, content)| !content.starts_with("//!") && !is_test(path))
        .map(|(path, _)| format!("{path}: no module documentation"))
        .collect();
    assert_none(&findings);
}

#[test]
fn every_main_is_short() {
    let mut findings = Vec::new();
    for (path, content) in rust_sources() {
        let body = content.lines().skip_while(|line| !line.starts_with("fn main()"));
        let lines = body.take_while(|line| *line != "}").count();
        if path.ends_with("/main.rs") && lines > 25 {
            findings.push(format!("{path}: main has {lines} lines"));
        }
    }
    assert_none(&findings);
}

/// Every crate's manifest, by the crate's name.
fn manifests() -> BTreeMap<String, toml::Table> {
    let mut manifests = BTreeMap::new();
    for (path, content) in sources().into_iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
        let table: toml::Table = content.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        let name = table.get("package").and_then(|package| package["name"].as_str().map(str::to_owned));
        if let Some(name) = name {
            manifests.insert(name, table);
        }
    }
    manifests
}

/// What a crate depends on, `[dependencies]` of every target in one.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
    let tables = targets.filter_map(|(_, target)| target.get("dependencies"));
    for table in tables.chain(manifest.get("dependencies")).filter_map(toml::Value::as_table) {
        names.extend(table.keys().cloned());
    }
    names
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let manifests = manifests();
    let mut findings = Vec::new();
    for (name, allowed) in ARROWS {
        let manifest = manifests.get(name).unwrap_or_else(|| panic!("no crate {name}"));
        for dependency in dependencies(manifest) {
            let ours = manifests.contains_key(&dependency);
            if ours && !allowed.contains(&dependency.as_str()) {
                findings.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn heavy_dependencies_stay_in_their_crates() {
    let mut findings = Vec::new();
    for (name, manifest) in manifests().into_iter().filter(|(name, _)| name != PEERS) {
        let dependencies = dependencies(&manifest);
        for (dependency, home) in HOMES {
            if dependencies.contains(dependency) != (name == home) {
                findings.push(format!("{dependency} belongs to {home} alone; see {name}"));
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn every_crate_of_the_workspace_takes_its_lints() {
    let members: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).chain(["assay-tests"]).collect();
    let mut findings = Vec::new();
    for (name, manifest) in manifests() {
        let takes = manifest.get("lints").is_some_and(|lints| lints["workspace"].as_bool() == Some(true));
        if members.contains(name.as_str()) && !takes {
            findings.push(format!("{name} does not take the workspace's lints"));
        }
    }
    assert_none(&findings);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut findings = Vec::new();
    for (path, content) in sources().into_iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = repository().join(&path).parent().unwrap().to_path_buf();
        // Code is no link: every other piece between backticks is code.
        let prose: Vec<&str> = content.split('`').step_by(2).collect();
        for piece in prose.join("code").split("](").skip(1) {
            let target = piece.split([')', '#', ' ']).next().unwrap_or_default();
            let outside = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !outside && !folder.join(target).exists() {
                findings.push(format!("{path}: {target} does not exist"));
            }
        }
    }
    assert_none(&findings);
}
