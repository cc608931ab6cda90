//! Edits in bytes: what stays as it is, where there is none, and that another parser sees what was meant.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use common::page::blocks;
use palisade::rules::RULES;
use palisade::source::{self, Edit, Holder, Node, Scalar, Shape, Span};

/// A text after an edit whose place is the only occurrence of a word in it; nothing where no edit can be made.
fn edited(path: &str, text: &str, word: &str, edit: impl Fn(source::Location) -> Edit) -> Option<String> {
    let walk = source::from_text(path, text.to_owned());
    let only = walk.sources.iter().next().expect("there is one source");
    let start = text.find(word).expect("the word is in the text");
    assert_eq!(text.matches(word).count(), 1, "`{word}` is there more than once");
    let offset = |at: usize| u32::try_from(at).expect("the text is short");
    let at = only.location(Span::new(offset(start), offset(start + word.len())));
    let parsed = source::parse(only);
    assert_eq!(parsed.unparsed, []);
    let mut replacements = parsed.documents.iter().filter_map(|document| document.replacement(&edit(at)));
    let replacement = replacements.next()?;
    let edited = walk.sources.edited(&[&replacement]);
    let text = edited.iter().next().expect("there is one source").text().to_owned();
    Some(text)
}

fn set(text: &str, word: &str, value: &str) -> Option<String> {
    edited("a.yaml", text, word, |at| Edit::Set { at, value: value.to_owned() })
}

fn insert(text: &str, word: &str, into: Holder) -> Option<String> {
    edited("a.yaml", text, word, |at| Edit::Insert { at, into, keys: vec!["mode"], value: "STRICT".to_owned() })
}

fn append(text: &str, word: &str) -> Option<String> {
    edited("a.yaml", text, word, |at| Edit::Append { at, items: vec!["Egress".to_owned()] })
}

#[test]
fn a_value_keeps_its_quotes_and_its_type() {
    assert_eq!(set("a: OLD # why\n", "OLD", "NEW").as_deref(), Some("a: NEW # why\n"));
    assert_eq!(set("a: \"OLD\"\n", "\"OLD\"", "NEW").as_deref(), Some("a: \"NEW\"\n"));
    assert_eq!(set("a: 'OLD'\n", "'OLD'", "NEW").as_deref(), Some("a: 'NEW'\n"));
    assert_eq!(set("{\"a\": \"OLD\"}", "\"OLD\"", "NEW").as_deref(), Some("{\"a\": \"NEW\"}"));
    assert_eq!(set("a: 8080\n", "8080", "80").as_deref(), Some("a: 80\n"));
    assert_eq!(set("a: \"8080\"\n", "\"8080\"", "80").as_deref(), Some("a: \"80\"\n"));
    assert_eq!(set("a: false\n", "false", "true").as_deref(), Some("a: true\n"));
    assert_eq!(set("a: [x, OLD]\n", "OLD", "ns/new").as_deref(), Some("a: [x, ns/new]\n"));
    // Without quotes these would be something else.
    assert_eq!(set("a: OLD\n", "OLD", "*.example.com").as_deref(), Some("a: \"*.example.com\"\n"));
    assert_eq!(set("a: OLD\n", "OLD", "true").as_deref(), Some("a: \"true\"\n"));
    assert_eq!(set("a: OLD\n", "OLD", "80").as_deref(), Some("a: \"80\"\n"));
}

