//! AZ06: a rule of a policy can never match, so it allows nothing, or denies nothing.

use crate::analysis::authorization::{
    Attachment, Chain, Pattern, Place, Ruling, Tokens, chain, foreign_domain, holds_at, is_dropped, rulings, tokens_at,
};
use crate::analysis::capture::Injection;
use crate::analysis::egress::EgressProxy;
use crate::analysis::routing;
use crate::finding::{Confidence, Finding, Fix, Severity};
use crate::model::{Action, Attribute, AuthorizationPolicy, Clause, Condition, Estate, Match, Role, Server, Text};
use crate::rule::{Audit, Rule};
use crate::traffic::HostPattern;

pub(crate) static RULE: Rule = Rule {
    id: "policy-never-matches",
    topic: "authorization",
    summary: "a rule of an authorization policy can never match",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &[],
    needs: &[],
    page: include_str!("../../../rules/authorization/policy-never-matches.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let estate = audit.estate;
    for ruling in rulings(estate, &audit.facts.egress) {
        let of_listener = port(&ruling, estate)
            .or_else(|| request_on_connection(&ruling))
            .or_else(|| without_token(&ruling, estate))
            .or_else(|| unserved(&ruling, audit));
        findings.extend(of_listener);
    }
    for policy in &estate.mesh.authorization_policies {
        let tests = policy.clauses.iter().flat_map(Clause::tests);
        findings.extend(tests.flat_map(|test| values(policy, test, audit)));
        findings.extend(request_at_node(policy, audit));
    }
}

/// What follows for what the policy does.
fn so(action: Action) -> &'static str {
    if action == Action::Deny { "so it never denies anything" } else { "so it never allows anything" }
}

/// A port that clients use, where the pods listen on another one.
fn port(ruling: &Ruling<'_, '_>, estate: &Estate<'_>) -> Option<Finding> {
    let Ruling { proxy, policy, clause, servers } = ruling;
    clause.ports().filter(|_| servers.is_empty())?;
    let values = clause.tests().filter(|test| test.attribute == Attribute::Port && !test.negative && !test.open);
    let clients_port = |value: &&Text<'_>| {
        let server =
            proxy.servers(estate).find(|server| server.port.is_some_and(|port| value.value == port.to_string()));
        server.and_then(|server| server.port)
    };
    let (value, port) = values.flat_map(|test| test.values).find_map(|value| Some((value, clients_port(&value)?)))?;
    let pods: Vec<String> = proxy.pod_ports(port, estate).iter().map(ToString::to_string).collect();
    let message = format!(
        "`{}` names port {port}, which clients use: the pods listen on {}, {}",
        policy.name.value,
        pods.join(" or "),
        so(policy.action)
    );
    let severity = if policy.action == Action::Deny { Severity::Critical } else { RULE.severity };
    let is_alone = |test: &Condition<'_>| test.values.len() == 1 && test.values[0].at == value.at;
    let meant = pods.first().filter(|_| pods.len() == 1 && clause.tests().any(is_alone));
    let fix = meant.map(|pod| Fix::set(value.at, pod).titled(format!("name port `{pod}`")));
    Some(RULE.finding("port", value.at, message).severity(severity).help("name the port of the pods").fix(fix))
}

/// A property of requests on listeners that see connections alone.
fn request_on_connection(ruling: &Ruling<'_, '_>) -> Option<Finding> {
    let Ruling { proxy, policy, clause, servers } = ruling;
    let is_opaque = |server: &&&Server<'_>| chain(server) == Some(Chain::Tcp);
    let opaque: Vec<_> = servers.iter().filter(is_opaque).collect();
    let first = opaque.first()?;
    let test = clause.tests().find(|test| test.attribute.is_of_request())?;
    let is_all = opaque.len() == servers.len();
    let (what, severity) = match policy.action {
        Action::Allow if is_all && is_dropped(Action::Allow, clause, Chain::Tcp) => {
            ("so it allows nothing there", Severity::High)
        }
        // An ALLOW that works on one of its listeners fails closed on the others.
        Action::Deny => ("so it denies whatever else it names there, and all of that", Severity::Medium),
        _ => return None,
    };
    let message = format!(
        "`{}` looks at requests, which {} of egress gateway `{}` does not read, {what}",
        policy.name.value,
        first.describe(),
        proxy.name.value
    );
    let at = test.values.first().map_or(test.at, |value| value.at);
    let finding = RULE.finding("http-on-tcp", at, message).severity(severity);
    let help = "limit the rule to ports where the gateway reads requests, and decide by `connection.sni` on others";
    Some(finding.see(first.mode_at, "this listener passes on what it does not read").help(help))
}

