//! Authorization policies against the filters that Istio builds from them: our engine reads the policies, an interpreter of
//! its own reads the filters, and both are asked about requests around every word in the policies.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;
mod envoy;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use common::{shared, text};
use envoy::{Outcome, Packet};
use palisade::analysis::authorization::{Chain, Decision, Peer, Place, Property, Request, decide, policies_at};
use palisade::model::{Action, AuthorizationPolicy};
use serde_json::Value as Json;
use serde_yaml::{Deserializer, Value};

/// How many requests each case is asked about.
const REQUESTS: usize = 700;

/// A case of the index.
#[derive(Clone)]
struct Case {
    name: String,
    chain: Chain,
    /// The mesh configuration, the workload and the policies.
    mesh: String,
    policies: Vec<Value>,
    filters: Vec<Value>,
    domains: Vec<String>,
}

fn documents(text: &str) -> Vec<Value> {
    use serde::Deserialize;
    let all = Deserializer::from_str(text).map(|one| Value::deserialize(one).expect("YAML"));
    all.filter(|document| !document.is_null()).collect()
}

impl Case {
    /// Everything that our engine reads.
    fn estate(&self) -> String {
        let policies = self.policies.iter().map(|policy| serde_yaml::to_string(policy).expect("YAML"));
        [vec![self.mesh.clone(), WORKLOAD.to_owned()], policies.collect()].concat().join("\n---\n")
    }

    /// The case, and for each of several rules the same case with that rule alone, in the policies and in the filters.
    fn with_parts(self) -> Vec<Self> {
        let mut parts = Vec::new();
        for policy in &self.policies {
            let name = policy["metadata"]["name"].as_str().expect("a name");
            for (index, rule) in policy["spec"]["rules"].as_sequence().into_iter().flatten().enumerate() {
                let mut alone = policy.clone();
                alone["spec"]["rules"] = Value::Sequence(vec![rule.clone()]);
                let (own, wanted) = (format!("policy[{name}]"), format!("policy[{name}]-rule[{index}]"));
                let filters = self.filters.iter().map(|filter| only(filter, &own, &wanted)).collect();
                let name = format!("{} {wanted}", self.name);
                let (mesh, domains) = (self.mesh.clone(), self.domains.clone());
                parts.push(Self { name, chain: self.chain, mesh, policies: vec![alone], filters, domains });
            }
        }
        if parts.len() < 2 { vec![self] } else { [vec![self], parts].concat() }
    }
}

/// A filter with one rule of a policy alone; without rules where none of the policy's are in it.
fn only(filter: &Value, policy: &str, rule: &str) -> Value {
    let mut filter = filter.clone();
    let config = filter["typedConfig"].as_mapping_mut().expect("a filter has a config");
    for kind in ["rules", "shadowRules"] {
        let Some(policies) = config.get_mut(kind).and_then(|rules| rules.get_mut("policies")) else { continue };
        let policies = policies.as_mapping_mut().expect("policies by name");
        let is_here = policies.keys().any(|name| name.as_str().is_some_and(|name| name.contains(policy)));
        policies.retain(|name, _| name.as_str().is_some_and(|name| name.ends_with(rule)));
        if !is_here {
            config.remove(kind);
        }
    }
    filter
}

/// The workload that the filters are of.
const WORKLOAD: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: httpbin, namespace: foo}\n\
    spec:\n  selector: {matchLabels: {app: httpbin}}\n  template:\n    metadata: {labels: {app: httpbin, version: v1}}\n    \
    spec: {containers: [{name: httpbin, image: httpbin}]}\n";

