//! The picture as JSON.

use serde::Serialize;

use super::Picture;
use crate::report::json::{HopShape, LocationShape, ResourceShape, hop_shape, location, resource};
use crate::report::paths::{DestinationShape, destination_shape};
use crate::report::{SCHEMA, pretty};
use crate::source::Sources;

#[derive(Serialize)]
struct GraphShape<'a> {
    schema: u32,
    /// Absent where the input is one estate.
    #[serde(skip_serializing_if = "str::is_empty")]
    estate: &'a str,
    nodes: Vec<NodeShape<'a>>,
    edges: Vec<EdgeShape<'a>>,
}

#[derive(Serialize)]
struct NodeShape<'a> {
    id: String,
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'static str>,
    /// The object that a control is written in.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<ResourceShape<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    workloads: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<LocationShape<'a>>,
}

#[derive(Serialize)]
struct EdgeShape<'a> {
    /// The nodes on the way.
    nodes: Vec<String>,
    tier: &'static str,
    via: &'static str,
    verdict: &'static str,
    approved: bool,
    destinations: Vec<DestinationShape<'a>>,
    witness: Vec<StepShape<'a>>,
}

#[derive(Serialize)]
struct StepShape<'a> {
    node: String,
    layer: &'static str,
    #[serde(flatten)]
    hop: HopShape<'a>,
}

/// Writes the picture as JSON. Ids hold within one document.
#[must_use]
pub fn json(picture: &Picture, sources: &Sources) -> String {
    let id = |node: usize| format!("n{node}");
    let nodes = picture.nodes.iter().enumerate().map(|(index, node)| NodeShape {
        id: id(index),
        kind: node.kind.as_str(),
        name: &node.name,
        namespace: node.namespace.as_deref(),
        resource: node.object.as_ref().map(resource),
        layer: node.layer.map(crate::analysis::exits::Control::as_str),
        workloads: &node.workloads,
        location: node.at.map(|at| location(at, sources)),
    });
    let edges = picture.routes.iter().map(|route| EdgeShape {
        nodes: route.nodes.iter().map(|&node| id(node)).collect(),
        tier: route.exit.tier.as_str(),
        via: route.exit.via.as_str(),
        verdict: route.exit.verdict.as_str(),
        approved: route.exit.approved,
        destinations: route
            .destinations
            .iter()
            .map(|to| destination_shape(route.exit.class, route.exit.host.as_deref(), to))
            .collect(),
        witness: route
            .hops
            .iter()
            .map(|(hop, layer, node)| StepShape {
                node: id(*node),
                layer: layer.as_str(),
                hop: hop_shape(hop, sources),
            })
            .collect(),
    });
    let estate = picture.estate.as_str();
    pretty(&GraphShape { schema: SCHEMA, estate, nodes: nodes.collect(), edges: edges.collect() })
}
