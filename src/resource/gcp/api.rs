//! The API's own JSON in its envelopes, as `gcloud … --format=json` and Cloud Asset Inventory write it (inputs 2.1, 2.7).
//! What an object is follows from what it says of itself: its kind, its link, or the fields that only it has.

use super::firewall::PolicyLevel;
use super::view::{Setting, View};
use super::{Contents, Family, Found};
use crate::resource::reader::Text;
use crate::source::{Node, Shape, Spanned};

/// The types that are read: service, type in Cloud Asset Inventory, collection in links and envelopes, kind, family.
const TYPES: [(&str, &str, &str, Family); 22] = [
    ("container.googleapis.com", "Cluster", "clusters", Family::Cluster),
    ("container.googleapis.com", "NodePool", "nodePools", Family::NodePool),
    ("compute.googleapis.com", "Network", "networks", Family::Network),
    ("compute.googleapis.com", "Subnetwork", "subnetworks", Family::Subnetwork),
    ("compute.googleapis.com", "Firewall", "firewalls", Family::Firewall),
    ("compute.googleapis.com", "FirewallPolicy", "firewallPolicies", Family::Policy(PolicyLevel::Global)),
    ("compute.googleapis.com", "Router", "routers", Family::Router),
    ("compute.googleapis.com", "RouterNat", "nats", Family::Nat),
    ("compute.googleapis.com", "Route", "routes", Family::Route),
    ("compute.googleapis.com", "ForwardingRule", "forwardingRules", Family::ForwardingRule),
    ("compute.googleapis.com", "GlobalForwardingRule", "globalForwardingRules", Family::ForwardingRule),
    ("dns.googleapis.com", "ManagedZone", "managedZones", Family::DnsZone),
    ("dns.googleapis.com", "ResourceRecordSet", "rrsets", Family::RecordSet),
    ("dns.googleapis.com", "Policy", "policies", Family::DnsPolicy),
    ("dns.googleapis.com", "ResponsePolicy", "responsePolicies", Family::ResponsePolicy),
    ("dns.googleapis.com", "ResponsePolicyRule", "responsePolicyRules", Family::ResponseRule),
    ("iam.googleapis.com", "ServiceAccount", "accounts", Family::ServiceAccount),
    ("iam.googleapis.com", "ServiceAccount", "serviceAccounts", Family::ServiceAccount),
    ("cloudresourcemanager.googleapis.com", "IamPolicy", "iamPolicies", Family::Grants),
    ("accesscontextmanager.googleapis.com", "ServicePerimeter", "servicePerimeters", Family::Perimeter),
    ("compute.googleapis.com", "FirewallPolicyRule", "firewallPolicyRules", Family::PolicyRule(PolicyLevel::Global)),
    ("compute.googleapis.com", "FirewallPolicy", "firewallPolicys", Family::Effective(PolicyLevel::Global)),
];

type Type = (&'static str, &'static str, &'static str, Family);

/// What an envelope or one object of the API holds; `None` for a node that is neither.
pub(in crate::resource) fn envelope(node: Node<'_>) -> Option<Contents<'_>> {
    let mut contents = Contents::default();
    let is_candidate = node.shape() == Shape::Mapping && node.get("apiVersion").is_none();
    (is_candidate && unpack(node, None, &mut contents)).then_some(contents)
}

fn text<'a>(node: Node<'a>, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Node::text)
}

/// Takes an object or an envelope apart; says whether it was one.
fn unpack<'a>(node: Node<'a>, of: Option<Type>, contents: &mut Contents<'a>) -> bool {
    if let Some(asset_type) = text(node, "asset_type").or_else(|| text(node, "assetType")) {
        asset(node, asset_type, contents);
        return true;
    }
    if let Some(items) = node.get("items").filter(|_| of.is_none() && node.get("apiVersion").is_none()) {
        return aggregated(items, contents);
    }
    let is_list = |key: &str| node.get(key).is_some_and(|list| list.shape() == Shape::Sequence);
    if of.is_none() && type_of(node).is_none() {
        let is_its = |(_, _, collection, family): &&Type| {
            let mut items = node.get(collection).into_iter().flat_map(Node::items);
            is_list(collection) && items.all(|item| matches!(family, Family::Effective(_)) || type_of(item).is_some())
        };
        let lists: Vec<&Type> = TYPES.iter().filter(is_its).collect();
        for found in &lists {
            for item in node.get(found.2).into_iter().flat_map(Node::items) {
                unpack(item, Some(**found), contents);
            }
        }
        return !lists.is_empty();
    }
    match of.or_else(|| type_of(node)) {
        Some(found) => {
            object(node, node, found, contents);
            true
        }
        // An object of the API of a type that is not modelled says so by its kind.
        None => match text(node, "kind").filter(|kind| kind.contains('#') && node.get("apiVersion").is_none()) {
            Some(kind) => {
                contents.unmodelled.push(("", kind));
                true
            }
            None => false,
        },
    }
}