fn cases(folder: &std::path::Path) -> Vec<Case> {
    let index: Json = serde_json::from_str(&text(&folder.join("index.json"))).expect("JSON");
    let case = |case: &Json| {
        let words = |value: &Json| -> Vec<String> {
            value.as_array().into_iter().flatten().map(|word| word.as_str().expect("a word").to_owned()).collect()
        };
        let input = text(&folder.join(case["input"].as_str().expect("an input")));
        let domain = case["trustDomain"][0].as_str().unwrap_or("cluster.local").to_owned();
        let aliases = words(&case["trustDomain"][1]);
        let mut mesh = format!("trustDomain: {domain}\ntrustDomainAliases: [{}]\n", aliases.join(", "));
        if let Some(config) = case["customMeshConfig"].as_str() {
            let kind = if config == "meshConfigHTTP" { "envoyExtAuthzHttp" } else { "envoyExtAuthzGrpc" };
            let service = "foo/my-custom-ext-authz.foo.svc.cluster.local";
            writeln!(mesh, "extensionProviders: [{{name: default, {kind}: {{service: {service}, port: 9000}}}}]")
                .expect("a text grows");
        }
        let mesh = mesh.replace('\n', "\n    ");
        let config = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata:\n  mesh: |-\n    {mesh}\n"
        );
        let filters = words(&case["want"]).iter().flat_map(|path| documents(&text(&folder.join(path)))).collect();
        Case {
            name: case["name"].as_str().expect("a name").to_owned(),
            chain: if case["proto"] == "tcp" { Chain::Tcp } else { Chain::Http },
            mesh: config,
            policies: documents(&input),
            filters,
            domains: [vec![domain], aliases].concat(),
        }
    };
    index.as_array().expect("a list").iter().map(case).collect()
}

/// Values to try, by what they are of: `principal`, `host`, `header x`, `claim a.b`, …
type Pools = BTreeMap<String, Vec<String>>;

/// What a value may stand for, and what is near to it.
fn near(value: &str) -> Vec<String> {
    let filled =
        ["", "x", "a/b"].map(|filling| value.replace("{**}", filling).replace("{*}", filling).replace('*', filling));
    let more = filled.iter().flat_map(|text| {
        [
            text.clone(),
            text.to_uppercase(),
            format!("{text}x"),
            format!("x{text}"),
            format!("{text}:443"),
            format!("{text}?q=1"),
        ]
    });
    more.chain([value.to_owned()]).collect()
}

/// Every name that an identity in a policy may be found under.
fn principals(kind: &str, value: &str, domains: &[String]) -> Vec<String> {
    let domains = domains.iter().map(String::as_str).chain(["cluster.local", "evil", "xfoobar"]);
    let mut all = Vec::new();
    for domain in domains {
        match kind {
            "namespace" => {
                for namespace in ["", "x", "x-y"].map(|filling| value.replace('*', filling)) {
                    all.push(format!("spiffe://{domain}/ns/{namespace}/sa/app"));
                    all.push(format!("spiffe://{domain}/ns/{namespace}x/sa/app"));
                }
            }
            "account" => {
                let (namespace, account) = value.split_once('/').unwrap_or(("foo", value));
                for (namespace, account) in [(namespace, account), ("other", account)] {
                    all.push(format!("spiffe://{domain}/ns/{namespace}/sa/{account}"));
                    all.push(format!("spiffe://{domain}/ns/{namespace}/k/v/sa/{account}/more"));
                    all.push(format!("spiffe://{domain}/ns/{namespace}/sa/{account}-junk"));
                }
            }
            _ => {
                let rest = value.split_once('/').map_or(value, |(_, rest)| rest);
                all.push(format!("spiffe://{domain}/{rest}"));
                all.extend(["", "x"].map(|filling| format!("spiffe://{}", value.replace('*', filling))));
                all.push(value.replace('*', "x"));
            }
        }
    }
    all
}

fn pools(case: &Case) -> Pools {
    let mut pools: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |pool: &str, values: Vec<String>| pools.entry(pool.to_owned()).or_default().extend(values);
    for rule in case.policies.iter().flat_map(|policy| policy["spec"]["rules"].as_sequence().into_iter().flatten()) {
        let list = |value: &Value| -> Vec<String> {
            let texts = value.as_sequence().into_iter().flatten();
            texts.map(|text| text.as_str().expect("a text").to_owned()).collect()
        };
        let blocks = |key: &str, inner: &'static str| -> Vec<Value> {
            rule[key].as_sequence().into_iter().flatten().map(|one| one[inner].clone()).collect()
        };
        for block in blocks("from", "source").iter().chain(&blocks("to", "operation")) {
            for (field, values) in block.as_mapping().into_iter().flatten() {
                let field = field.as_str().expect("a field").trim_start_matches("not").to_lowercase();
                for value in list(values) {
                    add_value(&mut add, &field, &value, case);
                }
            }
        }
        for one in rule["when"].as_sequence().into_iter().flatten() {
            let key = one["key"].as_str().expect("a key");
            for value in list(&one["values"]).iter().chain(&list(&one["notValues"])) {
                add_value(&mut add, key, value, case);
            }
        }
    }
    pools.into_iter().map(|(name, values)| (name, values.into_iter().collect())).collect()
}

