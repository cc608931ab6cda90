//! Firewall rules of networks and of policies, vendor-neutral, with the defaults of semantics C.0 and C.4 applied.

use super::link::{Directory, Identity, Link, short};
use super::network_policy::network;
use super::nodes::is_network;
use super::{Match, Text, Unknown};
use crate::resource::Resource;
use crate::resource::gcp::{Cloud, Firewall, Item, Listed, PolicyRule, Ports, Reference, Setting};
use crate::source::{Location, Problem, Spanned};
use crate::traffic::{AddressSet, PortSet, Protocol, Traffic, Transport};

pub use crate::resource::gcp::PolicyLevel;

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
    /// The rules of this layer that come later are passed over.
    GoToNext,
    /// Traffic is inspected, and what becomes of it is not to be seen here.
    Inspect,
    /// The input leaves open what the rule does.
    Open,
}

/// Which machines a rule applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    Everything,
    Accounts(Vec<Identity>),
    Tags(Vec<Text<'a>>),
    /// Tags of the resource manager, as firewall policies use them.
    SecureTags(Vec<Text<'a>>),
}

/// The list of rules that a rule is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSet {
    /// The rules of the VPC network itself.
    Vpc,
    /// A firewall policy, by its index in the estate; none where it is not in the input.
    Policy(PolicyLevel, Option<usize>),
}

/// A firewall rule.
#[derive(Clone, Debug)]
pub struct FirewallRule<'a> {
    pub name: Text<'a>,
    /// The name of its policy, where it is a rule of one that is in the input.
    pub policy: Option<Text<'a>>,
    pub set: RuleSet,
    /// The VPC network; none where the input does not say. For a rule of a policy, see the policy.
    pub network: Option<Link<'a>>,
    /// The networks to which a rule of a hierarchical policy is limited; all where empty.
    pub only_networks: Vec<Link<'a>>,
    pub direction: Direction,
    /// Lower numbers go first; 1000 where absent.
    pub priority: i64,
    /// The place of the priority, where it is written.
    pub priority_at: Option<Location>,
    pub verdict: Verdict,
    /// The destinations of an egress rule, or the sources of an ingress one, with what may be spoken; where a part is open,
    /// the most that it may match.
    pub traffic: Traffic,
    pub target: Target<'a>,
    /// The place of the target, where there is one.
    pub target_at: Option<Location>,
    /// The place of the destinations, where they are written.
    pub destinations_at: Option<Location>,
    /// The place of `disabled: true`; such a rule does nothing.
    pub disabled: Option<Location>,
    /// A part of the rule that another tool fills in later: what the rule does is unknown.
    pub unknown: Option<Unknown>,
    /// The place of the verdict: the block `allow` or `deny`, or the action.
    pub verdict_at: Location,
    /// Whether matches are logged, with the place that says so.
    pub logging: Setting<bool>,
}

impl FirewallRule<'_> {
    /// The rule as a message names it: by its own name, or by its policy and the priority that is its name there.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.policy {
            Some(policy) if self.priority == OPEN_PRIORITY => format!("a rule of `{policy}`"),
            Some(policy) => format!("rule {} of `{policy}`", self.priority),
            None => format!("`{}`", self.name),
        }
    }
}

/// A firewall policy.
#[derive(Clone, Debug)]
pub struct FirewallPolicy<'a> {
    pub name: Text<'a>,
    pub link: Link<'a>,
    pub level: PolicyLevel,
    /// What it is associated with: networks, or folders and organizations.
    pub associations: Vec<Link<'a>>,
    /// Whether it may be associated with more than the input says.
    pub associations_open: bool,
    /// Whether it is given as it is in force, so that it needs no association.
    pub effective: bool,
    /// The region where it holds; everywhere, or where the input does not say, none.
    pub region: Option<&'a str>,
}

/// The priority of a rule that names none (semantics C.0).
const DEFAULT_PRIORITY: i64 = 1000;

/// Stands for a priority that is open.
const OPEN_PRIORITY: i64 = i64::MIN;

