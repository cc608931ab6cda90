//! The quick quiz of the semantics (E, 1 to 9): statements about nodes and firewall, and what must follow.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use common::judged;
use palisade::analysis::firewall::{Decider, PoolEgress};
use palisade::config::Config;
use palisade::finding::Finding;
use palisade::source;
use palisade::traffic::{Protocol, Sample};

fn pool(taints: &str) -> String {
    format!(
        "apiVersion: container.cnrm.cloud.google.com/v1beta1\nkind: ContainerNodePool\nmetadata: {{name: gateway}}\n\
         spec: {{clusterRef: {{name: main}}, nodeConfig: {{taint: {taints}}}}}\n"
    )
}

fn lands(taints: &str, pod: &str) -> bool {
    lands_beside("", taints, pod)
}

/// Whether a pod lands on the pool with something else in the input before it.
fn lands_beside(other: &str, taints: &str, pod: &str) -> bool {
    let text = format!(
        "{other}apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app, namespace: team-x}}\n\
         spec: {{selector: {{}}, template: {{metadata: {{labels: {{app: app}}}}, spec: {pod}}}}}\n---\n{}",
        pool(taints)
    );
    judged(&text, |_, facts| facts.placement.landings(0).iter().any(|landing| landing.certain))
}

const BOTH: &str =
    "[{key: dedicated, value: gateway, effect: NO_SCHEDULE}, {key: dedicated, value: gateway, effect: NO_EXECUTE}]";

#[test]
fn a_toleration_without_effect_tolerates_every_effect() {
    assert!(lands(BOTH, "{tolerations: [{key: dedicated, operator: Equal, value: gateway}]}"));
    assert!(!lands(BOTH, "{tolerations: [{key: dedicated, value: gateway, effect: NoSchedule}]}"));
}

#[test]
fn exists_without_a_key_tolerates_everything() {
    assert!(lands(BOTH, "{tolerations: [{operator: Exists}]}"));
    assert!(!lands(BOTH, "{}"));
}

#[test]
fn an_empty_term_of_an_affinity_matches_nothing() {
    let affinity = |term: &str| {
        format!(
            "{{affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: [{term}]}}}}}}}}"
        )
    };
    assert!(!lands("[]", &affinity("{}")));
    let own = "{matchExpressions: [{key: cloud.google.com/gke-nodepool, operator: In, values: [gateway]}]}";
    assert!(lands("[]", &affinity(&format!("{{}}, {own}"))));
}

#[test]
fn a_runtime_class_selects_and_tolerates_for_its_pods() {
    let class = |scheduling: &str| {
        format!(
            "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {{name: sealed}}\nhandler: runsc\n{scheduling}---\n"
        )
    };
    let lands = |class: &str, pod: &str| lands_beside(class, BOTH, pod);
    let tolerant = class("scheduling: {tolerations: [{key: dedicated, operator: Exists}]}\n");
    assert!(lands(&tolerant, "{runtimeClassName: sealed}"));
    assert!(!lands(&tolerant, "{}"));
    assert!(!lands(&tolerant, "{runtimeClassName: other}"));
    assert!(!lands(&class(""), "{runtimeClassName: sealed}"));
    let elsewhere =
        class("scheduling: {nodeSelector: {cloud.google.com/gke-nodepool: apps}, tolerations: [{operator: Exists}]}\n");
    assert!(!lands(&elsewhere, "{runtimeClassName: sealed}"));
    assert!(!lands(&elsewhere, "{runtimeClassName: sealed, nodeSelector: {cloud.google.com/gke-nodepool: gateway}}"));
}

#[test]
fn a_soft_taint_counts_as_none() {
    let soft = "[{key: dedicated, value: gateway, effect: PREFER_NO_SCHEDULE}]";
    assert!(lands(soft, "{}"));
    let gateway = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: egress, namespace: istio-egress}\n\
        spec: {selector: {}, template: {metadata: {labels: {istio: egressgateway}, \
        annotations: {inject.istio.io/templates: gateway}}, \
        spec: {nodeSelector: {cloud.google.com/gke-nodepool: gateway}, containers: [{name: istio-proxy, image: auto}]}}}\n";
    assert!(finds(&[gateway, &pool(soft)], "gateway-taint-missing", "soft"));
    assert!(!finds(&[gateway, &pool(BOTH)], "gateway-taint-missing", "soft"));
}

