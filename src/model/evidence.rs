//! Which layers the input speaks of. What was not in the input is unknown, never missing (contract: Absence).

use std::collections::BTreeSet;

use super::admission::{Admission, ENFORCED_LEVEL, Scope};
use super::iam::{Holder, Iam};
use super::mesh::Mesh;
use super::relations::{Entity, Relations};
use crate::config::{Config, Part};
use crate::resource::gcp::Item;
use crate::resource::{Kind, Resource, Resources};

/// A layer of control, as the outputs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    Mesh,
    Authorization,
    NetworkPolicy,
    Scheduling,
    Firewall,
    Admission,
    Access,
}

impl Layer {
    /// Every layer, in the order in which traffic meets them; what decides about objects instead comes last.
    pub const ALL: [Self; 7] = [
        Self::Mesh,
        Self::NetworkPolicy,
        Self::Scheduling,
        Self::Firewall,
        Self::Authorization,
        Self::Admission,
        Self::Access,
    ];

    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::Authorization => "authorization",
            Self::NetworkPolicy => "network-policy",
            Self::Scheduling => "scheduling",
            Self::Firewall => "firewall",
            Self::Admission => "admission",
            Self::Access => "access",
        }
    }

    /// The part of the estate that vouches for the layer when the user calls it complete.
    #[must_use]
    pub fn part(self) -> Part {
        match self {
            Self::Mesh | Self::Authorization => Part::Mesh,
            Self::NetworkPolicy | Self::Admission | Self::Access => Part::Kubernetes,
            Self::Scheduling | Self::Firewall => Part::Cloud,
        }
    }

    /// What to add to the input so that the layer can be judged.
    #[must_use]
    pub fn deciding_input(self) -> &'static str {
        match self {
            Self::Mesh => "the Istio objects (`Gateway`, `VirtualService`, `Sidecar`, …) or the mesh configuration",
            Self::Authorization => "the `AuthorizationPolicy` objects",
            Self::NetworkPolicy => "the `NetworkPolicy` objects",
            Self::Scheduling => "the node pools (`ContainerNodePool`, `ContainerCluster` or `Node` objects)",
            Self::Firewall => "the VPC firewall rules (`ComputeFirewall`), network or cluster description",
            Self::Admission => "the admission policies and the Namespace objects with their pod security labels",
            Self::Access => "the `Role`, `ClusterRole`, `RoleBinding` and `ClusterRoleBinding` objects",
        }
    }
}

/// The layers of which something is in the input, and the kinds that bear on a layer but are not modelled.
#[derive(Debug, Default)]
pub struct Evidence<'a> {
    present: Vec<Layer>,
    complete: Vec<Part>,
    unread: Vec<(Layer, &'a str)>,
}

/// Kinds outside of the model that decide about traffic: a layer that has one cannot be judged to the end.
const UNREAD: [(&str, Layer); 13] = [
    ("AdminNetworkPolicy", Layer::NetworkPolicy),
    ("BaselineAdminNetworkPolicy", Layer::NetworkPolicy),
    ("ClusterNetworkPolicy", Layer::NetworkPolicy),
    ("CiliumNetworkPolicy", Layer::NetworkPolicy),
    ("CiliumClusterwideNetworkPolicy", Layer::NetworkPolicy),
    ("FQDNNetworkPolicy", Layer::NetworkPolicy),
    ("GlobalNetworkPolicy", Layer::NetworkPolicy),
    // Of another group than Kubernetes' own, such as Calico's.
    ("NetworkPolicy", Layer::NetworkPolicy),
    ("EgressFirewall", Layer::NetworkPolicy),
    ("EgressNetworkPolicy", Layer::NetworkPolicy),
    ("PodSecurityPolicy", Layer::Admission),
    // Kubewarden's.
    ("AdmissionPolicy", Layer::Admission),
    ("ClusterAdmissionPolicy", Layer::Admission),
];

impl<'a> Evidence<'a> {
    /// Whether anything of the layer is in the input, or the user says that the input is complete.
    #[must_use]
    pub fn has(&self, layer: Layer) -> bool {
        self.present.contains(&layer)
    }

    /// Whether the user says that the input holds all there is of the mesh.
    #[must_use]
    pub fn mesh_is_complete(&self) -> bool {
        self.complete.contains(&Part::Mesh)
    }

    /// Whether the user says that the input holds all there is of the cloud.
    #[must_use]
    pub fn cloud_is_complete(&self) -> bool {
        self.complete.contains(&Part::Cloud)
    }

    /// Whether the user says that the input holds all there is of the cluster's own objects.
    #[must_use]
    pub fn kubernetes_is_complete(&self) -> bool {
        self.complete.contains(&Part::Kubernetes)
    }

    /// Whether a layer can be judged to the end: something of it is in the input, and nothing that is not evaluated.
    #[must_use]
    pub fn is_decided(&self, layer: Layer) -> bool {
        self.has(layer) && self.unread(layer).next().is_none()
    }

