//! What may be done to network policies.

use crate::{Edit, Mutation, append, replace};

const WEB: &str = "tenants/web/network-policies.yaml";

pub fn all() -> Vec<Mutation> {
    vec![
        Mutation {
            name: "drop the policies of a namespace",
            edits: vec![Edit::Remove(WEB)],
            rule: "missing-egress-isolation/no-policy",
            path: None,
        },
        replace(
            "open every address",
            (WEB, "            cidr: 199.36.153.4/30\n", "            cidr: 0.0.0.0/0\n"),
            "external-egress-allowed/any-cidr",
            None,
        ),
        append("open without a peer", (WEB, NO_PEER), "external-egress-allowed/empty-to", None),
        append("open one address", (WEB, ONE_ADDRESS), "external-egress-allowed/public-cidr", None),
        replace(
            "write egress under ingress",
            (
                WEB,
                "      app: storefront\n  policyTypes: [Egress]\n",
                "      app: storefront\n  policyTypes: [Ingress]\n",
            ),
            "policy-type-mismatch/no-effect",
            None,
        ),
        append("ask any resolver", (WEB, ANY_RESOLVER), "dns-egress-too-wide/anywhere", None),
        replace(
            "open the Service's port of the gateway",
            (
                WEB,
                "          port: 8080\n        - protocol: TCP\n          port: 8443\n",
                "          port: 80\n        - protocol: TCP\n          port: 443\n",
            ),
            "required-flow-blocked/egress-gateway",
            Some("intended-path-broken"),
        ),
        replace(
            "let nobody into the gateway",
            (
                "egress/network-policies.yaml",
                "                values: [payments, reporting, web]\n",
                "                values: [payments, reporting]\n",
            ),
            "asymmetric-network-policy",
            Some("intended-path-broken"),
        ),
        Mutation {
            name: "guard the gateway with no policy",
            edits: vec![Edit::Remove("egress/network-policies.yaml")],
            rule: "unguarded-gateway-namespace/ingress",
            path: None,
        },
        append("override policies for the cluster", (WEB, ADMIN), "network-policy-overridden/admin-allow", None),
        append("trust a label of a namespace", (WEB, BY_LABEL), "forgeable-namespace-label", None),
        Mutation {
            name: "open private networks on both layers",
            edits: vec![
                Edit::Append(WEB, PRIVATE),
                Edit::Replace("cloud/firewall.yaml", "    - 10.20.0.0/22\n", "    - 10.0.0.0/8\n", 0),
            ],
            rule: "private-network-path",
            path: Some("private-network-path"),
        },
        Mutation {
            name: "open the internet on both layers",
            edits: vec![
                Edit::Append(WEB, ONE_ADDRESS),
                Edit::Replace("cloud/firewall.yaml", "    - 199.36.153.4/30\n", "    - 0.0.0.0/0\n", 0),
            ],
            rule: "app-node-egress-allowed",
            path: Some("direct-internet-path"),
        },
    ]
}

const NO_PEER: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: https, namespace: web}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{ports: [{protocol: TCP, port: 443}]}]
";

const ONE_ADDRESS: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: partner, namespace: web}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 203.0.113.7/32}}], ports: [{protocol: TCP, port: 443}]}]
";

const ANY_RESOLVER: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: web}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{ports: [{protocol: UDP, port: 53}]}]
";

const ADMIN: &str = "
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: partners}
spec:
  priority: 10
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: web}}}
  egress:
    - name: partners
      action: Allow
      to: [{networks: [203.0.113.0/24]}]
";

const BY_LABEL: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shared, namespace: web}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{namespaceSelector: {matchLabels: {shared: \"true\"}}}], ports: [{protocol: TCP, port: 8080}]}]
";

const PRIVATE: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: internal, namespace: web}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{protocol: TCP, port: 443}]}]
";
