//! An estate of 10,000 documents, the same every time: the platform's own, and 248 teams behind an egress gateway.
//!
//! Most of it is as it should be. Every twentieth workload and every tenth namespace has something to find, so that the
//! later stages have work to do.

/// How many documents there are in all.
pub const DOCUMENTS: usize = 10_000;
const TEAMS: usize = 248;
const DOCUMENTS_OF_A_TEAM: usize = 40;
const WORKLOADS_OF_A_TEAM: usize = 11;

/// Paths and texts.
pub fn files() -> Vec<(String, String)> {
    let mut files = vec![
        ("platform/gateway.yaml".to_owned(), GATEWAY.to_owned()),
        ("platform/mesh.yaml".to_owned(), MESH.to_owned()),
        ("cloud/cluster.yaml".to_owned(), cluster()),
        ("cloud/firewall.yaml".to_owned(), firewall()),
    ];
    for team in 0..TEAMS {
        files.extend(self::team(team));
    }
    files
}

/// Documents of the platform, without those of the firewall.
const PLATFORM_DOCUMENTS: usize = 8 + 3 + 8;

fn firewall() -> String {
    let rules = DOCUMENTS - TEAMS * DOCUMENTS_OF_A_TEAM - PLATFORM_DOCUMENTS;
    let deny = rule("deny-egress-all", 65_535, "deny", "- protocol: all", "0.0.0.0/0", "");
    let gateway = "  targetServiceAccounts:\n  - external: sa-gateway-nodes@example-prod.iam.gserviceaccount.com\n";
    let web = "- protocol: tcp\n    ports: [\"80\", \"443\"]";
    let web = rule("gateway-allow-egress-web", 1000, "allow", web, "0.0.0.0/0", gateway);
    let internal = (2..rules).map(|index| {
        let name = format!("allow-internal-{index}");
        let ports = format!("- protocol: tcp\n    ports: [\"{}\"]", 8000 + index);
        rule(&name, 900, "allow", &ports, &format!("10.{index}.0.0/16"), "")
    });
    [deny, web].into_iter().chain(internal).collect()
}

fn rule(name: &str, priority: u32, action: &str, protocols: &str, range: &str, targets: &str) -> String {
    format!(
        "---
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewall
metadata:
  name: {name}
  namespace: config-control
spec:
  networkRef:
    name: vpc-prod
  direction: EGRESS
  priority: {priority}
  {action}:
  {protocols}
  destinationRanges:
  - {range}
{targets}  logConfig:
    metadata: INCLUDE_ALL_METADATA
"
    )
}

fn cluster() -> String {
    let mut text = String::from(
        "---
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeNetwork
metadata:
  name: vpc-prod
  namespace: config-control
spec:
  autoCreateSubnetworks: false
---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerCluster
metadata:
  name: prod
  namespace: config-control
  annotations:
    cnrm.cloud.google.com/remove-default-node-pool: \"true\"
spec:
  location: europe-west1
  networkRef:
    name: vpc-prod
  privateClusterConfig:
    enablePrivateNodes: true
    masterIpv4CidrBlock: 10.5.0.0/28
  datapathProvider: ADVANCED_DATAPATH
",
    );
    text.push_str(&pool(
        "gateway",
        "gateway",
        "    taint:\n    - key: dedicated\n      value: gateway\n      effect: NO_SCHEDULE\n",
    ));
    for index in 0..5 {
        text.push_str(&pool(&format!("applications-{index}"), "application", ""));
    }
    text
}

fn pool(name: &str, identity: &str, taint: &str) -> String {
    format!(
        "---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerNodePool
metadata:
  name: {name}
  namespace: config-control
spec:
  location: europe-west1
  clusterRef:
    name: prod
  autoscaling:
    minNodeCount: 2
    maxNodeCount: 12
  nodeConfig:
    machineType: e2-standard-8
    serviceAccountRef:
      external: sa-{identity}-nodes@example-prod.iam.gserviceaccount.com
    oauthScopes:
    - https://www.googleapis.com/auth/cloud-platform
{taint}    workloadMetadataConfig:
      mode: GKE_METADATA
"
    )
}

const MESH: &str = include_str!("mesh.yaml");

const GATEWAY: &str = include_str!("gateway.yaml");