    /// The kinds in the input that decide about a layer, but are not evaluated.
    pub fn unread(&self, layer: Layer) -> impl Iterator<Item = &'a str> + '_ {
        self.unread.iter().filter(move |(of, _)| *of == layer).map(|(_, kind)| *kind)
    }

    fn add(&mut self, layer: Layer) {
        if !self.has(layer) {
            self.present.push(layer);
        }
    }

    /// Policies and webhooks that look at pods speak of admission, and so do those that hold namespaces to a level; a policy
    /// engine that is asked about other things alone does not.
    pub(super) fn note_admission(&mut self, admission: &Admission<'a>) {
        const ABOUT: [&str; 7] =
            ["pods", "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs", "namespaces"];
        let is_about = |scope: &Scope<'_>| ABOUT.iter().any(|resource| scope.covers(&["", "apps", "batch"], resource));
        if admission.guards.iter().any(|guard| guard.scopes.iter().any(is_about)) {
            self.add(Layer::Admission);
        }
        for &(_, kind) in &admission.unread {
            self.add(Layer::Admission);
            if !self.unread.contains(&(Layer::Admission, kind)) {
                self.unread.push((Layer::Admission, kind));
            }
        }
    }

    /// A role of the cloud that lets somebody write in clusters speaks of access.
    pub(super) fn note_cloud_roles(&mut self, iam: &Iam<'_>) {
        if iam.holders.iter().any(Holder::writes_in_clusters) {
            self.add(Layer::Access);
        }
    }

    /// An input that holds the gateway's own pods is the gateway's repository: authorization is then part of it.
    pub(super) fn note_gateways(&mut self, mesh: &Mesh<'_>, relations: &Relations) {
        let deployed = |gateway| relations.selected(Entity::Gateway(gateway)).next().is_some();
        if (0..mesh.gateways.len()).any(|gateway| mesh.gateways[gateway].egress && deployed(gateway)) {
            self.add(Layer::Authorization);
        }
    }
}

/// Collects the evidence from the kinds that were read and those that were not modelled.
pub(super) fn evidence<'a>(resources: &'a Resources<'a>, config: &Config) -> Evidence<'a> {
    let mut evidence = Evidence { complete: config.complete.clone(), ..Evidence::default() };
    for layer in resources.list.iter().filter_map(layer_of) {
        evidence.add(layer);
    }
    if evidence.has(Layer::Scheduling) && resources.list.iter().any(|resource| is_cluster(&resource.kind)) {
        evidence.add(Layer::Firewall);
    }
    let unmodelled: BTreeSet<(&str, &str)> = resources.unmodelled.iter().map(|(kind, _)| *kind).collect();
    for (_, kind) in unmodelled {
        for (_, layer) in UNREAD.iter().filter(|(name, _)| *name == kind) {
            evidence.add(*layer);
            evidence.unread.push((*layer, kind));
        }
    }
    // Read as far as its reach goes, and never evaluated.
    let patch = resources.list.iter().map(|resource| resource.meta.kind).find(|kind| *kind == "EnvoyFilter");
    evidence.unread.extend(patch.map(|kind| (Layer::Mesh, kind)));
    for layer in Layer::ALL.into_iter().filter(|layer| config.complete.contains(&layer.part())) {
        evidence.add(layer);
    }
    evidence
}

fn layer_of(resource: &Resource<'_>) -> Option<Layer> {
    match &resource.kind {
        Kind::Namespace => resource.meta.labels.get(ENFORCED_LEVEL).map(|_| Layer::Admission),
        Kind::AccessRole(_) | Kind::AccessBinding(_) => Some(Layer::Access),
        Kind::AdmissionPolicy(_) | Kind::AdmissionPolicyBinding(_) => Some(Layer::Admission),
        Kind::Gateway(_)
        | Kind::VirtualService(_)
        | Kind::DestinationRule(_)
        | Kind::ServiceEntry(_)
        | Kind::Sidecar(_)
        | Kind::ProxyVariables(_)
        | Kind::Extension(_)
        | Kind::MeshConfig(_)
        | Kind::Operator(_) => Some(Layer::Mesh),
        Kind::AuthorizationPolicy(_) | Kind::PeerAuthentication(_) | Kind::RequestAuthentication(_) => {
            Some(Layer::Authorization)
        }
        Kind::NetworkPolicy(_) | Kind::AdminPolicy(_) | Kind::CiliumPolicy(_) | Kind::NamePolicy(_) => {
            Some(Layer::NetworkPolicy)
        }
        Kind::Node(_) => Some(Layer::Scheduling),
        Kind::Cloud(cloud) => match cloud.item {
            Item::Cluster(_) | Item::NodePool(_) => Some(Layer::Scheduling),
            Item::Firewall(_)
            | Item::FirewallPolicy(_)
            | Item::PolicyRule(_)
            | Item::Association(_)
            | Item::Network(_)
            | Item::Module(_) => Some(Layer::Firewall),
            _ => None,
        },
        _ => None,
    }
}

fn is_cluster(kind: &Kind<'_>) -> bool {
    matches!(kind, Kind::Cloud(cloud) if matches!(cloud.item, Item::Cluster(_)))
}