/// A property of requests in a policy for pods in ambient mode, where the node's proxy sees connections alone. Policies for
/// waypoints, which read requests, name targets.
fn request_at_node(policy: &AuthorizationPolicy<'_>, audit: &Audit<'_>) -> Option<Finding> {
    let estate = audit.estate;
    if policy.targets.is_some() || policy.dry_run.is_some() || policy.namespace == estate.mesh.root_namespace {
        return None;
    }
    let mut picked = estate.workloads.iter().enumerate().filter(|(_, workload)| {
        estate.namespace_of(workload).name == policy.namespace
            && policy.selector.is_none_or(|own| own.is_subset(workload.labels))
    });
    let (first, workload) = picked.next()?;
    let is_ambient = |index: usize| matches!(audit.facts.capture[index].injection, Injection::Ambient { .. });
    if !is_ambient(first) || !picked.all(|(index, _)| is_ambient(index)) {
        return None;
    }
    let test = policy.clauses.iter().flat_map(Clause::tests).find(|test| test.attribute.is_of_request())?;
    let what = match policy.action {
        Action::Allow => "so it allows nothing there",
        Action::Deny => "so it denies whatever else it names there, and all of that",
        _ => return None,
    };
    let name = policy.name.value;
    let message = format!(
        "`{name}` looks at requests, which the node's proxy of `{}` does not read, {what}",
        estate.display(workload)
    );
    let at = test.values.first().map_or(test.at, |value| value.at);
    let finding = RULE.finding("http-on-tcp", at, message).severity(Severity::Medium);
    Some(finding.help("send the pods' services through a waypoint, and name those in `targetRefs`"))
}

/// A token that nobody looks at, or an issuer whose tokens are refused.
fn without_token(ruling: &Ruling<'_, '_>, estate: &Estate<'_>) -> Option<Finding> {
    let Ruling { proxy, policy, clause, .. } = ruling;
    let tokens = tokens_at(&Place::of_proxy(proxy), estate);
    let mut tests = clause.tests().filter(|test| test.attribute.is_of_token() && !test.open);
    let is_refused = |test: &Condition<'_>, value: &Text<'_>| match (&tokens, test.attribute) {
        (Tokens::Of(issuers), Attribute::RequestPrincipal) => {
            issuer(value.value).is_some_and(|issuer| !issuers.contains(&issuer))
        }
        (Tokens::Of(_), _) => false,
        (Tokens::Nobodys | Tokens::Unknown, _) => true,
    };
    let (test, value) = tests.find_map(|test| {
        let all = test.values.iter().all(|value| is_refused(test, value));
        Some((test, test.values.first().filter(|_| all)?))
    })?;
    let (then, severity) = match (policy.action, test.negative) {
        (Action::Allow, false) => ("so it never allows anything", Severity::High),
        (Action::Deny, false) => ("so it never denies anything", Severity::High),
        (Action::Allow, true) => ("so it excepts nobody", Severity::High),
        (Action::Deny, true) => ("so it denies everybody whom it names", Severity::Medium),
        _ => return None,
    };
    let whose = match tokens {
        Tokens::Of(_) => "from an issuer that no RequestAuthentication of",
        Tokens::Nobodys => "that no RequestAuthentication reads for",
        Tokens::Unknown => "that no RequestAuthentication of the input reads for",
    };
    let takes = if matches!(tokens, Tokens::Of(_)) { " takes" } else { "" };
    let message = format!(
        "`{}` asks for a token {whose} egress gateway `{}`{takes}, {then}",
        policy.name.value, proxy.name.value
    );
    let confidence = if tokens == Tokens::Unknown { Confidence::Medium } else { RULE.confidence };
    let finding = RULE.finding("no-token", value.at, message).severity(severity).confidence(confidence);
    Some(finding.help("add a RequestAuthentication for the gateway's pods, with the issuer of the tokens"))
}

/// The issuer in a request's principal, which is `issuer/subject`, where it is written out.
fn issuer(principal: &str) -> Option<&str> {
    let (issuer, _) = principal.rsplit_once('/')?;
    (!issuer.contains('*')).then_some(issuer)
}

