//! How many pods of a workload there are, and what keeps them running.

use rustc_hash::FxHashMap;

use super::namespace::Namespace;
use super::workload::Workload;
use super::{Match, Selector, Text};
use crate::resource::istio::OperatorGateway;
use crate::resource::kubernetes;
use crate::resource::{Kind, Resource};
use crate::source::{Location, Spanned};

/// What keeps the pods of a workload running, as far as it is in the input.
#[derive(Clone, Debug, Default)]
pub struct Scaling<'a> {
    /// How many pods are asked for, where the workload says so.
    pub replicas: Option<Spanned<i64>>,
    pub autoscaler: Option<Autoscaler<'a>>,
    /// Whether a disruption budget selects the pods.
    pub has_budget: bool,
    /// Whether something spreads the pods over nodes or zones, or keeps them apart.
    pub is_spread: bool,
    /// Whether the workload was read from a cluster: exports leave out much of what belongs to it.
    pub observed: bool,
}

/// An autoscaler of a workload.
#[derive(Clone, Copy, Debug)]
pub struct Autoscaler<'a> {
    pub name: Text<'a>,
    /// The fewest pods; one where the autoscaler leaves it out (semantics C.0).
    pub min: i64,
    /// The place of that number, or of the autoscaler's name.
    pub min_at: Location,
}

impl Scaling<'_> {
    /// The fewest pods there may be.
    #[must_use]
    pub fn fewest(&self) -> i64 {
        self.autoscaler.map_or_else(|| self.replicas.map_or(1, |replicas| replicas.value), |autoscaler| autoscaler.min)
    }
}

fn autoscaler(name: Text<'_>, min: Option<Spanned<i64>>) -> Autoscaler<'_> {
    Autoscaler { name, min: min.map_or(1, |min| min.value), min_at: min.map_or(name.at, |min| min.at) }
}

/// What a controller says of its own pods.
pub(super) fn of_controller<'a>(written: &kubernetes::Workload<'a>) -> Scaling<'a> {
    Scaling {
        replicas: written.replicas,
        is_spread: written.pod.is_spread,
        observed: written.has_status,
        ..Scaling::default()
    }
}

/// What an installation says of a gateway, for which Istio makes an autoscaler and a disruption budget.
pub(super) fn of_operator<'a>(gateway: &OperatorGateway<'a>) -> Scaling<'a> {
    Scaling {
        replicas: gateway.replicas,
        autoscaler: gateway.scales.then(|| autoscaler(gateway.name, gateway.min_replicas)),
        has_budget: true,
        is_spread: gateway.pod.is_spread,
        observed: false,
    }
}

/// Gives workloads the autoscalers and budgets of the input that name or select them.
pub(super) fn bind<'a>(list: &'a [Resource<'a>], workloads: &mut [Workload<'a>], namespaces: &[Namespace<'a>]) {
    let mut scaled: FxHashMap<(&str, &str, &str), Autoscaler<'a>> = FxHashMap::default();
    let mut budgets: FxHashMap<&str, Vec<Selector<'a>>> = FxHashMap::default();
    for resource in list {
        let Some(namespace) = resource.namespace.map(|namespace| namespace.value) else { continue };
        match &resource.kind {
            Kind::Autoscaler(written) => {
                let target = (namespace, written.target_kind.value, written.target.value);
                scaled.insert(target, autoscaler(resource.meta.name, written.min));
            }
            Kind::DisruptionBudget(written) => {
                let selector = written.selector.as_ref().map_or(Selector::Everything, Selector::Labels);
                budgets.entry(namespace).or_default().push(selector);
            }
            _ => {}
        }
    }
    for workload in workloads {
        let namespace = namespaces[workload.namespace].name;
        let found = scaled.get(&(namespace, workload.kind, workload.name.value)).copied();
        workload.scaling.autoscaler = found.or(workload.scaling.autoscaler);
        let selects = |selector: &Selector<'_>| selector.matches(workload.labels) == Match::Yes;
        workload.scaling.has_budget |= budgets.get(namespace).is_some_and(|all| all.iter().any(selects));
    }
}
