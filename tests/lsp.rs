//! The language server, in a conversation with an editor: what is published, what is answered, and how it ends.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;
mod editor;

use std::fs;
use std::path::Path;

use common::program::folder;
use editor::{Editor, framed, uri};
use palisade::rules::RULES;
use serde_json::{Value, json};
use tempfile::TempDir;

const WORKLOAD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {annotations: {note: 🦀 漢}, name: client, namespace: team-y}
spec:
  template:
    metadata:
      labels:
        app: client
    spec:
      containers:
      - name: client
        image: example.com/client
";

const POLICY: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default-deny
  namespace: team-x
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
";

/// What the rule says about the workload beside the policy.
const RULE: &str = "missing-egress-isolation";

fn estate() -> TempDir {
    folder(&[("app/workload.yaml", WORKLOAD), ("policy.yaml", POLICY)])
}

/// The diagnostics of one rule.
fn of<'v>(diagnostics: &'v [Value], rule: &str) -> Vec<&'v Value> {
    diagnostics.iter().filter(|diagnostic| diagnostic["code"] == rule).collect()
}

/// Where a word of a text begins, as the protocol counts.
fn position(text: &str, word: &str) -> Value {
    let (before, _) = text.split_once(word).expect("the word is in the text");
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().encode_utf16().count();
    json!({"line": line, "character": column})
}

/// What a range covers, by the columns of the protocol.
fn covered(text: &str, range: &Value) -> String {
    let number =
        |end: &str, key: &str| usize::try_from(range[end][key].as_u64().expect("a number")).expect("a small one");
    assert_eq!(range["start"]["line"], range["end"]["line"], "the range is within a line");
    let line: Vec<u16> = text.lines().nth(number("start", "line")).expect("the line is there").encode_utf16().collect();
    String::from_utf16(&line[number("start", "character")..number("end", "character")]).expect("whole letters")
}

#[test]
fn the_whole_workspace_is_audited_at_the_start() {
    let estate = estate();
    let mut editor = Editor::start();
    let offered = editor.initialize(json!({"workspaceFolders": [{"uri": uri(estate.path()), "name": "estate"}]}));
    assert_eq!(offered["serverInfo"]["name"], "palisade");
    assert_eq!(offered["capabilities"]["hoverProvider"], true);
    assert_eq!(offered["capabilities"]["codeActionProvider"], json!({"codeActionKinds": ["quickfix"]}));

    let workload = uri(&estate.path().join("app/workload.yaml"));
    let diagnostics = editor.diagnostics(&workload);
    let [found] = of(&diagnostics, RULE)[..] else { panic!("{diagnostics:#?}") };
    assert_eq!((&found["severity"], &found["source"]), (&json!(1), &json!("palisade")));
    let rule = RULES.iter().find(|rule| rule.id == RULE).expect("the rule is in the list");
    let page = found["codeDescription"]["href"].as_str().expect("a link");
    assert!(page.ends_with(&format!("rules/{}/{RULE}.md", rule.topic)), "{page}");
    assert_eq!(covered(WORKLOAD, &found["range"]), "team-y");
    assert!(found["message"].as_str().is_some_and(|said| said.contains("\nhelp: ")), "{found}");
    let watched = editor.wait_for(|message| message["method"] == "client/registerCapability");
    assert_eq!(watched["params"]["registrations"][0]["method"], "workspace/didChangeWatchedFiles");
    editor.send(&json!({"jsonrpc": "2.0", "id": watched["id"], "result": null}));
    editor.leave();
}

