//! What is audited together and what apart, and what is said where the input is not what an audit needs.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use common::program::{CLEAN, folder, parsed, run};

const TEMPLATE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
{{- if .Values.labels }}
  labels: {{ toYaml .Values.labels }}
{{- end }}
";

#[test]
fn a_chart_that_nobody_rendered_is_named_with_the_command_that_renders_it() {
    let estate = folder(&[
        ("a.yaml", CLEAN),
        ("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
        ("shop/templates/a.yaml", TEMPLATE),
        ("shop/templates/b.yaml", TEMPLATE),
        ("shop/charts/cart/Chart.yaml", "apiVersion: v2\nname: cart\nversion: 1.0.0\n"),
        ("shop/charts/cart/templates/c.yaml", TEMPLATE),
        ("other/d.yaml", TEMPLATE),
    ]);
    let ran = run(estate.path(), &["check", "--format", "json"]);
    assert_eq!(ran.code, 2);
    let inputs = &parsed(&ran.stdout)["inputs"];
    assert_eq!(inputs["unparsed"].as_array().map(Vec::len), Some(4));
    let chart =
        serde_json::json!([{"path": "shop", "templates": 3, "command": "helm template shop | palisade check -"}]);
    assert_eq!(inputs["charts"], chart);
    assert_eq!(ran.stderr.lines().filter(|line| line.contains("not audited")).count(), 2, "{}", ran.stderr);
    for format in ["terminal", "github", "markdown", "html", "junit", "gitlab", "sarif"] {
        let text = run(estate.path(), &["check", "--format", format]).stdout;
        assert_eq!(text.matches("helm template shop").count(), 1, "{format}: {text}");
        assert!(
            text.contains("is not rendered, so its 3 templates were not read") && text.contains("d.yaml"),
            "{format}"
        );
    }
}

/// Some namespaces with a workload each, and nothing else.
fn teams(count: usize) -> String {
    let team = |number: usize| {
        format!(
            "\
apiVersion: v1
kind: Namespace
metadata: {{name: team-{number}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app, namespace: team-{number}}}
spec:
  template:
    metadata: {{labels: {{app: app}}}}
    spec: {{containers: [{{name: app, image: app}}]}}
"
        )
    };
    (0..count).map(team).collect::<Vec<_>>().join("---\n")
}

/// The rules that found something, each as often as it did.
fn rules(text: &str, arguments: &[&str]) -> Vec<String> {
    let estate = folder(&[("a.yaml", text)]);
    let report = parsed(&run(estate.path(), &[&["check", "--format", "json"], arguments].concat()).stdout);
    let findings = report["findings"].as_array().expect("there are findings").clone();
    let name = |finding: &serde_json::Value| format!("{}/{}", finding["rule"], finding["variant"]).replace('"', "");
    findings.iter().map(name).filter(|name| !name.starts_with("incomplete-evidence")).collect()
}

#[test]
fn without_a_gateway_one_calm_statement_stands_for_hundreds() {
    let complete = ["--complete", "kubernetes,mesh,cloud"];
    assert_eq!(rules(&teams(60), &[]), ["missing-egress-gateway/unknown"]);
    assert_eq!(rules(&teams(60), &complete), ["missing-egress-gateway/missing"]);
    let all = rules(&teams(60), &[&complete[..], &["--all"]].concat());
    assert!(all.len() > 100, "{all:?}");
    // Of a few workloads each is told.
    assert!(rules(&teams(3), &complete).len() > 3);
}

#[test]
fn a_namespace_that_is_named_as_the_gateways_is_a_gateway_in_scope() {
    let gateway = "apiVersion: v1\nkind: Namespace\nmetadata: {name: way-out}\n---\n";
    let estate =
        folder(&[("a.yaml", &(gateway.to_owned() + &teams(2))), ("palisade.yaml", "egress-namespaces: [way-out]\n")]);
    let text = run(estate.path(), &["check"]).stdout;
    assert!(!text.contains("no egress gateway in scope"), "{text}");
}

/// The names of the estates of an input, with their files.
fn estates(files: &[(&str, &str)]) -> Vec<String> {
    let estate = folder(files);
    let report = parsed(&run(estate.path(), &["check", "--format", "json"]).stdout);
    let estates = report["inputs"]["estates"].as_array().expect("there is a list").clone();
    estates.iter().map(|estate| format!("{} {}", estate["name"], estate["files"]).replace('"', "")).collect()
}

fn workload(name: &str, image: &str) -> String {
    format!(
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: shop}}
spec:
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: {name}, image: {image}}}]}}
"
    )
}

