//! A mesh in order, to be changed in one thing.

use std::collections::BTreeSet;

use super::audit_text;

/// A mesh in order: one namespace, one host outside, both hops through the gateway.
pub const ESTATE: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
    accessLogFile: /dev/stdout
---
apiVersion: v1
kind: Namespace
metadata: {name: team-x, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: istio-egress, labels: {istio-injection: enabled}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: team-x}
spec:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  egress:
  - hosts: ["istio-egress/*", "istio-system/*"]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: egress-gateway, namespace: istio-egress}
spec:
  template:
    metadata:
      labels: {istio: egress-gateway}
      annotations: {inject.istio.io/templates: gateway}
    spec:
      containers: [{name: istio-proxy, image: auto}]
---
apiVersion: v1
kind: Service
metadata: {name: egress-gateway, namespace: istio-egress}
spec:
  selector: {istio: egress-gateway}
  ports: [{name: http2, port: 80, targetPort: 8080}, {name: tls, port: 443, targetPort: 8443}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress-gateway, namespace: istio-egress}
spec:
  selector: {istio: egress-gateway}
  servers:
  - port: {number: 80, name: https, protocol: HTTPS}
    hosts: ["istio-egress/*"]
    tls: {mode: ISTIO_MUTUAL}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: egress-gateway, namespace: istio-egress}
spec:
  host: egress-gateway.istio-egress.svc.cluster.local
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: example-com, namespace: istio-egress}
spec:
  hosts: [example.com]
  exportTo: [istio-egress, team-x]
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 443}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: example-com, namespace: istio-egress}
spec:
  host: example.com
  exportTo: ["."]
  trafficPolicy: {tls: {mode: SIMPLE, sni: example.com, subjectAltNames: [example.com], caCertificates: system}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: example-com, namespace: istio-egress}
spec:
  hosts: [example.com]
  exportTo: [istio-egress, team-x]
  gateways: [mesh, egress-gateway]
  http:
  - match: [{gateways: [mesh], port: 80}]
    route: [{destination: {host: egress-gateway.istio-egress.svc.cluster.local, port: {number: 80}}}]
  - match: [{gateways: [egress-gateway], port: 80}]
    route: [{destination: {host: example.com, port: {number: 80}}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-all, namespace: istio-egress}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: team-x, namespace: istio-egress}
spec:
  selector: {matchLabels: {istio: egress-gateway}}
  rules:
  - from: [{source: {namespaces: [team-x]}}]
    to: [{operation: {hosts: [example.com]}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: team-x}
spec:
  template:
    metadata: {labels: {app: app}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 1000}
      containers:
      - {name: app, image: app, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}
"#;

/// What is found, without the places.
pub fn findings(text: &str) -> BTreeSet<(&'static str, &'static str, String)> {
    let (_, report) = audit_text(text);
    let all = report.findings.iter().map(|reported| &reported.finding);
    all.map(|finding| (finding.rule, finding.variant, finding.message.clone())).collect()
}

/// The estate with something added.
pub fn adding(added: &str) -> String {
    format!("{ESTATE}---\n{added}")
}
