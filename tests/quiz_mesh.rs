//! Where requests go: the quick quiz of the semantics (E, 13 and 14), the Sidecar that applies, the places that hold the
//! mesh configuration, and what routes make of a request, by version where versions differ.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use common::{judged, judged_with};
use palisade::analysis::outbound::Origin;
use palisade::analysis::routing::{Target, Unrouted};
use palisade::analysis::tls::departures;
use palisade::config::Config;
use palisade::finding::Severity;
use palisade::model::OutboundMode;

fn entry(host: &str, ports: &str, more: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: entry, namespace: istio-egress}}\n\
         spec: {{hosts: [{host}], ports: {ports}{more}}}\n"
    )
}

const HTTP: &str = "[{number: 80, name: http, protocol: HTTP}]";
const TLS: &str = "[{number: 443, name: tls, protocol: TLS}]";
const TCP: &str = "[{number: 443, name: tcp, protocol: TCP}]";
const GATEWAY: &str = "istio-egressgateway.istio-egress.svc.cluster.local";

fn virtual_service(name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{{spec}}}\n"
    )
}

fn to(host: &str) -> String {
    format!("route: [{{destination: {{host: {host}}}}}]")
}

/// A namespace in the mesh with one workload, an egress gateway, and what else there is.
fn estate(parts: &[String]) -> String {
    let ground = format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: team-x, labels: {{istio-injection: enabled}}}}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app, namespace: team-x}}\n\
         spec: {{template: {{metadata: {{labels: {{app: app}}}}, spec: {{containers: [{{name: app, image: app}}]}}}}}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: gate, namespace: istio-egress}}\n\
         spec: {{selector: {{istio: egressgateway}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [\"*\"]}}]}}\n{}",
        virtual_service(
            "known",
            "istio-egress",
            &format!(
                "hosts: [known.example], gateways: [mesh, gate], http: [{{match: [{{gateways: [mesh]}}], {}}}, {{match: [{{gateways: [gate]}}], {}}}]",
                to(GATEWAY),
                to("known.example")
            )
        )
    );
    parts.concat() + &ground
}

/// Where the workload's sidecar may send, in words.
fn ways(parts: &[String], version: Option<(u32, u32)>) -> Vec<String> {
    let config = Config { istio_version: version, ..Config::default() };
    judged_with(&estate(parts), &config, |_, facts| {
        let routing = &facts.routing;
        let flows = routing.flows.iter().filter(|flow| routing.clients[flow.client].namespace == "team-x");
        let ways = flows.flat_map(|flow| &flow.ways).map(|way| {
            let partial = if way.partial { "partly " } else { "" };
            let to = match way.to {
                Target::Host(Unrouted::NoVirtualService) => "straight".to_owned(),
                Target::Host(Unrouted::NotKnown(_)) => "straight, unknown".to_owned(),
                Target::Host(Unrouted::NotCovered(..)) => "straight, uncovered".to_owned(),
                Target::Gateway(..) => "gateway".to_owned(),
                Target::Outside(to) => format!("out to {}", to.host),
                Target::Mirror(to) => format!("copy to {}", to.host),
                Target::Elsewhere(to) => format!("inside to {}", to.host),
            };
            format!("{partial}{to}")
        });
        let mut ways: Vec<String> = ways.collect();
        ways.dedup();
        ways
    })
}

fn findings(text: &str, version: Option<(u32, u32)>) -> Vec<(&'static str, &'static str, Severity)> {
    let walk = palisade::source::from_text("estate.yaml", text.to_owned());
    let config = Config { istio_version: version, ..Config::default() };
    let report = palisade::audit(&walk, &config);
    report.findings.iter().map(|one| (one.finding.rule, one.finding.variant, one.finding.severity)).collect()
}

#[test]
fn without_resolution_and_addresses_every_address_passes_on_a_tcp_port() {
    let found = findings(&entry("ledger.example", TCP, ""), None);
    assert!(found.contains(&("spoofable-service-entry", "none-tcp", Severity::Critical)), "{found:?}");
    let bounded = findings(&entry("ledger.example", TCP, ", addresses: [10.9.0.0/24]"), None);
    assert!(!bounded.iter().any(|(rule, ..)| *rule == "spoofable-service-entry"), "{bounded:?}");
}

#[test]
fn an_alias_registered_its_host_before_one_twenty_one() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: paste, namespace: team-x}\n\
        spec: {type: ExternalName, externalName: evil.example}\n---\n\
        apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: default, namespace: team-x}\n\
        spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: [./*]}]}\n";
    let severity = |text: &str, version| {
        let found = findings(text, version);
        found.iter().find(|(rule, ..)| *rule == "hidden-external-backend").map(|(_, _, severity)| *severity)
    };
    assert_eq!(severity(text, Some((1, 20))), Some(Severity::High));
    assert_eq!(severity(text, Some((1, 28))), Some(Severity::Info));
    // What is not known is taken for the worse.
    assert_eq!(severity(text, None), Some(Severity::High));
    let registered = format!("{text}---\n{}", entry("evil.example", HTTP, ", resolution: DNS"));
    assert_eq!(severity(&registered, Some((1, 28))), None);
}

#[test]
fn a_host_without_a_route_is_called_directly() {
    assert_eq!(ways(&[entry("a.example", HTTP, "")], None), ["straight"]);
    assert_eq!(ways(&[entry("known.example", HTTP, "")], None), ["gateway"]);
}

#[test]
fn the_protocol_of_the_port_decides_which_routes_count() {
    assert_eq!(ways(&[entry("known.example", TLS, "")], None), ["straight, uncovered"]);
    assert_eq!(ways(&[entry("known.example", TCP, "")], None), ["straight, uncovered"]);
    // Where the protocol is not named, the proxy looks: it may be either.
    let unnamed = "[{number: 80, name: odd}]";
    assert_eq!(ways(&[entry("known.example", unnamed, "")], None), ["gateway", "straight, uncovered"]);
    let tls = virtual_service(
        "tls",
        "istio-egress",
        &format!("hosts: [a.example], tls: [{{match: [{{port: 443, sniHosts: [a.example]}}], {}}}]", to(GATEWAY)),
    );
    assert_eq!(ways(&[entry("a.example", TLS, ""), tls], None), ["gateway"]);
}

#[test]
fn the_first_match_that_takes_everything_ends_the_list() {
    let routes = |list: &str| virtual_service("routes", "istio-egress", &format!("hosts: [a.example], http: [{list}]"));
    let of = |list: &str| ways(&[entry("a.example", HTTP, ""), routes(list)], None);
    let (gateway, out) = (to(GATEWAY), to("a.example"));
    assert_eq!(of(&format!("{{{gateway}}}, {{{out}}}")), ["gateway"]);
    assert_eq!(
        of(&format!("{{match: [{{uri: {{prefix: /x}}}}], {out}}}, {{{gateway}}}")),
        ["partly out to a.example", "gateway"]
    );
    assert_eq!(of(&format!("{{match: [{{port: 8080}}], {out}}}, {{{gateway}}}")), ["gateway"]);
    assert_eq!(of(&format!("{{match: [{{port: 8080}}], {gateway}}}")), ["straight, uncovered"]);
    assert_eq!(of(&format!("{{{gateway}, mirror: {{host: a.example}}}}")), ["gateway", "copy to a.example"]);
    assert_eq!(of("{redirect: {authority: other.example}}"), [""; 0]);
    // Of several destinations those without a share take nothing.
    let shares = format!(
        "{{route: [{{destination: {{host: {GATEWAY}}}, weight: 100}}, {{destination: {{host: a.example}}, weight: 0}}]}}"
    );
    assert_eq!(of(&shares), ["gateway"]);
}

#[test]
fn a_match_looks_at_the_source_only_where_it_names_no_gateways() {
    let routes = |hop: &str| {
        virtual_service(
            "routes",
            "istio-egress",
            &format!("hosts: [a.example], http: [{{match: [{{{hop}}}], {}}}]", to(GATEWAY)),
        )
    };
    let of = |hop: &str| ways(&[entry("a.example", HTTP, ""), routes(hop)], None);
    assert_eq!(of("sourceNamespace: team-y"), ["straight, uncovered"]);
    assert_eq!(of("sourceLabels: {app: other}"), ["straight, uncovered"]);
    assert_eq!(of("sourceLabels: {app: app}"), ["gateway"]);
    assert_eq!(of("gateways: [mesh], sourceNamespace: team-y"), ["gateway"]);
    // Matches of TLS obey both.
    let tls = virtual_service(
        "tls",
        "istio-egress",
        &format!(
            "hosts: [a.example], tls: [{{match: [{{gateways: [mesh], port: 443, sniHosts: [a.example], sourceNamespace: team-y}}], {}}}]",
            to(GATEWAY)
        ),
    );
    assert_eq!(ways(&[entry("a.example", TLS, ""), tls], None), ["straight, uncovered"]);
}

#[test]
fn a_delegate_takes_over_if_it_is_exported_to_the_root() {
    let root = virtual_service(
        "root",
        "istio-egress",
        "hosts: [a.example], http: [{delegate: {name: child, namespace: team-x}}]",
    );
    let child = |export: &str| {
        virtual_service("child", "team-x", &format!("exportTo: {export}, http: [{{{}}}]", to("a.example")))
    };
    let of = |export: &str| ways(&[entry("a.example", HTTP, ""), root.clone(), child(export)], None);
    assert_eq!(of("[\"*\"]"), ["out to a.example"]);
    assert_eq!(of("[team-x]"), [""; 0]);
}

#[test]
fn a_wildcard_wins_by_age_before_one_eighteen() {
    let exact = virtual_service("exact", "istio-egress", &format!("hosts: [a.b.example], http: [{{{}}}]", to(GATEWAY)));
    let wide = virtual_service(
        "wide",
        "istio-egress",
        &format!("hosts: [\"*.b.example\"], http: [{{{}}}]", to("a.b.example")),
    );
    let parts = [entry("a.b.example", HTTP, ""), exact, wide];
    assert_eq!(ways(&parts, Some((1, 28))), ["gateway"]);
    assert_eq!(ways(&parts, Some((1, 17))), ["gateway", "out to a.b.example"]);
    assert_eq!(ways(&parts, None), ["gateway", "out to a.b.example"]);
}

#[test]
fn what_is_not_exported_or_imported_is_not_known() {
    let hidden = virtual_service(
        "hidden",
        "istio-egress",
        &format!("hosts: [a.example], exportTo: [istio-egress], http: [{{{}}}]", to(GATEWAY)),
    );
    assert_eq!(ways(&[entry("a.example", HTTP, ""), hidden], None), ["straight, unknown"]);
    assert_eq!(ways(&[entry("a.example", HTTP, ", exportTo: [team-y]")], None), [""; 0]);
    let sidecar = |hosts: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: default, namespace: team-x}}\n\
             spec: {{egress: [{{hosts: [{hosts}]}}]}}\n"
        )
    };
    let of = |hosts: &str| ways(&[entry("a.example", HTTP, ""), sidecar(hosts)], None);
    assert_eq!(of("istio-egress/*"), ["straight"]);
    assert_eq!(of("istio-egress/a.example"), ["straight"]);
    assert_eq!(of("\"*/a.example\""), ["straight"]);
    assert_eq!(of("./*"), [""; 0]);
    assert_eq!(of("istio-egress/b.example"), [""; 0]);
    assert_eq!(of("\"~/*\""), [""; 0]);
    // Newer versions can leave out of a namespace what is taken in with the rest.
    assert_eq!(of("istio-egress/*, ~istio-egress/a.example"), [""; 0]);
}