const DENY: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
";

const BASE: &str = "resources: [cart.yaml]\n";

fn overlay(more: &str) -> String {
    format!("resources: [../../base{more}]\n")
}

#[test]
fn overlays_of_one_base_are_audited_apart() {
    let (cart, prod, staging) = (workload("cart", "cart"), overlay(", deny.yaml"), overlay(", other.yaml"));
    let elsewhere = DENY.replace("namespace: shop", "namespace: other");
    let files = [
        ("base/kustomization.yaml", BASE),
        ("base/cart.yaml", cart.as_str()),
        ("overlays/prod/kustomization.yaml", &prod),
        ("overlays/prod/deny.yaml", DENY),
        ("overlays/staging/kustomization.yaml", &staging),
        ("overlays/staging/other.yaml", &elsewhere),
        ("namespaces.yaml", CLEAN),
    ];
    assert_eq!(estates(&files), ["prod 5", "staging 5"]);
    // The policy of one overlay closes nothing in the other.
    let estate = folder(&files);
    let arguments = ["check", "--format", "json", "--rule", "missing-egress-isolation"];
    let report = parsed(&run(estate.path(), &arguments).stdout);
    let findings = report["findings"].as_array().expect("there are findings");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["estates"], serde_json::json!(["staging"]));
    let text = run(estate.path(), &["check"]).stdout;
    assert!(text.contains("2 estates, each audited by itself") && text.contains("prod (5 files)"), "{text}");
    assert!(text.contains("severity, in staging"), "{text}");
    let log = parsed(&run(estate.path(), &["check", "--format", "sarif", "--rule", "missing-egress-isolation"]).stdout);
    let inputs = &report["inputs"];
    assert_eq!((&inputs["documents"], &inputs["unmodelled"]), (&inputs["resources"], &serde_json::json!([])));
    assert_eq!(log["runs"][0]["properties"]["estates"], serde_json::json!(["prod", "staging"]));
    assert_eq!(log["runs"][0]["results"][0]["properties"]["estates"], serde_json::json!(["staging"]));
    for format in ["github", "gitlab", "junit", "markdown", "html"] {
        let text = run(estate.path(), &["check", "--format", format, "--rule", "missing-egress-isolation"]).stdout;
        assert!(text.contains("(in `staging`)") || text.contains("(in <code>staging</code>)"), "{format}: {text}");
    }
}

#[test]
fn overlays_of_several_services_for_one_stage_are_one_estate() {
    let (cart, pay) = (workload("cart", "cart"), workload("pay", "pay"));
    let prod = overlay(", ../../../common");
    let patched = format!("{prod}patches: [{{path: patch.yaml}}]\n");
    let patch = workload("cart", "other");
    let files = [
        ("common/kustomization.yaml", "kind: Component\nresources: []\n"),
        ("cart/base/kustomization.yaml", BASE),
        ("cart/base/cart.yaml", cart.as_str()),
        ("pay/base/kustomization.yaml", "resources: [pay.yaml]\n"),
        ("pay/base/pay.yaml", &pay),
        ("cart/overlays/prod/kustomization.yaml", &prod),
        ("pay/overlays/prod/kustomization.yaml", &prod),
        ("cart/overlays/dev/kustomization.yaml", &patched),
        ("cart/overlays/dev/patch.yaml", &patch),
        ("pay/overlays/dev/kustomization.yaml", &prod),
    ];
    let all = estates(&files);
    let names: Vec<&str> = all.iter().filter_map(|name| name.split(' ').next()).collect();
    assert_eq!(names, ["dev", "prod"]);
}

#[test]
fn settings_that_leave_everything_out_are_told_from_an_empty_folder() {
    let cart = workload("cart", "cart");
    let settings = "estates:\n  live: [one]\n  test: [other]\n";
    let estate = folder(&[("one/a.yaml", cart.as_str()), ("three/b.yaml", &cart), ("palisade.yaml", settings)]);
    // Of the estates, those that have something in what is asked for.
    let report = parsed(&run(estate.path(), &["check", "one", "--format", "json"]).stdout);
    assert_eq!(report["inputs"]["estates"], serde_json::json!([{"name": "live", "files": 1}]));
    for command in ["check", "paths", "connections"] {
        let ran = run(estate.path(), &[command, "three"]);
        assert!(ran.code == 2 && ran.stderr.contains("in none of the `estates` of the settings"), "{}", ran.stderr);
    }
}

