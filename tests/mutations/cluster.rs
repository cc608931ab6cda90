//! What may be done to rights, admission, namespaces and the cluster's DNS.

use crate::{Edit, Mutation, append, replace};

const RBAC: &str = "cluster/rbac.yaml";
const ADMISSION: &str = "cluster/admission.yaml";

pub fn all() -> Vec<Mutation> {
    vec![
        append("bind a tenant to edit", (RBAC, EDIT), "tenant-writes-egress-policy", None),
        append("let a tenant write virtual services", (RBAC, VIRTUAL_SERVICES), "tenant-writes-bypass-kind", None),
        append(
            "let a tenant write in the gateway's namespace",
            (RBAC, IN_EGRESS),
            "tenant-writes-admin-namespace",
            None,
        ),
        append("let a tenant escalate", (RBAC, ESCALATE), "tenant-escalation", None),
        replace(
            "only audit tolerations",
            (ADMISSION, "validationActions: [\"Deny\"]", "validationActions: [\"Audit\"]"),
            "admission-not-enforcing",
            None,
        ),
        replace(
            "let the webhook fail open",
            ("mesh/injection-webhook.yaml", "failurePolicy: Fail", "failurePolicy: Ignore"),
            "admission-not-enforcing",
            None,
        ),
        Mutation {
            name: "restrict no toleration",
            edits: vec![
                Edit::Replace(
                    ADMISSION,
                    "object.spec.tolerations.all(t, has(t.key) && t.key != '' && t.key != 'dedicated')",
                    "true",
                    0,
                ),
                Edit::Replace(ADMISSION, "!has(object.spec.tolerations) ||\n        ", "", 0),
            ],
            rule: "unrestricted-tolerations",
            path: None,
        },
        Mutation {
            name: "restrict no pod of a namespace",
            edits: vec![Edit::Replace(
                "cluster/namespaces.yaml",
                "  name: web\n  labels:\n    istio.io/rev: asm-managed\n    pod-security.kubernetes.io/enforce: restricted\n",
                "  name: web\n  labels:\n    istio.io/rev: asm-managed\n",
                0,
            )],
            rule: "unrestricted-pods",
            path: None,
        },
        replace(
            "take a namespace out of the mesh",
            (
                "cluster/namespaces.yaml",
                "  name: web\n  labels:\n    istio.io/rev: asm-managed\n",
                "  name: web\n  labels:\n    team: web\n",
            ),
            "workload-outside-mesh/namespace",
            Some("intended-path-broken"),
        ),
        append(
            "ask a resolver on the internet",
            ("cluster/dns/kube-dns.yaml", STUB_DOMAIN),
            "untrusted-resolver/stub-domain",
            None,
        ),
        Mutation {
            name: "log nothing at the gateway",
            edits: vec![
                Edit::Replace(
                    "mesh/mesh-config.yaml",
                    "    accessLogFile: /dev/stdout\n    accessLogEncoding: JSON\n",
                    "",
                    0,
                ),
                Edit::Replace(
                    "mesh/mesh-config.yaml",
                    "---\napiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata:\n  name: access-log\n  namespace: istio-system\nspec:\n  accessLogging:\n    - providers:\n        - name: envoy\n",
                    "",
                    0,
                ),
                Edit::Replace(
                    "egress/gateway.yaml",
                    "  accessLogging:\n    - providers:\n        - name: envoy\n",
                    "  accessLogging:\n    - disabled: true\n",
                    0,
                ),
            ],
            rule: "gateway-access-log-off",
            path: None,
        },
    ]
}

const EDIT: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: developers, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: team-web@harborlane.example}]
";

const VIRTUAL_SERVICES: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: routes, namespace: web}
rules: [{apiGroups: [networking.istio.io], resources: [virtualservices], verbs: [create, update]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: routes, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: routes}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: team-web@harborlane.example}]
";

const IN_EGRESS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: configuration, namespace: istio-egress}
rules: [{apiGroups: [\"\"], resources: [configmaps], verbs: [create, update, patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: configuration, namespace: istio-egress}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: configuration}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: team-web@harborlane.example}]
";

const ESCALATE: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: roles, namespace: web}
rules: [{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [escalate, update]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: roles, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: roles}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: team-web@harborlane.example}]
";

const STUB_DOMAIN: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: kube-dns, namespace: kube-system}
data:
  upstreamNameservers: '[\"8.8.8.8\"]'
  stubDomains: '{\"corp.example\": [\"8.8.4.4\"]}'
";
