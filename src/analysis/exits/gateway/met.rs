//! What each layer between a caller and a door does, one step each: the caller's proxy, the network policies, the listener
//! and the authorization policies (semantics C.8).

use super::consent::Consent;
use super::doors::Door;
use super::{Caller, Gateways};
use crate::analysis::authorization;
use crate::analysis::capture::Tier;
use crate::analysis::exits::kinds::Control;
use crate::analysis::exits::step::{Holder, Step};
use crate::analysis::needs::proxy_target;
use crate::analysis::network_policy::{Answer, Why};
use crate::analysis::tls::{Client, ClientView, Target as TlsTarget, is_automatic};
use crate::finding::Decision;
use crate::model::{ClientMode, Destination, Layer, ServerMode};
use crate::source::Location;
use crate::traffic::{Protocol, Transport};

impl<'e, 'a> Gateways<'e, 'a> {
    /// The first hop where the proxy makes it: it leads the application there, or not. Code goes by itself where it does not.
    pub(super) fn by_proxy(
        door: &Door<'_, '_>,
        caller: &Caller<'_>,
        tier: Tier,
        led: Option<&Destination<'_>>,
    ) -> Option<Step> {
        let (decision, reason, at) = match (led, tier) {
            (Some(destination), _) => {
                let reason = format!("its proxy sends `{}` to the gateway", door.asked);
                (Decision::Allow, reason, Some(destination.host_at))
            }
            (None, Tier::Application) if caller.asker.identified.is_none() => {
                let reason =
                    format!("whether it has a proxy depends on the labels of namespace `{}`", caller.asker.namespace);
                (Decision::Unknown, reason, None)
            }
            (None, Tier::Application) => {
                (Decision::Deny, format!("its proxy does not send `{}` to the gateway", door.asked), None)
            }
            (None, _) => return None,
        };
        Some(Step::own(Control::Mesh, decision, reason, at))
    }

    /// The network policies between the caller and the proxy's pods, on the ports of a listener.
    pub(super) fn by_policies(&self, proxy: usize, pod_ports: &[u16], caller: &Caller<'_>) -> Step {
        let (sends, receives) = &caller.reaches[proxy];
        let (own, of_proxy) = (caller.workload(), &self.facts.egress.proxies[proxy]);
        let said = |decision, why: Why| {
            let name = format!("network policy to {}", of_proxy.name);
            Step::said(Control::NetworkPolicy, decision, name, why.reason, Some(why.at))
        };
        let policies = &self.facts.network_policy;
        let port = pod_ports.first().copied().unwrap_or(1);
        let sent = || {
            let spoken = (Protocol::Tcp, port);
            let target = proxy_target(of_proxy);
            let why = target.map(|target| policies.why_not(own, &target, spoken, policies.dataplane()));
            let unseen = || Why {
                decision: Decision::Unknown,
                reason: "the gateway's pods are not in the input".to_owned(),
                at: of_proxy.name.at,
            };
            let why = why.unwrap_or_else(unseen);
            Why { reason: format!("{} (TCP {port})", why.reason), ..why }
        };
        let received = |gateway| {
            let why = policies.why_not_in(gateway, own, (Protocol::Tcp, port), policies.dataplane());
            Why { reason: format!("{} (TCP {port})", why.reason), ..why }
        };
        match (passes(sends, pod_ports), passes(receives, pod_ports), of_proxy.workload) {
            (Decision::Deny, ..) => said(Decision::Deny, sent()),
            (_, Decision::Deny, Some(gateway)) => said(Decision::Deny, received(gateway)),
            (_, Decision::Unknown, Some(gateway)) => said(Decision::Unknown, received(gateway)),
            (Decision::Unknown, ..) => said(Decision::Unknown, sent()),
            _ => said(Decision::Allow, sent()),
        }
    }

    /// Whether client and listener speak the same TLS.
    pub(super) fn by_listener(
        &self,
        door: &Door<'_, '_>,
        caller: &Caller<'_>,
        tier: Tier,
        led: Option<&Destination<'_>>,
    ) -> Step {
        let server = door.server;
        let name = format!("listener on {}", server.describe());
        let said = |decision, reason: String, at| {
            Step::said(Control::Mesh, decision, name.clone(), reason, Some(at)).with(Holder::Proxy(door.proxy))
        };
        let at = server.mode_at;
        match server.mode {
            ServerMode::Passthrough => said(Decision::Allow, "it forwards TLS unread, whoever sends it".to_owned(), at),
            ServerMode::AutoPassthrough => {
                said(Decision::Allow, "it forwards TLS to whatever the client names".to_owned(), at)
            }
            ServerMode::IstioMutual => match (caller.asker.identified, tier) {
                (Some(false), _) => said(
                    Decision::Deny,
                    "it asks for a certificate of the mesh, and the workload has none".to_owned(),
                    at,
                ),
                (None, _) => said(Decision::Unknown, "it asks for a certificate of the mesh".to_owned(), at),
                (Some(true), Tier::Application) => self.handshake(door, caller, led, &said),
                (Some(true), _) => said(Decision::Allow, "it knows the workload by its certificate".to_owned(), at),
            },
            ServerMode::Plaintext => match (tier, self.view(caller, led).and_then(|view| view.tls)) {
                (Tier::Application, Some(tls)) if tls.mode != ClientMode::Disable => {
                    let reason = format!("it takes plain text, and clients send TLS in mode `{}`", tls.mode.as_str());
                    said(Decision::Deny, reason, tls.at)
                }
                _ => said(Decision::Allow, "it takes plain text from anybody".to_owned(), at),
            },
            ServerMode::Simple => said(Decision::Allow, "it asks for no certificate".to_owned(), at),
            ServerMode::OptionalMutual => said(Decision::Allow, "it insists on no certificate".to_owned(), at),
            ServerMode::Mutual => {
                said(Decision::Unknown, "who has a certificate that it takes is not in the input".to_owned(), at)
            }
            ServerMode::Unknown => said(Decision::Unknown, "what it asks for is not in the input".to_owned(), at),
        }
    }

