//! What may be done to pools, firewall, network and DNS.

use crate::{Edit, Mutation, append, replace};

const POOLS: &str = "cloud/node-pools.yaml";
const FIREWALL: &str = "cloud/firewall.yaml";
const CLUSTER: &str = "cloud/cluster.yaml";
const NETWORK: &str = "cloud/network.yaml";

pub fn all() -> Vec<Mutation> {
    [nodes(), firewall(), network()].into_iter().flatten().collect()
}

fn nodes() -> Vec<Mutation> {
    let taints = "    taint:
      - key: dedicated
        value: egress
        effect: NO_SCHEDULE
      - key: dedicated
        value: egress
        effect: NO_EXECUTE
";
    vec![
        replace("drop the taint", (POOLS, taints, ""), "gateway-taint-missing/missing", None),
        Mutation {
            name: "soften the taint",
            edits: vec![
                Edit::Replace(POOLS, "NO_SCHEDULE", "PREFER_NO_SCHEDULE", 0),
                Edit::Replace(POOLS, "NO_EXECUTE", "PREFER_NO_SCHEDULE", 0),
            ],
            rule: "gateway-taint-missing/soft",
            path: None,
        },
        replace(
            "give applications the gateway's service account",
            (POOLS, "name: nodes-apps", "name: nodes-gateway"),
            "weak-firewall-target/shared-sa",
            None,
        ),
        replace(
            "give the gateway the applications' service account",
            (POOLS, "name: nodes-gateway", "name: nodes-apps"),
            "ineffective-firewall-rule/dead-target",
            Some("intended-path-broken"),
        ),
        replace(
            "leave the service account to the default",
            (POOLS, "    serviceAccountRef:\n      name: nodes-apps\n", ""),
            "broad-node-service-account/default",
            None,
        ),
        replace(
            "give nodes public addresses",
            (POOLS, "enablePrivateNodes: true", "enablePrivateNodes: false"),
            "public-node/pool",
            None,
        ),
        Mutation {
            name: "fix the size of the gateway's pool",
            edits: vec![Edit::Replace(POOLS, "  autoscaling:\n    minNodeCount: 1\n    maxNodeCount: 2\n", "", 0)],
            rule: "gateway-not-scaled/pool-autoscaling",
            path: None,
        },
        replace(
            "use the dataplane without policies",
            (CLUSTER, "datapathProvider: ADVANCED_DATAPATH", "datapathProvider: LEGACY_DATAPATH"),
            "network-policy-not-enforced",
            None,
        ),
        replace(
            "switch Workload Identity off",
            (CLUSTER, "  workloadIdentityConfig:\n    workloadPool: harborlane-prod.svc.id.goog\n", ""),
            "workload-identity-off",
            None,
        ),
    ]
}

fn firewall() -> Vec<Mutation> {
    let deny = "  priority: 65535
  destinationRanges:
    - 0.0.0.0/0
";
    vec![
        append("add an allow of priority 900", (FIREWALL, ALLOW_900), "app-node-egress-allowed/web", None),
        append("add an allow without a target", (FIREWALL, ALLOW_900), "weak-firewall-target/untargeted", None),
        replace(
            "disable the deny-all",
            (FIREWALL, deny, "  disabled: true\n  priority: 65535\n  destinationRanges:\n    - 0.0.0.0/0\n"),
            "ineffective-firewall-rule/disabled",
            None,
        ),
        replace(
            "narrow the deny-all",
            (FIREWALL, deny, "  priority: 65535\n  destinationRanges:\n    - 203.0.113.0/24\n"),
            "implied-egress-allow",
            None,
        ),
        replace(
            "put the deny-all before the allows",
            (FIREWALL, deny, "  priority: 900\n  destinationRanges:\n    - 0.0.0.0/0\n"),
            "ineffective-firewall-rule/deny-priority",
            Some("intended-path-broken"),
        ),
        append("allow in a hierarchical policy", (FIREWALL, HIERARCHICAL), "firewall-policy-overrides-deny", None),
        Mutation {
            name: "pass on to an allow with goto_next",
            edits: vec![Edit::Append(FIREWALL, GOTO_NEXT)],
            rule: "firewall-policy-overrides-deny",
            path: None,
        },
        replace(
            "let the gateway out on every port",
            (FIREWALL, "      ports: [\"80\", \"443\"]\n", ""),
            "gateway-egress-too-wide",
            None,
        ),
        replace(
            "let the gateway out by a tag",
            (
                FIREWALL,
                "      ports: [\"80\", \"443\"]\n  targetServiceAccounts:\n    - name: nodes-gateway\n",
                "      ports: [\"80\", \"443\"]\n  targetTags: [gke-harbor-main-3f2a-node]\n",
            ),
            "weak-firewall-target/tag",
            None,
        ),
        replace(
            "cut the control plane off",
            (
                FIREWALL,
                "    - 172.16.8.0/28\n  allow:\n    - protocol: tcp\n      ports: [\"443\", \"8132\", \"10250\"]",
                "    - 172.16.9.0/28\n  allow:\n    - protocol: tcp\n      ports: [\"443\", \"8132\", \"10250\"]",
            ),
            "essential-flow-denied/control-plane",
            None,
        ),
        replace(
            "stop the log of the deny-all",
            (
                FIREWALL,
                "  deny:\n    - protocol: all\n  logConfig:\n    metadata: INCLUDE_ALL_METADATA\n",
                "  deny:\n    - protocol: all\n",
            ),
            "firewall-log-off/deny-all",
            None,
        ),
        Mutation {
            name: "speak IPv6 without a rule for it",
            edits: vec![
                Edit::Replace(NETWORK, "stackType: IPV4_ONLY", "stackType: IPV4_IPV6\n  ipv6AccessType: EXTERNAL", 0),
                Edit::Replace(FIREWALL, "\"::/0\"", "2001:db8::/32", 0),
            ],
            rule: "ipv6-egress-open/external",
            path: None,
        },
    ]
}

