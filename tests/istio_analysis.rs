//! Istio's own analyzers: of each case that our rules cover, the same objects are flagged. What they do not cover is listed
//! with the reason, so that no case is passed over in silence.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::{shared, text};
use palisade::config::{Config, Part};
use palisade::finding::Object;
use palisade::source::{Sources, Walk};
use palisade::triage::Reported;
use serde_json::Value;

/// What of ours says the same as one of Istio's codes, in the cases of one analyzer: a rule, and its variants that do.
struct Covered {
    code: &'static str,
    analyzer: &'static str,
    rule: &'static str,
    variants: &'static [&'static str],
    read: Read,
}

/// What becomes of the files of a case before our rules see them, which leaves what is judged in them as it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Read {
    AsTheyAre,
    /// The gateways are those for what leaves: our rules are about these.
    ForEgress,
    /// Pods are read from a cluster, with a status: what a pod of a manifest becomes is another question.
    FromCluster,
}

impl Read {
    fn apply(self, text: &str) -> String {
        match self {
            Self::AsTheyAre => text.to_owned(),
            Self::ForEgress => text.replace("ingress", "egress"),
            Self::FromCluster => text.replace("kind: Pod\n", "kind: Pod\nstatus: {phase: Running}\n"),
        }
    }
}

const COVERED: &[Covered] = &[
    // A certificate that nobody checks, in the policy of a host or of one of its ports.
    Covered {
        code: "IST0128",
        analyzer: "destinationrule.CaCertificateAnalyzer",
        rule: "unverified-tls-origination",
        variants: &["no-ca", "credential-ignored"],
        read: Read::AsTheyAre,
    },
    Covered {
        code: "IST0129",
        analyzer: "destinationrule.CaCertificateAnalyzer",
        rule: "unverified-tls-origination",
        variants: &["no-ca", "credential-ignored"],
        read: Read::AsTheyAre,
    },
    // A policy that holds at no pods.
    Covered {
        code: "IST0127",
        analyzer: "authz.AuthorizationPoliciesAnalyzer",
        rule: "policy-not-enforced",
        variants: &["selector"],
        read: Read::AsTheyAre,
    },
    // A namespace that does not exist.
    Covered {
        code: "IST0101",
        analyzer: "authz.AuthorizationPoliciesAnalyzer",
        rule: "policy-never-matches",
        variants: &["no-such-source"],
        read: Read::AsTheyAre,
    },
    Covered {
        code: "IST0144",
        analyzer: "deployment.ApplicationUIDAnalyzer",
        rule: "runs-as-proxy-identity",
        variants: &["uid"],
        read: Read::AsTheyAre,
    },
    // Several default Sidecars in a namespace, and Sidecars where there are no sidecars.
    Covered {
        code: "IST0111",
        analyzer: "sidecar.SelectorAnalyzer",
        rule: "missing-default-sidecar",
        variants: &["several"],
        read: Read::AsTheyAre,
    },
    Covered {
        code: "IST0167",
        analyzer: "sidecar.SelectorAnalyzer",
        rule: "missing-default-sidecar",
        variants: &["ambient"],
        read: Read::AsTheyAre,
    },
    // Two Gateways for one port of the same pods. Of a pair one is flagged, which names the other.
    Covered {
        code: "IST0145",
        analyzer: "gateway.ConflictingGatewayAnalyzer",
        rule: "gateway-selector-collision",
        variants: &["conflict"],
        read: Read::ForEgress,
    },
    // A Gateway that picks no pods.
    Covered {
        code: "IST0101",
        analyzer: "gateway.IngressGatewayPortAnalyzer",
        rule: "gateway-selector-collision",
        variants: &["unmatched"],
        read: Read::ForEgress,
    },
    // A route for a host that no server of its gateway is for.
    Covered {
        code: "IST0132",
        analyzer: "virtualservice.GatewayAnalyzer",
        rule: "broken-gateway-hop",
        variants: &["not-admitted"],
        read: Read::ForEgress,
    },
    // A pod without a proxy where its namespace asks for one.
    Covered {
        code: "IST0103",
        analyzer: "injection.Analyzer",
        rule: "workload-outside-mesh",
        variants: &["no-proxy"],
        read: Read::FromCluster,
    },
];

/// What an analyzer reports that none of our rules says, and why. Without codes: it reports nothing in its cases.
struct LeftOut {
    analyzer: &'static str,
    codes: &'static [&'static str],
    why: &'static str,
}