/// The mode of the only workload, and which object sets it.
fn mode(text: &str) -> (OutboundMode, String) {
    judged(text, |estate, facts| {
        let (index, _) = estate.tenants().next().expect("a workload");
        let outbound = &facts.outbound[index];
        let origin = match outbound.origin {
            Origin::Sidecar(sidecar, _) => format!("{}/{}", sidecar.namespace, sidecar.name),
            Origin::Mesh(_) => "mesh".to_owned(),
            Origin::Default => "default".to_owned(),
            Origin::None => "none".to_owned(),
        };
        (outbound.mode, origin)
    })
}

fn sidecar(namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )
}

#[test]
fn one_sidecar_applies_and_nothing_is_merged() {
    let strict = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}";
    let open = "workloadSelector: {labels: {app: app}}, outboundTrafficPolicy: {mode: ALLOW_ANY}";
    let other = "workloadSelector: {labels: {app: other}}, outboundTrafficPolicy: {mode: ALLOW_ANY}";
    let of = |parts: &[String]| mode(&estate(parts));
    assert_eq!(of(&[sidecar("team-x", "default", strict)]), (OutboundMode::RegistryOnly, "team-x/default".to_owned()));
    assert_eq!(of(&[sidecar("team-x", "default", strict), sidecar("team-x", "app", open)]).1, "team-x/app");
    // One for other workloads leaves these to the root namespace's.
    let root = sidecar("istio-system", "default", strict);
    assert_eq!(of(&[sidecar("team-x", "other", other), root.clone()]).1, "istio-system/default");
    // One without a mode has the mesh's, whatever the root namespace's says.
    assert_eq!(of(&[sidecar("team-x", "default", "egress: [{hosts: [./*]}]"), root]).0, OutboundMode::Unknown);
}

