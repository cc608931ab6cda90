//! Which namespace an object belongs to where it does not say, and which values another tool will set.

use std::path::Path;

use rustc_hash::FxHashMap;

use super::reader::Text;
use super::{Kind, Meta};
use crate::source::{Document, Location, Scalar, Source, Spanned};

/// The namespace that each folder's kustomization sets.
pub(super) type Kustomizations<'a> = FxHashMap<&'a str, Text<'a>>;

/// The names that kustomize looks for in a folder.
pub const KUSTOMIZATION_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Whether an object of a document is a kustomization, or a component of one. Their files may leave out what they are.
pub(super) fn is_kustomization(document: &Document<'_>, api_version: &str, kind: &str) -> bool {
    let says_nothing = api_version.is_empty() && kind.is_empty();
    api_version.starts_with("kustomize.config.k8s.io/")
        || says_nothing && KUSTOMIZATION_FILES.contains(&split(document.source().path()).1)
}

/// Finds the kustomizations among the documents that set a namespace.
pub(super) fn kustomizations<'a>(documents: &'a [Document<'a>]) -> Kustomizations<'a> {
    let mut found = Kustomizations::default();
    for document in documents {
        let (folder, file) = split(document.source().path());
        let namespace = document.root().get("namespace");
        if let (true, Some(node)) = (KUSTOMIZATION_FILES.contains(&file), namespace)
            && let Some(Scalar::Text(name)) = node.scalar()
        {
            found.insert(folder, Spanned::new(name, node.at()));
        }
    }
    found
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once(['/', '\\']).unwrap_or(("", path))
}

/// The effective namespace of an object: its own, that of the nearest enclosing kustomization, or `default`; for an
/// installation of Istio, which `istioctl` reads and no API server, `istio-system` (istio: operator/pkg/component).
pub(super) fn namespace<'a>(
    meta: &Meta<'a>,
    kind: &Kind<'a>,
    source: &'a Source,
    kustomizations: &Kustomizations<'a>,
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
        let folders = Path::new(split(source.path()).0).ancestors();
        folders.filter_map(Path::to_str).find_map(|folder| kustomizations.get(folder)).copied()
    };
    let default = if matches!(kind, Kind::Operator(_)) { "istio-system" } else { "default" };
    Some(meta.namespace.or_else(enclosing).unwrap_or(Spanned::new(default, meta.name.at)))
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
