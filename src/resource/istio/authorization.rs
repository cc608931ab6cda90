//! AuthorizationPolicy, PeerAuthentication and `RequestAuthentication` as written.

use super::{Setting, workload_selector};
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// An authorization policy as written.
#[derive(Clone, Debug)]
pub struct AuthorizationPolicy<'a> {
    pub selector: Option<Labels<'a>>,
    /// The objects that the policy names instead of selecting pods, with the place of the list.
    pub targets: Option<Spanned<Vec<TargetRef<'a>>>>,
    pub action: Option<Text<'a>>,
    /// The provider that a CUSTOM policy asks.
    pub provider: Option<Text<'a>>,
    pub rules: Option<Spanned<Vec<AuthorizationRule<'a>>>>,
    /// The whole value of `spec`, for a policy that consists of an empty one.
    pub spec: Option<Location>,
}

/// An object that a policy names to apply to.
#[derive(Clone, Copy, Debug)]
pub struct TargetRef<'a> {
    pub kind: Text<'a>,
    pub name: Text<'a>,
}

/// One entry of `rules`: from (any), to (any) and when (all) must hold together.
#[derive(Clone, Debug)]
pub struct AuthorizationRule<'a> {
    pub from: Option<Spanned<Vec<Source<'a>>>>,
    pub to: Option<Spanned<Vec<Operation<'a>>>>,
    pub when: Vec<Condition<'a>>,
    /// The rule's first key, or the empty rule itself.
    pub at: Location,
}

/// One `source`: its fields must all hold.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// Field names such as `principals` or `notNamespaces` with their values.
    pub fields: Vec<(Text<'a>, Vec<Text<'a>>)>,
    pub at: Location,
}

/// One `operation`: its fields must all hold.
#[derive(Clone, Debug)]
pub struct Operation<'a> {
    /// Field names such as `hosts` or `notPaths` with their values.
    pub fields: Vec<(Text<'a>, Vec<Text<'a>>)>,
    pub at: Location,
}

/// One `when` condition.
#[derive(Clone, Debug)]
pub struct Condition<'a> {
    pub key: Text<'a>,
    pub values: Vec<Text<'a>>,
    pub not_values: Vec<Text<'a>>,
}

/// Peer authentication as written.
#[derive(Clone, Debug)]
pub struct PeerAuthentication<'a> {
    pub selector: Option<Labels<'a>>,
    pub mode: Option<Setting<'a>>,
    /// Modes of single ports of the pods; only a policy with a selector may have them.
    pub ports: Vec<(i64, Setting<'a>)>,
}

/// Request authentication as written.
#[derive(Clone, Debug)]
pub struct RequestAuthentication<'a> {
    pub selector: Option<Labels<'a>>,
    /// The objects that it names instead of selecting pods, with the place of the list.
    pub targets: Option<Spanned<Vec<TargetRef<'a>>>>,
    /// Whose tokens it takes; without any it looks at none.
    pub issuers: Vec<Text<'a>>,
}

/// The fields of a source or operation, each a list of strings, with the place of the block's first key.
fn fields<'a>(reader: &mut Reader, item: Node<'a>, block: &str) -> (Vec<(Text<'a>, Vec<Text<'a>>)>, Location) {
    let Some(node) = reader.mapping_at(item, block) else { return (Vec::new(), item.head()) };
    let list = |entry: crate::source::Entry<'a>| {
        (Spanned::new(entry.name(), entry.key.at()), reader.list_at(node, entry.name(), Reader::text_or_number))
    };
    let read: Vec<_> = node.entries().map(list).collect();
    // An empty list in a source is no condition at all.
    (read.into_iter().filter(|(_, values)| !values.is_empty()).collect(), node.head())
}

fn condition<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Condition<'a>> {
    let node = reader.mapping(node)?;
    Some(Condition {
        key: reader.text_at(node, "key")?,
        values: reader.list_at(node, "values", Reader::text_or_number),
        not_values: reader.list_at(node, "notValues", Reader::text_or_number),
    })
}

