//! The reference estate with one thing changed about who may write what, or about what admission refuses: the rule that
//! names the change finds it, and nothing else at warning or above that is about access does.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::BTreeSet;

use palisade::config::Config;
use palisade::finding::Level;
use palisade::source;

const RBAC: &str = "cluster/rbac.yaml";
const ADMISSION: &str = "cluster/admission.yaml";
const NAMESPACES: &str = "cluster/namespaces.yaml";
const WEB: &str =
    "  name: web\n  labels:\n    istio.io/rev: asm-managed\n    pod-security.kubernetes.io/enforce: restricted";

/// What the rules on access find at warning or above in the reference estate once a text of a file is another.
fn found(file: &str, from: &str, to: &str) -> Vec<String> {
    let folder = common::project("fixtures/estates/reference");
    let mut text = String::new();
    for path in common::files(&folder, ".yaml") {
        let mut content = common::text(&path);
        if path.ends_with(file) {
            assert!(content.contains(from), "{file} holds no {from:?}");
            content = if from.is_empty() { content + to } else { content.replacen(from, to, 1) };
        }
        text = text + "---\n" + &content + "\n";
    }
    let walk = source::from_text("estate.yaml", text);
    let report = palisade::audit(&walk, &Config::default());
    let rules = ["tenant-", "unrestricted-", "admission-"];
    let of_access = |rule: &str| rules.iter().any(|start| rule.starts_with(start));
    let loud = report.findings.iter().filter(|found| found.level >= Level::Warning && of_access(found.finding.rule));
    let names: BTreeSet<String> =
        loud.map(|found| format!("{}/{}", found.finding.rule, found.finding.variant)).collect();
    names.into_iter().collect()
}

fn role(kind: &str, namespace: &str, rule: &str) -> String {
    format!(
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: extra{namespace}}}\nrules: [{rule}]\n"
    )
}

fn binding(kind: &str, namespace: &str, role: &str) -> String {
    let (role_kind, role) = role.split_once('/').expect("a kind and a name");
    format!(
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: extra{namespace}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {role_kind}, name: {role}}}\n\
         subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: Group, name: team-web@harborlane.example}}]\n"
    )
}

const IN_WEB: &str = ", namespace: web";

fn bound_in_web(role: &str) -> Vec<String> {
    found(RBAC, "", &binding("RoleBinding", IN_WEB, &format!("ClusterRole/{role}")))
}

fn may_in_web(rule: &str) -> Vec<String> {
    found(RBAC, "", &(role("Role", IN_WEB, rule) + &binding("RoleBinding", IN_WEB, "Role/extra")))
}

fn may_everywhere(rule: &str) -> Vec<String> {
    found(RBAC, "", &(role("ClusterRole", "", rule) + &binding("ClusterRoleBinding", "", "ClusterRole/extra")))
}

#[test]
fn the_reference_itself_is_silent() {
    assert_eq!(found(RBAC, "", ""), [""; 0]);
}

#[test]
fn a_binding_is_named_by_what_it_gives() {
    assert_eq!(bound_in_web("view"), [""; 0]);
    for role in ["edit", "admin"] {
        assert_eq!(
            bound_in_web(role),
            ["tenant-writes-bypass-kind/services", "tenant-writes-egress-policy/built-in"],
            "{role}"
        );
    }
    assert_eq!(bound_in_web("cluster-admin"), ["tenant-escalation/wildcard", "tenant-writes-egress-policy/built-in"]);
    let egress = binding("RoleBinding", ", namespace: istio-egress", "ClusterRole/edit");
    assert_eq!(found(RBAC, "", &egress), ["tenant-writes-admin-namespace/namespace"]);
    let everywhere = binding("ClusterRoleBinding", "", "ClusterRole/edit");
    let all = [
        "tenant-writes-admin-namespace/cluster",
        "tenant-writes-bypass-kind/role",
        "tenant-writes-egress-policy/built-in",
    ];
    assert_eq!(found(RBAC, "", &everywhere), all);
}

