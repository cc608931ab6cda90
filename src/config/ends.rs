//! The two ends of a way out as users write them: whose it is, and where it leads.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::traffic::{AddressSet, HostPattern, PortSet, Protocol, Traffic, Transport};

/// Whose ways out: a namespace's, or one workload's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    Namespace(String),
    /// `namespace/Kind/name`.
    Workload(String),
}

impl From {
    /// Whether a workload with this display name is meant.
    #[must_use]
    pub fn holds(&self, workload: &str) -> bool {
        match self {
            Self::Namespace(namespace) => workload.split_once('/').is_some_and(|(of, _)| of == namespace.as_str()),
            Self::Workload(name) => workload == name,
        }
    }
}

impl fmt::Display for From {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Namespace(text) | Self::Workload(text)) = self;
        formatter.write_str(text)
    }
}

impl FromStr for From {
    type Err = InvalidEnd;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |part: &&str| !part.is_empty() && !part.contains(char::is_whitespace);
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [namespace] if is_name(namespace) => Ok(Self::Namespace(text.to_owned())),
            [_, _, _] if parts.iter().all(is_name) => Ok(Self::Workload(text.to_owned())),
            _ => Err(InvalidEnd { text: text.to_owned(), wanted: "a namespace or `namespace/Kind/name`" }),
        }
    }
}

/// Where ways out lead to: addresses or hosts, on one port or any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    Addresses(AddressSet, Option<u16>),
    /// A name, or a pattern with a star in front.
    Host(String, Option<u16>),
}

impl To {
    /// The traffic that is meant. A host may have any address.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let (addresses, port) = match self {
            Self::Addresses(addresses, port) => (addresses.clone(), *port),
            Self::Host(_, port) => (AddressSet::all(), *port),
        };
        let transport = port.map_or_else(Transport::all, |port| {
            let on = |protocol| Transport::ports(protocol, PortSet::single(port));
            on(Protocol::Tcp).union(&on(Protocol::Udp)).union(&on(Protocol::Sctp))
        });
        Traffic::new(&addresses, transport)
    }

    /// Whether a host on a port is meant. Addresses mean none: which ones a host has is not to be seen.
    #[must_use]
    pub fn holds(&self, host: &str, port: Option<u16>) -> bool {
        match self {
            Self::Addresses(..) => false,
            Self::Host(wanted, on) => {
                HostPattern::new(wanted).matches(&HostPattern::new(host))
                    && on.zip(port).is_none_or(|(wanted, port)| wanted == port)
            }
        }
    }
}

impl FromStr for To {
    type Err = InvalidEnd;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidEnd {
            text: text.to_owned(),
            wanted: "an address, an address block or a host, with a port after a colon if one is meant",
        };
        if let Some(addresses) = addresses(text) {
            return Ok(Self::Addresses(addresses, None));
        }
        let (end, port) = match text.rsplit_once(':') {
            Some((end, port)) => {
                let port: u16 = port.parse().map_err(|_| invalid())?;
                (end, Some(port).filter(|port| *port > 0).ok_or_else(invalid).map(Some)?)
            }
            None => (text, None),
        };
        let bare = end.strip_prefix('[').and_then(|end| end.strip_suffix(']')).unwrap_or(end);
        if let Some(addresses) = addresses(bare) {
            return Ok(Self::Addresses(addresses, port));
        }
        let name = end.strip_prefix("*.").unwrap_or(end).trim_end_matches('.');
        let is_label = |label: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !label.is_empty() && label.chars().all(plain)
        };
        // What looks like an address and is none is a slip, and no host.
        let is_number = name.chars().all(|c| c.is_ascii_digit() || c == '.');
        if name.is_empty() || is_number || !name.split('.').all(is_label) {
            return Err(invalid());
        }
        Ok(Self::Host(end.trim_end_matches('.').to_ascii_lowercase(), port))
    }
}

fn addresses(text: &str) -> Option<AddressSet> {
    let address = text.parse::<IpAddr>().ok().map(AddressSet::from);
    address.or_else(|| text.parse::<IpNet>().ok().map(AddressSet::from))
}

/// A text that is no end of a way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidEnd {
    /// The text as given.
    pub text: String,
    wanted: &'static str,
}

impl fmt::Display for InvalidEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` is not {}", self.text, self.wanted)
    }
}

impl Error for InvalidEnd {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_apart() {
        assert_eq!("team-x".parse(), Ok(From::Namespace("team-x".to_owned())));
        assert_eq!("team-x/Deployment/a".parse(), Ok(From::Workload("team-x/Deployment/a".to_owned())));
        assert!(matches!("203.0.113.0/24".parse(), Ok(To::Addresses(_, None))));
        assert!(matches!("203.0.113.9:443".parse(), Ok(To::Addresses(_, Some(443)))));
        assert!(matches!("2001:db8::1".parse(), Ok(To::Addresses(_, None))));
        assert!(matches!("[2001:db8::1]:443".parse(), Ok(To::Addresses(_, Some(443)))));
        assert_eq!("Example.com:443".parse(), Ok(To::Host("example.com".to_owned(), Some(443))));
        assert_eq!("*.example.com".parse(), Ok(To::Host("*.example.com".to_owned(), None)));
    }

    #[test]
    fn what_is_no_end_is_refused() {
        for wrong in ["", "a/b", "a/b/c/d", "a//c", "a b"] {
            assert!(wrong.parse::<From>().is_err(), "{wrong}");
        }
        for wrong in ["", "300.0.0.1", "10.0.0.0/33", "example.com:http", "example.com:0", "a..b", "*", "a b"] {
            assert!(wrong.parse::<To>().is_err(), "{wrong}");
        }
    }
}
