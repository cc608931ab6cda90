//! Policies of engines that are asked at admission: Gatekeeper and Kyverno. What they restrict is written in languages
//! of their own, of which only the words are kept.

use super::selector::{LabelSelector, label_selector};
use crate::resource::reader::{Reader, Text};
use crate::source::{Node, Shape, Spanned};

/// The words of a policy: keys and values, as far as they are worth reading.
pub type Words<'a> = Vec<&'a str>;

/// A Gatekeeper `ConstraintTemplate`: a kind of constraint and the code behind it.
#[derive(Clone, Debug)]
pub struct ConstraintTemplate<'a> {
    pub kind: Text<'a>,
    /// Who evaluates it: Gatekeeper at admission, or other tools that share the format.
    pub targets: Vec<Text<'a>>,
    pub words: Words<'a>,
}

impl ConstraintTemplate<'_> {
    /// Whether Gatekeeper evaluates it at admission, rather than a tool that looks at the cloud.
    pub(in crate::resource) fn is_for_admission(&self) -> bool {
        self.targets.iter().any(|target| target.value == "admission.k8s.gatekeeper.sh")
    }
}

/// Whether a kind of constraint is one of Config Validator's, which looks at the cloud: they end in a version.
pub(in crate::resource) fn is_about_the_cloud(kind: &str) -> bool {
    kind.rsplit_once("ConstraintV").is_some_and(|(_, version)| version.chars().all(|c| c.is_ascii_digit()))
}

/// A Gatekeeper constraint of any kind.
#[derive(Clone, Debug)]
pub struct Constraint<'a> {
    /// `deny` where absent.
    pub action: Option<Text<'a>>,
    pub matches: EngineMatch<'a>,
    pub parameters: Words<'a>,
}

/// What a policy engine's policy is about.
#[derive(Clone, Debug, Default)]
pub struct EngineMatch<'a> {
    /// The kinds, with or without group and version; all where there is none.
    pub kinds: Vec<Text<'a>>,
    pub namespaces: Vec<Text<'a>>,
    pub excluded: Vec<Text<'a>>,
    pub selector: Option<LabelSelector<'a>>,
    pub objects: Option<LabelSelector<'a>>,
}

/// Gatekeeper's own settings: the namespaces that it leaves out.
#[derive(Clone, Debug)]
pub struct EngineConfig<'a> {
    pub excluded: Vec<Text<'a>>,
}

/// A Kyverno Policy or `ClusterPolicy`.
#[derive(Clone, Debug)]
pub struct EnginePolicy<'a> {
    /// What follows where a rule does not say it itself: `Audit` where absent.
    pub action: Option<Text<'a>>,
    pub failure_policy: Option<Text<'a>>,
    pub rules: Vec<EngineRule<'a>>,
}

/// One rule of a Kyverno policy that validates.
#[derive(Clone, Debug)]
pub struct EngineRule<'a> {
    pub name: Text<'a>,
    pub action: Option<Text<'a>>,
    /// What it is about: any of these.
    pub matches: Vec<EngineMatch<'a>>,
    /// What it leaves out: all of these.
    pub excludes: Vec<EngineMatch<'a>>,
    pub words: Words<'a>,
}

/// Longer policies are read no further: aliases may make a short text endless.
const MOST_WORDS: usize = 4096;

fn words<'a>(node: Node<'a>, found: &mut Words<'a>) {
    if found.len() >= MOST_WORDS {
        return;
    }
    match node.shape() {
        Shape::Mapping => node.entries().for_each(|entry| {
            found.push(entry.name());
            words(entry.value, found);
        }),
        Shape::Sequence => node.items().for_each(|item| words(item, found)),
        Shape::Scalar => found.extend(node.text()),
    }
}

fn words_at<'a>(node: Node<'a>, key: &str) -> Words<'a> {
    let mut found = Words::new();
    if let Some(node) = Reader::field(node, key) {
        words(node, &mut found);
    }
    found
}

pub(in crate::resource) fn constraint_template<'a>(
    reader: &mut Reader,
    node: Node<'a>,
) -> Option<ConstraintTemplate<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let names = reader.mapping_under(spec, &["crd", "spec", "names"])?;
    Some(ConstraintTemplate {
        kind: reader.text_at(names, "kind")?,
        targets: reader.list_at(spec, "targets", |reader, item| {
            let item = reader.mapping(item)?;
            reader.text_at(item, "target")
        }),
        words: words_at(spec, "targets"),
    })
}

