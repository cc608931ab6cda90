//! What goes in: broken input of every kind is named and fatal to nothing else, and places are exact.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::path::PathBuf;

use palisade::config::Config;
use palisade::source::{self, Node, Scalar, Shape, Sources, Walk};
use proptest::prelude::*;

fn broken(name: &str) -> (Walk, palisade::triage::Report) {
    let path = common::project(&format!("fixtures/broken/{name}"));
    let walk = source::walk(&[path]).unwrap_or_else(|error| panic!("{error}"));
    let report = palisade::audit(&walk, &Config::default());
    (walk, report)
}

/// File, how many documents are resources and unparsed, the line of the first unparsed one, and words of its reason.
const BROKEN: [(&str, usize, usize, usize, &str); 20] = [
    ("helm-template.yaml", 1, 1, 3, "helm template"),
    ("tab-indentation.yaml", 0, 1, 4, "tab"),
    ("unclosed-list.yaml", 2, 1, 7, ""),
    ("missing-separator.yaml", 1, 0, 0, ""),
    ("comment.json", 0, 1, 1, "a comment, which JSON does not have"),
    ("cut-off.json", 0, 1, 1, "at the end of the string"),
    ("not-utf8.yaml", 0, 1, 1, "UTF-8"),
    ("utf16.yaml", 0, 1, 1, "UTF-16"),
    ("nul-byte.yaml", 0, 1, 4, "NUL"),
    ("alias-bomb.yaml", 0, 1, 1, "aliases expand to"),
    ("list-as-key.yaml", 0, 1, 1, "Kubernetes reads keys as strings"),
    ("unknown-alias.yaml", 0, 1, 1, ""),
    ("deep-nesting.json", 0, 1, 1, "nested deeper"),
    ("only-comments.yaml", 0, 0, 0, ""),
    ("bom-and-crlf.yaml", 1, 0, 0, ""),
    ("deep-nesting.tf", 0, 1, 3, "nested levels"),
    ("template.tf", 0, 1, 2, "a template, not Terraform"),
    ("cut-off.tf", 0, 1, 5, "not Terraform"),
    ("bom-and-crlf.tf", 1, 0, 0, ""),
    ("odd-counts.tf", 1, 0, 0, ""),
];

#[test]
fn what_is_broken_is_named_and_fatal_to_nothing_else() {
    for (name, resources, unparsed, line, reason) in BROKEN {
        let (walk, report) = broken(name);
        let inputs = &report.inputs;
        assert_eq!((inputs.resources, inputs.unparsed.len()), (resources, unparsed), "{name}: {:?}", inputs.unparsed);
        if let Some(first) = inputs.unparsed.first() {
            let place = walk.sources[first.at.source].line_column(first.at.span.start);
            assert_eq!(place.line, line, "{name}: {}", first.reason);
            assert!(first.reason.contains(reason), "{name}: {}", first.reason);
            assert_eq!(report.verdict.exit_code(), 2, "{name}");
        }
    }
    let files = std::fs::read_dir(common::project("fixtures/broken")).expect("the folder is there").count();
    assert_eq!(files, BROKEN.len(), "every broken file is in the list");
}

#[test]
fn a_missing_separator_shows_as_keys_written_twice() {
    let (_, report) = broken("missing-separator.yaml");
    let messages: Vec<&str> = report.inputs.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages.iter().filter(|message| message.contains("`---` may be missing")).count(), 2, "{messages:?}");
    assert!(messages.iter().any(|message| message.contains("`metadata` is written twice")), "{messages:?}");
}

