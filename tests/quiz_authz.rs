//! The quick quiz of the semantics (E, 16 to 23): statements about TLS and authorization at the gateway, and what must
//! follow; and what depends on the version of Istio, on other rules or on the whole of the input.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use common::{audit_text, judged};
use palisade::analysis::authorization::{Decision, Peer, Place, Property, Request, Tokens, decision, tokens_at};
use palisade::analysis::tls::{Client, DestinationRules, Target};
use palisade::config::{Config, Part};
use palisade::finding::Severity;
use palisade::model::ClientMode;

const POD: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: istio-egressgateway, namespace: istio-egress}\n\
    spec: {template: {metadata: {labels: {istio: egressgateway}, annotations: {inject.istio.io/templates: gateway}}, \
    spec: {containers: [{name: istio-proxy, image: auto}]}}}\n";
const CLIENTS: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: team-x, labels: {istio-injection: enabled}}\n";

fn gateway(protocol: &str, tls: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: egress, namespace: istio-egress}}\n\
         spec: {{selector: {{istio: egressgateway}}, servers: [{{port: {{number: 80, name: p, protocol: {protocol}}}, \
         hosts: [\"*\"]{tls}}}]}}\n"
    )
}

const HTTPS: (&str, &str) = ("HTTPS", ", tls: {mode: ISTIO_MUTUAL}");
const PASSTHROUGH: (&str, &str) = ("TLS", ", tls: {mode: PASSTHROUGH}");

fn policy(spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: policy, namespace: istio-egress}}\n\
         spec: {spec}\n"
    )
}

fn route(subset: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: example, namespace: istio-egress}}\n\
         spec: {{hosts: [example.com], gateways: [mesh, egress], http: [{{match: [{{gateways: [mesh], port: 80}}], \
         route: [{{destination: {{host: {GATEWAY}, port: {{number: 80}}{subset}}}}}]}}]}}\n"
    )
}

const GATEWAY: &str = "istio-egressgateway.istio-egress.svc.cluster.local";

fn rule(namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: {namespace}-rule, namespace: {namespace}}}\n\
         spec: {spec}\n"
    )
}

fn estate(parts: &[&str]) -> String {
    parts.join("---\n")
}

/// The rules and variants that an estate gives.
fn findings(text: &str) -> Vec<(&'static str, &'static str)> {
    let (_, report) = audit_text(text);
    report.findings.iter().map(|reported| (reported.finding.rule, reported.finding.variant)).collect()
}

/// What the only listener decides.
fn decided(text: &str, request: &Request<'_>) -> Decision {
    judged(text, |estate, facts| {
        let proxy = &facts.egress.proxies[0];
        let server = proxy.servers(estate).next().expect("the gateway has a listener");
        decision(proxy, server, request, estate)
    })
}

const TEAM_X: Peer<'_> = Peer::Account { namespace: "team-x", account: Some("app") };

fn to(host: &str) -> Request<'_> {
    Request { peer: TEAM_X, host: Property::Is(host), method: Property::Is("GET"), ..Request::default() }
}

/// 16 and 17: what a rule of the client's namespace leaves of the gateway's.
fn with_client_rule(subset: &str) -> String {
    let own = rule("team-x", "{host: \"*.local\", trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}}}");
    let central = format!(
        "{{host: {GATEWAY}, trafficPolicy: {{tls: {{mode: ISTIO_MUTUAL}}}}, \
         subsets: [{{name: mtls, trafficPolicy: {{tls: {{mode: ISTIO_MUTUAL}}}}}}]}}"
    );
    let central = rule("istio-egress", &central);
    estate(&[POD, CLIENTS, &gateway(HTTPS.0, HTTPS.1), &route(subset), &own, &central])
}

