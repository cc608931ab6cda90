//! Istio's own analyzers: of each case that our rules cover, the same objects are flagged. What they do not cover is listed
//! with the reason, so that no case is passed over in silence.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::{shared, text};
use palisade::config::{Config, Part};
use palisade::finding::Object;
use palisade::source;
use serde_json::Value;

/// What of ours says the same as one of Istio's codes, in the cases of one analyzer: a rule, and its variants that do.
struct Covered {
    code: &'static str,
    analyzer: &'static str,
    rule: &'static str,
    variants: &'static [&'static str],
}

const COVERED: &[Covered] = &[
    // A certificate that nobody checks, in the policy of a host or of one of its ports.
    Covered {
        code: "IST0128",
        analyzer: "destinationrule.CaCertificateAnalyzer",
        rule: "unverified-tls-origination",
        variants: &["no-ca", "credential-ignored"],
    },
    Covered {
        code: "IST0129",
        analyzer: "destinationrule.CaCertificateAnalyzer",
        rule: "unverified-tls-origination",
        variants: &["no-ca", "credential-ignored"],
    },
    // A policy that holds at no pods.
    Covered {
        code: "IST0127",
        analyzer: "authz.AuthorizationPoliciesAnalyzer",
        rule: "policy-not-enforced",
        variants: &["selector"],
    },
    // A namespace that does not exist.
    Covered {
        code: "IST0101",
        analyzer: "authz.AuthorizationPoliciesAnalyzer",
        rule: "policy-never-matches",
        variants: &["no-such-source"],
    },
    Covered {
        code: "IST0144",
        analyzer: "deployment.ApplicationUIDAnalyzer",
        rule: "runs-as-proxy-identity",
        variants: &["uid"],
    },
    // Several default Sidecars in a namespace, and Sidecars where there are no sidecars.
    Covered {
        code: "IST0111",
        analyzer: "sidecar.SelectorAnalyzer",
        rule: "missing-default-sidecar",
        variants: &["several"],
    },
    Covered {
        code: "IST0167",
        analyzer: "sidecar.SelectorAnalyzer",
        rule: "missing-default-sidecar",
        variants: &["ambient"],
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
        why: "which pods of the cluster a subset picks",
    },
    LeftOut {
        analyzer: "envoyfilter.EnvoyPatchAnalyzer",
        codes: &[],
        why: "`proxy-extension-in-path` speaks of every extension in the path, whatever it patches",
    },
    LeftOut { analyzer: "externalcontrolplane.ExternalControlPlaneAnalyzer", codes: &[], why: "addresses of webhooks" },
    LeftOut {
        analyzer: "gateway.ConflictingGatewayAnalyzer",
        codes: &["IST0145"],
        why: "gateways for requests from outside; `gateway-selector-collision` speaks of those for egress",
    },
    LeftOut {
        analyzer: "gateway.IngressGatewayPortAnalyzer",
        codes: &["IST0101", "IST0162"],
        why: "ports of gateways for requests from outside",
    },
    LeftOut { analyzer: "gateway.SecretAnalyzer", codes: &["IST0101", "IST0161"], why: "secrets are not read" },
    LeftOut {
        analyzer: "injection.Analyzer",
        codes: &["IST0102", "IST0103", "IST0123"],
        why: "asks live pods for their proxy; `workload-outside-mesh` works out of manifests what will be injected",
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
        why: "matches behind others in one virtual service",
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
        why: "routes of requests from outside",
    },
    LeftOut {
        analyzer: "virtualservice.DestinationRuleAnalyzer",
        codes: &["IST0101"],
        why: "subsets of hosts inside of the cluster",
    },
    LeftOut {
        analyzer: "virtualservice.GatewayAnalyzer",
        codes: &["IST0101", "IST0132", "IST0165"],
        why: "routes through gateways for requests from outside",
    },
    LeftOut {
        analyzer: "virtualservice.JWTClaimRouteAnalyzer",
        codes: &["IST0149"],
        why: "routes by claims of tokens",
    },
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
fn ours(folder: &Path, inputs: &[String], rule: &str, variants: &[&str]) -> BTreeSet<String> {
    let paths: Vec<_> = inputs.iter().map(|input| folder.join(input)).collect();
    let walk = source::walk(&paths).expect("the inputs are there");
    // The analyzers take what they are given for everything there is.
    let config = Config { complete: vec![Part::Kubernetes, Part::Mesh], ..Config::default() };
    let report = palisade::audit(&walk, &config);
    let of_rule = report
        .findings
        .iter()
        .filter(|reported| reported.finding.rule == rule && variants.contains(&reported.finding.variant));
    of_rule.filter_map(|reported| reported.object.as_ref().map(object)).collect()
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
        let flagged = |codes: &[&str]| -> BTreeSet<String> {
            let of_code = expected.iter().filter(|one| codes.contains(&one["code"].as_str().expect("a code")));
            of_code.map(|one| one["resource"].as_str().expect("an object").replace(" default/", " ")).collect()
        };
        let covered: Vec<&Covered> = COVERED.iter().filter(|covered| covered.analyzer == analyzer).collect();
        let rules: BTreeSet<&str> = covered.iter().map(|covered| covered.rule).collect();
        for rule in &rules {
            let of_rule: Vec<&&Covered> = covered.iter().filter(|covered| covered.rule == *rule).collect();
            let codes: Vec<&str> = of_rule.iter().map(|covered| covered.code).collect();
            let variants: Vec<&str> = of_rule.iter().flat_map(|covered| covered.variants).copied().collect();
            let (theirs, ours) = (flagged(&codes), ours(&folder, &lines(case, "inputs"), rule, &variants));
            compared.insert(name);
            if theirs != ours {
                faults.push(format!("{name}: {codes:?} {rule}\n  theirs {theirs:?}\n  ours   {ours:?}"));
            }
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