/// Calls for every scalar of a text, keys included.
fn scalars(text: &str, mut see: impl FnMut(&str, Node<'_>)) {
    let sources = Sources::new(vec![("input.yaml".to_owned(), text.to_owned())]);
    for source in &sources {
        for document in source::parse(source).documents {
            visit(document.root(), &mut |node| see(source.slice(node.at().span), node));
        }
    }
}

fn visit<'a>(node: Node<'a>, see: &mut impl FnMut(Node<'a>)) {
    match node.shape() {
        Shape::Scalar => see(node),
        Shape::Sequence => node.items().for_each(|item| visit(item, see)),
        Shape::Mapping => node.entries().for_each(|entry| {
            see(entry.key);
            visit(entry.value, see);
        }),
    }
}

#[test]
fn places_are_those_of_the_scalars_whatever_stands_before_them() {
    let text = "\u{feff}kéy: väl # note\r\n\"日本\": 'it''s'\r\nlist: [a, \"b\\tc\", &x d, *x]\r\nlast: 12\r\n";
    let mut seen = Vec::new();
    scalars(text, |written, node| seen.push((written.to_owned(), node.text().unwrap_or_default().to_owned())));
    let wanted = [
        ("kéy", "kéy"),
        ("väl", "väl"),
        ("\"日本\"", "日本"),
        ("'it''s'", "it's"),
        ("list", "list"),
        ("a", "a"),
        ("\"b\\tc\"", "b\tc"),
        ("d", "d"),
        ("*x", "d"),
        ("last", "last"),
        ("12", "12"),
    ];
    assert_eq!(seen, wanted.map(|(written, value)| (written.to_owned(), value.to_owned())));
}

#[test]
fn merge_keys_are_applied_and_own_keys_hide_merged_ones() {
    let text = "base: &base {a: 1, b: 2}\nuser: {<<: *base, b: 3}\n";
    let sources = Sources::new(vec![("input.yaml".to_owned(), text.to_owned())]);
    let parsed = source::parse(sources.iter().next().expect("one source"));
    let user = parsed.documents[0].root().get("user").expect("the key is there");
    assert_eq!(user.get("a").and_then(Node::scalar), Some(Scalar::Integer(1)));
    assert_eq!(user.get("b").and_then(Node::scalar), Some(Scalar::Integer(3)));
}

proptest! {
    #[test]
    fn no_text_panics_and_places_stay_inside(text in "[ -~\n\t:{}\\[\\]\"'&*|>#é-]{0,200}") {
        let length = text.len();
        scalars(&text, |_, node| {
            let span = node.at().span;
            assert!(span.start <= span.end && span.end as usize <= length);
        });
        let _ = palisade::audit(&source::from_text("input.yaml", text), &Config::default());
    }

    #[test]
    fn a_manifest_with_one_byte_changed_never_panics(at in 0usize..2000, byte in 0u8..128) {
        let text = include_str!("../fixtures/estates/plaintext-hop/gateway/routes.yaml");
        let mut bytes = text.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = palisade::audit(&source::from_text("input.yaml", text), &Config::default());
        }
    }
}

proptest! {
    #[test]
    fn no_configuration_panics(text in "[a-z0-9 =\n\\.\\$\\{\\}\\[\\]\"%?:,()*<#/-]{0,200}") {
        let _ = palisade::audit(&source::from_text("main.tf", text), &Config::default());
    }

    #[test]
    fn a_configuration_or_plan_with_one_byte_changed_never_panics(at in 0usize..20_000, byte in 0u8..128) {
        for (path, text) in [
            ("main.tf", include_str!("../fixtures/formats-layers/hcl/main.tf")),
            ("tfplan.json", include_str!("../fixtures/formats-layers/plan/tfplan.json")),
            ("firewalls.json", include_str!("../fixtures/formats-layers/gcloud/firewalls.json")),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(text) = String::from_utf8(bytes) {
                let _ = palisade::audit(&source::from_text(path, text), &Config::default());
            }
        }
    }
}

#[test]
fn files_are_told_by_what_they_hold_where_their_names_say_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let plan = include_str!("../fixtures/formats-layers/plan/tfplan.json");
    let utf_16: Vec<u8> = std::iter::once(0xfeff).chain(plan.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let manifest = "# printed\napiVersion: v1\nkind: Namespace\nmetadata: {name: team-x}\n";
    for (name, bytes) in [
        ("plan", plan.as_bytes()),
        ("plan.txt", utf_16.as_slice()),
        ("dump.out", manifest.as_bytes()),
        ("notes.txt", b"apiVersion and kind are keys of a manifest"),
        ("package", b"{\"name\": \"package\"}"),
        ("old.yaml.disabled", manifest.as_bytes()),
        ("terraform.tfstate.backup", b"{\"version\": 4, \"terraform_version\": \"1.9.8\"}"),
    ] {
        std::fs::write(folder.path().join(name), bytes).expect("a file can be written");
    }
    let walk = source::walk(&[folder.path().to_owned()]).expect("the folder can be read");
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let read: Vec<String> = walk.sources.iter().map(|source| name(source.path())).collect();
    assert_eq!(read, ["dump.out", "plan", "plan.txt"]);
    let skipped: Vec<String> = walk.skipped.iter().map(|skipped| name(&skipped.path)).collect();
    assert_eq!(skipped, ["notes.txt", "old.yaml.disabled", "package", "terraform.tfstate.backup"]);
    let report = palisade::audit(&walk, &Config::default());
    assert!(report.inputs.unparsed.is_empty(), "{:?}", report.inputs.unparsed);
    assert!(report.inputs.resources > 60);
}