#[test]
fn a_wildcard_rule_of_the_client_leaves_a_subset_without_a_cluster() {
    let text = with_client_rule(", subset: mtls");
    judged(&text, |estate, _| {
        let target = Target { host: GATEWAY, port: Some(80), subset: Some("mtls") };
        let view = DestinationRules::new(estate).view(Client { namespace: "team-x", labels: None }, target);
        assert!(view.subset_missing && view.tls.is_none());
        let other = DestinationRules::new(estate).view(Client { namespace: "team-y", labels: None }, target);
        assert_eq!(other.tls.map(|tls| tls.mode), Some(ClientMode::IstioMutual));
    });
    // Requests fail: nothing leaves in plain text.
    let found = findings(&text);
    assert!(found.contains(&("destination-rule-drops-tls", "client-ns")));
    assert!(!found.iter().any(|(rule, _)| *rule == "missing-istio-mutual"));
}

#[test]
fn without_a_subset_the_client_speaks_plain_text() {
    let text = with_client_rule("");
    judged(&text, |estate, _| {
        let target = Target { host: GATEWAY, port: Some(80), subset: None };
        let view = DestinationRules::new(estate).view(Client { namespace: "team-x", labels: None }, target);
        assert!(!view.subset_missing && view.tls.is_none() && view.lost.is_some());
    });
    assert!(findings(&text).contains(&("destination-rule-drops-tls", "client-ns")));
}

#[test]
fn strict_peers_do_not_govern_the_listeners_of_a_gateway() {
    let strict = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: istio-egress}\n\
        spec: {mtls: {mode: STRICT}}\n";
    let allow = policy("{rules: [{from: [{source: {namespaces: [team-x]}}]}]}");
    let text = estate(&[POD, &gateway("HTTP", ""), strict, &allow]);
    let found = findings(&text);
    assert!(found.contains(&("gateway-without-mutual-tls", "plaintext")));
    assert!(found.contains(&("identity-without-mtls", "never-matches")));
    assert_eq!(decided(&text, &to("example.com")), Decision::Deny, "nobody has a name there");
}

#[test]
fn a_gateway_of_istio_ignores_policies_with_targets() {
    let targets = "{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: istio-egressgateway}], \
        action: DENY, rules: [{}]}";
    let text = estate(&[POD, &gateway(HTTPS.0, HTTPS.1), &policy(targets)]);
    assert_eq!(decided(&text, &to("example.com")), Decision::Allow);
    assert!(findings(&text).contains(&("policy-not-enforced", "targetref")));
    // One that was made for the object of the Gateway API obeys.
    let made = POD.replace(
        "istio: egressgateway",
        "istio: egressgateway, gateway.networking.k8s.io/gateway-name: istio-egressgateway",
    );
    let text = estate(&[&made, &gateway(HTTPS.0, HTTPS.1), &policy(targets)]);
    assert_eq!(decided(&text, &to("example.com")), Decision::Deny);
}

