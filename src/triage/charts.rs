//! Helm charts that nobody rendered: their templates are no manifests, and are told as one.

use crate::source::{Location, Sources, Unparsed};

/// A chart with templates that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// Its folder, as the walk calls it; `.` for the working directory.
    pub path: String,
    /// How many documents of it could not be read.
    pub templates: usize,
    /// The first of them.
    pub at: Location,
}

impl Chart {
    /// The command that renders it.
    #[must_use]
    pub fn command(&self) -> String {
        format!("helm template {} | palisade check -", self.path)
    }
}

/// The charts whose templates are among what could not be read.
#[must_use]
pub fn charts(sources: &Sources, unparsed: &[Unparsed]) -> Vec<Chart> {
    let folders: Vec<&str> = sources.iter().filter_map(|source| chart_folder(source.path())).collect();
    let mut charts: Vec<Chart> = Vec::new();
    for document in unparsed {
        let Some(folder) = rendered_with(sources[document.at.source].path(), &folders) else { continue };
        let path = if folder.is_empty() { "." } else { folder };
        match charts.iter_mut().find(|chart| chart.path == path) {
            Some(chart) => chart.templates += 1,
            None => charts.push(Chart { path: path.to_owned(), templates: 1, at: document.at }),
        }
    }
    charts
}

/// What could not be read, with one entry for all templates of a chart.
#[must_use]
pub(super) fn unread(charts: &[Chart], sources: &Sources, unparsed: &[Unparsed]) -> Vec<Unparsed> {
    let folders: Vec<&str> = charts.iter().map(|chart| if chart.path == "." { "" } else { &chart.path }).collect();
    let is_template = |document: &&Unparsed| rendered_with(sources[document.at.source].path(), &folders).is_some();
    let told = charts.iter().map(|chart| {
        let unread = match chart.templates {
            1 => "its template was".to_owned(),
            several => format!("its {several} templates were"),
        };
        let reason = format!(
            "the chart `{}` is not rendered, so {unread} not read; audit what it renders: `{}`",
            chart.path,
            chart.command()
        );
        Unparsed { at: chart.at, reason }
    });
    let others = unparsed.iter().filter(|document| !is_template(document)).cloned();
    let mut all: Vec<Unparsed> = told.chain(others).collect();
    all.sort_by_key(|document| document.at);
    all
}

/// The folder of a file that makes it a chart.
fn chart_folder(path: &str) -> Option<&str> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    matches!(file, "Chart.yaml" | "Chart.yml").then_some(folder)
}

/// The outermost chart that a file is a template of: what is in its `charts` folder is rendered along.
fn rendered_with<'f>(path: &str, folders: &[&'f str]) -> Option<&'f str> {
    let is_template_of = |folder: &&&str| {
        let rest = if folder.is_empty() {
            Some(path)
        } else {
            path.strip_prefix(**folder).and_then(|rest| rest.strip_prefix('/'))
        };
        let mut rest = rest.unwrap_or_default();
        while let Some((_, below)) = rest.strip_prefix("charts/").and_then(|rest| rest.split_once('/')) {
            rest = below;
        }
        rest.starts_with("templates/")
    };
    folders.iter().filter(is_template_of).min_by_key(|folder| folder.len()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_belongs_to_the_outermost_chart_that_renders_it() {
        let folders = ["shop", "shop/charts/cart", "other"];
        let chart = |path: &str| rendered_with(path, &folders);
        assert_eq!(chart("shop/templates/a.yaml"), Some("shop"));
        assert_eq!(chart("shop/charts/cart/templates/b/a.yaml"), Some("shop"));
        assert_eq!(chart("other/templates/a.yaml"), Some("other"));
        assert_eq!((chart("shop/values.yaml"), chart("shopping/templates/a.yaml")), (None, None));
        assert_eq!(rendered_with("templates/a.yaml", &[""]), Some(""));
    }
}
