//! What objects of the cloud are known by. A name, a path, a self-link, an e-mail address and an expression of Terraform are
//! the same thing in other words; here they are compared as one (issue: references resolve across formats).

use rustc_hash::FxHashMap;

use super::Match;
use crate::resource::gcp::{Address, Cloud, Item, Reference, Setting};
use crate::resource::{Kind, Resource};
use crate::source::Location;

/// What an object of the cloud is known by, from its own side or from a reference to it.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The last part of every spelling; none where it is open.
    pub name: Option<&'a str>,
    pub project: Option<&'a str>,
    /// The namespace of the object that Config Connector makes it from.
    namespace: Option<&'a str>,
    /// The object itself, by its index among the resources, where it is in the input.
    object: Option<usize>,
    /// The expression that is left where nothing else is known, with the place where it means what it says.
    expression: Option<((&'a str, &'a str), &'a str)>,
    /// Whether it is an organization.
    pub at_organization: bool,
    pub at: Location,
}

impl<'a> Link<'a> {
    fn unknown(at: Location) -> Self {
        Self { name: None, project: None, namespace: None, object: None, expression: None, at_organization: false, at }
    }

    /// Whether both are one object.
    #[must_use]
    pub fn is(&self, other: &Link<'_>) -> Match {
        if self.object.is_some() && self.object == other.object {
            return Match::Yes;
        }
        match (self.name, other.name) {
            (Some(own), Some(others)) => Match::from(own == others && !self.is_elsewhere(other)),
            _ if self.expression.is_some() && self.expression == other.expression => Match::Yes,
            // Two different objects of the input, of which one does not say its name.
            _ if self.object.is_some() && other.object.is_some() => Match::No,
            _ => Match::Unknown,
        }
    }

    /// Whether they are in different projects. A namespace of Config Connector is a project where nothing else says so.
    fn is_elsewhere(&self, other: &Link<'_>) -> bool {
        match (self.project, other.project) {
            (Some(own), Some(others)) => own != others,
            _ => matches!((self.namespace, other.namespace), (Some(own), Some(others)) if own != others),
        }
    }

    /// The same object, where another one refers to it.
    pub(super) fn seen_at(self, at: Location) -> Self {
        Self { at, ..self }
    }

    /// Whether both are one object of the input, rather than two of the same name.
    pub(super) fn is_object(&self, other: &Link<'_>) -> bool {
        self.object.is_some() && self.object == other.object
    }

    /// Whether the input says which object it is.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.name.is_some() || self.object.is_some()
    }

    /// The name for a message.
    #[must_use]
    pub fn shown(&self) -> &'a str {
        self.name.unwrap_or("?")
    }
}

/// Who a machine is to the firewall, or a member of a binding to IAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A service account's e-mail address.
    Account(String),
    /// A service account of the input whose project is open: its index among the resources, and its id.
    Object(usize, String),
    /// The project's default compute service account.
    Default,
    /// Whatever a reference stands for that leads out of the input: where it means what it says, and the reference.
    Elsewhere(String, String),
    /// A service account that the input does not name.
    Unknown,
}

const DEFAULT_ACCOUNT: &str = "-compute@developer.gserviceaccount.com";

/// Whether two e-mail addresses are one. Their projects may be filled in by another tool, alike where they are written alike.
fn same_address(left: &str, right: &str) -> Match {
    let may_be_one = (is_open(left) || is_open(right)) && left.split('@').next() == right.split('@').next();
    match left == right {
        true => Match::Yes,
        false if may_be_one => Match::Unknown,
        false => Match::No,
    }
}

