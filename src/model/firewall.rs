//! VPC firewall rules, vendor-neutral, with the defaults of semantics C.0 and C.4 applied.

use super::network_policy::network;
use super::nodes::{Accounts, Identity, identity, short_name};
use super::{Text, Unknown};
use crate::resource::gcp::{Firewall, FirewallPorts};
use crate::resource::{Kind, Resource};
use crate::source::{Location, Problem};
use crate::traffic::{AddressSet, PortSet, Protocol, Traffic, Transport};

/// Which way traffic goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ingress,
    Egress,
}

/// What a rule does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    Deny,
}

/// Which machines a rule applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    Everything,
    Accounts(Vec<Identity>),
    Tags(Vec<Text<'a>>),
}

/// A firewall rule.
#[derive(Clone, Debug)]
pub struct FirewallRule<'a> {
    pub name: Text<'a>,
    /// The VPC network by name; none where the input does not say.
    pub network: Option<Text<'a>>,
    pub direction: Direction,
    /// Lower numbers go first; 1000 where absent.
    pub priority: i64,
    pub verdict: Verdict,
    /// The destinations of an egress rule with what may be spoken to them.
    pub traffic: Traffic,
    pub target: Target<'a>,
    /// The place of `disabled: true`; such a rule does nothing.
    pub disabled: Option<Location>,
    /// A part of the rule that another tool fills in later: what the rule does is unknown.
    pub unknown: Option<Unknown>,
    /// The place of the verdict: the block `allow` or `deny`.
    pub verdict_at: Location,
}

/// The priority of a rule that names none (semantics C.0).
const DEFAULT_PRIORITY: i64 = 1000;

pub(super) fn firewall<'a>(
    list: &'a [Resource<'a>],
    accounts: &Accounts<'a>,
    problems: &mut Vec<Problem>,
) -> Vec<FirewallRule<'a>> {
    let mut rules = Vec::new();
    for resource in list {
        if let Kind::Firewall(written) = &resource.kind {
            rules.push(rule(resource, written, accounts, problems));
        }
    }
    rules
}

fn rule<'a>(
    resource: &'a Resource<'a>,
    written: &'a Firewall<'a>,
    accounts: &Accounts<'a>,
    problems: &mut Vec<Problem>,
) -> FirewallRule<'a> {
    let (verdict, block) = match (&written.deny, &written.allow) {
        (Some(deny), _) => (Verdict::Deny, Some(deny)),
        (None, allow) => (Verdict::Allow, allow.as_ref()),
    };
    let mut unknown = resource
        .meta
        .placeholders
        .first()
        .map(|at| Unknown { at: *at, reason: "a value that another tool fills in".to_owned() });
    let transport = block.map_or(Transport::none(), |block| {
        block.iter().fold(Transport::none(), |all, one| match ports(one) {
            Ok(one) => all.union(&one),
            Err(fault) => {
                unknown.get_or_insert(fault);
                all
            }
        })
    });
    let targets = &written.target_service_accounts;
    let accounts: Vec<_> = targets.iter().map(|account| identity(*account, resource, accounts)).collect();
    if accounts.contains(&Identity::Unknown) && unknown.is_none() {
        let first = written.target_service_accounts.first().map_or(resource.meta.name.at, |one| one.text().at);
        unknown = Some(Unknown { at: first, reason: "a service account that is not in the input".to_owned() });
    }
    FirewallRule {
        name: written.name.unwrap_or(resource.meta.name),
        network: written.network.map(|network| short_name(network.text())),
        direction: match written.direction.map(|direction| direction.value) {
            Some("EGRESS") => Direction::Egress,
            _ => Direction::Ingress,
        },
        priority: written.priority.map_or(DEFAULT_PRIORITY, |priority| priority.value),
        verdict,
        traffic: Traffic::new(&destinations(written, problems), transport),
        target: target(accounts, written),
        disabled: written.disabled.filter(|disabled| disabled.value).map(|disabled| disabled.at),
        unknown,
        verdict_at: block.map_or(resource.meta.spec_at, |block| block.at),
    }
}

/// The destinations of an egress rule: every IPv4 address where none is given, and never IPv6 unless it is.
fn destinations(written: &Firewall<'_>, problems: &mut Vec<Problem>) -> AddressSet {
    if written.destination_ranges.is_empty() {
        return AddressSet::all_v4();
    }
    written.destination_ranges.iter().filter_map(|range| network(*range, problems)).collect()
}

fn target<'a>(accounts: Vec<Identity>, written: &Firewall<'a>) -> Target<'a> {
    if !accounts.is_empty() {
        Target::Accounts(accounts)
    } else if written.target_tags.is_empty() {
        Target::Everything
    } else {
        Target::Tags(written.target_tags.clone())
    }
}

/// A protocol by name or number with its ports; `all` and a protocol without ports mean all of them.
fn ports(written: &FirewallPorts<'_>) -> Result<Transport, Unknown> {
    let name = written.protocol;
    if name.value.eq_ignore_ascii_case("all") {
        return Ok(Transport::all());
    }
    let fault =
        |text: Text<'_>, what: &str| Unknown { at: text.at, reason: format!("`{}` is not a {what}", text.value) };
    let protocol = name.value.parse::<Protocol>().map_err(|_| fault(name, "protocol"))?;
    if written.ports.is_empty() {
        return Ok(Transport::protocol(protocol));
    }
    let mut set = PortSet::empty();
    for port in &written.ports {
        let range = port.value.parse::<PortSet>().map_err(|_| fault(*port, "port or range of ports"))?;
        set = set.union(&range);
    }
    Ok(Transport::ports(protocol, set))
}