/// Whether an estate has a finding.
fn finds(objects: &[&str], rule: &str, variant: &str) -> bool {
    let walk = source::from_text("estate.yaml", objects.join("---\n"));
    let report = palisade::audit(&walk, &Config::default());
    let is_it = |finding: &Finding| (finding.rule, finding.variant) == (rule, variant);
    report.findings.iter().any(|reported| is_it(&reported.finding))
}

const DENY_ALL: &str = "apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeFirewall\n\
    metadata: {name: deny-all}\n\
    spec: {networkRef: {name: vpc}, direction: EGRESS, priority: 65535, deny: [{protocol: all}]}\n";

fn cluster() -> String {
    "apiVersion: container.cnrm.cloud.google.com/v1beta1\nkind: ContainerCluster\n\
     metadata: {name: main, annotations: {cnrm.cloud.google.com/remove-default-node-pool: \"true\"}}\n\
     spec: {location: europe-west1, networkRef: {name: vpc}}\n"
        .to_owned()
}

/// What becomes of TCP 443 to a public address.
fn fate(objects: &[&str]) -> (bool, bool, Decider) {
    let all = [&[cluster().as_str(), pool("[]").as_str()], objects].concat().join("---\n");
    judged(&all, |_, facts| {
        let packet = Sample { address: [203, 0, 113, 10].into(), protocol: Protocol::Tcp, port: Some(443) };
        let egress: &PoolEgress = &facts.firewall[0];
        let holds = |traffic: palisade::traffic::Traffic| {
            traffic.transport_to(packet.address).contains(packet.protocol, packet.port)
        };
        (holds(egress.certainly_allowed()), holds(egress.certainly_denied()), egress.decider(&packet))
    })
}

#[test]
fn rules_reach_auto_provisioned_nodes_by_the_tags_that_the_cluster_gives_them() {
    let autopilot = |tags: &str| {
        format!(
            "apiVersion: container.cnrm.cloud.google.com/v1beta1\nkind: ContainerCluster\nmetadata: {{name: main}}\n\
             spec: {{location: europe-west1, networkRef: {{name: vpc}}, enableAutopilot: true, \
             nodePoolAutoConfig: {{networkTags: {{tags: [{tags}]}}}}}}\n"
        )
    };
    let allow = "apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeFirewall\nmetadata: {name: web}\n\
        spec: {networkRef: {name: vpc}, direction: EGRESS, priority: 900, targetTags: [apps], \
        allow: [{protocol: tcp, ports: [\"443\"]}]}\n";
    let opens = |tags: &str| finds(&[&autopilot(tags), allow, DENY_ALL], "app-node-egress-allowed", "web");
    assert!(opens("apps"));
    assert!(!opens("batch"));
    assert!(!opens(""));
}

fn hierarchical(action: &str) -> String {
    format!(
        "apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeFirewallPolicy\nmetadata: {{name: org}}\n\
         spec: {{shortName: org, organizationRef: {{external: organizations/1}}}}\n---\n\
         apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeFirewallPolicyAssociation\nmetadata: {{name: org}}\n\
         spec: {{firewallPolicyRef: {{name: org}}, attachmentTargetRef: {{external: organizations/1}}}}\n---\n\
         apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeFirewallPolicyRule\nmetadata: {{name: web}}\n\
         spec: {{firewallPolicyRef: {{name: org}}, direction: EGRESS, priority: 10, action: {action}, \
         match: {{destIPRanges: [0.0.0.0/0], layer4Configs: [{{ipProtocol: tcp, ports: [\"443\"]}}]}}}}\n"
    )
}

fn of_network(order: &str) -> String {
    format!(
        "apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeNetwork\nmetadata: {{name: vpc}}\n\
         spec: {{networkFirewallPolicyEnforcementOrder: {order}}}\n---\n\
         apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeNetworkFirewallPolicy\nmetadata: {{name: net}}\n\
         spec: {{projectRef: {{external: example}}}}\n---\n\
         apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeNetworkFirewallPolicyAssociation\nmetadata: {{name: net}}\n\
         spec: {{firewallPolicyRef: {{name: net}}, attachmentTargetRef: {{name: vpc}}}}\n---\n\
         apiVersion: compute.cnrm.cloud.google.com/v1alpha1\nkind: ComputeNetworkFirewallPolicyRule\nmetadata: {{name: web}}\n\
         spec: {{firewallPolicyRef: {{name: net}}, resourceID: \"10\", direction: EGRESS, action: allow, \
         match: {{destIpRanges: [0.0.0.0/0], layer4Configs: [{{ipProtocol: tcp, ports: [\"443\"]}}]}}}}\n"
    )
}

