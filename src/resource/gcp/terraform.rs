//! What Terraform writes: plans and states as JSON, and configuration (inputs 2.2, 2.3). All three lay nested blocks out as
//! lists, so one reader of fields serves them.

use rustc_hash::FxHashMap;

use super::module::ModuleCall;
use super::view::View;
use super::{Address, Contents, Family, Found};
use crate::resource::reader::Text;
use crate::source::{Location, Node, Scalar, Shape, Spanned, folder};

/// The name under which the outputs show objects of Terraform.
pub(super) const TERRAFORM: &str = "terraform";
/// The same for objects that Terraform only looks up.
const DATA: &str = "terraform/data";
/// The blocks of a configuration.
const BLOCKS: [&str; 13] = [
    "resource",
    "data",
    "module",
    "variable",
    "locals",
    "output",
    "provider",
    "terraform",
    "moved",
    "import",
    "removed",
    "check",
    "ephemeral",
];

/// What a plan, a state or a configuration holds; `None` for a node that is none of them.
pub(in crate::resource) fn terraform(node: Node<'_>) -> Option<Contents<'_>> {
    if node.shape() != Shape::Mapping {
        return None;
    }
    let mut contents = Contents::default();
    if node.get("format_version").is_some() {
        match node.get("planned_values").or_else(|| node.get("values")) {
            Some(planned) => plan(node, planned, &mut contents),
            None => changed(node.get("resource_changes")?, &mut contents),
        }
    } else if node.get("terraform_version").is_some() && node.get("lineage").is_some() {
        state(node, &mut contents);
    } else if is_configuration(node) {
        configuration(node, &mut contents);
    } else {
        return None;
    }
    Some(contents)
}

/// Whether the keys are the blocks of a configuration, in a file that is named like one or that has resources as one has.
fn is_configuration(node: Node<'_>) -> bool {
    const NAMES: [&str; 4] = [".tf", ".tf.json", ".tofu", ".hcl"];
    let is_block = |entry: crate::source::Entry<'_>| {
        BLOCKS.contains(&entry.name()) && matches!(entry.value.shape(), Shape::Mapping | Shape::Sequence)
    };
    let path = node.document().source().path();
    let is_named = NAMES.iter().any(|end| path.ends_with(end));
    let has_resources = || {
        labelled(node.get("resource"))
            .iter()
            .any(|(kind, _, body)| kind.value.contains('_') && body.shape() == Shape::Mapping)
            || entries(node.get("module")).iter().any(|(_, body)| body.get("source").is_some())
    };
    node.entries().next().is_some() && node.entries().all(is_block) && (is_named || has_resources())
}

/// What a plan says beside the values of a resource.
#[derive(Default, Clone, Copy)]
struct Beside<'a> {
    after_unknown: Option<Node<'a>>,
    expressions: Option<Node<'a>>,
    is_deleted: bool,
}

/// The resources of the root module and of those below it.
fn plan<'a>(root: Node<'a>, planned: Node<'a>, contents: &mut Contents<'a>) {
    let before = contents.found.len() + contents.unmodelled.len();
    let config = root.get("configuration").and_then(|all| all.get("root_module"));
    let is_plan = root.get("planned_values").is_some();
    let changes = root.get("resource_changes").into_iter().flat_map(Node::items);
    let changes: Changes<'a> =
        changes.filter_map(|change| Some((change.get("address")?.text()?, change.get("change")?))).collect();
    if let Some(module) = planned.get("root_module") {
        planned_module(&changes, module, config, is_plan, contents);
    }
    if contents.found.len() + contents.unmodelled.len() == before {
        contents.unmodelled.push((TERRAFORM, if is_plan { "plan" } else { "state" }));
    }
}

/// The resources of a plan of which only the changes are left.
fn changed<'a>(changes: Node<'a>, contents: &mut Contents<'a>) {
    for change in changes.items() {
        let text = |key| change.get(key).and_then(Node::text);
        let made = change.get("change").filter(|_| text("mode") != Some("data"));
        let Some((made, after)) = made.and_then(|made| Some((made, made.get("after")?))) else { continue };
        if !after.is_null() {
            let view = View::planned(after, made.get("after_unknown"), None);
            resource_of(
                change,
                (text("type").unwrap_or_default(), text("module_address").unwrap_or_default()),
                view,
                contents,
            );
        }
    }
    if contents.found.is_empty() && contents.unmodelled.is_empty() {
        contents.unmodelled.push((TERRAFORM, "plan"));
    }
}