#[test]
fn the_findings_are_those_of_check() {
    let estates = common::project("fixtures/estates");
    for estate in common::entries(&estates).into_iter().filter(|path| path.is_dir()) {
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_palisade"))
            .args(["check", "--format", "json"])
            .arg(&estate)
            .output()
            .expect("the program starts");
        let report: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
        let mut wanted: Vec<(String, u64, String)> = Vec::new();
        for finding in report["findings"].as_array().expect("a list") {
            let location = &finding["location"];
            let path = location["path"].as_str().expect("a path");
            let line = location["start"]["line"].as_u64().expect("a line");
            wanted.push((uri(Path::new(path)), line - 1, finding["rule"].as_str().expect("a rule").to_owned()));
        }
        let mut editor = Editor::with_folder(&estate);
        let mut found = Vec::new();
        let mut files: Vec<String> = wanted.iter().map(|(uri, ..)| uri.clone()).collect();
        files.dedup();
        for file in files {
            for diagnostic in editor.diagnostics(&file) {
                let rule = diagnostic["code"].as_str().expect("a rule").to_owned();
                found.push((file.clone(), diagnostic["range"]["start"]["line"].as_u64().expect("a line"), rule));
            }
        }
        assert_eq!(found, wanted, "{}", estate.display());
        editor.leave();
    }
}

#[test]
fn a_finding_of_one_of_several_clusters_says_which() {
    let closed = POLICY.replace("team-x", "team-y");
    let estate = folder(&[
        ("clusters/prod/app.yaml", WORKLOAD),
        ("clusters/prod/policy.yaml", &closed),
        ("clusters/test/app.yaml", WORKLOAD),
        ("clusters/test/policy.yaml", POLICY),
    ]);
    let mut editor = Editor::with_folder(estate.path());
    let diagnostics = editor.diagnostics(&uri(&estate.path().join("clusters/test/app.yaml")));
    let [found] = of(&diagnostics, RULE)[..] else { panic!("{diagnostics:#?}") };
    assert!(found["message"].as_str().is_some_and(|said| said.contains(" (in `test`)\nhelp: ")), "{found}");
    editor.leave();
}

#[test]
fn related_places_are_in_their_files() {
    let mut editor = Editor::with_folder(&common::project("fixtures/estates/no-deny-firewall"));
    let is_path = |diagnostic: &Value| diagnostic["code"] == "direct-internet-path";
    let published = editor.wait_for(|message| {
        message["params"]["diagnostics"].as_array().is_some_and(|diagnostics| diagnostics.iter().any(is_path))
    });
    let diagnostics = published["params"]["diagnostics"].as_array().cloned().unwrap_or_default();
    let path = diagnostics.iter().find(|&diagnostic| is_path(diagnostic)).expect("there is one");
    let related = path["relatedInformation"].as_array().expect("a way out has hops");
    assert!(
        related.iter().any(|place| place["message"].as_str().is_some_and(|said| said.starts_with("1. "))),
        "{path}"
    );
    for place in related {
        let file = place["location"]["uri"].as_str().and_then(|uri| uri.strip_prefix("file://")).expect("a file");
        let text = common::text(Path::new(file));
        let line = place["location"]["range"]["start"]["line"].as_u64().expect("a line");
        assert!(usize::try_from(line).is_ok_and(|line| line < text.lines().count()), "{place}");
    }
    editor.leave();
}

#[test]
fn what_is_typed_counts_before_it_is_saved() {
    let estate = estate();
    let mut editor = Editor::with_folder(estate.path());
    let policy = uri(&estate.path().join("policy.yaml"));
    let workload = uri(&estate.path().join("app/workload.yaml"));
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 1);

    // The policy moves to the workload's namespace, in the editor only.
    editor.open(&policy, POLICY);
    assert_eq!(editor.published(&policy)["version"], 1);
    editor.change(&policy, 2, &POLICY.replace("team-x", "team-y"));
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 0);

    // Closed without saving, the file counts again.
    editor.tell("textDocument/didClose", json!({"textDocument": {"uri": policy}}));
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 1);

    // Saved by someone else.
    fs::write(estate.path().join("policy.yaml"), POLICY.replace("team-x", "team-y")).expect("a file can be written");
    editor.tell("workspace/didChangeWatchedFiles", json!({"changes": [{"uri": policy, "type": 2}]}));
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 0);
    editor.leave();
}