/// Where the structure or a text differs. How plain scalars are typed is where the two readers differ by design.
fn difference(ours: Node<'_>, theirs: &serde_yaml::Value) -> Option<String> {
    use serde_yaml::Value;
    let found = |said: String| Some(format!("{said} at byte {}", ours.at().span.start));
    match (ours.shape(), theirs) {
        (Shape::Mapping, Value::Mapping(map)) if map.len() == ours.entries().count() => {
            ours.entries().zip(map).find_map(|(entry, (_, value))| difference(entry.value, value))
        }
        (Shape::Sequence, Value::Sequence(list)) if list.len() == ours.items().count() => {
            ours.items().zip(list).find_map(|(item, value)| difference(item, value))
        }
        (Shape::Scalar, Value::String(text)) if ours.text() == Some(text.as_str()) => None,
        (Shape::Scalar, Value::String(text)) => found(format!("{:?} is not {text:?}", ours.text())),
        (Shape::Scalar, Value::Bool(_) | Value::Number(_) | Value::Null) => None,
        (_, Value::Tagged(tagged)) => difference(ours, &tagged.value),
        (shape, _) => found(format!("a {shape:?} of another kind or size")),
    }
}

/// The YAML files of the estates and, where it is there, of the real input.
fn manifests() -> Vec<PathBuf> {
    let mut folders = vec![common::project("fixtures/estates")];
    let real = common::project("../shared/real");
    if real.is_dir() {
        folders.push(real);
    } else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "../shared/real is missing");
        println!("left out: ../shared/real is not there");
    }
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                found.push(path);
            }
        }
    }
    found
}

/// Runs the binary as somebody whom permissions bind: whoever runs the tests, unless that is root.
#[cfg(unix)]
fn run_unprivileged(folder: &std::path::Path, arguments: &[&str]) -> common::program::Ran {
    use std::os::unix::process::CommandExt as _;
    let is_root = std::fs::read_dir(folder.join("locked")).is_ok();
    let mut command = common::program::palisade(folder, arguments);
    if is_root {
        command.uid(65_534);
    }
    common::program::ran(&command.output().expect("the program starts"))
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_opened_is_named_and_makes_the_audit_incomplete() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let estate = common::program::folder(&[
        ("a.yaml", common::program::CLEAN),
        ("locked/b.yaml", common::program::CLEAN),
        ("sealed.yaml", common::program::CLEAN),
    ]);
    let mode = |path: &str, mode| {
        set_permissions(estate.path().join(path), Permissions::from_mode(mode)).expect("a mode can be set");
    };
    mode(".", 0o755);
    mode("locked", 0);
    mode("sealed.yaml", 0);
    // Links that lead to nothing hide nothing.
    for (target, name) in [("gone.yaml", "dangling.yaml"), ("ring.yaml", "ring.yaml"), (".", "above")] {
        symlink(target, estate.path().join(name)).expect("a link can be made");
    }
    let ran = run_unprivileged(estate.path(), &["check", "--format", "json"]);
    let allowed = run_unprivileged(estate.path(), &["check", "--allow-unparsed", "--fail-on", "never"]);
    let paths = run_unprivileged(estate.path(), &["paths"]);
    mode("locked", 0o755);
    assert_eq!((ran.code, allowed.code, paths.code), (2, 0, 2), "{} {}", ran.stderr, allowed.stderr);
    assert!(ran.stderr.contains("locked:1:1: not audited: cannot be opened: permission denied"), "{}", ran.stderr);
    let inputs = common::program::parsed(&ran.stdout)["inputs"].clone();
    let unread: Vec<&str> =
        inputs["unparsed"].as_array().expect("a list").iter().filter_map(|one| one["path"].as_str()).collect();
    assert_eq!(unread, ["locked", "sealed.yaml"]);
    assert_eq!((&inputs["documents"], &inputs["resources"]), (&3.into(), &1.into()));
    let skipped = inputs["skipped"].to_string();
    assert!(skipped.contains("dangling.yaml") && skipped.contains("ring.yaml"), "{skipped}");
}

#[test]
fn a_second_reader_sees_the_same_values() {
    use serde::Deserialize as _;
    let (mut compared, mut faults) = (0, Vec::new());
    for path in manifests() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let theirs: Result<Vec<serde_yaml::Value>, _> =
            serde_yaml::Deserializer::from_str(&text).map(serde_yaml::Value::deserialize).collect();
        let Ok(theirs) = theirs else { continue };
        let sources = Sources::new(vec![("input.yaml".to_owned(), text)]);
        let ours = source::parse(sources.iter().next().expect("one source"));
        let theirs: Vec<_> = theirs.into_iter().filter(|value| !value.is_null()).collect();
        if ours.documents.len() != theirs.len() {
            let unparsed: Vec<_> = ours.unparsed.iter().map(|one| one.reason.as_str()).collect();
            faults.push(format!(
                "{}: {} documents, not {} {unparsed:?}",
                path.display(),
                ours.documents.len(),
                theirs.len()
            ));
            continue;
        }
        compared += theirs.len();
        let found = ours.documents.iter().zip(&theirs).find_map(|(ours, theirs)| difference(ours.root(), theirs));
        faults.extend(found.map(|found| format!("{}: {found}", path.display())));
    }
    println!("compared {compared} documents");
    assert!(compared > 50 && faults.is_empty(), "{}", faults.join("\n"));
}