/// What a plan changes, by address.
type Changes<'a> = FxHashMap<&'a str, Node<'a>>;

fn planned_module<'a>(
    changes: &Changes<'a>,
    module: Node<'a>,
    config: Option<Node<'a>>,
    is_plan: bool,
    contents: &mut Contents<'a>,
) {
    for resource in module.get("resources").into_iter().flat_map(Node::items) {
        let text = |key| resource.get(key).and_then(Node::text);
        if text("mode") == Some("data") {
            continue;
        }
        let address = text("address").unwrap_or_default();
        let beside = if is_plan { beside(changes.get(address).copied(), resource, config) } else { Beside::default() };
        let Some(values) = resource.get("values").filter(|_| !beside.is_deleted) else { continue };
        let module = module.get("address").and_then(Node::text).unwrap_or_default();
        let view = View::planned(values, beside.after_unknown, beside.expressions);
        resource_of(resource, (text("type").unwrap_or_default(), module), view, contents);
    }
    for child in module.get("child_modules").into_iter().flat_map(Node::items) {
        let address = child.get("address").and_then(Node::text).unwrap_or_default();
        // `module.a["x"].module.b[0]`: the last name, without the instance.
        let name = address.rsplit("module.").next().unwrap_or_default();
        let name = name.split('[').next().unwrap_or(name);
        let call = config.and_then(|config| config.get("module_calls")?.get(name)?.get("module"));
        planned_module(changes, child, call, is_plan, contents);
    }
}

fn beside<'a>(change: Option<Node<'a>>, resource: Node<'a>, config: Option<Node<'a>>) -> Beside<'a> {
    let actions: Vec<&str> = change
        .and_then(|change| change.get("actions"))
        .into_iter()
        .flat_map(Node::items)
        .filter_map(Node::text)
        .collect();
    let same = |other: &Node<'a>| {
        ["type", "name"].iter().all(|key| other.get(key).and_then(Node::text) == resource.get(key).and_then(Node::text))
    };
    let configured = config.and_then(|config| config.get("resources")?.items().find(same));
    Beside {
        after_unknown: change.and_then(|change| change.get("after_unknown")),
        expressions: configured.and_then(|configured| configured.get("expressions")),
        is_deleted: actions == ["delete"],
    }
}

/// A resource of a plan or state by its type; the rest counts as not modelled.
fn resource_of<'a>(node: Node<'a>, (kind, module): (&'a str, &'a str), view: View<'a>, contents: &mut Contents<'a>) {
    let label = node.get("name").and_then(|name| Some(Spanned::new(name.text()?, name.at())));
    let scope = node.document().source().path();
    let address = label.map(|label| Address { scope, module, kind, label: label.value });
    resource(node, kind, view, (label, address, None), contents);
}

/// A resource's label and address, and what multiplies it.
type Identity<'a> = (Option<Text<'a>>, Option<Address<'a>>, Option<Location>);

fn resource<'a>(
    node: Node<'a>,
    kind: &'a str,
    view: View<'a>,
    (label, address, multiplied): Identity<'a>,
    contents: &mut Contents<'a>,
) {
    let Some(family) = Family::of_terraform(kind) else {
        contents.unmodelled.push((TERRAFORM, kind));
        return;
    };
    let project = view.text(&["project"]);
    let found = Found {
        api_version: TERRAFORM,
        kind,
        family,
        view,
        node,
        label,
        project,
        address,
        multiplied,
        parent: None,
        cluster: None,
    };
    contents.found.push(found);
    if family == Family::Cluster {
        for pool in view.list(&["nodePool"]).items {
            let View::Present(present) = pool else { continue };
            contents.found.push(Found {
                api_version: TERRAFORM,
                kind: "google_container_node_pool",
                family: Family::NodePool,
                view: pool,
                node: present.node,
                label: None,
                project,
                address: None,
                multiplied,
                parent: Some(node.at()),
                cluster: None,
            });
        }
    }
}

