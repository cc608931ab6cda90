//! How strictly workloads ask their peers for a certificate: the policy that applies, most specific first (semantics C.10).

use crate::model::{Estate, PeerAuthentication, PeerMode};
use crate::source::Location;

/// The mode of a whole namespace, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct PeerRule<'e, 'a> {
    pub mode: PeerMode,
    /// The policy that sets it, with the place; none where nothing does.
    pub set: Option<(&'e PeerAuthentication<'a>, Location)>,
}

/// The mode that holds for a namespace's workloads unless one of them has its own. Of several policies in one place the
/// oldest counts; manifests do not tell ages, so the least strict is taken.
#[must_use]
pub fn peer_rule<'e, 'a>(estate: &'e Estate<'a>, namespace: &str) -> PeerRule<'e, 'a> {
    let wide = |of: &str| {
        let policies = estate.mesh.peer_authentications.iter();
        let all = policies.filter(|policy| policy.namespace == of && policy.selector.is_none());
        let set = all.filter_map(|policy| policy.mode.map(|(mode, at)| PeerRule { mode, set: Some((policy, at)) }));
        set.min_by_key(|rule| strictness(rule.mode))
    };
    let default = PeerRule { mode: PeerMode::Permissive, set: None };
    wide(namespace).or_else(|| wide(estate.mesh.root_namespace)).unwrap_or(default)
}

fn strictness(mode: PeerMode) -> u8 {
    match mode {
        PeerMode::Disable => 0,
        PeerMode::Permissive => 1,
        PeerMode::Unknown => 2,
        PeerMode::Strict => 3,
    }
}
