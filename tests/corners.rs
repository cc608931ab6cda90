//! Corners of the mesh: an estate whose mesh is in order, changed in one thing, and what is then said besides. What is said
//! is what Istio does, whether that opens a way or breaks one.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::BTreeSet;

use common::mesh::{ESTATE, adding, findings};

/// The rules and variants that a change adds.
fn said(text: &str) -> Vec<String> {
    let named = |text: &str| -> BTreeSet<(&str, &str)> {
        findings(text).into_iter().map(|(rule, variant, _)| (rule, variant)).collect()
    };
    named(text).difference(&named(ESTATE)).map(|(rule, variant)| format!("{rule}/{variant}")).collect()
}

/// The estate with texts replaced, of which each must be there.
fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(ESTATE.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    })
}

const GATEWAYS: &str = "gateways: [mesh, egress-gateway]";
const HOSTS: &str = "istio-egress/*\"]\n    tls";
const SCOPE: &str = "hosts: [\"istio-egress/*\", \"istio-system/*\"]";
const MUTUAL: &str = "trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}";
const TO_GATEWAY: &str = "port: {number: 80}}}]\n  - match: [{gateways: [egress";

fn rule(namespace: &str, host: &str, spec: &str) -> String {
    adding(&format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: other, namespace: {namespace}}}\n\
         spec: {{host: {host}, {spec}}}\n"
    ))
}

fn route(namespace: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: own, namespace: {namespace}}}\n\
         spec: {{{spec}}}\n"
    )
}

fn policy(namespace: &str, spec: &str) -> String {
    adding(&format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: other, namespace: {namespace}}}\n\
         spec: {{{spec}}}\n"
    ))
}

fn entry(namespace: &str, spec: &str) -> String {
    adding(&format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: other, namespace: {namespace}}}\n\
         spec: {{{spec}}}\n"
    ))
}

/// A match gives a route to nobody whom the virtual service does not name.
#[test]
fn a_match_does_not_bind_a_route_to_a_gateway() {
    assert_eq!(said(&with(&[(GATEWAYS, "gateways: [mesh]")])), ["broken-gateway-hop/mesh-only"]);
    assert_eq!(said(&with(&[("  gateways: [mesh, egress-gateway]\n", "")])), ["broken-gateway-hop/mesh-only"]);
    let without_mesh = said(&with(&[(GATEWAYS, "gateways: [egress-gateway]")]));
    assert_eq!(without_mesh, ["intended-path-broken/mesh", "route-skips-gateway/no-vs"]);
}

#[test]
fn a_short_host_is_a_service_of_the_objects_own_namespace() {
    let short = |host: &str| said(&with(&[("host: egress-gateway.istio-egress.svc.cluster.local, port", host)]));
    assert_eq!(short("host: egress-gateway, port"), [""; 0]);
    // With a dot it is taken for a full name, which no service has.
    assert_eq!(short("host: egress-gateway.istio-egress, port"), ["intended-path-broken/mesh"]);
    let of_rule = |host: &str| said(&with(&[("host: egress-gateway.istio-egress.svc.cluster.local\n", host)]));
    assert_eq!(of_rule("host: egress-gateway\n"), [""; 0]);
    assert_eq!(
        of_rule("host: egress-gateway.istio-egress.svc\n"),
        ["intended-path-broken/mesh", "missing-istio-mutual/missing"]
    );
}

#[test]
fn hosts_of_a_server_say_whose_routes_bind() {
    let of = |hosts: &str| said(&with(&[(HOSTS, &format!("{hosts}\"]\n    tls"))]));
    assert_eq!(of("./*"), [""; 0]);
    assert_eq!(of("*/*"), ["gateway-open-to-all-namespaces/hosts"]);
    assert_eq!(of("team-x/*"), ["broken-gateway-hop/mesh-only"]);
    assert_eq!(of("./*.org"), ["broken-gateway-hop/mesh-only", "broken-gateway-hop/sni"]);
}

