//! Firewall rules of networks, and firewall policies with their rules and associations.

use super::network::{LogSettings, log};
use super::view::{Listed, Reference, Setting, View};
use crate::resource::reader::Text;
use crate::source::{Location, Spanned};

/// A VPC firewall rule.
#[derive(Clone, Debug)]
pub struct Firewall<'a> {
    pub network: Option<Reference<'a>>,
    pub direction: Setting<&'a str>,
    pub priority: Setting<i64>,
    pub disabled: Setting<bool>,
    /// The block `allow`, with the place of its value.
    pub allow: Listed<Ports<'a>>,
    pub deny: Listed<Ports<'a>>,
    pub destinations: Listed<Text<'a>>,
    /// The ranges that an ingress rule is about; every address where neither these nor other sources are given.
    pub sources: Listed<Text<'a>>,
    /// Sources that are machines, by their tags or accounts.
    pub source_machines: Setting<()>,
    pub accounts: Listed<Reference<'a>>,
    pub tags: Listed<Text<'a>>,
    pub log: LogSettings<'a>,
    /// The older switch for logging.
    pub logging: Setting<bool>,
}

/// A protocol with its ports; all ports where none are listed.
#[derive(Clone, Debug)]
pub struct Ports<'a> {
    pub protocol: Setting<&'a str>,
    pub ports: Listed<Text<'a>>,
}

/// Where a firewall policy belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyLevel {
    /// Of an organization or folder.
    Hierarchical,
    Global,
    Regional,
}

/// A firewall policy. Some formats keep its rules and associations in it.
#[derive(Clone, Debug)]
pub struct FirewallPolicy<'a> {
    pub level: PolicyLevel,
    pub rules: Listed<PolicyRule<'a>>,
    pub associations: Listed<Reference<'a>>,
    /// Whether the format lists the associations in the policy itself, so that there are no others.
    pub tells_associations: bool,
    /// Whether the rules are given as they are in force, so that the policy needs no association.
    pub effective: bool,
    /// The region of a regional policy.
    pub region: Setting<&'a str>,
}

/// A rule of a firewall policy.
#[derive(Clone, Debug)]
pub struct PolicyRule<'a> {
    pub level: PolicyLevel,
    /// The policy; none where the rule stands in it.
    pub policy: Option<Reference<'a>>,
    /// The region of a rule of a regional policy, where it stands on its own.
    pub region: Setting<&'a str>,
    pub action: Setting<&'a str>,
    pub direction: Setting<&'a str>,
    pub priority: Setting<i64>,
    pub disabled: Setting<bool>,
    pub destinations: Listed<Text<'a>>,
    /// The ranges that an ingress rule is about; every address where neither these nor other sources are given.
    pub sources: Listed<Text<'a>>,
    /// Sources that are machines, by their tags.
    pub source_machines: Setting<()>,
    pub layer4: Listed<Ports<'a>>,
    /// Conditions on the other end that are no address: names, regions, threat lists.
    pub other_conditions: Option<Location>,
    pub accounts: Listed<Reference<'a>>,
    pub secure_tags: Listed<Text<'a>>,
    pub networks: Listed<Reference<'a>>,
    pub logging: Setting<bool>,
    /// The place of the action.
    pub at: Option<Location>,
}

/// Puts a firewall policy in force for a network, folder or organization.
#[derive(Clone, Debug)]
pub struct Association<'a> {
    pub level: PolicyLevel,
    pub policy: Option<Reference<'a>>,
    pub target: Option<Reference<'a>>,
}