/// A host that none of the listeners serves, where the input is said to hold all of the mesh. That no object of the input
/// knows a host says nothing: another Gateway may serve it, and so may other pods at which the policy holds.
fn unserved(ruling: &Ruling<'_, '_>, audit: &Audit<'_>) -> Option<Finding> {
    let Ruling { policy, clause, servers, proxy } = ruling;
    let estate = audit.estate;
    let is_known = estate.evidence.mesh_is_complete()
        && policy.action == Action::Allow
        && proxy.workload.is_some()
        && !servers.is_empty()
        && servers.iter().all(|server| server.reads_requests());
    if !is_known {
        return None;
    }
    let values = clause.tests().filter(|test| test.attribute == Attribute::Host && !test.negative && !test.open);
    let hosts = || servers.iter().flat_map(|server| &server.hosts).chain(hosts_of_others(proxy, estate));
    let is_served = |value: &&Text<'_>| hosts().any(|host| may_serve(host.value, value.value));
    let value = values.flat_map(|test| test.values).find(|value| !is_served(value))?;
    if holds_elsewhere(ruling, audit) {
        return None;
    }
    let message =
        format!("`{}` allows `{}`, which no listener that it speaks of serves", policy.name.value, value.value);
    let finding = RULE.finding("host-not-served", value.at, message).severity(Severity::Low);
    Some(finding.help("add the host to a Gateway of the proxy, or remove it here"))
}

/// Whether a host of a server may be one that a policy names, with a port or without. What only starts so may be anything.
fn may_serve(host: &str, wanted: &str) -> bool {
    let served = host.rsplit('/').next().unwrap_or(host).to_ascii_lowercase();
    let wanted = wanted.to_ascii_lowercase();
    let name = wanted.rsplit_once(':').map_or(wanted.as_str(), |(name, _)| name);
    matches!(Pattern::of(&wanted), Pattern::Prefix(_))
        || served.contains("${")
        || HostPattern::new(name).matches(&HostPattern::new(&served))
}

/// The hosts of Gateways that are not for egress and yet open listeners on a proxy.
fn hosts_of_others<'e, 'a>(
    proxy: &'e EgressProxy<'a>,
    estate: &'e Estate<'a>,
) -> impl Iterator<Item = &'e Text<'a>> + 'e {
    let gateways = estate.mesh.gateways.iter().enumerate();
    let others =
        gateways.filter(|(index, _)| !proxy.gateways.contains(index) && routing::configures(*index, proxy, estate));
    others.flat_map(|(_, gateway)| &gateway.servers).flat_map(|server| &server.hosts)
}

/// Whether the policy of a ruling holds, or may hold, at other pods besides.
fn holds_elsewhere(ruling: &Ruling<'_, '_>, audit: &Audit<'_>) -> bool {
    let Ruling { policy, proxy, .. } = ruling;
    let estate = audit.estate;
    let holds = |place: &Place<'_>| !matches!(holds_at(policy, place, estate), Attachment::Not(_));
    let is_of_mesh = policy.namespace == estate.mesh.root_namespace && policy.selector.is_none();
    let other_proxy = |other: &EgressProxy<'_>| other.name.at != proxy.name.at && holds(&Place::of_proxy(other));
    is_of_mesh
        || audit.facts.egress.proxies.iter().any(other_proxy)
        || (0..estate.workloads.len())
            .any(|index| !audit.facts.egress.workloads.contains(&index) && holds(&Place::of_workload(estate, index)))
}

/// Values that nothing can have: sources that nobody can be, and patterns with stars that are none.
fn values(policy: &AuthorizationPolicy<'_>, test: &Condition<'_>, audit: &Audit<'_>) -> Vec<Finding> {
    let is_central = audit.estate.namespace(policy.namespace).is_some_and(|namespace| namespace.role != Role::Tenant);
    let name = policy.name.value;
    let of_value = |value: &Text<'_>| {
        let (variant, what, help) = fault(policy, test.attribute, value.value, audit)?;
        let (then, severity) = match (test.negative, is_central) {
            (true, _) => ("so it excepts nothing", Severity::Low),
            (false, true) => ("so nothing matches it", RULE.severity),
            (false, false) => ("so nothing matches it", Severity::Low),
        };
        let severity = if variant.starts_with("no-such") { severity.min(Severity::Medium) } else { severity };
        let message = format!("`{name}` names `{}`, {what}, {then}", value.value);
        let fix = value.value.strip_prefix(SCHEME).filter(|_| variant == "scheme").map(|rest| Fix::set(value.at, rest));
        Some(RULE.finding(variant, value.at, message).severity(severity).help(help).fix(fix))
    };
    if test.open { Vec::new() } else { test.values.iter().filter_map(of_value).collect() }
}

