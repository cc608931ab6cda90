//! What is refused at admission, whoever refuses it: policies in CEL, Gatekeeper constraints, Kyverno policies and the
//! pod security levels of namespaces, as one kind of guard (semantics A.18).

use std::borrow::Cow;

use super::namespace::Namespace;
use super::{Match, Requirement, Selector, Text};
use crate::resource::kubernetes::{
    AdmissionPolicy, AdmissionPolicyBinding, Constraint, EngineMatch, EnginePolicy, EngineRule, LabelSelector,
    MatchResources, Operator, ResourceRule, Webhook,
};
use crate::resource::{Kind, Resource};
use crate::source::{Location, Spanned};

/// Label of a namespace whose value is the level that Kubernetes holds its pods to.
pub const ENFORCED_LEVEL: &str = "pod-security.kubernetes.io/enforce";

/// Labels whose level is only warned of or written to the audit log.
pub const WATCHED_LEVELS: [&str; 2] = ["pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/audit"];

/// What the input says of admission, pod security levels apart, which are labels of namespaces.
#[derive(Clone, Debug, Default)]
pub struct Admission<'a> {
    pub guards: Vec<Guard<'a>>,
    /// Webhooks that let a request through when they cannot be asked.
    pub open_hooks: Vec<OpenHook<'a>>,
    /// What decides about pods but is not understood: its name and kind.
    pub unread: Vec<(Text<'a>, &'a str)>,
}

/// A policy that may refuse objects.
#[derive(Clone, Debug)]
pub struct Guard<'a> {
    pub name: Text<'a>,
    pub kind: &'a str,
    pub engine: Engine,
    /// The words by which it says what it restricts.
    pub words: Vec<&'a str>,
    /// Where and how it is in force; of none of these it is in force nowhere.
    pub scopes: Vec<Scope<'a>>,
    /// Its own word for letting requests through where it cannot be evaluated.
    pub fails_open: Option<Text<'a>>,
}

/// Who evaluates a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// The API server.
    Cluster,
    Gatekeeper,
    Kyverno,
}

/// Where a guard is in force, and what follows.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    pub enforcement: Enforcement<'a>,
    /// Each of these must match; one matches by any of its entries.
    matches: Vec<Vec<Kinds<'a>>>,
    excluded: Vec<Kinds<'a>>,
    /// The namespace selectors of which each must match.
    selectors: Vec<&'a LabelSelector<'a>>,
    /// The only namespaces, and those left out, by name; a `*` stands for anything.
    only: Vec<Text<'a>>,
    pub except: Vec<Text<'a>>,
    /// The only namespace, of a policy that stands in one.
    own: Option<&'a str>,
    /// A selector of objects by labels that their author sets.
    pub objects: Option<&'a LabelSelector<'a>>,
}

/// Some kinds of objects, by group and resource; empty is any.
#[derive(Clone, Debug)]
pub struct Kinds<'a> {
    groups: Vec<&'a str>,
    resources: Vec<Cow<'a, str>>,
    creates: bool,
}

/// What follows where a guard finds fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement<'a> {
    Denies,
    /// The object is let through, by this word or, where the word is left out, at the place of what leaves it out.
    Observes(Spanned<Option<&'a str>>),
}

/// A webhook that lets a request through when it cannot be asked.
#[derive(Clone, Debug)]
pub struct OpenHook<'a> {
    pub name: Text<'a>,
    pub purpose: Purpose,
    /// The word that says so, or the webhook's head where an old version of the API leaves it out.
    pub at: Location,
}

/// What a webhook is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Adds the mesh's proxy to pods.
    Injection,
    /// Asks a policy engine.
    Engine(Engine),
}

