//! What kustomize does to objects that their own files do not say.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

use palisade::config::Config;
use palisade::source::{Sources, Walk};
use palisade::triage::Report;

fn audit(files: &[(&str, &str)]) -> (Walk, Report) {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let walk = Walk { sources: Sources::new(files), skipped: Vec::new() };
    let report = palisade::audit(&walk, &Config::default());
    (walk, report)
}

/// The estates in which no policy isolates a workload, as each finding names them.
fn open_estates(files: &[(&str, &str)]) -> Vec<String> {
    let (_, report) = audit(files);
    let found = report.findings.iter().filter(|one| one.finding.rule == "missing-egress-isolation");
    found.map(|one| one.estates.join(" ")).collect()
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  template:\n    metadata: {labels: {app: a}}\n    spec: {containers: [{name: c, image: i}]}\n";
const DENIAL: &str = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {}, policyTypes: [Egress]}\n";

#[test]
fn what_takes_in_a_base_says_its_namespace() {
    let base = ("base/kustomization.yaml", "resources: [app.yaml]\n");
    let app = ("base/app.yaml", DEPLOYMENT);
    let shop = ("shop/kustomization.yaml", "namespace: shop\nresources: [../base, deny.yaml]\n");
    let deny = ("shop/deny.yaml", DENIAL);
    assert_eq!(open_estates(&[base, app, shop, deny]), [""; 0]);
    // Through a second kustomization, which leaves the namespace alone; and one that sets another, which does not count.
    let middle = ("middle/kustomization.yaml", "resources: [../base]\n");
    let shop = ("shop/kustomization.yaml", "namespace: shop\nresources: [../middle, deny.yaml]\n");
    assert_eq!(open_estates(&[base, app, middle, shop, deny]), [""; 0]);
    let middle = ("middle/kustomization.yaml", "namespace: lobby\nresources: [../base]\n");
    assert_eq!(open_estates(&[base, app, middle, shop, deny]), [""; 0]);
    // Its word is the last, whatever the object says.
    let named = DEPLOYMENT.replace("{name: app}", "{name: app, namespace: lobby}");
    assert_eq!(open_estates(&[base, ("base/app.yaml", &named), middle, shop, deny]), [""; 0]);
    // What takes itself in, in a circle, ends.
    let middle = ("middle/kustomization.yaml", "resources: [../base, ../shop]\n");
    assert_eq!(open_estates(&[base, app, middle, shop, deny]), [""; 0]);
}

#[test]
fn each_overlay_puts_its_base_into_its_own_namespace() {
    let other = DENIAL.replace("podSelector: {}", "podSelector: {matchLabels: {app: b}}");
    let files = [
        ("base/kustomization.yaml", "resources: [app.yaml]\n"),
        ("base/app.yaml", DEPLOYMENT),
        ("overlays/dev/kustomization.yaml", "namespace: shop-dev\nresources: [../../base, deny.yaml]\n"),
        ("overlays/dev/deny.yaml", &other),
        ("overlays/prod/kustomization.yaml", "namespace: shop-prod\nresources: [../../base, deny.yaml]\n"),
        ("overlays/prod/deny.yaml", DENIAL),
    ];
    assert_eq!(open_estates(&files), ["dev"]);
}

#[test]
fn a_file_that_its_kustomization_forgets_is_named() {
    let forgets = |kustomization: &str| {
        let kustomization = ("shop/kustomization.yaml", kustomization);
        let (walk, report) = audit(&[kustomization, ("shop/app.yaml", DEPLOYMENT), ("shop/deny.yaml", DENIAL)]);
        let problems = report.inputs.problems.iter().filter(|one| one.message.contains("no kustomization"));
        problems.map(|one| walk.sources[one.at.source].path().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(forgets("resources: [app.yaml]\n"), ["shop/deny.yaml"]);
    assert_eq!(forgets("resources: [app.yaml, ./deny.yaml]\n"), [""; 0]);
    assert_eq!(forgets("resources: [app.yaml]\npatches: [{path: deny.yaml}]\n"), [""; 0]);
    assert_eq!(forgets("resources: [app.yaml]\ntransformers: [deny.yaml]\n"), [""; 0]);
}

#[test]
fn what_kustomize_changes_out_of_sight_is_said_once() {
    let said = |kustomization: &str| {
        let other = ("other/kustomization.yaml", kustomization);
        let files = [("shop/kustomization.yaml", kustomization), ("shop/app.yaml", DEPLOYMENT), other];
        let (walk, report) = audit(&files);
        let problems = report.inputs.problems.iter().filter(|one| one.message.contains("`kustomize build`"));
        problems.map(|one| walk.sources[one.at.source].slice(one.at.span).to_owned()).collect::<Vec<_>>()
    };
    let inline = "resources: [app.yaml]\npatches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: add, path: /spec/template/spec/hostNetwork, value: true}\n";
    assert_eq!(said(inline), ["patches"]);
    assert_eq!(said("resources: [app.yaml]\ncommonLabels: {team: x}\n"), ["commonLabels"]);
    assert_eq!(said("resources: [app.yaml]\nlabels: [{pairs: {team: x}, includeTemplates: true}]\n"), ["labels"]);
    assert_eq!(said("resources: [app.yaml]\nlabels: [{pairs: {team: x}}]\npatches: [{path: p.yaml}]\n"), [""; 0]);
}
