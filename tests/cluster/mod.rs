//! Random clusters with policies of every kind that is evaluated in full, and their manifests.

pub mod naive;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

pub type Labels = BTreeMap<&'static str, &'static str>;

#[derive(Clone, Debug)]
pub struct Cluster {
    /// The labels of each namespace, but for the one with its name.
    pub namespaces: Vec<Labels>,
    pub pods: Vec<Pod>,
    pub policies: Vec<NetworkPolicy>,
    pub admin: Vec<AdminPolicy>,
}

#[derive(Clone, Debug)]
pub struct Pod {
    pub namespace: usize,
    pub labels: Labels,
    pub address: Ipv4Addr,
    pub ports: Vec<ContainerPort>,
}

#[derive(Clone, Debug)]
pub struct ContainerPort {
    pub name: &'static str,
    pub protocol: &'static str,
    pub number: u16,
}

/// Labels that must be equal, and requirements; empty is everything.
#[derive(Clone, Debug)]
pub struct Selector {
    pub labels: Labels,
    pub requirements: Vec<(&'static str, &'static str, Vec<&'static str>)>,
}

#[derive(Clone, Debug)]
pub struct NetworkPolicy {
    pub namespace: usize,
    pub pods: Selector,
    pub types: Option<Vec<&'static str>>,
    pub ingress: Option<Vec<Rule>>,
    pub egress: Option<Vec<Rule>>,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub peers: Option<Vec<Peer>>,
    pub ports: Option<Vec<Port>>,
}

#[derive(Clone, Debug)]
pub enum Peer {
    Block(Block, Vec<Block>),
    Selectors { pods: Option<Selector>, namespaces: Option<Selector> },
}

/// A block by its first address and the length of its prefix.
#[derive(Clone, Copy, Debug)]
pub struct Block(pub Ipv4Addr, pub u8);

#[derive(Clone, Debug)]
pub struct Port {
    pub protocol: Option<&'static str>,
    pub value: Option<PortValue>,
    pub end: Option<u16>,
}

#[derive(Clone, Debug)]
pub enum PortValue {
    Number(u16),
    Name(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminKind {
    Admin,
    Baseline,
    ClusterAdmin,
    ClusterBaseline,
}

#[derive(Clone, Debug)]
pub struct AdminPolicy {
    pub kind: AdminKind,
    pub priority: u16,
    pub subject: AdminPods,
    pub ingress: Vec<AdminRule>,
    pub egress: Vec<AdminRule>,
}

#[derive(Clone, Debug)]
pub struct AdminPods {
    pub namespaces: Selector,
    pub pods: Option<Selector>,
}

#[derive(Clone, Debug)]
pub struct AdminRule {
    pub action: Action,
    pub peers: Vec<AdminPeer>,
    pub ports: Option<Vec<Port>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Allow,
    Deny,
    Pass,
}

#[derive(Clone, Debug)]
pub enum AdminPeer {
    Pods(AdminPods),
    Networks(Vec<Block>),
}

pub const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c"])
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["app", "tier"])
}

fn protocol() -> impl Strategy<Value = &'static str> {
    prop::sample::select(PROTOCOLS.to_vec())
}

fn labels() -> impl Strategy<Value = Labels> {
    btree_map(key(), word(), 0..=2)
}

fn number() -> impl Strategy<Value = u16> {
    prop_oneof![Just(1), Just(53), 79..=82_u16, 8079..=8082_u16, Just(65535)]
}

/// Names that some pod's container may have given to a port.
fn port_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["web", "dns"])
}

fn address() -> impl Strategy<Value = Ipv4Addr> {
    (prop::sample::select(vec![[10, 0, 0], [10, 0, 1], [203, 0, 113]]), any::<u8>())
        .prop_map(|([a, b, c], d)| Ipv4Addr::new(a, b, c, d))
}

fn block() -> impl Strategy<Value = Block> {
    let sizes = prop::sample::select(vec![0, 8, 23, 24, 25, 28, 31, 32]);
    (address(), sizes).prop_map(|(address, size)| Block(Ipv4Addr::from(u32::from(address) & mask(size)), size))
}

