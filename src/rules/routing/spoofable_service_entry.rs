//! MR06: the client, and not the proxy, chooses the address behind a registered host.

use crate::analysis::destinations::external;
use crate::finding::{Confidence, Finding, Severity};
use crate::model::{EntryPort, PortProtocol, Resolution, ServiceEntry, Text};
use crate::rule::{Audit, Rule};
use crate::traffic::AddressSet;

pub(crate) static RULE: Rule = Rule {
    id: "spoofable-service-entry",
    topic: "routing",
    summary: "a service entry lets the client choose the address behind its host",
    severity: Severity::High,
    confidence: Confidence::High,
    controls: &["pci-dss-4.0:1.3.2", "nsa-cisa:network-separation"],
    needs: &[],
    page: include_str!("../../../rules/routing/spoofable-service-entry.md"),
    check,
};

fn check(audit: &Audit<'_>, findings: &mut Vec<Finding>) {
    let public = external(audit.estate);
    for entry in audit.estate.mesh.service_entries.iter().filter(|entry| entry.external) {
        findings.extend(match entry.resolution {
            Resolution::None => unresolved(entry),
            Resolution::Static => fixed(entry, &public),
            _ => None,
        });
    }
}

/// What a client can do on a port of an entry that resolves nothing; the worse, the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Freedom {
    /// Bounded by the addresses that the entry lists.
    Bounded,
    Unnamed,
    Name,
    Header,
    AnyAddress,
}

/// Addresses bound what is matched by address, and not what is matched by a header of the request.
fn freedom(port: &EntryPort<'_>, entry: &ServiceEntry<'_>) -> Freedom {
    match port.protocol {
        PortProtocol::Http => Freedom::Header,
        _ if !entry.addresses.is_empty() => Freedom::Bounded,
        PortProtocol::Tls => Freedom::Name,
        PortProtocol::Tcp => Freedom::AnyAddress,
        PortProtocol::Auto => Freedom::Unnamed,
        PortProtocol::Udp => Freedom::Bounded,
    }
}

fn unresolved(entry: &ServiceEntry<'_>) -> Option<Finding> {
    let host = entry.hosts.first()?;
    let worst = entry.ports.iter().max_by_key(|port| freedom(port, entry))?;
    let number = worst.number;
    let (variant, severity, what) = match freedom(worst, entry) {
        Freedom::Bounded => return None,
        Freedom::AnyAddress => {
            ("none-tcp", Severity::Critical, format!("every address on TCP port {number} passes for `{host}`"))
        }
        Freedom::Header => (
            "none-http",
            Severity::High,
            format!("a request that names `{host}` goes to whatever address the client dials on port {number}"),
        ),
        Freedom::Name => (
            "none-tls",
            Severity::High,
            format!("TLS that names `{host}` goes to whatever address the client dials on port {number}"),
        ),
        Freedom::Unnamed => (
            "none",
            Severity::High,
            format!("traffic for `{host}` goes to whatever address the client dials on port {number}"),
        ),
    };
    let is_written = entry.resolution_at != entry.spec_at;
    let how = if is_written { "resolution NONE" } else { "the entry leaves out `resolution`, which means NONE" };
    let message = format!("{how}: {what}");
    // A wildcard cannot be resolved, and the resolution is one for all hosts.
    let help = if entry.hosts.iter().any(|host| host.value.starts_with('*')) {
        "register the hosts one by one with `resolution: DNS`"
    } else {
        "set `resolution: DNS`, or list the addresses"
    };
    let finding = RULE.finding(variant, entry.resolution_at, message).severity(severity).help(help);
    Some(finding.see(worst.at, "on this port"))
}

/// Fixed public addresses: whoever gets one of them later is trusted under the host's name.
fn fixed(entry: &ServiceEntry<'_>, public: &AddressSet) -> Option<Finding> {
    let is_public = |text: &Text<'_>| text.value.parse().is_ok_and(|address| public.contains(address));
    let address = entry.endpoints.iter().filter_map(|endpoint| endpoint.address).find(|text| is_public(text))?;
    let host = entry.hosts.first()?;
    let message = format!("`{host}` stands for the fixed public address `{address}`, whoever has it");
    let help = "set `resolution: DNS`, so that the address is the one that the name has";
    Some(RULE.finding("static-public", address.at, message).severity(Severity::Low).help(help))
}
