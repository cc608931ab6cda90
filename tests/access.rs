//! Who may write what: what must follow from roles and bindings (semantics C.12), asked of the analysis itself.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

use palisade::analysis::access::{Access, Freedom, Restriction, Target, Verdict};
use palisade::config::{self, Config};
use palisade::{analysis, model, resource, source};

fn judged<T>(text: &str, config: &Config, judge: impl FnOnce(&model::Estate<'_>, &Access<'_>) -> T) -> T {
    let walk = source::from_text("estate.yaml", text.to_owned());
    let parsed = source::parse_all(&walk.sources);
    assert!(parsed.unparsed.is_empty(), "{:?}", parsed.unparsed);
    let embedded = resource::embedded_documents(&parsed.documents);
    let resources = resource::read(&parsed.documents, &embedded);
    let estate = model::lower(&resources, config);
    judge(&estate, &analysis::analyze(&estate).access)
}

/// The answer in a word.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Certain(_) => "certain",
        Verdict::Unknown(_) => "unknown",
        Verdict::No(_) => "no",
    }
}

/// Whether a tenant of `team-x` may write a kind in a namespace.
fn may(text: &str, target: Target, namespace: &str) -> &'static str {
    judged(text, &Config::default(), |estate, access| {
        let own = estate.namespaces.iter().position(|namespace| namespace.name == "team-x");
        word(&access.write(own.expect("team-x is in the input"), target, namespace))
    })
}

fn role(kind: &str, rules: &str) -> String {
    let namespace = if kind == "Role" { ", namespace: team-x" } else { "" };
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: dev{namespace}}}\nrules: {rules}\n---\n"
    )
}

/// A binding in `team-x`, or in the whole cluster.
fn binding(kind: &str, role: &str, subject: &str) -> String {
    let namespace = if kind == "RoleBinding" { ", namespace: team-x" } else { "" };
    let (role_kind, role) = role.split_once('/').expect("a kind and a name");
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {kind}-dev{namespace}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {role_kind}, name: {role}}}\nsubjects: [{subject}]\n---\n"
    )
}

const TEAM: &str = "{kind: Group, name: team-x@example.com}";
const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: team-x}\n---\n";

fn with_role(rules: &str) -> String {
    role("Role", rules) + &binding("RoleBinding", "Role/dev", TEAM)
}

#[test]
fn the_roles_of_every_cluster_are_known() {
    let bound = |role: &str| binding("RoleBinding", &format!("ClusterRole/{role}"), TEAM);
    for role in ["edit", "admin", "cluster-admin"] {
        assert_eq!(may(&bound(role), Target::NETWORK_POLICIES, "team-x"), "certain", "{role}");
        assert_eq!(may(&bound(role), Target::NETWORK_POLICIES, "team-y"), "no", "{role}");
    }
    assert_eq!(may(&bound("view"), Target::NETWORK_POLICIES, "team-x"), "no");
    assert_eq!(may(&bound("edit"), Target::SERVICE_ENTRIES, "team-x"), "no");
    assert_eq!(may(&bound("edit"), Target::BYPASS_KINDS[18], "team-x"), "no", "endpoints left `edit`");
    assert_eq!(may(&bound("cluster-admin"), Target::SERVICE_ENTRIES, "team-x"), "certain");
    assert_eq!(may(&bound("custom"), Target::SERVICE_ENTRIES, "team-x"), "unknown", "a role that is not in the input");
}

#[test]
fn a_role_is_aggregated_by_its_labels() {
    let labeled = |label: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: mesh, labels: {{{label}}}}}\n\
             rules: [{{apiGroups: [networking.istio.io], resources: ['*'], verbs: [create]}}]\n---\n"
        )
    };
    let to_edit = labeled("rbac.authorization.k8s.io/aggregate-to-edit: 'true'");
    for role in ["edit", "admin"] {
        let text = to_edit.clone() + &binding("RoleBinding", &format!("ClusterRole/{role}"), TEAM);
        assert_eq!(may(&text, Target::SIDECARS, "team-x"), "certain", "{role}");
    }
    let view = to_edit + &binding("RoleBinding", "ClusterRole/view", TEAM);
    assert_eq!(may(&view, Target::SIDECARS, "team-x"), "no");
    let own = labeled("team: x")
        + "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\n\
           aggregationRule: {clusterRoleSelectors: [{matchLabels: {team: x}}]}\n---\n"
        + &binding("RoleBinding", "ClusterRole/all", TEAM);
    assert_eq!(may(&own, Target::SIDECARS, "team-x"), "certain");
}

