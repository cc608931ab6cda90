//! CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy (`cilium.io/v2`) and GKE's FQDNNetworkPolicy
//! (`networking.gke.io/v1alpha1`), as far as they are evaluated; what is not is named (semantics C.2).

use super::network_policy::{PolicyPort, PortValue};
use super::selector::{LabelSelector, Operator, Requirement, label_selector};
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// One rule set: the `spec`, or one of the `specs`.
#[derive(Clone, Debug)]
pub struct CiliumPolicy<'a> {
    /// Whom it selects; none where it selects nodes, so that it is no matter of pods.
    pub endpoints: Option<Endpoints<'a>>,
    pub egress: CiliumSection<'a>,
    pub ingress: CiliumSection<'a>,
}

/// One direction of a rule set.
#[derive(Clone, Debug, Default)]
pub struct CiliumSection<'a> {
    /// Whether what is not allowed is denied; decided by the presence of rules where absent.
    pub default_deny: Option<Spanned<bool>>,
    pub allow: Vec<CiliumRule<'a>>,
    pub deny: Vec<CiliumRule<'a>>,
    /// The place of the list of rules.
    pub at: Option<Location>,
}

/// One rule: it speaks of any of its peers over its ports.
#[derive(Clone, Debug)]
pub struct CiliumRule<'a> {
    /// None where no field names peers.
    pub peers: Option<Vec<CiliumPeer<'a>>>,
    /// None is every port and protocol.
    pub ports: Option<Vec<PolicyPort<'a>>>,
    /// A construct that is not evaluated, by its field.
    pub unknown: Option<Text<'a>>,
    pub at: Location,
}

/// One peer of a rule.
#[derive(Clone, Debug)]
pub enum CiliumPeer<'a> {
    Endpoints(Endpoints<'a>),
    Block {
        cidr: Text<'a>,
        except: Vec<Text<'a>>,
    },
    Entity(Text<'a>),
    Names(Vec<Text<'a>>),
    /// A field that is not evaluated.
    Unknown(Text<'a>),
}

/// A selector over pods and the namespaces they are in, which Cilium writes as one set of labels.
#[derive(Clone, Debug)]
pub struct Endpoints<'a> {
    /// What is asked of the namespace; none where the selector does not speak of it.
    pub namespaces: Option<LabelSelector<'a>>,
    pub pods: LabelSelector<'a>,
    /// A label that stands for neither a pod's nor a namespace's.
    pub unknown: Option<Text<'a>>,
    pub at: Location,
}

const NAMESPACE: &str = "io.kubernetes.pod.namespace";
const NAMESPACE_LABELS: &str = "io.cilium.k8s.namespace.labels.";
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Where a label of Cilium's belongs.
enum Owner<'a> {
    Pod(&'a str),
    Namespace(&'a str),
    Unknown,
}

fn owner(key: &str) -> Owner<'_> {
    let (source, name) = match key.split_once([':', '.']) {
        Some((source @ ("k8s" | "any" | "reserved" | "cidr" | "fqdn" | "container" | "unspec"), rest))
            if key.as_bytes().get(source.len()) == Some(&b':') =>
        {
            (source, rest)
        }
        _ => ("any", key),
    };
    match (source, name) {
        ("k8s" | "any", NAMESPACE) => Owner::Namespace(NAME_LABEL),
        ("k8s" | "any", name) => match name.strip_prefix(NAMESPACE_LABELS) {
            Some(label) => Owner::Namespace(label),
            None if name.starts_with("io.cilium.k8s.policy.") => Owner::Unknown,
            None => Owner::Pod(name),
        },
        _ => Owner::Unknown,
    }
}

/// Splits Cilium's labels into those of pods and those of namespaces.
fn endpoints<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Endpoints<'a>> {
    let LabelSelector { labels, requirements, at } = label_selector(reader, node)?;
    let (mut pods, mut namespaces) = (Labels::default(), Labels::default());
    let (mut of_pods, mut of_namespaces) = (Vec::new(), Vec::new());
    let mut unknown = None;
    for (key, value) in labels.iter() {
        match owner(key.value) {
            Owner::Pod(name) => pods.set(Spanned::new(name, key.at), value),
            Owner::Namespace(name) => namespaces.set(Spanned::new(name, key.at), value),
            Owner::Unknown => unknown = Some(key),
        }
    }
    for requirement in requirements {
        let renamed = |name, requirement: Requirement<'a>| Requirement {
            key: Spanned::new(name, requirement.key.at),
            ..requirement
        };
        match owner(requirement.key.value) {
            Owner::Pod(name) => of_pods.push(renamed(name, requirement)),
            Owner::Namespace(name) => of_namespaces.push(renamed(name, requirement)),
            Owner::Unknown => unknown = Some(requirement.key),
        }
    }
    // Cilium knows no Gt and Lt here.
    let odd = |one: &&Requirement<'a>| matches!(one.operator.value, Operator::Gt | Operator::Lt);
    unknown = unknown.or_else(|| of_pods.iter().chain(&of_namespaces).find(odd).map(|one| one.key));
    let asks = !namespaces.is_empty() || !of_namespaces.is_empty();
    Some(Endpoints {
        namespaces: asks.then_some(LabelSelector { labels: namespaces, requirements: of_namespaces, at }),
        pods: LabelSelector { labels: pods, requirements: of_pods, at },
        unknown,
        at,
    })
}

