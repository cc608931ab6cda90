//! The documentation: every command in it runs and ends as the text says, every link leads somewhere, every page is in
//! the index.
#![allow(clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What stands after a command that cannot run in a test, before what it needs.
const NEEDS: &str = "# needs ";

/// Programs that bring packages from elsewhere.
const INSTALLERS: [&str; 3] = ["cargo install", "pip install", "apt-get install"];

/// The pages, as paths in the project.
fn pages() -> Vec<PathBuf> {
    let docs = common::files(&common::project("docs"), ".md");
    docs.into_iter().chain([common::project("README.md"), common::project("CHANGELOG.md")]).collect()
}

/// A block of code: what is written in it, in which line, and its text.
struct Block<'t> {
    language: &'t str,
    line: usize,
    text: String,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut is_open = false;
    for (index, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), is_open) {
            (Some(language), false) => {
                blocks.push(Block { language, line: index + 1, text: String::new() });
                is_open = true;
            }
            (Some(_), true) => is_open = false,
            (None, true) => {
                let block = blocks.last_mut().expect("a block is open");
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    blocks
}

/// What a reader types, and what the page says of it.
#[derive(Debug, PartialEq)]
struct Typed {
    line: usize,
    command: String,
    /// What the page shows as its output; nothing where it shows none.
    shown: Option<String>,
}

/// The commands of a block: each line, with those that belong to it; in a console, what follows a `$`.
fn typed(block: &Block<'_>) -> Vec<Typed> {
    let mut all: Vec<Typed> = Vec::new();
    let mut end = None;
    for (index, line) in block.text.lines().enumerate() {
        let number = block.line + 1 + index;
        let last = all.last_mut();
        if block.language == "console" {
            match (line.strip_prefix("$ "), last) {
                (Some(command), _) => {
                    all.push(Typed { line: number, command: command.to_owned(), shown: Some(String::new()) });
                }
                (None, Some(Typed { shown: Some(shown), .. })) => {
                    writeln!(shown, "{line}").expect("text can be written");
                }
                _ => panic!("line {number}: output before any command"),
            }
            continue;
        }
        match last {
            Some(last) if end.is_some() || last.command.ends_with("\\\n") => {
                writeln!(last.command, "{line}").expect("text");
            }
            _ if line.trim().is_empty() => {}
            _ => all.push(Typed { line: number, command: format!("{line}\n"), shown: None }),
        }
        // A text that is typed into a file goes on to the word that was named.
        end = end.filter(|&end| line != end).or_else(|| line.split_once("<<").map(|(_, word)| word.trim()));
    }
    all
}

/// A directory as the pages take it to be, under git, with the programs they name.
struct Place {
    folder: TempDir,
    programs: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: TempDir::new().expect("a folder"), programs: TempDir::new().expect("a folder") };
        let estates = common::project("fixtures/estates");
        for (estate, name) in [
            ("no-deny-firewall", "fixtures/estates/no-deny-firewall"),
            ("tutorial", "fixtures/estates/tutorial"),
            ("tutorial", "deploy"),
            ("no-deny-firewall", "old"),
            ("uncovered-pool", "new"),
        ] {
            copy(&estates.join(estate), &place.folder.path().join(name));
        }
        copy(&estates.join("tutorial"), &place.programs.path().join("estate"));
        let estate = place.programs.path().join("estate").display().to_string();
        place.program("palisade", &format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_palisade")));
        let print = format!("find {estate} -name '*.yaml' -exec sh -c 'echo ---; cat \"$1\"' _ {{}} \\;");
        let listed = r#"if [ "$1" = api-resources ]; then printf 'pods\nsecrets\n'; exit; fi"#;
        for name in ["kubectl", "kustomize", "helm"] {
            place.program(name, &format!("{listed}\n{print}"));
        }
        place.git(&["init", "--quiet", "--initial-branch", "main"]);
        place.git(&["add", "--all"]);
        place.git(&["commit", "--quiet", "--message", "an estate"]);
        place
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.programs.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file can be written");
        let mut command = Command::new("chmod");
        assert!(command.arg("+x").arg(path).status().is_ok_and(|status| status.success()));
    }

    fn git(&self, arguments: &[&str]) {
        let who = ["-c", "user.name=docs", "-c", "user.email=docs@example.com", "-c", "commit.gpgsign=false"];
        let mut command = Command::new("git");
        command.args(who).args(arguments).current_dir(self.folder.path());
        assert!(command.status().is_ok_and(|status| status.success()), "git {arguments:?}");
    }

    /// Types the commands of a block one after the other into a shell. Answers with the exit code and the output of each.
    fn run(&self, commands: &[Typed]) -> Vec<(i32, String)> {
        const MARK: &str = "\u{1}";
        let mut script = String::new();
        for Typed { command, .. } in commands {
            let command = command.replace("cargo run --release --", "palisade");
            write!(script, "{command}\n__code=$?; printf '{MARK}%s{MARK}' \"$__code\"; (exit $__code)\n")
                .expect("text");
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1\n{script}")])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", format!("{}:{path}", self.programs.path().display()))
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("bash starts");
        let text = String::from_utf8(output.stdout).expect("the output is UTF-8");
        let parts: Vec<&str> = text.split(MARK).collect();
        let (pairs, _) = parts.as_chunks::<2>();
        pairs.iter().map(|[output, code]| (code.parse().expect("a number"), (*output).to_owned())).collect()
    }
}

fn copy(from: &Path, to: &Path) {
    for file in common::files(from, "") {
        let target = to.join(file.strip_prefix(from).expect("it is below"));
        fs::create_dir_all(target.parent().expect("a file is in a folder")).expect("a folder can be made");
        fs::copy(&file, target).expect("a file can be copied");
    }
}

