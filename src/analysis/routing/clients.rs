//! Who sends: the workloads of applications, those of which routes cannot tell one from the other taken together.

use rustc_hash::{FxHashMap, FxHashSet};

use super::scope::Sidecars;
use crate::analysis::capture::{Capture, asks_for_sidecars};
use crate::model::{Estate, Labels, Role, Sidecar, VirtualService, Workload};

/// Workloads with a sidecar that routes treat alike.
#[derive(Clone, Debug)]
pub struct Client<'a> {
    pub namespace: &'a str,
    /// The workloads, by index; none where the input has none of the namespace.
    pub workloads: Vec<usize>,
    /// The labels of the first of them.
    pub labels: Option<&'a Labels<'a>>,
    /// The Sidecars of which one applies; everything that is visible is known where there is none.
    pub sidecars: Vec<&'a Sidecar<'a>>,
}

impl Client<'_> {
    /// Whether it may know an object that stands in a namespace and is for a host, as far as Sidecars decide.
    #[must_use]
    pub fn imports(&self, namespace: &str, host: &str) -> bool {
        self.sidecars.is_empty() || self.sidecars.iter().any(|sidecar| sidecar.imports(namespace, host, self.namespace))
    }

    /// Whether it knows a virtual service.
    #[must_use]
    pub fn knows(&self, service: &VirtualService<'_>) -> bool {
        service.visibility.from(self.namespace)
            && service.full_hosts.iter().any(|host| self.imports(service.namespace, host))
    }
}

/// The label by which workloads are told apart here: only those that some route or Sidecar asks for.
type Signature<'a> = Vec<(&'a str, &'a str)>;

/// Collects the clients, in the order of the estate's namespaces and of the workloads' labels.
pub(super) fn clients<'a>(estate: &'a Estate<'a>, capture: &[Capture<'_>], sidecars: &Sidecars<'a>) -> Vec<Client<'a>> {
    let asked = asked_labels(estate);
    let mut groups: FxHashMap<(usize, Signature<'a>), Vec<usize>> = FxHashMap::default();
    let mut inhabited: FxHashSet<usize> = FxHashSet::default();
    inhabited.extend(estate.workloads.iter().map(|workload| workload.namespace));
    for (index, workload) in estate.tenants() {
        if capture[index].may_have_sidecar() {
            groups.entry((workload.namespace, signature(workload, &asked))).or_default().push(index);
        }
    }
    let mut found: Vec<((usize, Signature<'a>), Client<'a>)> = Vec::new();
    for (key, workloads) in groups {
        let namespace = estate.namespaces[key.0].name;
        let labels = workloads.first().map(|&index| estate.workloads[index].labels);
        let sidecars = sidecars.of(namespace, labels);
        found.push((key, Client { namespace, workloads, labels, sidecars }));
    }
    for (index, namespace) in estate.namespaces.iter().enumerate() {
        let may_be_meshed = !namespace.declared || asks_for_sidecars(&namespace.labels);
        if namespace.role == Role::Tenant && may_be_meshed && !inhabited.contains(&index) {
            let sidecars = sidecars.of(namespace.name, None);
            let client = Client { namespace: namespace.name, workloads: Vec::new(), labels: None, sidecars };
            found.push(((index, Vec::new()), client));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found.into_iter().map(|(_, client)| client).collect()
}

fn signature<'a>(workload: &Workload<'a>, asked: &FxHashSet<&str>) -> Signature<'a> {
    let mut signature: Signature<'a> = workload
        .labels
        .iter()
        .filter(|(name, _)| asked.contains(name.value))
        .map(|(name, value)| (name.value, value.value))
        .collect();
    signature.sort_unstable();
    signature
}

/// The names of the labels that Sidecars, matches and destination rules ask for.
fn asked_labels<'a>(estate: &'a Estate<'a>) -> FxHashSet<&'a str> {
    let mesh = &estate.mesh;
    let of_sidecars = mesh.sidecars.iter().filter_map(|sidecar| sidecar.selector);
    let routes = mesh.virtual_services.iter().flat_map(|service| &service.routes);
    let of_matches = routes.flat_map(|route| &route.hops).map(|hop| hop.source_labels);
    let of_rules = mesh.destination_rules.iter().filter_map(|rule| rule.workload_selector);
    let all = of_sidecars.chain(of_matches).chain(of_rules);
    all.flat_map(|labels| labels.iter().map(|(name, _)| name.value)).collect()
}