fn network() -> Vec<Mutation> {
    vec![
        replace(
            "reach Google's APIs at public addresses",
            (NETWORK, "privateIpGoogleAccess: true", "privateIpGoogleAccess: false"),
            "google-access-not-private",
            None,
        ),
        replace(
            "translate every subnet",
            (
                "cloud/nat.yaml",
                "LIST_OF_SUBNETWORKS\n  subnetwork:\n    - subnetworkRef:\n        name: harbor-gke\n      sourceIpRangesToNat:\n        - PRIMARY_IP_RANGE\n",
                "ALL_SUBNETWORKS_ALL_IP_RANGES\n",
            ),
            "nat-range-mismatch/all-subnets",
            None,
        ),
        replace(
            "starve the NAT of ports",
            ("cloud/nat.yaml", "minPortsPerVm: 4096", "minPortsPerVm: 64"),
            "nat-port-exhaustion/min-ports",
            None,
        ),
        replace("stop the log of the NAT", ("cloud/nat.yaml", "enable: true", "enable: false"), "nat-log-off", None),
        replace(
            "answer with the address of all projects",
            (
                "cloud/dns.yaml",
                "    - 199.36.153.4\n    - 199.36.153.5\n    - 199.36.153.6\n    - 199.36.153.7\n",
                "    - 199.36.153.8\n    - 199.36.153.9\n    - 199.36.153.10\n    - 199.36.153.11\n",
            ),
            "google-api-vip-mixed/mixed",
            None,
        ),
        replace(
            "hide the zone of Google's APIs from the network",
            ("cloud/dns.yaml", "dnsName: googleapis.com.", "dnsName: googleapis.example."),
            "google-api-zone-missing",
            None,
        ),
        Mutation {
            name: "drop the perimeter",
            edits: vec![Edit::Remove("cloud/perimeter.yaml")],
            rule: "google-api-exfiltration-path/no-perimeter",
            path: Some("google-api-exfiltration-path"),
        },
    ]
}

const ALLOW_900: &str = "
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewall
metadata: {name: troubleshooting, namespace: config-control}
spec:
  networkRef: {name: harbor-vpc}
  direction: EGRESS
  priority: 900
  destinationRanges: [0.0.0.0/0]
  allow: [{protocol: tcp, ports: [\"443\"]}]
  logConfig: {metadata: INCLUDE_ALL_METADATA}
";

const HIERARCHICAL: &str = "
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewallPolicy
metadata: {name: organization, namespace: config-control}
spec:
  organizationRef: {external: organizations/1}
  shortName: organization
---
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewallPolicyAssociation
metadata: {name: organization, namespace: config-control}
spec:
  attachmentTargetRef: {external: organizations/1}
  firewallPolicyRef: {name: organization}
---
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewallPolicyRule
metadata: {name: updates, namespace: config-control}
spec:
  firewallPolicyRef: {name: organization}
  direction: EGRESS
  action: allow
  priority: 100
  match:
    destIPRanges: [0.0.0.0/0]
    layer4Configs: [{ipProtocol: tcp, ports: [\"443\"]}]
";

/// Above an allow of the same policy stands a rule that passes a part of it on; the rest is allowed before the deny-all.
const GOTO_NEXT: &str = "
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewallPolicy
metadata: {name: organization, namespace: config-control}
spec:
  organizationRef: {external: organizations/1}
  shortName: organization
---
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewallPolicyAssociation
metadata: {name: organization, namespace: config-control}
spec:
  attachmentTargetRef: {external: organizations/1}
  firewallPolicyRef: {name: organization}
---
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewallPolicyRule
metadata: {name: first, namespace: config-control}
spec:
  firewallPolicyRef: {name: organization}
  direction: EGRESS
  action: goto_next
  priority: 100
  match:
    destIPRanges: [10.0.0.0/8]
    layer4Configs: [{ipProtocol: all}]
---
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewallPolicyRule
metadata: {name: second, namespace: config-control}
spec:
  firewallPolicyRef: {name: organization}
  direction: EGRESS
  action: allow
  priority: 200
  match:
    destIPRanges: [0.0.0.0/0]
    layer4Configs: [{ipProtocol: tcp, ports: [\"443\"]}]
";