const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        analyzer: "authn.BlockedCIDRsAnalyzer",
        codes: &["IST0175"],
        why: "what the control plane may fetch, not what workloads reach",
    },
    LeftOut {
        analyzer: "deployment.ServiceAssociationAnalyzer",
        codes: &[],
        why: "services that share pods: no way out depends on it",
    },
    LeftOut {
        analyzer: "destinationrule.PodNotSelectedAnalyzer",
        codes: &["IST0173", "IST0174"],
        why: "subsets that pick no pods send nothing anywhere; one that nobody defines is `broken-gateway-hop`'s",
    },
    LeftOut {
        analyzer: "envoyfilter.EnvoyPatchAnalyzer",
        codes: &[],
        why: "`proxy-extension-in-path` speaks of every extension in the path, whatever it patches",
    },
    LeftOut { analyzer: "externalcontrolplane.ExternalControlPlaneAnalyzer", codes: &[], why: "addresses of webhooks" },
    LeftOut {
        analyzer: "gateway.IngressGatewayPortAnalyzer",
        codes: &["IST0162"],
        why: "a listener that no service leads to: `broken-gateway-hop` tells where something is sent there",
    },
    LeftOut { analyzer: "gateway.SecretAnalyzer", codes: &["IST0101", "IST0161"], why: "secrets are not read" },
    LeftOut {
        analyzer: "injection.Analyzer",
        codes: &["IST0102", "IST0123"],
        why: "namespaces without pods send nothing, and of two labels the one that counts is looked at",
    },
    LeftOut { analyzer: "injection.ImageAnalyzer", codes: &[], why: "versions of images" },
    LeftOut {
        analyzer: "injection.ImageAutoAnalyzer",
        codes: &["IST0146", "IST0147"],
        why: "a pod that cannot start sends nothing",
    },
    LeftOut {
        analyzer: "schemaValidation.CollectionValidationAnalyzer(collections.VirtualService)",
        codes: &["IST0130", "IST0131"],
        why: "a match that never counts sends nothing anywhere",
    },
    LeftOut { analyzer: "service.PortNameAnalyzer", codes: &[], why: "names of ports" },
    LeftOut {
        analyzer: "serviceentry.ConflictingServiceEntryProtocolAnalyzer",
        codes: &["IST0177"],
        why: "two protocols for a port break it, and open nothing",
    },
    LeftOut {
        analyzer: "serviceentry.ProtocolAddressesAnalyzer",
        codes: &["IST0134"],
        why: "asks for addresses of every TCP port; `spoofable-service-entry` where the host is not looked up",
    },
    LeftOut { analyzer: "telemetry.ProviderAnalyzer", codes: &[], why: "telemetry keeps nothing from leaving" },
    LeftOut {
        analyzer: "telemetry.SelectorAnalyzer",
        codes: &["IST0101", "IST0159"],
        why: "telemetry keeps nothing from leaving",
    },
    LeftOut {
        analyzer: "virtualservice.DestinationHostAnalyzer",
        codes: &["IST0140"],
        why: "subsets by the hop of a gateway; for two hops through one a false alarm (istio/istio#58559)",
    },
    LeftOut {
        analyzer: "virtualservice.DestinationRuleAnalyzer",
        codes: &["IST0101"],
        why: "subsets between services inside; `broken-gateway-hop` speaks of those on the way to a gateway and out of it",
    },
    LeftOut {
        analyzer: "virtualservice.JWTClaimRouteAnalyzer",
        codes: &["IST0149"],
        why: "routes by claims of tokens at gateways for requests from outside, whose clients have tokens",
    },
];

/// Cases of analyzers of which others are compared, and why these are not.
const APART: &[(&str, &str)] = &[
    ("virtualServiceGateways", "gateways that open nothing or are not there: they are for neither direction"),
    ("virtualServiceInternalGatewayRef", "a name that Istio keeps to itself, of a gateway that is not there"),
];

fn lines(case: &Value, key: &str) -> Vec<String> {
    let list = case[key].as_array().into_iter().flatten();
    list.map(|one| one.as_str().expect("a text").to_owned()).collect()
}

/// `Kind namespace/name`, or `Kind name` where the file gives no namespace: we place such objects in `default`.
fn object(object: &Object) -> String {
    match object.namespace.as_deref() {
        None | Some("default") => format!("{} {}", object.kind, object.name),
        Some(namespace) => format!("{} {namespace}/{}", object.kind, object.name),
    }
}

