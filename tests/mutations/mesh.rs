//! What may be done to the mesh: what proxies know, and where routes lead.

use crate::{Edit, Mutation, append, replace};

const SIDECAR: &str = "tenants/web/mesh.yaml";
const MESSAGING: &str = "egress/hosts/messaging.yaml";

pub fn all() -> Vec<Mutation> {
    vec![
        replace(
            "let unknown hosts through",
            (SIDECAR, "mode: REGISTRY_ONLY", "mode: ALLOW_ANY"),
            "outbound-allow-any",
            None,
        ),
        replace(
            "know every service",
            (
                SIDECAR,
                "    - hosts:\n        - ./notifier.web.svc.cluster.local\n",
                "    - hosts:\n        - \"*/*\"\n",
            ),
            "sidecar-scope-too-wide/any-any",
            None,
        ),
        replace(
            "drop the namespace's Sidecar",
            (
                SIDECAR,
                "kind: Sidecar\nmetadata:\n  name: default\n  namespace: web\nspec:\n",
                "kind: Sidecar\nmetadata:\n  name: default\n  namespace: web\nspec:\n  workloadSelector: {labels: {app: nothing}}\n",
            ),
            "missing-default-sidecar",
            None,
        ),
        Mutation {
            name: "export a host to everybody",
            edits: vec![Edit::Replace(
                MESSAGING,
                "  exportTo:\n    - istio-egress\n    - web\n",
                "  exportTo:\n    - \"*\"\n",
                0,
            )],
            rule: "service-entry-overexported",
            path: None,
        },
        append("register a host in a tenant's namespace", (SIDECAR, STRAY), "stray-service-entry", None),
        replace("resolve nothing", (MESSAGING, "resolution: DNS", "resolution: NONE"), "spoofable-service-entry", None),
        append("register a whole domain", (MESSAGING, WILDCARD), "wildcard-external-host", None),
        replace(
            "route past the gateway",
            (
                MESSAGING,
                "            host: istio-egressgateway.istio-egress.svc.cluster.local\n            subset: mutual\n            port:\n              number: 80\n",
                "            host: hooks.messaging.example\n            port:\n              number: 80\n",
            ),
            "route-skips-gateway/dest-external",
            Some("intended-path-broken"),
        ),
        replace(
            "forget the second hop",
            (
                MESSAGING,
                "        - gateways: [istio-egress/egress-gateway]\n          port: 80\n",
                "        - gateways: [istio-egress/other-gateway]\n          port: 80\n",
            ),
            "broken-gateway-hop",
            None,
        ),
        append("route another's host", (SIDECAR, HIJACK), "virtual-service-leak/hijack", None),
        Mutation {
            name: "bind a foreign route to an open gateway",
            edits: vec![
                Edit::Replace("egress/gateway.yaml", "        - istio-egress/*\n", "        - \"*/*\"\n", 0),
                Edit::Append(SIDECAR, FOREIGN),
            ],
            rule: "foreign-route-on-gateway",
            path: Some("unapproved-host-through-gateway"),
        },
        replace(
            "redirect nothing in the whole mesh",
            (
                "mesh/mesh-config.yaml",
                "      holdApplicationUntilProxyStarts: true\n",
                "      holdApplicationUntilProxyStarts: true\n      interceptionMode: NONE\n",
            ),
            "mesh-wide-capture-gap/mode-none",
            None,
        ),
        append("patch the proxies", (MESSAGING, FILTER), "proxy-extension-in-path", None),
        append("hide a host behind a Service", (SIDECAR, EXTERNAL_NAME), "hidden-external-backend/externalname", None),
        replace(
            "believe in the source of a match",
            (
                MESSAGING,
                "        - gateways: [mesh]\n          port: 80\n",
                "        - gateways: [mesh]\n          port: 80\n          sourceNamespace: web\n",
            ),
            "ignored-source-match",
            None,
        ),
        replace(
            "let peers in without a certificate",
            ("mesh/peer-authentication.yaml", "mode: STRICT", "mode: PERMISSIVE"),
            "permissive-mtls",
            None,
        ),
        replace(
            "leave the gateway in plain text",
            ("egress/hosts/exchange-rates.yaml", "      mode: SIMPLE\n", "      mode: DISABLE\n"),
            "missing-tls-origination",
            None,
        ),
        replace(
            "trust any certificate",
            (
                "egress/hosts/exchange-rates.yaml",
                "      mode: SIMPLE\n",
                "      mode: SIMPLE\n      insecureSkipVerify: true\n",
            ),
            "unverified-tls-origination",
            None,
        ),
        replace(
            "let sidecars originate TLS",
            ("egress/hosts/exchange-rates.yaml", "  exportTo:\n    - .\n", "  exportTo:\n    - \"*\"\n"),
            "double-tls",
            None,
        ),
    ]
}

const STRAY: &str = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: files, namespace: web}
spec:
  hosts: [files.example.com]
  exportTo: [.]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}]
";

const WILDCARD: &str = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: all, namespace: istio-egress}
spec:
  hosts: [\"*.com\"]
  exportTo: [istio-egress, web]
  location: MESH_EXTERNAL
  resolution: NONE
  ports: [{number: 443, name: tls, protocol: TLS}]
";

const HIJACK: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other, namespace: web}
spec:
  hosts: [rates.exchange.example]
  exportTo: [\"*\"]
  http:
    - route: [{destination: {host: storefront.web.svc.cluster.local, port: {number: 80}}}]
";

const FOREIGN: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other, namespace: web}
spec:
  hosts: [hooks.messaging.example]
  gateways: [istio-egress/egress-gateway]
  http:
    - match: [{uri: {prefix: /x}}]
      route: [{destination: {host: rates.exchange.example, port: {number: 80}}}]
";

const FILTER: &str = "
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: tune, namespace: istio-egress}
spec:
  configPatches:
    - applyTo: CLUSTER
      match: {context: GATEWAY}
      patch: {operation: ADD, value: {name: other}}
";

const EXTERNAL_NAME: &str = "
apiVersion: v1
kind: Service
metadata: {name: files, namespace: web}
spec: {type: ExternalName, externalName: files.example.com}
";
