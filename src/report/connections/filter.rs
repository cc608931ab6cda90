//! Which ends of connections to list.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::traffic::AddressSet;

/// A selection of ends: a namespace, a workload, or addresses outside of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All workloads of a namespace.
    Namespace(String),
    /// One workload, as `namespace/Kind/name`.
    Workload(String),
    Addresses(AddressSet),
}

/// A text that is no [`Filter`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFilter {
    /// The text as given.
    pub text: String,
}

impl fmt::Display for InvalidFilter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` is not a namespace, `namespace/Kind/name`, an address or an address block", self.text)
    }
}

impl Error for InvalidFilter {}

impl FromStr for Filter {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Addresses(address.into()));
        }
        if let Ok(block) = text.parse::<IpNet>() {
            return Ok(Self::Addresses(block.into()));
        }
        // Names of workloads are only looked up; those of namespaces tell them from mistyped addresses.
        let is_name = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [namespace] if is_label(namespace) => Ok(Self::Namespace(text.to_owned())),
            [namespace, kind, name] if is_label(namespace) && is_name(kind) && is_name(name) => {
                Ok(Self::Workload(text.to_owned()))
            }
            _ => Err(InvalidFilter { text: text.to_owned() }),
        }
    }
}

/// Whether a text can be the name of a namespace (RFC 1123, a label).
fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 63 && text.bytes().all(is_inner) && !text.starts_with('-') && !text.ends_with('-')
}

impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(name) | Self::Workload(name) => formatter.write_str(name),
            Self::Addresses(addresses) => formatter.write_str(&addresses.cidr_text()),
        }
    }
}

impl Filter {
    /// Whether a workload with this display name is meant.
    pub(super) fn holds_workload(&self, name: &str) -> bool {
        match self {
            Self::Namespace(namespace) => name.split_once('/').is_some_and(|(of, _)| of == namespace.as_str()),
            Self::Workload(workload) => name == workload,
            Self::Addresses(_) => false,
        }
    }

    /// The addresses that are meant.
    pub(super) fn addresses(&self) -> Option<&AddressSet> {
        match self {
            Self::Addresses(addresses) => Some(addresses),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_apart() {
        assert_eq!("team-x".parse(), Ok(Filter::Namespace("team-x".to_owned())));
        assert_eq!("team-x/Pod/a".parse(), Ok(Filter::Workload("team-x/Pod/a".to_owned())));
        assert!(matches!("10.0.0.0/8".parse(), Ok(Filter::Addresses(_))));
        assert!(matches!("2001:db8::1".parse(), Ok(Filter::Addresses(_))));
        for wrong in ["", "a/b", "a/b/c/d", "a//c", "300.1.1.1", "10.0.0.0/33", "fe80::1%eth0", "Team-X"] {
            assert!(wrong.parse::<Filter>().is_err());
        }
    }
}