#[test]
fn no_value_is_changed_that_is_not_plainly_there() {
    for (text, word) in [
        ("a: &x OLD\nb: *x\n", "OLD"),
        ("a: &x OLD\nb: *x\n", "*x"),
        ("a: &x {c: OLD}\nb: {<<: *x}\n", "OLD"),
        ("a: |\n  OLD\n", "OLD"),
        ("a: |-\n  OLD", "OLD"),
        ("a: >-\n  \"OLD\"", "\"OLD\""),
        ("a: !!str OLD\n", "OLD"),
        ("a: 8080\n", "8080"),
        ("a: OLD\n  more\n", "OLD"),
        ("a: OLD x\n", "OLD"),
        ("OLD: {}\nb: 1\n", "{}"),
    ] {
        assert_eq!(set(text, word, "NEW"), None, "{text}");
    }
    assert_eq!(set("a: OLD\n", "OLD", "two words"), None);
    assert_eq!(set("a: OLD\n", "OLD", "a\"b"), None);
    let of_terraform = |at| Edit::Set { at, value: "NEW".to_owned() };
    assert_eq!(edited("a.tf", "locals {\n  a = \"OLD\"\n}\n", "\"OLD\"", of_terraform), None);
    // An anchor that nothing refers to counts in one place alone.
    assert_eq!(set("a: &x OLD\n", "OLD", "NEW").as_deref(), Some("a: &x NEW\n"));
}

#[test]
fn a_key_is_written_as_its_siblings_are() {
    let under = |text: &str| insert(text, "tls", Holder::Value);
    assert_eq!(under("tls:\n  sni: a # b\nc: d\n").as_deref(), Some("tls:\n  sni: a # b\n  mode: STRICT\nc: d\n"));
    assert_eq!(
        under("tls:\r\n    sni: a\r\nc: d\r\n").as_deref(),
        Some("tls:\r\n    sni: a\r\n    mode: STRICT\r\nc: d\r\n")
    );
    assert_eq!(under("tls:\n  sni: a").as_deref(), Some("tls:\n  sni: a\n  mode: STRICT"));
    assert_eq!(
        under("tls:\n  names:\n  - a\nc: d\n").as_deref(),
        Some("tls:\n  names:\n  - a\n  mode: STRICT\nc: d\n")
    );
    assert_eq!(under("tls: {}\n").as_deref(), Some("tls: {mode: STRICT}\n"));
    assert_eq!(under("tls: { sni: a } # b\n").as_deref(), Some("tls: { sni: a, mode: STRICT } # b\n"));
    assert_eq!(under("tls:\n  a: {b: [1]}\nc: d\n").as_deref(), Some("tls:\n  a: {b: [1]}\n  mode: STRICT\nc: d\n"));
    assert_eq!(under("\u{feff}tls: {sni: a}\n").as_deref(), Some("\u{feff}tls: {sni: a, mode: STRICT}\n"));
    let under = |text: &str| insert(text, "\"tls\"", Holder::Value);
    assert_eq!(under("{\"tls\": {}}").as_deref(), Some("{\"tls\": {\"mode\": \"STRICT\"}}"));
    assert_eq!(
        under("{\"tls\": {\"sni\": \"a\"}}").as_deref(),
        Some("{\"tls\": {\"sni\": \"a\", \"mode\": \"STRICT\"}}")
    );
    let pretty = "{\n  \"tls\": {\n    \"sni\": \"a\"\n  }\n}\n";
    let wanted = "{\n  \"tls\": {\n    \"sni\": \"a\",\n    \"mode\": \"STRICT\"\n  }\n}\n";
    assert_eq!(under(pretty).as_deref(), Some(wanted));
    let beside = |text: &str| insert(text, "host", Holder::Parent);
    assert_eq!(beside("- host: a\n  b: c\n- d\n").as_deref(), Some("- host: a\n  b: c\n  mode: STRICT\n- d\n"));
    let deep = edited("a.yaml", "spec:\n  host: a\n", "host", |at| Edit::Insert {
        at,
        into: Holder::Parent,
        keys: vec!["trafficPolicy", "tls", "mode"],
        value: "STRICT".to_owned(),
    });
    assert_eq!(deep.as_deref(), Some("spec:\n  host: a\n  trafficPolicy: {tls: {mode: STRICT}}\n"));
}