/// What Istio itself puts in front of a principal.
const SCHEME: &str = "spiffe://";

type Fault = (&'static str, String, &'static str);

fn fault(policy: &AuthorizationPolicy<'_>, attribute: Attribute<'_>, value: &str, audit: &Audit<'_>) -> Option<Fault> {
    let estate = audit.estate;
    if has_idle_star(attribute, value) {
        let help = "keep one star, in front or at the end; in paths, `{*}` stands for a segment and `{**}` for several";
        return Some(("wildcard", "in which only a star at one end counts".to_owned(), help));
    }
    match attribute {
        Attribute::Path if value.contains("{*") && estate.mesh.version.at_least(1, 22) == Match::No => {
            let help = "name the paths with a star at one end, or upgrade";
            Some(("version", "a template that Istio knows from 1.22 on".to_owned(), help))
        }
        Attribute::Principal if value.starts_with(SCHEME) => {
            let help = "write the principal without `spiffe://`, which is added to it";
            Some(("scheme", "which starts with `spiffe://` a second time".to_owned(), help))
        }
        Attribute::Principal => {
            if let Some(domain) = foreign_domain(value, &estate.mesh) {
                let what = format!("whose trust domain `{domain}` is none of the mesh's");
                return Some(("trust-domain", what, "write `cluster.local`, which stands for the mesh's own domain"));
            }
            let (namespace, account) = value.split_once("/ns/")?.1.split_once("/sa/")?;
            missing_account(namespace, account, audit)
        }
        Attribute::Namespace => missing_namespace(value, audit),
        Attribute::ServiceAccount => {
            let (namespace, account) = value.split_once('/').unwrap_or((policy.namespace, value));
            missing_account(namespace, account, audit)
        }
        _ => None,
    }
}

/// Whether a value has a star where stars are ordinary characters. In namespaces every star counts.
fn has_idle_star(attribute: Attribute<'_>, value: &str) -> bool {
    let is_plain = matches!(
        attribute,
        Attribute::Principal | Attribute::Host | Attribute::Path | Attribute::Method | Attribute::Sni
    );
    let rest = match Pattern::of(value) {
        Pattern::Any => "",
        Pattern::Exact(rest) | Pattern::Prefix(rest) | Pattern::Suffix(rest) => rest,
    };
    is_plain && rest.contains('*') && !value.contains("{*")
}

/// The namespaces that every cluster has.
const BUILT_IN: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// A namespace that does not exist, where the input holds all there are.
fn missing_namespace(value: &str, audit: &Audit<'_>) -> Option<Fault> {
    let estate = audit.estate;
    let mut names = estate.namespaces.iter().map(|namespace| namespace.name).chain(BUILT_IN);
    let is_known = names.any(|name| Pattern::of(value).matches(name));
    let help = "name a namespace that exists: whoever creates this one inherits what the rule says of it";
    let is_missing = estate.evidence.kubernetes_is_complete() && !is_known;
    is_missing.then(|| ("no-such-source", "a namespace that does not exist".to_owned(), help))
}

/// A service account that no workload runs as, where the input holds all there are.
fn missing_account(namespace: &str, account: &str, audit: &Audit<'_>) -> Option<Fault> {
    if let Some(missing) = missing_namespace(namespace, audit) {
        return Some(missing);
    }
    let estate = audit.estate;
    let mut workloads =
        estate.workloads.iter().filter(|workload| Pattern::of(namespace).matches(estate.namespace_of(workload).name));
    let mut machines = estate.mesh.workload_entries.iter().filter(|one| Pattern::of(namespace).matches(one.namespace));
    let is_missing = estate.evidence.kubernetes_is_complete()
        && !workloads.any(|workload| Pattern::of(account).matches(workload.service_account))
        && !machines.any(|one| one.account.is_some_and(|own| Pattern::of(account).matches(own)));
    let help = "name a service account that a workload runs as";
    is_missing.then(|| ("no-such-account", "which no workload runs as".to_owned(), help))
}