#[test]
fn rules_are_matched_by_group_resource_verb_and_name() {
    let sidecar = |rule: &str| may(&with_role(&format!("[{rule}]")), Target::SIDECARS, "team-x");
    assert_eq!(sidecar("{apiGroups: ['*'], resources: ['*'], verbs: ['*']}"), "certain");
    assert_eq!(sidecar("{apiGroups: [networking.istio.io], resources: [sidecars], verbs: [patch]}"), "certain");
    assert_eq!(sidecar("{apiGroups: [networking.istio.io], resources: [sidecars], verbs: [delete]}"), "certain");
    assert_eq!(sidecar("{apiGroups: [networking.istio.io], resources: [sidecars], verbs: [get, list]}"), "no");
    assert_eq!(sidecar("{apiGroups: [security.istio.io], resources: [sidecars], verbs: ['*']}"), "no");
    assert_eq!(sidecar("{apiGroups: [networking.istio.io], resources: ['*/status'], verbs: ['*']}"), "no");
    let named = |verb| {
        format!("{{apiGroups: [networking.istio.io], resources: [sidecars], resourceNames: [a], verbs: [{verb}]}}")
    };
    assert_eq!(sidecar(&named("update")), "certain");
    assert_eq!(sidecar(&named("create")), "no");
    let subresource = |word: &str| {
        let text = with_role(&format!("[{{apiGroups: [''], resources: ['{word}'], verbs: [create]}}]"));
        may(&text, Target::POD_BINDINGS, "team-x")
    };
    assert_eq!(["pods/binding", "*/binding", "pods", "*"].map(subresource), ["certain", "certain", "no", "certain"]);
}

#[test]
fn everybody_bound_in_a_namespace_or_the_cluster_is_its_tenant() {
    let bound = |kind: &str, subject: &str| NAMESPACE.to_owned() + &binding(kind, "ClusterRole/edit", subject);
    let policy = |kind: &str, subject: &str| may(&bound(kind, subject), Target::NETWORK_POLICIES, "team-x");
    for group in ["system:authenticated", "system:unauthenticated", "system:serviceaccounts", "team-x"] {
        assert_eq!(policy("ClusterRoleBinding", &format!("{{kind: Group, name: '{group}'}}")), "certain", "{group}");
    }
    assert_eq!(policy("RoleBinding", "{kind: Group, name: 'system:serviceaccounts:team-x'}"), "certain");
    assert_eq!(policy("RoleBinding", "{kind: User, name: 'system:serviceaccount:team-x:app'}"), "certain");
    assert_eq!(policy("RoleBinding", "{kind: ServiceAccount, name: app}"), "certain");
    // The platform's own say nothing about who else may.
    assert_eq!(policy("RoleBinding", "{kind: ServiceAccount, name: x, namespace: kube-system}"), "unknown");
    assert_eq!(policy("ClusterRoleBinding", "{kind: User, name: 'system:kube-scheduler'}"), "unknown");
    assert_eq!(policy("RoleBinding", "{kind: Group, name: 'system:masters'}"), "no");
    assert_eq!(policy("RoleBinding", "{kind: Group, name: '${TEAM}'}"), "unknown");
    let walk = source::from_text("palisade.yaml", "admins: ['group:net@example.com']".to_owned());
    let settings = source::parse_all(&walk.sources);
    let admins = config::read(&settings.documents[0], &[]).expect("the settings are right");
    let admin = bound("RoleBinding", "{kind: Group, name: net@example.com}");
    judged(&admin, &admins, |_, access| assert_eq!(word(&access.write(0, Target::NETWORK_POLICIES, "team-x")), "no"));
}

#[test]
fn who_starts_pods_acts_as_the_accounts_beside_them() {
    let strong = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: operator}\n\
                  roleRef: {kind: ClusterRole, name: cluster-admin}\n\
                  subjects: [{kind: ServiceAccount, name: operator, namespace: kube-system}]\n---\n";
    let pods = "[{apiGroups: [apps], resources: [deployments], verbs: [create]}]";
    let everywhere = role("ClusterRole", pods) + &binding("ClusterRoleBinding", "ClusterRole/dev", TEAM);
    let text = NAMESPACE.to_owned() + strong + &everywhere;
    assert_eq!(may(&text, Target::SERVICE_ENTRIES, "istio-egress"), "certain");
    let text = strong.to_owned() + &with_role(pods);
    assert_eq!(may(&text, Target::SERVICE_ENTRIES, "istio-egress"), "no");
}

#[test]
fn who_binds_any_role_has_every_right() {
    let rights = |verb: &str| {
        let rule = format!("[{{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [{verb}]}}]");
        NAMESPACE.to_owned() + &role("ClusterRole", &rule) + &binding("ClusterRoleBinding", "ClusterRole/dev", TEAM)
    };
    assert_eq!(may(&rights("bind"), Target::SIDECARS, "team-y"), "certain");
    assert_eq!(may(&rights("create"), Target::SIDECARS, "team-y"), "unknown");
}

