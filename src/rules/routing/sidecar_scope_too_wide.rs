//! MR03: a Sidecar imports more hosts than its workloads need, or not those that they need.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::analysis::access::{Target, Verdict};
use crate::analysis::capture::only_ambient;
use crate::analysis::routing::{Client, PulledIn, leads_to_gateway};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{EgressListener, Import, ImportFrom, OutboundMode, Sidecar, VirtualService, Visibility};
use crate::rule::{Audit, Rule};
use crate::source::Location;

pub(crate) static RULE: Rule = Rule {
    id: "sidecar-scope-too-wide",
    topic: "routing",
    summary: "a Sidecar imports more hosts than its workloads need, or misses the egress gateway's",
    severity: Severity::Medium,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:7.2.1", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/routing/sidecar-scope-too-wide.md"),
    check,
};

const NARROW: &str = "list the namespaces and hosts that the workloads use, with those of the egress namespace";

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let root = audit.estate.mesh.root_namespace;
    // Sidecars of the platform's other namespaces narrow what no application uses, and gateways ignore theirs.
    let counts =
        |sidecar: &&Sidecar<'_>| sidecar.namespace == root || !audit.facts.routing.is_central(sidecar.namespace);
    let mut pulled: BTreeMap<_, Vec<PulledRoute<'_, '_>>> = BTreeMap::new();
    // One that holds for no proxy is told of by `missing-default-sidecar`.
    let holds = |sidecar: &&Sidecar<'_>| only_ambient(sidecar, audit.estate, &audit.facts.capture).is_none();
    let mut clients: FxHashMap<Location, Vec<&Client<'_>>> = FxHashMap::default();
    for client in &audit.facts.routing.clients {
        client.sidecars.iter().for_each(|sidecar| clients.entry(sidecar.name.at).or_default().push(client));
    }
    for sidecar in audit.estate.mesh.sidecars.iter().filter(counts).filter(holds) {
        let clients = clients.get(&sidecar.name.at).map(Vec::as_slice).unwrap_or_default();
        findings.extend(without_listeners(sidecar));
        findings.extend(everything(sidecar));
        findings.extend(any_namespace(sidecar));
        findings.extend(gateway_missing(sidecar, clients, audit));
        findings.extend(google_missing(sidecar, clients, audit));
        findings.extend(own_namespace(sidecar, audit));
        if let Some(route) = pulled_route(sidecar, clients, audit) {
            pulled.entry((route.at, route.namespace)).or_default().push(route);
        }
        findings.extend(sidecar.egress.iter().find_map(capture_off));
    }
    for mut routes in pulled.into_values() {
        routes.sort_by_key(|route| (route.sidecar.name.value, route.sidecar.name.at));
        findings.extend(by_route(&routes));
    }
}

fn imports<'s, 'a>(sidecar: &'s Sidecar<'a>) -> impl Iterator<Item = &'s Import<'a>> {
    sidecar.egress.iter().flat_map(|listener| &listener.imports).filter(|import| !import.excludes)
}

fn without_listeners(sidecar: &Sidecar<'_>) -> Option<Finding> {
    let message =
        format!("the Sidecar `{}` leaves out `egress`, so its proxies know every host of the mesh", sidecar.name);
    sidecar.egress.is_empty().then(|| RULE.finding("no-egress", sidecar.spec_at, message).help(NARROW))
}

fn everything(sidecar: &Sidecar<'_>) -> Option<Finding> {
    let all = imports(sidecar).find(|import| import.from == ImportFrom::Any && import.host.as_str() == "*")?;
    let message = format!("`{}` imports every host of every namespace", all.written);
    Some(RULE.finding("any-any", all.written.at, message).help(NARROW))
}

fn any_namespace(sidecar: &Sidecar<'_>) -> Option<Finding> {
    let any = imports(sidecar).find(|import| import.from == ImportFrom::Any && import.host.as_str() != "*")?;
    let message = format!("`{}` imports `{}` from whichever namespace has it", any.written, any.host);
    Some(RULE.finding("any-ns", any.written.at, message).help("name the namespace that the host is to come from"))
}

