//! Rights by which somebody gets more than they were given (semantics C.12, escalators).

use super::reach::START_PODS;
use super::target::{ADMISSION, CORE, RBAC, Target, WRITE, covers, of};
use super::{Access, Allowed, Grant};
use crate::model::access::{Party, Rule, Standing, Word};

/// A way to more rights, or around admission and the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Escalation {
    /// Every verb on every resource of every group.
    Everything,
    /// Writing roles with more rights than one's own, or binding them.
    Roles,
    /// Acting as somebody else.
    Impersonation,
    /// Tokens of service accounts of the platform.
    Tokens,
    /// Pods beside a service account that administers egress.
    Accounts,
    /// Labels of namespaces: injection, pod security level, what selectors match.
    Namespaces,
    /// Placing pods past the scheduler.
    Scheduling,
    /// Taints and labels of nodes.
    Nodes,
    /// The kubelet's or another server's interface, through the API server.
    Proxy,
    /// Commands and ports in pods of the gateway or the platform.
    Exec,
    /// Containers added to running pods.
    Ephemeral,
    /// Who is asked at admission.
    Webhooks,
    /// Kinds themselves.
    Definitions,
    /// Keys and tokens of the gateway or the platform.
    Secrets,
    /// Client certificates.
    Certificates,
}

impl Escalation {
    /// Whether it is about what stands in namespaces, so that it matters in which.
    #[must_use]
    pub fn is_about_namespaces(self) -> bool {
        !matches!(
            self,
            Self::Impersonation
                | Self::Namespaces
                | Self::Nodes
                | Self::Webhooks
                | Self::Definitions
                | Self::Certificates
        )
    }
}

/// Where a right must hold to be an escalation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Anywhere.
    Any,
    /// In the whole cluster, or in a namespace of the gateway, the mesh or the platform.
    Admins,
    /// In the whole cluster.
    Cluster,
}

