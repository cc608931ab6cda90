//! The written semantics (C.0 to C.2), one packet at a time, in as plain a way as they can be said.

use std::net::Ipv4Addr;

use super::{
    Action, AdminKind, AdminPeer, AdminPods, AdminPolicy, AdminRule, Block, Cluster, Labels, NetworkPolicy, Peer, Pod,
    Port, PortValue, Rule, Selector,
};

/// One end of a packet: a pod by its index, or an address outside of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Pod(usize),
    Outside(Ipv4Addr),
}

#[derive(Clone, Copy, Debug)]
pub struct Packet {
    pub from: End,
    pub to: End,
    pub protocol: &'static str,
    pub port: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Egress,
    Ingress,
}

/// Whether policies allow a packet. `by_address`: whether an `ipBlock` means pods, too.
pub fn allowed(cluster: &Cluster, packet: Packet, by_address: bool) -> bool {
    let world = World { cluster, packet, by_address };
    let sends = match packet.from {
        End::Pod(pod) => world.passes(pod, packet.to, Way::Egress),
        End::Outside(_) => true,
    };
    let receives = match packet.to {
        End::Pod(pod) => world.passes(pod, packet.from, Way::Ingress),
        End::Outside(_) => true,
    };
    sends && receives
}

struct World<'c> {
    cluster: &'c Cluster,
    packet: Packet,
    by_address: bool,
}