/// Reads a constraint; one without a spec is whole, and is about everything.
pub(in crate::resource) fn constraint<'a>(reader: &mut Reader, node: Node<'a>) -> Constraint<'a> {
    let spec = reader.mapping_at(node, "spec");
    let matches = spec.and_then(|spec| reader.mapping_at(spec, "match"));
    Constraint {
        action: spec.and_then(|spec| reader.text_at(spec, "enforcementAction")),
        matches: matches.map(|node| constraint_match(reader, node)).unwrap_or_default(),
        parameters: spec.map(|spec| words_at(spec, "parameters")).unwrap_or_default(),
    }
}

fn constraint_match<'a>(reader: &mut Reader, node: Node<'a>) -> EngineMatch<'a> {
    let kinds = reader.list_at(node, "kinds", |reader, item| {
        let item = reader.mapping(item)?;
        Some(reader.texts_at(item, "kinds"))
    });
    let selector = |reader: &mut Reader, key| Reader::field(node, key).and_then(|node| label_selector(reader, node));
    EngineMatch {
        kinds: kinds.into_iter().flatten().collect(),
        namespaces: reader.texts_at(node, "namespaces"),
        excluded: reader.texts_at(node, "excludedNamespaces"),
        selector: selector(reader, "namespaceSelector"),
        objects: selector(reader, "labelSelector"),
    }
}

/// Reads Gatekeeper's settings: what its webhook leaves out.
pub(in crate::resource) fn engine_config<'a>(reader: &mut Reader, node: Node<'a>) -> EngineConfig<'a> {
    let spec = reader.mapping_at(node, "spec");
    let entry = |reader: &mut Reader, item: Node<'a>| {
        let item = reader.mapping(item)?;
        let processes = reader.texts_at(item, "processes");
        let at_admission =
            processes.is_empty() || processes.iter().any(|process| matches!(process.value, "*" | "webhook"));
        let excluded = reader.texts_at(item, "excludedNamespaces");
        Some(if at_admission { excluded } else { Vec::new() })
    };
    let excluded = spec.map(|spec| reader.list_at(spec, "match", entry)).unwrap_or_default();
    EngineConfig { excluded: excluded.into_iter().flatten().collect() }
}

pub(in crate::resource) fn engine_policy<'a>(reader: &mut Reader, node: Node<'a>) -> Option<EnginePolicy<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(EnginePolicy {
        action: reader.text_at(spec, "validationFailureAction"),
        failure_policy: reader.text_at(spec, "failurePolicy"),
        rules: reader.list_at(spec, "rules", engine_rule),
    })
}

fn engine_rule<'a>(reader: &mut Reader, node: Node<'a>) -> Option<EngineRule<'a>> {
    let node = reader.mapping(node)?;
    let validate = reader.mapping_at(node, "validate")?;
    let name = reader.text_at(node, "name").unwrap_or(Spanned::new("", node.head()));
    Some(EngineRule {
        name,
        action: reader.text_at(validate, "failureAction"),
        matches: engine_matches(reader, node, "match"),
        excludes: engine_matches(reader, node, "exclude"),
        words: words_at(node, "validate"),
    })
}

/// The resources under `any`, `all` or the key itself. Those under `all` are taken one by one, which matches more.
fn engine_matches<'a>(reader: &mut Reader, node: Node<'a>, key: &str) -> Vec<EngineMatch<'a>> {
    let Some(node) = reader.mapping_at(node, key) else { return Vec::new() };
    let filter = |reader: &mut Reader, item: Node<'a>| {
        let item = reader.mapping(item)?;
        let resources = reader.mapping_at(item, "resources")?;
        Some(engine_match(reader, resources))
    };
    let mut found = reader.list_at(node, "any", filter);
    found.extend(reader.list_at(node, "all", filter));
    found.extend(filter(reader, node));
    found
}

fn engine_match<'a>(reader: &mut Reader, node: Node<'a>) -> EngineMatch<'a> {
    let selector = |reader: &mut Reader, key| Reader::field(node, key).and_then(|node| label_selector(reader, node));
    EngineMatch {
        kinds: reader.texts_at(node, "kinds"),
        namespaces: reader.texts_at(node, "namespaces"),
        excluded: Vec::new(),
        selector: selector(reader, "namespaceSelector"),
        objects: selector(reader, "selector"),
    }
}
