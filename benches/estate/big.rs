//! Estates of any number of namespaces, ten workloads in each: network policies, a Sidecar, authorization policies, hosts
//! outside by an egress gateway, node pools, a firewall and role bindings.
//!
//! Namespaces are not alike: which of several things each has wrong, or right in another way, follows from its number.

/// How many workloads a namespace has.
pub const WORKLOADS: usize = 10;

/// Paths and texts.
pub fn files(namespaces: usize) -> Vec<(String, String)> {
    let platform = [("platform/gateway.yaml", GATEWAY.to_owned()), ("cloud/cluster.yaml", cloud(namespaces))];
    let platform = platform.map(|(path, text)| (path.to_owned(), text));
    let teams = (0..namespaces).map(|team| (format!("teams/team-{team}.yaml"), namespace(team)));
    platform.into_iter().chain(teams).collect()
}

/// The mesh and the gateway. Everything that every namespace shares stands here once.
const GATEWAY: &str = "---
apiVersion: v1
kind: Namespace
metadata: {name: istio-system}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: v1
kind: Namespace
metadata: {name: istio-egress, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: egressgateway, namespace: istio-egress}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: egressgateway, namespace: istio-egress}
spec:
  template:
    metadata: {labels: {istio: egressgateway}, annotations: {inject.istio.io/templates: gateway}}
    spec:
      serviceAccountName: egressgateway
      nodeSelector: {cloud.google.com/gke-nodepool: gateway}
      tolerations: [{key: dedicated, value: gateway, operator: Equal, effect: NoSchedule}]
      containers: [{name: istio-proxy, image: auto, ports: [{containerPort: 8443}]}]
---
apiVersion: v1
kind: Service
metadata: {name: egressgateway, namespace: istio-egress}
spec:
  selector: {istio: egressgateway}
  ports: [{name: tls, port: 443, targetPort: 8443}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress, namespace: istio-egress}
spec:
  selector: {istio: egressgateway}
  servers:
  - port: {number: 443, name: tls, protocol: HTTPS}
    hosts: ['*']
    tls: {mode: ISTIO_MUTUAL}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: egressgateway, namespace: istio-egress}
spec:
  host: egressgateway.istio-egress.svc.cluster.local
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-all, namespace: istio-egress}
spec: {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: gateway, namespace: istio-egress}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 8443}]}]
  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}]
";

fn cloud(namespaces: usize) -> String {
    let pool = |name: &str, account: &str, taint: &str| {
        format!(
            "---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerNodePool
metadata: {{name: {name}, namespace: config-control}}
spec:
  location: europe-west1
  clusterRef: {{name: prod}}
  nodeConfig:
    serviceAccountRef: {{external: {account}@example-prod.iam.gserviceaccount.com}}
    workloadMetadataConfig: {{mode: GKE_METADATA}}
{taint}"
        )
    };
    let taint = "    taint: [{key: dedicated, value: gateway, effect: NO_SCHEDULE}]\n";
    let pools =
        (0..=namespaces / 50).map(|index| pool(&format!("team-pool-{index}"), &format!("sa-{}", index % 3), ""));
    let rules = (0..=namespaces / 10).map(|index| {
        // Every fortieth lets too much out.
        let range = if index % 40 == 39 { "0.0.0.0/0".to_owned() } else { format!("10.{}.0.0/16", index % 250) };
        let port = 8000 + index;
        firewall(&format!("allow-{index}"), 900, "allow", &format!("{{protocol: tcp, ports: ['{port}']}}"), &range, "")
    });
    let to_gateway = "  targetServiceAccounts: [{external: gateway@example-prod.iam.gserviceaccount.com}]\n";
    let web = "{protocol: tcp, ports: ['443']}";
    [
        CLUSTER.to_owned(),
        pool("gateway", "gateway", taint),
        firewall("deny-all", 65_000, "deny", "{protocol: all}", "0.0.0.0/0", ""),
        firewall("gateway-web", 800, "allow", web, "0.0.0.0/0", to_gateway),
    ]
    .into_iter()
    .chain(pools)
    .chain(rules)
    .collect()
}

const CLUSTER: &str = "---
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeNetwork
metadata: {name: vpc-prod, namespace: config-control}
spec: {autoCreateSubnetworks: false}
---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerCluster
metadata: {name: prod, namespace: config-control}
spec:
  location: europe-west1
  networkRef: {name: vpc-prod}
  privateClusterConfig: {enablePrivateNodes: true, masterIpv4CidrBlock: 10.5.0.0/28}
  datapathProvider: ADVANCED_DATAPATH
";

fn firewall(name: &str, priority: u32, action: &str, what: &str, range: &str, targets: &str) -> String {
    format!(
        "---
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewall
metadata: {{name: {name}, namespace: config-control}}
spec:
  networkRef: {{name: vpc-prod}}
  direction: EGRESS
  priority: {priority}
  {action}: [{what}]
  destinationRanges: [{range}]
{targets}"
    )
}

