//! The house: which floor may see which, who names which crate, and that a rule is one thing in four places.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::{project, text};
use palisade::rules::RULES;

/// What each floor may name of this crate, besides itself. Imports point down; the config is a side room.
const FLOORS: &[(&str, &[&str])] = &[
    ("progress", &[]),
    ("source", &["progress"]),
    ("traffic", &[]),
    ("finding", &["source"]),
    ("config", &["finding", "source", "traffic"]),
    ("resource", &["finding", "source", "traffic"]),
    ("scope", &["config", "resource", "source"]),
    ("model", &["config", "resource", "finding", "source", "traffic"]),
    ("analysis", &["model", "finding", "source", "traffic"]),
    ("rule", &["config", "analysis", "model", "finding", "source", "traffic"]),
    ("rules", &["rule", "config", "analysis", "model", "finding", "source", "traffic"]),
    ("triage", &["config", "finding", "source"]),
    ("places", &["triage", "config", "scope", "resource", "finding", "source"]),
    ("repair", &["triage", "finding", "source"]),
    ("report", &["triage", "config", "rule", "finding", "source"]),
    // Listings of what an analysis knows, not of findings.
    ("report/connections", &["analysis", "model", "traffic", "report", "finding", "source"]),
    ("report/graph", &["analysis", "model", "triage", "report", "finding", "source"]),
    ("report/paths", &["analysis", "config", "model", "traffic", "report", "finding", "source"]),
];

/// A source file without its comments and its tests.
struct File {
    /// As seen from `src`, such as `report/sarif.rs`.
    path: String,
    code: String,
    whole: String,
}

fn sources() -> Vec<File> {
    let root = project("src");
    let file = |path: &PathBuf| {
        let whole = text(path);
        let code = whole.split("#[cfg(test)]").next().unwrap_or_default();
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let path = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        File { path, code, whole }
    };
    common::files(&root, ".rs").iter().map(file).collect()
}

/// The path of a module: `report/sarif/uri.rs` is `report::sarif::uri`, `rules/mod.rs` is `rules`.
fn module(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    if parts.last() == Some(&"mod") {
        parts.pop();
    }
    parts
}

/// The names right after a path's start: one, or several in braces.
fn heads(rest: &str) -> Vec<&str> {
    let word = |text: &str| text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let Some(list) = rest.strip_prefix('{') else { return vec![&rest[..word(rest)]] };
    let mut heads = Vec::new();
    let mut depth = 1;
    let mut start = 0;
    for (at, c) in list.char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 || (depth == 1 && c == ',') {
            let item = list[start..at].trim();
            heads.extend((!item.is_empty()).then(|| &item[..word(item)]));
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

/// The top-level modules of this crate that a file names, by `crate::` or by enough `super::`.
fn named(file: &File) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let own = module(&file.path);
    for (at, _) in file.code.match_indices("crate::") {
        names.extend(heads(&file.code[at + "crate::".len()..]).into_iter().map(str::to_owned));
    }
    for (at, _) in file.code.match_indices("super::") {
        let before = &file.code[..at];
        if before.ends_with("super::") {
            continue;
        }
        let mut rest = &file.code[at..];
        let mut level = own.len();
        while let Some(after) = rest.strip_prefix("super::") {
            (rest, level) = (after, level.saturating_sub(1));
        }
        // Up to the root of the crate, the next name is a floor; below it, the floor is the file's own.
        if level == 0 {
            names.extend(heads(rest).into_iter().map(str::to_owned));
        }
    }
    names
}

fn floor(file: &File) -> &str {
    let listings = ["report/connections", "report/graph", "report/paths"];
    if let Some(listing) = listings.into_iter().find(|listing| file.path.starts_with(listing)) {
        return listing;
    }
    file.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// Fails with all faults at once.
#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn imports_point_down() {
    let allowed: BTreeMap<&str, &[&str]> = FLOORS.iter().copied().collect();
    let mut faults = Vec::new();
    for file in sources() {
        let own = floor(&file);
        match (own, allowed.get(own)) {
            ("lib" | "main" | "cli", _) => {}
            (_, None) => faults.push(format!("src/{}: this floor has no place in the house", file.path)),
            (_, Some(below)) => faults.extend(
                named(&file)
                    .into_iter()
                    .filter(|name| name != own && !below.contains(&name.as_str()))
                    .map(|name| format!("src/{}: names `{name}`, which `{own}` must not know", file.path)),
            ),
        }
    }
    assert_none(&faults);
}

#[test]
fn rules_see_the_estate_and_the_facts_only() {
    let is_rule = |file: &File| file.path.starts_with("rules/") && !file.path.ends_with("mod.rs");
    let mut faults = Vec::new();
    for file in sources().iter().filter(|file| is_rule(file)) {
        for word in ["Document", "Node", "Sources", "Source", "SourceId", "resource"] {
            let named = [format!("source::{word}"), format!("crate::{word}")];
            let in_braces = uses(&file.code, "crate::source::").iter().any(|name| name == word);
            if in_braces || named.iter().any(|named| contains_word(&file.code, named)) {
                faults.push(format!("src/{}: names `{word}`", file.path));
            }
        }
    }
    assert_none(&faults);
}

/// The names that follow a path in the code.
fn uses(code: &str, path: &str) -> Vec<String> {
    code.match_indices(path).flat_map(|(at, _)| heads(&code[at + path.len()..])).map(str::to_owned).collect()
}

fn contains_word(code: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word)
        .any(|(at, _)| !is_part(code[..at].chars().next_back()) && !is_part(code[at + word.len()..].chars().next()))
}