#[test]
fn cluster_local_stands_for_the_trust_domain_of_the_mesh() {
    let allow =
        |principal: &str| policy(&format!("{{rules: [{{from: [{{source: {{principals: [{principal}]}}}}]}}]}}"));
    let mesh = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n\
        data: {mesh: \"trustDomain: example.svc.id.goog\"}\n";
    let listener = gateway(HTTPS.0, HTTPS.1);
    let decide =
        |mesh: &str, principal: &str| decided(&estate(&[POD, &listener, mesh, &allow(principal)]), &to("example.com"));
    let unset = mesh.replace("trustDomain: example.svc.id.goog", "rootNamespace: istio-system");
    assert_eq!(decide(mesh, "cluster.local/ns/team-x/sa/app"), Decision::Allow);
    assert_eq!(decide(mesh, "example.svc.id.goog/ns/team-x/sa/app"), Decision::Allow);
    assert_eq!(decide(mesh, "cluster.local/ns/team-x/sa/other"), Decision::Deny);
    assert_eq!(decide(mesh, "old.example/ns/team-x/sa/app"), Decision::Deny);
    assert_eq!(decide(&unset, "cluster.local/ns/team-x/sa/app"), Decision::Allow);
    assert_eq!(
        decide(&unset, "example.svc.id.goog/ns/team-x/sa/app"),
        Decision::Unknown,
        "the domain is not in the input"
    );
}

#[test]
fn an_allow_by_host_is_dropped_where_tls_is_passed_on() {
    let allow = policy("{rules: [{to: [{operation: {hosts: [example.com]}}]}]}");
    let text = estate(&[POD, &gateway(PASSTHROUGH.0, PASSTHROUGH.1), &allow]);
    let request = Request { host: Property::Absent, sni: Property::Is("example.com"), ..to("") };
    assert_eq!(decided(&text, &request), Decision::Deny);
    assert!(findings(&text).contains(&("policy-never-matches", "http-on-tcp")));
}

#[test]
fn a_denial_by_host_denies_all_that_the_rest_of_it_matches() {
    let deny = policy("{action: DENY, rules: [{to: [{operation: {hosts: [evil.example], ports: [\"8443\"]}}]}]}");
    let text = estate(&[POD, &gateway(PASSTHROUGH.0, PASSTHROUGH.1), &deny]);
    let at = |port| Request { port: Property::Is(port), sni: Property::Is("example.com"), ..Request::default() };
    assert_eq!(decided(&text, &at(8443)), Decision::Deny);
    assert_eq!(decided(&text, &at(8080)), Decision::Allow);
}

#[test]
fn a_port_behind_the_host_evades_a_denial() {
    let denial =
        |hosts: &str| policy(&format!("{{action: DENY, rules: [{{to: [{{operation: {{hosts: [{hosts}]}}}}]}}]}}"));
    let text = |hosts: &str| estate(&[POD, &gateway(HTTPS.0, HTTPS.1), &denial(hosts)]);
    let evaded = text("evil.example");
    assert_eq!(decided(&evaded, &to("EVIL.example")), Decision::Deny, "case does not count");
    assert_eq!(decided(&evaded, &to("evil.example:443")), Decision::Allow);
    assert!(findings(&evaded).contains(&("evadable-match", "deny-host-exact")));
    let covered = text("evil.example, \"evil.example:*\"");
    assert_eq!(decided(&covered, &to("evil.example:443")), Decision::Deny);
    assert!(!findings(&covered).contains(&("evadable-match", "deny-host-exact")));
}

/// The severity of the only finding about a certificate that nobody checks, under a version of Istio.
fn unverified(version: Option<(u32, u32)>, tls: &str) -> Option<(&'static str, Severity)> {
    let text = rule("istio-egress", &format!("{{host: example.com, trafficPolicy: {{tls: {{{tls}}}}}}}"));
    let walk = palisade::source::from_text("rule.yaml", text);
    let report = palisade::audit(&walk, &Config { istio_version: version, ..Config::default() });
    let finding = report.findings.iter().map(|reported| &reported.finding);
    finding.filter(|one| one.rule == "unverified-tls-origination").map(|one| (one.variant, one.severity)).next()
}

#[test]
fn certificates_are_checked_by_default_from_1_21_on() {
    let bare = "mode: SIMPLE, sni: example.com";
    assert_eq!(unverified(Some((1, 20)), bare), Some(("no-ca", Severity::High)));
    assert_eq!(unverified(Some((1, 21)), bare), Some(("no-ca", Severity::Low)));
    assert_eq!(unverified(None, bare), Some(("no-ca", Severity::High)), "the worse reading");
    let with_authority = "mode: SIMPLE, caCertificates: /ca.crt";
    assert_eq!(unverified(Some((1, 20)), with_authority), Some(("no-san", Severity::Medium)));
    assert_eq!(unverified(Some((1, 21)), with_authority), None);
    let skips = "mode: SIMPLE, caCertificates: /ca.crt, insecureSkipVerify: true";
    assert_eq!(unverified(Some((1, 28)), skips), Some(("skip-verify", Severity::High)));
}

#[test]
fn a_listener_that_asks_no_policy_gives_no_findings_about_policies() {
    let auto = gateway("TLS", ", tls: {mode: AUTO_PASSTHROUGH}");
    let allow = policy("{rules: [{to: [{operation: {hosts: [\"*\"]}}]}]}");
    let found = findings(&estate(&[POD, &auto, &allow]));
    assert!(found.iter().any(|(rule, _)| *rule == "auto-passthrough-egress"));
    let about_policies = ["allow-all-policy", "allow-without-source", "allow-without-destination", "missing-deny-all"];
    assert!(!found.iter().any(|(rule, _)| about_policies.contains(rule)), "{found:?}");
    assert_eq!(decided(&estate(&[POD, &auto, &allow]), &to("example.com")), Decision::Allow);
}

#[test]
fn who_does_not_exist_is_told_where_the_input_is_complete() {
    let allow = policy(
        "{rules: [{from: [{source: {namespaces: [team-x, team-z]}}, {source: {serviceAccounts: [team-x/nobody]}}], \
         to: [{operation: {hosts: [example.com]}}]}]}",
    );
    let text = estate(&[POD, CLIENTS, &gateway(HTTPS.0, HTTPS.1), &allow]);
    let of = |complete: Vec<Part>| {
        let walk = palisade::source::from_text("estate.yaml", text.clone());
        let report = palisade::audit(&walk, &Config { complete, ..Config::default() });
        let found = report.findings.iter().map(|reported| &reported.finding);
        found.filter(|one| one.rule == "policy-never-matches").map(|one| one.variant).collect::<Vec<_>>()
    };
    assert!(of(Vec::new()).is_empty());
    assert_eq!(of(vec![Part::Kubernetes]), ["no-such-source", "no-such-account"]);
}

#[test]
fn a_token_counts_where_something_reads_it() {
    let reads = |place: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: tokens, namespace: istio-egress}}\n\
             spec: {{{place}jwtRules: [{{issuer: login}}]}}\n"
        )
    };
    let elsewhere = reads("selector: {matchLabels: {istio: ingressgateway}}, ");
    let targeted = reads("targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: egress}], ");
    let allow = policy("{rules: [{from: [{source: {requestPrincipals: [\"login/*\"]}}]}]}");
    let tokens = |parts: &[&str]| {
        judged(&estate(&[&[POD, &gateway(HTTPS.0, HTTPS.1), &allow], parts].concat()), |estate, facts| match tokens_at(
            &Place::of_proxy(&facts.egress.proxies[0]),
            estate,
        ) {
            Tokens::Of(issuers) => issuers.join(","),
            Tokens::Nobodys => "nobody's".to_owned(),
            Tokens::Unknown => "unknown".to_owned(),
        })
    };
    assert_eq!(tokens(&[&reads("")]), "login");
    assert_eq!(tokens(&[&elsewhere]), "nobody's");
    // A gateway of Istio's own kind is no target.
    assert_eq!(tokens(&[&targeted]), "nobody's");
    // What is not in the input may be somewhere else.
    assert_eq!(tokens(&[]), "unknown");
    let text = |part: &str| estate(&[POD, &gateway(HTTPS.0, HTTPS.1), &allow, part]);
    assert!(findings(&text(&elsewhere)).contains(&("policy-never-matches", "no-token")));
    assert!(!findings(&text(&reads(""))).contains(&("policy-never-matches", "no-token")));
}

#[test]
fn a_service_belongs_to_the_gateway_whose_pods_stand_behind_it() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: istio-egressgateway, namespace: istio-egress}\n\
        spec: {selector: {istio: egressgateway}, ports: [{name: https, port: 80, targetPort: 8080}]}\n";
    let other = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: other, namespace: istio-egress}\n\
        spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n";
    let same_host = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: same, namespace: istio-egress}\n\
        spec: {parentRefs: [{name: other}], hostnames: [example.com], rules: [{backendRefs: [{name: example, port: 80}]}]}\n";
    let text = estate(&[POD, CLIENTS, service, &gateway(HTTPS.0, HTTPS.1), &route(""), other, same_host]);
    judged(&text, |_, facts| {
        let proxies = facts.egress.proxies.iter();
        let with_it: Vec<&str> =
            proxies.filter(|proxy| proxy.hosts.contains(GATEWAY)).map(|proxy| proxy.name.value).collect();
        assert_eq!(with_it, ["istio-egressgateway"]);
    });
}