/// A listener for certain hosts is picked by the name that TLS starts with: by default that of the cluster.
#[test]
fn a_listener_for_certain_hosts_is_picked_by_name() {
    let of = |hosts: &str, tls: &str| {
        let hosts = format!("{hosts}\"]\n    tls");
        said(&with(&[(HOSTS, &hosts), (MUTUAL, &format!("trafficPolicy: {{tls: {{mode: ISTIO_MUTUAL{tls}}}}}"))]))
    };
    assert_eq!(of("./example.com", ""), ["broken-gateway-hop/sni"]);
    assert_eq!(of("./example.com", ", sni: other.example"), ["broken-gateway-hop/sni"]);
    assert_eq!(of("./example.com", ", sni: example.com"), [""; 0]);
    assert_eq!(of("./*.com", ", sni: example.com"), [""; 0]);
}

#[test]
fn the_nearest_rule_counts_alone() {
    const GATEWAY: &str = "egress-gateway.istio-egress.svc.cluster.local";
    const PLAIN: &str = "trafficPolicy: {loadBalancer: {simple: RANDOM}}";
    const OFF: &str = "trafficPolicy: {tls: {mode: DISABLE}}";
    let dropped = ["destination-rule-drops-tls/client-ns", "intended-path-broken/mesh"];
    for host in [GATEWAY, "\"*.local\"", "\"*\""] {
        assert_eq!(said(&rule("team-x", host, PLAIN)), dropped, "{host}");
    }
    // The root namespace comes last, and a third one not at all.
    assert_eq!(said(&rule("istio-system", GATEWAY, OFF)), [""; 0]);
    assert_eq!(said(&rule("team-z", GATEWAY, OFF)), [""; 0]);
    let hidden = [("svc.cluster.local\n  trafficPolicy", "svc.cluster.local\n  exportTo: [\".\"]\n  trafficPolicy")];
    assert_eq!(said(&with(&hidden)), ["intended-path-broken/mesh", "missing-istio-mutual/missing"]);
}

/// Where nothing sets TLS, sidecars speak mutual TLS with pods that carry the label of a sidecar, unless the mesh switches that
/// off; what a rule sets counts whatever the pods carry.
#[test]
fn mutual_tls_is_automatic_for_labelled_pods_alone() {
    const PODS: &str = "labels: {istio: egress-gateway}";
    const LABELLED: (&str, &str) = (PODS, "labels: {istio: egress-gateway, security.istio.io/tlsMode: istio}");
    let unset = (MUTUAL, "trafficPolicy: {loadBalancer: {simple: RANDOM}}");
    let disabled = (MUTUAL, "trafficPolicy: {tls: {mode: DISABLE}}");
    let off = ("accessLogFile: /dev/stdout", "accessLogFile: /dev/stdout\n    enableAutoMtls: false");
    let missing = ["intended-path-broken/mesh", "missing-istio-mutual/missing"];
    assert_eq!(said(&with(&[unset])), missing);
    assert_eq!(said(&with(&[unset, LABELLED])), [""; 0]);
    assert_eq!(said(&with(&[unset, LABELLED, off])), missing);
    assert_eq!(said(&with(&[disabled, LABELLED])), ["intended-path-broken/mesh", "missing-istio-mutual/disabled"]);
}

/// A rule for certain pods counts for these, and for no others of the namespace.
#[test]
fn a_rule_for_certain_pods_counts_for_these() {
    const GATEWAY: &str = "egress-gateway.istio-egress.svc.cluster.local";
    let of = |app: &str, mode: &str| {
        format!("workloadSelector: {{matchLabels: {{app: {app}}}}}, trafficPolicy: {{tls: {{mode: {mode}}}}}")
    };
    assert_eq!(
        said(&rule("team-x", GATEWAY, &of("app", "DISABLE"))),
        ["destination-rule-drops-tls/client-ns", "intended-path-broken/mesh"]
    );
    assert_eq!(said(&rule("team-x", GATEWAY, &of("other", "DISABLE"))), [""; 0]);
    let alone = rule("team-x", GATEWAY, &of("app", "ISTIO_MUTUAL")).replace(
        "  host: egress-gateway.istio-egress.svc.cluster.local\n",
        "  host: other.istio-egress.svc.cluster.local\n",
    );
    assert_eq!(said(&alone), [""; 0]);
}

