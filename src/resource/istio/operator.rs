//! IstioOperator: the mesh configuration and the gateways that an installation is asked for.

use super::injection::{CniConfig, InjectionValues, injection_values, operator_cni};
use super::mesh_config::{MeshConfig, mesh_config};
use crate::resource::kubernetes::{
    Dns, NodeSelectorTerm, PodSpec, SecurityContext, Toleration, is_spread, node_affinity, toleration,
};
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Node, Spanned};

/// An installation of Istio as far as traffic out of the mesh depends on it.
#[derive(Clone, Debug, Default)]
pub struct Operator<'a> {
    /// The set of defaults that the installation starts from.
    pub profile: Option<Text<'a>>,
    /// The mesh configurations that it asks for, of its own field and of its values. Which of the two counts where both
    /// set a field depends on the version.
    pub meshes: Vec<MeshConfig<'a>>,
    pub egress_gateways: Vec<OperatorGateway<'a>>,
    /// The version of the images that it installs.
    pub tag: Option<Text<'a>>,
    /// The names under which its control plane answers: its revision and the tags that it gets.
    pub revisions: Vec<Text<'a>>,
    /// What holds for the pods that it injects into.
    pub injection: InjectionValues<'a>,
    /// What it says of the mesh's network plugin.
    pub cni: CniConfig<'a>,
}

/// An egress gateway of an installation: Istio makes a Deployment of the same name from it.
#[derive(Clone, Debug)]
pub struct OperatorGateway<'a> {
    pub name: Text<'a>,
    pub namespace: Option<Text<'a>>,
    /// The pods of that Deployment, as far as the installation says.
    pub pod: PodSpec<'a>,
    /// Whether Istio makes an autoscaler for it, as it does unless that is switched off.
    pub scales: bool,
    /// The fewest pods of the autoscaler; one where absent.
    pub min_replicas: Option<Spanned<i64>>,
    pub replicas: Option<Spanned<i64>>,
}

/// The name under which `values.gateways` keeps what holds for every egress gateway.
const VALUES: &str = "istio-egressgateway";
/// The labels that Istio's charts give an egress gateway that asks for none.
const LABELS: [(&str, &str); 2] = [("app", "istio-egressgateway"), ("istio", "egressgateway")];

/// Reads an IstioOperator; one that carries no mesh configuration says nothing about it.
pub(in crate::resource) fn operator<'a>(reader: &mut Reader, node: Node<'a>) -> Operator<'a> {
    let Some(spec) = reader.mapping_at(node, "spec") else { return Operator::default() };
    let values = reader.mapping_under(spec, &["values", "gateways", VALUES]);
    let all = reader.mapping_at(spec, "values");
    let components = reader.mapping_at(spec, "components");
    let gateways =
        components.map(|node| reader.list_at(node, "egressGateways", |reader, item| gateway(reader, item, values)));
    let of_values = reader.mapping_under(spec, &["values", "meshConfig"]);
    let meshes = [reader.mapping_at(spec, "meshConfig"), of_values];
    let tag = Reader::field(spec, "tag").and_then(|tag| reader.text_or_number(tag));
    Operator {
        profile: reader.text_at(spec, "profile"),
        meshes: meshes.into_iter().flatten().map(|mesh| mesh_config(reader, mesh)).collect(),
        egress_gateways: gateways.unwrap_or_default(),
        tag: tag.or_else(|| all.and_then(|values| values_tag(reader, values))),
        revisions: [Some(spec), all].into_iter().flatten().flat_map(|node| revisions(reader, node)).collect(),
        injection: all.map(|all| injection_values(reader, all)).unwrap_or_default(),
        cni: operator_cni(reader, components, all),
    }
}

/// The revision and its tags, in Helm values or in the operator's own spec.
pub(super) fn revisions<'a>(reader: &mut Reader, node: Node<'a>) -> Vec<Text<'a>> {
    let own = reader.text_at(node, "revision").filter(|revision| !revision.is_empty());
    own.into_iter().chain(reader.texts_at(node, "revisionTags")).collect()
}

/// The version of the images in Helm values.
pub(super) fn values_tag<'a>(reader: &mut Reader, values: Node<'a>) -> Option<Text<'a>> {
    let global = reader.mapping_at(values, "global")?;
    Reader::field(global, "tag").and_then(|tag| reader.text_or_number(tag))
}

/// Reads one entry of `egressGateways`; `None` where it is switched off, which is also what leaving `enabled` out means.
fn gateway<'a>(reader: &mut Reader, node: Node<'a>, values: Option<Node<'a>>) -> Option<OperatorGateway<'a>> {
    let node = reader.mapping(node)?;
    if !reader.flag_at(node, "enabled").is_some_and(|enabled| enabled.value) {
        return None;
    }
    let name = reader.text_at(node, "name").unwrap_or(Spanned::new(VALUES, node.head()));
    let overlay = reader.mapping_at(node, "k8s");
    let mut labels = reader.labels_at(node, "label");
    for (key, value) in LABELS.into_iter().filter(|_| labels.is_empty()).collect::<Vec<_>>() {
        labels.set(Spanned::new(key, name.at), Spanned::new(value, name.at));
    }
    let pod = PodSpec {
        labels,
        annotations: Labels::default(),
        host_network: None,
        host_pid: None,
        host_paths: Vec::new(),
        node_name: None,
        scheduler: None,
        node_selector: node_selector(reader, [overlay, values]),
        node_affinity: affinity(reader, [overlay, values]),
        tolerations: tolerations(reader, [overlay, values]),
        is_spread: overlay.is_some_and(is_spread),
        service_account: None,
        security: SecurityContext::default(),
        dns: Dns::default(),
        secret_volumes: Vec::new(),
        runtime_class: None,
        proxy: None,
        containers: Vec::new(),
        at: name.at,
    };
    let autoscaler = overlay.and_then(|node| reader.mapping_at(node, "hpaSpec"));
    let min = autoscaler.and_then(|node| reader.integer_at(node, "minReplicas"));
    let switch = values.and_then(|node| reader.flag_at(node, "autoscaleEnabled"));
    Some(OperatorGateway {
        name,
        namespace: reader.text_at(node, "namespace"),
        pod,
        scales: switch.is_none_or(|switch| switch.value),
        min_replicas: min.or_else(|| values.and_then(|node| reader.integer_at(node, "autoscaleMin"))),
        replicas: overlay.and_then(|node| reader.integer_at(node, "replicaCount")),
    })
}

/// The overlay of a gateway and the values for all of them, in the order in which they count.
type Layers<'a> = [Option<Node<'a>>; 2];

fn node_selector<'a>(reader: &mut Reader, layers: Layers<'a>) -> Labels<'a> {
    let read: Vec<Labels<'a>> =
        layers.into_iter().flatten().map(|node| reader.labels_at(node, "nodeSelector")).collect();
    read.into_iter().find(|labels| !labels.is_empty()).unwrap_or_default()
}

fn affinity<'a>(reader: &mut Reader, layers: Layers<'a>) -> Option<Vec<NodeSelectorTerm<'a>>> {
    layers.into_iter().flatten().find_map(|node| node_affinity(reader, node))
}

fn tolerations<'a>(reader: &mut Reader, layers: Layers<'a>) -> Vec<Toleration<'a>> {
    layers.into_iter().flatten().flat_map(|node| reader.list_at(node, "tolerations", toleration)).collect()
}