/// Which files may say a word, in code rather than comments.
#[track_caller]
fn assert_only(word: &str, may: impl Fn(&str) -> bool) {
    let says = |file: &File| file.code.contains(word) && !may(&file.path);
    let faults: Vec<String> =
        sources().iter().filter(|file| says(file)).map(|file| format!("src/{}: names `{word}`", file.path)).collect();
    assert_none(&faults);
}

#[test]
fn each_foreign_crate_has_one_door() {
    assert_only("granit_parser", |path| path == "source/yaml.rs");
    assert_only("hcl_edit", |path| path == "source/hcl.rs");
    assert_only("miette", |path| path == "report/terminal.rs");
    assert_only("clap", |path| path == "main.rs" || path.starts_with("cli"));
    assert_only("use ignore::", |path| path == "source/walk.rs");
    assert_only("gen_lsp_types", |path| path.starts_with("cli/lsp/"));
    assert_only("petgraph", |path| path.starts_with("model") || path.starts_with("analysis"));
}

#[test]
fn one_file_knows_sarif() {
    // The others may only pass it on by name.
    let passes = ["report/mod.rs", "main.rs"];
    assert_only("shape::", |path| path.starts_with("report/sarif"));
    assert_only("sarif", |path| path.starts_with("report/sarif") || path.starts_with("cli") || passes.contains(&path));
}

#[test]
fn shapes_of_the_outputs_are_types_of_their_own() {
    // The editor's protocol has shapes of its own too.
    let is_output = |path: &str| path.starts_with("report/") || path.starts_with("cli/lsp/");
    for word in ["Serialize", "serde"] {
        assert_only(word, is_output);
    }
}

#[test]
fn only_the_binary_asks_the_environment() {
    let is_binary = |path: &str| path == "main.rs" || path.starts_with("cli");
    for word in ["env::var", "env::args", "env::current_dir", "std::process", "Instant", "SystemTime", "println!"] {
        assert_only(word, is_binary);
    }
    for word in ["std::fs", "fs::", "File::", "TcpStream", "UdpSocket"] {
        assert_only(word, |path| is_binary(path) || path == "source/walk.rs");
    }
}

#[test]
fn nothing_in_the_library_can_stop_an_audit() {
    for word in [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "unreachable!(", "unsafe "] {
        assert_only(word, |_| false);
    }
    for word in ["assert!(", "assert_eq!(", "dbg!("] {
        assert_only(word, |_| false);
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    let mut faults = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for path in common::files(&project(folder), ".rs") {
            let count = text(&path).lines().count();
            faults.extend((count > 600).then(|| format!("{}: {count} lines", path.display())));
        }
    }
    assert_none(&faults);
}

