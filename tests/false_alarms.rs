//! What other tools flag and should not (their issue trackers, prior art 5.2): in an estate whose mesh is in order, each of
//! these changes leaves it so. None may add a finding, and none may hide one.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use common::audit_text;
use common::mesh::{ESTATE, adding, findings};
use palisade::config::{Config, Part};
use palisade::finding::Severity;
use palisade::source;

/// The estate with one text replaced, and something added.
fn with(old: &str, new: &str, added: &str) -> String {
    assert!(ESTATE.contains(old), "{old}");
    format!("{}---\n{added}", ESTATE.replacen(old, new, 1))
}

#[track_caller]
fn changes_nothing(issue: &str, text: &str) {
    assert_ne!(text, ESTATE, "{issue}");
    assert_eq!(findings(text), findings(ESTATE), "{issue}");
}

#[test]
fn the_mesh_of_the_estate_is_in_order() {
    const ABOUT_OTHER_LAYERS: [&str; 3] = ["gateway-not-scaled", "gateway-placement-loose", "incomplete-evidence"];
    let of_mesh = findings(ESTATE).into_iter().filter(|(rule, ..)| !ABOUT_OTHER_LAYERS.contains(rule));
    let of_mesh: Vec<_> = of_mesh.map(|(rule, variant, _)| (rule, variant)).collect();
    // Two hops for one host are how it is meant (istio/istio#58559).
    assert_eq!(of_mesh, [("allow-without-destination", "path")]);
}

#[test]
fn a_gateway_may_name_the_namespace_of_its_hosts() {
    // A listener for certain hosts is picked by the name that clients give.
    let named = ESTATE.replacen("{mode: ISTIO_MUTUAL}}", "{mode: ISTIO_MUTUAL, sni: example.com}}", 1);
    for hosts in ["./example.com", "istio-egress/example.com", "istio-egress/*.com"] {
        let text = named.replacen("istio-egress/*\"]\n    tls", &format!("{hosts}\"]\n    tls"), 1);
        assert_ne!(text, named);
        changes_nothing("istio/istio#34653", &text);
    }
}

#[test]
fn a_virtual_service_may_name_the_namespace_of_its_gateway() {
    let named = ESTATE
        .replace("[mesh, egress-gateway]", "[mesh, istio-egress/egress-gateway]")
        .replace("gateways: [egress-gateway]", "gateways: [istio-egress/egress-gateway]");
    changes_nothing("istio/istio#46269", &named);
}

#[test]
fn exports_by_dot_and_by_name_are_both_seen() {
    let text = ESTATE.replace("exportTo: [istio-egress, team-x]", "exportTo: [\".\", team-x]");
    changes_nothing("istio/istio#39629", &text);
}

#[test]
fn a_service_that_only_its_namespace_sees_is_seen_there() {
    let exported = with(
        "metadata: {name: egress-gateway, namespace: istio-egress}\nspec:\n  selector: {istio: egress-gateway}\n  ports",
        "metadata: {name: egress-gateway, namespace: istio-egress, annotations: {networking.istio.io/exportTo: \"., team-x\"}}\n\
         spec:\n  selector: {istio: egress-gateway}\n  ports",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nothing, namespace: team-x}\n",
    );
    changes_nothing("istio/istio#36048", &exported);
}

#[test]
fn a_host_of_the_cluster_needs_no_service_entry() {
    changes_nothing(
        "istio/istio#26222",
        &adding(
            "apiVersion: v1\nkind: Service\nmetadata: {name: app, namespace: team-x}\n\
             spec: {selector: {app: app}, ports: [{name: http, port: 80}]}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: app, namespace: team-x}\n\
             spec: {hosts: [app], exportTo: [\".\"], http: [{route: [{destination: {host: app}}]}]}\n",
        ),
    );
}

#[test]
fn the_gateways_rule_may_keep_its_certificates_in_a_secret() {
    let text = ESTATE.replacen("caCertificates: system", "credentialName: partner", 1);
    changes_nothing("istio/istio#42005", &text);
}

#[test]
fn a_mode_that_is_unset_inherits() {
    changes_nothing(
        "istio/istio#19360",
        &adding(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: team-x}\n\
             spec: {mtls: {mode: UNSET}}\n",
        ),
    );
}