/// A list of items, or one for each zone and region. Items that say nothing of what they are count as not modelled, beside
/// others that do.
fn aggregated<'a>(items: Node<'a>, contents: &mut Contents<'a>) -> bool {
    let (mut known, mut strange) = (0_usize, 0_usize);
    let mut take = |item: Node<'a>, of: Option<Type>| {
        if unpack(item, of, contents) { known += 1 } else { strange += 1 }
    };
    items.items().for_each(|item| take(item, None));
    for scope in items.entries() {
        for list in scope.value.entries().filter(|list| list.value.shape() == Shape::Sequence) {
            let of = TYPES.iter().find(|(_, _, collection, _)| *collection == list.name()).copied();
            list.value.items().for_each(|item| take(item, of));
        }
    }
    if known == 0 {
        return false;
    }
    contents.unmodelled.extend(std::iter::repeat_n(("", ""), strange));
    true
}

/// An asset of Cloud Asset Inventory: the object, and the grants on it.
fn asset<'a>(node: Node<'a>, asset_type: &'a str, contents: &mut Contents<'a>) {
    let (service, kind) = asset_type.split_once('/').unwrap_or(("", asset_type));
    let searched = || node.get("versionedResources")?.items().next()?.get("resource");
    let data = node.get("resource").and_then(|resource| resource.get("data")).or_else(searched);
    let data = data.filter(|data| !data.is_null());
    let known = TYPES.iter().find(|(of, name, ..)| *of == service && *name == kind).copied();
    let policy = node.get("iam_policy").or_else(|| node.get("iamPolicy")).filter(|policy| !policy.is_null());
    let perimeter = node.get("service_perimeter").or_else(|| node.get("servicePerimeter"));
    match (known, data, perimeter) {
        (Some(found), Some(data), _) => object(node, data, found, contents),
        (_, _, Some(perimeter)) => {
            let found = ("accesscontextmanager.googleapis.com", "ServicePerimeter", "", Family::Perimeter);
            object(node, perimeter, found, contents);
        }
        _ if policy.is_none() => contents.unmodelled.push((service, kind)),
        _ => {}
    }
    if let Some(policy) = policy {
        let found = ("cloudresourcemanager.googleapis.com", "IamPolicy", "", Family::Grants);
        object(if data.is_some() { policy } else { node }, policy, found, contents);
    }
}

fn object<'a>(whole: Node<'a>, data: Node<'a>, (service, kind, _, family): Type, contents: &mut Contents<'a>) {
    let mut link = ["selfLink", "name"].into_iter().filter_map(|key| text(data, key)).chain(text(whole, "name"));
    let project = link.find_map(in_project);
    let name = data.get("name").or_else(|| whole.get("name"));
    let project = project.map(|project| Setting::Known(Spanned::new(project, name.map_or(data.head(), Node::at))));
    let found = |family, node: Node<'a>, kind, parent| Found {
        api_version: service,
        kind,
        family,
        view: View::of(node),
        node,
        label: None,
        project: project.unwrap_or_default(),
        address: None,
        multiplied: None,
        parent,
        cluster: cluster_in(data).or_else(|| cluster_in(whole)),
    };
    let family = match family {
        Family::Policy(_) => Family::Policy(level(data)),
        Family::Effective(_) => Family::Effective(level(data)),
        other => other,
    };
    contents.found.push(Found { node: whole, ..found(family, data, kind, None) });
    let inside = match family {
        Family::Cluster => Some(("nodePools", "NodePool", Family::NodePool)),
        Family::Router => Some(("nats", "RouterNat", Family::Nat)),
        _ => None,
    };
    if let Some((key, kind, family)) = inside {
        let items = data.get(key).into_iter().flat_map(Node::items);
        contents.found.extend(items.map(|item| found(family, item, kind, Some(whole.at()))));
    }
}