#[test]
fn no_key_is_added_where_the_layout_would_be_guessed() {
    for text in [
        "tls:\n",
        "tls: ~\n",
        "tls:\n  mode: x\n",
        "tls:\n  <<: *x\n",
        "tls: &x\n  sni: a\nb: *x\n",
        "tls: *x\n",
        "tls:\n  sni: |\n    a\n",
        "tls:\n  sni: |-\n    a",
        "tls:\n  sni: |-\n    \"a\"",
        "tls:\n  sni:\nb: c\n",
        "tls: {\n  sni: a }\n",
        "tls: {\n  sni: a,\n}\n",
        "tls: {\n  sni: a # b\n}\n",
        "tls: [a]\n",
    ] {
        let text = text.replace("*x", "*y");
        let text = if text.contains("*y") { format!("y: &y {{q: r}}\n{text}") } else { text };
        let text = if text.contains("&x") { text.replace("y: &y {q: r}\n", "").replace("*y", "*x") } else { text };
        assert_eq!(insert(&text, "tls", Holder::Value), None, "{text}");
    }
}

#[test]
fn an_item_is_written_as_the_one_before_it_is() {
    assert_eq!(append("t:\n- Ingress # a\nb: c\n", "Ingress").as_deref(), Some("t:\n- Ingress # a\n- Egress\nb: c\n"));
    assert_eq!(append("t:\n  -   'Ingress'\n", "'Ingress'").as_deref(), Some("t:\n  -   'Ingress'\n  -   'Egress'\n"));
    assert_eq!(append("t:\n- x\n- Ingress", "Ingress").as_deref(), Some("t:\n- x\n- Ingress\n- Egress"));
    assert_eq!(append("t: [ Ingress ] # a\n", "Ingress").as_deref(), Some("t: [ Ingress, Egress ] # a\n"));
    assert_eq!(append("{\"t\": [\"Ingress\"]}", "\"Ingress\"").as_deref(), Some("{\"t\": [\"Ingress\", \"Egress\"]}"));
    let pretty = "{\"t\": [\n  \"x\",\n  \"Ingress\"\n]}";
    assert_eq!(append(pretty, "\"Ingress\"").as_deref(), Some("{\"t\": [\n  \"x\",\n  \"Ingress\",\n  \"Egress\"\n]}"));
    for (text, word) in [
        ("t: [x,\n  Ingress]\n", "Ingress"),
        ("t: &x\n- Ingress\nb: *x\n", "Ingress"),
        ("t:\n- - Ingress\n", "Ingress"),
        ("t: Ingress\n", "Ingress"),
    ] {
        assert_eq!(append(text, word), None, "{text}");
    }
}

/// A key or an index on the way from the top of a document.
type Step = serde_yaml::Value;

/// Every edit of a kind that a document offers a place for, with the steps to the collection or scalar that it is about.
fn places(node: Node<'_>, steps: &[Step], all: &mut Vec<(Vec<Step>, Edit)>) {
    let (value, keys) = ("NEW".to_owned(), vec!["added"]);
    let below = |step: Step| [steps, &[step]].concat();
    for entry in node.entries() {
        if entry.key.at() == node.head() {
            let edit = Edit::Insert { at: node.head(), into: Holder::Parent, keys: keys.clone(), value: value.clone() };
            all.push((steps.to_vec(), edit));
        }
        let steps = below(entry.name().into());
        if entry.value.shape() == Shape::Mapping {
            let edit =
                Edit::Insert { at: entry.key.at(), into: Holder::Value, keys: keys.clone(), value: value.clone() };
            all.push((steps.clone(), edit));
        }
        places(entry.value, &steps, all);
    }
    for (index, item) in node.items().enumerate() {
        if item.shape() == Shape::Scalar {
            all.push((steps.to_vec(), Edit::Append { at: item.at(), items: vec![value.clone()] }));
        }
        places(item, &below(index.into()), all);
    }
    if let Some(Scalar::Text(_)) = node.scalar() {
        all.push((steps.to_vec(), Edit::Set { at: node.at(), value }));
    }
}