impl World<'_> {
    fn pod(&self, index: usize) -> &Pod {
        &self.cluster.pods[index]
    }

    /// The Admin tier, then the policies of the namespace, then the Baseline tier, then the default, which allows.
    fn passes(&self, subject: usize, peer: End, way: Way) -> bool {
        match self.tier(subject, peer, way, &[AdminKind::Admin, AdminKind::ClusterAdmin]) {
            Some(Action::Allow) => return true,
            Some(Action::Deny) => return false,
            Some(Action::Pass) | None => {}
        }
        let isolating: Vec<&NetworkPolicy> =
            self.cluster.policies.iter().filter(|policy| self.isolates(policy, subject, way)).collect();
        if !isolating.is_empty() {
            return isolating.iter().any(|policy| {
                let rules = if way == Way::Egress { &policy.egress } else { &policy.ingress };
                rules.iter().flatten().any(|rule| self.rule(rule, policy.namespace, peer))
            });
        }
        self.tier(subject, peer, way, &[AdminKind::Baseline, AdminKind::ClusterBaseline]) != Some(Action::Deny)
    }

    /// The first rule that matches in the policy with the lowest number.
    fn tier(&self, subject: usize, peer: End, way: Way, kinds: &[AdminKind]) -> Option<Action> {
        let mut policies: Vec<&AdminPolicy> =
            self.cluster.admin.iter().filter(|policy| kinds.contains(&policy.kind)).collect();
        policies.sort_by_key(|policy| policy.priority);
        for policy in policies {
            if !self.holds(&policy.subject, self.pod(subject)) {
                continue;
            }
            let rules = if way == Way::Egress { &policy.egress } else { &policy.ingress };
            if let Some(rule) = rules.iter().find(|rule| self.admin_rule(rule, peer)) {
                return Some(rule.action);
            }
        }
        None
    }

    fn isolates(&self, policy: &NetworkPolicy, subject: usize, way: Way) -> bool {
        let pod = self.pod(subject);
        let has_egress = policy.egress.as_ref().is_some_and(|rules| !rules.is_empty());
        let types = policy.types.clone().filter(|types| !types.is_empty());
        let types = types.unwrap_or(if has_egress { vec!["Ingress", "Egress"] } else { vec!["Ingress"] });
        let wanted = if way == Way::Egress { "Egress" } else { "Ingress" };
        pod.namespace == policy.namespace && selects(&policy.pods, &pod.labels) && types.contains(&wanted)
    }

    fn rule(&self, rule: &Rule, namespace: usize, peer: End) -> bool {
        let peers = rule.peers.as_ref().filter(|peers| !peers.is_empty());
        let ports = rule.ports.as_ref().filter(|ports| !ports.is_empty());
        peers.is_none_or(|peers| peers.iter().any(|one| self.peer(one, namespace, peer)))
            && ports.is_none_or(|ports| ports.iter().any(|port| self.port(port, false)))
    }

    fn peer(&self, peer: &Peer, namespace: usize, end: End) -> bool {
        match (peer, end) {
            (Peer::Block(block, except), End::Outside(address)) => in_block(*block, except, address),
            (Peer::Block(block, except), End::Pod(pod)) => {
                self.by_address && in_block(*block, except, self.pod(pod).address)
            }
            (Peer::Selectors { .. }, End::Outside(_)) => false,
            (Peer::Selectors { pods, namespaces }, End::Pod(pod)) => {
                let pod = self.pod(pod);
                let in_namespace = match namespaces {
                    Some(selector) => selects(selector, &self.namespace_labels(pod.namespace)),
                    None => pod.namespace == namespace,
                };
                in_namespace && pods.as_ref().is_none_or(|selector| selects(selector, &pod.labels))
            }
        }
    }

    /// Whether the packet's destination port is meant. A name is one of the destination's containers.
    fn port(&self, port: &Port, any_protocol: bool) -> bool {
        if let Some(PortValue::Name(name)) = &port.value {
            let End::Pod(pod) = self.packet.to else { return false };
            return self.pod(pod).ports.iter().any(|own| {
                own.name == *name
                    && own.number == self.packet.port
                    && own.protocol == self.packet.protocol
                    && (any_protocol || own.protocol == port.protocol.unwrap_or("TCP"))
            });
        }
        let in_range = match (&port.value, port.end) {
            (Some(PortValue::Number(first)), Some(last)) => (*first..=last).contains(&self.packet.port),
            (Some(PortValue::Number(only)), None) => self.packet.port == *only,
            _ => true,
        };
        in_range && self.packet.protocol == port.protocol.unwrap_or("TCP")
    }

    fn admin_rule(&self, rule: &AdminRule, peer: End) -> bool {
        rule.peers.iter().any(|one| self.admin_peer(one, peer))
            && rule.ports.as_ref().is_none_or(|ports| ports.iter().any(|port| self.port(port, true)))
    }

    fn admin_peer(&self, peer: &AdminPeer, end: End) -> bool {
        match (peer, end) {
            (AdminPeer::Pods(_), End::Outside(_)) => false,
            (AdminPeer::Pods(pods), End::Pod(pod)) => self.holds(pods, self.pod(pod)),
            (AdminPeer::Networks(blocks), End::Outside(address)) => {
                blocks.iter().any(|block| in_block(*block, &[], address))
            }
            (AdminPeer::Networks(blocks), End::Pod(pod)) => {
                blocks.iter().any(|block| in_block(*block, &[], self.pod(pod).address))
            }
        }
    }

    fn holds(&self, pods: &AdminPods, pod: &Pod) -> bool {
        selects(&pods.namespaces, &self.namespace_labels(pod.namespace))
            && pods.pods.as_ref().is_none_or(|selector| selects(selector, &pod.labels))
    }

    fn namespace_labels(&self, index: usize) -> Vec<(String, String)> {
        let labels = self.cluster.namespaces[index].iter();
        let mut labels: Vec<_> = labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        labels.push(("kubernetes.io/metadata.name".to_owned(), format!("ns{index}")));
        labels
    }
}

/// Labels of pods or of namespaces.
trait Labelled {
    fn value(&self, key: &str) -> Option<&str>;
}

impl Labelled for Labels {
    fn value(&self, key: &str) -> Option<&str> {
        self.get(key).copied()
    }
}

impl Labelled for Vec<(String, String)> {
    fn value(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

fn selects(selector: &Selector, labels: &impl Labelled) -> bool {
    let equal = selector.labels.iter().all(|(key, value)| labels.value(key) == Some(*value));
    let met = selector.requirements.iter().all(|(key, operator, values)| {
        let value = labels.value(key);
        let listed = value.is_some_and(|value| values.contains(&value));
        match *operator {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => value.is_some(),
            _ => value.is_none(),
        }
    });
    equal && met
}

/// Whether the first bits of two addresses agree, and those of no exception.
fn in_block(block: Block, except: &[Block], address: Ipv4Addr) -> bool {
    let agrees = |Block(network, bits): Block| {
        (0..bits).all(|bit| {
            let at = |address: Ipv4Addr| address.to_bits() >> (31 - bit) & 1;
            at(network) == at(address)
        })
    };
    agrees(block) && !except.iter().any(|hole| agrees(*hole))
}