/// Where a firewall policy belongs: effective ones say it, others by where they live.
fn level(data: Node<'_>) -> PolicyLevel {
    match text(data, "type") {
        Some("HIERARCHY") => return PolicyLevel::Hierarchical,
        Some("NETWORK") => return PolicyLevel::Global,
        Some("NETWORK_REGIONAL") => return PolicyLevel::Regional,
        _ => {}
    }
    let link = text(data, "selfLink").unwrap_or_default();
    if text(data, "region").is_some() || link.contains("/regions/") {
        PolicyLevel::Regional
    } else if link.contains("/projects/") {
        PolicyLevel::Global
    } else {
        PolicyLevel::Hierarchical
    }
}

/// The path of the cluster in the link or name of one of its pools.
fn cluster_in(pool: Node<'_>) -> Option<Text<'_>> {
    ["selfLink", "name"].into_iter().find_map(|key| {
        let link = pool.get(key)?;
        let (cluster, _) = link.text()?.split_once("/nodePools/")?;
        Some(Spanned::new(cluster, link.at()))
    })
}

/// The project in a path such as `//compute.googleapis.com/projects/example/global/networks/vpc`.
fn in_project(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("projects/")?;
    Some(rest.split('/').next().unwrap_or(rest))
}

/// What an object says it is.
fn type_of(node: Node<'_>) -> Option<Type> {
    if node.get("apiVersion").is_some() {
        return None;
    }
    if let Some((service, kind)) = text(node, "kind").and_then(|kind| kind.split_once('#')) {
        let is_kind = |(of, name, ..): &&Type| {
            of.strip_suffix(".googleapis.com") == Some(service) && name.eq_ignore_ascii_case(kind)
        };
        return TYPES.iter().find(is_kind).copied();
    }
    if let Some(link) = text(node, "selfLink").filter(|link| link.contains("googleapis.com")) {
        let mut segments = link.rsplit('/');
        let collection = segments.nth(1)?;
        return TYPES.iter().find(|(_, _, name, _)| *name == collection).copied();
    }
    by_fields(node)
}

/// Objects that neither name their kind nor link to themselves are told by fields that only they have.
fn by_fields(node: Node<'_>) -> Option<Type> {
    const SHAPES: [(&[&str], &str); 12] = [
        (&["sourceSubnetworkIpRangesToNat", "natIpAllocateOption"], "nats"),
        (&["dnsName", "visibility"], "managedZones"),
        (&["rrdatas", "type", "name"], "rrsets"),
        (&["match", "action", "priority"], "firewallPolicyRules"),
        (&["direction", "allowed"], "firewalls"),
        (&["direction", "denied"], "firewalls"),
        (&["currentMasterVersion"], "clusters"),
        (&["config", "initialNodeCount", "name"], "nodePools"),
        (&["ipCidrRange", "network"], "subnetworks"),
        (&["responsePolicyName"], "responsePolicies"),
        (&["uniqueId", "email"], "accounts"),
        (&["perimeterType"], "servicePerimeters"),
    ];
    let shape = SHAPES.iter().find(|(fields, _)| fields.iter().all(|field| node.get(field).is_some()));
    let is_policy = node.get("bindings").is_some_and(|bindings| {
        let mut items = bindings.items();
        node.get("etag").is_some() || items.any(|item| item.get("role").is_some() && item.get("members").is_some())
    });
    let is_perimeter = text(node, "name").is_some_and(|name| name.contains("/servicePerimeters/"));
    let collection = match shape {
        Some((_, collection)) => *collection,
        None if is_policy => "iamPolicies",
        None if is_perimeter => "servicePerimeters",
        None => return None,
    };
    TYPES.iter().find(|(_, _, name, _)| *name == collection).copied()
}
