//! The settings: what is read, what is refused and how, the schema for editors, and what is in force.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::fs;
use std::path::Path;

use common::program::{CLEAN, WITH_ERROR, folder, run};
use palisade::config::{Config, KEYS, Part, Scope};
use palisade::finding::Level;
use palisade::rules::RULES;
use palisade::source::{self, Location, Walk};
use serde_json::Value;

/// The settings as the contract shows them.
const CONTRACT: &str = "\
istio-version: \"1.28\"
egress-namespaces: [istio-egress]
system-namespaces: [kube-system, istio-system]     # added to the built-in list
admins: [\"group:network-admins@example.com\"]       # subjects allowed to manage egress
complete: [kubernetes, mesh, cloud]
rules: {gateway-not-scaled: off, gateway-passthrough: error}
expect:
  - deny:  {from: team-y, to: example.com}
  - allow: {from: team-x, to: example.com:443, via: gateway}
ignore:
  - {rule: host-network-workload, resource: \"kube-system/*\", reason: \"node agents\", until: 2027-06-30}
";

fn walk(text: &str) -> Walk {
    let walk = source::from_text("palisade.yaml", text.to_owned());
    Walk { sources: walk.sources.with_settings("palisade.yaml"), ..walk }
}

fn read(text: &str) -> Config {
    palisade::settings(&walk(text)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// What is wrong with the settings, as `line:column: message`.
fn faults(text: &str) -> Vec<String> {
    let walk = walk(text);
    let problems = palisade::settings(&walk).expect_err(text);
    let shown = problems.iter().map(|problem| {
        let at = walk.sources[problem.at.source].line_column(problem.at.span.start);
        format!("{}:{}: {}", at.line, at.column, problem.message)
    });
    shown.collect()
}

#[test]
fn the_settings_of_the_contract_are_read_with_their_places() {
    let config = read(CONTRACT);
    assert_eq!(config.istio_version, Some((1, 28)));
    assert_eq!(config.egress_namespaces, ["istio-egress"]);
    assert_eq!(config.system_namespaces, ["kube-system", "istio-system"]);
    assert_eq!(config.admins[0].value, "group:network-admins@example.com");
    assert_eq!(config.complete, Part::ALL);
    assert_eq!(config.levels["gateway-not-scaled"], Level::Off);

    let quoted = |at: Location| &CONTRACT[at.span.range()];
    let [deny, allow] = config.expectations.as_slice() else { panic!("{:?}", config.expectations) };
    assert_eq!(
        (quoted(deny.at), deny.allows, deny.from.to_string(), &deny.via),
        ("deny", false, "team-y".to_owned(), &None)
    );
    assert_eq!((quoted(allow.to.at), allow.to.value.as_str()), ("example.com:443", "example.com:443"));
    assert_eq!(allow.via.as_ref().map(|via| via.value.as_str()), Some("gateway"));

    let [ignore] = config.ignores.as_slice() else { panic!("{:?}", config.ignores) };
    assert_eq!((quoted(ignore.at), ignore.reason.as_str()), ("host-network-workload", "node agents"));
    assert!(matches!(&ignore.scope, Scope::Objects(pattern) if pattern.value == "kube-system/*"));
    assert_eq!(ignore.until.as_ref().map(|until| until.value.to_string()).as_deref(), Some("2027-06-30"));
    assert_eq!(quoted(config.written["rules.gateway-not-scaled"]), "gateway-not-scaled");
}

#[test]
fn empty_settings_are_the_defaults() {
    for text in ["", "# nothing yet\n", "rules:\nignore:\nexpect: []\n"] {
        let config = Config { written: [].into(), ..read(text) };
        assert_eq!(config, Config::default(), "{text}");
    }
}

#[test]
fn what_is_not_understood_is_said_with_what_to_do() {
    let cases = [
        ("ruels: {}\n", "1:1: unknown key `ruels`; did you mean `rules`?"),
        (
            "rules: {gateway-not-scald: off}\n",
            "1:9: unknown rule `gateway-not-scald`; did you mean `gateway-not-scaled`?; `palisade rules` lists all",
        ),
        (
            "rules: {gateway-not-scaled: warn}\n",
            "1:29: the level of `gateway-not-scaled` is `warn`; it is one of `off`, `note`, `warning`, `error`",
        ),
        ("rules: [gateway-not-scaled]\n", "1:9: `rules` is not a mapping of rule ids to levels"),
        ("istio-version: newest\n", "1:16: `istio-version` is not a version such as `\"1.28\"`"),
        ("complete: [mesch]\n", "1:12: this item of `complete` is `mesch`; did you mean `mesh`?"),
        ("complete: mesh\n", "1:11: `complete` is not a list: write `[mesh]`"),
        ("egress-namespaces: [{a: 1}]\n", "1:22: this item of `egress-namespaces` is not the name of a namespace"),
        ("fail-on: off\n", "1:10: `fail-on` is `off`; it is one of `never`, `note`, `warning`, `error`"),
        ("allow-unparsed: maybe\n", "1:17: `allow-unparsed` is neither `true` nor `false`"),
        ("- a\n", "1:3: the settings are not a mapping; their keys are `istio-version`, "),
        ("a: [\n", "1:4: unclosed bracket"),
        ("rules: {}\nrules: {}\n", "2:1: the key `rules` is written twice"),
        ("rules: {}\n---\nrules: {}\n", "3:1: a second document; the settings are one"),
        (
            "ignore: [{rule: public-node, resource: a/b}]\n",
            "1:11: this item of `ignore` has no `reason`: why this is accepted",
        ),
        (
            "ignore: [{rule: public-nod, resource: a/b, reason: x}]\n",
            "1:17: unknown rule `public-nod`; did you mean `public-node`?",
        ),
        ("ignore: [{rule: public-node, resource: a/b/c/d, reason: x}]\n", "1:40: `resource` is not `namespace/name`"),
        (
            "ignore: [{rule: public-node, resource: a/b, reason: x, until: 2027-02-30}]\n",
            "1:63: `until` is not a day such as `2027-06-30`",
        ),
        ("ignore: [{rule: public-node, resource: a/b, reason: }]\n", "1:51: `reason` is not a reason"),
        ("expect: [{permit: {from: a, to: b}}]\n", "1:11: unknown key `permit`; it is one of `allow`, `deny`"),
        (
            "expect: [{allow: {from: a, to: b}, deny: {from: a, to: b}}]\n",
            "1:11: this item of `expect` has more or less than one of `allow`, `deny`",
        ),
        ("expect: [{allow: {from: a/b, to: b}}]\n", "1:25: `from` is not a namespace or `namespace/Kind/name`"),
        ("expect: [{allow: {from: a, to: \"b:https\"}}]\n", "1:32: `to` is not a host, an address or a block"),
        ("expect: [{allow: {from: a, to: 10.0.0.0/33}}]\n", "1:32: `to` is not a host, an address or a block"),
        ("expect: [{allow: {from: a, to: 300.0.0.1}}]\n", "1:32: `to` is not a host, an address or a block"),
        ("expect: [{allow: {from: a, to: a..b}}]\n", "1:32: `to` is not a host, an address or a block"),
        ("expect: [{allow: {from: a, to: b, via: sidecars}}]\n", "1:40: `via` is `sidecars`; did you mean `sidecar`?"),
        ("expect: [{allow: {from: a}}]\n", "1:19: `allow` has no `to`: where to"),
        ("estates: {prod: overlays/prod}\n", "1:17: `prod` is not a list: write `[overlays/prod]`"),
        ("estates: [prod]\n", "1:11: `estates` is not a mapping of names to paths, such as `prod: [clusters/prod]`"),
    ];
    for (text, said) in cases {
        let faults = faults(text);
        assert!(faults[0].starts_with(said), "{text}\n  wanted: {said}\n  got:    {faults:#?}");
    }
}

#[test]
fn all_faults_are_said_at_once() {
    let faults = faults("ruels: {}\nistio-version: x\ncomplete: [a, b]\n");
    assert_eq!(faults.len(), 4, "{faults:#?}");
}

#[test]
fn the_schema_for_editors_is_in_the_tree() {
    let path = common::project("palisade.schema.json");
    let schema = palisade::report::config_schema(RULES);
    if common::updates() {
        fs::write(&path, &schema).expect("the schema can be written");
    }
    let difference = common::difference(&common::text(&path), &schema);
    assert!(
        difference.is_none(),
        "run `UPDATE_EXPECTED=1 cargo test --test config`\n{}",
        difference.unwrap_or_default()
    );
}

#[test]
fn the_schema_takes_what_is_read_and_refuses_what_is_not() {
    let schema: Value = serde_json::from_str(&palisade::report::config_schema(RULES)).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let value = |text: &str| serde_yaml::from_str::<Value>(text).expect("this is YAML");
    let faults: Vec<String> = validator.iter_errors(&value(CONTRACT)).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}");
    assert!(validator.is_valid(&value("{fail-on: never, allow-unparsed: true, estates: {prod: [clusters/prod]}}")));
    for refused in [
        "ruels: {}",
        "rules: {gateway-not-scald: error}",
        "rules: {gateway-not-scaled: warn}",
        "istio-version: newest",
        "complete: mesh",
        "ignore: [{rule: public-node, resource: a/b}]",
        "expect: [{allow: {from: a, to: b}, deny: {from: a, to: b}}]",
    ] {
        assert!(!validator.is_valid(&value(refused)), "{refused}");
    }
    let described = |key: &&palisade::config::Key| schema["properties"][key.name]["description"] == key.about;
    assert_eq!(KEYS.iter().filter(described).count(), KEYS.len());
}

fn shown(folder: &Path, arguments: &[&str]) -> String {
    let ran = run(folder, &[&["check", "--show-config"], arguments].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    ran.stdout
}

#[test]
fn what_is_in_force_is_shown_with_where_it_comes_from() {
    let estate = folder(&[("a.yaml", WITH_ERROR), ("palisade.yaml", CONTRACT)]);
    let text = shown(estate.path(), &["--complete", "mesh", "--fail-on", "never"]);
    let line =
        |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}\n{text}"));
    let origin = |start: &str| line(start).rsplit_once("# ").map_or("", |(_, origin)| origin);
    assert_eq!(text.lines().next(), Some("# settings of palisade.yaml"));
    assert!(line("complete:").starts_with("complete: [mesh] "));
    let origins = ["istio-version", "complete", "fail-on", "min-severity", "  gateway-not-scaled", "- deny", "- {rule"];
    assert_eq!(
        origins.map(origin),
        [
            "palisade.yaml:1",
            "command line",
            "command line",
            "default",
            "palisade.yaml:6",
            "palisade.yaml:8",
            "palisade.yaml:11"
        ]
    );
}

#[test]
fn what_is_shown_is_itself_a_config_file() {
    let estate = folder(&[("a.yaml", WITH_ERROR), ("palisade.yaml", CONTRACT)]);
    let text = shown(estate.path(), &[]);
    let (once, again) = (read(CONTRACT), read(&text));
    let plain = |config: &Config| {
        let ignores: Vec<_> =
            config.ignores.iter().map(|ignore| (ignore.rule.clone(), ignore.reason.clone())).collect();
        let expectations: Vec<_> = config.expectations.iter().map(|said| (said.allows, said.to.clone())).collect();
        (
            config.levels.clone(),
            config.complete.clone(),
            config.admins.clone(),
            config.istio_version,
            ignores,
            expectations,
        )
    };
    assert_eq!(plain(&once), plain(&again), "{text}");
    // Without any, the defaults; `newest` is no version, so it is said in a comment.
    let bare = folder(&[("a.yaml", CLEAN)]);
    let text = shown(bare.path(), &[]);
    assert!(text.starts_with("# no palisade.yaml in force\n"), "{text}");
    assert_eq!(Config { written: [].into(), ..read(&text) }, Config::default());
}