/// What admission does about freedoms in `team-x`, as a word.
fn held(policies: &str, freedoms: &[Freedom]) -> Vec<&'static str> {
    let text = NAMESPACE.to_owned() + policies;
    judged(&text, &Config::default(), |estate, access| {
        let own = estate.namespaces.iter().position(|namespace| namespace.name == "team-x").expect("team-x is there");
        let word = |freedom: &Freedom| match access.restriction(*freedom, own) {
            Restriction::Refused(..) => "refused",
            Restriction::Weak(_) => "weak",
            Restriction::Open => "open",
            Restriction::Unknown(_) => "unknown",
        };
        freedoms.iter().map(word).collect()
    })
}

fn policy(rules: &str, expression: &str) -> String {
    format!(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: guard}}\n\
         spec: {{matchConstraints: {{resourceRules: [{rules}]}}, validations: [{{expression: \"{expression}\"}}]}}\n---\n"
    )
}

fn bound(actions: &str, matches: &str) -> String {
    format!(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {{name: guard}}\n\
         spec: {{policyName: guard, validationActions: {actions}, matchResources: {matches}}}\n---\n"
    )
}

const PODS: &str = "{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}";
const NO_TOLERATION: &str = "!has(object.spec.tolerations)";

#[test]
fn a_policy_in_cel_holds_where_a_binding_denies() {
    let tolerations = |policies: &str| held(policies, &[Freedom::Tolerations])[0];
    let with = |rules: &str, actions: &str, matches: &str| {
        tolerations(&(policy(rules, NO_TOLERATION) + &bound(actions, matches)))
    };
    assert_eq!(with(PODS, "[Deny]", "{}"), "refused");
    assert_eq!(with(PODS, "[Warn, Audit]", "{}"), "weak");
    assert_eq!(tolerations(&policy(PODS, NO_TOLERATION)), "weak", "without a binding it is in force nowhere");
    assert_eq!(with("{apiGroups: ['*'], operations: ['*'], resources: ['*']}", "[Deny]", "{}"), "refused");
    let controllers = "{apiGroups: [apps], operations: [CREATE], resources: [deployments]}";
    assert_eq!(with(controllers, "[Deny]", "{}"), "open", "a bare pod is not looked at");
    let deletes = "{apiGroups: [''], operations: [DELETE], resources: [pods]}";
    assert_eq!(with(deletes, "[Deny]", "{}"), "open");
    let namespaces = |operator: &str| {
        format!(
            "{{namespaceSelector: {{matchExpressions: \
             [{{key: kubernetes.io/metadata.name, operator: {operator}, values: [team-x]}}]}}}}"
        )
    };
    assert_eq!(with(PODS, "[Deny]", &namespaces("In")), "refused");
    assert_eq!(with(PODS, "[Deny]", &namespaces("NotIn")), "weak");
    assert_eq!(with(PODS, "[Deny]", "{objectSelector: {matchLabels: {guarded: yes}}}"), "weak");
    assert_eq!(held(&policy(PODS, NO_TOLERATION), &[Freedom::NodeName]), ["open"]);
}

#[test]
fn pod_security_levels_hold_what_they_are_known_for() {
    let level = |level: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Namespace\n\
             metadata: {{name: team-x, labels: {{pod-security.kubernetes.io/enforce: {level}}}}}\n"
        );
        judged(&text, &Config::default(), |_, access| {
            let refused = |freedom: &Freedom| matches!(access.restriction(*freedom, 0), Restriction::Refused(..));
            Freedom::ALL.into_iter().filter(refused).collect::<Vec<_>>()
        })
    };
    assert_eq!(level("restricted"), [Freedom::HostNetwork, Freedom::Privileged, Freedom::Capabilities]);
    assert_eq!(level("baseline"), level("restricted"));
    assert_eq!(level("privileged"), []);
}

#[test]
fn policy_engines_are_recognised_by_what_they_name() {
    let constraint = |kind: &str, spec: &str| {
        format!(
            "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: {kind}\nmetadata: {{name: c}}\nspec: {spec}\n---\n"
        )
    };
    let host = [Freedom::HostNetwork];
    assert_eq!(held(&constraint("K8sPSPHostNetworkingPorts", "{}"), &host), ["refused"]);
    assert_eq!(held(&constraint("K8sPSPHostNetworkingPorts", "{enforcementAction: dryrun}"), &host), ["weak"]);
    let excluded = constraint("K8sPSPHostNetworkingPorts", "{match: {excludedNamespaces: ['team-*']}}");
    assert_eq!(held(&excluded, &host), ["weak"]);
    let of_others = constraint("K8sPSPHostNetworkingPorts", "{match: {namespaces: [team-y]}}");
    assert_eq!(held(&of_others, &host), ["open"], "a constraint for others leaves nobody out");
    let others =
        constraint("K8sPSPHostNetworkingPorts", "{match: {kinds: [{apiGroups: [apps], kinds: [Deployment]}]}}");
    assert_eq!(held(&others, &host), ["open"]);
    let labels = "{match: {kinds: [{apiGroups: [''], kinds: [Namespace]}]}, \
                  parameters: {labels: [{key: pod-security.kubernetes.io/enforce}]}}";
    let asked = [Freedom::HostNetwork, Freedom::ProxyUser];
    assert_eq!(held(&constraint("K8sRequiredLabels", labels), &asked), ["refused", "open"], "who sets it is elsewhere");
    let cloud = "{match: {kinds: [{apiGroups: [x.cnrm.cloud.google.com], kinds: [Folder]}]}}";
    assert_eq!(held(&constraint("FolderNames", cloud), &host), ["unknown"], "nothing of admission is in the input");
    let template = "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {name: reserved}\n\
                    spec: {crd: {spec: {names: {kind: Reserved}}}, targets: [{target: admission.k8s.gatekeeper.sh, \
                    rego: 'input.review.object.spec.tolerations[_].key == \"dedicated\"'}]}\n---\n";
    let reserved = template.to_owned() + &constraint("Reserved", "{match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}}");
    assert_eq!(held(&reserved, &[Freedom::Tolerations, Freedom::HostNetwork]), ["refused", "open"]);
    assert_eq!(held(&constraint("TeamPodRules", "{}"), &[Freedom::Tolerations]), ["unknown"], "its code is elsewhere");
    let kyverno = |action: &str, validate: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: k}}\nspec: {{rules: [{{name: r, \
             match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}, validate: {{failureAction: {action}, {validate}}}}}]}}\n---\n"
        )
    };
    let pattern = "pattern: {spec: {'=(hostNetwork)': false}}";
    assert_eq!(held(&kyverno("Enforce", pattern), &host), ["refused"]);
    assert_eq!(held(&kyverno("Audit", pattern), &host), ["weak"]);
    assert_eq!(held(&kyverno("Enforce", "podSecurity: {level: baseline}"), &host), ["refused"]);
    let hook = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\n\
                metadata: {name: own}\nwebhooks: [{name: own.example.com, rules: [{apiGroups: [''], \
                operations: [CREATE], resources: [pods]}]}]\n---\n";
    assert_eq!(held(hook, &host), ["unknown"], "what a webhook refuses is not in the input");
}