fn add_value(add: &mut impl FnMut(&str, Vec<String>), field: &str, value: &str, case: &Case) {
    let bracketed =
        |prefix: &str| field.strip_prefix(prefix).map(|rest| rest.trim_matches(['[', ']']).replace("][", "."));
    let issuer_and_subject = |value: &str| {
        let (issuer, subject) = value.rsplit_once('/').unwrap_or((value, ""));
        (near(issuer), [near(subject), near(value), vec![String::new(), "me".to_owned()]].concat())
    };
    match field {
        "principals" | "source.principal" => add("principal", principals("principal", value, &case.domains)),
        "namespaces" | "source.namespace" => add("principal", principals("namespace", value, &case.domains)),
        "serviceaccounts" | "source.serviceAccount" => add("principal", principals("account", value, &case.domains)),
        "requestprincipals" | "request.auth.principal" => {
            let (issuers, subjects) = issuer_and_subject(value);
            add("claim iss", issuers);
            add("claim sub", subjects);
        }
        "ipblocks" | "source.ip" => add("source", addresses(value)),
        "remoteipblocks" | "remote.ip" => add("remote", addresses(value)),
        "destination.ip" => add("destination", addresses(value)),
        "ports" | "destination.port" => {
            let port: u16 = value.parse().expect("a port");
            add("port", [port - 1, port, port + 1].map(|port| port.to_string()).to_vec());
        }
        "connection.sni" => add("sni", near(value)),
        "hosts" => add("header :authority", near(value)),
        "methods" => add("header :method", near(value)),
        "paths" => add("header :path", near(value)),
        "request.auth.audiences" => add("claim aud", near(value)),
        "request.auth.presenter" => add("claim azp", near(value)),
        _ => {
            if let Some(name) = bracketed("request.headers") {
                add(&format!("header {}", name.to_lowercase()), near(value));
            } else if let Some(path) = bracketed("request.auth.claims") {
                add(&format!("claim {path}"), near(value));
            } else {
                let (filter, key) =
                    field.trim_start_matches("experimental.").trim_end_matches(']').split_once('[').expect("a key");
                add(&format!("metadata {filter} {key}"), near(value));
            }
        }
    }
}

/// The addresses at both sides of the edges of a block.
fn addresses(block: &str) -> Vec<String> {
    let (base, length) = block.split_once('/').unwrap_or((block, "32"));
    let base = u32::from(base.parse::<Ipv4Addr>().expect("an address"));
    let last = base + (u32::MAX.checked_shr(length.parse().expect("a length")).unwrap_or(0));
    [base - 1, base, last, last + 1].map(|bits| Ipv4Addr::from(bits).to_string()).to_vec()
}

/// A sequence of numbers that looks random and is always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("a small number")
    }

    /// One of the values of a pool; sometimes none, or something else.
    fn pick(&mut self, pool: Option<&Vec<String>>, other: &str) -> Option<String> {
        match (self.below(12), pool) {
            (0, _) => None,
            (1, _) | (_, None) => Some(other.to_owned()),
            (_, Some(pool)) => Some(pool[self.below(pool.len())].clone()),
        }
    }
}