#[test]
fn ports_and_subsets_replace_what_stands_above_them() {
    let ports = |port: &str| {
        format!("trafficPolicy: {{tls: {{mode: ISTIO_MUTUAL}}, portLevelSettings: [{{port: {{number: {port}}}}}]}}")
    };
    assert_eq!(said(&with(&[(MUTUAL, &ports("443"))])), [""; 0]);
    let dropped = ["destination-rule-drops-tls/port-level", "intended-path-broken/mesh"];
    assert_eq!(said(&with(&[(MUTUAL, &ports("80"))])), dropped);
    let subset = ("port: {number: 80}, subset: far}}]\n  - match: [{gateways: [egress", TO_GATEWAY);
    let of =
        |subsets: &str| said(&with(&[(TO_GATEWAY, subset.0), (MUTUAL, &format!("{MUTUAL}\n  subsets: [{subsets}]"))]));
    assert_eq!(of("{name: far}"), [""; 0]);
    assert_eq!(of("{name: near}"), ["broken-gateway-hop/subset", "intended-path-broken/mesh"]);
    assert_eq!(
        of("{name: far, trafficPolicy: {tls: {mode: DISABLE}}}"),
        ["intended-path-broken/mesh", "missing-istio-mutual/disabled"]
    );
}

#[test]
fn one_sidecar_decides_what_is_known() {
    let scope = |hosts: &str| said(&with(&[(SCOPE, hosts)]));
    assert_eq!(scope("hosts: [istio-egress/example.com]"), [""; 0]);
    let narrow = ["intended-path-broken/mesh", "sidecar-scope-too-wide/egress-ns-missing"];
    assert_eq!(scope("hosts: [\"~/*\"]"), narrow);
    assert_eq!(scope("hosts: [istio-egress/egress-gateway.istio-egress.svc.cluster.local]"), narrow);
    // In the root namespace one for certain pods holds for none of other namespaces.
    let root = (
        "metadata: {name: default, namespace: team-x}\nspec:\n",
        "metadata: {name: default, namespace: istio-system}\nspec:\n",
    );
    let selecting = format!("{}  workloadSelector: {{labels: {{app: app}}}}\n", root.1);
    assert_eq!(said(&with(&[root])), ["missing-default-sidecar/namespace"]);
    assert_eq!(said(&with(&[(root.0, &selecting)])), ["missing-default-sidecar/namespace"]);
}

/// A route of the clients' own namespace counts where their Sidecar takes it in.
#[test]
fn a_route_of_ones_own_leads_past_the_gateway() {
    let own =
        route("team-x", "hosts: [example.com], exportTo: [.], http: [{route: [{destination: {host: example.com}}]}]");
    assert_eq!(said(&(ESTATE.to_owned() + &own)), [""; 0]);
    let wide = with(&[(SCOPE, "hosts: [\"istio-egress/*\", ./*]")]);
    assert_eq!(said(&(wide + &own)), ["route-skips-gateway/dest-external"]);
}

/// What the gateway does not see it does not take, and nobody needs to allow it.
#[test]
fn a_route_that_the_gateway_does_not_see_is_none() {
    let open = with(&[(HOSTS, "*\"]\n    tls")]);
    let of = |export: &str| {
        said(
            &(open.clone()
                + &route(
                    "team-x",
                    &format!(
                        "hosts: [other.example], {export}gateways: [istio-egress/egress-gateway], http: [{{route: [{{destination: {{host: other.example}}}}]}}]"
                    ),
                )),
        )
    };
    assert_eq!(of("exportTo: [.], "), ["gateway-open-to-all-namespaces/hosts"]);
    assert_eq!(
        of(""),
        ["foreign-route-on-gateway/foreign", "gateway-open-to-all-namespaces/hosts", "policy-route-drift/ungranted"]
    );
}