/// Routes through the egress gateway that name the namespace in `exportTo`, none of which the Sidecar takes in.
fn gateway_missing(sidecar: &Sidecar<'_>, clients: &[&Client<'_>], audit: &Audit<'_>) -> Option<Finding> {
    let routing = &audit.facts.routing;
    let namespaces: BTreeSet<&str> = clients.iter().map(|client| client.namespace).collect();
    let is_meant = |service: &&VirtualService<'_>| {
        routing.is_central(service.namespace)
            && leads_to_gateway(service, &audit.facts.egress)
            && service.visibility != Visibility::Everywhere
            && namespaces.iter().any(|namespace| service.visibility.from(namespace))
    };
    let mut meant = audit.estate.mesh.virtual_services.iter().filter(is_meant).peekable();
    let first = *meant.peek()?;
    let takes = |service: &VirtualService<'_>| {
        let hosts = service.hosts.iter().map(|host| host.value);
        let mut pairs = hosts.flat_map(|host| namespaces.iter().map(move |namespace| (host, *namespace)));
        pairs.any(|(host, namespace)| sidecar.imports(service.namespace, host, namespace))
    };
    if meant.any(takes) {
        return None;
    }
    let at = imports(sidecar).next().map_or(sidecar.spec_at, |import| import.written.at);
    let message = format!(
        "the Sidecar `{}` takes in no route of `{}`, where those to the egress gateway are",
        sidecar.name, first.namespace
    );
    let finding = RULE.finding("egress-ns-missing", at, message).see(first.name.at, "such as this one");
    Some(finding.help(format!("add `{}/*` to the hosts", first.namespace)))
}

/// Workloads that act as Google service accounts, and know no way to the server that says so.
fn google_missing(sidecar: &Sidecar<'_>, clients: &[&Client<'_>], audit: &Audit<'_>) -> Option<Finding> {
    const SERVER: &str = "metadata.google.internal";
    let mode = sidecar.outbound.filter(|policy| policy.mode == OutboundMode::RegistryOnly)?;
    let entries = || audit.estate.mesh.service_entries.iter().filter(|entry| entry.external);
    let is_server = |host: &str| host == SERVER || host == "*.google.internal" || host.starts_with("169.254.169.254");
    let knows = |client: &Client<'_>| {
        entries().any(|entry| {
            entry.visibility.from(client.namespace)
                && entry.hosts.iter().chain(entry.addresses).any(|host| is_server(host.value))
                && entry.hosts.iter().any(|host| client.imports(entry.namespace, host.value))
        })
    };
    let workloads: Vec<usize> = clients
        .iter()
        .filter(|client| !knows(client))
        .flat_map(|client| client.workloads.iter().copied())
        .filter(|&index| {
            audit.estate.workloads[index].cloud_identity.is_some() && audit.facts.capture[index].exclusions.is_empty()
        })
        .collect();
    // Without any entry the entries may be elsewhere, not in the input.
    if workloads.is_empty() || entries().next().is_none() && !audit.estate.evidence.mesh_is_complete() {
        return None;
    }
    let who = match workloads.len() {
        1 => "1 workload that acts as a Google service account".to_owned(),
        count => format!("{count} workloads that act as Google service accounts"),
    };
    let message = format!("`{SERVER}` is not known to {who}, so REGISTRY_ONLY refuses what is asked there");
    let finding = RULE.finding("google-missing", mode.at, message);
    let finding = audit.name_workloads(finding, &workloads, "asks the metadata server for its identity");
    Some(finding.help(format!("export a ServiceEntry for `{SERVER}` to the namespace, and import it")))
}

