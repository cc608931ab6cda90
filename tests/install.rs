//! What packagers install beside the binary: completions and manual pages.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

use std::process::Command;

use palisade::rules::RULES;

/// The commands that the program's help lists.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let list = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list of commands");
    // What goes on with the description of a command is indented further.
    let named = list.lines().filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let commands: Vec<String> = named.filter(|&name| name != "help").map(str::to_owned).collect();
    assert!(commands.len() > 5, "{help}");
    commands
}

/// What the binary prints. Everything here ends well.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_palisade")).args(arguments).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

/// The long options that a text names, without hyphens that roff escapes.
fn options(text: &str) -> Vec<String> {
    let text = text.replace("\\-", "-");
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    let mut options: Vec<String> =
        words.filter(|word| word.len() > 3 && word.starts_with("--")).map(str::to_owned).collect();
    options.sort();
    options.dedup();
    options
}

#[test]
fn every_shell_completes_every_command_option_and_rule() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        for option in options(&printed(&["check", "--help"])) {
            let name = option.trim_start_matches('-');
            assert!(script.contains(name), "{shell}: {name}");
        }
        // PowerShell and elvish complete no values of options and arguments.
        if ["bash", "fish", "zsh"].contains(&shell) {
            for rule in RULES {
                assert!(script.contains(rule.id), "{shell}: {}", rule.id);
            }
        }
    }
}

#[test]
fn bash_completes_what_is_typed() {
    if Command::new("bash").arg("--version").output().is_err() {
        println!("left out: there is no bash");
        return;
    }
    let complete = |line: &str| {
        let script = r#"
            source "$1"; words=($2); COMP_CWORD=$((${#words[@]} - 1)); COMP_WORDS=("${words[@]}")
            _palisade palisade "${words[$COMP_CWORD]}" "${words[$COMP_CWORD - 1]}"; echo "${COMPREPLY[@]}""#;
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        std::fs::write(file.path(), printed(&["completions", "bash"])).expect("a file can be written");
        let arguments = ["-c", script, "bash", &file.path().display().to_string(), line];
        let output = Command::new("bash").args(arguments).output().expect("bash starts");
        String::from_utf8(output.stdout).expect("the output is UTF-8").trim().to_owned()
    };
    assert_eq!(complete("palisade comp"), "completions");
    assert_eq!(complete("palisade explain implied-"), "implied-egress-allow");
    assert_eq!(complete("palisade check --fail-on war"), "warning");
}

#[test]
fn the_manual_has_what_the_help_has() {
    for command in commands() {
        let page = printed(&["man", &command]);
        assert!(page.contains(&format!(".TH palisade-{command} 1")), "{page}");
        assert_eq!(options(&page), options(&printed(&[&command, "--help"])), "{command}");
    }
    let page = printed(&["man"]);
    for command in commands() {
        assert!(page.contains(&format!("palisade\\-{command}(1)")), "{command}: {page}");
    }
    assert!(page.contains("could not audit"));
}

#[test]
fn a_page_that_does_not_exist_is_wrong_usage() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_palisade")).args(["man", "chek"]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `check`"));
}
