//! Which files of a directory are read: those whose names say what they are, and among those whose names say nothing the ones
//! that start like a manifest, a plan, a state or a dump.

use std::path::Path;

/// Whether the name of a file says that it is read.
#[must_use]
pub fn is_read(path: &Path) -> bool {
    let is_known = path.file_name().is_some_and(|name| name == "Kustomization");
    is_known
        || matches!(
            ending(path).as_str(),
            "yaml" | "yml" | "json" | "jsonl" | "ndjson" | "tf" | "tofu" | "tfvars" | "tfstate"
        )
}

fn ending(path: &Path) -> String {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase()
}

/// Whether the name of a file says nothing, as that of a file into which a command printed, such as `terraform show -json` or
/// `kubectl get -o yaml`. Files that were renamed to be left out keep another ending.
pub(super) fn says_nothing(path: &Path) -> bool {
    matches!(ending(path).as_str(), "" | "txt" | "out" | "log" | "plan" | "tfplan" | "dump" | "export")
}

/// Whether a text starts like JSON or YAML that says what it is; a template does not.
pub(super) fn starts_like_objects(text: &str) -> bool {
    const SAID_IN_JSON: [&str; 8] = [
        "\"format_version\"",
        "\"terraform_version\"",
        "\"asset_type\"",
        "\"assetType\"",
        "\"selfLink\"",
        "\"apiVersion\"",
        "\"compute#",
        "\"dns#",
    ];
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.contains("{{") {
        return false;
    }
    if text.starts_with(['{', '[']) {
        return SAID_IN_JSON.iter().any(|word| text.contains(word));
    }
    let says = |key: &str| text.lines().any(|line| line.starts_with(key));
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default();
    ["apiVersion:", "kind:", "---"].iter().any(|start| first.starts_with(start)) && says("apiVersion:") && says("kind:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_by_how_a_text_starts() {
        assert!(starts_like_objects("{\"format_version\":\"1.2\""));
        assert!(starts_like_objects("\u{feff}[\n  {\"asset_type\": \"x\""));
        assert!(starts_like_objects("# dump\n---\napiVersion: v1\nkind: List\n"));
        assert!(!starts_like_objects("{\"name\": \"package\"}"));
        assert!(!starts_like_objects("apiVersion: v1\nkind: {{ .Kind }}\n"));
        assert!(!starts_like_objects("How to write a manifest:\n\napiVersion: v1\nkind: Pod\n"));
    }
}