impl<'a> Scope<'a> {
    /// Whether creating objects of a resource is looked at.
    #[must_use]
    pub fn covers(&self, groups: &[&str], resource: &str) -> bool {
        let any = |kinds: &[Kinds<'a>]| kinds.iter().any(|kinds| kinds.covers(groups, resource));
        self.matches.iter().all(|kinds| any(kinds)) && !any(&self.excluded)
    }

    /// Whether objects of a namespace are looked at.
    #[must_use]
    pub fn holds_in(&self, namespace: &Namespace<'_>) -> Match {
        let named = |list: &[Text<'a>]| list.iter().any(|pattern| is_like(pattern.value, namespace.name));
        let listed = (self.only.is_empty() || named(&self.only)) && !named(&self.except);
        let owned = self.own.is_none_or(|own| own == namespace.name);
        let selected = self.selectors.iter().map(|selector| Selector::Labels(selector).matches_namespace(namespace));
        Match::from(listed && owned).and(Match::all(selected))
    }

    /// The place of what leaves a namespace out on purpose: its name in a list, or a requirement that excludes it. A scope for
    /// some namespaces alone leaves out no other.
    #[must_use]
    pub fn leaves_out(&self, namespace: &Namespace<'_>) -> Option<Location> {
        let named = self.except.iter().find(|pattern| is_like(pattern.value, namespace.name)).map(|name| name.at);
        let requirements = self.selectors.iter().flat_map(|selector| &selector.requirements);
        let excludes = |requirement: &&Requirement<'a>| {
            matches!(requirement.operator.value, Operator::NotIn | Operator::DoesNotExist)
                && namespace.labels.get(requirement.key.value).is_some_and(|value| {
                    requirement.values.is_empty() || requirement.values.iter().any(|out| out.value == value.value)
                })
        };
        let place = |requirement: &Requirement<'a>| {
            let value = requirement.values.iter().find(|value| value.value == namespace.name);
            value.or(requirement.values.first()).map_or(requirement.key.at, |value| value.at)
        };
        named.or_else(|| requirements.into_iter().find(excludes).map(place))
    }
}

impl Kinds<'_> {
    fn covers(&self, groups: &[&str], resource: &str) -> bool {
        let of_group = |group: &&str| *group == "*" || groups.contains(group);
        let of_resource =
            |own: &Cow<'_, str>| *own == "*" || *own == resource || (*own == "*/*" && resource.contains('/'));
        self.creates
            && (self.groups.is_empty() || self.groups.iter().any(of_group))
            && (self.resources.is_empty() || self.resources.iter().any(of_resource))
    }
}

/// Whether a name fits a pattern with a `*` at its start, its end or both.
fn is_like(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (None, None) => pattern == name,
        (Some(_), Some(start)) => name.contains(start.trim_start_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
    }
}

/// Lowers everything that decides at admission.
pub(super) fn admission<'a>(list: &'a [Resource<'a>]) -> Admission<'a> {
    let mut found = Admission::default();
    let exempt: Vec<Text<'a>> = list
        .iter()
        .filter_map(|resource| match &resource.kind {
            Kind::EngineConfig(config) => Some(config.excluded.iter().copied()),
            _ => None,
        })
        .flatten()
        .collect();
    for resource in list {
        match &resource.kind {
            Kind::AdmissionPolicy(policy) => found.guards.push(cluster_guard(resource, policy, list)),
            Kind::Constraint(constraint) => constraint_guard(resource, constraint, list, &exempt, &mut found),
            Kind::EnginePolicy(policy) => found.guards.extend(kyverno_guards(resource, policy)),
            Kind::Webhooks(webhooks) => {
                for hook in &webhooks.hooks {
                    lower_hook(resource, hook, webhooks.mutating, &mut found);
                }
            }
            _ => {}
        }
    }
    found
}

fn cluster_guard<'a>(resource: &Resource<'a>, policy: &'a AdmissionPolicy<'a>, list: &'a [Resource<'a>]) -> Guard<'a> {
    let bindings = list.iter().filter_map(|other| match &other.kind {
        Kind::AdmissionPolicyBinding(binding) if binding.policy.value == resource.meta.name.value => Some(&**binding),
        _ => None,
    });
    let scopes = match &policy.actions {
        None if resource.meta.kind != "ValidatingPolicy" => {
            bindings.map(|binding| bound_scope(policy, binding)).collect()
        }
        actions => vec![scope_of(&[&policy.matches], self_enforcement(actions.as_ref()))],
    };
    Guard {
        name: resource.meta.name,
        kind: resource.meta.kind,
        engine: Engine::Cluster,
        words: policy.expressions.iter().map(|text| text.value).collect(),
        scopes,
        fails_open: policy.failure_policy.filter(|policy| policy.value == "Ignore"),
    }
}