/// The documents of a text, as another parser reads them.
fn values(text: &str) -> Vec<serde_yaml::Value> {
    use serde::Deserialize as _;
    let read = |document| serde_yaml::Value::deserialize(document).expect("a document can be read");
    serde_yaml::Deserializer::from_str(text).map(read).filter(|value| !value.is_null()).collect()
}

/// The comments of a text.
fn comments(text: &str) -> Vec<String> {
    let walk = source::from_text("input", text.to_owned());
    let only = walk.sources.iter().next().expect("there is one source");
    let parsed = source::parse(only);
    let all = parsed.documents.iter().flat_map(source::Document::comments);
    all.map(|at| only.slice(at.span).to_owned()).collect()
}

fn index_of(step: &Step) -> usize {
    step.as_u64().and_then(|index| usize::try_from(index).ok()).expect("an index")
}

fn word(key: &Step) -> String {
    key.as_str()
        .map_or_else(|| serde_yaml::to_string(key).expect("a key can be written").trim().to_owned(), str::to_owned)
}

/// What an edit is meant to do.
fn apply(value: &mut serde_yaml::Value, steps: &[Step], edit: &Edit) {
    let mut place = value;
    for step in steps {
        place = match place {
            serde_yaml::Value::Sequence(items) => items.get_mut(index_of(step)),
            // Keys are typed by one of the parsers, and words to the other.
            serde_yaml::Value::Mapping(entries) => {
                entries.iter_mut().find(|(key, _)| word(key) == word(step)).map(|entry| entry.1)
            }
            _ => None,
        }
        .unwrap_or_else(|| panic!("{step:?} of {steps:?} is not there"));
    }
    match edit {
        Edit::Set { value, .. } => *place = value.as_str().into(),
        Edit::Insert { keys, value, .. } => {
            place.as_mapping_mut().expect("a mapping").insert(keys[0].into(), value.as_str().into());
        }
        Edit::Append { items, .. } => {
            place.as_sequence_mut().expect("a list").extend(items.iter().map(|item| item.as_str().into()));
        }
    }
}

#[test]
fn an_edit_changes_what_it_is_about_and_nothing_else() {
    /// One of so many places of each text is tried.
    const SHARE: usize = 11;
    let pages = RULES.iter().flat_map(|rule| blocks(rule.page)).filter(|block| block.info.starts_with("yaml"));
    let texts: Vec<String> = pages.map(|block| block.text).collect();
    let json = texts.iter().flat_map(|text| values(text)).map(|value| serde_json::to_string_pretty(&value));
    let json: Vec<String> = json.map(|text| text.expect("a value can be written")).collect();
    let (mut made, mut left) = (0, 0);
    for (number, text) in texts.iter().chain(&json).enumerate() {
        let walk = source::from_text("input", text.clone());
        let only = walk.sources.iter().next().expect("there is one source");
        let parsed = source::parse(only);
        let before = values(text);
        assert_eq!(before.len(), parsed.documents.len(), "{text}");
        for (index, document) in parsed.documents.iter().enumerate() {
            let mut all = Vec::new();
            places(document.root(), &[], &mut all);
            for (steps, edit) in all.iter().skip(number % SHARE).step_by(SHARE) {
                let Some(replacement) = document.replacement(edit) else {
                    left += 1;
                    continue;
                };
                made += 1;
                let edited = walk.sources.edited(&[&replacement]);
                let after = edited.iter().next().expect("there is one source").text().to_owned();
                let mut wanted = before.clone();
                apply(&mut wanted[index], steps, edit);
                assert_eq!(values(&after), wanted, "{edit:?} in\n{text}\ngives\n{after}");
                assert_eq!(comments(&after), comments(text), "{after}");
            }
        }
    }
    println!("{made} edits made, {left} left");
    assert!(made > 1_000 && left * 20 < made, "{made} edits made, {left} left");
}
