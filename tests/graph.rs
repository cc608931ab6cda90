//! `palisade graph`: what it draws is what `palisade paths` lists, in languages that their programs read.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::program::{folder, parsed, run};
use serde_json::Value;

/// A client that leaves by a workload outside of the mesh, which nothing keeps in.
const PIVOT: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: team-x}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: client, namespace: team-x}
spec:
  template:
    metadata: {labels: {app: client}}
    spec:
      containers: [{name: client, image: client, securityContext: {runAsNonRoot: true, runAsUser: 1000}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: relay, namespace: team-y}
spec:
  template:
    metadata: {labels: {app: relay}}
    spec: {containers: [{name: relay, image: example.com/squid, ports: [{containerPort: 3128}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: to-relay, namespace: team-x}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {app: relay}}}], ports: [{port: 3128}]}]
---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerCluster
metadata: {name: main}
spec: {location: europe-west3, networkRef: {name: vpc}, datapathProvider: ADVANCED_DATAPATH}
---
apiVersion: container.cnrm.cloud.google.com/v1beta1
kind: ContainerNodePool
metadata: {name: apps}
spec: {location: europe-west3, clusterRef: {name: main}, nodeConfig: {serviceAccountRef: {name: apps}}}
---
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewall
metadata: {name: deny-metadata}
spec: {networkRef: {name: vpc}, direction: EGRESS, priority: 9, destinationRanges: [192.0.2.0/24], deny: [{protocol: all}]}
";

/// Names that mean something to every language that they are written in.
const ODD: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: 'a"b\]<script>alert(1)</script>`x`{{*y*}}#35;|', namespace: 'team "x" \'}
spec:
  template:
    metadata: {labels: {app: a}}
    spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: '1. __b__', namespace: end}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: 'p"\]', namespace: end}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}
"#;

fn estates() -> Vec<PathBuf> {
    common::entries(&common::project("fixtures/estates"))
}

/// What the program writes in a folder, where all goes well.
fn written(folder: &Path, arguments: &[&str]) -> String {
    let ran = run(folder, arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}: {arguments:?}", folder.display());
    ran.stdout
}

fn graph(folder: &Path, arguments: &[&str]) -> Value {
    let json = parsed(&written(folder, &[&["graph", "--format", "json"], arguments].concat()));
    assert_eq!(json["schema"], 1);
    json
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("no list `{key}` in {value:#}"))
}

fn word<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value:#}"))
}

/// The nodes by their ids.
fn nodes(graph: &Value) -> BTreeMap<&str, &Value> {
    let all = list(graph, "nodes");
    let nodes: BTreeMap<&str, &Value> = all.iter().map(|node| (word(node, "id"), node)).collect();
    assert_eq!(nodes.len(), all.len(), "ids are unique");
    nodes
}

/// The ids of the nodes on a way.
fn on_way(edge: &Value) -> Vec<&str> {
    list(edge, "nodes").iter().map(|id| id.as_str().expect("an id")).collect()
}

#[test]
fn the_ways_are_those_that_paths_lists() {
    let told = |workload: &str, way: &Value, to: &Value| {
        let of = |key: &str| word(way, key);
        format!("{workload} {} {} {} {} {to}", of("via"), of("tier"), of("verdict"), way["approved"])
    };
    let mut open = 0;
    for estate in estates() {
        for filter in [&[][..], &["--closed"], &["--verdict", "open"], &["--to", "203.0.113.7:443"]] {
            let listed = parsed(&written(&estate, &[&["paths", "--format", "json"], filter].concat()));
            let exits = list(&listed, "exits").iter();
            let listed: BTreeSet<String> =
                exits.map(|exit| told(word(exit, "workload"), exit, &exit["destination"])).collect();
            let graph = graph(&estate, filter);
            let nodes = nodes(&graph);
            let mut drawn = BTreeSet::new();
            for edge in list(&graph, "edges") {
                let group = nodes[on_way(edge).first().expect("a way has a start")];
                for workload in list(group, "workloads").iter().filter_map(Value::as_str) {
                    drawn.extend(list(edge, "destinations").iter().map(|to| told(workload, edge, to)));
                }
            }
            assert_eq!(drawn, listed, "{}: {filter:?}", estate.display());
            open += drawn.iter().filter(|way| way.contains(" open false ")).count();
        }
    }
    assert!(open > 20, "the estates have hardly any open ways: {open}");
}