    fn view(&self, caller: &Caller<'_>, led: Option<&'_ Destination<'_>>) -> Option<ClientView<'e, 'a>> {
        let destination = led?;
        let client =
            Client { namespace: caller.asker.namespace, labels: Some(self.estate.workloads[caller.workload()].labels) };
        let target = TlsTarget {
            host: &destination.host,
            port: destination.port,
            subset: destination.subset.map(|subset| subset.value),
        };
        Some(self.rules.view(client, target))
    }

    /// Whether the application's proxy shows its certificate to the listener.
    fn handshake(
        &self,
        door: &Door<'_, '_>,
        caller: &Caller<'_>,
        led: Option<&Destination<'_>>,
        said: &dyn Fn(Decision, String, Location) -> Step,
    ) -> Step {
        let known =
            || said(Decision::Allow, "it knows the workload by its certificate".to_owned(), door.server.mode_at);
        let Some((view, destination)) = self.view(caller, led).zip(led) else { return known() };
        if view.subset_missing {
            let at = destination.subset.map_or(destination.host_at, |subset| subset.at);
            return said(Decision::Deny, "its clients send to a subset that no destination rule has".to_owned(), at);
        }
        match view.tls {
            Some(tls) if tls.mode == ClientMode::IstioMutual => known(),
            Some(tls) => {
                let reason =
                    format!("it asks for a certificate of the mesh, and clients send in mode `{}`", tls.mode.as_str());
                said(Decision::Deny, reason, tls.at)
            }
            None if is_automatic(&self.facts.egress.proxies[door.proxy], self.estate) => known(),
            None => {
                let at = view.absent_at.unwrap_or(destination.host_at);
                said(
                    Decision::Deny,
                    "it asks for a certificate of the mesh, and clients send plain text".to_owned(),
                    at,
                )
            }
        }
    }

    pub(super) fn by_consent(&self, door: &Door<'_, '_>, consent: Consent) -> Step {
        let policies = &self.policies[door.proxy];
        let own = self.facts.egress.proxies[door.proxy].name;
        let said = |decision, reason: String, at| {
            Step::said(Control::Authorization, decision, "authorization policy".to_owned(), reason, Some(at))
        };
        if policies.is_empty() && !self.estate.evidence.has(Layer::Authorization) {
            return Step::missing(Control::Authorization, Layer::Authorization);
        }
        let by = consent.by.map(|number| policies.clause(number));
        match (consent.decision, by) {
            (authorization::Decision::Allow, Some((name, at))) => {
                said(Decision::Allow, format!("a clause of `{name}` allows it"), at)
            }
            (authorization::Decision::Allow, None) => {
                said(Decision::Allow, "no policy at the gateway limits who may ask for what".to_owned(), own.at)
            }
            (authorization::Decision::Unknown, Some((name, at))) => {
                said(Decision::Unknown, format!("whether `{name}` allows it cannot be decided"), at)
            }
            (authorization::Decision::Unknown, None) => said(
                Decision::Unknown,
                "whether the policies at the gateway allow it cannot be decided".to_owned(),
                own.at,
            ),
            (authorization::Decision::Deny, _) => {
                let (name, at) = policies.denial().unwrap_or((own.value, own.at));
                said(Decision::Deny, format!("no clause allows it where `{name}` denies what none allows"), at)
            }
        }
    }
}

/// Whether TCP to any of some ports passes one side's policies; to any port at all where none is known.
fn passes(answer: &Answer, ports: &[u16]) -> Decision {
    let open = |transport: &Transport| match ports {
        [] => transport.ports_of(Protocol::Tcp).is_some_and(|tcp| !tcp.is_empty()),
        ports => ports.iter().any(|&port| transport.contains(Protocol::Tcp, Some(port))),
    };
    match (open(&answer.certain), open(&answer.possible)) {
        (true, _) => Decision::Allow,
        (false, true) => Decision::Unknown,
        (false, false) => Decision::Deny,
    }
}
