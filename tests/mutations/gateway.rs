//! What may be done to the gateway: its pods, its listeners, and who may ask it for what.

use crate::{Edit, Mutation, append, replace};

const PODS: &str = "egress/gateway-pods.yaml";
const GATEWAY: &str = "egress/gateway.yaml";
const POLICIES: &str = "egress/authorization.yaml";

pub fn all() -> Vec<Mutation> {
    [pods(), listeners(), authorization()].into_iter().flatten().collect()
}

fn pods() -> Vec<Mutation> {
    vec![
        replace(
            "let the gateway run anywhere",
            (PODS, "      nodeSelector:\n        cloud.google.com/gke-nodepool: gateway\n", ""),
            "gateway-placement-loose/selector",
            None,
        ),
        replace(
            "forget the gateway's toleration",
            (
                PODS,
                "      tolerations:\n        - key: dedicated\n          operator: Equal\n          value: egress\n          effect: NoSchedule\n        - key: dedicated\n          operator: Equal\n          value: egress\n          effect: NoExecute\n",
                "",
            ),
            "gateway-placement-loose/toleration",
            Some("intended-path-broken"),
        ),
        replace(
            "let the gateway shrink to one pod",
            (PODS, "minReplicas: 3", "minReplicas: 1"),
            "gateway-not-scaled/min-replicas",
            None,
        ),
        replace(
            "scale something else than the gateway",
            (
                PODS,
                "    kind: Deployment\n    name: istio-egressgateway\n",
                "    kind: Deployment\n    name: ingressgateway\n",
            ),
            "gateway-not-scaled/no-hpa",
            None,
        ),
        append("run an application beside the gateway", (PODS, BESIDE), "gateway-nodes-shared/ns-shared", None),
    ]
}

fn listeners() -> Vec<Mutation> {
    let mutual = "      tls:\n        mode: ISTIO_MUTUAL\n";
    vec![
        replace(
            "forward TLS unread",
            (GATEWAY, mutual, "      tls:\n        mode: PASSTHROUGH\n"),
            "gateway-passthrough",
            Some("intended-path-broken"),
        ),
        replace(
            "leave the listener's mode out",
            (GATEWAY, mutual, "      tls: {}\n"),
            "gateway-without-mutual-tls/default-mode",
            Some("intended-path-broken"),
        ),
        replace(
            "ask clients for no certificate",
            (GATEWAY, mutual, "      tls:\n        mode: SIMPLE\n        credentialName: web\n"),
            "gateway-without-mutual-tls/simple",
            Some("intended-path-broken"),
        ),
        replace(
            "forward to whatever the client names",
            (GATEWAY, mutual, "      tls:\n        mode: AUTO_PASSTHROUGH\n"),
            "auto-passthrough-egress",
            Some("unapproved-host-through-gateway"),
        ),
        replace(
            "let every namespace bind",
            (GATEWAY, "        - istio-egress/*\n", "        - \"*\"\n"),
            "gateway-open-to-all-namespaces",
            None,
        ),
        append("add a second Gateway object", (GATEWAY, SECOND), "gateway-selector-collision/foreign", None),
        replace(
            "override TLS for a port",
            (
                GATEWAY,
                "  trafficPolicy:\n    tls:\n      mode: ISTIO_MUTUAL\n  subsets:\n    - name: mutual\n      trafficPolicy:\n        tls:\n          mode: ISTIO_MUTUAL\n",
                "  trafficPolicy:\n    tls:\n      mode: ISTIO_MUTUAL\n  subsets:\n    - name: mutual\n      trafficPolicy:\n        tls:\n          mode: ISTIO_MUTUAL\n        portLevelSettings:\n          - port: {number: 80}\n            connectionPool: {http: {idleTimeout: 30s}}\n",
            ),
            "destination-rule-drops-tls",
            Some("intended-path-broken"),
        ),
        Mutation {
            name: "speak plain text to the gateway",
            edits: vec![
                Edit::Replace(GATEWAY, "      mode: ISTIO_MUTUAL\n  subsets:", "      mode: DISABLE\n  subsets:", 0),
                Edit::Replace(
                    GATEWAY,
                    "          mode: ISTIO_MUTUAL\n        connectionPool",
                    "          mode: DISABLE\n        connectionPool",
                    0,
                ),
            ],
            rule: "missing-istio-mutual",
            path: Some("intended-path-broken"),
        },
        append(
            "shadow the destination rule",
            ("tenants/web/mesh.yaml", SHADOW),
            "destination-rule-drops-tls",
            Some("intended-path-broken"),
        ),
    ]
}