#[test]
fn the_mesh_configuration_counts_wherever_it_is_kept() {
    let strict = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}";
    let config_map = |name: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: istio-system}}\ndata:\n  mesh: |-\n    {strict}\n"
        )
    };
    let places = [
        config_map("istio"),
        config_map("istio-1-28-1"),
        config_map("istio-asm-managed-rapid"),
        format!(
            "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {{name: mesh}}\nspec: {{meshConfig: {{{strict}}}}}\n"
        ),
        format!(
            "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {{name: mesh}}\nspec: {{values: {{meshConfig: {{{strict}}}}}}}\n"
        ),
        format!("meshConfig: {{{strict}}}\nglobal: {{proxy: {{}}}}\n"),
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: istiod}}\nspec: {{values: {{meshConfig: {{{strict}}}}}}}\n"
        ),
        format!(
            "apiVersion: sailoperator.io/v1\nkind: Istio\nmetadata: {{name: default}}\nspec: {{values: {{meshConfig: {{{strict}}}}}}}\n"
        ),
        "apiVersion: maistra.io/v2\nkind: ServiceMeshControlPlane\nmetadata: {name: basic}\n\
         spec: {proxy: {networking: {trafficControl: {outbound: {policy: REGISTRY_ONLY}}}}}\n"
            .to_owned(),
    ];
    for place in places {
        assert_eq!(
            mode(&estate(std::slice::from_ref(&place))),
            (OutboundMode::RegistryOnly, "mesh".to_owned()),
            "{place}"
        );
    }
    // Where an operator sets a mode twice, the version decides which one counts, so the worse is taken.
    let twice = |own: &str, of_values: &str| {
        let block = |mode: &str| format!("meshConfig: {{outboundTrafficPolicy: {{mode: {mode}}}}}");
        format!(
            "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {{name: mesh}}\n\
             spec: {{{}, values: {{{}}}}}\n",
            block(own),
            block(of_values)
        )
    };
    for text in [twice("REGISTRY_ONLY", "ALLOW_ANY"), twice("ALLOW_ANY", "REGISTRY_ONLY")] {
        assert_eq!(mode(&estate(&[text])), (OutboundMode::AllowAny, "mesh".to_owned()));
    }
    let open = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: \"accessLogFile: /dev/stdout\"}\n";
    assert_eq!(mode(&estate(&[open.to_owned()])), (OutboundMode::AllowAny, "default".to_owned()));
    assert_eq!(mode(&estate(&[])), (OutboundMode::Unknown, "none".to_owned()));
}

