//! What stands where: triage asks of objects and fields, and who holds the documents answers.

use std::ops::RangeInclusive;

use crate::config::Ignore;
use crate::finding::Object;
use crate::resource::{Resource, Resources};
use crate::scope::Scope;
use crate::source::{Document, Edit, Location, Replacement, Source, SourceId, Sources, Span, as_offset};
use crate::triage::Objects;

/// What stands where: finds the object and the field of a place by binary search.
pub struct Places<'a> {
    /// Each object with its whole extent, sorted.
    objects: Vec<(Location, &'a Resource<'a>)>,
    documents: Vec<(Location, &'a Document<'a>)>,
    settings: Option<&'a Source>,
    estates: &'a [Scope],
}

impl<'a> Places<'a> {
    /// Sorts the objects and documents of an audit by their extent.
    #[must_use]
    pub fn new(resources: &'a Resources<'a>, documents: &'a [Document<'a>], sources: &'a Sources) -> Self {
        let mut objects: Vec<_> = resources.list.iter().map(|resource| (resource.meta.at, resource)).collect();
        let mut documents: Vec<_> = documents.iter().map(|document| (document.root().at(), document)).collect();
        objects.sort_by_key(|(at, _)| *at);
        documents.sort_by_key(|(at, _)| *at);
        Self { objects, documents, settings: sources.settings(), estates: &[] }
    }

    /// The estates that files may belong to, where the input is several.
    #[must_use]
    pub fn of_estates(self, estates: &'a [Scope]) -> Self {
        Self { estates, ..self }
    }

    /// A source that holds documents, or the settings.
    fn source(&self, id: SourceId) -> Option<&'a Source> {
        let index = self.documents.partition_point(|(extent, _)| extent.source < id);
        let of_document = self.documents.get(index).map(|(_, document)| document.source());
        of_document.filter(|source| source.id() == id).or(self.settings.filter(|source| source.id() == id))
    }
}

/// The innermost entry of a list sorted by extent that holds a place: objects may stand in objects, as pools do in clusters.
fn holding<T: Copy>(list: &[(Location, T)], at: Location) -> Option<(Location, T)> {
    let starts_before = |(extent, _): &(Location, T)| (extent.source, extent.span.start) <= (at.source, at.span.start);
    let before = &list[..list.partition_point(starts_before)];
    let of_source = before.iter().rev().take_while(|(extent, _)| extent.source == at.source);
    of_source.into_iter().find(|(extent, _)| at.span.end <= extent.span.end).copied()
}

fn object(resource: &Resource<'_>) -> Object {
    Object {
        api_version: resource.meta.api_version.to_owned(),
        kind: resource.meta.kind.to_owned(),
        namespace: resource.namespace.map(|namespace| namespace.value.to_owned()),
        name: resource.meta.name.value.to_owned(),
    }
}

impl Objects for Places<'_> {
    fn object(&self, at: Location) -> Option<Object> {
        holding(&self.objects, at).map(|(_, resource)| object(resource))
    }

    fn field(&self, at: Location) -> String {
        let Some((_, document)) = holding(&self.documents, at) else { return String::new() };
        let path = document.path_at(at);
        // As seen from the object, so that it stays the same wherever the object stands in its file.
        let own = holding(&self.objects, at).map(|(extent, _)| document.path_at(extent)).unwrap_or_default();
        path.strip_prefix(own.as_str()).map_or(path.clone(), |rest| rest.trim_start_matches('.').to_owned())
    }

    fn lines(&self, at: Location) -> RangeInclusive<usize> {
        let Some(source) = self.source(at.source) else { return 0..=0 };
        let line = |offset: u32| source.line_column(offset).line;
        line(at.span.start)..=line(at.span.end.max(at.span.start + 1) - 1)
    }

    fn site(&self, id: SourceId, line: usize) -> String {
        let Some(source) = self.source(id) else { return String::new() };
        let text = source.line(line);
        let indent = text.len() - text.trim_start_matches([' ', '\t', '-']).len();
        let start = source.line_start(line) + as_offset(indent);
        let at = source.location(Span::new(start, start));
        let Some(object) = self.object(at) else { return format!("{}: {}", source.path(), text.trim()) };
        let namespace = object.namespace.unwrap_or_default();
        format!("{} {namespace}/{} {}", object.kind, object.name, self.field(at))
    }

    fn names(&self, ignore: &Ignore) -> bool {
        self.objects.iter().any(|(_, resource)| ignore.names(&object(resource)))
    }

    fn estate(&self, source: SourceId) -> Option<&str> {
        let mut holding = self.estates.iter().filter(|scope| scope.sources.contains(&source));
        holding.next().filter(|_| holding.next().is_none()).map(|scope| scope.name.as_str())
    }

    fn replacement(&self, edit: &Edit) -> Option<Replacement> {
        let (_, document) = holding(&self.documents, edit.at())?;
        // An object as it is written, or a list of such: what others export or plan is not where things are changed.
        let is_manifest = ["apiVersion", "kind"].iter().all(|key| document.root().get(key).is_some());
        document.replacement(edit).filter(|_| is_manifest)
    }
}