fn packet(pools: &Pools, numbers: &mut Numbers, chain: Chain) -> Packet {
    let mut address = |name: &str| -> Ipv4Addr {
        numbers
            .pick(pools.get(name), "198.51.100.7")
            .map_or(Ipv4Addr::LOCALHOST, |text| text.parse().expect("an address"))
    };
    let (source, remote, destination) = (address("source"), address("remote"), address("destination"));
    let mut packet = Packet {
        principal: numbers.pick(pools.get("principal"), "CN=somebody"),
        source,
        remote,
        destination,
        port: numbers.pick(pools.get("port"), "8080").map_or(1, |port| port.parse().expect("a port")),
        sni: numbers.pick(pools.get("sni"), "other.example").filter(|sni| !sni.is_empty()),
        headers: BTreeMap::new(),
        claims: None,
        metadata: BTreeMap::new(),
    };
    if chain == Chain::Tcp {
        return packet;
    }
    for (name, other) in [(":authority", "other.example"), (":method", "GET"), (":path", "/")] {
        let pool = pools.get(&format!("header {name}"));
        packet.headers.extend(numbers.pick(pool, other).map(|value| (name.to_owned(), value)));
    }
    let has_token = numbers.below(6) > 0;
    let mut claims = BTreeMap::new();
    for (name, pool) in pools {
        let Some((kind, rest)) = name.split_once(' ') else { continue };
        let Some(value) = numbers.pick(Some(pool), "other") else { continue };
        match kind {
            "header" => drop(packet.headers.entry(rest.to_owned()).or_insert(value)),
            "claim" => {
                let path: Vec<String> = rest.split('.').map(str::to_owned).collect();
                let is_list = !matches!(rest, "iss" | "sub") && numbers.below(3) == 0;
                let more = is_list.then(|| "another".to_owned());
                claims.insert(path, [Some(value), more].into_iter().flatten().collect());
            }
            "metadata" => {
                let (filter, key) = rest.split_once(' ').expect("a filter and a key");
                packet.metadata.insert((filter.to_owned(), key.to_owned()), value);
            }
            _ => panic!("a pool of `{kind}`"),
        }
    }
    packet.claims = has_token.then_some(claims);
    packet
}

/// The request with some of its properties unknown: one for each bit.
fn blurred<'r>(request: &Request<'r>, mask: usize) -> Request<'r> {
    fn keep<T>(property: Property<T>, known: bool) -> Property<T> {
        if known { property } else { Property::Unknown }
    }
    let known = |bit: usize| mask & (1 << bit) == 0;
    Request {
        peer: if known(0) { request.peer } else { Peer::Unknown },
        address: keep(request.address, known(1)),
        remote_address: keep(request.remote_address, known(2)),
        destination_address: keep(request.destination_address, known(3)),
        port: keep(request.port, known(4)),
        sni: keep(request.sni, known(5)),
        host: keep(request.host, known(6)),
        method: keep(request.method, known(7)),
        path: keep(request.path, known(8)),
        headers: keep(request.headers, known(9)),
        claims: keep(request.claims, known(10)),
        metadata: keep(request.metadata, known(11)),
    }
}

