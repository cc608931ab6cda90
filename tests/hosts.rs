//! Host patterns against cases with independent answers. The cases lie beside the project, not in it.

use std::path::Path;

use palisade::traffic::HostPattern;

/// One line of the table: operation, two patterns (which may be empty), and the answer.
fn answer(operation: &str, one: &str, other: &str) -> Option<bool> {
    let (one, other) = (HostPattern::new(one), HostPattern::new(other));
    match operation {
        "matches" => Some(one.matches(&other)),
        "subset-of" => Some(one.subset_of(&other)),
        _ => None,
    }
}

/// What is wrong with our answer to a line, if anything.
fn fault(line: &str) -> Option<String> {
    let [operation, one, other, wanted] = line.split('\t').collect::<Vec<_>>()[..] else {
        return Some(format!("`{line}` has not four columns"));
    };
    match answer(operation, one, other) {
        None => Some(format!("`{operation}` is not an operation")),
        Some(given) if given.to_string() == wanted => None,
        Some(given) => Some(format!("{operation} `{one}` `{other}`: {given}, not {wanted}")),
    }
}

#[test]
fn hosts_match_as_the_cases_say() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/hosts.tsv");
    let Ok(text) = std::fs::read_to_string(&table) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", table.display());
        println!("left out: the cases of {}, which is not there", table.display());
        return;
    };
    let lines = text.lines().skip(1).collect::<Vec<_>>();
    assert!(!lines.is_empty(), "{} holds no cases", table.display());
    let faults = lines.iter().filter_map(|line| fault(line)).collect::<Vec<_>>();
    println!("ran {} cases", lines.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
