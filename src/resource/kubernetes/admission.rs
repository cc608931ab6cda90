//! What may refuse or change an object at admission: policies in CEL with their bindings, and webhooks.

use super::selector::{LabelSelector, label_selector};
use crate::resource::reader::{Reader, Text};
use crate::source::{Location, Node, Spanned};

/// A `ValidatingAdmissionPolicy`, or Kyverno's `ValidatingPolicy`, which needs no binding.
#[derive(Clone, Debug)]
pub struct AdmissionPolicy<'a> {
    pub failure_policy: Option<Text<'a>>,
    pub matches: MatchResources<'a>,
    /// Expressions that leave requests out.
    pub conditions: Vec<Text<'a>>,
    /// What must hold, and the variables that it is made of.
    pub expressions: Vec<Text<'a>>,
    /// What follows where it does not hold, of a policy that needs no binding.
    pub actions: Option<Spanned<Vec<Text<'a>>>>,
}

/// A `ValidatingAdmissionPolicyBinding`.
#[derive(Clone, Debug)]
pub struct AdmissionPolicyBinding<'a> {
    pub policy: Text<'a>,
    pub actions: Option<Spanned<Vec<Text<'a>>>>,
    pub matches: MatchResources<'a>,
}

/// Which requests are looked at.
#[derive(Clone, Debug, Default)]
pub struct MatchResources<'a> {
    pub rules: Option<Vec<ResourceRule<'a>>>,
    pub excluded: Vec<ResourceRule<'a>>,
    pub namespaces: Option<LabelSelector<'a>>,
    pub objects: Option<LabelSelector<'a>>,
}

/// Operations on resources.
#[derive(Clone, Debug)]
pub struct ResourceRule<'a> {
    pub groups: Vec<Text<'a>>,
    pub resources: Vec<Text<'a>>,
    pub operations: Vec<Text<'a>>,
    pub names: Vec<Text<'a>>,
}

/// A `ValidatingWebhookConfiguration` or `MutatingWebhookConfiguration`.
#[derive(Clone, Debug)]
pub struct Webhooks<'a> {
    pub mutating: bool,
    pub hooks: Vec<Webhook<'a>>,
}

/// One webhook.
#[derive(Clone, Debug)]
pub struct Webhook<'a> {
    pub name: Text<'a>,
    /// The service or address that is asked, as far as it tells who that is.
    pub server: Vec<&'a str>,
    /// `Fail` where absent; `Ignore` in the API's first version.
    pub failure_policy: Option<Text<'a>>,
    pub matches: MatchResources<'a>,
    /// The webhook's first key.
    pub at: Location,
}

fn resource_rule<'a>(reader: &mut Reader, node: Node<'a>) -> Option<ResourceRule<'a>> {
    let node = reader.mapping(node)?;
    Some(ResourceRule {
        groups: reader.texts_at(node, "apiGroups"),
        resources: reader.texts_at(node, "resources"),
        operations: reader.texts_at(node, "operations"),
        names: reader.texts_at(node, "resourceNames"),
    })
}

/// Reads what a mapping matches; its rules stand under one of two keys.
fn match_resources<'a>(reader: &mut Reader, node: Node<'a>, rules: &str) -> MatchResources<'a> {
    let selector = |reader: &mut Reader, key| Reader::field(node, key).and_then(|node| label_selector(reader, node));
    MatchResources {
        rules: reader.spanned_list_at(node, rules, resource_rule).map(|list| list.value),
        excluded: reader.list_at(node, "excludeResourceRules", resource_rule),
        namespaces: selector(reader, "namespaceSelector"),
        objects: selector(reader, "objectSelector"),
    }
}

fn match_at<'a>(reader: &mut Reader, node: Node<'a>, key: &str) -> MatchResources<'a> {
    let found = reader.mapping_at(node, key);
    found.map(|node| match_resources(reader, node, "resourceRules")).unwrap_or_default()
}

fn expressions_at<'a>(reader: &mut Reader, node: Node<'a>, key: &str) -> Vec<Text<'a>> {
    reader.list_at(node, key, |reader, item| {
        let item = reader.mapping(item)?;
        reader.text_at(item, "expression")
    })
}

fn actions<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Spanned<Vec<Text<'a>>>> {
    reader.spanned_list_at(node, "validationActions", Reader::text)
}

pub(in crate::resource) fn admission_policy<'a>(reader: &mut Reader, node: Node<'a>) -> Option<AdmissionPolicy<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let mut expressions = expressions_at(reader, spec, "variables");
    expressions.extend(expressions_at(reader, spec, "validations"));
    Some(AdmissionPolicy {
        failure_policy: reader.text_at(spec, "failurePolicy"),
        matches: match_at(reader, spec, "matchConstraints"),
        conditions: expressions_at(reader, spec, "matchConditions"),
        expressions,
        actions: actions(reader, spec),
    })
}

pub(in crate::resource) fn admission_policy_binding<'a>(
    reader: &mut Reader,
    node: Node<'a>,
) -> Option<AdmissionPolicyBinding<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(AdmissionPolicyBinding {
        policy: reader.text_at(spec, "policyName")?,
        actions: actions(reader, spec),
        matches: match_at(reader, spec, "matchResources"),
    })
}

fn webhook<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Webhook<'a>> {
    let node = reader.mapping(node)?;
    let client = reader.mapping_at(node, "clientConfig");
    let service = client.and_then(|client| reader.mapping_at(client, "service"));
    let url = client.and_then(|client| reader.text_at(client, "url"));
    let parts = ["name", "namespace", "path"].map(|key| service.and_then(|service| reader.text_at(service, key)));
    Some(Webhook {
        name: reader.text_at(node, "name")?,
        server: url.into_iter().chain(parts.into_iter().flatten()).map(|text| text.value).collect(),
        failure_policy: reader.text_at(node, "failurePolicy"),
        matches: match_resources(reader, node, "rules"),
        at: node.head(),
    })
}

pub(in crate::resource) fn webhooks<'a>(reader: &mut Reader, node: Node<'a>, mutating: bool) -> Webhooks<'a> {
    Webhooks { mutating, hooks: reader.list_at(node, "webhooks", webhook) }
}