/// Lowers firewall rules and policies.
pub(super) fn firewall<'a>(
    directory: &Directory<'a>,
    problems: &mut Vec<Problem>,
) -> (Vec<FirewallRule<'a>>, Vec<FirewallPolicy<'a>>) {
    let policies = policies(directory);
    let mut rules = Vec::new();
    for (index, resource, cloud) in directory.clouds() {
        match &cloud.item {
            Item::Firewall(written) => rules.push(vpc_rule((resource, cloud), written, directory, problems)),
            Item::PolicyRule(written) => {
                let link = written.policy.map(|policy| directory.resolve(policy, resource, is_policy));
                let of = link.and_then(|link| policies.iter().position(|policy| policy.link.is(&link) == Match::Yes));
                let of = Membership { level: written.level, policy: of, name: of.map(|of| policies[of].name) };
                rules.push(policy_rule((resource, cloud), written, &of, directory, problems));
            }
            Item::FirewallPolicy(written) => {
                let own = directory.own(index);
                let of = policies.iter().position(|policy| policy.link.is(&own) == Match::Yes);
                let of = Membership { level: written.level, policy: of, name: Some(resource.meta.name) };
                let inside = written.rules.items.iter();
                rules.extend(inside.map(|rule| policy_rule((resource, cloud), rule, &of, directory, problems)));
            }
            Item::Module(at) => rules.push(possible_rule(resource, *at)),
            _ => {}
        }
    }
    rules.sort_by_key(|rule: &FirewallRule<'_>| (rule.name.value, rule.name.at, rule.verdict_at));
    (rules, policies)
}

fn is_policy(item: &Item<'_>) -> bool {
    matches!(item, Item::FirewallPolicy(_))
}

fn policies<'a>(directory: &Directory<'a>) -> Vec<FirewallPolicy<'a>> {
    let mut found: Vec<FirewallPolicy<'a>> = Vec::new();
    let mut silent = Vec::new();
    for (index, resource, cloud) in directory.clouds() {
        let Item::FirewallPolicy(written) = &cloud.item else { continue };
        silent.push(!written.tells_associations);
        let targets = written.associations.items.iter();
        found.push(FirewallPolicy {
            name: resource.meta.name,
            link: directory.own(index),
            level: written.level,
            associations: targets.map(|target| directory.resolve(*target, resource, is_network)).collect(),
            associations_open: written.associations.unknown.is_some(),
            effective: written.effective,
            region: written.region.known().map(|region| short(region.value)),
        });
    }
    for (_, resource, cloud) in directory.clouds() {
        let Item::Association(written) = &cloud.item else { continue };
        let Some(link) = written.policy.map(|policy| directory.resolve(policy, resource, is_policy)) else { continue };
        let target = written.target.map(|target| directory.resolve(target, resource, is_network));
        for policy in found.iter_mut().filter(|policy| policy.level == written.level) {
            match (policy.link.is(&link), target) {
                (Match::Yes, Some(target)) => policy.associations.push(target),
                (Match::Yes | Match::Unknown, _) => policy.associations_open = true,
                (Match::No, _) => {}
            }
        }
    }
    // Associations of their own that are not in the input may be elsewhere.
    for (policy, silent) in found.iter_mut().zip(silent) {
        policy.associations_open |= silent && policy.associations.is_empty();
    }
    found
}

/// The first part of a rule that is open; later ones do not matter.
#[derive(Default)]
struct Open(Option<Unknown>);

impl Open {
    fn note(&mut self, at: Option<Location>, what: &str) {
        if let Some(at) = at {
            self.0.get_or_insert_with(|| Unknown { at, reason: format!("{what} that the input leaves open") });
        }
    }

    fn broken(&mut self, text: Text<'_>, what: &str) {
        let reason = format!("`{}`, which is not a {what}", text.value);
        self.0.get_or_insert(Unknown { at: text.at, reason });
    }
}

type Object<'r, 'a> = (&'r Resource<'a>, &'r Cloud<'a>);

fn vpc_rule<'a>(
    (resource, cloud): Object<'a, 'a>,
    written: &'a Firewall<'a>,
    directory: &Directory<'a>,
    problems: &mut Vec<Problem>,
) -> FirewallRule<'a> {
    let mut open = Open::default();
    open.note(cloud.multiplied, "how many rules there are, an expression");
    open.note(cloud.overridden, "an override of the rule");
    let (verdict, block) = match (written.allow.is_empty(), written.deny.is_empty()) {
        // A rule has one of the two, and an expression decides which.
        (false, false) => (Verdict::Open, &written.deny),
        (true, false) => (Verdict::Deny, &written.deny),
        (_, true) => (Verdict::Allow, &written.allow),
    };
    open.note(if verdict == Verdict::Open { block.at } else { None }, "a verdict");
    let transport = if verdict == Verdict::Open { Transport::all() } else { transport(block, &mut open) };
    let direction = direction(written.direction);
    let addresses = match direction {
        Direction::Egress => ranges(&written.destinations, &mut open, problems),
        Direction::Ingress => sources(&written.sources, written.source_machines, &mut open, problems),
    };
    open.note(written.direction.unknown(), "a direction");
    open.note(written.priority.unknown(), "a priority");
    open.note(written.disabled.unknown(), "a switch");
    let accounts = accounts(&written.accounts, resource, directory, &mut open);
    open.note(written.tags.unknown, "a target tag");
    let target = match (accounts, written.tags.items.is_empty()) {
        (Some(accounts), _) => Target::Accounts(accounts),
        (None, true) => Target::Everything,
        (None, false) => Target::Tags(written.tags.items.clone()),
    };
    FirewallRule {
        name: cloud.name.known().unwrap_or(resource.meta.name),
        policy: None,
        set: RuleSet::Vpc,
        network: written.network.map(|network| directory.resolve(network, resource, is_network)),
        only_networks: Vec::new(),
        direction,
        priority: priority(written.priority),
        priority_at: written.priority.known().map(|priority| priority.at),
        verdict,
        traffic: Traffic::new(&addresses, transport),
        target,
        target_at: shortest(&written.accounts, Reference::at).or(shortest(&written.tags, |tag| tag.at)),
        destinations_at: shortest(&written.destinations, |range| range.at),
        disabled: written.disabled.known().filter(|disabled| disabled.value).map(|disabled| disabled.at),
        unknown: open.0,
        verdict_at: block.at.unwrap_or(resource.meta.spec_at),
        logging: vpc_logging(written),
    }
}