/// A state as Terraform keeps it, version 4.
fn state<'a>(root: Node<'a>, contents: &mut Contents<'a>) {
    let before = contents.found.len() + contents.unmodelled.len();
    for written in root.get("resources").into_iter().flat_map(Node::items) {
        let text = |key| written.get(key).and_then(Node::text);
        if text("mode") == Some("data") {
            continue;
        }
        // An instance that is deposed goes away.
        let instances = written.get("instances").into_iter().flat_map(Node::items);
        for instance in instances.filter(|instance| instance.get("deposed").is_none()) {
            let Some(values) = instance.get("attributes") else { continue };
            let label = written.get("name").and_then(|name| Some(Spanned::new(name.text()?, name.at())));
            let scope = written.document().source().path();
            let kind = text("type").unwrap_or_default();
            let module = text("module").unwrap_or_default();
            let address = label.map(|label| Address { scope, module, kind, label: label.value });
            resource(instance, kind, View::of(values), (label, address, None), contents);
        }
    }
    if contents.found.len() + contents.unmodelled.len() == before {
        contents.unmodelled.push((TERRAFORM, "state"));
    }
}

/// The blocks of a configuration file, or of its form in JSON.
fn configuration<'a>(root: Node<'a>, contents: &mut Contents<'a>) {
    let before = contents.found.len() + contents.unmodelled.len() + contents.modules.len();
    for (kind, label, body) in labelled(root.get("resource")) {
        configured(kind, label, body, contents);
    }
    contents.unmodelled.extend(labelled(root.get("data")).into_iter().map(|(kind, ..)| (DATA, kind.value)));
    contents.modules.extend(entries(root.get("module")).into_iter().map(|(name, body)| ModuleCall { name, body }));
    if contents.found.len() + contents.unmodelled.len() + contents.modules.len() == before {
        contents.unmodelled.push((TERRAFORM, "settings"));
    }
}

/// Whether Terraform merges the blocks of a file into those of others with the same labels.
pub(in crate::resource) fn is_override(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let stem = [".tf", ".tf.json", ".tofu"].into_iter().find_map(|ending| name.strip_suffix(ending));
    stem.is_some_and(|stem| stem == "override" || stem.ends_with("_override"))
}

/// The entries of blocks that have one label: each a mapping, or a list of them.
fn entries(node: Option<Node<'_>>) -> Vec<(Text<'_>, Node<'_>)> {
    let Some(node) = node else { return Vec::new() };
    let mappings: Vec<Node<'_>> = if node.shape() == Shape::Sequence { node.items().collect() } else { vec![node] };
    let entries = mappings.into_iter().flat_map(Node::entries);
    entries
        .flat_map(|entry| {
            let name = Spanned::new(entry.name(), entry.key.at());
            let bodies =
                if entry.value.shape() == Shape::Sequence { entry.value.items().collect() } else { vec![entry.value] };
            bodies.into_iter().map(move |body| (name, body))
        })
        .collect()
}

/// The entries of blocks that have two labels: type, name and body.
fn labelled(node: Option<Node<'_>>) -> Vec<(Text<'_>, Text<'_>, Node<'_>)> {
    let kinds = entries(node).into_iter();
    kinds
        .flat_map(|(kind, named)| entries(Some(named)).into_iter().map(move |(name, body)| (kind, name, body)))
        .collect()
}

fn configured<'a>(kind: Text<'a>, label: Text<'a>, body: Node<'a>, contents: &mut Contents<'a>) {
    let count = body.get("count").filter(|count| !matches!(count.scalar(), Some(Scalar::Integer(1))));
    if count.is_some_and(|count| count.scalar() == Some(Scalar::Integer(0))) {
        contents.unmodelled.push((TERRAFORM, kind.value));
        return;
    }
    let multiplied = count.or_else(|| body.get("for_each")).map(Node::at);
    let scope = folder(body.document().source().path());
    let address = Address { scope, module: "", kind: kind.value, label: label.value };
    resource(body, kind.value, View::of(body), (Some(label), Some(address), multiplied), contents);
}