#[test]
fn edits_in_part_are_followed() {
    let estate = estate();
    let mut editor = Editor::with_folder(estate.path());
    let workload = uri(&estate.path().join("app/workload.yaml"));
    editor.diagnostics(&workload);
    editor.open(&workload, WORKLOAD);
    let change = |text: &str, word: &str, new: &str| {
        let (start, mut end) = (position(text, word), position(text, word));
        end["character"] = json!(end["character"].as_u64().expect("a column") + word.encode_utf16().count() as u64);
        json!({"range": {"start": start, "end": end}, "text": new})
    };
    // One after the letter of two units, one of it, and one after that.
    let first = WORKLOAD.replace("team-y", "team-z");
    let changes = json!([
        change(WORKLOAD, "team-y", "team-z"),
        change(&first, "🦀", "é"),
        change(&first.replace("🦀", "é"), "client,", "clients,"),
    ]);
    let document = json!({"uri": workload, "version": 2});
    editor.tell("textDocument/didChange", json!({"textDocument": document, "contentChanges": changes}));
    let text = first.replace("🦀", "é").replace("client,", "clients,");
    let published = editor.wait_for(|message| message["params"]["version"] == 2);
    let diagnostics = published["params"]["diagnostics"].as_array().cloned().expect("a list");
    let [found] = of(&diagnostics, RULE)[..] else { panic!("{diagnostics:#?}") };
    assert_eq!(covered(&text, &found["range"]), "team-z");
    let related = found["relatedInformation"].as_array().expect("the workloads are named");
    assert!(related.iter().any(|place| covered(&text, &place["location"]["range"]) == "clients"), "{found:#}");
    editor.leave();
}

#[test]
fn hovering_shows_the_page_of_the_rule() {
    let estate = estate();
    let mut editor = Editor::with_folder(estate.path());
    let workload = uri(&estate.path().join("app/workload.yaml"));
    let settings = uri(&estate.path().join("palisade.yaml"));
    editor.open(&workload, WORKLOAD);
    let hover = editor.at("textDocument/hover", &workload, &position(WORKLOAD, "eam-y"));
    assert_eq!(hover["contents"]["kind"], "markdown");
    let rule = RULES.iter().find(|rule| rule.id == RULE).expect("the rule is in the list");
    assert!(hover["contents"]["value"].as_str().is_some_and(|page| page.contains(rule.page.trim_end())), "{hover}");
    assert_eq!(covered(WORKLOAD, &hover["range"]), "team-y");
    assert_eq!(editor.at("textDocument/hover", &workload, &json!({"line": 0, "character": 0})), Value::Null);

    // The id of a rule has its page wherever it stands.
    let text = format!("rules: {{{RULE}: warning}}\n");
    fs::write(estate.path().join("palisade.yaml"), &text).expect("a file can be written");
    editor.open(&settings, &text);
    let hover = editor.at("textDocument/hover", &settings, &json!({"line": 0, "character": 12}));
    assert_eq!(hover["contents"]["value"], rule.page.trim_end());
    assert_eq!(covered(&text, &hover["range"]), RULE);
    editor.leave();
}

#[test]
fn a_finding_leads_to_its_other_places() {
    let tutorial = common::project("fixtures/estates/tutorial");
    let mut editor = Editor::with_folder(&tutorial);
    let published = editor.wait_for(|message| {
        let related = |diagnostic: &Value| diagnostic.get("relatedInformation").is_some();
        message["params"]["diagnostics"].as_array().is_some_and(|diagnostics| diagnostics.iter().any(related))
    });
    let file = published["params"]["uri"].as_str().expect("an address").to_owned();
    let diagnostics = published["params"]["diagnostics"].as_array().cloned().unwrap_or_default();
    let found = diagnostics.iter().find(|diagnostic| diagnostic.get("relatedInformation").is_some()).expect("one");
    let wanted: Vec<Value> =
        found["relatedInformation"].as_array().expect("a list").iter().map(|place| place["location"].clone()).collect();
    editor.open(&file, &common::text(Path::new(file.strip_prefix("file://").expect("a file"))));
    let places = editor.at("textDocument/definition", &file, &found["range"]["start"]);
    let places = places.as_array().expect("places");
    assert!(wanted.iter().all(|place| places.contains(place)), "{places:#?}");
    assert_eq!(editor.at("textDocument/definition", &file, &json!({"line": 9999, "character": 0})), Value::Null);
    editor.leave();
}