impl Identity {
    /// Whether both are one account.
    #[must_use]
    pub fn is(&self, other: &Self) -> Match {
        let id = |email: &str, id: &str| Match::from(email.split('@').next() == Some(id));
        match (self, other) {
            (Self::Account(own), Self::Account(others)) => same_address(own, others),
            (Self::Object(own, _), Self::Object(others, _)) => Match::from(own == others),
            (Self::Account(email), Self::Object(_, name)) | (Self::Object(_, name), Self::Account(email)) => {
                id(email, name)
            }
            (Self::Default, Self::Default) => Match::Yes,
            (Self::Default, Self::Account(email)) | (Self::Account(email), Self::Default) => {
                Match::from(email.ends_with(DEFAULT_ACCOUNT))
            }
            (Self::Default, Self::Object(..)) | (Self::Object(..), Self::Default) => Match::No,
            (Self::Elsewhere(..), Self::Elsewhere(..)) if self == other => Match::Yes,
            (Self::Elsewhere(..) | Self::Unknown, _) | (_, Self::Elsewhere(..) | Self::Unknown) => Match::Unknown,
        }
    }

    /// Whether the input leaves open which account it is.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Elsewhere(..) | Self::Unknown)
    }

    /// Whether this is the project's default compute service account, in either spelling.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.is(&Self::Default) == Match::Yes
    }

    /// The account for a message.
    #[must_use]
    pub fn shown(&self) -> &str {
        match self {
            Self::Account(name) | Self::Object(_, name) | Self::Elsewhere(_, name) => name,
            Self::Default => "default",
            Self::Unknown => "?",
        }
    }
}

/// Finds objects of the cloud by whatever refers to them.
pub(super) struct Directory<'a> {
    list: &'a [Resource<'a>],
    by_address: FxHashMap<(&'a str, &'a str, &'a str, &'a str), Vec<usize>>,
    by_object: FxHashMap<(&'a str, &'a str), Vec<usize>>,
    by_place: FxHashMap<Location, usize>,
    /// The project that each namespace's annotation names.
    projects: FxHashMap<&'a str, &'a str>,
}

const PROJECT: &str = "cnrm.cloud.google.com/project-id";