/// The ports of one entry of `toPorts`; a protocol `ANY` is each of the three.
fn ports<'a>(reader: &mut Reader, node: Node<'a>) -> Vec<PolicyPort<'a>> {
    let mut found = Vec::new();
    for list in reader.list_at(node, "ports", |_, item| Some(item)) {
        let Some(item) = reader.mapping(list) else { continue };
        let at = item.head();
        let port = Reader::field(item, "port").and_then(|port| reader.text_or_number(port));
        let port = port.map(|text| text.map(|text| text.parse().map_or(PortValue::Name(text), PortValue::Number)));
        let port = port.filter(|port| port.value != PortValue::Number(0));
        let end_port = reader.integer_at(item, "endPort").filter(|end| end.value != 0);
        let written = reader.text_at(item, "protocol");
        match written.filter(|protocol| protocol.value != "ANY") {
            Some(protocol) => found.push(PolicyPort { protocol: Some(protocol), port, end_port, at }),
            None => {
                let each = ["TCP", "UDP", "SCTP"].map(|name| Some(Spanned::new(name, at)));
                found.extend(each.map(|protocol| PolicyPort { protocol, port, end_port, at }));
            }
        }
    }
    found
}

/// The first field of an entry of `toPorts` that narrows it to some requests or server names.
fn beyond_ports(node: Node<'_>) -> Option<Text<'_>> {
    let mut fields = node.entries().filter(|entry| entry.name() != "ports" && !entry.value.is_null());
    fields.next().map(|entry| Spanned::new(entry.name(), entry.key.at()))
}

fn cidr_set<'a>(reader: &mut Reader, node: Node<'a>) -> Option<CiliumPeer<'a>> {
    let node = reader.mapping(node)?;
    match reader.text_at(node, "cidr") {
        Some(cidr) => Some(CiliumPeer::Block { cidr, except: reader.texts_at(node, "except") }),
        None => Some(CiliumPeer::Unknown(Spanned::new("cidrGroupRef", node.head()))),
    }
}

fn fqdn<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Text<'a>> {
    let node = reader.mapping(node)?;
    reader.text_at(node, "matchName").or_else(|| reader.text_at(node, "matchPattern"))
}

/// The fields of a rule that are read, without the prefix `to` or `from`.
fn rule<'a>(reader: &mut Reader, node: Node<'a>, prefix: &str) -> Option<CiliumRule<'a>> {
    let at = node.head();
    if node.is_null() {
        return Some(CiliumRule { peers: Some(Vec::new()), ports: None, unknown: None, at });
    }
    let node = reader.mapping(node)?;
    let mut peers: Option<Vec<CiliumPeer<'a>>> = None;
    let mut rule = CiliumRule { peers: None, ports: None, unknown: None, at };
    for entry in node.entries() {
        if entry.value.is_null() {
            continue;
        }
        let name = entry.name();
        let list = |reader: &mut Reader, read: fn(&mut Reader, Node<'a>) -> Option<CiliumPeer<'a>>| {
            let items = reader.items(entry.value);
            items.into_iter().filter_map(|item| read(reader, item)).collect::<Vec<_>>()
        };
        let here = Spanned::new(name, entry.key.at());
        let found = match name.strip_prefix(prefix).unwrap_or(name) {
            "Endpoints" => list(reader, |reader, item| endpoints(reader, item).map(CiliumPeer::Endpoints)),
            "CIDR" => list(reader, |reader, item| {
                reader.text(item).map(|cidr| CiliumPeer::Block { cidr, except: Vec::new() })
            }),
            "CIDRSet" => list(reader, cidr_set),
            "Entities" => list(reader, |reader, item| reader.text(item).map(CiliumPeer::Entity)),
            "FQDNs" => {
                let items = reader.items(entry.value);
                vec![CiliumPeer::Names(items.into_iter().filter_map(|item| fqdn(reader, item)).collect())]
            }
            "Ports" | "toPorts" => {
                let items = reader.items(entry.value);
                rule.unknown = rule.unknown.or_else(|| items.iter().find_map(|item| beyond_ports(*item)));
                let lists: Vec<_> = items.into_iter().map(|item| ports(reader, item)).collect();
                // An entry that lists no ports is every port.
                let every = lists.iter().any(Vec::is_empty);
                rule.ports = (!every && !lists.is_empty()).then(|| lists.concat());
                continue;
            }
            "authentication" => {
                let mode = reader.mapping(entry.value).and_then(|one| reader.text_at(one, "mode"));
                rule.unknown = rule.unknown.or(mode.filter(|mode| mode.value != "disabled").map(|_| here));
                continue;
            }
            "Services" | "Groups" | "Nodes" => vec![CiliumPeer::Unknown(here)],
            _ => {
                rule.unknown = Some(here);
                continue;
            }
        };
        peers.get_or_insert_default().extend(found);
    }
    // A rule that says nothing at all allows nobody: it is how Cilium writes a default deny.
    let is_empty = peers.is_none() && rule.ports.is_none() && rule.unknown.is_none();
    rule.peers = if is_empty { Some(Vec::new()) } else { peers };
    Some(rule)
}