#[test]
fn settings_are_found_as_check_finds_them() {
    let off = format!("rules: {{{RULE}: off}}\n");
    let estate = folder(&[
        (".git/HEAD", "ref: refs/heads/main\n"),
        ("palisade.yaml", &off),
        ("deploy/workload.yaml", WORKLOAD),
        ("deploy/policy.yaml", POLICY),
    ]);
    let mut editor = Editor::with_folder(&estate.path().join("deploy"));
    let workload = uri(&estate.path().join("deploy/workload.yaml"));
    editor.open(&workload, WORKLOAD);
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 0);
    editor.leave();
}

#[test]
fn wrong_settings_are_shown_as_they_are_typed() {
    let estate = folder(&[("palisade.yaml", "rules: {}\n"), ("workload.yaml", WORKLOAD), ("policy.yaml", POLICY)]);
    let mut editor = Editor::with_folder(estate.path());
    let settings = uri(&estate.path().join("palisade.yaml"));
    let workload = uri(&estate.path().join("workload.yaml"));
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 1);
    editor.open(&settings, "rules: {}\n");
    assert_eq!(editor.diagnostics(&settings), [Value::Null; 0]);
    let wrong = "rules: {missing-egress-isolatoin: off}\n";
    editor.change(&settings, 2, wrong);
    let diagnostics = editor.diagnostics(&settings);
    assert_eq!(covered(wrong, &diagnostics[0]["range"]), "missing-egress-isolatoin");
    assert!(diagnostics[0]["message"].as_str().is_some_and(|said| said.contains("did you mean")), "{diagnostics:?}");
    // Nothing was audited, so nothing is said about the rest.
    assert_eq!(editor.diagnostics(&workload), [Value::Null; 0]);
    editor.change(&settings, 3, &format!("rules: {{{RULE}: warning}}\n"));
    assert_eq!(editor.diagnostics(&settings), [Value::Null; 0]);
    assert_eq!(of(&editor.diagnostics(&workload), RULE)[0]["severity"], 2);
    editor.leave();
}

#[test]
fn a_document_that_cannot_be_read_is_shown() {
    let estate = estate();
    let mut editor = Editor::with_folder(estate.path());
    let policy = uri(&estate.path().join("policy.yaml"));
    editor.open(&policy, "kind: [unclosed\n");
    let diagnostics = editor.diagnostics(&policy);
    let said = diagnostics[0]["message"].as_str().expect("a message");
    assert!(said.starts_with("not audited: "), "{said}");
    assert_eq!(diagnostics[0]["severity"], 1);
    editor.leave();
}

#[test]
fn a_file_that_is_not_saved_yet_is_part_of_the_estate() {
    let estate = folder(&[("policy.yaml", POLICY)]);
    let mut editor = Editor::with_folder(estate.path());
    let workload = uri(&estate.path().join("new.yaml"));
    editor.open(&workload, WORKLOAD);
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 1);
    // What is no manifest, is outside, or has no file is none of ours.
    editor.open(&uri(&estate.path().join("notes.md")), WORKLOAD);
    editor.open("file:///elsewhere/new.yaml", WORKLOAD);
    editor.open("untitled:Untitled-1", WORKLOAD);
    editor.tell("textDocument/didClose", json!({"textDocument": {"uri": workload}}));
    assert_eq!(editor.diagnostics(&workload), [Value::Null; 0]);
    editor.leave();
}

#[test]
fn without_a_folder_the_open_documents_are_the_estate() {
    let estate = estate();
    let mut editor = Editor::start();
    editor.initialize(json!({}));
    let (workload, policy) = (uri(&estate.path().join("app/workload.yaml")), uri(&estate.path().join("policy.yaml")));
    editor.open(&workload, WORKLOAD);
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 0);
    editor.open(&policy, POLICY);
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 1);
    editor.leave();
}

