//! The mesh configuration where other tools than Istio's own keep it: Helm values in a file or in an object of Flux or Argo
//! CD, Istio's own operator, and the control plane of `OpenShift`.

use super::Setting;
use super::mesh_config::{MeshConfig, mesh_config};
use crate::resource::reader::Reader;
use crate::source::{Location, Node};

/// The paths at which an object of a group and kind keeps Helm values of Istio; the file of values itself has neither.
const VALUES: [(&str, &str, &[&str]); 5] = [
    ("", "", &[]),
    ("", "", &["istiod"]),
    ("helm.toolkit.fluxcd.io", "HelmRelease", &["spec", "values"]),
    ("argoproj.io", "Application", &["spec", "source", "helm", "valuesObject"]),
    ("sailoperator.io", "Istio", &["spec", "values"]),
];

/// Reads the mesh configuration that an object holds which is none of Istio's; `None` where it holds none.
pub(in crate::resource) fn installed_mesh<'a>(
    reader: &mut Reader,
    (group, kind): (&str, &str),
    node: Node<'a>,
) -> Option<MeshConfig<'a>> {
    if (group, kind) == ("maistra.io", "ServiceMeshControlPlane") {
        return control_plane(reader, node);
    }
    let places = VALUES.iter().filter(|(own, of, _)| (*own, *of) == (group, kind));
    let mesh = places.filter_map(|(_, _, path)| under(node, path)?.get("meshConfig")).find(|mesh| !mesh.is_null())?;
    reader.mapping(mesh).map(|mesh| mesh_config(reader, mesh))
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