fn section<'a>(reader: &mut Reader, spec: Node<'a>, name: &str, prefix: &str) -> CiliumSection<'a> {
    let deny = format!("{name}Deny");
    let defaults = reader.mapping_at(spec, "enableDefaultDeny");
    CiliumSection {
        default_deny: defaults.and_then(|defaults| reader.flag_at(defaults, name)),
        allow: reader.list_at(spec, name, |reader, node| rule(reader, node, prefix)),
        deny: reader.list_at(spec, &deny, |reader, node| rule(reader, node, prefix)),
        at: spec.entry(name).or_else(|| spec.entry(&deny)).map(|entry| entry.key.at()),
    }
}

fn rule_set<'a>(reader: &mut Reader, spec: Node<'a>) -> Option<CiliumPolicy<'a>> {
    let spec = reader.mapping(spec)?;
    let selector = Reader::field(spec, "endpointSelector");
    Some(CiliumPolicy {
        endpoints: selector.and_then(|node| endpoints(reader, node)),
        egress: section(reader, spec, "egress", "to"),
        ingress: section(reader, spec, "ingress", "from"),
    })
}

/// Reads the rule sets of a policy.
pub(in crate::resource) fn cilium_policy<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Vec<CiliumPolicy<'a>>> {
    let single = Reader::field(node, "spec").and_then(|spec| rule_set(reader, spec));
    let all: Vec<_> = single.into_iter().chain(reader.list_at(node, "specs", rule_set)).collect();
    (!all.is_empty()).then_some(all)
}

/// A policy that allows the addresses behind names.
#[derive(Clone, Debug)]
pub struct NamePolicy<'a> {
    pub pods: Option<LabelSelector<'a>>,
    pub egress: Vec<NameRule<'a>>,
    pub egress_at: Location,
}

/// One rule of a policy over names.
#[derive(Clone, Debug)]
pub struct NameRule<'a> {
    pub names: Vec<Text<'a>>,
    /// None is every port and protocol.
    pub ports: Option<Vec<PolicyPort<'a>>>,
    pub at: Location,
}

fn name_rule<'a>(reader: &mut Reader, node: Node<'a>) -> Option<NameRule<'a>> {
    let at = node.head();
    let node = reader.mapping(node)?;
    let name = |reader: &mut Reader, item: Node<'a>| {
        let item = reader.mapping(item)?;
        reader.text_at(item, "name").or_else(|| reader.text_at(item, "pattern"))
    };
    let port = |reader: &mut Reader, item: Node<'a>| {
        let item = reader.mapping(item)?;
        let number = reader.integer_at(item, "port");
        Some(PolicyPort {
            protocol: reader.text_at(item, "protocol"),
            port: number.map(|port| port.map(PortValue::Number)),
            end_port: None,
            at: item.head(),
        })
    };
    Some(NameRule {
        names: reader.list_at(node, "matches", name),
        ports: reader.spanned_list_at(node, "ports", port).map(|ports| ports.value),
        at,
    })
}

/// Reads a policy over names.
pub(in crate::resource) fn name_policy<'a>(reader: &mut Reader, node: Node<'a>) -> Option<NamePolicy<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(NamePolicy {
        pods: Reader::field(spec, "podSelector").and_then(|node| label_selector(reader, node)),
        egress: reader.list_at(spec, "egress", name_rule),
        egress_at: spec.entry("egress").map_or(spec.head(), |entry| entry.key.at()),
    })
}