/// The block alone turns logging on, unless the API's switch in it says otherwise; there is an older switch beside it.
fn vpc_logging(written: &Firewall<'_>) -> Setting<bool> {
    let block = match written.log.block {
        Setting::Known(at) => Setting::Known(Spanned::new(true, at.at)),
        Setting::Unknown(at) => Setting::Unknown(at),
        Setting::Absent => Setting::Absent,
    };
    written.log.enable.or(block).or(written.logging)
}

/// The policy that a rule is part of.
struct Membership<'a> {
    level: PolicyLevel,
    policy: Option<usize>,
    name: Option<Text<'a>>,
}

fn policy_rule<'a>(
    (resource, cloud): Object<'a, 'a>,
    written: &'a PolicyRule<'a>,
    of: &Membership<'a>,
    directory: &Directory<'a>,
    problems: &mut Vec<Problem>,
) -> FirewallRule<'a> {
    let mut open = Open::default();
    open.note(cloud.multiplied, "how many rules there are, an expression");
    open.note(cloud.overridden, "an override of the rule");
    let verdict = match written.action.known().map(|action| action.value.to_ascii_lowercase()).as_deref() {
        Some("allow") => Verdict::Allow,
        Some("deny" | "deny(403)") => Verdict::Deny,
        Some("goto_next") => Verdict::GoToNext,
        Some("apply_security_profile_group") => Verdict::Inspect,
        _ => Verdict::Open,
    };
    open.note(written.action.known().filter(|_| verdict == Verdict::Open).map(|action| action.at), "an action");
    open.note(written.action.unknown(), "an action");
    open.note(written.direction.unknown(), "a direction");
    open.note(written.priority.unknown(), "a priority");
    open.note(written.disabled.unknown(), "a switch");
    open.note(written.secure_tags.unknown, "a target tag");
    open.note(written.networks.unknown, "a network");
    if let Some(at) = written.other_conditions {
        open.0.get_or_insert_with(|| Unknown { at, reason: "peers that are told by no address".to_owned() });
    }
    let transport = if written.layer4.is_empty() { Transport::all() } else { transport(&written.layer4, &mut open) };
    let direction = direction(written.direction);
    let ranges = match direction {
        Direction::Egress => ranges(&written.destinations, &mut open, problems),
        Direction::Ingress => sources(&written.sources, written.source_machines, &mut open, problems),
    };
    // Names, lists and regions add to the ranges, or narrow them.
    let addresses = if written.other_conditions.is_some() { AddressSet::all() } else { ranges };
    let accounts = accounts(&written.accounts, resource, directory, &mut open);
    let target = match (accounts, written.secure_tags.items.is_empty()) {
        (Some(accounts), _) => Target::Accounts(accounts),
        (None, true) => Target::Everything,
        (None, false) => Target::SecureTags(written.secure_tags.items.clone()),
    };
    FirewallRule {
        name: resource.meta.name,
        policy: of.name,
        set: RuleSet::Policy(of.level, of.policy),
        network: None,
        only_networks: super::network::networks(&written.networks, resource, directory),
        direction,
        priority: priority(written.priority),
        priority_at: written.priority.known().map(|priority| priority.at),
        verdict,
        traffic: Traffic::new(&addresses, transport),
        target,
        target_at: shortest(&written.accounts, Reference::at).or(shortest(&written.secure_tags, |tag| tag.at)),
        destinations_at: shortest(&written.destinations, |range| range.at),
        disabled: written.disabled.known().filter(|disabled| disabled.value).map(|disabled| disabled.at),
        unknown: open.0,
        verdict_at: written.at.unwrap_or(resource.meta.spec_at),
        logging: written.logging,
    }
}