fn mask(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

/// Blocks, each moved into another one, of which it is then a true part: what else stands under `except` is rejected.
fn parts(Block(whole, bits): Block, blocks: &[Block]) -> Vec<Block> {
    let within = |Block(address, own): &Block| {
        let address = u32::from(whole) | (u32::from(*address) & !mask(bits) & mask(*own));
        Block(Ipv4Addr::from(address), *own)
    };
    blocks.iter().filter(|block| block.1 > bits).map(within).collect()
}

fn selector() -> impl Strategy<Value = Selector> {
    let operators = prop::sample::select(vec!["In", "NotIn", "Exists", "DoesNotExist"]);
    let requirement = (key(), operators, vec(word(), 1..=2)).prop_map(|(key, operator, values)| {
        let values = if operator.ends_with("In") { values } else { Vec::new() };
        (key, operator, values)
    });
    (btree_map(key(), word(), 0..=1), vec(requirement, 0..=1))
        .prop_map(|(labels, requirements)| Selector { labels, requirements })
}

/// Selectors of namespaces may also ask for the label that the API server sets.
fn namespace_selector() -> impl Strategy<Value = Selector> {
    let named = prop::sample::select(vec!["ns0", "ns1", "ns2"]).prop_map(|name| Selector {
        labels: [("kubernetes.io/metadata.name", name)].into_iter().collect(),
        requirements: Vec::new(),
    });
    prop_oneof![2 => selector(), 1 => named]
}

fn peer() -> impl Strategy<Value = Peer> {
    let selectors = (option::of(selector()), option::of(namespace_selector())).prop_map(|(pods, namespaces)| {
        // A peer without any field is none; what it means is not part of what is written down.
        let pods = if pods.is_none() && namespaces.is_none() {
            Some(Selector { labels: Labels::new(), requirements: Vec::new() })
        } else {
            pods
        };
        Peer::Selectors { pods, namespaces }
    });
    prop_oneof![
        3 => selectors,
        1 => (block(), vec(block(), 0..=2)).prop_map(|(block, except)| Peer::Block(block, parts(block, &except))),
    ]
}

fn port() -> impl Strategy<Value = Port> {
    let numbered = (option::of(protocol()), number(), option::of(number())).prop_map(|(protocol, port, end)| Port {
        protocol,
        value: Some(PortValue::Number(port)),
        end: end.filter(|end| *end >= port),
    });
    let named = (option::of(protocol()), port_name());
    prop_oneof![
        4 => numbered,
        1 => option::of(protocol()).prop_map(|protocol| Port { protocol, value: None, end: None }),
        1 => named.prop_map(|(protocol, name)| Port { protocol, value: Some(PortValue::Name(name)), end: None }),
    ]
}

fn rules() -> impl Strategy<Value = Option<Vec<Rule>>> {
    let rule = (option::of(vec(peer(), 0..=2)), option::of(vec(port(), 0..=2)));
    option::of(vec(rule.prop_map(|(peers, ports)| Rule { peers, ports }), 0..=2))
}

fn policy() -> impl Strategy<Value = NetworkPolicy> {
    let types = prop::sample::select(vec![
        None,
        Some(vec!["Ingress"]),
        Some(vec!["Egress"]),
        Some(vec!["Ingress", "Egress"]),
        Some(Vec::new()),
    ]);
    (0..3_usize, selector(), types, rules(), rules())
        .prop_map(|(namespace, pods, types, ingress, egress)| NetworkPolicy { namespace, pods, types, ingress, egress })
}

fn admin_pods() -> impl Strategy<Value = AdminPods> {
    (namespace_selector(), option::of(selector())).prop_map(|(namespaces, pods)| AdminPods { namespaces, pods })
}

fn admin_rules(egress: bool) -> impl Strategy<Value = Vec<AdminRule>> {
    let networks = vec(block(), 1..=2).prop_map(AdminPeer::Networks);
    let pods = admin_pods().prop_map(AdminPeer::Pods);
    let peer = if egress { prop_oneof![2 => pods, 1 => networks].boxed() } else { pods.boxed() };
    let action = prop::sample::select(vec![Action::Allow, Action::Deny, Action::Pass]);
    let rule = (action, vec(peer, 1..=2), option::of(vec(port(), 1..=2)));
    vec(rule.prop_map(|(action, peers, ports)| AdminRule { action, peers, ports }), 0..=3)
}

fn admin_policy() -> impl Strategy<Value = AdminPolicy> {
    let kinds = [AdminKind::Admin, AdminKind::Baseline, AdminKind::ClusterAdmin, AdminKind::ClusterBaseline];
    let kind = prop::sample::select(kinds.to_vec());
    (kind, 0..=1000_u16, admin_pods(), admin_rules(false), admin_rules(true))
        .prop_map(|(kind, priority, subject, ingress, egress)| AdminPolicy { kind, priority, subject, ingress, egress })
}

fn pod() -> impl Strategy<Value = Pod> {
    let port = (port_name(), protocol(), number());
    let port = port.prop_map(|(name, protocol, number)| ContainerPort { name, protocol, number });
    (0..3_usize, labels(), address(), vec(port, 0..=2)).prop_map(|(namespace, labels, address, ports)| Pod {
        namespace,
        labels,
        address,
        ports,
    })
}

/// A cluster in which no two administrators' policies of a tier have the same priority, and one that is valid.
pub fn cluster() -> impl Strategy<Value = Cluster> {
    (vec(labels(), 3), vec(pod(), 1..=5), vec(policy(), 0..=4), vec(admin_policy(), 0..=3)).prop_map(
        |(namespaces, pods, policies, mut admin)| {
            for (index, one) in (0_u16..).zip(&mut admin) {
                one.priority = one.priority / 10 * 10 + index;
                if one.kind == AdminKind::Baseline {
                    // The older baseline has no priority and stands alone in its tier.
                    one.kind = if index == 0 { AdminKind::Baseline } else { AdminKind::ClusterBaseline };
                }
            }
            if admin.iter().any(|one| one.kind == AdminKind::Baseline) {
                admin.retain(|one| one.kind != AdminKind::ClusterBaseline);
            }
            Cluster { namespaces, pods, policies, admin }
        },
    )
}

impl Cluster {
    /// The manifests: every object as one line of JSON, which is YAML too.
    pub fn manifests(&self) -> String {
        let mut text = String::new();
        let mut object = |value: serde_json::Value| writeln!(text, "---\n{value}").expect("a text can be written");
        for (index, labels) in self.namespaces.iter().enumerate() {
            object(serde_json::json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("ns{index}"), "labels": labels}
            }));
        }
        for (index, pod) in self.pods.iter().enumerate() {
            let ports: Vec<_> = pod.ports.iter().map(ContainerPort::json).collect();
            object(serde_json::json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": format!("p{index}"), "namespace": format!("ns{}", pod.namespace), "labels": pod.labels},
                "spec": {"containers": [{"name": "c", "image": "i", "ports": ports}]},
                "status": {"podIP": pod.address.to_string()}
            }));
        }
        for (index, policy) in self.policies.iter().enumerate() {
            object(policy.json(index));
        }
        for (index, policy) in self.admin.iter().enumerate() {
            object(policy.json(index));
        }
        text
    }
}