#[test]
fn a_tenant_runs_what_admission_lets_through() {
    let edit = binding("RoleBinding", "ClusterRole/edit", TEAM);
    let run = |policies: &str| {
        let text = NAMESPACE.to_owned() + policies;
        judged(&text, &Config::default(), |_, access| word(&access.run_pod(0, Freedom::Tolerations, 0)))
    };
    let guarded = policy(PODS, NO_TOLERATION) + &bound("[Deny]", "{}");
    let observed = policy(PODS, NO_TOLERATION) + &bound("[Audit]", "{}");
    assert_eq!(run(&(edit.clone() + &guarded)), "no");
    assert_eq!(run(&(edit.clone() + &observed)), "certain");
    assert_eq!(run(&edit), "unknown", "no admission policy is in the input");
    assert_eq!(run(&guarded), "no", "whoever it is");
    assert_eq!(run(&observed), "unknown", "who may start pods is not in the input");
}

#[test]
fn a_guard_may_ask_who_writes() {
    let rules = "{apiGroups: [networking.k8s.io], operations: [CREATE, UPDATE, DELETE], resources: [networkpolicies]}";
    let text = binding("RoleBinding", "ClusterRole/edit", TEAM)
        + &policy(rules, "'net-admins' in request.userInfo.groups")
        + &bound("[Deny]", "{}");
    assert_eq!(may(&text, Target::NETWORK_POLICIES, "team-x"), "unknown");
    assert_eq!(may(&text, Target::SERVICES, "team-x"), "certain");
}

#[test]
fn a_role_of_the_cloud_leaves_it_open() {
    let observer = with_role("[{apiGroups: [''], resources: [pods], verbs: [get]}]");
    assert_eq!(may(&observer, Target::SIDECARS, "team-x"), "no");
    let developer = "apiVersion: iam.cnrm.cloud.google.com/v1beta1\nkind: IAMPolicyMember\nmetadata: {name: d, namespace: i}\n\
                     spec: {member: 'group:all@example.com', role: roles/container.developer, \
                     resourceRef: {kind: Project, external: projects/p}}\n---\n";
    assert_eq!(may(&(observer + developer), Target::SIDECARS, "team-x"), "unknown");
}