fn authorization() -> Vec<Mutation> {
    let source = "    - from:
        - source:
            serviceAccounts: [web/notifier]
      to:
        - operation:
            hosts: [hooks.messaging.example]
";
    vec![
        replace(
            "drop the policy that denies everything",
            (
                POLICIES,
                "  name: deny-all\n  namespace: istio-egress\nspec: {}\n",
                "  name: deny-all\n  namespace: istio-egress\nspec:\n  selector: {matchLabels: {app: nothing}}\n",
            ),
            "missing-deny-all",
            None,
        ),
        append(
            "add a policy that allows everything",
            (POLICIES, EVERYTHING),
            "allow-all-policy",
            Some("unapproved-host-through-gateway"),
        ),
        append(
            "add a second policy without a selector",
            (POLICIES, SECOND_POLICY),
            "allow-without-source",
            Some("unapproved-host-through-gateway"),
        ),
        replace(
            "name no source",
            (POLICIES, source, "    - to:\n        - operation:\n            hosts: [hooks.messaging.example]\n"),
            "allow-without-source",
            Some("unapproved-host-through-gateway"),
        ),
        replace(
            "name no host",
            (
                POLICIES,
                source,
                "    - from:\n        - source:\n            serviceAccounts: [web/notifier]\n      to:\n        - operation:\n",
            ),
            "allow-without-destination",
            Some("unapproved-host-through-gateway"),
        ),
        replace(
            "make a policy a dry run",
            (
                POLICIES,
                "  name: web-to-messaging\n",
                "  name: web-to-messaging\n  annotations: {istio.io/dry-run: \"true\"}\n",
            ),
            "policy-not-enforced/dry-run",
            None,
        ),
        replace(
            "name the Service's port",
            (POLICIES, "ports: [\"8443\"]", "ports: [\"443\"]"),
            "policy-never-matches/port",
            Some("intended-path-broken"),
        ),
        replace(
            "name another mesh's account",
            (POLICIES, "harborlane-prod.svc.id.goog/ns/reporting", "harborlane-test.svc.id.goog/ns/reporting"),
            "policy-never-matches/trust-domain",
            None,
        ),
        Mutation {
            name: "enforce nothing at the gateway",
            edits: vec![Edit::Remove(POLICIES)],
            rule: "gateway-without-authorization",
            path: Some("unapproved-host-through-gateway"),
        },
        append("deny a host by its exact name", (POLICIES, DENY_HOST), "evadable-match", None),
        append("grant a host without a route", (POLICIES, DRIFT), "policy-route-drift", None),
    ]
}

const BESIDE: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: dashboard, namespace: istio-egress}
spec:
  selector: {matchLabels: {app: dashboard}}
  template:
    metadata: {labels: {app: dashboard}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001}
      containers: [{name: dashboard, image: dashboard}]
";

const SECOND: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: own, namespace: web}
spec:
  selector: {istio: egressgateway}
  servers:
    - port: {number: 8081, name: http, protocol: HTTP}
      hosts: [\"*\"]
";

const SHADOW: &str = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: all, namespace: web}
spec:
  host: \"*.svc.cluster.local\"
  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}
";

const EVERYTHING: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: debug, namespace: istio-egress}
spec:
  selector: {matchLabels: {istio: egressgateway}}
  rules: [{}]
";

const SECOND_POLICY: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: general, namespace: istio-egress}
spec:
  rules: [{to: [{operation: {ports: [\"8080\"]}}]}]
";

const DENY_HOST: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: not-this-one, namespace: istio-egress}
spec:
  action: DENY
  rules: [{to: [{operation: {hosts: [files.example.com]}}]}]
";

const DRIFT: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web-to-maps, namespace: istio-egress}
spec:
  rules:
    - from: [{source: {serviceAccounts: [web/notifier]}}]
      to: [{operation: {hosts: [maps.example.com], ports: [\"8080\"]}}]
";
