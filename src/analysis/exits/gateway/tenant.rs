//! What a tenant makes of the gateway who may write routes and hosts of his own: a virtual service that binds to a listener
//! leads wherever it says, and authorization sees only the host that was asked for (semantics B.7, rows 79 and 80; C.11 B).

use super::consent::{Consent, rank};
use super::{Caller, Door, Gateways};
use crate::analysis::access::{Proof, Target, Verdict as May};
use crate::analysis::authorization;
use crate::analysis::capture::Tier;
use crate::analysis::exits::Exit;
use crate::analysis::exits::kinds::{Class, Control, Verdict, Via};
use crate::analysis::exits::step::Step;
use crate::analysis::exits::wanted::on_port;
use crate::analysis::routing::{Admitted, admissions};
use crate::finding::Decision;
use crate::model::{Gateway, Server};

impl<'e, 'a> Gateways<'e, 'a> {
    /// The way of a tenant to any host, by the listener that keeps him the least; none where no listener reads requests or
    /// names.
    pub(super) fn of_tenant(&self, caller: &Caller<'a>) -> Option<Exit> {
        let proxies = self.facts.egress.proxies.iter().enumerate();
        let gateways = proxies.flat_map(|(number, proxy)| {
            proxy.gateways.iter().map(move |&gateway| (number, &self.estate.mesh.gateways[gateway]))
        });
        let servers =
            gateways.flat_map(|(proxy, gateway)| gateway.servers.iter().map(move |server| (proxy, gateway, server)));
        let exits = servers.map(|(proxy, gateway, server)| self.tenant_exit(proxy, gateway, server, caller));
        exits.min_by_key(|exit| (exit.verdict, exit.cut().count(), exit.gaps().count()))
    }

    fn tenant_exit(&self, proxy: usize, gateway: &'e Gateway<'a>, server: &'e Server<'a>, caller: &Caller<'a>) -> Exit {
        let leaves = server.port.and_then(|port| u16::try_from(port).ok());
        let (door, consent) = self.best_door(proxy, server, leaves, caller);
        let mut steps = vec![
            self.by_tenant(caller),
            self.by_policies(proxy, &door.pod_ports, caller),
            self.by_listener(&door, caller, Tier::Tenant, None),
            binding(gateway, server, caller.asker.namespace),
            self.by_consent(&door, consent),
        ];
        steps.extend(super::beyond::beyond(&door, self.estate, self.facts, self.pools));
        let verdict = Verdict::of(&steps);
        let traffic = on_port(leaves);
        let sample = traffic.first().unwrap_or(super::ANY);
        Exit {
            tier: Tier::Tenant,
            via: Via::Gateway,
            class: Class::Internet,
            host: None,
            verdict,
            approved: false,
            traffic,
            sample,
            steps,
        }
    }

    /// The door of his own that the policies keep him from the least: under a host that he may ask for, if there is one.
    fn best_door(
        &self,
        proxy: usize,
        server: &'e Server<'a>,
        leaves: Option<u16>,
        caller: &Caller<'a>,
    ) -> (Door<'e, 'a>, Consent) {
        let pod_ports = server.port.map(|port| self.facts.egress.proxies[proxy].pod_ports(port, self.estate));
        let pod_ports: Vec<u16> = pod_ports.into_iter().flatten().filter_map(|port| u16::try_from(port).ok()).collect();
        let policies = &self.policies[proxy];
        let door = |asked: String| Door {
            proxy,
            server,
            service: None,
            upstream: "a host of his own".to_owned(),
            asked,
            at: server.at,
            pod_ports: pod_ports.clone(),
            leaves,
        };
        let ask = |name: String| {
            let door = door(name);
            let consent = policies.ask(&door, caller.asker);
            (door, consent)
        };
        let any = "any.host.example".to_owned();
        let mut names = policies.hosts_of(caller.asker).into_iter().chain([any.clone()]);
        let mut best = ask(names.next().unwrap_or(any));
        for name in names {
            if best.1.decision == authorization::Decision::Allow {
                break;
            }
            let other = ask(name);
            if rank(other.1.decision) > rank(best.1.decision) {
                best = other;
            }
        }
        best
    }

    /// Whether a tenant may write the route and the host that it leads to.
    fn by_tenant(&self, caller: &Caller<'a>) -> Step {
        let workload = &self.estate.workloads[caller.workload()];
        let (namespace, name) = (workload.namespace, caller.asker.namespace);
        let said = |decision, reason: String, at| Step::own(Control::Admission, decision, reason, at);
        let may = |target| self.facts.access.write(namespace, target, name);
        match (may(Target::VIRTUAL_SERVICES), may(Target::SERVICE_ENTRIES)) {
            (May::Certain(Proof { reason, at, .. }), May::Certain(_)) => said(Decision::Allow, reason, Some(at)),
            (May::No(by), _) | (_, May::No(by)) => {
                let reason = format!("no tenant may write both virtual services and service entries in `{name}`");
                said(Decision::Deny, reason, by.map(|by| by.at))
            }
            (May::Unknown(unknown), _) | (_, May::Unknown(unknown)) => {
                said(Decision::Unknown, unknown.reason, Some(unknown.at))
            }
        }
    }
}

/// Whether a virtual service of a namespace binds to a listener.
fn binding(gateway: &Gateway<'_>, server: &Server<'_>, namespace: &str) -> Step {
    let mut hosts = server.hosts.iter().zip(admissions(server, gateway)).filter_map(|(host, one)| match one.from {
        Admitted::Anybody => Some((Decision::Allow, host, one.at)),
        Admitted::Namespace(only) if only == namespace => Some((Decision::Allow, host, one.at)),
        Admitted::Namespace(_) => None,
        // Which namespaces a selector picks may change with their labels.
        Admitted::Chosen => Some((Decision::Unknown, host, one.at)),
    });
    let name = format!("gateway {}", gateway.name);
    match hosts.next() {
        Some((decision, host, at)) => {
            let may = if decision == Decision::Allow { "let" } else { "may let" };
            let reason =
                format!("hosts `{host}` on {} {may} virtual services of `{namespace}` bind", server.describe());
            Step::said(Control::Mesh, decision, name, reason, Some(at))
        }
        None => {
            let reason = format!("no host on {} lets virtual services of `{namespace}` bind", server.describe());
            Step::said(Control::Mesh, Decision::Deny, name, reason, server.hosts.first().map(|host| host.at))
        }
    }
}