/// Files of the bases and overlays of two services, cart and pay, each overlay with some more lines.
fn overlays(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for service in ["cart", "pay"] {
        files.push((format!("{service}/base/kustomization.yaml"), format!("resources: [{service}.yaml]\n")));
        files.push((format!("{service}/base/{service}.yaml"), workload(service, service)));
        for (stage, more) in more {
            files.push((format!("{service}/overlays/{stage}/kustomization.yaml"), overlay("") + more));
        }
    }
    files
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

fn names(files: &[(String, String)]) -> Vec<String> {
    estates(&borrowed(files)).iter().map(|name| name.split(' ').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn what_only_one_of_several_services_has_is_no_estate() {
    let mut files = overlays(&[("dev", ""), ("prod", "")]);
    assert_eq!(names(&files), ["dev", "prod"]);
    files.push(("pay/overlays/init-db/kustomization.yaml".to_owned(), overlay(", job.yaml")));
    files.push(("pay/overlays/init-db/job.yaml".to_owned(), workload("init", "init")));
    assert_eq!(names(&files), ["dev", "prod"]);
    // What is no variant of anything, but is called like an estate beside another, is of that estate.
    let mesh = |stage: &str| (format!("mesh/{stage}/kustomization.yaml"), "resources: [deny.yaml]\n".to_owned());
    files.extend([mesh("dev"), ("mesh/dev/deny.yaml".to_owned(), DENY.to_owned())]);
    files.push(("mesh/prod/other.yaml".to_owned(), DENY.replace("namespace: shop", "namespace: other")));
    let ran = estates(&borrowed(&files));
    // Three files of its own for each service and two of dev's mesh, or one of prod's; the job is everybody's.
    assert_eq!(ran, ["dev 10", "prod 9"]);
}

#[test]
fn kustomizations_that_one_cluster_holds_are_one_estate() {
    let (cart, pay) = (workload("cart", "cart"), workload("pay", "pay"));
    let common = "resources: [namespace.yaml, deny.yaml]\n";
    let files = [
        ("common/kustomization.yaml", common),
        ("common/namespace.yaml", CLEAN),
        ("common/deny.yaml", DENY),
        ("cart/kustomization.yaml", "resources: [../common, cart.yaml]\n"),
        ("cart/cart.yaml", cart.as_str()),
        ("pay/kustomization.yaml", "resources: [../common, pay.yaml]\n"),
        ("pay/pay.yaml", &pay),
    ];
    assert_eq!(estates(&files), [""; 0]);
    // Who applies these says where they go, so that they may be two.
    let open = |image: &str| workload("web", image).replace(", namespace: shop", "");
    let files = [
        ("a/kustomization.yaml", "resources: [web.yaml]\n"),
        ("a/web.yaml", &open("one")),
        ("b/kustomization.yaml", "resources: [web.yaml]\n"),
        ("b/web.yaml", &open("two")),
    ];
    assert_eq!(estates(&files), [""; 0]);
    let placed = "namespace: shop\nresources: [web.yaml]\n";
    let files = files.map(|(path, text)| (path, if text.starts_with("resources") { placed } else { text }));
    assert_eq!(estates(&files), ["a 2", "b 2"]);
    // Tenants of one cluster, made from one base; two environments that are called by their names too.
    let made = |names: [&str; 2]| {
        let [one, other] = names.map(|name| format!("namespace: shop-{name}\nresources: [../base]\n"));
        let paths = names.map(|name| format!("{name}/kustomization.yaml"));
        let base = [("base/kustomization.yaml", BASE), ("base/cart.yaml", cart.as_str())];
        estates(&[base[0], base[1], (&paths[0], one.as_str()), (&paths[1], &other)])
    };
    assert_eq!(made(["blue", "green"]), [""; 0]);
    assert_eq!(made(["dev", "prod"]), ["dev 3", "prod 3"]);
}

#[test]
fn folders_of_clusters_are_audited_apart() {
    let (cart, pay) = (workload("cart", "cart"), workload("pay", "pay"));
    let files = [
        ("clusters/prod/cart.yaml", cart.as_str()),
        ("clusters/prod/deny.yaml", DENY),
        ("clusters/staging/cart.yaml", &cart),
        ("clusters/shared/namespaces.yaml", CLEAN),
        ("cloud/a.yaml", CLEAN),
        ("mesh/prod/pay.yaml", &pay),
        ("mesh/staging/pay.yaml", &pay),
        ("broken.yaml", "a: [\n"),
    ];
    assert_eq!(estates(&files), ["prod 6", "staging 5"]);
    assert_eq!(estates(&files[..2]), [""; 0]);
    // Folders that have nothing in common are layers of one cluster.
    assert_eq!(estates(&[("clusters/apps/cart.yaml", cart.as_str()), ("clusters/mesh/deny.yaml", DENY)]), [""; 0]);
    // What could not be read is counted all the same.
    let estate = folder(&files);
    let inputs = parsed(&run(estate.path(), &["check", "--format", "json"]).stdout)["inputs"].clone();
    assert_eq!((&inputs["files"], &inputs["documents"], &inputs["resources"]), (&8.into(), &8.into(), &7.into()));
    assert_eq!(inputs["unparsed"].as_array().map(Vec::len), Some(1));
}

#[test]
fn folders_that_hold_an_environment_or_a_cluster_each_are_audited_apart() {
    let (one, other) = (workload("cart", "cart:1"), workload("cart", "cart:2"));
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
    let (first, second) = (format!("{namespace}{one}"), format!("{namespace}{other}"));
    assert_eq!(
        estates(&[("gke-prod/a.yaml", one.as_str()), ("gke-test/a.yaml", &other), ("mesh/b.yaml", CLEAN)]),
        ["gke-prod 2", "gke-test 2"]
    );
    assert_eq!(
        estates(&[("stage1/a.yaml", first.as_str()), ("stage2/a.yaml", &second), ("mesh/b.yaml", CLEAN)]),
        ["stage1 2", "stage2 2"]
    );
    // Folders that change an object of each other, or run alternatives, are layers as far as anybody can tell.
    assert_eq!(estates(&[("app/a.yaml", first.as_str()), ("extras/a.yaml", &other)]), [""; 0]);
    let with_policy = format!("{first}---\n{DENY}");
    assert_eq!(estates(&[("app/a.yaml", with_policy.as_str()), ("mesh/a.yaml", DENY)]), [""; 0]);
    // Two files of one folder are no two estates.
    assert_eq!(estates(&[("x/prod.yaml", first.as_str()), ("x/test.yaml", &second)]), [""; 0]);
}

/// Two clusters, of which one lets nothing out.
fn two_clusters() -> tempfile::TempDir {
    let (cart, pay) = (workload("cart", "cart"), workload("pay", "pay"));
    let closed = format!("{cart}---\n{DENY}");
    folder(&[
        ("clusters/prod/cart.yaml", closed.as_str()),
        ("clusters/staging/cart.yaml", &cart),
        ("clusters/staging/pay.yaml", &pay),
    ])
}

#[test]
fn ways_out_are_listed_for_each_estate() {
    let estate = two_clusters();
    let asked = |more: &[&str]| run(estate.path(), &[&["paths", "--tier", "code-execution"], more].concat());
    let exits = parsed(&asked(&["--format", "json", "--via", "direct", "--closed"]).stdout)["exits"].clone();
    let of = |name: &str| -> Vec<String> {
        let exits = exits.as_array().expect("there is a list").iter().filter(|exit| exit["estate"] == name);
        let internet = exits.filter(|exit| exit["destination"]["class"] == "internet");
        internet.map(|exit| format!("{} {}", exit["workload"], exit["verdict"]).replace('"', "")).collect()
    };
    assert!(!of("prod").is_empty() && !of("staging").is_empty(), "{exits}");
    assert!(of("prod").iter().all(|exit| exit == "shop/Deployment/cart closed"), "{exits}");
    assert!(of("staging").iter().all(|exit| exit.ends_with("unknown")), "{exits}");
    let text = asked(&[]).stdout;
    assert!(text.starts_with("estate prod\n") && text.contains("\nestate staging\n"), "{text}");
    // Whom only one of them has is asked about there.
    let text = asked(&["--from", "shop/Deployment/pay"]).stdout;
    assert!(text.starts_with("estate staging\n") && !text.contains("estate prod"), "{text}");
    let wrong = asked(&["--from", "shop/Deployment/pai"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("shop/Deployment/pay"), "{}", wrong.stderr);
}

#[test]
fn connections_are_listed_for_each_estate() {
    let estate = two_clusters();
    let asked = |more: &[&str]| run(estate.path(), &[&["connections"], more].concat()).stdout;
    let connections = parsed(&asked(&["--format", "json"]))["connections"].clone();
    let of = |name: &str| connections.as_array().map(|all| all.iter().filter(|one| one["estate"] == name).count());
    assert_eq!(of("prod"), Some(0), "{connections}");
    assert!(of("staging") > Some(1), "{connections}");
    let text = asked(&[]);
    assert!(text.starts_with("estate prod:\n\nestate staging:\n"), "{text}");
    let table = asked(&["--format", "csv"]);
    assert!(table.starts_with("from,to,protocol,ports,certainty,estate\n"), "{table}");
    assert!(table.lines().skip(1).all(|line| line.ends_with(",staging")), "{table}");
    let graph = asked(&["--format", "dot"]);
    assert_eq!(graph.matches("subgraph cluster_").count(), 2);
    assert!(graph.contains("\"prod: shop/Deployment/cart\";") && graph.contains("label=\"staging\""), "{graph}");
    // An end that only one of them has is no mistake; one that none has is.
    let code = |from: &str| run(estate.path(), &["connections", "--from", from]).code;
    assert_eq!((code("shop/Deployment/pay"), code("shop/Deployment/pai")), (0, 2));
}

#[test]
fn one_of_several_estates_can_be_asked_for() {
    let estate = two_clusters();
    let asked = |arguments: &[&str]| run(estate.path(), arguments);
    let paths = asked(&["paths", "--estate", "staging"]);
    assert!(paths.code == 0 && paths.stdout.starts_with("estate staging\n"), "{}", paths.stdout);
    assert!(!paths.stdout.contains("estate prod"), "{}", paths.stdout);
    let connections = asked(&["connections", "--estate", "staging"]);
    assert!(connections.stdout.starts_with("estate staging:\n"), "{}", connections.stdout);
    assert!(!connections.stdout.contains("estate prod"), "{}", connections.stdout);
    let graph = asked(&["graph", "--estate", "prod", "--format", "json"]);
    assert_eq!((graph.code, &parsed(&graph.stdout)["estate"]), (0, &"prod".into()));
    // A graph shows one, and what is not there is no empty list.
    for (arguments, said) in [
        (&["graph"][..], "`--estate` with `prod`, `staging`"),
        (&["paths", "--estate", "stagin"], "did you mean `staging`?"),
        (&["connections", "--estate", "other"], "only `prod`, `staging`"),
        (&["paths", "clusters/prod", "--estate", "prod"], "leave `--estate` out"),
    ] {
        let ran = asked(arguments);
        assert!(ran.code == 2 && ran.stdout.is_empty() && ran.stderr.contains(said), "{}", ran.stderr);
    }
}

/// What a run reports of one rule: the estates of each finding.
fn found(folder: &std::path::Path, arguments: &[&str]) -> Vec<String> {
    let all = [arguments, &["--format", "json", "--complete", "kubernetes"]].concat();
    let ran = run(folder, &all);
    let report = parsed(&ran.stdout);
    let list = if arguments[0] == "diff" { &report["findings"]["new"] } else { &report["findings"] };
    let own = list.as_array().expect("there is a list").iter().filter(|one| one["baseline"] != "unchanged");
    let own = own.filter(|one| one["rule"] == "missing-egress-isolation");
    own.map(|one| one["estates"].to_string()).collect()
}

fn write(folder: &std::path::Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }
}

#[test]
fn a_baseline_knows_what_is_true_in_which_estate() {
    let (cart, base) = (workload("cart", "cart"), "resources: [cart.yaml]\n");
    let (closed, open) = (overlay(", deny.yaml"), overlay(""));
    let estate = folder(&[
        ("base/kustomization.yaml", base),
        ("base/cart.yaml", cart.as_str()),
        ("overlays/prod/kustomization.yaml", &closed),
        ("overlays/prod/deny.yaml", DENY),
        ("overlays/staging/kustomization.yaml", &open),
    ]);
    let path = estate.path();
    let check = ["check", "--baseline", "known.json"];
    run(path, &["check", "--write-baseline", "known.json", "--complete", "kubernetes"]);
    assert_eq!(found(path, &["check"]), ["[\"staging\"]"]);
    assert_eq!(found(path, &check), [""; 0]);
    // A third overlay that is as open is new; what another estate has, it has by itself.
    write(path, &[("overlays/test/kustomization.yaml", open.as_str())]);
    assert_eq!(found(path, &check), ["[\"staging\",\"test\"]"]);
    write(path, &[("overlays/test/kustomization.yaml", closed.replace("deny", "../prod/deny").as_str())]);
    assert_eq!(found(path, &check), [""; 0]);
    // What was closed in an estate and is open now is new there, though it is known in the other.
    write(path, &[("overlays/prod/kustomization.yaml", open.as_str())]);
    assert_eq!(found(path, &check), ["[\"prod\",\"staging\"]"]);
}

#[test]
fn a_second_estate_makes_nothing_new_in_the_first() {
    let cart = workload("cart", "cart");
    let estate = folder(&[
        ("old/clusters/prod/cart.yaml", cart.as_str()),
        ("new/clusters/prod/cart.yaml", &cart),
        ("new/clusters/test/cart.yaml", &(cart.clone() + "---\n" + DENY)),
        ("worse/clusters/prod/cart.yaml", &cart),
        ("worse/clusters/test/cart.yaml", &cart),
    ]);
    let path = estate.path();
    assert_eq!(found(path, &["diff", "old", "old"]), [""; 0]);
    assert_eq!(found(path, &["diff", "old", "new"]), [""; 0]);
    assert_eq!(found(path, &["diff", "new", "old"]), [""; 0]);
    assert_eq!(found(path, &["diff", "new", "worse"]), ["[\"test\"]"]);
    assert_eq!(found(path, &["diff", "old", "worse"]).len(), 1);
    // So it is with the ways out.
    let opened = |old: &str, new: &str| {
        let change = parsed(&run(path, &["diff", old, new, "--format", "json", "--complete", "kubernetes"]).stdout);
        change["exits"]["undecided"].to_string() + &change["exits"]["opened"].to_string()
    };
    assert_eq!(opened("old", "new"), "[][]");
    assert_eq!(opened("new", "old"), "[][]");
    assert!(opened("new", "worse").contains("shop/Deployment/cart of test"), "{}", opened("new", "worse"));
    // A baseline of the one cluster serves both.
    write(path, &[("clusters/prod/cart.yaml", cart.as_str())]);
    run(path, &["check", "clusters", "--write-baseline", "known.json", "--complete", "kubernetes"]);
    let check = ["check", "clusters", "--baseline", "known.json"];
    assert_eq!(found(path, &check), [""; 0]);
    write(path, &[("clusters/test/cart.yaml", &(cart.clone() + "---\n" + DENY))]);
    assert_eq!(found(path, &check), [""; 0]);
    run(path, &["check", "clusters", "--write-baseline", "known.json", "--complete", "kubernetes"]);
    write(path, &[("clusters/test/cart.yaml", cart.as_str())]);
    assert_eq!(found(path, &check), ["[\"test\"]"]);
}

#[test]
fn a_change_in_one_estate_is_reported_with_what_it_points_at() {
    let open = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{ports: [{port: 443}]}]
";
    let cart = workload("cart", "cart");
    let files = [
        ("clusters/prod/cart.yaml", cart.as_str()),
        ("clusters/test/cart.yaml", &cart),
        ("clusters/shared/open.yaml", open),
    ];
    let estate = common::repository::repository(&files);
    let path = estate.path();
    let since = |revision: &str| {
        let ran = run(path, &["check", "--format", "json", "--changed-since", revision]);
        let all = parsed(&ran.stdout)["findings"].clone();
        let own = all.as_array().expect("a list").iter().filter(|one| one["rule"] == "external-egress-allowed");
        own.count()
    };
    assert_eq!(since("HEAD"), 0);
    // The policy of all lets a workload of the second estate out, which the words of the first do not say.
    write(path, &[("clusters/test/cart.yaml", &cart.replace("image: cart", "image: new"))]);
    assert_eq!(since("HEAD"), 0);
    write(path, &[("clusters/test/cart.yaml", &cart.replace("metadata: {name: cart", "metadata: {name: 'cart'"))]);
    assert_eq!(since("HEAD"), 1);
}

#[test]
fn a_change_cannot_join_estates_to_silence_its_own_findings() {
    let two = [
        ("clusters/prod/cart.yaml".to_owned(), workload("cart", "cart") + "---\n" + DENY),
        ("clusters/test/cart.yaml".to_owned(), workload("cart", "cart")),
    ];
    let split = "estates:\n  prod: [clusters/prod]\n  test: [clusters/test, old]\n";
    let joined = "estates:\n  all: [clusters]\n";
    let denied = |path: &std::path::Path| {
        let arguments = ["check", "--format", "json", "--complete", "kubernetes", "--deny-new-ignores", "HEAD"];
        let ran = run(path, &arguments);
        let report = parsed(&ran.stdout);
        let found: Vec<String> = report["findings"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| format!("{}/{}", one["rule"], one["variant"]).replace('"', ""))
            .collect();
        (report["inputs"]["estates"].as_array().map_or(0, Vec::len), found)
    };
    for then in [None, Some(split)] {
        let mut files = borrowed(&two);
        files.extend(then.map(|text| ("palisade.yaml", text)));
        let estate = common::repository::repository(&files);
        // A file before all others moves the numbers by which places know their files.
        write(estate.path(), &[("a/a.yaml", CLEAN), ("a/b.yaml", CLEAN)]);
        for now in [Some(joined), Some("fail-on: error\n"), None, then] {
            match now {
                Some(text) => write(estate.path(), &[("palisade.yaml", text)]),
                None => drop(std::fs::remove_file(estate.path().join("palisade.yaml"))),
            }
            let (estates, found) = denied(estate.path());
            assert_eq!(estates, 2, "{then:?} {now:?}");
            assert!(found.contains(&"missing-egress-isolation/no-policy".to_owned()), "{then:?} {now:?} {found:?}");
            let is_said = found.contains(&"new-ignore/setting".to_owned());
            assert_eq!(is_said, now == Some(joined), "{then:?} {now:?} {found:?}");
            assert_eq!(run(estate.path(), &["check", "--show-config", "--deny-new-ignores", "HEAD"]).code, 0);
        }
    }
}

#[test]
fn more_estates_than_can_be_audited_apart_are_one_and_that_is_said() {
    let cart = workload("cart", "cart");
    let paths: Vec<String> = (0..101).map(|number| format!("clusters/c{number}/cart.yaml")).collect();
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), cart.as_str())).collect();
    let estate = folder(&files);
    let inputs = parsed(&run(estate.path(), &["check", "--format", "json"]).stdout)["inputs"].clone();
    assert_eq!(inputs["estates"], serde_json::json!([]));
    let message = inputs["problems"][0]["message"].as_str().unwrap_or_default();
    assert!(message.contains("one of 101 estates"), "{message}");
    assert_eq!(estates(&files[..3]), ["c0 1", "c1 1", "c2 1"]);
}