#[test]
fn every_way_leads_over_nodes_that_have_a_place() {
    let mut kinds = BTreeSet::new();
    for estate in estates() {
        let graph = graph(&estate, &["--closed"]);
        let nodes = nodes(&graph);
        kinds.extend(nodes.values().map(|node| word(node, "kind").to_owned()));
        for node in nodes.values() {
            let is_nowhere = ["missing", "destination"].contains(&word(node, "kind"));
            assert_eq!(node["location"].is_null(), is_nowhere, "{node:#}");
            assert_eq!(node["layer"].is_string(), ["missing", "control"].contains(&word(node, "kind")), "{node:#}");
            if word(node, "kind") == "control" {
                let text = common::text(&estate.join(word(&node["location"], "path")));
                let at = |end: &str| node["location"][end]["offset"].as_u64().and_then(|at| usize::try_from(at).ok());
                let marked = text.get(at("start").expect("a place")..at("end").expect("a place")).expect("text");
                assert!(!marked.trim().is_empty() && node["resource"]["kind"].is_string(), "{node:#}");
            }
        }
        for edge in list(&graph, "edges") {
            let way: Vec<&Value> = on_way(edge).iter().map(|id| nodes[id]).collect();
            let [first, .., last] = way.as_slice() else { panic!("{edge:#}") };
            assert_eq!((word(first, "kind"), word(last, "kind")), ("workloads", "destination"), "{edge:#}");
            let hops = list(edge, "witness");
            assert!(hops.iter().all(|hop| on_way(edge).contains(&word(hop, "node"))), "{edge:#}");
            assert_eq!(word(&hops[0], "hop"), word(first, "name"), "{edge:#}");
            if word(edge, "via") == "gateway" {
                assert!(way.iter().any(|node| node["kind"] == "gateway"), "{edge:#}");
                let has_firewall = hops.iter().any(|hop| word(hop, "hop").starts_with("firewall rule"));
                assert_eq!(has_firewall, way.iter().any(|node| node["kind"] == "node-pool"), "{edge:#}");
            }
        }
    }
    let known = ["control", "destination", "gateway", "missing", "namespace", "node-pool", "workloads"];
    assert_eq!(kinds, BTreeSet::from(known.map(str::to_owned)));
}

#[test]
fn who_lets_itself_be_used_is_drawn_as_a_workload() {
    let estate = folder(&[("estate.yaml", PIVOT)]);
    let graph = graph(estate.path(), &["--via", "pivot", "--from", "team-x"]);
    let nodes = nodes(&graph);
    let [edge] = list(&graph, "edges") else { panic!("{graph:#}") };
    let way: Vec<(&str, &str)> =
        on_way(edge).iter().map(|id| (word(nodes[id], "kind"), word(nodes[id], "name"))).collect();
    assert_eq!(
        way,
        [
            ("workloads", "team-x/Deployment/client"),
            ("control", "network policy to relay"),
            ("workloads", "team-y/Deployment/relay"),
            ("node-pool", "apps"),
            ("control", "implied firewall rule"),
            ("control", "node"),
            ("destination", "the internet"),
        ]
    );
    assert!(nodes.values().any(|node| node["kind"] == "namespace" && node["name"] == "team-y"));
}

/// A drawing as Graphviz reads it: the labels of the nodes, and the lines with their attributes.
#[derive(Debug, Default)]
struct Dot {
    nodes: BTreeMap<String, String>,
    lines: Vec<(String, String, BTreeMap<String, String>)>,
}

/// The words, signs and quoted texts of Graphviz's language.
fn dot_tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let mut is_escaped = false;
                let end = rest.char_indices().skip(1).find(|&(_, c)| {
                    let ends = c == '"' && !is_escaped;
                    is_escaped = c == '\\' && !is_escaped;
                    ends
                });
                end.expect("a quoted text ends").0 + 1
            }
            '-' if rest.starts_with("->") => 2,
            '{' | '}' | '[' | ']' | '=' | ',' | ';' => 1,
            c if c.is_ascii_alphanumeric() || c == '_' => {
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len())
            }
            _ => panic!("no sign of the language: {rest:.40}"),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token.to_owned());
        rest = after.trim_start();
    }
    tokens
}