/// Kyverno's own policies deny unless they say otherwise.
fn self_enforcement<'a>(actions: Option<&'a Spanned<Vec<Text<'a>>>>) -> Enforcement<'a> {
    actions.map_or(Enforcement::Denies, by_actions)
}

fn bound_scope<'a>(policy: &'a AdmissionPolicy<'a>, binding: &'a AdmissionPolicyBinding<'a>) -> Scope<'a> {
    let enforcement = match &binding.actions {
        Some(actions) => by_actions(actions),
        None => Enforcement::Observes(Spanned::new(None, binding.policy.at)),
    };
    scope_of(&[&policy.matches, &binding.matches], enforcement)
}

fn by_actions<'a>(actions: &'a Spanned<Vec<Text<'a>>>) -> Enforcement<'a> {
    if actions.value.iter().any(|action| action.value == "Deny") {
        return Enforcement::Denies;
    }
    let word = actions.value.first().map_or(Spanned::new(None, actions.at), |action| action.map(Some));
    Enforcement::Observes(word)
}

fn scope_of<'a>(all: &[&'a MatchResources<'a>], enforcement: Enforcement<'a>) -> Scope<'a> {
    let rules = |matches: &&'a MatchResources<'a>| {
        let rules = matches.rules.as_ref()?;
        Some(rules.iter().map(kinds_of).collect())
    };
    Scope {
        enforcement,
        matches: all.iter().filter_map(rules).collect(),
        excluded: all.iter().flat_map(|matches| &matches.excluded).map(kinds_of).collect(),
        selectors: all.iter().filter_map(|matches| matches.namespaces.as_ref()).collect(),
        only: Vec::new(),
        except: Vec::new(),
        own: None,
        objects: all.iter().filter_map(|matches| matches.objects.as_ref()).find(|selector| !is_empty(selector)),
    }
}

fn is_empty(selector: &LabelSelector<'_>) -> bool {
    Selector::Labels(selector).is_everything()
}

fn kinds_of<'a>(rule: &'a ResourceRule<'a>) -> Kinds<'a> {
    let any_name = rule.names.is_empty();
    let creates = |operation: &Text<'_>| matches!(operation.value, "*" | "CREATE");
    Kinds {
        groups: rule.groups.iter().map(|group| group.value).collect(),
        resources: rule.resources.iter().map(|resource| Cow::Borrowed(resource.value)).collect(),
        creates: any_name && rule.operations.iter().any(creates),
    }
}

/// A policy engine names kinds, with or without their group: they become resources, which are their plurals.
fn engine_kinds<'a>(matches: &'a EngineMatch<'a>) -> Vec<Kinds<'a>> {
    let resource = |kind: &Text<'a>| match kind.value.split('/').find(|part| part.starts_with(char::is_uppercase)) {
        Some(kind) => Cow::Owned(plural(kind)),
        None => Cow::Borrowed("*"),
    };
    let resources = matches.kinds.iter().map(resource).collect();
    vec![Kinds { groups: Vec::new(), resources, creates: true }]
}

/// The resource name of a kind: its plural in lower case, as API conventions form it.
fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    match lower.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if lower.ends_with('s') => lower,
        _ => format!("{lower}s"),
    }
}

fn engine_scope<'a>(matches: &'a EngineMatch<'a>, enforcement: Enforcement<'a>) -> Scope<'a> {
    Scope {
        enforcement,
        matches: vec![engine_kinds(matches)],
        excluded: Vec::new(),
        selectors: matches.selector.iter().collect(),
        only: matches.namespaces.clone(),
        except: matches.excluded.clone(),
        own: None,
        objects: matches.objects.as_ref().filter(|selector| !is_empty(selector)),
    }
}

