//! Which namespace an object belongs to where it does not say, and which values another tool will set.

use std::collections::BTreeMap;
use std::path::Path;

use super::reader::Text;
use super::{Kind, Meta};
use crate::source::{Document, Location, Node, Scalar, SourceId, Spanned, folder, joined};

/// The kustomizations of an input, by their folders.
#[derive(Clone, Debug, Default)]
pub(super) struct Kustomizations<'a> {
    by_folder: BTreeMap<&'a str, Kustomization<'a>>,
}

#[derive(Clone, Debug)]
struct Kustomization<'a> {
    source: SourceId,
    namespace: Option<Text<'a>>,
    takes_in: Vec<String>,
}

/// The namespaces that kustomizations set, by the files and folders that they take in.
pub(super) type Namespaces<'a> = BTreeMap<String, Text<'a>>;

/// The names that kustomize looks for in a folder.
const KUSTOMIZATION_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Whether a file is called as kustomize wants it.
#[must_use]
pub fn is_kustomization_file(path: &str) -> bool {
    KUSTOMIZATION_FILES.contains(&path.rsplit(['/', '\\']).next().unwrap_or(path))
}

/// Whether an object of a document is a kustomization, or a component of one. Their files may leave out what they are.
pub(super) fn is_kustomization(document: &Document<'_>, api_version: &str, kind: &str) -> bool {
    let says_nothing = api_version.is_empty() && kind.is_empty();
    api_version.starts_with("kustomize.config.k8s.io/")
        || says_nothing && is_kustomization_file(document.source().path())
}

/// The files and folders that a kustomization takes in, without what is fetched from elsewhere, which an audit does not.
pub fn taken_in<'a>(kustomization: Node<'a>, home: &'a str) -> impl Iterator<Item = String> + 'a {
    let lists = ["resources", "bases", "components", "crds"].into_iter();
    let named = lists.filter_map(move |key| kustomization.get(key)).flat_map(Node::items).filter_map(Node::text);
    named.filter(|path| !is_remote(path)).map(move |path| joined(home, path))
}

fn is_remote(text: &str) -> bool {
    text.contains("://") || text.contains("?ref=") || text.starts_with("git@") || text.starts_with("github.com/")
}

impl<'a> Kustomizations<'a> {
    /// Finds the kustomizations among the documents.
    pub fn new(documents: &'a [Document<'a>]) -> Self {
        let mut by_folder = BTreeMap::new();
        for document in documents.iter().filter(|document| is_kustomization_file(document.source().path())) {
            let home = folder(document.source().path());
            let root = document.root();
            let namespace = root.get("namespace").and_then(|node| match node.scalar()? {
                Scalar::Text(name) => Some(Spanned::new(name, node.at())),
                _ => None,
            });
            let takes_in = taken_in(root, home).collect();
            by_folder.insert(home, Kustomization { source: document.source().id(), namespace, takes_in });
        }
        Self { by_folder }
    }

    /// The namespaces that the kustomizations in a part of the input set: what takes another one in has the last word. What
    /// is taken in by several that do not agree has the namespace that it gives itself.
    pub fn namespaces(&self, is_part: impl Fn(SourceId) -> bool) -> Namespaces<'a> {
        let part: Vec<_> = self.by_folder.iter().filter(|(_, one)| is_part(one.source)).collect();
        let own: Namespaces<'a> =
            part.iter().filter_map(|(home, one)| Some(((**home).to_owned(), one.namespace?))).collect();
        let mut namespaces = own.clone();
        // Every round takes what is said one step further in; as many steps as there are kustomizations suffice.
        for _ in 0..part.len() {
            let mut said: BTreeMap<&str, Vec<Text<'a>>> = BTreeMap::new();
            for (home, one) in &part {
                let Some(namespace) = namespaces.get(**home) else { continue };
                one.takes_in.iter().for_each(|path| said.entry(path).or_default().push(*namespace));
            }
            let agreed = said.into_iter().filter(|(_, all)| all.iter().all(|one| one.value == all[0].value));
            let mut next = own.clone();
            next.extend(agreed.map(|(path, all)| (path.to_owned(), all[0])));
            if next == namespaces {
                break;
            }
            namespaces = next;
        }
        namespaces
    }
}

/// The effective namespace of an object: that of the kustomization that takes its file in, its own, that of the nearest
/// enclosing kustomization, or `default`; for an installation of Istio, which `istioctl` reads and no API server,
/// `istio-system` (istio: operator/pkg/component).
pub(super) fn namespace<'a>(
    meta: &Meta<'a>,
    kind: &Kind<'a>,
    path: &str,
    namespaces: &Namespaces<'a>,
) -> Option<Text<'a>> {
    let is_clouds_own = matches!(kind, Kind::Cloud(_)) && !meta.api_version.contains(".cnrm.");
    // A file of values is no object, and stands in no namespace.
    let is_values = meta.kind.is_empty();
    if is_values
        || matches!(kind, Kind::Kustomization)
        || matches!(kind, Kind::Namespace | Kind::Node(_) | Kind::AdminPolicy(_))
        || is_clusterwide(meta)
        || is_clouds_own
    {
        return None;
    }
    let enclosing = || {
        let folders = Path::new(folder(path)).ancestors();
        folders.filter_map(Path::to_str).find_map(|folder| namespaces.get(folder)).copied()
    };
    let default = if matches!(kind, Kind::Operator(_)) { "istio-system" } else { "default" };
    let given = namespaces.get(path).copied().or(meta.namespace);
    Some(given.or_else(enclosing).unwrap_or(Spanned::new(default, meta.name.at)))
}

/// Some kinds come once for namespaces and once for the cluster, alike but for this.
fn is_clusterwide(meta: &Meta<'_>) -> bool {
    let is_constraint = meta.api_version.starts_with("constraints.gatekeeper.sh/");
    is_constraint
        || matches!(
            meta.kind,
            "CiliumClusterwideNetworkPolicy"
                | "ClusterRole"
                | "RuntimeClass"
                | "ClusterRoleBinding"
                | "ValidatingAdmissionPolicy"
                | "ValidatingAdmissionPolicyBinding"
                | "ValidatingPolicy"
                | "ValidatingWebhookConfiguration"
                | "MutatingWebhookConfiguration"
                | "ConstraintTemplate"
                | "ClusterPolicy"
        )
}

/// The places of the comments by which kpt marks the values that a package's user has yet to set.
pub(super) fn setter_comments(document: &Document<'_>) -> Vec<Location> {
    let source = document.source();
    let is_setter = |at: &Location| {
        let text = source.slice(at.span).trim_start_matches('#').trim_start();
        text.starts_with("kpt-set:") || text.starts_with("{\"$kpt-set\"")
    };
    document.comments().filter(is_setter).collect()
}

/// Whether a place lies in an object, up to the end of the object's last line.
pub(super) fn within(place: Location, object: Location) -> bool {
    place.source == object.source && object.span.start <= place.span.start && place.span.start <= object.span.end
}
