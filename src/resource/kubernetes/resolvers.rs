//! The configuration of the cluster's DNS and of the agent that masquerades pods.

use crate::resource::reader::{Reader, Text};
use crate::source::{Location, Node, Span, Spanned, as_offset};

/// The servers to which the cluster's DNS passes questions on.
#[derive(Clone, Debug, Default)]
pub struct Resolvers<'a> {
    pub servers: Vec<Text<'a>>,
}

/// What the masquerade agent is told.
#[derive(Clone, Debug, Default)]
pub struct Masquerade<'a> {
    /// The ranges towards which pods keep their own addresses.
    pub kept: Vec<Text<'a>>,
}

/// Reads kube-dns: servers for single domains, and those for all others.
pub(in crate::resource) fn kube_dns<'a>(
    reader: &mut Reader,
    stubs: Option<Node<'a>>,
    upstream: Option<Node<'a>>,
) -> Resolvers<'a> {
    let lists = stubs.into_iter().flat_map(Node::entries).map(|entry| entry.value).chain(upstream);
    let servers: Vec<Node<'a>> = lists.flat_map(|list| reader.items(list)).collect();
    Resolvers { servers: servers.into_iter().filter_map(|server| reader.text(server)).collect() }
}

/// Reads `CoreDNS`: what follows the zone in each line `forward` or `proxy` of its files.
pub(in crate::resource) fn core_dns<'a>(files: impl Iterator<Item = Node<'a>>) -> Resolvers<'a> {
    Resolvers { servers: files.flat_map(forwards).collect() }
}

fn forwards(file: Node<'_>) -> Vec<Text<'_>> {
    let lines = file.text().unwrap_or_default().lines().map(str::trim);
    let told = lines.filter_map(|line| line.strip_prefix("forward ").or_else(|| line.strip_prefix("proxy ")));
    let servers = told.flat_map(|rest| rest.split_whitespace().skip(1).take_while(|word| *word != "{"));
    servers.map(|server| Spanned::new(server, place_of(server, file))).collect()
}

/// The place of a word of a text, or of the whole text where it is not written as it is read.
fn place_of(word: &str, text: Node<'_>) -> Location {
    let whole = text.at();
    let source = text.document().source();
    let Some(at) = source.slice(whole.span).find(word) else { return whole };
    let start = whole.span.start + as_offset(at);
    source.location(Span::new(start, start + as_offset(word.len())))
}

/// Reads the configuration of the masquerade agent.
pub(in crate::resource) fn masquerade<'a>(reader: &mut Reader, config: Node<'a>) -> Masquerade<'a> {
    Masquerade { kept: reader.texts_at(config, "nonMasqueradeCIDRs") }
}
