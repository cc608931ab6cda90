//! Calls of Terraform's modules: what a module makes is seen where its own files are in the input, and is possible elsewhere.

use rustc_hash::FxHashSet;

use super::terraform::TERRAFORM;
use crate::resource::reader::Text;
use crate::source::{Document, Entry, Location, Node, Shape, folder, folder_beside};

/// A call of a module.
#[derive(Clone, Copy)]
pub(in crate::resource) struct ModuleCall<'a> {
    pub name: Text<'a>,
    pub body: Node<'a>,
}

/// The folders of the input that hold configuration.
pub(in crate::resource) type Folders<'a> = FxHashSet<&'a str>;

/// Finds the folders that hold configuration.
pub(in crate::resource) fn folders<'a>(documents: &'a [Document<'a>]) -> Folders<'a> {
    const NAMES: [&str; 3] = [".tf", ".tf.json", ".tofu"];
    let paths = documents.iter().map(|document| document.source().path());
    paths.filter(|path| NAMES.iter().any(|end| path.ends_with(end))).map(folder).collect()
}

/// How a call counts that makes nothing that is modelled.
pub(in crate::resource) const UNMODELLED: (&str, &str) = (TERRAFORM, "module");

impl ModuleCall<'_> {
    /// Where the call says that it may make firewall rules that the input does not show: at a denial among its arguments, or
    /// at its name where the module is about networks. None where the module's own files are in the input.
    pub fn may_make_rules(&self, folders: &Folders<'_>) -> Option<Location> {
        let source = self.body.get("source").and_then(Node::text).unwrap_or_default();
        let local = folder_beside(folder(self.body.document().source().path()), source);
        if local.is_some_and(|local| folders.contains(local.as_str())) {
            return None;
        }
        let is_of_network = ["network", "vpc", "firewall", "net-"].iter().any(|word| source.contains(word));
        denial(self.body).or(is_of_network.then_some(self.name.at))
    }
}

/// A rule among the arguments of a module that denies, and not what comes in.
fn denial(body: Node<'_>) -> Option<Location> {
    match body.shape() {
        Shape::Scalar => None,
        Shape::Sequence => body.items().find_map(denial),
        Shape::Mapping => {
            let direction = body.get("direction").and_then(Node::text).unwrap_or_default();
            let own = body.entries().find(denies).filter(|_| !direction.eq_ignore_ascii_case("INGRESS"));
            own.map(|entry| entry.key.at()).or_else(|| body.entries().find_map(|entry| denial(entry.value)))
        }
    }
}

fn denies(entry: &Entry<'_>) -> bool {
    match entry.name() {
        "deny" => entry.value.items().next().is_some() || entry.value.text() == Some("true"),
        "action" => entry.value.text().is_some_and(|text| text.eq_ignore_ascii_case("deny")),
        _ => false,
    }
}