/// Whether a command can run here, or says what it needs.
fn is_left_out(command: &str) -> bool {
    command.contains(NEEDS) || INSTALLERS.iter().any(|installer| command.starts_with(installer))
}

/// What is wrong with how a command ended. Without a word on it in the text, an audit may find something, and everything
/// else ends well.
fn fault(typed: &Typed, (code, output): &(i32, String)) -> Option<String> {
    if let Some(shown) = &typed.shown {
        return (!is_like(output.trim_end(), shown.trim_end()))
            .then(|| format!("the page shows\n{shown}and this comes out (exit code {code})\n{output}"));
    }
    let is_audit = ["palisade check", "-- check", "palisade diff"].iter().any(|word| typed.command.contains(word));
    let is_fine = *code == 0 || (*code == 1 && is_audit);
    (!is_fine).then(|| format!("ended with exit code {code}\n{output}"))
}

/// Whether an output is as a page shows it, where `…` stands for anything within a line, and alone for any lines.
fn is_like(output: &str, shown: &str) -> bool {
    fn within(line: &str, pattern: &str) -> bool {
        match pattern.split_once('…') {
            None => line == pattern,
            Some((start, rest)) => line
                .strip_prefix(start)
                .is_some_and(|line| line.char_indices().any(|(at, _)| within(&line[at..], rest)) || within("", rest)),
        }
    }
    fn lines(output: &[&str], shown: &[&str]) -> bool {
        match (output, shown) {
            ([], []) => true,
            (_, ["…", rest @ ..]) => (0..=output.len()).any(|skipped| lines(&output[skipped..], rest)),
            ([line, output @ ..], [pattern, shown @ ..]) => within(line, pattern) && lines(output, shown),
            _ => false,
        }
    }
    let split = |text| str::lines(text).map(str::trim_end).collect::<Vec<_>>();
    lines(&split(output), &split(shown))
}

#[test]
fn every_command_runs_and_ends_as_the_text_says() {
    if Command::new("bash").arg("--version").output().is_err() {
        println!("left out: there is no bash");
        return;
    }
    let (mut faults, mut count) = (Vec::new(), 0);
    for page in pages() {
        let text = common::text(&page);
        // One after the other, as a reader goes through the page.
        let place = Place::new();
        for block in blocks(&text).iter().filter(|block| ["sh", "console"].contains(&block.language)) {
            let (left_out, commands): (Vec<_>, Vec<_>) =
                typed(block).into_iter().partition(|typed| is_left_out(&typed.command));
            for typed in left_out {
                println!("left out: {}:{}: {}", page.display(), typed.line, typed.command.trim_end());
            }
            let ends = place.run(&commands);
            assert_eq!(ends.len(), commands.len(), "{}:{}: the block ends the shell", page.display(), block.line);
            count += commands.iter().filter(|typed| typed.command.contains("palisade")).count();
            let faulty =
                commands.iter().zip(&ends).filter_map(|(typed, end)| fault(typed, end).map(|said| (typed, said)));
            faults.extend(faulty.map(|(typed, said)| {
                format!("{}:{}: {}{said}", page.display(), typed.line, typed.command.trim_end().to_owned() + "\n")
            }));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(count > 12, "the pages have hardly any commands: {count}");
}

#[test]
fn every_link_leads_somewhere() {
    let mut faults = Vec::new();
    for page in pages() {
        let text = common::text(&page);
        let folder = page.parent().expect("a page is in a folder");
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or_default();
            if target.starts_with("http") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { page.clone() } else { folder.join(file) };
            let known = file.exists() && (heading.is_empty() || headings(&common::text(&file)).contains(heading));
            faults.extend((!known).then(|| format!("{}: `{target}` leads nowhere", page.display())));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The headings of a page as links name them.
fn headings(page: &str) -> BTreeSet<String> {
    let name = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        kept.chars().filter(|&c| c.is_alphanumeric() || " -_".contains(c)).collect::<String>().replace(' ', "-")
    };
    page.lines().filter(|line| line.starts_with('#')).map(name).collect()
}

#[test]
fn every_page_is_in_the_index() {
    let index = common::text(&common::project("docs/README.md"));
    for page in common::files(&common::project("docs"), ".md") {
        let name = common::name(&page);
        assert!(name == "README.md" || index.contains(&format!("({name})")), "{name} is not in docs/README.md");
    }
}

#[test]
fn commands_are_read_as_a_shell_reads_them() {
    let page = "```sh\na \\\n  b\n\ncat > x <<EOF\nk: v\n\nEOF\nc\n```\n\n```console\n$ d\nout\n$ e\n```\n";
    let commands: Vec<_> = blocks(page).iter().flat_map(typed).map(|typed| (typed.command, typed.shown)).collect();
    let shown = |text: &str| Some(text.to_owned());
    assert_eq!(
        commands,
        [
            ("a \\\n  b\n".to_owned(), None),
            ("cat > x <<EOF\nk: v\n\nEOF\n".to_owned(), None),
            ("c\n".to_owned(), None),
            ("d".to_owned(), shown("out\n")),
            ("e".to_owned(), shown("")),
        ]
    );
}

#[test]
fn outputs_may_be_shown_in_part() {
    assert!(is_like("a\nb 12 ms\nc\nd", "a\nb … ms\n…\nd"));
    assert!(is_like("a\nd", "a\n…\nd"));
    assert!(is_like("in 3 ms", "in …"));
    assert!(!is_like("a\nb", "a"));
    assert!(!is_like("b 12 s", "b … ms"));
    assert!(!is_like("a", "b"));
}