#[test]
fn the_version_is_seen_in_the_input() {
    let of = |part: &str| judged(&estate(&[part.to_owned()]), |estate, _| estate.mesh.version.shown());
    let image = |image: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: istiod, namespace: istio-system}}\nspec: {{template: {{metadata: {{labels: {{app: istiod}}}}, spec: {{containers: [{{name: discovery, image: {image}}}]}}}}}}\n"
        )
    };
    assert_eq!(of(&image("docker.io/istio/pilot:1.24.2")).as_deref(), Some("1.24"));
    assert_eq!(of(&image("gcr.io/gke-release/asm/proxyv2:1.20.8-asm.7")).as_deref(), Some("1.20"));
    assert_eq!(of(&image("example/app:1.2.3")), None);
    assert_eq!(
        of("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {istio.io/rev: asm-1187-26}}\n").as_deref(),
        Some("1.18")
    );
    assert_eq!(of("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {istio.io/rev: asm-managed}}\n"), None);
}

#[test]
fn copies_and_delegates_leave_the_gateway_as_well() {
    let parts = [
        entry("copy.example", HTTP, ", resolution: DNS"),
        "---\n".to_owned(),
        entry("handed.example", HTTP, ", resolution: DNS").replace("name: entry", "name: handed"),
        virtual_service(
            "root",
            "istio-egress",
            &format!(
                "hosts: [known.example], gateways: [gate], http: [{{match: [{{uri: {{prefix: /team}}}}], delegate: {{name: team, namespace: team-x}}}}, \
                 {{{}, mirror: {{host: copy.example}}}}]",
                to("known.example")
            ),
        ),
        virtual_service("team", "team-x", &format!("http: [{{{}}}]", to("handed.example"))),
    ];
    let hosts = judged(&estate(&parts), |estate, facts| {
        let mut hosts: Vec<String> =
            departures(estate, &facts.egress).iter().map(|departure| departure.destination.host.clone()).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    });
    assert_eq!(hosts, ["copy.example", "handed.example"]);
}

