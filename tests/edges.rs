//! Small inputs at the edges of the semantics, each with the answer that was worked out by hand before it was tried.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use common::audit_text;

/// The findings about a text, as `rule/variant`, sorted.
fn findings(text: &str) -> Vec<String> {
    let (_, report) = audit_text(text);
    let told = report.findings.iter().map(|one| format!("{}/{}", one.finding.rule, one.finding.variant));
    let mut told: Vec<String> = told.collect();
    told.sort();
    told
}

fn assert_says(rule: &str, expected: bool, text: &str) {
    let found = findings(text);
    assert_eq!(found.iter().any(|one| one == rule), expected, "{rule}\n{text}\n{found:#?}");
}

/// What no cluster would take, as the text it is about and what is said of it.
fn problems(text: &str) -> Vec<(String, String)> {
    let (walk, report) = audit_text(text);
    let told = report.inputs.problems.iter();
    told.map(|problem| {
        let source = &walk.sources[problem.at.source];
        (source.slice(problem.at.span).to_owned(), problem.message.clone())
    })
    .collect()
}

fn policy(spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: team-x}}\nspec: {spec}\n"
    )
}

fn egress(clause: &str) -> String {
    policy(&format!("{{podSelector: {{}}, policyTypes: [Egress], egress: [{clause}]}}"))
}

#[test]
fn what_the_api_server_rejects_in_a_network_policy_is_named_at_its_place() {
    let cases = [
        (egress("{ports: [{port: 0}]}"), "0", "is not a port"),
        (egress("{ports: [{port: 70000}]}"), "70000", "is not a port"),
        (egress("{ports: [{port: \"443\"}]}"), "\"443\"", "in quotes"),
        (egress("{ports: [{port: 443, endPort: 80}]}"), "80", "`endPort`"),
        (egress("{ports: [{port: 443, endPort: 70000}]}"), "70000", "`endPort`"),
        (egress("{ports: [{port: web, endPort: 9000}]}"), "9000", "`endPort`"),
        (egress("{ports: [{endPort: 9000}]}"), "9000", "`endPort`"),
        (egress("{ports: [{protocol: ICMP}]}"), "ICMP", "one of `TCP`"),
        (egress("{ports: [{protocol: tcp, port: 443}]}"), "tcp", "one of `TCP`"),
        (egress("{to: [{}]}"), "{}", "without a selector"),
        (egress("{to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}"), "ipBlock", "not both"),
        (egress("{to: [{ipBlock: {except: [10.0.0.0/8]}}]}"), "except", "without a `cidr`"),
        (egress("{to: [{ipBlock: {cidr: 10.0.0.1}}]}"), "10.0.0.1", "prefix"),
        (egress("{to: [{ipBlock: {cidr: 10.0.0.0/33}}]}"), "10.0.0.0/33", "an address block"),
        (egress("{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/8]}}]}"), "11.0.0.0/8", "is not in"),
        (egress("{to: [{podSelecter: {}, podSelector: {}}]}"), "podSelecter", "none of the fields"),
        (egress("{too: [{podSelector: {}}]}"), "too", "none of the fields"),
        (egress("{from: [{podSelector: {}}]}"), "from", "none of the fields"),
        (egress("{to: [{podSelector: {app: web}}]}"), "app", "none of the fields"),
        (
            egress("{to: [{podSelector: {matchExpressions: [{key: a, operator: in, values: [b]}]}}]}"),
            "in",
            "one of `In`",
        ),
        (egress("{to: [{podSelector: {matchExpressions: [{key: a, operator: In}]}}]}"), "In", "no values"),
        (
            egress("{to: [{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}]}"),
            "Exists",
            "values",
        ),
        (policy("{podSelector: {}, policyTypes: [egress]}"), "egress", "one of `Ingress`"),
        (policy("{podSelector: {}, policyTypes: [Egress], egres: [{}]}"), "egres", "none of the fields"),
    ];
    for (text, place, words) in cases {
        let found = problems(&text);
        assert!(matches!(found.as_slice(), [(at, said)] if at == place && said.contains(words)), "{text}\n{found:?}");
    }
}

#[test]
fn what_the_api_server_takes_is_no_problem() {
    for text in [
        egress("{}"),
        egress("{to: [], ports: []}"),
        egress("{to: [{namespaceSelector: null, podSelector: {matchLabels: {a: b}}}]}"),
        egress(
            "{to: [{ipBlock: {cidr: 10.1.2.3/8, except: [10.0.0.0/8]}}], ports: [{port: web}, {port: 80, endPort: 80}]}",
        ),
        policy("{policyTypes: []}"),
        policy(
            "{podSelector: {matchExpressions: [{key: a, operator: NotIn, values: [b]}, {key: c, operator: Exists}]}}",
        ),
    ] {
        assert_eq!(problems(&text), [], "{text}");
    }
}