/// The packet as our engine takes it.
fn ask<T>(packet: &Packet, chain: Chain, judge: impl FnOnce(&Request<'_>) -> T) -> T {
    fn property<T>(value: Option<T>) -> Property<T> {
        value.map_or(Property::Absent, Property::Is)
    }
    let header = |name: &str| property(packet.headers.get(name).map(String::as_str));
    let headers: Vec<(&str, &str)> =
        packet.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let paths: Vec<(Vec<&str>, &Vec<String>)> = packet
        .claims
        .iter()
        .flatten()
        .map(|(path, values)| (path.iter().map(String::as_str).collect(), values))
        .collect();
    let claims: Vec<(&[&str], &str)> = paths
        .iter()
        .flat_map(|(path, values)| values.iter().map(move |value| (path.as_slice(), value.as_str())))
        .collect();
    let keys: Vec<(String, &str)> =
        packet.metadata.iter().map(|((filter, key), value)| (format!("{filter}[{key}]"), value.as_str())).collect();
    let metadata: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let is_http = chain == Chain::Http;
    judge(&Request {
        peer: packet.principal.as_deref().map_or(Peer::Nobody, Peer::Named),
        address: Property::Is(IpAddr::V4(packet.source)),
        remote_address: Property::Is(IpAddr::V4(packet.remote)),
        destination_address: Property::Is(IpAddr::V4(packet.destination)),
        port: Property::Is(packet.port),
        sni: property(packet.sni.as_deref()),
        host: header(":authority"),
        method: header(":method"),
        path: header(":path"),
        headers: property(is_http.then_some(headers.as_slice())),
        claims: property(packet.claims.is_some().then_some(claims.as_slice())),
        metadata: property(Some(metadata.as_slice())),
    })
}

#[test]
fn the_engine_decides_as_the_filters_do() {
    let Some(folder) = shared("conformance/authz") else { return };
    let mut seen = BTreeSet::new();
    let cases = cases(&folder);
    assert_eq!(cases.len(), 19);
    let cases: Vec<Case> = cases.into_iter().flat_map(Case::with_parts).collect();
    for case in &cases {
        let pools = pools(case);
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let mut of_case = BTreeMap::new();
        common::judged(&case.estate(), |estate, _| {
            let held = policies_at(&Place::of_workload(estate, 0), estate);
            for _ in 0..REQUESTS {
                let packet = packet(&pools, &mut numbers, case.chain);
                let wanted = match envoy::outcome(&case.filters, &packet) {
                    Outcome::Pass => Decision::Allow,
                    Outcome::Deny => Decision::Deny,
                    Outcome::Ask => Decision::Unknown,
                };
                let mask = numbers.below(1 << 12);
                let (got, vague) = ask(&packet, case.chain, |request| {
                    let decide = |request| decide(&held, case.chain, request, &estate.mesh);
                    (decide(request), decide(&blurred(request, mask)))
                });
                assert_eq!(got, wanted, "{}: {packet:#?}", case.name);
                assert!(vague == wanted || vague == Decision::Unknown, "{} without {mask:b}: {packet:#?}", case.name);
                *of_case.entry(wanted).or_insert(0) += 1;
            }
        });
        println!("{}: {of_case:?}", case.name);
        seen.extend(of_case.into_keys());
    }
    println!("{} cases and parts of cases, {REQUESTS} requests each", cases.len());
    assert_eq!(seen.len(), 3, "every decision occurs: {seen:?}");
}

/// The policies of the cases for requests, each with a name of its own.
fn all_policies(cases: &[Case]) -> Vec<Value> {
    let of_requests = cases.iter().filter(|case| case.chain == Chain::Http);
    let mut all: Vec<Value> = of_requests.flat_map(|case| case.policies.clone()).collect();
    for (index, policy) in all.iter_mut().enumerate() {
        policy["metadata"]["name"] = format!("policy-{index}").into();
    }
    all
}

#[test]
fn a_policy_more_opens_or_closes_what_its_action_says() {
    let Some(folder) = shared("conformance/authz") else { return };
    let cases: Vec<Case> = cases(&folder).into_iter().flat_map(Case::with_parts).collect();
    let policies = all_policies(&cases);
    let all = Case { name: String::new(), policies, ..cases[0].clone() };
    let pools = pools(&all);
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let rank = |decision| match decision {
        Decision::Deny => 0,
        Decision::Unknown => 1,
        Decision::Allow => 2,
    };
    let mut changed = BTreeMap::new();
    common::judged(&all.estate(), |estate, _| {
        let held = policies_at(&Place::of_workload(estate, 0), estate);
        for _ in 0..4_000 {
            let packet = packet(&pools, &mut numbers, Chain::Http);
            let mut some: Vec<_> = held.iter().copied().filter(|_| numbers.below(6) == 0).collect();
            let more = held[numbers.below(held.len())];
            let decide =
                |held: &[_]| ask(&packet, Chain::Http, |request| decide(held, Chain::Http, request, &estate.mesh));
            let before = decide(&some);
            let allows =
                |held: &[(&AuthorizationPolicy<'_>, bool)]| held.iter().any(|(one, _)| one.action == Action::Allow);
            // The first policy that allows denies everything else.
            let is_first = more.0.action == Action::Allow && !allows(&some);
            some.push(more);
            let after = decide(&some);
            let holds = match more.0.action {
                Action::Allow => is_first || rank(after) >= rank(before),
                _ => rank(after) <= rank(before),
            };
            assert!(holds, "`{}` turns {before:?} into {after:?}: {packet:#?}", more.0.name.value);
            *changed.entry((before, after)).or_insert(0) += usize::from(before != after);
        }
    });
    println!("{changed:?}");
    assert!(changed[&(Decision::Deny, Decision::Allow)] > 0 && changed[&(Decision::Allow, Decision::Deny)] > 0);
}
