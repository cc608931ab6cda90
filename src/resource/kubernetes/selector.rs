//! Selectors: labels that must be equal, and requirements on them.

use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// A label selector. An empty one selects everything; an absent one is no criterion (semantics C.0).
#[derive(Clone, Debug)]
pub struct LabelSelector<'a> {
    pub labels: Labels<'a>,
    pub requirements: Vec<Requirement<'a>>,
    pub at: Location,
}

/// One entry of `matchExpressions` or `matchFields`.
#[derive(Clone, Debug)]
pub struct Requirement<'a> {
    pub key: Text<'a>,
    pub operator: Spanned<Operator<'a>>,
    pub values: Vec<Text<'a>>,
}

/// How a requirement compares; `Gt` and `Lt` only for nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator<'a> {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
    /// An operator that Kubernetes does not know.
    Other(&'a str),
}

/// One term of a required node affinity: its requirements are all to be met; an empty term matches nothing.
#[derive(Clone, Debug)]
pub struct NodeSelectorTerm<'a> {
    pub expressions: Vec<Requirement<'a>>,
    pub fields: Vec<Requirement<'a>>,
    pub at: Location,
}

const OPERATORS: [&str; 6] = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];

fn operator(text: &str) -> Operator<'_> {
    match text {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::Gt,
        "Lt" => Operator::Lt,
        other => Operator::Other(other),
    }
}

fn requirement<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Requirement<'a>> {
    let node = reader.mapping(node)?;
    let found = Requirement {
        key: reader.text_at(node, "key")?,
        operator: reader.word_at(node, "operator", &OPERATORS)?.map(operator),
        values: reader.list_at(node, "values", Reader::text_or_number),
    };
    let operator = found.operator;
    match (operator.value, found.values.is_empty()) {
        (Operator::In | Operator::NotIn, true) => reader.reject(operator.at, "an operator over values, and no values"),
        (Operator::Exists | Operator::DoesNotExist, false) => {
            reader.reject(operator.at, "an operator that takes no values, and values");
        }
        _ => {}
    }
    Some(found)
}

/// Reads a selector whose place is that of its value.
pub(in crate::resource) fn label_selector<'a>(reader: &mut Reader, node: Node<'a>) -> Option<LabelSelector<'a>> {
    let node = reader.mapping(node)?;
    reader.only(node, &["matchLabels", "matchExpressions"]);
    Some(LabelSelector {
        labels: reader.labels_at(node, "matchLabels"),
        requirements: reader.list_at(node, "matchExpressions", requirement),
        at: node.at(),
    })
}

pub(super) fn node_selector_term<'a>(reader: &mut Reader, node: Node<'a>) -> Option<NodeSelectorTerm<'a>> {
    let node = reader.mapping(node)?;
    Some(NodeSelectorTerm {
        expressions: reader.list_at(node, "matchExpressions", requirement),
        fields: reader.list_at(node, "matchFields", requirement),
        at: node.at(),
    })
}