#[test]
fn names_of_ports_are_nobodys_business() {
    changes_nothing(
        "istio/istio#19688",
        &adding(
            "apiVersion: v1\nkind: Service\nmetadata: {name: app, namespace: team-x}\n\
             spec: {selector: {app: app}, ports: [{name: foo, port: 8080}, {port: 9090}]}\n",
        ),
    );
}

#[test]
fn an_alias_of_a_registered_host_is_fine_where_aliases_are() {
    let image = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: istiod, namespace: istio-system}\n\
        spec: {template: {metadata: {labels: {app: istiod}}, spec: {containers: [{name: discovery, image: istio/pilot:1.28.0}]}}}\n---\n";
    let alias = "apiVersion: v1\nkind: Service\nmetadata: {name: alias, namespace: istio-egress}\n\
        spec: {type: ExternalName, externalName: example.com, ports: [{name: http, port: 80}]}\n";
    let of = |added: &str| findings(&adding(added));
    assert_eq!(of(&format!("{image}{alias}")), of(image.trim_end_matches("---\n")), "istio/istio#58555");
}

/// That no object of the input knows a host says nothing: another Gateway may serve it, and so may other pods at which the
/// policy holds. What the listeners of all there is leave out is told.
#[test]
fn a_policy_may_name_hosts_that_nothing_in_the_input_serves() {
    let one_host = |text: &str| text.replacen("istio-egress/*\"]\n    tls", "istio-egress/example.com\"]\n    tls", 1);
    let other_host = |text: &str| text.replacen("{hosts: [example.com]}", "{hosts: [example.com, partner.example]}", 1);
    let other_namespace =
        |text: &str| {
            text.replacen("{name: team-x, namespace: istio-egress}", "{name: team-x, namespace: istio-system}", 1)
                .replacen("  selector: {matchLabels: {istio: egress-gateway}}\n", "", 1)
        };
    let is_told = |text: &str, complete: &[Part]| {
        let walk = source::from_text("input.yaml", text.to_owned());
        let config = Config { complete: complete.to_vec(), all: true, ..Config::default() };
        let report = palisade::audit(&walk, &config);
        report.findings.iter().any(|reported| reported.finding.variant == "host-not-served")
    };
    let unserved = one_host(&other_host(ESTATE));
    assert!(is_told(&unserved, &[Part::Mesh]));
    assert!(!is_told(&unserved, &[]), "istio/istio#24710");
    let second = "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: shop, namespace: team-x}\n\
        spec: {selector: {istio: egress-gateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [\"*.example\"]}]}\n";
    let of_all = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: other-egress, namespace: istio-egress}\n\
        spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n";
    let everybodys = unserved.replacen("  selector: {matchLabels: {istio: egress-gateway}}\n", "", 1);
    let served = [
        ("a listener for every host", other_host(ESTATE)),
        ("a Gateway of another team", unserved.clone() + second),
        ("a listener of the Gateway API", everybodys.clone() + of_all),
        (
            "pods beside the gateway",
            everybodys.replacen("{name: app, namespace: team-x}", "{name: app, namespace: istio-egress}", 1),
        ),
        ("every pod of the mesh", other_namespace(&unserved)),
    ];
    for (by, text) in served {
        assert!(!is_told(&text, &[Part::Mesh]), "{by}");
    }
}

