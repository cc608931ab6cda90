//! Role-based access: roles and who is bound to them, as written (semantics C.12).

use super::selector::{LabelSelector, label_selector};
use crate::resource::reader::{Reader, Text};
use crate::source::{Node, Spanned};

/// A Role or `ClusterRole`.
#[derive(Clone, Debug)]
pub struct AccessRole<'a> {
    pub rules: Vec<AccessRule<'a>>,
    /// The selectors whose `ClusterRoles` this one gathers; the API server then writes the rules itself.
    pub gathers: Option<Spanned<Vec<LabelSelector<'a>>>>,
}

/// What a role allows: these verbs on these resources of these groups.
#[derive(Clone, Debug)]
pub struct AccessRule<'a> {
    pub groups: Vec<Text<'a>>,
    pub resources: Vec<Text<'a>>,
    pub verbs: Vec<Text<'a>>,
    /// The only objects that it holds for; all where there is none.
    pub names: Vec<Text<'a>>,
}

/// A `RoleBinding` or `ClusterRoleBinding`.
#[derive(Clone, Debug)]
pub struct AccessBinding<'a> {
    /// `Role` or `ClusterRole`.
    pub role_kind: Option<Text<'a>>,
    pub role: Text<'a>,
    pub subjects: Vec<AccessSubject<'a>>,
}

/// Somebody who is bound.
#[derive(Clone, Debug)]
pub struct AccessSubject<'a> {
    /// `User`, `Group` or `ServiceAccount`.
    pub kind: Text<'a>,
    pub name: Text<'a>,
    pub namespace: Option<Text<'a>>,
}

fn rule<'a>(reader: &mut Reader, node: Node<'a>) -> Option<AccessRule<'a>> {
    let node = reader.mapping(node)?;
    Some(AccessRule {
        groups: reader.texts_at(node, "apiGroups"),
        resources: reader.texts_at(node, "resources"),
        verbs: reader.texts_at(node, "verbs"),
        names: reader.texts_at(node, "resourceNames"),
    })
}

fn subject<'a>(reader: &mut Reader, node: Node<'a>) -> Option<AccessSubject<'a>> {
    let node = reader.mapping(node)?;
    Some(AccessSubject {
        kind: reader.text_at(node, "kind")?,
        name: reader.text_at(node, "name")?,
        namespace: reader.text_at(node, "namespace"),
    })
}

/// Reads a role; one without a rule is whole, and allows nothing.
pub(in crate::resource) fn access_role<'a>(reader: &mut Reader, node: Node<'a>) -> AccessRole<'a> {
    let aggregation = reader.mapping_at(node, "aggregationRule");
    AccessRole {
        rules: reader.list_at(node, "rules", rule),
        gathers: aggregation.and_then(|node| reader.spanned_list_at(node, "clusterRoleSelectors", label_selector)),
    }
}

/// Reads a binding; one without a role is none.
pub(in crate::resource) fn access_binding<'a>(reader: &mut Reader, node: Node<'a>) -> Option<AccessBinding<'a>> {
    let role = reader.mapping_at(node, "roleRef")?;
    Some(AccessBinding {
        role_kind: reader.text_at(role, "kind"),
        role: reader.text_at(role, "name")?,
        subjects: reader.list_at(node, "subjects", subject),
    })
}
