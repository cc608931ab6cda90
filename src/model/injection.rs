//! Whether and how pods get a proxy: the injector's webhooks and settings, and the mesh's network plugin (semantics C.6).

use super::{Labels, Match, Namespace, Selector, Text, Workload};
use crate::resource::istio::{self, InjectionValues, ProxyConfig};
use crate::resource::kubernetes::{LabelSelector, Webhook};
use crate::resource::{Kind, Resource};
use crate::source::{Location, Spanned};

/// Everything that holds for all pods of the mesh.
#[derive(Clone, Debug, Default)]
pub struct InjectionSettings<'a> {
    /// The webhooks that inject. Where the input has none, a revision is taken at its word.
    pub webhooks: Vec<InjectionWebhook<'a>>,
    /// The revisions and tags of the control planes that are in the input, those that Google manages among them.
    pub revisions: Vec<Text<'a>>,
    /// Pods that never get a proxy.
    never: Vec<&'a LabelSelector<'a>>,
    /// Pods that get one where the policy is to inject nothing.
    always: Vec<&'a LabelSelector<'a>>,
    /// Set where the policy is to inject nothing that does not ask for it.
    pub disabled: Option<Location>,
    /// What is redirected where a pod says nothing itself.
    pub defaults: CaptureDefaults<'a>,
    /// Whether proxies start before every other container, where something says.
    pub native_sidecars: Option<Spanned<bool>>,
    /// Whether both families of addresses are redirected, where something says.
    pub dual_stack: Option<Spanned<bool>>,
    pub cni: Cni<'a>,
    /// The variables of proxies that objects of their own set.
    pub variables: Vec<ProxyVariables<'a>>,
}

/// Variables of the proxies of a namespace, of some of its pods, or of the mesh where they stand in its root namespace.
#[derive(Clone, Copy, Debug)]
pub struct ProxyVariables<'a> {
    pub namespace: &'a str,
    pub name: Text<'a>,
    pub selector: Option<&'a Labels<'a>>,
    pub list: &'a Labels<'a>,
}

/// What is redirected where a pod says nothing itself.
#[derive(Clone, Debug, Default)]
pub struct CaptureDefaults<'a> {
    pub include_ranges: Option<Text<'a>>,
    pub exclude_ranges: Option<Text<'a>>,
    pub include_ports: Option<Text<'a>>,
    pub exclude_ports: Option<Text<'a>>,
    /// The first template of pods that ask for none, where the one that redirects is not among them.
    pub template: Option<Text<'a>>,
    /// What proxies are told, of which the first that is written counts.
    pub interception_mode: Option<Text<'a>>,
    /// Variables of all proxies.
    pub metadata: Vec<(Text<'a>, Text<'a>)>,
}

/// A webhook that injects.
#[derive(Clone, Debug)]
pub struct InjectionWebhook<'a> {
    pub name: Text<'a>,
    namespaces: Selector<'a>,
    objects: Selector<'a>,
}

/// The mesh's network plugin, which redirects instead of an init container.
#[derive(Clone, Debug)]
pub struct Cni<'a> {
    /// Whether it is installed.
    pub installed: Match,
    /// Namespaces whose pods it leaves alone.
    pub excluded: Vec<Text<'a>>,
    /// Set where pods that started before it are left as they are.
    pub repair_off: Option<Location>,
}

impl Default for Cni<'_> {
    fn default() -> Self {
        Self { installed: Match::Unknown, excluded: Vec::new(), repair_off: None }
    }
}

impl InjectionWebhook<'_> {
    /// Whether the API server calls it for pods of a workload.
    #[must_use]
    pub fn is_called_for(&self, workload: &Workload<'_>, namespace: &Namespace<'_>) -> Match {
        self.namespaces.matches_namespace(namespace).and(self.objects.matches(workload.labels))
    }
}

impl InjectionSettings<'_> {
    /// The selector of pods that never get a proxy by which a workload is one of them.
    #[must_use]
    pub fn never(&self, workload: &Workload<'_>) -> Option<Location> {
        first_of(&self.never, workload)
    }

    /// The selector by which a workload gets a proxy though the policy is to inject nothing.
    #[must_use]
    pub fn always(&self, workload: &Workload<'_>) -> Option<Location> {
        first_of(&self.always, workload)
    }
}

fn first_of(selectors: &[&LabelSelector<'_>], workload: &Workload<'_>) -> Option<Location> {
    let selects = |selector: &&&LabelSelector<'_>| {
        // Here an empty selector picks nothing.
        !Selector::Labels(selector).is_everything() && Selector::Labels(selector).matches(workload.labels) == Match::Yes
    };
    selectors.iter().find(selects).map(|selector| selector.at)
}