#[test]
fn a_rule_is_named_by_what_it_gives() {
    let mesh = |resource: &str| {
        may_in_web(&format!("{{apiGroups: [networking.istio.io], resources: [{resource}], verbs: [patch]}}"))
    };
    for kind in ["sidecars", "serviceentries", "gateways"] {
        assert_eq!(mesh(kind), ["tenant-writes-egress-policy/role"], "{kind}");
    }
    for kind in ["virtualservices", "destinationrules", "envoyfilters", "workloadentries"] {
        assert_eq!(mesh(kind), ["tenant-writes-bypass-kind/role"], "{kind}");
    }
    let core = |resource: &str, verb: &str| format!("{{apiGroups: [''], resources: [{resource}], verbs: [{verb}]}}");
    assert_eq!(may_in_web(&core("pods", "create")), [""; 0], "pods are a team's own");
    assert_eq!(may_in_web(&core("pods/exec", "create")), [""; 0]);
    assert_eq!(may_in_web(&core("pods/binding", "create")), ["tenant-escalation/scheduling"]);
    assert_eq!(may_in_web(&core("pods/ephemeralcontainers", "patch")), ["tenant-escalation/ephemeral"]);
    assert_eq!(may_in_web(&core("namespaces", "patch")), ["tenant-escalation/namespace"]);
    assert_eq!(may_everywhere(&core("pods", "list")), [""; 0]);
    assert_eq!(may_everywhere(&core("secrets", "list")), ["tenant-escalation/secret"]);
    assert_eq!(may_everywhere(&core("nodes", "patch")), ["tenant-escalation/node"]);
    assert_eq!(may_everywhere(&core("nodes/proxy", "get")), ["tenant-escalation/proxy"]);
    assert_eq!(may_everywhere(&core("users", "impersonate")), ["tenant-escalation/impersonate"]);
    assert_eq!(may_everywhere(&core("pods/exec", "create")), ["tenant-escalation/exec"]);
    assert_eq!(may_everywhere(&core("events", "create")), [""; 0], "an event changes nothing");
}

#[test]
fn a_policy_that_refuses_nothing_is_named() {
    let enforcing = |from: &str, to: &str| found(ADMISSION, from, to);
    let audited = enforcing("validationActions: [\"Deny\"]", "validationActions: [\"Audit\"]");
    assert_eq!(audited, ["admission-not-enforcing/observing"]);
    let unbound = enforcing("policyName: gateway-tolerations.harborlane.example", "policyName: another");
    assert_eq!(unbound, ["admission-not-enforcing/unbound"]);
    assert_eq!(enforcing("failurePolicy: Fail", "failurePolicy: Ignore"), ["admission-not-enforcing/failure-policy"]);
    let exempted = enforcing("values: [kube-system, istio-egress]", "values: [kube-system, istio-egress, web]");
    assert_eq!(exempted, ["admission-not-enforcing/exempted"]);
    let labeled = enforcing("  matchResources:\n", "  matchResources:\n    objectSelector: {matchLabels: {a: b}}\n");
    assert_eq!(labeled, ["admission-not-enforcing/labels"]);
    let injector = found("mesh/injection-webhook.yaml", "failurePolicy: Fail", "failurePolicy: Ignore");
    assert_eq!(injector, ["admission-not-enforcing/injection"]);
    let warned = found(NAMESPACES, WEB, &WEB.replace("/enforce", "/warn"));
    assert_eq!(warned, ["admission-not-enforcing/level"]);
}

#[test]
fn a_policy_that_is_gone_is_missed() {
    let all = common::text(&common::project("fixtures/estates/reference").join(ADMISSION));
    let second = all.match_indices("kind: ValidatingAdmissionPolicy\n").nth(1).expect("two policies").0;
    let start = all[..second].rfind("---").expect("a document's start");
    let first = all.find("apiVersion").expect("an object");
    assert_eq!(found(ADMISSION, &all[first..start], ""), ["unrestricted-tolerations/tolerations"]);
    assert_eq!(found(ADMISSION, &all[start..], "---\n"), ["unrestricted-pods/mesh"]);
    let privileged = WEB.replace("restricted", "privileged");
    assert_eq!(found(NAMESPACES, WEB, &privileged), ["unrestricted-pods/pod-security"]);
    let unlabeled = WEB.replace("\n    pod-security.kubernetes.io/enforce: restricted", "");
    assert_eq!(found(NAMESPACES, WEB, &unlabeled), ["unrestricted-pods/pod-security"]);
}