fn ports(list: Listed<View<'_>>) -> Listed<Ports<'_>> {
    list.map(|item| Ports { protocol: item.text(&["IPProtocol", "protocol"]), ports: item.texts(&["ports"]) })
}

pub(super) fn firewall(view: View<'_>) -> Firewall<'_> {
    Firewall {
        network: view.reference(&["network", "networkRef"]),
        direction: view.text(&["direction"]),
        priority: view.integer(&["priority"]),
        disabled: view.flag(&["disabled"]),
        allow: ports(view.list(&["allowed", "allow"])),
        deny: ports(view.list(&["denied", "deny"])),
        destinations: view.texts(&["destinationRanges"]),
        sources: view.texts(&["sourceRanges"]),
        source_machines: machines(view, &["sourceTags", "sourceServiceAccounts"]),
        accounts: view.references(&["targetServiceAccounts"]),
        tags: view.texts(&["targetTags"]),
        log: log(view),
        logging: view.flag(&["enableLogging"]),
    }
}

pub(super) fn policy(view: View<'_>, level: PolicyLevel) -> FirewallPolicy<'_> {
    let rules = view.list(&["rules", "rule"]);
    let associations = view.list(&["associations"]);
    let targets = associations.items.iter().filter_map(|item| item.reference(&["attachmentTarget"])).collect();
    FirewallPolicy {
        level,
        rules: rules.map(|rule| policy_rule(rule, level)),
        associations: Listed { items: targets, at: associations.at, unknown: associations.unknown },
        tells_associations: associations.at.is_some(),
        effective: false,
        region: region(view),
    }
}

/// Whether a list of machines is given by any of its names.
fn machines(view: View<'_>, names: &[&str]) -> Setting<()> {
    let lists = names.iter().map(|name| view.list(&[name])).filter(|list| !list.is_empty());
    lists.map(|list| list.at).find_map(|at| Some(Setting::Known(Spanned::new((), at?)))).unwrap_or_default()
}

/// The region of an object, which the API keeps in its link as well.
fn region(view: View<'_>) -> Setting<&str> {
    let of_link = view.text(&["selfLink"]).known().and_then(|link| {
        let (_, rest) = link.value.split_once("/regions/")?;
        Some(link.map(|_| rest.split('/').next().unwrap_or(rest)))
    });
    view.text(&["region", "location"]).or(of_link.map_or(Setting::Absent, Setting::Known))
}

pub(super) fn policy_rule(view: View<'_>, level: PolicyLevel) -> PolicyRule<'_> {
    const OTHER: [&str; 15] = [
        "srcFqdns",
        "srcRegionCodes",
        "srcThreatIntelligences",
        "srcAddressGroups",
        "srcNetworkScope",
        "srcNetworkType",
        "srcNetworks",
        "destFqdns",
        "destRegionCodes",
        "destThreatIntelligences",
        "destAddressGroups",
        "destNetworkScope",
        "destNetworkType",
        "destNetworkContext",
        "destSecureTags",
    ];
    let conditions = view.block(&["match"]);
    let other = OTHER.iter().filter_map(|name| match conditions.get(&[name]) {
        View::Present(present) if present.node.items().next().is_some() || present.node.text().is_some() => {
            Some(present.node.at())
        }
        View::Unknown(text) => Some(text.at),
        _ => None,
    });
    let tags = view.list(&["targetSecureTags", "targetSecureTag"]);
    let named = |item: &View<'_>| item.text(&["name"]).known().is_some();
    PolicyRule {
        level,
        policy: view.reference(&["firewallPolicy", "firewallPolicyRef"]),
        region: region(view),
        action: view.text(&["action"]),
        direction: view.text(&["direction"]),
        // Config Connector keeps the priority of a network policy's rule as the name of the resource.
        priority: view.integer(&["priority"]).or(view.integer(&["resourceID"])),
        disabled: view.flag(&["disabled"]),
        destinations: conditions.texts(&["destIpRanges"]),
        sources: conditions.texts(&["srcIpRanges"]),
        source_machines: machines(conditions, &["srcSecureTags"]),
        layer4: ports(conditions.list(&["layer4Configs", "layer4Config"])),
        other_conditions: other.min_by_key(|at| at.span.start),
        accounts: view.references(&["targetServiceAccounts", "targetServiceAccountRefs"]),
        secure_tags: Listed {
            items: tags.items.iter().filter_map(|item| item.text(&["name"]).or(item.as_text()).known()).collect(),
            at: tags.at,
            unknown: tags.unknown.or_else(|| {
                tags.items
                    .iter()
                    .find(|item| !named(item) && item.as_text().known().is_none())
                    .and_then(|item| item.key())
            }),
        },
        networks: view.references(&["targetResources"]),
        logging: view.flag(&["enableLogging"]),
        at: view.text(&["action"]).known().map(|action| action.at).or(view.key()),
    }
}

pub(super) fn association(view: View<'_>, level: PolicyLevel) -> Association<'_> {
    Association {
        level,
        policy: view.reference(&["firewallPolicy", "firewallPolicyRef"]),
        target: view.reference(&["attachmentTarget", "attachmentTargetRef"]),
    }
}