/// The files of a team: workloads in four, policies and mesh in one each.
fn team(team: usize) -> Vec<(String, String)> {
    let namespace = format!("team-{team:03}");
    let path = |file: &str| format!("teams/{namespace}/{file}.yaml");
    let workloads: Vec<usize> = (0..WORKLOADS_OF_A_TEAM).collect();
    let mut files: Vec<(String, String)> = workloads
        .chunks(3)
        .enumerate()
        .map(|(index, chunk)| {
            let account = service_account(&namespace, index);
            let texts = chunk.iter().map(|&one| deployment(&namespace, team, one) + &service(&namespace, one));
            (path(&format!("workloads-{index}")), account + &texts.collect::<String>())
        })
        .collect();
    files.push((path("namespace"), self::namespace(&namespace) + &policies(&namespace, team)));
    files.push((path("mesh"), mesh(&namespace, team)));
    files
}

fn namespace(name: &str) -> String {
    format!(
        "---
# Owned by {name}; changes go through the platform team.
apiVersion: v1
kind: Namespace
metadata:
  name: {name}
  labels:
    istio.io/rev: asm-managed
    egress: gateway
    team: {name}
"
    )
}

fn service_account(namespace: &str, index: usize) -> String {
    format!(
        "---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: runner-{index}
  namespace: {namespace}
  annotations:
    iam.gke.io/gcp-service-account: {namespace}-{index}@example-prod.iam.gserviceaccount.com
"
    )
}

fn service(namespace: &str, index: usize) -> String {
    format!(
        "---
apiVersion: v1
kind: Service
metadata:
  name: app-{index}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: app-{index}
spec:
  type: ClusterIP
  selector:
    app.kubernetes.io/name: app-{index}
  ports:
  - name: http
    port: 80
    targetPort: http
  - name: metrics
    port: 9090
    targetPort: metrics
"
    )
}

fn deployment(namespace: &str, team: usize, index: usize) -> String {
    let number = team * WORKLOADS_OF_A_TEAM + index;
    let excluded =
        if number % 20 == 7 { "        traffic.sidecar.istio.io/excludeOutboundPorts: \"5432\"\n" } else { "" };
    let host = if number % 40 == 11 { "      hostNetwork: true\n" } else { "" };
    let (account, containers) = (index / 3, containers(namespace, index));
    format!(
        "---
# The part of {namespace} that serves requests of kind {index}.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{index}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: app-{index}
    app.kubernetes.io/part-of: {namespace}
    app.kubernetes.io/managed-by: kustomize
spec:
  replicas: 3
  revisionHistoryLimit: 5
  selector:
    matchLabels:
      app.kubernetes.io/name: app-{index}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  template:
    metadata:
      annotations:
        prometheus.io/scrape: \"true\"
        prometheus.io/port: \"9090\"
{excluded}      labels:
        app.kubernetes.io/name: app-{index}
        app.kubernetes.io/part-of: {namespace}
        app: app-{index}
        version: v1
    spec:
      serviceAccountName: runner-{account}
      terminationGracePeriodSeconds: 30
{host}      nodeSelector:
        cloud.google.com/gke-nodepool: applications-{pool}
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: topology.kubernetes.io/zone
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels:
            app.kubernetes.io/name: app-{index}
{containers}      volumes:
      - name: config
        configMap:
          name: app-{index}
      - name: scratch
        emptyDir:
          sizeLimit: 512Mi
",
        pool = number % 5,
    )
}