#[test]
fn of_two_sidecars_the_older_counts_where_the_input_tells_their_ages() {
    let sidecar = |name: &str, metadata: &str, mode: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: {name}, namespace: team-x{metadata}}}\n\
             spec: {{outboundTrafficPolicy: {{mode: {mode}}}}}\n"
        )
    };
    let pod = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: team-x, labels: {istio-injection: enabled}}\n---\n\
        apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, namespace: team-x}\n\
        spec: {template: {metadata: {labels: {app: app}}, spec: {containers: [{name: app, image: app}]}}}\n";
    let mode = |first: &str, second: &str| judged(&format!("{first}{second}{pod}"), |_, facts| facts.outbound[0].mode);
    let older = sidecar("strict", ", creationTimestamp: \"2024-03-01T08:00:00Z\"", "REGISTRY_ONLY");
    let newer = sidecar("loose", ", creationTimestamp: \"2025-01-20T10:30:00Z\"", "ALLOW_ANY");
    assert_eq!(mode(&older, &newer), OutboundMode::RegistryOnly);
    assert_eq!(mode(&newer, &older), OutboundMode::RegistryOnly);
    let undated = sidecar("strict", "", "REGISTRY_ONLY");
    assert_eq!(mode(&newer, &undated), OutboundMode::AllowAny);
}