/// Hosts taken in from the namespace itself, where a tenant may add some.
fn own_namespace(sidecar: &Sidecar<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let is_own = |import: &&Import<'_>| match import.from {
        ImportFrom::Own => true,
        ImportFrom::Namespace(name) => name == sidecar.namespace,
        ImportFrom::Any | ImportFrom::Nothing => false,
    };
    let import = imports(sidecar).filter(is_own).find(|import| import.host.is_wildcard())?;
    let namespaces = &audit.estate.namespaces;
    let tenant = namespaces.iter().position(|namespace| namespace.name == sidecar.namespace)?;
    let kinds = [(Target::SERVICE_ENTRIES, "service entries"), (Target::VIRTUAL_SERVICES, "virtual services")];
    let (proof, kind) = kinds.into_iter().find_map(|(target, kind)| {
        match audit.facts.access.write(tenant, target, sidecar.namespace) {
            Verdict::Certain(proof) => Some((proof, kind)),
            Verdict::Unknown(_) | Verdict::No(_) => None,
        }
    })?;
    let message = format!(
        "`{}` imports what the tenants of `{}` write, and {} may write {kind} there",
        import.written, sidecar.namespace, proof.who
    );
    let finding = RULE.finding("own-ns", import.written.at, message).severity(Severity::High);
    let finding = proof.chain.iter().fold(finding, |finding, label| finding.see(label.at, label.message.clone()));
    Some(finding.help("import the services of the namespace by name, or let nobody but administrators write there"))
}

/// A route that makes a host outside known to proxies whose Sidecar leaves it out.
struct PulledRoute<'e, 'a> {
    host: &'e str,
    service: &'e VirtualService<'a>,
    /// The destination that the proxies come to know.
    at: Location,
    /// The namespace of the proxies.
    namespace: &'e str,
    sidecar: &'e Sidecar<'a>,
}

/// A host outside that the Sidecar leaves out and a route takes in: its proxies know where a known route leads.
fn pulled_route<'e, 'a>(
    sidecar: &'e Sidecar<'a>,
    clients: &[&'e Client<'a>],
    audit: &'e Audit<'a>,
) -> Option<PulledRoute<'e, 'a>> {
    let estate = audit.estate;
    let entries = || estate.mesh.service_entries.iter().filter(|entry| entry.external);
    clients.iter().find_map(|client| {
        let pulled = PulledIn::new(estate, client);
        let seen = entries().filter(|entry| entry.visibility.from(client.namespace));
        let left_out = |host: &str, namespace: &str| !client.imports(namespace, host);
        seen.flat_map(|entry| entry.hosts.iter().map(move |host| (entry, host)))
            .filter(|(entry, host)| left_out(host.value, entry.namespace))
            .find_map(|(entry, host)| {
                let (service, to) = entry.ports.iter().find_map(|port| pulled.by(host.value, port.number))?;
                Some(PulledRoute { host: host.value, service, at: to.host_at, namespace: client.namespace, sidecar })
            })
    })
}

/// One finding for a route and the proxies of a namespace, however many Sidecars they have.
fn by_route(all: &[PulledRoute<'_, '_>]) -> Option<Finding> {
    let first = all.first()?;
    let (sidecars, leave) = match all.len() {
        1 => (format!("the Sidecar `{}`", first.sidecar.name), "leaves"),
        count => (format!("the Sidecar `{}` and {} more", first.sidecar.name, count - 1), "leave"),
    };
    let message = format!(
        "this route makes `{}` known to the proxies of `{}`, for which {sidecars} {leave} it out",
        first.host, first.namespace
    );
    let finding = RULE.finding("by-route", first.at, message);
    let finding = all.iter().take(5).fold(finding, |finding, one| {
        let at = imports(one.sidecar).next().map_or(one.sidecar.spec_at, |import| import.written.at);
        finding.see(at, "what the Sidecar takes in")
    });
    let finding = finding.see(first.service.name.at, "the virtual service that it takes in");
    Some(
        finding.help("export the virtual service to those alone who may use its destinations, or keep such routes out"),
    )
}

fn capture_off(listener: &EgressListener<'_>) -> Option<Finding> {
    let mode = listener.capture_mode.filter(|mode| mode.value == "NONE")?;
    let message = "`captureMode: NONE` changes how the listener binds, and stops no interception";
    Some(
        RULE.finding("capture-mode", mode.at, message)
            .severity(Severity::Info)
            .help("use it for listeners that applications dial themselves, and for nothing else"),
    )
}