#[test]
fn the_tests_of_a_file_stand_at_its_end() {
    // What is taken for code above ends where the tests begin.
    let mut faults = Vec::new();
    for file in sources() {
        let Some((_, tests)) = file.whole.split_once("#[cfg(test)]") else { continue };
        let is_module = tests.trim_start().starts_with("mod ");
        let after = tests.find("\n}\n").map_or("", |end| &tests[end + 3..]);
        if !is_module || !after.trim().is_empty() {
            faults.push(format!("src/{}: there is code after the tests", file.path));
        }
    }
    assert_none(&faults);
}

#[test]
fn a_rule_has_one_name() {
    let mut faults = Vec::new();
    for rule in RULES {
        let (topic, file) = (rule.topic.replace('-', "_"), rule.id.replace('-', "_"));
        let page = project("rules").join(rule.topic).join(format!("{}.md", rule.id));
        if !page.is_file() {
            faults.push(format!("{}: no page rules/{}/{}.md", rule.id, rule.topic, rule.id));
        } else if text(&page) != rule.page {
            faults.push(format!("{}: its page is another file's", rule.id));
        }
        let module = project("src/rules").join(&topic).join(format!("{file}.rs"));
        if !module.is_file() {
            faults.push(format!("{}: no module src/rules/{topic}/{file}.rs", rule.id));
        } else if !text(&module).contains(&format!("id: \"{}\"", rule.id)) {
            faults.push(format!("src/rules/{topic}/{file}.rs: its rule is not `{}`", rule.id));
        }
    }
    assert_none(&faults);
}

#[test]
fn every_page_and_module_is_of_a_rule_in_the_list() {
    let topic = |path: &Path| common::name(path.parent().unwrap_or(path));
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let in_list = |topic: &str, id: &str| RULES.iter().any(|rule| rule.topic == topic && rule.id == id);
    let mut faults = Vec::new();
    for page in common::files(&project("rules"), ".md") {
        let known = in_list(&topic(&page), &stem(&page));
        faults.extend((!known).then(|| format!("{}: no rule in the list has this page", page.display())));
    }
    for module in common::files(&project("src/rules"), ".rs") {
        let known =
            stem(&module) == "mod" || in_list(&topic(&module).replace('_', "-"), &stem(&module).replace('_', "-"));
        faults.extend((!known).then(|| format!("{}: not in the list of rules", module.display())));
    }
    assert_none(&faults);
}

#[test]
fn the_list_of_rules_is_sorted_and_well_named() {
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(ids, sorted);
    let is_kebab = |id: &&str| id.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit());
    let bad = |id: &&str| !is_kebab(id) || ["no-", "require-", "disallow-"].iter().any(|start| id.starts_with(start));
    assert_eq!(ids.into_iter().filter(bad).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_architecture_names_every_test_file() {
    let table = text(&project("ARCHITECTURE.md"));
    let files = common::entries(&project("tests")).into_iter();
    let is_test = |path: &PathBuf| path.extension().is_some() || path.join("main.rs").exists();
    let names = files.filter(is_test).map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
    let missing: Vec<String> = names.filter(|name| !table.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md says nothing of {missing:?}");
}

#[test]
fn imports_are_found_in_every_form() {
    let file = |path: &str, code: &str| File { path: path.to_owned(), code: code.to_owned(), whole: String::new() };
    let names = |path: &str, code: &str| named(&file(path, code)).into_iter().collect::<Vec<_>>();
    assert_eq!(names("a/b.rs", "use crate::{report::{json, x}, source};"), ["report", "source"]);
    assert_eq!(names("a/b.rs", "fn f() -> crate::triage::Report {}"), ["triage"]);
    assert_eq!(names("a/b.rs", "use super::super::report::json; use super::c;"), ["report"]);
    assert_eq!(names("a.rs", "use super::report;"), ["report"]);
    assert_eq!(names("a/mod.rs", "use super::report; use self::x;"), ["report"]);
    assert_eq!(names("a/b/c.rs", "use super::super::d;"), [""; 0]);
}