/// Sets a field that is there.
fn set(object: &mut serde_json::Value, key: &str, value: Option<serde_json::Value>) {
    if let Some(value) = value {
        object[key] = value;
    }
}

impl ContainerPort {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({"name": self.name, "protocol": self.protocol, "containerPort": self.number})
    }
}

impl Selector {
    fn json(&self) -> serde_json::Value {
        let requirements: Vec<_> = self
            .requirements
            .iter()
            .map(|(key, operator, values)| serde_json::json!({"key": key, "operator": operator, "values": values}))
            .collect();
        serde_json::json!({"matchLabels": self.labels, "matchExpressions": requirements})
    }
}

impl Block {
    pub fn text(self) -> String {
        format!("{}/{}", self.0, self.1)
    }
}

impl NetworkPolicy {
    fn json(&self, index: usize) -> serde_json::Value {
        let mut spec = serde_json::json!({"podSelector": self.pods.json()});
        let rules = |rules: &Option<Vec<Rule>>, peers: &str| {
            let rules = rules.as_ref()?;
            Some(serde_json::Value::from(rules.iter().map(|rule| rule.json(peers)).collect::<Vec<_>>()))
        };
        set(&mut spec, "policyTypes", self.types.clone().map(Into::into));
        set(&mut spec, "ingress", rules(&self.ingress, "from"));
        set(&mut spec, "egress", rules(&self.egress, "to"));
        serde_json::json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": format!("n{index}"), "namespace": format!("ns{}", self.namespace)}, "spec": spec
        })
    }
}

impl Rule {
    fn json(&self, key: &str) -> serde_json::Value {
        let mut rule = serde_json::json!({});
        let peers = self.peers.as_ref().map(|peers| peers.iter().map(Peer::json).collect::<Vec<_>>().into());
        set(&mut rule, key, peers);
        let ports = self.ports.as_ref().map(|ports| ports.iter().map(Port::json).collect::<Vec<_>>().into());
        set(&mut rule, "ports", ports);
        rule
    }
}

impl Peer {
    fn json(&self) -> serde_json::Value {
        match self {
            Self::Block(block, except) => {
                let except: Vec<_> = except.iter().map(|block| block.text()).collect();
                serde_json::json!({"ipBlock": {"cidr": block.text(), "except": except}})
            }
            Self::Selectors { pods, namespaces } => {
                let mut peer = serde_json::json!({});
                set(&mut peer, "podSelector", pods.as_ref().map(Selector::json));
                set(&mut peer, "namespaceSelector", namespaces.as_ref().map(Selector::json));
                peer
            }
        }
    }
}

