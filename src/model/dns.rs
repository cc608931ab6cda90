//! DNS of the network: zones, their records, policies.

use super::Text;
use super::link::{Directory, Link};
use super::network::networks;
use crate::resource::gcp::{self, Item};
use crate::resource::{Kind, Resource};

/// A managed zone with its records.
#[derive(Clone, Debug)]
pub struct DnsZone<'a> {
    pub name: Text<'a>,
    pub link: Link<'a>,
    /// The networks that see it; all the world where it is public.
    pub networks: Vec<Link<'a>>,
    pub records: Vec<&'a gcp::RecordSet<'a>>,
    pub written: &'a gcp::DnsZone<'a>,
}

/// A server policy.
#[derive(Clone, Debug)]
pub struct DnsPolicy<'a> {
    pub name: Text<'a>,
    pub networks: Vec<Link<'a>>,
    pub written: &'a gcp::DnsPolicy<'a>,
}

/// A response policy with its rules.
#[derive(Clone, Debug)]
pub struct ResponsePolicy<'a> {
    pub name: Text<'a>,
    pub networks: Vec<Link<'a>>,
    pub rules: Vec<&'a gcp::ResponseRule<'a>>,
}

/// Where the DNS of a cluster passes questions on.
#[derive(Clone, Debug)]
pub struct Resolvers<'a> {
    pub name: Text<'a>,
    pub servers: &'a [Text<'a>],
}

/// The DNS of the estate's networks, as far as it is in the input.
#[derive(Clone, Debug, Default)]
pub struct Dns<'a> {
    pub zones: Vec<DnsZone<'a>>,
    pub policies: Vec<DnsPolicy<'a>>,
    pub response_policies: Vec<ResponsePolicy<'a>>,
    /// Where the DNS of clusters passes questions on.
    pub resolvers: Vec<Resolvers<'a>>,
    /// Records of zones that are not in the input.
    pub stray_records: Vec<&'a gcp::RecordSet<'a>>,
}

/// Lowers zones, records and policies.
pub(super) fn dns<'a>(list: &'a [Resource<'a>], directory: &Directory<'a>) -> Dns<'a> {
    let mut found = Dns::default();
    found.resolvers.extend(list.iter().filter_map(|resource| match &resource.kind {
        Kind::Resolvers(written) => Some(Resolvers { name: resource.meta.name, servers: &written.servers }),
        _ => None,
    }));
    let mut response_links = Vec::new();
    for (index, resource, cloud) in directory.clouds() {
        let name = resource.meta.name;
        match &cloud.item {
            Item::DnsZone(written) => found.zones.push(DnsZone {
                name,
                link: directory.own(index),
                networks: networks(&written.networks, resource, directory),
                records: Vec::new(),
                written,
            }),
            Item::DnsPolicy(written) => {
                let networks = networks(&written.networks, resource, directory);
                found.policies.push(DnsPolicy { name, networks, written });
            }
            Item::ResponsePolicy(written) => {
                let networks = networks(&written.networks, resource, directory);
                response_links.push(directory.own(index));
                found.response_policies.push(ResponsePolicy { name, networks, rules: Vec::new() });
            }
            _ => {}
        }
    }
    for (_, resource, cloud) in directory.clouds() {
        match &cloud.item {
            Item::RecordSet(written) => {
                let link =
                    written.zone.map(|zone| directory.resolve(zone, resource, |item| matches!(item, Item::DnsZone(_))));
                let is_its = |zone: &&mut DnsZone<'a>| match link {
                    Some(link) => zone.link.is(&link) == super::Match::Yes,
                    // A dump of records does not say the zone: the name does.
                    None => holds(zone.written, written),
                };
                match found.zones.iter_mut().find(is_its) {
                    Some(zone) => zone.records.push(written),
                    None => found.stray_records.push(written),
                }
            }
            Item::ResponseRule(written) => {
                let link = written
                    .policy
                    .map(|policy| directory.resolve(policy, resource, |item| matches!(item, Item::ResponsePolicy(_))));
                let of = match link {
                    Some(link) => response_links.iter().position(|own| own.is(&link) == super::Match::Yes),
                    // A dump of rules does not say the policy: it is the only one.
                    None => (response_links.len() == 1).then_some(0),
                };
                if let Some(policy) = of {
                    found.response_policies[policy].rules.push(written);
                }
            }
            _ => {}
        }
    }
    found
}

fn holds(zone: &gcp::DnsZone<'_>, record: &gcp::RecordSet<'_>) -> bool {
    let (Some(zone), Some(name)) = (zone.dns_name.known(), record.name.known()) else { return false };
    name.value == zone.value || name.value.ends_with(&format!(".{}", zone.value))
}