/// A call of a module that may make any rule: what it denies is not to be seen.
fn possible_rule<'a>(resource: &Resource<'a>, at: Location) -> FirewallRule<'a> {
    FirewallRule {
        name: resource.meta.name,
        policy: None,
        set: RuleSet::Vpc,
        network: None,
        only_networks: Vec::new(),
        direction: Direction::Egress,
        priority: OPEN_PRIORITY,
        priority_at: None,
        verdict: Verdict::Open,
        traffic: Traffic::all(),
        target: Target::Everything,
        target_at: None,
        destinations_at: None,
        disabled: None,
        unknown: Some(Unknown { at, reason: format!("the rules that module `{}` makes", resource.meta.name.value) }),
        verdict_at: at,
        logging: Setting::Unknown(at),
    }
}

/// The priority of a rule; one that is open may come before all others.
fn priority(written: Setting<i64>) -> i64 {
    written.or_default(DEFAULT_PRIORITY).unwrap_or(OPEN_PRIORITY)
}

fn direction(written: Setting<&str>) -> Direction {
    match written.known().map(|direction| direction.value) {
        Some(direction) if direction.eq_ignore_ascii_case("EGRESS") => Direction::Egress,
        // A direction that is open is taken for egress, since the rule is unknown then.
        None if written.unknown().is_some() => Direction::Egress,
        _ => Direction::Ingress,
    }
}

/// The place of a list's one item, or of its key where there are more.
fn shortest<T>(list: &Listed<T>, place: impl Fn(&T) -> Location) -> Option<Location> {
    match list.items.as_slice() {
        [only] => Some(place(only)),
        _ => list.at,
    }
}

/// The accounts that a rule targets; none where it targets none.
fn accounts<'a>(
    list: &Listed<Reference<'a>>,
    resource: &Resource<'a>,
    directory: &Directory<'a>,
    open: &mut Open,
) -> Option<Vec<Identity>> {
    open.note(list.unknown, "a target");
    let found: Vec<Identity> = list.items.iter().map(|account| directory.identity(*account, resource)).collect();
    (!found.is_empty() || list.unknown.is_some()).then_some(found)
}

fn transport(block: &Listed<Ports<'_>>, open: &mut Open) -> Transport {
    open.note(block.unknown, "a protocol");
    let written = block.items.iter().map(|one| ports(one, open));
    let all = written.fold(Transport::none(), |all, one| all.union(&one));
    if block.unknown.is_some() { Transport::all() } else { all }
}

/// The sources of an ingress rule; none of them is an address where only machines are given.
fn sources(list: &Listed<Text<'_>>, machines: Setting<()>, open: &mut Open, problems: &mut Vec<Problem>) -> AddressSet {
    let only_machines = list.is_empty() && machines.known().is_some();
    if only_machines { AddressSet::default() } else { ranges(list, open, problems) }
}

/// The ranges of a rule: every IPv4 address where none is given, and never IPv6 unless it is. What is open or no range may be
/// anything.
fn ranges(list: &Listed<Text<'_>>, open: &mut Open, problems: &mut Vec<Problem>) -> AddressSet {
    if list.is_empty() {
        return AddressSet::all_v4();
    }
    let ranges: Vec<Option<ipnet::IpNet>> = list.items.iter().map(|range| network(*range, problems)).collect();
    let broken = ranges.iter().position(Option::is_none).map(|index| list.items[index].at);
    open.note(list.unknown.or(broken), "a range of addresses");
    if list.unknown.or(broken).is_some() { AddressSet::all() } else { ranges.into_iter().flatten().collect() }
}

/// A protocol by name or number with its ports; `all` and a protocol without ports mean all of them. What is open may be any.
fn ports(written: &Ports<'_>, open: &mut Open) -> Transport {
    let Some(name) = written.protocol.known() else {
        open.note(written.protocol.unknown(), "a protocol");
        return if written.protocol.unknown().is_some() { Transport::all() } else { Transport::none() };
    };
    if name.value.eq_ignore_ascii_case("all") {
        return Transport::all();
    }
    let Ok(protocol) = name.value.parse::<Protocol>() else {
        open.broken(name, "protocol");
        return Transport::all();
    };
    let ranges: Vec<Option<PortSet>> = written.ports.items.iter().map(|port| port.value.parse().ok()).collect();
    open.note(written.ports.unknown, "a port");
    if let Some(index) = ranges.iter().position(Option::is_none) {
        open.broken(written.ports.items[index], "port or range of ports");
    }
    if ranges.is_empty() || written.ports.unknown.is_some() || ranges.iter().any(Option::is_none) {
        return Transport::protocol(protocol);
    }
    let set = ranges.into_iter().flatten().fold(PortSet::empty(), |all, range| all.union(&range));
    Transport::ports(protocol, set)
}