impl Port {
    fn json(&self) -> serde_json::Value {
        let mut port = serde_json::json!({});
        set(&mut port, "protocol", self.protocol.map(Into::into));
        set(&mut port, "endPort", self.end.map(Into::into));
        let value = self.value.as_ref().map(|value| match value {
            PortValue::Number(number) => (*number).into(),
            PortValue::Name(name) => (*name).into(),
        });
        set(&mut port, "port", value);
        port
    }

    /// As `ports` of v1alpha1 has it.
    fn v1alpha1(&self) -> serde_json::Value {
        let protocol = self.protocol.unwrap_or("TCP");
        match (&self.value, self.end) {
            (Some(PortValue::Name(name)), _) => serde_json::json!({"namedPort": name}),
            (Some(PortValue::Number(start)), Some(end)) => {
                serde_json::json!({"portRange": {"protocol": protocol, "start": start, "end": end}})
            }
            (Some(PortValue::Number(port)), None) => {
                serde_json::json!({"portNumber": {"protocol": protocol, "port": port}})
            }
            (None, _) => serde_json::json!({"portRange": {"protocol": protocol, "start": 1, "end": 65535}}),
        }
    }

    /// As `protocols` of v1alpha2 has it.
    fn v1alpha2(&self) -> serde_json::Value {
        let protocol = self.protocol.unwrap_or("TCP").to_lowercase();
        match (&self.value, self.end) {
            (Some(PortValue::Name(name)), _) => serde_json::json!({"destinationNamedPort": name}),
            (Some(PortValue::Number(start)), Some(end)) => {
                serde_json::json!({protocol: {"destinationPort": {"range": {"start": start, "end": end}}}})
            }
            (Some(PortValue::Number(port)), None) => {
                serde_json::json!({protocol: {"destinationPort": {"number": port}}})
            }
            (None, _) => serde_json::json!({protocol: {}}),
        }
    }
}

impl AdminPolicy {
    fn json(&self, index: usize) -> serde_json::Value {
        let is_cluster = matches!(self.kind, AdminKind::ClusterAdmin | AdminKind::ClusterBaseline);
        let rules =
            |rules: &[AdminRule], peers| rules.iter().map(|rule| rule.json(peers, is_cluster)).collect::<Vec<_>>();
        let mut spec = serde_json::json!({
            "subject": self.subject.json(), "ingress": rules(&self.ingress, "from"), "egress": rules(&self.egress, "to")
        });
        if self.kind != AdminKind::Baseline {
            spec["priority"] = self.priority.into();
        }
        let (version, kind) = match self.kind {
            AdminKind::Admin => ("v1alpha1", "AdminNetworkPolicy"),
            AdminKind::Baseline => ("v1alpha1", "BaselineAdminNetworkPolicy"),
            AdminKind::ClusterAdmin | AdminKind::ClusterBaseline => {
                spec["tier"] = if self.kind == AdminKind::ClusterAdmin { "Admin" } else { "Baseline" }.into();
                ("v1alpha2", "ClusterNetworkPolicy")
            }
        };
        serde_json::json!({
            "apiVersion": format!("policy.networking.k8s.io/{version}"), "kind": kind,
            "metadata": {"name": format!("a{index}")}, "spec": spec
        })
    }
}

impl AdminPods {
    fn json(&self) -> serde_json::Value {
        match &self.pods {
            None => serde_json::json!({"namespaces": self.namespaces.json()}),
            Some(pods) => serde_json::json!({
                "pods": {"namespaceSelector": self.namespaces.json(), "podSelector": pods.json()}
            }),
        }
    }
}

impl AdminRule {
    fn json(&self, key: &str, is_cluster: bool) -> serde_json::Value {
        let action = match self.action {
            Action::Allow if is_cluster => "Accept",
            Action::Allow => "Allow",
            Action::Deny => "Deny",
            Action::Pass => "Pass",
        };
        let peers: Vec<_> = self.peers.iter().map(AdminPeer::json).collect();
        let mut rule = serde_json::json!({"action": action, key: peers});
        let written = |ports: &Vec<Port>, of: fn(&Port) -> serde_json::Value| ports.iter().map(of).collect::<Vec<_>>();
        if let Some(ports) = &self.ports {
            match is_cluster {
                true => rule["protocols"] = written(ports, Port::v1alpha2).into(),
                false => rule["ports"] = written(ports, Port::v1alpha1).into(),
            }
        }
        rule
    }
}

impl AdminPeer {
    fn json(&self) -> serde_json::Value {
        match self {
            Self::Pods(pods) => pods.json(),
            Self::Networks(blocks) => {
                let blocks: Vec<_> = blocks.iter().map(|block| block.text()).collect();
                serde_json::json!({"networks": blocks})
            }
        }
    }
}
