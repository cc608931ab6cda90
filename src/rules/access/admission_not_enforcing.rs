//! RB07: a policy at admission that bears on egress control does not refuse what it finds fault with.

use crate::analysis::access::{Freedom, Restriction, enumerate, holds, left_out, refuses};
use crate::finding::{Confidence, Finding, Severity};
use crate::model::Match;
use crate::model::admission::{ENFORCED_LEVEL, Enforcement, Engine, Guard, OpenHook, Purpose, Scope, WATCHED_LEVELS};
use crate::rule::{Audit, Rule};

pub(crate) static RULE: Rule = Rule {
    id: "admission-not-enforcing",
    topic: "access",
    summary: "a policy at admission that bears on egress control only watches, fails open or leaves namespaces out",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["cis-gke:4.2", "pci-dss-4.0:1.2.8", "nsa-cisa:pod-security"],
    needs: &[],
    page: include_str!("../../../rules/access/admission-not-enforcing.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let admission = &audit.estate.admission;
    let tenants = audit.estate.tenant_namespaces();
    let guards = admission.guards.iter().enumerate();
    for (index, guard) in guards.filter(|(index, guard)| audit.facts.access.guards().bears_on_egress(*index, guard)) {
        of_guard(index, guard, &tenants, audit, findings);
    }
    findings.extend(admission.open_hooks.iter().filter_map(|hook| of_hook(hook, audit)));
    findings.extend(tenants.iter().filter_map(|&namespace| of_level(namespace, audit)));
}

fn of_guard(index: usize, guard: &Guard<'_>, tenants: &[usize], audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let (name, kind) = (guard.name, guard.kind);
    if guard.scopes.is_empty() {
        let message = format!("nothing binds `{name}`, so it is in force nowhere");
        let help = "add a `ValidatingAdmissionPolicyBinding` with `validationActions: [Deny]`";
        findings.push(RULE.finding("unbound", name.at, message).help(help));
        return;
    }
    // One binding that refuses is enough wherever it holds: where it does not, is looked at below.
    let observed = guard.scopes.iter().filter_map(|scope| match scope.enforcement {
        Enforcement::Observes(word) => Some(word),
        Enforcement::Denies => None,
    });
    let denies = guard.scopes.iter().any(|scope| scope.enforcement == Enforcement::Denies);
    if let Some(word) = observed.min_by_key(|word| word.at).filter(|_| !denies) {
        let message = match word.value {
            Some(word) => format!("`{name}` ({kind}) is set to `{word}`, so it refuses nothing"),
            None => format!("`{name}` ({kind}) does not say that it denies, so it refuses nothing"),
        };
        findings.push(RULE.finding("observing", word.at, message).help(remedy(guard.engine)));
    }
    if let Some(word) = guard.fails_open {
        let message = format!("`{name}` ({kind}) lets requests through when it cannot be evaluated");
        findings.push(RULE.finding("failure-policy", word.at, message).help("set `failurePolicy: Fail`"));
    }
    let of_pods = guard.scopes.iter().filter(|scope| scope.covers(&[""], "pods"));
    for scope in of_pods.filter(|scope| scope.enforcement == Enforcement::Denies) {
        findings.extend(by_label(guard, scope));
        findings.extend(exempted(index, guard, scope, tenants, audit));
    }
}

fn remedy(engine: Engine) -> &'static str {
    match engine {
        Engine::Cluster => "set `validationActions: [Deny]`",
        Engine::Gatekeeper => "set `enforcementAction: deny`",
        Engine::Kyverno => "set `failureAction: Enforce`",
    }
}

/// A guard that looks at pods with some labels alone, which whoever writes the pod chooses.
fn by_label(guard: &Guard<'_>, scope: &Scope<'_>) -> Option<Finding> {
    let selector = scope.objects?;
    let message = format!("pods leave `{}` ({}) by their own labels", guard.name, guard.kind);
    let help = "remove the selector of objects, and select namespaces instead";
    Some(RULE.finding("labels", selector.at, message).help(help))
}

/// Namespaces of teams that a guard leaves out, as far as nothing else restricts there what it restricts.
fn exempted(
    index: usize,
    guard: &Guard<'_>,
    scope: &Scope<'_>,
    tenants: &[usize],
    audit: &Audit<'_>,
) -> Option<Finding> {
    let access = &audit.facts.access;
    let freedoms = access.guards().freedoms(index);
    let weak = |namespace: usize| {
        let of = |(freedom, _): &(Freedom, Confidence)| {
            matches!(access.restriction(*freedom, namespace), Restriction::Weak(_))
        };
        freedoms.iter().any(of)
    };
    let others = |namespace: usize| {
        let namespace = &audit.estate.namespaces[namespace];
        guard.scopes.iter().any(|scope| refuses(scope) && holds(guard, scope, namespace) != Match::No)
    };
    let out = tenants.iter().filter_map(|&namespace| {
        let at = left_out(guard, scope, &audit.estate.namespaces[namespace])?;
        (!others(namespace) && weak(namespace)).then_some((at, namespace))
    });
    let out: Vec<_> = out.collect();
    let at = out.iter().map(|(at, _)| *at).min()?;
    let names: Vec<String> =
        out.iter().map(|(_, namespace)| format!("`{}`", audit.estate.namespaces[*namespace].name)).collect();
    let message = format!("`{}` ({}) leaves out {}", guard.name, guard.kind, enumerate(&names));
    let help = "leave out the namespaces of the platform and of the egress gateway alone";
    Some(RULE.finding("exempted", at, message).help(help))
}

/// A webhook that lets pods through when it cannot be asked. A policy engine's matters where it is asked about egress.
fn of_hook(hook: &OpenHook<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let guards = &audit.estate.admission.guards;
    let (variant, message) = match hook.purpose {
        Purpose::Injection => {
            ("injection", format!("when `{}` cannot be asked, pods start without the mesh's proxy", hook.name))
        }
        Purpose::Engine(engine) => {
            let about = |(index, guard): (usize, &Guard<'_>)| {
                guard.engine == engine && audit.facts.access.guards().bears_on_egress(index, guard)
            };
            if !guards.iter().enumerate().any(about) {
                return None;
            }
            ("webhook", format!("when `{}` cannot be asked, its policies refuse nothing", hook.name))
        }
    };
    Some(RULE.finding(variant, hook.at, message).help("set `failurePolicy: Fail`"))
}

/// A namespace whose level of pod security is warned of or logged, and not enforced.
fn of_level(index: usize, audit: &Audit<'_>) -> Option<Finding> {
    let namespace = &audit.estate.namespaces[index];
    let level = WATCHED_LEVELS.into_iter().find_map(|label| namespace.labels.get(label))?;
    let is_weak = |freedom: Freedom| {
        freedom.is_held_by_baseline() && matches!(audit.facts.access.restriction(freedom, index), Restriction::Weak(_))
    };
    if namespace.labels.get(ENFORCED_LEVEL).is_some() || !Freedom::ALL.into_iter().any(is_weak) {
        return None;
    }
    let message =
        format!("`{}` is held to no level of pod security: `{level}` is only warned of or logged", namespace.name);
    Some(RULE.finding("level", level.at, message).help(format!("set the label `{ENFORCED_LEVEL}: {level}` as well")))
}