fn rule<'a>(reader: &mut Reader, node: Node<'a>) -> Option<AuthorizationRule<'a>> {
    if node.is_null() {
        return Some(AuthorizationRule { from: None, to: None, when: Vec::new(), at: node.at() });
    }
    let node = reader.mapping(node)?;
    Some(AuthorizationRule {
        from: reader.spanned_list_at(node, "from", |reader, item| {
            let item = reader.mapping(item)?;
            let (fields, at) = fields(reader, item, "source");
            Some(Source { fields, at })
        }),
        to: reader.spanned_list_at(node, "to", |reader, item| {
            let item = reader.mapping(item)?;
            let (fields, at) = fields(reader, item, "operation");
            Some(Operation { fields, at })
        }),
        when: reader.list_at(node, "when", condition),
        at: node.head(),
    })
}

fn target<'a>(reader: &mut Reader, node: Node<'a>) -> Option<TargetRef<'a>> {
    let node = reader.mapping(node)?;
    Some(TargetRef { kind: reader.text_at(node, "kind")?, name: reader.text_at(node, "name")? })
}

/// Reads `targetRefs`, or the single `targetRef` of older versions.
pub(super) fn targets<'a>(reader: &mut Reader, spec: Node<'a>) -> Option<Spanned<Vec<TargetRef<'a>>>> {
    if let Some(one) = spec.entry("targetRef").filter(|entry| !entry.value.is_null()) {
        return Some(Spanned::new(target(reader, one.value).into_iter().collect(), one.key.at()));
    }
    let list = spec.entry("targetRefs").filter(|entry| !entry.value.is_null())?;
    Some(Spanned::new(reader.list_at(spec, "targetRefs", target), list.key.at()))
}

pub(in crate::resource) fn authorization_policy<'a>(reader: &mut Reader, node: Node<'a>) -> AuthorizationPolicy<'a> {
    // A policy without a spec is a policy with an empty one: it allows nothing.
    let Some(spec) = reader.mapping_at(node, "spec") else {
        return AuthorizationPolicy {
            selector: None,
            targets: None,
            action: None,
            provider: None,
            rules: None,
            spec: None,
        };
    };
    let provider = reader.mapping_at(spec, "provider");
    AuthorizationPolicy {
        selector: workload_selector(reader, spec, "selector", "matchLabels"),
        targets: targets(reader, spec),
        action: reader.text_at(spec, "action"),
        provider: provider.and_then(|provider| reader.text_at(provider, "name")),
        rules: reader.spanned_list_at(spec, "rules", rule),
        spec: Some(spec.at()),
    }
}

pub(in crate::resource) fn peer_authentication<'a>(reader: &mut Reader, node: Node<'a>) -> PeerAuthentication<'a> {
    let spec = reader.mapping_at(node, "spec");
    PeerAuthentication {
        selector: spec.and_then(|spec| workload_selector(reader, spec, "selector", "matchLabels")),
        mode: spec.and_then(|spec| super::mode_at(reader, spec, "mtls")),
        ports: spec.map(|spec| port_modes(reader, spec)).unwrap_or_default(),
    }
}

pub(in crate::resource) fn request_authentication<'a>(
    reader: &mut Reader,
    node: Node<'a>,
) -> RequestAuthentication<'a> {
    let spec = reader.mapping_at(node, "spec");
    let issuer = |reader: &mut Reader, rule: Node<'a>| {
        let rule = reader.mapping(rule)?;
        reader.text_at(rule, "issuer")
    };
    RequestAuthentication {
        selector: spec.and_then(|spec| workload_selector(reader, spec, "selector", "matchLabels")),
        targets: spec.and_then(|spec| targets(reader, spec)),
        issuers: spec.map(|spec| reader.list_at(spec, "jwtRules", issuer)).unwrap_or_default(),
    }
}

/// The modes under `portLevelMtls`, by the number of the pods' port.
fn port_modes<'a>(reader: &mut Reader, spec: Node<'a>) -> Vec<(i64, Setting<'a>)> {
    let Some(ports) = reader.mapping_at(spec, "portLevelMtls") else { return Vec::new() };
    let mode = |entry: crate::source::Entry<'a>| {
        Some((entry.name().parse().ok()?, super::mode_at(reader, ports, entry.name())?))
    };
    ports.entries().filter_map(mode).collect()
}