/// A port whose protocol is not named is looked up as requests and as connections: each list must lead to the gateway.
#[test]
fn a_protocol_that_is_not_named_may_be_either() {
    let to = "route: [{destination: {host: egress-gateway, port: {number: 80}}}]";
    let of = |lists: &str| {
        let entry = entry(
            "istio-egress",
            "hosts: [other.example], exportTo: [istio-egress, team-x], resolution: DNS, ports: [{number: 80, name: web}]",
        );
        let hops = format!("hosts: [other.example], exportTo: [istio-egress, team-x], gateways: [mesh], {lists}");
        let found = findings(&(entry + &route("istio-egress", &hops)));
        let direct = found.into_iter().filter(|(rule, ..)| *rule == "route-skips-gateway");
        direct.map(|(.., said)| said.rsplit(": ").next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of(&format!("http: [{{{to}}}]")), ["virtual service `own` has no `tcp` route for it"]);
    assert_eq!(of(&format!("tcp: [{{{to}}}]")), ["virtual service `own` has no `http` route for it"]);
    assert_eq!(of(&format!("http: [{{{to}}}], tcp: [{{{to}}}]")), [""; 0]);
}

/// What pods say of their own redirection: an empty list of addresses redirects nothing, an unknown mode changes nothing.
#[test]
fn annotations_say_what_is_redirected() {
    let of = |annotation: &str| {
        said(&with(&[("{labels: {app: app}}", &format!("{{labels: {{app: app}}, annotations: {{{annotation}}}}}"))]))
    };
    assert_eq!(of("traffic.sidecar.istio.io/includeOutboundIPRanges: \"\""), ["capture-excluded/include-ranges"]);
    assert_eq!(of("traffic.sidecar.istio.io/includeOutboundIPRanges: \"*\""), [""; 0]);
    assert_eq!(of("traffic.sidecar.istio.io/includeOutboundIPRanges: 10.0.0.0/8"), ["capture-excluded/include-ranges"]);
    assert_eq!(of("traffic.sidecar.istio.io/excludeOutboundPorts: \"443\""), ["capture-excluded/ports"]);
    assert_eq!(of("inject.istio.io/templates: \"sidecar,custom\""), [""; 0]);
    assert_eq!(of("inject.istio.io/templates: gateway"), ["capture-excluded/template"]);
    assert_eq!(of("sidecar.istio.io/interceptionMode: TPROXY"), [""; 0]);
    assert_eq!(of("proxy.istio.io/config: \"interceptionMode: NONE\""), ["capture-excluded/mode-none"]);
}

/// Where the mesh exports nothing by default, the gateway's rule and service are its namespace's own.
#[test]
fn the_mesh_says_what_is_exported_by_default() {
    let of = |field: &str| {
        let narrow = format!("accessLogFile: /dev/stdout\n    {field}: [.]");
        said(&with(&[("accessLogFile: /dev/stdout", &narrow)]))
    };
    assert_eq!(of("defaultVirtualServiceExportTo"), [""; 0]);
    assert_eq!(of("defaultServiceExportTo"), ["broken-gateway-hop/service-hidden"]);
    assert_eq!(of("defaultDestinationRuleExportTo"), ["intended-path-broken/mesh", "missing-istio-mutual/missing"]);
}

/// The gateway knows a host by any entry that it sees.
#[test]
fn a_second_entry_need_not_be_exported_to_the_gateway() {
    let second =
        "hosts: [example.com], exportTo: [.], resolution: DNS, ports: [{number: 443, name: tls, protocol: TLS}]";
    assert_eq!(said(&entry("team-x", second)), ["stray-service-entry/namespace"]);
    let hidden = with(&[("exportTo: [istio-egress, team-x]\n  resolution", "exportTo: [team-x]\n  resolution")]);
    assert_eq!(said(&hidden), ["service-entry-overexported/unexported-to-gateway"]);
}

#[test]
fn entries_without_an_address_of_their_own_take_more() {
    let of = |spec: &str| said(&entry("istio-egress", &format!("exportTo: [istio-egress, team-x], {spec}")));
    let direct = "route-skips-gateway/no-vs";
    let tcp = "ports: [{number: 5432, name: tcp, protocol: TCP}]";
    assert_eq!(of(&format!("hosts: [db.example.net], addresses: [203.0.113.0/24], {tcp}")), [direct]);
    assert_eq!(of(&format!("hosts: [db.example.net], {tcp}")), [direct, "spoofable-service-entry/none-tcp"]);
    let tls = "ports: [{number: 443, name: tls, protocol: TLS}]";
    assert_eq!(of(&format!("hosts: [\"*.example.net\"], {tls}")), [direct, "spoofable-service-entry/none-tls"]);
    assert_eq!(of("hosts: [db.example.net], resolution: DNS, ports: [{number: 443, name: https}]"), [direct]);
    // Datagrams do not pass proxies at all.
    assert_eq!(
        of("hosts: [ns.example.net], resolution: DNS, ports: [{number: 53, name: udp, protocol: UDP}]"),
        [""; 0]
    );
}

#[test]
fn empty_rules_and_lists_are_not_the_same() {
    let of = |spec: &str| said(&policy("istio-egress", spec));
    for nothing in
        ["rules: []", "action: DENY", "action: AUDIT", "action: CUSTOM, provider: {name: other}, rules: [{}]"]
    {
        assert_eq!(
            of(nothing),
            if nothing.contains("AUDIT") { vec!["policy-not-enforced/audit-only"] } else { vec![] },
            "{nothing}"
        );
    }
    for everything in
        ["rules: [{}]", "rules: [{from: [{source: {}}], to: [{operation: {}}]}]", "selector: {}, rules: [{}]"]
    {
        assert_eq!(of(everything), ["allow-all-policy/everything"], "{everything}");
    }
    assert_eq!(said(&policy("istio-system", "rules: [{}]")), ["allow-all-policy/everything"]);
    assert_eq!(
        said(&policy("team-x", "selector: {matchLabels: {istio: egress-gateway}}, rules: [{}]")),
        ["policy-not-enforced/namespace"]
    );
    assert_eq!(
        of("targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: egress-gateway}], rules: [{}]"),
        ["policy-not-enforced/targetref"]
    );
}

#[test]
fn what_is_excepted_and_what_is_named_are_not_the_same() {
    let of = |spec: &str| said(&policy("istio-egress", spec));
    // What is denied but for the hosts that are meant is denied.
    assert_eq!(of("action: DENY, rules: [{to: [{operation: {notHosts: [example.com]}}]}]"), [""; 0]);
    assert_eq!(of("action: DENY, rules: [{to: [{operation: {notPorts: [\"8080\"]}}]}]"), [""; 0]);
    // The port of the Service is none of the pods'.
    let all = ["intended-path-broken/authorization", "policy-route-drift/ungranted"];
    assert_eq!(of("action: DENY, rules: [{to: [{operation: {notPorts: [\"80\"]}}]}]"), all);
    assert_eq!(of("action: DENY, rules: [{to: [{operation: {ports: [\"80\"]}}]}]"), ["policy-never-matches/port"]);
    assert_eq!(of("action: DENY, rules: [{}]"), all);
    assert_eq!(
        of(
            "rules: [{when: [{key: source.namespace, notValues: [team-y]}], to: [{operation: {hosts: [example.com], paths: [/x]}}]}]"
        ),
        ["evadable-match/negative-only"]
    );
    assert_eq!(
        of(
            "rules: [{from: [{source: {namespaces: [team-x]}}, {source: {ipBlocks: [0.0.0.0/0]}}], to: [{operation: {hosts: [example.com], paths: [/x]}}]}]"
        ),
        ["allow-without-source/address"]
    );
    assert_eq!(
        of(
            "rules: [{from: [{source: {namespaces: [team-x]}}], to: [{operation: {hosts: [example.com], paths: [/x]}}, {operation: {ports: [\"8080\"]}}]}]"
        ),
        ["allow-without-destination/no-host"]
    );
}

/// Of a listener that reads requests the name of TLS says no host, unless it has one host alone.
#[test]
fn the_name_of_tls_is_not_the_host_of_a_request() {
    let by_name =
        "rules: [{from: [{source: {namespaces: [team-x]}}], when: [{key: connection.sni, values: [example.com]}]}]";
    let text = policy("istio-egress", by_name);
    assert_eq!(said(&text), ["evadable-match/sni"]);
    let one_host = text
        .replace(HOSTS, "./example.com\"]\n    tls")
        .replace(MUTUAL, "trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: example.com}}");
    assert_eq!(said(&one_host), [""; 0]);
    let with_host = text.replace("when: [{key: conn", "to: [{operation: {hosts: [example.com]}}], when: [{key: conn");
    assert_eq!(said(&with_host), [""; 0]);
}

#[test]
fn trust_domains_and_their_aliases_are_the_meshs_own() {
    let of = |domains: &str| {
        let by_old = "rules: [{from: [{source: {principals: [old/ns/team-x/sa/app]}}], to: [{operation: {hosts: [example.com]}}]}]";
        said(
            &policy("istio-egress", by_old)
                .replace("accessLogFile: /dev/stdout", &format!("accessLogFile: /dev/stdout\n    {domains}")),
        )
    };
    assert_eq!(of("trustDomain: new\n    trustDomainAliases: [old]"), [""; 0]);
    assert_eq!(of("trustDomain: old"), [""; 0]);
    assert_eq!(of("trustDomain: new"), ["policy-never-matches/trust-domain"]);
}

#[test]
fn ports_of_peers_count_with_a_selector_alone() {
    let of = |spec: &str| {
        said(&adding(&format!(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: other, namespace: team-x}}\nspec: {{{spec}}}\n"
        )))
    };
    let ports = "mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}";
    assert_eq!(of(ports), [""; 0]);
    assert_eq!(of(&format!("selector: {{matchLabels: {{app: app}}}}, {ports}")), ["permissive-mtls/port-level"]);
}