#[test]
fn an_allow_of_the_organization_is_final() {
    let (allowed, denied, _) = fate(&[&hierarchical("allow"), DENY_ALL]);
    assert_eq!((allowed, denied), (true, false));
    let objects = [&cluster(), &pool("[]"), &hierarchical("allow"), DENY_ALL];
    assert!(finds(&objects, "firewall-policy-overrides-deny", "hierarchical"));
}

#[test]
fn a_policy_after_the_rules_of_the_network_is_too_late() {
    let policy = of_network("AFTER_CLASSIC_FIREWALL");
    let (allowed, denied, _) = fate(&[&policy, DENY_ALL]);
    assert_eq!((allowed, denied), (false, true));
    let objects = [&cluster(), &pool("[]"), &policy, DENY_ALL];
    assert!(finds(&objects, "ineffective-firewall-rule", "shadowed"));
    assert!(!finds(&objects, "firewall-policy-overrides-deny", "network"));
    // Without a word about the order it is the same.
    let silent = policy.replace("networkFirewallPolicyEnforcementOrder: AFTER_CLASSIC_FIREWALL", "");
    assert!(fate(&[&silent, DENY_ALL]).1);
}

#[test]
fn a_policy_before_the_rules_of_the_network_wins() {
    let policy = of_network("BEFORE_CLASSIC_FIREWALL");
    let (allowed, denied, _) = fate(&[&policy, DENY_ALL]);
    assert_eq!((allowed, denied), (true, false));
    let objects = [&cluster(), &pool("[]"), &policy, DENY_ALL];
    assert!(finds(&objects, "firewall-policy-overrides-deny", "network"));
}

#[test]
fn goto_next_lets_the_rules_of_the_network_decide() {
    let (allowed, denied, _) = fate(&[&hierarchical("goto_next"), DENY_ALL]);
    assert_eq!((allowed, denied), (false, true));
}

#[test]
fn a_disabled_denial_leaves_the_implied_rule() {
    let disabled = DENY_ALL.replace("direction: EGRESS", "direction: EGRESS, disabled: true");
    let (allowed, _, decider) = fate(&[&disabled]);
    assert_eq!((allowed, decider), (true, Decider::Implied));
    let objects = [&cluster(), &pool("[]"), &*disabled];
    assert!(finds(&objects, "implied-egress-allow", "no-deny"));
    assert!(finds(&objects, "ineffective-firewall-rule", "disabled"));
}

#[test]
fn an_inspection_is_unknown_and_a_module_may_deny() {
    let (allowed, denied, _) = fate(&[&hierarchical("apply_security_profile_group"), DENY_ALL]);
    assert_eq!((allowed, denied), (false, false));
    let module = "resource \"google_container_cluster\" \"main\" {\n  name = \"main\"\n  initial_node_count = 1\n  node_config {}\n}\n\
        module \"rules\" {\n  source = \"terraform-google-modules/network/google//modules/firewall-rules\"\n\
        \x20 rules  = [{ name = \"deny-all\", direction = \"EGRESS\", deny = [{ protocol = \"all\", ports = null }] }]\n}\n";
    let walk = source::from_text("main.tf", module.to_owned());
    let report = palisade::audit(&walk, &Config::default());
    assert!(!report.findings.iter().any(|reported| reported.finding.rule == "implied-egress-allow"));
    assert!(report.findings.iter().any(|reported| reported.finding.variant == "firewall"));
}

#[test]
fn a_denial_that_is_switched_off_is_to_be_switched_on() {
    let help = |more: &str, account: &str| {
        let text = format!(
            "apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerNodePool
metadata: {{name: apps}}
spec: {{clusterRef: {{name: main}}, nodeConfig: {{serviceAccountRef: {{external: nodes@x.iam.gserviceaccount.com}}}}}}
---
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewall
metadata: {{name: deny-all}}
spec: {{networkRef: {{name: vpc}}, direction: EGRESS, disabled: true, deny: [{{protocol: {more}}}], \
             destinationRanges: [0.0.0.0/0], targetServiceAccounts: [{{external: {account}@x.iam.gserviceaccount.com}}]}}
"
        );
        let (_, report) = common::audit_text(&text);
        let mut found = report.findings.into_iter().filter(|reported| reported.finding.rule == "implied-egress-allow");
        found.next().expect("nothing denies").finding.help
    };
    assert!(help("all", "nodes").starts_with("enable `deny-all`, which denies all of it for this pool"));
    // What does not cover the pool, or not all that leaves it, would help little.
    assert!(help("all", "others").starts_with("add an EGRESS rule"));
    assert!(help("tcp", "nodes").starts_with("add an EGRESS rule"));
}