/// The objects that one of our rules flags in the files of a case.
fn ours(folder: &Path, inputs: &[String], read: Read, (rule, variants): (&str, &[&str])) -> BTreeSet<String> {
    let files = inputs.iter().map(|input| (input.clone(), read.apply(&text(&folder.join(input)))));
    let walk = Walk { sources: Sources::new(files.collect()), ..Walk::default() };
    // The analyzers take what they are given for everything there is.
    let config = Config { complete: vec![Part::Kubernetes, Part::Mesh], ..Config::default() };
    let report = palisade::audit(&walk, &config);
    let of_rule = report
        .findings
        .iter()
        .filter(|reported| reported.finding.rule == rule && variants.contains(&reported.finding.variant));
    of_rule.flat_map(flagged).collect()
}

/// The objects that a finding is about: its own, and of a pair the other one, which is named.
fn flagged(reported: &Reported) -> BTreeSet<String> {
    let is_of_pair = reported.finding.variant == "conflict";
    let named = reported.finding.message.split('`').skip(1).step_by(2).filter(|_| is_of_pair);
    let own = reported.object.as_ref();
    let others =
        own.into_iter().flat_map(|own| named.clone().map(|name| object(&Object { name: name.into(), ..own.clone() })));
    own.map(object).into_iter().chain(others).collect()
}

#[test]
fn our_rules_flag_what_the_analyzers_flag() {
    let Some(folder) = shared("conformance/istio-analysis") else { return };
    let cases: Vec<Value> = serde_json::from_str(&text(&folder.join("expected.json"))).expect("JSON");
    assert_eq!(cases.len(), 54);
    let mut faults = Vec::new();
    let (mut compared, mut left_out) = (BTreeSet::new(), BTreeMap::new());
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let analyzer = case["analyzer"].as_str().expect("an analyzer").trim_end_matches("{}");
        let expected = case["expected"].as_array().expect("a list");
        let theirs = |codes: &[&str]| -> BTreeSet<String> {
            let of_code = expected.iter().filter(|one| codes.contains(&one["code"].as_str().expect("a code")));
            of_code.map(|one| one["resource"].as_str().expect("an object").replace(" default/", " ")).collect()
        };
        let apart = APART.iter().find(|(case, _)| *case == name);
        let is_ours = |covered: &&Covered| covered.analyzer == analyzer && apart.is_none();
        let covered: Vec<&Covered> = COVERED.iter().filter(is_ours).collect();
        let rules: BTreeSet<&str> = covered.iter().map(|covered| covered.rule).collect();
        for rule in &rules {
            let of_rule: Vec<&&Covered> = covered.iter().filter(|covered| covered.rule == *rule).collect();
            let codes: Vec<&str> = of_rule.iter().map(|covered| covered.code).collect();
            let variants: Vec<&str> = of_rule.iter().flat_map(|covered| covered.variants).copied().collect();
            let read = of_rule[0].read;
            let (theirs, ours) = (theirs(&codes), ours(&folder, &lines(case, "inputs"), read, (rule, &variants)));
            compared.insert(name);
            if theirs != ours {
                faults.push(format!("{name}: {codes:?} {rule}\n  theirs {theirs:?}\n  ours   {ours:?}"));
            }
        }
        if let Some((_, why)) = apart {
            left_out.insert(name, *why);
            continue;
        }
        let left = LEFT_OUT.iter().find(|left| left.analyzer == analyzer);
        if let (Some(left), true) = (left, rules.is_empty()) {
            left_out.insert(name, left.why);
        } else if rules.is_empty() {
            faults.push(format!("{name}: {analyzer} is neither covered nor left out"));
        }
        for code in expected.iter().map(|one| one["code"].as_str().expect("a code")) {
            let is_left = left.is_some_and(|left| left.codes.contains(&code));
            if !is_left && !covered.iter().any(|covered| covered.code == code) {
                faults.push(format!("{name}: {code} of {analyzer} is neither covered nor left out"));
            }
        }
    }
    println!("{} of {} cases compared", compared.len(), cases.len());
    for (name, why) in &left_out {
        println!("left out: {name}: {why}");
    }
    assert_eq!(compared.len() + left_out.len(), cases.len());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