#[test]
fn folders_come_and_go() {
    let (one, other) = (estate(), estate());
    let mut editor = Editor::with_folder(one.path());
    let of_one = uri(&one.path().join("app/workload.yaml"));
    let of_other = uri(&other.path().join("app/workload.yaml"));
    assert_eq!(of(&editor.diagnostics(&of_one), RULE).len(), 1);
    let folder = |path: &Path| json!([{"uri": uri(path), "name": "folder"}]);
    let event = json!({"added": folder(other.path()), "removed": folder(one.path())});
    editor.tell("workspace/didChangeWorkspaceFolders", json!({"event": event}));
    assert_eq!(of(&editor.diagnostics(&of_other), RULE).len(), 1);
    assert_eq!(editor.diagnostics(&of_one), [Value::Null; 0]);
    editor.leave();
}

#[test]
fn older_editors_name_one_root() {
    let estate = estate();
    let workload = uri(&estate.path().join("app/workload.yaml"));
    for root in [json!({"rootUri": uri(estate.path())}), json!({"rootPath": estate.path()})] {
        let mut editor = Editor::start();
        editor.initialize(root);
        assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 1);
        editor.leave();
    }
}

#[test]
fn a_folder_that_is_not_there_is_said_once() {
    let estate = estate();
    let mut editor = Editor::with_folder(&estate.path().join("gone"));
    let said = editor.wait_for(|message| message["method"] == "window/showMessage");
    assert!(said["params"]["message"].as_str().is_some_and(|text| text.contains("gone")), "{said}");
    editor.leave();
}

#[cfg(unix)]
#[test]
fn a_folder_may_be_reached_through_a_link() {
    let estate = estate();
    let links = folder(&[]);
    let link = links.path().join("link");
    std::os::unix::fs::symlink(estate.path(), &link).expect("a link can be made");
    let mut editor = Editor::with_folder(&link);
    let workload = uri(&link.join("app/workload.yaml"));
    let policy = uri(&link.join("policy.yaml"));
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 1);
    editor.open(&policy, &POLICY.replace("team-x", "team-y"));
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 0);
    // The document is addressed by its real path.
    editor.open(&uri(&estate.path().canonicalize().expect("it is there").join("policy.yaml")), POLICY);
    editor.tell("textDocument/didClose", json!({"textDocument": {"uri": policy}}));
    assert_eq!(of(&editor.diagnostics(&workload), RULE).len(), 1);
    editor.leave();
}

#[test]
fn nothing_is_answered_before_the_handshake_nor_after_the_goodbye() {
    let mut editor = Editor::start();
    let at = json!({"textDocument": {"uri": "file:///a.yaml"}, "position": {"line": 0, "character": 0}});
    assert_eq!(editor.ask("textDocument/hover", at.clone())["error"]["code"], -32002);
    assert_eq!(editor.ask("shutdown", Value::Null)["error"]["code"], -32002);
    editor.open("file:///a.yaml", WORKLOAD);
    editor.initialize(json!({}));
    assert_eq!(editor.ask("initialize", json!({"capabilities": {}}))["error"]["code"], -32600);
    assert_eq!(editor.ask("shutdown", Value::Null)["result"], Value::Null);
    assert_eq!(editor.ask("textDocument/hover", at)["error"]["code"], -32600);
    editor.tell("exit", Value::Null);
    assert_eq!(editor.end().code(), Some(0));
}

#[test]
fn leaving_without_a_goodbye_is_exit_code_1() {
    let mut editor = Editor::with_folder(estate().path());
    editor.tell("exit", Value::Null);
    assert_eq!(editor.end().code(), Some(1));

    let mut editor = Editor::start();
    editor.hang_up();
    assert_eq!(editor.end().code(), Some(1));
}

#[test]
fn each_request_is_answered_once() {
    let estate = estate();
    let workload = uri(&estate.path().join("app/workload.yaml"));
    let mut editor = Editor::with_folder(estate.path());
    let at = json!({"textDocument": {"uri": workload}, "position": position(WORKLOAD, "eam-y")});
    let mut ids = Vec::new();
    for version in 2..20 {
        editor.change(&workload, version, WORKLOAD);
        let id = editor.request("textDocument/hover", at.clone());
        editor.tell("$/cancelRequest", json!({"id": id}));
        ids.push(id);
    }
    editor.tell("$/cancelRequest", json!({"id": 99_999}));
    editor.tell("$/cancelRequest", json!({"id": "never"}));
    for id in ids {
        let answer = editor.wait_for(|message| message["id"] == id && message.get("method").is_none());
        assert!(answer.get("result").is_some() || answer["error"]["code"] == -32800, "{answer}");
    }
    editor.leave();
}