#[test]
fn a_bare_list_holds_objects_as_a_list_does() {
    let (_, report) = audit_text(
        "[{apiVersion: v1, kind: Namespace, metadata: {name: team-x}},\n {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: team-x}, spec: {hostNetwork: true, containers: []}}]\n",
    );
    assert_eq!((report.inputs.documents, report.inputs.resources), (2, 2));
    assert!(report.findings.iter().any(|one| one.finding.rule == "host-network-workload"));
}

/// A cluster in the network `vpc` whose one pool is for applications.
const CLUSTER: &str = r#"apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerCluster
metadata:
  name: main
  namespace: infra
  annotations: {cnrm.cloud.google.com/remove-default-node-pool: "true"}
spec:
  location: europe-west1
  networkRef: {name: vpc}
---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerNodePool
metadata: {name: apps, namespace: infra}
spec:
  clusterRef: {name: main}
  nodeConfig:
    serviceAccountRef: {external: apps@example.iam.gserviceaccount.com}
"#;

fn rule(name: &str, place: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeFirewall\nmetadata: {{name: {name}{place}}}\nspec: {{direction: EGRESS, {spec}}}\n"
    )
}

#[test]
fn networks_of_one_name_in_two_namespaces_are_two_networks() {
    let deny = |place, network| {
        rule("deny", place, &format!("networkRef: {network}, priority: 65535, deny: [{{protocol: all}}]"))
    };
    let implied = "implied-egress-allow/no-deny";
    assert_says(implied, true, &(CLUSTER.to_owned() + &deny(", namespace: infra", "{name: vpc, namespace: other}")));
    assert_says(implied, true, &(CLUSTER.to_owned() + &deny(", namespace: other", "{name: vpc}")));
    assert_says(implied, false, &(CLUSTER.to_owned() + &deny(", namespace: other", "{name: vpc, namespace: infra}")));
    assert_says(implied, false, &(CLUSTER.to_owned() + &deny("", "{name: vpc}")));
    let project = |namespace| {
        format!(
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}, annotations: {{cnrm.cloud.google.com/project-id: one}}}}\n"
        )
    };
    let one_project = CLUSTER.to_owned() + &project("infra") + &project("other");
    assert_says(implied, false, &(one_project + &deny(", namespace: other", "{name: vpc}")));
}

#[test]
fn an_allow_that_a_denial_goes_before_has_no_weak_target() {
    let allow = |priority: u32| {
        rule(
            "allow",
            ", namespace: infra",
            &format!("networkRef: {{name: vpc}}, priority: {priority}, allow: [{{protocol: tcp, ports: [\"443\"]}}]"),
        )
    };
    let deny = |more: &str| {
        rule(
            "deny",
            ", namespace: infra",
            &format!("networkRef: {{name: vpc}}, priority: 1000, deny: [{{protocol: all}}]{more}"),
        )
    };
    let weak = "weak-firewall-target/untargeted";
    assert_says(weak, true, &(CLUSTER.to_owned() + &deny("") + &allow(999)));
    assert_says(weak, false, &(CLUSTER.to_owned() + &deny("") + &allow(1000)));
    assert_says(weak, false, &(CLUSTER.to_owned() + &deny("") + &allow(1001)));
    let of_apps = ", targetServiceAccounts: [{external: apps@example.iam.gserviceaccount.com}]";
    assert_says(weak, true, &(CLUSTER.to_owned() + &deny(of_apps) + &allow(1001)));
}

#[test]
fn two_versions_of_one_object_are_named() {
    let version = |types: &str| policy(&format!("{{podSelector: {{}}, policyTypes: [{types}]}}"));
    let said = |other: &str| problems(&format!("{}---\n{other}", version("Egress")));
    assert_eq!(said(&version("Egress")), []);
    assert_eq!(said(&version("Ingress").replace("name: p", "name: q")), []);
    assert_eq!(said(&version("Ingress").replace("namespace: team-x", "namespace: team-y")), []);
    let found = said(&version("Ingress"));
    assert!(matches!(found.as_slice(), [(at, said)] if at == "p" && said.contains("applied last")), "{found:?}");
}