/// Reads a drawing; fails where it is not in Graphviz's language.
fn read_dot(text: &str) -> Dot {
    let tokens = dot_tokens(text);
    let mut tokens = tokens.iter().map(String::as_str).peekable();
    let mut dot = Dot::default();
    assert_eq!([tokens.next(), tokens.next(), tokens.next()], [Some("digraph"), Some("estate"), Some("{")]);
    let mut depth = 1;
    while depth > 0 {
        let word = tokens.next().expect("a bracket closes");
        match (word, tokens.peek().copied()) {
            ("}", _) => depth -= 1,
            ("subgraph", Some(name)) => {
                assert!(name.starts_with("cluster_"), "{name}");
                assert_eq!([tokens.next().is_some(), tokens.next() == Some("{")], [true, true]);
                depth += 1;
            }
            (_, Some("=")) => {
                tokens.next();
                assert!(tokens.next().is_some() && tokens.next() == Some(";"));
            }
            (from, Some("->")) => {
                tokens.next();
                let to = tokens.next().expect("a line ends").to_owned();
                dot.lines.push((from.to_owned(), to, attributes(&mut tokens)));
            }
            (node, Some("[")) => {
                let attributes = attributes(&mut tokens);
                if let Some(label) = attributes.get("label") {
                    assert!(dot.nodes.insert(node.to_owned(), label.clone()).is_none(), "{node} is drawn twice");
                }
            }
            (word, next) => panic!("{word} before {next:?}"),
        }
    }
    assert_eq!(tokens.next(), None);
    dot
}

fn attributes<'t>(tokens: &mut impl Iterator<Item = &'t str>) -> BTreeMap<String, String> {
    assert_eq!(tokens.next(), Some("["));
    let mut found = BTreeMap::new();
    loop {
        let (name, is) = (tokens.next().expect("a name"), tokens.next());
        assert_eq!(is, Some("="), "{name}");
        found.insert(name.to_owned(), tokens.next().expect("a value").to_owned());
        match tokens.next() {
            Some(",") => {}
            Some("]") => break,
            other => panic!("{name} before {other:?}"),
        }
    }
    assert_eq!(tokens.next(), Some(";"));
    found
}