/// What an escalation takes: verbs on resources, and where.
struct Way(Escalation, Reach, &'static [Target], &'static [&'static str]);

const READ: &[&str] = &["get", "list", "watch"];
const USE: &[&str] = &["get", "create"];

const WAYS: &[Way] = &[
    Way(Escalation::Roles, Reach::Any, &[of(RBAC, "roles"), of(RBAC, "clusterroles")], &["escalate", "bind"]),
    Way(
        Escalation::Impersonation,
        Reach::Cluster,
        &[of(CORE, "users"), of(CORE, "groups"), of(&["authentication.k8s.io"], "uids")],
        &["impersonate"],
    ),
    Way(Escalation::Impersonation, Reach::Admins, &[of(CORE, "serviceaccounts")], &["impersonate"]),
    Way(Escalation::Tokens, Reach::Admins, &[of(CORE, "serviceaccounts/token")], &["create"]),
    Way(Escalation::Namespaces, Reach::Any, &[of(CORE, "namespaces")], &["create", "update", "patch"]),
    Way(Escalation::Scheduling, Reach::Any, &[of(CORE, "pods/binding"), of(CORE, "bindings")], &["create"]),
    Way(Escalation::Nodes, Reach::Cluster, &[of(CORE, "nodes")], &["create", "update", "patch"]),
    Way(Escalation::Proxy, Reach::Cluster, &[of(CORE, "nodes/proxy")], &["get", "create", "update", "patch", "delete"]),
    Way(Escalation::Proxy, Reach::Admins, &[of(CORE, "pods/proxy"), of(CORE, "services/proxy")], USE),
    Way(
        Escalation::Exec,
        Reach::Admins,
        &[of(CORE, "pods/exec"), of(CORE, "pods/attach"), of(CORE, "pods/portforward")],
        USE,
    ),
    Way(Escalation::Exec, Reach::Admins, &[of(CORE, "pods/ephemeralcontainers")], &["update", "patch"]),
    Way(
        Escalation::Webhooks,
        Reach::Cluster,
        &[of(ADMISSION, "mutatingwebhookconfigurations"), of(ADMISSION, "validatingwebhookconfigurations")],
        &WRITE,
    ),
    Way(Escalation::Definitions, Reach::Cluster, &[of(&["apiextensions.k8s.io"], "customresourcedefinitions")], &WRITE),
    Way(Escalation::Secrets, Reach::Admins, &[of(CORE, "secrets")], READ),
    Way(
        Escalation::Certificates,
        Reach::Cluster,
        &[of(&["certificates.k8s.io"], "certificatesigningrequests/approval")],
        &["update", "patch"],
    ),
];

impl<'a> Access<'a> {
    /// The escalations that a rule gives to whoever has a grant, with the words that give them.
    #[must_use]
    pub fn escalations(&self, grant: Grant, rule: &Rule<'a>) -> Vec<(Word<'a>, &'static str, Escalation)> {
        if let Some(word) = everything(rule) {
            return vec![(word, "*", Escalation::Everything)];
        }
        // Who may start pods there has the accounts, keys and commands that go with it: writing there is a finding of its own.
        let starts_pods = self.starts_pods(grant);
        let mut found: Vec<_> = WAYS
            .iter()
            .filter(|Way(_, reach, ..)| self.is_within(grant, *reach) && !(*reach == Reach::Admins && starts_pods))
            .flat_map(|Way(escalation, _, targets, verbs)| {
                let word = |target: &Target| Some((covers(rule, *target, verbs)?, target.resource, *escalation));
                let harmless = *escalation == Escalation::Roles && binds_weak_roles(rule);
                let targets = targets.iter().filter(move |_| !harmless);
                targets.filter_map(word).collect::<Vec<_>>()
            })
            .collect();
        found.extend(self.ephemeral(grant, rule));
        found.extend(self.accounts(grant, rule));
        found
    }

    /// Whether a grant lets somebody start pods wherever it holds.
    fn starts_pods(&self, grant: Grant) -> bool {
        let namespace = self.binding(grant).namespace.unwrap_or_default();
        matches!(self.allows(grant, &Target::POD_MAKERS, &START_PODS, namespace), Some(Allowed::By(_)))
    }

    fn is_within(&self, grant: Grant, reach: Reach) -> bool {
        match (self.binding(grant).namespace, reach) {
            (None, _) | (_, Reach::Any) => true,
            (Some(namespace), Reach::Admins) => self.is_admins(namespace),
            (Some(_), Reach::Cluster) => false,
        }
    }

    /// Containers added to a team's own pods, by somebody who may start no pods there: else it is nothing new.
    fn ephemeral(&self, grant: Grant, rule: &Rule<'a>) -> Option<(Word<'a>, &'static str, Escalation)> {
        let target = of(CORE, "pods/ephemeralcontainers");
        let word = covers(rule, target, &["update", "patch"])?;
        let namespace = self.binding(grant).namespace.filter(|namespace| !self.is_admins(namespace))?;
        let party = self.subject(grant).party;
        let starts = |other: Grant| {
            let allowed = self.allows(other, &Target::POD_MAKERS, &START_PODS, namespace);
            self.subject(other).party == party && matches!(allowed, Some(Allowed::By(_)))
        };
        let own = self.grants_of(party).any(starts);
        (!own).then_some((word, target.resource, Escalation::Ephemeral))
    }

    /// Pods, tokens or impersonation beside an account that administers egress or runs a part of the platform.
    fn accounts(&self, grant: Grant, rule: &Rule<'a>) -> Option<(Word<'a>, &'static str, Escalation)> {
        let namespace = self.binding(grant).namespace.filter(|namespace| !self.is_admins(namespace))?;
        let makers = Target::POD_MAKERS.iter().map(|target| (*target, &START_PODS[..]));
        let others =
            [(of(CORE, "serviceaccounts/token"), &["create"][..]), (of(CORE, "serviceaccounts"), &["impersonate"][..])];
        let (word, resource) =
            makers.chain(others).find_map(|(target, verbs)| Some((covers(rule, target, verbs)?, target.resource)))?;
        let is_strong = |other: &Grant| {
            let subject = self.subject(*other);
            let is_there = matches!(subject.party, Party::ServiceAccount { namespace: own, .. } if own == namespace);
            is_there && matches!(subject.standing, Standing::Admin | Standing::Platform)
        };
        self.grants().iter().any(is_strong).then_some((word, resource, Escalation::Accounts))
    }
}

/// Whether a rule only lets roles be bound that it names, and none of those that are known to be strong.
fn binds_weak_roles(rule: &Rule<'_>) -> bool {
    let escalates = rule.verbs.iter().any(|word| matches!(word.text, "*" | "escalate"));
    let is_strong = |word: &Word<'_>| matches!(word.text, "cluster-admin" | "admin" | "edit");
    !escalates && !rule.names.is_empty() && !rule.names.iter().any(is_strong)
}

/// The word of a rule that gives every verb, or every one that writes, on every resource of every group.
#[must_use]
pub fn everything<'a>(rule: &Rule<'a>) -> Option<Word<'a>> {
    let writes = rule.verbs.iter().any(|word| word.text == "*")
        || WRITE.iter().all(|verb| rule.verbs.iter().any(|word| word.text == *verb));
    let any_group = rule.groups.iter().any(|word| word.text == "*");
    rule.resources.iter().copied().find(|word| word.text == "*" && any_group && writes && rule.names.is_empty())
}