fn namespace(team: usize) -> String {
    let workloads = (0..WORKLOADS).map(|index| workload(team, index));
    let injection = if team % 31 == 30 { "disabled" } else { "enabled" };
    let head = format!(
        "---
apiVersion: v1
kind: Namespace
metadata:
  name: team-{team}
  labels: {{istio-injection: {injection}, tier: tier-{}, pod-security.kubernetes.io/enforce: restricted}}
",
        team % 7
    );
    [head, policies(team), mesh(team), binding(team)].into_iter().chain(workloads).collect()
}

/// Each eleventh namespace has no isolation, each thirteenth lets its first workload go anywhere.
fn policies(team: usize) -> String {
    let mut text = String::new();
    if team % 11 != 10 {
        text.push_str(&format!(
            "---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: default, namespace: team-{team}}}
spec:
  podSelector: {{}}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: kube-system}}}}}}]
    ports: [{{protocol: UDP, port: 53}}]
  - to: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: istio-egress}}}}}}]
    ports: [{{port: 8443}}]
  - to: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: istio-system}}}}}}]
    ports: [{{port: 15012}}]
"
        ));
    }
    let block = if team % 13 == 12 { "0.0.0.0/0".to_owned() } else { format!("10.{}.{}.0/24", team % 200, team / 200) };
    text.push_str(&format!(
        "---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: database, namespace: team-{team}}}
spec:
  podSelector: {{matchLabels: {{app: app-0}}}}
  policyTypes: [Egress]
  egress: [{{to: [{{ipBlock: {{cidr: {block}}}}}], ports: [{{port: 5432}}]}}]
"
    ));
    text
}

/// A host outside of its own, by the gateway; each seventeenth namespace goes there without.
fn mesh(team: usize) -> String {
    let host = format!("api-{team}.example.com");
    let egress = if team % 17 == 16 { "'*/*'" } else { "'./*', 'istio-egress/*', 'istio-system/*'" };
    let routed = if team % 19 == 18 { "[mesh]" } else { "[mesh, istio-egress/egress]" };
    let source = match team % 5 {
        0 => format!("namespaces: [team-{team}]"),
        1 => format!("principals: ['cluster.local/ns/team-{team}/sa/*']"),
        _ => format!("principals: [cluster.local/ns/team-{team}/sa/app-{}]", team % WORKLOADS),
    };
    // Each twenty-third clause does not say for which host.
    let operation =
        if team % 23 == 22 { String::new() } else { format!("\n    to: [{{operation: {{hosts: ['{host}']}}}}]") };
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: default, namespace: team-{team}}}
spec:
  outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}
  egress: [{{hosts: [{egress}]}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: api, namespace: team-{team}}}
spec:
  hosts: ['{host}']
  exportTo: ['.', istio-egress]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{{number: 443, name: tls, protocol: TLS}}, {{number: 80, name: http, protocol: HTTP}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: api, namespace: team-{team}}}
spec:
  hosts: ['{host}']
  exportTo: ['.', istio-egress]
  gateways: {routed}
  http:
  - match: [{{gateways: [mesh], port: 80}}]
    route: [{{destination: {{host: egressgateway.istio-egress.svc.cluster.local, port: {{number: 443}}}}}}]
  - match: [{{gateways: [istio-egress/egress], port: 443}}]
    route: [{{destination: {{host: '{host}', port: {{number: 443}}}}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: api, namespace: team-{team}}}
spec:
  host: '{host}'
  exportTo: ['.', istio-egress]
  trafficPolicy: {{tls: {{mode: SIMPLE, sni: '{host}'}}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: team-{team}, namespace: istio-egress}}
spec:
  action: ALLOW
  rules:
  - from: [{{source: {{{source}}}}}]{operation}
"
    )
}

/// Each twenty-ninth team may write what it likes.
fn binding(team: usize) -> String {
    let role = if team % 29 == 28 { "edit" } else { "view" };
    format!(
        "---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: team, namespace: team-{team}}}
subjects: [{{kind: Group, name: team-{team}@example.com, apiGroup: rbac.authorization.k8s.io}}]
roleRef: {{kind: ClusterRole, name: {role}, apiGroup: rbac.authorization.k8s.io}}
"
    )
}

fn workload(team: usize, index: usize) -> String {
    let labels = match (team + index) % 4 {
        0 => format!("app: app-{index}, version: v{}", team % 3),
        1 => format!("app: app-{index}, team: team-{team}"),
        _ => format!("app: app-{index}"),
    };
    let annotations = if (team * WORKLOADS + index) % 97 == 96 {
        ", annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: '5432'}"
    } else {
        ""
    };
    let network = if (team * WORKLOADS + index) % 211 == 210 { "\n      hostNetwork: true" } else { "" };
    let tolerations =
        if (team * WORKLOADS + index) % 307 == 306 { "\n      tolerations: [{operator: Exists}]" } else { "" };
    format!(
        "---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: app-{index}, namespace: team-{team}}}
---
apiVersion: v1
kind: Service
metadata: {{name: app-{index}, namespace: team-{team}}}
spec: {{selector: {{app: app-{index}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{index}, namespace: team-{team}}}
spec:
  selector: {{matchLabels: {{app: app-{index}}}}}
  template:
    metadata: {{labels: {{{labels}}}{annotations}}}
    spec:
      serviceAccountName: app-{index}{network}{tolerations}
      containers: [{{name: app, image: example.com/app, ports: [{{name: http, containerPort: 8080}}]}}]
"
    )
}
