//! Changes of an estate that nobody has made, for questions of what would follow from them.

use super::access::Standing;
use super::firewall::{Direction, FirewallRule, RuleSet, Target, Verdict};
use super::network_policy::{NamespaceScope, NetworkPolicy, PodScope, PolicyKind, Section, Tier};
use super::{Estate, OutboundMode, OutboundPolicy, Selector};
use crate::resource::gcp::Setting;
use crate::source::Spanned;
use crate::traffic::Traffic;

/// A change of an estate; what it is about by its index in the estate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// A firewall rule of the lowest priority that denies all egress in the network of a pool.
    DenyEgress { pool: usize },
    /// A network policy that isolates the egress of all pods of a namespace and allows nothing.
    IsolateEgress { namespace: usize },
    /// A binding gives its role to no tenant.
    Unbind { binding: usize },
    /// A toleration of a workload is taken out.
    Untolerate { workload: usize, toleration: usize },
    /// Proxies refuse what they do not know, by the Sidecar that says otherwise; by the mesh configuration where there is none.
    RefuseUnknown { sidecar: Option<usize> },
}

/// The name of what an edit adds.
const ADDED: &str = "default-deny-egress";

/// The lowest priority of a rule: of rules that share it, one that denies goes first (semantics C.4).
const LOWEST: i64 = 65_535;

impl Estate<'_> {
    /// Makes a change. What it adds has the place of the object that makes it necessary.
    pub fn apply(&mut self, edit: Change) {
        match edit {
            Change::DenyEgress { pool } => self.deny_egress(pool),
            Change::IsolateEgress { namespace } => self.isolate_egress(namespace),
            Change::Unbind { binding } => {
                if let Some(binding) = self.access.bindings.get_mut(binding) {
                    binding.subjects.retain(|subject| subject.standing != Standing::Tenant);
                }
            }
            Change::Untolerate { workload, toleration } => {
                let tolerations = self.workloads.get_mut(workload).map(|workload| &mut workload.placement.tolerations);
                if let Some(tolerations) = tolerations.filter(|tolerations| toleration < tolerations.len()) {
                    tolerations.remove(toleration);
                }
            }
            Change::RefuseUnknown { sidecar: Some(sidecar) } => {
                if let Some(sidecar) = self.mesh.sidecars.get_mut(sidecar) {
                    let mode = OutboundMode::RegistryOnly;
                    sidecar.outbound = sidecar.outbound.map(|policy| OutboundPolicy { mode, empty: false, ..policy });
                }
            }
            Change::RefuseUnknown { sidecar: None } => {
                let at = self.mesh.outbound.map(|policy| policy.at);
                let at = at.or_else(|| self.namespaces.first().map(|namespace| namespace.at.at));
                let mode = OutboundMode::RegistryOnly;
                self.mesh.outbound = at.map(|at| OutboundPolicy { mode, empty: false, at });
            }
        }
    }

    fn isolate_egress(&mut self, namespace: usize) {
        let Some(own) = self.namespaces.get(namespace) else { return };
        let at = own.at.at;
        self.network_policies.push(NetworkPolicy {
            kind: PolicyKind::Kubernetes,
            name: Spanned::new(ADDED, at),
            namespace: Some(namespace),
            tier: Tier::Namespace,
            priority: None,
            subject: PodScope {
                namespaces: NamespaceScope::Only(namespace),
                pods: Selector::Everything,
                unknown: None,
            },
            egress: Section { isolates: true, ..Section::default() },
            ingress: Section::default(),
            types_at: None,
            spec_at: at,
        });
    }

    fn deny_egress(&mut self, pool: usize) {
        let Some(pool) = self.pools.get(pool) else { return };
        let at = pool.name.at;
        self.firewall.push(FirewallRule {
            name: Spanned::new(ADDED, at),
            policy: None,
            set: RuleSet::Vpc,
            network: pool.network,
            only_networks: Vec::new(),
            direction: Direction::Egress,
            priority: LOWEST,
            priority_at: None,
            verdict: Verdict::Deny,
            traffic: Traffic::all(),
            target: Target::Everything,
            target_at: None,
            destinations_at: None,
            disabled: None,
            unknown: None,
            verdict_at: at,
            logging: Setting::Unknown(at),
        });
    }
}
