//! What keeps enough pods of a workload running: autoscalers and disruption budgets.

use super::selector::{LabelSelector, label_selector};
use crate::resource::reader::{Reader, Text};
use crate::source::{Node, Spanned};

/// A `HorizontalPodAutoscaler` as written.
#[derive(Clone, Debug)]
pub struct Autoscaler<'a> {
    pub target_kind: Text<'a>,
    pub target: Text<'a>,
    /// One where absent (semantics C.0).
    pub min: Option<Spanned<i64>>,
    pub max: Option<Spanned<i64>>,
}

/// A `PodDisruptionBudget` as written.
#[derive(Clone, Debug)]
pub struct DisruptionBudget<'a> {
    pub selector: Option<LabelSelector<'a>>,
}

/// Reads a `HorizontalPodAutoscaler` of any version.
pub(in crate::resource) fn autoscaler<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Autoscaler<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let target = reader.mapping_at(spec, "scaleTargetRef")?;
    Some(Autoscaler {
        target_kind: reader.text_at(target, "kind")?,
        target: reader.text_at(target, "name")?,
        min: reader.integer_at(spec, "minReplicas"),
        max: reader.integer_at(spec, "maxReplicas"),
    })
}

/// Reads a `PodDisruptionBudget`.
pub(in crate::resource) fn disruption_budget<'a>(reader: &mut Reader, node: Node<'a>) -> Option<DisruptionBudget<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(DisruptionBudget { selector: Reader::field(spec, "selector").and_then(|node| label_selector(reader, node)) })
}
