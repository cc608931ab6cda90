//! An installation of Istio where other tools than its own keep it: Helm values in a file or in an object of Flux or Argo
//! CD, Istio's own operator, and the control plane of `OpenShift`.

use super::Setting;
use super::injection::{injection_values, operator_cni};
use super::mesh_config::{MeshConfig, mesh_config};
use super::operator::{Operator, revisions, values_tag};
use crate::resource::reader::Reader;
use crate::source::{Location, Node};

/// The paths at which an object of a group and kind keeps Helm values of Istio; the file of values itself has neither, and
/// a chart around Istio's keeps them under the name of the chart within.
const VALUES: [(&str, &str, &[&str]); 5] = [
    ("", "", &[]),
    ("", "", &["istiod"]),
    ("helm.toolkit.fluxcd.io", "HelmRelease", &["spec", "values"]),
    ("argoproj.io", "Application", &["spec", "source", "helm", "valuesObject"]),
    ("sailoperator.io", "Istio", &["spec", "values"]),
];

/// The values by which Istio's charts are told from others, of those that decide what leaves the mesh.
const MARKS: [&[&str]; 6] = [
    &["meshConfig"],
    &["global", "proxy", "includeIPRanges"],
    &["global", "proxy", "excludeIPRanges"],
    &["global", "proxy", "includeOutboundPorts"],
    &["global", "proxy", "excludeOutboundPorts"],
    &["cni", "excludeNamespaces"],
];

/// Reads what an object that is none of Istio's own tells an installer; `None` where it tells nothing of a mesh.
pub(in crate::resource) fn installation<'a>(
    reader: &mut Reader,
    (group, kind): (&str, &str),
    node: Node<'a>,
) -> Option<Operator<'a>> {
    if (group, kind) == ("maistra.io", "ServiceMeshControlPlane") {
        return Some(Operator { meshes: vec![control_plane(reader, node)?], ..Operator::default() });
    }
    let places = VALUES.iter().filter(|(own, of, _)| (*own, *of) == (group, kind));
    let is_marked = |values: &Node<'a>| MARKS.iter().any(|path| under(*values, path).is_some_and(|it| !it.is_null()));
    let values = places.filter_map(|(_, _, path)| under(node, path)).find(is_marked)?;
    let values = reader.mapping(values)?;
    let mesh = reader.mapping_at(values, "meshConfig");
    Some(Operator {
        meshes: mesh.map(|mesh| mesh_config(reader, mesh)).into_iter().collect(),
        tag: values_tag(reader, values),
        revisions: revisions(reader, values),
        injection: injection_values(reader, values),
        cni: operator_cni(reader, None, Some(values)),
        ..Operator::default()
    })
}

fn under<'a>(node: Node<'a>, path: &[&str]) -> Option<Node<'a>> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

/// The control plane of `OpenShift` has the mode of its own name, in two versions of its shape.
fn control_plane<'a>(reader: &mut Reader, node: Node<'a>) -> Option<MeshConfig<'a>> {
    let spec = node.get("spec")?;
    let newer = (&["proxy", "networking", "trafficControl", "outbound"][..], "policy");
    let older = (&["istio", "global", "outboundTrafficPolicy"][..], "mode");
    let found = [newer, older].into_iter().find_map(|(path, key)| {
        let key_at: Location = under(spec, &path[..path.len() - 1])?.entry(path.last()?)?.key.at();
        Some((key_at, under(spec, path)?, key))
    });
    let outbound = found.map(|(key_at, block, key)| Setting { key_at, value: reader.text_at(block, key) });
    Some(MeshConfig { outbound, found: true, ..MeshConfig::default() })
}