/// A gateway of the Gateway API for the same host, in a namespace of its own, with a route for each of its hops.
const OTHER_GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: other-egress, namespace: istio-egress}
spec:
  gatewayClassName: istio
  listeners:
  - {name: tls, hostname: example.com, port: 443, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {namespaces: {from: Same}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: to-other, namespace: istio-egress}
spec:
  parentRefs: [{group: networking.istio.io, kind: ServiceEntry, name: example-com}]
  rules: [{backendRefs: [{name: other-egress-istio, port: 443}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: from-other, namespace: istio-egress}
spec:
  parentRefs: [{name: other-egress}]
  hostnames: [example.com]
  rules: [{backendRefs: [{group: networking.istio.io, kind: Hostname, name: example.com, port: 443}]}]
";

/// What a second gateway lacks is not told of the first one, though both serve the same host.
#[test]
fn two_gateways_for_one_host_are_told_apart() {
    let about_first = |(rule, _, message): &(&str, &str, String)| {
        ["missing-istio-mutual", "broken-gateway-hop"].contains(rule) && message.contains("`egress-gateway`")
    };
    let said: Vec<_> = findings(&adding(OTHER_GATEWAY)).into_iter().filter(about_first).collect();
    assert!(said.is_empty(), "{said:?}");
}

/// A denial that is switched off is an error where it would keep something from leaving, and else a warning.
#[test]
fn a_disabled_denial_weighs_as_much_as_what_it_would_deny() {
    let of = |ranges: &str| -> Vec<Severity> {
        let (_, report) = audit_text(&format!(
            "apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeFirewall\nmetadata: {{name: deny, namespace: infra}}\n\
             spec: {{networkRef: {{name: vpc}}, direction: EGRESS, disabled: true, deny: [{{protocol: all}}]{ranges}}}\n"
        ));
        let found = report.findings.iter().map(|reported| &reported.finding);
        found.filter(|finding| finding.rule == "ineffective-firewall-rule").map(|finding| finding.severity).collect()
    };
    assert_eq!(of(""), [Severity::High]);
    assert_eq!(of(", destinationRanges: [\"::/0\"]"), [Severity::High]);
    assert_eq!(of(", destinationRanges: [10.0.0.0/24]"), [Severity::Medium]);
}

/// The base and the overlay of one Deployment are one workload.
#[test]
fn versions_of_one_workload_count_once() {
    let app = |name: &str, image: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: team-y}}\n\
             spec: {{template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: app, image: {image}}}]}}}}}}\n---\n"
        )
    };
    let said = |text: &str| -> Vec<String> {
        findings(text).into_iter().filter(|(rule, ..)| *rule == "network-capability").map(|(.., said)| said).collect()
    };
    let twice = said(&(app("app", "one") + &app("app", "two")));
    assert_eq!(twice, ["1 workload of this namespace keeps `NET_RAW` and may run as root: `team-y/Deployment/app`"]);
    let others = said(&(app("app", "one") + &app("other", "two")));
    assert_eq!(
        others,
        [
            "2 workloads of this namespace keep `NET_RAW` and may run as root: `team-y/Deployment/app`, `team-y/Deployment/other`"
        ]
    );
}

/// A Sidecar that holds for nothing is told of once, and not for how much its proxies know; the root namespace's holds for
/// the namespaces that have sidecars.
#[test]
fn a_sidecar_of_an_ambient_namespace_widens_nothing() {
    let of = |namespace: &str| -> Vec<(&'static str, &'static str)> {
        let text = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}, labels: {{istio.io/dataplane-mode: ambient}}}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: default, namespace: {namespace}}}\n\
             spec: {{outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}}}\n"
        );
        let found = findings(&text).into_iter().map(|(rule, variant, _)| (rule, variant));
        found.filter(|(rule, _)| rule.contains("sidecar")).collect()
    };
    assert_eq!(of("team-y"), [("missing-default-sidecar", "ambient")]);
    assert_eq!(of("istio-system"), [("sidecar-scope-too-wide", "no-egress")]);
}

/// One route that several Sidecars leave out is one problem.
#[test]
fn a_route_past_several_sidecars_is_told_once() {
    let app = |name: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: team-x}}\n\
             spec: {{template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: app, image: app}}]}}}}}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: {name}, namespace: team-x}}\n\
             spec: {{workloadSelector: {{labels: {{app: {name}}}}}, egress: [{{hosts: [istio-egress/partner.example]}}]}}\n"
        )
    };
    let mesh = "apiVersion: v1
kind: Namespace
metadata: {name: team-x, labels: {istio-injection: enabled}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: archive, namespace: partners}
spec: {hosts: [archive.example], resolution: DNS, ports: [{number: 443, name: tls, protocol: TLS}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: partner, namespace: istio-egress}
spec:
  hosts: [partner.example]
  http: [{route: [{destination: {host: archive.example, port: {number: 443}}}]}]
";
    let found = findings(&(mesh.to_owned() + &app("two") + &app("one")));
    let said: Vec<_> =
        found.into_iter().filter(|(_, variant, _)| *variant == "by-route").map(|(.., said)| said).collect();
    assert_eq!(
        said,
        [
            "this route makes `archive.example` known to the proxies of `team-x`, for which the Sidecar `one` and 1 more leave it out"
        ]
    );
}
