//! Which version of Istio runs: said by the user, or seen in the input (semantics C.13).

use super::{Match, Text};
use crate::config::{Config, istio_version};
use crate::resource::kubernetes::Workload;
use crate::resource::{Kind, Resource};
use crate::source::Location;

/// The versions of Istio that run, as far as they are known. Where nothing tells, every version may.
#[derive(Clone, Debug, Default)]
pub struct IstioVersion {
    /// The lowest and the highest, as major and minor, where something tells.
    known: Option<((u32, u32), (u32, u32))>,
    /// Where it was seen, if in the input.
    pub at: Option<Location>,
}

impl IstioVersion {
    /// Whether the version is this one or a later one; unknown where proxies of both kinds run, or nothing tells.
    #[must_use]
    pub fn at_least(&self, major: u32, minor: u32) -> Match {
        match self.known {
            Some((low, _)) if low >= (major, minor) => Match::Yes,
            Some((_, high)) if high < (major, minor) => Match::No,
            _ => Match::Unknown,
        }
    }

    /// The version for a message: the only one, or the lowest.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        self.known.map(|((major, minor), _)| format!("{major}.{minor}"))
    }
}

/// The images whose tag is the version of the control plane or of a proxy.
const IMAGES: [&str; 4] = ["pilot", "proxyv2", "pilot-distroless", "proxyv2-distroless"];

/// Takes the version that the user says, else those seen in image tags, installations and revisions.
pub(super) fn istio_versions<'a>(list: &'a [Resource<'a>], config: &Config) -> IstioVersion {
    if let Some(version) = config.istio_version {
        return IstioVersion { known: Some((version, version)), at: None };
    }
    let mut seen: Vec<((u32, u32), Location)> = list.iter().flat_map(in_resource).collect();
    seen.sort_unstable();
    let (Some(low), Some(high)) = (seen.first(), seen.last()) else { return IstioVersion::default() };
    IstioVersion { known: Some((low.0, high.0)), at: Some(low.1) }
}

fn in_resource<'a>(resource: &'a Resource<'a>) -> Vec<((u32, u32), Location)> {
    let version = |text: Text<'a>| Some((istio_version(text.value)?, text.at));
    match &resource.kind {
        Kind::Workload(workload) => of_images(workload),
        Kind::Operator(operator) => operator.tag.and_then(version).into_iter().collect(),
        Kind::Namespace => {
            let revision = resource.meta.labels.get("istio.io/rev");
            revision.and_then(|text| Some((of_revision(text.value)?, text.at))).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn of_images(workload: &Workload<'_>) -> Vec<((u32, u32), Location)> {
    let images = workload.pod.containers.iter().filter_map(|container| container.image);
    let version = |image: Text<'_>| {
        let (path, tag) = image.value.split('@').next()?.rsplit_once(':')?;
        let name = path.rsplit('/').next()?;
        Some((istio_version(tag).filter(|_| IMAGES.contains(&name))?, image.at))
    };
    images.filter_map(version).collect()
}

/// The version in the name of a revision, such as `asm-1187-26` or `1-28-1`: Istio names have dashes for dots, and those of
/// Google's releases leave them out.
fn of_revision(name: &str) -> Option<(u32, u32)> {
    let digits = name.strip_prefix("asm-").unwrap_or(name);
    let mut parts = digits.split('-');
    let (first, second) = (parts.next()?, parts.next());
    if name.starts_with("asm-") && first.len() >= 3 {
        let of = |range: std::ops::Range<usize>| first.get(range)?.parse().ok();
        // Minor versions of one digit came before those of two; none is anywhere near 60.
        let minor = of(1..3).filter(|minor| (10..60).contains(minor)).or_else(|| of(1..2))?;
        return Some((of(0..1)?, minor));
    }
    Some((first.parse().ok()?, second?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_may_tell_the_version() {
        assert_eq!(of_revision("asm-1187-26"), Some((1, 18)));
        assert_eq!(of_revision("asm-1611-1"), Some((1, 6)));
        assert_eq!(of_revision("asm-191-1"), Some((1, 9)));
        assert_eq!(of_revision("1-28-1"), Some((1, 28)));
        assert_eq!(of_revision("asm-managed"), None);
        assert_eq!(of_revision("asm-managed-rapid"), None);
        assert_eq!(of_revision("canary"), None);
    }

    #[test]
    fn mixed_versions_decide_what_all_agree_on() {
        let mixed = IstioVersion { known: Some(((1, 17), (1, 28))), at: None };
        assert_eq!(mixed.at_least(1, 17), Match::Yes);
        assert_eq!(mixed.at_least(1, 18), Match::Unknown);
        assert_eq!(mixed.at_least(1, 29), Match::No);
        assert_eq!(IstioVersion::default().at_least(1, 18), Match::Unknown);
    }
}