impl<'a> Directory<'a> {
    pub fn new(list: &'a [Resource<'a>]) -> Self {
        let mut directory = Self {
            list,
            by_address: FxHashMap::default(),
            by_object: FxHashMap::default(),
            by_place: FxHashMap::default(),
            projects: FxHashMap::default(),
        };
        for (index, resource) in list.iter().enumerate() {
            match &resource.kind {
                Kind::Namespace => {
                    if let Some(project) = resource.meta.annotations.get(PROJECT) {
                        directory.projects.insert(resource.meta.name.value, project.value);
                    }
                }
                Kind::Cloud(cloud) => {
                    if let Some(Address { scope, module, kind, label }) = cloud.address {
                        directory.by_address.entry((scope, module, kind, label)).or_default().push(index);
                    }
                    if let Some(namespace) = resource.namespace {
                        let key = (namespace.value, resource.meta.name.value);
                        directory.by_object.entry(key).or_default().push(index);
                    }
                    directory.by_place.entry(resource.meta.at).or_insert(index);
                }
                _ => {}
            }
        }
        directory
    }

    /// The objects of the cloud with their indices.
    pub fn clouds(&self) -> impl Iterator<Item = (usize, &'a Resource<'a>, &'a Cloud<'a>)> + use<'a> {
        self.list.iter().enumerate().filter_map(|(index, resource)| match &resource.kind {
            Kind::Cloud(cloud) => Some((index, resource, cloud.as_ref())),
            _ => None,
        })
    }

    /// What an object is known by.
    pub fn own(&self, index: usize) -> Link<'a> {
        let resource = &self.list[index];
        let Kind::Cloud(cloud) = &resource.kind else { return Link::unknown(resource.meta.name.at) };
        let written = resource.namespace.map(|_| resource.meta.name.value);
        let name = match cloud.name {
            Setting::Known(name) => Some(short(name.value)),
            Setting::Absent => written.or(Some(resource.meta.name.value)),
            Setting::Unknown(_) => written,
        };
        Link {
            name: name.filter(|name| !name.is_empty()),
            project: self.declared_project(resource, cloud),
            namespace: named_namespace(resource),
            object: Some(index),
            expression: None,
            at_organization: false,
            at: resource.meta.name.at,
        }
    }

    /// The project that the object or its namespace names.
    fn declared_project(&self, resource: &Resource<'a>, cloud: &Cloud<'a>) -> Option<&'a str> {
        let of_namespace = || self.projects.get(resource.namespace?.value).copied();
        cloud.project.known().map(|project| project.value).or_else(of_namespace)
    }

    /// What a reference stands for.
    pub fn resolve(&self, reference: Reference<'a>, from: &Resource<'a>, is_kind: fn(&Item<'a>) -> bool) -> Link<'a> {
        let at = reference.at();
        let found = match reference {
            Reference::Written(text) => {
                return Link {
                    name: Some(short(text.value)),
                    project: project_of(text.value),
                    namespace: None,
                    object: None,
                    expression: None,
                    at_organization: text.value.contains("organizations/"),
                    at,
                };
            }
            Reference::Parent(place) => self.by_place.get(&place).copied(),
            Reference::Object { name, namespace, open } => {
                let place = namespace.or(from.namespace).map_or("", |namespace| namespace.value);
                let Some(index) = self.kind_of(self.by_object.get(&(place, name.value)), is_kind) else {
                    // A name that is only an example is the same as itself, and may be any other.
                    let expression = open.then_some((("", place), name.value));
                    let project = self.projects.get(place).copied();
                    let namespace = namespace.map_or_else(|| named_namespace(from), |namespace| Some(namespace.value));
                    let name = (!open).then_some(name.value);
                    return Link { name, project, namespace, expression, ..Link::unknown(at) };
                };
                Some(index)
            }
            Reference::Expression(text) => {
                let Some(index) = self.by_expression(text.value, from, is_kind) else {
                    let place = self.address_of(from).map_or(("", ""), |address| (address.scope, address.module));
                    let expression = is_one(text.value).then_some((place, text.value));
                    return Link { expression, ..Link::unknown(at) };
                };
                Some(index)
            }
        };
        found.map_or(Link::unknown(at), |index| Link { at, ..self.own(index) })
    }

    fn kind_of(&self, found: Option<&Vec<usize>>, is_kind: fn(&Item<'a>) -> bool) -> Option<usize> {
        found?.iter().copied().find(|&index| match &self.list[index].kind {
            Kind::Cloud(cloud) => is_kind(&cloud.item),
            _ => false,
        })
    }

    /// The one object that an expression such as `google_compute_network.vpc.id` stands for.
    fn by_expression(&self, text: &'a str, from: &Resource<'a>, is_kind: fn(&Item<'a>) -> bool) -> Option<usize> {
        let address = self.address_of(from)?;
        let (kind, label) = traversal(text)?;
        let found = self.by_address.get(&(address.scope, address.module, kind, label))?;
        // Of several instances none is the one.
        (found.len() == 1).then(|| self.kind_of(Some(found), is_kind)).flatten()
    }

    /// The address of the object in which one without an address of its own stands.
    fn address_around(&self, from: &Resource<'a>) -> Option<Address<'a>> {
        self.clouds().find_map(|(_, resource, cloud)| {
            let (outer, inner) = (resource.meta.at, from.meta.at);
            let holds = outer.source == inner.source
                && outer.span.start <= inner.span.start
                && inner.span.end <= outer.span.end;
            cloud.address.filter(|_| holds)
        })
    }

    /// The identity behind a reference, in every spelling.
    pub fn identity(&self, reference: Reference<'a>, from: &Resource<'a>) -> Identity {
        let is_account = |item: &Item<'a>| matches!(item, Item::ServiceAccount(_));
        match reference {
            Reference::Written(text) => match account_email(text.value) {
                Some(email) => Identity::Account(email.to_owned()),
                None if text.value == "default" => Identity::Default,
                None => Identity::Unknown,
            },
            Reference::Expression(text) if text.value.contains("google_compute_default_service_account.") => {
                Identity::Default
            }
            _ => {
                let link = self.resolve(reference, from, is_account);
                link.object.map_or_else(|| self.elsewhere(reference, from), |index| self.account(index))
            }
        }
    }

    /// A reference that leads out of the input: the same one, in the same place, leads to the same account.
    fn elsewhere(&self, reference: Reference<'a>, from: &Resource<'a>) -> Identity {
        match reference {
            Reference::Object { name, namespace, .. } => {
                let place = namespace.or(from.namespace).map_or("", |namespace| namespace.value);
                Identity::Elsewhere(place.to_owned(), name.value.to_owned())
            }
            // A plan names what an expression refers to, and not what it makes of it.
            Reference::Expression(text) if text.value.contains("${") && is_one(text.value) => {
                let Some(address) = self.address_of(from) else { return Identity::Unknown };
                Identity::Elsewhere(format!("{}:{}", address.scope, address.module), text.value.to_owned())
            }
            Reference::Expression(_) | Reference::Written(_) | Reference::Parent(_) => Identity::Unknown,
        }
    }

    /// The address by which expressions in an object are to be read: its own, or that of the object around it.
    fn address_of(&self, from: &Resource<'a>) -> Option<Address<'a>> {
        let Kind::Cloud(cloud) = &from.kind else { return None };
        cloud.address.or_else(|| self.address_around(from))
    }

    /// The identity of a service account of the input.
    pub fn account(&self, index: usize) -> Identity {
        let resource = &self.list[index];
        let Kind::Cloud(cloud) = &resource.kind else { return Identity::Unknown };
        let Item::ServiceAccount(written) = &cloud.item else { return Identity::Unknown };
        let email = written.email.known().map(|email| email.value);
        let named = cloud.name.known().and_then(|name| account_email(name.value));
        if let Some(email) = email.or(named) {
            return Identity::Account(email.to_owned());
        }
        let id = match written.id {
            Setting::Known(id) => id.value,
            Setting::Absent if resource.namespace.is_some() => resource.meta.name.value,
            _ => return Identity::Object(index, String::new()),
        };
        // Config Connector: the namespace's name is the project's where nothing else says it.
        let guessed = resource.namespace.map(|namespace| namespace.value);
        match self.declared_project(resource, cloud).or(guessed) {
            Some(project) => Identity::Account(format!("{id}@{project}.iam.gserviceaccount.com")),
            None => Identity::Object(index, id.to_owned()),
        }
    }
}

/// The namespace that an object is said to be in; one that nobody names is that of whoever applies it.
fn named_namespace<'a>(resource: &Resource<'a>) -> Option<&'a str> {
    resource.namespace_at().and(resource.namespace).map(|namespace| namespace.value)
}

/// The type and label of the resource that an expression starts at. Anything but the value of one attribute, alone or as an
/// account in a member's name, is not followed.
fn traversal(text: &str) -> Option<(&str, &str)> {
    let inner = match text.split_once("${") {
        None => text,
        Some((before, rest)) => {
            let (inner, after) = rest.split_once('}')?;
            let is_whole = before.is_empty() || before.ends_with([':', '/']);
            (is_whole && (after.is_empty() || after.starts_with(['/', '@']))).then_some(inner.trim())?
        }
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '"' | '-');
    if !inner.chars().all(is_plain) {
        return None;
    }
    let mut parts = inner.split('.');
    let (kind, label) = (parts.next()?, parts.next()?);
    Some((kind, label.split('[').next().unwrap_or(label)))
}

/// Whether an expression stands for the same thing wherever it is written in a module. One that has to do with the instance
/// does not, nor does a module that is named without one of its outputs.
fn is_one(expression: &str) -> bool {
    let of_instance = ["each.", "count.", "dynamic", "for "].iter().any(|word| expression.contains(word));
    let is_bare = expression.strip_prefix("module.").is_some_and(|rest| !rest.contains('.'));
    !expression.is_empty() && !of_instance && !is_bare
}

/// The last segment of a self-link or path: the name that every spelling shares.
pub(super) fn short(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// The project in a path or self-link.
fn project_of(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("projects/")?;
    rest.split('/').next().filter(|project| !project.is_empty() && *project != "-" && !is_open(project))
}

/// Whether another tool fills in a part of a text.
fn is_open(text: &str) -> bool {
    text.contains(['$', '{'])
}

/// The e-mail address at the end of a service account's path or member name.
fn account_email(text: &str) -> Option<&str> {
    let (id, _) = text.split_once('@')?;
    let start = id.rfind(['/', ':']).map_or(0, |before| before + 1);
    text.get(start..)
}