/// Control planes that Google manages are known by their objects, where the input has some.
#[test]
fn a_managed_revision_is_one_of_those_that_are_there() {
    let of = |revision: &str, planes: &[&str]| {
        let plane = |name: &&str| {
            format!(
                "---\napiVersion: mesh.cloud.google.com/v1beta1\nkind: ControlPlaneRevision\nmetadata: {{name: {name}, namespace: istio-system}}\n\
                 spec: {{type: managed_service, channel: regular}}\n"
            )
        };
        let label = format!("{{name: team-x, labels: {{{revision}}}}}");
        let text = with(&[("{name: team-x, labels: {istio-injection: enabled}}", &label)]);
        said(&(text + &planes.iter().map(plane).collect::<String>()))
    };
    let unknown = ["workload-outside-mesh/unknown-revision"];
    assert_eq!(of("istio.io/rev: asm-managed-rapid", &[]), [""; 0]);
    assert_eq!(of("istio.io/rev: asm-managed", &["asm-managed"]), [""; 0]);
    assert_eq!(of("istio.io/rev: asm-managed-rapid", &["asm-managed"]), unknown);
    assert_eq!(of("istio.io/rev: asm-managed-rapid", &["asm-managed", "asm-managed-rapid"]), [""; 0]);
    assert_eq!(of("istio.io/rev: asm-1162", &["asm-managed"]), unknown);
    assert_eq!(of("istio-injection: enabled", &["asm-managed"]), [""; 0]);
}

/// Machines of a group are picked by policies as pods are.
#[test]
fn a_policy_may_be_for_machines() {
    let of = |group: &str| {
        said(
            &(policy("team-x", "selector: {matchLabels: {app: ledger}}, rules: [{}]")
                + &format!(
                    "---\napiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: {{name: ledger, namespace: team-x}}\nspec: {{{group}}}\n"
                )),
        )
    };
    assert_eq!(of("template: {serviceAccount: ledger}"), ["policy-not-enforced/selector"]);
    assert_eq!(of("metadata: {labels: {app: ledger}}, template: {serviceAccount: ledger}"), [""; 0]);
    assert_eq!(of("template: {labels: {app: ledger}}"), [""; 0]);
}