/// Collects what the input says.
pub(super) fn injection_settings<'a>(list: &'a [Resource<'a>]) -> InjectionSettings<'a> {
    let mut found = InjectionSettings::default();
    for resource in list {
        match &resource.kind {
            Kind::Webhooks(webhooks) if webhooks.mutating => {
                found.webhooks.extend(webhooks.hooks.iter().filter(|hook| injects(hook)).map(webhook));
            }
            Kind::ControlPlane => found.revisions.push(resource.meta.name),
            Kind::Injector(injector) => add_injector(&mut found, injector),
            Kind::Operator(operator) => {
                found.revisions.extend(&operator.revisions);
                add_values(&mut found, &operator.injection);
                operator.meshes.iter().for_each(|config| add_proxy(&mut found, &config.proxy));
                add_cni(&mut found.cni, &operator.cni);
            }
            Kind::MeshConfig(config) => add_proxy(&mut found, &config.proxy),
            Kind::Cni(config) => add_cni(&mut found.cni, config),
            Kind::ProxyVariables(written) => {
                found.variables.extend(resource.namespace.map(|namespace| ProxyVariables {
                    namespace: namespace.value,
                    name: resource.meta.name,
                    selector: written.selector.as_ref().filter(|labels| !labels.is_empty()),
                    list: &written.variables,
                }));
            }
            Kind::Workload(workload) => {
                if resource.meta.name.value == "istio-cni-node" {
                    found.cni.installed = Match::Yes;
                }
                let is_control_plane = workload.pod.labels.get("app").is_some_and(|app| app.value == "istiod");
                found.revisions.extend(workload.pod.labels.get("istio.io/rev").filter(|_| is_control_plane));
                let variables = || workload.pod.containers.iter().flat_map(|container| &container.env);
                let value = |name: &str| {
                    let named = variables().filter(|variable| variable.name.value == name);
                    named.filter_map(|variable| variable.value).find_map(flag)
                };
                found.native_sidecars = found.native_sidecars.or_else(|| value("ENABLE_NATIVE_SIDECARS"));
                found.dual_stack = found.dual_stack.or_else(|| value("ISTIO_DUAL_STACK"));
            }
            _ => {}
        }
    }
    found
}

fn injects(hook: &Webhook<'_>) -> bool {
    hook.name.value.contains("sidecar-injector") || hook.server.iter().any(|server| server.starts_with("/inject"))
}

fn webhook<'a>(hook: &'a Webhook<'a>) -> InjectionWebhook<'a> {
    let selector =
        |written: &'a Option<LabelSelector<'a>>| written.as_ref().map_or(Selector::Everything, Selector::Labels);
    InjectionWebhook {
        name: hook.name,
        namespaces: selector(&hook.matches.namespaces),
        objects: selector(&hook.matches.objects),
    }
}

fn add_injector<'a>(found: &mut InjectionSettings<'a>, injector: &'a istio::Injector<'a>) {
    found.never.extend(&injector.never);
    found.always.extend(&injector.always);
    let disabled = injector.policy.filter(|policy| policy.value == "disabled");
    let redirects = injector.templates.iter().any(|template| template.value == "sidecar");
    let other = injector.templates.first().filter(|_| !redirects);
    found.defaults.template = found.defaults.template.or(other.copied());
    found.disabled = found.disabled.or(disabled.map(|policy| policy.at));
    add_values(found, &injector.values);
}

fn add_values<'a>(found: &mut InjectionSettings<'a>, values: &InjectionValues<'a>) {
    let defaults = &mut found.defaults;
    defaults.include_ranges = defaults.include_ranges.or(values.include_ranges);
    defaults.exclude_ranges = defaults.exclude_ranges.or(values.exclude_ranges);
    defaults.include_ports = defaults.include_ports.or(values.include_ports);
    defaults.exclude_ports = defaults.exclude_ports.or(values.exclude_ports);
    found.native_sidecars = found.native_sidecars.or(values.native_sidecars.and_then(flag));
    found.dual_stack = found.dual_stack.or(values.dual_stack.and_then(flag));
}

fn add_proxy<'a>(found: &mut InjectionSettings<'a>, config: &ProxyConfig<'a>) {
    found.dual_stack = found.dual_stack.or_else(|| config.metadata.get("ISTIO_DUAL_STACK").and_then(flag));
    let defaults = &mut found.defaults;
    defaults.interception_mode = defaults.interception_mode.or(config.interception_mode);
    defaults.metadata.extend(config.metadata.iter());
}

fn add_cni<'a>(found: &mut Cni<'a>, config: &istio::CniConfig<'a>) {
    if let Some(installed) = config.installed.filter(|_| found.installed == Match::Unknown) {
        found.installed = Match::from(installed.value);
    }
    found.excluded.extend(config.excluded.iter().copied());
    found.repair_off = found.repair_off.or(config.repair.filter(|on| !on.value).map(|off| off.at));
}

fn flag(text: Text<'_>) -> Option<Spanned<bool>> {
    text.value.parse().ok().map(|value| Spanned::new(value, text.at))
}