#[test]
fn the_settings_say_what_is_apart() {
    let (one, other) = (workload("cart", "cart:1"), workload("cart", "cart:2"));
    let settings = "estates:\n  live: [one, common]\n  test: [other.yaml, common, nowhere]\n";
    let estate = folder(&[
        ("deploy/one/a.yaml", one.as_str()),
        ("deploy/other.yaml", &other),
        ("deploy/common/b.yaml", CLEAN),
        ("deploy/old/c.yaml", &one),
        ("deploy/palisade.yaml", settings),
    ]);
    let report = parsed(&run(estate.path(), &["check", "deploy", "--format", "json"]).stdout);
    let inputs = &report["inputs"];
    assert_eq!(inputs["estates"], serde_json::json!([{"name": "live", "files": 2}, {"name": "test", "files": 2}]));
    assert_eq!((&inputs["files"], &inputs["documents"]), (&3.into(), &3.into()));
    let skipped = inputs["skipped"].to_string();
    assert!(skipped.contains("deploy/old/c.yaml") && skipped.contains("in none of the `estates`"), "{skipped}");
    let problem = &inputs["problems"][0];
    assert_eq!(problem["message"], "nothing in the input is `nowhere` or below it");
    assert_eq!(problem["location"]["start"]["line"], 3);
}