/// The pairs of nodes that open ways lead over, by their ids.
fn open_pairs(graph: &Value) -> BTreeSet<(String, String)> {
    let is_open = |edge: &&Value| edge["verdict"] == "open" && edge["approved"] == false;
    let open = list(graph, "edges").iter().filter(is_open);
    open.flat_map(|edge| {
        on_way(edge).windows(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn graphviz_reads_the_drawing_and_only_open_ways_are_red() {
    let odd = folder(&[("odd.yaml", ODD)]);
    for estate in estates().iter().map(PathBuf::as_path).chain([odd.path()]) {
        let graph = graph(estate, &["--closed"]);
        let dot = read_dot(&written(estate, &["graph", "--closed"]));
        let drawn: BTreeSet<&str> = dot.nodes.keys().map(String::as_str).collect();
        let all = nodes(&graph);
        let wanted = all.iter().filter(|(_, node)| node["kind"] != "namespace").map(|(id, _)| *id);
        assert_eq!(drawn, wanted.collect(), "{}", estate.display());
        let red = dot.lines.iter().filter(|(.., attributes)| attributes["color"] == "red");
        let red: BTreeSet<_> = red.map(|(from, to, _)| (from.clone(), to.clone())).collect();
        assert_eq!(red, open_pairs(&graph), "{}", estate.display());
        assert!(dot.lines.iter().all(|(from, to, _)| dot.nodes.contains_key(from) && dot.nodes.contains_key(to)));
    }
}

#[test]
fn mermaid_draws_the_same_with_nothing_that_it_takes_for_its_own() {
    let odd = folder(&[("odd.yaml", ODD)]);
    for estate in estates().iter().map(PathBuf::as_path).chain([odd.path()]) {
        let graph = graph(estate, &["--closed"]);
        let text = written(estate, &["graph", "--format", "mermaid", "--closed"]);
        let mut lines = text.lines().map(str::trim);
        assert_eq!(lines.next(), Some("flowchart LR"));
        let (mut drawn, mut red, mut arrows, mut styled) = (BTreeSet::new(), BTreeSet::new(), 0, 0);
        for line in lines {
            let quoted: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
            for text in &quoted {
                let bare = text.replace("<br/>", "");
                assert!(!bare.contains(['<', '>', '{', '[', ']', '|', '`', '\\', '*', '_']), "{line}");
                let numbers = bare.split('#').skip(1).map(|rest| rest.split_once(';'));
                assert!(numbers.flatten().all(|(number, _)| number.parse::<u32>().is_ok()), "{line}");
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["end"] => {}
                ["linkStyle", number, _] => {
                    assert_eq!(number.parse(), Ok(styled));
                    styled += 1;
                }
                ["subgraph", ..] => assert_eq!(quoted.len(), 1, "{line}"),
                [from, arrow, .., to] if ["==>", "-->", "-.->"].iter().any(|sign| arrow.starts_with(sign)) => {
                    if arrow.starts_with("==>") {
                        red.insert(((*from).to_owned(), (*to).to_owned()));
                    }
                    assert!(drawn.contains(*from) && drawn.contains(*to), "{line}");
                    arrows += 1;
                }
                [node, ..] => {
                    assert_eq!(quoted.len(), 1, "{line}");
                    let id = node.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
                    assert!(drawn.insert(id.to_owned()), "{line}");
                }
                [] => panic!("an empty line"),
            }
        }
        assert_eq!(arrows, styled);
        assert_eq!(red, open_pairs(&graph), "{}", estate.display());
        assert_eq!(drawn.len(), list(&graph, "nodes").iter().filter(|node| node["kind"] != "namespace").count());
    }
}

#[test]
fn a_control_says_which_one_it_is_and_where() {
    let estate = common::project("fixtures/estates/tutorial");
    let dot = read_dot(&written(&estate, &["graph"]));
    let labels: Vec<&str> = dot.nodes.values().map(|label| label.trim_matches('"')).collect();
    for wanted in [
        r"network policy\nNetworkPolicy team-x/allow-egress-to-google-apis\nteam-x/network-policies/google-apis.yaml:16",
        r"firewall rule allow-egress-gcp-apis\ncloud/firewall/google-apis.yaml:14",
        r"istio-egress/Deployment/istio-egressgateway\negress/gateway-deployment.yaml:11",
        r"team-x/Deployment/test",
    ] {
        assert!(labels.contains(&wanted), "{wanted}\n{labels:#?}");
    }
    let alike = common::project("fixtures/estates/unsealed-hop");
    let dot = read_dot(&written(&alike, &["graph"]));
    assert!(dot.nodes.values().any(|label| label == "\"bakery/CronJob/order-flour and 1 alike\""), "{dot:#?}");
}

#[test]
fn the_command_refuses_what_it_cannot_draw() {
    let tutorial = common::project("fixtures/estates/tutorial");
    for (arguments, said) in [
        (&["--format", "png"][..], "dot, mermaid, json, html"),
        (&["--from", "team-z"], "there is no namespace with application workloads `team-z` in the input"),
    ] {
        let ran = run(&tutorial, &[&["graph"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
    let empty = folder(&[]);
    assert_eq!(run(empty.path(), &["graph"]).code, 2);
    let broken = folder(&[("a.yaml", PIVOT), ("b.yaml", "a: [")]);
    assert_eq!(run(broken.path(), &["graph"]).code, 2);
    assert_eq!(run(broken.path(), &["graph", "--allow-unparsed"]).code, 0);
}

/// The values of an attribute, wherever it stands in a page.
fn values<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
    let start = format!(" {attribute}=\"");
    page.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

#[test]
fn the_page_stands_alone_and_nothing_in_the_input_becomes_markup() {
    let odd = folder(&[("odd.yaml", ODD)]);
    let real = common::shared("real").map(|folder| common::entries(&folder)).unwrap_or_default();
    for estate in estates().iter().chain(&real).map(PathBuf::as_path).chain([odd.path()]) {
        let mut page = run(estate, &["graph", "--format", "html"]);
        // A repository of several estates says which there are.
        if let Some((_, names)) = page.stderr.split_once("`--estate` with `") {
            let name = names.split('`').next().unwrap_or_default();
            page = run(estate, &["graph", "--format", "html", "--estate", name]);
        }
        let page = page.stdout;
        assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'"));
        for door in [" src=", "<link", "<img", "<iframe", "@import", "url(", "fetch(", "import("] {
            assert!(!page.contains(door), "{}: {door}", estate.display());
        }
        let ids: BTreeSet<&str> = values(&page, "id").into_iter().collect();
        assert_eq!(ids.len(), values(&page, "id").len(), "ids are unique");
        for link in values(&page, "href") {
            assert!(link.strip_prefix('#').is_some_and(|id| ids.contains(id)), "{}: {link}", estate.display());
        }
        assert_eq!(page.matches("<script").count(), 1, "{}", estate.display());
        assert_eq!(page.matches("</script").count(), 1, "{}", estate.display());
    }
    let page = written(odd.path(), &["graph", "--format", "html"]);
    assert!(page.contains(r"a&quot;b\]&lt;script&gt;alert(1)&lt;/<wbr>script&gt;`x`{{*y*}}#35;|</strong>"));
    assert!(page.contains(r#"data-namespace="team &quot;x&quot; \""#));
}

#[test]
fn the_page_tells_every_way_once_and_the_open_ones_first() {
    for estate in estates() {
        let graph = graph(&estate, &["--closed"]);
        let page = written(&estate, &["graph", "--format", "html", "--closed"]);
        let looks: Vec<&str> = values(&page, "data-look");
        let order = |look: &&str| ["open", "unknown", "approved", "closed"].iter().position(|word| word == look);
        assert!(looks.is_sorted_by_key(order), "{}: {looks:?}", estate.display());
        let chains = looks.iter().zip(values(&page, "data-chains"));
        let mut told: Vec<String> =
            chains.flat_map(|(look, chains)| chains.split(',').map(move |chain| format!("{look} {chain}"))).collect();
        let way = |edge: &Value| {
            let look = if edge["approved"] == true { "approved" } else { word(edge, "verdict") };
            let numbers: Vec<&str> = on_way(edge).iter().map(|id| id.trim_start_matches('n')).collect();
            format!("{look} {}", numbers.join(" "))
        };
        let mut drawn: Vec<String> = list(&graph, "edges").iter().map(way).collect();
        told.sort();
        drawn.sort();
        assert_eq!(told, drawn, "{}", estate.display());
    }
}

#[test]
fn a_hop_on_the_page_leads_to_its_lines() {
    let estate = common::project("fixtures/estates/no-deny-firewall");
    let page = written(&estate, &["graph", "--format", "html"]);
    let mut count = 0;
    for hop in page.split("<a class=\"hop ").skip(1) {
        let (hop, _) = hop.split_once("</a>").expect("a link ends");
        let (_, link) = hop.split_once("href=\"#").expect("a link");
        let id = link.split('"').next().unwrap_or_default();
        let (_, place) = hop.split_once("<span class=\"place\">").expect("a place");
        let place = place.trim_end_matches("</span>").replace("<wbr>", "");
        let (path, line) = place.rsplit_once(':').expect("a line");
        let (_, passage) = page.split_once(&format!("<div id=\"{id}\">")).expect("the lines");
        let (passage, _) = passage.split_once("</div>").expect("the lines end");
        assert!(passage.contains(&format!(">{path}</figcaption>")), "{place}\n{passage}");
        let marked = passage.lines().find(|line| line.contains("<mark class=\"wrong\">")).expect("a mark");
        assert!(marked.contains(&format!("<span class=\"number\">{line}</span>")), "{place}\n{passage}");
        let text = common::text(&estate.join(path));
        let number: usize = line.parse().expect("a number");
        let written = text.lines().nth(number - 1).expect("the line is there");
        let (_, shown) = marked.split_once("</span>").expect("a line after its number");
        let plain = shown.replace("<mark class=\"wrong\">", "").replace("</mark>", "").replace("&quot;", "\"");
        assert_eq!(plain, written, "{place}");
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn many_alike_are_one_on_the_page() {
    let pod = |number: usize| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: app-{number:03}, namespace: team-x}}\n\
             spec: {{containers: [{{name: app, image: app}}]}}\n"
        )
    };
    let pods: Vec<String> = (0..200).map(pod).collect();
    let one = folder(&[("pods.yaml", &pods[0])]);
    let many = folder(&[("pods.yaml", &pods.join("---\n"))]);
    let ways = |estate: &Path| {
        let page = written(estate, &["graph", "--format", "html"]);
        let titles =
            page.split("<article ").skip(1).map(|way| way.split("</h3>").next().unwrap_or_default().to_owned());
        titles.collect::<Vec<String>>()
    };
    let (of_one, of_many) = (ways(one.path()), ways(many.path()));
    assert_eq!(of_one.len(), of_many.len());
    assert!(of_many.iter().all(|title| title.contains("and 195 more")), "{of_many:#?}");
}

#[test]
fn the_page_says_what_was_not_understood() {
    let estate = folder(&[("a.yaml", PIVOT), ("b.yaml", "a: [")]);
    let ran = run(estate.path(), &["graph", "--format", "html"]);
    assert_eq!(ran.code, 2);
    let (_, said) = ran.stdout.split_once("Not audited</h2>").expect("a heading");
    assert!(said.contains("<span class=\"place\">b.yaml:1:"), "{said:.300}");
    let empty = folder(&[("a.yaml", common::program::CLEAN)]);
    assert!(written(empty.path(), &["graph", "--format", "html"]).contains("no application workload is in the input"));
}
