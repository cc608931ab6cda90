//! What may be done to an application's pods.

use crate::{Edit, Mutation, replace};

const WORKLOADS: &str = "tenants/web/workloads.yaml";
const TEMPLATE: &str = "      labels:\n        app: notifier\n    spec:\n      serviceAccountName: notifier\n";

pub fn all() -> Vec<Mutation> {
    vec![
        spec(
            "add a toleration",
            "      labels:\n        app: notifier\n    spec:\n      tolerations: [{key: dedicated, operator: Equal, value: egress}]\n      serviceAccountName: notifier\n",
            "foreign-gateway-toleration/key",
        ),
        spec(
            "tolerate everything",
            "      labels:\n        app: notifier\n    spec:\n      tolerations: [{operator: Exists}]\n      serviceAccountName: notifier\n",
            "foreign-gateway-toleration/exists-all",
        ),
        spec(
            "name the node",
            "      labels:\n        app: notifier\n    spec:\n      nodeName: gke-harbor-main-gateway-1\n      serviceAccountName: notifier\n",
            "scheduler-bypass",
        ),
        spec(
            "use the node's network",
            "      labels:\n        app: notifier\n    spec:\n      hostNetwork: true\n      serviceAccountName: notifier\n",
            "host-network-workload",
        ),
        spec(
            "exclude a port",
            "      labels:\n        app: notifier\n      annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: \"443\"}\n    spec:\n      serviceAccountName: notifier\n",
            "capture-excluded/ports",
        ),
        spec(
            "redirect nothing",
            "      labels:\n        app: notifier\n      annotations: {traffic.sidecar.istio.io/includeOutboundIPRanges: \"\"}\n    spec:\n      serviceAccountName: notifier\n",
            "capture-excluded",
        ),
        spec(
            "swap the injection template",
            "      labels:\n        app: notifier\n      annotations: {inject.istio.io/templates: grpc-agent}\n    spec:\n      serviceAccountName: notifier\n",
            "capture-excluded/template",
        ),
        spec(
            "opt out of injection",
            "      labels:\n        app: notifier\n        sidecar.istio.io/inject: \"false\"\n    spec:\n      serviceAccountName: notifier\n",
            "workload-outside-mesh/pod-optout",
        ),
        replace(
            "bring another proxy",
            (
                WORKLOADS,
                "      containers:\n        - name: notifier\n",
                "      containers:\n        - name: istio-proxy\n          image: example.com/proxy\n        - name: notifier\n",
            ),
            "proxy-container-overridden",
            None,
        ),
        user("run as the proxy's user", "runAsUser: 10012", "runAsUser: 1337", "runs-as-proxy-identity/uid"),
        user("run as the proxy's group", "runAsGroup: 10012", "runAsGroup: 1337", "runs-as-proxy-identity/gid"),
        Mutation {
            name: "manage the network from a container",
            edits: vec![Edit::Replace(
                WORKLOADS,
                "              drop: [\"ALL\"]\n",
                "              drop: [\"ALL\"]\n              add: [NET_ADMIN]\n",
                1,
            )],
            rule: "network-capability",
            path: None,
        },
    ]
}

fn spec(name: &'static str, to: &'static str, rule: &'static str) -> Mutation {
    let path = match rule {
        "workload-outside-mesh/pod-optout" | "host-network-workload" => Some("intended-path-broken"),
        _ => None,
    };
    replace(name, (WORKLOADS, TEMPLATE, to), rule, path)
}

fn user(name: &'static str, from: &'static str, to: &'static str, rule: &'static str) -> Mutation {
    replace(name, (WORKLOADS, from, to), rule, None)
}