#[test]
fn bad_messages_are_refused_and_the_conversation_goes_on() {
    let estate = estate();
    let mut editor = Editor::with_folder(estate.path());
    let refused = |editor: &mut Editor, code: i32| {
        editor.wait_for(|message| message["id"].is_null() && message["error"]["code"] == code);
    };
    for (bytes, code) in [
        (framed("{"), -32700),
        (framed("[]"), -32600),
        (framed("{}"), -32600),
        (framed(r#"{"jsonrpc":"2.0","id":null,"method":"textDocument/hover"}"#), -32600),
        (b"nonsense\r\n".to_vec(), -32700),
        (b"Content-Length: minus one\r\n".to_vec(), -32700),
        (vec![0xff, 0xfe, b'\n'], -32700),
    ] {
        editor.send_bytes(&bytes);
        refused(&mut editor, code);
    }
    assert_eq!(editor.ask("textDocument/hover", json!({"position": 3}))["error"]["code"], -32602);
    assert_eq!(editor.ask("textDocument/formatting", json!({}))["error"]["code"], -32601);
    assert_eq!(editor.ask("no/such/method", json!([]))["error"]["code"], -32601);
    for method in ["textDocument/didOpen", "textDocument/didChange", "textDocument/didClose", "$/cancelRequest", "x"] {
        editor.tell(method, json!({"textDocument": {"uri": 3}}));
    }
    let workload = uri(&estate.path().join("app/workload.yaml"));
    editor.change(&workload, 7, "never opened");
    let far = json!({"line": u32::MAX, "character": u32::MAX});
    editor.open(&workload, WORKLOAD);
    assert_eq!(editor.at("textDocument/hover", &workload, &far), Value::Null);
    assert_eq!(editor.at("textDocument/hover", "no address", &far), Value::Null);
    editor.leave();
}

/// A policy whose clauses for egress have no effect.
fn without_type(name: &str) -> String {
    let policy = POLICY.replace("default-deny", name).replace("[Ingress, Egress]", "[Ingress]");
    format!("# 🦀\r\n{}  egress: [{{to: [{{podSelector: {{}}}}]}}]\r\n", policy.replace('\n', "\r\n"))
}

/// What an editor is offered at a range of a document.
fn actions(editor: &mut Editor, uri: &str, range: &Value, context: &Value) -> Vec<Value> {
    let params = json!({"textDocument": {"uri": uri}, "range": range, "context": context});
    let answer = editor.ask("textDocument/codeAction", params);
    answer["result"].as_array().cloned().unwrap_or_else(|| panic!("{answer}"))
}

/// A text after edits of the protocol, which are made from the end as an editor does.
fn edited(text: &str, edits: &[Value]) -> String {
    let mut text = text.to_owned();
    for edit in edits.iter().rev() {
        let offset = |end: &str| {
            let number =
                |key: &str| usize::try_from(edit["range"][end][key].as_u64().expect("a number")).expect("small");
            let start: usize = text.split_inclusive('\n').take(number("line")).map(str::len).sum();
            let mut units = 0;
            let is_before = |c: &char| {
                units += c.len_utf16();
                units <= number("character")
            };
            start + text[start..].chars().take_while(is_before).map(char::len_utf8).sum::<usize>()
        };
        text.replace_range(offset("start")..offset("end"), edit["newText"].as_str().expect("a text"));
    }
    text
}

#[test]
fn a_fix_is_an_action_for_the_text_on_the_screen() {
    let estate = estate();
    let mut editor = Editor::with_folder(estate.path());
    let policy = uri(&estate.path().join("policy.yaml"));
    // What is wrong is on the screen alone, in the second version of the text.
    editor.open(&policy, POLICY);
    let text = without_type("default-deny");
    editor.change(&policy, 2, &text);
    let is_it = |message: &Value| message["params"]["uri"] == policy && message["params"]["version"] == 2;
    let published = editor.wait_for(is_it)["params"]["diagnostics"].as_array().cloned().expect("diagnostics");
    let [found] = of(&published, "policy-type-mismatch")[..] else { panic!("{published:#?}") };

    let range = &found["range"];
    let offered = actions(&mut editor, &policy, range, &json!({"diagnostics": [found]}));
    let [action] = &offered[..] else { panic!("{offered:#?}") };
    assert_eq!((&action["title"], &action["kind"]), (&json!("add `Egress` to `policyTypes`"), &json!("quickfix")));
    assert_eq!((&action["diagnostics"], &action["isPreferred"]), (&json!([found]), &json!(true)));
    let [change] = &action["edit"]["documentChanges"].as_array().expect("changes")[..] else { panic!("{action:#}") };
    assert_eq!(change["textDocument"], json!({"uri": policy, "version": 2}));
    let fixed = edited(&text, change["edits"].as_array().expect("edits"));
    assert_eq!(fixed, text.replace("[Ingress]", "[Ingress, Egress]"));

    // Nothing is offered elsewhere, nor to who asks for something else.
    let head = json!({"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 0}});
    assert_eq!(actions(&mut editor, &policy, &head, &json!({"diagnostics": []})), [Value::Null; 0]);
    let refactor = json!({"diagnostics": [], "only": ["refactor"]});
    assert_eq!(actions(&mut editor, &policy, range, &refactor), [Value::Null; 0]);
    let fixes = json!({"diagnostics": [], "only": ["quickfix"]});
    assert_eq!(actions(&mut editor, &policy, range, &fixes).len(), 1);
    let whole = json!({"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}});
    assert_eq!(actions(&mut editor, &policy, &whole, &json!({"diagnostics": []})).len(), 1);

    // A request right after a change is about the changed text.
    editor.change(&policy, 3, &fixed);
    assert_eq!(actions(&mut editor, &policy, &whole, &json!({"diagnostics": []})), [Value::Null; 0]);
    editor.leave();
}

#[test]
fn an_action_that_would_bring_something_new_is_not_offered() {
    let rule = RULES.iter().find(|rule| rule.id == "policy-never-matches").expect("the rule is in the list");
    let first = common::page::blocks(rule.page).into_iter().find(|block| block.info == "yaml bad").expect("an example");
    let estate = folder(&[("a.yaml", &first.text), ("b.yaml", &without_type("other"))]);
    let mut editor = Editor::with_folder(estate.path());
    let whole = json!({"start": {"line": 0, "character": 0}, "end": {"line": 999, "character": 0}});
    let count = |editor: &mut Editor, path: &str| {
        let uri = uri(&estate.path().join(path));
        editor.open(&uri, &fs::read_to_string(estate.path().join(path)).expect("a file can be read"));
        actions(editor, &uri, &whole, &json!({"diagnostics": []})).len()
    };
    assert_eq!((count(&mut editor, "a.yaml"), count(&mut editor, "b.yaml")), (0, 1));
    editor.leave();
}

#[test]
fn an_editor_gets_the_edits_that_it_can_make() {
    let estate = folder(&[("policy.yaml", &without_type("deny"))]);
    let policy = uri(&estate.path().join("policy.yaml"));
    let literals = json!({"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}});
    let whole = json!({"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}});
    for (capabilities, count) in [(json!({"textDocument": {"codeAction": literals}}), 1), (json!({}), 0)] {
        let mut editor = Editor::start();
        let folders = json!([{"uri": uri(estate.path()), "name": "estate"}]);
        editor.initialize(json!({"workspaceFolders": folders, "capabilities": capabilities}));
        editor.open(&policy, &without_type("deny"));
        let offered = actions(&mut editor, &policy, &whole, &json!({"diagnostics": []}));
        assert_eq!(offered.len(), count);
        for action in offered {
            assert_eq!(action["edit"]["changes"][&policy][0]["newText"], ", Egress");
            assert!(action["edit"].get("documentChanges").is_none());
        }
        editor.leave();
    }
}