fn containers(namespace: &str, index: usize) -> String {
    let settings: String = (0..14)
        .map(|setting| {
            format!(
                "        - name: SETTING_{setting}\n          value: \"value of setting {setting} for app {index}\"\n"
            )
        })
        .collect();
    format!(
        "      containers:
      - name: app
        image: europe-docker.pkg.dev/example-prod/{namespace}/app-{index}:1.{index}.0
        args: [\"--listen\", \":8080\", \"--log-format=json\", \"--shutdown-delay=5s\"]
        ports:
        - name: http
          containerPort: 8080
        - name: metrics
          containerPort: 9090
        env:
        # Read once at start; a change needs a new rollout.
        - name: POD_NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
{settings}        resources:
          requests:
            cpu: 250m
            memory: 256Mi
          limits:
            memory: 512Mi
        readinessProbe:
          httpGet:
            path: /ready
            port: http
          periodSeconds: 5
          failureThreshold: 3
        livenessProbe:
          httpGet:
            path: /live
            port: http
          initialDelaySeconds: 10
          periodSeconds: 10
        securityContext:
          runAsNonRoot: true
          runAsUser: 10001
          readOnlyRootFilesystem: true
          allowPrivilegeEscalation: false
          capabilities:
            drop: [ALL]
        volumeMounts:
        - name: config
          mountPath: /etc/app
          readOnly: true
        - name: scratch
          mountPath: /tmp
"
    )
}

/// Six policies: what everybody needs, and between the team's own workloads.
fn policies(namespace: &str, team: usize) -> String {
    let types = if team % 10 == 3 { "[Ingress]" } else { "[Egress]" };
    let to = |name: &str, peers: &str, ports: &str| policy(namespace, name, "{}", types, peers, ports);
    let namespaced = |name: &str| {
        format!("    - namespaceSelector:\n        matchLabels:\n          kubernetes.io/metadata.name: {name}\n")
    };
    let own = "    - podSelector: {}\n";
    let address = |range: &str| format!("    - ipBlock:\n        cidr: {range}\n");
    [
        to(
            "allow-dns",
            &namespaced("kube-system"),
            "    ports:\n    - port: 53\n      protocol: UDP\n    - port: 53\n",
        ),
        to("allow-gateway", &namespaced("istio-egress"), "    ports:\n    - port: 8443\n"),
        to("allow-control-plane", &namespaced("istio-system"), "    ports:\n    - port: 15012\n"),
        to("allow-google-apis", &address("199.36.153.8/30"), "    ports:\n    - port: 443\n"),
        to("allow-metadata", &address("169.254.169.254/32"), "    ports:\n    - port: 80\n"),
        to("allow-own", own, ""),
    ]
    .concat()
}

fn policy(namespace: &str, name: &str, selector: &str, types: &str, peers: &str, ports: &str) -> String {
    format!(
        "---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {name}
  namespace: {namespace}
spec:
  # All pods of the namespace, also those that come later.
  podSelector: {selector}
  policyTypes: {types}
  egress:
  - to:
{peers}{ports}"
    )
}

/// Seven objects: how the team's requests to one host outside get through the gateway, and who may make them.
fn mesh(namespace: &str, team: usize) -> String {
    let host = format!("api-{team}.example.com");
    let mode = if team % 50 == 9 { "ALLOW_ANY" } else { "REGISTRY_ONLY" };
    [sidecar(namespace, mode), service_entry(namespace, &host), routes(namespace, &host), access(namespace, &host)]
        .concat()
}

fn sidecar(namespace: &str, mode: &str) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: {namespace}
spec:
  outboundTrafficPolicy:
    mode: {mode}
  egress:
  - hosts:
    - istio-egress/*
    - {namespace}/*
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: default
  namespace: {namespace}
spec:
  mtls:
    mode: STRICT
"
    )
}

fn service_entry(namespace: &str, host: &str) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: partner
  namespace: {namespace}
spec:
  # Registered for the team and for the gateway, for nobody else.
  exportTo: [\".\", istio-egress]
  hosts:
  - {host}
  location: MESH_EXTERNAL
  resolution: DNS
  ports:
  - number: 80
    name: http
    protocol: HTTP
  - number: 443
    name: tls
    protocol: TLS
"
    )
}

fn routes(namespace: &str, host: &str) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: partner-through-gateway
  namespace: {namespace}
spec:
  exportTo: [\".\", istio-egress]
  hosts:
  - {host}
  gateways:
  - istio-egress/egress-gateway
  - mesh
  http:
  - match:
    - gateways: [mesh]
      port: 80
    route:
    - destination:
        host: istio-egressgateway.istio-egress.svc.cluster.local
        subset: mutual
        port:
          number: 443
  - match:
    - gateways: [istio-egress/egress-gateway]
      port: 443
    route:
    - destination:
        host: {host}
        port:
          number: 443
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: own-retries
  namespace: {namespace}
spec:
  hosts:
  - app-0
  http:
  - timeout: 5s
    retries:
      attempts: 2
    route:
    - destination:
        host: app-0
        port:
          number: 80
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: partner-originates-tls
  namespace: {namespace}
spec:
  exportTo: [\".\", istio-egress]
  host: {host}
  trafficPolicy:
    portLevelSettings:
    - port:
        number: 443
      tls:
        mode: SIMPLE
        sni: {host}
        credentialName: partner-ca
        subjectAltNames: [{host}]
"
    )
}

fn access(namespace: &str, host: &str) -> String {
    format!(
        "---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: {namespace}-to-partner
  namespace: istio-egress
spec:
  action: ALLOW
  rules:
  - from:
    - source:
        principals:
        - cluster.local/ns/{namespace}/sa/runner-0
    to:
    - operation:
        hosts: [{host}]
"
    )
}