fn constraint_guard<'a>(
    resource: &Resource<'a>,
    constraint: &'a Constraint<'a>,
    list: &'a [Resource<'a>],
    exempt: &[Text<'a>],
    found: &mut Admission<'a>,
) {
    let enforcement = match constraint.action {
        Some(action) if action.value == "scoped" => Enforcement::Denies,
        Some(action) if action.value != "deny" => Enforcement::Observes(action.map(Some)),
        _ => Enforcement::Denies,
    };
    let mut scope = engine_scope(&constraint.matches, enforcement);
    scope.except.extend(exempt);
    let template = list.iter().find_map(|other| match &other.kind {
        Kind::ConstraintTemplate(template) if template.kind.value == resource.meta.kind => Some(template),
        _ => None,
    });
    let code = template.map(|template| template.words.iter().copied()).into_iter().flatten();
    if template.is_none() && is_about_pods(resource.meta.kind) && scope.covers(&[""], "pods") {
        found.unread.push((resource.meta.name, resource.meta.kind));
    }
    found.guards.push(Guard {
        name: resource.meta.name,
        kind: resource.meta.kind,
        engine: Engine::Gatekeeper,
        words: code.chain(constraint.parameters.iter().copied()).chain([resource.meta.kind]).collect(),
        scopes: vec![scope],
        fails_open: None,
    });
}

/// Whether the name of a constraint whose template is not in the input says that it restricts what pods may do. The
/// library's own are known by their names (analysis).
fn is_about_pods(kind: &str) -> bool {
    let lower = kind.to_lowercase();
    let is_library = ["k8s", "asm"].iter().any(|prefix| lower.starts_with(prefix));
    !is_library && ["pod", "security", "privilege", "workload", "container"].iter().any(|word| lower.contains(word))
}

fn kyverno_guards<'a>(resource: &Resource<'a>, policy: &'a EnginePolicy<'a>) -> impl Iterator<Item = Guard<'a>> {
    let (name, kind) = (resource.meta.name, resource.meta.kind);
    let own = resource.namespace.map(|namespace| namespace.value);
    policy.rules.iter().map(move |rule| Guard {
        name,
        kind,
        engine: Engine::Kyverno,
        words: rule.words.clone(),
        scopes: rule.matches.iter().map(|matches| kyverno_scope(rule, matches, policy, own)).collect(),
        fails_open: policy.failure_policy.filter(|policy| policy.value == "Ignore"),
    })
}

fn kyverno_scope<'a>(
    rule: &'a EngineRule<'a>,
    matches: &'a EngineMatch<'a>,
    policy: &EnginePolicy<'a>,
    own: Option<&'a str>,
) -> Scope<'a> {
    let enforcement = match rule.action.or(policy.action) {
        Some(action) if action.value.eq_ignore_ascii_case("enforce") => Enforcement::Denies,
        Some(action) => Enforcement::Observes(action.map(Some)),
        None => Enforcement::Observes(Spanned::new(None, rule.name.at)),
    };
    let mut scope = engine_scope(matches, enforcement);
    scope.own = own;
    for excluded in &rule.excludes {
        scope.except.extend(&excluded.namespaces);
        if excluded.namespaces.is_empty() && excluded.selector.is_none() && !excluded.kinds.is_empty() {
            scope.excluded.extend(engine_kinds(excluded));
        }
        scope.objects = scope.objects.or(excluded.objects.as_ref());
    }
    scope
}

fn lower_hook<'a>(resource: &Resource<'a>, hook: &'a Webhook<'a>, mutating: bool, found: &mut Admission<'a>) {
    let is_old = resource.meta.api_version.ends_with("v1beta1");
    let open = match hook.failure_policy {
        Some(policy) => (policy.value == "Ignore").then_some(policy.at),
        None => is_old.then_some(hook.at),
    };
    let looks_at_pods = scope_of(&[&hook.matches], Enforcement::Denies).covers(&[""], "pods");
    let says = |word: &str| {
        hook.name.value.contains(word)
            || resource.meta.name.value.contains(word)
            || hook.server.iter().any(|server| server.contains(word))
    };
    let engine = [("gatekeeper", Engine::Gatekeeper), ("kyverno", Engine::Kyverno)];
    let engine = engine.into_iter().find(|(word, _)| says(word)).map(|(_, engine)| Purpose::Engine(engine));
    let purpose = match (mutating, engine) {
        (true, _) if says("sidecar-injector") || hook.server.iter().any(|server| server.starts_with("/inject")) => {
            Some(Purpose::Injection)
        }
        (false, Some(engine)) => Some(engine),
        _ => None,
    };
    match (purpose, open) {
        (Some(purpose), Some(at)) if looks_at_pods => found.open_hooks.push(OpenHook { name: hook.name, purpose, at }),
        (None, _) if !mutating && looks_at_pods => found.unread.push((hook.name, resource.meta.kind)),
        _ => {}
    }
}
